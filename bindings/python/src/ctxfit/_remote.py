"""Ranges of remote files through the standard library: retries, servers without ranges, redirects, Hugging Face addresses."""
from __future__ import annotations

import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Mapping, NamedTuple, Optional, Type

from ._enums import Status
from ._errors import InputOutput, InvalidArgument, LimitReached, NotFound
from ._layout import VERSION

_HUB = "https://huggingface.co"
_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_FIRST_PAUSE_S = 0.2
_CHUNK = 1 << 16


def url_of(name: str) -> str:
    """The address that a source with a scheme names."""
    scheme, _, rest = name.partition("://")
    kind = scheme.lower()
    if kind == "hf":
        return _hub_url(rest)
    if kind not in ("http", "https"):
        raise InvalidArgument(f"source: {kind}:// cannot be read; expected a path, https://, http:// or hf://, or a fetch function")
    parts = urllib.parse.urlsplit(name)
    if not parts.hostname:
        raise InvalidArgument(f"source: {name!r} names no host")
    return urllib.parse.urlunsplit(parts._replace(path=urllib.parse.quote(parts.path, safe="/%:@!$&'()*+,;=~"), fragment=""))


def _hub_url(name: str) -> str:
    """organisation/repository/folders/file.gguf[@revision]; a revision may hold slashes, a file's name no '@'."""
    path, _, revision = name.partition("@")
    parts = path.split("/")
    if len(parts) < 3 or not all(parts) or any(p in (".", "..") for p in parts):
        raise InvalidArgument(f"source: hf://{name}: expected hf://organisation/repository/file.gguf[@revision]")
    base = os.environ.get("HF_ENDPOINT") or _HUB
    file = urllib.parse.quote("/".join(parts[2:]))
    repository = urllib.parse.quote("/".join(parts[:2]))
    return f"{base.rstrip('/')}/{repository}/resolve/{urllib.parse.quote(revision or 'main', safe='')}/{file}"


class Settings:
    """How to ask."""

    def __init__(self, headers: Optional[Mapping[str, str]], timeout: float, retries: int) -> None:
        self.headers = dict(headers or {})
        for name, value in self.headers.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise TypeError("headers: expected str for names and values")
        self.timeout = timeout
        self.retries = retries


class _Redirects(urllib.request.HTTPRedirectHandler):
    """What a caller sends to one host, such as a token, is for no other."""

    def __init__(self, private: Mapping[str, str]) -> None:
        self._private = {name.capitalize() for name in private}

    def redirect_request(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.HTTPError(req.full_url, code, f"redirected to {newurl.split(':')[0]}:", headers, fp)
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and _origin(newurl) != _origin(req.full_url):
            for name in self._private:
                made.remove_header(name)
        return made


def _origin(url: str) -> "tuple[str, str]":
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


class _Range(NamedTuple):
    """What an answer says of itself."""

    start: int
    stop: Optional[int]
    total: Optional[int]


class HttpFile:
    """A remote file that is read from its beginning on, by ranges where the server has them."""

    def __init__(self, url: str, settings: Settings, max_bytes: int) -> None:
        self._url = url
        self._settings = settings
        self._left = max_bytes
        private = dict(settings.headers)
        token = os.environ.get("HF_TOKEN")
        hub = os.environ.get("HF_ENDPOINT") or _HUB
        if token and _origin(url) == _origin(hub) and "authorization" not in {n.lower() for n in private}:
            private["Authorization"] = f"Bearer {token}"
        self._headers = private
        self._opener = urllib.request.build_opener(_Redirects(private))
        self._stream: Any = None  # of a server that ignores ranges: the answer, read as far as _position
        self._position = 0
        self._stop: Optional[int] = None  # where the answer ends, if it said so
        self._mark: Optional[str] = None
        #: bytes of the whole file, once an answer has said it
        self.total: Optional[int] = None

    def __enter__(self) -> HttpFile:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: object) -> None:
        self._drop()

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes; fewer only at the end of the file. Failures are tried again where they stopped."""
        data = bytearray()
        failures = 0
        while len(data) < length:
            if self.total is not None and offset + len(data) >= self.total:
                break
            before = len(data)
            try:
                self._read_some(offset + len(data), length - len(data), data)
                if len(data) == before:
                    break
            except urllib.error.HTTPError as error:
                with error:
                    if error.code == 416:
                        break
                    if error.code not in _RETRY_STATUSES or failures >= self._settings.retries:
                        raise self._refusal(error) from None
            except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
                if isinstance(error, InputOutput):
                    raise
                if failures >= self._settings.retries:
                    reason = getattr(error, "reason", None) or error
                    raise InputOutput(f"{self._name()}: {reason} at byte {offset + len(data)}, tried {failures + 1} times") from error
            else:
                continue
            self._drop()
            time.sleep(_FIRST_PAUSE_S * 2**failures)
            failures += 1
        return bytes(data)

    def _read_some(self, offset: int, length: int, data: bytearray) -> None:
        if self._stream is not None and self._position != offset:
            self._drop()
        if self._stream is None:
            response = self._opener.open(self._request(offset, length), timeout=self._settings.timeout)
            try:
                answer = self._understand(response, offset)
            except BaseException:
                response.close()
                raise
            self._stream, self._position, self._stop = response, answer.start, answer.stop
        wanted = offset + length if self._stop is None else min(offset + length, self._stop)
        while self._position < wanted:
            # The beginning of the file once more, where a server without ranges was interrupted.
            skipping = max(offset - self._position, 0)
            piece = self._stream.read(min(_CHUNK, skipping or wanted - self._position))
            if not piece:
                if self._stop is not None or skipping:
                    raise http.client.IncompleteRead(b"", wanted - self._position)
                break
            self._pay(len(piece))
            self._position += len(piece)
            if not skipping:
                data += piece
        if self._stream.status == 206:
            self._drop()

    def _request(self, offset: int, length: int) -> urllib.request.Request:
        last = offset + length - 1
        fixed = {"Range": f"bytes={offset}-{last}", "Accept-Encoding": "identity", "User-Agent": f"ctxfit/{VERSION}"}
        return urllib.request.Request(self._url, headers={**fixed, **self._headers})

    def _understand(self, response: Any, offset: int) -> _Range:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise InputOutput(f"{self._name()}: the server sends it with Content-Encoding {response.headers['Content-Encoding']}")
        if response.status == 206:
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
            if found is None or int(found[1]) != offset:
                raise InputOutput(f"{self._name()}: asked for bytes from {offset} on, the answer is {response.headers.get('Content-Range')!r}")
            answer = _Range(offset, int(found[2]) + 1, None if found[3] == "*" else int(found[3]))
        elif response.status == 200:
            length = response.headers.get("Content-Length", "")
            size = int(length) if length.isdigit() else None
            answer = _Range(0, size, size)
        else:
            raise InputOutput(f"{self._name()}: HTTP status {response.status}")
        mark = f"{response.headers.get('ETag')} {answer.total}"
        if self._mark is not None and self._mark != mark:
            raise InputOutput(f"{self._name()}: the file changed while it was read")
        self._mark = mark
        self.total = answer.total
        return answer

    def _pay(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise LimitReached(f"{self._name()}: more than max_bytes had to be transferred", Status.LIMIT)

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _name(self) -> str:
        """The address without its query, which may hold a key."""
        parts = urllib.parse.urlsplit(self._url)
        return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        message = f"{self._name()}: HTTP status {error.code} {error.reason}"
        if error.code in (401, 403):
            return InputOutput(f"{message}; a private file needs headers={{'Authorization': ...}}, one of Hugging Face $HF_TOKEN")
        return NotFound(message) if error.code in (404, 410) else InputOutput(message)
