# The two commands: `make demo` and `make test`. Everything else is a step of them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test env lint types unit system grafana-test soak servers bench-cluster bench-edge bench-forecast bench-bus bench-codec bench-store bench-api bench-demo bench-commands bench-spool bench-supervision lock clean help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

demo: env ## set up and run everything on embedded parts; Ctrl-C ends it
	@$(BIN)/kega demo

test: env .venv-grafana/ready servers lint types unit system grafana-test ## everything that CI checks

env: $(VENV)/ready ## the environment from the hashed lock file

$(VENV)/ready: requirements/kega.lock pyproject.toml
	@echo "installing kega and its locked dependencies into $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/kega.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv-grafana/ready: requirements/grafana.lock pyproject.toml
	@echo "installing kega[grafana] into its own environment .venv-grafana …"
	@test -x .venv-grafana/bin/python || $(PYTHON) -m venv .venv-grafana
	@.venv-grafana/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements/grafana.lock
	@.venv-grafana/bin/python -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation -e .
	@touch $@

servers: ## the real servers that the tests start (installs them as root on Debian)
	@sh tests/install-servers.sh

lint: env
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache > /dev/null && echo "lint: ok"

types: env
	@$(BIN)/mypy

unit: env
	@$(BIN)/pytest tests --ignore tests/system -m "not grafana and not soak" -n 3 --dist loadfile

system: env
	@$(BIN)/pytest tests/system -m "not grafana and not soak" -n 3 --dist loadfile

grafana-test: .venv-grafana/ready
	@.venv-grafana/bin/pytest tests/cloud/boards -m grafana

soak: env ## the long runs
	@$(BIN)/pytest tests/system -m soak --timeout 7200

bench-bus: env ## the bus layer: plans, emulated lines, dead units, overload, faulty answers
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_bus.py $(BENCH_OPTIONS)

bench-codec: env ## cost of the Sparkplug codec
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_codec.py

bench-forecast: env ## the forecasts beside their references
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_forecast.py $(BENCH_OPTIONS)

bench-edge: env var/bench/thingsboard/ready ## the edge agent beside ThingsBoard's gateway, and its own limits
	@for bench in edge edge_faults edge_loss bus spool commands; do \
	  echo "bench_$$bench"; PYTHONPATH=. $(BIN)/python tests/bench/bench_$$bench.py $(BENCH_OPTIONS) || exit 1; done

var/bench/thingsboard/ready: requirements/bench-edge.lock
	@echo "installing ThingsBoard IoT Gateway into its own environment var/bench/thingsboard …"
	@test -x var/bench/thingsboard/bin/python || $(PYTHON) -m venv var/bench/thingsboard
	@var/bench/thingsboard/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r $<
	@touch $@

bench-spool: env ## a week of outage on disk, its drain, wear of flash, commits a second
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_spool.py $(BENCH_OPTIONS)

bench-supervision: env ## memory of an agent whose broker is away (SECONDS=120)
	@PYTHONPATH=. $(BIN)/python -m tests.bench.bench_supervision

bench-ingest: env var/bench/node-red/ready var/bench/mqttwarn/ready var/bench/mqtt2influxdb/ready ## ingest beside the database's limit and other bridges, and its faults
	@for bench in ingest ingest_faults; do \
	  echo "bench_$$bench"; PYTHONPATH=. $(BIN)/python tests/bench/bench_$$bench.py $(BENCH_OPTIONS) || exit 1; done

var/bench/node-red/ready: tests/bench/ingest_peers/node_red/package-lock.json
	@echo "installing Node-RED into its own folder var/bench/node-red …"
	@mkdir -p var/bench/node-red && cp tests/bench/ingest_peers/node_red/package*.json var/bench/node-red
	@cd var/bench/node-red && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

var/bench/mqtt%/ready: requirements/bench-ingest-mqtt%.lock
	@echo "installing mqtt$* into its own environment var/bench/mqtt$* …"
	@test -x var/bench/mqtt$*/bin/python || $(PYTHON) -m venv var/bench/mqtt$*
	@var/bench/mqtt$*/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r $<
	@touch $@

bench-cluster: env ## 10,000 gateways: a NATS cluster loses a node, a broker restarts, births are paced (GATEWAYS=1000)
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_cluster.py

bench-demo: env ## the demo's start and memory
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_demo.py

bench-commands: env ## 1000 commands under random kill -9 of agents and broker
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_commands.py

bench-store: env ## 100 million values in SQLite, 10 million in InfluxDB: reads, roll-ups, retention (12 minutes; DIR=… for the files)
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_store.py $(if $(DIR),--dir $(DIR))

bench-api: env ## the API with a million devices and 100 million values (10 minutes; DIR=… for the files)
	@PYTHONPATH=. $(BIN)/python tests/bench/bench_api.py $(if $(DIR),--dir $(DIR))

lock: ## renew the lock files (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --extra edge --extra cloud --extra models --extra parquet --extra simulators --extra dev pyproject.toml -o requirements/kega.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --extra grafana --extra dev pyproject.toml -o requirements/grafana.lock

clean:
	rm -rf $(VENV) .venv-grafana var build dist
