# Each target builds the environment it needs; none needs another command before it.

SHELL := bash
VENV ?= .venv
ALBUM ?= album
JOBS ?= 2
BIN := $(VENV)/bin

# The first interpreter that is new enough; another one: make test PYTHON=/usr/bin/python3.12
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
CANDIDATES := python3 python3.11 python3.12 python3.13 python3.14 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && { command -v $$p; break; }; done)

# uv does not read pip's settings. Where pip is told of no wheels, uv picks the torch that fits
# the machine, so that one without a GPU does not fetch gigabytes of CUDA.
LINKS = $(or $(UV_FIND_LINKS),$(PIP_FIND_LINKS),$(shell \
	$(PYTHON) -m pip config get global.find-links 2>/dev/null))
TORCH_BACKEND ?= $(if $(LINKS),,auto)
# uv compiles no bytecode unless told, which doubles the time of every first import.
INSTALL = UV_FIND_LINKS="$(LINKS)" UV_COMPILE_BYTECODE=1 $(BIN)/uv pip install --quiet \
	--python $(BIN)/python --constraint constraints.txt \
	$(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND))

LIGHT_INSTALL = UV_FIND_LINKS="$(LINKS)" $(BIN)/uv pip install --quiet --python $(VENV)/light
NEWER = $(shell for minor in 12 13 14; do \
	for p in $$(command -v python3.$$minor) ~/.pyenv/versions/3.$$minor.*/bin/python; do \
		$$p -c 'import venv' 2>/dev/null && { echo $$p; break; }; done; done; true)

# Without a network the hub client retries for most of a minute; the tests need no network.
export HF_HUB_OFFLINE := 1
ifneq ($(wildcard ../shared/starter),)
export CLIPFIND_STARTER ?= $(abspath ../shared/starter)
endif

# Folders are listed too: one that lost a file is newer than the installed copy.
SOURCES := README.md man/clipfind.1 $(shell find rclip_like -not -path '*__pycache__*')

.PHONY: demo test test-all test-light lint bench faults docs clean

demo: $(VENV)/installed
	PYTHONPATH=tests $(BIN)/python -m demo $(ALBUM)

# One file, one process: what a file prepares for its tests is then prepared once.
test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist loadfile -m "not long"

test-all: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist loadfile

# What needs no torch, in an environment without it, with every newer Python that is here.
test-light: $(VENV)/installed
	rm -rf $(VENV)/wheel
	$(BIN)/python -m hatchling build -t wheel -d $(VENV)/wheel >/dev/null
	@for python in $(NEWER); do \
		$(BIN)/uv venv --quiet --clear --python $$python $(VENV)/light && \
		$(BIN)/python tests/light_packages.py | tr ' ' '\n' | $(LIGHT_INSTALL) --requirement - \
			pytest pytest-timeout hypothesis && \
		$(LIGHT_INSTALL) --no-deps $(VENV)/wheel/*.whl || \
		{ echo "$$python: skipped, as its packages cannot be installed"; continue; }; \
		OMP_NUM_THREADS=1 $(VENV)/light/bin/pytest -q -p no:cacheprovider \
			$$(grep -rl "mark.light" tests --include="test_*.py") || exit; \
	done
	@$(if $(NEWER),,echo "no Python newer than $$($(BIN)/python -V) is here to test with")

lint: $(VENV)/environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Beside rclip 4.0.8, for which it builds an environment in .bench. A part of it, small and once:
# make bench BENCH="--only query --quick"
bench: $(VENV)/installed
	PYTHONPATH=tests $(BIN)/python -m bench $(BENCH)

# The same for the faults of its list, or for some: make faults FAULTS="4 11"
faults: $(VENV)/installed
	PYTHONPATH=tests $(BIN)/python -m bench.faults $(FAULTS)

docs: $(VENV)/installed
	$(BIN)/python man/manual.py > man/clipfind.1.part || { rm man/clipfind.1.part; exit 1; }
	mv man/clipfind.1.part man/clipfind.1

clean:
	rm -rf $(VENV) $(ALBUM) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/environment: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(NEW_ENOUGH)' || { \
		echo 'clipfind needs Python 3.11 or newer: make PYTHON=/path/to/python3' >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(INSTALL) --requirement pyproject.toml --extra demo --extra dev --extra research
	$(INSTALL) --no-deps clip-benchmark
	touch $@

$(VENV)/installed: $(VENV)/environment $(SOURCES)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall .
	touch $@
