# Each target makes the virtual environment that it needs; nothing has to be installed by hand.
#   make demo     train on the embedded data set, compare with random search, leave everything in runs/
#   make test     the test suite
#   make test-all the suite, and every combination of nets, losses, penalties and augmentation that makes sense
#   make test-fast  most of its tests in half a minute, with fewer examples: the loop of everyday work
#   make lint     format, lint, types, import rules, and whether the documents are true to the code
#   make check    make lint, then the tests, then the documentation
#   make docs     the documentation site, in build/site; a warning is an error
#   make package  wheel and sdist in dist/, tried out in an empty environment
#   make bench    timings, one JSON object a line
#   make fuzz     hostile inputs for each loader, half a minute each; FUZZ="--seconds 600 journal" asks for others
#   make chaos    a storm over real runs: whatever can befall one, FAULTS=200 times, by SEED=0
#   make budgets  rewrite what each preset may ask of a GPU, and say what has changed
#   make golden   rewrite the golden files of the tests; say in CHANGELOG.md why they changed

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SEED ?= 0
FAULTS ?= 200
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest
# What should be marked slow. (The loop keeps its compiled tests: to compile them takes as long as a third of them.)
SLOWEST = --durations 5 --durations-min 1

.PHONY: demo test test-all test-fast check lint docs package bench chaos fuzz golden budgets environment environment-dev environment-docs environment-fuzz

demo: environment
	$(BIN)/pbt-gan demo

test: environment-dev
	$(PYTEST) --numprocesses auto --dist worksteal

test-all: environment-dev
	$(PYTEST) --numprocesses auto --dist worksteal -m "product or not product"

test-fast: environment-dev
	PYTHONDONTWRITEBYTECODE= $(PYTEST) -n auto --dist worksteal --hypothesis-profile fast -m "not slow" $(SLOWEST) tests

check: lint test docs

lint: environment-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/repository.py

docs: environment-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

package: environment-dev
	$(BIN)/python tools/package.py dist $(TAG)

bench: environment
	@$(BIN)/python -m benchmarks

fuzz: environment-fuzz
	@$(BIN)/python -m tools.fuzz $(FUZZ)

chaos: environment-dev
	@$(BIN)/python -m tools.chaos --seed $(SEED) --faults $(FAULTS)

golden: environment-dev
	PBT_GAN_GOLDEN=write $(PYTEST) tests/test_golden.py tests/gan/training/test_golden_step.py

budgets: environment-dev
	@$(BIN)/python -m benchmarks.budgets write

environment:
	@$(PYTHON) tools/environment.py $(VENV)

environment-dev:
	@$(PYTHON) tools/environment.py $(VENV) dev

environment-docs:
	@$(PYTHON) tools/environment.py $(VENV) docs

environment-fuzz:
	@$(PYTHON) tools/environment.py $(VENV) dev fuzz
