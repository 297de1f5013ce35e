# Everything sets itself up: only Git, Python 3.11+ and Make are taken for granted.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Some setups write proxies or a token of their own into the environment; tests must not see them.
CLEAN  := env -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy

.PHONY: install test coverage check fix docs demo bench chaos lock clean

install: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "certroll needs Python 3.11 or newer; say make PYTHON=/path/to/python3")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# More workers than cores: tests mostly wait for servers and timers.
test: check
	$(CLEAN) $(BIN)/python -m pytest -q -n 4 --dist worksteal -m "not faults"
	$(CLEAN) $(BIN)/python -m pytest -q -n 3 --dist worksteal -m faults

coverage: $(READY)
	$(CLEAN) $(BIN)/python -m pytest -q tests/activities tests/domain tests/operations tests/workflows --cov --cov-report=term-missing:skip-covered --cov-fail-under=100

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/codespell
	$(BIN)/python docs/generate.py --check
	$(BIN)/python docs/check_words.py

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/python docs/generate.py

demo: $(READY)
	$(CLEAN) $(BIN)/certroll demo $(if $(KEEP),--keep)

bench: $(READY)
	$(CLEAN) $(BIN)/python -m benchmarks

# Random scenarios from printed seeds: `make chaos N=100`, and `make chaos SEED=123` repeats one.
chaos: $(READY)
	$(CLEAN) $(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED),--runs $(or $(N),10)) $(if $(KEEP),--keep $(KEEP))

COMPILE := $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header

# One lock for work on certroll; of it, what its container image runs on and is built with.
lock: $(READY)
	$(COMPILE) --upgrade --group dev pyproject.toml -o requirements.lock
	$(COMPILE) --constraint requirements.lock pyproject.toml -o requirements-runtime.lock
	$(COMPILE) --constraint requirements.lock --group build -o requirements-build.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
