"""Files of arrays and of what JSON can say: written whole or not at all, and read without running anything.

A file is a zip archive, as NumPy's npz: ``document.json``, and an ``.npy`` member an array, uncompressed. Nothing in it
is pickled, so that whoever made it cannot make its reader do anything but fill arrays.
"""

import json
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np

DOCUMENT = "document.json"


def write(path, document, arrays):
    """Write a document, a dict that JSON can hold, and a dict of arrays by name.

    The file is complete when it gets its name: whatever happens before, one that was there stays as it was.
    """
    with written_whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(DOCUMENT, json.dumps(document, indent=1, allow_nan=False))
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


@contextmanager
def written_whole(path):
    """A file to write bytes to, which gets its name when the block ends, and is gone if that fails."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path):
    """The document and the arrays of a file; a ValueError if it is not one that `write` made."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            # Their sizes then bound what reading takes: a small file cannot unfold into a large one.
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("its members are compressed")
            document = json.loads(archive.read(DOCUMENT))
            arrays = {}
            for member in members:
                if member.filename != DOCUMENT:
                    with archive.open(member) as file:
                        arrays[member.filename.removesuffix(".npy")] = _array(file, member.file_size)
    except (ValueError, KeyError, EOFError, RecursionError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"{os.fspath(path)!r} is not a file that sklstm has written: {error}.") from error
    return document, arrays


def _array(file, size):
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if header is None:
        raise ValueError(f"an array has version {version}")
    shape, fortran_order, dtype = header(file)
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject or n_bytes > size:
        raise ValueError("an array has other numbers than its header says")
    values = np.frombuffer(file.read(n_bytes), dtype=dtype).copy()
    return values.reshape(shape, order="F" if fortran_order else "C")
