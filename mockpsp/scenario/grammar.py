"""The grammar of scenario files, once: the loader takes its keys from here, editors get it as a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mockpsp.scenario.catalogue import Catalogue, Operation, Place
from mockpsp.scenario.model import App, Bank, Drop, HeaderCase, Mangled, Op, Signature

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1
MAX_COPIES = 20
MAX_LATENCY = "PT60S"
STATUS = (100, 599)
MAX_SEED = 2**53 - 1
LABEL = "[A-Za-z_][A-Za-z0-9_-]*"
CHANGED = r"^[^.]+(\.[^.]+)*$"
"""A place in a webhook's body: keys, and for lists numbers from 0 on, with dots between them."""
GIVEN = ("credentials", "endpoint", "origin")
"""Labels that every story has: the sandbox's credentials, its webhook address by provider, and the server's origin."""

Json = dict[str, Any]


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def _object(title: str, needs: str, properties: Json, *, more: Any = False) -> Json:
    """A mapping with exactly these keys; ``needs`` are the words for those that have to be there."""
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": needs.split(),
        "additionalProperties": more,
    }


def _list(item: Json, least: int = 0) -> Json:
    return {"type": "array", "items": item, **({"minItems": least} if least else {})}


def _said(schema: Json, description: str) -> Json:
    return {**schema, "description": description}


_TEXT: Json = {"type": ["string", "number"]}
_YES: Json = {"const": True}
_ANY: Json = {}
_OPEN: Json = {"type": "object"}
_STATUS: Json = {"type": "integer", "minimum": STATUS[0], "maximum": STATUS[1]}
_COUNT: Json = {"type": "integer", "minimum": 1}
_MONEY: Json = {
    "type": "string",
    "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,3})? [A-Z]{3}$",
    "examples": ["12.00 EUR"],
}
_SPAN: Json = {
    "type": "string",
    "pattern": r"^(P(?=.)([0-9]+W)?([0-9]+D)?(T(?=.)([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]{1,6})?S)?)?"
    r"|[0-9]+(\.[0-9]+)? ?(ms|s|min|m|h|d))$",
    "examples": ["2s", "PT4H1M"],
}
_SINCE: Json = {"type": "string", "pattern": r"^\+", "examples": ["+4h", "+PT4H1M"]}
_FACT: Json = {"type": ["string", "number", "boolean", "null"]}
_FACTS: Json = {"type": "array", "items": _FACT, "minItems": 1}
_TIMING: dict[str, Json] = {
    "when": _said(_ref("conditions"), "Strikes only if all of this holds."),
    "nth": _said(_COUNT, "Strikes from this match on; without times, only at this one."),
    "times": _said(_COUNT, "Strikes at most so often."),
    "per": _said(_TEXT, "Counts for each value of this fact by itself, such as merchant_reference."),
    "from": _said(_ref("duration"), "Strikes only when the scenario has been in force for so long."),
    "until": _said(_ref("duration"), "Strikes only as long as the scenario has been in force for less."),
}
ACTS: dict[str, Json] = {
    "pays": _said(_list(_ref("tender"), 1), "Pays with these, in turn."),
    "cancels": _said(_YES, "Presses cancel."),
    "abandons": _said(_YES, "Just leaves."),
    "refuses": _said(
        {"anyOf": [_YES, _ref("refusal")]}, "Refuses in the issuer's app; with a tender, what the app asks for."
    ),
    "gives_back": _said(_YES, "Takes back what vouchers have paid, and stays."),
    "bank": _said(
        {"enum": [each.value for each in Bank if each is not Bank.ABANDONS]}, "Does this at the bank's page."
    ),
}
USUAL_ACTS = ("pays", "cancels", "abandons")
_AT_BANK = _said({"enum": [each.value for each in Bank]}, "What the shopper does at the bank's page.")
_IN_APP = _said({"enum": [each.value for each in App]}, "Where the shopper leaves who does not pay in the app.")
_WHERE_TO_LEAVE = {"bank": _AT_BANK, "app": _IN_APP}
_EXPECT = _said(_OPEN, "What must be true right after this step.")


def _one_act(schema: Json) -> Json:
    return {**schema, "oneOf": [{"required": [act]} for act in ACTS]}


_OPERATORS = {
    Op.IS: "Exactly this.",
    Op.IS_NOT: "Anything but this.",
    Op.ONE_OF: "One of these.",
    Op.AT_LEAST: "This or more.",
    Op.AT_MOST: "This or less.",
    Op.ABOVE: "More than this.",
    Op.BELOW: "Less than this.",
    Op.MATCHES: "Text that this regular expression describes from its beginning to its end.",
}


def _operators() -> Json:
    values = {Op.ONE_OF: _FACTS, Op.MATCHES: {"type": "string", "format": "regex"}}
    operators = {op.value: _said(values.get(op, _FACT), told) for op, told in _OPERATORS.items()}
    return {**_object("a condition", "", operators), "minProperties": 1}


_DELIVERY: dict[str, Json] = {
    "after": _said(_ref("duration"), "Wait before the first attempt."),
    "copies": _said({"type": "integer", "minimum": 1, "maximum": MAX_COPIES}, "Send it so often."),
    "gap": _said(_ref("duration"), "Time between copies."),
    "order": _said({"enum": ["reversed"]}, "Later ones first."),
    "drop": _said(_YES, "Never send it."),
    "early": _said(_YES, "Send it before the call that led to it is answered."),
    "pause": _said(_ref("duration"), f"After an early one, let the call wait for its answer, at most {MAX_LATENCY}."),
    "signature": _said({"enum": [each.value for each in Signature]}, "How it is signed."),
    "change": _said(
        {"type": "object", "minProperties": 1, "propertyNames": {"pattern": CHANGED}},
        "Other values in its body by their place, such as payment.status; null takes one away. It is signed so.",
    ),
    "header_case": _said({"enum": [each.value for each in HeaderCase]}, "How the names of its headers are written."),
    "beside": _said(_YES, "The genuine one is sent as well, behind it."),
    "together": _said(_YES, "All copies leave at the same moment; none waits for the answer to another."),
    "endpoint": _said(_ref("outage"), "How the merchant's endpoint answers; the real one is not asked."),
}
_OUTAGE: dict[str, Json] = {
    "fails": _said(_COUNT, "So many attempts fail."),
    "down": _said(_ref("duration"), "Attempts fail for so long."),
    "status": _said(_STATUS, "The answer; without it, nobody answers."),
}
_FAILURE: dict[str, Json] = {
    "latency": _said({"anyOf": [_ref("duration"), _ref("spread")]}, f"Wait before answering, at most {MAX_LATENCY}."),
    "throttle": _said(_ref("throttle"), "Strike only at calls beyond a limit."),
    "status": _said(_STATUS, "Answer with this status."),
    "after_effect": _said(_YES, "The status comes after the call did its work."),
    "retry_after": _said(_ref("duration"), "What the answer says in its header Retry-After, in whole seconds."),
    "drop": _said({"enum": [each.value for each in Drop]}, "Cut the connection, before or after the effect."),
    "body": _said(
        {"enum": [each.value for each in Mangled]}, "Spoil the answer's body: half of it arrives, or it is no JSON."
    ),
    "slow_body": _said(_ref("duration"), f"Let the body take so long, at most {MAX_LATENCY}."),
}
_SPREAD: dict[str, Json] = {
    "from": _said(_ref("duration"), "The shortest."),
    "to": _said(_ref("duration"), "The longest."),
    "median": _said(_ref("duration"), "Half of the calls wait less."),
    "p99": _said(_ref("duration"), "One call in a hundred waits longer."),
}
_THROTTLE: dict[str, Json] = {
    "calls": _said(_COUNT, "So many calls get through …"),
    "per": _said(_ref("duration"), "… in each span of the sandbox's time."),
}


def _definitions() -> dict[str, Json]:
    """The fixed grammar: one entry for each kind of mapping, with the words the loader calls it by."""
    name = {"name": _said(_TEXT, "What the journal calls this line.")}
    call = {"operation": _said(_TEXT, "The API call, or a pattern such as acme.*.")}
    rule = {**name, "operation": _said(_TEXT, "The question."), **_TIMING}
    rule["then"] = _said(_ref("verdict"), "The answer to it.")
    event = _said(_TEXT, "The webhook's type, or a pattern such as acme.*.")
    webhook = {**name, "event": event, **_TIMING, "deliver": _said(_ref("deliver"), "How it is delivered.")}
    fault = {**name, **call, **_TIMING, "then": _said(_ref("failure"), "What goes wrong.")}
    shopper = {"at": _said(_TEXT, "The page, or where else shoppers act."), **_TIMING}
    shopper |= {"after": _said(_ref("duration"), "Waits before acting."), **ACTS}
    tender = {
        "with": _said(_TEXT, "The means of payment."),
        "amount": _said(_ref("money"), "So much of it; without an amount, all that it can pay."),
    }
    refusal = {
        "with": _said(_TEXT, "The vouchers whose app it is."),
        "amount": _said(_ref("money"), "What the app asks for; without an amount, all that they can pay."),
    }
    outcome = {
        "outcome": _said(_TEXT, "What comes of it."),
        "reason": _said(_TEXT, "Why, where the outcome has reasons."),
    }
    outage = _object("'endpoint'", "", _OUTAGE)
    return {
        "shopper": _one_act(_object("a shopper", "at", shopper)),
        "tender": _object("a tender", "with", tender, more=_TEXT),
        "refusal": _object("what is refused", "with", refusal, more=_TEXT),
        "rule": _object("a rule", "operation then", rule),
        "verdict": _object("'then' of a rule", "outcome", outcome, more=_ANY),
        "webhook": _object("a webhook line", "event deliver", webhook),
        "deliver": {**_object("'deliver'", "", _DELIVERY), "minProperties": 1},
        "outage": {**outage, "anyOf": [{"required": ["fails"]}, {"required": ["down"]}]},
        "fault": _object("a fault", "operation then", fault),
        "failure": {**_object("'then' of a fault", "", _FAILURE), "minProperties": 1, **_COMPANY},
        "spread": {
            **_object("a latency", "", _SPREAD),
            "oneOf": [{"required": ["from", "to"]}, {"required": ["median", "p99"]}],
        },
        "throttle": _object("'throttle'", "calls per", _THROTTLE),
        **_steps(),
        "condition": _operators(),
        "conditions": {
            "type": "object",
            "additionalProperties": {"anyOf": [_FACT, _FACTS, _ref("condition")]},
        },
        "money": _said(_MONEY, "An amount, such as 12.00 EUR."),
        "duration": _said(_SPAN, "A span of time, such as 2s, 4h or PT4H1M."),
    }


_COMPANY: Json = {
    "allOf": [
        {"not": {"required": list(both)}}
        for both in (
            ("drop", "status"),
            *((spoils, other) for spoils in ("body", "slow_body") for other in ("drop", "status")),
        )
    ],
    "dependentRequired": {"after_effect": ["status"], "retry_after": ["status"]},
}


def _steps() -> dict[str, Json]:
    label = _said({"type": "string", "pattern": f"^{LABEL}$"}, "Keeps the answer under this label.")
    values = {"type": "object", "additionalProperties": _TEXT}
    usual = "the provider's usual call, which 'body' and 'path' change like a JSON merge patch: null takes a key away"
    sent = {
        "of": _said(_TEXT, f"About what the answer with this label opened; {usual}."),
        "amount": _said(_ref("money"), f"For so much; {usual}."),
        "body": _said(_ANY, "The request's body."),
        "path": _said(values, "What stands in the path, by name."),
        "query": _said(_OPEN, "Query parameters; a list repeats one."),
        "headers": _said(values, "Further request headers."),
        "key": _said(_TEXT, "The idempotence key."),
        "as": label,
    }
    expect = {"expect": _EXPECT}
    opened = _said(_TEXT, "The label of the answer that opened the checkout.")
    shopper = _object("a shopper step", "shopper", {"shopper": opened, **ACTS, **expect})
    whose = _said(_TEXT, "The provider whose webhooks it answers.")
    endpoint = {
        "endpoint": whose,
        "status": _said(_STATUS, "Answers with this status."),
        "url": _said({"anyOf": [_TEXT, {"type": "null"}]}, "Where webhooks go from now on; null is nowhere."),
        "urls": _said(_list(_TEXT), "The same for several addresses; each gets every webhook."),
        **expect,
    }
    called = _said(_TEXT, "The API call.")
    span = _said(_ref("duration"), "By so much.")
    due = _said(_YES, "All that is due now.")
    said = {
        "merchant": (
            _object("a merchant step", "merchant", {"merchant": called, **sent, **expect}),
            "The merchant's application calls the API.",
        ),
        "shopper": (_one_act(shopper), "The shopper acts on the checkout that the labelled answer opened."),
        "advance": (
            _object("an advance step", "advance", {"advance": span, **expect}),
            "Moves the clock.",
        ),
        "at": (
            _object("an at step", "at", {"at": _said(_SINCE, "Such as +4h."), **expect}),
            "Moves the clock to so long after the story's beginning.",
        ),
        "settle": (_object("a settle step", "settle", {"settle": due, **expect}), "Delivers what is due."),
        "endpoint": (
            {**_object("an endpoint step", "endpoint", endpoint), **_ONE_ADDRESS},
            "The merchant's webhook endpoint answers so, or is there, from now on.",
        ),
        **_by_hand(expect),
        "expect": (_object("an expect step", "expect", expect), "What must be true now."),
    }
    return {f"step.{kind}": _said(schema, description) for kind, (schema, description) in said.items()}


_ONE_ADDRESS: Json = {
    "anyOf": [{"required": [key]} for key in ("status", "url", "urls")],
    "not": {"required": ["url", "urls"]},
}


def _by_hand(expect: Json) -> dict[str, tuple[Json, str]]:
    """Steps for what people do beside the API."""
    office = {
        "back_office": _said(_TEXT, "The provider."),
        "ref": _said(_TEXT, "What it acts on, such as ${registration.uuid}."),
        "does": _said(_OPEN, "What it does, in the provider's words."),
        **expect,
    }
    account = {
        "account": _said(_TEXT, "The account, as in 'expect': by its reference, or by a title that only one has."),
        "balance": _said(_ref("money"), "So much."),
        **expect,
    }
    resend = {
        "resend": _said(_TEXT, "The webhook's type."),
        "ref": _said(_TEXT, "What it is about, such as ${checkout.hostedCheckoutId}."),
        "nth": _said(_COUNT, "The first, second, … of these webhooks; without it, the last."),
        "url": _said(_TEXT, "To this address, and not to its own."),
        **expect,
    }
    scenario = {
        "scenario": _said(
            {"anyOf": [_TEXT, _ref("another")]}, "A shipped one by name, a file beside this one, or what it says."
        ),
        **expect,
    }
    clock = {"clock": _said({"type": "string", "format": "date-time"}, "The moment."), **expect}
    return {
        "back_office": (
            _object("a back-office step", "back_office ref does", office),
            "The provider's staff acts, as no call of the API can.",
        ),
        "account": (_object("an account step", "account balance", account), "An account holds so much from now on."),
        "resend": (_object("a resend step", "resend", resend), "A webhook is sent once more, rightly signed, at once."),
        "scenario": (
            _object("a scenario step", "scenario", scenario),
            "Another scenario comes into force; payments under way stay.",
        ),
        "clock": (
            _object("a clock step", "clock", clock),
            "Sets the clock: ahead like 'advance', back without undoing anything.",
        ),
    }


STEP_KINDS = (
    "merchant", "shopper", "advance", "at", "clock", "settle", "endpoint", "resend", "account", "back_office",
    "scenario", "expect",
)  # fmt: skip
_ANOTHER = ("title", "extends", "settings", "world", "shopper", "rules", "webhooks", "faults")
"""What a scenario says that comes into force in the middle of a story."""


def _scenario() -> Json:
    checks = {
        "webhooks": _said(_ANY, "The webhooks that arrived, in order."),
        "accounts": _said(_ANY, "Balances, by account."),
        "calls": _said(_ANY, "How many calls were made."),
    }
    expect = _object("'expect'", "", checks, more=_ANY)
    seed = {"type": "integer", "minimum": 0, "maximum": MAX_SEED, "default": 1}
    clock = {"type": "string", "format": "date-time"}
    properties = {
        "mockpsp": _said({"const": VERSION}, "The version of this grammar."),
        "title": _said({**_TEXT, "minLength": 1}, "What happens, in a sentence."),
        "tags": _said(_list(_TEXT), "Words to find it by."),
        "extends": _said(
            {"anyOf": [_TEXT, _list(_TEXT, 1)]},
            "Scenarios whose settings, world and lines this one has as well, after its own: names, or files beside it.",
        ),
        "seed": _said(seed, "Ids follow from it."),
        "clock": _said(clock, "The time at the start; the clock then stands still."),
        "settings": _said(_OPEN, "Behaviours, by provider."),
        "world": _said(_OPEN, "Accounts, cards and sellers at the start, by provider."),
        "shopper": _said(_list(_ref("shopper")), "What the shopper does where."),
        "rules": _said(_list(_ref("rule")), "Answers other than the natural ones."),
        "webhooks": _said(_list(_ref("webhook")), "How webhooks are delivered."),
        "faults": _said(_list(_ref("fault")), "Delays, broken answers and cut connections."),
        "story": _said(_list({"oneOf": [_ref(f"step.{kind}") for kind in STEP_KINDS]}), "What 'play' runs."),
        "expect": _said(expect, "What must have happened at the end."),
    }
    return _object("a scenario", "mockpsp title", properties)


def _another() -> Json:
    whole = _scenario()["properties"]
    parts = {key: _said({"$ref": f"#/properties/{key}"}, whole[key]["description"]) for key in _ANOTHER}
    return {**_object("a scenario in a story", "", parts), "minProperties": 1}


_FIXED: dict[str, Json] = {"scenario": _scenario(), **_definitions(), "another": _another()}
KEYS: dict[str, tuple[str, ...]] = {kind: tuple(each.get("properties", ())) for kind, each in _FIXED.items()}
REQUIRED: dict[str, tuple[str, ...]] = {kind: tuple(each.get("required", ())) for kind, each in _FIXED.items()}
TITLES: dict[str, str] = {kind: each.get("title", kind) for kind, each in _FIXED.items()}


def closed(schema: Mapping[str, Any]) -> Json:
    """A provider's schema that refuses unknown keys at its top, unless it says something else."""
    return {"additionalProperties": False, **schema} if "properties" in schema else dict(schema)


def schema(catalogues: Mapping[str, Catalogue]) -> Json:
    """The grammar as JSON Schema 2020-12, with the words of these providers; without any, their parts stay open."""
    root = _scenario()
    definitions = {**_definitions(), "another": _another()}
    if catalogues:
        for part in ("settings", "world"):
            root["properties"][part] = _by_provider(part, root["properties"][part], catalogues, definitions)
        _enrich(definitions, catalogues)
    return {"$schema": DIALECT, **root, "title": "mockpsp scenario", "$defs": definitions}


def render(document: Json) -> str:
    """The text of ``schema.json``."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _by_provider(part: str, outer: Json, catalogues: Mapping[str, Catalogue], definitions: dict[str, Json]) -> Json:
    for name, catalogue in catalogues.items():
        theirs = closed(catalogue.settings if part == "settings" else catalogue.world)
        key = f"{name}.{part}"
        definitions[key] = _moved(theirs, f"#/$defs/{key}/")
    return {
        **outer,
        "properties": {name: _ref(f"{name}.{part}") for name in catalogues},
        "additionalProperties": False,
    }


def _moved(value: Any, prefix: str) -> Any:
    """The same schema at another place: its references to itself lead there."""
    if isinstance(value, Mapping):
        moved = {key: _moved(each, prefix) for key, each in value.items()}
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith("#"):
            moved["$ref"] = prefix.rstrip("/") + target[1:]
        return moved
    return [_moved(each, prefix) for each in value] if isinstance(value, list | tuple) else value


def _enrich(definitions: dict[str, Json], catalogues: Mapping[str, Catalogue]) -> None:
    operations = {f"{name}.{key}": each for name, c in catalogues.items() for key, each in c.operations.items()}
    places = {f"{name}.{key}": each for name, c in catalogues.items() for key, each in c.places.items()}
    calls = [f"{name}.{key}" for name, c in catalogues.items() for key in c.calls]
    events = [f"{name}.{key}" for name, c in catalogues.items() for key in c.events]
    pattern = {"type": "string", "pattern": r"\*"}
    _name(definitions, "rule", "operation", {"enum": list(operations)})
    definitions["rule"]["allOf"] = [_per_operation(name, each) for name, each in operations.items()]
    _name(definitions, "shopper", "at", {"enum": list(places)})
    definitions["shopper"]["allOf"] = [_per_place(name, each) for name, each in places.items()]
    _name(definitions, "fault", "operation", {"anyOf": [{"enum": calls}, pattern]})
    _name(definitions, "webhook", "event", {"anyOf": [{"enum": events}, pattern]})
    _name(definitions, "step.merchant", "merchant", {"enum": calls})
    _name(definitions, "step.endpoint", "endpoint", {"enum": list(catalogues)})
    _name(definitions, "step.resend", "resend", {"enum": events})
    _staff(definitions, {name: each.back_office for name, each in catalogues.items() if each.back_office})


def _staff(definitions: dict[str, Json], staffed: Mapping[str, Mapping[str, Any]]) -> None:
    """What back offices can do, if there are any."""
    if not staffed:
        return
    _name(definitions, "step.back_office", "back_office", {"enum": list(staffed)})
    definitions["step.back_office"]["allOf"] = [
        {
            "if": {"properties": {"back_office": {"const": name}}, "required": ["back_office"]},
            "then": {"properties": {"does": _said(_ref(f"{name}.back_office"), "What it does.")}},
        }
        for name in staffed
    ]
    for name, theirs in staffed.items():
        key = f"{name}.back_office"
        definitions[key] = _moved(closed(theirs), f"#/$defs/{key}/")


def _name(definitions: dict[str, Json], kind: str, key: str, known: Json) -> None:
    """Say which words a key takes; its description stays."""
    properties = definitions[kind]["properties"]
    properties[key] = _said(known, properties[key]["description"])


_DETAILS = {
    "money": "An amount, such as 12.00 EUR.",
    "text": "A word or a text.",
    "number": "A number.",
    "flag": "true or false.",
    "duration": "How long it takes, such as 2s or PT4H.",
    "instant": "When it happens, such as 2026-07-01T09:00:00+02:00.",
}


def _per_operation(name: str, operation: Operation) -> Json:
    reasons = sorted({reason for each in operation.outcomes.values() for reason in each})
    then = {
        "properties": {
            "outcome": _said({"enum": list(operation.outcomes)}, f"What comes of it: {operation.title}."),
            "reason": _said({"enum": reasons}, "Why, where the outcome has reasons.") if reasons else False,
            **{key: {"description": _DETAILS[kind]} for key, kind in operation.details.items()},
        },
        "additionalProperties": False,
    }
    when = {"propertyNames": {"enum": list(operation.facts)}}
    return {
        "if": {"properties": {"operation": {"const": name}}, "required": ["operation"]},
        "then": {"description": operation.title, "properties": {"when": when, "then": then}},
    }


def _per_place(name: str, place: Place) -> Json:
    tenders = [
        {
            "properties": {
                "with": {"const": kind},
                "amount": True,
                **{each: _WHERE_TO_LEAVE.get(each, True) for each in fields},
            },
            "additionalProperties": False,
        }
        for kind, fields in place.tenders.items()
    ]
    acts: dict[str, Any] = {"pays": {"items": {"anyOf": tenders}}}
    acts |= dict.fromkeys((act for act in ACTS if act not in (*USUAL_ACTS, *place.acts)), False)
    if "refuses" in place.acts:
        acts["refuses"] = {"anyOf": [_YES, *(_refusal(kind, said) for kind, said in place.refusable.items())]}
    return {
        "if": {"properties": {"at": {"const": name}}, "required": ["at"]},
        "then": {"description": place.title, "properties": acts},
    }


def _refusal(kind: str, said: tuple[str, ...]) -> Json:
    """What may be said of these vouchers where they are refused."""
    return {
        "properties": {"with": {"const": kind}, **dict.fromkeys(said, True)},
        "additionalProperties": False,
    }
