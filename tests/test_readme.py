"""The README is true: its commands run, its examples are right, and what it lists is what the code has."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import click
import pytest
import yaml

from mockpsp.cli import cli
from mockpsp.providers.adyen import PROVIDER as ADYEN
from mockpsp.providers.adyen.auth import credentials as adyen_credentials
from mockpsp.providers.adyen.routes import VERSIONS
from mockpsp.providers.lyra import PROVIDER as LYRA
from mockpsp.providers.lyra.auth import keys as lyra_keys
from mockpsp.providers.worldline import PROVIDER
from mockpsp.providers.worldline.auth import credentials
from mockpsp.providers.worldline.texts import PRODUCTS
from mockpsp.settings import Settings
from tests.support.server import Threaded, threaded

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCENARIO = yaml.safe_load((ROOT / "scenarios/default.yaml").read_text(encoding="utf-8"))
WALLETS = {each["beneficiary"]: each for each in SCENARIO["world"]["worldline"]["wallets"]}
CARDS = {each["number"]: each for each in SCENARIO["world"]["worldline"]["cards"]}
ADYEN_WORLD = SCENARIO["world"]["adyen"]
LYRA_WORLD = SCENARIO["world"]["lyra"]
RULES = {(each["operation"], each["when"]["amount"]): each["then"]["outcome"] for each in SCENARIO["rules"]}
ORIGIN = "localhost:8080"
UTF8 = {**os.environ, "PYTHONUTF8": "1"}
PATIENCE_SECONDS = 60.0


def blocks(language: str, runs: str | None = None) -> list[str]:
    """Code blocks of a language; those with the mark ``runs``, or those without any."""
    found = re.findall(r"(?:<!-- runs: ([\w ]+) -->\n)?```(\w+)\n(.*?)```", README, re.DOTALL)
    return [text for mark, named, text in found if named == language and mark == (runs or "")]


def lines(runs: str) -> list[str]:
    """The command lines under a mark."""
    return [line for block in blocks("sh", runs) for line in block.splitlines()]


def rows(heading: str, ahead: int = 2) -> list[list[str]]:
    """Cells of the table that follows the heading, without its first line and the ruler (``ahead`` lines)."""
    _, _, after = README.partition(heading)
    table = after.partition("\n\n")[0].splitlines()[ahead:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


@pytest.fixture(scope="module")
def server() -> Iterator[Threaded]:
    """A server of the README's own: what it shows happens in the default sandbox."""
    with threaded() as started:
        yield started


# -- what it says to run ---------------------------------------------------------------------------------------------


def printed(program: str, server: Threaded, folder: Path) -> list[str]:
    """The lines that a program of the README prints, with our server in the place of the usual one."""
    assert f"http://{ORIGIN}" in program
    script = folder / "pay.py"
    script.write_text(program.replace(f"http://{ORIGIN}", server.url), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(script)], capture_output=True, encoding="utf-8", env=UTF8, timeout=PATIENCE_SECONDS
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_a_voucher_and_a_card_pay_an_order_at_adyen(server: Threaded, tmp_path: Path) -> None:
    _, program, _ = blocks("python", "python")
    told = re.findall(r"^print\(.*\)\s+# (.+)$", program, re.MULTILINE)
    assert printed(program, server, tmp_path) == told
    assert len(told) == 4


def test_an_order_of_two_sellers_is_paid_at_lyra(server: Threaded, tmp_path: Path) -> None:
    *_, program = blocks("python", "python")
    page, paid, *items, done = printed(program, server, tmp_path)
    assert "/vads-payment/" in page
    assert f"# {paid}" in program
    assert f"# {', '.join(items)}" in program
    assert f"# {done}" in program


def test_the_first_order_is_paid(server: Threaded, tmp_path: Path) -> None:
    program, _, _ = blocks("python", "python")
    first, paid, *refunds = printed(program, server, tmp_path)
    assert "/hostedcheckout/" in first
    assert f"# {paid}" in program
    told = re.search(r"# (\d+) to the card, (\d+) to the vouchers", program)
    assert told is not None
    amounts = re.findall(r" (\d+) (?:card|redirect)$", "\n".join(refunds), re.MULTILINE)
    shares = sorted(int(each) // 100 for each in amounts)
    assert shares == sorted(map(int, told.groups()))


@pytest.mark.parametrize("line", [line for line in lines("mockpsp") if " serve " not in line])
def test_a_command_runs(line: str) -> None:
    name, *arguments = shlex.split(line)
    assert name == "mockpsp"
    ran = subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT, capture_output=True, encoding="utf-8", env=UTF8, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


@pytest.mark.parametrize("line", [line for line in lines("mockpsp") if " serve " in line])
def test_a_server_starts(line: str, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", *shlex.split(line), "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=UTF8)
    try:
        for _ in range(int(PATIENCE_SECONDS / 0.05)):
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(f"it ended with {process.wait(0.05)}")
            if ready.exists():
                break
        told = json.loads(ready.read_text(encoding="utf-8"))
        assert get(f"{told['url']}/_mockpsp/health")
        os.kill(told["pid"], signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()


def test_make_knows_what_the_readme_tells_to_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    told = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert told <= targets
    assert {"run", "test"} <= told


def test_options_exist() -> None:
    found = click.Context(cli)
    commands = [cli.get_command(found, name) for name in cli.list_commands(found)]
    assert None not in commands
    options = (each for command in commands if command is not None for each in command.params)
    known = {name for each in options if isinstance(each, click.Option) for name in each.opts}
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    told = {option for code in re.findall(r"`([^`]+)`", prose) for option in re.findall(r"--[a-z][a-z-]+", code)}
    assert told
    assert told <= known


# -- curl --------------------------------------------------------------------------------------------------------------


CURL = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("curl ")]
CURL_ASIDE = re.findall(r"`(curl [^`]+)`", README)


def get(url: str) -> Any:
    with urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def curl(line: str, server: Threaded) -> Any:
    """What a curl line prints, run by curl itself or, where there is none, sent as curl would send it."""
    words = shlex.split(line.replace(ORIGIN, f"localhost:{server.port}"), comments=True)
    if shutil.which("curl"):
        command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", *words[1:]]
        ran = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE_SECONDS)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)
    options = {"-X": "", "-d": ""}
    rest = iter(words[1:])
    url = ""
    for word in rest:
        if word in options:
            options[word] = next(rest)
        else:
            url = word
    body = options["-d"].encode() or None
    with urlopen(Request(f"http://{url}", body, method=options["-X"] or None), timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


@pytest.mark.parametrize("line", CURL)
def test_a_curl_line_works(line: str, server: Threaded) -> None:
    assert isinstance(curl(line, server), dict)


def test_the_curl_lines_do_what_stands_beside_them(server: Threaded) -> None:
    made, moved, sent, changed = (curl(line, server) for line in CURL)
    assert {"id", "credentials", "base_urls"} <= set(made)
    assert any("due" in name for name in moved)
    assert isinstance(sent["webhooks"], list)
    assert changed["balance"] == "12.00 EUR"


def test_the_entry_that_explains_an_answer_can_be_read(server: Threaded) -> None:
    (line,) = CURL_ASIDE
    assert "Mockpsp-Trace: 118" in README
    with pytest.raises(Exception, match="403"):
        urlopen(f"{server.url}/v2/{credentials('default')['merchant_id']}/services/testconnection", timeout=30)
    base = f"{server.url}/_mockpsp/sandboxes/default/journal"
    number = get(f"{base}?kind=request")["entries"][-1]["trace"]
    assert curl(line.replace("/118", f"/{number}"), server)["explanation"]


# -- what it lists ---------------------------------------------------------------------------------------------------


def test_the_yaml_example_is_clean(tmp_path: Path) -> None:
    (example,) = blocks("yaml")
    file = tmp_path / "example.yaml"
    file.write_text(example, encoding="utf-8")
    command = [sys.executable, "-m", "mockpsp", "scenarios", "check", str(file)]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", env=UTF8, timeout=PATIENCE_SECONDS)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_credentials_are_the_default_sandboxs() -> None:
    told = {name: value.strip("`") for name, value in rows("are the same on every machine:\n\n")}
    given = credentials("default")
    assert told == {
        "API endpoint": f"http://localhost:{Settings().port}",
        "merchant id": given["merchant_id"],
        "API key id": given["api_key_id"],
        "secret API key": given["secret_api_key"],
        "webhooks key id": given["webhook_key_id"],
        "webhooks secret": given["webhook_secret"],
    }


def test_adyens_credentials_are_the_default_sandboxs() -> None:
    told = {name: value.strip("`") for name, value in rows("## A meal voucher and a card at Adyen\n\n")}
    base = told.pop("base URL").partition("` (")[0]
    assert base == f"http://localhost:{Settings().port}/{VERSIONS[-1]}"
    assert told == {name.replace("_", " ").replace("api", "API").replace("hmac", "HMAC"): value
                    for name, value in adyen_credentials("default").items()}  # fmt: skip


def test_lyras_credentials_are_the_default_sandboxs() -> None:
    told = {name: value.strip("`") for name, value in rows("## Two sellers and three means of payment at Lyra\n\n")}
    base = told.pop("base URL").partition("` (")[0]
    assert base == LYRA.base_urls(f"http://localhost:{Settings().port}")["lyra"]
    assert {name.replace(" ", "_"): value for name, value in told.items()} == lyra_keys("default")


def test_the_documented_cards_of_lyra_are_there() -> None:
    told = {
        number
        for row in rows("| number or beneficiary | what it does |\n", ahead=1)
        for number in re.findall(r"`(\d{11,})`", row[0])
    }
    numbers = {each["number"] for part in ("meal_cards", "cards") for each in LYRA_WORLD[part]}
    wallets = {each["beneficiary"] for each in LYRA_WORLD["wallets"]}
    assert told <= numbers | wallets
    assert {each["number"] for each in LYRA_WORLD["meal_cards"]} | wallets <= told


def test_what_is_not_emulated_of_adyen_is_what_the_code_declines() -> None:
    _, _, after = README.partition("## What is emulated of Adyen")
    listed = re.search(r"Not emulated \(each answers 501[^)]*\): (.*?)\.", after, re.DOTALL)
    assert listed is not None
    told = [" ".join(each.split()) for each in listed[1].split(",")]
    assert told == list(ADYEN_NOT_EMULATED)
    paths = {each.path for each in ADYEN.unsupported}
    assert {path for path in paths if not any(part in path for part in ADYEN_NOT_EMULATED.values())} == set()
    assert all(any(part in path for path in paths) for part in ADYEN_NOT_EMULATED.values())


ADYEN_NOT_EMULATED = {
    "changing a session": "/sessions/",
    "storing a card without a payment": "/storedPaymentMethods",
    "Apple Pay sessions": "/applePay/sessions",
    "origin keys": "/originKeys",
    "PayPal orders": "/paypal/updateOrder",
    "giving": "/donation",
    "forwarding": "/forward",
    "shopper validation": "/validateShopperId",
}


def test_the_documented_vouchers_and_cards_of_adyen_are_there() -> None:
    told = {
        number
        for row in rows("| voucher or card | what it does |\n", ahead=1)
        for number in re.findall(r"`(\d{13,})`", row[0])
    }
    known = {each["number"] for part in ("meal_vouchers", "gift_cards", "cards") for each in ADYEN_WORLD[part]}
    assert told
    assert told <= known
    assert {each["number"] for each in ADYEN_WORLD["meal_vouchers"]} <= told


NOT_EMULATED = {
    "payouts": "/payouts",
    "mandates": "/mandates",
    "payment links": "/paymentlinks",
    "batches": "/merchant-batches",
    "detokenize": "/detokenize",
    "hosted fields": "/hostedfields",
    "hosted tokenization": "/hostedtokenizations",
    "CompletePayment": "/complete",
    "incremental authorisation": "/increment-authorization",
    "authorisation data": "/authorization-additional-data",
    "imported card-on-file series": "/importCofSeries",
}


def test_what_is_not_emulated_is_what_the_code_declines() -> None:
    listed = re.search(r"Not emulated \(each answers 501[^)]*\): (.*?)\.", README, re.DOTALL)
    assert listed is not None
    told = [" ".join(each.split()) for each in listed[1].split(",")]
    assert told == list(NOT_EMULATED)
    paths = {each.path for each in PROVIDER.unsupported}
    by_path = {path: [name for name, part in NOT_EMULATED.items() if part in path] for path in paths}
    assert {path: names for path, names in by_path.items() if len(names) != 1} == {}
    assert {name for names in by_path.values() for name in names} == set(NOT_EMULATED)


BENEFICIARIES = {
    "pays everything": lambda wallet: wallet is not None and not {"answers", "covers"} & set(wallet),
    "pays half of any order": lambda wallet: wallet["covers"] == 50,
    "is refused by ANCV": lambda wallet: wallet["answers"] == "refuses",
    "declines in the app": lambda wallet: wallet["answers"] == "cancels",
    "never answers": lambda wallet: wallet["answers"] == "never_answers",
    "is unknown to ANCV": lambda wallet: wallet is None,
    "has 300.00 EUR": lambda wallet: wallet["balance"] == "300.00 EUR",
}
TEST_DATA = rows("([scenarios/default.yaml](scenarios/default.yaml)):\n\n")


def test_the_documented_beneficiaries_do_what_is_said() -> None:
    told = {row[0].strip("`"): row[1] for row in TEST_DATA}
    assert sorted(told.values()) == sorted(BENEFICIARIES)
    assert [who for who, what in told.items() if not BENEFICIARIES[what](WALLETS.get(who))] == []
    assert set(WALLETS) <= set(told)


def test_the_documented_cards_do_what_is_said() -> None:
    told = {number: what for row in TEST_DATA for number in re.findall(r"`(\d+)`", row[2]) for what in [row[3]]}
    assert set(told) <= set(CARDS)
    for number, what in told.items():
        assert (CARDS[number].get("answers") == "refuses") == (what == "declined")
        brands, _, accepted = what.rpartition(", ")
        assert not accepted or not brands or brands == brands_of(CARDS[number])
    assert {number for number, card in CARDS.items() if "answers" in card} <= set(told)


def brands_of(card: Mapping[str, Any]) -> str:
    """What a card of the world is called: by its products, or by its first digit."""
    products = card.get("products") or [{"4": 1, "3": 2, "5": 3}[card["number"][0]]]
    return " and ".join(PRODUCTS[product] for product in products)


def test_the_documented_amounts_do_what_is_said() -> None:
    told = dict(row[2:] for row in TEST_DATA if "EUR" in row[2])
    assert told == {"13.02 EUR": "refused, by any means", "13.03 / 12.03 EUR refund": "refused later / uncertain"}
    means = ("card_payment", "card_complement", "cv_connect")
    assert {RULES[f"worldline.{each}", "13.02 EUR"] for each in means} == {"refused"}
    assert RULES["worldline.refund", "13.03 EUR"] == "refused"
    assert RULES["worldline.refund", "12.03 EUR"] == "uncertain"


def documents() -> list[Path]:
    """All Markdown that is ours."""
    left_out = {".venv", "node_modules", ".git", "dist"}
    return [path for path in ROOT.rglob("*.md") if not left_out & set(path.relative_to(ROOT).parts)]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [each for each in targets if not re.match(r"[a-z]+:", each)]
    assert [each for each in local if not (document.parent / each).exists()] == []
