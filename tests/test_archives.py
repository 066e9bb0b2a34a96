"""Archives that mean harm: nothing is unpacked, nothing outside is read, and none takes more than its size suggests."""

import gzip
import io
import os
import tarfile
import zipfile
import zlib

import pytest
from fuzz.watch import only_reads
from physionet_files import STAYS, TABLES, stay, write_folder, write_tar, write_zip

from sklstm.datasets import _archives
from sklstm.datasets._physionet_files import read_stays, read_tables

MEGABYTE = 1 << 20


def refuses(path, message, read=read_stays):
    with pytest.raises(ValueError, match=message) as error, only_reads(path):
        read(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("write", "name"), [(write_zip, "set-a.zip"), (write_tar, "set-a.tar.gz"), (write_folder, "set-a")]
)
def test_sets_are_read_where_they_lie(tmp_path, write, name):
    write(tmp_path / name, STAYS)
    before = sorted(tmp_path.rglob("*"))
    with only_reads(tmp_path / name):
        records, _, _ = read_stays(tmp_path / name)
    assert records.tolist() == [20, 7]
    assert sorted(tmp_path.rglob("*")) == before


WAYS = [(write_zip, "set-a.zip"), (write_tar, "set-a.tar.gz")]
PLACES = "../7.txt", "set-a/../../7.txt", "/etc/7.txt", "a\\..\\7.txt", "C:\\7.txt", "C:7.txt", "\\\\host\\7.txt"
NAMES = "\x1b[2J7.txt", "a\n7.txt", "ü7.txt", " 7.txt", "7 7.txt"


@pytest.mark.parametrize("place", PLACES + NAMES)
@pytest.mark.parametrize(("write", "name"), WAYS)
def test_files_of_other_places_and_names_are_refused(tmp_path, write, name, place):
    write(tmp_path / name, {**STAYS, place: stay(8, [])})
    refuses(tmp_path / name, "cannot be read as an archive .*it has a file '.*7.txt', as no published set has")


@pytest.mark.parametrize("name", [*NAMES, "7" * 100 + ".txt"])
def test_files_of_other_names_in_a_folder_are_refused(tmp_path, name):
    write_folder(tmp_path / "set-a", {**STAYS, f"set-a/{name}": stay(8, [])})
    refuses(tmp_path / "set-a", "cannot be read as a folder of files .*it has a file '.*', as no published set has")


@pytest.mark.parametrize(("write", "name"), WAYS)
def test_files_of_long_names_are_refused(tmp_path, write, name):
    write(tmp_path / name, {**STAYS, f"set-a/{'7' * 97}.txt": stay(8, [])})
    refuses(tmp_path / name, "it has a file 'set-a/7{94}', as no published set has")


def test_what_is_no_file_in_a_folder_is_refused(tmp_path):
    write_folder(tmp_path / "set-a", STAYS)
    os.mkfifo(tmp_path / "set-a" / "8.txt")
    refuses(tmp_path / "set-a", r"8\.txt is no file")


@pytest.mark.parametrize(("write", "name"), WAYS)
def test_a_file_in_two_folders_is_refused(tmp_path, write, name):
    write(tmp_path / name, {**STAYS, "set-b/7.txt": stay(8, [])})
    refuses(tmp_path / name, r"it has the file 7\.txt twice")


# Tar files whose headers say what they like


def tar_of(path, *members, **options):
    with tarfile.open(path, "w:gz", **options) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))


def member(name="set-a/7.txt", **attributes):
    member = tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(member, attribute, value)
    return member


KINDS = {
    "link": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "hard link": {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"},
    "device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
    "block device": {"type": tarfile.BLKTYPE},
    "pipe": {"type": tarfile.FIFOTYPE},
}


@pytest.mark.parametrize("attributes", KINDS.values(), ids=KINDS)
def test_members_that_are_no_files_are_refused(tmp_path, attributes):
    path = tmp_path / "set-a.tar.gz"
    tar_of(path, (member(**attributes), b""))
    refuses(path, r"'set-a/7\.txt' is a link, or no file")


@pytest.mark.parametrize("size", [MEGABYTE + 1, 2**42, 2**62])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.DIRTYPE])
def test_members_that_claim_too_much_are_refused(tmp_path, size, kind):
    path = tmp_path / "set-a.tar.gz"
    path.write_bytes(gzip.compress(member(size=size, type=kind).tobuf(tarfile.GNU_FORMAT) + bytes(10 * 512)))
    refuses(path, rf"has more than {1024 if kind in _archives.EXTENDED else MEGABYTE} bytes")


SAID = {
    "digits": b"1" * 10**6,
    "names of names": b"2 " * 500_000 + b"=",
    "sets of characters": b"1 hdrcharset=2" * 70_000,
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_headers_that_would_keep_tarfile_busy_are_refused(tmp_path, kind, said):
    header = member(size=len(said), type=kind).tobuf(tarfile.USTAR_FORMAT)
    path = tmp_path / "set-a.tar.gz"
    path.write_bytes(gzip.compress(header + said + bytes(-len(said) % 512) + member().tobuf() + bytes(1024)))
    refuses(path, "has more than 1024 bytes")


def test_what_is_said_of_all_members_is_not_kept_with_each(tmp_path, monkeypatch):
    kept, real = [], tarfile.TarFile.next

    def following(archive):
        kept.append(len(archive.pax_headers))
        return real(archive)

    path = tmp_path / "set-a.tar.gz"
    text = stay(7, []).encode()
    tar_of(path, (member(size=len(text)), text), pax_headers={"comment": "x"}, format=tarfile.PAX_FORMAT)
    monkeypatch.setattr(tarfile.TarFile, "next", following)
    assert read_stays(path)[0].tolist() == [7]
    assert kept[-1] == 0


@pytest.mark.parametrize("cut", ["damaged", "before a header", "in a header"])
def test_a_damaged_header_is_not_the_end(tmp_path, cut):
    path = tmp_path / "set-a.tar.gz"
    write_tar(path, STAYS)
    content = bytearray(gzip.decompress(path.read_bytes()))
    second = content.index(b"set-a/7.txt")
    if cut == "damaged":
        content[second] ^= 1
    else:
        del content[second + (0 if cut == "before a header" else 100) :]
    path.write_bytes(gzip.compress(content))
    refuses(path, "a header is damaged, or the end is missing")


@pytest.mark.parametrize("size", ["-1024", "4398046511104"])
def test_sizes_in_extended_headers_are_looked_at_too(tmp_path, size):
    path = tmp_path / "set-a.tar.gz"
    tar_of(path, (member(pax_headers={"size": size}), b""), format=tarfile.PAX_FORMAT)
    refuses(path, "has more than 1048576 bytes")


def test_a_negative_size_does_not_lead_in_circles(tmp_path):
    header = bytearray(member(size=0).tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 11 + b"\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "set-a.tar.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(10 * 512)))
    refuses(path, "has more than 1048576 bytes")


def test_holes_are_refused(tmp_path):
    path = tmp_path / "set-a.tar.gz"
    sparse = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": "9", "GNU.sparse.map": "0,9"}
    tar_of(path, (member(pax_headers=sparse), b""), format=tarfile.PAX_FORMAT)
    refuses(path, "or holes")


def test_headers_within_headers_come_to_an_end(tmp_path):
    path = tmp_path / "set-a.tar.gz"
    header = member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME, size=2).tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(gzip.compress((header + b"a".ljust(512, b"\0")) * 2000))
    refuses(path, "cannot be read as an archive")


# Bombs


def test_a_file_that_unfolds_to_a_thousand_times_its_size_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set-a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set-a/7.txt", bytes(8 * MEGABYTE))
    refuses(tmp_path / "set-a.zip", "it would unfold to more than 64 times its size")
    (tmp_path / "set-a.tar.gz").write_bytes(gzip.compress(bytes(8 * MEGABYTE), 1))
    refuses(tmp_path / "set-a.tar.gz", "it would unfold to more than 64 times its size")


@pytest.mark.parametrize(("write", "name"), WAYS)
def test_a_file_that_is_larger_than_any_published_is_refused(tmp_path, write, name):
    write(tmp_path / name, {"set-a/7.txt": stay(7, ["0" * MEGABYTE])})
    refuses(tmp_path / name, "has more than 1048576 bytes")


def test_a_large_file_in_a_folder_is_refused(tmp_path):
    write_folder(tmp_path / "set-a", {"set-a/7.txt": stay(7, ["0" * MEGABYTE])})
    refuses(tmp_path / "set-a", r"7\.txt has more than 1048576 bytes")


def test_members_that_share_their_bytes_are_counted_each(tmp_path):
    file, content = io.BytesIO(), bytes(MEGABYTE // 2)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set-a/0.txt", content)
        first = archive.infolist()[0]
        for k in range(1, 1000):  # all of them where the first lies
            other = zipfile.ZipInfo(f"set-a/{k}.txt")
            for name in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                setattr(other, name, getattr(first, name))
            archive.filelist.append(other)
        archive._didModify = True
    (tmp_path / "set-a.zip").write_bytes(file.getvalue())
    refuses(tmp_path / "set-a.zip", "it would unfold to more than 64 times its size")


def test_a_member_that_says_less_than_it_has_is_not_unpacked_further(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "set-a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set-a/7.txt", bytes(8 * MEGABYTE))
        archive.infolist()[0].file_size = 1000
    unpacked, real = [], zlib.decompressobj

    class Counting:
        def __init__(self, *options):
            self._of = real(*options)

        def decompress(self, data, most=0):
            content = self._of.decompress(data, most)
            unpacked.append(len(content))
            return content

        def __getattr__(self, name):
            return getattr(self._of, name)

    monkeypatch.setattr(zipfile.zlib, "decompressobj", Counting)
    refuses(tmp_path / "set-a.zip", "cannot be read as an archive")
    assert 0 < max(unpacked) <= zipfile.ZipExtFile.MIN_READ_SIZE


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_cannot_be_stopped_are_refused(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "training_setB.zip", "w", compression) as archive:
        for name, text in TABLES.items():
            archive.writestr(name, text)
    refuses(tmp_path / "training_setB.zip", "or compressed other than by deflate", read_tables)


@pytest.mark.parametrize(("write", "name"), [*WAYS, (write_folder, "set-a")])
def test_more_files_than_any_set_has_are_refused(tmp_path, write, name, monkeypatch):
    monkeypatch.setattr(_archives, "MOST_FILES", 1)
    write(tmp_path / name, {**STAYS, "set-a/8.txt": stay(8, [])})
    refuses(tmp_path / name, "it has more than 1 files")
