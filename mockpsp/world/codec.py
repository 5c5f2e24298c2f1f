"""Events, and whatever values they hold, as bytes and back: for stores that outlive the process.

MessagePack, in which everything that JSON lacks has a code of its own: frozen values by the place of their class and
their fields by name, tuples apart from lists, spans, days, enumerations. Nothing else is written, and only classes of
this package that are values, rows or enumerations are read: a file can name no other code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from msgspec import MsgspecError, Struct
from msgspec.msgpack import Decoder, Encoder, Ext

from mockpsp.domain.lifecycle import Body
from mockpsp.domain.value import Row, Value

_PACKAGE = "mockpsp."
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*:[A-Z][A-Za-z0-9]*")
_VALUE, _LIST, _SPAN, _ENUM, _DAY, _BODY, _MOMENT, _DECIMAL, _TABLE, _SET, _LARGE = range(1, 12)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Unreadable(ValueError):
    """Bytes that no version of this program wrote, or that name what this version does not know."""


def encode(value: Any) -> bytes:
    """The bytes of a value. Raises TypeError for what is neither a value of ours nor made of what they hold."""
    return _pack(_told(value))


def decode(data: bytes) -> Any:
    """The value again, equal to what was written. Raises Unreadable."""
    try:
        return _heard(_unpack(data))
    except (MsgspecError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise Unreadable(str(error)) from error


# -- writing -----------------------------------------------------------------------------------------------------------

_pack = Encoder().encode
_SIMPLE = frozenset({type(None), bool, str, bytes, float})


def _told(value: Any) -> Any:
    kind = type(value)
    if kind in _SIMPLE:
        return value
    write = _WRITERS.get(kind)
    if write is None:
        write = _WRITERS[kind] = _writer(kind)
    return write(value)


def _writer(kind: type[Any]) -> Callable[[Any], Any]:
    if issubclass(kind, Body):
        return lambda value: Ext(_BODY, value.content)
    if issubclass(kind, (Value, Row)):
        return _struct_writer(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _pair_writer(kind)
    if issubclass(kind, Enum):
        name = _name(kind)
        return lambda value: Ext(_ENUM, _pack([name, _told(value.value)]))
    if issubclass(kind, Mapping):
        return _table
    raise TypeError(f"{kind.__module__}.{kind.__qualname__} cannot be kept")


def _struct_writer(kind: type[Struct]) -> Callable[[Any], Any]:
    """Fields that have their usual value are left out; what they were is up to the class."""
    name, fields = _name(kind), tuple(zip(kind.__struct_fields__, _usual(kind), strict=True))

    def write(value: Any) -> Any:
        told = {}
        for field, usual in fields:
            held = getattr(value, field)
            if usual is _NEEDED or (held is not usual and not (type(held) is type(usual) and held == usual)):
                told[field] = _told(held)
        return Ext(_VALUE, _pack([name, told]))

    return write


def _pair_writer(kind: type[Any]) -> Callable[[Any], Any]:
    """A named tuple, by its fields too."""
    name = _name(kind)
    return lambda value: Ext(_VALUE, _pack([name, {field: _told(each) for field, each in value._asdict().items()}]))


_NEEDED = object()


def _usual(kind: type[Struct]) -> tuple[Any, ...]:
    """What each field is when nothing is said; ``_NEEDED`` where there is no such value."""
    given = kind.__struct_defaults__
    usual = [_NEEDED] * (len(kind.__struct_fields__) - len(given))
    return (*usual, *(_NEEDED if _made(each) else each for each in given))


def _made(default: Any) -> bool:
    """Whether a default is a factory, or no default at all (a required keyword after optional ones)."""
    return type(default).__module__.startswith("msgspec") or callable(default)


def _table(value: Mapping[Any, Any]) -> Any:
    if all(type(key) is str for key in value):
        return {key: _told(each) for key, each in value.items()}
    return Ext(_TABLE, _pack([[_told(key), _told(each)] for key, each in value.items()]))


def _moment(value: datetime) -> Any:
    """With its offset; one without is refused, for nobody could tell when it was."""
    offset = value.utcoffset()
    if offset is None:
        raise TypeError("a moment without an offset cannot be kept")
    return Ext(_MOMENT, _pack([(value - _EPOCH) // _MICROSECOND, offset // _MICROSECOND]))


def _whole(value: int) -> Any:
    return value if -(2**63) <= value < 2**64 else Ext(_LARGE, str(value).encode())


_WRITERS: dict[type[Any], Callable[[Any], Any]] = {
    int: _whole,
    tuple: lambda value: [_told(each) for each in value],
    list: lambda value: Ext(_LIST, _pack([_told(each) for each in value])),
    frozenset: lambda value: Ext(_SET, _pack(sorted((_told(each) for each in value), key=repr))),
    dict: _table,
    datetime: _moment,
    timedelta: lambda value: Ext(_SPAN, _pack((value.days, value.seconds, value.microseconds))),
    date: lambda value: Ext(_DAY, value.isoformat().encode()),
    Decimal: lambda value: Ext(_DECIMAL, str(value).encode()),
}


def _name(kind: type[Any]) -> str:
    """Where a class is: ``world.records:Happened``. Raises TypeError for one that could not be found again."""
    if not kind.__module__.startswith(_PACKAGE) or "." in kind.__qualname__:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} cannot be kept")
    return f"{kind.__module__.removeprefix(_PACKAGE)}:{kind.__qualname__}"


# -- reading -----------------------------------------------------------------------------------------------------------


def _found(code: int, data: memoryview) -> Any:
    return _READERS[code](bytes(data))


_unpack = Decoder(ext_hook=_found).decode


class _Whole(NamedTuple):
    """A list or a table that had a code of its own, so that it is no tuple and has been read."""

    value: Any


_NESTED = frozenset({list, dict, _Whole})


def _heard(value: Any) -> Any:
    """What MessagePack made of it; what has a code of its own is read already, wherever it was found."""
    kind = type(value)
    if kind is list:
        return tuple([_heard(each) if type(each) in _NESTED else each for each in value])
    if kind is dict:
        return {key: _heard(each) if type(each) in _NESTED else each for key, each in value.items()}
    return value.value if kind is _Whole else value


def _read_value(data: bytes) -> Any:
    name, told = _unpack(data)
    for field, each in told.items():
        if type(each) in _NESTED:
            told[field] = _heard(each)
    return _class(name)(**told)


def _read_enum(data: bytes) -> Any:
    name, value = _unpack(data)
    return _class(name)(_heard(value))


def _read_moment(data: bytes) -> datetime:
    since, offset = _unpack(data)
    moment: datetime = _EPOCH + since * _MICROSECOND
    return moment.astimezone(timezone(offset * _MICROSECOND)) if offset else moment


def _read_list(data: bytes) -> _Whole:
    return _Whole([_heard(each) for each in _unpack(data)])


def _read_table(data: bytes) -> _Whole:
    return _Whole({_heard(key): _heard(each) for key, each in _unpack(data)})


_READERS: Mapping[int, Callable[[bytes], Any]] = {
    _VALUE: _read_value,
    _LIST: _read_list,
    _SPAN: lambda data: timedelta(*_unpack(data)),
    _ENUM: _read_enum,
    _DAY: lambda data: date.fromisoformat(data.decode()),
    _BODY: Body,
    _MOMENT: _read_moment,
    _DECIMAL: lambda data: Decimal(data.decode()),
    _TABLE: _read_table,
    _SET: lambda data: frozenset(_heard(each) for each in _unpack(data)),
    _LARGE: lambda data: int(data),
}


@cache
def _class(name: str) -> type[Any]:
    """The class of this name. Raises Unreadable for what is no value, row or enumeration of ours."""
    if not _NAME.fullmatch(name):
        raise Unreadable(f"{name[:80]!r} names no class")
    module, _, own = name.partition(":")
    try:
        found = getattr(import_module(_PACKAGE + module), own)
    except (ImportError, AttributeError) as error:
        raise Unreadable(f"this version does not know {name}") from error
    if not (isinstance(found, type) and issubclass(found, (Value, Row, Enum, tuple))):
        raise Unreadable(f"{name} is nothing that is kept")
    return found


__all__ = ["Unreadable", "decode", "encode"]
