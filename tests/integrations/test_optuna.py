"""optuna ends trials early by a callback that reports the validation score of each epoch, as the user guide has it."""

import numpy as np
import optuna
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklstm.datasets import make_vital_signs

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

N_EPOCHS, N_WARM_UP = 5, 2

X, Y = make_vital_signs(60, random_state=0)
X_VAL, Y_VAL = make_vital_signs(30, random_state=1)


class PruneByEpoch:
    def __init__(self, trial):
        self.trial = trial

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.trial.report(fitted_estimator.validation_scores_[-1], step=fitted_estimator.n_iter_)
            if self.trial.should_prune():
                raise optuna.TrialPruned


@ESTIMATORS
def test_trials_are_pruned_by_epoch_and_the_best_is_fitted_again_the_same(Estimator):
    models = {}

    def suggested(trial):
        rate = trial.suggest_categorical("learning_rate_init", [1e-6, 0.03])
        return Estimator(4, learning_rate_init=rate, max_iter=N_EPOCHS, random_state=0, n_jobs=1)

    def objective(trial):
        model = models[trial.number] = suggested(trial).set_callbacks(PruneByEpoch(trial))
        return model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL).best_validation_score_

    # The threshold is one that the higher rate passes and the lower, which stays where it starts, does not.
    start = Estimator(4, learning_rate_init=1e-6, max_iter=1, random_state=0).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    pruner = optuna.pruners.ThresholdPruner(lower=start.best_validation_score_ + 0.01, n_warmup_steps=N_WARM_UP)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for rate in [0.03, 1e-6, 0.03]:
        study.enqueue_trial({"learning_rate_init": rate})
    study.optimize(objective, n_trials=3)

    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert [len(trial.intermediate_values) for trial in study.trials] == [N_EPOCHS, N_WARM_UP, N_EPOCHS]
    assert list(study.trials[0].intermediate_values.values()) == models[0].validation_scores_
    assert not hasattr(models[1], "n_iter_")

    again = suggested(study.best_trial).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert again.best_validation_score_ == study.best_value
    assert_array_equal(again.predict(X_VAL), models[study.best_trial.number].predict(X_VAL))
    assert np.isfinite(again.loss_curve_).all()
