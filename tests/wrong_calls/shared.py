"""What the tables of wrong calls are made of: small data, models fitted to it, and what an error must not say."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.preprocessing import SequenceImputer, SequenceScaler, SequenceTokenizer, ToSequences

TINY = {"hidden_layer_sizes": 4, "max_iter": 2, "batch_size": 8, "random_state": 0, "n_jobs": 1}
N = 10
NAN, INF = np.nan, np.inf

CUBE = np.random.default_rng(0).normal(size=(N, 5, 2))
TABLE = CUBE[:, :, 0]
Y = np.arange(N) % 2
STEPS = np.int64(CUBE[:, :, 0] > 0)
TOKENS = np.arange(5 * N).reshape(N, 5) % 7
TEXTS = ["fine", "not so fine", "bad"]
NAMED = as_sequences(CUBE, feature_names=["HR", "SpO2"], times=np.tile(np.arange(5.0), (N, 1)))
FRAME = pd.DataFrame(
    {"id": np.repeat([1, 2, 3], 4), "hour": np.tile(range(4), 3), "HR": np.arange(12.0), "ward": ["a", "b", "c"] * 4}
)
RECURSIVE = []
RECURSIVE.append(RECURSIVE)
DATA = [CUBE, TABLE, Y, STEPS, TOKENS, TEXTS, NAMED, FRAME]  # what no call may change

# Words that betray that an error was not foreseen: those of NumPy, Cython, pandas, polars, SciPy, and Python itself.
BARE = [
    *["inhomogeneous", "setting an array element", "could not convert", "cannot convert", "broadcast", "out of bounds"],
    *["Buffer", "memoryview", "not C-contiguous", "ufunc", "Cannot cast", "cannot reshape"],
    *["only integer scalar arrays", "are valid indices", "too many indices", "zero-size array", "invalid literal"],
    *["has no attribute", "unsupported operand", "not supported between", "object of type", "has no len()"],
    *["must be real number", "must be a string or a real number", "an integer is required", "too large to convert"],
    *["list index out of range", "index out of range", "truth value", "unhashable", "not iterable", "cannot unpack"],
    *["not enough values to unpack", "not subscriptable", "not callable", "missing 1 required", "iteration over"],
    *[
        "Maximum allowed dimension",
        "operands",
        "Expecting value",
        "codec can't",
        "embedded null",
        "expected str, bytes",
    ],
    *["not a zip file", "pickle", "does not match format", "ColumnNotFoundError", "narwhals", "'NoneType' object"],
]

# Sentences that have such words on purpose: reasons that errors quote, advice, and what scikit-learn's checks want.
QUOTED = [
    *["argument must be a string or a real number", "written: File is not a zip file.", "and pickle and joblib nearly"],
]


def make(Estimator, **parameters):
    return Estimator(**{**TINY, **parameters})


def changed(index, value, X=CUBE):
    """A copy in which something is different."""
    X = X.copy()
    X[index] = value
    return X


def assert_says(error, words):
    """Assert that an error has the words, and that it is not some library's that nobody has foreseen."""
    message = str(error)
    for word in [words] if isinstance(words, str) else words:
        assert word in message, message
    own = message
    for quoted in QUOTED:
        own = own.replace(quoted, "")
    for word in BARE:
        assert word not in own, message


def assert_raises(call, error, words):
    """Assert that a call raises an error of this kind, with the words."""
    with pytest.raises(error) as raised:
        call()
    assert type(raised.value) in (error, InvalidParameterError, NotFittedError)
    assert_says(raised.value, words)


MODELS = {
    "regressor": lambda: make(LSTMRegressor).fit(CUBE, Y),
    "classifier": lambda: make(LSTMClassifier).fit(CUBE, Y),
    "of three": lambda: make(LSTMClassifier).fit(CUBE, np.arange(N) % 3),
    "table": lambda: make(LSTMRegressor).fit(TABLE, Y),
    "named": lambda: make(LSTMRegressor).fit(NAMED, Y),
    "steps": lambda: make(LSTMRegressor, return_sequences=True).fit(CUBE, STEPS),
    "labels of steps": lambda: make(LSTMClassifier, return_sequences=True).fit(CUBE, STEPS),
    "tokens": lambda: make(LSTMClassifier, embedding_dim=3).fit(TOKENS, Y),
    "attention": lambda: make(LSTMClassifier, pooling="attention").fit(CUBE, Y),
    "decay": lambda: make(LSTMRegressor, missing="decay").fit(NAMED, Y),
    "both ways": lambda: make(LSTMRegressor, bidirectional=True).fit(CUBE, Y),
    "quantiles": lambda: make(LSTMRegressor, loss="quantile", quantile=[0.1, 0.9]).fit(CUBE, Y),
    "peephole": lambda: make(LSTMRegressor, cell="peephole").fit(CUBE, Y),
    "pipeline": lambda: make_pipeline(SequenceImputer(), SequenceScaler(), make(LSTMRegressor)).fit(NAMED, Y),
    "scaler": lambda: SequenceScaler().fit(NAMED),
    "imputer": lambda: SequenceImputer().fit(NAMED),
    "rows": lambda: ToSequences(2).fit(np.zeros((N, 6))),
    "tokenizer": lambda: SequenceTokenizer().fit(TEXTS),
}


@cache
def model(name):
    """The fitted model of this name, which calls share: they fail, and so leave it as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[name]()


def state_of_all():
    """All that is shared, by which a change can be seen."""
    return {"data": DATA, **{name: model(name) for name in MODELS}}
