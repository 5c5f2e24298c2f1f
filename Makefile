# make run and make test set up everything they need; they want Python 3.11+ with pip, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.run-ready
DEV := $(VENV)/.dev-ready
DEMO := $(VENV)/.demo-ready

.PHONY: run demo test lint unit types vendor shots pictures fuzz bench webhooks peers crowd judged explored kills golden
.PHONY: mutation long soak hard audit node clean

run: $(READY)  ## start the server with the default scenario
	$(BIN)/mockpsp serve $(ARGS)

demo: $(DEMO)  ## start the providers and the example shop; or ARGS="--bug no-dedupe"
	$(BIN)/mockpsp demo $(ARGS)

test: lint types unit  ## everything that must hold before a change lands

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(DEV)
	$(BIN)/mypy
	MYPYPATH=examples/shop $(BIN)/mypy -p shop

unit: $(DEV) node
	$(BIN)/python -m pytest -n auto $(ARGS)

node: tests/node/node_modules/.ready  ## the official JavaScript SDKs, where Node.js is installed

tests/node/node_modules/.ready: tests/node/package.json
	@if command -v npm >/dev/null 2>&1; then \
	  cd tests/node && npm install --no-audit --no-fund --ignore-scripts --silent && touch node_modules/.ready; \
	elif [ -n "$$CI" ]; then echo "npm is not installed, and CI must not go without it" >&2; exit 1; \
	else echo "npm is not installed: tests of the JavaScript SDKs will be skipped"; fi

vendor: $(DEV)  ## the vendor's integration tests, from a checkout: make vendor SDK=path/to/sdk-python3
	$(BIN)/python bench/vendor.py $(SDK)

shots: $(DEV)  ## a picture of every page, into temporary folders or FOLDER=path
	$(BIN)/python -m tests.browser.shots $(FOLDER)
	$(BIN)/python -m tests.browser.dashboard_shots $(FOLDER)

pictures: $(DEV)  ## the pictures in the README, into docs/pictures
	$(BIN)/python -m tests.browser.shots --readme

fuzz: $(DEV)  ## the scenario loader against odd files, five minutes or SECONDS=n
	MOCKPSP_FUZZ_SECONDS=$(or $(SECONDS),300) $(BIN)/python -m pytest -n 2 tests/scenario/test_fuzz.py

bench: $(DEV)  ## speed, as ratios measured in one run
	$(BIN)/python -m bench

webhooks: $(DEV)  ## webhooks delivered, against a bare client that posts the same bodies
	$(BIN)/python -m bench.webhooks $(ARGS)

peers: $(DEV)  ## other simulators on the same work, installed into a folder outside this checkout: make peers FOLDER=path
	$(BIN)/python -m bench.peers $(or $(FOLDER),$(HOME)/.cache/mockpsp-peers) $(ARGS)

crowd: $(DEV)  ## hundreds of sandboxes at the same time: isolation, and what one costs
	$(BIN)/python -m bench.crowd $(ARGS)

judged: $(DEV)  ## the example shop, with and without its mistakes, under the judge's probes; or ARGS="--table"
	$(BIN)/python -m bench.judge_table --seeds 1,2,3 $(ARGS)

explored: $(DEV)  ## the example shop's two-step mistakes, and the shop without one, under the explorer; or ARGS="--near"
	$(BIN)/python -m bench.explored $(ARGS)

golden: $(DEV)  ## write the golden journals again; read the difference with git diff tests/golden
	$(BIN)/python -m tests.golden $(ARGS)

long: $(DEV) node  ## variants that make test leaves out: other languages, sizes, flows and parsers of what it tries
	$(BIN)/python -m pytest -n auto -m long $(ARGS)

soak: $(DEV)  ## a million payments: what grows, and whether a request costs the same in the end; ARGS="--minutes 20"
	$(BIN)/python -m bench.soak $(ARGS)

hard: $(DEV)  ## hard input for long: two hundred examples of each operation, or EXAMPLES=n
	MOCKPSP_HARD_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/python -m pytest -n auto -rP tests/hard

kills: $(DEV)  ## a server with --state is killed two hundred times under load
	$(BIN)/python -m bench.kills $(ARGS)

audit: $(DEV)  ## licences and lower bounds of what we depend on; known vulnerabilities, where the network lets us ask
	$(BIN)/python -m pip check
	$(BIN)/python -m pytest -q tests/architecture/test_dependencies.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --skip-editable

mutation: $(DEV)  ## does a test notice when a function is changed? docs/mutation.md; or ARGS="domain --sample 20"
	$(BIN)/python -m bench.mutation $(ARGS)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $(READY)

$(DEMO): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo]"
	touch $(DEMO)

$(DEV): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[fast,tls,crypto,dev]"
	touch $(DEV)

clean:
	rm -rf $(VENV) tests/node/node_modules
