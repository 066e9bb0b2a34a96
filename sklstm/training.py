"""Training: epochs of minibatches, the history they leave, and when to slow down and stop."""

import time
import warnings
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from ._core import optimizers as core
from .minibatch import Minibatch
from .network import steps_of
from .schedules import PLANNED
from .sequences import Excerpt
from .threads import single_threaded_blas

# Measured over ten tasks: within 3 % (at worst 9 %) of the best fixed learning rate found for each.
PLATEAU_EPOCHS, PLATEAU_FACTOR = 4, 0.3

# Share of the average of the weights that a step keeps. Over seven tasks, three seeds each, the error with the average
# was 0.70 to 1.01 of that without, and 0.96 in the median.
# At first it follows sooner, for it holds nothing yet that is worth keeping.
AVERAGE_DECAY, AVERAGE_WARM_UP = 0.99, 9


@dataclass
class Data:
    """Sequences, and a target and a weight of each, or of each of their time steps."""

    sequences: object
    targets: np.ndarray  # (n, n_targets), float64
    weights: np.ndarray  # (n,), float64
    by_step: bool = False
    total_weight: float | None = None  # of the sequences trained on, before weights were normalised

    def places(self, rows):
        """Where the targets and weights of some sequences are."""
        return steps_of(self.sequences.offsets[rows], self.sequences.lengths[rows]) if self.by_step else rows

    def part(self, rows):
        """The data of some sequences."""
        places = self.places(rows)
        return Data(Excerpt(self.sequences, rows), self.targets[places], self.weights[places], self.by_step)

    def sequence_weights(self):
        """The weight of each sequence: that of its heaviest time step."""
        if not self.by_step:
            return self.weights
        return np.maximum.reduceat(self.weights, self.sequences.offsets[:-1])

    def normalized(self, rows):
        """With weights of mean 1 over these sequences."""
        total = self.sequence_weights()[rows].sum()
        return replace(self, weights=self.weights / self.weights[self.places(rows)].mean(), total_weight=total)


@dataclass
class Objective:
    """What is made small: a loss and a penalty, under dropout, and the limit on the gradient's norm."""

    loss: object
    alpha: float
    clip_norm: float | None
    l1_ratio: float = 0.0
    dropout_between: float = 0.0
    dropout_recurrent: float = 0.0

    def dropout(self, rng):
        """What a step drops, or None; the masks follow from a number that is drawn here."""
        if not (self.dropout_between or self.dropout_recurrent):
            return None
        return {
            "seed": int(rng.randint(np.iinfo(np.int64).max, dtype=np.int64)),
            "between": float(self.dropout_between),
            "recurrent": float(self.dropout_recurrent),
        }


class Average:
    """A moving average of the parameters over the steps, which is nearer to the optimum than where the last step led.

    Polyak and Juditsky (1992); exponential, so that it forgets where training began.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        self._last, self._mean, self._change = parameters.copy(), parameters.copy(), np.empty_like(parameters)
        self._n_steps = 0

    def add(self):
        """Take in the parameters after a step."""
        self._n_steps += 1
        share = max(1 - AVERAGE_DECAY, AVERAGE_WARM_UP / (self._n_steps + AVERAGE_WARM_UP))
        np.subtract(self.parameters, self._mean, out=self._change)
        self._change *= share
        self._mean += self._change

    def show(self):
        """Put the average in place of the parameters."""
        self._last[:] = self.parameters
        self.parameters[:] = self._mean

    def resume(self):
        """Put the parameters back, to go on from them."""
        self.parameters[:] = self._last

    def restart(self):
        """Begin anew, from the parameters as they are."""
        self._last[:] = self._mean[:] = self.parameters
        self._n_steps = 0


@dataclass
class History:
    """Curves over the epochs, and the best of them."""

    loss_curve: list = field(default_factory=list)
    validation_loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    best: float = np.inf  # of the loss that is watched
    best_epoch: int = -1  # counted from 0
    best_parameters: np.ndarray | None = None
    reference: float = np.inf  # the loss that an epoch must fall below by tol to count as progress
    n_stale: int = 0

    def add(self, watched, parameters, tol):
        """Take note of an epoch's loss; keep its parameters if they are the best."""
        if watched < self.best:
            self.best, self.best_epoch = watched, len(self.loss_curve) - 1
            self.best_parameters = parameters.copy()
        if watched < self.reference - tol:
            self.reference, self.n_stale = watched, 0
        else:
            self.n_stale += 1


class Trainer:
    """One network, the rows of its data to train on, and its optimizer.

    Parameters
    ----------
    network : Network
    data : Data
        With targets in the network's units.
    rows : ndarray of int
        The sequences to train on.
    objective : Objective
    optimizer : object of `optimizers`, or None for L-BFGS
    scaling : pair of ndarray of shape (n_features,)
        Inputs are standardised as (x - scaling[0]) * scaling[1].
    rng : RandomState
        Shuffles the rows, if `shuffle` is true, and draws what is dropped.
    batch_size, n_threads, max_memory
        As `Minibatch` has them.
    average : bool
        Whether the network shows the average of its weights after an epoch.
    schedule : callable or None
        From the sequences seen to the learning rate.
    t : int
        Sequences seen before.
    """

    def __init__(
        self, network, data, rows, objective, optimizer, scaling, rng, batch_size, n_threads, shuffle=True,
        average=False, max_memory=None, schedule=None, t=0,
    ):  # fmt: skip
        self.network, self.data, self.rows, self.objective = network, data, rows, objective
        self.optimizer, self.schedule, self.t = optimizer, schedule, t
        self.scaling, self.rng, self.shuffle = scaling, rng, shuffle
        self.batch_size, self.n_threads = batch_size, n_threads
        network.fixed = False
        self._minibatch = Minibatch(network, data.sequences, *scaling, n_threads, max_memory)
        self._minibatch.reserve(rows, batch_size)
        self._average = Average(network.parameters) if average else None

    def epoch(self):
        """Every row once; returns the mean loss."""
        rows = self.rows[self.rng.permutation(len(self.rows))] if self.shuffle else self.rows
        total = n_outputs = 0
        if self._average:
            self._average.resume()
        for batch in self._batches(rows):
            loss, n = self.step(batch)
            total, n_outputs = total + loss * n, n_outputs + n
        if self._average:
            self._average.show()
        return total / n_outputs

    def restart(self, parameters, rate_factor):
        """Go on from other parameters, at another learning rate."""
        self.network.parameters[:] = parameters
        self.optimizer.learning_rate *= rate_factor
        self.optimizer.forget()
        if self._average:
            self._average.restart()

    def step(self, rows):
        """One minibatch forward and back, and one step of the optimizer.

        Returns its loss with the penalty, and how many outputs that is the mean of.
        """
        parameters, gradient = self.network.parameters, self._minibatch.gradient
        loss, n = self._forward_and_back(rows, self.objective.dropout(self.rng))
        loss += self._add_penalty(parameters, gradient, len(rows))
        if self.objective.clip_norm is not None:
            core.clip(gradient, self.objective.clip_norm, self.n_threads)
        if self.schedule is not None:
            self.optimizer.learning_rate = self.schedule(self.t)
        self.optimizer.step(parameters, gradient, self.n_threads)
        if self._average:
            self._average.add()
        self.t += len(rows)
        return loss, n

    def whole(self, parameters):
        """Loss of all rows, with the penalty, at these parameters, and its gradient, both in double precision."""
        self.network.parameters[:] = parameters
        total, n_outputs, gradient = 0.0, 0, np.zeros(len(parameters))
        for batch in self._batches(self.rows):
            loss, n = self._forward_and_back(batch)
            total, n_outputs = total + loss * n, n_outputs + n
            gradient += n * self._minibatch.gradient.astype(np.float64)
        gradient /= n_outputs
        # Of the weights' sum: where they are whole numbers, they stand for repetitions of their sequences.
        return total / n_outputs + self._add_penalty(parameters, gradient, self.data.total_weight), gradient

    def _batches(self, rows):
        return (rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size))

    def _forward_and_back(self, rows, dropout=None):
        """The loss of a minibatch and its number of outputs; the gradient is left in the minibatch."""
        rows, out = self._minibatch.forward(rows, dropout)
        places = self._minibatch.steps if self.data.by_step else rows
        dout = np.empty_like(out)
        loss = self.objective.loss(out, self.data.targets[places], self.data.weights[places], dout)
        self._minibatch.backward(dout)
        return loss, len(out)

    def _add_penalty(self, parameters, gradient, n):
        """Add the penalty's share of n sequences to the gradient; returns it."""
        if not self.objective.alpha:
            return 0.0
        l1 = self.objective.alpha * self.objective.l1_ratio / n
        l2 = self.objective.alpha * (1 - self.objective.l1_ratio) / n
        return core.add_penalty(parameters, gradient, self.network.n_weights, l1, l2)

    def evaluate(self, data):
        """Loss on other data, without the penalty, and the outputs."""
        out = self.network.predict(data.sequences, *self.scaling, self.n_threads)
        return self.objective.loss(out, data.targets, data.weights, np.empty_like(out)), out


def train(trainer, validation, score, settings, before_epoch):
    """Train until the watched loss no longer falls, and leave the network with the weights of its best epoch.

    Parameters
    ----------
    trainer : Trainer
        One without an optimizer trains by L-BFGS. One whose learning rate is planned trains until its plan ends.
    validation : Data or None
        Whose loss is watched; without it, the training loss.
    score : callable
        From the network's outputs on the validation data to the score that is recorded beside the loss.
    settings : object with max_iter, max_fun, tol, n_iter_no_change, learning_rate and verbose
    before_epoch : callable
        Called before an epoch; returns what is called after it, which returns True to stop.

    Returns
    -------
    History
    """
    history = History()
    try:
        if trainer.optimizer is None:
            _minimize(history, trainer, settings, before_epoch)
        else:
            _descend(history, trainer, validation, score, settings, before_epoch)
    except KeyboardInterrupt:
        if history.best_parameters is None:
            raise
        warnings.warn("Training interrupted by the user: the best weights so far are kept.", stacklevel=5)
    trainer.network.parameters[:] = history.best_parameters
    return history


def _descend(history, trainer, validation, score, settings, before_epoch):
    """Epochs of minibatches."""
    network = trainer.network
    started = time.perf_counter()
    for epoch in range(1, settings.max_iter + 1):
        after_epoch = before_epoch()
        loss = watched = trainer.epoch()
        if validation is not None:
            watched, out = trainer.evaluate(validation)
        if not (np.isfinite([loss, watched]).all() and np.isfinite(network.parameters).all()):
            after_epoch()
            _report_divergence(history, epoch)
            break
        history.loss_curve.append(loss)
        if validation is not None:
            history.validation_loss_curve.append(watched)
            history.validation_scores.append(score(out))
        history.add(watched, network.parameters, settings.tol)
        if settings.verbose:
            _print_epoch(history, settings.max_iter, time.perf_counter() - started)
        if after_epoch():
            break
        if history.n_stale >= settings.n_iter_no_change and settings.learning_rate not in PLANNED:
            break
        if settings.learning_rate == "adaptive" and history.n_stale and history.n_stale % PLATEAU_EPOCHS == 0:
            trainer.restart(history.best_parameters, PLATEAU_FACTOR)
    else:
        if settings.learning_rate not in PLANNED:
            _warn(
                f"Training reached max_iter={settings.max_iter} epochs before it ran out of progress: raise max_iter."
            )


def _minimize(history, trainer, settings, before_epoch):
    """Iterations of L-BFGS (Liu and Nocedal, 1989), each an epoch to the history and to the callbacks."""
    network = trainer.network
    started = time.perf_counter()
    after_epoch, stopped = None, False

    def loss_and_gradient(parameters):
        nonlocal after_epoch
        if after_epoch is None:  # nobody knows before it whether there will be another iteration
            after_epoch = before_epoch()
        return trainer.whole(parameters)

    def record(intermediate_result):
        nonlocal after_epoch, stopped
        network.parameters[:] = intermediate_result.x
        history.loss_curve.append(float(intermediate_result.fun))
        history.add(history.loss_curve[-1], network.parameters, settings.tol)
        if settings.verbose:
            _print_epoch(history, settings.max_iter, time.perf_counter() - started)
        stopped, after_epoch = after_epoch(), None

    def after_iteration(intermediate_result):
        record(intermediate_result)
        if stopped:
            raise StopIteration

    with single_threaded_blas():  # its sums, too, would depend on the number of threads
        result = minimize(
            loss_and_gradient,
            network.parameters.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=after_iteration,
            options={"maxiter": settings.max_iter, "maxfun": settings.max_fun, "gtol": settings.tol},
        )
    if not history.loss_curve:  # the start is an optimum, or no step from it is better
        if not np.isfinite(result.fun):
            raise ValueError("The loss is not finite to begin with: look at the scale of X and y, or lower alpha.")
        record(result)
    elif after_epoch is not None:
        after_epoch()
    if not result.success and not stopped:
        _warn(
            f"L-BFGS has not converged after {result.nit} iterations and {result.nfev} evaluations of the loss "
            f"({result.message}): raise max_iter, max_fun or tol."
        )


def _warn(message, stacklevel=0):
    # Through this function, its caller, train, fit and scikit-learn's two decorators to the caller.
    warnings.warn(message, ConvergenceWarning, stacklevel=7 + stacklevel)


def _report_divergence(history, epoch):
    advice = "Lower learning_rate_init or clip_norm, and look at the scale of X and y."
    if history.best_parameters is None:
        raise ValueError(f"Training diverged in its first epoch: the loss is no longer finite. {advice}")
    _warn(
        f"Training diverged in epoch {epoch}: the loss is no longer finite. The best weights before are kept. {advice}",
        stacklevel=1,
    )


def _print_epoch(history, max_iter, seconds):
    parts = [f"Epoch {len(history.loss_curve)}/{max_iter}", f"loss {history.loss_curve[-1]:.5f}"]
    if history.validation_scores:
        parts.append(f"validation loss {history.validation_loss_curve[-1]:.5f}")
        parts.append(f"validation score {history.validation_scores[-1]:.4f}")
    print(", ".join(parts), f"({seconds:.1f} s)", flush=True)
