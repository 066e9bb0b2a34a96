"""Training: epochs of minibatches, the history they leave, and when to slow down and stop."""

import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from ._core import optimizers as core
from .minibatch import Minibatch
from .network import TYPE_NAMES
from .schedules import PLANNED
from .threads import single_threaded_blas

# Measured over ten tasks: within 3 % (at worst 9 %) of the best fixed learning rate found for each.
PLATEAU_EPOCHS, PLATEAU_FACTOR = 4, 0.3


@dataclass
class Data:
    """What a pass over the sequences needs: `rows` of them, their targets and weights, and how inputs are scaled."""

    sequences: object
    rows: np.ndarray
    targets: np.ndarray  # (n_sequences, n_targets), float64
    weights: np.ndarray  # (n_sequences,), float64
    shift: np.ndarray
    scale: np.ndarray
    total_weight: float | None = None  # of the rows, before their weights were normalised

    def normalize(self):
        """Bring the weights of the rows to mean 1."""
        weights = self.weights[self.rows]
        self.total_weight = weights.sum()
        self.weights /= weights.mean()


@dataclass
class Objective:
    """What is made small: a loss of the compiled core, a penalty, and the limit on the gradient's norm."""

    loss: object
    alpha: float
    clip_norm: float | None
    l1_ratio: float = 0.0


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
    """One network, its data and its optimizer, which a schedule may slow down as the sequences seen add up to t."""

    def __init__(self, network, data, objective, optimizer, batch_size, n_threads, max_memory=None, schedule=None, t=0):
        self.schedule, self.t = schedule, t
        self.network, self.data, self.objective, self.optimizer = network, data, objective, optimizer
        self.batch_size, self.n_threads = batch_size, n_threads
        network.fixed = False
        self._minibatch = Minibatch(network, data.sequences, data.shift, data.scale, n_threads, max_memory)
        self._minibatch.reserve(data.rows, batch_size)
        self._loss = objective.loss[TYPE_NAMES[network.dtype]]

    def epoch(self, rng=None):
        """Every row once, shuffled if a random state is given; returns the mean loss."""
        rows = self.data.rows if rng is None else self.data.rows[rng.permutation(len(self.data.rows))]
        total = 0.0
        for batch in self._batches(rows):
            total += self.step(batch) * len(batch)
        return total / len(rows)

    def step(self, rows):
        """One minibatch forward and back, and one step of the optimizer; returns its loss with the penalty."""
        parameters, gradient = self.network.parameters, self._minibatch.gradient
        loss = self._forward_and_back(rows) + self._add_penalty(parameters, gradient, len(rows))
        if self.objective.clip_norm is not None:
            core.clip(gradient, self.objective.clip_norm, self.n_threads)
        if self.schedule is not None:
            self.optimizer.learning_rate = self.schedule(self.t)
        self.optimizer.step(parameters, gradient, self.n_threads)
        self.t += len(rows)
        return loss

    def whole(self, parameters):
        """Loss of all rows, with the penalty, at these parameters, and its gradient, both in double precision."""
        self.network.parameters[:] = parameters
        rows = self.data.rows
        total, gradient = 0.0, np.zeros(len(parameters))
        for batch in self._batches(rows):
            share = len(batch) / len(rows)
            total += share * self._forward_and_back(batch)
            gradient += share * self._minibatch.gradient
        # Of the weights' sum: where they are whole numbers, they stand for repetitions of their sequences.
        return total + self._add_penalty(parameters, gradient, self.data.total_weight), gradient

    def _batches(self, rows):
        return (rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size))

    def _forward_and_back(self, rows):
        """The loss of a minibatch; its gradient, which depends on nothing else, is left in the minibatch."""
        rows, out = self._minibatch.forward(rows)
        dout = np.empty_like(out)
        loss = self._loss(out, self.data.targets[rows], self.data.weights[rows], dout)
        self._minibatch.backward(dout)
        return loss

    def _add_penalty(self, parameters, gradient, n):
        """Add the penalty's share of n sequences to the gradient; returns it."""
        if not self.objective.alpha:
            return 0.0
        l1 = self.objective.alpha * self.objective.l1_ratio / n
        l2 = self.objective.alpha * (1 - self.objective.l1_ratio) / n
        return core.add_penalty(parameters, gradient, self.network.n_weights, l1, l2)

    def evaluate(self, data):
        """Loss on other data, without the penalty, and the outputs."""
        out = self.network.predict(data.sequences, data.shift, data.scale, self.n_threads)
        return self._loss(out, data.targets, data.weights, np.empty_like(out)), out


def train(trainer, validation, score, rng, settings, before_epoch):
    """Train until the watched loss no longer falls, and leave the network with the weights of its best epoch.

    Parameters
    ----------
    trainer : Trainer
        One without an optimizer trains by L-BFGS.
    validation : Data or None
        Whose loss is watched; without it, the training loss.
    score : callable
        From the network's outputs on the validation data to the score that is recorded beside the loss.
    rng : RandomState or None
        Shuffles the rows; None leaves them in order.
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
            _descend(history, trainer, validation, score, rng, settings, before_epoch)
    except KeyboardInterrupt:
        if history.best_parameters is None:
            raise
        warnings.warn("Training interrupted by the user: the best weights so far are kept.", stacklevel=5)
    trainer.network.parameters[:] = history.best_parameters
    return history


def _descend(history, trainer, validation, score, rng, settings, before_epoch):
    """Epochs of minibatches."""
    network = trainer.network
    started = time.perf_counter()
    for epoch in range(1, settings.max_iter + 1):
        after_epoch = before_epoch()
        loss = watched = trainer.epoch(rng)
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
        if history.n_stale >= settings.n_iter_no_change:
            break
        if settings.learning_rate == "adaptive" and history.n_stale and history.n_stale % PLATEAU_EPOCHS == 0:
            trainer.optimizer.learning_rate *= PLATEAU_FACTOR
            trainer.optimizer.forget()
            network.parameters[:] = history.best_parameters
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
