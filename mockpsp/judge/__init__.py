"""Judges a merchant: runs its own test command plainly and once per probe, and tells what it did wrong.

``judge(setup, probes)`` is the whole of it; ``Runner`` makes single runs, for whoever has other ideas of what to bend.
"""
