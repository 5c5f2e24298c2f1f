"""``python -m bench.mutation``: do the tests notice when a function is changed? See ``docs/mutation.md``.

Tests are collected once. For each mutant this process forks; the child gives the one function its changed code and
runs the tests that call it, quickest first, until one fails. So a mutant costs what its tests cost, and no module is
imported again. Only code inside functions is changed: tables of a module are read while it is imported.
"""

from __future__ import annotations

import argparse
import ast
import functools
import gc
import json
import os
import random
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).resolve().parent.parent
PROVIDERS = ROOT / "mockpsp" / "providers"
STORIES = (
    "tests/golden/test_golden.py::test_a_scenario_leads_to_the_journal_that_is_kept",
    "tests/scenarios/test_facts.py::test_every_question_of_a_story_brings_the_facts_that_are_promised",
)

GROUPS: Mapping[str, tuple[Sequence[Path], Sequence[str]]] = {
    "domain": (sorted((ROOT / "mockpsp" / "domain").glob("*.py")), ("tests/domain", "tests/scenario")),
    "scenario": (sorted((ROOT / "mockpsp" / "scenario").glob("*.py")), ("tests/scenario",)),
    "worldline": (
        [PROVIDERS / "worldline" / "decide.py"],
        (
            "tests/providers/worldline/test_decide.py",
            *(f"{each}[worldline" for each in STORIES),
        ),
    ),
    "adyen": (
        [PROVIDERS / "adyen" / f"{each}.py" for each in ("decide", "modify")],
        (
            "tests/providers/adyen/test_decide.py",
            "tests/providers/adyen/test_modify.py",
            *(f"{each}[adyen" for each in STORIES),
        ),
    ),
    "lyra": (
        [PROVIDERS / "lyra" / f"{each}.py" for each in ("decide", "paying", "settling", "refunding", "vouchers")],
        (
            "tests/providers/lyra/test_decide.py",
            "tests/providers/lyra/test_guards.py",
            "tests/providers/lyra/test_schedule.py",
            "tests/providers/lyra/test_vouchers.py",
            "tests/providers/lyra/test_transfers.py",
            *(f"{each}[lyra" for each in STORIES),
        ),
    ),
}
"""What is changed, and the beginnings of the names of the tests that belong to it."""

SLOW_SECONDS = 2.0
ENOUGH_SECONDS = 5.0
"""Tests that take longer than the first do not take part; those of one mutant take about the second together."""


class Mutant(NamedTuple):
    """One change. ``change`` makes it, in the tree that it was found in."""

    path: Path
    function: str
    line: int
    what: str
    change: Callable[[], None]


# -- what may be changed ---------------------------------------------------------------------------------------------

_OTHER: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_REVERSE: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


def _setting(node: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _expression(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """Other operators and constants, in place."""
    match node:
        case ast.Compare(ops=[op]):
            for other in _OTHER[type(op)]:
                yield f"{type(op).__name__} → {other.__name__}", _setting(node, "ops", [other()])
        case ast.BoolOp(op=op):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{type(op).__name__} → {type(other_op).__name__}", _setting(node, "op", other_op)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _REVERSE:
            reverse = _REVERSE[type(op)]
            yield f"{type(op).__name__} → {reverse.__name__}", _setting(node, "op", reverse())
        case ast.Constant(value=bool() | int() | str() as value):
            other_value = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}X"
            yield f"{value!r} → {other_value!r}", _setting(node, "value", other_value)
        case ast.IfExp(body=body, orelse=orelse):
            yield "branches swapped", lambda: (_setting(node, "body", orelse)(), _setting(node, "orelse", body)())[0]
        case ast.Call(func=ast.Name(id="min" | "max")):
            pass  # of the least and the greatest the order says nothing
        case ast.Call(args=[first, second, *rest]) if not isinstance(first, ast.Starred):
            if not isinstance(second, ast.Starred):
                yield "arguments swapped", _setting(node, "args", [second, first, *rest])


def _statement(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """Conditions turned round, statements left out."""
    match node:
        case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare):
            yield "condition reversed", _setting(node, "test", ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return None", _setting(node, "value", ast.Constant(None))
    for name in ("body", "orelse"):
        body = getattr(node, name, None)
        if not isinstance(body, list):
            continue
        for index, each in enumerate(body):
            match each:
                case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom()) | ast.AugAssign():
                    yield f"left out: {_brief(each)}", _leaving_out(body, index)
                case ast.Raise():
                    yield f"left out: {_brief(each)}", _leaving_out(body, index)


def _leaving_out(body: list[ast.stmt], index: int) -> Callable[[], None]:
    return functools.partial(body.__setitem__, index, ast.Pass())


def _brief(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}…"


_QUIET = (ast.Raise, ast.JoinedStr, ast.Assert, ast.arguments)
"""What is said to people is not worth a test of each word; defaults belong to the definition, which has been run."""


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST) and not isinstance(each, _QUIET):
                yield each
                yield from _inside(each)


def _without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Outermost functions and methods, by qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{outer}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{outer}{node.name}.")
        elif isinstance(node, ast.If):
            yield from functions(node, outer)


def mutants(path: Path, tree: ast.Module) -> Iterator[Mutant]:
    """All changes that can be made to a module."""
    for name, function in functions(tree):
        said = _without_docstring(function)
        block = ast.Module(said, [])
        nodes = [block, *_inside(block)]
        for node in nodes:
            for what, change in (*_expression(node), *_statement(node)):
                line = getattr(node, "lineno", function.lineno)
                if node is block:
                    change = functools.partial(_in_function, function, block, len(function.body) - len(said), change)
                yield Mutant(path, name, line, what, change)


def _in_function(function: Any, block: ast.Module, skipped: int, change: Callable[[], None]) -> None:
    change()
    function.body = [*function.body[:skipped], *block.body]


# -- one mutant in a child -------------------------------------------------------------------------------------------


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def put_in_force(mutant: Mutant, tree: ast.Module) -> bool:
    """Give every function that was made from this definition its changed code."""
    mutant.change()
    changed = compile(ast.fix_missing_locations(tree), str(mutant.path), "exec")
    wanted = {(each.co_qualname, each.co_firstlineno): each for each in _codes(changed)}
    done = False
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == str(mutant.path):
            code = wanted.get((each.__code__.co_qualname, each.__code__.co_firstlineno))
            if each.__code__.co_qualname == mutant.function and code is not None:
                each.__code__ = code
                done = True
    for each in _remembering():
        each.cache_clear()
    return done


def _remembering() -> list[Any]:
    return [each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper)]


KILLED, SURVIVED, UNTESTED, BROKEN = 1, 0, 2, 3


def _try(mutant: Mutant, tree: ast.Module, tests: Sequence[pytest.Item], seconds: int) -> int:
    """In a child: what becomes of a mutant."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # it may run for ever: that ends the child, and counts as noticed
    signal.alarm(seconds)
    try:
        if not put_in_force(mutant, tree):
            return BROKEN
    except (ValueError, SyntaxError):
        return BROKEN
    for test, following in zip(tests, [*tests[1:], None], strict=True):
        if any(each.failed for each in runtestprotocol(test, nextitem=following, log=False)):
            return KILLED
    return SURVIVED


def _silently(work: Callable[[], int]) -> int:
    """Run in a forked child; its process id."""
    child = os.fork()
    if child:
        return child
    code = BROKEN
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        code = work()
    finally:
        os._exit(code)


# -- the whole run ---------------------------------------------------------------------------------------------------


class Called(NamedTuple):
    """What a test took, and the functions that it called."""

    seconds: float
    functions: set[tuple[str, str]]


class Mutation:
    """A plugin of pytest: runs mutants where the tests would have been run."""

    def __init__(self, groups: Sequence[str], sample: int, seed: int, jobs: int, minutes: float) -> None:
        self.groups, self.sample, self.seed, self.jobs = groups, sample, seed, jobs
        self.seconds = minutes * 60
        self.results: list[tuple[Mutant, int]] = []
        self.total: Counter[Path] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of the tests."""
        items = {each.nodeid: each for each in session.items}
        for path in (path for group in self.groups for path in GROUPS[group][0]):
            # a provider's modules are imported late, and a child looks for functions that are there
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        calls = self._baseline(session.items)
        modules = sum(len(GROUPS[group][0]) for group in self.groups)
        for group in self.groups:
            paths, beginnings = GROUPS[group]
            own = {name: each for name, each in calls.items() if name.startswith(tuple(beginnings))}
            for path in paths:
                began = monotonic()
                self._module(path, items, own, began + self.seconds / modules)
                self.seconds, modules = self.seconds - (monotonic() - began), modules - 1
        return True

    def _baseline(self, items: Sequence[pytest.Item]) -> dict[str, Called]:
        """Which test calls what: told by a child, so that this process stays as it was when it had collected them."""
        read, write = os.pipe()
        child = _silently(functools.partial(_watch, items, write))
        os.close(write)
        with os.fdopen(read) as pipe:
            told = json.load(pipe)
        os.waitpid(child, 0)
        return {name: Called(seconds, {(a, b) for a, b in called}) for name, seconds, called in told}

    def _module(self, path: Path, items: Mapping[str, pytest.Item], calls: Mapping[str, Called], until: float) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = list(mutants(path, tree))
        self.total[path] = len(found)
        chosen = random.Random(self.seed).sample(range(len(found)), min(self.sample, len(found)))
        testing: dict[str, list[str]] = defaultdict(list)
        for name, called in sorted(calls.items(), key=lambda each: each[1].seconds):
            for where, function in called.functions:
                if where == str(path):
                    testing[function].append(name)
        running: dict[int, Mutant] = {}
        for mutant in (found[each] for each in chosen):
            if monotonic() > until:
                break
            names = _enough(testing[mutant.function], calls)
            if not names:
                self.results.append((mutant, UNTESTED))
                continue
            if len(running) == self.jobs:
                self._collect(running)
            seconds = 10 + int(5 * sum(calls[name].seconds for name in names))
            tests = [items[name] for name in names]
            running[_silently(functools.partial(_try, mutant, tree, tests, seconds))] = mutant
        while running:
            self._collect(running)
        self.results.sort(key=lambda each: (each[0].path, each[0].line))
        kept = Counter(result for mutant, result in self.results if mutant.path == path)
        print(path.relative_to(ROOT), dict(kept), flush=True)

    def _collect(self, running: dict[int, Mutant]) -> None:
        child, status = os.waitpid(-1, 0)
        if child in running:
            result = KILLED if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self.results.append((running.pop(child), result))


def _enough(names: Sequence[str], calls: Mapping[str, Called]) -> list[str]:
    taken, seconds = [], 0.0
    for name in names:
        seconds += calls[name].seconds
        if seconds > ENOUGH_SECONDS and taken:
            break
        taken.append(name)
    return taken


def _watch(items: Sequence[pytest.Item], write: int) -> int:
    called: set[tuple[str, str]] = set()
    mine = str(ROOT / "mockpsp")

    def heard(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(mine):
            called.add((code.co_filename, code.co_qualname.split(".<locals>")[0]))

    changing = {str(path) for paths, _ in GROUPS.values() for path in paths}
    hiding = [
        each
        for each in _remembering()
        if getattr(each.__wrapped__, "__code__", _watch.__code__).co_filename in changing
    ]
    threading.settrace(heard)
    sys.settrace(heard)
    told = []
    for item, following in zip(items, [*items[1:], None], strict=True):
        called.clear()
        for each in hiding:  # a call that is answered from memory is a call as well
            each.cache_clear()
        began = monotonic()
        passed = all(each.passed for each in runtestprotocol(item, nextitem=following, log=False))
        seconds = monotonic() - began
        if passed and seconds < SLOW_SECONDS:
            told.append((item.nodeid, seconds, sorted(called)))
    sys.settrace(None)
    with os.fdopen(write, "w") as pipe:
        json.dump(told, pipe)
    return 0


def report(run: Mutation) -> Iterator[str]:
    """A table, and every survivor."""
    yield "| module | possible | tried | noticed | survived | no test calls it | score |"
    yield "|---|---|---|---|---|---|---|"
    for path in run.total:
        results = Counter(result for mutant, result in run.results if mutant.path == path)
        tried = sum(results.values()) - results[BROKEN]
        if tried:
            score = f"{100 * results[KILLED] / tried:.0f} %"
            row = (run.total[path], tried, results[KILLED], results[SURVIVED], results[UNTESTED], score)
            yield f"| {path.relative_to(ROOT / 'mockpsp')} | {' | '.join(map(str, row))} |"
    sums = Counter(result for _, result in run.results)
    tried = sum(sums.values()) - sums[BROKEN]
    yield f"\n{sums[KILLED]} of {tried}: {100 * sums[KILLED] / max(tried, 1):.1f} %\n"
    for mutant, result in run.results:
        if result in (SURVIVED, UNTESTED):
            note = "" if result == SURVIVED else " (no test calls it)"
            place = f"{mutant.path.relative_to(ROOT)}:{mutant.line}"
            yield f"{place}: {mutant.function}: {mutant.what}{note}"


def main() -> None:
    """Run the groups that are named, or all."""
    parser = argparse.ArgumentParser(prog="bench.mutation")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="default: all of them")
    parser.add_argument("--sample", type=int, default=60, help="mutants of each module, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=30, help="for all modules together, each its equal part")
    given = parser.parse_args()
    groups = given.groups or list(GROUPS)
    os.chdir(ROOT)
    tests = {each.partition("[")[0] for name in groups for each in GROUPS[name][1]}
    run = Mutation(groups, given.sample, given.seed, given.jobs, given.minutes)
    arguments = ["-q", "-s", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", *sorted(tests)]
    pytest.main(
        [each for each in arguments if each.startswith(("-", "no:")) or Path(each.split("::")[0]).exists()], [run]
    )
    print("\n".join(report(run)))


if __name__ == "__main__":
    main()
