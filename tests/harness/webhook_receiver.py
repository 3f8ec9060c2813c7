"""A receiver of webhooks, which answers as each path says and keeps what it got."""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
from dataclasses import dataclass

from .ports import free_port
from .waiting import LIMIT_SECONDS, wait_for

TLS = b"\x16"  # how a client of TLS begins
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Request:
    path: str
    headers: dict
    body: bytes

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def event(self):
        return json.loads(self.body)


def signature_of(secret, request):
    """As Standard Webhooks has it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


class Receiver:
    """`answers` maps a path to a list of answers, bytes: each request takes the next one, and the last one stays. None: no answer
    until the receiver is closed. A callable gets the socket."""

    def __init__(self, address=("127.0.0.1", 0), context=None, **answers):
        """Port 0: one that another receiver can have too, at another address. `context`: of TLS."""
        self.answers = {f"/{path}": list(of) for path, of in answers.items()}
        self.requests = []
        self.context = context
        self.connection_count = 0
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._connections = set()
        self.port = address[1] or free_port()
        self._listener = socket.create_server((address[0], self.port), backlog=512)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    def got(self, path):
        """The requests of a path so far."""
        return [request for request in list(self.requests) if request.path == f"/{path}"]

    def wait_got(self, path, count):
        wait_for(lambda: len(self.got(path)) >= count, f"{count} requests of {path}")
        return self.got(path)

    def choose(self, request):
        """Keeps the request, and says what it is answered."""
        self.requests.append(request)
        answers = self.answers[request.path]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(LIMIT_SECONDS)
                self._connections.add(connection)
                self.connection_count += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _secured(self, connection):
        if self.context:
            return self.context.wrap_socket(connection, server_side=True)
        if connection.recv(1, socket.MSG_PEEK) == TLS:
            connection.sendall(bytes(range(256)))
            connection.close()
        return connection

    def _serve(self, connection):
        cut_short = contextlib.suppress(OSError, ValueError, LookupError)  # also where the sender was killed
        with cut_short, self._secured(connection) as connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                path = line.split()[1].decode()
                headers = {}
                while (line := stream.readline().strip()):
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                length = int(headers["content-length"])
                request = Request(path, headers, stream.read(length))
                if len(request.body) < length:
                    return  # the sender has ended
                with self._lock:
                    answer = self.choose(request)
                if callable(answer):
                    answer(connection)
                elif answer is None:
                    self.closed.wait()
                else:
                    connection.sendall(answer)
                if answer is not OK:
                    return
        self._connections.discard(connection)

    def close(self):
        self.closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
