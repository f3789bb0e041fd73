# Each target is one line over the command line `seawall`; `make help` lists them.
#
#   STACK=name     which Pulumi.<name>.yaml (default: sandbox for up, infra for preview and render)
#   DIR=folder     what `check` reads and `render` writes
#   DOWNLOAD=1     fetch tools and plugins from their vendors instead of building them
#   ARGS=…         further options of the command, for example ARGS=--no-wait
#   PYTHON=…       the Python to make .venv with (3.11 or newer)

SHELL := /bin/bash
PYTHON ?= python3
DIR ?= rendered
user_cache := $(or $(XDG_CACHE_HOME),$(if $(filter Darwin,$(shell uname -s)),$(HOME)/Library/Caches,$(HOME)/.cache))
export SEAWALL_CACHE ?= $(user_cache)/seawall
override SEAWALL_CACHE := $(abspath $(SEAWALL_CACHE))

# Nothing is left in the checkout but .venv.
export PYTHONPYCACHEPREFIX := $(SEAWALL_CACHE)/pycache
export MYPY_CACHE_DIR := $(SEAWALL_CACHE)/mypy
export RUFF_CACHE_DIR := $(SEAWALL_CACHE)/ruff
export HYPOTHESIS_STORAGE_DIRECTORY := $(SEAWALL_CACHE)/hypothesis
export UV_CACHE_DIR := $(SEAWALL_CACHE)/uv
export SEAWALL_DOWNLOAD := $(filter-out 0,$(DOWNLOAD))

py := .venv/bin/python
seawall := $(py) -m seawall.cli
compile := .venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --universal

.DEFAULT_GOAL := help
.PHONY: help venv up preview render check down status verify gate report test lint types bench-start bench-policy bench-report docs kill-matrix fidelity test-oracles test-junk test-mutation test-interrupts test-data licences lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

venv:
	@$(PYTHON) cli/bootstrap.py . $(SEAWALL_CACHE)

up: venv ## start the sandbox and deploy STACK into it
	@$(seawall) up --stack $(or $(STACK),sandbox) $(ARGS)

preview: venv ## show what an update of STACK would do, judged by the policy pack
	@$(seawall) preview --stack $(or $(STACK),infra) $(ARGS)

render: venv ## write the manifests of STACK as YAML into DIR
	@$(seawall) render --stack $(or $(STACK),infra) --out "$(DIR)" $(ARGS)

check: venv ## judge the Kubernetes YAML in DIR; no Go, no cluster
	@$(seawall) check "$(DIR)" $(ARGS)

down: venv ## destroy what was deployed, stop every process, remove the sandbox
	@$(seawall) down $(ARGS)

status: venv ## what runs in the sandbox; ARGS="--context NAME": the page for the person on call
	@$(seawall) status $(ARGS)

verify: venv ## run the register's tests against real clusters: ARGS="--context infra --peer apps --probe"
	@$(seawall) verify $(ARGS)

gate: venv ## start the sandbox, run every test that it can honestly run, say whether the stories pass
	@$(seawall) gate$(if $(filter --no-run,$(ARGS)),, --up) $(ARGS)

report: venv ## write everything that is known of a stack and its gates on one page, seawall-report.html
	@$(seawall) report $(if $(STACK),--stack $(STACK)) $(ARGS)

test: venv ## every test; ends with what was skipped and why
	@$(py) -m pytest -o cache_dir=$(SEAWALL_CACHE)/pytest $(ARGS)

lint: venv ## style of the code
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

types: venv ## strict types
	@.venv/bin/mypy

bench-start: venv ## measure what a newcomer waits for, into docs/bench-start.md
	@$(seawall) bench-start $(ARGS)

bench-policy: venv ## measure what the policy pack costs, into docs/bench-policy.md
	@$(seawall) bench-policy $(ARGS)

bench-report: venv ## measure the report at 1,000 tenants in a real browser, into docs/report.md
	@PYTHONPATH=.:tests/shared:tests/browser $(py) tests/browser/report_page.py

docs: venv ## write the generated pages of docs/; ARGS=--check lists those that are out of date
	@$(seawall) docs $(ARGS)

test-data: venv ## archive, lose and restore real PostgreSQL servers, every combination, into docs/data.md
	@SEAWALL_DATA=long $(py) -m pytest -o cache_dir=$(SEAWALL_CACHE)/pytest $(if $(findstring tests/data,$(ARGS)),,tests/data) $(ARGS)

kill-matrix: venv ## write docs/kill-matrix.md from the cases that the tests run
	@PYTHONPATH=.:tests/unit:tests/policy $(py) tests/policy/kill_page.py

fidelity: venv ## write docs/fidelity.md from the tables of the fidelity tests
	@PYTHONPATH=. $(py) tests/unit/fidelity_page.py

test-oracles: venv ## hold 2,000 policy sets against each independent program, into docs/oracles.md; ARGS="SETS SEED"
	@PYTHONPATH=. $(py) tests/oracles/oracle_page.py $(ARGS)

test-junk: venv ## put 10,000 pieces of junk through the pack's doors, into docs/junk.md; ARGS="EXAMPLES SEED"
	@PYTHONPATH=.:tests/unit:tests/policy $(py) tests/policy/junk_page.py $(ARGS)

test-interrupts: venv ## interrupt 30 runs of `seawall verify` at random points, into docs/interrupts.md; ARGS="RUNS SEED"
	@PYTHONPATH=.:tests/unit:tests/qa:tests/sandbox:tests/shared $(py) tests/qa/interrupt_page.py $(ARGS)

test-mutation: venv ## break the pack's own code in 500 places, one at a time, into docs/mutation.md; ARGS="--seed 2"
	@PYTHONPATH=. $(py) tests/mutation/mutation_page.py $(ARGS)

licences: venv ## write docs/licences.md
	@$(seawall) tools licences

lock: venv ## pin every dependency with hashes
	@$(compile) pyproject.toml -o requirements.txt && $(compile) --extra dev --constraint requirements.txt pyproject.toml -o requirements-dev.txt
