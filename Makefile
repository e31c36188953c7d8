# Everything runs in virtual environments inside the checkout; only make and Python 3.11 or 3.12 must be there.

PYTHON ?= $(shell for candidate in python3 python3.12 python3.11; do \
	$$candidate -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& command -v $$candidate && break; done)

VENV := .venv
# PyAirbyte is large and must not decide the versions that the connector is tested with.
DEMO_VENV := .venv-demo
# The tools that the benchmark compares with want other versions of the same packages.
BENCH_VENV := .venv-bench
# One of them wants others than the rest.
BENCH_DUCKDB_VENV := .venv-bench-duckdb
# What builds the packages is no part of what they are built from.
DIST_VENV := .venv-dist
# So does dbt.
DBT_VENV := .venv-dbt
# What changes the code to see whether a test notices is no part of what the tests need.
MUTANTS_VENV := .venv-mutants
# Spark brings 400 MB of Java, which nothing else needs.
SPARK_VENV := .venv-spark

# PyAirbyte looks the connector up in the public registry otherwise.
export AIRBYTE_OFFLINE_MODE := 1
export DO_NOT_TRACK := 1
export DEMO_PYTHON := $(CURDIR)/$(DEMO_VENV)/bin/python
export DBT := $(CURDIR)/$(DBT_VENV)/bin/dbt

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit bench bench-quick bench-growth bench-workers bench-spark bench-pages soak load-test image-test mutants \
	contract dist constraints form clean bench-warehouse spark-test

help: ## list the targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/installed $(DEMO_VENV)/installed ## load the sandbox's events into a warehouse and look at them; into yours, too, if SOURCE_EVENTS_LOAD_TO names it
	$(DEMO_PYTHON) -m demo

test: ## lint, then all tests but those of loading, of Spark and of the container image
	@$(MAKE) --no-print-directory --jobs=3 lint $(DEMO_VENV)/installed $(DBT_VENV)/installed
	$(VENV)/bin/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not image and not load and not spark" integration_tests unit_tests

lint: $(VENV)/installed ## ruff and mypy
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

unit: $(VENV)/installed ## the unit tests
	$(VENV)/bin/pytest unit_tests

bench: $(VENV)/installed $(BENCH_VENV)/installed ## measure speed and memory beside other tools: half an hour
	$(VENV)/bin/python -m benchmarks
	$(VENV)/bin/python -m benchmarks.render

bench-quick: $(VENV)/installed $(BENCH_VENV)/installed ## the same with a tenth of the work: three minutes
	$(VENV)/bin/python -m benchmarks --quick

bench-growth: $(VENV)/installed $(BENCH_VENV)/installed ## how time, memory and state grow with events and contacts
	$(VENV)/bin/python -m benchmarks.growth
	$(VENV)/bin/python -m benchmarks.render

bench-workers: $(VENV)/installed $(BENCH_VENV)/installed ## requests a second by number of workers: ten minutes
	$(VENV)/bin/python -m benchmarks.workers
	$(VENV)/bin/python -m benchmarks.render

bench-warehouse: $(VENV)/installed $(BENCH_VENV)/installed $(BENCH_DUCKDB_VENV)/installed $(DEMO_VENV)/installed ## what the way to a warehouse costs beside other tools: half an hour
	$(VENV)/bin/python -m benchmarks.warehouse
	$(VENV)/bin/python -m benchmarks.render

bench-spark: $(SPARK_VENV)/installed ## what a record costs in Spark, and time by number of executors: ten minutes
	$(SPARK_VENV)/bin/python -m benchmarks.spark

bench-pages: $(VENV)/installed $(BENCH_VENV)/installed ## write the results' pages and pictures anew, and what cites them
	$(VENV)/bin/python -m benchmarks.render

soak: $(VENV)/installed ## read two million events while everything goes wrong now and then: three minutes
	$(VENV)/bin/python -m integration_tests.soak

load-test: $(VENV)/installed ## load into DuckDB, Postgres and Parquet, twice, killed and failing
	$(VENV)/bin/pytest -m load integration_tests

spark-test: $(SPARK_VENV)/installed ## read with Spark: local, as a cluster, streaming, killed and failing; needs Java 17
	$(SPARK_VENV)/bin/pytest -m spark unit_tests/spark integration_tests/spark

image-test: $(VENV)/installed ## build the container image and test it
	$(VENV)/bin/pytest -m image integration_tests

mutants: $(MUTANTS_VENV)/installed ## change the code in a hundred random places, and see that unit tests fail: half an hour
	$(MUTANTS_VENV)/bin/python -m unit_tests.mutants $(MUTANTS)

contract: $(VENV)/installed ## compare all requests to CareCloud with its OpenAPI definition: CARECLOUD_OPENAPI=openapi.yaml
	$(VENV)/bin/python -m integration_tests.contract

dist: $(DIST_VENV)/installed ## build wheel and source distribution, check them, and list what the wheel brings
	rm -rf dist $(DIST_VENV)/clean
	$(DIST_VENV)/bin/python -m build --outdir dist .
	$(DIST_VENV)/bin/twine check --strict dist/*
	$(PYTHON) -m venv $(DIST_VENV)/clean
	$(DIST_VENV)/clean/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt dist/*.whl
	$(DIST_VENV)/clean/bin/source-events spec > $(DIST_VENV)/spec.json
	$(DIST_VENV)/clean/bin/python -m pip uninstall -qq --yes pip setuptools
	$(DIST_VENV)/bin/cyclonedx-py environment --output-reproducible --of JSON -o dist/sbom.cdx.json \
		$(DIST_VENV)/clean/bin/python

constraints: $(VENV)/installed ## take the newest versions that setup.py allows, for the tests and for the image
	$(VENV)/bin/python -m pip install -qq --disable-pip-version-check --upgrade --upgrade-strategy eager -e '.[tests]'
	@echo "# What the tests run with and the image has: \`make constraints\` writes it." > constraints.txt
	$(VENV)/bin/python -m pip freeze --all --exclude pip --exclude-editable >> constraints.txt
	@touch $(VENV)/installed

form: $(VENV)/installed ## draw the connection form as pictures into docs/form, with node and chromium
	@mkdir -p .form && cp docs/form/package.json docs/form/*.mjs docs/form/*.jsx docs/form/*.html .form
	@npm install --prefix .form --no-audit --no-fund --loglevel error
	@node .form/draw.mjs

clean: ## remove the environments and everything that was built
	rm -rf $(VENV) $(DEMO_VENV) $(BENCH_VENV) $(DIST_VENV) $(DBT_VENV) $(MUTANTS_VENV) $(BENCH_DUCKDB_VENV) $(SPARK_VENV) \
		.mutants .demo .form build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/installed: setup.py constraints.txt
	$(call environment,$(VENV))
	@echo "Installing the connector and its tests into $(VENV): one to three minutes ..."
	@$(VENV)/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt -e '.[tests]'
	@touch $@

# The demo runs the connector as a program of its own environment: only what the extra names is needed here.
$(DEMO_VENV)/installed: $(VENV)/installed
	$(call environment,$(DEMO_VENV))
	@echo "Installing PyAirbyte into $(DEMO_VENV): 800 MB, two to four minutes ..."
	@$(VENV)/bin/python -c "from importlib.metadata import requires; \
		named = (line.partition(';') for line in requires('source-events')); \
		print(*(name for name, _, marker in named if 'demo' in marker), sep='\n')" > $(DEMO_VENV)/requirements.txt
	@$(DEMO_VENV)/bin/python -m pip install -qq --disable-pip-version-check -r $(DEMO_VENV)/requirements.txt
	@touch $@

$(BENCH_VENV)/installed: benchmarks/requirements.txt
	$(call environment,$(BENCH_VENV))
	@echo "Installing the tools to compare with into $(BENCH_VENV): one to two minutes ..."
	@$(BENCH_VENV)/bin/python -m pip install -qq --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

$(MUTANTS_VENV)/installed: setup.py constraints.txt unit_tests/mutants/requirements.txt
	$(call environment,$(MUTANTS_VENV))
	@echo "Installing the connector, its tests and cosmic-ray into $(MUTANTS_VENV): two to four minutes ..."
	@$(MUTANTS_VENV)/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt \
		-e '.[tests]' -r unit_tests/mutants/requirements.txt
	@touch $@

$(BENCH_DUCKDB_VENV)/installed: benchmarks/requirements-duckdb.txt
	$(call environment,$(BENCH_DUCKDB_VENV))
	@$(BENCH_DUCKDB_VENV)/bin/python -m pip install -qq --disable-pip-version-check -r benchmarks/requirements-duckdb.txt
	@touch $@

$(DIST_VENV)/installed: .github/release-requirements.txt
	$(call environment,$(DIST_VENV))
	@$(DIST_VENV)/bin/python -m pip install -qq --disable-pip-version-check -r .github/release-requirements.txt
	@touch $@

$(DBT_VENV)/installed: examples/dbt/requirements.txt
	$(call environment,$(DBT_VENV))
	@echo "Installing dbt into $(DBT_VENV): 220 MB, one to two minutes ..."
	@$(DBT_VENV)/bin/python -m pip install -qq --disable-pip-version-check -r examples/dbt/requirements.txt
	@touch $@

$(SPARK_VENV)/installed: setup.py constraints.txt
	$(call environment,$(SPARK_VENV))
	@echo "Installing Spark, the connector and its tests into $(SPARK_VENV): 900 MB, two to four minutes ..."
	@$(SPARK_VENV)/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt -e '.[spark,tests]'
	@touch $@

define environment
@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 with venv is needed; name one with make PYTHON=..."; exit 1; }
@$(PYTHON) -m venv $(1)
endef
