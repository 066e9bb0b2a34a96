"""Files of arrays and of what JSON can say: written whole or not at all, and read without running anything.

A file is a zip archive, as NumPy's npz: ``document.json``, and an ``.npy`` member an array, uncompressed. Nothing in it
is pickled, so that whoever made it cannot make its reader do anything but fill arrays. Nor does it claim more than it
holds: sizes are compared with the file's before anything is made of them.
"""

import errno
import json
import os
import re
import shutil
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

DOCUMENT = "document.json"

# Of the archive: a damaged one may have lost members without anybody noticing.
COMMENT = b"sklstm: %d members"

# What numpy.save writes of a plain array. NumPy's own reader evaluates the header as an expression, and Python says of
# ast.literal_eval that a small text can crash it.
HEADER = re.compile(
    rb"\{'descr': '([<|][biuf][0-9]{1,2})', 'fortran_order': (False|True), 'shape': \(([0-9, ]*)\), \} *\n"
)
MAGIC, VERSION = b"\x93NUMPY", b"\x01\x00"
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.npy", re.ASCII)


def checked_path(path, name="path"):
    """A path as a text; an error for what is none, or what no file can be called."""
    path = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(path, str):
        raise TypeError(f"{name} must be a str or a Path, got {type(path).__name__}.")
    try:
        is_possible = path and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise ValueError(f"{name} must be the name of a file, which {path!r} cannot be.")
    return path


def write(path, document, arrays):
    """Write a document, a dict that JSON can hold, and a dict of arrays of numbers by name."""
    with written_whole(path) as file:
        _write_archive(file, document, arrays)


@contextmanager
def written_whole(path):
    """A file to write bytes to, which gets its name when the block ends.

    Whatever happens before, a file that was there stays as it was; after it, the new one is there even if the power
    fails. A link stays a link, and a file that is replaced keeps its permissions.
    """
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name[:100]}.{uuid4().hex}")  # names have limits
    try:
        with open(temporary, "xb") as file:
            with suppress(FileNotFoundError):
                shutil.copymode(path, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _keep_names(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise type(error)(error.errno, error.strerror, str(path)) from error  # the name that the user knows
        raise


def _keep_names(folder):
    """See to it that the names of files in a folder survive a power cut."""
    with suppress(OSError):  # where folders cannot be opened or synchronised, and the file itself is whole in any case
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _write_archive(file, document, arrays):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = COMMENT % (1 + len(arrays))
        with archive.open(DOCUMENT, "w") as member:  # unlike writestr, without the time: same model, same file
            member.write(json.dumps(document, indent=1, allow_nan=False).encode())
        for name, array in arrays.items():
            array = np.asarray(array)
            if not NAME.fullmatch(f"{name}.npy") or array.dtype.kind not in "biuf":
                raise ValueError(f"{name!r}, an array of {array.dtype}, cannot be stored.")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(
                    member, array.astype(array.dtype.newbyteorder("<"), copy=False), version=(1, 0), allow_pickle=False
                )


def read(path):
    """The document and the arrays of a file; a ValueError if it is not one that `write` made."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if archive.comment != COMMENT % len(members):
                raise ValueError("it does not say how many members it has, or has others")
            _check_members(members, os.path.getsize(path))
            document = json.loads(
                archive.read(DOCUMENT), object_pairs_hook=_without_repetition, parse_constant=_reject_constant
            )
            arrays = {
                member.filename.removesuffix(".npy"): _array(archive.read(member), member.filename)
                for member in members
                if member.filename != DOCUMENT
            }
    except (ValueError, KeyError, EOFError, OverflowError, RuntimeError, zipfile.BadZipFile, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # that of a place where a file has nothing
            raise
        raise ValueError(f"{os.fspath(path)!r} is not a file that sklstm has written: {error}.") from error
    return document, arrays


def _check_members(members, size):
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("it has several members of the same name")
    for name in names:
        if name != DOCUMENT and not NAME.fullmatch(name):
            raise ValueError(f"it has a member {name!r}")
    for member in members:
        # Then their sizes bound what reading takes: a small file cannot unfold into a large one.
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise ValueError(f"its member {member.filename!r} is compressed or encrypted")
        if member.compress_size != member.file_size:  # as much as the former is allocated, to read the latter
            raise ValueError(f"its member {member.filename!r} has two sizes")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members would be larger than it is")


def _without_repetition(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError("its document says something twice")
    return dict(pairs)


def _reject_constant(name):
    raise ValueError(f"its document holds {name}")


def _array(data, name):
    start = len(MAGIC) + len(VERSION) + 2
    header = HEADER.fullmatch(data, start, start + int.from_bytes(data[start - 2 : start], "little"))
    if not data.startswith(MAGIC + VERSION) or header is None:
        raise ValueError(f"its member {name!r} is no array of numbers")
    try:
        dtype = np.dtype(header[1].decode())
    except TypeError as error:
        raise ValueError(f"its member {name!r} is an array of {header[1].decode()}") from error
    shape = tuple(int(n) for n in header[3].split(b",") if n)
    values = np.frombuffer(data, dtype=dtype, offset=header.end()).copy()
    if int(np.prod(shape, dtype=object)) != len(values):
        raise ValueError(f"its member {name!r} has the shape {shape}, but holds {len(values)} numbers")
    return values.reshape(shape, order="F" if header[2] == b"True" else "C")
