"""The file formats of the PhysioNet Challenges of 2012 and 2019.

Every line is checked: a malformed one raises a ValueError that names file and line.
"""

from array import array

import numpy as np

from ._archives import read_file, read_files

N_HOURS = 48
STATIC = ["Age", "Gender", "Height", "ICUType", "Weight"]
OUTCOMES = ["SAPS-I", "SOFA", "Length_of_stay", "Survival"]
VARIABLES_2012 = (
    "Albumin ALP ALT AST Bilirubin BUN Cholesterol Creatinine DiasABP FiO2 GCS Glucose HCO3 HCT HR K Lactate Mg MAP "
    "MechVent Na NIDiasABP NIMAP NISysABP PaCO2 PaO2 pH Platelets RespRate SaO2 SysABP Temp TroponinI TroponinT Urine "
    "WBC Weight"
).split()
VARIABLES_2019 = (
    "HR O2Sat Temp SBP MAP DBP Resp EtCO2 BaseExcess HCO3 FiO2 pH PaCO2 SaO2 AST BUN Alkalinephos Calcium Chloride "
    "Creatinine Bilirubin_direct Glucose Lactate Magnesium Phosphate Potassium Bilirubin_total TroponinI Hct Hgb PTT "
    "WBC Fibrinogen Platelets Age Gender Unit1 Unit2 HospAdmTime ICULOS"
).split()

# Looking a time up is faster than taking it apart, two million times. 48:00 belongs to the last hour.
HOUR_OF_TIME = {f"{m // 60:02d}:{m % 60:02d}": min(m // 60, N_HOURS - 1) for m in range(N_HOURS * 60 + 1)}
COLUMN_2012 = {name: column for column, name in enumerate(VARIABLES_2012)}

BOM = b"\xef\xbb\xbf"  # which some editors put before a text
LARGEST = float(np.finfo(np.float32).max)
EXACT = 1 << 53  # up to which a float holds every whole number


def read_stays(path):
    """All stays of a set of 2012: record identifiers, values (n * 48, 37), descriptors (n, 5)."""
    records, tables, statics = {}, [], []
    for name, content in read_files(path, ".txt"):
        record, table, static = _read_stay(f"{path}: {name}", content)
        if record in records:
            raise ValueError(f"{path}: {name} has the RecordID {record}, as {records[record]} has.")
        records[record] = name
        tables.append(table)
        statics.append(static)
    if not records:
        raise ValueError(f"{path} holds no .txt files: one a stay is expected.")
    return np.array([*records]), np.concatenate(tables), np.array(statics)


def _read_stay(source, content):
    lines = _lines(source, content, "Time,Parameter,Value")
    descriptors = dict.fromkeys(["RecordID", *STATIC])
    n_columns = len(VARIABLES_2012)
    cells, readings = array("q"), array("d")
    for number, line in enumerate(lines, start=2):
        try:
            time, name, value = line.split(",")
            hour, value = HOUR_OF_TIME[time], float(value)
            if not -LARGEST <= value <= LARGEST:
                raise ValueError
            if name in descriptors and descriptors[name] is None:
                if name == "RecordID" and not 0 <= value == int(value) < EXACT:
                    raise ValueError
                descriptors[name] = value
                if name != "Weight":  # it is a descriptor first and a variable throughout
                    continue
            column = COLUMN_2012[name]
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{source}, line {number}: expected HH:MM up to 48:00, the name of a variable and a number, such as "
                f"'07:15,HR,83', got {_shown(line)}."
            ) from error
        if name == "Weight" and value == -1:
            continue
        cells.append(hour * n_columns + column)
        readings.append(value)
    missing = [name for name, value in descriptors.items() if value is None]
    if missing:
        raise ValueError(f"{source} has no line for {', '.join(missing)}. Is the file complete?")
    static = [np.nan if descriptors[name] == -1 else descriptors[name] for name in STATIC]
    return int(descriptors["RecordID"]), _by_hour(source, cells, readings), static


def _by_hour(source, cells, readings):
    """The readings of a stay, (48, 37), from their numbers of cells and their values."""
    cells, readings = np.frombuffer(cells, dtype=np.int64), np.frombuffer(readings)
    shape = (N_HOURS, len(VARIABLES_2012))
    sums = np.bincount(cells, readings, minlength=shape[0] * shape[1]).reshape(shape)
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    measured = counts > 0
    counts[:, COLUMN_2012["Urine"]] = 1  # a volume: the sum of the hour
    means = np.divide(sums, counts, out=np.full(shape, np.nan), where=measured)
    if (np.abs(means) > LARGEST).any():
        raise ValueError(f"{source} has a sum of Urine that float32 does not hold.")
    return means.astype(np.float32)


def read_outcomes(path):
    """Outcomes of a set of 2012: record identifier to [the four of OUTCOMES, death in hospital]."""
    columns = ["RecordID", *OUTCOMES, "In-hospital_death"]
    outcomes = {}
    for number, line in enumerate(_lines(path, read_file(path), ",".join(columns)), start=2):
        try:
            record, *values = map(int, line.split(","))
            if len(values) != len(columns) - 1 or values[-1] not in (0, 1) or record in outcomes:
                raise ValueError
            if max(map(abs, [record, *values])) > EXACT:
                raise ValueError
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: expected {len(columns)} whole numbers, a new record first and 0 or 1 last, "
                f"got {_shown(line)}."
            ) from error
        outcomes[record] = values
    return outcomes


def read_tables(path):
    """All patients of a set of 2019: identifiers, values (total_hours, 40), labels (total_hours,), offsets."""
    header = "|".join([*VARIABLES_2019, "SepsisLabel"])
    n_columns = len(VARIABLES_2019) + 1
    patients, offsets, cells = [], [0], array("f")
    for name, content in read_files(path, ".psv"):
        source = f"{path}: {name}"
        lines = _lines(source, content, header)
        for number, line in enumerate(lines, start=2):
            try:
                row = [*map(float, line.split("|"))]
                if len(row) != n_columns or row[-1] not in (0, 1):
                    raise ValueError
            except ValueError as error:
                raise ValueError(
                    f"{source}, line {number}: expected {n_columns} numbers or NaN, the last of them 0 or 1, "
                    f"got {_shown(line)}."
                ) from error
            cells.extend(row)
        if not lines:
            raise ValueError(f"{source} has no hours. Is the file complete?")
        patients.append(name.removesuffix(".psv"))
        offsets.append(offsets[-1] + len(lines))
    if not patients:
        raise ValueError(f"{path} holds no .psv files: one a patient is expected.")
    table = np.frombuffer(cells, dtype=np.float32).reshape(-1, n_columns)
    infinite = np.flatnonzero(np.isinf(table).any(axis=1))
    if len(infinite):
        k = np.searchsorted(offsets, infinite[0], side="right") - 1
        raise ValueError(
            f"{path}: {patients[k]}.psv, line {infinite[0] - offsets[k] + 2}: expected numbers that float32 holds."
        )
    return np.array(patients), table[:, :-1], table[:, -1].astype(np.int64), np.array(offsets)


def _lines(source, content, header):
    """The lines below the header, which must be the published one."""
    content = content.removeprefix(BOM)
    try:
        first, *lines = content.decode("ascii").splitlines() or [""]
    except UnicodeDecodeError as error:
        number = len(content[: error.start + 1].splitlines())
        raise ValueError(
            f"{source}, line {number}: expected a text in ASCII, got the byte {content[error.start]:#04x}."
        ) from error
    if first != header:
        raise ValueError(f"{source}, line 1: expected the header {header!r}, got {_shown(first)}.")
    if b"_" in content[len(header) :]:  # which Python would leave out of numbers
        number, line = next((k, line) for k, line in enumerate(lines, start=2) if "_" in line)
        raise ValueError(f"{source}, line {number}: expected no underscore, got {_shown(line)}.")
    return lines


def _shown(line):
    return repr(line) if len(line) <= 300 else f"{line[:300]!r}..."
