"""The built-in data: 1,797 scans of handwritten digits, 8×8, that come with scikit-learn."""

import importlib.util
from pathlib import Path

import numpy as np

from pbt_gan.errors import DataError
from pbt_gan.gan.data.dataset import Dataset


def read_digits() -> Dataset:
    """Return the test part of UCI's Optical Recognition of Handwritten Digits; its values 0 … 16 become 0 … 255.

    Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49.
    """
    # The file is read from where scikit-learn keeps it: importing scikit-learn takes two seconds, in each worker.
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError("The built-in digits come with scikit-learn, which is missing: pip install scikit-learn.")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        raise DataError(f"{path} is missing; install scikit-learn anew: pip install --force-reinstall scikit-learn.")
    table = np.loadtxt(path, delimiter=",")
    images = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return Dataset.of("digits", images, table[:, -1].astype(np.int64))
