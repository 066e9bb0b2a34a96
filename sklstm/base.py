"""What the estimators share: their parameters, and the way from data to a trained network."""

import copy
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from .layout import Architecture
from .network import Network
from .optimizers import SGD, Adam, RMSprop
from .schedules import PLANNED, Cosine, InverseScaling, OneCycle
from .sequences import validate_sequences
from .threads import effective_n_threads, single_threaded_blas
from .training import Data, Objective, Trainer, train

# From so many sequences on, early_stopping="auto" is on. Below, the sequences held out cost more than they tell: 10
# points of accuracy where there are 50 to 100.
AUTO_EARLY_STOPPING = 1000

# Time steps whose mean and variance are taken at a time: bounds the memory that it takes.
STEPS_AT_A_TIME = 1 << 18


@contextmanager
def _naming(argument):
    """Put an argument's name before errors about it that call it by another."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from error


def fit_scaler(name, parts):
    """A `StandardScaler` of `parts`, pairs of values and weights; errors call the values by `name`."""
    scaler = StandardScaler()
    with np.errstate(all="ignore"):
        for values, weights in parts:
            scaler.partial_fit(values, sample_weight=weights)
    too_large = ~(np.isfinite(scaler.mean_) & np.isfinite(scaler.scale_))
    if too_large.any():
        raise ValueError(
            f"Column {np.argmax(too_large)} of {name} has values so large that their variance overflows. Rescale it."
        )
    return scaler


class BaseLSTM(CallbackSupportMixin, BaseEstimator):
    """Parameters and training of `LSTMRegressor` and `LSTMClassifier`, which add what targets and outputs mean."""

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"adam", "adamw", "rmsprop", "sgd", "lbfgs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "cosine", "one_cycle"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "standardize": ["boolean"],
        "n_jobs": [Interval(Integral, None, -1, closed="right"), Interval(Integral, 1, None, closed="left"), None],
        "max_memory": [Interval(Real, 0, None, closed="neither"), None],
        "dtype": [StrOptions({"float32", "float64"})],
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
        batch_size=32,
        learning_rate="adaptive",
        learning_rate_init=0.01,
        power_t=0.5,
        max_iter=200,
        max_fun=15000,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping="auto",
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        clip_norm=1.0,
        standardize=True,
        n_jobs=None,
        max_memory=None,
        dtype="float32",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.solver = solver
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.clip_norm = clip_norm
        self.standardize = standardize
        self.n_jobs = n_jobs
        self.max_memory = max_memory
        self.dtype = dtype

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None):
        """Fit the model to sequences and their targets.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts.

        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
            The targets, one or (regression) several a sequence.

        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences; those of weight zero are left out.

        X_val, y_val : as `X` and `y`, default=None
            Data to watch for early stopping, in place of a part of the training data.

        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weights of the validation sequences.

        groups : array-like of shape (n_sequences,), default=None
            Group of each sequence, for example the patient. The part of the training data that is held out for early
            stopping then holds whole groups, so that overlapping windows of one patient are never on both sides.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, the weights or a parameter are not what they should be; the message says what, where and what to
            do. The estimator then stays as it was.
        """
        context = self._init_callback_context(max_subtasks=self.max_iter)
        with self._unchanged_on_error():
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            going_on = self.warm_start and hasattr(self, "_network")
            rng = check_random_state(self.random_state)
            known = self._check_data(X, y, sample_weight, reset=not going_on)
            rows, watched = self._hold_out(*known, X_val, y_val, sample_weight_val, groups, rng)
            trainer = self._trainer(*known, rows, rng, going_on)
            trainer.data.normalize()
            held_out = None
            if watched is not None:
                held_out = self._data(*watched, np.arange(len(watched[0])))
                held_out.normalize()
            history = train(
                trainer,
                held_out,
                lambda out: self._validation_score(out, held_out.targets, held_out.weights),
                rng if self.shuffle else None,
                self,
                self._callback_hook(context, X, y, trainer.network),
            )
            self.loss_curve_ = history.loss_curve
            self.best_loss_ = history.best
            self.validation_loss_curve_ = history.validation_loss_curve if held_out else None
            self.validation_scores_ = history.validation_scores if held_out else None
            self.best_validation_score_ = history.validation_scores[history.best_epoch] if held_out else None
            self.t_ = len(rows) * len(history.loss_curve)
            self._partial_state = None
            self._set_network(trainer.network)
            context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def _has_partial_fit(self):
        if self.solver == "lbfgs":
            raise AttributeError('partial_fit takes steps on parts of the data, but solver="lbfgs" needs all at once.')
        return True

    def _partial_fit(self, X, y, sample_weight, **about_targets):
        if self.learning_rate in PLANNED:
            raise ValueError(
                f'learning_rate="{self.learning_rate}" leads up to a known end, which partial_fit does not have: set '
                'it to "constant" or "invscaling".'
            )
        with self._unchanged_on_error():
            going_on = hasattr(self, "_network")
            state = copy.deepcopy(self._partial_state) if going_on else None
            rng, optimizer = state or (check_random_state(self.random_state), None)
            known = self._check_data(X, y, sample_weight, reset=not going_on, **about_targets)
            rows = np.flatnonzero(known[2])
            trainer = self._trainer(*known, rows, rng, going_on, optimizer, self.t_ if going_on else 0)
            loss = trainer.epoch(rng if self.shuffle else None)
            if not (np.isfinite(loss) and np.isfinite(trainer.network.parameters).all()):
                raise ValueError("Training diverged: the loss is no longer finite. Lower learning_rate_init.")
            self.loss_curve_ = [*(self.loss_curve_ if going_on else []), loss]
            self.best_loss_ = min(self.loss_curve_)
            self.validation_loss_curve_ = self.validation_scores_ = self.best_validation_score_ = None
            self.t_ = trainer.t
            self._partial_state = rng, trainer.optimizer
            self._set_network(trainer.network)
        return self

    def _set_network(self, network):
        self.n_iter_ = len(self.loss_curve_)
        self.n_layers_ = len(network.architecture.hidden_layer_sizes) + 2
        self._network = network
        network.fixed = True

    @contextmanager
    def _unchanged_on_error(self):
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _check_data(self, X, y, sample_weight, reset, **about_targets):
        """Sequences, targets (n_sequences, n_targets) and weights (n_sequences,), those of the classes included."""
        sequences = validate_sequences(self, X, reset)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        check_consistent_length(sequences, y)
        targets = self._encode_targets(y, reset, **about_targets)
        return sequences, targets, self._weights(sample_weight, sequences, targets, learn=True)

    def _hold_out(self, sequences, targets, weights, X_val, y_val, sample_weight_val, groups, rng):
        """Rows to train on, and the sequences, targets and weights to watch, or None."""
        if groups is not None:
            groups = np.asarray(groups)
            if groups.shape != (len(sequences),):
                raise ValueError(f"groups must have the shape ({len(sequences)},), one a sequence, got {groups.shape}.")
        rows = np.flatnonzero(weights)
        if self.solver == "lbfgs":
            self._check_nothing_is_watched(X_val)
            return rows, None
        watched = self._validation_data(X_val, y_val, sample_weight_val)
        if watched is None and (
            len(rows) >= AUTO_EARLY_STOPPING if self.early_stopping == "auto" else self.early_stopping
        ):
            rows, held_out = self._split(rows, targets, groups, rng)
            watched = sequences[held_out], targets[held_out], weights[held_out]
        return rows, watched

    def _check_nothing_is_watched(self, X_val):
        if self.early_stopping is True or X_val is not None:
            name = "early_stopping=True" if X_val is None else "X_val"
            raise ValueError(
                f'{name} does not go with solver="lbfgs", which trains until the training loss is as low as it gets: '
                f"leave {name} out, or choose another solver."
            )

    def _trainer(self, sequences, targets, weights, rows, rng, going_on, optimizer=None, t=0):
        """What trains a new network on `rows` or, if `going_on`, a copy of the one there is."""
        if self.l1_ratio and self.solver in ("adamw", "lbfgs"):
            reason = "decays the weights instead of a penalty" if self.solver == "adamw" else "needs a smooth penalty"
            raise ValueError(
                f'l1_ratio={self.l1_ratio} does not go with solver="{self.solver}", which {reason}: set it to 0, or '
                "choose another solver."
            )
        if going_on:
            network = copy.deepcopy(self._network)
            self._check_same_network(network)
        else:
            with single_threaded_blas():  # its sums, too, would depend on the number of threads
                self._standardise(sequences, targets, weights / weights.max(), rows)
            sizes = self._layer_sizes()
            network = Network(Architecture(sequences.n_features, sizes, self.n_outputs_, dtype=self.dtype))
            network.initialize(rng)
        if optimizer is None:
            optimizer = self._new_optimizer(network)
        data = self._data(sequences, targets, weights, rows)
        alpha = 0.0 if self.solver == "adamw" else self.alpha
        objective = Objective(self._loss, alpha, self.clip_norm, self.l1_ratio)
        return Trainer(
            network,
            data,
            objective,
            optimizer,
            self.batch_size,
            effective_n_threads(self.n_jobs),
            self.max_memory,
            self._schedule(len(rows)),
            t,
        )

    def _callback_hook(self, context, X, y, network):
        """One epoch for scikit-learn's callbacks: called before it, gives what is to be called after it."""

        def before_epoch():
            epoch = context.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self, X=X, y=y)
            return lambda: epoch.call_on_fit_task_end(
                estimator=self, X=X, y=y, reconstruction_attributes=lambda: {"_network": copy.deepcopy(network)}
            )

        return before_epoch

    def _layer_sizes(self):
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if isinstance(sizes, Integral) else list(sizes)
        if not sizes or not all(isinstance(size, Integral) and size is not True and size > 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be positive numbers of units, got {self.hidden_layer_sizes!r}.")
        return tuple(int(size) for size in sizes)

    def _check_same_network(self, network):
        if (network.architecture.hidden_layer_sizes, network.dtype) != (self._layer_sizes(), np.dtype(self.dtype)):
            raise ValueError(
                "hidden_layer_sizes and dtype cannot change between calls that go on with a trained network. "
                "Set warm_start=False, or clone the estimator."
            )

    def _new_optimizer(self, network):
        parameters, rate = network.parameters, self.learning_rate_init
        if self.solver == "lbfgs":
            return None
        if self.solver == "sgd":
            return SGD(parameters, rate, self.momentum, self.nesterovs_momentum)
        if self.solver == "rmsprop":
            return RMSprop(parameters, rate, self.epsilon)
        decay = self.alpha if self.solver == "adamw" else 0.0
        return Adam(parameters, rate, self.beta_1, self.beta_2, self.epsilon, decay, network.n_weights)

    def _schedule(self, n_rows):
        """The learning rate as a function of the sequences seen, or None where it is not one of them alone."""
        rate, end = self.learning_rate_init, self.max_iter * n_rows
        return {
            "invscaling": InverseScaling(rate, self.power_t),
            "cosine": Cosine(rate, end),
            "one_cycle": OneCycle(rate, end),
        }.get(self.learning_rate)

    def _weights(self, sample_weight, sequences, targets, learn, name="sample_weight"):
        with _naming(name):
            weights = _check_sample_weight(sample_weight, sequences, dtype=np.float64, ensure_non_negative=True)
        return weights * self._class_weights(targets, weights, learn)

    def _class_weights(self, targets, weights, learn):
        """Factor of each sequence's weight that its target asks for; learnt from these data, or as it was learnt."""
        return 1.0

    def _validation_data(self, X_val, y_val, sample_weight_val):
        """Sequences, targets and weights that were passed to be watched, or None."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be passed together.")
        if X_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val was passed without X_val and y_val, to which it belongs.")
            return None
        if self.early_stopping is False:
            raise ValueError('X_val was passed, but early_stopping=False: set it to True or "auto".')
        with _naming("X_val"):
            sequences = validate_sequences(self, X_val, reset=False)
        with _naming("y_val"):
            check_consistent_length(sequences, y_val)
            targets = self._encode_targets(y_val, reset=False)
        weights = self._weights(sample_weight_val, sequences, targets, learn=False, name="sample_weight_val")
        return sequences, targets, weights

    def _split(self, rows, targets, groups, rng):
        """Part `rows` into those to train on and those to watch."""
        if len(rows) < 2:
            raise ValueError("early_stopping=True needs at least two sequences (n_samples = 1): set it to False.")
        strata = self._strata(targets[rows])
        if groups is None:
            kept, held_out = train_test_split(
                rows, test_size=self._n_held_out(len(rows)), random_state=rng, stratify=strata
            )
            return np.sort(kept), held_out
        n_groups = len(np.unique(groups[rows]))
        if n_groups < 2:
            raise ValueError("early_stopping needs at least two groups to hold one out: set it to False.")
        n_held_out = self._n_held_out(n_groups)
        if strata is None:
            splitter = GroupShuffleSplit(1, test_size=n_held_out, random_state=rng)
            kept, held_out = next(splitter.split(rows, groups=groups[rows]))
            return rows[kept], rows[held_out]
        # Folds of whole groups with the classes spread evenly: as many of them are held out as come nearest the share.
        n_folds = int(min(20, n_groups, np.unique(strata, return_counts=True)[1].min()))
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=rng)
        folds = [fold for _, fold in splitter.split(rows, strata, groups[rows])]
        n_held_out = int(np.clip(round(self.validation_fraction * n_folds), 1, n_folds - 1))
        held_out = np.isin(np.arange(len(rows)), np.concatenate(folds[:n_held_out]))
        return rows[~held_out], rows[held_out]

    def _n_held_out(self, n):
        """How many of n sequences or groups are held out."""
        n_held_out = int(np.ceil(self.validation_fraction * n))
        if n_held_out == n:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} would hold out all {n} sequences or groups, and the "
                "train set will be empty: lower it, or set early_stopping=False."
            )
        return n_held_out

    def _strata(self, targets):
        """Classes to spread evenly over both parts of a split, or None."""
        return None

    def _standardise(self, sequences, targets, weights, rows):
        """Learn how inputs are brought to mean 0 and variance 1 over all time steps of the training rows."""
        n_features = sequences.n_features
        self._shift, self._scale = np.zeros(n_features), np.ones(n_features)
        if self.standardize:
            lengths = sequences.lengths
            parts = np.array_split(rows, min(len(rows), -(-lengths[rows].sum() // STEPS_AT_A_TIME)))
            scaler = fit_scaler(
                "X", ((sequences[part].values, np.repeat(weights[part], lengths[part])) for part in parts)
            )
            self._shift, self._scale = scaler.mean_.astype(np.float64), 1 / scaler.scale_.astype(np.float64)

    def _data(self, sequences, targets, weights, rows):
        return Data(sequences, rows, self._network_targets(targets), weights, self._shift, self._scale)

    def _network_targets(self, targets):
        """Targets in the units of the network's outputs."""
        return targets

    def _outputs(self, X):
        """The network's outputs for X, shape (n_sequences, n_outputs), in double precision."""
        if not hasattr(self, "_network"):
            check_is_fitted(self)  # its error; asking it each time would take a tenth of a small prediction
        sequences = validate_sequences(self, X, reset=False)
        n_threads = effective_n_threads(self.n_jobs)
        return self._network.predict(sequences, self._shift, self._scale, n_threads).astype(np.float64)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_network")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
