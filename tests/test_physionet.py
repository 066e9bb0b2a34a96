"""Sets of PhysioNet from files: what is read is what they say, and what is damaged is named."""

from urllib.error import URLError

import numpy as np
import pytest
from physionet_files import (
    OUTCOMES,
    STAYS,
    TABLES,
    local_2012,
    local_2019,
    stay,
    table,
    write_2012,
    write_folder,
    write_tar,
    write_zip,
)

from sklstm.datasets import _fetch, fetch_physionet_2012, fetch_physionet_2019
from sklstm.datasets._physionet_files import VARIABLES_2012, VARIABLES_2019


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


SAME = r"set-a\.zip: 8\.txt has the RecordID 7, as 7\.txt has"
TWICE = {"set-a/7.txt": stay(7, []), "set-a/8.txt": stay(7, [])}
UNHEARD_OF = {"set-a/7.txt": stay(7, ["00:10,Urine,3e38", "00:20,Urine,3e38"])}


@pytest.mark.parametrize(
    ("stays", "message"),
    [
        (TWICE, SAME),
        (UNHEARD_OF, r"7\.txt has a sum of Urine that float32 does not hold"),
        ({"set-a/7.txt": stay(7.5, [])}, r"7\.txt, line 2: .*RecordID,7\.5"),
        ({"set-a/7.txt": stay("1e300", [])}, r"7\.txt, line 2: .*RecordID,1e300"),
        ({"set-a/7.txt": stay(7, ["00:10,HR,1e39"])}, r"7\.txt, line 8: .*HR,1e39"),
        ({"set-a/7.txt": stay(7, ["00:10,HR,8_0"])}, r"7\.txt, line 8: expected no underscore, got '00:10,HR,8_0'"),
        ({"set-a/7.txt": stay(7, ["0" * 10**6])}, r"7\.txt, line 8: .{300,450}\.\.\.\.$"),
    ],
)
def test_2012_numbers_that_python_would_change_are_named(tmp_path, stays, message):
    write_2012(tmp_path, stays)
    with pytest.raises(ValueError, match=message):
        local_2012(tmp_path)


@pytest.mark.parametrize("number", [10**30, "1_0"])
def test_2012_outcomes_of_other_numbers_are_named(tmp_path, number):
    write_2012(tmp_path, outcomes=OUTCOMES.replace(",16,", f",{number},"))
    with pytest.raises(ValueError, match=r"Outcomes-a\.txt, line 2: expected"):
        local_2012(tmp_path)


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path):
    write_2012(tmp_path, {name: "\ufeff" + text for name, text in STAYS.items()}, "\ufeff" + OUTCOMES)
    assert local_2012(tmp_path).target.tolist() == [1, 0]


def test_large_outcomes_are_not_read(tmp_path):
    write_2012(tmp_path, outcomes=OUTCOMES + "\n" * (1 << 20))
    with pytest.raises(ValueError, match=r"Outcomes-a\.txt has more than 1048576 bytes"):
        local_2012(tmp_path)


@pytest.mark.parametrize(
    ("stays", "outcomes", "message"),
    [
        ({**STAYS, "set-a/7.txt": "Time;Parameter\n"}, OUTCOMES, r"7\.txt, line 1: expected the header"),
        ({**STAYS, "set-a/7.txt": ""}, OUTCOMES, r"7\.txt, line 1: expected the header"),
        ({**STAYS, "set-a/7.txt": "Time,Parameter,Value\n00:00,RecordID,7\n"}, OUTCOMES, "no line for Age, Gender"),
        (
            {**STAYS, "set-a/7.txt": "Time,Pär"},
            OUTCOMES,
            r"7\.txt, line 1: expected a text in ASCII, got the byte 0xc3",
        ),
        ({}, OUTCOMES, r"set-a\.zip holds no \.txt files"),
        (STAYS, OUTCOMES + "8,1,1,1,-1,0\n", r"Outcomes-a\.txt has record 8, but .*set-a\.zip has not"),
        (STAYS, OUTCOMES.replace("\n7,", "\n8,"), r"record 8, but .*set-a\.zip has not \(2 such"),
        ({**STAYS, "set-a/9.txt": stay(9, [])}, OUTCOMES, r"set-a\.zip has record 9, but .*Outcomes-a\.txt has not"),
        (STAYS, OUTCOMES.replace("3,1\n", "3\n"), r"Outcomes-a\.txt, line 3: expected 6 whole numbers"),
        (STAYS, OUTCOMES.replace("3,1\n", "3,2\n"), r"Outcomes-a\.txt, line 3: expected 6 whole numbers"),
        (STAYS, OUTCOMES + "7,16,8,8,-1,0\n", r"Outcomes-a\.txt, line 4: .* a new record first"),
        (STAYS, "RecordID\n", r"Outcomes-a\.txt, line 1: expected the header"),
        (STAYS, OUTCOMES + "ü", r"Outcomes-a\.txt, line 4: expected a text in ASCII, got the byte 0xc3"),
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
        (table([1, 2], "0").replace("|2|0\n", "|inf|0\n"), r"p1\.psv, line 3: expected numbers that float32 holds"),
        (table([1, 2], "0").replace("|2|0\n", "|1e39|0\n"), r"p1\.psv, line 3: expected numbers that float32 holds"),
        (table([1], "0").replace("|1|0\n", "|1_0|0\n"), r"p1\.psv, line 2: expected no underscore"),
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
