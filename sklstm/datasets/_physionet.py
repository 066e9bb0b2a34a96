"""Readers for the PhysioNet/Computing in Cardiology Challenges of 2012 and 2019: intensive care, hour by hour."""

import os
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import StrOptions, validate_params

from ..real_numbers import Interval
from ..sequences import Sequences
from ._fetch import get_file, get_part, home_of, obtain
from ._physionet_files import (
    N_HOURS,
    OUTCOMES,
    STATIC,
    VARIABLES_2012,
    VARIABLES_2019,
    read_outcomes,
    read_stays,
    read_tables,
)

URL_2012 = "https://physionet.org/files/challenge-2012/1.0.0/"
URL_2019 = "https://physionet.org/files/challenge-2019/1.0.0/"
# The tables are served one by one, 40,336 of them; this is the same folder in one file (42 MB).
ZIP_2019 = "https://physionet.org/content/challenge-2019/get-zip/1.0.0/"


DESCR_2012 = """\
PhysioNet/Computing in Cardiology Challenge 2012: mortality of intensive care patients
--------------------------------------------------------------------------------------

:Sequences: stays in intensive care of at least 48 hours, of adults; 4,000 in each of the sets a, b and c
:Time steps: 48, the first 48 hours
:Features: 37 vital signs, laboratory values and the like; NaN where an hour has no measurement
:Target: 1 if the patient died in hospital, else 0 (set a: 554 of 4,000)

The published events, at minutes, are brought to hours: row k holds the mean of the values measured from minute 60 k
until before minute 60 (k + 1), but for Urine, a volume, the sum. Events at 48:00 belong to the last row. Some stays
have no measurement at all and consist of NaN. Values are otherwise as published, implausible ones included (such as a
temperature of -17.8). In Age, Gender (0 female, 1 male), Height (cm), ICUType (1 coronary, 2 cardiac surgery,
3 medical, 4 surgical) and Weight (kg), -1 means not recorded and becomes NaN. In the outcomes -1 stays: of Survival
(days) it says that no death is on record.

Source: Silva I., Moody G., Scott D.J., Celi L.A., Mark R.G. (2012). Predicting in-hospital mortality of ICU patients:
the PhysioNet/Computing in Cardiology Challenge 2012. Computing in Cardiology 39, 245-248.
https://physionet.org/content/challenge-2012/1.0.0/. Goldberger A. et al. (2000). PhysioBank, PhysioToolkit, and
PhysioNet. Circulation 101(23), e215-e220. Licence: Open Data Commons Attribution 1.0 (ODC-By).
"""

DESCR_2019 = """\
PhysioNet/Computing in Cardiology Challenge 2019: early prediction of sepsis
----------------------------------------------------------------------------

:Sequences: stays in intensive care, one a patient; hospital A 20,336, hospital B 20,000 when complete
:Time steps: hours
:Features: 40, of which 8 vital signs, 26 laboratory values, 6 descriptors; NaN where an hour has no measurement
:Target: a label an hour, 1 from six hours before the onset of sepsis on, else 0

Labels begin before the onset, and a stay ends soon after it: a single label for a whole stay, or the length of a stay,
gives the answer away. Predict the coming hours from the past ones.

Source: Reyna M.A., Josef C.S., Jeter R. et al. (2020). Early prediction of sepsis from clinical data: the
PhysioNet/Computing in Cardiology Challenge 2019. Critical Care Medicine 48(2), 210-217.
https://doi.org/10.1097/CCM.0000000000004145. Data: https://doi.org/10.13026/v64v-d857. Goldberger A. et al. (2000).
PhysioBank, PhysioToolkit, and PhysioNet. Circulation 101(23), e215-e220. Licence: CC BY 4.0.
"""


def _parameters(subsets):
    return {
        "data_home": [str, os.PathLike, None],
        "subset": [StrOptions(subsets)],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
        "download_if_missing": ["boolean"],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
    }


@validate_params(_parameters({"a", "b", "c"}), prefer_skip_nested_validation=True)
def fetch_physionet_2012(
    data_home=None,
    *,
    subset="a",
    return_X_y=False,
    as_frame=False,
    download_if_missing=True,
    n_retries=3,
    delay=1.0,
):
    """Load the first 48 hours of 4,000 intensive care stays (classification: death in hospital).

    Reads the publisher's files, ``set-a.zip`` (or ``set-a.tar.gz``, or the unpacked folder ``set-a``) and
    ``Outcomes-a.txt``, in `data_home` or its folder ``physionet-2012``. What is missing is downloaded there (8 MB) and
    checked against the SHA-256 sums that PhysioNet publishes; files that were there already are read as they are. A
    proxy is taken from the environment variable ``HTTPS_PROXY``.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Where the data are or will be kept. By default scikit-learn's folder, see
        :func:`~sklearn.datasets.get_data_home`.

    subset : {"a", "b", "c"}, default="a"
        Which of the three sets: the challenge's training set, open test set and hidden test set.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, the Bunch also has `frame`, and `target`, `static` and `outcomes` are pandas objects with the record
        identifiers as their index. `data` stays a `Sequences`, the form that estimators take.

    download_if_missing : bool, default=True
        If False, raise an error instead of downloading.

    n_retries : int, default=3
        How often a failed download is tried again.

    delay : float, default=1.0
        Seconds between the tries.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : Sequences of n sequences of shape (48, 37)
            One row an hour, float32. The mean of the hour's measurements, for urine their sum; NaN where there are
            none. Estimators want the gaps filled first.
        target : ndarray of int of shape (n,), or Series
            1 if the patient died in hospital, else 0.
        static : ndarray of shape (n, 5), or DataFrame
            Age (years), gender (0 female, 1 male), height (cm), type of unit (1 to 4) and weight on admission (kg). NaN
            where it was not recorded.
        outcomes : ndarray of int of shape (n, 4), or DataFrame
            SAPS-I and SOFA scores, length of stay (days) and survival (days; -1 if no death is on record).
        record_id : ndarray of int of shape (n,)
            Identifiers of the stays, in the order of the files' names.
        feature_names, static_names, outcome_names : list of str
            Names of the columns of `data`, `static` and `outcomes`.
        frame : DataFrame or None
            If `as_frame` is True: one row an hour, columns ``record_id``, ``hour`` (0 to 47) and the 37 variables.
        DESCR : str
            Description, source and licence.

    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If files are missing and `download_if_missing` is False. Says which, where they belong and where to get them.
    OSError
        If the download fails or what arrives does not have the published SHA-256 sum.
    ValueError
        If a file is not in the published format: the message names file and line.

    References
    ----------
    .. [1] I. Silva, G. Moody, D. J. Scott, L. A. Celi and R. G. Mark, "Predicting in-hospital mortality of ICU
       patients: the PhysioNet/Computing in Cardiology Challenge 2012", Computing in Cardiology 39, 245-248, 2012.
       ODC-By 1.0. https://physionet.org/content/challenge-2012/1.0.0/

    Examples
    --------
    >>> from sklstm.datasets import fetch_physionet_2012
    >>> icu = fetch_physionet_2012()  # doctest: +SKIP
    >>> icu.data  # doctest: +SKIP
    <Sequences: 4000 of 48 to 48 time steps, 37 features, float32>
    """
    pd = check_pandas_support("fetch_physionet_2012 with as_frame=True") if as_frame else None
    home = home_of(data_home)
    # Set c is published as a tar file only.
    archives = [f"set-{subset}.zip", f"set-{subset}.tar.gz", f"set-{subset}"]
    served = archives[1] if subset == "c" else archives[0]
    paths = [
        obtain(
            home,
            "physionet-2012",
            names,
            URL_2012,
            partial(get_file, url=URL_2012, name=name, n_retries=n_retries, delay=delay),
            download_if_missing=download_if_missing,
        )
        for names, name in [(archives, served), ([f"Outcomes-{subset}.txt"], f"Outcomes-{subset}.txt")]
    ]
    stays_path, outcomes_path = paths
    record_id, values, static = read_stays(stays_path)
    outcomes = read_outcomes(outcomes_path)
    read = set(record_id.tolist())
    lacking, unknown = sorted(outcomes.keys() - read), sorted(read - outcomes.keys())
    if lacking or unknown:
        record = (lacking or unknown)[0]
        has, has_not = (outcomes_path, stays_path) if lacking else (stays_path, outcomes_path)
        raise ValueError(
            f"{has} has record {record}, but {has_not} has not ({len(lacking + unknown)} such records). Is it complete?"
        )
    outcomes = np.array([outcomes[record] for record in record_id.tolist()])
    data = Sequences(values, np.arange(0, len(values) + 1, N_HOURS), feature_names=VARIABLES_2012)
    target = outcomes[:, -1]
    outcomes = outcomes[:, :-1]

    frame = None
    if as_frame:
        index = pd.Index(record_id, name="record_id")
        frame = pd.DataFrame(values, columns=VARIABLES_2012)
        frame.insert(0, "record_id", np.repeat(record_id, N_HOURS))
        frame.insert(1, "hour", np.tile(np.arange(N_HOURS), len(record_id)))
        target = pd.Series(target, index=index, name="In-hospital_death")
        static = pd.DataFrame(static, index=index, columns=STATIC)
        outcomes = pd.DataFrame(outcomes, index=index, columns=OUTCOMES)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        static=static,
        outcomes=outcomes,
        record_id=record_id,
        feature_names=list(VARIABLES_2012),
        static_names=list(STATIC),
        outcome_names=list(OUTCOMES),
        frame=frame,
        DESCR=DESCR_2012,
    )


@validate_params(_parameters({"a", "b"}), prefer_skip_nested_validation=True)
def fetch_physionet_2019(
    data_home=None,
    *,
    subset="b",
    return_X_y=False,
    as_frame=False,
    download_if_missing=True,
    n_retries=3,
    delay=1.0,
):
    """Load hourly tables of intensive care stays (a label an hour: sepsis in the coming hours).

    Reads ``training_setB.zip`` or the folder ``training_setB``, one ``.psv`` file a patient, in `data_home` or its
    folder ``physionet-2019``, with as many patients as it holds. If there is neither, PhysioNet's zip file of the whole
    project (42 MB) is downloaded, each table of the set is checked against the SHA-256 sum that PhysioNet publishes,
    and the set is kept as ``training_setB.zip``; files that were there already are read as they are. A proxy is taken
    from the environment variable ``HTTPS_PROXY``.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Where the data are or will be kept. By default scikit-learn's folder, see
        :func:`~sklearn.datasets.get_data_home`.

    subset : {"a", "b"}, default="b"
        Which hospital: A (20,336 patients) or B (20,000 patients).

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, the Bunch also has `frame`. `data` stays a `Sequences`, the form that estimators take.

    download_if_missing : bool, default=True
        If False, raise an error instead of downloading.

    n_retries : int, default=3
        How often a failed download is tried again.

    delay : float, default=1.0
        Seconds between the tries.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : Sequences of n sequences of shape (n_hours_i, 40)
            One row an hour, float32, in the units of the challenge; NaN where an hour has no measurement.
        target : list of n ndarray of int of shape (n_hours_i,)
            1 from six hours before the onset of sepsis on, else 0.
        patient_id : ndarray of shape (n,), dtype str
            Names of the files without their ending, sorted.
        feature_names : list of str
            Names of the 40 variables.
        frame : DataFrame or None
            If `as_frame` is True: one row an hour, columns ``patient_id``, the 40 variables and ``SepsisLabel``.
        DESCR : str
            Description, source and licence.

    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If files are missing and `download_if_missing` is False. Says which, where they belong and where to get them.
    OSError
        If the download fails or what arrives does not have the published SHA-256 sums.
    ValueError
        If a file is not in the published format: the message names file and line.

    References
    ----------
    .. [1] M. A. Reyna et al., "Early prediction of sepsis from clinical data: the PhysioNet/Computing in Cardiology
       Challenge 2019", Critical Care Medicine 48(2), 210-217, 2020. :doi:`10.1097/CCM.0000000000004145`. Data:
       :doi:`10.13026/v64v-d857`. CC BY 4.0.

    Examples
    --------
    >>> from sklstm.datasets import fetch_physionet_2019
    >>> sepsis = fetch_physionet_2019()  # doctest: +SKIP
    >>> sepsis.data.n_features  # doctest: +SKIP
    40
    """
    pd = check_pandas_support("fetch_physionet_2019 with as_frame=True") if as_frame else None
    name = f"training_set{subset.upper()}"
    get = partial(
        get_part, url=URL_2019, archive_url=ZIP_2019, part=f"training/{name}", n_retries=n_retries, delay=delay
    )
    path = obtain(
        home_of(data_home),
        "physionet-2019",
        [f"{name}.zip", name],
        f"{URL_2019}training/{name}/",
        get,
        download_if_missing=download_if_missing,
    )
    patient_id, values, labels, offsets = read_tables(path)
    data, target = Sequences(values, offsets, feature_names=VARIABLES_2019), np.split(labels, offsets[1:-1])
    if return_X_y:
        return data, target
    frame = None
    if as_frame:
        frame = pd.DataFrame(values, columns=VARIABLES_2019)
        frame.insert(0, "patient_id", np.repeat(patient_id, data.lengths))
        frame["SepsisLabel"] = labels
    return Bunch(
        data=data,
        target=target,
        patient_id=patient_id,
        feature_names=list(VARIABLES_2019),
        frame=frame,
        DESCR=DESCR_2019,
    )
