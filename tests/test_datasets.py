import hashlib
import io
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError

import numpy as np
import pytest

from sklstm.datasets import (
    _fetch,
    _physionet,
    fetch_physionet_2012,
    fetch_physionet_2019,
    load_glucose,
    load_japanese_vowels,
    load_product_reviews,
    make_adding_problem,
    make_vital_signs,
)
from sklstm.datasets._physionet_files import VARIABLES_2012, VARIABLES_2019

HEADER_2019 = "|".join([*VARIABLES_2019, "SepsisLabel"])


# Bundled data


def test_glucose_is_as_published():
    glucose = load_glucose()
    lengths = [1846, 1796, 1783, 1863, 1803, 1796, 1846, 1820, 1776, 1835]
    lengths += [1799, 1775, 1801, 1797, 1821, 1936, 1830, 1954, 2013]
    assert glucose.data.lengths.tolist() == lengths
    assert glucose.data.values.shape == (34890, 1)
    assert glucose.data.dtype == np.float64
    assert glucose.data[0][:5, 0].tolist() == [93, 93, 93, 95, 96]
    assert (glucose.data.values.min(), glucose.data.values.max()) == (41, 303)
    assert [len(np.unique(glucose.person)), glucose.person[0], glucose.person[-1]] == [19, "1636-69-001", "2133-039"]
    assert dict(zip(*np.unique(glucose.diagnosis, return_counts=True), strict=True)) == {
        "diabetic": 5,
        "pre-diabetic": 14,
    }
    assert glucose.feature_names == ["glucose"]
    assert "CC BY 4.0" in glucose.DESCR
    assert "10.1371/journal.pbio.2005143" in glucose.DESCR


def test_glucose_times_ascend_and_keep_the_gaps():
    glucose = load_glucose()
    assert glucose.data.feature_names.tolist() == ["glucose"]
    times = [glucose.data[[i]].times.astype("M8[s]") for i in range(len(glucose.data))]
    assert [str(times[0][0]), str(times[0][-1])] == ["2014-02-03T03:42:12", "2015-04-02T15:08:06"]
    assert [str(times[-1][0]), str(times[-1][-1])] == ["2017-06-05T12:23:22", "2017-06-14T13:57:42"]
    steps = [np.diff(time).astype(int) for time in times]
    assert min(step.min() for step in steps) == 256
    assert np.median(np.concatenate(steps)) == 300
    assert steps[0].max() == 36_004_894  # 417 days
    assert [int((step > 600).sum()) for step in steps[:4]] == [5, 6, 0, 14]


def test_japanese_vowels_are_as_published():
    train, test = load_japanese_vowels(), load_japanese_vowels(subset="test")
    assert (len(train.data), train.data.lengths.min(), train.data.lengths.max()) == (270, 7, 26)
    assert (len(test.data), test.data.lengths.min(), test.data.lengths.max()) == (370, 7, 29)
    assert (train.data.n_features, train.data.dtype) == (12, np.float64)
    assert train.data[0].shape == (20, 12)
    assert train.data[0][:3, :3].tolist() == [
        [1.860936, -0.207383, 0.261557],
        [1.891651, -0.193249, 0.235363],
        [1.939205, -0.239664, 0.258561],
    ]
    assert (test.data.values.min(), test.data.values.max()) == (-1.69252, 1.982559)
    assert np.bincount(train.target).tolist() == [0] + [30] * 9
    assert np.bincount(test.target).tolist() == [0, 31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert train.target_names[train.target[-1] - 1] == "speaker 9"
    assert train.feature_names[11] == "lpc_12"
    assert "CC BY 4.0" in train.DESCR


def test_japanese_vowels_subset_all_is_train_then_test():
    X, y = load_japanese_vowels(subset="all", return_X_y=True)
    (X_train, y_train), (X_test, y_test) = (
        load_japanese_vowels(subset=subset, return_X_y=True) for subset in ("train", "test")
    )
    assert X[:270] == X_train
    assert X[270:] == X_test
    assert y.tolist() == [*y_train, *y_test]
    with pytest.raises(ValueError, match="subset"):
        load_japanese_vowels(subset="validation")


def test_product_reviews_are_as_published():
    reviews = load_product_reviews()
    assert reviews.data.shape == reviews.target.shape == reviews.review.shape == (3708,)
    assert reviews.data[0] == "troubleshooting ad-2500 and ad-2600 no picture scrolling b/w."
    assert reviews.data[-1].endswith("and now i'm out $ 300 for their piece of junk.")
    assert {type(text) for text in reviews.data} == {str}
    assert [reviews.target[k] for k in (0, 1, 8, -1)] == [-0.9, -0.15, 0.2, -2.75]
    assert (reviews.target.min(), reviews.target.max()) == (-3.7, 3.85)
    assert [int((np.sign(reviews.target) == sign).sum()) for sign in (-1, 0, 1)] == [1482, 98, 2128]
    assert (reviews.review.min(), reviews.review.max(), len(np.unique(reviews.review))) == (1, 309, 300)
    assert (np.diff(reviews.review) >= 0).all()
    assert hashlib.sha256("\n".join(reviews.data).encode()).hexdigest().startswith("6289d21a2be3c846")
    assert "MIT" in reviews.DESCR


# PhysioNet: tiny sets in the published formats


def stay(record, events, weight=-1):
    head = ["Time,Parameter,Value", f"00:00,RecordID,{record}", "00:00,Age,54", "00:00,Gender,-1", "00:00,Height,170.2"]
    return "\n".join([*head, "00:00,ICUType,4", f"00:00,Weight,{weight}", *events]) + "\n"


STAYS = {
    "set-a/20.txt": stay(20, ["00:07,HR,73", "00:59,HR,75", "01:00,HR,80", "48:00,Temp,36.5"], weight=60),
    "set-a/7.txt": stay(7, ["01:10,Urine,100", "01:50,Urine,50", "02:00,Weight,70.5"]),
}
OUTCOMES = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n7,16,8,8,-1,0\n20,6,1,5,3,1\n"


def table(rows, label):
    lines = ["|".join(["NaN"] * 33 + ["61.5", "70", "1", "0", "1", "-2.5", str(hour), label]) for hour in rows]
    return "\n".join([HEADER_2019, *lines]) + "\n"


TABLES = {
    "training_setB/p100002.psv": table([1], "1"),
    "training_setB/p100001.psv": table([1, 2, 3], "0").replace("NaN|NaN|", "88|NaN|", 1),
}


def write_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def write_tar(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def write_folder(path, files):
    for name, text in files.items():
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).write_text(text)


def write_2012(folder, stays=STAYS, outcomes=OUTCOMES, write=write_zip, name="set-a.zip"):
    write(folder / name, stays)
    (folder / "Outcomes-a.txt").write_text(outcomes)


local_2012 = partial(fetch_physionet_2012, download_if_missing=False)
local_2019 = partial(fetch_physionet_2019, download_if_missing=False)


@pytest.mark.parametrize("below", ["", "physionet-2012"])
@pytest.mark.parametrize(
    ("write", "name"), [(write_zip, "set-a.zip"), (write_tar, "set-a.tar.gz"), (write_folder, "set-a")]
)
def test_2012_brings_events_to_hours(tmp_path, below, write, name):
    write_2012(tmp_path / below, write=write, name=name)
    icu = local_2012(tmp_path)
    expected = np.full((2, 48, 37), np.nan)
    column = VARIABLES_2012.index
    # Files are read in the order of their names: "20" before "7".
    expected[0, 0, column("HR")] = 74
    expected[0, 1, column("HR")] = 80
    expected[0, 47, column("Temp")] = 36.5
    expected[0, 0, column("Weight")] = 60
    expected[1, 1, column("Urine")] = 150
    expected[1, 2, column("Weight")] = 70.5
    assert icu.data.dtype == np.float32
    assert icu.data.lengths.tolist() == [48, 48]
    np.testing.assert_array_equal(np.stack([*icu.data]), expected.astype(np.float32))
    np.testing.assert_array_equal(icu.static, [[54, np.nan, 170.2, 4, 60], [54, np.nan, 170.2, 4, np.nan]])
    assert icu.record_id.tolist() == [20, 7]
    assert icu.target.tolist() == [1, 0]
    assert icu.outcomes.tolist() == [[6, 1, 5, 3], [16, 8, 8, -1]]
    assert (icu.feature_names, len(icu.feature_names)) == (VARIABLES_2012, 37)
    assert icu.static_names == ["Age", "Gender", "Height", "ICUType", "Weight"]
    assert icu.outcome_names == ["SAPS-I", "SOFA", "Length_of_stay", "Survival"]
    X, y = local_2012(tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X.values, icu.data.values)
    assert y.tolist() == [1, 0]


def test_2012_as_frame(tmp_path):
    pytest.importorskip("pandas")
    write_2012(tmp_path)
    icu = local_2012(tmp_path, as_frame=True)
    assert icu.frame.columns.tolist() == ["record_id", "hour", *VARIABLES_2012]
    assert icu.frame.shape == (96, 39)
    row = icu.frame.query("record_id == 7 and hour == 1")
    assert row["Urine"].tolist() == [150]
    assert icu.target.loc[20] == 1
    assert icu.outcomes.loc[20, "Survival"] == 3
    assert icu.static.loc[20, "Weight"] == 60


@pytest.mark.parametrize(
    "line", ["1:10,HR,80", "48:01,HR,80", "00:10,Heart,80", "00:10,HR", "00:10,HR,", "00:10,HR,nan", "00:11,Age,3", ""]
)
def test_2012_malformed_line_is_named(tmp_path, line):
    write_2012(tmp_path, {**STAYS, "set-a/7.txt": stay(7, ["00:10,HR,80", line, "00:20,HR,80"])})
    with pytest.raises(ValueError, match=r"set-a\.zip: 7\.txt, line 9: .*'07:15,HR,83'") as error:
        local_2012(tmp_path)
    assert repr(line) in str(error.value)


@pytest.mark.parametrize(
    ("stays", "outcomes", "message"),
    [
        ({**STAYS, "set-a/7.txt": "Time;Parameter\n"}, OUTCOMES, r"7\.txt, line 1: expected the header"),
        ({**STAYS, "set-a/7.txt": ""}, OUTCOMES, r"7\.txt, line 1: expected the header"),
        ({**STAYS, "set-a/7.txt": "Time,Parameter,Value\n00:00,RecordID,7\n"}, OUTCOMES, "no line for Age, Gender"),
        ({**STAYS, "set-a/7.txt": "Time,Pär"}, OUTCOMES, r"7\.txt is not a text file in ASCII"),
        ({}, OUTCOMES, r"set-a\.zip holds no \.txt files"),
        (STAYS, OUTCOMES + "8,1,1,1,-1,0\n", r"Outcomes-a\.txt has record 8, but .*set-a\.zip has not"),
        (STAYS, OUTCOMES.replace("\n7,", "\n8,"), r"record 8, but .*set-a\.zip has not \(2 such"),
        ({**STAYS, "set-a/9.txt": stay(9, [])}, OUTCOMES, r"set-a\.zip has record 9, but .*Outcomes-a\.txt has not"),
        (STAYS, OUTCOMES.replace("3,1\n", "3\n"), r"Outcomes-a\.txt, line 3: expected 6 whole numbers"),
        (STAYS, OUTCOMES.replace("3,1\n", "3,2\n"), r"Outcomes-a\.txt, line 3: expected 6 whole numbers"),
        (STAYS, OUTCOMES + "7,16,8,8,-1,0\n", r"Outcomes-a\.txt, line 4: .* a new record first"),
        (STAYS, "RecordID\n", r"Outcomes-a\.txt, line 1: expected the header"),
    ],
)
def test_2012_damaged_files_are_named(tmp_path, stays, outcomes, message):
    write_2012(tmp_path, stays, outcomes)
    with pytest.raises(ValueError, match=message):
        local_2012(tmp_path)


def test_damaged_archives_are_named(tmp_path):
    write_2012(tmp_path)
    (tmp_path / "set-a.zip").write_bytes(b"no zip file")
    with pytest.raises(ValueError, match=r"set-a\.zip cannot be read as an archive"):
        local_2012(tmp_path)
    (tmp_path / "set-a.zip").rename(tmp_path / "set-a.tar.gz")
    with pytest.raises(ValueError, match=r"set-a\.tar\.gz cannot be read as an archive"):
        local_2012(tmp_path)


@pytest.mark.parametrize("below", ["", "physionet-2019"])
@pytest.mark.parametrize(("write", "name"), [(write_zip, "training_setB.zip"), (write_folder, "training_setB")])
def test_2019_reads_tables(tmp_path, below, write, name):
    write(tmp_path / below / name, {**TABLES, "training_setB/._p100001.psv": "a file of macOS"})
    sepsis = local_2019(tmp_path)
    assert sepsis.patient_id.tolist() == ["p100001", "p100002"]
    assert sepsis.data.lengths.tolist() == [3, 1]
    assert sepsis.data.dtype == np.float32
    assert sepsis.feature_names == VARIABLES_2019
    expected = np.full((4, 40), np.nan)
    expected[:, 33:39] = [61.5, 70, 1, 0, 1, -2.5]
    expected[:, 39] = [1, 2, 3, 1]
    expected[0, 0] = 88
    np.testing.assert_array_equal(sepsis.data.values, expected)
    assert [labels.tolist() for labels in sepsis.target] == [[0, 0, 0], [1]]
    assert sepsis.target[0].dtype == np.int64
    X, y = local_2019(tmp_path, return_X_y=True)
    assert (X.lengths.tolist(), [len(labels) for labels in y]) == ([3, 1], [3, 1])


def test_2019_as_frame(tmp_path):
    pytest.importorskip("pandas")
    write_zip(tmp_path / "training_setB.zip", TABLES)
    frame = local_2019(tmp_path, as_frame=True).frame
    assert frame.columns.tolist() == ["patient_id", *VARIABLES_2019, "SepsisLabel"]
    assert frame["patient_id"].tolist() == ["p100001"] * 3 + ["p100002"]
    assert frame["SepsisLabel"].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table([1, 2], "2"), r"p1\.psv, line 2: expected 41 numbers or NaN"),
        (table([1, 2], "0").replace("|2|0\n", "|2|0|0\n"), r"p1\.psv, line 3: expected 41 numbers or NaN"),
        (table([1, 2], "0").replace("|2|0\n", "|two|0\n"), r"p1\.psv, line 3: expected 41 numbers or NaN"),
        (table([1], "0").replace("HR", "Pulse", 1), r"p1\.psv, line 1: expected the header"),
        (table([], "0"), r"p1\.psv has no hours"),
    ],
)
def test_2019_malformed_tables_are_named(tmp_path, text, message):
    write_zip(tmp_path / "training_setB.zip", {"training_setB/p1.psv": text})
    with pytest.raises(ValueError, match=message):
        local_2019(tmp_path)


def test_2019_empty_folder(tmp_path):
    (tmp_path / "training_setB").mkdir()
    with pytest.raises(ValueError, match=r"training_setB holds no \.psv files"):
        local_2019(tmp_path)


# Missing files and downloads


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


# Generators


@pytest.mark.parametrize("n_timesteps", [2, 3, 50])
def test_adding_problem(n_timesteps):
    X, y = make_adding_problem(200, n_timesteps, random_state=0)
    assert (X.shape, X.dtype, y.shape) == ((200, n_timesteps, 2), np.float64, (200,))
    values, marks = X[:, :, 0], X[:, :, 1]
    half = n_timesteps // 2
    assert set(np.unique(marks)) <= {0, 1}
    assert (marks[:, :half].sum(axis=1) == 1).all()
    assert (marks[:, half:].sum(axis=1) == 1).all()
    assert marks.any(axis=0).all()
    assert values.min() >= 0
    assert 0.95 < values.max() < 1
    np.testing.assert_allclose(y, (values * marks).sum(axis=1), rtol=1e-15)
    again, _ = make_adding_problem(200, n_timesteps, random_state=0)
    other, _ = make_adding_problem(200, n_timesteps, random_state=1)
    np.testing.assert_array_equal(X, again)
    assert not np.array_equal(X, other)


def test_adding_problem_needs_two_steps():
    with pytest.raises(ValueError, match="n_timesteps"):
        make_adding_problem(3, 1)


def test_vital_signs_are_plausible_and_foretell_the_outcome():
    X, y = make_vital_signs(1000, random_state=0)
    assert (len(X), X.n_features, X.lengths.min(), X.lengths.max()) == (1000, 6, 12, 72)
    assert 0.25 < y.mean() < 0.35
    assert np.isfinite(X.values).all()
    np.testing.assert_allclose(X.values.mean(axis=0), [82, 122, 82, 18, 97, 36.9], rtol=0.05)
    assert X.values[:, 4].max() <= 100
    assert np.corrcoef(X.values[:, 1], X.values[:, 2])[0, 1] > 0.7
    assert (X.values[:, 2] < X.values[:, 1]).all()
    last = np.array([signs[-1] for signs in X])
    rise = last[y == 1].mean(axis=0) - last[y == 0].mean(axis=0)
    assert (np.sign(rise) == [1, -1, -1, 1, -1, 1]).all()
    assert rise[0] > 10
    # Hour to hour, not noise: the fluctuations' correlation.
    heart_rate = [signs[:, 0] - signs[:, 0].mean() for signs, outcome in zip(X, y, strict=True) if not outcome]
    lag = sum(x[1:] @ x[:-1] for x in heart_rate) / sum(x @ x for x in heart_rate)
    assert 0.6 < lag < 0.98


def test_vital_signs_parameters():
    X, y = make_vital_signs(50, min_hours=2, max_hours=3, event_rate=0, random_state=3)
    assert (set(X.lengths), y.sum()) == ({2, 3}, 0)
    assert make_vital_signs(50, min_hours=2, max_hours=3, event_rate=0, random_state=3)[0] == X
    assert make_vital_signs(50, event_rate=1.0)[1].sum() == 50
    with pytest.raises(ValueError, match="max_hours must be at least min_hours"):
        make_vital_signs(5, min_hours=10, max_hours=9)
    with pytest.raises(ValueError, match="event_rate"):
        make_vital_signs(5, event_rate=1.5)
