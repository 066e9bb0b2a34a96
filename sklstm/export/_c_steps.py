"""Steps of a pipeline that prepare the numbers of a time step: scalers and imputers, as C."""

import numpy as np

from ..preprocessing import SequenceImputer, SequenceScaler
from ._c_source import ADD
from ._c_weights import c_float, factors, single

SCALE = """\
    float scaled_INDEX[N];
    for (int k = 0; k < N; k++)
        scaled_INDEX[k] = @_scaled(FROM[k], &@_scaler_INDEX[k]);
"""

CLIP = """\
    for (int k = 0; k < N; k++)
        scaled_INDEX[k] = scaled_INDEX[k] < -LIMIT ? -LIMIT : scaled_INDEX[k] > LIMIT ? LIMIT : scaled_INDEX[k];
"""

FILL = """\
    float filled_INDEX[N_OUT];
    for (int k = 0; k < N; k++)
        filled_INDEX[k] = isnan(FROM[k]) ? @_fill_INDEX[k] : FROM[k];
"""

FILL_FORWARD = """\
    float filled_INDEX[N_OUT];
    for (int k = 0; k < N; k++) {
        if (!s->begun)
            s->known_INDEX[k] = @_fill_INDEX[k];
        if (!isnan(FROM[k]))
            s->known_INDEX[k] = FROM[k];
        filled_INDEX[k] = s->known_INDEX[k];
    }
"""

INDICATOR = """\
    for (int k = 0; k < N_GAPS; k++)
        filled_INDEX[FIRST + k] = isnan(FROM[GAP_OF_K]) ? 1.0f : 0.0f;
"""

ELAPSED = """\
    for (int k = 0; k < N_GAPS; k++) {
        if (s->begun)
            @_add(&s->elapsed_INDEX[k], &s->lost_INDEX[k], GAP);
        if (!isnan(FROM[GAP_OF_K]))
            s->elapsed_INDEX[k] = s->lost_INDEX[k] = 0.0f;
        filled_INDEX[FIRST + k] = s->elapsed_INDEX[k];
    }
"""

ELAPSED_SCALED = """\
    for (int k = 0; k < N_GAPS; k++) {
        if (s->begun)
            @_add(&s->elapsed_INDEX[k], &s->lost_INDEX[k], GAP);
        if (!isnan(FROM[GAP_OF_K])) {
            s->elapsed_INDEX[k] = s->lost_INDEX[k] = 0.0f;
            s->seen_INDEX[k] = 1.0f;
        }
        filled_INDEX[FIRST + k] = s->seen_INDEX[k] > 0.0f ? -expm1f(-s->elapsed_INDEX[k] * RATE) : 1.0f;
    }
"""


def check_steps(steps, model):
    """Raise a ValueError if a step before a model has no C source."""
    for step in steps:
        reason = "has no C source"
        if model.embedding_dim is None and isinstance(step, SequenceScaler):
            if step.method != "quantile":
                continue
            reason = 'with method="quantile" has no C source'
        if model.embedding_dim is None and isinstance(step, SequenceImputer):
            if step.strategy != "linear":
                continue
            reason = 'with strategy="linear" needs the future'
        raise ValueError(
            f"The step {type(step).__name__} before the model {reason}. What can be written are, before a model that "
            'reads numbers, SequenceScaler ("standard", "robust", "minmax") and SequenceImputer ("forward", "mean", '
            '"constant"). Do other steps in the program that calls the model, and pass to_c the model alone.'
        )


def measures_time(step):
    """Whether a step counts the time between steps."""
    return isinstance(step, SequenceImputer) and step.add_elapsed and len(step.features_with_missing_) > 0


class Step:
    """A step as C.

    Parameters
    ----------
    step : SequenceScaler or SequenceImputer
        Fitted.
    index : int
        What number it is, for the names in C.
    x, n_features : str and int
        What it reads.
    gap : str
        The time since the step before, in C.
    constants : Constants
        To which its own are added.

    Attributes
    ----------
    code : str
        What it does.
    x, n_features : str and int
        What it leaves.
    state : dict of str to int
        Members of the state.
    functions : list of str
        Functions that it calls.
    """

    def __init__(self, step, index, x, n_features, gap, constants):
        self.state, self.functions = {}, []
        self._step, self._index, self._n = step, index, n_features
        self._constants = constants
        code = self._scale() if isinstance(step, SequenceScaler) else self._fill()
        for word, text in {"INDEX": str(index), "FROM": x, "N_OUT": str(self.n_features), "GAP": gap}.items():
            code = code.replace(word, text)
        code = code.replace("[N]", f"[{n_features}]").replace("k < N;", f"k < {n_features};")
        self.code = f"    /* {type(step).__name__} */\n{code}"

    def _scale(self):
        scaler, clip = self._step.scaler_, self._step.clip
        shift, scale = {
            "standard": lambda: (scaler.mean_, 1 / scaler.scale_),
            "robust": lambda: (scaler.center_, 1 / scaler.scale_),
            # What is added may have lost digits that the minimum has, which the model has been fitted to.
            "minmax": lambda: (-np.float64(scaler.min_) / scaler.scale_, scaler.scale_),
        }[self._step.method]()
        self._constants.scaling(f"scaler_{self._index}", shift, scale)
        self.x, self.n_features = f"scaled_{self._index}", self._n
        if clip is None or clip > float(np.finfo(np.float32).max):
            return SCALE
        return SCALE + CLIP.replace("LIMIT", c_float(single(clip)))

    def _fill(self):
        step, index, gaps = self._step, self._index, self._step.features_with_missing_
        self._constants.vector(f"fill_{index}", step._fill())
        code, first = FILL, self._n
        if step.strategy == "forward":
            code, self.state[f"known_{index}"] = FILL_FORWARD, self._n
        of_k = "k"
        if (step.add_indicator or step.add_elapsed) and list(gaps) != list(range(len(gaps))):
            self._constants.numbers(f"gaps_{index}", gaps)
            of_k = "@_gaps_INDEX[k]"
        for appended, more in [(step.add_indicator, INDICATOR), (step.add_elapsed, self._elapsed())]:
            if appended and len(gaps):
                code += more.replace("N_GAPS", str(len(gaps))).replace("FIRST", str(first)).replace("GAP_OF_K", of_k)
                first += len(gaps)
        self.x, self.n_features = f"filled_{index}", first
        return code

    def _elapsed(self):
        step, n_gaps = self._step, len(self._step.features_with_missing_)
        if not measures_time(step):
            return ""
        self.functions.append(ADD)
        self.state |= {f"elapsed_{self._index}": n_gaps, f"lost_{self._index}": n_gaps}
        if step.elapsed_scale is None:
            return ELAPSED
        self.state[f"seen_{self._index}"] = n_gaps
        return ELAPSED_SCALED.replace("RATE", c_float(factors(1 / step.elapsed_scale)))
