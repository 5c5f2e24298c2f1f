"""Refusals, without HTTP: the domain names what is wrong, each provider's ``errors.py`` picks its own words for it."""


class Refusal(Exception):
    """A command that may not happen. Nothing has changed when it is raised, and no rule of a scenario was used up."""
