"""Finding published files on disk, and downloading those that are missing.

A download goes to a temporary file beside its destination and takes the final name only when it is complete and its
SHA-256 sum is the published one, so that a file of the final name is always whole.
"""

import hashlib
import os
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.request import Request, urlopen

from sklearn.datasets import get_data_home

from ..saving.storage import checked_path

CHUNK = 1 << 18  # bytes read at a time
TIMEOUT = 60  # seconds without an answer or a byte


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
        return get(home / folder)
    except (OSError, HTTPException, zipfile.BadZipFile) as error:
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
    sums = {name: sha256 for name, sha256 in sums.items() if name.startswith(part + "/") and name.endswith(".psv")}
    if not sums:
        raise OSError(f"{url}SHA256SUMS.txt names no files in {part}")
    path = folder / f"{PurePosixPath(part).name}.zip"
    with replacing(path) as temporary:
        project = temporary.with_suffix(".project")
        try:
            download(archive_url, project, sha256=None, n_retries=n_retries, delay=delay)
            _extract_checked(project, temporary, sums, archive_url)
        finally:
            project.unlink(missing_ok=True)
    return path


def checksums(url, *, n_retries, delay):
    """The SHA256SUMS.txt at `url` as a dict: path of a file, relative to `url`'s folder, to its sum."""
    lines = _with_retries(lambda: _open(url, _read_text), url, n_retries, delay).splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*").strip(): digest.lower() for digest, name in pairs}


def download(url, path, *, sha256, n_retries, delay):
    """Download `url` to `path`. With ``sha256=None`` the caller checks what arrives."""

    def attempt():
        with replacing(path) as temporary, open(temporary, "wb") as file:
            digest = _open(url, lambda response: _copy(response, file, path.name))
            if sha256 is not None and digest != sha256:
                raise OSError(
                    f"{url} arrived with the SHA-256 sum {digest}, but the published one is {sha256}: the file was "
                    "damaged on its way, or changed"
                )

    _with_retries(attempt, url, n_retries, delay)


@contextmanager
def replacing(path):
    """A temporary path beside `path`, moved to it if the block succeeds and removed if it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(temporary)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _extract_checked(archive, path, sums, url):
    """Write the files named in `sums`, found in the zip file `archive` below one folder, into a new zip file `path`.

    `sums` maps paths relative to that folder to SHA-256 sums; every one must be there and match.
    """
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        members = {name.partition("/")[2]: name for name in source.namelist()}
        for name, sha256 in sums.items():
            if name not in members:
                raise OSError(f"{url} lacks the file {name}, which the published SHA-256 sums name")
            content = source.read(members[name])
            if hashlib.sha256(content).hexdigest() != sha256:
                raise OSError(f"{name} in {url} does not have the published SHA-256 sum")
            target.writestr("/".join(PurePosixPath(name).parts[-2:]), content)


def read_files(path, suffix):
    """Yield (name, bytes) of the files that end in `suffix`, by name, from a folder, zip or tar.gz."""
    if path.is_dir():
        for file in sorted(path.glob(f"*{suffix}")):
            if not file.name.startswith("."):
                yield file.name, file.read_bytes()
        return
    try:
        if path.name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                for name, member in _wanted(archive.namelist(), suffix):
                    yield name, archive.read(member)
        else:
            with tarfile.open(path) as archive:
                # In the order of the archive, a compressed stream that cannot be read backwards cheaply.
                members = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
            for name, member in _wanted(members, suffix):
                yield name, members[member]
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as an archive ({error}). Remove it and fetch it anew.") from error


def _wanted(members, suffix):
    names = ((PurePosixPath(member).name, member) for member in members)
    # macOS adds a hidden "._" twin of every file to its archives.
    return sorted((name, member) for name, member in names if name.endswith(suffix) and not name.startswith("."))


def _with_retries(attempt, url, n_retries, delay):
    while True:
        try:
            return attempt()
        except (OSError, HTTPException) as error:
            if n_retries == 0:
                raise
            warnings.warn(f"Downloading {url} failed ({error}). Trying again in {delay} s.", stacklevel=2)
        n_retries -= 1
        time.sleep(delay)


def _open(url, use):
    with urlopen(Request(url, headers={"User-Agent": "sklstm"}), timeout=TIMEOUT) as response:
        return use(response)


def _read_text(response):
    return response.read().decode("utf-8")


def _copy(response, file, name):
    """Copy a response to a file, showing how far it is; return the SHA-256 sum."""
    total = int(response.headers.get("Content-Length") or 0)
    of_total = f" of {total / 1e6:.1f}" if total else ""
    digest, size, shown = hashlib.sha256(), 0, 0.0
    while chunk := response.read(CHUNK):
        file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        if time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            print(f"\rDownloading {name}: {size / 1e6:.1f}{of_total} MB", end="", file=sys.stderr, flush=True)
    print(f"\rDownloading {name}: {size / 1e6:.1f}{of_total} MB", file=sys.stderr, flush=True)
    if total and size != total:
        raise OSError(f"the connection ended after {size} of {total} bytes")
    return digest.hexdigest()
