"""
LSTM and GRU against a simple RNN: the vanishing gradient
=========================================================

Why do recurrent networks have gates? A network is trained through the derivative of its answer with respect to each
time step, and in a simple RNN that derivative vanishes within some dozen steps: what lies further back cannot be
learnt. This example measures it for three cells, simple RNN, GRU and LSTM, before training and after, on the adding
problem, where two of 200 numbers are to be remembered and added.
"""

# %%
# The derivatives are differences of predictions: every number of a sequence is moved up and down a little, all in one
# call, in double precision.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMRegressor
from sklstm.datasets import make_adding_problem

N_STEPS, DIFFERENCE, AT_A_TIME = 200, 1e-4, 10
X, y = make_adding_problem(2000, N_STEPS, random_state=0)
X_test, y_test = make_adding_problem(50, N_STEPS, random_state=1)
warnings.simplefilter("ignore", ConvergenceWarning)  # some are not meant to converge


def derivatives(model):
    """Root mean square of d prediction / d number over sequences and ten time steps each, the last steps first."""
    step = np.arange(N_STEPS)
    found = []
    for x in X_test:
        up, down = np.repeat([x], N_STEPS, axis=0), np.repeat([x], N_STEPS, axis=0)
        up[step, step, 0] += DIFFERENCE
        down[step, step, 0] -= DIFFERENCE
        above, below = np.split(model.predict(np.concatenate([up, down])), 2)
        found.append((above - below) / (2 * DIFFERENCE))
    squares = np.square(found)[:, ::-1].reshape(len(X_test), -1, AT_A_TIME)
    return np.sqrt(squares.mean(axis=(0, 2)))


# %%
# An epoch at a learning rate of next to nothing leaves a network as it was drawn.
curves = {}
for cell in ["rnn", "gru", "lstm"]:
    model = LSTMRegressor(32, cell=cell, dtype="float64", random_state=0)
    before = derivatives(model.set_params(max_iter=1, learning_rate_init=1e-30).fit(X, y))
    after = derivatives(model.set_params(max_iter=25, learning_rate_init=0.01).fit(X, y))
    curves[cell] = before, after
    error = np.mean((model.predict(X_test) - y_test) ** 2)
    print(f"{cell:<5} mean squared error {error:.4f}; always answering 1 has {np.mean((1 - y_test) ** 2):.4f}")

# %%
# Before training, the derivatives of a simple RNN fall by a factor of ten every fifteen steps, a GRU's every seven:
# after a hundred or two there is nothing left to learn from but rounding. The LSTM's forget gates start open, so that
# its derivatives fall more slowly. But gates can open further: trained, both gated cells answer to a number two hundred
# steps back as much as to the last (each counts in one of a hundred sequences, which makes a root mean square of 0.1),
# and their error is next to none. The simple RNN is no better than the constant answer; what it has learnt makes its
# derivatives fall faster still.
STYLES = {
    "lstm": ("LSTM", "#56b4e9", "-", 4),
    "gru": ("GRU", "#000000", "--", 1.5),
    "rnn": ("simple RNN", "#d55e00", ":", 2),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
steps_back = np.arange(AT_A_TIME / 2, N_STEPS, AT_A_TIME)
for k, (axis, title) in enumerate(zip(axes, ["before training", "after 25 epochs"], strict=True)):
    for cell, (name, color, line, width) in STYLES.items():
        axis.plot(steps_back, curves[cell][k], color=color, linestyle=line, linewidth=width, label=name)
    axis.set(title=title, xlabel="time steps before the last", yscale="log", xlim=(0, N_STEPS), ylim=(1e-12, 3))
    axis.grid(color="0.92")
axes[0].set_ylabel("derivative of the answer, root mean square")
axes[0].legend(frameon=False)
plt.show()
