# Needs Python (3.11 or newer), pip and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: verify verify-all verify-full test format docs ci-demo crash-test fuzz bench calibrate clean

verify: .venv/installed  ## the specs that train in seconds
	$(BIN)/neuronspec verify specs/spec_counting.py

verify-all: .venv/installed  ## every spec at its default size
	$(BIN)/neuronspec verify

verify-full: .venv/installed  ## every spec at the size of its source
	$(BIN)/neuronspec verify --full

test: .venv/installed  ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2

format: .venv/installed  ## puts the code into its one form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/docs  ## the site, in site/; a broken link or an undocumented word fails
	$(BIN)/python docs/scripts/fill.py
	$(BIN)/zensical build --strict --clean

ci-demo: .venv/installed  ## the workflow of `init --ci`, played on this machine
	$(BIN)/python tests/commands/ci_demo.py

crash-test: .venv/installed  ## 200 kills at random moments: nothing lost, nothing half-read
	$(BIN)/python tests/commands/crash_test.py

bench: .venv/installed  ## how fast it is
	$(BIN)/pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,rounds --benchmark-sort=name

calibrate: .venv/installed  ## how often verdicts are wrong, on planted networks
	$(BIN)/neuronspec calibrate

fuzz: .venv/installed  ## spoilt files of runs, locks and networks, 20,000 of them: refused in words, or used
	$(BIN)/python tests/commands/fuzz.py

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

.venv/docs: .venv/installed  # apart, so that tests do not wait for it
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf .venv .neuronspec site
