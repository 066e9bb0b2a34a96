"""The libraries that are compared, each behind the same few functions.

An adapter turns a problem and the weights of a network of ours into functions without arguments: `step` takes one
training step (gather, forward, loss, back, clipping, Adam) and returns its loss; `prediction` returns the outputs.
`stepping` turns a fitted model into a function of one time step that returns the prediction so far, and keeps a state.
`threads` are the numbers of threads worth trying, `cells` what it is compared in. What an adapter has no function for,
its library is not compared in.
"""

import os
from importlib.util import find_spec

import numpy as np

from sklstm.export._frameworks import GateOrder
from sklstm.export._pytorch import GRU
from sklstm.layout import CELLS
from sklstm.weights import network_parts

LEARNING_RATE, CLIP_NORM = 1e-3, 1.0


class Sklstm:
    """This package."""

    name, requires, threads = "sklstm", [], (1, 2)
    cells = tuple(CELLS)

    @classmethod
    def step(cls, problem, network, n_threads, **settings):
        """`settings` are the trainer's."""
        trainer = cls.trainer(problem, network, n_threads, **settings)
        return lambda: trainer.step(trainer.rows)[0]

    @staticmethod
    def trainer(problem, network, n_threads, lengths=None, max_memory=None, **dropout):
        """`lengths` cuts the sequences short; with an output at each time step, all have the sequence's target."""
        from sklstm import as_sequences
        from sklstm.losses import SquaredError
        from sklstm.optimizers import Adam
        from sklstm.training import Data, Objective, Trainer

        X, y = problem.data()
        if lengths is not None:
            X = [x[:length] for x, length in zip(X, lengths, strict=True)]
        sequences, by_step = as_sequences(X), network.architecture.return_sequences
        targets = np.repeat(y, sequences.lengths if by_step else 1, axis=0)
        weights, loss = np.ones(len(targets)), SquaredError()
        loss.scale_targets(targets, weights, standardize=False)
        data = Data(sequences, loss.encode(targets), weights, by_step)
        objective = Objective(loss, alpha=0, clip_norm=CLIP_NORM, **dropout)
        optimizer = Adam(network.parameters, LEARNING_RATE, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
        rng, rows = np.random.RandomState(0), np.arange(len(sequences))
        return Trainer(
            network, data, rows, objective, optimizer, problem.scaling, rng, len(rows), n_threads, max_memory=max_memory
        )

    @staticmethod
    def prediction(problem, network, n_threads):
        from sklstm import as_sequences

        sequences, (shift, scale) = as_sequences(problem.data()[0]), problem.scaling
        network.fixed = True
        return lambda: network.predict(sequences, shift, scale, n_threads)

    @staticmethod
    def stepping(model):
        return model.stream().step


class PyTorch:
    """nn.LSTM, or the layer of another cell, and a linear layer on its last output."""

    name, requires, threads = "PyTorch", ["torch"], (1, 2)
    cells = ("lstm", "gru", "rnn")

    @staticmethod
    def module(n_features, n_units, cell="lstm"):
        import torch

        class Network(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = getattr(torch.nn, cell.upper())(n_features, n_units, batch_first=True)
                self.linear = torch.nn.Linear(n_units, 1)

            def forward(self, x):
                return self.linear(self.layer(x)[0][:, -1])

        return Network()

    @classmethod
    def with_weights(cls, network):
        import torch

        architecture = network.architecture
        (n_units,) = architecture.hidden_layer_sizes
        module = cls.module(architecture.n_features, n_units, architecture.cell)
        W_x, W_h, *biases = GateOrder(architecture.cell, *GRU).theirs(network_parts(network), "layer_0")
        weights = [W_x.T, W_h.T, *biases, network.part("output.W").T, network.part("output.b")]
        with torch.no_grad():
            for parameter, weight in zip(module.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(weight))
        return module

    @classmethod
    def step(cls, problem, network, n_threads):
        import torch

        module = cls.with_weights(network)
        optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE)
        X, y = map(torch.from_numpy, problem.data())
        rows = torch.arange(len(X))

        def step():
            torch.set_num_threads(n_threads)
            optimizer.zero_grad()
            loss = ((module(X[rows]) - y[rows]) ** 2).mean() / 2
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP_NORM)
            optimizer.step()
            return loss.item()

        return step

    @classmethod
    def prediction(cls, problem, network, n_threads):
        import torch

        module = cls.with_weights(network).eval()
        X = torch.from_numpy(problem.data()[0])

        def predict():
            torch.set_num_threads(n_threads)
            with torch.inference_mode():
                return module(X).numpy()

        return predict

    @classmethod
    def stepping(cls, model):
        import torch

        module, state = cls.with_weights(model._network).eval(), None
        torch.set_num_threads(1)

        def step(x):
            nonlocal state
            with torch.inference_mode():
                h, state = module.layer(torch.from_numpy(x)[None, None], state)
                return module.linear(h).item()

        return step


class Keras:
    """Keras with JAX below, compiled; it chooses its threads itself."""

    name, requires, threads = "Keras on JAX", ["keras", "jax"], (2,)
    cells = ("lstm",)

    @staticmethod
    def model(problem, network):
        os.environ["KERAS_BACKEND"] = "jax"
        import keras

        model = keras.Sequential(
            [
                keras.Input((problem.n_steps, problem.n_features)),
                keras.layers.LSTM(problem.n_units),
                keras.layers.Dense(1),
            ]
        )
        parts = ["layer_0.W_x", "layer_0.W_h", "layer_0.v", "output.W", "output.b"]
        model.set_weights([network.part(name) for name in parts])
        model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=CLIP_NORM),
            loss=lambda y, out: keras.ops.mean((y - out) ** 2) / 2,
        )
        return model

    @classmethod
    def step(cls, problem, network, n_threads):
        model = cls.model(problem, network)
        X, y = problem.data()
        return lambda: float(model.train_on_batch(X, y))

    @classmethod
    def prediction(cls, problem, network, n_threads):
        model = cls.model(problem, network)
        X, _ = problem.data()
        return lambda: np.asarray(model.predict_on_batch(X))


class OnnxRuntime:
    """The LSTM operator, handed time-major inputs as it wants them; predicts only."""

    name, requires, threads = "ONNX Runtime", ["onnxruntime", "onnx"], (1, 2)
    cells = ("lstm",)

    @classmethod
    def prediction(cls, problem, network, n_threads):
        session = cls._session(network, n_threads)
        X = np.ascontiguousarray(problem.data()[0].transpose(1, 0, 2))
        return lambda: session.run(None, {"X": X})[0]

    @classmethod
    def stepping(cls, model):
        zeros = np.zeros((1, 1, *model._network.architecture.hidden_layer_sizes), dtype=np.float32)
        session, state = cls._session(model._network, 1, state=["h", "c"]), [zeros, zeros]

        def step(x):
            y, *state[:] = session.run(None, {"X": x[None, None], "h": state[0], "c": state[1]})
            return y[0, 0]

        return step

    @staticmethod
    def _session(network, n_threads, state=()):
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper

        (n_units,), n_features = network.architecture.hidden_layer_sizes, network.architecture.n_features

        def gates(part):  # ours are i, f, g, o; ONNX wants i, o, f, c, one row a gate's unit
            i, f, g, o = np.split(part, 4, axis=-1)
            return np.ascontiguousarray(np.concatenate([i, o, f, g], axis=-1).T)

        def tensor(name, shape):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        weights = {
            "W": gates(network.part("layer_0.W_x"))[None],
            "R": gates(network.part("layer_0.W_h"))[None],
            "B": np.concatenate([gates(network.part("layer_0.v")), np.zeros(4 * n_units, np.float32)])[None],
            "W_out": network.part("output.W"),
            "b_out": network.part("output.b"),
            "axis": np.array([0]),
        }
        inputs, outputs = ["X", "W", "R", "B", *(["", *state] if state else [])], ["", "h_out", "c_out"]
        graph = helper.make_graph(
            [
                helper.make_node("LSTM", inputs, outputs, hidden_size=n_units),
                helper.make_node("Squeeze", ["h_out", "axis"], ["last"]),
                helper.make_node("Gemm", ["last", "W_out", "b_out"], ["out"]),
            ],
            "lstm",
            [tensor("X", [None, None, n_features]), *(tensor(name, [1, None, n_units]) for name in state)],
            [tensor("out", [None, 1]), *(tensor(f"{name}_out", [1, None, n_units]) for name in state)],
            [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        return onnxruntime.InferenceSession(model.SerializeToString(), options)


LIBRARIES = [Sklstm, PyTorch, Keras, OnnxRuntime]


def available():
    """The libraries that are installed, and the names of those that are not."""
    there = [library for library in LIBRARIES if all(map(find_spec, library.requires))]
    missing = [library.name for library in LIBRARIES if library not in there]
    return there, missing + ["skorch"] * (not all(map(find_spec, ["skorch", "torch"])))
