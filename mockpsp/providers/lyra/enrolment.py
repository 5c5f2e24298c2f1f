"""The lifecycle of a seller's registration: commands to questions and decisions, facts to webhooks and timers."""

from __future__ import annotations

from typing import Any

from mockpsp.domain.ledger import Entry
from mockpsp.domain.lifecycle import Consequence, Decision, Fact, Moment, Notice, Question, Timer, Verdict
from mockpsp.domain.portrait import Portrait
from mockpsp.providers.lyra import enrolment_commands as c
from mockpsp.providers.lyra import enrolment_decide as decide
from mockpsp.providers.lyra import enrolment_facts as f
from mockpsp.providers.lyra.enrolment_rules import missing
from mockpsp.providers.lyra.enrolment_states import Document, DocumentStatus, Registration, Status, evolve, external
from mockpsp.providers.lyra.errors import NotFound
from mockpsp.providers.lyra.notices import notice
from mockpsp.providers.lyra.settings import LyraSettings


class Registrations:
    """Implements ``domain.lifecycle.Lifecycle`` for sellers' registrations and their documents."""

    name = "lyra.registration"

    def question(self, state: Registration | None, command: c.Command, moment: Moment) -> Question | None:
        """See Lifecycle."""
        if isinstance(command, c.ReviewRegistration):
            return decide.question_review(_known(state), command)
        return None

    def decide(self, state: Registration | None, command: c.Command, verdict: Verdict, moment: Moment) -> Decision:
        """See Lifecycle. Raises Invalid, IllegalStep, NotFound."""
        match command:
            case c.CreateRegistration():
                return decide.decide_create(command, moment)
            case c.UpdateRegistration():
                return decide.decide_update(_known(state), command, moment)
            case c.CreateDocument():
                return decide.decide_document(_known(state), command, moment)
            case c.SubmitRegistration():
                return decide.decide_submit(_known(state), moment)
            case c.CompleteRegistration():
                return decide.decide_completion(_known(state), moment)
            case c.ReviewRegistration():
                return decide.decide_review(_known(state), command, verdict, moment)
            case c.ForceRegistration():
                return decide.decide_force(_known(state), command, moment)
            case c.ForceDocument():
                return decide.decide_force_document(_known(state), command, moment)
            case other:
                raise TypeError(f"{other!r} is no command of a registration")

    def evolve(self, state: Registration | None, event: f.Event) -> Registration:
        """See Lifecycle."""
        return evolve(state, event)

    def parts(self, event: f.Event) -> tuple[str, ...]:
        """References that lead to the registration: its documents, its seller, the marketplace's own name of it."""
        match event:
            case f.DocumentAdded():
                return (event.document,)
            case f.RegistrationAccepted() | f.RegistrationForced():
                return (event.seller,) if event.seller else ()
            case f.RegistrationCreated() | f.RegistrationUpdated() | f.SellerUpdated():
                named = event.form.external_ref
                return () if named is None else (external(named),)
            case _:
                return ()

    def entries(self, before: Registration | None, event: f.Event) -> tuple[Entry, ...]:
        """See Lifecycle: no money moves."""
        return ()

    def notices(
        self, before: Registration | None, after: Registration, event: f.Event, moment: Moment
    ) -> tuple[Consequence, ...]:
        """See Lifecycle: a webhook for each change of a status, and the timers of what Lyra does by itself."""
        told = _notice(after, event)
        timers = _timers(after, event, moment)
        return timers if told is None else (told, *timers)

    def portrait(self, state: Registration, settings: Any) -> Portrait:
        """See Lifecycle."""
        from mockpsp.providers.lyra import portrait  # late: only people look

        return portrait.registration(state)


def _known(state: Registration | None) -> Registration:
    if state is None:
        raise NotFound("no registration has this uuid")
    return state


# -- webhooks --------------------------------------------------------------------------------------------------------


def _notice(after: Registration, event: f.Event) -> Notice | None:
    match event:
        case f.DocumentTaken() | f.DocumentValidated() | f.DocumentRejected() | f.DocumentForced():
            document = after.document(event.document)
            assert document is not None, "facts about a document follow its upload"
            return _told(after, "kyc", document.uuid, document.status.value)
        case f.RegistrationCreated() | f.RegistrationUpdated() | f.SellerUpdated() | f.DocumentAdded():
            return None
        case _:
            return _told(after, "registration", after.ref, after.status.value)


def _told(after: Registration, kind: str, uuid: str, status: str) -> Notice:
    facts: dict[str, Fact] = {"external_ref": after.form.external_ref, "status": status}
    return notice(kind, uuid, facts)


# -- the clock -------------------------------------------------------------------------------------------------------


def _timers(after: Registration, event: f.Event, moment: Moment) -> tuple[Timer, ...]:
    settings: LyraSettings = moment.settings
    match event:
        case f.RegistrationCreated() | f.RegistrationReopened() if not missing(after, settings):
            return (Timer(moment.now, c.CompleteRegistration()),)
        case f.RegistrationSubmitted() | f.RegistrationSubmittedForVerification():
            if settings.registration_review != "automatic":
                return ()
            return (Timer(moment.now + settings.review_delay, c.ReviewRegistration(after.submissions)),)
        case _:
            return ()


REGISTRATIONS = Registrations()
"""The lifecycle's only instance."""

__all__ = ["REGISTRATIONS", "Document", "DocumentStatus", "Registration", "Registrations", "Status", "external"]
