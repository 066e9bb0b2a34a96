"""Ctrl-C and divergence: what is kept of training, and when there is nothing to keep."""

import numpy as np
import pytest
from checks import ESTIMATORS, run_python
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from test_callbacks import Recorder
from test_training import X_VAL, Y_VAL, N, X, Y, assert_same_model, make, predictions

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.preprocessing import SequenceScaler
from sklstm.training import Average, Trainer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

VALIDATION = pytest.mark.parametrize("validation", [{}, {"X_val": X_VAL, "y_val": Y_VAL}], ids=["", "validated"])


# ---------------------------------------------------------------------------------------------- interruptions
# Of 40 sequences in batches of 8, an epoch has five steps.


@ESTIMATORS
@VALIDATION
def test_the_best_weights_so_far_are_kept(Estimator, validation, raise_in):
    expected = make(Estimator, max_iter=3).fit(X, Y, **validation)
    raise_in("step", 18)
    model = make(Estimator, max_iter=50)
    with pytest.warns(UserWarning, match=r"interrupted by the user\. The best weights so far.*epoch 3") as record:
        model.fit(X, Y, **validation)
    assert record[0].filename == __file__
    assert_same_model(model, expected)
    assert (model.n_iter_, model.t_) == (3, 3 * N)
    assert model.loss_curve_ == expected.loss_curve_
    assert model.best_loss_ == expected.best_loss_
    assert model.validation_loss_curve_ == expected.validation_loss_curve_


@ESTIMATORS
@VALIDATION
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("n_steps", [1, 3])
def test_in_the_first_epoch_the_last_batchs_weights_are_kept(Estimator, validation, average, n_steps, raise_in):
    steps, step = [], Trainer.step

    def spy(self, rows):
        loss, n = step(self, rows)
        steps.append((loss, (self._average._mean if average else self.network.parameters).copy()))
        return loss, n

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", spy)
        make(Estimator, max_iter=1, average=average).fit(X, Y, **validation)
    raise_in("step", n_steps + 1)
    model = make(Estimator, average=average)
    with pytest.warns(
        UserWarning, match=f"as they are after {8 * n_steps} of the first epoch's {N} sequences"
    ) as record:
        model.fit(X, Y, **validation)
    assert record[0].filename == __file__
    assert_array_equal(model._network.parameters, steps[n_steps - 1][1])
    assert_allclose(model.loss_curve_, [np.mean([loss for loss, _ in steps[:n_steps]])], rtol=1e-12)
    assert (model.n_iter_, model.t_) == (1, 8 * n_steps)
    unknown = [np.nan] if validation else None
    assert_array_equal(model.validation_loss_curve_, unknown)
    assert_array_equal(model.validation_scores_, unknown)
    assert_array_equal(model.best_loss_, np.nan if validation else model.loss_curve_[0])


@ESTIMATORS
@pytest.mark.parametrize(("n", "n_iter"), [(1, 1), (3, 2)])
def test_an_interruption_of_the_validation(Estimator, n, n_iter, raise_in):
    expected = make(Estimator, max_iter=n_iter).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    raise_in("evaluate", n)
    model = make(Estimator, max_iter=50)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert_same_model(model, expected)
    assert model.loss_curve_ == expected.loss_curve_
    assert len(model.validation_scores_) == n_iter


@ESTIMATORS
def test_an_interruption_while_the_average_is_put_in_place(Estimator, monkeypatch):
    expected = make(Estimator, max_iter=1).fit(X, Y)
    show, calls = Average.show, []

    def interrupted(self):
        show(self)
        calls.append(self)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Average, "show", interrupted)
    with pytest.warns(UserWarning, match=f"after {N} of the first epoch's {N} sequences"):
        model = make(Estimator).fit(X, Y)
    assert_same_model(model, expected)


@ESTIMATORS
def test_an_interruption_by_a_callback(Estimator):
    model = make(Estimator, max_iter=50).set_callbacks(Recorder(stop=2, error=KeyboardInterrupt()))
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    assert_same_model(model, make(Estimator, max_iter=2).fit(X, Y))


@ESTIMATORS
@pytest.mark.parametrize(
    ("name", "n", "error"),
    [("step", 1, KeyboardInterrupt), ("__init__", 1, KeyboardInterrupt), ("step", 13, MemoryError)],
)
def test_what_cannot_be_kept_leaves_the_model_as_it_was(Estimator, name, n, error, raise_in):
    model = make(Estimator, warm_start=True).fit(X, Y)
    before, names = predictions(model), set(vars(model))
    raise_in(name, n, error)
    with pytest.raises(error):
        model.fit(X, Y)
    assert set(vars(model)) == names
    assert_array_equal(predictions(model), before)


@ESTIMATORS
def test_weights_that_are_not_finite_are_not_kept(Estimator, monkeypatch):
    def diverging(self, rows):
        self.network.parameters[:] = np.nan
        self.t += len(rows)
        if self.t > 8:
            raise KeyboardInterrupt
        return 1.0, 1

    monkeypatch.setattr(Trainer, "step", diverging)
    model = make(Estimator, average=False)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not hasattr(model, "loss_curve_")


class ImpatientInTheEnd(Recorder):
    def on_fit_task_end(self, estimator, context):
        if context.task_name == "fit":
            raise KeyboardInterrupt


@ESTIMATORS
def test_an_interruption_after_the_last_epoch_leaves_the_trained_model(Estimator):
    model = make(Estimator).set_callbacks(ImpatientInTheEnd())
    with pytest.warns(UserWarning, match="after the last epoch: the model is fitted") as record:
        model.fit(X, Y)
    assert record[-1].filename == __file__
    assert_same_model(model, make(Estimator).fit(X, Y))


def test_an_interruption_after_the_last_epoch_ends_a_search():
    model = make(LSTMRegressor).set_callbacks(ImpatientInTheEnd())
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(model, {"hidden_layer_sizes": [2, 3]}, cv=2).fit(X, Y)


@ESTIMATORS
def test_a_second_interruption_ends_everything(Estimator):
    class Impatient(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    model = make(Estimator).fit(X, Y)
    before = predictions(model)
    with pytest.warns(UserWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        model.set_params(random_state=1).set_callbacks(Impatient()).fit(X, Y)
    assert_array_equal(predictions(model), before)


@ESTIMATORS
def test_partial_fit_stays_as_it_was(Estimator, raise_in):
    model = make(Estimator).partial_fit(X, Y)
    expected = clone(model).partial_fit(X, Y)
    raise_in("step", 3)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, Y)
    assert_same_model(model, expected)
    assert_same_model(model.partial_fit(X, Y), expected.partial_fit(X, Y))


# ---------------------------------------------------------------------------------------------- fits of others


def test_a_pipeline_is_fitted(raise_in):
    raise_in("step", 8)
    pipeline = make_pipeline(SequenceScaler(), make(LSTMRegressor))
    with pytest.warns(UserWarning, match="The best weights so far.*epoch 1"):
        pipeline.fit(X, Y)
    assert np.isfinite(pipeline.predict(X)).all()


@pytest.mark.parametrize("within", [lambda lstm: lstm, lambda lstm: make_pipeline(SequenceScaler(), lstm)])
def test_a_search_ends(within, raise_in):
    raise_in("epoch", 5)
    model = within(make(LSTMRegressor))
    name = next(name for name in model.get_params() if name.endswith("hidden_layer_sizes"))
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(model, {name: [2, 3]}, cv=2).fit(X, Y)


@pytest.mark.filterwarnings("ignore:y has only two unique values")
@pytest.mark.parametrize("Hiding", [TransformedTargetRegressor, MultiOutputRegressor])
def test_a_search_is_not_seen_through_an_estimator_without_callbacks(Hiding, raise_in):
    raise_in("epoch", 2)
    model = Hiding(make(LSTMRegressor))
    name = next(name for name in model.get_params() if name.endswith("hidden_layer_sizes"))
    with pytest.warns(UserWarning, match="interrupted by the user"):
        search = GridSearchCV(model, {name: [2, 3]}, cv=2).fit(X, Y[:, np.newaxis])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_the_refit_of_a_search_is_a_fit_like_any_other(raise_in):
    raise_in("epoch", 2 * 2 * 3 + 3)
    search = GridSearchCV(make(LSTMRegressor), {"hidden_layer_sizes": [2, 3]}, cv=2)
    with pytest.warns(UserWarning, match="The best weights so far.*epoch 2"):
        search.fit(X, Y)
    assert search.best_estimator_.n_iter_ == 2
    assert np.isfinite(search.predict(X)).all()


def test_cross_validation_goes_on_with_the_next_fold(raise_in):
    raise_in("epoch", 3)
    with pytest.warns(UserWarning, match="interrupted"):
        assert np.isfinite(cross_val_score(make(LSTMRegressor), X, Y, cv=2)).all()


# ---------------------------------------------------------------------------------------------- divergence


@ESTIMATORS
def test_divergence_in_the_first_epoch_is_an_error(Estimator):
    with pytest.raises(ValueError, match=r"diverged in its first epoch.*Lower learning_rate_init"):
        make(Estimator, solver="sgd", learning_rate_init=1e300, clip_norm=None).fit(X, Y)
    with pytest.raises(ValueError, match=r"diverged.*Lower learning_rate_init"):
        make(Estimator, solver="sgd", learning_rate_init=1e300, clip_norm=None).partial_fit(X, Y)


@ESTIMATORS
@pytest.mark.parametrize("validation", [{}, {"X_val": X_VAL, "y_val": Y_VAL}])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_later_divergence_warns_and_keeps_the_best_weights(Estimator, validation, request):
    expected = make(Estimator, max_iter=2).fit(X, Y, **validation)
    request.getfixturevalue("diverges_in_epoch_3")
    model = make(Estimator, max_iter=50)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch 3.*best weights before are kept") as record:
        model.fit(X, Y, **validation)
    assert record[0].filename == __file__
    assert_same_model(model, expected)
    assert np.isfinite(predictions(model)).all()
    assert model.best_loss_ == expected.best_loss_


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_the_best_score_after_a_divergence_is_that_of_the_weights_that_were_kept(diverges_in_epoch_3):
    model = make(LSTMClassifier, max_iter=50).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert (
        model.best_validation_score_ == model.validation_scores_[model.validation_loss_curve_.index(model.best_loss_)]
    )
    assert_allclose(model.best_validation_score_, model.score(X_VAL, Y_VAL))


# ---------------------------------------------------------------------------------------------- signals


SIGNALS = """
import os, random, signal, threading, time, warnings
import numpy as np
from test_callbacks import Recorder
from sklstm import LSTMRegressor

class Training(Recorder):
    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == 0:
            begun.set()

def interrupt():
    while begun.wait():
        begun.clear()
        time.sleep(longest * random.random() ** 3)
        os.kill(os.getpid(), signal.SIGINT)

def model(solver, max_iter, **parameters):
    return LSTMRegressor(4, max_iter=max_iter, n_iter_no_change=max_iter, tol=0, solver=solver, n_jobs=1, **parameters)

random.seed(0)
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X, y = rng.normal(size=(200, 20, 2)), rng.normal(size=200)
start = time.perf_counter()
model("adam", 2).fit(X, y)
longest = time.perf_counter() - start
begun = threading.Event()
threading.Thread(target=interrupt, daemon=True).start()
outcomes = []
for solver, early_stopping in [("adam", False), ("adam", True), ("adam", True), ("lbfgs", False)] * 5:
    lstm = model(solver, 500, early_stopping=early_stopping).set_callbacks(Training())
    try:
        lstm.fit(X, y)
    except KeyboardInterrupt:
        assert not hasattr(lstm, "n_iter_")
        outcomes.append("none")
        continue
    assert np.isfinite(lstm.predict(X)).all()
    assert np.isfinite(lstm.loss_curve_).all()
    assert len(lstm.loss_curve_) == len(lstm.validation_scores_ or lstm.loss_curve_) == lstm.n_iter_
    outcomes.append("ended" if lstm.n_iter_ == 500 else "kept")
print(*outcomes)
"""


def test_a_signal_at_any_moment_leaves_a_model_that_predicts_or_none():
    outcomes = run_python(SIGNALS).split()
    assert len(outcomes) == 20
    assert "kept" in outcomes
