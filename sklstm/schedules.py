"""Learning rates over the course of a training.

A schedule is called before every step with `t`, the number of training sequences seen so far, counted anew in each
epoch, and returns the learning rate of the step.
"""

from dataclasses import dataclass
from math import cos, pi

# Those that lead up to a known end.
PLANNED = ("cosine", "one_cycle")

# Smith and Topin's share of the steps that goes up, and PyTorch's and fastai's range about the highest rate.
WARM_UP, START_DIVISOR, END_DIVISOR = 0.3, 25, 1e4


@dataclass
class InverseScaling:
    """Down with a power of the sequences seen, as scikit-learn's perceptrons and linear models have it."""

    initial: float
    power_t: float

    def __call__(self, t):
        """The learning rate after t sequences."""
        return self.initial * (t + 1) ** -self.power_t


@dataclass
class Cosine:
    """Down along half a cosine, to 0 after `end` sequences (Loshchilov and Hutter, 2017)."""

    initial: float
    end: int

    def __call__(self, t):
        """The learning rate after t sequences."""
        return _half_cosine(self.initial, 0.0, t / self.end)


@dataclass
class OneCycle:
    """Straight up to `highest`, then down along half a cosine until `end` sequences (Smith and Topin, 2018)."""

    highest: float
    end: int

    def __call__(self, t):
        """The learning rate after t sequences."""
        progress = t / self.end
        if progress < WARM_UP:
            start = self.highest / START_DIVISOR
            return start + (self.highest - start) * progress / WARM_UP
        return _half_cosine(self.highest, self.highest / END_DIVISOR, (progress - WARM_UP) / (1 - WARM_UP))


def _half_cosine(start, end, progress):
    return end + (start - end) * (1 + cos(pi * progress)) / 2
