# Every target makes its own virtual environment where there is none and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := setup.py pyproject.toml $(shell find sklstm -name '*.py' -o -name '*.p[yx][xd]' -o -name '*.h' -o -name '*.npz')

.PHONY: demo test lint doc bench sanitize clean

demo: $(VENV)/.examples  ## fit an LSTM to real glucose readings and draw its forecast
	MPLBACKEND=agg $(BIN)/python doc/examples/plot_glucose_forecast.py
	@echo "The figure is in glucose_forecast.png."

test: $(VENV)/.tests  ## all tests, the examples of the README and of the documentation's pages among them
	$(BIN)/pytest --pyargs -n 2 --dist worksteal  # the examples of the docstrings are those of the installed package

lint: $(VENV)/.lint  ## style of Python and Cython code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint sklstm  # it calls pycodestyle by name

doc: $(VENV)/.doc  ## the documentation, in doc/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html doc doc/_build/html

bench: $(VENV)/.benchmarks  ## speed, memory and size beside other libraries, into doc/benchmarks (about 15 minutes)
	$(BIN)/python -W ignore benchmarks/run.py

# The wheel, not the source folder, is what is tested and shown. It is built once, and anew when a source has changed.
$(VENV)/wheel: $(SOURCES) | $(VENV)
	rm -rf $@ build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $@ .

$(VENV)/.lint: pyproject.toml | $(VENV)
	$(BIN)/python -m pip install --quiet --group lint
	touch $@

$(VENV)/.%: $(VENV)/wheel
	$(BIN)/python -m pip install --quiet --no-deps --force-reinstall $</*.whl
	$(BIN)/python -m pip install --quiet "$$(ls $</*.whl)[$*]"
	touch $@

$(VENV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

sanitize:  ## ten fits and predictions under AddressSanitizer and UndefinedBehaviorSanitizer
	test -d $(VENV)-sanitize || $(PYTHON) -m venv $(VENV)-sanitize
	rm -rf build
	CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined" LDFLAGS="-fsanitize=address,undefined" \
		$(VENV)-sanitize/bin/python -m pip install --quiet .
	rm -rf build
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0 $(VENV)-sanitize/bin/python tests/memory_check.py

clean:
	rm -rf $(VENV) $(VENV)-sanitize build doc/_build doc/auto_examples doc/generated *.egg-info sklstm/_core/*.c sklstm/_core/*.so
