"""Everything the shop remembers, in SQLite. Only the event loop's thread calls it, so no change is half seen."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from shop.catalogue import Product
from shop.orders import Event, Order, State, Work

_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
  id TEXT PRIMARY KEY, token TEXT UNIQUE, kind TEXT, language TEXT, total INTEGER, currency TEXT, state TEXT,
  attempt INTEGER, ref TEXT, url TEXT, mac TEXT, paid INTEGER, refunded INTEGER, pending INTEGER,
  created TEXT, touched REAL, looked REAL
);
CREATE INDEX IF NOT EXISTS orders_by_ref ON orders (ref);
CREATE TABLE IF NOT EXISTS events (
  provider TEXT, id TEXT, kind TEXT, order_id TEXT, ref TEXT, facts TEXT, at TEXT, PRIMARY KEY (provider, id)
);
CREATE TABLE IF NOT EXISTS works (
  key TEXT PRIMARY KEY, order_id TEXT, kind TEXT, amount INTEGER, target TEXT, state TEXT, ref TEXT, note TEXT
);
CREATE TABLE IF NOT EXISTS shipments (order_id TEXT, at TEXT);
CREATE TABLE IF NOT EXISTS history (order_id TEXT, at TEXT, what TEXT, more TEXT);
"""
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_COLUMNS = ", ".join(each.name for each in fields(Order))


class Store:
    """One database. Nothing here knows a provider."""

    def __init__(self, database: str) -> None:
        self._db = sqlite3.connect(database, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- orders ------------------------------------------------------------------------------------------------------

    def create(self, product: Product, language: str) -> Order:
        """A new order. It is stored before any provider is asked: a webhook may be quicker than their answer."""
        order = Order(
            id=f"{product.letter}-" + "".join(secrets.choice(_LETTERS) for _ in range(8)),
            token=secrets.token_urlsafe(16), kind=product.kind, language=language, total=product.total,
            currency=product.currency, state=State.NEW, attempt=1, ref="", url="", mac="",
            paid=0, refunded=0, pending=0, created=_now(), touched=time.time(), looked=0.0,
        )  # fmt: skip
        marks = ", ".join("?" for _ in fields(Order))
        values = [getattr(order, each.name) for each in fields(Order)]
        self._db.execute(f"INSERT INTO orders ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608 - our own names
        return order

    def order(self, id: str) -> Order:
        """By our reference. Raises LookupError."""
        found = self._one("id", id)
        if found is None:
            raise LookupError(id)
        return found

    def by_token(self, token: str) -> Order | None:
        """By the secret address that the shopper has."""
        return self._one("token", token)

    def by_reference(self, id: str) -> Order | None:
        """By our reference, which a webhook or a provider's object names."""
        return self._one("id", id)

    def by_ref(self, ref: str) -> Order | None:
        """By the provider's id of the present attempt."""
        return self._one("ref", ref) if ref else None

    def orders(self) -> list[Order]:
        """All, newest first."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM orders ORDER BY rowid DESC")  # noqa: S608 - our own names
        return [_order(row) for row in rows]

    def update(self, id: str, **values: Any) -> None:
        """Change columns of an order."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE orders SET {names} WHERE id = ?", [*values.values(), id])  # noqa: S608 - our own

    def _one(self, column: str, value: str) -> Order | None:
        query = f"SELECT {_COLUMNS} FROM orders WHERE {column} = ? ORDER BY rowid DESC"  # noqa: S608 - our own names
        row = self._db.execute(query, [value]).fetchone()
        return _order(row) if row is not None else None

    # -- events ------------------------------------------------------------------------------------------------------

    def add_event(self, event: Event) -> bool:
        """Write an event down; False when it was known. The same event may come twice, or from two tries at once."""
        added = self._db.execute(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            [event.provider, event.id, event.kind, event.order, event.ref, json.dumps(event.facts), _now()],
        )
        return added.rowcount == 1

    def facts(self, order: str) -> list[dict[str, Any]]:
        """What events said about an order, in the order in which they came."""
        rows = self._db.execute("SELECT facts FROM events WHERE order_id = ? ORDER BY rowid", [order])
        return [json.loads(row["facts"]) for row in rows]

    # -- works -------------------------------------------------------------------------------------------------------

    def add_work(self, work: Work) -> bool:
        """Write down a call that must be made; False when there is one with this key: a button pressed twice."""
        values = [work.key, work.order, work.kind, work.amount, work.target, work.state, work.ref, work.note]
        added = self._db.execute("INSERT OR IGNORE INTO works VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return added.rowcount == 1

    def end_work(self, key: str, state: str, ref: str = "", note: str = "") -> None:
        """What became of it."""
        self._db.execute("UPDATE works SET state = ?, ref = ?, note = ? WHERE key = ?", [state, ref, note, key])

    def works(self, order: str, *kinds: str) -> list[Work]:
        """Calls for an order, of these kinds or of all."""
        rows = self._db.execute("SELECT * FROM works WHERE order_id = ? ORDER BY rowid", [order])
        return [each for each in map(_work, rows) if not kinds or each.kind in kinds]

    def todo(self) -> list[Work]:
        """Calls that have had no answer yet."""
        return [_work(row) for row in self._db.execute("SELECT * FROM works WHERE state = 'todo' ORDER BY rowid")]

    # -- what a person sees ------------------------------------------------------------------------------------------

    def ship(self, order: str) -> None:
        """Goods leave."""
        self._db.execute("INSERT INTO shipments VALUES (?, ?)", [order, _now()])

    def shipments(self, order: str) -> int:
        """How often they left. More than once is a loss."""
        count: int = self._db.execute("SELECT count(*) FROM shipments WHERE order_id = ?", [order]).fetchone()[0]
        return count

    def note(self, order: str, what: str, more: str = "") -> None:
        """A line of an order's history; ``what`` is a key of the texts."""
        self._db.execute("INSERT INTO history VALUES (?, ?, ?, ?)", [order, _now(), what, more])

    def history(self, order: str) -> list[tuple[str, str, str]]:
        """Time, what, and more about it."""
        rows: Iterable[Any] = self._db.execute("SELECT * FROM history WHERE order_id = ? ORDER BY rowid", [order])
        return [(row["at"], row["what"], row["more"]) for row in rows]


def _order(row: sqlite3.Row) -> Order:
    return Order(**{**dict(row), "state": State(row["state"])})


def _work(row: sqlite3.Row) -> Work:
    return Work(
        key=row["key"], order=row["order_id"], kind=row["kind"], amount=row["amount"], target=row["target"],
        state=row["state"], ref=row["ref"], note=row["note"],
    )  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
