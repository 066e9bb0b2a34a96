"""How good the defaults are: `python benchmarks/defaults.py [--data FOLDER] [--seeds 3] [--quick] [--tasks NAME ...]`.

`LSTMRegressor()` and `LSTMClassifier()` as they are on every task, beside PyTorch's `nn.LSTM` trained with the same
care and the same budget: units, epochs, minibatches, Adam, learning rate, clipping, early stopping, standardised
inputs and targets. What PyTorch decides by itself, above all the initial weights, is left to it, but for embeddings,
which start as small as ours.

`--data` is a folder with the data that cannot be bundled: `physionet-2012` and `physionet-2019` as
`sklstm.datasets.fetch_physionet_2012` and `fetch_physionet_2019` keep them, and `ett/ETTh1.csv` from
https://github.com/zhouhaoyi/ETDataset; without it, scikit-learn's data folder. Tasks whose data are
not there are skipped.
"""

import argparse
import copy
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from report import write_defaults
from sklearn.datasets import get_data_home
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from tasks import TASKS
from timing import machine
from torch.nn.utils.rnn import pack_sequence

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.base import AUTO_EARLY_STOPPING
from sklstm.network import EMBEDDING_SCALE
from sklstm.training import PLATEAU_EPOCHS, PLATEAU_FACTOR

QUICK_SEQUENCES, QUICK_EPOCHS = 500, 3


class TorchLSTM:
    """`nn.LSTM` and a linear layer on its last state; takes its settings from an estimator of ours."""

    def __init__(self, estimator, is_classifier):
        self.settings, self.is_classifier = estimator, is_classifier

    def fit(self, X, y, groups=None):
        """Train with early stopping where ours stops early, and keep the best epoch's weights."""
        torch.manual_seed(self.settings.random_state)
        rng = np.random.default_rng(self.settings.random_state)
        rows, held_out = self._hold_out(len(X), y, groups)
        embedding_dim, steps = self.settings.embedding_dim, np.concatenate([X[i] for i in rows])
        if embedding_dim is None:
            self._shift, self._scale = steps.mean(axis=0), _no_zeros(steps.std(axis=0))
        self._n_tokens = None if embedding_dim is None else int(steps.max()) + 1
        y = torch.as_tensor(y)
        if not self.is_classifier:
            y = y.reshape(len(y), -1).float()
            self._target_shift, self._target_scale = y[rows].mean(dim=0), y[rows].std(dim=0)
            y = (y - self._target_shift) / self._target_scale
        inputs = self._tensors(X)
        n_outputs = int(y.max()) + 1 if self.is_classifier else y.shape[1]
        self._network = _Network(
            steps.shape[1], *self.settings.hidden_layer_sizes, n_outputs, self._n_tokens, embedding_dim
        )
        self._train(inputs, y, rows, held_out, rng)
        return self

    def predict(self, X):
        """Probabilities of the classes, or predictions in the units of the targets."""
        out = self._outputs(self._tensors(X))
        if self.is_classifier:
            return out.softmax(dim=1).numpy()
        return (out * self._target_scale + self._target_shift).numpy().squeeze(axis=1 if out.shape[1] == 1 else ())

    def _hold_out(self, n, y, groups):
        rows = np.arange(n)
        if n < AUTO_EARLY_STOPPING:
            return rows, None
        share, seed = self.settings.validation_fraction, self.settings.random_state
        if groups is not None:
            return next(GroupShuffleSplit(1, test_size=share, random_state=seed).split(rows, groups=groups))
        stratify = y if self.is_classifier else None
        return train_test_split(rows, test_size=share, random_state=seed, stratify=stratify)

    def _train(self, inputs, y, rows, held_out, rng):
        settings, network = self.settings, self._network
        optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate_init)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_EPOCHS - 1, threshold=settings.tol, threshold_mode="abs"
        )
        loss_function = torch.nn.CrossEntropyLoss() if self.is_classifier else torch.nn.MSELoss()
        best, best_weights, reference, n_stale = np.inf, None, np.inf, 0
        for _ in range(settings.max_iter):
            total = 0.0
            for batch in np.split(rng.permutation(rows), range(settings.batch_size, len(rows), settings.batch_size)):
                optimizer.zero_grad()
                loss = loss_function(network([inputs[i] for i in batch]), y[batch])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
                optimizer.step()
                total += loss.item() * len(batch)
            watched = total / len(rows)
            if held_out is not None:
                watched = loss_function(self._outputs([inputs[i] for i in held_out]), y[held_out]).item()
            if watched < best:
                best, best_weights = watched, copy.deepcopy(network.state_dict())
            n_stale = 0 if watched < reference - settings.tol else n_stale + 1
            reference = reference if n_stale else watched
            if n_stale >= settings.n_iter_no_change:
                break
            schedule.step(watched)
        network.load_state_dict(best_weights)

    def _tensors(self, X):
        if self._n_tokens is not None:
            return [torch.as_tensor(np.minimum(x[:, 0], self._n_tokens), dtype=torch.int64) for x in X]
        return [torch.as_tensor((x - self._shift) / self._scale, dtype=torch.float32) for x in X]

    def _outputs(self, inputs):
        with torch.inference_mode():
            return torch.cat([self._network(inputs[start : start + 256]) for start in range(0, len(inputs), 256)])


class _Network(torch.nn.Module):
    def __init__(self, n_features, n_units, n_outputs, n_tokens, embedding_dim):
        super().__init__()
        self.embedding = None
        if embedding_dim is not None:
            # The last token stands for all that are unknown: at the mean, and not trained.
            self.embedding = torch.nn.Embedding(n_tokens + 1, embedding_dim, padding_idx=n_tokens)
            self.embedding.weight.data *= EMBEDDING_SCALE  # of a standard normal distribution
        self.lstm = torch.nn.LSTM(embedding_dim or n_features, n_units, batch_first=True)
        self.linear = torch.nn.Linear(n_units, n_outputs)

    def forward(self, sequences):
        if self.embedding is not None:
            sequences = self.embedding(torch.cat(sequences)).split([len(x) for x in sequences])
        equally_long = len({len(x) for x in sequences}) == 1
        inputs = torch.stack(sequences) if equally_long else pack_sequence(sequences, enforce_sorted=False)
        return self.linear(self.lstm(inputs)[1][0][-1])


def _no_zeros(scale):
    return np.where(scale > 0, scale, 1)


def ours(task, **settings):
    """The estimator with its defaults."""
    return (LSTMClassifier if task.is_classifier else LSTMRegressor)(**settings)


def errors(task, seed, quick):
    """Errors on the test data by library."""
    settings = {"embedding_dim": task.embedding_dim, "random_state": seed}
    settings |= {"max_iter": QUICK_EPOCHS} if quick else {}
    X, y, groups = task.X_train, task.y_train, task.groups
    if quick:
        rows = np.random.default_rng(0).permutation(len(X))[:QUICK_SEQUENCES]
        X, y, groups = X[rows], y[rows], None if groups is None else groups[rows]
    with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):
        model = ours(task, **settings).fit(X, y, groups=groups)
    predicted = (model.predict_proba if task.is_classifier else model.predict)(task.X_test)
    peer = TorchLSTM(ours(task, **settings), task.is_classifier).fit(X, y, groups)
    return {
        "sklstm": float(task.error(task.y_test, predicted)),
        "PyTorch": float(task.error(task.y_test, peer.predict(task.X_test))),
    }


def run(name, task, n_seeds, quick):
    """One row of the table: a task's size, and the errors of each seed."""
    lengths = sorted({len(x) for x in task.X_train})
    row = {
        "description": TASKS[name].__doc__.split("\n")[0].rstrip("."),
        "error": task.error_name,
        "n_train": len(task.X_train),
        "n_test": len(task.X_test),
        "lengths": [lengths[0], lengths[-1]],
        "n_features": task.X_train[0].shape[1],
    }
    by_seed = []
    for seed in range(n_seeds):
        by_seed.append(errors(task, seed, quick))
        print(
            f"  {name}, seed {seed}:", {library: round(error, 4) for library, error in by_seed[-1].items()}, flush=True
        )
    return row | {library: [error[library] for error in by_seed] for library in by_seed[0]}


def main():
    """Run the tasks asked for, or all, keep the errors, and write the table anew."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS), metavar="NAME", help="default: all")
    parser.add_argument("--seeds", type=int, default=3, help="fits of each library")
    parser.add_argument(
        "--data", type=Path, default=Path(get_data_home()), help="folder with physionet-2012, physionet-2019 and ett"
    )
    parser.add_argument("--quick", action="store_true", help="500 sequences, 3 epochs, nothing is written")
    parser.add_argument("--output", type=Path, default=Path("doc/benchmarks"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    file = arguments.output / "defaults.json"
    results = json.loads(file.read_text()) if file.exists() else {"tasks": {}}
    for name in arguments.tasks:
        try:
            task = TASKS[name](arguments.data)
        except (FileNotFoundError, ModuleNotFoundError) as error:
            print(f"{name}: skipped. {error}")
            continue
        print(name, flush=True)
        row = run(name, task, arguments.seeds, arguments.quick)
        if not arguments.quick:
            rows = results["tasks"] | {name: row}
            results = {"machine": machine(), "tasks": {name: rows[name] for name in TASKS if name in rows}}
            file.write_text(json.dumps(results, indent=1) + "\n")
            write_defaults(results, arguments.output)


if __name__ == "__main__":
    main()
