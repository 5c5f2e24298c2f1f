"""A made-up provider, so that tests of scenarios depend on no real one."""

from __future__ import annotations

from mockpsp.scenario.catalogue import Catalogue, Operation, Place

ACME = Catalogue(
    operations={
        "charge": Operation(
            title="A card is charged",
            facts={"amount": "money", "brand": "text", "attempt": "number", "saved": "flag"},
            outcomes={"approved": (), "refused": ("insufficient_funds", "expired_card"), "pending": ("review",)},
            details={"code": "text", "left": "money", "retries": "number", "soft": "flag", "lasts": "duration"},
        ),
        "card_complement": Operation(
            title="A card pays the rest", facts={"amount": "money"}, outcomes={"approved": (), "refused": ("limit",)}
        ),
    },
    calls={"create_checkout": "Open a checkout", "refund": "Give money back", "capture": "Take the money"},
    call_facts={"amount": "money", "reference": "text"},
    events={"payment.captured": "Captured", "payment.refunded": "Refunded", "checkout.expired": "Expired"},
    places={
        "checkout": Place(
            title="The hosted page",
            facts={"amount": "money", "language": "text"},
            tenders={"voucher": ("beneficiary",), "card": ("number", "cvc", "bank")},
            acts=("refuses", "bank"),
            refusable={"voucher": ("beneficiary",)},
        ),
        "terminal": Place(title="The terminal", facts={"store": "number"}, tenders={"tap": ()}),
    },
    world={
        "type": "object",
        "properties": {
            "wallets": {"type": "array", "items": {"$ref": "#/$defs/wallet"}},
            "limits": {"type": "object", "additionalProperties": {"type": "string", "format": "money"}},
            "opens": {"type": "string", "format": "instant"},
            "hold": {"anyOf": [{"type": "string", "format": "money"}, {"type": "string", "enum": ["all", "nothing"]}]},
        },
        "$defs": {
            "wallet": {
                "type": "object",
                "required": ["beneficiary", "balance"],
                "additionalProperties": False,
                "properties": {
                    "beneficiary": {"type": "string", "pattern": "^[0-9]{11}$", "description": "eleven digits"},
                    "balance": {"type": "string", "format": "money"},
                    "uses": {"type": "integer", "minimum": 1, "maximum": 9},
                    "status": {"enum": ["active", "blocked"], "default": "active"},
                },
            }
        },
    },
    settings={
        "type": "object",
        "properties": {
            "refund_window": {
                "type": "string",
                "format": "duration",
                "default": "PT4H",
                "description": "How long a refund is possible",
            },
            "ceiling": {
                "type": "string",
                "format": "money",
                "default": "500.00 EUR",
                "description": "The most that a day allows",
            },
            "strict": {"type": "boolean", "default": True, "description": "Refuses unknown fields"},
            "retries": {"type": "integer", "minimum": 0, "maximum": 9, "default": 3, "description": "Attempts"},
        },
    },
    back_office={
        "type": "object",
        "properties": {"status": {"enum": ["open", "closed"], "description": "What becomes of the charge."}},
    },
)

BOLT = Catalogue(
    operations={"charge": Operation(title="A charge", facts={"amount": "money"}, outcomes={"approved": ()})},
    calls={"refund": "Give money back"},
    call_facts={"amount": "number"},
    events={"payment.captured": "Captured"},
    places={},
    world={"type": "object"},
    settings={
        "type": "object",
        "properties": {"slow": {"type": "boolean", "default": False, "description": "Takes its time"}},
    },
)

CATALOGUES = {"acme": ACME, "bolt": BOLT}
