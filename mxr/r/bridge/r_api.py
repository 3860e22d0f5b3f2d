"""R's C functions, as the rest of the bridge calls them.

Functions that only read come from rpy2's library (`R`), which releases Python's interpreter lock around every
call. Functions that may allocate are called here, with the lock held: R's collector can run at any
allocation, and with it the finalizers of other packages. Those of reticulate touch Python objects and rely on
the lock; without it the process would abort.
"""

from __future__ import annotations

import ctypes
import locale
from collections.abc import Callable
from typing import Any, TypeAlias

from rpy2.rinterface_lib import openrlib

from mxr.operator import MxError
from mxr.runtime import costs

R, ffi = openrlib.rlib, openrlib.ffi
NIL = R.R_NilValue
Sexp: TypeAlias = Any  # a pointer to an R object, C type SEXP, as cffi holds it
_library = ctypes.PyDLL(None)
if not hasattr(_library, "Rf_allocVector"):
    raise MxError(
        "R does not run in this process yet, or was started by something else than mxr: call "
        "`from mxr.r import host; host.start()` first"
    )
_SEXP, _int, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_ssize_t
_double, _text, _nothing = ctypes.c_double, ctypes.c_char_p, None


def address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _function(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function


def _pointer(kind: str, function: Callable[..., Any]) -> Callable[[Sexp], Any]:
    """`function` of one R object, whose result is a pointer of the C type `kind`."""
    ctype, cast, word = ffi.typeof(kind), ffi.cast, ffi.typeof("uintptr_t")
    return lambda x: cast(ctype, function(int(cast(word, x))))


_allocate = _function("Rf_allocVector", _SEXP, _int, _long)
_mkchar = _function("Rf_mkCharLenCE", _SEXP, _text, _int, _int)
_scalar_real = _function("Rf_ScalarReal", _SEXP, _double)
_external = _function("R_MakeExternalPtr", _SEXP, _SEXP, _SEXP, _SEXP)
_set_attribute = _function("Rf_setAttrib", _SEXP, _SEXP, _SEXP, _SEXP)
_finalize = _function("R_RegisterFinalizer", _nothing, _SEXP, _SEXP)
_preserve = _function("R_PreserveObject", _nothing, _SEXP)
_freeze = _function("MARK_NOT_MUTABLE", _nothing, _SEXP)
_string = _function("STRING_ELT", _SEXP, _SEXP, _long)
_install = _function("Rf_install", _SEXP, _text)
_lang2 = _function("Rf_lang2", _SEXP, _SEXP, _SEXP)
_cons = _function("Rf_lcons", _SEXP, _SEXP, _SEXP)
_eval = _function("R_tryEval", _SEXP, _SEXP, _SEXP, ctypes.POINTER(_int))
collect = _function("R_gc", _nothing)

_find_variable = _function("Rf_findVarInFrame", _SEXP, _SEXP, _SEXP)

_SEXP_C = ffi.typeof("SEXP")


_MAKERS = {
    R.REALSXP: "numeric",
    R.LGLSXP: "logical",
    R.INTSXP: "integer",
    R.STRSXP: "character",
    R.RAWSXP: "raw",
}


def allocate(kind: int, n: int) -> Sexp:
    """A vector of n elements. A large one is made by an R function under `R_tryEval`, so that out of memory
    is an error and not a jump over Python's frames."""
    if n < costs.GUARDED_NUMBERS or kind not in _MAKERS:
        return ffi.cast(_SEXP_C, _allocate(kind, n))
    count = R.Rf_protect(scalar_real(n))
    vector = evaluate(_MAKERS[kind], count)
    R.Rf_unprotect(1)
    if vector is None:
        raise MxError(f"R has no memory for {n} elements")
    return vector


def char(text: str) -> Sexp:
    """A CHARSXP: one element of a character vector."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise MxError(
            f"R cannot hold the text {text[:60]!r}: it has half a character (a lone surrogate)"
        ) from None
    if b"\0" in data:  # for R an error, which would jump over Python's frames
        raise MxError(f"R cannot hold the text {text[:60]!r}: it has a zero character")
    if len(data) >= 2**31:
        raise MxError(f"R cannot hold a text of {len(data)} bytes: its texts end at 2^31 - 1")
    return ffi.cast(_SEXP_C, _mkchar(data, len(data), 1))


def scalar_real(value: float) -> Sexp:
    return ffi.cast(_SEXP_C, _scalar_real(value))


def external(number: int, tag: Sexp = NIL) -> Sexp:
    """An external pointer to the address `number`."""
    return ffi.cast(_SEXP_C, _external(number, address(tag), address(NIL)))


def set_attribute(x: Sexp, name: Sexp, value: Sexp) -> None:
    _set_attribute(address(x), address(name), address(value))


def finalize(x: Sexp, closure: Sexp) -> None:
    """Have R call its function `closure` with `x` when nothing refers to `x` any more."""
    _finalize(address(x), address(closure))


def freeze(x: Sexp) -> None:
    """Make the R object x immutable: R code that changes it gets a copy."""
    _freeze(address(x))


def preserve(x: Sexp) -> Sexp:
    """x, which R's collector spares until R_ReleaseObject."""
    _preserve(address(x))
    return x


def symbol(name: str) -> Sexp:
    return ffi.cast(_SEXP_C, _install(name.encode()))


def string(x: Sexp, i: int) -> Sexp:
    """Element i of a character vector. R may allocate it only now (ALTREP)."""
    return ffi.cast(_SEXP_C, _string(address(x), i))


def variable(environment: Sexp, name: Sexp) -> Sexp:
    """The value of a variable of an environment itself; `R_UnboundValue` where there is none."""
    return ffi.cast(_SEXP_C, _find_variable(address(environment), address(name)))


def evaluate(function: str, argument: Sexp, name: str | None = None) -> Sexp | None:
    """`function(name = argument)` in R, or None if that is an error."""
    call = R.Rf_protect(ffi.cast(_SEXP_C, _lang2(address(symbol(function)), address(argument))))
    if name:
        R.SET_TAG(R.CDR(call), symbol(name))
    failed = _int(0)
    value = _eval(address(call), address(R.R_BaseEnv), ctypes.byref(failed))
    R.Rf_unprotect(1)
    return None if failed.value else ffi.cast(_SEXP_C, value)


def call_of(function: Sexp, slots: int) -> Sexp:
    """A call of an R function with `slots` arguments, NULL at first. `evaluate_call` takes it any number of
    times. It lives until R_ReleaseObject."""
    call = NIL
    for _ in range(slots):
        R.Rf_protect(call)
        call = ffi.cast(_SEXP_C, _cons(address(NIL), address(call)))
        R.Rf_unprotect(1)
    R.Rf_protect(call)
    call = ffi.cast(_SEXP_C, _cons(address(function), address(call)))
    R.Rf_unprotect(1)
    return preserve(call)


def evaluate_call(call: Sexp) -> Sexp | None:
    """The value of a call, unprotected; None if it ended by an error or an interrupt."""
    failed = _int(0)
    value = _eval(address(call), address(R.R_GlobalEnv), ctypes.byref(failed))
    return None if failed.value else ffi.cast(_SEXP_C, value)


doubles = _pointer("double *", _function("REAL", _SEXP, _SEXP))
integers = _pointer("int *", _function("INTEGER", _SEXP, _SEXP))
logicals = _pointer("int *", _function("LOGICAL", _SEXP, _SEXP))
raws = _pointer("unsigned char *", _function("RAW", _SEXP, _SEXP))
_encoding = _function("Rf_getCharCE", _int, _SEXP)
_NATIVE, _BYTES = 0, 3
_C_CODESET = "ANSI_X3.4-1968"
_translate = _pointer("char *", _function("Rf_translateCharUTF8", _SEXP, _SEXP))


def utf8(x: Sexp) -> Any:
    """The characters of a CHARSXP, as a C string in UTF-8."""
    encoding = _encoding(address(x))
    if encoding == _NATIVE and locale.nl_langinfo(locale.CODESET) == _C_CODESET:
        # the C locale has no characters for bytes above 127 (of a file name, say): R would write <c3><a9>
        return R.R_CHAR(x)
    if encoding == _BYTES:  # for R an error, which would jump over Python's frames
        raise MxError(
            'a text of encoding "bytes" cannot be used; say what it is by Encoding(x) <- "UTF-8" or '
            '"latin1", or iconv(x)'
        )
    return _translate(x)


def native_symbol(callback: Any) -> Sexp:
    """A C function pointer as R's `.Call` takes it."""
    return external(address(callback), symbol("native symbol"))
