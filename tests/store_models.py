"""Store small fitted models in tests/data/models, in a folder of this version, with inputs and what they predict.

`python tests/store_models.py` adds what is not there yet. Later versions must read all of it and predict the same
(`test_saving.py`): no file is ever written anew.
"""

from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils._testing import ignore_warnings

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.preprocessing import (
    SequenceImputer,
    SequenceScaler,
    SequenceSelector,
    SequenceTokenizer,
    SequenceUnion,
    TimeFeatures,
)

FOLDER = Path(__file__).parent / "data" / "models"


def arrays():
    """Numbers to make inputs of."""
    rng = np.random.default_rng(0)
    cube = rng.normal(size=(12, 5, 2))
    gaps = np.where(rng.random(cube.shape) < 0.2, np.nan, cube)
    gaps[:, -1] = cube[:, -1]  # or such steps would be padding
    return {"cube": cube, "gaps": gaps, "tokens": rng.integers(0, 4, size=(12, 5))}


def inputs(arrays):
    """What models are fitted to and predict, by name."""
    named = as_sequences(list(arrays["gaps"]), feature_names=["HR", "lactate"], times=[np.arange(5.0) ** 2] * 12)
    texts = ["the cat sat", "the dog", "a dog sat on the cat", "on a cat"] * 3
    return {"cube": arrays["cube"], "named": named, "tokens": arrays["tokens"], "texts": texts}


ARRAYS = arrays()
INPUTS = inputs(ARRAYS)
CUBE = INPUTS["cube"]
NUMBERS = CUBE[:, -1, 0] + CUBE[:, -2, 1] / 4
WORDS = np.array(["low", "mid", "high"])[np.digitize(NUMBERS, [-0.5, 0.5])]
BOTH = np.column_stack([NUMBERS > 0, NUMBERS > 0.5]).astype(int)


def regressor(X="cube", y=NUMBERS, sizes=3, **parameters):
    """A regressor, and what it is fitted to."""
    return LSTMRegressor(sizes, max_iter=3, random_state=0, **parameters), X, y


def classifier(X="cube", y=WORDS, sizes=3, **parameters):
    """A classifier, and what it is fitted to."""
    return LSTMClassifier(sizes, max_iter=3, random_state=0, **parameters), X, y


IMPUTER = SequenceImputer(add_indicator=True, add_elapsed=True)
UNION = SequenceUnion(
    [
        ("vitals", make_pipeline(SequenceSelector(["HR"]), SequenceScaler("robust", clip=3.0))),
        ("rest", make_pipeline(SequenceSelector(["lactate"]), SequenceImputer("constant"), TimeFeatures())),
    ]
)

MODELS = {
    "lstm": regressor(),
    "gru": regressor(cell="gru", loss="absolute_error", recurrent_activation="hard_sigmoid"),
    "rnn": regressor(cell="rnn", loss="huber", delta=0.5, activation="relu"),
    "peephole": regressor(cell="peephole", loss="poisson", y=np.round(np.exp(NUMBERS))),
    "quantile": regressor(loss="quantile", quantile=[0.1, 0.5, 0.9]),
    "gaussian_nll": regressor(loss="gaussian_nll", y=np.column_stack([NUMBERS, -NUMBERS])),
    "stack": regressor(sizes=(3, 2), skip_connection=True),
    "bidirectional": regressor(sizes=(2, 3), bidirectional=True, pooling="mean"),
    "max": regressor(pooling="max", dtype="float64"),
    "attention": classifier(pooling="attention"),
    "embedding": classifier("tokens", embedding_dim=2),
    "decay": classifier("named", NUMBERS > 0, missing="decay"),
    "steps": regressor(return_sequences=True, y=CUBE.sum(axis=2), bidirectional=True),
    "multilabel": classifier(y=BOTH),
    "weighted": classifier(class_weight={"low": 2.0}, y=WORDS.astype(object)),
    "pipeline": (make_pipeline(IMPUTER, SequenceScaler(), classifier()[0]), "named", WORDS),
    "union": (make_pipeline(UNION, SequenceImputer(), regressor()[0]), "named", NUMBERS),
    "text": (make_pipeline(SequenceTokenizer(), classifier(embedding_dim=2)[0]), "texts", WORDS),
}
PARTIAL = {"lstm", "multilabel"}  # trained by partial_fit, to go on with it


@ignore_warnings(category=ConvergenceWarning)
def fitted(name):
    """A fitted model."""
    model, X, y = MODELS[name]
    model = clone(model)
    return (model.partial_fit if name in PARTIAL else model.fit)(INPUTS[X], y)


def predictions(model, X):
    """The numbers that a model predicts, as one array."""
    return np.asarray(model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X))


def main():
    """Store what is not there yet."""
    folder = FOLDER / sklstm.__version__
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "inputs.npz").exists():
        np.savez(folder / "inputs.npz", **ARRAYS)
    with np.load(folder / "inputs.npz") as stored:
        X = inputs(stored)
    for name in MODELS:
        if not (folder / f"{name}.sklstm").exists():
            model = fitted(name)
            sklstm.save(model, folder / f"{name}.sklstm")
            np.save(folder / f"{name}.npy", predictions(model, X[MODELS[name][1]]))


if __name__ == "__main__":
    main()
