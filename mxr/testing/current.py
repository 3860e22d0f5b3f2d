"""The R session of the running test, for asserts that get R code as text."""

from __future__ import annotations

from mxr.r.sessions import Session
from mxr.r.sessions import session as new_session

_of_test: list[Session] = []


def session() -> Session:
    """The session of the test (fixture `r`), or one session for all code outside of tests."""
    if not _of_test:
        _of_test.append(new_session())
    return _of_test[-1]


def begin(of_test: Session) -> None:
    _of_test.append(of_test)


def end(of_test: Session) -> None:
    _of_test.remove(of_test)
