"""Tiny sets in the formats of PhysioNet, and ways to write them."""

import io
import tarfile
import zipfile
from functools import partial

from sklstm.datasets import fetch_physionet_2012, fetch_physionet_2019
from sklstm.datasets._physionet_files import VARIABLES_2019

HEADER_2019 = "|".join([*VARIABLES_2019, "SepsisLabel"])


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
