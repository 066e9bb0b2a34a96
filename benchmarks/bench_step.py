"""One training step beside PyTorch's nn.LSTM: gather, forward, loss, BPTT, gradients, clipping, Adam; float32.

The two take turns in one process, so that whatever else the machine does hits both; each table row is a median. Both
start from the same weights and must compute the same loss before they are timed.
"""

import argparse
import platform
import time

import numpy as np
import sklearn
import torch
from threadpoolctl import threadpool_limits

import sklstm
from sklstm._core import losses
from sklstm.network import Network
from sklstm.optimizers import Adam
from sklstm.sequences import as_sequences
from sklstm.threads import single_threaded_blas
from sklstm.training import Data, Objective, Trainer

# batch, time steps, features, units
PROBLEMS = [(32, 24, 8, 32), (32, 48, 12, 64), (64, 100, 16, 128), (64, 100, 64, 256), (32, 1000, 1, 64), (128, 100, 128, 512)]


def our_step(X, y, network, n_threads):
    """A function that takes one training step and returns its loss."""
    data = Data(as_sequences(X), np.arange(len(X)), y, np.ones(len(X)), np.zeros(X.shape[2]), np.ones(X.shape[2]))
    objective = Objective(losses.squared_error, alpha=0, clip_norm=1.0)
    optimizer = Adam(network.parameters, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    trainer = Trainer(network, data, objective, optimizer, len(X), n_threads)

    def step():
        with single_threaded_blas():
            return trainer.step(data.rows)

    return step


class TorchNetwork(torch.nn.Module):
    """nn.LSTM and a linear layer on its last output, with the weights of a network of ours."""

    def __init__(self, network):
        super().__init__()
        (n_units,) = network.hidden_layer_sizes
        self.lstm = torch.nn.LSTM(network.n_features, n_units, batch_first=True)
        self.linear = torch.nn.Linear(n_units, network.n_outputs)
        with torch.no_grad():
            self.lstm.weight_ih_l0.copy_(torch.from_numpy(network.part("layer_0.W_x").T))
            self.lstm.weight_hh_l0.copy_(torch.from_numpy(network.part("layer_0.W_h").T))
            self.lstm.bias_ih_l0.copy_(torch.from_numpy(network.part("layer_0.v")))
            self.lstm.bias_hh_l0.zero_()
            self.linear.weight.copy_(torch.from_numpy(network.part("output.W").T))
            self.linear.bias.zero_()

    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])


def torch_step(X, y, network, n_threads):
    """The same for PyTorch."""
    model = TorchNetwork(network)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.float32))

    def step():
        torch.set_num_threads(n_threads)
        optimizer.zero_grad()
        loss = ((model(X) - y) ** 2).mean() / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def medians(steps, seconds):
    """Median seconds of each step function; they take turns in short bursts."""
    times = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < 10:
        for name, step in steps.items():
            for _ in range(5):
                start = time.perf_counter()
                step()
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def sgemm_peak():
    """FLOP/s of a large single-precision product on one thread."""
    a = np.ones((2048, 2048), dtype=np.float32)
    with threadpool_limits(1):
        return max(2 * 2048**3 / (_seconds(lambda: a @ a)) for _ in range(5))


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10, help="time for each problem")
    seconds = parser.parse_args().seconds
    print(
        f"{platform.machine()}, Python {platform.python_version()}, sklstm {sklstm.__version__}, "
        f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, torch {torch.__version__}\n"
    )
    print("| batch x steps x features, units | PyTorch, ms | sklstm, 1 thread, ms | 2 threads, ms | faster | of peak |")
    print("|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for n, n_steps, n_features, n_units in PROBLEMS:
        X = rng.standard_normal((n, n_steps, n_features), dtype=np.float32)
        y = rng.standard_normal((n, 1))
        steps = {}
        for n_threads in (1, 2):
            for name, make in (("sklstm", our_step), ("torch", torch_step)):
                network = Network(n_features, (n_units,), 1, "lstm", "float32")
                network.initialize(np.random.RandomState(0))
                steps[name, n_threads] = make(X, y, network, n_threads)
        first = [step() for step in steps.values()]
        if not np.allclose(first, first[0], rtol=1e-4):
            raise RuntimeError(f"The libraries do not compute the same loss: {first}")
        ms = {name: 1000 * value for name, value in medians(steps, seconds).items()}
        torch_ms = min(ms["torch", 1], ms["torch", 2])
        products = 6 * n * n_steps * 4 * n_units * (n_features + n_units)
        print(
            f"| {n}x{n_steps}x{n_features}, {n_units} | {torch_ms:.2f} | {ms['sklstm', 1]:.2f} | {ms['sklstm', 2]:.2f} "
            f"| {torch_ms / ms['sklstm', 2]:.1f} times | {products / sgemm_peak() / ms['sklstm', 1] * 1000:.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
