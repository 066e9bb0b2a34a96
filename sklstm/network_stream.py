"""The network of a fitted model, one time step at a time."""

from dataclasses import asdict
from hashlib import blake2b

import numpy as np

from ._core import inference, losses
from ._core.kernels import pack_matrix
from .layout import CELLS, PANELS, TYPE_NAMES, aligned
from .threads import effective_n_threads

# Multiply-adds of a step from which it takes more threads than one: to wake another takes 80 microseconds, in which
# three million are done.
LEAST_PARALLEL = 10_000_000


class NetworkStream:
    """The network of a fitted model, one step at a time.

    Parameters
    ----------
    model : LSTMRegressor or LSTMClassifier
    n_streams : int
    """

    def __init__(self, model, n_streams):
        architecture = model._network.architecture
        if architecture.bidirectional:
            raise ValueError(
                "bidirectional=True reads sequences from their end, which a stream does not have: fit a model with "
                "bidirectional=False."
            )
        self._model, self._n = model, n_streams
        self._n_threads = 1
        if n_streams * model._network.n_weights >= LEAST_PARALLEL:
            self._n_threads = min(effective_n_threads(model.n_jobs), -(-n_streams // inference.ROWS))
        self.with_times = model._has_times if architecture.missing == "decay" else None
        of_one = model._predictions(np.zeros((1, architecture.n_outputs), dtype=architecture.dtype))
        self.y = np.zeros((n_streams, *of_one.shape[1:]))
        arrays, numbers = self._arrays()
        self.x, self.gaps, self.n_steps = arrays["x"], arrays["gaps"], arrays["n_steps"]
        self.remembered = self._named(arrays)
        self._core = inference.Stepper(architecture.dtype == "float64", arrays | {"y": self.y}, numbers)

    def step(self):
        """Take in `x` and, where times count, `gaps`, the times since the step before; leaves predictions in `y`."""
        # In a forked child there is but one thread, which is asked each time where it matters.
        n_threads = 1 if self._n_threads == 1 else min(self._n_threads, effective_n_threads(self._model.n_jobs))
        wrong = self._core.step(n_threads)
        if wrong >= 0:
            self.reject(self.x, wrong, getattr(self._model, "feature_names_in_", None))

    def fingerprint(self):
        """Sixteen bytes that are those of this network, its weights and scales alone."""
        model = self._model
        said = f"{model._loss.link} {sorted(asdict(model._network.architecture).items())}"
        digest = blake2b(said.encode(), digest_size=16)
        for array in [model._network.parameters, model._shift, model._scale, model._loss._shift, model._loss._scale]:
            digest.update(np.ascontiguousarray(array))
        return np.frombuffer(digest.digest(), dtype=np.uint8)

    def reject(self, x, which, names):
        """Raise a ValueError about one of the numbers of x, (n_streams, n_features)."""
        stream, feature = divmod(int(which), x.shape[1])
        value = x[stream, feature]
        where = f"feature {feature}" if names is None or len(names) != x.shape[1] else f"feature {names[feature]!r}"
        where += f" of stream {stream}" if self._n > 1 else ""
        if np.isnan(value):
            raise ValueError(
                f"x contains NaN: {where}. Fill gaps, for example by a SequenceImputer in a pipeline, or fit a model "
                'with missing="decay".'
            )
        if np.isinf(value):
            raise ValueError(f"x contains infinity: {where}. Pass NaN, to what fills gaps, if nothing is known.")
        raise ValueError(f"With embedding_dim, x holds tokens, whole numbers from 0, but {where} is {value}.")

    def _arrays(self):
        """The arrays and numbers that the core's `Stepper` names."""
        model, network, n = self._model, self._model._network, self._n
        architecture, loss, dtype = network.architecture, model._loss, network.dtype
        packed, [(size, h)], scratch_size = network.for_prediction()
        [[stack]] = network.layout.levels
        decays, n_tokens = architecture.missing == "decay", architecture.n_tokens
        F, H, n_inputs = architecture.n_features, architecture.hidden_layer_sizes[0], architecture.n_inputs
        numbers = {
            "n": n, "F": F, "n_inputs": n_inputs, "n_tokens": n_tokens, "state_size": size, "h_column": h,
            "input": inference.INPUTS["decaying" if decays else "tokens" if n_tokens else "values"],
            "pooling": inference.POOLINGS[architecture.pooling], "skips": architecture.skip_connection,
            "link": losses.LINKS[loss.link], "n_each": loss.n_each, "scratch_size": scratch_size,
        }  # fmt: skip
        input_scaling = model._shift, model._scale
        if decays or n_tokens:  # what the first layer reads is made of the values
            input_scaling = np.zeros(n_inputs), np.ones(n_inputs)
        parameters = {
            "stack": stack.array, "head": network.layout.head, "params": network.parameters, "packed": packed,
            "shift": model._shift, "scale": model._scale, "target_shift": loss._shift, "target_scale": loss._scale,
            "input_shift": input_scaling[0], "input_scale": input_scaling[1],
        }  # fmt: skip
        if n_tokens:
            parameters["embedding"] = network.part("embedding.W")
        if decays:
            parameters |= {"decay_w": network.part("decay.w"), "decay_b": network.part("decay.b")}
            parameters |= {"b_d": network.part("layer_0.b_d"), "W_d": aligned(F * (H + PANELS[dtype.name]), dtype)}
            pack_matrix[TYPE_NAMES[dtype]](network.part("layer_0.W_d"), parameters["W_d"])
        D = architecture.n_top
        own = {
            "x": ((n, F), np.float64), "gaps": ((n,), np.float64), "n_steps": ((n,), np.int64),
            "state": ((n, size), dtype), "rows": ((n, 2, n_inputs), np.float64), "pooled": ((n, D), dtype),
            "softmax": ((n, 2), np.float64), "since": ((n, F), np.float64), "observed": ((n, F), dtype),
            "delta": ((n, F), dtype), "gamma": ((n, H), dtype), "projected": ((n, D), dtype),
            "features": ((n, architecture.n_seen), dtype), "out": ((n, architecture.n_outputs), dtype),
            "scratch": ((self._n_threads, scratch_size), dtype),
        }  # fmt: skip
        return parameters | {name: _zeros(*of) for name, of in own.items()}, numbers

    def _named(self, arrays):
        """What is remembered from step to step, as parts of the arrays."""
        architecture = self._model._network.architecture
        named, column = {"n_steps": arrays["n_steps"]}, 0
        n_memories = CELLS[architecture.cell]["n_memories"]
        for level, n_units in enumerate(architecture.hidden_layer_sizes):
            for name in ["h", "c"][: 1 + n_memories]:
                named[f"layer_{level}.{name}"] = arrays["state"][:, column : column + n_units]
                column += n_units
        if architecture.pooling != "last":
            named["pooled"] = arrays["pooled"]
        if architecture.pooling == "attention":
            named["attention"] = arrays["softmax"]
        if architecture.skip_connection:
            named["inputs"] = arrays["rows"][:, 1]
        if architecture.missing == "decay":
            named |= {"since": arrays["since"], "observed": arrays["observed"]}
        return named


def _zeros(shape, dtype):
    array = aligned(int(np.prod(shape)), dtype).reshape(shape)
    array.fill(0)
    return array
