"""Wrong calls of `sklstm.inspection`, `sklstm.metrics` and `sklstm.datasets`."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.utils._param_validation import InvalidParameterError
from wrong_calls.shared import CUBE, NAN, STEPS, TABLE, TOKENS, Y, model

from sklstm import LSTMRegressor
from sklstm.datasets import (
    fetch_physionet_2012,
    fetch_physionet_2019,
    load_japanese_vowels,
    make_adding_problem,
    make_vital_signs,
)
from sklstm.inspection import (
    AttentionDisplay,
    ForecastDisplay,
    GateDisplay,
    SaliencyDisplay,
    TrainingCurveDisplay,
    gate_activations,
    integrated_gradients,
    permutation_importance,
)
from sklstm.metrics import sequence_scorer


def attribute(of="regressor", X=CUBE[:2], **parameters):
    return lambda: integrated_gradients(model(of) if isinstance(of, str) else of, X, **parameters)


def gates(of="regressor", X=CUBE[:2], **parameters):
    return lambda: gate_activations(model(of) if isinstance(of, str) else of, X, **parameters)


def importance(of="regressor", X=CUBE, y=Y, **parameters):
    return lambda: permutation_importance(model(of) if isinstance(of, str) else of, X, y, **parameters)


def draw(Display, of="regressor", X=CUBE, **parameters):
    return lambda: Display.from_estimator(model(of) if isinstance(of, str) else of, X, **parameters)


def score(estimator, X=CUBE, y=STEPS, scoring="r2", **parameters):
    return lambda: sequence_scorer(scoring)(model(estimator), X, y, **parameters)


def invalid(function, name, value, *args, **parameters):
    """An entry for a parameter that scikit-learn's own check rejects."""
    return (
        lambda: function(*args, **parameters, **{name: value}),
        InvalidParameterError,
        [f"The '{name}' parameter of", "must be", "Got"],
    )


INSPECTION = {
    "gradients of no model": (attribute(of=3), InvalidParameterError, "The 'estimator' parameter"),
    "gradients of somebody else's": (attribute(of=LinearRegression()), ValueError, "must be an LSTMRegressor"),
    "gradients before fit": (attribute(of=LSTMRegressor()), NotFittedError, "not fitted yet"),
    "gradients of nothing": (attribute(X=None), ValueError, "got NoneType"),
    "gradients of another width": (attribute(X=CUBE[:, :, :1]), ValueError, "X has 1 features"),
    "gradients of no such output": (attribute(target=1), ValueError, "does not say which of the predictions"),
    "gradients of a named output": (attribute(target="HR"), ValueError, "does not say which of the predictions"),
    "gradients of no such class": (attribute("classifier", target=2), ValueError, "is not among the classes [0, 1]"),
    "gradients of ragged classes": (attribute("classifier", target=[[0], [1, 2]]), ValueError, "is not among the"),
    "gradients of no such quantile": (attribute("quantiles", target=2), ValueError, "does not say which"),
    "gradients of a step of none": (attribute(step=1), ValueError, "return_sequences=True"),
    "gradients of no such step": (attribute("steps", step=5), ValueError, "step=5"),
    "gradients, half a step": (attribute("steps", step=0.5), InvalidParameterError, "The 'step' parameter"),
    "gradients, a duration": (attribute("steps", step=np.timedelta64(1)), InvalidParameterError, "The 'step' param"),
    "gradients from one value": (attribute(baseline=[0.0]), ValueError, "baseline must hold a value for each of the 2"),
    "gradients from NaN": (attribute(baseline=[NAN, 0]), ValueError, "baseline contains NaN"),
    "gradients from text": (attribute(baseline=["a", "b"]), ValueError, "baseline must hold real numbers"),
    "gradients from no token": (attribute("tokens", TOKENS, baseline=-1), ValueError, "baseline must be the number of"),
    "gradients without tolerance": (attribute(tol=0), InvalidParameterError, "The 'tol' parameter"),
    "gradients of any tolerance": (attribute(tol=10**400), InvalidParameterError, "The 'tol' parameter"),
    "gates of no layer": (gates(layer=1), ValueError, "layer=1, but the network has 1 layers"),
    "gates of half a layer": (gates(layer=0.5), InvalidParameterError, "The 'layer' parameter"),
    "gates of layer False": (gates(layer=False), InvalidParameterError, "The 'layer' parameter"),
    "gates backward": (gates(direction="backward"), ValueError, "bidirectional=True"),
    "gates sideways": (gates(direction="sideways"), InvalidParameterError, "The 'direction' parameter"),
    "gates before fit": (gates(of=LSTMRegressor()), NotFittedError, "not fitted yet"),
    "gates of a set": (gates(X={1.0}), ValueError, "got set"),
    "importance of a class": (importance(of=LSTMRegressor), TypeError, "got the class LSTMRegressor"),
    "importance before fit": (importance(of=LSTMRegressor()), NotFittedError, "not fitted yet"),
    "importance of other targets": (importance(y=Y[:9]), ValueError, "inconsistent numbers of samples"),
    "importance by column": (importance(by="column"), InvalidParameterError, "The 'by' parameter"),
    "importance, no repeats": (importance(n_repeats=0), InvalidParameterError, "The 'n_repeats' parameter"),
    "importance, no jobs": (importance(n_jobs=0), InvalidParameterError, "The 'n_jobs' parameter"),
    "importance of a part beyond": (importance(max_samples=1.5), InvalidParameterError, "The 'max_samples' parameter"),
    "importance of no score": (importance(scoring="auroc"), InvalidParameterError, "The 'scoring' parameter"),
    "importance of no such group": (importance(groups=[["BP"]]), ValueError, "groups"),
    "attention of none": (draw(AttentionDisplay), ValueError, "attention"),
    "attention of no sequence": (draw(AttentionDisplay, "attention", sequence=10), ValueError, "sequence=10"),
    "attention of a text": (draw(AttentionDisplay, "attention", sequence="first"), ValueError, "sequence='first'"),
    "attention, times a number": (draw(AttentionDisplay, "attention", time_name=3), ValueError, "time_name must be"),
    "attention, times an array": (draw(AttentionDisplay, "attention", time_name=Y), ValueError, "time_name must be"),
    "attention on no axes": (draw(AttentionDisplay, "attention", ax=3), ValueError, "ax must be one axes"),
    "gates of no sequence": (draw(GateDisplay, sequence=None), ValueError, "sequence=None"),
    "gates of nothing": (draw(GateDisplay, X=None), ValueError, "got None"),
    "saliency of no class": (draw(SaliencyDisplay, "classifier", target="a"), ValueError, "is not among the classes"),
    "forecast of a class": (draw(ForecastDisplay, "classifier"), ValueError, "needs a regressor"),
    "forecast, coverage of all": (draw(ForecastDisplay, coverage=1), InvalidParameterError, "The 'coverage' parameter"),
    "forecast, name an array": (draw(ForecastDisplay, target_name=Y), InvalidParameterError, "The 'target_name'"),
    "forecast of other lengths": (lambda: ForecastDisplay.from_predictions(Y, Y[:9]), ValueError, "y_true holds 10"),
    "curve before fit": (
        lambda: TrainingCurveDisplay.from_estimator(LSTMRegressor()),
        NotFittedError,
        "not fitted yet",
    ),
    "curve of somebody else's": (
        lambda: TrainingCurveDisplay.from_estimator(LinearRegression()),
        ValueError,
        "The model must be an LSTMRegressor",
    ),
}

METRICS = {
    "no such score": (lambda: sequence_scorer("auroc"), ValueError, "'auroc'"),
    "a number for a score": (lambda: sequence_scorer(3), ValueError, "The 'scoring' parameter of get_scorer"),
    "a function for a score": (lambda: sequence_scorer(max), ValueError, "sklearn.metrics.make_scorer"),
    "score without targets": (score("steps", y=None), ValueError, "y must hold an array for each sequence"),
    "score of other steps": (score("steps", y=STEPS[:, :4]), ValueError, "y has 4 time steps for sequence 0"),
    "score, y of one number each": (score("steps", y=list(Y)), ValueError, "y must have a value at each time step"),
    "score, no target": (score("steps", y=STEPS * NAN), ValueError, "There is nothing to score"),
    "score, weights of a text": (score("steps", sample_weight="even"), ValueError, "sample_weight must hold a weight"),
    "score, weights of NaN": (score("steps", sample_weight=Y * NAN), ValueError, "negative or NaN"),
    "score, weights too few": (score("steps", sample_weight=Y[:9]), ValueError, "sample_weight has 9 elements"),
    "score of one sequence": (score("steps", X=TABLE[0]), ValueError, "Expected 2D array, got 1D array"),
}

DATASETS = {
    **{
        f"{function.__name__}: {name}={str(value)[:10]!r}": invalid(function, name, value)
        for function, name, value in [
            *[(make_adding_problem, "n_sequences", value) for value in [0, 2.5, "3", True, 10**20]],
            *[(make_adding_problem, "n_timesteps", 1), (make_adding_problem, "random_state", "seed")],
            *[(make_vital_signs, "n_patients", value) for value in [0, None, True, 10**400]],
            *[
                (make_vital_signs, "horizon", 0),
                (make_vital_signs, "event_rate", 1.5),
                (make_vital_signs, "min_hours", 1),
            ],
            *[(load_japanese_vowels, "subset", "validation"), (load_japanese_vowels, "return_X_y", 1)],
            *[(fetch_physionet_2012, "subset", "d"), (fetch_physionet_2012, "data_home", 3)],
            *[(fetch_physionet_2012, "n_retries", -1), (fetch_physionet_2012, "delay", NAN)],
            *[(fetch_physionet_2019, "subset", "A"), (fetch_physionet_2019, "as_frame", "yes")],
            *[(fetch_physionet_2019, "download_if_missing", None), (fetch_physionet_2019, "delay", True)],
        ]
    },
    "hours that end before they begin": (
        lambda: make_vital_signs(5, min_hours=30, max_hours=20),
        ValueError,
        "max_hours",
    ),
    "a home without a name": (lambda: fetch_physionet_2012(""), ValueError, "data_home must be the name of a file"),
    "a home with a null": (lambda: fetch_physionet_2019("a\0b"), ValueError, "data_home must be the name of a file"),
    "a home that is a file": (lambda: fetch_physionet_2012(__file__), FileExistsError, __file__),
}

CASES = INSPECTION | METRICS | DATASETS
