# `make` lists the targets. Each one that needs .venv makes it when it is missing, or older than what it is made from.

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

# The interpreter that .venv is made with: $(PYTHON) when you set it, else the first of these that runs and is new enough.
NEW_ENOUGH := -c "import sys; sys.exit(sys.version_info < (3, 11))"
ifndef PYTHON
PYTHON = $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p $(NEW_ENOUGH) >/dev/null 2>&1 && echo $$p && break; done)
endif

# uv reads no setting of pip's. Where pip was told of a folder of wheels, or of another index, uv is told the same.
empty :=
space := $(empty) $(empty)
comma := ,
ifndef UV_FIND_LINKS
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS := $(subst $(space),$(comma),$(strip $(PIP_FIND_LINKS)))
endif
endif
ifndef UV_DEFAULT_INDEX
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX := $(PIP_INDEX_URL)
endif
endif

# $(call install,extras): this project, editable, with extras, at the versions of constraints.txt. uv does it in seconds; pip when there is no uv.
define install
@echo "installing expunge$(1) into $(VENV)"
@if [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv; then \
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --build-constraints constraints.txt -e '.$(1)'; \
else \
	echo "uv cannot be installed here: pip does it, which takes longer"; \
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.$(1)'; \
fi
@touch $@
endef

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo check check-all bench bench-all clean format formatted lint types contracts test test-all bare

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo ## learn a model, forget somebody, prove it, draw it into demo.png
	$(BIN)/expunge demo --picture demo.png

check: formatted lint types contracts test bare ## what has to pass before a change goes in: the next six, in order

check-all: formatted lint types contracts test-all bare ## the same, slow tests too

bench: $(VENV)/.dev ## run every recipe of benchmarks/
	@for recipe in benchmarks/[!_]*.py; do \
		[ -e "$$recipe" ] || continue; \
		echo "$(BIN)/python $$recipe"; \
		$(BIN)/python "$$recipe" || exit 1; \
	done

bench-all: bench ## the same, and the full grid of networks, which takes hours
	$(BIN)/python benchmarks/sisa_deep.py --all

clean: ## remove all that make made, .venv included
	rm -rf $(VENV) build dist demo.png .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

format: $(VENV)/.dev ## write the code as `formatted` wants it, and mend what lint can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

formatted: $(VENV)/.dev ## no file that `ruff format` would change
	$(BIN)/ruff format --check

lint: $(VENV)/.dev ## every rule of ruff, less those that pyproject.toml gives a reason against
	$(BIN)/ruff check

types: $(VENV)/.dev ## mypy strict, tests included
	$(BIN)/mypy

contracts: $(VENV)/.dev ## imports run one way
	$(BIN)/lint-imports --no-logo

# More threads change the order of float sums, and take the cores from each other.
test test-all: export OMP_NUM_THREADS = 1
test test-all: export OPENBLAS_NUM_THREADS = 1

test: $(VENV)/.dev ## tests and doctests, warnings being errors
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow"

test-all: $(VENV)/.dev ## the same, slow tests too
	$(BIN)/pytest -n $(JOBS) --dist worksteal

bare: $(VENV)/.dev ## the wheel, alone in a new environment: its help, its methods, the README's first example
	$(BIN)/python scripts/bare_install.py

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "expunge needs Python 3.11 or newer, and none was found: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) $(NEW_ENOUGH) || { echo "expunge needs Python 3.11 or newer, and $(PYTHON) is not"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Two stamps for one .venv: the demo is quick on a fresh clone, and the development set has the demo's packages in it.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,[demo])

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,[dev])
	@touch $(VENV)/.demo
