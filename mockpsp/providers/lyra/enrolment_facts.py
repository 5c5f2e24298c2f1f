"""Facts about a seller's registration, complete on their own, and the values they are made of. Times are UTC.

``ref`` is the registration's uuid, ``document`` a document's. Fields bear the API's names; dates stay the text that was
sent. Sources: docs.lyra.com "Registration object details"; the Swagger file of API version 3.10.8.
"""

from __future__ import annotations

from datetime import datetime

from mockpsp.domain.value import Value

# -- what a registration is made of ----------------------------------------------------------------------------------


class Address(Value, frozen=True, kw_only=True):
    """A postal address; what is not known is None."""

    street_number: str | None = None
    street: str | None = None
    district: str | None = None
    zipcode: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None


class Member(Value, frozen=True, kw_only=True):
    """Somebody of the seller's board. ``role``: LEGAL_REP, BENEFICIARY or none. Never deleted."""

    uuid: str
    role: str | None = None
    title: str = ""
    first_name: str = ""
    last_name: str = ""
    birth_date: str = ""
    birth_city: str = ""
    nationality: str = ""
    email: str | None = None
    phone_number: str | None = None
    address: Address = Address()
    status: str = "ACTIVE"


class Activity(Value, frozen=True, kw_only=True):
    """What the seller does, with its number in a register of companies; principal unless it says no (inferred)."""

    uuid: str
    name: str = ""
    url: str | None = None
    registration_date: str | None = None
    siret: str | None = None
    legal_identifier: str | None = None
    mcc: int | None = None
    naf: str | None = None
    is_principal: bool = True


class Iban(Value, frozen=True):
    """A bank account, and the currencies that are paid out to it."""

    iban: str
    currencies: tuple[str, ...]


class Contract(Value, frozen=True):
    """A contract to accept vouchers of one type."""

    contract_type: str
    contract_number: str


class Form(Value, frozen=True, kw_only=True):
    """All that the marketplace says about its future seller. ``cashout_delay`` is days, ``turnover`` cents."""

    person_type: str = "PM"
    name: str = ""
    title: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    trading_name: str | None = None
    nature: str | None = None
    description: str = ""
    vat_number: str = ""
    external_ref: str | None = None
    legal_form: int | None = None
    economic_agent: str | None = None
    turnover: int | None = None
    cashout_delay: int = 0
    iban: str | None = None
    ibans: tuple[Iban, ...] = ()
    address: Address | None = None
    board: tuple[Member, ...] = ()
    activities: tuple[Activity, ...] = ()
    vouchers: tuple[Contract, ...] = ()

    def contract(self, kind: str) -> str:
        """The contract number of a voucher type; empty for none."""
        return next((each.contract_number for each in self.vouchers if each.contract_type == kind), "")

    def member(self, uuid: str) -> Member | None:
        """Somebody of the board."""
        return next((each for each in self.board if each.uuid == uuid), None)


# -- facts -----------------------------------------------------------------------------------------------------------


class RegistrationCreated(Value, frozen=True, kw_only=True):
    """The marketplace asks for a new seller; ``reference`` is Lyra's, and will be the seller's."""

    ref: str
    marketplace: str
    reference: str
    form: Form
    at: datetime


class RegistrationUpdated(Value, frozen=True, kw_only=True):
    """The marketplace changed what it said before a review; ``changed`` names the fields."""

    ref: str
    form: Form
    changed: tuple[str, ...]
    at: datetime


class SellerUpdated(Value, frozen=True, kw_only=True):
    """The marketplace changed what concerns the seller that the registration has become."""

    ref: str
    form: Form
    changed: tuple[str, ...]
    at: datetime


class RegistrationCompleted(Value, frozen=True, kw_only=True):
    """All that Lyra needs is there; the registration can be submitted."""

    ref: str
    at: datetime


class RegistrationReopened(Value, frozen=True, kw_only=True):
    """Back to the start, because a mandatory document is missing, rejected or expired (empty: none in particular)."""

    ref: str
    document: str
    at: datetime


class RegistrationSubmitted(Value, frozen=True, kw_only=True):
    """Lyra's compliance staff has it now, under the state's name of the guide."""

    ref: str
    at: datetime


class RegistrationSubmittedForVerification(Value, frozen=True, kw_only=True):
    """The same under the state's name of the Swagger file."""

    ref: str
    at: datetime


class RegistrationAccepted(Value, frozen=True, kw_only=True):
    """Compliance agrees; ``seller`` is the uuid of the seller that sells from now on."""

    ref: str
    seller: str
    at: datetime


class RegistrationRefused(Value, frozen=True, kw_only=True):
    """Compliance does not agree."""

    ref: str
    at: datetime


class RegistrationForced(Value, frozen=True, kw_only=True):
    """Lyra's back office set the status by hand; ``seller`` is empty while there is none."""

    ref: str
    status: str
    seller: str
    at: datetime


class DocumentAdded(Value, frozen=True, kw_only=True):
    """A document about the seller was uploaded; its file is not kept, only its size in bytes and SHA-256 digest."""

    ref: str
    document: str
    type: str
    reference: str
    description: str | None
    board_member: str | None
    additional_data: str | None
    content_type: str
    size: int
    digest: str
    at: datetime


class DocumentTaken(Value, frozen=True, kw_only=True):
    """Somebody begins to look at it."""

    ref: str
    document: str
    at: datetime


class DocumentValidated(Value, frozen=True, kw_only=True):
    """It is good."""

    ref: str
    document: str
    at: datetime


class DocumentRejected(Value, frozen=True, kw_only=True):
    """It is not good."""

    ref: str
    document: str
    at: datetime


class DocumentForced(Value, frozen=True, kw_only=True):
    """Lyra's back office set a document's status by hand."""

    ref: str
    document: str
    status: str
    at: datetime


DocumentStep = DocumentTaken | DocumentValidated | DocumentRejected | DocumentForced
Event = (
    RegistrationCreated
    | RegistrationUpdated
    | SellerUpdated
    | RegistrationCompleted
    | RegistrationReopened
    | RegistrationSubmitted
    | RegistrationSubmittedForVerification
    | RegistrationAccepted
    | RegistrationRefused
    | RegistrationForced
    | DocumentAdded
    | DocumentStep
)
