"""What hypothesis draws: sequences of any sizes and contents, and networks and estimators for them.

What is drawn are sizes, choices and a seed, from which the numbers follow, so that an example is printed in some lines
and can be written down by hand. Sizes are small, but one at a time goes up to its limit.
"""

from dataclasses import dataclass, field, replace

import naive
import numpy as np
from hypothesis import example
from hypothesis import strategies as st

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.layout import CELLS, POOLINGS

LONGEST, MOST_FEATURES, MOST_UNITS, MOST_SEQUENCES = 5000, 300, 257, 70
SHORT = 12  # at most, where another size may be large

seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Sizes:
    lengths: tuple
    n_features: int = 2
    hidden_layer_sizes: tuple = (3,)


@st.composite
def sizes(draw, least_sequences=1):
    """Few of all, or many of one: time steps, features, units or sequences."""
    many = draw(st.sampled_from([None, "steps", "features", "units", "sequences"]))
    most = MOST_SEQUENCES if many == "sequences" else 9
    lengths = draw(st.lists(st.integers(1, SHORT), min_size=least_sequences, max_size=most))
    layers = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    if many == "steps":
        lengths[draw(st.integers(0, len(lengths) - 1))] = draw(st.integers(SHORT + 1, LONGEST))
    if many == "units":
        layers[draw(st.integers(0, len(layers) - 1))] = draw(st.integers(10, MOST_UNITS))
    n_features = draw(st.integers(1, MOST_FEATURES if many == "features" else 5))
    return Sizes(tuple(lengths), n_features, tuple(layers))


CORNERS = [
    Sizes((1,), 1, (1,)),
    Sizes((LONGEST, 3), 1, (2,)),
    Sizes((3, 5, 1), MOST_FEATURES, (4,)),
    Sizes((3, 2), 2, (MOST_UNITS,)),
    Sizes((2,) * 33, 2, (3, MOST_UNITS - 1, 2)),
]


def at_corners(make):
    """The examples that `make` makes of each extreme of the sizes."""

    def decorate(test):
        for corner in CORNERS:
            test = example(**make(corner))(test)
        return test

    return decorate


# ---------------------------------------------------------------------------------------------- contents

CONTENTS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "single": lambda rng, shape: rng.normal(size=shape).astype("f4").astype(float),
    "half": lambda rng, shape: rng.normal(size=shape).astype("f2").astype(float),
    "whole": lambda rng, shape: rng.integers(0, 101, size=shape).astype(float),
    "bits": lambda rng, shape: rng.integers(0, 2, size=shape).astype(float),
    "constant": lambda rng, shape: np.full(shape, 7.0),
    "far": lambda rng, shape: 1e6 + rng.normal(size=shape),
}
HELD_BY_MORE_TYPES = ["single", "half", "whole", "bits", "constant"]


def _some(rng, X):
    for x in X:
        x[rng.random(x.shape) < 0.4] = np.nan


def _feature(rng, X):
    k = rng.integers(X[0].shape[1])
    for x in X:
        x[:, k] = np.nan


def _feature_of_sequence(rng, X):
    X[rng.integers(len(X))][:, rng.integers(X[0].shape[1])] = np.nan


def _sequence(rng, X):
    X[rng.integers(len(X))][:] = np.nan


def _steps(rng, X):
    for x in X:
        x[len(x) // 3 : len(x) - 1] = np.nan


def _first(rng, X):
    for x in X:
        x[0] = np.nan


def _last(rng, X):
    for x in X:
        x[len(x) // 2 + 1 :] = np.nan


GAPS = {
    "some": _some,
    "a feature": _feature,
    "a feature of a sequence": _feature_of_sequence,
    "a sequence": _sequence,
    "steps": _steps,
    "first steps": _first,
    "last steps": _last,
    "none": lambda rng, X: None,
}


def make_sequences(lengths, n_features, contents, gaps, seed):
    """A list of arrays (n_timesteps_i, n_features)."""
    rng = np.random.default_rng(seed)
    X = [CONTENTS[contents](rng, (length, n_features)) for length in lengths]
    GAPS[gaps](rng, X)
    return X


def end_to_end(X):
    return Sequences(np.concatenate(X), np.cumsum([0, *map(len, X)]))


# ---------------------------------------------------------------------------------------------- networks

BOUNDED = ["tanh", "logistic"]
HEADS = [*({"pooling": pooling} for pooling in POOLINGS), {"return_sequences": True}]
INPUTS = [
    {},
    {"bidirectional": True},
    {"skip_connection": True},
    {"skip_connection": True, "bidirectional": True},
    {"missing": "decay"},
]


@st.composite
def architectures(draw, longest, inputs=tuple(INPUTS)):
    """Names and values of what networks and estimators alike are made of, beside the sizes."""
    options = {
        "cell": draw(st.sampled_from([*CELLS])),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "recurrent_activation": draw(st.sampled_from([*naive.RECURRENT_ACTIVATIONS])),
        # Over many steps, what is not bounded would overflow.
        "activation": draw(st.sampled_from([*naive.ACTIVATIONS] if longest <= SHORT else BOUNDED)),
    }
    return {**options, **draw(st.sampled_from(HEADS)), **draw(st.sampled_from(inputs))}


@dataclass(frozen=True)
class NetworkExample:
    """A network with random parameters, and sequences for it."""

    sizes: Sizes
    options: dict = field(default_factory=dict)
    n_outputs: int = 2
    contents: str = "normal"
    gaps: str = "none"
    seed: int = 0

    def make(self):
        """The network, the sequences, and what they are standardised by."""
        F = self.sizes.n_features
        network = naive.random_network(
            F, self.sizes.hidden_layer_sizes, self.n_outputs, seed=self.seed, **{"dtype": "float64", **self.options}
        )
        sequences = end_to_end(make_sequences(self.sizes.lengths, F, self.contents, self.gaps, self.seed))
        shift, scale = np.linspace(-1, 1, F), np.linspace(0.5, 2, F) / np.sqrt(F)
        if self.contents == "whole":
            shift, scale = shift + 50, scale / 50
        if network.architecture.missing == "decay":
            return network, sequences, np.append(0 * shift, shift), np.append(0 * scale + 0.7, scale)
        if network.architecture.skip_connection:
            return network, sequences, np.append(0 * shift, shift), np.append(scale, scale)
        return network, sequences, shift, scale


@st.composite
def network_examples(draw, of_sizes=None):
    chosen = draw(sizes() if of_sizes is None else of_sizes)
    options = draw(architectures(max(chosen.lengths)))
    return NetworkExample(
        chosen,
        options,
        draw(st.integers(1, 4)),
        draw(st.sampled_from(["normal", "whole"])),
        draw(st.sampled_from([*GAPS])) if options.get("missing") == "decay" else "none",
        draw(seeds),
    )


# ---------------------------------------------------------------------------------------------- estimators

LOSSES = ["squared_error", "absolute_error", "huber", "quantile", "poisson", "gaussian_nll"]


@dataclass(frozen=True)
class Task:
    """An estimator, and sequences, targets and weights to fit it to."""

    sizes: Sizes
    options: dict = field(default_factory=dict)
    is_classifier: bool = False
    n_targets: int = 0  # 0: one-dimensional
    contents: str = "normal"
    gaps: str = "none"
    weighted: bool = False
    seed: int = 0

    @property
    def X(self):  # noqa: N802
        return make_sequences(self.sizes.lengths, self.sizes.n_features, self.contents, self.gaps, self.seed)

    @property
    def y(self):
        rng, lengths = np.random.default_rng(self.seed + 1), self.sizes.lengths
        by_step = self.options.get("return_sequences")
        shape = (sum(lengths) if by_step else len(lengths), *[self.n_targets] * (self.n_targets > 0))
        if self.is_classifier:
            y = (np.arange(np.prod(shape)).reshape(shape) + rng.integers(2)) % (2 if self.n_targets else 3)
        else:
            y = rng.normal(size=shape) ** 2
        if not by_step:
            return y
        if not self.is_classifier:
            y[1:][rng.random(y[1:].shape) < 0.2] = np.nan
        return np.split(y, np.cumsum(lengths)[:-1])

    @property
    def sample_weight(self):
        """None, or weights that are small whole numbers, zero among them."""
        if not self.weighted:
            return None
        weights = np.random.default_rng(self.seed + 2).integers(0, 4, size=len(self.sizes.lengths)).astype(float)
        weights[:3] = 2  # so that each class has some
        return weights

    @property
    def model(self):
        parameters = {"max_iter": 1, "random_state": self.seed % 1000, "n_jobs": 1, "skip_connection": False}
        estimator = LSTMClassifier if self.is_classifier else LSTMRegressor
        return estimator(self.sizes.hidden_layer_sizes, **{**parameters, **self.options})

    def fit(self, X=None, **parameters):
        """The model of this task, of sequences that may have another form."""
        return self.model.set_params(**parameters).fit(self.X if X is None else X, self.y, self.sample_weight)

    def with_options(self, **options):
        return replace(self, options={**self.options, **options})


@st.composite
def training(draw, is_classifier, tame):
    """Parameters of the estimators that networks do not have; those under which much may diverge, where all is tame."""
    options = {
        "solver": draw(st.sampled_from(["adam", "adamw", "sgd", "rmsprop", "lbfgs"])),
        "batch_size": draw(st.sampled_from([1, 2, 7, 8, 32, 1000])),
        "max_iter": draw(st.integers(1, 2)),
        "n_jobs": draw(st.integers(1, 3)),
        "shuffle": draw(st.booleans()),
        "standardize": draw(st.booleans()) if tame else True,
        "clip_norm": draw(st.sampled_from([None, 1.0])) if tame else 1.0,
    }
    if options["solver"] != "lbfgs":
        options["dropout"] = draw(st.sampled_from([0, 0.3]))
        options["recurrent_dropout"] = draw(st.sampled_from([0, 0.2])) if tame else 0
        options["average"] = draw(st.booleans())
        options["learning_rate"] = draw(st.sampled_from(["constant", "adaptive", "cosine"]))
    if not is_classifier:
        options["loss"] = draw(st.sampled_from(LOSSES))
    return options


@st.composite
def tasks(draw, contents=("normal", "whole", "bits", "constant", "far"), inputs=tuple(INPUTS)):
    is_classifier = draw(st.booleans())
    chosen = draw(sizes(least_sequences=3 if is_classifier else 1))
    values, longest = draw(st.sampled_from(contents)), max(chosen.lengths)
    options = draw(architectures(longest, inputs))
    tame = longest <= SHORT and values != "far" and options["activation"] in BOUNDED
    return Task(
        chosen,
        {**options, **draw(training(is_classifier, tame))},
        is_classifier,
        draw(st.sampled_from([0, 0, 2])),
        values,
        draw(st.sampled_from([*GAPS])) if options.get("missing") == "decay" else "none",
        draw(st.booleans()),
        draw(seeds),
    )


def what_is_learnt(model):
    """All numbers of a fitted model, by name."""
    return {**model.get_weights(), "loss_curve_": np.array(model.loss_curve_)}


def predictions(model, X, lengths):
    """What a model predicts of each sequence, or of each time step; of classes, probabilities."""
    y = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    if not model.return_sequences:
        return list(y[:, np.newaxis])
    return [rows[:length] for rows, length in zip(y, lengths, strict=True)]
