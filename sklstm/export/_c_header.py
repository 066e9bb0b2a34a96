"""A C header put together for a model, from what its equations need and nothing else."""

import json
import zlib

from .. import __version__
from .._core.losses import MAX_LOG_RATE
from ..classifier import LSTMClassifier
from ..losses import Quantile
from ..preprocessing import SequenceImputer
from . import _c_source as c
from ._c_cells import CELLS, LAYER
from ._c_steps import Step, check_steps, measures_time
from ._c_weights import Constants, factors

COMMENT = """\
/* {name}: a network for one time step at a time, written by sklstm {version}.
 *
 *     {model}
 *
 * At each time step it reads {reads}:
 *
{inputs}
 *
 * From the sequence so far it predicts{in_units}:
 *
{outputs}
 *
 * Keep a state for each sequence that goes on:
 *
 *     {name}_state state;
 *     {name}_reset(&state);{pad}begins a sequence
 *     {step}  takes a time step, and writes to y
 *
 * Weights are {weights}: {n_bytes} bytes of constants. A state takes {n_state} bytes, a step about {n_stack} of
 * stack, and {n_products} multiply-adds. Include this file in one source file: each other would get constants
 * of its own, but where {capitals}_NO_WEIGHTS is defined, which leaves out all but the state and macros. */
"""

FILE = """\
#ifdef __FAST_MATH__
#error "-ffast-math loses NaN, and the digits of inputs with a large mean"
#endif

#ifndef SKLSTM_MODEL_$
#define SKLSTM_MODEL_$ {checksum}

{defines}

typedef struct {{
{state}
}} @_state;

#elif SKLSTM_MODEL_$ != {checksum}
#error "another model is called @ too, maybe in other capitals: pass a name= to to_c"
#endif

#if !defined $_NO_WEIGHTS && !defined SKLSTM_WEIGHTS_$
#define SKLSTM_WEIGHTS_$

{includes}

{functions}

{constants}

{reset}
{step}
#endif
"""


class Header:
    """What a header is put together from; its methods add constants, functions, members of the state, and C code.

    Parameters
    ----------
    steps : list of transformers
        Fitted steps before the model.
    model : LSTMRegressor or LSTMClassifier
        Fitted.
    name : str
        What names in the header begin with.
    int8 : bool
        Whether matrices are int8.
    """

    def __init__(self, steps, model, name, int8):
        check_steps(steps, model)
        self._steps, self._model, self._name, self._int8 = steps, model, name, int8
        self._network, self._architecture = model._network, model._network.architecture
        self._cell, self._sum, self._vectors, _ = _cell_of(self._architecture)
        self._constants = Constants(int8)
        self._functions = [c.INT8_MATRIX if int8 else c.FLOAT_MATRIX]
        self._defines, self._state, self._code = {}, {}, []
        self._n_stack = 0
        counts_time = self._architecture.missing == "decay" or any(map(measures_time, steps))
        self._takes_gap = counts_time and model._has_times
        self._gap = "gap" if self._takes_gap else "1.0f"
        self._read()
        self._recur()
        seen = self._pool()
        self._predict(seen)
        if any("s->begun" in code for code in self._code):
            self._state["begun"] = None
            self._code.append("    s->begun = 1;\n")

    def text(self):
        """The whole file."""
        source = FILE.format(
            checksum=self._checksum(),
            includes="\n".join(f"#include <{name}.h>" for name in self._includes()),
            defines="\n".join(f"#define $_{name} {value}" for name, value in self._defines.items()),
            state="\n".join(map(_member, self._state.items())),
            functions="\n".join(dict.fromkeys(filter(None, self._functions))).rstrip(),
            constants="\n\n".join(self._constants.source),
            reset=c.RESET,
            step=f"{self._signature()}\n{{\n{''.join(self._code)}}}\n",
        )
        return self._comment() + source.replace("@", self._name).replace("$", self._name.upper())

    def _checksum(self):
        """A number that tells models apart."""
        told = [self._comment(), *self._functions, *self._constants.source, *self._code]
        return f"0x{zlib.crc32(''.join(told).encode()):08X}"

    def _includes(self):
        return ["math", *(["stdint"] if self._int8 or self._architecture.embedding_dim else []), "string"]

    def _signature(self):
        """The beginning of the step's definition."""
        x = "int32_t token" if self._architecture.embedding_dim else "const float x[$_N_FEATURES]"
        gap = ", float gap" if self._takes_gap else ""
        return (
            "/* Take a time step, and predict from the sequence so far. */\n"
            f"static inline void @_step(@_state *s, {x}{gap}, float y[$_N_OUTPUTS])"
        )

    # ------------------------------------------------------------------------------------------ what is read

    def _read(self):
        architecture = self._architecture
        F, n_inputs = architecture.n_features, architecture.n_inputs
        if architecture.embedding_dim:
            self._defines |= {"N_TOKENS": architecture.n_tokens, "EMBEDDING_DIM": n_inputs}
            self._functions.append(c.INT8_VALUE if self._int8 else c.FLOAT_VALUE)
            self._constants.table("embedding", self._part("embedding.W"))
            self._code.append(c.TOKENS)
            self._n_stack += n_inputs
            return
        x = self._prepare()
        self._functions.append(c.SCALING)
        self._constants.scaling("x", self._model._shift[-F:], self._model._scale[-F:])
        self._n_stack += n_inputs
        code = c.VALUES
        if architecture.missing == "decay":
            code = self._read_decaying()
        elif architecture.skip_connection:
            self._constants.scaling("change", self._model._shift[:F], self._model._scale[:F])
            self._state["previous"] = F
            self._n_stack += F
            code = c.CHANGES
        self._code.append(code.replace("FROM", x).replace("N_READ", str(F) if self._steps else "$_N_FEATURES"))

    def _prepare(self):
        """What the steps before the model do; returns what the model reads."""
        x, n = "x", self._steps[0]._n_features if self._steps else self._architecture.n_features
        self._defines["N_FEATURES"] = n
        for index, step in enumerate(self._steps):
            prepared = Step(step, index, x, n, self._gap, self._constants)
            x, n = prepared.x, prepared.n_features
            self._state |= prepared.state
            self._functions += prepared.functions
            self._code.append(prepared.code)
            self._n_stack += n
        return x

    def _read_decaying(self):
        F, n_units = self._architecture.n_features, self._architecture.hidden_layer_sizes[0]
        self._functions += [c.ADD, c.LEFT]
        self._constants.vector("time_scale", factors(self._model._scale[:F]))
        self._constants.vector("decay_w", self._part("decay.w"))
        self._constants.vector("decay_b", self._part("decay.b"))
        self._constants.matrix("decay_h", self._part("layer_0.W_d").T)
        self._constants.vector("decay_h_b", self._part("layer_0.b_d"))
        self._state |= {"last": F, "since": F, "since_lost": F}
        self._n_stack += F
        fade = "\n        ".join(f"s->{vector}_0[j] *= left;" for vector in self._vectors)
        return c.DECAY.replace("N_UNITS", str(n_units)).replace("FADE", fade).replace("GAP", self._gap)

    # ---------------------------------------------------------------------------------- layers and time steps

    def _recur(self):
        architecture, sizes = self._architecture, self._architecture.hidden_layer_sizes
        self._defines["MAX_UNITS"] = max(sizes)
        self._n_stack += max(sizes)
        self._functions += [*self._activations(), LAYER, self._sum, self._with_activations(self._cell)]
        x, vectors = "input", self._vectors
        for level, n_units in enumerate(sizes):
            name = f"layer_{level}"
            W_x, W_h, v = (self._part(f"{name}.{which}") for which in ["W_x", "W_h", "v"])
            self._constants.layer(name, n_units, W_x.T, W_h.T, v)
            self._state |= {f"{vector}_{level}": n_units for vector in vectors}
            states = ", ".join(f"s->{vector}_{level}" for vector in vectors)
            self._code.append(f"    @_{architecture.cell}(&@_{name}, {x}, {states});\n")
            x = f"s->h_{level}"

    def _activations(self):
        *_, has_gates = CELLS[self._architecture.cell]
        names = [self._architecture.activation, *([self._architecture.recurrent_activation] if has_gates else [])]
        return [c.ACTIVATIONS[name][1] for name in names]

    def _with_activations(self, source):
        """Source with the functions of the model's cell."""
        activation, gate = self._architecture.activation, self._architecture.recurrent_activation
        source = source.replace("{a}", activation).replace("{s}", gate)
        return source.replace("ACTIVATION", c.ACTIVATIONS[activation][0]).replace("GATE", c.ACTIVATIONS[gate][0])

    def _pool(self):
        """Pool time steps; returns what the output layer sees."""
        architecture, n_units = self._architecture, self._architecture.n_top
        top = f"s->h_{len(architecture.hidden_layer_sizes) - 1}"
        if architecture.return_sequences or architecture.pooling == "last":
            return top
        code, function, of_units, in_all = c.POOLINGS[architecture.pooling]
        self._functions.append(function)
        if architecture.pooling == "attention":
            self._constants.matrix("attention", self._part("attention.W").T)
            self._constants.vector("attention_b", self._part("attention.b"))
            self._constants.vector("attention_v", self._part("attention.v"))
        self._state |= {"pooled": n_units, **dict.fromkeys(of_units, n_units), **dict.fromkeys(in_all)}
        self._code.append(code.replace("N_UNITS", str(n_units)).replace("TOP", top))
        return "s->pooled"

    # -------------------------------------------------------------------------------------- what is predicted

    def _predict(self, seen):
        architecture = self._architecture
        W, b = self._part("output.W").T, self._part("output.b")
        loss = self._model._loss
        if loss.link == "identity":
            W, b = W[:: loss.n_each], b[:: loss.n_each]
        self._constants.matrix("output", W[:, : architecture.n_top])
        self._constants.vector("output_b", b)
        output = f"@_output_b[{{k}}] + @_row(&@_output, {{k}}, {seen})"
        if architecture.skip_connection:
            self._constants.matrix("skip", W[:, architecture.n_top :])
            output += " + @_row(&@_skip, {k}, value)"
        code, function = c.LINKS[loss.link]
        self._functions.append(function)
        self._defines["N_OUTPUTS"] = 2 if loss.link == "two_classes" else len(b)
        if loss.link == "quantiles":
            self._defines["N_QUANTILES"] = loss.n_each
        if loss.has_units:
            self._constants.vector("y_scale", factors(loss._scale))
        if loss.has_units and loss.link != "exponential":
            self._constants.vector("y_shift", loss._shift)
        words = {"OUTPUT(k)": output.format(k="k"), "OUTPUT(0)": output.format(k=0), "LIMIT": f"{float(MAX_LOG_RATE)}f"}
        for word, text in words.items():
            code = code.replace(word, text)
        self._code.append(code)

    # --------------------------------------------------------------------------------------- what is told of it

    def _comment(self):
        step = f"{self._name}_step(&state, {', '.join(self._arguments())}, y);"
        return COMMENT.format(
            name=self._name,
            capitals=self._name.upper(),
            version=__version__,
            model=self._summary(),
            reads=self._reads(),
            inputs=_lines(self._inputs()),
            in_units="" if isinstance(self._model, LSTMClassifier) else ", in the units of the training data",
            outputs=_lines(f"y[{k}]  {text}" for k, text in enumerate(self._outputs())),
            pad=" " * (len(step) - len(f"{self._name}_reset(&state);") + 2),
            step=step,
            weights="int8, with a scale a row" if self._int8 else "floats",
            n_bytes=self._constants.n_bytes,
            n_state=4 * sum(size or 1 for size in self._state.values()),
            n_stack=4 * self._n_stack,
            n_products=self._constants.n_products,
        )

    def _arguments(self):
        return ["token" if self._architecture.embedding_dim else "x", *(["gap"] if self._takes_gap else [])]

    def _summary(self):
        architecture = self._architecture
        units = " and ".join(map(str, architecture.hidden_layer_sizes))
        answers = "return_sequences" if architecture.return_sequences else f"{architecture.pooling} pooling"
        skip = ", skip_connection" if architecture.skip_connection else ""
        steps = "".join(f"{type(step).__name__}, " for step in self._steps)
        return f"{steps}{type(self._model).__name__}: {architecture.cell}, {units} units, {answers}{skip}"

    def _reads(self):
        if self._architecture.embedding_dim:
            return "a token"
        may_be_missing = self._architecture.missing == "decay" or any(
            isinstance(s, SequenceImputer) for s in self._steps
        )
        missing = "or NaN where they are missing, " if may_be_missing else ""
        return f"finite numbers, {missing}in the units of the training data"

    def _inputs(self):
        if self._architecture.embedding_dim:
            yield f"token  from 0 to {self._architecture.n_tokens - 1}; any other is unknown"
            return
        n_features = self._defines["N_FEATURES"]
        names = getattr((self._steps or [self._model])[0], "feature_names_in_", [])
        names = names if len(names) == n_features else range(n_features)
        for k, name in enumerate(names):
            yield f"x[{k}]  {_quoted(name) if isinstance(name, str) else f'feature {name}'}"
        if self._takes_gap:
            yield "gap   the time since the step before (hours, where training had dates), finite and not negative;"
            yield "      ignored at a first step"

    def _outputs(self):
        if isinstance(self._model, LSTMClassifier):
            what = "label" if self._model._multilabel else "class"
            return [f"probability of {what} {_quoted(label)}" for label in self._model.classes_]
        loss = self._model._loss
        kinds = [f"quantile {q:g}" for q in loss.quantiles] if isinstance(loss, Quantile) else ["prediction"]
        return [f"{kind} of target {k}" for k in range(len(loss._scale)) for kind in kinds]

    def _part(self, name):
        return self._network.part(name)


def _cell_of(architecture):
    """The C source of a cell and what belongs to it, or a ValueError if the network cannot be written in C."""
    if architecture.bidirectional:
        raise ValueError(
            "The model has bidirectional=True: it reads sequences from their end, too, and has no prediction before "
            "that is known. Fit one with bidirectional=False."
        )
    if architecture.cell not in CELLS:
        raise ValueError(f'There is no C source for cell="{architecture.cell}", only for {", ".join(CELLS)}.')
    return CELLS[architecture.cell]


def _member(item):
    name, size = item
    if name == "begun":
        return "    int begun; /* whether there was a time step */"
    return f"    float {name};" if size is None else f"    float {name}[{size}];"


def _lines(texts):
    return "\n".join(f" *     {text}" for text in texts)


def _quoted(text):
    """A text within quotes that no comment is ended or changed by."""
    return json.dumps(str(text)).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")
