"""A FastCGI client (FastCGI specification 1.0), that talks to api-fcgi without nginx."""

import fcntl
import json
import socket
import struct
import termios

from .waiting import LIMIT_SECONDS, wait_for

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7


def record(kind, content=b"", request_id=1):
    return struct.pack(">BBHHBx", 1, kind, request_id, len(content), 0) + content


def _length(number):
    return bytes([number]) if number < 128 else struct.pack(">I", number | 1 << 31)


def parameters(pairs):
    return b"".join(_length(len(name)) + _length(len(value)) + name.encode() + value.encode()
                    for name, value in pairs)


def request(method, path, body=b"", keep=True, content_type="application/json", length=None,
            query="", more=()):
    """The bytes of a whole request."""
    pairs = [("REQUEST_METHOD", method), ("DOCUMENT_URI", path), ("QUERY_STRING", query),
             ("HTTP_CONTENT_TYPE", content_type if body else ""), ("REQUEST_ID", "from-a-test"),
             ("CONTENT_LENGTH", str(len(body) if length is None else length)), *more]
    begin = record(BEGIN_REQUEST, struct.pack(">HB5x", 1, 1 if keep else 0))
    stdin = b"".join(record(STDIN, body[i:i + 60000]) for i in range(0, len(body), 60000))
    return begin + record(PARAMS, parameters(pairs)) + record(PARAMS) + stdin + record(STDIN)


class Connection:
    def __init__(self, gateway, limit=LIMIT_SECONDS):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(limit)
        # A short path, wherever the test's folder is.
        self.folder = gateway.folder
        self.socket.connect(f"/proc/self/fd/{_folder_fd(gateway.folder / 'run')}/api.sock")
        self.data = b""
        self.authorization = [("HTTP_" + name.upper(), value)
                              for name, value in gateway.authorization().items()]

    def request(self, *arguments, more=(), **options):
        """The bytes of a whole request, with the gateway's key."""
        return request(*arguments, more=(*self.authorization, *more), **options)

    def send(self, data):
        self.socket.sendall(data)

    def send_and_be_read(self, data):
        """Sends, and returns when api-fcgi has read all of it."""
        self.send(data)
        wait_for(lambda: not struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0],
                 "a request to be read")

    def _read(self, count):
        while len(self.data) < count:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            self.data += piece
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def answer(self):
        """Reads one answer: (status, body as JSON or text)."""
        out = b""
        while True:
            _, kind, _, length, padding = struct.unpack(">BBHHBx", self._read(8))
            content = self._read(length + padding)[:length]
            if kind == STDOUT:
                out += content
            elif kind == END_REQUEST:
                head, _, body = out.partition(b"\r\n\r\n")
                status = int(head.split(b"Status: ")[1][:3])
                text = body.decode()
                return status, json.loads(text) if b"json" in head else text

    def ask(self, *arguments, **more):
        self.send(self.request(*arguments, **more))
        return self.answer()

    def is_closed(self):
        """Waits for api-fcgi to close; True when it sent nothing more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


_folders = {}


def _folder_fd(folder):
    import os

    if folder not in _folders:
        _folders[folder] = os.open(folder, os.O_PATH)
    return _folders[folder]
