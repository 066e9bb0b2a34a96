"""Downloads: complete, checked, encrypted and of a bounded size, or not kept."""

@pytest.mark.parametrize(
    ("fetch", "names"),
    [
        (fetch_physionet_2012, ["set-a.zip", "physionet-2012", "https://physionet.org/files/challenge-2012/1.0.0/"]),
        (fetch_physionet_2019, ["training_setB.zip", "physionet-2019", "https://physionet.org/files/challenge-2019/"]),
    ],
)
def test_missing_files_say_what_to_do(tmp_path, monkeypatch, fetch, names):
    tries = []

    def urlopen(request, timeout):
        tries.append(request.full_url)
        raise URLError("no network")

    monkeypatch.setattr(_fetch, "urlopen", urlopen)
    with pytest.raises(FileNotFoundError) as error:
        fetch(tmp_path, download_if_missing=False)
    assert tries == []
    assert all(name in str(error.value) for name in [*names, str(tmp_path)])
    with (
        pytest.warns(UserWarning, match="no network.* Trying again"),
        pytest.raises(OSError, match="no network") as error,
    ):
        fetch(tmp_path, n_retries=2, delay=0)
    assert len(tries) == 3
    assert all(name in str(error.value) for name in [*names, str(tmp_path)])
    assert [*tmp_path.rglob("*.*")] == []


def test_missing_outcomes(tmp_path):
    write_zip(tmp_path / "set-a.zip", STAYS)
    with pytest.raises(FileNotFoundError, match=r"Outcomes-a\.txt is neither in"):
        local_2012(tmp_path)


class Publisher:
    """The files that PhysioNet serves, tiny, on this machine."""

    def __init__(self, root, monkeypatch):
        self.root = root
        self.requests = []
        publisher = self

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *args):
                publisher.requests.append(self.path)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=root))
        url = f"http://127.0.0.1:{self.server.server_port}/"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(_physionet, "URL_2012", url)
        monkeypatch.setattr(_physionet, "URL_2019", url)
        monkeypatch.setattr(_physionet, "ZIP_2019", url + "project.zip")

    def publish(self, files):
        sums = [f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in files.items()]
        (self.root / "SHA256SUMS.txt").write_text("".join(sums))


@pytest.fixture
def publisher(tmp_path_factory, monkeypatch):
    publisher = Publisher(tmp_path_factory.mktemp("publisher"), monkeypatch)
    thread = threading.Thread(target=publisher.server.serve_forever, daemon=True)
    thread.start()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()
    thread.join()


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
    with pytest.raises(OSError, match="not a zip file"):
        fetch_physionet_2019(tmp_path, n_retries=0)
    assert [*(tmp_path / "physionet-2019").iterdir()] == []
