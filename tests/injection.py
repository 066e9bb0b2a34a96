"""Errors at a moment of a call: Ctrl-C wherever Python hears it, or an error in place of any function called there."""

import dis
import random
import sys
from functools import cache
from pathlib import Path

import pytest

import sklstm

# A signal is heard after a call, when a function begins or a generator goes on, and where a loop turns round.
HEARING = ("CALL", "RESUME", "JUMP_BACKWARD")

PACKAGE = str(Path(sklstm.__file__).parent)
HELPERS = tuple(f"{name}.py" for name in ("contextlib", "threadpoolctl", "tempfile", "zipfile", "pathlib"))


@cache
def _names(code):
    """The names of a function's instructions, by their places; the end of a with statement is no call."""
    instructions = list(dis.get_instructions(code))
    names = {instruction.offset: instruction.opname for instruction in instructions}
    for i in range(len(instructions)):
        if [(each.opname, each.argval) for each in instructions[i : i + 3]] == [("LOAD_CONST", None)] * 3:
            names |= {
                each.offset: f"LEAVING_{each.opname}" for each in instructions[i : i + 5] if "CALL" in each.opname
            }
    return names


def raised_at(n, error, call, *args, instead=False):
    """Call, and raise an error at the n-th moment within the package and what it borrows of the standard library.

    Moments are those at which Ctrl-C is heard or, with `instead`, the package's calls of functions, which then do not
    take place.

    Returns
    -------
    int
        How many moments there were, if there was no error.
    """
    n_seen = 0

    def begin(frame, event, arg):
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE) and (instead or not file.endswith(HELPERS)):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        names, before = _names(frame.f_code), ""

        def instruction(frame, event, arg):
            nonlocal before, n_seen
            if event == "opcode":
                name = names[frame.f_lasti]
                if name.startswith("CALL") if instead else before.removeprefix("LEAVING_").startswith(HEARING):
                    n_seen += 1
                    if n_seen == n:
                        sys.settrace(None)
                        raise error
                before = name
            return instruction

        return instruction

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        call(*args)
    finally:
        sys.settrace(before)
    assert n_seen >= n - 5, f"there is no moment {n}: there were {n_seen}"  # two more or less have been seen
    return n_seen


def moments(call, n, **options):
    """Some of the moments of a call, by chance, or all of them if there are no more than n."""
    n_moments = raised_at(0, None, call, **options)
    return random.Random(0).sample(range(1, n_moments + 1), min(n, n_moments))


#: How many moments are tried: by chance in the ordinary run, all of them in the soak.
MANY = pytest.mark.parametrize("n", [4, pytest.param(10**9, marks=[pytest.mark.soak, pytest.mark.timeout(3000)])])
