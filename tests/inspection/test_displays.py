"""Pictures of trainings, gates, attention and saliency: what is drawn is what the network has, under its names."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from checks import run_python
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.inspection import (
    AttentionDisplay,
    GateDisplay,
    SaliencyDisplay,
    TrainingCurveDisplay,
    gate_activations,
    integrated_gradients,
)
from sklstm.preprocessing import SequenceScaler, SequenceTokenizer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NAMES = ["HR", "SpO2"]
START = np.datetime64("2026-03-01T10:00", "ns")
TEXTS = ["a good film", "a bad film", "not bad , a good film", "so bad a film"] * 3


def sequences(times=None):
    rng = np.random.default_rng(0)
    X = [rng.normal([80, 97], [10, 2], size=(length, 2)) for length in (5, 8, 6, 7) * 4]
    if times == "numbers":
        times = [np.cumsum(np.arange(1, len(x) + 1.0)) for x in X]
    elif times == "datetimes":
        times = [START + np.arange(len(x)) * np.timedelta64(1, "h") for x in X]
    return as_sequences(X, feature_names=NAMES, times=times)


def labels(X):
    return np.where([x[-1, 0] > 80 for x in X], "fast", "slow")


def classifier(X=None, **parameters):
    X = sequences() if X is None else X
    model = LSTMClassifier(6, max_iter=3, random_state=0, pooling="attention").set_params(**parameters)
    return model.fit(X, labels(X))


def drawn(mesh):
    """A heat map's values, a row a time step."""
    return np.ma.filled(mesh.get_array(), np.nan).T


DISPLAYS = {
    "gates": GateDisplay.from_estimator,
    "attention": AttentionDisplay.from_estimator,
    "saliency": SaliencyDisplay.from_estimator,
}


def wrapped(kind):
    model, X = LSTMClassifier(6, max_iter=3, random_state=0, pooling="attention"), sequences()
    pipeline = make_pipeline(SequenceScaler(), model)
    search = GridSearchCV(pipeline, {"lstmclassifier__alpha": [0.0, 1.0]}, cv=2)
    estimator = {"estimator": model, "pipeline": pipeline, "search": search}[kind]
    return estimator.fit(X, labels(X)), X


@pytest.mark.parametrize("kind", ["estimator", "pipeline", "search"])
@pytest.mark.parametrize("display", DISPLAYS)
def test_a_display_shows_what_reaches_the_network(kind, display):
    estimator, X = wrapped(kind)
    shown = DISPLAYS[display](estimator, X, sequence=1)
    expected = X[1] if kind == "estimator" else SequenceScaler().fit(X).transform(X)[1]
    if display == "saliency":
        assert shown.attributions.shape == expected.shape
    else:
        assert_allclose(shown.values, expected)
    assert list(shown.feature_names) == NAMES
    assert [text.get_text() for text in shown.axes_[0].get_yticklabels()] == NAMES


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("lstm", ["input gate", "forget gate", "output gate", "cell state"]),
        ("gru", ["reset gate", "update gate", "hidden state"]),
        ("rnn", ["hidden state"]),
    ],
)
def test_gates_and_memory_of_each_cell_are_drawn(cell, names):
    X = sequences()
    model = classifier(cell=cell)
    display = GateDisplay.from_estimator(model, X, sequence=2)
    (expected,) = gate_activations(model, X[[2]])
    assert list(display.heatmaps_) == names
    for name, mesh in display.heatmaps_.items():
        assert_allclose(drawn(mesh), expected[name][:, display.unit_order_])
    limits = {name: mesh.get_clim() for name, mesh in display.heatmaps_.items()}
    assert all(limits[name] == (0, 1) for name in names[:-1])
    assert limits[names[-1]][0] == -limits[names[-1]][1]


def test_units_that_do_alike_stand_together():
    time = np.linspace(0, 6, 30)[:, np.newaxis]
    kinds = np.array([0, 1, 0, 1, 0, 1])
    memory = np.where(kinds, np.sin(time), np.cos(time)) + 0.01 * np.arange(6)
    activations = {"forget gate": np.full((30, 6), 0.5), "cell state": memory}
    assert (np.diff(kinds[GateDisplay(activations=activations).plot().unit_order_]) != 0).sum() == 1
    assert_array_equal(GateDisplay(activations=activations).plot(sort_units=False).unit_order_, np.arange(6))


def test_gates_to_draw_can_be_chosen():
    display = GateDisplay.from_estimator(classifier(), sequences(), names=["candidate", "forget gate"])
    assert list(display.heatmaps_) == ["candidate", "forget gate"]
    with pytest.raises(ValueError, match=r"names has 'reset gate', but the cell has input gate, forget"):
        display.plot(names=["reset gate"])
    for names in ([], "cell state"):
        with pytest.raises(ValueError, match=r"names must be a list of some of input gate, .*, got"):
            display.plot(names=names)


def test_displays_are_drawn_from_lists():
    gates = GateDisplay(activations={"forget gate": [[0.5, 1], [0, 1]]}, values=[[1.0], [2.0]], times=[1, 3])
    assert list(gates.plot().heatmaps_) == ["forget gate"]  # there is no memory
    assert_array_equal(gates.axes_[-1].get_xlim(), [0, 4])
    weights = AttentionDisplay(weights=[0.25, 0.75], values=[[1, 2], [3, 4]], feature_names=NAMES, tokens=["a", "b"])
    assert_array_equal(weights.plot().weights_.get_data().values, [0.25, 0.75])
    assert_array_equal(drawn(SaliencyDisplay(attributions=[[1.5, -2]]).plot().heatmap_), [[1.5, -2]])


@pytest.mark.filterwarnings("error")
def test_what_is_not_known_is_no_obstacle():
    nothing = np.full((3, 2), np.nan)
    assert SaliencyDisplay(attributions=nothing).plot().heatmap_.get_clim() == (-1, 1)
    GateDisplay(activations={"hidden state": np.zeros((3, 2))}, values=nothing).plot()
    for curve in ([], [np.nan]):
        assert TrainingCurveDisplay(loss_curve=curve).plot().ax_.get_yscale() == "linear"


def test_lone_values_of_a_long_sequence_have_markers():
    values = np.full((100, 1), np.nan)
    values[[5, 20, 21, 99]] = 1
    line = GateDisplay(activations={"hidden state": np.zeros((100, 2))}, values=values).plot().sequence_
    assert (line.get_marker(), line.get_markevery().tolist()) == (".", [5, 99])


def test_keywords_of_matplotlib_replace_those_of_the_display():
    norm = matplotlib.colors.Normalize(-7, 7)
    assert SaliencyDisplay(attributions=np.ones((3, 2))).plot(norm=norm).heatmap_.get_clim() == (-7, 7)
    shown = GateDisplay(activations={"forget gate": np.zeros((3, 2))}).plot(gate_kwargs={"norm": norm})
    assert shown.heatmaps_["forget gate"].get_clim() == (-7, 7)
    curves = TrainingCurveDisplay(loss_curve=[2, 1], validation_loss_curve=[3, 2]).plot(c="red")
    assert [line.get_color() for line in curves.lines_] == ["red", "red"]


@pytest.mark.parametrize("ax", [3, "array"])
@pytest.mark.parametrize("display", DISPLAYS)
def test_panels_take_the_place_of_one_axes(display, ax):
    ax = plt.subplots(1, 2)[1] if ax == "array" else ax
    with pytest.raises(ValueError, match=r"ax must be one axes of matplotlib, got"):
        DISPLAYS[display](classifier(), sequences(), ax=ax)


def test_the_fitted_network_is_shown_and_not_its_new_settings():
    model = classifier().set_params(pooling="last")
    assert_allclose(AttentionDisplay.from_estimator(model, sequences()).weights.sum(), 1)
    with pytest.raises(ValueError, match=r"but this one has 'last'"):
        AttentionDisplay.from_estimator(classifier(pooling="last").set_params(pooling="attention"), sequences())
    three = np.arange(16) % 3
    model = LSTMClassifier(3, max_iter=2, random_state=0).fit(sequences(), three).set_params(return_sequences=True)
    display = SaliencyDisplay.from_estimator(model, sequences())
    assert display.target_name == f"score of class {model.predict(sequences())[0]}"


def test_what_is_missing_stays_empty():
    values = sequences()[1].copy()
    values[3, 1] = np.nan
    activations = {"hidden state": np.zeros((8, 3))}
    shown = drawn(GateDisplay(activations=activations, values=values).plot().sequence_)
    assert_array_equal(np.isnan(shown), np.isnan(values))


@pytest.mark.parametrize("times", [None, "numbers", "datetimes"])
@pytest.mark.parametrize("display", DISPLAYS)
def test_the_axis_shows_the_times_of_the_steps(times, display):
    X = sequences(times)
    shown = DISPLAYS[display](classifier(X), X, sequence=1)
    expected = {None: (-0.5, 7.5), "numbers": (0.0, 40.0)}.get(times)  # halfway to the neighbours: 1, 3, ..., 28, 36
    if times == "datetimes":
        half = np.timedelta64(30, "m")
        expected = matplotlib.dates.date2num([START - half, START + 15 * half])
    assert_allclose(shown.axes_[-1 if display != "saliency" else 0].get_xlim(), expected)
    lowest = shown.axes_[0] if display == "saliency" else shown.axes_[-1]
    assert lowest.get_xlabel() == ("time step" if times is None else "time")


def test_cells_of_a_heat_map_meet_halfway_between_the_steps():
    X = sequences("numbers")
    mesh = SaliencyDisplay.from_estimator(classifier(X), X, sequence=0).heatmap_
    assert_array_equal(X[0:1].times, [1, 3, 6, 10, 15])
    assert_array_equal(mesh.get_coordinates()[0, :, 0], [0, 2, 4.5, 8, 12.5, 17.5])


def test_attention_sums_to_one_and_goes_with_the_steps():
    X, model = sequences(), classifier()
    display = AttentionDisplay.from_estimator(model, X, sequence=3, color="green")
    assert_allclose(display.weights_.get_data().values, model.attention_weights(X)[3])
    assert_allclose(display.even_.get_ydata(), 1 / len(X[3]))
    assert display.weights_.get_facecolor()[:3] == matplotlib.colors.to_rgb("green")


def test_attention_is_asked_of_networks_that_have_it():
    with pytest.raises(ValueError, match=r'pooling="attention", but this one has \'last\''):
        AttentionDisplay.from_estimator(classifier(pooling="last"), sequences())


@pytest.mark.parametrize("display", DISPLAYS)
def test_words_stand_below_their_time_steps(display):
    model = LSTMClassifier(4, embedding_dim=3, pooling="attention", max_iter=2, random_state=0)
    pipeline = make_pipeline(SequenceTokenizer(), model).fit(TEXTS, [1, 0, 1, 0] * 3)
    shown = DISPLAYS[display](pipeline, [*TEXTS, "a new film"], sequence=-1)
    lowest = shown.axes_[0] if display == "saliency" else shown.axes_[-1]
    assert [text.get_text() for text in lowest.get_xticklabels()] == ["a", "<unknown>", "film"]


def test_tokens_without_a_tokenizer_are_numbers():
    X = SequenceTokenizer().fit_transform(TEXTS)
    model = LSTMClassifier(4, embedding_dim=3, pooling="attention", max_iter=2, random_state=0).fit(X, [1, 0, 1, 0] * 3)
    assert AttentionDisplay.from_estimator(model, X).tokens.tolist() == X[0].astype(str).tolist()


def test_saliency_draws_attributions_and_their_sums():
    X, model = sequences(), classifier()
    display = SaliencyDisplay.from_estimator(model, X, sequence=1)
    result = integrated_gradients(model, X[[1]])
    assert_allclose(drawn(display.heatmap_), result.attributions[0])
    assert_allclose([bar.get_width() for bar in display.bars_], result.attributions[0].sum(axis=0))
    assert display.heatmap_.get_clim()[0] == -display.heatmap_.get_clim()[1]
    assert display.prediction == result.predictions[0]
    assert display.ax_.get_title().startswith("log odds of class slow: ")


@pytest.mark.parametrize(("given", "title"), [(None, "output: 2"), ("pressure", "pressure: 2")])
def test_the_title_names_the_target(given, title):
    display = SaliencyDisplay(attributions=np.ones((3, 2)), prediction=2.0, target_name=given).plot()
    assert display.ax_.get_title() == title


@pytest.mark.parametrize("step", [0, 4])
def test_the_title_names_the_class_predicted_at_a_step(step):
    X = sequences()[:, [0]]
    model = LSTMClassifier(8, return_sequences=True, max_iter=30, random_state=0)
    model.fit(X, [np.digitize(x[:, 0], [75, 85]) for x in X])
    display = SaliencyDisplay.from_estimator(model, X, step=step)
    assert display.target_name == f"score of class {model.predict(X)[0][step]}"


@pytest.mark.parametrize("held_out", [False, True])
def test_training_curves_are_those_of_the_network(held_out):
    model = classifier(early_stopping=held_out, max_iter=6)
    display = TrainingCurveDisplay.from_estimator(make_pipeline(model))
    curves = [model.loss_curve_, model.validation_loss_curve_, model.validation_scores_][: 3 if held_out else 1]
    assert len(display.lines_) == len(curves)
    for line, curve in zip(display.lines_, curves, strict=True):
        assert_array_equal(line.get_data(), [np.arange(1, len(curve) + 1), curve])
    watched = curves[1 if held_out else 0]
    assert watched[display.best_epoch - 1] == model.best_loss_
    assert len(display.axes_) == len(display.best_lines_) == 1 + held_out
    if held_out:
        assert display.axes_[1].get_ylabel() == "accuracy"


def test_a_first_epoch_that_was_interrupted_is_the_best():
    model = classifier(early_stopping=True, max_iter=1)
    model.validation_loss_curve_ = model.validation_scores_ = [np.nan]
    assert TrainingCurveDisplay.from_estimator(model).best_epoch == 1


def test_partial_fit_keeps_no_best_epoch():
    X = sequences()
    model = LSTMClassifier(3, random_state=0).partial_fit(X, labels(X)).partial_fit(X, labels(X))
    assert TrainingCurveDisplay.from_estimator(model).best_lines_ == []


@pytest.mark.parametrize(
    ("losses", "log_scale", "scale"),
    [
        ([1.0, 0.05], "auto", "log"),
        ([1.0, 0.5], "auto", "linear"),
        ([1.0, -0.5], "auto", "linear"),
        ([1.0, 0.05], False, "linear"),
        ([1.0, 0.5], True, "log"),
    ],
)
def test_losses_are_drawn_on_a_scale_that_shows_them(losses, log_scale, scale):
    assert TrainingCurveDisplay(loss_curve=losses).plot(log_scale=log_scale).ax_.get_yscale() == scale


def test_two_trainings_fit_in_one_picture():
    one = TrainingCurveDisplay(loss_curve=[2, 1], validation_loss_curve=[3, 2], validation_scores=[0, 1], name="A")
    one.plot()
    two = TrainingCurveDisplay(loss_curve=[4, 3], validation_loss_curve=[3, 2], validation_scores=[0, 1], name="B")
    assert list(two.plot(ax=one.axes_).axes_) == list(one.axes_)
    assert one.lines_[0].get_color() == one.lines_[2].get_color() != two.lines_[0].get_color()
    assert {line.get_label() for line in two.lines_} == {"B, training", "B, held out"}
    with pytest.raises(ValueError, match=r"ax has 1 axes, but losses and scores need 2"):
        two.plot(ax=[one.ax_])
    assert two.plot(ax=one.ax_, scores=False).ax_ is one.ax_


@pytest.mark.parametrize("display", [*DISPLAYS, "training"])
def test_a_display_takes_the_place_of_an_axes(display):
    figure, (left, _) = plt.subplots(1, 2)
    ax_left = left.get_position()
    if display == "training":
        shown = TrainingCurveDisplay.from_estimator(classifier(early_stopping=True), ax=left)
    else:
        shown = DISPLAYS[display](classifier(), sequences(), ax=left)
    assert shown.figure_ is figure
    for ax in shown.axes_:
        assert ax_left.x0 - 1e-9 <= ax.get_position().x0
        assert ax.get_position().x1 <= ax_left.x1 + 1e-9
    with pytest.raises(ValueError, match=r"ax must be one of a grid"):
        GateDisplay.from_estimator(classifier(), sequences(), ax=figure.add_axes((0, 0, 1, 1)))


@pytest.mark.parametrize("sequence", [16, -17, 1.0, "a", True, None])
def test_a_sequence_that_is_not_there_is_named(sequence):
    with pytest.raises(ValueError, match=rf"sequence={sequence!r} must be the number of one of the 16 sequences"):
        GateDisplay.from_estimator(classifier(), sequences(), sequence=sequence)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a good film", r"X is a single text, but must hold several: pass \[X\]"),
        ([], r"X holds no sequences"),
        *((X, r"X must be an array, a data frame, a list or Sequences, got") for X in (None, {}, np.array(1.0), 3)),
    ],
)
@pytest.mark.parametrize("display", DISPLAYS)
def test_what_holds_no_sequences_is_refused(display, X, message):
    with pytest.raises(ValueError, match=message):
        DISPLAYS[display](classifier(), X)


def test_other_estimators_are_refused():
    with pytest.raises(ValueError, match=r"must be an LSTMRegressor or an LSTMClassifier.*got LinearRegression"):
        TrainingCurveDisplay.from_estimator(LinearRegression())


def test_tables_are_shown_as_one_feature():
    X = np.random.default_rng(0).normal(size=(12, 5))
    model = LSTMRegressor(4, pooling="attention", max_iter=2, random_state=0).fit(X, X[:, -1])
    display = AttentionDisplay.from_estimator(model, X, sequence=2)
    assert_array_equal(display.sequence_.get_ydata(), X[2])
    assert display.axes_[0].get_ylabel() == "x0"


def test_matplotlib_is_loaded_only_to_draw():
    assert run_python("import sys, sklstm.inspection; print('matplotlib' in sys.modules)") == "False"
