"""Tests of the judge share what a run looks like."""
