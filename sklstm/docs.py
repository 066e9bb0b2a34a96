"""Documentation that the estimators share, written once and put into their docstrings."""

import inspect

PARAMETERS = """
hidden_layer_sizes : int or array-like of int, default=(64,)
    Units of each recurrent layer, from the input up.

solver : {"adam", "sgd"}, default="adam"
    The optimizer: Adam, or stochastic gradient descent with momentum.

alpha : float, default=0.0001
    Strength of the L2 penalty on the weights (not the biases), divided by the size of the minibatch.

batch_size : int, default=32
    Sequences in a minibatch.

learning_rate : {"constant", "adaptive"}, default="adaptive"
    "adaptive" multiplies the learning rate by 0.3 whenever four epochs in a row have not lowered the watched loss by
    `tol`, and goes back to the best weights; "constant" keeps it at `learning_rate_init`.

learning_rate_init : float, default=0.01
    The learning rate at the start.

max_iter : int, default=200
    The most epochs to train for.

shuffle : bool, default=True
    Whether to shuffle the sequences in each epoch.

random_state : int, RandomState instance or None, default=None
    Determines the initial weights, the split for early stopping and the shuffling. The same number and the same data
    give the same bits, on any number of threads.

tol : float, default=1e-4
    What the watched loss must fall by for an epoch to count as progress: the loss on held-out data with early stopping,
    else the training loss, both in standardised units.

verbose : bool or int, default=False
    Whether to print a line an epoch.

warm_start : bool, default=False
    Whether `fit` goes on with the weights of the last call instead of starting anew.

momentum : float, default=0.9
    Momentum of ``solver="sgd"``, in [0, 1).

nesterovs_momentum : bool, default=True
    Whether ``solver="sgd"`` looks ahead as Nesterov's momentum does.

early_stopping : bool or "auto", default="auto"
    Whether to hold out part of the training data, watch its loss, and stop when it no longer falls. "auto" does so from
    1,000 sequences on: below, the data held out cost more than they tell.

validation_fraction : float, default=0.1
    Share of the training data that early stopping holds out.

beta_1 : float, default=0.9
    Decay of Adam's first moment, in [0, 1).

beta_2 : float, default=0.999
    Decay of Adam's second moment, in [0, 1).

epsilon : float, default=1e-8
    Adam's term for numerical stability.

n_iter_no_change : int or inf, default=10
    Epochs without progress after which training stops.

clip_norm : float or None, default=1.0
    Longest norm of a minibatch's gradient, over all parameters; longer ones are scaled down. None clips nothing.

standardize : bool, default=True
    Whether to bring each input feature (over all time steps) and each target of a regression to mean 0 and variance 1.
    Predictions are in the units of the targets in any case. Inputs further than 1e9 from zero, in these units or
    without them, count as 1e9: gates are saturated long before.

n_jobs : int or None, default=None
    Threads. None takes as many as the environment allows: OMP_NUM_THREADS, limits set by threadpoolctl, joblib's limit
    for its workers, the cores granted to the process, and never more than the physical cores. -1 means the same, -2
    one fewer. Results do not depend on it.

max_memory : float or None, default=None
    Most megabytes that a training step may work in, beside the data, the parameters and the optimizer's moments. Where
    they do not suffice for all time steps of a minibatch, the early ones are computed a second time on the way back
    instead of being kept: at most half more time, and the same model. None sets no limit. Predictions need little
    memory in any case.

dtype : {"float32", "float64"}, default="float32"
    Precision of the computation, whatever that of the data.
""".strip()

ATTRIBUTES = """
loss_curve_ : list of float
    Training loss of each epoch, in standardised units and with the penalty.

best_loss_ : float
    Lowest value of the watched loss; after `fit`, the weights are those of its epoch.

validation_loss_curve_ : list of float or None
    Loss on the held-out data after each epoch; None without early stopping.

validation_scores_ : list of float or None
    R2 or accuracy on the held-out data after each epoch; None without early stopping.

best_validation_score_ : float or None
    The score of the epoch whose weights were kept; None without early stopping.

n_iter_ : int
    Epochs trained.

t_ : int
    Training sequences seen, counted anew in each epoch.

n_layers_ : int
    Layers, counting input and output.

n_outputs_ : int
    Outputs of the network.

out_activation_ : str
    What turns the outputs into predictions: "identity", "logistic" or "softmax".

n_features_in_ : int
    Features of a time step; of a table, its columns.

feature_names_in_ : ndarray of shape (n_columns,)
    Names of the columns, where X was a data frame whose column names are all strings.
""".strip()

NOTES = """
Notes
-----
The equations are those of [1]_ with the forget gate of [2]_; its bias starts at 1. Weights start
Glorot-uniform, and orthogonal within each recurrent gate.

References
----------
.. [1] Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9(8):1735-1780, 1997.
.. [2] Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM", Neural Computation
   12(10):2451-2471, 2000.
""".strip()


def shared_documentation(estimator):
    """Fill ``{parameters}``, ``{attributes}`` and ``{notes}`` in a class's docstring."""
    if estimator.__doc__ is not None:  # python -OO drops docstrings
        parts = {"parameters": PARAMETERS, "attributes": ATTRIBUTES, "notes": NOTES}
        estimator.__doc__ = inspect.cleandoc(estimator.__doc__).format(**parts)
    return estimator
