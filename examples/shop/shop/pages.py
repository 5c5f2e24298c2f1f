"""Templates, and what they may ask for."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shop.orders import Order, State
from shop.store import Store
from shop.texts import TEXTS, money, text


def shown(order: Order) -> str:
    """An order's state in one word, the money that went back included."""
    if order.state in (State.PAID, State.REVIEW) and order.refunded:
        return "refunded" if order.refunded >= order.paid else "part-refunded"
    if order.state is State.PAID and order.pending:
        return "refunding"
    if order.state is State.WAITING and order.paid:
        return "part-paid"
    return str(order.state)


def facts(order: Order, store: Store) -> dict[str, Any]:
    """An order for programs: the page that updates itself, and a test that wants to know."""
    return {
        "id": order.id,
        "kind": order.kind,
        "state": str(order.state),
        "shown": shown(order),
        "total": order.total,
        "currency": order.currency,
        "paid": order.paid,
        "pending": order.pending,
        "refunded": order.refunded,
        "captured": sum(
            each["amount"] for each in store.facts(order.id) if each.get("kind") == "CAPTURE" and each["success"]
        ),
        "shipments": store.shipments(order.id),
        "version": version(order, store),
    }


def version(order: Order, store: Store) -> str:
    """Another text whenever an order's page would show something else."""
    return f"{len(store.history(order.id))} {order.state} {order.paid} {order.pending} {order.refunded}"


class Pages:
    """Renders templates/NAME.html. Everything that is put into them is escaped."""

    def __init__(self) -> None:
        folder = Path(__file__).parent / "templates"
        self._templates = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip

    def render(self, name: str, language: str, **given: object) -> str:
        """One page in one language."""
        return self._templates.get_template(f"{name}.html").render(
            language=language,
            other="en" if language == "fr" else "fr",
            t=partial(text, language),
            money=partial(money, language),
            shown=shown,
            told=partial(_told, language),
            clock=_clock,
            **given,
        )


def _clock(at: str) -> str:
    """A moment of the history by the clock on this shop's wall."""
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")


def _told(language: str, what: str, more: str) -> tuple[str, str]:
    """A line of an order's history in words: amounts and reasons are written out."""
    if more.isdigit() and what in ("paid-so-far", "refunded-so-far", "refund-asked"):
        return text(language, what), money(language, int(more))
    for prefix in ("why-", "kind-"):
        if f"{prefix}{more}" in TEXTS:
            return text(language, what), text(language, f"{prefix}{more}")
    return text(language, what), more
