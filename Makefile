# `make demo` and `make test` set everything up by themselves in .venv.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready

.PHONY: demo test lint campaign bench bench-matrices bench-quick proofs proofs-spot proofs-check clean

demo: $(STAMP)
	$(BIN)/certify demo

test: lint
	$(BIN)/python -m pytest tests -n 2

lint: $(STAMP)
	$(BIN)/ruff check certify tests
	$(BIN)/ruff format --check certify tests
	$(BIN)/mypy

# The whole run takes half an hour and rewrites the tables of specs/benchmarks.md; its peers are optional.
bench: $(STAMP)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only -s
	$(BIN)/python -m tests.benchmarks.run --out specs/benchmarks.md --solvers 60 --acas 100

# Ten minutes; rewrites the tables of specs/benchmarks-matrices.md. Peers: tests/benchmarks/matrices/install_peers.sh.
bench-matrices: $(STAMP)
	$(BIN)/python -m tests.benchmarks.matrices --out specs/benchmarks-matrices.md

bench-quick: $(STAMP)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only -s
	$(BIN)/python -m tests.benchmarks.run --cases "S p20 0.05"

# The second kernel, `certify check --kernel rocq`: theorems, extraction, compilation. Nothing else needs Rocq.
proofs:
	scripts/install_rocq.sh
	$(MAKE) --no-print-directory -j 2 -C proofs

# Small certificates as Rocq theorems about their bytes, evaluated by Rocq: nothing extracted is trusted.
proofs-spot:
	scripts/install_rocq.sh
	$(MAKE) --no-print-directory -j 2 -C proofs spot

# A second and smaller program goes over the compiled theorems, and lists what they assume.
proofs-check:
	scripts/install_rocq.sh
	$(MAKE) --no-print-directory -j 2 -C proofs check

campaign: $(STAMP)
	$(BIN)/python -m pytest tests -m long -n 2

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0 || $(BIN)/python -m pip install --quiet torch --index-url https://download.pytorch.org/whl/cpu || echo "torch is not available: its tests will be skipped"
	$(BIN)/python -m pip install --quiet -e '.[demo,test]'
	touch $@

clean:
	rm -rf $(VENV) demo-out
