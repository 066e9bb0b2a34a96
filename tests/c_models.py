"""Models to be written in C: every cell, activation, pooling, loss and kind of input."""

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.layout import CELLS
from sklstm.preprocessing import SequenceImputer, SequenceScaler

F, LENGTHS = 3, [1, 9, 6, 12, 7, 8]


def values(times=False, mean=0.0, missing=0.0, wild=0.0):
    rng = np.random.RandomState(0)
    table = (mean + rng.normal(size=(sum(LENGTHS), F)) * [1, 5, 0.1]).astype(np.float32)
    chance = rng.uniform(size=table.shape)
    table[chance < missing] = np.nan
    table[chance < wild] *= 1e14
    clock = np.cumsum(rng.exponential(size=len(table))) if times else None
    return Sequences(table, np.cumsum([0, *LENGTHS]), times=clock)


def tokens():
    return [np.random.RandomState(n).randint(0, 6, size=n) for n in LENGTHS]


X, TOKENS, DECAYING, TIMED = values(), tokens(), values(missing=0.5), values(missing=0.5, times=True)
ONE_TARGET = np.linspace(90.0, 110.0, len(LENGTHS))
TARGETS = np.column_stack([ONE_TARGET, -ONE_TARGET / 100])
COUNTS = np.array([0, 3, 1, 7, 2, 2])
BY_STEP = [np.linspace(0, n, n) for n in LENGTHS]
TWO, THREE = np.array(["no", "yes"] * 3), np.array([7, 8, 9] * 2)
LABELS = np.column_stack([COUNTS > 1, COUNTS > 2, COUNTS == 2]).astype(int)


def regressor(sizes=5, **parameters):
    return LSTMRegressor(sizes, max_iter=1, random_state=0, **parameters)


def classifier(sizes=5, **parameters):
    return LSTMClassifier(sizes, max_iter=1, random_state=0, **parameters)


# Models, by names that C takes, and what they are fitted to.
CASES = {
    f"{cell}_{activation}_{gate}": (regressor(cell=cell, activation=activation, recurrent_activation=gate), X, TARGETS)
    for cell in CELLS
    for activation in ["tanh", "relu", "logistic", "identity"]
    for gate in ["logistic", "hard_sigmoid"]
    if cell != "rnn" or gate == "logistic"
}
for cell in CELLS:
    CASES |= {
        f"{cell}_stack": (classifier((5, 4, 6), cell=cell), X, TWO),
        f"{cell}_mean": (regressor(cell=cell, pooling="mean"), X, TARGETS),
        f"{cell}_max": (regressor(cell=cell, pooling="max"), X, TARGETS),
        f"{cell}_attention": (regressor((4, 5), cell=cell, pooling="attention"), X, TARGETS),
        f"{cell}_skip": (regressor(cell=cell, skip_connection=True), X, TARGETS),
        f"{cell}_decay": (regressor((5, 4), cell=cell, missing="decay"), DECAYING, TARGETS),
        f"{cell}_times": (classifier(cell=cell, missing="decay"), TIMED, TWO),
        f"{cell}_tokens": (classifier(cell=cell, embedding_dim=4), TOKENS, THREE),
    }
CASES |= {
    "skip_attention": (classifier(skip_connection=True, pooling="attention"), X, THREE),
    "skip_steps": (regressor(skip_connection=True, return_sequences=True), X, BY_STEP),
    "decay_mean": (regressor(missing="decay", pooling="mean"), TIMED, TARGETS),
    "tokens_max": (regressor(embedding_dim=1, pooling="max"), TOKENS, ONE_TARGET),
    "steps": (classifier(return_sequences=True), X, [np.arange(n) % 2 for n in LENGTHS]),
    "one_target": (regressor(), X, ONE_TARGET),
    "absolute": (regressor(loss="absolute_error"), X, TARGETS),
    "huber": (regressor(loss="huber"), X, TARGETS),
    "median": (regressor(loss="quantile"), X, TARGETS),
    "quantile": (regressor(loss="quantile", quantile=[0.9]), X, TARGETS),
    "quantiles": (regressor(loss="quantile", quantile=[0.1, 0.5, 0.9]), X, TARGETS),
    "poisson": (regressor(loss="poisson"), X, np.column_stack([COUNTS, 10 * COUNTS])),
    "gaussian": (regressor(loss="gaussian_nll"), X, TARGETS),
    "labels": (classifier(), X, LABELS),
    "one_label": (classifier(), X, THREE % 2),
    "double": (regressor(dtype="float64"), X, TARGETS),
    "as_it_is": (regressor(standardize=False), X, TARGETS / 100),
    "table": (classifier(cell="rnn"), np.random.RandomState(0).normal(size=(6, 4)).astype(np.float32), TWO),
    "far_off": (regressor(skip_connection=True), values(mean=1e6), TARGETS),
}
WITH_GAPS, IMPUTERS = (
    values(missing=0.4),
    {
        "forward": SequenceImputer(add_indicator=True, add_elapsed=True),
        "aged": SequenceImputer(add_elapsed=True, elapsed_scale=3.0, fill_value=2.0),
        "constant": SequenceImputer("constant", add_indicator=True),
        "mean": SequenceImputer("mean"),
    },
)
SOME_GAPS = Sequences(np.where([True, False, True], X.values, WITH_GAPS.values), X.offsets)
for imputer in IMPUTERS:
    CASES[f"behind_{imputer}"] = make_pipeline(IMPUTERS[imputer], regressor()), WITH_GAPS, TARGETS
for scaler in ("standard", "robust", "minmax"):
    CASES |= {
        f"behind_{scaler}": (make_pipeline(SequenceScaler(scaler), regressor(skip_connection=True)), X, TARGETS),
        f"behind_{scaler}_far_off": (make_pipeline(SequenceScaler(scaler), regressor()), values(mean=1e5), TARGETS),
    }
CASES |= {
    "behind_two": (
        make_pipeline(
            SequenceScaler(clip=1.0), IMPUTERS["forward"], SequenceScaler(), classifier(skip_connection=True)
        ),
        TIMED,
        TWO,
    ),
    "behind_clip": (make_pipeline(SequenceScaler("robust", clip=0.5), regressor(missing="decay")), TIMED, TARGETS),
    "behind_wild": (make_pipeline(SequenceScaler("robust"), regressor()), values(wild=0.1), TARGETS),
    "behind_no_clip": (make_pipeline(SequenceScaler(clip=1e39), regressor()), X, TARGETS),
    "behind_nested": (
        make_pipeline(make_pipeline(SequenceScaler(), SequenceScaler("minmax")), regressor()),
        X,
        TARGETS,
    ),
    "behind_some_gaps": (make_pipeline(IMPUTERS["forward"], regressor()), SOME_GAPS, TARGETS),
    "behind_aged_times": (make_pipeline(IMPUTERS["aged"], regressor(return_sequences=True)), TIMED, BY_STEP),
}
INT8 = ["behind_two", "lstm_stack", "gru_times", "peephole_tokens", "rnn_attention", "skip_steps", "quantiles"]


def last(model):
    return model[-1] if isinstance(model, Pipeline) else model


def fitted(model, X, y):
    """A model with no weight at 0, so that none can be swapped or left out unnoticed."""
    model = clone(model).fit(X, y)
    network = last(model)._network
    network.parameters += np.random.RandomState(1).uniform(-0.5, 0.5, len(network.parameters)).astype(network.dtype)
    network.fixed = True  # what was packed of its weights is forgotten
    return model
