"""Small trainings of every kind, and what the models that they end with predict.

`python tests/trainings.py` adds to tests/data/trainings.npz what is not there yet. Where a change is meant to train
other models, delete the file first, and say in CHANGELOG.md that the same seed gives other models.
"""

import hashlib
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._testing import ignore_warnings

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.layout import CELLS

FILE = Path(__file__).parent / "data" / "trainings.npz"

RNG = np.random.RandomState(0)
RAGGED = [RNG.normal(size=(length, 3)) for length in RNG.randint(1, 12, size=40)]
GAPS = as_sequences(
    [np.where(RNG.uniform(size=x.shape) < 0.3, np.nan, x) for x in RAGGED],
    times=[np.cumsum(RNG.exponential(size=len(x))) for x in RAGGED],
)
TOKENS = [RNG.randint(0, 5, size=(len(x), 1)) for x in RAGGED]
MEMORIES = np.array([np.tanh(x[0, 0] * x[-1, 1]) + x.mean() for x in RAGGED])  # no linear model's part in it is large
LINEAR = np.array([x[-1, 0] + x[-1, 1] / 2 for x in RAGGED]) + 0.3 * RNG.normal(size=40)
LABELS = np.digitize(MEMORIES, [-0.3, 0.3])
LONG = RNG.normal(size=(8, 1500, 3))
STEPS = [x[:, 0] + x[:, 1] for x in RAGGED]
SETTINGS = {"max_iter": 4, "batch_size": 16, "random_state": 0}
REGRESSOR = {**SETTINGS, "skip_connection": False}


def regressor(X=RAGGED, y=MEMORIES, sizes=9, **parameters):
    """A regressor, and what it is fitted to."""
    return LSTMRegressor(sizes, **REGRESSOR | parameters), X, y


def classifier(X=RAGGED, y=LABELS, sizes=9, **parameters):
    """A classifier, and what it is fitted to."""
    return LSTMClassifier(sizes, **SETTINGS | parameters), X, y


KINDS = {
    **{cell: regressor(cell=cell) for cell in CELLS},
    "wide": regressor(sizes=(65, 33)),
    "bidirectional": regressor(bidirectional=True, pooling="mean", sizes=(5, 7)),
    "max": classifier(pooling="max", bidirectional=True),
    "attention": classifier(pooling="attention", sizes=(5, 33)),
    "decay": classifier(GAPS, missing="decay"),
    "embedding": classifier(TOKENS, embedding_dim=4),
    "dropout": classifier(dropout=0.3, recurrent_dropout=0.2, cell="gru"),
    "lbfgs": regressor(solver="lbfgs"),
    "skip auto": regressor(y=LINEAR, skip_connection="auto"),
    "skip": regressor(skip_connection=True, cell="peephole"),
    "steps": regressor(y=STEPS, return_sequences=True, bidirectional=True),
    "early stopping": classifier(early_stopping=True, n_iter_no_change=2, learning_rate_init=0.1, max_iter=20),
    "sgd": regressor(solver="sgd", cell="rnn", activation="relu"),
    "max_memory": regressor(LONG, LONG[:, -1, 0], max_memory=4, max_iter=2),
}


@ignore_warnings(category=ConvergenceWarning)
def fitted(model, X, y, **parameters):
    """A copy of a model, with other parameters, fitted."""
    return clone(model).set_params(**parameters).fit(X, y)


def trained(kind, dtype="float32", n_jobs=None):
    """What a model of a kind predicts once it is trained: its outputs, with those of all time steps in one table."""
    model, X, y = KINDS[kind]
    return fitted(model, X, y, dtype=dtype, n_jobs=n_jobs)._outputs(X)[0]


def digest(n_jobs=None):
    """A hash of what all kinds of models predict, in single and double precision."""
    found = hashlib.sha256()
    for dtype in ["float32", "float64"]:
        for kind in KINDS:
            found.update(trained(kind, dtype, n_jobs))
    return found.hexdigest()


def main():
    """Store what is not there yet."""
    stored = {}
    if FILE.exists():
        with np.load(FILE) as arrays:
            stored = dict(arrays)
    for dtype in ["float32", "float64"]:
        stored = {f"{kind}, {dtype}": trained(kind, dtype) for kind in KINDS} | stored
    np.savez_compressed(FILE, **stored)


if __name__ == "__main__":
    main()
