# The targets that people and CI call; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two throw-away servers at a time, each with the group of tests that shares it; the longest groups begin first
E2E := $(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder --durations 15

.PHONY: help ship test unit e2e slow lint bench faults dev lock
.DEFAULT_GOAL := help

help: ## list these targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## / {printf "%-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ship: $(STAMP) ## carry Harbour from this checkout to a throw-away server; the last line is its URL
	@$(BIN)/ferryman rehearse

test: lint unit e2e ## lint, unit tests, end-to-end tests

unit: $(STAMP) ## the fast tests of the command line, the agent and Harbour
	@scripts/system-packages test
	$(BIN)/pytest -n auto tests/unit tests/meta
	cd service && ../$(BIN)/pytest -n auto --dist worksteal

e2e: $(STAMP) ## real sshd, Docker Engine, registry, PostgreSQL, HAProxy, systemd, browser
	@scripts/system-packages test
	$(E2E) tests/e2e

slow: $(STAMP) ## the long stories of which `make test` has a sample each; run them before a change to what they tell
	@scripts/system-packages test
	$(BIN)/pytest -n auto -m slow tests/unit
	$(E2E) -m slow tests/e2e

lint: $(STAMP) ## Ruff, Black, mypy, shellcheck, hadolint, zizmor, actionlint, our own check
	@scripts/lint

bench: $(STAMP) ## speed and memory as ratios against a floor measured in the same run; BENCH="--only link" runs a part
	@scripts/system-packages bench
	PYTHONPATH=tests/e2e $(BIN)/python -m bench $(BENCH)

faults: $(STAMP) ## real faults at every step of a deploy; FAULTS="--step drain" runs a part, docs/reliability.md shows all
	@scripts/system-packages test
	PYTHONPATH=tests/e2e $(BIN)/python -m faults $(FAULTS)

dev: $(STAMP) ## Harbour on 127.0.0.1:8000 with a PostgreSQL of its own and example data, no configuration needed
	$(BIN)/python service/manage.py dev

lock: $(STAMP) ## renew the hashed locks
	scripts/lock

$(STAMP): requirements-dev.lock pyproject.toml scripts/system-packages
	@scripts/system-packages python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
