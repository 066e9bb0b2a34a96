"""What the estimators share: the way from data to a trained network."""

import copy
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight

from .atomic import changing
from .checkpoint import checkpoint_of
from .fitted import FittedNetworkMixin
from .holdout import split
from .layout import Architecture
from .losses import too_large
from .network import Network
from .parameters import CONSTRAINTS, check_combinations, layer_sizes, make_optimizer, make_schedule
from .progress import EpochCallbacks, History
from .real_numbers import real_array
from .scaling import ever_changes, least_change, never_observed, scale_of_elapsed, scaling_of, unseen_tokens
from .schedules import PLANNED
from .sequences import differences
from .steps import StepForm, missing, reject
from .threads import effective_n_threads, single_threaded_blas
from .training import Data, Objective, Trainer, train
from .validation import check_tokens, validate_sequences

# From so many sequences on, early_stopping="auto" is on. Below, the sequences held out cost more than they tell: 10
# points of accuracy where there are 50 to 100.
AUTO_EARLY_STOPPING = 1000

# An embedding has a row for each number up to the highest: more are a mistake, and would not fit in memory.
MOST_TOKENS = 10_000_000

# A sum of weights below it has lost digits, or would make a penalty that is divided by it infinite.
LEAST_WEIGHT = np.finfo(np.float64).tiny


@contextmanager
def _naming(argument):
    """Put an argument's name before errors about it that call it by another."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from error


def _check_as_many(sequences, y):
    if isinstance(y, type):
        raise TypeError(f"y must be an array or a list of targets, got the class {y.__name__}.")
    check_consistent_length(sequences, y)


class BaseLSTM(FittedNetworkMixin, CallbackSupportMixin, BaseEstimator):
    """Training of `LSTMRegressor` and `LSTMClassifier`, which add what targets and outputs mean."""

    _parameter_constraints: dict = CONSTRAINTS

    def _set_parameters(self, parameters):
        """Keep what the constructor was called with, as its `locals()` have it."""
        for name in self._get_param_names():
            setattr(self, name, parameters[name])

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None):
        """Fit the model to sequences and their targets.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts.

        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
            The targets: for a regression one number or several a sequence, for a classification one label of any type,
            or a column of 0 and 1 for each of several. With ``return_sequences=True`` there are as many for every time
            step: an array of shape (n_sequences, n_timesteps) or (n_sequences, n_timesteps, n_outputs), or a list of
            arrays (n_timesteps_i,) or (n_timesteps_i, n_outputs). What stands where `X` has padding is ignored, and a
            regression leaves out targets that are NaN.

        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences; those of weight zero are left out. With ``return_sequences=True`` also of shape
            (n_sequences, n_timesteps), or a list of arrays (n_timesteps_i,): weights of the time steps.

        X_val, y_val : as `X` and `y`, default=None
            Data to watch for early stopping, in place of a part of the training data.

        sample_weight_val : as `sample_weight`, default=None
            Weights of the validation data.

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

        KeyboardInterrupt
            If the user interrupts before the first step, or one of the fits of a search: the estimator then stays as it
            was, too. Later, Ctrl-C only ends training: the best weights so far are kept, in the first epoch those after
            the last whole batch, and a warning says so.
        """
        context = self._init_callback_context(max_subtasks=self.max_iter)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        about = {"estimator": self, "X": X, "y": y, "metadata": metadata}
        context.call_on_fit_task_begin(**about)  # which may set parameters of this fit
        with ExitStack() as until_the_end:
            with changing(self) as (model, take_over):
                check_combinations(model)
                going_on = model.warm_start and hasattr(model, "_network")
                rng = check_random_state(model.random_state)
                data = model._check_data(X, y, sample_weight, reset=not going_on)
                watched = model._validation_data(X_val, y_val, sample_weight_val)
                checkpoint = until_the_end.enter_context(checkpoint_of(model, data, watched, groups, rng, going_on))
                rows, watched = model._hold_out(data, watched, groups, rng)
                trainer = model._trainer(data.normalized(rows), rows, rng, going_on, model.average)
                if watched is not None:
                    watched = watched.normalized(np.arange(len(watched.sequences)))
                callbacks = EpochCallbacks(
                    context,
                    about,
                    lambda so_far: vars(model) | model._trained(so_far, copy.deepcopy(trainer.network)),
                )
                history = train(
                    trainer,
                    watched and model._watched_in_network_units(watched, "y" if y_val is None else "y_val"),
                    lambda out: model._validation_score(out, watched.targets, watched.weights),
                    model,
                    callbacks,
                    checkpoint,
                )
                vars(model).update(model._trained(history, trainer.network))
                take_over()
                callbacks.end_fit(history.interrupted)
            if checkpoint is not None and not history.interrupted:  # now that nothing takes the model back
                checkpoint.delete()
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
        with changing(self) as (model, take_over):
            check_combinations(model)
            going_on = hasattr(model, "_network")
            state = copy.deepcopy(model._partial_state) if going_on else None
            rng, optimizer = state or (check_random_state(model.random_state), None)
            if optimizer is not None:
                optimizer.learning_rate = model.learning_rate_init  # which may have been set since
            data = model._check_data(X, y, sample_weight, reset=not going_on, **about_targets)
            rows = np.flatnonzero(data.sequence_weights())
            trainer = model._trainer(data, rows, rng, going_on, optimizer=optimizer, t=model.t_ if going_on else 0)
            loss = trainer.epoch()
            if not trainer.is_finite(loss):
                raise ValueError("Training diverged: the loss is no longer finite. Lower learning_rate_init.")
            history = History.of_losses([*(model.loss_curve_ if going_on else []), loss], trainer.t)
            vars(model).update(model._trained(history, trainer.network, partial_state=(rng, trainer.optimizer)))
            take_over()
        return self

    def _trained(self, history, network, partial_state=None):
        """The attributes of an estimator that was trained so far."""
        network.fixed = True
        return {
            **history.attributes(),
            "n_layers_": len(network.architecture.hidden_layer_sizes) + 2,
            "_network": network,
            "_partial_state": partial_state,
        }

    def _check_data(self, X, y, sample_weight, reset, **about_targets):
        """Sequences, targets and weights to learn from, those of the classes included."""
        sequences = self._check_sequences(X, reset)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        _check_as_many(sequences, y)
        return self._data(X, sequences, y, sample_weight, reset, learn=True, **about_targets)

    def _check_sequences(self, X, reset):
        if reset:
            self._allow_nan = self.missing == "decay"
        sequences = validate_sequences(self, X, reset, self._allow_nan)
        if reset:
            self._has_times = sequences.times is not None
        elif self._allow_nan and self._has_times is not (sequences.times is not None):
            raise ValueError(
                'With missing="decay", the times of the steps count: '
                + ("X has none, but the sequences of fit have" if self._has_times else "X has some, those of fit not")
                + ". Pass both with times, by as_sequences(X, times=...), or both without."
            )
        if self.embedding_dim is not None:
            check_tokens(sequences, MOST_TOKENS if reset else np.inf)
            if reset:
                self.vocabulary_size_ = int(sequences.values.max()) + 1
        return sequences

    def _data(self, X, sequences, y, sample_weight, reset, learn, suffix="", **about_targets):
        name = f"sample_weight{suffix}"
        if isinstance(sample_weight, Real) and not isinstance(sample_weight, bool):
            sample_weight = np.full(len(sequences), sample_weight)  # as for scikit-learn's estimators
        if self.return_sequences:
            form = StepForm(X, sequences)
            targets = self._encode_targets(form.table(y, "y"), reset, form.place, **about_targets)
            weights = form.weights(sample_weight, name)
            # What has no target at all is left out; a target of several may miss some.
            missing = np.isnan(targets).all(axis=1)
            if missing.all():
                raise ValueError("y has only missing values (NaN): there is nothing to learn from.")
            weights = np.where(missing, 0, weights)
        else:
            weights = sample_weight if sample_weight is None else real_array(sample_weight, name)
            if np.ndim(weights) == 0 and weights is not None:
                raise ValueError(f"{name} must hold a weight for each sequence, got {sample_weight!r}.")
            targets = self._encode_targets(y, reset, "sequence {}".format, **about_targets)
        with _naming(name):
            weights = _check_sample_weight(weights, targets, dtype=np.float64, ensure_non_negative=True)
        with np.errstate(over="ignore"):
            weights = weights * self._class_weights(targets, weights, learn)
            total = weights.sum()
        if not LEAST_WEIGHT <= total < np.inf:
            raise ValueError(
                f"The sum of the weights, {total}, is beyond what numbers can hold: multiply {name}, or class_weight, "
                f"by what brings it near the number of sequences, {len(sequences)}."
            )
        return Data(sequences, targets, weights, self.return_sequences)

    def _hold_out(self, data, watched, groups, rng):
        """Rows to train on, and the data to watch, or None: those that were passed, or rows of the others."""
        n_sequences = len(data.sequences)
        if groups is not None:
            try:
                groups = np.asarray(groups)
            except ValueError as error:
                raise ValueError("groups must have one dimension, but its elements differ in length.") from error
            if groups.shape != (n_sequences,):
                raise ValueError(f"groups must have the shape ({n_sequences},), one a sequence, got {groups.shape}.")
            reject(missing(groups), "NaN or None", "sequence {}".format, "give each sequence a group", name="groups")
            try:
                np.unique(groups)
            except TypeError as error:
                raise ValueError("groups must be all numbers, or all texts, not some of each.") from error
        rows = np.flatnonzero(data.sequence_weights())
        if self.solver == "lbfgs" or watched is not None:
            return rows, watched
        if len(rows) >= AUTO_EARLY_STOPPING if self.early_stopping == "auto" else self.early_stopping:
            labels = None if self.return_sequences else self._labels(data.targets[rows])
            rows, held_out = split(rows, labels, groups, self.validation_fraction, rng)
            watched = data.part(held_out)
        return rows, watched

    def _check_nothing_is_watched(self, X_val, y_val, sample_weight_val):
        watched = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        names = [name for name, value in watched.items() if value is not None]
        if self.early_stopping not in (False, "auto"):
            names.append("early_stopping=True")
        if names:
            raise ValueError(
                f'{names[0]} does not go with solver="lbfgs", which trains until the training loss is as low as it '
                f"gets: leave {names[0]} out, or choose another solver."
            )

    def _labels(self, targets):
        """Classes to spread evenly over both parts of a split, or None."""
        return None

    def _trainer(self, data, rows, rng, going_on, average=False, optimizer=None, t=0):
        """What trains a new network on `rows` or, if `going_on`, a copy of the one there is."""
        if not going_on:
            with single_threaded_blas():  # its sums, too, would depend on the number of threads
                self._standardise(data, rows)
        data = self._in_network_units(data)
        if not going_on:
            with single_threaded_blas():
                linear_models = self._linear_models(data, rows)
                self._learn_skip_connection(linear_models, data, rows)
                self._learn_unit_of_time(data, rows)
        skips = self.skip_connection_ if self.skip_connection == "auto" else bool(self.skip_connection)
        architecture = self._architecture(data.sequences, skips)
        if going_on:
            network = copy.deepcopy(self._network)
            self._check_same_network(network.architecture, architecture)
        else:
            network = Network(architecture)
            network.initialize(rng)
            if self.embedding_dim is not None:
                network.forget_tokens(unseen_tokens(data, rows, self.vocabulary_size_))
            if self.missing == "decay":
                network.forget_features(np.flatnonzero(self._scale[: data.sequences.n_features] == 0))
            self._initialize_outputs(network, data, rows, linear_models)
        if optimizer is None:
            optimizer = make_optimizer(self, network)
        return Trainer(
            network,
            data,
            rows,
            Objective(
                loss=self._loss,
                alpha=0.0 if self.solver == "adamw" else self.alpha,
                l1_ratio=self.l1_ratio,
                clip_norm=self.clip_norm,
                dropout_between=self.dropout,
                dropout_recurrent=self.recurrent_dropout,
            ),
            optimizer,
            scaling=(self._shift, self._scale),
            rng=rng,
            batch_size=self.batch_size,
            n_threads=effective_n_threads(self.n_jobs),
            shuffle=self.shuffle,
            average=average,
            max_memory=self.max_memory,
            schedule=make_schedule(self, len(rows)),
            t=t,
        )

    def _architecture(self, sequences, skips):
        return Architecture(
            n_features=sequences.n_features,
            hidden_layer_sizes=layer_sizes(self.hidden_layer_sizes),
            n_outputs=self._loss.n_network_outputs(self._n_targets),
            cell=self.cell,
            dtype=self.dtype,
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
            bidirectional=bool(self.bidirectional),
            pooling=self.pooling,
            return_sequences=bool(self.return_sequences),
            skip_connection=skips,
            n_tokens=0 if self.embedding_dim is None else self.vocabulary_size_,
            embedding_dim=self.embedding_dim,
            missing=self.missing,
        )

    def _check_same_network(self, before, now):
        changed = [field.name for field in fields(now) if getattr(now, field.name) != getattr(before, field.name)]
        if changed:
            raise ValueError(
                f"{', '.join(changed)} cannot change between calls that go on with a trained network. Set "
                "warm_start=False, or clone the estimator."
            )

    def _class_weights(self, targets, weights, learn):
        """Factor of each sequence's weight that its target asks for; learnt from these data, or as it was learnt."""
        return 1.0

    def _validation_data(self, X_val, y_val, sample_weight_val):
        """Sequences, targets and weights that were passed to be watched, or None."""
        if self.solver == "lbfgs":
            return self._check_nothing_is_watched(X_val, y_val, sample_weight_val)
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be passed together.")
        if X_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val was passed without X_val and y_val, to which it belongs.")
            return None
        if not self.early_stopping:
            raise ValueError('X_val was passed, but early_stopping=False: set it to True or "auto".')
        with _naming("X_val"):
            sequences = self._check_sequences(X_val, reset=False)
        with _naming("y_val"):
            _check_as_many(sequences, y_val)
            return self._data(X_val, sequences, y_val, sample_weight_val, reset=False, learn=False, suffix="_val")

    def _standardise(self, data, rows):
        """Learn how inputs and targets are brought to mean 0 and variance 1."""
        places = data.places(rows)
        weights = data.weights[places]
        self._loss.scale_targets(data.targets[places], weights / weights.max(), self.standardize, self.dtype)
        self._shift, self._scale = self._scaling_of(lambda sequences: sequences.values, data, rows)

    def _linear_models(self, data, rows):
        """Linear models of the inputs that skip the layers, if the output layer can start as one."""
        return None

    def _skips(self, linear_models):
        """Whether the inputs also go to the output layer, and the layers see the changes of them."""
        return bool(self.skip_connection)

    def _learn_skip_connection(self, linear_models, data, rows):
        """Learn whether inputs skip the layers, and the scales of the changes that the layers then see."""
        self.skip_connection_ = self._reads_values() and self._skips(linear_models)
        if self.skip_connection_:
            shift, scale = self._scaling_of(differences, data, rows)
            scale[~ever_changes(data, rows) | (scale * least_change(self._shift) >= 1)] = 0
            self._shift, self._scale = np.append(shift, self._shift), np.append(scale, self._scale)

    def _reads_values(self):
        """Whether the layers and the output layer can read values as they are."""
        return self.embedding_dim is None and self.missing == "error"

    def _learn_unit_of_time(self, data, rows):
        """Learn the unit in which decay sees the times since a feature was observed: their mean."""
        if self.missing == "decay":
            scale, unseen = scale_of_elapsed(data, rows), never_observed(data, rows)
            # What is never observed in training tells nothing later: its weights would be those drawn at random.
            scale[unseen] = self._scale[unseen] = 0
            self._shift, self._scale = np.append(0 * scale, self._shift), np.append(scale, self._scale)

    def _scaling_of(self, values_of, data, rows):
        if not self.standardize or self.embedding_dim is not None:
            return np.zeros(data.sequences.n_features), np.ones(data.sequences.n_features)
        return scaling_of(values_of, data, rows)

    def _initialize_outputs(self, network, data, rows, linear_models):
        """Start the output layer from what needs no training: a constant, and nothing of the inputs that skip to it."""
        places = data.places(rows)
        network.part("output.b")[:] = self._loss.initial_bias(data.targets[places], data.weights[places])
        network.part("output.W")[network.architecture.n_top :] = 0

    def _in_network_units(self, data):
        return replace(data, targets=self._loss.encode(data.targets))

    def _watched_in_network_units(self, watched, name):
        """The same of data that are not learnt from, and that may be far from all that are."""
        watched = self._in_network_units(watched)
        too_far = too_large(watched.targets, watched.weights, self.dtype)
        if too_far.any():
            raise ValueError(
                f"{name}: Column {np.argmax(too_far)} of the validation data lies so far from what is trained on that "
                "its loss overflows: look at its unit."
            )
        return watched

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "decay"
        return tags
