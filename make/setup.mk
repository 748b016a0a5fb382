# .venv and .tools, run by the Makefile with -j2: Python packages and Go programs are made side by side. A file is made
# again only when what it is made from changes.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

SIMULATOR := $(shell find engine/simulator -name '*.go' -o -name go.mod -o -name go.sum)
STOCK := $(shell find tests/stock -name '*.go' -o -name go.mod -o -name go.sum)

.PHONY: all
all: .venv/.project .tools/bin/simulator .tools/bin/vcsim .tools/bin/govc
	@:

# Scripts in .venv name the checkout and the interpreter: a checkout that was moved or got a new Python gets a new .venv.
ifneq ($(file < .venv/.made-for),$(CURDIR) $(realpath .venv/bin/python))
.PHONY: .venv/.made-for
endif
.venv/.made-for:
	@make/venv.sh

.venv/.packages: requirements-dev.txt .venv/.made-for
	@make/timed.sh 'Python packages (requirements-dev.txt)' \
	    .venv/bin/python -m pip install --quiet --progress-bar off --no-input --require-hashes -r requirements-dev.txt
	@touch $@

# compat: one line in a .pth file; the finder that setuptools would otherwise install costs every start an import.
.venv/.project: pyproject.toml .venv/.packages
	@make/timed.sh 'slipway itself' .venv/bin/python -m pip install --quiet --progress-bar off --no-input --no-deps \
	    --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

# One after the other: they share most packages, which Go then compiles once.
.tools/bin/simulator: $(SIMULATOR) | .venv/.made-for
	@make/timed.sh 'simulated vCenter' make/go.sh -C engine/simulator build -o '$(CURDIR)/$@' .
	@touch $@

.tools/bin/vcsim: $(STOCK) | .tools/bin/simulator
	@make/timed.sh 'stock vcsim' make/go.sh -C tests/stock build -o '$(CURDIR)/$@' ./vcsim
	@touch $@

.tools/bin/govc: $(STOCK) | .tools/bin/vcsim
	@make/timed.sh 'govc' make/go.sh -C tests/stock build -o '$(CURDIR)/$@' ./govc
	@touch $@
