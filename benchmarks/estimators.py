"""Whole fits and grid searches: estimators with scikit-learn's interface, over this package and over others.

Imported by the worker processes of a grid search, too.
"""

import numpy as np
from libraries import CLIP_NORM, LEARNING_RATE, PyTorch

BATCH_SIZE = 32


def sklstm_regressor(problem, n_epochs, n_threads):
    """Ours, training for exactly so many epochs."""
    from sklstm import LSTMRegressor

    return LSTMRegressor(
        (problem.n_units,),
        skip_connection=False,
        batch_size=BATCH_SIZE,
        learning_rate="constant",
        learning_rate_init=LEARNING_RATE,
        max_iter=n_epochs,
        n_iter_no_change=np.inf,
        early_stopping=False,
        n_jobs=n_threads,
        random_state=0,
    )


def skorch_regressor(problem, n_epochs, n_threads):
    """The same network in PyTorch through skorch."""
    import skorch
    import torch

    torch.set_num_threads(n_threads)
    return skorch.NeuralNetRegressor(
        PyTorch.module(problem.n_features, problem.n_units),
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        max_epochs=n_epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[skorch.callbacks.GradientNormClipping(CLIP_NORM)],
        verbose=0,
    )


def mlp_regressor(problem, n_epochs):
    """What scikit-learn has: a perceptron over all time steps side by side, with as many hidden units."""
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(
        hidden_layer_sizes=(problem.n_units,),
        batch_size=BATCH_SIZE,
        learning_rate_init=LEARNING_RATE,
        max_iter=n_epochs,
        n_iter_no_change=n_epochs,
        random_state=0,
    )


GRID_EPOCHS = 20
GRID_UNITS, GRID_RATES, GRID_BATCHES = [16, 32, 64], [1e-3, 3e-3, 1e-2, 3e-2], [16, 32]  # 24 candidates


def sklstm_search():
    """Ours over the grid; its sequences stay as long as they are."""
    from sklstm import LSTMClassifier

    model = LSTMClassifier(
        learning_rate="constant", max_iter=GRID_EPOCHS, n_iter_no_change=np.inf, early_stopping=False, random_state=0
    )
    return model, {
        "hidden_layer_sizes": [(n,) for n in GRID_UNITS],
        "learning_rate_init": GRID_RATES,
        "batch_size": GRID_BATCHES,
    }


def skorch_search(n_features, n_classes):
    """skorch's over the same grid; its sequences are padded with NaN, and packed in the network."""
    import skorch
    import torch

    model = skorch.NeuralNetClassifier(
        packed_classifier(),
        module__n_features=n_features,
        module__n_classes=n_classes,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=GRID_EPOCHS,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[skorch.callbacks.GradientNormClipping(CLIP_NORM)],
        verbose=0,
    )
    return model, {"module__n_units": GRID_UNITS, "lr": GRID_RATES, "batch_size": GRID_BATCHES}


def packed_classifier():
    """The class of a PyTorch network over sequences of different lengths."""
    import torch

    class PackedClassifier(torch.nn.Module):
        def __init__(self, n_features, n_classes, n_units=32):
            super().__init__()
            self.lstm = torch.nn.LSTM(n_features, n_units, batch_first=True)
            self.linear = torch.nn.Linear(n_units, n_classes)

        def forward(self, x):
            lengths = (~torch.isnan(x[:, :, 0])).sum(dim=1)
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                torch.nan_to_num(x), lengths, batch_first=True, enforce_sorted=False
            )
            return self.linear(self.lstm(packed)[1][0][-1])

    return PackedClassifier


def padded(sequences):
    """Sequences as one array, with NaN after their ends."""
    longest = max(map(len, sequences))
    X = np.full((len(sequences), longest, sequences[0].shape[1]), np.nan, dtype=np.float32)
    for row, sequence in zip(X, sequences, strict=True):
        row[: len(sequence)] = sequence
    return X
