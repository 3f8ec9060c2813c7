"""An HTTP client that sends any bytes, also those that no library would send.

http.client parses the answers; errors are checked against the description of problems.
"""

import contextlib
import http.client
import io
import json
import socket

from . import raw_websocket
from .api import check_answer, check_problem
from .waiting import LIMIT_SECONDS

JSON = "Content-Type: application/json"
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def head(method, target, *headers, host="Host: gateway"):
    """The bytes of a request up to its body; `headers` are whole lines."""
    lines = [f"{method} {target} HTTP/1.1", host, *headers]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


def pairing(code):
    """A request that pairs with these bytes as its code."""
    body = b'{"code": "%s"}' % code
    return head("POST", "/api/pair", JSON, f"Content-Length: {len(body)}") + body


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.media_type = response.headers.get("Content-Type", "").split(";")[0]

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json()["code"]

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:300]}"


class _Stream(io.BufferedReader):
    """The stream that HTTPResponse reads from. It stays open after an answer, because another may follow."""

    def makefile(self, _):
        return self

    def close(self):
        pass


def is_in_form_of_smsgate(answer):
    return answer.media_type == "application/json" and set(answer.json()) == {"message"}


class RawHttp:
    """A connection to nginx from the address `source`. With an SSL context as `tls` it uses the TLS port."""

    def __init__(self, gateway, source="127.0.0.1", tls=None):
        self.gateway = gateway
        port = gateway.https_port if tls else gateway.port
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT_SECONDS, (source, 0))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.stream = _Stream(self.socket.makefile("rb", buffering=0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection now: `stream` would keep the socket open."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def authorize(self, data):
        """Adds the gateway's key, or the device's token, to a request without one."""
        line, end, rest = data.partition(b"\r\n")
        if b"/ws/device/" in line:
            return raw_websocket.authorize(self.gateway, data)
        key = self.gateway.api_key().encode()
        if not key or not end or b"\r\n\r\n" not in data or b"authorization:" in data.lower():
            return data
        return line + end + b"Authorization: Bearer " + key + end + rest

    def send(self, data):
        """Sends; the gateway may answer and close before it has read all of it."""
        try:
            self.socket.sendall(data)
        except ConnectionError:
            pass

    def end(self):
        """Half-closes the connection: answers can still arrive."""
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self, method="GET"):
        """The next answer; None when the connection ends without one."""
        response = http.client.HTTPResponse(self.stream, method=method)
        try:
            response.begin()
        except ConnectionError:  # http.client's RemoteDisconnected is one
            return None
        answer = Answer(response)
        if answer.status >= 400 and method != "HEAD" and not is_in_form_of_smsgate(answer):
            assert answer.media_type == "application/problem+json", answer
            check_problem(answer.status, answer.media_type, answer.json(),
                          answer.headers.get("X-Request-Id"))
        return answer


def ask_raw(gateway, data, method="GET", source="127.0.0.1", tls=None):
    """Sends the bytes of one request; None when the connection ends without an answer."""
    with RawHttp(gateway, source, tls) as connection:
        connection.send(connection.authorize(data))
        return connection.answer(method)


def ask(gateway, method, target, *headers, body=None, path=None):
    """Sends a well-formed request for `target`, which is not escaped.

    The answer is checked against the description of `path`, by default the target's path.
    """
    if body is not None:
        headers = (*headers, f"Content-Length: {len(body)}")
    answer = ask_raw(gateway, head(method, target, *headers) + (body or b""), method)
    assert answer is not None, f"no answer to {method} {target}"
    is_json = "json" in answer.media_type and method != "HEAD"
    check_answer(method, path or target.split("?")[0], answer.status, answer.headers,
                 answer.json() if is_json else answer.body.decode())
    return answer
