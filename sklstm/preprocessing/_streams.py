"""Transformers that take one time step of several sequences after the other, for streams of pipelines.

Each has `step`, from values (n_streams, n_features), the times since the first step and since the one before, each
(n_streams,), to values; and `remembered`, a dict of arrays with a row a stream: all that it knows of the steps before.
"""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from ..sequences import Sequences


def real_steps(steps):
    """The transformers of pipelines, those in one another and without what does nothing."""
    for step in steps:
        if isinstance(step, Pipeline):
            yield from real_steps(each for _, _, each in step._iter())
        else:
            yield step


def stream_of(transformer, n_streams):
    """The stream of a fitted transformer, or of a pipeline of some."""
    if isinstance(transformer, Pipeline):
        return InTurn([stream_of(step, n_streams) for step in real_steps([transformer])])
    if isinstance(transformer, FunctionTransformer) and transformer.func is None:
        return InTurn([])  # what a union makes of "passthrough"
    if not hasattr(transformer, "_stream"):
        raise ValueError(
            f"{type(transformer).__name__} cannot take single time steps: streams have the transformers of "
            "sklstm.preprocessing. Take it out of the pipeline, and give the stream what it returns."
        )
    check_is_fitted(transformer)
    return transformer._stream(n_streams)


class StepByStep:
    """Of a transformer that looks at nothing but the time step itself."""

    def __init__(self, transformer):
        self._transformer, self.remembered = transformer, {}

    def step(self, values, elapsed, gap):
        """What the transformer makes of these time steps."""
        return self._transformer._transform(Sequences._of(values, np.arange(len(values) + 1)))


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
