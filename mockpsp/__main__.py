"""``python -m mockpsp``."""

from mockpsp.cli import main

main()
