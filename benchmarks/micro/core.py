"""Microbenchmarks against our own regressions: `cd benchmarks && asv run` (airspeed velocity)."""

import numpy as np

from sklstm import LSTMRegressor, Sequences, as_sequences

# sequences, time steps, features, units
SIZES = [(32, 24, 8, 32), (32, 48, 12, 64), (64, 100, 16, 128)]


def data(n_sequences, n_steps, n_features):
    """Random inputs and targets."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_sequences, n_steps, n_features), dtype=np.float32)
    return X, rng.standard_normal(n_sequences)


def regressor(n_units, max_iter, **settings):
    """A model that trains for exactly so many epochs, on one thread."""
    return LSTMRegressor(
        (n_units,),
        max_iter=max_iter,
        n_iter_no_change=np.inf,
        n_jobs=1,
        early_stopping=False,
        random_state=0,
        **settings,
    )


class Fit:
    """Twenty steps of one minibatch."""

    params = (SIZES, ("full", "ragged"))
    param_names = ("size", "lengths")

    def setup(self, size, lengths):
        *shape, n_units = size
        self.X, self.y = data(*shape)
        if lengths == "ragged":
            self.X = [x[: k % len(x) + 1] for k, x in enumerate(self.X)]
        self.model = regressor(n_units, 20, batch_size=shape[0])

    def time_fit(self, size, lengths):
        self.model.fit(self.X, self.y)

    def peakmem_fit(self, size, lengths):
        self.model.fit(self.X, self.y)


class Predict:
    """Predictions of a fitted model, for a batch and for one sequence."""

    params = (SIZES,)
    param_names = ("size",)

    def setup(self, size):
        *shape, n_units = size
        self.X, y = data(*shape)
        self.model = regressor(n_units, 1).fit(self.X, y)

    def time_batch(self, size):
        self.model.predict(self.X)

    def time_one_sequence(self, size):
        self.model.predict(self.X[:1])


class Convert:
    """Inputs into sequences, and sequences taken apart."""

    def setup(self):
        self.X, _ = data(1000, 48, 12)
        self.as_list = list(self.X)
        self.sequences = as_sequences(self.X)
        self.rows = np.random.default_rng(0).permutation(1000)[:800]

    def time_array(self):
        as_sequences(self.X)

    def time_list(self):
        as_sequences(self.as_list)

    def time_rows(self):
        self.sequences[self.rows]

    def time_container(self):
        Sequences(self.sequences.values, self.sequences.offsets)


class Import:
    """What a script pays before its first line."""

    def timeraw_import(self):
        return "import sklstm"
