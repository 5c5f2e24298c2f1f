"""The user's command: what is kept of it, and that nothing of it is left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mockpsp.judge.command import MOST_OUTPUT, run_command

PYTHON = f'"{sys.executable}"'


def python(script: str) -> str:
    return f'{PYTHON} -c "{script}"'


def test_exit_code_and_both_streams_are_kept() -> None:
    ended = run_command(python("import sys; print(1); sys.stderr.write('two'); sys.exit(3)"), os.environ, 60)
    assert ended.code == 3
    assert sorted(ended.output.split()) == ["1", "two"]


def test_the_command_finds_its_variables() -> None:
    ended = run_command(python("import os; print(os.environ['SHOP'])"), {**os.environ, "SHOP": "La Halte"}, 60)
    assert ended.output.strip() == "La Halte"


def test_of_much_output_the_end_is_kept() -> None:
    ended = run_command(python(f"print('x' * {2 * MOST_OUTPUT}); print('last')"), os.environ, 60)
    assert len(ended.output) <= MOST_OUTPUT
    assert ended.output.rstrip().endswith("last")


def test_the_time_limit_ends_it() -> None:
    ended = run_command(python("import time; time.sleep(600)"), os.environ, 0.3)
    assert ended.code is None
    assert ended.seconds < 60


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are of POSIX")
def test_what_it_left_in_the_background_ends_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    ended = run_command(f"sleep 600 & echo $! > {mark}", os.environ, 60)
    assert ended.code == 0
    stat = Path(f"/proc/{mark.read_text().strip()}/stat")
    if Path("/proc/self/stat").exists():
        assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
