"""Downloads: encrypted, complete, checked and of a bounded size, or not kept."""

import errno
import hashlib
import io
import os
import socket
import ssl
import threading
import zipfile
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
import trustme
from physionet_files import TABLES, table, write_2012, write_zip

from sklstm.datasets import _archives, _fetch, _physionet, fetch_physionet_2012, fetch_physionet_2019

AUTHORITY = trustme.CA()


class Handler(SimpleHTTPRequestHandler):
    """Serves the files of a folder, and sends elsewhere whom `moved` says."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path not in self.server.moved:
            return super().do_GET()
        self.send_response(302)
        self.send_header("Location", self.server.moved[self.path])
        self.end_headers()
        return None

    def log_message(self, *args):
        pass


class Publisher(ThreadingHTTPServer):
    """The files that PhysioNet serves, tiny, on this machine."""

    def __init__(self, root, encrypted=True):
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=root))
        self.root, self.requests, self.moved = root, [], {}
        self.url = f"http{'s' if encrypted else ''}://127.0.0.1:{self.server_port}/"
        if encrypted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def publish(self, files):
        sums = [f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in files.items()]
        (self.root / "SHA256SUMS.txt").write_text("".join(sums))

    def handle_error(self, request, client_address):
        pass  # of clients that do not like the certificate

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *args):
        self.shutdown()
        self.server_close()


@pytest.fixture
def publisher(tmp_path_factory, monkeypatch):
    with Publisher(tmp_path_factory.mktemp("publisher")) as publisher:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        certificate = tmp_path_factory.mktemp("authority") / "certificate.pem"
        AUTHORITY.cert_pem.write_to_path(certificate)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        for name in ("URL_2012", "URL_2019"):
            monkeypatch.setattr(_physionet, name, publisher.url)
        monkeypatch.setattr(_physionet, "ZIP_2019", publisher.url + "project.zip")
        yield publisher


@pytest.fixture
def unencrypted(tmp_path_factory):
    """One more publisher, from which nobody should take anything."""
    with Publisher(tmp_path_factory.mktemp("unencrypted"), encrypted=False) as publisher:
        publish_2012(publisher)
        yield publisher


def publish_2012(publisher):
    write_2012(publisher.root)
    publisher.publish({name: (publisher.root / name).read_bytes() for name in ("set-a.zip", "Outcomes-a.txt")})


def publish_2019(publisher):
    tables = {f"training/{name}": text for name, text in TABLES.items()}
    other = {"training/training_setA/p000001.psv": table([1], "0"), "LICENSE.txt": "CC BY 4.0"}
    write_zip(publisher.root / "project.zip", {f"sepsis-1.0.0/{name}": text for name, text in (tables | other).items()})
    publisher.publish({name: text.encode() for name, text in (tables | other).items()})


def test_2012_download_is_checked_and_kept(tmp_path, publisher, capsys):
    publish_2012(publisher)
    icu = fetch_physionet_2012(tmp_path)
    assert icu.record_id.tolist() == [20, 7]
    assert sorted(path.name for path in (tmp_path / "physionet-2012").iterdir()) == ["Outcomes-a.txt", "set-a.zip"]
    assert "Downloading set-a.zip: 0.0 of 0.0 MB" in capsys.readouterr().err
    n_requests = len(publisher.requests)
    assert fetch_physionet_2012(tmp_path).data.lengths.tolist() == [48, 48]
    assert len(publisher.requests) == n_requests


def test_2012_download_of_another_content_is_refused(tmp_path, publisher):
    publish_2012(publisher)
    write_zip(publisher.root / "set-a.zip", {"set-a/7.txt": "changed"})
    with pytest.warns(UserWarning, match="Trying again"), pytest.raises(OSError, match="SHA-256 sum"):
        fetch_physionet_2012(tmp_path, n_retries=1, delay=0)
    assert [*(tmp_path / "physionet-2012").iterdir()] == []
    assert publisher.requests.count("/set-a.zip") == 2


def test_download_of_a_file_without_a_sum_is_refused(tmp_path, publisher):
    publisher.publish({"Outcomes-a.txt": b""})
    with pytest.raises(OSError, match=r"SHA256SUMS\.txt does not name set-a\.zip"):
        fetch_physionet_2012(tmp_path, n_retries=0)
    with pytest.raises(OSError, match=r"SHA256SUMS\.txt names no files in training/training_setB"):
        fetch_physionet_2019(tmp_path, n_retries=0)


def test_download_that_ends_early_is_tried_again(tmp_path, publisher, monkeypatch):
    publish_2012(publisher)
    real, cut = _fetch.urlopen, []

    def urlopen(request, timeout):
        response = real(request, timeout=timeout)
        if request.full_url.endswith(".zip") and not cut:
            cut.append(request.full_url)
            response.read(10)
        return response

    monkeypatch.setattr(_fetch, "urlopen", urlopen)
    with pytest.warns(UserWarning, match="the connection ended after"):
        icu = fetch_physionet_2012(tmp_path, delay=0)
    assert icu.record_id.tolist() == [20, 7]


def test_a_full_disk_ends_a_download_at_once(tmp_path, publisher, monkeypatch):
    publish_2012(publisher)

    def copy(response, file, name):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_fetch, "_copy", copy)
    with pytest.raises(OSError, match=r"No space left on device: '.*/physionet-2012/set-a\.zip'"):
        fetch_physionet_2012(tmp_path, delay=0)
    assert publisher.requests.count("/set-a.zip") == 1


def test_downloads_have_the_permissions_of_other_files(tmp_path, publisher):
    publish_2012(publisher)
    (tmp_path / "other").touch()
    fetch_physionet_2012(tmp_path)
    assert (tmp_path / "physionet-2012" / "set-a.zip").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_2019_download_that_arrives_damaged_is_tried_again(tmp_path, publisher, monkeypatch):
    publish_2019(publisher)
    real, arrived = _fetch._extract_checked, []

    def extract(archive, *args):
        arrived.append(archive)
        if len(arrived) == 1:
            archive.truncate(100)
        real(archive, *args)

    monkeypatch.setattr(_fetch, "_extract_checked", extract)
    with pytest.warns(UserWarning, match="cannot be read as a zip file.*Trying again"):
        assert len(fetch_physionet_2019(tmp_path, delay=0).data) == 2
    assert publisher.requests.count("/project.zip") == 2


def test_2019_download_keeps_the_checked_tables_of_the_set(tmp_path, publisher):
    publish_2019(publisher)
    sepsis = fetch_physionet_2019(tmp_path)
    assert sepsis.patient_id.tolist() == ["p100001", "p100002"]
    assert [path.name for path in (tmp_path / "physionet-2019").iterdir()] == ["training_setB.zip"]
    with zipfile.ZipFile(tmp_path / "physionet-2019" / "training_setB.zip") as archive:
        assert sorted(archive.namelist()) == sorted(TABLES)
    assert fetch_physionet_2019(tmp_path, subset="a").patient_id.tolist() == ["p000001"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"s/training/training_setB/p100001.psv": "changed"},
            r"p100001\.psv .* does not have the published SHA-256 sum",
        ),
        ({"s/training/training_setB/p100001.psv": None}, r"lacks the file training/training_setB/p100001\.psv"),
    ],
)
def test_2019_download_of_another_content_is_refused(tmp_path, publisher, change, message):
    publish_2019(publisher)
    files = {f"s/training/{name}": text for name, text in TABLES.items()} | change
    write_zip(publisher.root / "project.zip", {name: text for name, text in files.items() if text is not None})
    with pytest.raises(OSError, match=message):
        fetch_physionet_2019(tmp_path, n_retries=0)
    assert [*(tmp_path / "physionet-2019").iterdir()] == []


def test_2019_download_that_is_no_zip_file_is_refused(tmp_path, publisher):
    publish_2019(publisher)
    (publisher.root / "project.zip").write_bytes(b"an error page")
    with pytest.raises(OSError, match="cannot be read as a zip file"):
        fetch_physionet_2019(tmp_path, n_retries=0)
    assert [*(tmp_path / "physionet-2019").iterdir()] == []


# Whom to believe


def refuses(tmp_path, message):
    with pytest.raises(OSError, match=message):
        fetch_physionet_2012(tmp_path, n_retries=0)
    assert [*tmp_path.rglob("*.*")] == []


def test_nothing_comes_unencrypted(tmp_path, publisher, unencrypted, monkeypatch):
    monkeypatch.setattr(_physionet, "URL_2012", unencrypted.url)
    refuses(tmp_path, "downloading it failed: .*unknown url type: http")
    assert unencrypted.requests == []


@pytest.mark.parametrize("moved", ["/SHA256SUMS.txt", "/set-a.zip"])
def test_a_redirection_does_not_lead_to_an_unencrypted_place(tmp_path, publisher, unencrypted, moved):
    publish_2012(publisher)
    publisher.moved[moved] = unencrypted.url + moved[1:]
    refuses(tmp_path, "unknown url type: http")
    assert unencrypted.requests == []


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_proxy_does_not_lead_to_an_unencrypted_place(tmp_path, publisher, monkeypatch, scheme):
    publish_2012(publisher)
    monkeypatch.setenv("no_proxy", publisher.url.split("/")[2])
    monkeypatch.setenv(f"{scheme}_proxy", publisher.url)
    publisher.moved["/set-a.zip"] = f"{scheme}://example.org/set-a.zip"
    n_requests = len(publisher.requests)
    refuses(tmp_path, f"unknown url type: {scheme}")
    assert publisher.requests[n_requests:] == ["/SHA256SUMS.txt", "/set-a.zip"]


class Proxy(StreamRequestHandler):
    """Takes one connection on to where it asks to go."""

    def handle(self):
        method, target, _ = self.rfile.readline().decode().split()
        self.server.requests.append((method, target))
        while self.rfile.readline().strip():
            pass
        host, port = target.split(":")
        with socket.create_connection((host, int(port))) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=pump, args=[self.connection, there], daemon=True).start()
            pump(there, self.connection)


def pump(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def test_a_proxy_is_taken_from_the_environment(tmp_path, publisher, monkeypatch):
    publish_2012(publisher)
    with ThreadingTCPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.requests, proxy.daemon_threads = [], True
        threading.Thread(target=proxy.serve_forever, args=[0.01], daemon=True).start()
        monkeypatch.delenv("no_proxy")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        assert fetch_physionet_2012(tmp_path).record_id.tolist() == [20, 7]
        proxy.shutdown()
    assert set(proxy.requests) == {("CONNECT", publisher.url.split("/")[2])}


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "https://[::1", "//", ""])
def test_a_redirection_does_not_lead_to_what_is_no_address(tmp_path, publisher, place):
    publish_2012(publisher)
    publisher.moved["/set-a.zip"] = place
    refuses(tmp_path, r"set-a\.zip .* downloading it failed: ")


def test_an_encrypted_redirection_is_followed(tmp_path, publisher):
    publish_2012(publisher)
    publisher.moved["/set-a.zip"] = "/elsewhere.zip"
    (publisher.root / "set-a.zip").rename(publisher.root / "elsewhere.zip")
    assert fetch_physionet_2012(tmp_path).record_id.tolist() == [20, 7]


def test_a_redirection_in_circles_ends(tmp_path, publisher):
    publish_2012(publisher)
    publisher.moved["/set-a.zip"] = "/set-a.zip"
    refuses(tmp_path, "infinite loop")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, publisher, monkeypatch):
    publish_2012(publisher)
    monkeypatch.delenv("SSL_CERT_FILE")
    refuses(tmp_path, "CERTIFICATE_VERIFY_FAILED")
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)  # as some notebooks do
    refuses(tmp_path, "CERTIFICATE_VERIFY_FAILED")


def test_a_certificate_of_somebody_else_is_refused(tmp_path, publisher, monkeypatch):
    publish_2012(publisher)
    monkeypatch.setattr(_physionet, "URL_2012", publisher.url.replace("127.0.0.1", "127.0.0.2"))
    monkeypatch.setenv("no_proxy", "127.0.0.2")
    real = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda address, *options: real(("127.0.0.1", address[1]), *options)
    )
    refuses(tmp_path, "CERTIFICATE_VERIFY_FAILED.*127.0.0.2")


# How much, and how long


class Endless(io.BytesIO):
    """An answer that never ends, a byte at a time."""

    def __init__(self, length=None):
        self.headers = {"Content-Length": length}

    def read1(self, n):
        return b"0" * min(n, 1000)


@pytest.fixture
def answers(monkeypatch):
    """Has any address answer the same."""
    return lambda response: monkeypatch.setattr(_fetch, "urlopen", lambda request, timeout: response)


def test_an_answer_without_an_end_is_cut_off(tmp_path, answers, monkeypatch):
    monkeypatch.setattr(_fetch, "MOST_BYTES", 10_000)
    answers(Endless())
    refuses(tmp_path, "there are more than 10000 bytes to come")
    answers(Endless("10001"))
    refuses(tmp_path, "there are more than 10000 bytes to come")


def test_an_answer_that_hardly_comes_is_cut_off(tmp_path, answers, monkeypatch):
    clock = iter(range(0, 10**6, 30))
    monkeypatch.setattr(_fetch.time, "monotonic", lambda: next(clock))
    answers(Endless())
    refuses(tmp_path, "no more than 3000 bytes arrived in 90 seconds")


@pytest.mark.parametrize("length", ["ten", "9" * 5000])
def test_an_answer_of_no_length_is_refused(tmp_path, answers, length):
    answers(Endless(length))
    refuses(tmp_path, r"SHA256SUMS\.txt is answered by what is none")


@pytest.mark.parametrize(
    "line",
    [b"0123  set-a.zip", b"%064d" % 0, b"%064d  " % 0, b"z" * 64 + b" set-a.zip", b"<html>", b"%064d set-a.zip" % 1],
)
def test_sums_that_are_none_are_refused(tmp_path, publisher, line):
    publish_2012(publisher)
    with (publisher.root / "SHA256SUMS.txt").open("ab") as file:
        file.write(line)
    refuses(tmp_path, r"SHA256SUMS\.txt, line 3: expected a SHA-256 sum and the name of a file")


def test_sums_that_are_no_text_are_refused(tmp_path, publisher):
    (publisher.root / "SHA256SUMS.txt").write_bytes(b"\xff")
    refuses(tmp_path, r"SHA256SUMS\.txt is answered by what is none")


def test_tables_of_other_names_are_not_kept(tmp_path, publisher):
    publish_2019(publisher)
    for name in ("../x.psv", "a/x.psv", "\x1b[2J.psv"):
        with (publisher.root / "SHA256SUMS.txt").open("a") as file:
            file.write(f"{'0' * 64} training/training_setB/{name}\n")
    assert len(fetch_physionet_2019(tmp_path).data) == 2


def test_a_table_that_would_unfold_to_too_much_is_refused(tmp_path, publisher, monkeypatch):
    publish_2019(publisher)
    monkeypatch.setattr(_archives, "MOST_OF_A_FILE", 100)
    with pytest.raises(OSError, match=r"project\.zip cannot be read as a zip file .*p100002.* more than 100 bytes"):
        fetch_physionet_2019(tmp_path, n_retries=0)
    assert [*(tmp_path / "physionet-2019").iterdir()] == []
