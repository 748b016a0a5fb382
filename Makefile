# Two commands are enough: `make demo` and `make test`. Whichever comes first prepares .venv and .tools (make/setup.mk).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Bytecode is cached and pip keeps nothing outside the checkout, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PYTHON := .venv/bin/python
GO_MODULES := engine/simulator tests/stock
# The temporary folder of a test run, removed with everything in it; 711 lets a server that runs as another user reach
# its own folder in there.
SCRATCH := scratch=$$(mktemp -d) && chmod 711 "$$scratch" && trap 'rm -rf "$$scratch"' EXIT && TMPDIR="$$scratch"

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

.PHONY: setup
setup: ## .venv and .tools, made once and again when what they are made from changes
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j2) -f make/setup.mk

.PHONY: demo
demo: setup ## the main job against two simulated vCenters
	@.venv/bin/slipway demo

.PHONY: test
test: lint types contract test-go test-python ## everything that must hold before a commit

.PHONY: lint
lint: setup ## ruff, gofmt, go vet
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	unformatted=$$(make/go.sh gofmt -l $(GO_MODULES)); [[ -z $$unformatted ]] || { echo "gofmt would change:" $$unformatted; exit 1; }
	for module in $(GO_MODULES); do make/go.sh -C $$module vet ./...; done

.PHONY: types
types: setup ## mypy, strict, on engine and storage
	$(PYTHON) -m mypy

.PHONY: contract
contract: setup ## who may import whom
	.venv/bin/lint-imports --no-logo

.PHONY: test-go
test-go: setup ## the simulator's own tests
	make/go.sh -C engine/simulator test ./...

.PHONY: test-python
test-python: setup ## the tests; one of them: make test-python ARGS='-k name'
	$(SCRATCH) $(PYTHON) -m pytest -m "not long" -n 8 --dist worksteal $(ARGS)

.PHONY: test-long
test-long: setup ## the tests that take over 10 s each
	$(SCRATCH) $(PYTHON) -m pytest -m long --timeout 3600 $(ARGS)

.PHONY: chaos
chaos: setup ## kill the worker 200 times in the middle of deployments: make chaos ARGS='--seed 9 --kills 50'
	$(PYTHON) -m tests.faults.chaos $(ARGS)

.PHONY: fuzz
fuzz: setup ## fuzz what reads packages, resumed where it was stopped: make fuzz ARGS='--inputs 1000000 --seed 7'
	$(PYTHON) -m tests.fuzz.campaign $(ARGS)

.PHONY: bench
bench: setup ## the measured claims: Slipway against govc
	$(PYTHON) -m bench.upload $(ARGS)

.PHONY: bench-stagings
bench-stagings: setup ## the measured claims: ten stagings at once, memory of the worker
	$(PYTHON) -m bench.stagings $(ARGS)

.PHONY: docs
docs: setup ## the documents that are made from the code; tests say when they are out of date
	$(PYTHON) -m tests.faults.matrix
	$(PYTHON) -m tests.ova.support
	$(PYTHON) -m tui.keys

.PHONY: screenshots
screenshots: setup ## every screen of the console from the demo at work, and docs/console.cast
	@$(PYTHON) -m screenshots.make $(ARGS)
	@$(PYTHON) -m screenshots.record

.PHONY: bench-console
bench-console: setup ## the measured claims: the console on a pty beside Textual's own
	$(PYTHON) -m bench.console $(ARGS)

.PHONY: lock
lock: setup ## pin the dependencies anew within pyproject.toml's ranges; newest: make lock ARGS=--upgrade
	make/lock.sh $(ARGS)

.PHONY: system-deps
system-deps: ## Debian packages that some tests need, as root; starts no daemon
	@make/system_deps.sh

.PHONY: clean
clean: ## remove everything that make made
	rm -rf .venv .tools build dist slipway.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
