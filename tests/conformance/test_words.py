"""A provider's contract, tables and catalogue say what its code does, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from enum import Enum
from importlib import import_module
from inspect import getmembers, isclass
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from mockpsp import providers
from mockpsp.app import Contracts, catalogues
from mockpsp.domain.errors import Refusal
from mockpsp.edge import errors as edge_errors
from mockpsp.edge.contract import Contract
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Access, Provider
from mockpsp.scenario.library import Library
from mockpsp.world.journal import Request
from tests.conformance.subject import Subject, subject_of
from tests.conformance.workbench import Bench

Table = Mapping[Enum, Mapping[type[Any], Enum]]


def modules(provider: str) -> Iterator[ModuleType]:
    """Every module of a provider."""
    package = import_module(f"{providers.__name__}.{provider}")
    yield package
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        yield import_module(found.name)


def sources(provider: str, *without: str) -> Iterator[ast.Module]:
    """Their syntax trees, but for some of the modules."""
    for module in modules(provider):
        file = Path(str(module.__file__))
        if file.stem not in without:
            yield ast.parse(file.read_text("utf-8"))


def contract_of(provider: str) -> Contract:
    """The provider's contract."""
    return Contracts((provider,))[provider]


def test_there_is_a_provider_to_examine() -> None:
    assert providers.discover()


def test_a_provider_without_a_subject_is_told_what_to_do() -> None:
    with pytest.raises(AssertionError, match=r"has no tests/conformance/subjects/nobody\.py"):
        subject_of("nobody")


# -- the contract ------------------------------------------------------------------------------------------------------


def also_at(raw: Mapping[str, Any]) -> list[str]:
    """Further paths of an operation."""
    given = raw.get("x-also-at", [])
    return [given] if isinstance(given, str) else list(given)


def test_every_operation_is_routed_or_named_unsupported(provider: Provider) -> None:
    contract = contract_of(provider.name)
    served = {route.operation for route in provider.routes if route.access is Access.API}
    assets = {route.operation for route in provider.routes if route.access is Access.ASSET} & set(contract.names())
    assert assets == {name for name in contract.names() if "x-asset" in contract.operation(name).raw}
    unsupported = {each.operation for each in provider.unsupported}
    assert served | assets == set(contract.names())
    assert unsupported <= served
    marked = {name for name in contract.names() if "x-unsupported" in contract.operation(name).raw}
    assert marked == unsupported


def test_routes_are_where_the_contract_has_them(provider: Provider) -> None:
    contract = contract_of(provider.name)
    documented = contract.document["paths"]
    for route in (*provider.routes, *provider.unsupported):
        access = getattr(route, "access", Access.API)
        if access is Access.PAGE:
            assert route.operation not in contract.names(), f"{route.operation} is a page and an operation"
        if access is Access.PAGE or route.operation not in contract.names():
            continue
        operation = contract.operation(route.operation)
        places = [operation.path, *also_at(operation.raw), *also_at(documented[operation.path])]
        assert route.path in places, f"{route.operation} is served at {route.path}, not at {places}"
        assert route.method == operation.method


def test_every_path_belongs_to_the_provider(provider: Provider) -> None:
    for route in provider.routes:
        assert any(route.path.startswith(f"{prefix}/") for prefix in provider.prefixes), route.path


def test_every_unsupported_endpoint_has_a_reason(provider: Provider) -> None:
    contract = contract_of(provider.name)
    for each in provider.unsupported:
        assert each.reason.strip()
        assert contract.operation(each.operation).raw["x-unsupported"] == each.reason


# -- tables ------------------------------------------------------------------------------------------------------------


def is_table(value: Any) -> bool:
    """Whether this is a transition table."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(key, Enum) and isinstance(row, Mapping) for key, row in value.items())
        and all(isclass(step) and isinstance(to, Enum) for row in value.values() for step, to in row.items())
    )


def tables(provider: str) -> dict[str, Table]:
    """The transition tables of a provider by module and name."""
    found = {}
    for module in modules(provider):
        for name, value in vars(module).items():
            if is_table(value) and not any(value is known for known in found.values()):
                found[f"{module.__name__}.{name}"] = value
    return found


def test_every_status_has_a_row(provider: Provider) -> None:
    rows: dict[type[Enum], set[Enum]] = {}
    for table in tables(provider.name).values():
        for state in table:
            rows.setdefault(type(state), set()).add(state)
    assert rows, "a provider has at least one table"
    for kind, known in rows.items():
        assert known == set(kind), f"{kind.__name__}: without a row {set(kind) - known}"


def test_every_row_can_be_reached_and_every_way_ends(provider: Provider, subject: Subject) -> None:
    for name, table in tables(provider.name).items():
        targets = {to for row in table.values() for to in row.values()}
        assert targets <= set(table), f"{name} leads to {targets - set(table)}, which have no row"
        reached = {state for state in table if state in subject.entered}
        assert reached, f"{name} is never entered"
        for _ in table:
            reached |= {to for state in reached for to in table[state].values()}
        assert reached == set(table), f"{name} never comes to {set(table) - reached}"
        finals = {state for state, row in table.items() if set(row.values()) <= {state}}
        ends = set(finals)
        for _ in table:
            ends |= {state for state, row in table.items() if ends & set(row.values())}
        assert ends == set(table), f"{name} has no way out of {set(table) - ends}"


def test_every_way_into_a_table_leads_to_one(provider: Provider, subject: Subject) -> None:
    known = {state for table in tables(provider.name).values() for state in table}
    assert set(subject.entered) <= known
    assert all(how.strip() for how in subject.entered.values())


# -- refusals ----------------------------------------------------------------------------------------------------------


def refusal_classes(provider: str) -> set[type[Refusal]]:
    """What the edge can refuse, and what the provider can; not what only gathers others of them."""
    own = import_module(f"{providers.__name__}.{provider}.errors")
    return {
        found
        for module in (edge_errors, own)
        for _, found in getmembers(module, isclass)
        if issubclass(found, Refusal) and found.__module__ == module.__name__ and not found.__subclasses__()
    }


def acceptable(contract: Contract, answer: Answer) -> bool:
    """Whether the contract has an operation that may answer this."""
    for name in contract.names():
        responses = contract.operation(name).responses
        known = responses.get(str(answer.status)) or responses.get("default")
        if known is None:
            continue
        content = contract.resolve(known).get("content")
        if content is None and not answer.body:
            return True
        if content and contract.validator(content["application/json"]["schema"]).is_valid(_json(answer)):
            return True
    return False


def _json(answer: Answer) -> Any:
    from json import loads

    return loads(answer.body or b"null")


def rendered(bench: Bench, error: Exception) -> Answer:
    """The provider's words for a refusal of a request."""

    def render() -> Answer:
        x = Exchange(make_mocked_request("POST", "/"), bench.provider, None)
        x.sandbox, x.started = bench.sandbox, bench.sandbox.world.clock.now()
        x.record = Request("POST", "/", b"", "")
        x.entry = x.world.journal.add(x.started, "request", bench.provider.name, "unknown", "", 0, x.record)
        return bench.provider.refuse(x, error)

    return bench.live.call(render)


def test_every_refusal_is_worded_as_the_contract_has_it(subject: Subject, bench: Bench) -> None:
    known = {type(sample.error) for sample in subject.refusals}
    missing = refusal_classes(bench.provider.name) - known - set(subject.inward)
    assert not missing, f"the subject has no sample of {missing}"
    for sample in subject.refusals:
        answer = rendered(bench, sample.error)
        assert answer.status == sample.status, sample
        silent = isinstance(sample.error, edge_errors.UnknownPath | edge_errors.WrongMethod) and not answer.body
        method = isinstance(sample.error, edge_errors.WrongMethod)  # no operation of a contract can answer 405
        assert silent or method or acceptable(bench.contract, answer), (sample, answer)


def test_a_fault_of_ours_is_worded_as_one_of_theirs(bench: Bench) -> None:
    answer = rendered(bench, ZeroDivisionError("ours"))
    assert answer.status >= 500
    assert b"ours" not in (answer.body or b"")
    assert b"ZeroDivision" not in (answer.body or b"")
    assert acceptable(bench.contract, answer)


def test_every_refusal_of_the_provider_is_raised_somewhere(provider: Provider) -> None:
    raised = set()
    for tree in sources(provider.name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                raised.add(node.func.id if isinstance(node.func, ast.Name) else node.func.attr)
    own = {found.__name__ for found in refusal_classes(provider.name) if found.__module__ != edge_errors.__name__}
    assert own <= raised, f"never raised: {own - raised}"


# -- settings and words ------------------------------------------------------------------------------------------------


FOR_THE_EDGE = ("unknown_properties",)
"""Settings that ``edge.pipeline`` reads, for every provider that has them."""


def test_the_edge_reads_the_settings_that_it_says() -> None:
    text = Path(str(import_module("mockpsp.edge.pipeline").__file__)).read_text("utf-8")
    assert all(f'"{name}"' in text for name in FOR_THE_EDGE)


def test_every_setting_is_described_has_a_default_and_is_used(provider: Provider) -> None:
    read = {
        node.attr
        for tree in sources(provider.name, "settings")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    } | set(FOR_THE_EDGE)
    for name, schema in provider.catalogue().settings["properties"].items():
        said = schema.get("description", "")
        assert said.endswith((".", ")")), f"{name} is not described"
        assert "default" in schema or "absent" in said, f"{name} has no default, and nothing says what that means"
        assert name in read, f"{name} is never read"


def test_calls_of_the_catalogue_are_operations_that_a_merchant_can_make(provider: Provider) -> None:
    contract = contract_of(provider.name)
    served = {route.operation for route in provider.routes if route.access is Access.API}
    unsupported = {each.operation for each in provider.unsupported}
    calls = set(provider.catalogue().calls)
    assert calls <= served & set(contract.names()) - unsupported


def test_webhooks_of_the_catalogue_are_those_of_the_contract(provider: Provider) -> None:
    assert set(provider.catalogue().events) == set(contract_of(provider.name).document["webhooks"])


def test_words_have_titles(provider: Provider) -> None:
    words = provider.catalogue()
    for title in (
        *(each.title for each in words.operations.values()),
        *(each.title for each in words.places.values()),
        *words.events.values(),
        *words.calls.values(),
    ):
        assert title.strip()


# -- scenarios ---------------------------------------------------------------------------------------------------------

LIBRARY = Library(catalogues)


@pytest.mark.parametrize("name", LIBRARY.names())
def test_every_shipped_scenario_loads(name: str) -> None:
    assert LIBRARY.load(name).title


def test_every_provider_has_stories(provider: Provider) -> None:
    stories = [name for name in LIBRARY.names() if name.startswith(f"{provider.name}/")]
    assert stories
    for name in stories:
        assert LIBRARY.load(name).story, f"{name} tells nothing"
