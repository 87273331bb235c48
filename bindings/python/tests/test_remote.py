"""Headers through HTTP: servers with ranges, without, failing midway, lying, redirecting, all on the loopback interface."""
from __future__ import annotations

import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

import ctxfit
from ctxfit import _remote

FIRST = 65536  # what the prefix contract asks for first


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf_file(tokens: int, data: int = 0, tensors: int = 1, keys: bytes = b"", key_count: int = 0, prefix: str = "t") -> bytes:
    """A file with a vocabulary of some tokens, tensors of 32 floats each, and bytes behind them."""
    vocabulary = text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, tokens) + b"".join(text(b"token%05d" % i) for i in range(tokens))
    names = b"".join(text(f"{prefix}{i}".encode()) + struct.pack("<IQIQ", 1, 32, 0, 128 * i) for i in range(tensors))
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, 1 + key_count) + vocabulary + keys + names
    return head + bytes(-len(head) % 32) + bytes(128 * tensors + data)


SMALL = gguf_file(10)
LARGE = gguf_file(50_000, data=32 << 20)
LARGE_HEADER = len(LARGE) - (32 << 20) - 128


class Server:
    """Answers each request by a function; remembers the requests and the bytes that it sent."""

    def __init__(self) -> None:
        self.files: Dict[str, bytes] = {}
        self.requests: List[Tuple[str, Optional[str], Dict[str, str]]] = []
        self.sent = 0
        self.answer: Callable[[Any, bytes], None] = ranges
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append((self.path, self.headers.get("Range"), dict(self.headers)))
                body = server.files.get(self.path.partition("?")[0])
                if body is None:
                    self.send_error(404)
                else:
                    server.answer(self, body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def say(self, status: int, body: bytes, cut: Optional[int] = None, **headers: str) -> None:
                """An answer; `cut`: the connection breaks after so many bytes of it."""
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    if value:
                        self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                data = body if cut is None else body[:cut]
                try:
                    for start in range(0, len(data), 1 << 16):
                        server.sent += len(data[start : start + (1 << 16)])  # before: the client may be done when write() returns
                        self.wfile.write(data[start : start + (1 << 16)])
                except OSError:
                    self.close_connection = True
                if cut is not None:
                    self.close_connection = True

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


def wanted(handler: Any) -> Tuple[int, int]:
    first, last = handler.headers["Range"].replace("bytes=", "").split("-")
    return int(first), int(last) + 1


def part(handler: Any, body: bytes, cut: Optional[int] = None, total: Optional[str] = None, **headers: str) -> None:
    start, stop = wanted(handler)
    stop = min(stop, len(body))
    if start >= len(body):
        handler.say(416, b"", Content_Range=f"bytes */{len(body)}")
    else:
        handler.say(206, body[start:stop], cut, Content_Range=f"bytes {start}-{stop - 1}/{total or len(body)}", **headers)


def ranges(handler: Any, body: bytes) -> None:
    part(handler, body)


def no_ranges(handler: Any, body: bytes) -> None:
    handler.say(200, body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(_remote, "_FIRST_PAUSE_S", 0.001)
    for name in ("HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    made.files = {"/small.gguf": SMALL, "/large.gguf": LARGE}
    yield made
    made.stop()


# ---- servers that work --------------------------------------------------------------------------------------------------------
def test_only_the_header_is_transferred(server: Server) -> None:
    gguf = ctxfit.Gguf.open(server.url + "/large.gguf")
    assert gguf.metadata.key("tokenizer.ggml.tokens").count == 50_000 and gguf.data_offsets == (LARGE_HEADER,)
    ends = [int(str(r[1]).split("-")[1]) + 1 for r in server.requests]
    starts = [int(str(r[1])[6:].split("-")[0]) for r in server.requests]
    assert starts == [0, *ends[:-1]] and ends[0] <= FIRST, "each request goes on where the last one ended"
    assert server.sent == ends[-1] < 2 * LARGE_HEADER
    assert len(server.requests) <= 6


def test_a_small_file_takes_one_or_two_requests(server: Server) -> None:
    assert len(ctxfit.Gguf.open(server.url + "/small.gguf").tensors) == 1
    assert len(server.requests) <= 2 and server.sent == len(SMALL)


def test_a_server_without_ranges_is_read_once_and_only_as_far_as_needed(server: Server) -> None:
    server.answer = no_ranges
    gguf = ctxfit.Gguf.open(server.url + "/large.gguf")
    assert gguf.metadata.key("tokenizer.ggml.tokens").count == 50_000
    assert len(server.requests) == 1
    assert server.sent < len(LARGE), "the connection is closed when the header is there"


def test_a_server_that_states_no_size(server: Server) -> None:
    server.answer = lambda handler, body: part(handler, body, total="*")
    assert len(ctxfit.Gguf.open(server.url + "/large.gguf").tensors) == 1
    assert len(ctxfit.Gguf.open(server.url + "/small.gguf").tensors) == 1

    def stream(handler: Any, body: bytes) -> None:
        handler.close_connection = True
        handler.say(200, body, Content_Length="", Connection="close")

    server.answer = stream
    assert len(ctxfit.Gguf.open(server.url + "/large.gguf").tensors) == 1
    assert len(ctxfit.Gguf.open(server.url + "/small.gguf").tensors) == 1


def test_a_server_that_gives_less_than_asked_for(server: Server) -> None:
    def little(handler: Any, body: bytes) -> None:
        start, stop = wanted(handler)
        stop = min(stop, start + 10_000, len(body))
        handler.say(206, body[start:stop], Content_Range=f"bytes {start}-{stop - 1}/{len(body)}")

    server.answer = little
    assert len(ctxfit.Gguf.open(server.url + "/large.gguf", retries=0).tensors) == 1


def test_a_checkpoint_through_http(server: Server) -> None:
    def shard(name: str, data: int) -> bytes:
        header = json.dumps({name: {"dtype": "U8", "shape": [data], "data_offsets": [0, data]}}).encode()
        return struct.pack("<Q", len(header)) + header + bytes(data)

    index = {"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}
    config = {"model_type": "llama", "num_hidden_layers": 2, "vocab_size": 64, "hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 2}
    server.files = {
        "/r/m-1.safetensors": shard("a", 1 << 20),
        "/r/m-2.safetensors": shard("b", 1 << 21),
        "/r/m.safetensors.index.json": json.dumps(index).encode(),
        "/r/config.json": json.dumps(config).encode(),
    }
    try:
        model = ctxfit.Model.open(server.url + "/r/config.json", quant="Q4_0")
    except ctxfit.Unsupported:
        pytest.skip("built without JSON")
    assert (model.arch, model.file_type) == ("llama", "Q4_0")
    server.sent = 0
    weights = ctxfit.Safetensors.open(server.url + "/r/m.safetensors.index.json")
    assert (weights.bytes, weights.shard_count) == ((1 << 20) + (1 << 21), 2)
    assert server.sent < 1 << 18
    with pytest.raises(ctxfit.LimitReached):
        ctxfit.Safetensors.open(server.url + "/r/m-1.safetensors", max_bytes=16)


def test_a_model_through_http_is_the_model_of_the_file(server: Server, header: bytes) -> None:
    server.files["/m.gguf"] = header
    model = ctxfit.Model.open(server.url + "/m.gguf", header_only=True)
    assert model.arch == "qwen" and len(model.tensors) == 39


# ---- failures -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_connection_that_breaks_is_taken_up_where_it_broke(server: Server, has_ranges: bool) -> None:
    breaks = [1000, 70_000, 300_000]

    def breaking(handler: Any, body: bytes) -> None:
        cut = breaks.pop(0) if breaks else None
        if has_ranges:
            part(handler, body, cut)
        else:
            handler.say(200, body, cut)

    server.answer = breaking
    gguf = ctxfit.Gguf.open(server.url + "/large.gguf")
    assert gguf.metadata.key("tokenizer.ggml.tokens").count == 50_000
    assert not breaks
    if has_ranges:
        assert server.requests[1][1] is not None and server.requests[1][1].startswith("bytes=1000-")


def test_a_server_that_always_breaks_ends_in_an_error(server: Server) -> None:
    server.answer = lambda handler, body: part(handler, body, cut=0)
    with pytest.raises(ctxfit.InputOutput, match=r"large.gguf: .* at byte 0, tried 3 times") as caught:
        ctxfit.Gguf.open(server.url + "/large.gguf", retries=2)
    assert len(server.requests) == 3
    assert isinstance(caught.value, OSError) and caught.value.status is ctxfit.Status.IO


def test_busy_servers_are_asked_again_and_refusals_are_not(server: Server) -> None:
    answers = [503, 429, 500]

    def busy(handler: Any, body: bytes) -> None:
        if answers:
            handler.say(answers.pop(0), b"")
        else:
            part(handler, body)

    server.answer = busy
    assert len(ctxfit.Gguf.open(server.url + "/small.gguf").tensors) == 1
    server.requests.clear()
    server.answer = lambda handler, body: handler.say(403, b"")
    with pytest.raises(ctxfit.InputOutput, match="403.*HF_TOKEN"):
        ctxfit.Gguf.open(server.url + "/small.gguf?key=secret")
    with pytest.raises(ctxfit.NotFound, match="404") as missing:
        ctxfit.Gguf.open(server.url + "/nothing.gguf?key=secret")
    assert "secret" not in str(missing.value) and len(server.requests) == 2


def test_a_host_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ctxfit.InputOutput, match="tried 1 times"):
            ctxfit.Gguf.open(f"http://127.0.0.1:{unused.getsockname()[1]}/x.gguf", retries=0)


def test_a_server_that_stops_talking(server: Server) -> None:
    release = threading.Event()

    def silent(handler: Any, body: bytes) -> None:
        release.wait(10)

    server.answer = silent
    try:
        with pytest.raises(ctxfit.InputOutput, match="timed out"):
            ctxfit.Gguf.open(server.url + "/small.gguf", retries=0, timeout=0.05)
    finally:
        release.set()


def test_a_file_that_changes_is_not_mixed(server: Server) -> None:
    def changing(handler: Any, body: bytes) -> None:
        part(handler, body, ETag=f'"{len(server.requests)}"')

    server.answer = changing
    with pytest.raises(ctxfit.InputOutput, match="changed while it was read"):
        ctxfit.Gguf.open(server.url + "/large.gguf")


def test_wrong_answers_are_refused(server: Server) -> None:
    server.answer = lambda handler, body: handler.say(206, body[5:100], Content_Range=f"bytes 5-99/{len(body)}")
    with pytest.raises(ctxfit.InputOutput, match="asked for bytes from 0 on"):
        ctxfit.Gguf.open(server.url + "/small.gguf")
    server.answer = lambda handler, body: handler.say(206, body[:100])
    with pytest.raises(ctxfit.InputOutput, match="asked for bytes from 0 on"):
        ctxfit.Gguf.open(server.url + "/small.gguf")
    server.answer = lambda handler, body: handler.say(200, body, Content_Encoding="gzip")
    with pytest.raises(ctxfit.InputOutput, match="gzip"):
        ctxfit.Gguf.open(server.url + "/small.gguf")
    server.answer = lambda handler, body: handler.say(200, b"<html>please log in</html>" * 10)
    with pytest.raises(ctxfit.Malformed):
        ctxfit.Gguf.open(server.url + "/small.gguf")


@pytest.mark.parametrize("answer", [ranges, no_ranges])
def test_a_truncated_file_is_malformed(server: Server, answer: Callable[[Any, bytes], None]) -> None:
    server.answer = answer
    server.files["/cut.gguf"] = LARGE[:100_000]
    with pytest.raises(ctxfit.Malformed, match="truncated"):
        ctxfit.Gguf.open(server.url + "/cut.gguf")
    server.files["/cut.gguf"] = b""
    with pytest.raises(ctxfit.Error):
        ctxfit.Gguf.open(server.url + "/cut.gguf")


@pytest.mark.parametrize("answer", [ranges, no_ranges])
def test_no_more_than_max_bytes_is_read(server: Server, answer: Callable[[Any, bytes], None]) -> None:
    server.answer = answer
    with pytest.raises(ctxfit.LimitReached, match="max_bytes is 100000"):
        ctxfit.Gguf.open(server.url + "/large.gguf", max_bytes=100_000)
    if answer is ranges:
        assert server.sent <= 100_000


def test_bytes_that_are_sent_again_count(server: Server) -> None:
    """A server without ranges that breaks again and again makes the beginning come again and again."""
    server.answer = lambda handler, body: handler.say(200, body, cut=60_000)
    with pytest.raises(ctxfit.LimitReached, match="max_bytes"):
        ctxfit.Gguf.open(server.url + "/large.gguf", max_bytes=400_000, retries=50)


# ---- addresses ----------------------------------------------------------------------------------------------------------------
def test_a_token_goes_to_its_host_only(server: Server) -> None:
    other = Server()
    other.files = {"/there.gguf": SMALL}
    try:
        server.answer = lambda handler, body: handler.say(302, b"", Location=other.url + "/there.gguf")
        headers = {"Authorization": "Bearer secret", "X-Mine": "1"}
        assert len(ctxfit.Gguf.open(server.url + "/small.gguf", headers=headers).tensors) == 1
        assert {n.lower() for n in server.requests[0][2]} >= {"authorization", "x-mine", "range"}
        assert not {n.lower() for n in other.requests[0][2]} & {"authorization", "x-mine"}
        assert other.requests[0][1] is not None and other.requests[0][1].startswith("bytes=0-")
    finally:
        other.stop()


def test_a_redirect_out_of_the_web_is_refused(server: Server) -> None:
    for target in ("file:///etc/hostname", "ftp://127.0.0.1/x"):
        server.answer = lambda handler, body: handler.say(302, b"", Location=target)
        with pytest.raises(ctxfit.InputOutput, match="302"):
            ctxfit.Gguf.open(server.url + "/small.gguf")


def test_hugging_face_addresses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
    monkeypatch.setenv("HF_TOKEN", "token")
    server.files = {"/org/repo/resolve/main/f.gguf": SMALL, "/org/repo/resolve/refs%2Fpr%2F1/a%20b/f.gguf": SMALL}
    assert len(ctxfit.Gguf.open("hf://org/repo/f.gguf").tensors) == 1
    assert len(ctxfit.Gguf.open("hf://org/repo/a b/f.gguf@refs/pr/1").tensors) == 1
    assert server.requests[0][2]["Authorization"] == "Bearer token"
    monkeypatch.delenv("HF_ENDPOINT")
    assert _remote.url_of("hf://org/repo/f.gguf") == "https://huggingface.co/org/repo/resolve/main/f.gguf"
    server.requests.clear()
    server.files["/small.gguf"] = SMALL
    ctxfit.Gguf.open(server.url + "/small.gguf")
    assert "Authorization" not in server.requests[0][2], "the token of Hugging Face is for no other host"


def shard(index: int, count: int) -> bytes:
    numbers = ((b"split.no", index), (b"split.count", count))
    keys = b"".join(text(name) + struct.pack("<IH", 2, value) for name, value in numbers)
    keys += text(b"split.tensors.count") + struct.pack("<Ii", 5, 2 * count)
    return gguf_file(5, tensors=2, keys=keys, key_count=3, prefix=f"s{index}.")


def test_split_files_are_joined(server: Server) -> None:
    server.files = {f"/dir/m-0000{i + 1}-of-00003.gguf": shard(i, 3) for i in range(3)}
    gguf = ctxfit.Gguf.open(server.url + "/dir/m-00001-of-00003.gguf?key=1")
    assert gguf.shard_count == gguf.split_count == 3 and len(gguf.tensors) == 6
    assert {r[0] for r in server.requests} == {f"/dir/m-0000{i + 1}-of-00003.gguf?key=1" for i in range(3)}
    server.files["/other.gguf"] = shard(0, 3)
    with pytest.raises(ctxfit.InvalidArgument, match="one of 3 shards.*join"):
        ctxfit.Gguf.open(server.url + "/other.gguf")
    del server.files["/dir/m-00003-of-00003.gguf"]
    with pytest.raises(ctxfit.NotFound, match="00003-of-00003"):
        ctxfit.Gguf.open(server.url + "/dir/m-00001-of-00003.gguf")


# ---- a caller's own function --------------------------------------------------------------------------------------------------
def test_a_fetch_function_is_asked_for_what_is_needed() -> None:
    asked: List[Tuple[int, int]] = []

    def fetch(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return LARGE[offset : offset + length]

    gguf = ctxfit.Gguf.fetch(fetch, file_bytes=len(LARGE))
    assert len(gguf.tensors) == 1 and asked[0][0] == 0
    assert all(a[0] + a[1] == b[0] for a, b in zip(asked, asked[1:]))
    assert sum(length for _, length in asked) < 2 * LARGE_HEADER


def test_a_fetch_function_may_give_little_at_a_time() -> None:
    assert len(ctxfit.Gguf.fetch(lambda offset, length: SMALL[offset : offset + min(length, 7)]).tensors) == 1
    with pytest.raises(ctxfit.Malformed, match="truncated"):
        ctxfit.Gguf.fetch(lambda offset, length: SMALL[:50][offset : offset + length])
    with pytest.raises(ctxfit.Error):
        ctxfit.Gguf.fetch(lambda offset, length: b"")


def test_what_a_fetch_function_raises_comes_out() -> None:
    def fetch(offset: int, length: int) -> bytes:
        raise RuntimeError("no bytes today")

    with pytest.raises(RuntimeError, match="no bytes today"):
        ctxfit.Model.open("mine", fetch=fetch)


def test_shards_through_fetch_functions() -> None:
    def fetch_of(data: bytes) -> Callable[[int, int], bytes]:
        return lambda offset, length: data[offset : offset + length]

    with pytest.raises(ctxfit.InvalidArgument, match="one of 2 shards"):
        ctxfit.Model.open("mine", fetch=fetch_of(shard(0, 2)))
    parts = [ctxfit.Gguf.fetch(fetch_of(shard(i, 2))) for i in (1, 0)]
    assert len(ctxfit.Gguf.join(parts).tensors) == 4
