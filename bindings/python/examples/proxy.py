#!/usr/bin/env python3
"""An OpenAI-compatible proxy that answers hopeless requests at once instead of after minutes.

  python proxy.py --upstream http://127.0.0.1:8080 --model qwen3-coder-30b-a3b --quant Q4_K_M --hw mac-studio-m2-ultra-64gb --ctx 131072

Every chat and text completion is held against a plan before it is forwarded. One that overflows the context is answered with status 400 and
code context_length_exceeded, one that cannot be done in time with 422 and code deadline_exceeded; both say by how much. A client states its
deadline in the header X-Deadline-Seconds; --deadline is for those that do not. Everything else passes through, streams included.
"""
from __future__ import annotations

import argparse
import http.client
import json
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List, Optional, Tuple

import ctxfit

CHECKED = ("/v1/chat/completions", "/v1/completions")
# of one connection only (RFC 9110 7.6.1), or set anew
HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}
BYTES_PER_TOKEN = 3  # where the upstream cannot count: English has about 4, so this errs on the side of more tokens
TOKENS_PER_MESSAGE = 8  # role and separators of common chat templates
MAX_BODY = 64 << 20


class Refusal(Exception):
    """An answer in OpenAI's form instead of a forwarded request."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


class Gate:
    """Holds requests against one plan."""

    def __init__(self, plan: ctxfit.Plan, upstream: str, deadline_s: Optional[float] = None) -> None:
        self.plan = plan
        parts = urllib.parse.urlsplit(upstream)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"upstream: expected http://host:port, not {upstream!r}")
        self.upstream = parts
        self.deadline_s = deadline_s

    def connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.upstream.scheme == "https" else http.client.HTTPConnection
        return kind(self.upstream.hostname or "", self.upstream.port, timeout=600)

    def check(self, body: Dict[str, Any], deadline: Optional[str]) -> None:
        texts = prompt_texts(body)
        tokens = self.count_tokens("\n".join(texts)) + TOKENS_PER_MESSAGE * len(texts)
        output = body.get("max_completion_tokens") or body.get("max_tokens") or 0
        try:
            seconds = float(deadline) if deadline is not None else self.deadline_s
            answer = self.plan.check(tokens, output=output, deadline_s=seconds)
        except (TypeError, ValueError) as error:
            raise Refusal(400, "invalid_value", str(error)) from error
        if answer.outcome & ctxfit.Outcome.OVERFLOW:
            raise Refusal(
                400,
                "context_length_exceeded",
                f"the prompt of {tokens} tokens and {output} of output are {answer.overflow_tokens} more than the {answer.limit_tokens} of "
                f"'{ctxfit.limit_name(answer.limit_kind)}'; the longest prompt that passes has {answer.largest_prompt_tokens} tokens",
            )
        if answer.outcome & ctxfit.Outcome.TOO_SLOW:
            raise Refusal(
                422,
                "deadline_exceeded",
                f"about {answer.expected_s:.0f} s are expected for {tokens} tokens and {output} of output, {answer.late_s:.0f} s more than the "
                f"deadline; the longest prompt that passes has {answer.largest_prompt_tokens} tokens",
            )

    def count_tokens(self, text: str) -> int:
        """By the upstream's tokenizer (llama-server has /tokenize), otherwise by length."""
        connection = self.connect()
        try:
            connection.request("POST", "/tokenize", json.dumps({"content": text}), {"Content-Type": "application/json"})
            response = connection.getresponse()
            data = response.read()
            if response.status == 200:
                return len(json.loads(data)["tokens"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            pass
        finally:
            connection.close()
        return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def prompt_texts(body: Dict[str, Any]) -> List[str]:
    """Every text of a request, tools included. Images are not counted."""
    found: List[str] = []
    prompt = body.get("prompt")
    found += [prompt] if isinstance(prompt, str) else [p for p in prompt or [] if isinstance(p, str)]
    for message in body.get("messages") or []:
        content = message.get("content") if isinstance(message, dict) else None
        parts = [content] if isinstance(content, str) else [p.get("text") for p in content or [] if isinstance(p, dict)]
        found.append("\n".join(p for p in parts if isinstance(p, str)))
    if body.get("tools"):
        found.append(json.dumps(body["tools"]))
    return found


def make_handler(gate: Gate) -> type:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.forward(None)

        def do_POST(self) -> None:
            try:
                self.forward(self.checked_body())
            except Refusal as refusal:
                self.close_connection = True
                self.answer(refusal.status, refusal.body)

        def checked_body(self) -> bytes:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MAX_BODY:
                raise Refusal(413 if length.isdigit() else 411, "invalid_value", "expected a body with Content-Length, at most 64 MiB")
            data = self.rfile.read(int(length))
            if urllib.parse.urlsplit(self.path).path.rstrip("/") in CHECKED:
                try:
                    body = json.loads(data)
                except ValueError as error:
                    raise Refusal(400, "invalid_json", f"the body is not JSON: {error}") from error
                if not isinstance(body, dict):
                    raise Refusal(400, "invalid_json", "the body is no JSON object")
                gate.check(body, self.headers.get("X-Deadline-Seconds"))
            return data

        def forward(self, data: Optional[bytes]) -> None:
            connection = gate.connect()
            try:
                headers = {n: v for n, v in self.headers.items() if n.lower() not in HOP}
                connection.request(self.command, gate.upstream.path.rstrip("/") + self.path, data, headers)
                self.relay(connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                self.close_connection = True
                self.answer(502, {"error": {"message": f"upstream: {error}", "type": "server_error", "param": None, "code": "bad_gateway"}})
            finally:
                connection.close()

        def relay(self, response: http.client.HTTPResponse) -> None:
            """As it comes: a stream of events must not wait for its end."""
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                for piece in iter(lambda: response.read1(1 << 16), b""):
                    self.wfile.write(piece)
                    self.wfile.flush()
            except (OSError, http.client.HTTPException):
                pass  # one side hung up; the status has been sent

        def answer(self, status: int, body: Dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def make_server(gate: Gate, address: Tuple[str, int]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(address, make_handler(gate))
    server.daemon_threads = True
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", required=True, help="address of the real server")
    parser.add_argument("--model", required=True, help="name of the catalog, or a .gguf file or address")
    parser.add_argument("--hw", required=True, help="machine, such as '2*rtx-4090 host:64GiB'")
    parser.add_argument("--quant", help="file type of a catalog's model")
    parser.add_argument("--ctx", type=int, help="context of the upstream server")
    parser.add_argument("--parallel", type=int, help="its slots")
    parser.add_argument("--kv", help="its cache type")
    parser.add_argument("--deadline", type=float, help="seconds, for clients that state none")
    parser.add_argument("--port", type=int, default=8081)
    options = parser.parse_args()
    request = {"model": options.model, "hw": options.hw, "quant": options.quant, "ctx": options.ctx, "parallel": options.parallel, "kv": options.kv}
    plan = next(ctxfit.batch([request], progress=False)).unwrap()
    print(f"{plan}\nlistening on http://127.0.0.1:{options.port}/v1")
    make_server(Gate(plan, options.upstream, options.deadline), ("127.0.0.1", options.port)).serve_forever()


if __name__ == "__main__":
    main()
