"""Real numbers, alone and in arrays, of whatever values are given, and every error that values can have."""

import sys
from datetime import date, timedelta
from numbers import Integral

import numpy as np
from sklearn.utils import _param_validation


class Interval(_param_validation.Interval):
    """scikit-learn's interval that a parameter lies in, for plain numbers of a size that the core can take.

    Durations are integers to NumPy, True is one to Python, which also knows fractions, and integers of any size.
    """

    def is_satisfied_by(self, value):
        is_plain = isinstance(value, int | float | np.integer | np.floating)
        if not is_plain or isinstance(value, bool | np.timedelta64):
            return False
        is_whole = isinstance(value, int | np.integer)
        if is_whole and abs(int(value)) > (sys.maxsize if self.type is Integral else sys.float_info.max):
            return False
        return super().is_satisfied_by(value)

    def __str__(self):
        return "an int" if self.left is self.right is None else super().__str__()


WHOLE = Interval(Integral, None, None, closed="neither")
JOBS = [Interval(Integral, None, -1, closed="right"), Interval(Integral, 1, None, closed="left"), None]


def real_array(values, name):
    """An array of floats of a computing type; anything that is not real numbers is an error that calls it by `name`."""
    reject_masked(values, name)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{name} is itself ragged: its elements, such as the features of a time step, differ in number."
        ) from error
    except TypeError as error:  # of a data frame whose columns have no type in common
        raise ValueError(
            f"{name} must hold real numbers, got {type(values).__name__} of columns that do not."
        ) from error
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}.")
    native = array.dtype.newbyteorder("=")
    if native == np.float32 or native == np.float64:
        return array.astype(native, copy=False)
    if native == np.float16:
        return array.astype(np.float32)
    reject_text(array, name)
    if array.dtype.kind == "O":
        array = np.where(np.vectorize(is_na, otypes=[bool])(array), np.nan, array)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must hold real numbers, got {first_other(array)[1]!r}.") from error


def reject_text(array, name):
    if array.dtype.kind in "USTmMV":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    if array.dtype.kind == "O" and array.ndim:
        text = next((value for value in array.flat if isinstance(value, str | bytes)), None)
        if text is not None:
            raise ValueError(f"{name} must hold real numbers, got {text!r}.")


def reject_masked(values, name):
    """Raise a ValueError for an array whose mask NumPy would leave out."""
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array. Make NaN of what is masked: pass .astype(float).filled(np.nan).")


# What float() would take, or some of it. (NaT is a date.)
OTHERS = (str, bytes, date, timedelta, np.datetime64, np.timedelta64, np.complexfloating)


def first_other(values):
    """Place and value of the first element of an array that is neither a real number nor missing; None without one."""
    for place, value in np.ndenumerate(values):
        try:
            is_missing = value is None or is_na(value)
            is_other = isinstance(value, OTHERS) or np.ndim(value)
            float(0 if is_missing else "other" if is_other else value)
        except (TypeError, ValueError, OverflowError):
            return place, value
    return None


def is_na(value):
    """Whether it is pandas.NA, which stands for a missing value."""
    return type(value).__name__ == "NAType"
