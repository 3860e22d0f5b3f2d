"""Parsing decimal numbers in text, many at once."""

from __future__ import annotations

import numpy as np

_POINT, _MINUS, _COMMA, _OTHER = 10, 11, 12, 13
_LONGEST = 24  # characters; longer numbers are parsed one by one
_KIND = np.full(256, _OTHER, np.uint8)
_KIND[48:58] = np.arange(10)
_KIND[[46, 45, 44]] = _POINT, _MINUS, _COMMA
_POWERS = 10.0 ** np.arange(_LONGEST + 1)


def parse(text: bytes) -> np.ndarray:
    """The numbers between commas, exact to single precision at least. ValueError if a field is no number.

    Plain numbers such as 12, -3 and 4.56 are parsed together: step i handles character i of all of them.
    All others are parsed one by one.
    """
    kinds = _KIND[np.frombuffer(text + b",", np.uint8)]
    ends = np.flatnonzero(kinds == _COMMA)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    count = len(ends)
    whole = np.zeros(count)  # the value of the digits
    decimals = np.zeros(count, np.uint8)  # how many of them follow the point
    point, digits = np.zeros(count, bool), np.zeros(count, bool)  # whether there has been one
    odd = lengths > _LONGEST  # parsed one by one
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
    """One number. ValueError if the text is none."""
    if b"_" in text:  # Python allows it in numbers
        raise ValueError(text)
    return float(text)
