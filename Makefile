# One command each; every target sets up what it needs, once.
#   make repro          the whole study, from data to reports/<study>/index.html
#   make report         the pages of a study from its results alone (STUDY=benchmark: of another than that of params.yaml)
#   make test           unit tests, then the slow ones
#   make CPU=1 repro    a machine without a GPU, or one whose GPU is to be left alone
PYTHON ?= python3
VENV   := .venv
PYTEST ?= pytest
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

ifneq ($(words $(VENV)),1)
$(error VENV is '$(VENV)': give the path of an environment, without spaces)
endif
export VENV
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Containers like to set it: then each of some hundred processes would compile the package for itself.
unexport PYTHONDONTWRITEBYTECODE
ifdef CPU
export SHARPLOSS_DEVICE := cpu
endif

.DEFAULT_GOAL := help
.PHONY: help setup repro report paper figures calibrate plan test test-fast test-slow wheel lint format docs bench lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## create .venv and install everything (the others do this by themselves)

$(READY): requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" CPU="$(CPU)" sh pipelines/setup.sh
	@touch $@

repro: $(READY) ## run the study: acquire, degrade, train, measure, report
	python -m sharploss launch

report: $(READY) ## draw tables, claims, figures and page of a study from its results; no training (STUDY=benchmark: another)
	python -P pipelines/draw.py $(STUDY)

paper: $(READY) ## one PDF of all tables and figures, in LaTeX, where a TeX is (STUDY=benchmark: of another study)
	python -P pipelines/paper.py $(STUDY)

figures: $(READY) ## redraw the figures from results
	python -P pipelines/figures.py

calibrate: $(READY) ## compare degradations and metrics with published numbers, on the data sets that are here
	python -P pipelines/plan.py --check
	python -P pipelines/calibrate.py

plan: $(READY) ## expand params.yaml into runs.yaml; say what is trained, reused, and the cost (STUDY=benchmark: change study)
	python -P pipelines/plan.py $(STUDY)

test: test-fast test-slow ## all tests

test-fast: $(READY) ## the unit tests alone
	$(PYTEST) -n 2 -m "not slow"

test-slow: $(READY) ## the slow tests and the notebooks
	$(PYTEST) -n 2 --dist worksteal -m slow
	$(PYTEST) -p nbmake --nbmake notebooks

wheel: $(READY) ## build the wheel into dist/, and try it without the packages of the study
	uv build --wheel
	$(PYTEST) tests/test_wheel.py

lint: $(READY) ## ruff, pyright, and which package may import which
	ruff check --no-cache .  # its cache does not notice that a new file made an import one of our own
	ruff format --no-cache --check .
	pyright
	$(PYTEST) -q tests/test_contract.py

format: $(READY) ## let ruff fix and format
	ruff check --fix .
	ruff format .

docs: $(READY) ## build the documentation site into site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 uv run --quiet --isolated --no-project --with-requirements docs/requirements.txt mkdocs build --quiet --strict

bench: $(READY) ## speed, as ratios measured in one run
	python benchmarks/run.py

lock: $(READY) ## renew requirements.lock and docs/requirements.txt
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o requirements.lock
	uv pip compile --group docs --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o docs/requirements.txt

clean: ## remove the environment and what studies made from the data; your data sets, results and reports stay
	@if [ -f "$$VENV/pyvenv.cfg" ]; then rm -rf -- "$$VENV"; fi
	rm -rf .scratch site
	@for mark in data/*/code/required_assets.json; do \
	  [ -f "$$mark" ] || continue; study="$${mark%/code/*}"; \
	  rm -rf "$$study/assets" "$$study/losses" "$$study/packed" "$$study/code"; \
	  rmdir "$$study" data 2> /dev/null || true; \
	done
