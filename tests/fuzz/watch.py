"""What Python's audit hooks tell of a piece of code: whether it ran, imported, wrote or sent anything."""

import codecs
import os
import sys
from contextlib import contextmanager
from functools import cache
from threading import get_ident

# What neither runs nor changes anything, such as looking at a function's signature or into a folder.
HARMLESS = {
    *("array.__new__", "builtins.id", "glob.glob", "glob.glob/2", "object.__getattr__", "os.listdir", "os.scandir"),
    *("pathlib.Path.glob", "sys._getframe"),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

codecs.lookup("cp437")  # the names in zip files: Python imports it with the first of them

_watched = {}  # by thread: the place that may be read, and what else happened


class Misdeed(AssertionError):  # noqa: N818
    """Something happened that must not, whatever the input."""


@contextmanager
def only_reads(place):
    """Raise a `Misdeed` if the block does anything that Python tells of but to read a file, or those in a folder."""
    _add_hook()
    _, events = _watched[get_ident()] = os.path.realpath(place), []
    try:
        yield
    finally:  # also if the block raises, as it does for every file that it refuses
        del _watched[get_ident()]
        if events:
            raise Misdeed(f"reading {place} led to {events[:3]}")


@cache
def _add_hook():
    sys.addaudithook(_hear)  # there is no way to take it away again


def _hear(event, arguments):
    if not _watched or get_ident() not in _watched or event in HARMLESS:
        return
    place, events = _watched[get_ident()]
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str | os.PathLike) and _is_within(path, place) and not flags & WRITING:
            return
    events.append((event, repr(arguments)[:200]))


def _is_within(path, place):
    path = os.path.realpath(path)
    return path == place or path.startswith(place + os.sep)
