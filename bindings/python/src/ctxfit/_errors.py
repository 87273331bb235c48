"""Exceptions: each status of the library has a class, which is also the built-in one that a Python user expects."""
from __future__ import annotations

from typing import Dict, Optional, Type

from ._enums import Status


class Error(Exception):
    """A call of the library failed."""

    #: what kind of failure it is
    status: Status = Status.INVALID_ARG
    #: byte of the input at which the fault lies, None where the input has no bytes
    offset: Optional[int] = None
    #: a number that depends on the status: a wanted length, a limit, errno; otherwise 0
    detail: int = 0
    #: what is wrong, where, and what was expected
    message: str = ""

    def __init__(self, message: str, status: Optional[Status] = None, offset: Optional[int] = None, detail: int = 0) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status
        self.offset = offset
        self.detail = detail

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> "tuple[object, ...]":
        return type(self), (self.message, self.status, self.offset, self.detail)


class InvalidArgument(Error, ValueError):
    """A value is outside its range."""


class OutOfMemory(Error, MemoryError):
    """No memory."""

    status = Status.NO_MEMORY


class NotFound(Error, LookupError):
    """An unknown name, a missing key, a place past the end. Where names were looked up the message holds the nearest."""

    status = Status.NOT_FOUND


class MissingKey(NotFound, KeyError):
    """A key that a file does not have."""


class TooLarge(Error, OverflowError):
    """A byte count does not fit in 64 bits."""

    status = Status.OVERFLOW


class InputOutput(Error, OSError):
    """A file could not be opened or read. `errno` is the system's number."""

    status = Status.IO

    def __init__(self, message: str, status: Optional[Status] = None, offset: Optional[int] = None, detail: int = 0) -> None:
        super().__init__(message, status, offset, detail)
        self.errno = detail or None


class Truncated(Error, EOFError):
    """More input is needed: `detail` is the length of the prefix that is wanted next."""

    status = Status.TRUNCATED


class Malformed(Error, ValueError):
    """Broken input; `offset` says where."""

    status = Status.MALFORMED


class Unsupported(Error, ValueError):
    """Well-formed, but beyond this version of the library."""

    status = Status.UNSUPPORTED


class LimitReached(Error, ValueError):
    """A limit was hit; `detail` is the limit."""

    status = Status.LIMIT


class WrongType(Error, TypeError):
    """The key exists, with another type."""

    status = Status.TYPE


class Incomplete(Error, ValueError):
    """A model lacks a fact that its architecture needs; the message names it."""

    status = Status.INCOMPLETE


class Refused(Error, ValueError):
    """The engine does not run this combination; the message is its reason."""

    status = Status.REFUSED


class Closed(Error, ValueError):
    """The object was closed: make a new one, or use it inside its `with` block."""


class LibraryError(ImportError):
    """The C library is missing or has another version. The message says what was tried and what to do."""


CLASSES: Dict[Status, Type[Error]] = {
    Status.INVALID_ARG: InvalidArgument,
    Status.NO_MEMORY: OutOfMemory,
    Status.NOT_FOUND: NotFound,
    Status.OVERFLOW: TooLarge,
    Status.IO: InputOutput,
    Status.TRUNCATED: Truncated,
    Status.MALFORMED: Malformed,
    Status.UNSUPPORTED: Unsupported,
    Status.LIMIT: LimitReached,
    Status.TYPE: WrongType,
    Status.INCOMPLETE: Incomplete,
    Status.REFUSED: Refused,
}
