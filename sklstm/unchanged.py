"""Estimators that a failed call leaves as they were."""

from contextlib import contextmanager


@contextmanager
def unchanged_on_error(estimator):
    """Give an estimator the attributes back that it had, if there is an error, or Ctrl-C."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        estimator.__dict__ = before  # in one piece, whenever a second Ctrl-C comes
        raise
