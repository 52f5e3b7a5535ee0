# Each target installs what it needs into .venv by itself; the second time there is nothing left to install.
# Needed beforehand: Python >= 3.10, make and git. Another interpreter: make test PYTHON=/path/to/python3
# With Node.js >= 20.12 and npm, `make test` includes tests/interop, which else are skipped.

VENV := .venv
INTEROP := tests/interop/provider
PY := $(VENV)/bin/python
PIP_INSTALL := $(PY) -m pip install
# Errors only: neither a newer pip nor root's own virtual environment is news here.
export PIP_QUIET := 2
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help venv demo serve test lint types bench bench-keys check clean
# make deletes files that only a pattern rule asked for; the stamps are to stay.
.PRECIOUS: $(VENV)/.ready-%

help:
	@echo 'make venv        the virtual environment .venv, with flask_jwtlib and what the examples need'
	@echo 'make demo        a server, an issuer and a client on this machine act out a session, and end'
	@echo 'make serve       the same server, left running, with curl lines to try'
	@echo 'make test        the tests, with the coverage they must reach; ARGS="-k name" runs some of them'
	@echo 'make lint        ruff, and the import contracts'
	@echo 'make types       mypy and pyright'
	@echo 'make bench       measures the cost of a request, compared with other packages'
	@echo 'make bench-keys  measures key fetching in outages and floods, compared with PyJWT'
	@echo 'make check       everything that CI runs'
	@echo 'make clean       removes what these targets made'

venv: $(VENV)/.ready-package
	@:

demo: $(VENV)/.ready-package
	@$(PY) -m examples.demo

serve: $(VENV)/.ready-package
	@$(PY) -m examples.demo --serve

# A process for each core. Each is under coverage from its start: the package's own pytest plugin imports the
# package before any pytest plugin could measure it. In CI, where nothing may be skipped, all of it must be covered.
test: $(VENV)/.ready-test
ifdef ARGS
	@$(PY) -m pytest $(ARGS)
else
	@$(PY) -m coverage erase
	@COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(PY) -m pytest --numprocesses=auto --dist=worksteal
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report $(if $(filter true,$(CI)),--fail-under=100)
endif

# Who has the OpenID provider that tests/interop talk to elsewhere names its folder.
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

check:
	@.ci/run

clean:
	@rm -rf $(VENV) $(INTEROP)/node_modules dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@python=$$(.ci/pythons | sed -n '1s/^[^ ]* //p'); \
	if [ -z "$$python" ]; then \
	    echo 'No CPython >= 3.10 that can make virtual environments was found.' >&2; \
	    echo 'Install one (on Debian: python3 and python3-venv), or name one: make test PYTHON=/path/to/python3' >&2; \
	    exit 1; \
	fi; \
	echo "Making $(VENV) with $$python"; \
	"$$python" -m venv --clear $(VENV)
	@$(PIP_INSTALL) --upgrade 'pip>=25.1' # the first that installs dependency groups

$(VENV)/.ready-package: pyproject.toml | $(PY)
	@echo 'Installing flask_jwtlib into $(VENV)'
	@$(PIP_INSTALL) --editable '.[http]'
	@touch $@

$(VENV)/.ready-%: pyproject.toml | $(PY)
	@echo 'Installing flask_jwtlib and the dependency group "$*" into $(VENV)'
	@$(PIP_INSTALL) --editable . --group $*
	@touch $@

# Without it, these tests are skipped, and say so: the rest needs no Node.js.
$(INTEROP)/node_modules/.ready: $(INTEROP)/package.json
	@if command -v npm >/dev/null; then \
	    echo 'Installing the npm package oidc-provider into $(INTEROP)'; \
	    (cd $(INTEROP) && npm install --loglevel=error >/dev/null) && touch $@ || \
	        echo 'It could not be installed: tests/interop will be skipped' >&2; \
	fi
