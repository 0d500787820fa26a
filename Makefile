# make demo: the whole road on sample scenes.   make test: the tests.   make check: what CI runs.   make docs: pages in site/.
VENV ?= .venv
PYTHON ?= python3
RUN = $(VENV)/bin/python

.PHONY: demo test check lint docs

demo: $(VENV)/installed
	$(RUN) scripts/make_sample.py --out out/demo/sample --train 100 --test 60 --height 240 --width 320
	OMP_WAIT_POLICY=PASSIVE $(RUN) scripts/benchmark.py --data out/demo/sample --out out/demo/benchmark --segmentation.seeds 1

test: $(VENV)/installed
	$(RUN) -m pytest -n auto --dist loadfile

check: lint test

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/installed
	$(RUN) -m mkdocs build --strict

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable '.[dev]'
	touch $@
