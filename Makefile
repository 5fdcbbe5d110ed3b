# The one way in: `make demo` shows the product, `make test` proves it, `make lint` keeps it in shape.
# Needs make and Python 3.11 or later; everything else is fetched into .venv/ and .cache/, which git ignores.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
KAFKA_LIBS := $(CACHE)/kafka/libs
AXE := $(CACHE)/axe
PEERS := $(CACHE)/peers
AXE_VERSION := 4.14.1

# Settings of single targets, all optional: make test ARGS='-k windows', make faults RUNS=50 SEED=7.
ARGS ?=
RUNS ?=
SEED ?=
FIGURE ?=

# A process of tests a core. Each begins with a run of neighbouring tests, which share what their files set up, and takes
# from the longest run left when its own is over. ARGS come later and win: ARGS=-n0 runs everything in one process.
SPREAD := -n auto --maxprocesses 8 --dist worksteal

.PHONY: help demo test services debian-packages lint generated rules faults bench clean distclean

help: ## show the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; \
		do printf '  make %-10s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.demo ## the product in one minute, with nothing but Python (ARGS: options of slm demo)
	$(BIN)/slm demo $(ARGS)

test: $(VENV)/.test ## run the tests; parts that are not on this machine are skipped and listed (ARGS: options of pytest)
	$(BIN)/pytest $(SPREAD) $(ARGS)

# --- the environment ---------------------------------------------------------------------------------------------

# The first Python that is new enough; PYTHON=/path/to/python chooses another.
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(shell for python in $(CANDIDATES); do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$python; break; }; done)

# Debian takes ensurepip out of Python; the pip beside it can then fill the environment. The newest pip comes first,
# since dependency groups need one that older Pythons do not bring.
$(VENV)/.pip:
	@test -n "$(PYTHON)" || { echo >&2 "make: found no Python 3.11 or later among: $(CANDIDATES)." \
		"Install one, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; \
	else echo >&2 "make: $(PYTHON) can make no virtual environment: it has neither ensurepip nor pip." \
		"On Debian and Ubuntu: apt-get install python3-venv"; exit 1; fi
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --group test
	@touch $@

# The peers have an environment of their own, so that what they ask for changes nothing of ours.
$(PEERS)/.complete: pyproject.toml $(VENV)/.pip
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade pip
	$(PEERS)/bin/python -m pip install --quiet --group peers
	@touch $@

$(VENV)/.lint: pyproject.toml $(VENV)/.test
	$(BIN)/python -m pip install --quiet --group lint
	@touch $@

# --- real parts for the tests ------------------------------------------------------------------------------------

services: debian-packages $(KAFKA_LIBS)/.complete $(AXE)/.complete ## install what the tests need beyond Python (Debian)

# A package is missing when its command is, so that parts installed in other ways count. default-jre-headless is
# openjdk-17-jre-headless on Debian 12 and a later one, which Kafka runs on as well, on later releases.
debian-packages:
	@missing=; \
	want() { command -v "$$2" >/dev/null 2>&1 || missing="$$missing $$1"; }; \
	want prometheus prometheus; \
	want prometheus-alertmanager prometheus-alertmanager; \
	want chromium chromium; \
	want faketime faketime; \
	want default-jre-headless java; \
	want maven mvn; \
	want npm npm; \
	dpkg-query --show --showformat='$${Status}' fonts-noto-cjk 2>/dev/null | grep -q 'ok installed' \
		|| missing="$$missing fonts-noto-cjk"; \
	test -n "$$missing" || exit 0; \
	if ! command -v apt-get >/dev/null 2>&1; then \
		echo >&2 "make: not on this machine:$$missing (names of Debian's packages), and there is no apt-get." \
			"Install them as your system does it, then run 'make services' again."; exit 1; \
	elif [ "$$(id -u)" != 0 ]; then \
		echo >&2 "make: not on this machine:$$missing. Installing them takes root; run this, then 'make services' again:"; \
		echo >&2 "  sudo apt-get update && sudo apt-get install --no-install-recommends$$missing"; exit 1; \
	fi; \
	echo "installing$$missing"; \
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing

# Emptied first: a jar of an earlier version left on the class path would be loaded beside the new one.
$(KAFKA_LIBS)/.complete: deploy/kafka/pom.xml | debian-packages
	rm -rf $(KAFKA_LIBS)
	mvn -B -q -f deploy/kafka/pom.xml dependency:copy-dependencies
	@touch $@

$(AXE)/.complete: Makefile | debian-packages
	rm -rf $(AXE) && mkdir -p $(AXE)
	npm install --prefix $(AXE) --no-save --no-audit --no-fund --ignore-scripts --loglevel=error axe-core@$(AXE_VERSION)
	@touch $@

# --- keeping it in shape -----------------------------------------------------------------------------------------

lint: $(VENV)/.lint generated rules ## style, types, layers, generated files, Prometheus rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict streams agents dashboards tests
	$(BIN)/lint-imports

generated: $(VENV)/.test ## are the committed generated files what would be generated now?
	$(BIN)/slm generate --check

rules: ## Prometheus rules: syntax, and the tests in tests/rules
	@if ! command -v promtool >/dev/null 2>&1; then \
		echo "promtool is not on this machine ('make services' installs it): Prometheus rules not checked"; \
		test -z "$$SLM_REQUIRE_SERVICES"; exit; fi; \
	for file in deploy/prometheus/rules/*.yml; do test ! -e "$$file" || promtool check rules "$$file" || exit 1; done; \
	for file in tests/rules/*.yml; do test ! -e "$$file" || promtool test rules "$$file" || exit 1; done

faults: $(VENV)/.test ## crash, stall and cut off workers on a real cluster (RUNS=, SEED=)
	$(BIN)/python -m tests.faults $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: $(VENV)/.test $(PEERS)/.complete ## measure the published figures (FIGURE= one of them)
	$(BIN)/python -m tests.bench $(if $(FIGURE),--figure $(FIGURE)) $(ARGS)

clean: ## remove what builds and tests left
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache $(CACHE)/ci
	find streams agents dashboards tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment and the downloads too
	rm -rf $(VENV) $(CACHE)
