"""Transformers that take one time step of several sequences after the other, for streams of pipelines.

Each has `step`, from values (n_streams, n_features), the times since the first step and since the one before, each
(n_streams,), to values; and `remembered`, a dict of arrays with a row a stream: all that it knows of the steps before.
"""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted


def stream_of(transformer, n_streams):
    """The stream of a fitted transformer, or of a pipeline of some."""
    if isinstance(transformer, Pipeline) or does_nothing(transformer):
        return InTurn([stream_of(step, n_streams) for step in single_steps(transformer)])
    if not hasattr(transformer, "_stream"):
        raise ValueError(
            f"{type(transformer).__name__} cannot take single time steps: streams have the transformers of "
            "sklstm.preprocessing. Take it out of the pipeline, and give the stream what it returns."
        )
    check_is_fitted(transformer)
    return transformer._stream(n_streams)


def does_nothing(step):
    """Whether it is left out, as fitted pipelines and unions say it."""
    is_name = isinstance(step, str) and step == "passthrough"
    return step is None or is_name or (isinstance(step, FunctionTransformer) and step.func is None)


def single_steps(step):
    """A transformer in a list; of a pipeline, also of pipelines in it, the steps; without those that do nothing."""
    if isinstance(step, Pipeline):
        return [each for _, part in step.steps for each in single_steps(part)]
    return [] if does_nothing(step) else [step]


class StepByStep:
    """Of a transformer that looks at nothing but the time step itself: a function of it does."""

    def __init__(self, step):
        self.step, self.remembered = step, {}


class InTurn:
    """Of transformers one behind the other."""

    def __init__(self, streams):
        self._streams = streams
        self.remembered = {
            f"step_{k}.{name}": array for k, stream in enumerate(streams) for name, array in stream.remembered.items()
        }

    def step(self, values, elapsed, gap):
        """What the last one makes of what the others make of these time steps."""
        for stream in self._streams:
            values = stream.step(values, elapsed, gap)
        return values


class Together(InTurn):
    """Of transformers side by side."""

    def step(self, values, elapsed, gap):
        """What each makes of these time steps, side by side."""
        return np.concatenate([stream.step(values, elapsed, gap) for stream in self._streams], axis=1)
