"""The cheaper forms of traced functions: which forms are chosen, and that the bits stay the same."""

import numpy as np
import pytest

from mxr.compiler.value import leaf, tape

VALUES = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan], np.float32)


def shown(v):
    """A traced value as text: function names and leaves."""
    if not hasattr(v, "kind"):
        return repr(v)
    return v.arg[1] if v.kind == "leaf" else f"{v.fn.__name__}({', '.join(map(shown, v.args))})"


@pytest.mark.parametrize(
    "make, simple",
    [
        (lambda a, b: a * 1, "a"),
        (lambda a, b: a * -1, "negative(a)"),
        (lambda a, b: 1 * a, "a"),
        (lambda a, b: -1.0 * a, "negative(a)"),
        (lambda a, b: a / 1, "a"),
        (lambda a, b: a**1, "a"),
        (lambda a, b: a**2, "square(a)"),
        (lambda a, b: a - 0, "a"),
        (lambda a, b: a + 0, "add(a, 0)"),
        (lambda a, b: np.negative(-a), "a"),
        (lambda a, b: +a, "a"),
        (lambda a, b: (-a) * b, "negative(multiply(a, b))"),
        (lambda a, b: a / (-b), "negative(divide(a, b))"),
        (lambda a, b: (-a) * (-b), "multiply(a, b)"),
        (lambda a, b: a + (-b), "subtract(a, b)"),
        (lambda a, b: a - (-b), "add(a, b)"),
        (lambda a, b: (-a) + b, "subtract(b, a)"),
        (lambda a, b: a - (-a) * b, "add(a, multiply(a, b))"),
    ],
)
def test_the_form_and_its_bits(make, simple):
    with tape():
        a, b = leaf(("var", "a"), (7, 7)), leaf(("var", "b"), (7, 7))
        found = make(a, b)
    assert shown(found) == simple
    x, y = np.meshgrid(VALUES, VALUES)
    with np.errstate(all="ignore"):
        names = {
            "a": x,
            "b": y,
            **{f: getattr(np, f) for f in ("negative", "multiply", "divide", "add", "subtract", "square")},
        }
        got, expected = eval(simple, names), make(x, y)
    numbers = ~np.isnan(expected)  # the sign of a NaN does not matter
    assert (np.isnan(got) == ~numbers).all() and got[numbers].tobytes() == expected[numbers].tobytes()


def test_the_lowest_integer_is_its_own_negative():
    with tape():
        a = leaf(("var", "a"), (3,), np.int32)
        assert shown((-a) * a) == "multiply(negative(a), a)"


def test_broadcast_and_other_types_are_left_alone():
    with tape():
        a = leaf(("var", "a"), (3,))
        assert shown(a.astype(np.float64) * 1) == "cast(a)"
        assert (np.ones((2, 3), np.float32) * a).shape == (2, 3)
