"""A server in a thread of its own, so that blocking clients (the official SDKs) can talk to it from a test."""

from mockpsp.testing.threads import Threaded, threaded

__all__ = ["Threaded", "threaded"]
