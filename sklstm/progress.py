"""How far training is, for those who watch: curves over the epochs, printed lines, scikit-learn's callbacks."""

import time
import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Epoch(NamedTuple):
    """What an epoch brought."""

    loss: float
    n_seen: int  # sequences since training began
    validation_loss: float | None = None
    validation_score: float | None = None

    @property
    def watched(self):
        """The loss that says how good the epoch's weights are."""
        return self.loss if self.validation_loss is None else self.validation_loss


class Best(NamedTuple):
    """An epoch, counted from 0, its watched loss, and the parameters at its end."""

    epoch: int
    loss: float
    parameters: np.ndarray | None


@dataclass
class History:
    """The epochs so far, and the best of them."""

    epochs: list = field(default_factory=list)
    best: Best | None = None
    reference: float = np.inf  # the loss that an epoch must fall below by tol to count as progress
    n_stale: int = 0
    interrupted: bool = False  # by the user

    @classmethod
    def of_losses(cls, losses, n_seen):
        """That of epochs whose parameters were not kept, without validation."""
        best = int(np.argmin(losses))
        return cls([Epoch(loss, n_seen) for loss in losses], Best(best, losses[best], None))

    def state(self):
        """All of it by name: arrays, and numbers."""
        columns = zip(Epoch._fields, zip(*self.epochs, strict=True), strict=True)
        return {
            **{f"epochs.{name}": np.array(values) for name, values in columns if values[0] is not None},
            "best.epoch": self.best.epoch,
            "best.parameters": self.best.parameters,
            "reference": self.reference,
            "n_stale": self.n_stale,
        }

    @classmethod
    def of_state(cls, state):
        """The history that `state` has told of."""
        n_epochs, best = len(state["epochs.loss"]), state["best.epoch"]
        unknown = np.full(n_epochs, None)
        columns = (state.get(f"epochs.{name}", unknown).tolist() for name in Epoch._fields)
        epochs = [Epoch(*values) for values in zip(*columns, strict=True)]
        best = Best(best, epochs[best].watched, state["best.parameters"])
        return cls(epochs, best, state["reference"], state["n_stale"])

    def add(self, epoch, parameters, tol=0.0):
        """Take note of an epoch; keep its parameters if they are the best."""
        epochs, best = [*self.epochs, epoch], self.best
        if best is None or epoch.watched < best.loss:
            best = Best(len(self.epochs), epoch.watched, parameters.copy())
        # Ctrl-C may come during any call; there is none between these two.
        self.epochs, self.best = epochs, best
        if epoch.watched < self.reference - tol:
            self.reference, self.n_stale = epoch.watched, 0
        else:
            self.n_stale += 1

    def attributes(self):
        """What an estimator that was trained so far tells about it."""
        validated = self.epochs[0].validation_loss is not None
        return {
            "loss_curve_": [epoch.loss for epoch in self.epochs],
            "best_loss_": self.best.loss,
            "validation_loss_curve_": [epoch.validation_loss for epoch in self.epochs] if validated else None,
            "validation_scores_": [epoch.validation_score for epoch in self.epochs] if validated else None,
            "best_validation_score_": self.epochs[self.best.epoch].validation_score,
            "n_iter_": len(self.epochs),
            "t_": self.epochs[-1].n_seen,
        }


class Log:
    """Prints a line an epoch, and one for what happens in between; nothing if not `verbose`."""

    def __init__(self, verbose, max_iter):
        self._verbose, self._max_iter = verbose, max_iter
        self._started = time.perf_counter()

    @property
    def elapsed(self):
        """Seconds since training began."""
        return time.perf_counter() - self._started

    def resume(self, history, path, elapsed):
        """That training goes on after the epochs that took so many seconds, from a file."""
        self._started -= elapsed
        self._print(f"Resumed after epoch {len(history.epochs)}, from {path}.")

    def epoch(self, history):
        """The losses of the last epoch, its score, and the time since training began."""
        epoch = history.epochs[-1]
        width = len(str(self._max_iter))
        parts = [f"Epoch {len(history.epochs):{width}}/{self._max_iter}", f" loss {_number(epoch.loss)}"]
        if epoch.validation_loss is not None:
            parts.append(f"validation loss {_number(epoch.validation_loss)}")
            parts.append(f"score {_number(epoch.validation_score)}")
        parts.append(f"{self.elapsed:6.1f} s")
        self._print(" ".join(parts))

    def lower_rate(self, rate, history):
        """That training goes on from its best epoch, at a lower rate."""
        best = history.best.epoch + 1
        self._print(f"Learning rate lowered to {rate:.3g}; training goes on from the weights of epoch {best}.")

    def end(self, reason, kept):
        """Why training ended, and what it leaves."""
        self._print(f"Stopped: {reason}. {kept}")

    def _print(self, line):
        if self._verbose:
            print(line, flush=True)


def _number(value):
    """Four significant digits, so that small progress shows in large and small losses, in nine characters."""
    return format(format(value, "#.4g").rstrip("."), "<9")


class EpochCallbacks:
    """scikit-learn's callbacks, told of each epoch as a task within a fit.

    Parameters
    ----------
    context : CallbackContext
        That of the fit.
    about : dict
        What callbacks are told in any case: the estimator, its data, and their weights as `metadata`.
    fitted : callable
        From a `History` to the attributes of an estimator whose training ended there; called if a callback asks.
    """

    def __init__(self, context, about, fitted):
        self._fit, self._about, self._fitted = context, about, fitted
        self._epoch = None

    @property
    def in_epoch(self):
        """Whether an epoch has begun and not ended."""
        return self._epoch is not None

    def resume(self, n_epochs):
        """Count epochs that another call has done."""
        for _ in range(n_epochs):
            self._fit.subcontext(task_name="epoch")

    def begin_epoch(self):
        """Tell that an epoch begins."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._about)

    def end_epoch(self, history):
        """Tell that it has ended; returns whether a callback wants to stop."""
        epoch, self._epoch = self._epoch, None
        return epoch.call_on_fit_task_end(**self._about, reconstruction_attributes=lambda: self._fitted(history))

    def end_fit(self, interrupted):
        """Tell that the fit has ended. The model is trained: only a second interruption undoes that, or one of many."""
        try:
            self._fit.call_on_fit_task_end(**self._about, reconstruction_attributes={})
        except KeyboardInterrupt:
            if interrupted or self.one_of_many():
                raise
            message = (
                "Interrupted by the user after the last epoch: the model is fitted, but not all callbacks are done."
            )
            warnings.warn(message, stacklevel=5)

    def one_of_many(self):
        """Whether the fit is one of several that do not wait for each other, such as those of a search."""
        task = self._fit
        while task.parent is not None:
            task = task.parent
            if not task.sequential_subtasks:
                return True
        return False
