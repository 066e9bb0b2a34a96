"""Finding published files on disk, and downloading those that are missing.

A download goes to a temporary file beside its destination and takes the final name only when it is complete and its
SHA-256 sum is the published one, so that a file of the final name is always whole. Sums and files come by HTTPS alone,
wherever the publisher redirects to, from a server whose certificate is checked. What it sends is limited in size, and
in how long it takes.
"""

import errno
import hashlib
import re
import ssl
import sys
import tempfile
import time
import warnings
import zipfile
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
    getproxies,
)

from sklearn.datasets import get_data_home

from ..saving.storage import checked_path, written_whole
from ._archives import archive_errors, read_member

CHUNK = 1 << 18  # bytes read at a time
TIMEOUT = 60  # seconds without an answer or a byte
SLOWEST = 10_000  # bytes a second that have to arrive on average, after the first seconds
MOST_BYTES = 1 << 28  # of a download; the largest has 42 MB

HANDLERS = HTTPRedirectHandler, HTTPErrorProcessor, HTTPDefaultErrorHandler, UnknownHandler

# Errors of the disk, which trying again does not mend.
OF_THE_DISK = errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO

SUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")


def home_of(data_home):
    """The folder that is meant, which is made if there is none."""
    return Path(get_data_home(None if data_home is None else checked_path(data_home, "data_home")))


def obtain(home, folder, names, url, get, *, download_if_missing):
    """Path of the first of `names` in `home` or its `folder`; else what `get` brings into the latter from `url`.

    `get` is called with the folder and returns a path.
    """
    candidates = (place / name for place in (home, home / folder) for name in names)
    path = next((path for path in candidates if path.exists()), None)
    if path is not None:
        return path
    by_hand = f"It can be downloaded by hand from {url}: put it into {home / folder}."
    missing = f"{' or '.join(names)} is neither in {home} nor in {home / folder}"
    if not download_if_missing:
        raise FileNotFoundError(f"{missing}, and download_if_missing is False. {by_hand}")
    try:
        (home / folder).mkdir(parents=True, exist_ok=True)
        return get(home / folder)
    except (OSError, HTTPException) as error:
        raise OSError(f"{missing}, and downloading it failed: {error}. {by_hand}") from error


def get_file(folder, *, url, name, n_retries, delay):
    """Download the file `name` in the published folder `url`, which has a SHA256SUMS.txt."""
    sums = checksums(url + "SHA256SUMS.txt", n_retries=n_retries, delay=delay)
    if name not in sums:
        raise OSError(f"{url}SHA256SUMS.txt does not name {name}")
    download(url + name, folder / name, sha256=sums[name], n_retries=n_retries, delay=delay)
    return folder / name


def get_part(folder, *, url, archive_url, part, n_retries, delay):
    """Download the zip file of a whole project and keep the published folder `part` of it, as a zip file."""
    sums = checksums(url + "SHA256SUMS.txt", n_retries=n_retries, delay=delay)
    table = re.compile(rf"{re.escape(part)}/\w+\.psv", re.ASCII)
    sums = {name: sha256 for name, sha256 in sums.items() if table.fullmatch(name)}
    if not sums:
        raise OSError(f"{url}SHA256SUMS.txt names no files in {part}")
    path = folder / f"{PurePosixPath(part).name}.zip"

    def attempt():
        with written_whole(path) as file, tempfile.TemporaryFile(dir=folder) as project:
            _open(archive_url, lambda response: _copy(response, project, path.name))
            _extract_checked(project, file, sums, archive_url)

    _with_retries(attempt, archive_url, n_retries, delay)
    return path


def checksums(url, *, n_retries, delay):
    """The SHA256SUMS.txt at `url` as a dict: path of a file, relative to `url`'s folder, to its sum."""
    lines = _with_retries(lambda: _open(url, _read_text), url, n_retries, delay).splitlines()
    sums = {}
    for number, line in enumerate(lines, start=1):
        said = SUM.fullmatch(line.strip())
        if said:
            digest, name = said[1].lower(), said[2]
        if line.strip() and (said is None or sums.setdefault(name, digest) != digest):
            raise OSError(f"{url}, line {number}: expected a SHA-256 sum and the name of a file, got {line[:80]!r}")
    return sums


def download(url, path, *, sha256, n_retries, delay):
    """Download `url` to `path`."""

    def attempt():
        with written_whole(path) as file:
            digest = _open(url, lambda response: _copy(response, file, path.name))
            if digest != sha256:
                raise OSError(
                    f"{url} arrived with the SHA-256 sum {digest}, but the published one is {sha256}: the file was "
                    "damaged on its way, or changed"
                )

    _with_retries(attempt, url, n_retries, delay)


def _extract_checked(archive, kept, sums, url):
    """Write the files named in `sums`, found in the zip file `archive` below one folder, into a new zip file `kept`.

    Both are open files. `sums` maps paths relative to that folder to SHA-256 sums; every one must be there and match.
    """
    with (
        archive_errors(lambda error: OSError(f"{url} cannot be read as a zip file ({error})")),
        zipfile.ZipFile(archive) as source,
        zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        members = {member.filename.partition("/")[2]: member for member in source.infolist()}
        for name, sha256 in sums.items():
            if name not in members:
                raise OSError(f"{url} lacks the file {name}, which the published SHA-256 sums name")
            content = read_member(source, members[name])
            if hashlib.sha256(content).hexdigest() != sha256:
                raise OSError(f"{name} in {url} does not have the published SHA-256 sum")
            target.writestr("/".join(PurePosixPath(name).parts[-2:]), content)


def _with_retries(attempt, url, n_retries, delay):
    while True:
        try:
            return attempt()
        except (OSError, HTTPException) as error:
            if n_retries == 0 or getattr(error, "errno", None) in OF_THE_DISK:
                raise
            warnings.warn(f"Downloading {url} failed ({error}). Trying again in {delay} s.", stacklevel=2)
        n_retries -= 1
        time.sleep(delay)


def urlopen(request, timeout):
    """Open a request by HTTPS: the opener knows no other way, for redirections neither.

    Nor is there another in the process's defaults: that of certificates may have been set to check none.
    """
    opener = OpenerDirector()
    opener.add_handler(HTTPSHandler(context=ssl.create_default_context()))
    # A proxy for other addresses that is itself reached by HTTPS would be given them.
    opener.add_handler(ProxyHandler({scheme: proxy for scheme, proxy in getproxies().items() if scheme == "https"}))
    for handler in HANDLERS:
        opener.add_handler(handler())
    return opener.open(request, timeout=timeout)


def _open(url, use):
    try:
        with urlopen(Request(url, headers={"User-Agent": "sklstm"}), timeout=TIMEOUT) as response:
            return use(response)
    except ValueError as error:
        raise OSError(f"{url} is answered by what is none ({error})") from error


def _read_text(response):
    return b"".join(_chunks(response)).decode("utf-8")


def _copy(response, file, name):
    """Copy a response to a file, showing how far it is; return the SHA-256 sum."""
    total = _length(response)
    of_total = f" of {total / 1e6:.1f}" if total else ""
    digest, size, shown = hashlib.sha256(), 0, 0.0
    for chunk in _chunks(response):
        file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        if time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            print(f"\rDownloading {name}: {size / 1e6:.1f}{of_total} MB", end="", file=sys.stderr, flush=True)
    print(f"\rDownloading {name}: {size / 1e6:.1f}{of_total} MB", file=sys.stderr, flush=True)
    return digest.hexdigest()


def _chunks(response):
    """What arrives, as it arrives; an OSError if it is too much, too slow or not all."""
    total, size, start = _length(response), 0, time.monotonic()
    while chunk := response.read1(CHUNK):  # which waits for one byte only
        size += len(chunk)
        seconds = time.monotonic() - start
        if max(size, total) > MOST_BYTES:
            raise OSError(f"there are more than {MOST_BYTES} bytes to come")
        if size < SLOWEST * (seconds - TIMEOUT):
            raise OSError(f"no more than {size} bytes arrived in {seconds:.0f} seconds")
        yield chunk
    if total and size != total:
        raise OSError(f"the connection ended after {size} of {total} bytes")


def _length(response):
    return int(response.headers.get("Content-Length") or 0)
