"""What the shop is told from outside, frozen: the names are those that `mockpsp credentials` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class MissingSetting(LookupError):
    """Variables that the shop cannot do without; the message names them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldlineKeys:
    """One merchant at Worldline. ``previous`` is the webhooks key before this one, while a replacement is under way."""

    endpoint: str
    merchant_id: str
    api_key_id: str
    secret_api_key: str
    webhook_key_id: str
    webhook_secret: str
    previous: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdyenKeys:
    """One merchant account at Adyen. ``previous`` as for Worldline."""

    endpoint: str
    api_key: str
    merchant_account: str
    hmac_key: str
    previous: str | None = None
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LyraKeys:
    """One marketplace at Lyra. ``sellers`` and ``operator`` are external references of registrations."""

    endpoint: str
    login: str
    password: str
    marketplace: str
    sellers: tuple[str, str] = ("seller1", "seller2")
    operator: str = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``url`` is where shoppers reach the shop, ``database`` a file or ``:memory:``; times are in seconds.

    ``previous_until`` is the end of the time in which the previous webhook keys still count; after it they do not.
    """

    url: str
    worldline: WorldlineKeys
    adyen: AdyenKeys
    lyra: LyraKeys
    database: str = ":memory:"
    timeout: float = 10.0
    poll: float = 3.0
    give_up: float = 900.0
    previous_until: datetime | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str], url: str) -> Settings:
        """Raises MissingSetting, and ValueError for a number or a date that is none."""
        missing = [name for name in _NEEDED if not environment.get(name)]
        if missing:
            raise MissingSetting(f"not set: {', '.join(missing)}; `mockpsp credentials` prints values that work here")
        get = environment.get
        until = get("SHOP_PREVIOUS_KEYS_UNTIL")
        sellers = get("LYRA_SELLERS", "seller1,seller2").split(",")
        key_id, secret = get("WORLDLINE_PREVIOUS_WEBHOOK_KEY_ID"), get("WORLDLINE_PREVIOUS_WEBHOOK_SECRET")
        return cls(
            url=get("SHOP_URL", url).rstrip("/"),
            worldline=WorldlineKeys(
                endpoint=environment["WORLDLINE_API_ENDPOINT"],
                merchant_id=environment["WORLDLINE_MERCHANT_ID"],
                api_key_id=environment["WORLDLINE_API_KEY_ID"],
                secret_api_key=environment["WORLDLINE_SECRET_API_KEY"],
                webhook_key_id=environment["WORLDLINE_WEBHOOK_KEY_ID"],
                webhook_secret=environment["WORLDLINE_WEBHOOK_SECRET"],
                previous=(key_id, secret) if key_id and secret else None,
            ),
            adyen=AdyenKeys(
                endpoint=environment["ADYEN_ENDPOINT"],
                api_key=environment["ADYEN_API_KEY"],
                merchant_account=environment["ADYEN_MERCHANT_ACCOUNT"],
                hmac_key=environment["ADYEN_HMAC_KEY"],
                previous=get("ADYEN_PREVIOUS_HMAC_KEY") or None,
                live=get("ADYEN_LIVE") == "true",
            ),
            lyra=LyraKeys(
                endpoint=environment["LYRA_ENDPOINT"],
                login=environment["LYRA_LOGIN"],
                password=environment["LYRA_PASSWORD"],
                marketplace=environment["LYRA_MARKETPLACE"],
                sellers=(sellers[0], sellers[-1]),
                operator=get("LYRA_OPERATOR", "operator"),
            ),
            database=get("SHOP_DATABASE", ":memory:"),
            timeout=float(get("SHOP_TIMEOUT", "10")),
            poll=float(get("SHOP_POLL", "3")),
            give_up=float(get("SHOP_GIVE_UP", "900")),
            previous_until=datetime.fromisoformat(until) if until else None,
        )


_NEEDED = (
    "WORLDLINE_API_ENDPOINT",
    "WORLDLINE_MERCHANT_ID",
    "WORLDLINE_API_KEY_ID",
    "WORLDLINE_SECRET_API_KEY",
    "WORLDLINE_WEBHOOK_KEY_ID",
    "WORLDLINE_WEBHOOK_SECRET",
    "ADYEN_ENDPOINT",
    "ADYEN_API_KEY",
    "ADYEN_MERCHANT_ACCOUNT",
    "ADYEN_HMAC_KEY",
    "LYRA_ENDPOINT",
    "LYRA_LOGIN",
    "LYRA_PASSWORD",
    "LYRA_MARKETPLACE",
)
