# make demo: the whole road on sample scenes.   make test: the tests.   make check: what CI runs.   make docs: pages in site/.
# make lowest: the tests with the lowest versions that pyproject.toml allows, for the Python that PYTHON names.
VENV ?= .venv
PYTHON ?= python3
RUN = $(VENV)/bin/python

.PHONY: demo test check lint docs lowest

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

lowest:
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet uv
	$(VENV)-lowest/bin/uv pip install --python $(VENV)-lowest/bin/python --resolution lowest-direct --editable '.[dev]'
	$(VENV)-lowest/bin/python -m pytest -n auto --dist loadfile

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable '.[dev]'
	touch $@
