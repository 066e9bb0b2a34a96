"""Outputs, gradients and training against PyTorch's LSTM, GRU and RNN, in float64.

PyTorch computes the reference; and the same numbers, of other versions and processors, are read from data/pytorch.npz,
which

    python tests/test_pytorch.py

writes anew. PyTorch has weights the other way round, our gate order (i, f, g, o) for the LSTM, another for the GRU, and
a second bias, which is zero but where the GRU has one of its own.
"""

from pathlib import Path

import naive
import numpy as np
import pytest
from checks import in_table_order
from numpy.testing import assert_allclose

from sklstm.layout import Architecture
from sklstm.losses import BinaryLogLoss, MultinomialLogLoss, SquaredError
from sklstm.minibatch import Minibatch
from sklstm.network import Network
from sklstm.optimizers import SGD, Adam
from sklstm.training import Data, Objective, Trainer

GOLDEN = Path(__file__).parent / "data" / "pytorch.npz"

RAGGED = [1, 5, 3, 9, 9, 2, 7, 1, 4, 8, 6]

# sizes, lengths, features, outputs, loss, alpha, and what is not an LSTM in one direction
CASES = {
    "one layer": ((7,), [4, 1, 6, 6, 3, 1, 5, 4, 6, 2], 3, 2, "squared_error", 0.0, {}),
    "two layers, penalty": ((6, 4), [1, 5, 3, 9, 9, 2, 7], 2, 3, "multinomial_log_loss", 0.3, {}),
    "three layers": ((3, 5, 4), [8, 7, 1, 3, 3, 8, 5, 2, 6, 1, 4], 1, 1, "binary_log_loss", 0.0, {}),
    "one step": ((5,), [1, 1, 1], 4, 1, "squared_error", 0.0, {}),
    "both directions": ((4, 3), RAGGED, 2, 3, "multinomial_log_loss", 0.3, {"bidirectional": True}),
    "gru": ((5, 3), RAGGED, 2, 1, "squared_error", 0.0, {"cell": "gru"}),
    "gru in both directions": ((4, 3), RAGGED, 2, 1, "binary_log_loss", 0.1, {"cell": "gru", "bidirectional": True}),
    "rnn": ((5, 3), RAGGED, 2, 1, "squared_error", 0.0, {"cell": "rnn"}),
    "rnn in both directions": ((4, 3), RAGGED, 2, 1, "squared_error", 0.0, {"cell": "rnn", "bidirectional": True}),
    "relu": ((5, 3), RAGGED, 2, 1, "squared_error", 0.0, {"cell": "rnn", "activation": "relu"}),
    "relu in both directions": (
        (4, 3),
        RAGGED,
        2,
        1,
        "squared_error",
        0.0,
        {"cell": "rnn", "activation": "relu", "bidirectional": True},
    ),
}
TOO_LARGE_TO_STORE = {
    "wide": ((256, 33), naive.ragged_lengths(40), 5, 2, "squared_error", 0.1, {}),
    "long": ((16,), [300, 250, 299, 1], 2, 1, "squared_error", 0.0, {}),
    "wide gru": ((130, 33), naive.ragged_lengths(40), 5, 2, "squared_error", 0.1, {"cell": "gru"}),
}
N_STEPS = 10
LOSSES = {
    "squared_error": SquaredError(),
    "binary_log_loss": BinaryLogLoss(),
    "multinomial_log_loss": MultinomialLogLoss(3),
}

# name: solver, clip_norm
RUNS = {"adam": ("adam", None), "adam, clipped": ("adam", 0.05), "sgd, clipped": ("sgd", 0.05), "sgd": ("sgd", None)}


def network_of(case, dtype="float64"):
    sizes, _, n_features, n_outputs, _, _, architecture = {**CASES, **TOO_LARGE_TO_STORE}[case]
    return Network(Architecture(n_features, sizes, n_outputs, dtype=dtype, **architecture))


def problem(case):
    """Initial parameters by name, sequences, targets and weights."""
    _, lengths, n_features, n_outputs, loss, _, _ = {**CASES, **TOO_LARGE_TO_STORE}[case]
    rng = np.random.RandomState(len(case))
    parts = {}
    for name, (_, shape) in network_of(case).parts.items():
        parts[name] = rng.normal(size=shape) / (np.sqrt(shape[0]) if name.startswith("layer") and len(shape) > 1 else 1)
    return parts, naive.random_sequences(lengths, n_features), *naive.random_targets(loss, len(lengths), n_outputs)


# ---------------------------------------------------------------------------------------------- PyTorch's side


def reference(case):
    """Outputs, gradients, and the losses of ten steps by each run, as PyTorch computes them."""
    *_, loss, alpha, architecture = {**CASES, **TOO_LARGE_TO_STORE}[case]
    parts, sequences, targets, weights = problem(case)
    model = TorchModel(parts, **architecture)
    inputs = [model.torch.tensor(x, requires_grad=True) for x in sequences]
    out = model(inputs)
    model.loss(loss, 0.0, out, targets, weights).backward()
    result = {"out": out.detach().numpy(), "dx": np.concatenate([x.grad.numpy() for x in inputs])}
    result |= {f"d {name}": gradient for name, gradient in model.gradients().items()}
    for run, (solver, clip_norm) in RUNS.items():
        model = TorchModel(parts, **architecture)
        result[f"losses {run}"] = model.train(
            solver, clip_norm, lambda m=model: m.loss(loss, alpha, m(inputs), targets, weights)
        )
    return result


class TorchModel:
    """PyTorch's layers, as functions of parameters that are laid out as ours."""

    def __init__(self, parts, cell="lstm", activation="tanh", bidirectional=False):
        import torch

        self.torch, self.cell, self.bidirectional = torch, cell, bidirectional
        self.function = getattr(torch, cell if cell != "rnn" else f"rnn_{activation}")
        self.parameters = {name: torch.tensor(part, requires_grad=True) for name, part in parts.items()}

    def __call__(self, inputs):
        torch = self.torch
        packed = torch.nn.utils.rnn.pack_sequence(inputs, enforce_sorted=False)
        ways = ["", ".reverse"] if self.bidirectional else [""]
        values, level = packed.data, 0
        while f"layer_{level}.v" in self.parameters:
            weights = [w for way in ways for w in self.weights(f"layer_{level}{way}")]
            n_units = len(self.parameters[f"layer_{level}.W_h"])
            start = torch.zeros(len(ways), len(inputs), n_units, dtype=torch.float64)
            start = (start, start) if self.cell == "lstm" else start
            values, last, *_ = self.function(
                values, packed.batch_sizes, start, weights, True, 1, 0.0, False, self.bidirectional
            )
            level += 1
        last = torch.cat(list(last), dim=1)[packed.unsorted_indices]
        return last @ self.parameters["output.W"] + self.parameters["output.b"]

    def weights(self, name):
        """A layer's weights and biases for the input and for h."""
        torch = self.torch
        W_x, W_h, v = (self.parameters[f"{name}.{part}"] for part in ["W_x", "W_h", "v"])
        if self.cell != "gru":
            return W_x.T, W_h.T, v, torch.zeros_like(v)
        # Gates r, u, m; ours m, r, u in W_x, and r, u, q in W_h.
        (x_m, x_r, x_u), (b_m, b_r, b_u, b_q) = W_x.chunk(3, dim=1), v.chunk(4)
        zero = torch.zeros_like(b_q)
        return torch.cat([x_r, x_u, x_m], dim=1).T, W_h.T, torch.cat([b_r, b_u, b_m]), torch.cat([zero, zero, b_q])

    def loss(self, name, alpha, out, targets, weights):
        torch, functional = self.torch, self.torch.nn.functional
        targets, weights = torch.tensor(targets), torch.tensor(weights)
        if name == "squared_error":
            each = functional.mse_loss(out, targets, reduction="none").mean(dim=1) / 2
        elif name == "binary_log_loss":
            each = functional.binary_cross_entropy_with_logits(out, targets, reduction="none")[:, 0]
        else:
            each = functional.cross_entropy(out, targets[:, 0].long(), reduction="none")
        penalty = sum((p**2).sum() for name, p in self.parameters.items() if "W" in name)
        return (weights * each).mean() + alpha / len(out) / 2 * penalty

    def gradients(self):
        return {name: parameter.grad.numpy() for name, parameter in self.parameters.items()}

    def train(self, solver, clip_norm, loss):
        parameters = list(self.parameters.values())
        if solver == "adam":
            optimizer = self.torch.optim.Adam(parameters, lr=0.02, betas=(0.8, 0.99), eps=1e-6)
        else:
            optimizer = self.torch.optim.SGD(parameters, lr=0.3, momentum=0.8, nesterov=True)
        result = []
        for _ in range(N_STEPS):
            optimizer.zero_grad()
            value = loss()
            value.backward()
            if clip_norm is not None:
                self.torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
            optimizer.step()
            result.append(value.item())
        return result


# ---------------------------------------------------------------------------------------------- ours


@pytest.fixture(
    scope="module",
    params=[("stored", case) for case in CASES] + [("live", case) for case in [*CASES, *TOO_LARGE_TO_STORE]],
    ids=lambda param: f"{param[0]}: {param[1]}",
)
def case_and_reference(request):
    source, case = request.param
    if source == "live":
        return case, reference(case)
    with np.load(GOLDEN) as stored:
        return case, {name.split("/")[1]: stored[name] for name in stored.files if name.startswith(f"{case}/")}


def trainer(case, run="adam", n_threads=2):
    """Our network of a case, ready for a run."""
    _, lengths, n_features, _, loss, alpha, _ = {**CASES, **TOO_LARGE_TO_STORE}[case]
    parts, sequences, targets, weights = problem(case)
    network = network_of(case)
    for name in network.parts:
        network.part(name)[:] = parts[name]
    data = Data(sequences, targets, weights)
    solver, clip_norm = RUNS[run]
    if solver == "adam":
        optimizer = Adam(network.parameters, 0.02, 0.8, 0.99, 1e-6)
    else:
        optimizer = SGD(network.parameters, 0.3, 0.8, True)
    return Trainer(
        network,
        data,
        np.arange(len(lengths)),
        Objective(LOSSES[loss], alpha, clip_norm),
        optimizer,
        (np.zeros(n_features), np.ones(n_features)),
        np.random.RandomState(0),
        len(lengths),
        n_threads,
    )


def test_outputs(case_and_reference):
    case, expected = case_and_reference
    ours = trainer(case)
    out = ours.network.predict(ours.data.sequences, *ours.scaling, 2)
    assert_allclose(out, expected["out"], rtol=1e-11, atol=1e-12)


def test_outputs_in_float32(case_and_reference):
    case, expected = case_and_reference
    ours, network = trainer(case), network_of(case, "float32")
    network.parameters[:] = ours.network.parameters
    out = network.predict(ours.data.sequences, *ours.scaling, 2)
    assert out.dtype == np.float32
    assert_allclose(out, expected["out"], rtol=1e-5, atol=1e-5 * np.abs(expected["out"]).max())


def test_gradients(case_and_reference):
    case, expected = case_and_reference
    ours = trainer(case)
    data, network = ours.data, ours.network
    minibatch = Minibatch(network, data.sequences, *ours.scaling, 2, input_gradient=True)
    rows, out = minibatch.forward(ours.rows)
    assert_allclose(out, expected["out"][rows], rtol=1e-11, atol=1e-12)
    dout = np.empty_like(out)
    ours.objective.loss(out, data.targets[rows], data.weights[rows], dout)
    dx = in_table_order(minibatch, minibatch.backward(dout))
    for name in network.parts:
        assert_allclose(
            network.part(name, minibatch.gradient), expected[f"d {name}"], rtol=1e-9, atol=1e-13, err_msg=name
        )
    assert_allclose(dx, expected["dx"], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("run", RUNS)
def test_losses_of_ten_steps(case_and_reference, run):
    case, expected = case_and_reference
    expected = expected[f"losses {run}"]
    ours = trainer(case, run)
    actual = [ours.step(ours.rows)[0] for _ in range(N_STEPS)]
    assert abs(expected[-1] / expected[0] - 1) > 1e-3, "the steps change too little to be compared"
    # PyTorch clips to max_norm / (norm + 1e-6), a little shorter than max_norm.
    assert_allclose(actual, expected, rtol=1e-10 if RUNS[run][1] is None else 1e-5)


def test_every_stored_case_is_there():
    with np.load(GOLDEN) as stored:
        assert {name.split("/")[0] for name in stored.files} == set(CASES)


if __name__ == "__main__":
    np.savez_compressed(
        GOLDEN, **{f"{case}/{name}": value for case in CASES for name, value in reference(case).items()}
    )
