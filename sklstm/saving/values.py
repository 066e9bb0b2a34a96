"""Values of parameters and attributes as JSON says them, with arrays apart; and back, believing nothing.

JSON has null, true, numbers, texts and lists, which stand for themselves. Anything else is a dict of one key, which
says what it is. Arrays of numbers are called by name.
"""

import math
import os
import re
from datetime import timedelta

import numpy as np

SCALAR_TYPES = re.compile(r"[<|]([biu][1248]|f[248]|U[0-9]{1,6}|[mM]8(\[[0-9]{0,9}[a-zA-Z]{1,2}\])?)", re.ASCII)
MT19937_NUMBERS = 624
LARGEST = 2**63 - 1

# Of all arrays of texts, each of which has the room that the longest might take.
MOST_BYTES = 1 << 24


class Writer:
    """Turns values into what JSON can say, and collects their arrays.

    Attributes
    ----------
    arrays : dict of str to ndarray
    """

    def __init__(self):
        self.arrays = {}

    def array(self, values, name):
        """Take in an array of numbers; returns what stands for it."""
        base = name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[-200:].lstrip(".") or "_"
        k = 1
        while name in self.arrays:
            name, k = f"{base}.{k}", k + 1
        self.arrays[name] = values
        return {"array": name}

    def value(self, value, name):
        """What stands for a value; a ValueError calls it by `name` if there is nothing that does."""
        kind = type(value)
        if value is None or kind in (bool, int, str) or (kind is float and math.isfinite(value)):
            return value
        if kind is float:
            return {"float": str(value)}
        if kind is list:
            return self._values(value, name)
        if kind is tuple:
            return {"tuple": self._values(value, name)}
        if kind is dict and all(map(_is_key, value)):
            return {"dict": [self._values(pair, f"{name}[{pair[0]!r}]") for pair in value.items()]}
        if kind is slice:
            return {"slice": self._values([value.start, value.stop, value.step], name)}
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if kind is timedelta:
            return {"timedelta": [value.days, value.seconds, value.microseconds]}
        if kind is np.random.RandomState:
            return {"random_state": self._random_state(value, name)}
        if isinstance(value, np.generic) and SCALAR_TYPES.fullmatch(_type_name(value)):
            content = value.view(np.int64).item() if value.dtype.kind in "mM" else value.item()
            return {"scalar": [_type_name(value), self.value(content, name)]}
        if isinstance(value, np.ndarray):
            return self._array(value, name)
        raise ValueError(
            f"{name} is {_shown(value)}, which a file without pickle cannot hold. skops.io.dump can hold more, and "
            "pickle and joblib nearly everything; but loading what they wrote is for files that you trust."
        )

    def _values(self, values, name):
        return [self.value(value, name) for value in values]

    def _array(self, array, name):
        if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
            return self.array(np.asarray(array), name)
        if array.dtype.kind in "mM":
            return {"times": [_type_name(array), self.array(array.view(np.int64), name)]}
        if array.dtype.kind in "UO":
            return {"objects": [_type_name(array), list(array.shape), self._values(array.ravel().tolist(), name)]}
        raise ValueError(f"{name} is an array of {array.dtype}, which a file without pickle cannot hold.")

    def _random_state(self, rng, name):
        state = rng.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise ValueError(f"{name} has the bit generator {state['bit_generator']}; only MT19937 can be stored.")
        return {
            "key": self.array(state["state"]["key"], f"{name}.key"),
            "pos": int(state["state"]["pos"]),
            "has_gauss": int(state["has_gauss"]),
            "gauss": float(state["gauss"]),
        }


class Reader:
    """Turns what a `Writer` made back into values; anything else is a ValueError that calls it by name.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Each may be called once.
    """

    def __init__(self, arrays):
        self._arrays, self._room = dict(arrays), MOST_BYTES

    def end(self):
        """Raise a ValueError if there are arrays that nothing called."""
        if self._arrays:
            raise ValueError(f"nothing is said of the array {next(iter(self._arrays))!r}")

    def array(self, said, name, dtype, shape, finite=True):
        """An array of this type and shape."""
        array = self._called(said, name)
        if array.dtype != dtype or array.shape != tuple(shape):
            raise ValueError(
                f"{name} must be an array of {np.dtype(dtype)} of shape {tuple(shape)}, got {array.dtype} of shape "
                f"{array.shape}"
            )
        if finite and not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        return array

    def value(self, said, name):
        """The value that something stands for."""
        if isinstance(said, int) and not -LARGEST <= said <= 2 * LARGEST + 1:
            raise ValueError(f"{name} is {_shown(said)}, which no 64 bits hold")
        if said is None or isinstance(said, bool | int | str | float):
            return said
        if isinstance(said, list):
            return [self.value(each, name) for each in said]
        if not (isinstance(said, dict) and len(said) == 1):
            raise ValueError(f"{name} is {_shown(said)}, which stands for nothing")
        ((kind, content),) = said.items()
        read = {
            "array": lambda content, name: self._called({"array": content}, name),
            "float": self._float,
            "tuple": lambda content, name: tuple(self.value(_list(content, name), name)),
            "dict": self._dict,
            "slice": lambda content, name: slice(*self.value(_list(content, name, 3), name)),
            "timedelta": lambda content, name: timedelta(*_integers(content, name, 3)),
            "random_state": self._random_state,
            "scalar": self._scalar,
            "times": self._times,
            "objects": self._objects,
        }.get(kind)
        if read is None:
            raise ValueError(f"{name} is of an unknown kind, {_shown(kind)}")
        return read(content, name)

    def _called(self, said, name):
        (key,) = values_of(said, name, ["array"])
        if not isinstance(key, str) or key not in self._arrays:
            raise ValueError(f"{name} asks for an array {_shown(key)}, which there is not, or not once more")
        return self._arrays.pop(key)

    def _float(self, content, name):
        return float(choice(content, name, ["nan", "inf", "-inf"]))

    def _dict(self, content, name):
        pairs = [self.value(_list(pair, name, 2), name) for pair in _list(content, name)]
        for key, _ in pairs:
            if not _is_key(key):
                raise ValueError(f"{name} has a key that cannot be one: {_shown(key)}")
        return dict(pairs)

    def _scalar(self, content, name):
        type_name, content = _list(content, name, 2)
        dtype, content = _dtype(type_name, name), self.value(content, name)
        if dtype.kind in "mM":
            return np.int64(integer(content, name, -LARGEST - 1)).view(dtype)
        if type(content) is not {"b": bool, "f": float, "U": str}.get(dtype.kind, int):
            raise ValueError(f"{name} is {_shown(content)}, which is no {dtype}")
        return dtype.type(content)

    def _times(self, content, name):
        type_name, said = _list(content, name, 2)
        dtype, array = _dtype(type_name, name), self._called(said, name)
        if dtype.kind not in "mM" or array.dtype != np.int64:
            raise ValueError(f"{name} holds {array.dtype} as {dtype}")
        return array.view(dtype)

    def _objects(self, content, name):
        type_name, shape, values = _list(content, name, 3)
        dtype = np.dtype(object) if type_name == "|O" else _dtype(type_name, name)
        values = self.value(_list(values, name), name)
        if dtype.kind not in "UO" or (dtype.kind == "U" and not all(isinstance(value, str) for value in values)):
            raise ValueError(f"{name} must be an array of texts or objects")
        self._room -= len(values) * dtype.itemsize
        if self._room < 0:
            raise ValueError(f"{name} would take too much memory, as an array of {dtype}")
        array = np.empty(len(values), dtype=dtype)
        for i, value in enumerate(values):  # at once, NumPy would look into lists
            array[i] = value
        if math.prod(_integers(shape, name, low=0)) != len(values):
            raise ValueError(f"{name} has the shape {shape}, but {len(values)} values")
        return array.reshape(shape)

    def _random_state(self, content, name):
        key, pos, has_gauss, gauss = values_of(content, name, ["key", "pos", "has_gauss", "gauss"])
        numbers = self.array(key, f"{name}.key", np.uint32, (MT19937_NUMBERS,))
        if not numbers[1:].any():
            raise ValueError(f"{name}.key is zero, from which no random numbers come: who asked would wait for ever")
        rng = np.random.RandomState()
        rng.set_state({
            "bit_generator": "MT19937",
            "state": {
                "key": numbers,
                # NumPy does not look at it, and would read whatever lies behind its numbers.
                "pos": integer(pos, f"{name}.pos", 0, MT19937_NUMBERS),
            },
            "has_gauss": integer(has_gauss, f"{name}.has_gauss", 0, 1),
            "gauss": number(gauss, f"{name}.gauss"),
        })  # fmt: skip
        return rng


def values_of(said, name, names):
    """The values of a dict that has these keys and no others, in this order."""
    if not isinstance(said, dict) or set(said) != set(names):
        got = ", ".join(map(_shown, said)) if isinstance(said, dict) else _shown(said)
        raise ValueError(f"{name} must say {', '.join(names)}, got {got or 'nothing'}")
    return [said[each] for each in names]


def integer(said, name, low=0, high=LARGEST):
    """A whole number within limits, both included."""
    if type(said) is not int or not low <= said <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, got {_shown(said)}")
    return said


def number(said, name, low=-math.inf, high=math.inf):
    """A finite number within limits, both included."""
    if type(said) not in (int, float) or not (math.isfinite(said) and low <= said <= high):
        raise ValueError(f"{name} must be a number from {low} to {high}, got {_shown(said)}")
    return said


def boolean(said, name):
    """True or false."""
    if not isinstance(said, bool):
        raise ValueError(f"{name} must be true or false, got {_shown(said)}")
    return said


def choice(said, name, known):
    """One of some texts."""
    if not isinstance(said, str) or said not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {_shown(said)}")
    return said


def texts(said, name):
    """A list of texts."""
    if not all(isinstance(each, str) for each in _list(said, name)):
        raise ValueError(f"{name} must hold texts only")
    return said


def _list(said, name, length=None):
    if not isinstance(said, list) or (length is not None and len(said) != length):
        raise ValueError(f"{name} must be a list{'' if length is None else f' of {length}'}, got {_shown(said)}")
    return said


def _integers(said, name, length=None, low=-LARGEST):
    return [integer(each, name, low) for each in _list(said, name, length)]


def _dtype(type_name, name):
    if not isinstance(type_name, str) or not SCALAR_TYPES.fullmatch(type_name):
        raise ValueError(f"{name} has the type {_shown(type_name)}")
    try:
        return np.dtype(type_name)
    except TypeError as error:
        raise ValueError(f"{name} has the type {_shown(type_name)}") from error


def _type_name(value):
    return value.dtype.newbyteorder("<").str


def _is_key(value):
    # Not what holds others: of those, as many as one likes have the same hash, and a dict of them takes its time.
    return value is None or isinstance(value, bool | int | float | str | np.generic)


def _shown(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
