# Every target makes its own virtual environment where there is none and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VENVS := $(VENV) $(VENV)-sanitize $(VENV)-races
CLANG ?= clang
ARCHER = $(shell $(CLANG) -print-resource-dir)/../../libarcher.so
SANITIZERS := address,undefined,float-cast-overflow
SOURCES := setup.py pyproject.toml $(shell find sklstm -name '*.py' -o -name '*.p[yx][xd]' -o -name '*.h' -o -name '*.npz')

.NOTPARALLEL:  # wheels are built in one folder
.PHONY: demo test soak fuzz lint doc bench sanitize sanitize-tests races has-archer clean

demo: $(VENV)/.examples  ## fit an LSTM to real glucose readings and draw its forecast
	MPLBACKEND=agg $(BIN)/python doc/examples/plot_glucose_forecast.py
	@echo "The figure is in glucose_forecast.png."

test: $(VENV)/.tests  ## all tests, the examples of the README and of the documentation's pages among them
	$(BIN)/pytest --pyargs -n 2 --dist worksteal  # the examples of the docstrings are those of the installed package

soak: $(VENV)/.soak  ## what takes hours: everything below once, and the tests that are too long for every day
	$(BIN)/pytest --pyargs -m soak -n 2 --dist worksteal
	$(BIN)/pytest --hypothesis-profile=soak -o timeout=3600 -n 2 tests/properties
	$(MAKE) fuzz sanitize sanitize-tests races

fuzz: $(VENV)/.soak  ## 140,000 inputs for what reads files and converts data (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/run.py all -runs=10000

lint: $(VENV)/.lint  ## style of Python and Cython code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint sklstm  # it calls pycodestyle by name

doc: $(VENV)/.doc  ## the documentation, in doc/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html doc doc/_build/html

bench: $(VENV)/.benchmarks  ## speed, memory and size beside other libraries, into doc/benchmarks (about 15 minutes)
	$(BIN)/python -W ignore benchmarks/run.py

sanitize: $(VENV)-sanitize/.examples  ## fits, predictions, streams under sanitizers, on each instruction set (2 minutes)
	sets=$$($(SANITIZED) -P -c "from sklstm._core import kernels; print(*kernels.INSTRUCTION_SETS)") && \
		for set in $$sets; do SKLSTM_INSTRUCTION_SET=$$set $(SANITIZED) tests/memory_check.py || exit 1; done

sanitize-tests: $(VENV)-sanitize/.tests  ## all tests under them (an hour or more)
	$(SANITIZED) tests/sanitized_tests.py -n 2 --dist worksteal

races: has-archer $(VENV)-races/.examples  ## fits, predictions and streams on many threads, under ThreadSanitizer
	$(WATCHED) tests/thread_check.py

has-archer:
	@test -e $(ARCHER) || { echo "This needs Clang and LLVM's OpenMP, and their names if they have others:" \
		"apt-get install clang-14 libomp-14-dev; make races CLANG=clang-14"; exit 1; }

# The wheel, not the source folder, is what is tested and shown. It is built once, and anew when a source has changed.
$(VENVS:%=%/wheel): %/wheel: $(SOURCES) | %
	rm -rf $@ $@.part build
	$*/bin/python -m pip wheel --quiet --no-deps --wheel-dir $@.part .
	mv $@.part $@
	rm -rf build

# Bounds of memoryviews are checked besides, and reports name lines. (GCC's -fsanitize=bounds-strict does not know what
# CPython does with its tuples, and to divide a number by zero is no fault.)
$(VENV)-sanitize/wheel: export SKLSTM_DEBUG := 1
$(VENV)-sanitize/wheel: export CFLAGS := -fsanitize=$(SANITIZERS) -fno-sanitize-recover=$(SANITIZERS) -fno-omit-frame-pointer
$(VENV)-sanitize/wheel: export LDFLAGS := -fsanitize=address,undefined

# GCC's OpenMP is unknown to ThreadSanitizer, which then takes every parallel region for a race. LLVM's tells it, by
# Archer, which threads wait for which. GCC's runtime is preloaded: Clang's own fails in programs that it has not built.
$(VENV)-races/wheel: export SKLSTM_DEBUG := 1
$(VENV)-races/wheel: export CC := $(CLANG)
$(VENV)-races/wheel: export LDSHARED := $(CLANG) -shared
$(VENV)-races/wheel: export CFLAGS := -fsanitize=thread -fno-omit-frame-pointer

SANITIZED = LD_PRELOAD="$(foreach name,asan ubsan stdc++,$(shell gcc -print-file-name=lib$(name).so))" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	$(VENV)-sanitize/bin/python

WATCHED = LD_PRELOAD="$(shell gcc -print-file-name=libtsan.so)" TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
	OMP_TOOL_LIBRARIES=$(ARCHER) $(VENV)-races/bin/python

define install  # the wheel, and what the extra that the target is named after brings
	$(@D)/bin/python -m pip install --quiet --no-deps --force-reinstall $</*.whl
	$(@D)/bin/python -m pip install --quiet "$$(ls $</*.whl)[$(@F:.%=%)]"
	touch $@
endef

$(VENV)/.lint: pyproject.toml | $(VENV)
	$(BIN)/python -m pip install --quiet --group lint
	touch $@

$(VENV)/.%: $(VENV)/wheel
	$(install)

$(VENV)-sanitize/.%: $(VENV)-sanitize/wheel
	$(install)

$(VENV)-races/.%: $(VENV)-races/wheel
	$(install)

$(VENVS):
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --upgrade pip

clean:
	rm -rf $(VENVS) build doc/_build doc/auto_examples doc/generated *.egg-info sklstm/_core/*.c sklstm/_core/*.so
