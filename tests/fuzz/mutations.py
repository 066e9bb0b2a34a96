"""Changes to files that leave them whole: archives whose sums and sizes are right, of members that are not.

A fuzzer that changes bytes gets no further than the checksums of an archive.
"""

import copy
import gzip
import io
import json
import zipfile

import numpy as np

from sklstm.saving import storage

DEEP = {"tuple": []}
for _ in range(200):
    DEEP = {"tuple": [DEEP]}

VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 12, 2**31, 2**40, 2**53 + 1, 2**63, 10**30, -0.5, 0.5, 1e-320, 1e39, 1e308, "",
    "gru", "decay", "attention", "quantile", "gaussian_nll", "polars", "a" * 99, "\ud800", "(", "(a", r"(?u)\b\w\w+\b",
    "(?i:(a))(b)", [], [[]], [0], ["a"], [1, 2, 3], {}, {"tuple": [1, 2]}, {"float": "nan"}, {"float": "inf"},
    {"dict": []}, {"dict": [["a", 1]]}, {"slice": [0, None, 1]}, {"timedelta": [1, 0, 0]}, {"timedelta": [10**9, 0, 0]},
    {"scalar": ["<f4", 0.5]}, {"scalar": ["<M8[ns]", 5]}, {"scalar": ["<i8", 7]}, {"scalar": ["<U5", "abc"]},
    {"objects": ["|O", [2], ["a", None]]}, {"objects": ["<U3", [1, 2], ["a", "b"]]}, {"objects": ["|O", [2], [[], {}]]},
    DEEP,
]  # fmt: skip
NUMBERS = 0, 1, -1, 2, 0.5, np.nan, np.inf, -np.inf, 1e-320, 1e-30, 1e30, 3e38, 1e300, 2**31, 2**53, 2**62, -(2**63)
TYPES = "<f2", "<f4", "<f8", ">f8", "<i1", "<i4", "<i8", "<u1", "<u4", "<u8", "|b1"
FIELDS = (
    "", "0", "1", "-1", "nan", "NaN", "inf", "-inf", "1e38", "3.5e38", "1e308", "1e999", "1_0", " 7", "0x10",
    "9" * 5000,
    "48:00", "00:00", "48:01", "RecordID", "Weight", "Age", "HR", "Urine", "\x00", "\x1b[2J", "\x0c", "\xe4",
    "a" * 3000, "7.5", "-0",
)  # fmt: skip
NAMES = (
    "../x",
    "/etc/x",
    "a\\x",
    "C:x",
    "x",
    "",
    "x\x00y",
    "\x1b[2J",
    "ü",
    "a" * 300,
    ".x",
    "a/../x",
    "7",
    "document.json",
)


def members_of(data):
    """Names and contents of the members of a zip file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(member.filename, archive.read(member)) for member in archive.infolist()]


def archive_of(members, compression=zipfile.ZIP_STORED):
    """A zip file, which says as those of `sklstm.save` how many members it has."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
        archive.comment = storage.COMMENT % len(members)
    return file.getvalue()


def mutate_zip(data, rng, scramble):
    """Change one member, or the list of them, or once in a while bytes."""
    try:
        members = members_of(data)
    except Exception:
        members = []
    if not members or rng.random() < 0.08:
        return scramble(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        k = rng.randrange(len(members))
        name, content = members[k]
        what = rng.random()
        if what < 0.02:
            members.append(rng.choice(members))
        elif what < 0.04 and len(members) > 1:
            del members[k]
        elif what < 0.06:
            ending = name.rpartition(".")[2]
            members[k] = f"{rng.choice(NAMES)}.{ending}", content
        elif what < 0.12:
            members[k] = name, scramble(content)
        else:
            if name.endswith(".npy") and rng.random() < 0.6:  # documents have more to change
                k = next((k for k, (other, _) in enumerate(members) if other.endswith(".json")), k)
                name, content = members[k]
            mutate = {"json": mutate_document, "npy": mutate_array}.get(name.rpartition(".")[2], mutate_lines)
            members[k] = name, mutate(content, rng, scramble)
    compression = zipfile.ZIP_DEFLATED if rng.random() < 0.05 else zipfile.ZIP_STORED
    return archive_of(members, compression)


def mutate_document(content, rng, scramble):
    """Put something else at one place of what JSON says."""
    try:
        document = json.loads(content)
    except Exception:
        return scramble(content)
    places = list(_places(document))
    if not places:
        return scramble(content)
    *above, last = rng.choice(places)
    place = document
    for key in above:
        place = place[key]
    what = rng.random()
    if what < 0.15:
        del place[last]
    elif what < 0.3:  # what stands elsewhere
        *other, key = rng.choice(places)
        source = document
        for each in other:
            source = source[each]
        place[last] = copy.deepcopy(source[key])
    elif what < 0.4 and isinstance(place, list):
        place *= 2
    elif what < 0.5 and isinstance(place[last], int | float):
        place[last] = place[last] + rng.choice([-1, 1, 0.5, 2**20])
    else:
        place[last] = rng.choice(VALUES)
    return json.dumps(document).encode()


def _places(said, path=()):
    for key, value in said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ():
        yield (*path, key)
        if len(path) < 60:
            yield from _places(value, (*path, key))


def mutate_array(content, rng, scramble):
    """Change numbers, the type or the shape of an array."""
    try:
        array = np.lib.format.read_array(io.BytesIO(content))
        what = rng.randrange(6)
        if what == 0:
            array = array.astype(rng.choice(TYPES))
        elif what == 1:
            array = array.ravel()[: rng.randrange(array.size + 1)]
        elif what == 2:
            array = array[np.newaxis] if rng.random() < 0.5 else array.T
        else:
            array = array.copy()
            with np.errstate(all="ignore"):
                array.flat[rng.randrange(max(1, array.size))] = np.array(rng.choice(NUMBERS)).astype(array.dtype)
            if what == 5:
                array[...] = array.flat[0]
        file = io.BytesIO()
        np.lib.format.write_array(file, array, version=(1, 0))
        return file.getvalue()
    except Exception:
        return scramble(content)


def mutate_lines(content, rng, scramble):
    """Change a field of one line, or the list of lines."""
    lines = content.split(b"\n")
    k = rng.randrange(len(lines))
    separator = b"|" if lines[k].count(b"|") > lines[k].count(b",") else b","
    fields = lines[k].split(separator)
    what = rng.random()
    if what < 0.1:
        return scramble(content)
    if what < 0.2:
        lines.insert(k, rng.choice(lines))
    elif what < 0.3:
        del lines[k]
    elif what < 0.4:
        fields.insert(rng.randrange(len(fields) + 1), rng.choice(fields))
    else:
        fields[rng.randrange(len(fields))] = rng.choice(FIELDS).encode("latin-1")
    if k < len(lines) and what >= 0.3:
        lines[k] = separator.join(fields)
    return b"\n".join(lines)


def mutate_tar(data, rng, scramble):
    """Change what a header of a compressed tar file says, and its checksum with it; or anything in it."""
    try:
        content = bytearray(gzip.decompress(data))
    except Exception:
        content = bytearray()
    headers = [k for k in range(0, len(content), 512) if content[k + 257 : k + 262] == b"ustar"]
    if not headers or rng.random() < 0.05:
        return scramble(data)
    at = rng.choice(headers)
    header = content[at : at + 512]
    what = rng.random()
    if what < 0.3:
        size = [
            b"%011o\0" % rng.choice([0, 1, 511, 10**6, 2**32]),
            b"\xff" * 12,
            b"\x80" + bytes(6) + b"\1" * 5,
            b"zzz",
        ]
        header[124:136] = rng.choice(size).ljust(12, b"\0")
    elif what < 0.6:
        header[156:157] = rng.choice(
            [b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"L", b"K", b"S", b"x", b"g", b"X", b"\0"]
        )
    elif what < 0.75:
        name = rng.choice(NAMES).encode()[:90] + rng.choice([b".txt", b""])
        header[:100] = name.ljust(100, b"\0")
    else:
        start = at + 512 * (1 + rng.randrange(4))
        content[start : start + 512] = scramble(bytes(content[start : start + 512])).ljust(512, b"\0")[:512]
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    content[at : at + 512] = header
    if rng.random() < 0.1:
        content[at:at] = content[at : at + 512 * (1 + rng.randrange(4))]
    return gzip.compress(bytes(content), 1, mtime=0)
