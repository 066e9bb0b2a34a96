"""Optimizers: their state over the flat buffer of parameters, and the compiled step that changes it.

`kept` names what changes from step to step, which a checkpoint keeps.
"""

import numpy as np

from ._core import optimizers as core

# Share of the running mean square that RMSprop keeps a step: Tieleman and Hinton's. Adam's 0.999 would make the first
# steps, which no correction makes up for here, thirty times as long as the later ones.
RMSPROP_SMOOTHING = 0.9


class Adam:
    """Adaptive moment estimation (Kingma and Ba, 2015).

    The first `n_decayed` parameters also lose the share learning_rate * decay a step (Loshchilov and Hutter, 2019).
    """

    kept = ("learning_rate", "first", "second", "n_steps")

    def __init__(self, parameters, learning_rate, beta_1, beta_2, epsilon, decay=0.0, n_decayed=0):
        self.learning_rate = learning_rate
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon = _usable_epsilon(epsilon, parameters)
        self.decay, self.n_decayed = decay, n_decayed
        self.first, self.second = np.zeros_like(parameters), np.zeros_like(parameters)
        self.n_steps = 0

    def step(self, parameters, gradient, n_threads):
        """Change the parameters by one step against the gradient."""
        self.n_steps += 1
        core.adam(
            parameters, gradient, self.first, self.second,
            self.learning_rate, self.beta_1, self.beta_2, self.epsilon, self.decay, self.n_decayed, self.n_steps,
            n_threads,
        )  # fmt: skip

    def forget(self):
        """Drop the moments, which belong to parameters that have been replaced."""
        self.first[:], self.second[:], self.n_steps = 0, 0, 0


class RMSprop:
    """The gradient over the root of its running mean square (Tieleman and Hinton, 2012)."""

    kept = ("learning_rate", "square")

    def __init__(self, parameters, learning_rate, epsilon):
        self.learning_rate = learning_rate
        self.epsilon = _usable_epsilon(epsilon, parameters)
        self.square = np.zeros_like(parameters)

    def step(self, parameters, gradient, n_threads):
        """Change the parameters by one step against the gradient."""
        core.rmsprop(parameters, gradient, self.square, self.learning_rate, RMSPROP_SMOOTHING, self.epsilon, n_threads)

    def forget(self):
        """Drop the mean square, which belongs to parameters that have been replaced."""
        self.square[:] = 0


class SGD:
    """Stochastic gradient descent with momentum, plain or Nesterov's."""

    kept = ("learning_rate", "velocity")

    def __init__(self, parameters, learning_rate, momentum, nesterovs_momentum):
        self.learning_rate = learning_rate
        self.momentum, self.nesterovs_momentum = momentum, nesterovs_momentum
        self.velocity = np.zeros_like(parameters)

    def step(self, parameters, gradient, n_threads):
        """Change the parameters by one step against the gradient."""
        core.sgd(
            parameters, gradient, self.velocity,
            self.learning_rate, self.momentum, self.nesterovs_momentum, n_threads,
        )  # fmt: skip

    def forget(self):
        """Drop the velocity, which belongs to parameters that have been replaced."""
        self.velocity[:] = 0


def _usable_epsilon(epsilon, parameters):
    return max(epsilon, float(np.finfo(parameters.dtype).tiny))  # below it, 0 / 0 for a gradient of zero
