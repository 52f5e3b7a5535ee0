# Each target installs what it needs into .venv the first time.
# You need Python >= 3.10, make and git. To use another interpreter: make test PYTHON=/path/to/python3
# `make test` runs tests/interop if it finds Node.js >= 20.12 and npm, and tests/browser if it finds chromium and
# chromedriver. Otherwise it skips them.

VENV := .venv
INTEROP := tests/interop/provider
PY := $(VENV)/bin/python
PIP_INSTALL := $(PY) -m pip install
# Let pip print only errors: its warnings about a newer pip, and about running as root, don't matter here.
export PIP_QUIET := 2
export PIP_NO_INPUT := 1
# The tests start many processes. Without bytecode files, each of them compiles every module.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help venv demo serve test lint types bench bench-keys pictures check clean
# make deletes intermediate files of pattern rules. It must keep the stamps.
.PRECIOUS: $(VENV)/.ready-%

help:
	@echo 'make venv        creates .venv with flask_jwtlib and what the examples need'
	@echo 'make demo        runs a server, an issuer and a client on this machine, then stops them'
	@echo 'make serve       keeps the server of the demo running, and prints curl commands to try'
	@echo 'make test        runs all tests and measures coverage; ARGS="-k name" runs some tests'
	@echo 'make lint        runs ruff and checks the import contracts'
	@echo 'make types       runs mypy and pyright'
	@echo 'make bench       measures the cost of a request, compared with other packages'
	@echo 'make bench-keys  measures key fetching in outages and floods, compared with PyJWT'
	@echo 'make pictures    draws the picture in the README again'
	@echo 'make check       runs everything that CI runs'
	@echo 'make clean       removes the files that these targets create'

venv: $(VENV)/.ready-package
	@:

demo: $(VENV)/.ready-package
	@$(PY) -m examples.demo

serve: $(VENV)/.ready-package
	@$(PY) -m examples.demo --serve

# Runs one process for each core. COVERAGE_PROCESS_START measures each from its start: the package's own pytest
# plugin imports the package before a plugin such as pytest-cov could. CI skips no test, so only CI demands 100 %.
test: $(VENV)/.ready-test
ifdef ARGS
	@$(PY) -m pytest $(ARGS)
else
	@$(PY) -m coverage erase
	@COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(PY) -m pytest --numprocesses=auto --dist=worksteal
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report $(if $(filter true,$(CI)),--fail-under=100)
endif

# INTEROP_PROVIDER_FOLDER names a folder that already has the OpenID provider of tests/interop.
ifndef INTEROP_PROVIDER_FOLDER
test: $(INTEROP)/node_modules/.ready
endif

lint: $(VENV)/.ready-lint
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/lint-imports --no-logo

types: $(VENV)/.ready-types
	@$(VENV)/bin/mypy
	@$(VENV)/bin/pyright

bench: $(VENV)/.ready-bench
	@$(PY) -m benchmarks --svg docs/benchmarks.svg

bench-keys: $(VENV)/.ready-bench
	@$(PY) -m benchmarks.keys

pictures: $(VENV)/.ready-package
	@$(PY) docs/explain_picture.py

check:
	@.ci/run

clean:
	@rm -rf $(VENV) $(INTEROP)/node_modules dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@python=$$(.ci/pythons | sed -n '1s/^[^ ]* //p'); \
	if [ -z "$$python" ]; then \
	    echo 'Found no CPython >= 3.10 that can create virtual environments.' >&2; \
	    echo 'Install one (on Debian: python3 and python3-venv), or name one: make test PYTHON=/path/to/python3' >&2; \
	    exit 1; \
	fi; \
	echo "Creating $(VENV) with $$python"; \
	"$$python" -m venv --clear $(VENV)
	@$(PIP_INSTALL) --upgrade 'pip>=25.1' # 25.1 is the first version that installs dependency groups

$(VENV)/.ready-package: pyproject.toml | $(PY)
	@echo 'Installing flask_jwtlib into $(VENV)'
	@$(PIP_INSTALL) --editable '.[http]'
	@touch $@

$(VENV)/.ready-%: pyproject.toml | $(PY)
	@echo 'Installing flask_jwtlib and the dependency group "$*" into $(VENV)'
	@$(PIP_INSTALL) --editable . --group $*
	@touch $@

$(VENV)/.ready-test: pyproject.toml | $(PY)
	@echo 'Installing flask_jwtlib and what its tests need into $(VENV)'
	@$(PIP_INSTALL) --editable . --group test --group browser
	@touch $@

# Only tests/interop needs the OpenID provider. pytest skips them without it, and says why.
$(INTEROP)/node_modules/.ready: $(INTEROP)/package.json
	@if command -v npm >/dev/null; then \
	    echo 'Installing the npm package oidc-provider into $(INTEROP)'; \
	    (cd $(INTEROP) && npm install --loglevel=error >/dev/null) && touch $@ || \
	        echo 'npm could not install oidc-provider. The tests in tests/interop are skipped.' >&2; \
	fi
