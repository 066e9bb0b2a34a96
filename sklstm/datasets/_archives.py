"""The files in archives, read in memory: none is unpacked, and none is believed to be as large as it says.

A small archive can unfold into more than a machine has. Those that are published unfold to 6 times their size, and none
of their files has 100 kB; of zeros, deflate makes a thousandth.
"""

import errno
import gzip
import io
import re
import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import PurePosixPath

MOST_OF_A_FILE = 1 << 20  # bytes
MOST_OF_A_HEADER = 1024  # bytes of an extended one; some versions of tarfile need the square of its length in time
MOST_FILES = 100_000
MOST_RATIO = 64

CHUNK = 1 << 18  # bytes unpacked at a time

# Those of the published archives; more are refused than are dangerous, since names go into messages and identifiers.
NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)

# Members of a tar file that say something about others.
EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)

# What Python's readers of archives raise, of damaged ones.
ERRORS = (
    ValueError,
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
)


@contextmanager
def archive_errors(to_raise):
    """Turn every error of a damaged archive into that which `to_raise` makes of it."""
    try:
        yield
    except (*ERRORS, OSError) as error:
        if not isinstance(error, ERRORS) and error.errno != errno.EINVAL:  # that of a place before the file's begin
            raise
        raise to_raise(error) from error


def read_files(path, suffix):
    """Yield (name, bytes) of the files that end in `suffix`, by name, from a folder, zip or tar.gz."""
    of = _folder_files if path.is_dir() else _zip_files if path.name.endswith(".zip") else _tar_files
    with archive_errors(lambda error: _refusal(path, error)):
        yield from of(path, suffix)


def _refusal(path, error):
    kind = "a folder of files" if path.is_dir() else "an archive"
    return ValueError(f"{path} cannot be read as {kind} ({error}). Remove it and fetch it anew.")


def read_file(path):
    """The bytes of a file; a ValueError if it is too large, or none."""
    if not path.is_file():
        raise ValueError(f"{path} is no file")  # a pipe would be waited for, perhaps for ever
    with path.open("rb") as file:
        content = file.read(MOST_OF_A_FILE + 1)
    if len(content) > MOST_OF_A_FILE:
        raise ValueError(f"{path} has more than {MOST_OF_A_FILE} bytes, unlike any published file")
    return content


def _folder_files(path, suffix):
    files = [(file.name, file) for file in path.glob(f"*{suffix}")]
    _check_sizes(path, len(files), 0)
    for name, file in _wanted(files, suffix):
        yield name, read_file(file)


def _zip_files(path, suffix):
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_sizes(path, len(members), sum(member.file_size for member in members))
        for name, member in _wanted(((member.filename, member) for member in members), suffix):
            yield name, read_member(archive, member)


def read_member(archive, member):
    """The bytes of a member of a zip file; a ValueError if it is too large or packed in an unusual way."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise ValueError(f"{member.filename!r} is encrypted, or compressed other than by deflate")
    if max(member.file_size, member.compress_size) > MOST_OF_A_FILE:
        raise ValueError(f"{member.filename!r} has more than {MOST_OF_A_FILE} bytes")
    with archive.open(member) as file:
        return file.read(member.file_size + 1)  # without a limit, all would be unpacked before sizes are compared


def _tar_files(path, suffix):
    members, number = [], 0
    with tarfile.open(fileobj=_unpacked(path), mode="r:", tarinfo=_Member) as archive:
        while (member := archive.next()) is not None:
            number += 1
            _check_sizes(path, number, 0)
            if not 0 <= member.size <= MOST_OF_A_FILE or member.issparse():
                raise ValueError(f"{member.name[:100]!r} has more than {MOST_OF_A_FILE} bytes, or holes")
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"{member.name[:100]!r} is a link, or no file")
            if member.isfile():
                members.append((member.name, archive.extractfile(member).read()))
            archive.members.clear()  # each with what is said of all of them,
            archive.pax_headers.clear()  # which is nothing that matters here
    yield from _wanted(members, suffix)


class _Member(tarfile.TarInfo):
    """A member that is refused if it is damaged or too large; also one that only says something about others."""

    @classmethod
    def fromtarfile(cls, archive):
        try:
            return super().fromtarfile(archive)
        except (tarfile.EmptyHeaderError, tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:
            # Which tarfile takes for the end, unless it is the first.
            raise ValueError(f"a header is damaged, or the end is missing: {error}") from error

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        member = super().frombuf(buf, encoding, errors)
        most = MOST_OF_A_HEADER if member.type in EXTENDED else MOST_OF_A_FILE
        if not 0 <= member.size <= most:
            raise ValueError(f"{member.name!r} has more than {most} bytes")
        return member


def _unpacked(path):
    content = io.BytesIO()
    with gzip.open(path) as file:
        while chunk := file.read(CHUNK):
            content.write(chunk)
            _check_sizes(path, 0, content.tell())
    content.seek(0)
    return content


def _check_sizes(path, n_files, n_bytes):
    if n_files > MOST_FILES:
        raise ValueError(f"it has more than {MOST_FILES} files")
    if n_bytes > MOST_OF_A_FILE + MOST_RATIO * path.stat().st_size:
        raise ValueError(f"it would unfold to more than {MOST_RATIO} times its size")


def _wanted(members, suffix):
    """Of (path, member) those whose names end in `suffix`, as (name, member) sorted by name."""
    wanted = {}
    for path, member in members:
        name = PurePosixPath(path).name
        if not name.endswith(suffix) or name.startswith("."):
            continue  # macOS adds a hidden "._" twin of every file to its archives
        if path.startswith("/") or ".." in PurePosixPath(path).parts or not NAME.fullmatch(name):
            raise ValueError(f"it has a file {path[:100]!r}, as no published set has")
        if name in wanted:
            raise ValueError(f"it has the file {name} twice")
        wanted[name] = member
    return sorted(wanted.items(), key=lambda file: file[0])
