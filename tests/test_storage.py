"""Files of arrays: written whole or not at all; whatever is read, nothing runs and nothing but a ValueError comes."""

import errno
import io
import json
import os
import pickle
import stat
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm.saving import storage

DOCUMENT = {"a": [1, 0.1, None, True, "ü\ud800"], "b": {}}
ARRAYS = {
    "single": np.arange(6, dtype=np.float32).reshape(2, 3),
    "double.W_h": np.array([0.1, np.nan, -0.0]),
    "none": np.zeros((0, 3)),
    "scalar": np.array(7),
    "truth": np.array([True, False]),
    "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "key": np.arange(3, dtype=np.uint32),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file.sklstm"
    storage.write(path, DOCUMENT, ARRAYS)
    return path


def write_members(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
        archive.comment = storage.COMMENT % len(members)


def npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def assert_is_as_written(path):
    document, arrays = storage.read(path)
    assert document == DOCUMENT
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert_array_equal(arrays[name], array)
        assert arrays[name].flags.writeable


# ---------------------------------------------------------------------------------------------- what is written


def test_what_is_read_is_what_was_written(path):
    assert_is_as_written(path)
    storage.write(str(path), DOCUMENT, ARRAYS)
    assert_is_as_written(str(path))


def test_numpy_and_json_can_look_inside(path):
    with np.load(path) as file:
        assert file.files == ["document.json", *ARRAYS]
        assert json.loads(file["document.json"]) == DOCUMENT
        assert_array_equal(file["single"], ARRAYS["single"])


def test_the_same_contents_make_the_same_file(path, tmp_path):
    storage.write(tmp_path / "again", DOCUMENT, ARRAYS)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_numbers_of_other_byte_orders_are_stored_in_this_one(tmp_path):
    storage.write(tmp_path / "file", {}, {"x": np.arange(3, dtype=">i4")})
    x = storage.read(tmp_path / "file")[1]["x"]
    assert x.dtype == np.int32
    assert_array_equal(x, [0, 1, 2])


def test_what_cannot_be_written_leaves_the_old_file(path, tmp_path, monkeypatch):
    for document, arrays, error in [
        ({"x": np.nan}, {}, ValueError),
        ({"x": object()}, {}, TypeError),
        ({}, {"x": np.array([None])}, ValueError),
        ({}, {"x": np.array(["text"])}, ValueError),
        ({}, {"../x": np.zeros(1)}, ValueError),
    ]:
        with pytest.raises(error):
            storage.write(path, document, arrays)

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        storage.write(path, {}, {})
    assert_is_as_written(path)
    assert list(tmp_path.iterdir()) == [path]  # nothing half-written is left over


def test_places_where_no_file_can_be(path, tmp_path):
    for place in [tmp_path / "missing" / "file", path / "file", tmp_path]:
        with pytest.raises(OSError, match=r"\[Errno"):
            storage.write(place, {}, {})
    with pytest.raises(FileNotFoundError, match="nothing"):
        storage.read(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        storage.read(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_open_or_of_the_file_before(path, tmp_path):
    with open(tmp_path / "opened", "wb"):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "opened").stat().st_mode)
    path.chmod(0o600)
    storage.write(path, {}, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    for path in [tmp_path / "nowhere" / "file", tmp_path]:
        with pytest.raises(OSError, match=f"'{path}'$"):
            storage.write(path, {}, {})


def test_a_private_file_is_private_while_it_is_written(tmp_path):
    path = tmp_path / ("a" * 250)
    path.touch(mode=0o600)
    with storage.written_whole(path) as file:
        file.write(b"new")
        assert [each.stat().st_mode & 0o777 for each in tmp_path.iterdir()] == [0o600, 0o600]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_what_is_no_regular_file_is_not_replaced(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(OSError, match=f"not a regular file.*{tmp_path / name}"):
        storage.write(tmp_path / name, {}, {})
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_text_of_an_error_without_a_number(path):
    with pytest.raises(OSError, match=r"^said so$"), storage.written_whole(path):
        raise OSError("said so")
    assert_is_as_written(path)


@pytest.mark.parametrize("letter", "aé日𝒳")
def test_names_as_long_as_they_can_be(letter, tmp_path):
    path = tmp_path / (letter * (255 // len(letter.encode())))
    storage.write(path, DOCUMENT, ARRAYS)
    assert_is_as_written(path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_that_cannot_be_written(number, path, monkeypatch):
    def refusing(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(storage, "open", refusing, raising=False)
    with pytest.raises(OSError, match=f"beside it, in its folder.*'{path}'$"):
        storage.write(path, {}, {})
    assert_is_as_written(path)


def test_a_link_stays_a_link(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    storage.write(link, {"new": True}, {})
    assert link.is_symlink()
    assert storage.read(path)[0] == {"new": True}


# ---------------------------------------------------------------------------------------------- what is read


def test_a_file_that_breaks_off_anywhere_is_none(path):
    content = path.read_bytes()
    for n in range(0, len(content), 17):
        path.write_bytes(content[:n])
        with pytest.raises(ValueError, match="is not a file that sklstm has written"):
            storage.read(path)


def test_a_file_with_wrong_bits_is_as_written_or_none(path):
    content, rng, n_harmless = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(400):
        wrong = bytearray(content)
        wrong[rng.integers(len(wrong))] ^= 1 << rng.integers(8)
        path.write_bytes(wrong)
        try:
            assert_is_as_written(path)
            n_harmless += 1  # in dates and such
        except ValueError as error:
            assert "is not a file that sklstm has written" in str(error)  # noqa: PT017
    assert n_harmless < 200


class Harmful:
    """What pickle would run while it loads."""

    def __reduce__(self):
        return os.abort, ()


def header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def header_of(shape, descr="<f4"):
    return header(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode())


WRONG_ARRAYS = {
    "pickled": npy(np.array([Harmful()], dtype=object), allow_pickle=True),
    "pickle": pickle.dumps(Harmful()),
    "text": npy(np.array(["text"])),
    "records": npy(np.zeros(2, dtype=[("a", int)])),
    "times": npy(np.zeros(2, dtype="M8[s]")),
    "more than there is": header_of("(1000000000000,)") + bytes(8),
    "less than there is": header_of("(1,)") + bytes(8),
    "more than any machine has": header_of(f"({10**15}, {10**15})"),
    "no number's length": header_of(f"({'9' * 5000},)"),
    "none of very many": header_of(f"(0, {10**30})"),
    "negative": header_of("(-1,)") + bytes(4),
    "many axes": header_of("(" + "1, " * 100 + ")") + bytes(4),
    "no such type": header_of("(1,)", "<f3") + bytes(3),
    "deep": header(b"(" * 5000 + b")" * 5000),
    "an expression": header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (9**9**9,), }\n"),
    "other version": b"\x93NUMPY\x03\x00" + header_of("(0,)")[8:],
    "empty": b"",
}


@pytest.mark.parametrize("content", WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_arrays_of_other_than_plain_numbers(path, content):
    write_members(path, [("document.json", "{}"), ("x.npy", content)])
    with pytest.raises(ValueError, match=r"file\.sklstm' is not a file that sklstm has written: "):
        storage.read(path)


WRONG_DOCUMENTS = {
    "nothing": "",
    "deep": "[" * 200_000,
    "nan": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "twice": '{"a": 1, "a": 2}',
    "long": '{"a": ' + "9" * 5000 + "}",
    "bytes": b"\xff\xfe{",
}


@pytest.mark.parametrize("document", WRONG_DOCUMENTS.values(), ids=WRONG_DOCUMENTS)
def test_documents_that_are_none(path, document):
    write_members(path, [("document.json", document)])
    with pytest.raises(ValueError, match=r"file\.sklstm' is not a file that sklstm has written: "):
        storage.read(path)


def test_archives_that_are_none_of_ours(path):
    x = npy(np.zeros(100_000))
    for name in ["../x.npy", "/x.npy", "a/x.npy", "x", "x.pkl", ".npy", "x\\y.npy"]:
        write_members(path, [("document.json", "{}"), (name, x)])
        with pytest.raises(ValueError, match="it has a member"):
            storage.read(path)
    write_members(path, [("document.json", "{}"), ("x.npy", x)], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"member '.*' is compressed"):
        storage.read(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_members(path, [("document.json", "{}"), ("x.npy", x), ("x.npy", x)])
    with pytest.raises(ValueError, match="several members of the same name"):
        storage.read(path)
    write_members(path, [("x.npy", x)])
    with pytest.raises(ValueError, match=r"no item named 'document\.json'"):
        storage.read(path)
    np.savez(path.open("wb"), x=np.zeros(3))
    with pytest.raises(ValueError, match="does not say how many members"):
        storage.read(path)
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(ValueError, match="not a zip file"):
        storage.read(path)


def test_members_that_claim_more_than_the_file_holds(path):
    write_members(path, [("document.json", "{}"), ("x.npy", npy(np.zeros(3)))])
    content = path.read_bytes()
    size = len(npy(np.zeros(3))).to_bytes(4, "little")
    path.write_bytes(content.replace(size * 2, (2**31).to_bytes(4, "little") * 2))
    with pytest.raises(ValueError, match="its members would be larger than it is"):
        storage.read(path)


def test_members_of_two_sizes(path):
    write_members(path, [("document.json", "{}"), ("x.npy", npy(np.zeros(3)))])
    content = path.read_bytes()
    size = len(npy(np.zeros(3))).to_bytes(4, "little")
    start, _, end = content.rpartition(size * 2)
    path.write_bytes(start + (2**31).to_bytes(4, "little") + size + end)
    with pytest.raises(ValueError, match=r"its member 'x\.npy' has two sizes"):
        storage.read(path)
