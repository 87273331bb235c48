"""The examples, by the clients that they are for: openai's for the proxy, mcp's for the MCP server."""
from __future__ import annotations

import asyncio
import importlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

import ctxfit
from conftest import CODER, STUDIO

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def load(name: str) -> Any:
    sys.path.insert(0, str(EXAMPLES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))


# ---- proxy --------------------------------------------------------------------------------------------------------------------
class Upstream:
    """What llama-server does of the API: a word is a token."""

    def __init__(self) -> None:
        self.requests: List[str] = []
        self.can_count = True
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.say({"object": "list", "data": [{"id": "m", "object": "model", "created": 0, "owned_by": "me"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                upstream.requests.append(self.path)
                if self.path == "/tokenize":
                    self.say({"tokens": body["content"].split()} if upstream.can_count else {}, 200 if upstream.can_count else 404)
                elif body.get("stream"):
                    self.send_response(200)
                    self.send_header("Content-Type", "text/event-stream")
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for word in ("one", "two", None):
                        event = b"data: [DONE]\n\n" if word is None else b"data: " + json.dumps(chunk(word)).encode() + b"\n\n"
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    message = {"role": "assistant", "content": "hello"}
                    self.say({"id": "1", "object": "chat.completion", "created": 0, "model": "m",
                              "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})

            def say(self, value: Dict[str, Any], status: int = 200) -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True


def chunk(word: str) -> Dict[str, Any]:
    return {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m",
            "choices": [{"index": 0, "finish_reason": None, "delta": {"content": word}}]}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield from serve(made.http, made)


def serve(server: ThreadingHTTPServer, value: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield value
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    openai = pytest.importorskip("openai")
    monkeypatch.setenv("NO_PROXY", "*")
    proxy = load("proxy")
    plan = ctxfit.plan(ctxfit.Model.from_catalog(CODER, quant="Q4_K_M"), ctxfit.Hardware(STUDIO), ctx=8192, prefill_rate=400)
    server = proxy.make_server(proxy.Gate(plan, f"http://127.0.0.1:{upstream.http.server_port}"), ("127.0.0.1", 0))
    made = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none", max_retries=0)
    try:
        yield from serve(server, made)
    finally:
        made.close()


def ask(client: Any, words: int, **more: Any) -> Any:
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "word " * words}], **more)


def test_the_proxy_forwards_what_passes(client: Any, upstream: Upstream) -> None:
    assert ask(client, 100, max_tokens=100).choices[0].message.content == "hello"
    assert upstream.requests == ["/tokenize", "/v1/chat/completions"]
    assert [m.id for m in client.models.list()] == ["m"]
    assert [c.choices[0].delta.content for c in ask(client, 100, stream=True)] == ["one", "two"]


def test_the_proxy_answers_an_overflow_with_400(client: Any, upstream: Upstream) -> None:
    import openai

    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, 8000, max_tokens=1000)
    assert caught.value.code == "context_length_exceeded" and "8192" in str(caught.value)
    over = 8000 + 8 + 1000 - 8192
    assert f"{over} more than" in str(caught.value)
    assert upstream.requests == ["/tokenize"], "nothing was forwarded"


def test_the_proxy_answers_a_deadline_with_422(client: Any, upstream: Upstream) -> None:
    import openai

    with pytest.raises(openai.UnprocessableEntityError) as caught:
        ask(client, 4000, extra_headers={"X-Deadline-Seconds": "5"})
    assert caught.value.code == "deadline_exceeded" and "about 10 s" in str(caught.value)
    assert ask(client, 4000, extra_headers={"X-Deadline-Seconds": "60"}).choices
    with pytest.raises(openai.BadRequestError, match="deadline_s"):
        ask(client, 10, extra_headers={"X-Deadline-Seconds": "-1"})


def test_the_proxy_counts_by_length_where_the_upstream_cannot(client: Any, upstream: Upstream) -> None:
    import openai

    upstream.can_count = False
    assert ask(client, 100).choices
    with pytest.raises(openai.BadRequestError, match="tokens and 0 of output"):
        ask(client, 8000)


# ---- MCP ----------------------------------------------------------------------------------------------------------------------
def test_an_agent_asks_the_mcp_server() -> None:
    mcp = pytest.importorskip("mcp")
    if not hasattr(mcp, "Client"):
        pytest.skip("mcp 1.x")

    async def talk() -> None:
        parameters = mcp.StdioServerParameters(command=sys.executable, args=[str(EXAMPLES / "mcp_server.py")])
        async with mcp.Client(parameters) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == {"plan", "check", "largest_context"}
            where = {"model": CODER, "quant": "Q4_K_M", "hardware": STUDIO}
            plan = ctxfit.plan(ctxfit.Model.from_catalog(CODER, quant="Q4_K_M"), STUDIO, ctx=65536)

            told = await client.call_tool("plan", {**where, "context": 65536})
            assert not told.is_error and told.structured_content == plan.to_dict()

            told = await client.call_tool("check", {**where, "context": 65536, "prompt_tokens": 70000})
            assert told.structured_content["passes"] is False
            assert told.structured_content["overflow_tokens"] == 70000 - 65536

            told = await client.call_tool("largest_context", where)
            assert told.structured_content["tokens"] == plan.max_context

            wrong = await client.call_tool("plan", {**where, "hardware": "rtx-4909"})
            assert wrong.is_error and "rtx-4090" in wrong.content[0].text

    asyncio.run(talk())
