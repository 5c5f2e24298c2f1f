"""The dashboard in a real browser: live without a reload, by keyboard, for everybody, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

import pytest
import requests
from aiohttp.web import UrlDispatcher

from mockpsp.web.routes import _ONE as ONE
from mockpsp.web.routes import BASE, ROUTES
from mockpsp.world.sandboxes import Sandbox
from tests.support.axe import accessible
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver
from tests.support.server import Threaded
from tests.support.stage import Stage, staged

pytestmark = pytest.mark.browser

SPLIT = {
    "worldline": ("worldline/split-with-card", "worldline.order", "9 CAPTURED"),
    "adyen": ("adyen/voucher-then-card", "adyen.purchase", "authorised"),
    "lyra": ("lyra/meal-card-holiday-vouchers-and-card", "lyra.order", "SUCCEEDED"),
}
TESTIDS = "document.querySelectorAll('[data-testid=\"%s\"]').length"


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A server on which stories were played."""
    with staged() as found:
        yield found


def at(stage: Stage, sandbox: Sandbox, path: str = "") -> str:
    """The address of a page."""
    return f"{stage.url}/_mockpsp/sandbox/{sandbox.id}{path}"


def order(live: Threaded, sandbox: ControlledSandbox, reference: str = "ORDER-1") -> str:
    """An order at Adyen; its reference."""
    body = {
        "merchantAccount": sandbox.credentials["adyen"]["merchant_account"],
        "amount": {"currency": "EUR", "value": 4200},
        "reference": reference,
    }
    headers = {"X-API-Key": sandbox.credentials["adyen"]["api_key"]}
    answer = requests.post(f"{live.url}/v72/orders", json=body, headers=headers, timeout=30)
    assert answer.status_code == 200
    return str(answer.json()["pspReference"])


def mark(tab: Tab) -> None:
    """Leave something behind that a reload would lose."""
    tab.evaluate("window.stayed = true")


def test_what_happens_appears_without_a_reload(live: Threaded, sandbox: ControlledSandbox, person: Person) -> None:
    tab = person.tab().open(f"{live.url}/_mockpsp/sandbox/{sandbox.id}?kind=request").shows("live-state", "empty")
    tab.until("document.querySelector('[data-testid=live-state]').textContent === 'Live'")
    mark(tab)
    order(live, sandbox)
    tab.until(f"{TESTIDS % 'row'} === 1")
    order(live, sandbox)
    tab.until(f"{TESTIDS % 'row'} === 2 && document.querySelectorAll('.fresh').length >= 1")
    assert tab.evaluate("window.stayed")
    assert "POST /v72/orders" in tab.text("activity")


def test_paused_it_stays_as_it_is_until_it_is_live_again(
    live: Threaded, sandbox: ControlledSandbox, person: Person
) -> None:
    tab = person.tab().open(f"{live.url}/_mockpsp/sandbox/{sandbox.id}/payments").shows("live-toggle", "empty")
    tab.click("live-toggle")
    assert tab.text("live-state") == "Paused"
    order(live, sandbox)
    assert tab.has("empty")
    tab.click("live-toggle")
    tab.until(f"{TESTIDS % 'object'} === 1")


def test_a_story_grows_while_it_is_read(
    live: Threaded, sandbox: ControlledSandbox, person: Person, receiver: Receiver
) -> None:
    sandbox.stand_still()
    ref = order(live, sandbox)
    tab = person.tab().open(f"{live.url}/_mockpsp/sandbox/{sandbox.id}/payments/adyen.purchase/{ref}").shows("timeline")
    assert tab.text("state") == "open"
    tab.click_on("document.querySelector('.chapter details summary')")
    mark(tab)
    sandbox.advance("P2D")
    tab.until("document.querySelector('[data-testid=state]').textContent.trim() === 'expired'")
    tab.until("document.querySelector('[data-testid=timeline]').textContent.includes('Due now: expire order')")
    assert tab.evaluate("window.stayed")
    assert tab.evaluate("document.querySelector('.chapter details').open"), "what was unfolded stays unfolded"
    assert "nothing is due" in tab.text("nothing-ahead").lower()


def test_a_deleted_sandbox_is_said(live: Threaded, person: Person) -> None:
    sandbox = ControlledSandbox.create(live.url)
    tab = person.tab().open(f"{live.url}/_mockpsp/sandbox/{sandbox.id}").shows("live-state")
    tab.until("document.querySelector('[data-testid=live-state]').textContent === 'Live'")
    sandbox.delete()
    tab.until("document.querySelector('[data-testid=live-state]').textContent === 'This sandbox was deleted'")


def test_the_front_page_hears_of_new_sandboxes(live: Threaded, person: Person) -> None:
    made = ControlledSandbox.create(live.url)
    tab = person.tab().open(f"{live.url}/_mockpsp/").shows("sandboxes")
    assert made.id in tab.text("sandboxes")
    other = ControlledSandbox.create(live.url)
    tab.until(f"document.querySelector('[data-testid=sandboxes]').innerText.includes('{other.id}')")
    made.delete()
    other.delete()


@pytest.mark.parametrize("provider", SPLIT)
def test_a_voucher_and_a_card_tell_their_story(stage: Stage, person: Person, provider: str) -> None:
    name, lifecycle, state = SPLIT[provider]
    sandbox = stage.play(name)
    tab = person.tab().open(at(stage, sandbox)).shows("activity")
    tab.click("tab-payments")
    tab.shows("objects")
    tab.click_on(f"document.querySelector('[data-testid=object][href*=\"{lifecycle}\"]')")
    tab.shows("timeline", "sequence", "graph")
    assert state in tab.text("tracks")
    assert state in tab.text("timeline")
    assert tab.evaluate("document.querySelectorAll('.state.now').length") == len(
        tab.evaluate("[...document.querySelectorAll('.graph')].map(each => each.id)")
    )
    assert tab.evaluate("document.querySelectorAll('.step.way').length") > 0
    assert tab.evaluate("document.querySelectorAll('.message').length") > 3
    tab.evaluate("document.querySelector('.chapter.shop .did a').click()")  # a long address has no middle to click on
    tab.shows("explanation", "request-body", "response-body", "curl", "step")
    tab.click("to-timeline")
    tab.shows("timeline")


def test_filters_by_keyboard_alone(stage: Stage, person: Person) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    tab = person.tab().open(at(stage, sandbox)).shows("activity")
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.tab_to("filter-text")
    tab.write("the voucher pays")
    tab.press("Enter")
    tab.until(f"{TESTIDS % 'row'} === 1")
    tab.tab_to("filter-clear")
    tab.press("Enter")
    tab.until(f"{TESTIDS % 'row'} > 1")
    tab.tab_to("tab-webhooks")
    tab.press("Enter")
    tab.shows("webhooks")


def test_a_choice_among_filters_is_applied_at_once(stage: Stage, person: Person) -> None:
    sandbox = stage.play("adyen/voucher-then-card")
    tab = person.tab().open(at(stage, sandbox)).shows("activity")
    tab.evaluate(
        "(() => { const s = document.querySelector('[data-testid=filter-kind]'); s.value = 'posting';"
        " s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    tab.until("location.search.includes('kind=posting')").shows("activity")
    assert "ledger" in tab.text("activity")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_webhook_is_sent_again(
    live: Threaded, sandbox: ControlledSandbox, receiver: Receiver, person: Person, scripts: bool
) -> None:
    sandbox.endpoint("adyen", receiver.url)
    order(live, sandbox)
    number = sandbox.webhooks()[0]["n"]
    tab = person.tab(scripts=scripts).open(f"{live.url}/_mockpsp/sandbox/{sandbox.id}/webhooks/{number}")
    tab.shows("signature", "attempts").click("resend")
    tab.shows("notice")
    assert "Sent once more" in tab.text("notice")
    assert [each["status"] for each in sandbox.webhooks()] == ["delivered", "delivered"]


def test_everything_is_there_without_scripts(stage: Stage, person: Person) -> None:
    sandbox = stage.play("lyra/refund-succeeds")
    tab = person.tab(scripts=False).open(at(stage, sandbox)).shows("activity")
    tab.click("tab-payments")
    tab.shows("objects").click_on("document.querySelector('[data-testid=object][href*=\"lyra.order\"]')")
    tab.shows("timeline", "sequence", "graph").click_on("document.querySelector('.chapter details summary')")
    assert tab.evaluate("document.querySelector('.chapter details').open")
    tab.click("tab-balances")
    tab.until("document.querySelector('.spark .line')").click("account")
    tab.shows("chart", "movements")


def pages(stage: Stage) -> dict[str, str]:
    """Every page of ours, with something on it and without."""
    found: dict[str, str] = {"front": f"{stage.url}/_mockpsp/", "unknown": f"{stage.url}/_mockpsp/sandbox/nobody"}
    found["sign in"] = f"{stage.url}/_mockpsp/sign-in"
    for name in ("worldline/split-with-card", "adyen/order-cancelled", "lyra/seller-registered-then-sells"):
        sandbox = stage.play(name)
        for lifecycle, objects in sandbox.world.objects.items():
            if objects:
                found[f"{lifecycle} story"] = at(stage, sandbox, stage.story(sandbox, lifecycle))
    sandbox = stage.play("worldline/webhook-wrongly-signed")
    call = next(each for each in sandbox.world.journal.since(0) if each.kind == "request")
    found |= {
        "activity": at(stage, sandbox),
        "everything": at(stage, sandbox, "?kind=all"),
        "nothing fits": at(stage, sandbox, "?q=nothing-like-it"),
        "entry": at(stage, sandbox, f"/journal/{call.number}"),
        "decision": at(stage, sandbox, f"/journal/{call.number + 1}"),
        "payments": at(stage, sandbox, "/payments"),
        "no payments": at(stage, sandbox, "/payments?q=nothing-like-it"),
        "webhooks": at(stage, sandbox, "/webhooks"),
        "webhook": at(stage, sandbox, f"/webhooks/{next(iter(sandbox.world.outbox.deliveries))}"),
        "balances": at(stage, sandbox, "/balances"),
        "balance": at(stage, sandbox, "/balances/worldline/EUR/worldline/wallet/11111111111"),
        "shoppers": at(stage, sandbox, "/checkouts"),
        "clock": at(stage, sandbox, "/clock"),
        "scenario": at(stage, sandbox, "/scenario"),
        "draft": at(stage, sandbox, "/scenario?from=worldline/family-campsite-two-mishaps"),
    }
    return found


def test_no_page_is_forgotten(stage: Stage) -> None:
    seen = [urlsplit(url).path for url in pages(stage).values()]
    drawn = [path for method, path, *_ in ROUTES if method == "GET" and path not in NO_PAGES]
    resources = {path: UrlDispatcher().add_resource(BASE + path) for path in drawn}
    assert [path for path, each in resources.items() if all(each._match(unquote(url)) is None for url in seen)] == []


NO_PAGES = {"", "/", f"{ONE}/checkouts/qr"}
"""The front page, which the list has by its address, and a picture."""


@pytest.mark.parametrize(
    ("width", "dark"), [pytest.param(1280, False, marks=pytest.mark.long), (1280, True), (360, False)]
)
def test_every_page_is_for_everybody(stage: Stage, people: Callable[[], Person], width: int, dark: bool) -> None:
    person = people()
    tab = person.tab(width=width)
    if dark:
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    for what, url in pages(stage).items():
        tab.open(url)
        assert tab.fits(), f"{what} is wider than {width}"
        accessible(tab, what)
    told = person.told()
    tab.problems = [each for each in told if "404" not in each]
    assert tab.problems == []
    assert [each for each in tab.requested if not each.startswith((stage.url, "data:", "about:"))] == []


def test_hostile_text_runs_nothing(live: Threaded, person: Person) -> None:
    hostile = '"><script>document.title="hit"</script><img src=x onerror="document.title=\'hit\'">${7*7}{{7*7}}'
    sandbox = ControlledSandbox.create(live.url, scenario={"mockpsp": 1, "title": hostile})
    ref = order(live, sandbox, hostile[:80])
    webhook = sandbox.webhooks()[0]["n"]
    tab = person.tab()
    for path in ("", "/payments", f"/payments/adyen.purchase/{ref}", f"/webhooks/{webhook}", "?kind=all"):
        tab.open(f"{live.url}/_mockpsp/sandbox/{sandbox.id}{path}").shows("scenario")
        assert hostile.split()[0] in tab.text("scenario")
        assert tab.evaluate("document.querySelectorAll('main img, main script').length") == 0
        assert tab.title != "hit"
    sandbox.delete()


LISTS = ("", "a", "ab", "abc", "cab", "xaby", "yx", "c-b-a", "-", "a--b", "-a-", "abcdefgh", "hgfedcba", "a1b2", "2b1a")


def test_an_update_makes_a_page_what_it_would_be_after_a_reload(stage: Stage, person: Person) -> None:
    """Letters are rows with an id, dashes elements without one, digits plain text; each list becomes each other one."""
    tab = person.tab().open(f"{stage.url}/_mockpsp/").shows("sandboxes")
    wrong = tab.evaluate(
        """(() => {
          const made = (list, more) => {
            const box = document.createElement("ol");
            box.className = list.length % 2 ? "odd" : "even";
            for (const sign of list) {
              if (/[0-9]/.test(sign)) { box.append(sign); continue; }
              const row = document.createElement(sign === "-" ? "hr" : "li");
              if (sign !== "-") { row.id = `row-${sign}`; row.append(`text ${more}`, document.createElement("b")); }
              box.append(row);
            }
            return box;
          };
          const wrong = [];
          for (const before of LISTS) for (const after of LISTS) {
            const old = made(before, 1), now = made(after, 2), wanted = now.cloneNode(true);
            const kept = [...old.children].filter((row) => row.id && after.includes(row.id.at(-1)));
            merge(old, now);
            for (const row of old.querySelectorAll(".fresh")) row.removeAttribute("class");
            const same = kept.every((row) => row.parentNode === old);
            if (!same || !old.isEqualNode(wanted)) wrong.push(`${before} to ${after}: ${old.outerHTML}`);
          }
          return wrong;
        })()""".replace("LISTS", str(list(LISTS)))
    )
    assert wrong == []


def test_focus_stays_where_it_is_while_the_page_changes(
    live: Threaded, sandbox: ControlledSandbox, person: Person
) -> None:
    order(live, sandbox)
    tab = person.tab().open(f"{live.url}/_mockpsp/sandbox/{sandbox.id}/payments").shows("object")
    tab.until("document.querySelector('[data-testid=live-state]').textContent === 'Live'")
    tab.evaluate("document.querySelector('[data-testid=object]').focus()")
    address = tab.evaluate("document.activeElement.href")
    order(live, sandbox)
    tab.until(f"{TESTIDS % 'object'} === 2")
    assert tab.evaluate("document.activeElement.href") == address
