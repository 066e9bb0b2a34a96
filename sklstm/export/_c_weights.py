"""Arrays of numbers as C constants."""

import textwrap

import numpy as np

LARGEST_INT8 = 127


class Constants:
    """The constants of a header: their C source, and what they take.

    Parameters
    ----------
    int8 : bool
        Whether matrices are int8, with a scale a row.
    """

    def __init__(self, int8):
        self._int8 = int8
        self.source, self.n_bytes, self.n_products = [], 0, 0

    def vector(self, name, values):
        """An array of floats."""
        self._array("float", name, [map(c_float, single(values))], 4 * len(values))

    def numbers(self, name, values):
        """An array of whole numbers."""
        self._array("int", name, [map(str, values)], 4 * len(values))

    def table(self, name, W):
        """A matrix whose rows are looked up."""
        self.source.append(f"static const @_matrix @_{name} = {self._rows(f'{name}_W', W)};")

    def matrix(self, name, W):
        """A matrix that is multiplied by a vector at each step."""
        self.n_products += W.size
        self.table(name, W)

    def layer(self, name, n_units, W_x, W_h, b):
        """A layer, from matrices with a row for each of a gate's units."""
        self.n_products += W_x.size + W_h.size
        matrices = f"{self._rows(f'{name}_W_x', W_x)}, {self._rows(f'{name}_W_h', W_h)}"
        self.vector(f"{name}_b", b)
        self.source.append(f"static const @_layer @_{name} = {{{n_units}, {matrices}, @_{name}_b}};")

    def scaling(self, name, shift, scale):
        """Scalings of features: means as sums of two floats, and factors."""
        mean, scales = single(shift), factors(scale)
        rest = single(shift - mean.astype(np.float64))
        rows = [f"{{{', '.join(map(c_float, row))}}}," for row in zip(mean, rest, scales, strict=True)]
        self._constant(f"@_scaling @_{name}[{len(rows)}]", rows, 12 * len(rows))

    def _rows(self, name, W):
        """The rows of a matrix; returns what initialises a C matrix of them."""
        if not self._int8:
            self._array("float", name, [map(c_float, row) for row in single(W)], 4 * W.size)
            return f"{{{W.shape[1]}, @_{name}}}"
        values, scales = quantised(single(W))
        self._array("int8_t", name, [map(str, row) for row in values], W.size)
        self.vector(f"{name}_scales", scales)
        return f"{{{W.shape[1]}, @_{name}, @_{name}_scales}}"

    def _array(self, kind, name, rows, n_bytes):
        rows = [list(row) for row in rows]
        lines = [line for row in rows for line in textwrap.wrap(", ".join(row) + ",", 116)]
        self._constant(f"{kind} @_{name}[{sum(map(len, rows))}]", lines, n_bytes)

    def _constant(self, what, lines, n_bytes):
        self.source.append("\n".join([f"static const {what} = {{", *(f"    {line}" for line in lines), "};"]))
        self.n_bytes += n_bytes


TOO_FAR = (
    "A mean, a scale or a weight of the model does not fit into a C float. Bring the data to units in which they are "
    "between 1e-30 and 1e30."
)


def single(values):
    """Numbers in single precision, or a ValueError if that has no room for them."""
    with np.errstate(over="ignore"):
        values = np.asarray(values).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError(TOO_FAR)
    return values


def factors(values):
    """Factors in single precision, or a ValueError if they or their inverses are so near to 0 that they lose digits."""
    factors, tiny = single(values), np.finfo(np.float32).tiny
    sizes = np.abs(factors[np.asarray(values) != 0])
    if ((sizes < tiny) | (sizes > 1 / tiny)).any():
        raise ValueError(TOO_FAR)
    return factors


def quantised(W):
    """Whole numbers up to 127 in either direction, and what those of a row have to be multiplied by."""
    scales = np.abs(W).max(axis=1) / np.float32(LARGEST_INT8)
    in_units = np.divide(W, scales[:, np.newaxis], out=np.zeros_like(W), where=scales[:, np.newaxis] > 0)
    return np.clip(np.rint(in_units), -LARGEST_INT8, LARGEST_INT8).astype(np.int8), scales


def c_float(value):
    """A constant that reads back as the same float."""
    text = f"{value:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"
