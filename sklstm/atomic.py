"""Changes of an estimator as a whole: who uses it in another thread sees it as it was before, or as it is after.

An estimator's attributes belong together: the weights, the scales of their inputs, the classes. They are many, and
Python may go on with another thread between any two of them. So whatever changes them works on a copy, whose attributes
then take the place of the estimator's in one assignment; and whatever reads them takes them all first. A method of a
subclass that does so sees attributes of the instance only, none in ``__slots__``, and what it sets is forgotten.
"""

from contextlib import contextmanager
from functools import wraps

#: What scikit-learn gives an estimator while a fit runs, and then takes away.
OF_A_FIT = ("_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx")

_SET_BY_USERS = ("_skl_callbacks", "_metadata_request")


def snapshot(estimator):
    """An estimator with the attributes that this one has now, but for those of a fit that runs."""
    same = object.__new__(type(estimator))
    same.__dict__ = attributes = vars(estimator).copy()
    for name in OF_A_FIT:
        attributes.pop(name, None)
    return same


def _is_learnt(name):
    return (name.startswith("_") or name.endswith("_")) and name not in (*OF_A_FIT, *_SET_BY_USERS)


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
    before, taken_over = set(original), None

    def take_over():
        nonlocal taken_over
        # What others have set meanwhile, as by set_params, stays, unless they do so at this very moment. What they have
        # learnt, as by set_weights, does not: it would not belong to the rest.
        now = vars(estimator).copy().items()
        others = {name: value for name, value in now if name not in before or not _is_learnt(name)}
        taken_over = others | {name: value for name, value in vars(changed).items() if _is_learnt(name)}
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
