"""R's missing values: NA as a number, an integer, a logical, a text."""

from __future__ import annotations

import struct

import numpy as np

from mxr.r.bridge.r_api import R

NA_INTEGER = -(2**31)  # of integers and logicals
NA_STRING = R.R_NaString


class Missing(float):
    """R's NA, where one number was given: not a number, as in arrays, but known from NaN."""


NA = Missing("nan")


def is_na(value: float) -> bool:
    """Whether a NaN is R's NA: R marks it in the lower half of its bits."""
    return struct.unpack("<Q", struct.pack("<d", value))[0] & 0xFFFFFFFF == 1954


def without_na(array: np.ndarray) -> np.ndarray:
    """An array of integers; where one is missing, of doubles with NaN in its place."""
    if array.min() != NA_INTEGER:
        return array
    return np.where(array == NA_INTEGER, np.nan, array)
