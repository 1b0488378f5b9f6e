# Two commands do everything: `make book` and `make test`. README.md has each target as plain commands.
PYTHON ?= python3
SEEDS ?= 10
PORT ?= 8000
NOTEBOOK ?=
BIN := .venv/bin

.PHONY: help book serve test refresh claims bench clean

help:
	@echo "make book      build the site into _build/html"
	@echo "make serve     show it at a local address (PORT=8000)"
	@echo "make test      run every check"
	@echo "make refresh   run the notebooks and store their outputs (NOTEBOOK=notebooks/04_degradation.ipynb for one)"
	@echo "make claims    run a notebook's claims over many seeds (NOTEBOOK=..., SEEDS=10)"
	@echo "make bench     images a second of our training loop and of two others"
	@echo "make clean     remove what was built; .venv stays"

.venv/.installed: requirements.txt constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements.txt
	touch $@

book: .venv/.installed
	$(BIN)/python tools/vendor.py
	$(BIN)/jupyter-book build . --all -W -n --keep-going
	@echo "Open _build/html/index.html, or run: make serve"

serve:
	@test -f _build/html/index.html || { echo "Nothing to show yet: run make book first."; exit 1; }
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

test: .venv/.installed
	$(BIN)/python tools/check.py

refresh: .venv/.installed
	$(BIN)/python tools/refresh.py $(NOTEBOOK)

claims: .venv/.installed
	@test -n "$(NOTEBOOK)" || { echo "Which notebook? make claims NOTEBOOK=notebooks/04_degradation.ipynb"; exit 1; }
	$(BIN)/python -m reslab.claims $(NOTEBOOK) --seeds $(SEEDS)

bench: .venv/.installed
	$(BIN)/python tools/bench.py

clean:
	rm -rf _build .pytest_cache .ruff_cache book/_static/vendor book/node_modules
