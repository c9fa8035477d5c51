# Two commands do all the set-up: `make demo` paints, `make test` checks everything.
.PHONY: demo test lint bench gallery clean help

# The first Python found that Impasto runs on; say PYTHON=... to choose another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

help:
	@echo "make demo     set up, then paint a sample photo in the style of a sample painting"
	@echo "make test     set up, then lint, types, import contracts and all tests"
	@echo "make lint     format and lint only"
	@echo "make bench    measure against the peer, side by side (about 6 minutes)"
	@echo "make gallery  paint the pictures of the README again (about 8 minutes)"
	@echo "make clean    remove what the others made"

demo: $(VENV)/.installed
	@$(BIN)/impasto samples coffee swirls --to $(DEMO)
	@$(BIN)/impasto paint $(DEMO)/coffee.png $(DEMO)/swirls.png -o $(DEMO)/painting.png \
		--size 640 --steps 100 --timelapse $(DEMO)/timelapse.gif \
		--plot $(DEMO)/losses.png --log $(DEMO)/losses.jsonl

test: $(VENV)/.installed-dev
	scripts/check $(BIN)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/loss_at_steps.py

gallery: $(VENV)/.installed
	$(BIN)/python scripts/gallery.py docs/images

clean:
	rm -rf $(VENV) $(DEMO) .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Impasto needs Python 3.11, 3.12 or 3.13: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing Impasto (PyTorch is large: some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
