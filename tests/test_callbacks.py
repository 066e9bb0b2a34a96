"""scikit-learn's callbacks: when they are called, what they see, and that they can stop."""

import pickle
import warnings

import numpy as np
import pytest
from checks import ESTIMATORS
from epoch_recorder import Recorder
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the import below possible
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_training import X_VAL, Y_VAL, N, X, Y, assert_same_model, make, predictions

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.metrics import sequence_scorer
from sklstm.preprocessing import SequenceScaler

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")


def epochs(recorder):
    return [call for call in recorder.calls if call[1] == "epoch"]


@ESTIMATORS
def test_callbacks_are_called_around_the_fit_and_each_epoch(Estimator):
    recorder = Recorder()
    model = make(Estimator).set_callbacks(recorder).fit(X, Y)
    of_epochs = [(when, "epoch", i) for i in range(3) for when in ["begin", "end"]]
    assert recorder.calls == ["setup", ("begin", "fit", 0), *of_epochs, ("end", "fit", 0), "teardown"]
    assert_same_model(model, make(Estimator).fit(X, Y))


class Witness(Recorder):
    """Notes what it is given."""

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        self.calls.append(("begin", context.task_name, context.max_subtasks, estimator, X, y, metadata))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata):
        self.calls.append(("end", context.task_name, context.max_subtasks, estimator, X, y, metadata))


@ESTIMATORS
@pytest.mark.parametrize("weights", [{}, {"sample_weight": np.linspace(0.5, 1.5, N)}], ids=["", "weighted"])
def test_callbacks_are_given_the_data_and_how_many_epochs_there_may_be(Estimator, weights):
    witness = Witness()
    model = make(Estimator, max_iter=1).set_callbacks(witness).fit(X, Y, **weights)
    calls = witness.calls[1:-1]
    tasks = [("begin", "fit", 1), ("begin", "epoch", 0), ("end", "epoch", 0), ("end", "fit", 1)]
    assert [call[:3] for call in calls] == tasks
    for _, _, _, estimator, X_seen, y_seen, metadata in calls:
        assert (estimator is model, X_seen is X, y_seen is Y) == (True, True, True)
        assert metadata == (weights or None)


@ESTIMATORS
def test_a_callback_that_returns_true_stops(Estimator):
    recorder = Recorder(stop=2)
    model = make(Estimator, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.set_callbacks(recorder).fit(X, Y)
    assert model.n_iter_ == 2
    assert_same_model(model, make(Estimator, max_iter=2).fit(X, Y))


@ESTIMATORS
def test_an_error_in_a_callback_leaves_the_model_as_it_was(Estimator):
    model = make(Estimator).fit(X, Y)
    before = predictions(model)
    recorder = Recorder(stop=2, error=RuntimeError("from the callback"))
    model.set_callbacks(recorder)
    names = set(vars(model))
    with pytest.raises(RuntimeError, match="from the callback"):
        model.set_params(random_state=1).fit(X, Y)
    assert recorder.calls[-1] == "teardown"
    assert set(vars(model)) == names
    assert_array_equal(predictions(model), before)


@ESTIMATORS
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_sees_a_model_as_it_is_when_training_ends_there(Estimator, solver):
    recorder = Recorder()
    make(Estimator, solver=solver).set_callbacks(recorder).fit(X, Y)
    for n, seen in enumerate(recorder.models, start=1):
        fitted = make(Estimator, solver=solver, max_iter=n).fit(X, Y)
        assert {name for name in vars(fitted) if name.endswith("_")} == {n for n in vars(seen) if n.endswith("_")}
        assert_same_model(seen, fitted)
        assert seen.loss_curve_ == fitted.loss_curve_
        assert (seen.n_iter_, seen.t_, seen.best_loss_) == (n, n * N, fitted.best_loss_)


@ESTIMATORS
def test_a_callback_sees_the_curves_of_this_fit_alone(Estimator):
    recorder = Recorder()
    model = make(Estimator, warm_start=True).fit(X, Y)
    model.set_callbacks(recorder).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    for n, seen in enumerate(recorder.models, start=1):
        assert seen.loss_curve_ == model.loss_curve_[:n]
        assert seen.validation_scores_ == model.validation_scores_[:n]
        assert seen.validation_loss_curve_ == model.validation_loss_curve_[:n]
        assert seen.best_validation_score_ in seen.validation_scores_


class Checkpoint(Recorder):
    """Keeps the last epoch's model as bytes."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.saved = pickle.dumps(fitted_estimator)


@ESTIMATORS
def test_a_model_that_a_callback_saves_can_be_loaded(Estimator):
    checkpoint = Checkpoint()
    model = make(Estimator).set_callbacks(checkpoint)
    make_pipeline(FunctionTransformer(), model).fit(X, Y)
    loaded = pickle.loads(checkpoint.saved)
    assert_same_model(loaded, model)
    assert_same_model(loaded.fit(X, Y), model)


@ESTIMATORS
def test_callbacks_stay_with_clones_and_pickles_and_partial_fit_does_without(Estimator):
    model = make(Estimator).set_callbacks(Recorder())
    recorder = clone(model)._skl_callbacks[0]
    assert recorder is model._skl_callbacks[0]
    clone(model).fit(X, Y)
    assert len(recorder.models) == 3
    loaded = pickle.loads(pickle.dumps(model.fit(X, Y)))
    assert_same_model(loaded, model)
    loaded.fit(X, Y)
    assert len(loaded._skl_callbacks[0].models) == 9
    model.partial_fit(X, Y)
    assert len(recorder.models) == 6


@ESTIMATORS
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.usefixtures("diverges_in_epoch_3")
def test_after_a_divergence_callbacks_see_the_weights_that_are_kept(Estimator):
    recorder, name = Recorder(), "r2" if Estimator is LSTMRegressor else "accuracy"
    model = make(Estimator, max_iter=50).set_callbacks(recorder, ScoringMonitor(scoring=name)).fit(X, Y)
    assert len(recorder.models) == 3
    assert_same_model(recorder.models[-1], model)
    assert recorder.models[-1].n_iter_ == model.n_iter_ == 2


# ---------------------------------------------------------------------------------------------- scikit-learn's own


@ESTIMATORS
@pytest.mark.parametrize("weights", [{}, {"sample_weight": np.linspace(0.5, 1.5, N)}])
def test_scoring_monitor(Estimator, weights):
    name = "r2" if Estimator is LSTMRegressor else "accuracy"
    monitor = ScoringMonitor(scoring=name)
    make(Estimator, average=False).set_callbacks(monitor).fit(X, Y, **weights)
    scores = [row[name] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    partial = make(Estimator)
    assert_allclose(scores, [partial.partial_fit(X, Y, **weights).score(X, Y, **weights) for _ in range(3)])


def test_scoring_monitor_of_time_steps():
    y, weights = [x[:, 0] for x in X], [np.linspace(0.5, 1.5, len(x)) for x in X]
    monitor = ScoringMonitor(scoring={"r2": sequence_scorer("r2")})
    model = make(LSTMRegressor, average=False, return_sequences=True)
    clone(model).set_callbacks(monitor).fit(X, y, weights)
    scores = [row["r2"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert_allclose(scores, [model.partial_fit(X, y, weights).score(X, y, weights) for _ in range(3)])


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("within", [lambda lstm: lstm, lambda lstm: make_pipeline(SequenceScaler(), lstm)])
def test_scoring_monitor_within_a_search(within, n_jobs):
    monitor = ScoringMonitor(scoring="r2")
    model = within(make(LSTMRegressor).set_callbacks(monitor))
    name = next(name for name in model.get_params() if name.endswith("hidden_layer_sizes"))
    GridSearchCV(model, {name: [2, 3]}, cv=2, n_jobs=n_jobs).fit(X, Y)
    assert len([row for row in monitor.get_logs().data if row["task_name"] == "epoch"]) == (2 * 2 + 1) * 3


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("stop", [None, 2])
def test_progress_bar(solver, stop, capsys):
    make(LSTMRegressor, solver=solver).set_callbacks(ProgressBar(), Recorder(stop)).fit(X, Y)
    output = capsys.readouterr().out
    assert "LSTMRegressor - fit" in output
    assert "100%" in output


@pytest.mark.usefixtures("wide_console")
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("Search", [GridSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar_of_a_search(Search, n_jobs, capsys):
    search = Search(make(LSTMClassifier), {"hidden_layer_sizes": [2, 3]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar()).fit(X, Y)
    output = capsys.readouterr().out
    assert "candidate-split-evaluation | LSTMClassifier - fit #1" in output
    assert "refit-with-best-params | LSTMClassifier - fit" in output


def test_a_callback_stops_the_fits_of_a_cross_validation():
    model = make(LSTMClassifier, max_iter=50).set_callbacks(Recorder(stop=2))
    results = cross_validate(model, X, Y, cv=2, n_jobs=2, return_estimator=True)  # each process has a copy
    assert [fitted.n_iter_ for fitted in results["estimator"]] == [2, 2]


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_an_error_in_a_callback_is_a_failed_fit_to_a_search():
    model = make(LSTMClassifier).set_callbacks(Recorder(stop=2, error=RuntimeError("from the callback")))
    search = GridSearchCV(model, {"hidden_layer_sizes": [2, 3]}, cv=2, refit=False)
    with pytest.warns(FitFailedWarning, match="from the callback"):
        search.fit(X, Y)
    assert np.isnan(search.cv_results_["split0_test_score"][0])
