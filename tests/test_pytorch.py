"""Outputs, gradients and training against PyTorch's LSTM, in float64.

Where PyTorch is installed it computes the reference; everywhere, the same numbers are read from data/pytorch.npz, which

    python tests/test_pytorch.py

writes anew. PyTorch has our gate order (i, f, g, o), weights the other way round, and a second bias, held at zero.
"""

from pathlib import Path

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklstm._core import losses
from sklstm.minibatch import Minibatch
from sklstm.network import Network
from sklstm.optimizers import SGD, Adam
from sklstm.training import Data, Objective, Trainer

GOLDEN = Path(__file__).parent / "data" / "pytorch.npz"

# sizes, lengths, features, outputs, loss, alpha
CASES = {
    "one layer": ((7,), [4, 1, 6, 6, 3, 1, 5, 4, 6, 2], 3, 2, "squared_error", 0.0),
    "two layers, penalty": ((6, 4), [1, 5, 3, 9, 9, 2, 7], 2, 3, "multinomial_log_loss", 0.3),
    "three layers": ((3, 5, 4), [8, 7, 1, 3, 3, 8, 5, 2, 6, 1, 4], 1, 1, "binary_log_loss", 0.0),
    "one step": ((5,), [1, 1, 1], 4, 1, "squared_error", 0.0),
}
TOO_LARGE_TO_STORE = {
    "wide": ((256, 33), naive.ragged_lengths(40), 5, 2, "squared_error", 0.1),
    "long": ((16,), [300, 250, 299, 1], 2, 1, "squared_error", 0.0),
}
N_STEPS = 10

# name: solver, clip_norm
RUNS = {"adam": ("adam", None), "adam, clipped": ("adam", 0.05), "sgd, clipped": ("sgd", 0.05), "sgd": ("sgd", None)}


def problem(case):
    """Initial parameters by name, sequences, targets and weights."""
    sizes, lengths, n_features, n_outputs, loss, _ = {**CASES, **TOO_LARGE_TO_STORE}[case]
    rng = np.random.RandomState(len(case))
    parts = {"output.W": rng.normal(size=(sizes[-1], n_outputs)), "output.b": rng.normal(size=n_outputs)}
    for k, (F, H) in enumerate(zip([n_features, *sizes], sizes, strict=False)):
        parts[f"layer_{k}.W_x"] = rng.normal(size=(F, 4 * H)) / np.sqrt(F)
        parts[f"layer_{k}.W_h"] = rng.normal(size=(H, 4 * H)) / np.sqrt(H)
        parts[f"layer_{k}.v"] = rng.normal(size=4 * H)
    return parts, naive.random_sequences(lengths, n_features), *naive.random_targets(loss, len(lengths), n_outputs)


# ---------------------------------------------------------------------------------------------- PyTorch's side


def reference(case):
    """Outputs, gradients, and the losses of ten steps by each run, as PyTorch computes them."""
    sizes, _, n_features, n_outputs, loss, alpha = {**CASES, **TOO_LARGE_TO_STORE}[case]
    parts, sequences, targets, weights = problem(case)
    model = TorchModel(n_features, sizes, n_outputs, parts)
    inputs = [model.torch.tensor(x, requires_grad=True) for x in sequences]
    out = model(inputs)
    model.loss(loss, 0.0, out, targets, weights).backward()
    result = {"out": out.detach().numpy(), "dx": np.concatenate([x.grad.numpy() for x in inputs])}
    result |= {f"d {name}": gradient for name, gradient in model.gradients().items()}
    for run, (solver, clip_norm) in RUNS.items():
        model = TorchModel(n_features, sizes, n_outputs, parts)
        result[f"losses {run}"] = model.train(
            solver, clip_norm, lambda m=model: m.loss(loss, alpha, m(inputs), targets, weights)
        )
    return result


class TorchModel:
    def __init__(self, n_features, sizes, n_outputs, parts):
        import torch

        self.torch = torch
        self.lstms = [
            torch.nn.LSTM(F, H, dtype=torch.float64) for F, H in zip([n_features, *sizes], sizes, strict=False)
        ]
        self.output = torch.nn.Linear(sizes[-1], n_outputs, dtype=torch.float64)
        for lstm in self.lstms:
            lstm.bias_hh_l0.requires_grad_(False).zero_()
        self.parameters = {"output.W": self.output.weight, "output.b": self.output.bias}
        for k, lstm in enumerate(self.lstms):
            self.parameters |= {
                f"layer_{k}.W_x": lstm.weight_ih_l0,
                f"layer_{k}.W_h": lstm.weight_hh_l0,
                f"layer_{k}.v": lstm.bias_ih_l0,
            }
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(torch.tensor(parts[name].T))

    def __call__(self, inputs):
        packed = self.torch.nn.utils.rnn.pack_sequence(inputs, enforce_sorted=False)
        for lstm in self.lstms:
            packed, (last, _) = lstm(packed)
        return self.output(last[0])

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
        return {name: parameter.grad.numpy().T for name, parameter in self.parameters.items()}

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
        pytest.importorskip("torch")
        return case, reference(case)
    with np.load(GOLDEN) as stored:
        return case, {name.split("/")[1]: stored[name] for name in stored.files if name.startswith(f"{case}/")}


def trainer(case, run="adam", n_threads=2):
    """Our network of a case, ready for a run."""
    sizes, lengths, n_features, n_outputs, loss, alpha = {**CASES, **TOO_LARGE_TO_STORE}[case]
    parts, sequences, targets, weights = problem(case)
    network = Network(n_features, sizes, n_outputs, "lstm", "float64")
    for name in network.parts:
        network.part(name)[:] = parts[name]
    data = Data(sequences, np.arange(len(lengths)), targets, weights, np.zeros(n_features), np.ones(n_features))
    solver, clip_norm = RUNS[run]
    if solver == "adam":
        optimizer = Adam(network.parameters, 0.02, 0.8, 0.99, 1e-6)
    else:
        optimizer = SGD(network.parameters, 0.3, 0.8, True)
    return Trainer(
        network, data, Objective(getattr(losses, loss), alpha, clip_norm), optimizer, len(lengths), n_threads
    )


def test_outputs(case_and_reference):
    case, expected = case_and_reference
    ours = trainer(case)
    out = ours.network.predict(ours.data.sequences, ours.data.shift, ours.data.scale, 2)
    assert_allclose(out, expected["out"], rtol=1e-11, atol=1e-12)


def test_gradients(case_and_reference):
    case, expected = case_and_reference
    ours = trainer(case)
    data, network = ours.data, ours.network
    minibatch = Minibatch(network, data.sequences, data.shift, data.scale, 2)
    loss = getattr(losses, CASES.get(case, TOO_LARGE_TO_STORE.get(case))[4])["double"]
    rows, out = minibatch.forward(data.rows)
    assert_allclose(out, expected["out"][rows], rtol=1e-11, atol=1e-12)
    dout = np.empty_like(out)
    loss(out, data.targets[rows], data.weights[rows], dout)
    dx = minibatch.backward(dout, input_gradient=True)
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
    actual = [ours.step(ours.data.rows) for _ in range(N_STEPS)]
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
