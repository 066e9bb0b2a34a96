"""What is measured: sizes of networks, data drawn from a seed, and the weights that every library starts from."""

from dataclasses import dataclass

import numpy as np

from sklstm.layout import CELLS, Architecture
from sklstm.network import Network


@dataclass(frozen=True)
class Problem:
    """A minibatch of equally long sequences with one target each, and a network of one layer."""

    n_sequences: int
    n_steps: int
    n_features: int
    n_units: int
    cell: str = "lstm"

    def __str__(self):
        return f"{self.n_sequences} × {self.n_steps} × {self.n_features}, {self.n_units}"

    def data(self):
        """Inputs (n_sequences, n_steps, n_features) and targets (n_sequences, 1)."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.n_sequences, self.n_steps, self.n_features), dtype=np.float32)
        return X, rng.standard_normal((self.n_sequences, 1), dtype=np.float32)

    @property
    def scaling(self):
        """The shift and scale of inputs that are taken as they are."""
        return np.zeros(self.n_features), np.ones(self.n_features)

    def network(self, **architecture):
        """A network of ours, whose weights the other libraries take over."""
        network = Network(Architecture(self.n_features, (self.n_units,), 1, self.cell, **architecture))
        network.initialize(np.random.RandomState(0))
        return network

    @property
    def product_operations(self):
        """Floating-point operations of the matrix products of one training step: forward, back, and the gradients."""
        n_rows = self.n_sequences * self.n_steps
        n_gates = CELLS[self.cell]["n_gates"]
        return 3 * 2 * n_rows * n_gates * self.n_units * (self.n_features + self.n_units)


STEPS = [
    Problem(32, 24, 8, 32),
    Problem(32, 48, 12, 64),
    Problem(64, 100, 16, 128),
    Problem(64, 100, 64, 256),
    Problem(32, 1000, 1, 64),
    Problem(128, 100, 128, 512),
]
SMALLEST, TYPICAL = STEPS[0], STEPS[1]
CELL_STEPS = [TYPICAL, STEPS[2]]
ONE_SEQUENCE = Problem(1, 48, 12, 64)
LONG = Problem(32, 10_000, 8, 64)

# Scaling, around the typical problem.
BY_STEPS = [Problem(32, n_steps, 12, 64) for n_steps in (12, 24, 48, 96, 192, 384, 768)]
BY_SEQUENCES = [Problem(n_sequences, 48, 12, 64) for n_sequences in (1, 2, 4, 8, 16, 32, 64, 128, 256)]


def ragged_lengths(problem):
    """Lengths spread evenly from 1 to the problem's, in random order."""
    lengths = np.linspace(1, problem.n_steps, problem.n_sequences).round().astype(int)
    return np.random.default_rng(0).permutation(lengths)
