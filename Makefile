# Two commands are enough: `make up` runs csvjobs, `make test` passes its tests. `make` lists the others.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv-run/bin
TEST := .venv-test/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# Tests see no setting of the machine that they run on.
CLEAN := env -u REDIS_URL -u PYTHONDONTWRITEBYTECODE $$(env | grep -o '^CSVJOBS_[A-Z_]*' | sed 's/^/-u /')

.PHONY: help up test soak fuzz lint lock bench
help: ## Lists the commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /\1	/' | expand -t 10

up: $(RUN)/.made ## Runs it all in this terminal; Ctrl-C ends it
	@$(RUN)/csvjobs up

test: $(TEST)/.made chromium libfaketime ## Runs all tests, and installs what they need
	$(CLEAN) $(TEST)/python -m pytest -n 6 --dist loadfile --no-loadscope-reorder

soak: $(TEST)/.made ## Kills and freezes at random for some minutes; SOAK_SECONDS, SOAK_KILLS, SOAK_SEED
	$(CLEAN) SOAK_SECONDS=$${SOAK_SECONDS:-180} SOAK_OUTAGES=$${SOAK_OUTAGES:-30,120} SOAK_FREEZE=$${SOAK_FREEZE:-120} $(TEST)/python -m pytest -s -o faulthandler_timeout=0 tests/faults/test_soak.py tests/faults/test_outages.py tests/faults/test_frozen.py

fuzz: $(TEST)/.made ## Tries what is tested on random data with 2,000 examples instead of 15; takes hours
	$(CLEAN) $(TEST)/python -m pytest -n 2 -m hypothesis --hypothesis-profile=fuzz

lint: $(TEST)/.made ## Checks style, types and import layers
	$(TEST)/ruff check .
	$(TEST)/ruff format --check .
	$(TEST)/mypy
	$(TEST)/lint-imports

lock: $(TEST)/.made ## Pins every dependency by hash, from pyproject.toml
	$(TEST)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' pyproject.toml -o requirements.txt
	$(TEST)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --extra test -c requirements.txt pyproject.toml -o requirements-test.txt

bench: $(TEST)/.made ## Measures side by side; takes a while
	$(TEST)/python bench/run

$(RUN)/.made: requirements.txt pyproject.toml
	$(call environment,$(RUN),requirements.txt)

$(TEST)/.made: requirements-test.txt pyproject.toml
	$(call environment,$(TEST),requirements-test.txt)

# Made anew when a lock changes, so that nothing is left over from an older one.
define environment
	@echo "Making $(1:/bin=) from $(2) with $$($(PYTHON) --version)"
	@rm -rf $(1:/bin=)
	@$(PYTHON) -m venv $(1:/bin=) || { echo "Installing python3-venv"; $(SUDO) apt-get update -qq; $(SUDO) apt-get install -y -qq python3-venv; $(PYTHON) -m venv $(1:/bin=); }
	@$(1)/python -m pip install -q --disable-pip-version-check --no-compile --require-hashes -r $(2)
	@$(1)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $(1)/.made
endef

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { echo "Installing chromium for the tests of the page"; $(SUDO) apt-get update -qq; $(SUDO) apt-get install -y -qq chromium; }

.PHONY: libfaketime
libfaketime:
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || { echo "Installing libfaketime for the tests of jumping clocks"; $(SUDO) apt-get update -qq; $(SUDO) apt-get install -y -qq libfaketime; }
