"""Decimal numbers in text, many at once."""

from __future__ import annotations

import numpy as np

_POINT, _MINUS, _COMMA, _OTHER = 10, 11, 12, 13
_LONGEST = 24  # characters up to which all numbers are read together
_KIND = np.full(256, _OTHER, np.uint8)
_KIND[48:58] = np.arange(10)
_KIND[[46, 45, 44]] = _POINT, _MINUS, _COMMA
_POWERS = 10.0 ** np.arange(_LONGEST + 1)


def parse(text: bytes) -> np.ndarray:
    """The numbers between commas, to single precision at least. ValueError if one is none.

    Those like 12, -3 and 4.56 are read together, one character of all of them after the other; the rest one
    by one."""
    kinds = _KIND[np.frombuffer(text + b",", np.uint8)]
    ends = np.flatnonzero(kinds == _COMMA)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    count = len(ends)
    whole, point, decimals, digits = (
        np.zeros(count),
        np.zeros(count, bool),
        np.zeros(count, np.uint8),
        np.zeros(count, bool),
    )
    odd = lengths > _LONGEST
    odd[np.searchsorted(ends, np.flatnonzero(kinds == _OTHER))] = True
    for i in range(min(int(lengths.max()), _LONGEST)):
        kind = kinds[np.minimum(starts + i, ends)]
        digit = kind < 10
        whole = np.where(digit, whole * 10 + kind, whole)
        decimals += digit & point
        digits |= digit
        here = kind == _POINT
        odd |= here & point
        point |= here
        if i:
            odd |= kind == _MINUS
    odd |= ~digits
    if point.any():
        whole /= _POWERS[decimals]
    np.negative(whole, where=kinds[starts] == _MINUS, out=whole)
    for i in np.flatnonzero(odd).tolist():
        whole[i] = number(text[starts[i] : ends[i]])
    return whole


def number(text: bytes) -> float:
    """One number. ValueError if it is none."""
    if b"_" in text:  # which Python allows in numbers
        raise ValueError(text)
    return float(text)
