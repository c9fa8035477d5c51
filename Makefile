# Each target does its own set-up: `make demo` paints, `make studio` opens the studio,
# `make test` checks everything.
.PHONY: demo test floor coverage lint studio browser examples docs controls bench bench-full peers gallery styles clean help

# The first supported Python found; set PYTHON=... to choose another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
FLOOR := .venv-floor
ON_THE_FLOOR := tests/test_public.py tests/options tests/cli/test_flags.py tests/cli/test_readme.py \
	tests/cli/test_commands.py tests/cli/test_mistakes.py tests/images/test_write.py \
	tests/record/test_plot.py tests/video/test_steady.py
MEASURE := $(BIN)/python benchmarks
MEASURED := build/bench
PAIRS := sample tubingen portrait balloons
DEMO := demo

help:
	@echo "make demo     set up, then paint a sample photo in the style of a sample painting"
	@echo "make studio   set up, then serve the studio on this machine"
	@echo "make test     set up, then run lint, types, import contracts and all tests"
	@echo "make floor    test the command line with the oldest supported versions of the libraries"
	@echo "make coverage run all tests and list the lines they miss (about 20 minutes)"
	@echo "make lint     format, and fix what ruff can fix"
	@echo "make browser  install Chromium and PostgreSQL for the tests of the studio (Debian, root)"
	@echo "make bench    measure side by side with other tools (about 20 minutes)"
	@echo "make bench-full DATA=folder   the same at full length (several nights)"
	@echo "make examples run the examples; results are in build/examples"
	@echo "make docs     build the documentation site into build/site"
	@echo "make controls paint the pictures of docs/control.md again (about 30 minutes)"
	@echo "make gallery  paint the pictures of the README again (about 8 minutes)"
	@echo "make styles   make docs/styles.md, with a picture in each bundled style"
	@echo "make clean    remove what the other targets made"

demo: $(VENV)/.installed
	@$(BIN)/impasto samples coffee swirls --to $(DEMO)
	@$(BIN)/impasto paint $(DEMO)/coffee.png $(DEMO)/swirls.png -o $(DEMO)/painting.png \
		--size 640 --steps 100 --timelapse $(DEMO)/timelapse.gif \
		--plot $(DEMO)/losses.png --log $(DEMO)/losses.jsonl

studio: $(VENV)/.installed-studio
	$(BIN)/impasto serve --open

test: $(VENV)/.installed-dev
	scripts/check $(BIN)

# PyTorch is an exception, because its oldest versions have no builds for some machines. The first
# pip command installs the tools that run the tests; pyproject.toml does not limit their versions.
floor: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Impasto needs Python 3.11, 3.12 or 3.13: make floor PYTHON=/path/to/python3.12" >&2; exit 2; }
	@rm -rf $(FLOOR)
	@$(PYTHON) -m venv $(FLOOR)
	@echo "installing the oldest supported versions into $(FLOOR)"
	@$(FLOOR)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv pytest pytest-xdist hypothesis filelock
	@$(FLOOR)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps torch
	@grep '^torch==' constraints.txt > $(FLOOR)/torch.txt
	@$(FLOOR)/bin/uv pip install --quiet --python $(FLOOR)/bin/python --resolution lowest-direct --constraint $(FLOOR)/torch.txt --editable '.[all]'
	OMP_NUM_THREADS=1 $(FLOOR)/bin/python -m pytest --numprocesses 2 $(ON_THE_FLOOR)

coverage: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --cov --cov-report=term:skip-covered

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Tests that need one of them are skipped if it is missing.
browser:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		chromium-headless-shell fonts-dejavu-core postgresql

# benchmarks/README.md describes what each script measures and how long it takes.
bench: $(VENV)/.installed-dev peers
	$(MEASURE)/startup.py --json $(MEASURED)/startup.json
	$(MEASURE)/step_time.py --rounds 3 --json $(MEASURED)/step_time.json
	$(MEASURE)/time_to_quality.py --targets 100 --json $(MEASURED)/time_to_quality.json
	$(MEASURE)/any_size.py --cases 2048x1536:2GB --json $(MEASURED)/any_size.json
	$(MEASURE)/budget.py --sizes 256 512 --budgets 10 20 --json $(MEASURED)/budget.json
	$(MEASURE)/apply_speed.py --sizes 512 1024 --rounds 5 --cold 3 --json $(MEASURED)/apply_speed.json
	$(MEASURE)/serve_load.py --seconds 20 --rounds 2 --json $(MEASURED)/serve_load.json
ifneq ($(DATA),)
	$(MEASURE)/apply_look.py --paintings "$(DATA)/paintings" --photos "$(DATA)/content" --pairs three \
		--size 512 --parts look --json $(MEASURED)/apply_look.json --sheet $(MEASURED)/apply_look.png
endif

bench-full: $(VENV)/.installed-dev peers
	@test -d "$(DATA)" || { echo "set the folder of pictures: make bench-full DATA=folder" >&2; exit 2; }
	$(MEASURE)/startup.py --json $(MEASURED)/startup.json
	$(MEASURE)/step_time.py --json $(MEASURED)/step_time.json
	$(MEASURE)/time_to_quality.py $(PAIRS) --data "$(DATA)" --json $(MEASURED)/time_to_quality.json \
		--record $(MEASURED)/curves.json --plot $(MEASURED)/curves.png
	$(MEASURE)/hour_in_a_minute.py $(PAIRS) --data "$(DATA)" --json $(MEASURED)/hour_in_a_minute.json
	$(MEASURE)/budget.py --json $(MEASURED)/budget.json
	$(MEASURE)/any_size.py --json $(MEASURED)/any_size.json
	$(MEASURE)/preview.py --steps 100 --json $(MEASURED)/preview.json --sheet $(MEASURED)/preview.png
	$(MEASURE)/apply_speed.py --json $(MEASURED)/apply_speed.json
	$(MEASURE)/apply_size.py --json $(MEASURED)/apply_size.json
	$(MEASURE)/archives.py --json $(MEASURED)/archives.json
	$(MEASURE)/serve_load.py --json $(MEASURED)/serve_load.json
	$(MEASURE)/apply_strokes.py --photo "$(DATA)/content/animal_red-panda.jpg" \
		--json $(MEASURED)/apply_strokes.json --sheet $(MEASURED)/apply_strokes.png
	$(MEASURE)/apply_look.py --paintings "$(DATA)/paintings" --photos "$(DATA)/content" \
		--json $(MEASURED)/apply_look.json --sheet $(MEASURED)/apply_look.png

peers: $(PEERS)/.installed

examples: $(VENV)/.installed
	@mkdir -p build/examples
	@for script in examples/*.py; do \
		echo "$$script"; (cd build/examples && ../../$(BIN)/python ../../$$script) || exit; done

docs: $(VENV)/.installed-dev examples
	$(BIN)/mkdocs build --strict

controls: $(VENV)/.installed
	$(BIN)/python scripts/controls.py docs/images

gallery: $(VENV)/.installed
	$(BIN)/python scripts/gallery.py docs/images

styles: $(VENV)/.installed
	$(BIN)/python scripts/styles_page.py

clean:
	rm -rf $(VENV) $(PEERS) $(FLOOR) $(DEMO) $(MEASURED) .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# Each stamp installs everything in one go; larger sets include the smaller ones. No parallel runs.
.NOTPARALLEL:
define install
	@test -n "$(PYTHON)" || { echo "Impasto needs Python 3.11, 3.12 or 3.13: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "creating $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing Impasto (takes some minutes the first time, because PyTorch is large)"
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $(patsubst %,$(VENV)/%,$(1))
endef

$(VENV)/.installed: EXTRAS := heic,video,onnx
$(VENV)/.installed: pyproject.toml constraints.txt
	$(call install,.installed)

$(VENV)/.installed-studio: EXTRAS := studio
$(VENV)/.installed-studio: pyproject.toml constraints.txt
	$(call install,.installed .installed-studio)

$(VENV)/.installed-dev: EXTRAS := dev
$(VENV)/.installed-dev: pyproject.toml constraints.txt
	$(call install,.installed .installed-studio .installed-dev)

$(PEERS)/.installed: benchmarks/peers/requirements.txt | $(VENV)/.installed
	@echo "installing the other tools into $(PEERS)"
	@test -x $(PEERS)/bin/python || $(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement $<
	@touch $@
