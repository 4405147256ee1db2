# The two commands: `make run` and `make test`. Both do all set-up; Python >= 3.11 and make are all they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
HOST   ?= 127.0.0.1
PORT   ?= 8080
ARGS   ?=

.PHONY: run call test check format bench clean docs help
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: $(VENV)/.installed  ## install, start the server with everything it needs, print its address
	@HOST=$(HOST) PORT=$(PORT) exec $(BIN)/ivr-bridge serve $(ARGS)

call: $(VENV)/.installed  ## in a second terminal: place a simulated phone call and hear what happens
	@HOST=$(HOST) PORT=$(PORT) $(BIN)/ivr-bridge call --out call.wav $(ARGS)

test: $(VENV)/.installed-dev  ## run all tests
	@$(BIN)/python -m pytest -n auto --dist worksteal --durations=10 $(ARGS)

check: $(VENV)/.installed-dev  ## format, lint, types, import contracts, config files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev  ## rewrite the code as `make check` wants it
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev  ## cost, latency and memory beside the plain relay, in one run
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.installed-dev  ## rewrite docs/events.md from the catalogue
	@$(BIN)/python -m ivr_bridge.telemetry.events_page > docs/events.md

clean:  ## remove what was installed and what the program wrote
	rm -rf $(VENV) var build dist call.wav

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ivr_bridge needs Python 3.11 or later; try: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv: on Debian or Ubuntu, apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "installing into $(VENV) (a minute, once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[sandbox]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	@echo "installing into $(VENV) with test tools (a minute, once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[sandbox,dev]'
	@touch $@ $(VENV)/.installed
