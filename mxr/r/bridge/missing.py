"""R's missing values, NA: of numbers, integers, logicals and texts."""

from __future__ import annotations

import struct

import numpy as np

from mxr.r.bridge.r_api import R

NA_INTEGER = -(2**31)  # of integers and logicals
NA_STRING = R.R_NaString
NA_BITS = 1954  # the lower 32 bits of R's NA among doubles, which is a NaN


class Missing(float):
    """R's NA given as one number: a NaN that can be told from other NaNs, by `is NA`. In arrays NA is a plain
    NaN."""


NA = Missing("nan")


def is_na(value: float) -> bool:
    """Whether a NaN is R's NA, whose lower 32 bits hold the number 1954."""
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return bits & 0xFFFFFFFF == NA_BITS


def without_na(array: np.ndarray) -> np.ndarray:
    """The array of integers itself if no element is NA; else an array of doubles with NaN for NA."""
    if array.min() != NA_INTEGER:
        return array
    return np.where(array == NA_INTEGER, np.nan, array)
