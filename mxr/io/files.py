"""Reading whole files, and writing a file so that a failure leaves the old one unchanged."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from mxr.operator import FileError, MxError


def path_of(path: Any, what: str) -> Any:
    """`path` (text or a pathlib.Path) as the operating system takes it. MxError, which names `what`, for
    anything else."""
    if not isinstance(path, int):
        try:
            return os.fspath(path)
        except TypeError:
            pass
    raise MxError(f"the path of {what} must be text, not {type(path).__name__}")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file object for the new content of `path`.

    It is a temporary file in the same folder, renamed to `path` at the end and removed if anything fails.
    Links are followed, and the old file's permissions are preserved. A special file such as /dev/null is
    written directly. MxError, with the path, if writing fails.
    """
    path = path_of(path, "the file to write")
    try:
        path = os.path.realpath(path)
    except FileNotFoundError:
        raise MxError(f"cannot write {path}: the working directory does not exist any more") from None
    folder = os.path.dirname(path)
    try:
        mode = os.stat(path).st_mode if os.path.exists(path) else None
        if mode is not None and not stat.S_ISREG(mode):
            with open(path, "wb") as f:
                yield f
            return
        fd, temporary = tempfile.mkstemp(dir=folder, prefix=f".{os.path.basename(path)[:40]}.")
    except FileNotFoundError:
        raise MxError(
            f"cannot write {path}: there is no folder {folder} (the working directory is {os.getcwd()})"
        ) from None
    except OSError as e:
        raise FileError(f"cannot write {path}: {e.strerror}") from None
    try:
        with os.fdopen(fd, "wb") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask if mode is None else stat.S_IMODE(mode))
        os.replace(temporary, path)
    except OSError as e:
        os.unlink(temporary)
        raise FileError(f"cannot write {path}: {e.strerror}") from None
    except BaseException:
        os.unlink(temporary)
        raise


def write_atomically(path: str | os.PathLike[str], *chunks: bytes | memoryview) -> None:
    """Write `chunks` to `path`. A failure leaves the old file unchanged."""
    with replacing(path) as f:
        f.writelines(chunks)


def read_bytes(path: str, what: str) -> bytes:
    """The file's content. MxError, which names `what` and the reason, if it cannot be read."""
    path = path_of(path, f"a {what}")
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        raise FileError(f"cannot read {what} {path}: {e.strerror}") from None
