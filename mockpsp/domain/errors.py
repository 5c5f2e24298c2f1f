"""Refusals, without HTTP: the domain names what is wrong, each provider's ``errors.py`` picks its own words for it."""


class Refusal(Exception):
    """A command that may not happen. Nothing has changed when it is raised, and no rule of a scenario was used up."""


class UnknownOutcome(Exception):
    """A rule asks for an outcome that the operation does not know; ``mockpsp scenarios check`` reports it earlier."""

    def __init__(self, rule: str, outcome: str) -> None:
        super().__init__(f"rule {rule!r} wants the outcome {outcome!r}, which this operation does not have")
        self.rule = rule
        self.outcome = outcome
