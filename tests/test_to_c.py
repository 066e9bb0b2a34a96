"""Models as C headers: compiled with all warnings as errors, and against what the model predicts after each step."""

import copy
import itertools
import re
import subprocess

import numpy as np
import pytest
from c_library import C99, STRICT, Library
from c_models import (
    CASES,
    COUNTS,
    DECAYING,
    INT8,
    LABELS,
    LENGTHS,
    ONE_TARGET,
    TARGETS,
    THREE,
    TIMED,
    TOKENS,
    TWO,
    X,
    classifier,
    fitted,
    last,
    regressor,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

import sklstm
from sklstm import as_sequences, to_c
from sklstm.export._c_weights import quantised
from sklstm.layout import CELLS

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

# What headers may call: mathematics, and what C demands even where there is no library (section 4 of the standard).
LIBRARY = {"expf", "expm1f", "tanhf", "log1pf", "fminf", "fmaxf", "memcpy", "memset"}

READ_FINITE = [
    name
    for name, (model, sequences, _) in CASES.items()
    if last(model).embedding_dim is None and np.isfinite(as_sequences(sequences).values).all()
]


def predictions_so_far(model, X):
    """For each sequence, what a stream says after each of its steps: a list of (n_timesteps_i, n_outputs) arrays."""
    sequences, found = as_sequences(X), []
    for i, sequence in enumerate(sequences):
        stream, times = sklstm.stream(model), sequences[[i]].times
        steps = zip(sequence, [None] * len(sequence) if times is None else times, strict=True)
        found.append(np.array([np.ravel(stream.step(x, time)) for x, time in steps]))
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The fitted models by name, and a library of them all, of some with int8 weights too."""
    folder = tmp_path_factory.mktemp("c")
    models = {name: fitted(*case) for name, case in CASES.items()}
    for name, model in models.items():
        to_c(model, folder / f"{name}.h")
    for name in INT8:
        to_c(models[name], folder / f"{name}_int8.h", int8=True)
    return models, Library(folder, [*CASES, *(f"{name}_int8" for name in INT8)]), folder


def run(library, name, X, n_outputs):
    """What a header says after each step of sequences that go on at the same time."""
    sequences = as_sequences(X)
    states, found = [library.state(name) for _ in LENGTHS], [[] for _ in sequences]
    for state in states:
        library.reset(name, state)
    for t in range(max(sequences.lengths)):
        for i, state in enumerate(states):
            if t < sequences.lengths[i]:
                times = None if sequences.times is None else sequences[[i]].times
                # At a first step, the gap is to be ignored.
                gap = 99.0 if times is None or t == 0 else times[t] - times[t - 1]
                found[i].append(library.step(name, state, sequences[i][t], gap, n_outputs))
    return [np.array(steps) for steps in found]


def assert_close(found, expected):
    """To 1e-5 of the largest of each output."""
    largest = np.abs(np.concatenate(expected)).max(axis=0)
    for actual, wanted in zip(found, expected, strict=True):
        assert_allclose(actual / largest, wanted / largest, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_step_says_what_the_model_does_of_the_sequence_so_far(compiled, name):
    models, library, _ = compiled
    expected = predictions_so_far(models[name], CASES[name][1])
    assert_close(run(library, name, CASES[name][1], expected[0].shape[1]), expected)


def test_attention_to_steps_of_scores_far_below_zero(tmp_path):
    model = fitted(regressor(pooling="attention"), X, TARGETS)
    network = model._network
    network.part("attention.b")[:], network.part("attention.v")[:] = 3, -100
    network.fixed = True
    to_c(model, tmp_path / "low.h")
    assert_close(run(Library(tmp_path, ["low"]), "low", X, 2), predictions_so_far(model, X))


def dequantised(model):
    """A model with the weights that int8 leaves of its own."""
    model = copy.deepcopy(model)
    network, n_top = last(model)._network, last(model)._network.architecture.n_top
    for name, (_, shape) in network.parts.items():
        if len(shape) == 2:
            W = network.part(name)
            blocks = [W.T] if name == "embedding.W" else [W[:n_top], W[n_top:]] if name == "output.W" else [W]
            for block in filter(len, blocks):
                whole, scales = quantised(block.T)
                block[:] = (whole * scales[:, np.newaxis]).T
    network.fixed = True
    return model


@pytest.mark.parametrize("name", INT8)
def test_int8_weights_are_whole_multiples_of_a_scale_a_row(compiled, name):
    models, library, _ = compiled
    expected = predictions_so_far(dequantised(models[name]), CASES[name][1])
    found = run(library, f"{name}_int8", CASES[name][1], expected[0].shape[1])
    assert_close(found, expected)
    floats = predictions_so_far(models[name], CASES[name][1])
    error = max(np.abs(a - b).max() for a, b in zip(found, floats, strict=True))
    assert 0 < error < 0.1 * np.ptp(np.concatenate(floats))


def test_quantised_keeps_half_a_unit_of_each_row():
    W = (
        np.random.RandomState(0).normal(size=(7, 30)).astype(np.float32)
        * np.logspace(-3, 3, 7, dtype=np.float32)[:, None]
    )
    W[3] = 0
    whole, scales = quantised(W)
    assert whole.dtype == np.int8
    assert_array_equal(np.abs(whole).max(axis=1), [127] * 3 + [0] + [127] * 3)
    assert (np.abs(whole * scales[:, np.newaxis] - W) <= 0.5001 * scales[:, np.newaxis]).all()


def test_a_reset_forgets_the_sequence_and_zeros_are_a_reset_state(compiled):
    _, library, _ = compiled
    for name, (_, sequences, _) in CASES.items():
        x = as_sequences(sequences)[1]
        used, fresh = library.state(name), library.state(name)
        fresh[:] = 0
        for state in (used, fresh):
            if state is used:
                library.reset(name, state)
                for row in x[::-1]:
                    library.step(name, state, row, 2.0, 9)
                library.reset(name, state)
            for row in x:
                library.step(name, state, row, 0.5, 9)
        assert_array_equal(used, fresh, err_msg=name)


def test_unknown_tokens_are_those_outside_the_vocabulary(compiled):
    models, library, _ = compiled
    model = models["lstm_tokens"]
    expected = model.predict_proba([np.array([1, 6, 2])])[0]
    for unknown in (6, 7, 2_000_000, -1, -2_000_000):
        state = library.state("lstm_tokens")
        library.reset("lstm_tokens", state)
        for token in (1, unknown, 2):
            y = library.step("lstm_tokens", state, [token], 0.0, 3)
        assert_allclose(y, expected, atol=1e-6)


def n_outputs(folder, name):
    return int(re.search(r"_N_OUTPUTS (\d+)", (folder / f"{name}.h").read_text())[1])


@pytest.mark.parametrize("name", READ_FINITE)
def test_one_nan_stays_until_the_reset(compiled, name):
    _, library, folder = compiled
    x, n = np.array(as_sequences(CASES[name][1])[3]), n_outputs(folder, name)
    x[1, 0] = np.nan
    state = library.state(name)
    for _ in range(2):
        library.reset(name, state)
        said = [library.step(name, state, row, 1.0, n) for row in x]
        assert np.isfinite(said[0]).all()
        assert np.isnan(said[1:]).all()


@pytest.mark.parametrize("name", ["lstm_times", "gru_times", "decay_mean", "behind_clip"])
def test_a_gap_of_nan_stays_until_the_reset(compiled, name):
    _, library, folder = compiled
    x, n, state = as_sequences(CASES[name][1])[3], n_outputs(folder, name), library.state(name)
    library.reset(name, state)
    library.step(name, state, x[0], np.nan, n)  # which is ignored
    assert np.isfinite(library.step(name, state, x[1], 1.0, n)).all()
    library.step(name, state, x[2], np.nan, n)
    assert np.isnan([library.step(name, state, row, 1.0, n) for row in x[3:]]).all()


# ------------------------------------------------------------------------------------------- what it is in C


def test_headers_use_nothing_but_the_library_and_have_no_variables(compiled, tmp_path):
    _, _, folder = compiled
    names = [
        "peephole_attention",
        "gru_tanh_hard_sigmoid",
        "skip_steps",
        "quantiles",
        "poisson",
        "labels",
        "behind_two_int8",
    ]
    Library.write_source(folder, names, tmp_path / "some.c")
    subprocess.run([*C99, "-fno-pic", f"-I{folder}", "-c", "-o", tmp_path / "o", tmp_path / "some.c"], check=True)
    symbols = subprocess.run(["nm", tmp_path / "o"], check=True, capture_output=True, text=True).stdout.splitlines()
    found = [symbol.split()[-2:] for symbol in symbols]
    assert {name for kind, name in found if kind == "U"} <= LIBRARY
    assert {kind for kind, _ in found} <= {"U", "T", "t", "r"}, found  # functions and constants


@pytest.mark.parametrize("name", ["lstm_stack", "lstm_stack_int8", "tokens_max", "gru_times_int8", "skip_attention"])
def test_sizes_are_as_told(compiled, tmp_path, name):
    _, library, folder = compiled
    source = f'#include "{name}.h"\nvoid f({name}_state *s);\nvoid f({name}_state *s) {{ {name}_reset(s); }}\n'
    (tmp_path / "one.c").write_text(source)
    subprocess.run(["cc", "-fno-pic", f"-I{folder}", "-c", "-o", tmp_path / "one.o", tmp_path / "one.c"], check=True)
    symbols = subprocess.run(["nm", "-S", tmp_path / "one.o"], check=True, capture_output=True, text=True).stdout
    constants = re.findall(rf"\S+ (\S+) r {name}_(\S+)", symbols)
    descriptions = re.compile(r"(layer_\d+|embedding|decay_h|attention|output|skip)")
    n_bytes = sum(int(size, 16) for size, constant in constants if not descriptions.fullmatch(constant))
    told = " ".join(re.findall(r"\d+ bytes", (folder / f"{name}.h").read_text())[:2])
    assert told == f"{n_bytes} bytes {len(library.state(name))} bytes"


def test_weights_as_int8_take_a_quarter(tmp_path):
    to_c(fitted(regressor((64, 64)), X, TARGETS), tmp_path / "floats.h")
    to_c(fitted(regressor((64, 64)), X, TARGETS), tmp_path / "whole.h", int8=True)
    floats, whole = (
        int(re.search(r"(\d+) bytes", (tmp_path / name).read_text())[1]) for name in ("floats.h", "whole.h")
    )
    assert 0.25 < whole / floats < 0.3


def test_poolings_heads_and_inputs_in_all_combinations(tmp_path):
    heads = {
        "values": (regressor, {}, TARGETS),
        "quantiles": (regressor, {"loss": "quantile", "quantile": [0.1, 0.9]}, TARGETS),
        "rates": (regressor, {"loss": "poisson"}, COUNTS),
        "two": (classifier, {}, TWO),
        "three": (classifier, {}, THREE),
        "labels": (classifier, {}, LABELS),
    }
    inputs = {
        "values": (X, {}),
        "changes": (X, {"skip_connection": True}),
        "decay": (DECAYING, {"missing": "decay"}),
        "times": (TIMED, {"missing": "decay"}),
        "tokens": (TOKENS, {"embedding_dim": 2}),
    }
    names = []
    for pooling, (head, (kind, of_head, y)), (read, (sequences, of_input)) in itertools.product(
        ["last", "mean", "max", "attention"], heads.items(), inputs.items()
    ):
        name = f"{pooling}_{head}_{read}"
        model = kind(1, cell=list(CELLS)[len(names) % len(CELLS)], pooling=pooling, **of_head, **of_input)
        to_c(model.fit(sequences, y), tmp_path / f"{name}.h")
        names.append(name)
    (tmp_path / "all.c").write_text("\n".join(f'#include "{name}.h"' for name in names))
    subprocess.run([*C99, "-fsyntax-only", tmp_path / "all.c"], check=True)


def test_headers_are_cplusplus_too(compiled):
    _, _, folder = compiled
    source = "\n".join(f'#include "{name}.h"' for name in CASES)
    (folder / "all.cpp").write_text(source)
    subprocess.run(["g++", "-std=c++11", *STRICT, "-fsyntax-only", folder / "all.cpp"], check=True)


def test_a_program_with_two_models_prints_what_both_predict(tmp_path):
    first, second = fitted(regressor(), X, ONE_TARGET), fitted(classifier(cell="gru"), X, TWO)
    to_c(first, tmp_path / "model.h", name="first")
    to_c(second, tmp_path / "other-model.h", name="Second1", int8=True)
    (tmp_path / "main.c").write_text(
        """
        #include <stdio.h>
        #include "model.h"
        #include "other-model.h"
        #include "model.h"

        int main(void)
        {
            static first_state one;
            Second1_state two;
            float x[FIRST_N_FEATURES], y[FIRST_N_OUTPUTS] = {0}, p[SECOND1_N_OUTPUTS] = {0};
            Second1_reset(&two);
            while (scanf("%f %f %f", x, x + 1, x + 2) == 3) {
                first_step(&one, x, y);
                Second1_step(&two, x, p);
            }
            printf("%.9g %.9g %.9g", (double)y[0], (double)p[0], (double)p[1]);
            return 0;
        }
        """
    )
    subprocess.run([*C99, "-o", tmp_path / "main", tmp_path / "main.c", "-lm"], check=True)
    rows = "\n".join(" ".join(f"{value:.9g}" for value in row) for row in X[1])
    printed = subprocess.run([tmp_path / "main"], input=rows, check=True, capture_output=True, text=True).stdout
    expected = [*first.predict([X[1]]), *dequantised(second).predict_proba([X[1]])[0]]
    assert_allclose(np.array(printed.split(), dtype=float), expected, rtol=1e-5)


def refusal(folder, source, *options):
    """What the compiler says of a file that it does not take."""
    (folder / "refused.c").write_text(source)
    command = ["cc", "-std=c99", *options, "-fsyntax-only", folder / "refused.c"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0
    return result.stderr


@pytest.mark.parametrize("name", ["model", "Model"])
def test_two_models_of_one_name_do_not_compile(tmp_path, name):
    to_c(fitted(regressor(), X, ONE_TARGET), tmp_path / "one.h", name="model")
    to_c(fitted(regressor(activation="relu"), X, ONE_TARGET), tmp_path / "other.h", name=name)
    assert f"another model is called {name} too" in refusal(tmp_path, '#include "one.h"\n#include "other.h"\n')


def test_fast_math_does_not_compile(compiled):
    _, _, folder = compiled
    assert "-ffast-math loses NaN" in refusal(folder, '#include "one_target.h"\n', "-ffast-math")


def test_other_files_may_have_the_state_without_the_weights(compiled, tmp_path):
    _, _, folder = compiled
    header = '#define LSTM_TIMES_NO_WEIGHTS\n#include "lstm_times.h"\n#undef LSTM_TIMES_NO_WEIGHTS\n'
    device = "struct device { lstm_times_state state; float y[LSTM_TIMES_N_OUTPUTS]; };\n"
    (tmp_path / "device.h").write_text(header + device)
    use = "float f(struct device *d);\nfloat f(struct device *d) { BODY }\n"
    (tmp_path / "alone.c").write_text('#include "device.h"\n' + use.replace("BODY", "return d->y[0];"))
    step = "float x[LSTM_TIMES_N_FEATURES] = {0}; lstm_times_step(&d->state, x, 1.0f, d->y); return d->y[0];"
    (tmp_path / "both.c").write_text('#include "device.h"\n#include "lstm_times.h"\n' + use.replace("BODY", step))
    for name in ["alone", "both"]:
        subprocess.run([*C99, f"-I{folder}", "-c", "-o", tmp_path / f"{name}.o", tmp_path / f"{name}.c"], check=True)
    for name, there in [("alone", False), ("both", True)]:
        command = ["cc", "-E", f"-I{folder}", tmp_path / f"{name}.c"]
        source = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert ("lstm_times_output_b[" in source) == there


def test_the_file_is_text_whatever_names_and_classes_are(tmp_path):
    names, classes = ["*/ #error", "Größe??/", 'a "b"\\\n'], np.array(["/* ja", "nein */", "ä"])
    model = classifier().fit(as_sequences(list(X), feature_names=names), classes[THREE - 7])
    to_c(model, tmp_path / "model.h")
    text = (tmp_path / "model.h").read_text(encoding="ascii")
    assert [line for line in text.splitlines() if line.startswith((" *     x[", " *     y["))] == [
        ' *     x[0]  "* / #error"',
        ' *     x[1]  "Gr\\u00f6\\u00dfe? ?/"',
        ' *     x[2]  "a \\"b\\"\\\\\\n"',
        ' *     y[0]  probability of class "/ * ja"',
        ' *     y[1]  probability of class "nein * /"',
        ' *     y[2]  probability of class "\\u00e4"',
    ]
    subprocess.run([*C99, "-fsyntax-only", "-x", "c", tmp_path / "model.h"], check=True)
