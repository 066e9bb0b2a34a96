"""Documentation that the estimators share, written once and put into their docstrings."""

import inspect

NETWORK_PARAMETERS = """
hidden_layer_sizes : int or array-like of int, default=(64,)
    Units of each recurrent layer, from the input up; in each direction, with `bidirectional`.

cell : {"lstm", "peephole", "gru", "rnn"}, default="lstm"
    What a unit does at a time step:

    - "lstm": long short-term memory [1]_ with forget gates [2]_, which start open.
    - "peephole": an LSTM whose gates see its memory too [3]_.
    - "gru": the gated recurrent unit [4]_, two gates and no memory beside its output, with the reset after the product.
    - "rnn": the simple recurrent unit [5]_, without gates. What it can learn from fades within some dozen time steps.

activation : {"tanh", "relu", "logistic", "identity"}, default="tanh"
    Function of a cell's new content and, in an LSTM, of its memory. Those that have no bound may diverge.

recurrent_activation : {"logistic", "hard_sigmoid"}, default="logistic"
    Function of the gates. "hard_sigmoid" is ``min(max(x / 6 + 0.5, 0), 1)``. "rnn" has no gates.

bidirectional : bool, default=False
    Whether each layer also reads the sequences backwards, with weights of its own, and the next one sees both [6]_. Not
    for outputs that must not know the time steps after them.

pooling : {"last", "mean", "max", "attention"}, default="last"
    What the output layer sees of the last layer's states at the time steps of a sequence:

    - "last": the last state, of each direction.
    - "mean", "max": the mean or the largest value of each unit.
    - "attention": a mean with weights that the network learns to give [7]_; `attention_weights` returns them.

return_sequences : bool, default=False
    Whether there is a target, and a prediction, at every time step.

skip_connection : bool, or for the regressor "auto", default="auto" (classifier: False)
    Whether the inputs also go past the layers: the output layer sees those of the last time step (with
    `return_sequences`, of each), and in a regression with one output a target starts as a linear model of them, while
    the layers see by how much each input changed since the time step before. Series that drift then stay within what
    the layers know, and the network has to learn no more than what a linear function of the last values leaves. But the
    values themselves, unless they never change within a sequence, then count linearly only. Does not go with
    `embedding_dim`. "auto" does so where, by cross-validation, a linear function of the last time step explains more
    than half of the targets' variance, and nonlinear ones do not explain a tenth of the rest; `skip_connection_` tells.

embedding_dim : int or None, default=None
    Width of an embedding layer: `X` holds the numbers of tokens, one at a time step, and the network learns a vector
    for each. Numbers that the first training sequences do not have begin with zeros, and those beyond the highest
    share one. None takes `X` as it is.

missing : {"error", "decay"}, default="error"
    What NaN in `X` is:

    - "error": an error.
    - "decay" [16]_: a missing value, as GRU-D has it, here for every cell. The first layer sees in its place the
      feature's last value, which decays towards the mean (towards 0 with ``standardize=False``) with the time since it
      was observed. It also sees which values are observed. Before each time step the layer's state decays too, an
      LSTM's memory with it, by how long ago each feature was observed. How fast is learnt: a rate is linear in these
      times, or 0 where that is negative. Times are those that :class:`~sklstm.Sequences` know, hours if they are
      datetimes; without them, steps are one unit apart. A feature that the first training sequences never have is left
      out later too. Infinity remains an error. Of a three-dimensional array, trailing time steps that are NaN in every
      feature are still padding: pass a list or `Sequences` where they are not. Does not go with `bidirectional`,
      `skip_connection` ("auto" is then off) or `embedding_dim`.

dropout : float, default=0.0
    Share of the units that a training step leaves out [8]_, in [0, 1): of each layer's output as the next one sees it,
    drawn anew at every time step, and of what the output layer sees, but never of the inputs. The others count more to
    make up for it; predictions leave nothing out. Does not go with ``solver="lbfgs"``.

recurrent_dropout : float, default=0.0
    The same of the state as a layer itself sees it at the next time step; a sequence has the same units left out at all
    its time steps [9]_.
""".strip()

TRAINING_PARAMETERS = """
solver : {"adam", "adamw", "rmsprop", "sgd", "lbfgs"}, default="adam"
    The optimizer:

    - "adam" [10]_.
    - "adamw" [11]_: Adam with a decay of the weights in place of the penalty.
    - "rmsprop" [12]_: the gradient over the root of its running mean square, of which a step keeps 0.9.
    - "sgd": stochastic gradient descent with momentum.
    - "lbfgs" [13]_: L-BFGS on all data at once, for small ones. An iteration counts as an epoch, and training ends
      where no derivative of the loss is larger than `tol`, or the loss no longer falls. It holds nothing out ("auto"
      early stopping is off) and has no `partial_fit`; the learning rate, `shuffle`, `n_iter_no_change` and `clip_norm`
      have no effect.

alpha : float, default=0.0001
    Strength of the penalty on the weights (neither the biases, nor the embedding, nor the decay of inputs), divided by
    the size of the minibatch; with ``solver="lbfgs"``, by the sum of the sequences' weights. With ``solver="adamw"`` a
    step takes the share ``learning_rate * alpha`` off the weights instead.

l1_ratio : float, default=0.0
    Share of the L1 norm in the penalty, in [0, 1]: the penalty is
    ``alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|_2^2)``. The L1 norm brings weights near zero, not to zero. It
    does not go with "adamw", which has no penalty, or "lbfgs", which needs a smooth one.

batch_size : int, default=32
    Sequences in a minibatch. With ``solver="lbfgs"``, sequences that are computed at a time.

learning_rate : {"constant", "invscaling", "adaptive", "cosine", "one_cycle"}, default="adaptive"
    How the learning rate goes on from `learning_rate_init`:

    - "constant" keeps it.
    - "invscaling" divides it by ``(t + 1) ** power_t`` after `t` training sequences, counted anew in each epoch.
    - "adaptive" multiplies it by 0.3 whenever four epochs in a row have not lowered the watched loss by `tol`, and goes
      back to the best weights.
    - "cosine" brings it to 0 along half a cosine over `max_iter` epochs [14]_.
    - "one_cycle" brings it up to `learning_rate_init` over the first 30 % of `max_iter` epochs, in a straight line from
      1/25 of it, and then along half a cosine down to 1/10000 of it [15]_.

    The last two are carried out to their end, whether there is progress or not, and need to know it: they do not go
    with `partial_fit`.

learning_rate_init : float, default=0.01
    The learning rate at the start; with "one_cycle", the highest.

power_t : float, default=0.5
    Exponent of ``learning_rate="invscaling"``.

max_iter : int, default=200
    The most epochs to train for; with `learning_rate` "cosine" or "one_cycle", all that there are.

max_fun : int, default=15000
    With ``solver="lbfgs"``, the most times that the loss is computed; the iteration that reaches it is finished.

average : bool, default=True
    Whether `fit` keeps a moving average of the weights over the steps, and takes the best of it. Held-out data are
    predicted with it; without them, the loss during the epoch is watched. Not with `partial_fit` or
    ``solver="lbfgs"``.

shuffle : bool, default=True
    Whether to shuffle the sequences in each epoch.

random_state : int, RandomState instance or None, default=None
    Determines the initial weights, the split for early stopping, the shuffling and what dropout leaves out. The same
    number and the same data give the same bits, on any number of threads.

tol : float, default=1e-4
    What the watched loss must fall by for an epoch to count as progress: the loss on held-out data with early stopping,
    else the training loss, both in standardised units. With ``solver="lbfgs"``, the largest derivative of the loss at
    which training ends.

verbose : bool or int, default=False
    Whether to print a line an epoch, when the learning rate falls, and why training ended.

warm_start : bool, default=False
    Whether `fit` goes on with the weights of the last call instead of starting anew.

checkpoint : str, path-like or None, default=None
    A folder, which is made if need be, where `fit` keeps the state of training in a file after every epoch. If it is
    killed, ends with an error or is interrupted, `fit` with the same data and parameters goes on from the last epoch,
    in another process too, and ends with the same bits as if nothing had happened. The file is deleted when training
    has ended. Other data or parameters have other files, so that one folder does for all; `n_jobs`, `max_memory` and
    `verbose` may change. Does not go with ``solver="lbfgs"``; `partial_fit` ignores it.

momentum : float, default=0.9
    Momentum of ``solver="sgd"``, in [0, 1).

nesterovs_momentum : bool, default=True
    Whether ``solver="sgd"`` looks ahead as Nesterov's momentum does.

early_stopping : bool or "auto", default="auto"
    Whether to hold out part of the training data, watch its loss, and stop when it no longer falls. "auto" does so from
    1,000 sequences on: below, the data held out cost more than they tell. With ``solver="lbfgs"`` it is always off.

validation_fraction : float, default=0.1
    Share of the training data that early stopping holds out.

beta_1 : float, default=0.9
    Decay of the first moment of Adam and AdamW, in [0, 1).

beta_2 : float, default=0.999
    Decay of the second moment of Adam and AdamW, in [0, 1).

epsilon : float, default=1e-8
    Term for numerical stability of Adam, AdamW and RMSprop.

n_iter_no_change : int or inf, default=10
    Epochs without progress after which training stops, unless `learning_rate` is "cosine" or "one_cycle".

clip_norm : float or None, default=1.0
    Longest norm of a minibatch's gradient, over all parameters; longer ones are scaled down. None clips nothing. Not
    for ``solver="lbfgs"``.

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
skip_connection_ : bool
    Whether the inputs also go past the layers.

loss_curve_ : list of float
    Training loss of each epoch, in standardised units and with the penalty. The mean over an epoch's minibatches, each
    before its step; with ``solver="lbfgs"`` the loss after an iteration.

best_loss_ : float
    Lowest value of the watched loss; after `fit`, the weights are those of its epoch.

validation_loss_curve_ : list of float or None
    Loss on the held-out data after each epoch; None without early stopping. Both curves are NaN if training was
    interrupted in its first epoch.

validation_scores_ : list of float or None
    The score on the held-out data after each epoch, as `score` computes it, but with the weights of training
    (`class_weight` among them); None without early stopping. NaN where there is no such score, as R2 of a single
    target.

best_validation_score_ : float or None
    The score of the epoch whose weights were kept; None without early stopping.

n_iter_ : int
    Epochs trained.

t_ : int
    Training sequences seen, counted anew in each epoch; of an interrupted first epoch, those of its whole batches.

n_layers_ : int
    Layers, counting input and output.

n_outputs_ : int
    Outputs of the network.

out_activation_ : str
    What turns the outputs into predictions: "identity", "exp", "logistic" or "softmax".

vocabulary_size_ : int
    With `embedding_dim`, how many numbers of tokens the training data have: the highest, and one for 0.

n_features_in_ : int
    Features of a time step; of a table, its columns.

feature_names_in_ : ndarray of shape (n_columns,)
    Names of the columns, where X was a data frame whose column names are all strings.
""".strip()

NOTES = """
Notes
-----
The user guide has each cell's equations. Weights start Glorot-uniform, orthogonal within each recurrent gate; the
layers' biases at 0, but for the forget gate's 1; embeddings normal with a standard deviation of 0.1; the output layer's
biases at the constant with the least loss, and what it has for inputs that skip the layers at 0 or a linear model. With
``missing="decay"``, rates of decay start at 0.1 for inputs and at some 0.01 for units, at the mean time since a value
was observed: almost as if the last value were carried forward.

References
----------
.. [1] Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9(8):1735-1780, 1997.
.. [2] Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM", Neural Computation
   12(10):2451-2471, 2000.
.. [3] Gers and Schmidhuber, "Recurrent nets that time and count", IJCNN 2000.
.. [4] Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
   EMNLP 2014.
.. [5] Elman, "Finding structure in time", Cognitive Science 14(2):179-211, 1990.
.. [6] Schuster and Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal Processing
   45(11):2673-2681, 1997.
.. [7] Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015.
.. [8] Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent neural networks
   from overfitting", Journal of Machine Learning Research 15:1929-1958, 2014.
.. [9] Gal and Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NeurIPS 2016.
.. [10] Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
.. [11] Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
.. [12] Tieleman and Hinton, "Lecture 6.5 - RMSprop", COURSERA: Neural networks for machine learning, 2012.
.. [13] Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming
   45:503-528, 1989.
.. [14] Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
.. [15] Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates",
   arXiv:1708.07120, 2018.
.. [16] Che, Purushotham, Cho, Sontag and Liu, "Recurrent neural networks for multivariate time series with missing
   values", Scientific Reports 8:6085, 2018.
""".strip()


def shared_documentation(estimator):
    """Fill ``{network}``, ``{training}``, ``{attributes}`` and ``{notes}`` in a class's docstring."""
    if estimator.__doc__ is not None:  # python -OO drops docstrings
        estimator.__doc__ = inspect.cleandoc(estimator.__doc__).format(
            network=NETWORK_PARAMETERS, training=TRAINING_PARAMETERS, attributes=ATTRIBUTES, notes=NOTES
        )
    return estimator
