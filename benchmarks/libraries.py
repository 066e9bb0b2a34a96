"""The libraries that are compared, each behind the same few functions.

An adapter turns a problem and the weights of a network of ours into functions without arguments: `step` takes one
training step (gather, forward, loss, back, clipping, Adam) and returns its loss; `prediction` returns the outputs.
`threads` are the numbers of threads worth trying. What an adapter has no function for, its library is not compared in.
"""

import os
from functools import partial
from importlib.util import find_spec

import numpy as np

LEARNING_RATE, CLIP_NORM = 1e-3, 1.0


class Sklstm:
    """This package."""

    name, requires, threads = "sklstm", [], (1, 2)

    @staticmethod
    def step(problem, network, n_threads, lengths=None, max_memory=None):
        """`lengths` cuts the sequences short."""
        from sklstm._core import losses
        from sklstm.optimizers import Adam
        from sklstm.sequences import as_sequences
        from sklstm.training import Data, Objective, Trainer

        X, y = problem.data()
        if lengths is not None:
            X = [x[:length] for x, length in zip(X, lengths, strict=True)]
        n, n_features = len(X), problem.n_features
        data = Data(
            as_sequences(X), np.arange(n), y.astype(np.float64), np.ones(n), np.zeros(n_features), np.ones(n_features)
        )
        objective = Objective(losses.squared_error, alpha=0, clip_norm=CLIP_NORM)
        optimizer = Adam(network.parameters, LEARNING_RATE, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
        trainer = Trainer(network, data, objective, optimizer, n, n_threads, max_memory)
        return partial(trainer.step, data.rows)

    @staticmethod
    def prediction(problem, network, n_threads):
        from sklstm.sequences import as_sequences

        sequences = as_sequences(problem.data()[0])
        shift, scale = np.zeros(problem.n_features), np.ones(problem.n_features)
        network.fixed = True
        return lambda: network.predict(sequences, shift, scale, n_threads)


class PyTorch:
    """nn.LSTM and a linear layer on its last output."""

    name, requires, threads = "PyTorch", ["torch"], (1, 2)

    @staticmethod
    def module(n_features, n_units):
        import torch

        class Network(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = torch.nn.LSTM(n_features, n_units, batch_first=True)
                self.linear = torch.nn.Linear(n_units, 1)

            def forward(self, x):
                return self.linear(self.lstm(x)[0][:, -1])

        return Network()

    @classmethod
    def with_weights(cls, network):
        import torch

        (n_units,) = network.hidden_layer_sizes
        module = cls.module(network.n_features, n_units)
        with torch.no_grad():
            module.lstm.weight_ih_l0.copy_(torch.from_numpy(network.part("layer_0.W_x").T))
            module.lstm.weight_hh_l0.copy_(torch.from_numpy(network.part("layer_0.W_h").T))
            module.lstm.bias_ih_l0.copy_(torch.from_numpy(network.part("layer_0.v")))
            module.lstm.bias_hh_l0.zero_()
            module.linear.weight.copy_(torch.from_numpy(network.part("output.W").T))
            module.linear.bias.copy_(torch.from_numpy(network.part("output.b")))
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


class Keras:
    """Keras with JAX below, compiled; it chooses its threads itself."""

    name, requires, threads = "Keras on JAX", ["keras", "jax"], (2,)

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

    @staticmethod
    def prediction(problem, network, n_threads):
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper

        (n_units,) = network.hidden_layer_sizes

        def gates(part):  # ours are i, f, g, o; ONNX wants i, o, f, c, one row a gate's unit
            i, f, g, o = np.split(part, 4, axis=-1)
            return np.ascontiguousarray(np.concatenate([i, o, f, g], axis=-1).T)

        weights = {
            "W": gates(network.part("layer_0.W_x"))[None],
            "R": gates(network.part("layer_0.W_h"))[None],
            "B": np.concatenate([gates(network.part("layer_0.v")), np.zeros(4 * n_units, np.float32)])[None],
            "W_out": network.part("output.W"),
            "b_out": network.part("output.b"),
            "axis": np.array([0]),
        }
        graph = helper.make_graph(
            [
                helper.make_node("LSTM", ["X", "W", "R", "B"], ["", "h"], hidden_size=n_units),
                helper.make_node("Squeeze", ["h", "axis"], ["last"]),
                helper.make_node("Gemm", ["last", "W_out", "b_out"], ["out"]),
            ],
            "lstm",
            [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, None, problem.n_features])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 1])],
            [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        X = np.ascontiguousarray(problem.data()[0].transpose(1, 0, 2))
        return lambda: session.run(None, {"X": X})[0]


LIBRARIES = [Sklstm, PyTorch, Keras, OnnxRuntime]


def available():
    """The libraries that are installed, and the names of those that are not."""
    there = [library for library in LIBRARIES if all(map(find_spec, library.requires))]
    missing = [library.name for library in LIBRARIES if library not in there]
    return there, missing + ["skorch"] * (not all(map(find_spec, ["skorch", "torch"])))
