"""Models from files: they predict and go on as those that were saved, those of earlier versions too."""

import copy
import re
from datetime import timedelta

import numpy as np
import pytest
import sklearn
import store_models
from checks import assert_same_bits, slow_to_converge
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metadata_routing import get_routing_for_object
from store_models import CUBE, FOLDER, INPUTS, MODELS, NUMBERS, WORDS, fitted, predictions

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.layout import CELLS, POOLINGS
from sklstm.losses import REGRESSION_LOSSES
from sklstm.preprocessing import (
    SequenceFeatures,
    SequenceImputer,
    SequenceResampler,
    SequenceScaler,
    SequenceSelector,
    SequenceTokenizer,
    SequenceUnion,
    TimeFeatures,
    ToSequences,
)
from sklstm.saving import storage

pytestmark = slow_to_converge

STORED = sorted(FOLDER.glob("*/*.sklstm"))


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(storage.os, "fsync", lambda file: None)  # it takes most of the time
    return tmp_path / "model.sklstm"


def saved_and_loaded(model, path):
    """The model from a file; nothing may be lost on the way, nor on the way back."""
    sklstm.save(model, path)
    before, loaded = path.read_bytes(), sklstm.load(path)
    sklstm.save(loaded, path)
    assert path.read_bytes() == before
    assert without_places(repr(loaded)) == without_places(repr(model))
    assert without_places(repr(loaded.get_params())) == without_places(repr(model.get_params()))
    assert set(vars(loaded)) == set(vars(model))
    return loaded


def without_places(text):
    """A representation without where objects lie in memory."""
    return re.sub("0x[0-9A-F]+", "", text)


def small(Estimator=LSTMClassifier, **parameters):
    return Estimator(2, **{"max_iter": 2, "random_state": 0, **parameters})


# ---------------------------------------------------------------------------------------------- of earlier versions


@pytest.mark.parametrize("file", STORED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_stored_models_predict_the_same(file):
    with np.load(file.parent / "inputs.npz") as arrays:
        X = store_models.inputs(arrays)[MODELS[file.stem][1]]
    model, expected = sklstm.load(file), np.load(file.with_suffix(".npy"))
    # What other processors sum in another order differs in the last digits.
    tolerance = 1e-12 if getattr(model, "dtype", None) == "float64" else 2e-6
    assert_allclose(predictions(model, X), expected, rtol=tolerance, atol=tolerance)
    clone(model)


def test_models_are_stored_of_all_there_is():
    stored = [sklstm.load(file) for file in STORED]
    models = [model[-1] if hasattr(model, "steps") else model for model in stored]
    for name, known in [("cell", CELLS), ("pooling", POOLINGS), ("loss", REGRESSION_LOSSES)]:
        missing = set(known) - {getattr(model, name, None) for model in models}
        assert not missing, f"add models of {missing} to tests/store_models.py and run it"
    assert {file.stem for file in STORED} == set(MODELS)


# ---------------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("name", MODELS)
def test_what_is_loaded_is_what_was_saved(name, path):
    model = fitted(name)
    loaded = saved_and_loaded(model, path)
    X = INPUTS[MODELS[name][1]]
    assert_same_bits(predictions(loaded, X), predictions(model, X))
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert getattr(loaded, "n_features_in_", 0) == getattr(model, "n_features_in_", 0)
    if hasattr(model, "predict_proba"):
        assert_array_equal(loaded.decision_function(X), model.decision_function(X))


def test_save_is_a_method_too(path):
    model = fitted("gaussian_nll")
    model.save(str(path))
    for loaded, expected in zip(
        sklstm.load(str(path)).predict(CUBE, return_std=True), model.predict(CUBE, return_std=True), strict=True
    ):
        assert_same_bits(loaded, expected)


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize("Estimator", [LSTMRegressor, LSTMClassifier])
@pytest.mark.parametrize("random_state", [None, 3])
def test_partial_fit_goes_on_from_the_file(Estimator, solver, random_state, path):
    y = NUMBERS if Estimator is LSTMRegressor else WORDS
    model = small(Estimator, solver=solver, random_state=random_state, dropout=0.2).partial_fit(CUBE, y)
    loaded = saved_and_loaded(model, path)
    for _ in range(2):
        loaded.partial_fit(CUBE, y)
        model.partial_fit(CUBE, y)
    assert_same_bits(predictions(loaded, CUBE), predictions(model, CUBE))
    assert loaded.loss_curve_ == model.loss_curve_
    assert loaded.t_ == model.t_


def test_partial_fit_goes_on_from_the_file_after_set_weights(path):
    model = small(LSTMRegressor).partial_fit(CUBE, NUMBERS)
    loaded = saved_and_loaded(model.set_weights(model.get_weights()), path)
    for each in [model, loaded]:
        each.partial_fit(CUBE, NUMBERS)
    assert_same_bits(loaded.predict(CUBE), model.predict(CUBE))


def test_a_folder_of_the_machine_that_fits_is_not_saved(path, tmp_path):
    model = small(LSTMRegressor, checkpoint=tmp_path / "checkpoints").fit(CUBE, NUMBERS)
    model.save(path)
    loaded = sklstm.load(path)
    assert loaded.checkpoint is None
    assert_same_bits(loaded.predict(CUBE), model.predict(CUBE))


def test_warm_start_goes_on_from_the_file(path):
    model = small(LSTMRegressor, warm_start=True).fit(CUBE, NUMBERS)
    loaded = saved_and_loaded(model, path)
    assert_same_bits(loaded.fit(CUBE, NUMBERS).predict(CUBE), model.fit(CUBE, NUMBERS).predict(CUBE))


LABELS = {
    "objects": np.array(["ü", "\ud800"], dtype=object),
    "texts": np.array(["a", "longer"]),
    "truth": np.array([True, False]),
    "bytes": np.array([3, 200], dtype=np.uint8),
    "negative": np.array([-1, 5, 7]),
    "floats": np.array([1.0, 2.0, 3.0]),
    "dates": np.array(["2020-01-01", "2021-01-01"], dtype="M8[D]"),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_keep_their_type(labels, path):
    model = small(class_weight={labels[0]: 2.0}).fit(CUBE, labels[np.arange(12) % len(labels)])
    loaded = saved_and_loaded(model, path)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert [type(label) for label in loaded.classes_] == [type(label) for label in model.classes_]
    assert_array_equal(loaded.predict(CUBE), model.predict(CUBE))


PARAMETERS = {
    "random_state": np.random.RandomState(3),
    "n_iter_no_change": np.inf,
    "learning_rate_init": np.float32(0.1),
    "hidden_layer_sizes": np.array([2, 3]),
    "batch_size": np.int64(7),
    "shuffle": np.False_,
    "cell": np.str_("gru"),
    "quantile": (0.1, 0.9),
    "max_memory": 10,
    "early_stopping": True,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_keep_their_type(name, path):
    model = small(LSTMRegressor, loss="quantile" if name == "quantile" else "huber")
    model.set_params(**{name: copy.deepcopy(PARAMETERS[name])}).fit(CUBE, NUMBERS)
    loaded = saved_and_loaded(model, path).get_params()[name]
    assert type(loaded) is type(PARAMETERS[name])
    assert getattr(loaded, "dtype", None) == getattr(PARAMETERS[name], "dtype", None)
    if name == "random_state":
        assert_array_equal(loaded.random_sample(5), model.random_state.random_sample(5))


def test_parameters_may_have_changed_since_the_fit(path):
    model = fitted("quantile").set_params(loss="huber", quantile=0.3, cell="gru", hidden_layer_sizes=50)
    assert_same_bits(saved_and_loaded(model, path).predict(CUBE), model.predict(CUBE))


TRANSFORMERS = [
    SequenceImputer("linear", add_indicator=True),
    *(SequenceScaler(method, clip=2) for method in ["standard", "robust", "minmax", "quantile"]),
    SequenceSelector(slice(None, None, -1)),
    SequenceSelector([True, False]),
    SequenceResampler(2, aggregate={"HR": "max", "lactate": "count"}),
    SequenceResampler(np.timedelta64(90, "m")),
    SequenceResampler(timedelta(hours=1, microseconds=1)),
    SequenceUnion([("time", TimeFeatures(["gap"])), ("off", "drop")], verbose_feature_names_out=False),
    SequenceFeatures(["mean", "slope"]).set_output(transform="pandas"),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)
def test_transformers_alone(transformer, path):
    X = INPUTS["named"]
    if "timedelta" in repr(transformer):
        X = sklstm.as_sequences(X, times=[np.array("2020-01-01", "M8[m]") + 60 * np.arange(5)] * 12)
    fitted = clone(transformer).fit(X)
    loaded = saved_and_loaded(fitted, path)
    Z, expected = loaded.transform(X), fitted.transform(X)
    if hasattr(expected, "columns"):
        assert Z.equals(expected)
    else:
        assert expected == Z
    assert_array_equal(loaded.get_feature_names_out(), fitted.get_feature_names_out())


def test_rows_tables_and_texts(path):
    flat = CUBE.reshape(12, 10)
    pipeline = make_pipeline(ToSequences(2, newest_first=True), None, small()).fit(flat, WORDS)
    assert_same_bits(saved_and_loaded(pipeline, path).predict_proba(flat), pipeline.predict_proba(flat))
    table = small().fit(CUBE[:, :, 0], WORDS)
    with pytest.raises(ValueError, match="X has 4 features, but LSTMClassifier is expecting 5"):
        saved_and_loaded(table, path).predict(CUBE[:, :4, 0])
    tokenizer = SequenceTokenizer(max_length=4, truncate="start").fit(INPUTS["texts"])
    loaded = saved_and_loaded(tokenizer, path)
    assert loaded.vocabulary_ == tokenizer.vocabulary_
    assert loaded.n_tokens_ == tokenizer.n_tokens_


def test_what_is_requested_stays_requested(path):
    with sklearn.config_context(enable_metadata_routing=True):
        model = small().set_fit_request(groups=True, sample_weight="w").set_score_request(sample_weight=False)
        loaded = saved_and_loaded(model.fit(CUBE, WORDS), path)
        assert str(get_routing_for_object(loaded)) == str(get_routing_for_object(model))


# ---------------------------------------------------------------------------------------------- what is not saved


class Mine(SequenceScaler):
    """A class that no version of this package knows."""


class Watcher:
    """A callback that does nothing."""

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, *args, **kwargs):
        pass

    def on_fit_task_end(self, *args, **kwargs):
        pass

    def teardown(self, estimator, context):
        pass


SPLIT = SequenceTokenizer(tokenizer=str.split, token_pattern=None)
NOT_SAVED = [
    (make_pipeline(SPLIT, small(embedding_dim=2)), "sequencetokenizer__tokenizer is <method 'split' of .* skops"),
    (
        make_pipeline(FunctionTransformer(np.abs), small()),
        "Step 'functiontransformer' is sklearn.*FunctionTransformer, which",
    ),
    (SequenceUnion([("mine", make_pipeline("passthrough", Mine()))]), "Step 'mine__mine' is .*Mine, which"),
    (Mine(), "Mine is .*Mine, which sklstm.save does not know"),
    (small().set_callbacks(Watcher()), r"has callbacks, which cannot be saved: set_callbacks\(\)"),
    (make_pipeline(SequenceScaler(), small(), memory="cache"), "has a memory, 'cache', which cannot be saved"),
    (small(random_state=np.random.RandomState(np.random.PCG64(0))), "random_state has the bit generator PCG64"),
]


@pytest.mark.parametrize(("model", "message"), NOT_SAVED, ids=lambda each: each if isinstance(each, str) else "")
def test_what_cannot_be_saved_is_said(model, message, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path.write_text("before")
    model.fit(INPUTS["texts"] if "Tokenizer" in repr(model) else CUBE, WORDS)
    with pytest.raises(ValueError, match=message):
        sklstm.save(model, path)
    assert path.read_text() == "before"


def test_of_a_search_the_best_estimator_is_saved(path):
    search = GridSearchCV(small(), {"alpha": [0.1]}, cv=2).fit(CUBE, WORDS)
    with pytest.raises(ValueError, match=r"GridSearchCV is a search.*: save its best_estimator_"):
        sklstm.save(search, path)
    with pytest.raises(ValueError, match="Step 'search' is a search"):
        sklstm.save(Pipeline([("search", search)]), path)


def test_an_open_file_is_no_path(path):
    fitted("weighted").save(path)
    with path.open("rb") as file, pytest.raises(TypeError, match="path must be a str or a Path, got BufferedReader"):
        sklstm.load(file)


def test_what_was_changed_after_the_fit_is_not_left_out(path):
    model = fitted("weighted")
    model.note_ = "mine"
    with pytest.raises(ValueError, match="LSTMClassifier has an attribute 'note_'"):
        model.save(path)
    with pytest.raises(ValueError, match="could not be read again, and is not saved: The 'max_iter' parameter"):
        fitted("weighted").set_params(max_iter=-1).save(path)
    assert not path.exists()


def test_what_is_not_fitted_is_not_saved(path):
    for model in [small(), make_pipeline(SequenceImputer(), small()), SequenceScaler()]:
        with pytest.raises(NotFittedError):
            sklstm.save(model, path)
    assert not path.exists()
