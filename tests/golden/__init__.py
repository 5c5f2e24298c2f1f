"""Golden journals: what each shipped scenario leads to, one readable text each, made by ``python -m tests.golden``."""
