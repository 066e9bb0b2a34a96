"""Files that say of a model what cannot be: only a ValueError comes of them, and it says what is wrong."""

import copy

import numpy as np
import pytest
from checks import slow_to_converge
from fuzz.watch import only_reads
from store_models import CUBE, FOLDER, INPUTS, WORDS, fitted

import sklstm
from sklstm.saving import storage

pytestmark = slow_to_converge


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """The documents and arrays of some models, by name."""
    path = tmp_path_factory.mktemp("models") / "model.sklstm"
    contents = {}
    for name in ["lstm", "multilabel", "decay", "embedding", "weighted", "union", "text", "quantile"]:
        sklstm.save(fitted(name), path)
        contents[name] = storage.read(path)
    return contents


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads what is written from a document and arrays, and nothing but that happens."""
    monkeypatch.setattr(storage.os, "fsync", lambda file: None)  # it takes most of the time

    def write_and_load(document, arrays):
        path = tmp_path / "model.sklstm"
        storage.write(path, document, arrays)
        with only_reads(path):
            return sklstm.load(path)

    return write_and_load


def changed(contents, keys, value):
    """A copy of a document and arrays where something else stands at one place, or nothing."""
    document, arrays = copy.deepcopy(contents[0]), dict(contents[1])
    *above, last = keys.split("/")
    place = document
    for key in above:
        place = place[int(key) if key.isdecimal() else key]
    last = int(last) if last.isdecimal() else last
    if value is DELETED:
        del place[last]
    else:
        place[last] = value
    return document, arrays


DELETED = object()


def _named(row):
    _, keys, value, _ = row
    return f"{keys}=deleted" if value is DELETED else f"{keys}={value!r:.30}"


LEARNT, ARCHITECTURE = "model/learnt", "model/learnt/architecture"
DEEP = {"tuple": []}
for _ in range(400):
    DEEP = {"tuple": [DEEP]}

WRONG = [
    ("lstm", "format", "sklstm checkpoint", "it holds no model"),
    ("lstm", "format_number", 0, "the format's number must be a whole number from 1"),
    ("lstm", "format_number", True, "the format's number must be a whole number"),
    ("lstm", "model", DELETED, "the document must say format, format_number, written_by, model"),
    ("lstm", "more", 1, "the document must say .*, got .*'more'"),
    ("lstm", "model", None, "model must say class"),
    ("lstm", "model/class", "os.system", "class must be one of .*, got 'os.system'"),
    ("lstm", "model/class", ["LSTMRegressor"], "class must be one of"),
    ("lstm", "model/class", "LSTMClassifier", "has a parameter 'delta', which LSTMClassifier does not know"),
    ("lstm", "model/parameters", [], "model has no parameters"),
    ("lstm", "model/parameters/cell", "nothing", "The 'cell' parameter of LSTMRegressor must be"),
    ("lstm", "model/parameters/cell", {"import": "os"}, "cell is of an unknown kind, 'import'"),
    ("lstm", "model/parameters/alpha", -1, "The 'alpha' parameter"),
    ("lstm", "model/parameters/alpha", {"float": "1e5"}, "alpha must be one of nan, inf, -inf"),
    ("lstm", "model/parameters/tol", {"scalar": ["V8", 0]}, "tol has the type 'V8'"),
    ("lstm", "model/parameters/tol", {"scalar": ["<f4", "0"]}, "tol is '0', which is no float32"),
    ("lstm", "model/parameters/tol", {"array": "nothing"}, "tol asks for an array 'nothing', which there is not"),
    ("lstm", "model/parameters/tol", {"array": "output.W"}, "The 'tol' parameter of LSTMRegressor"),
    ("lstm", "model/parameters/hidden_layer_sizes", DEEP, "what no model can be.*Recursion"),
    ("lstm", "model/parameters/quantile", {"objects": ["<U999999", [1], ["a"] * 99]}, "would take too much memory"),
    ("lstm", "model/parameters/quantile", [{"objects": ["<U99999", [9], ["a"] * 9]}] * 9, "would take too much memory"),
    ("lstm", "model/parameters/quantile", {"dict": [[2**61 - 1, 0], [2**70, 0]]}, "which no 64 bits hold"),
    ("lstm", "model/parameters/n_jobs", 10**6, "would start as many processes or threads"),
    ("lstm", "model/parameters/checkpoint", "/tmp", "model has a checkpoint"),
    ("union", "model/parameters/steps/0/1/parameters/n_jobs", -5000, "would start as many processes"),
    ("lstm", "model/parameters/quantile", {"objects": ["|O", [-1], [1]]}, "must be a whole number from 0"),
    ("lstm", "model/parameters/quantile", {"dict": [[[], 1]]}, "has a key that cannot be one"),
    ("lstm", "model/parameters/quantile", {"dict": [[{"tuple": [-1, -2]}, 0]]}, "has a key that cannot be one"),
    ("lstm", "model/requests", {"fit": {"groups": 1}}, "requests of fit must be texts"),
    ("lstm", "model/requests", {"__init__": {}}, "requests must be one of fit"),
    ("lstm", "model/features/n_features_in", 0, "n_features_in_ must be a whole number from 1"),
    ("lstm", "model/features/n_features_in", 3, "n_features is 2, but the inputs have 3"),
    ("lstm", "model/features/names", ["a"], "feature_names_in_ must be 2 names"),
    ("lstm", "model/features/names", ["a", 1], "feature_names_in_ must hold texts only"),
    ("lstm", f"{ARCHITECTURE}/cell", "nothing", "The 'cell' parameter"),
    ("lstm", f"{ARCHITECTURE}/cell", "gru", r"layer_0.W_h must be an array of float32 of shape \(3, 9\), got"),
    ("lstm", f"{ARCHITECTURE}/dtype", "float64", "must be an array of float64"),
    ("lstm", f"{ARCHITECTURE}/hidden_layer_sizes", [2**62], "positive numbers of units, up to"),
    ("lstm", f"{ARCHITECTURE}/hidden_layer_sizes", [2**19], r"must be an array .* of shape \(524288,"),
    ("lstm", f"{ARCHITECTURE}/hidden_layer_sizes", [3, 0], "hidden_layer_sizes must be positive"),
    ("lstm", f"{ARCHITECTURE}/hidden_layer_sizes", [], "hidden_layer_sizes must be positive"),
    ("lstm", f"{ARCHITECTURE}/hidden_layer_sizes", [3, 3], "weights must say"),
    ("lstm", f"{ARCHITECTURE}/bidirectional", 1, "bidirectional must be true or false"),
    ("lstm", f"{ARCHITECTURE}/bidirectional", True, "weights must say"),
    ("lstm", f"{ARCHITECTURE}/skip_connection", "auto", "skip_connection must be true or false"),
    ("lstm", f"{ARCHITECTURE}/skip_connection", False, "output.W must be an array of float32 of shape"),
    ("lstm", f"{ARCHITECTURE}/n_features", -1, "n_features must be a whole number from 1"),
    ("lstm", f"{ARCHITECTURE}/n_features", 2.0, "n_features must be a whole number"),
    ("lstm", f"{ARCHITECTURE}/n_outputs", 0, "n_outputs must be a whole number from 1"),
    ("lstm", f"{ARCHITECTURE}/n_tokens", 5, "an embedding that goes with no tokens, or tokens with none"),
    ("lstm", f"{ARCHITECTURE}/more", 5, "architecture may say .*, got .*more"),
    ("lstm", f"{LEARNT}/weights/output.b", DELETED, "weights must say"),
    ("lstm", f"{LEARNT}/inputs/have_times", None, "inputs.have_times must be true or false"),
    ("lstm", f"{LEARNT}/targets/loss", "quantile_error", "The 'loss' parameter"),
    ("lstm", f"{LEARNT}/targets/loss", "gaussian_nll", "n_outputs is 1, which does not go with the loss"),
    ("lstm", f"{LEARNT}/history/loss_curve", [], "loss_curve_ must be numbers"),
    ("lstm", f"{LEARNT}/history/loss_curve", ["1"], "loss_curve_ must be numbers"),
    ("lstm", f"{LEARNT}/history/best_loss", None, "best_loss_ must be numbers"),
    ("lstm", f"{LEARNT}/history/n_iter", 0, "n_iter_ must be a whole number from 1"),
    ("lstm", f"{LEARNT}/training/optimizer/kind", "SGD", "optimizer must say kind, learning_rate, momentum"),
    ("lstm", f"{LEARNT}/training/optimizer/n_steps", -1, "optimizer.n_steps must be a whole number from 0"),
    ("lstm", f"{LEARNT}/training/optimizer/beta_1", "0.9", "optimizer.beta_1 must be a number"),
    ("lstm", f"{LEARNT}/training/random_state", 0, "training must say a random state and an optimizer"),
    ("lstm", f"{LEARNT}/training/random_state/random_state/pos", 625, "pos.* must be a whole number from 0 to 624"),
    ("quantile", f"{LEARNT}/targets/quantile", [0.1, 0.9], "n_outputs is 3, which does not go"),
    ("quantile", f"{LEARNT}/targets/quantile", [0.9, 0.5, 0.1], "quantile must be"),
    ("multilabel", f"{LEARNT}/targets/multilabel", False, "class_factors must say array"),
    ("weighted", f"{LEARNT}/targets/classes", ["high", "low", "mid"], "classes_ must be an array"),
    ("weighted", f"{LEARNT}/targets/classes/objects/2", ["high", "low", "low"], "different and in order"),
    ("weighted", f"{LEARNT}/targets/classes/objects/1", [2], "classes_ has the shape"),
    ("weighted", f"{LEARNT}/targets/classes/objects/2/0", {"dict": []}, "what no model can be"),
    ("decay", f"{ARCHITECTURE}/missing", "error", "weights must say"),
    ("decay", f"{ARCHITECTURE}/bidirectional", True, 'bidirectional=True does not go with missing="decay"'),
    ("embedding", f"{ARCHITECTURE}/n_tokens", 1000, r"embedding.W must be an array of float32 of shape \(1001, 2\)"),
    ("embedding", f"{ARCHITECTURE}/embedding_dim", None, "an embedding that goes with no tokens"),
    ("union", "model/parameters/memory", "/tmp", "model has a memory"),
    ("union", "model/parameters/steps", [], "steps must have names"),
    ("union", "model/parameters/steps/0/0", "sequenceimputer", "steps must have names, each its own"),
    ("union", "model/parameters/steps/0/1/parameters/n_jobs", "1", "The 'n_jobs' parameter of SequenceUnion"),
    ("union", "model/parameters/steps/1/1/learnt/features_with_missing", [0], "must be numbers of features"),
    ("union", "model/parameters/steps/1/1/output", "os", "sequenceimputer__output must be one of default"),
    ("text", "model/parameters/steps/0/1/learnt/vocabulary", [1], "vocabulary must hold texts only"),
]  # fmt: skip


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.sklstm")), ids=lambda path: path.stem)
def test_loading_opens_one_file_and_does_nothing_else(path):
    with only_reads(path):
        sklstm.load(path)


@pytest.mark.parametrize(("name", "keys", "value", "message"), WRONG, ids=map(_named, WRONG))
def test_what_no_model_can_be(name, keys, value, message, contents, load):
    with pytest.raises(ValueError, match=rf"(?s)model\.sklstm' cannot be loaded: .*({message})"):
        load(*changed(contents[name], keys, value))


WRONG_ARRAYS = {
    "of no numbers": (lambda array: array * np.float32(np.nan), "holds numbers that are not finite"),
    "of infinity": (lambda array: array + np.float32(np.inf), "holds numbers that are not finite"),
    "shorter": (lambda array: array[:-1], "must be an array of"),
    "empty": (lambda array: array[:0], "must be an array of"),
    "with an axis more": (lambda array: array[np.newaxis], "must be an array of"),
    "of another type": (lambda array: array.astype(np.float16), "must be an array of"),
}


@pytest.mark.parametrize("array", ["layer_0.W_h", "output.b", "inputs.scale", "targets.shift"])
@pytest.mark.parametrize(("change", "message"), WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_arrays_that_do_not_fit(array, change, message, contents, load):
    document, arrays = contents["lstm"]
    with pytest.raises(ValueError, match=f"{array} {message}"):
        load(document, {**arrays, array: change(arrays[array])})


def test_random_numbers_that_never_come(contents, load):
    document, arrays = contents["lstm"]
    with pytest.raises(ValueError, match=r"random_numbers\.key is zero"):
        load(document, {**arrays, "random_numbers.key": 0 * arrays["random_numbers.key"]})


def test_no_array_is_left_over_or_missing(contents, load):
    document, arrays = contents["lstm"]
    with pytest.raises(ValueError, match="nothing is said of the array 'more'"):
        load(document, {**arrays, "more": np.zeros(1)})
    with pytest.raises(ValueError, match=r"optimizer\.first asks for an array 'optimizer\.first', which there is not"):
        load(document, {name: array for name, array in arrays.items() if name != "optimizer.first"})


def test_a_newer_format_says_who_wrote_it(contents, load):
    document, arrays = changed(contents["lstm"], "format_number", 2)
    document["written_by"]["sklstm"] = "7.3.1"
    message = r"was written by sklstm 7\.3\.1, in format 2, but sklstm .* reads formats up to 1\. Install that version"
    with pytest.raises(ValueError, match=message):
        load({**document, "something": "new"}, arrays)
    with pytest.raises(ValueError, match="was written by sklstm None, in format 2"):
        load({**document, "written_by": []}, arrays)


def test_parameters_that_the_file_does_not_know_have_their_defaults(contents, load):
    document, arrays = changed(contents["lstm"], "model/parameters/max_memory", DELETED)
    del document["model"]["learnt"]["architecture"]["missing"]
    model = load(document, arrays)
    assert model.max_memory is None
    assert model.predict(CUBE).shape == (12,)


VALUES = None, True, 0, -1, 3, 2**40, 2**63, 10**30, -0.5, 1e308, "", "gru", "decay", [], [[1]], {}, {"tuple": [1]}


def places(said, path=()):
    """The keys to everything in a document."""
    for key, value in said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


@pytest.mark.parametrize("name", ["lstm", "decay", "union", "text"])
def test_anything_anywhere_is_a_model_or_a_value_error(name, contents, load):
    document, arrays = contents[name]
    rng, everywhere, n_loaded = np.random.default_rng(0), list(places(document)), 0
    for i in rng.choice(len(everywhere), 120):
        *above, last = everywhere[i]
        wrong = copy.deepcopy(document)
        place = wrong
        for key in above:
            place = place[key]
        place[last] = VALUES[rng.integers(len(VALUES))]
        try:
            model = load(wrong, arrays)
        except ValueError:
            continue
        n_loaded += 1
        try:
            model.predict(INPUTS["named" if name in ("decay", "union") else "texts" if name == "text" else "cube"])
            model[-1].partial_fit(CUBE, WORDS) if hasattr(model, "steps") else model.partial_fit(CUBE, WORDS)
        except (ValueError, TypeError, AttributeError, OverflowError, MemoryError):
            pass  # as with parameters that were set wrong by hand
    assert n_loaded < 50
