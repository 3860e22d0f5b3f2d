"""R's character vectors, and two attributes that are character vectors: names and class."""

from __future__ import annotations

from collections.abc import Sequence

from mxr.r.bridge import r_api
from mxr.r.bridge.missing import NA_STRING
from mxr.r.bridge.protection import protect, unprotect
from mxr.r.bridge.r_api import NIL, R, Sexp, ffi

NAMES, CLASS = map(r_api.symbol, ("names", "class"))


def text(charsxp: Sexp) -> str | None:
    """An element of a character vector as a Python text; None for NA."""
    return None if charsxp == NA_STRING else ffi.string(r_api.utf8(charsxp)).decode("utf-8", "replace")


def strings(values: Sequence[str | None]) -> Sexp:
    """A new character vector, unprotected; NA for None."""
    vector = protect(r_api.allocate(R.STRSXP, len(values)))
    for i, value in enumerate(values):
        R.SET_STRING_ELT(vector, i, NA_STRING if value is None else r_api.char(value))
    unprotect(1)
    return vector


def class_of(x: Sexp) -> list[str | None]:
    """The class attribute of an R object; [] without one."""
    value = R.Rf_getAttrib(x, CLASS)
    return [] if value == NIL else [text(r_api.string(value, i)) for i in range(R.Rf_xlength(value))]


def names_of(x: Sexp) -> list[str] | None:
    """The names of an R vector's elements, "" for an element without one; None for a vector without names."""
    names = R.Rf_getAttrib(x, NAMES)
    return None if names == NIL else [text(r_api.string(names, i)) or "" for i in range(R.Rf_xlength(x))]
