"""Ten thousand clients that say nothing: others are served, and each of them costs little and goes after a while."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import idle

resource = pytest.importorskip("resource", reason="limits of open files are a matter of POSIX systems")


def test_ten_thousand_idle_connections_are_borne_and_then_closed() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < idle.FILES:
        pytest.skip(f"this account may open {most} files, {idle.FILES} are needed")
    ended = subprocess.run(
        [sys.executable, "-m", "bench.idle"], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "10000 idle connections" in ended.stdout
    assert "Traceback" not in ended.stderr
