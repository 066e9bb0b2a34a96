"""Changes of an estimator as a whole: who uses it in another thread sees it as it was before, or as it is after.

An estimator's attributes belong together: the weights, the scales of their inputs, the classes. They are many, and
Python may go on with another thread between any two of them. So whatever changes them works on a copy, whose attributes
then take the place of the estimator's in one assignment; and whatever reads them takes them all first.
"""

from contextlib import contextmanager
from functools import wraps


def snapshot(estimator):
    """An estimator with the attributes that this one has now."""
    same = object.__new__(type(estimator))
    vars(same).update(vars(estimator))
    return same


def reads_at_once(method):
    """Let a method use the estimator as it is when the method is called."""

    @wraps(method)
    def of_snapshot(self, *args, **kwargs):
        return method(snapshot(self), *args, **kwargs)

    return of_snapshot


@contextmanager
def changing(estimator):
    """A copy to change, and a function to call then, by which the estimator becomes like it.

    If there is an error, before that or after, the estimator is as it was.
    """
    original, changed = vars(estimator), snapshot(estimator)
    before, taken_over = original.copy(), None

    def take_over():
        nonlocal taken_over
        after = vars(changed)
        new = {name: value for name, value in after.items() if name not in before or before[name] is not value}
        # What others have changed meanwhile, as by set_params, stays.
        now = vars(estimator) | new
        taken_over = {name: value for name, value in now.items() if name in after or name not in before}
        estimator.__dict__ = taken_over

    try:
        yield changed, take_over
    except BaseException:
        if vars(estimator) is taken_over:
            estimator.__dict__ = original
        raise


@contextmanager
def unchanged_on_error(*estimators):
    """Give estimators the attributes back that they had, if there is an error, or Ctrl-C."""
    before = [vars(estimator).copy() for estimator in estimators]
    try:
        yield
    except BaseException:
        for estimator, attributes in zip(estimators, before, strict=True):
            estimator.__dict__ = attributes  # each in one piece, whenever a second Ctrl-C comes
        raise
