"""Training: epochs of minibatches, and when to slow down and stop."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from ._core import optimizers as core
from .averaging import Average
from .minibatch import Minibatch
from .progress import Epoch, History, Log
from .schedules import PLANNED
from .sequences import Excerpt, steps_of
from .threads import single_threaded_blas

# Measured over ten tasks: within 3 % (at worst 9 %) of the best fixed learning rate found for each.
PLATEAU_EPOCHS, PLATEAU_FACTOR = 4, 0.3


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
        total = float(self.sequence_weights()[rows].sum())
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

    kept = ("parameters", "t")

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
        self._sums = 0.0, 0  # of an epoch: the losses of its outputs, and their number

    @property
    def parameters(self):
        """The network's."""
        return self.network.parameters

    def _parts(self):
        parts = {"trainer": self, "optimizer": self.optimizer, "average": self._average}
        return ((f"{name}.{key}", part, key) for name, part in parts.items() if part for key in part.kept)

    def state(self):
        """What the next epoch depends on, by name, but for `rng`: numbers, and arrays that are not copied."""
        return {name: getattr(part, key) for name, part, key in self._parts()}

    def restore(self, state):
        """Put back what `state` has told, here or in another process."""
        for name, part, key in self._parts():
            if isinstance(getattr(part, key), np.ndarray):
                getattr(part, key)[:] = state[name]
            else:
                setattr(part, key, state[name])

    def epoch(self):
        """Every row once; returns the mean loss."""
        rows = self.rows[self.rng.permutation(len(self.rows))] if self.shuffle else self.rows
        self._sums = 0.0, 0
        if self._average:
            self._average.resume()
        for batch in self._batches(rows):
            loss, n = self.step(batch)
            total, n_outputs = self._sums
            self._sums = total + loss * n, n_outputs + n
        return self._end_epoch()

    def break_off(self):
        """End an epoch that was interrupted; returns the mean loss so far, or None before its first step."""
        return self._end_epoch() if self._sums[1] else None

    def _end_epoch(self):
        if self._average:
            self._average.show()
        total, n_outputs = self._sums
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

    def is_finite(self, *losses):
        """Whether losses are finite, and the network's parameters."""
        return np.isfinite(losses).all() and np.isfinite(self.network.parameters).all()

    def evaluate(self, data):
        """Loss on other data, without the penalty, and the outputs."""
        out = self.network.predict(data.sequences, *self.scaling, self.n_threads)
        return self.objective.loss(out, data.targets, data.weights, np.empty_like(out)), out


def train(trainer, validation, score, settings, callbacks, checkpoint=None):
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
    callbacks : EpochCallbacks
    checkpoint : Checkpoint or None
        Where the state of training is kept, and where that of one that was cut short is found.

    Returns
    -------
    History

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before there is anything to keep, or one fit of many, as far as callbacks tell: a
        meta-estimator that has none, such as MultiOutputRegressor, hides the search around it.
    """
    history, log = History(), Log(settings.verbose, settings.max_iter)
    if checkpoint is not None:
        history = checkpoint.resume(trainer, validation is not None, log)
        callbacks.resume(len(history.epochs))
    try:
        if trainer.optimizer is None:
            reason = _minimize(history, trainer, settings, callbacks, log)
        else:
            reason = _descend(history, trainer, validation, score, settings, callbacks, log, checkpoint)
        kept = f"The weights of epoch {history.best.epoch + 1} are kept."
    except KeyboardInterrupt:
        # A candidate of a search that was cut short would be compared with the others as if it had been trained.
        kept = None if callbacks.one_of_many() else _rescue(history, trainer, validation)
        if kept is None:
            raise
        if checkpoint is not None and checkpoint.written:
            kept += f" So is the checkpoint {checkpoint.path}."
        warnings.warn(f"Training interrupted by the user. {kept}", stacklevel=5)
        history.interrupted, reason = True, "interrupted by the user"
    trainer.network.parameters[:] = history.best.parameters
    log.end(reason, kept)
    return history


def _descend(history, trainer, validation, score, settings, callbacks, log, checkpoint):
    """Epochs of minibatches; returns why they ended."""
    network, planned = trainer.network, settings.learning_rate in PLANNED
    for _ in range(len(history.epochs), settings.max_iter):
        callbacks.begin_epoch()
        epoch = Epoch(trainer.epoch(), trainer.t)
        if validation is not None:
            loss, out = trainer.evaluate(validation)
            epoch = epoch._replace(validation_loss=loss)
        if not trainer.is_finite(epoch.loss, epoch.watched):
            _report_divergence(history)
            network.parameters[:] = history.best.parameters
            callbacks.end_epoch(history)
            return "the loss is no longer finite"
        if validation is not None:
            epoch = epoch._replace(validation_score=score(out))
        history.add(epoch, network.parameters, settings.tol)
        log.epoch(history)
        if callbacks.end_epoch(history):
            return "a callback asked for it"
        if history.n_stale >= settings.n_iter_no_change and not planned:
            return f"no progress in {history.n_stale} epochs"
        if len(history.epochs) == settings.max_iter:
            break  # before a rate is lowered for an epoch that never comes
        if settings.learning_rate == "adaptive" and history.n_stale and history.n_stale % PLATEAU_EPOCHS == 0:
            trainer.restart(history.best.parameters, PLATEAU_FACTOR)
            log.lower_rate(trainer.optimizer.learning_rate, history)
        if checkpoint is not None:
            checkpoint.write(history, trainer, log.elapsed)
    if not planned:
        _warn(f"Training reached max_iter={settings.max_iter} epochs before it ran out of progress: raise max_iter.")
    return f"max_iter={settings.max_iter} epochs are done"


def _minimize(history, trainer, settings, callbacks, log):
    """Iterations of L-BFGS (Liu and Nocedal, 1989), each an epoch to all who watch; returns why they ended."""
    stopped = False

    def loss_and_gradient(parameters):
        if not callbacks.in_epoch:  # nobody knows before it whether there will be another iteration
            callbacks.begin_epoch()
        return trainer.whole(parameters)

    def after_iteration(intermediate_result):
        nonlocal stopped
        _record(intermediate_result, history, trainer, settings, log)
        stopped = callbacks.end_epoch(history)
        if stopped:
            raise StopIteration

    with single_threaded_blas():  # its sums, too, would depend on the number of threads
        result = minimize(
            loss_and_gradient,
            trainer.network.parameters.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=after_iteration,
            options={"maxiter": settings.max_iter, "maxfun": settings.max_fun, "gtol": settings.tol},
        )
    if not history.epochs:  # the start is an optimum, or no step from it is better
        if not np.isfinite(result.fun):
            raise ValueError(
                "The loss is not finite to begin with: look at the scale of X, y and the weights, or lower alpha."
            )
        _record(result, history, trainer, settings, log)
    if callbacks.in_epoch:
        trainer.network.parameters[:] = history.best.parameters
        callbacks.end_epoch(history)
    if stopped:
        return "a callback asked for it"
    if not result.success:
        _report_no_convergence(result)
    return f"L-BFGS has {'' if result.success else 'not '}converged"


def _record(result, history, trainer, settings, log):
    """Take note of where an iteration of L-BFGS led."""
    trainer.network.parameters[:] = result.x
    n_seen = len(trainer.rows) * (len(history.epochs) + 1)
    history.add(Epoch(float(result.fun), n_seen), trainer.network.parameters, settings.tol)
    log.epoch(history)


def _rescue(history, trainer, validation):
    """See to it that there is something to keep of an interrupted training; returns what, or None."""
    if history.epochs:
        return f"The best weights so far are kept, those of epoch {history.best.epoch + 1}."
    loss = trainer.break_off()
    if loss is None or not trainer.is_finite(loss):
        return None
    unknown = None if validation is None else np.nan
    history.add(Epoch(loss, trainer.t, unknown, unknown), trainer.network.parameters)
    return f"The weights are kept as they are after {trainer.t} of the first epoch's {len(trainer.rows)} sequences."


def _warn(message, stacklevel=0):
    # Through this function, its caller, train, fit and scikit-learn's two decorators to the caller.
    warnings.warn(message, ConvergenceWarning, stacklevel=7 + stacklevel)


def _report_no_convergence(result):
    _warn(
        f"L-BFGS has not converged after {result.nit} iterations and {result.nfev} evaluations of the loss "
        f"({result.message}): raise max_iter, max_fun or tol.",
        stacklevel=1,
    )


def _report_divergence(history):
    advice = "Lower learning_rate_init or clip_norm, and look at the scale of X and y."
    if not history.epochs:
        raise ValueError(f"Training diverged in its first epoch: the loss is no longer finite. {advice}")
    _warn(
        f"Training diverged in epoch {len(history.epochs) + 1}: the loss is no longer finite. The best weights before "
        f"are kept. {advice}",
        stacklevel=1,
    )
