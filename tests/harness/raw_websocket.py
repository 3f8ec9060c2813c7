"""A WebSocket client that may break every rule: the test decides each byte.

It does nothing by itself: it answers no ping and no close frame, and reads only when the test asks.
"""

import json
import os
import re
import socket
import struct
from typing import NamedTuple

from .waiting import LIMIT_SECONDS

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x01\x02\x03\x04"
WAYS = ("nginx", "broker.sock")  # through nginx as all clients, or directly as nginx does


def encode(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None):
    """The bytes of a frame. `length` overrides the length in the header."""
    if isinstance(payload, (dict, list)):
        payload = json.dumps(payload)
    if isinstance(payload, str):
        payload = payload.encode()
    length = len(payload) if length is None else length
    if length < 126:
        size, more = length, b""
    elif length < 1 << 16:
        size, more = 126, struct.pack(">H", length)
    else:
        size, more = 127, struct.pack(">Q", length)
    head = bytes([fin << 7 | rsv << 4 | opcode, masked << 7 | size]) + more
    if not masked:
        return head + payload
    pad = (MASK * (len(payload) // 4 + 1))[:len(payload)]
    body = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + MASK + body.to_bytes(len(payload), "big")


def encode_close(code, reason=b""):
    return encode(CLOSE, struct.pack(">H", code) + reason)


def handshake(device_id="raw", path=None, leave_out=(), **more):
    """The bytes of a handshake; `more` are headers, added or replaced, with _ for -."""
    headers = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade",
               "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"GET {path or '/ws/device/' + device_id} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name not in leave_out]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    fin: bool

    def json(self):
        return json.loads(self.payload)

    def close(self):
        """(code, reason) of a close frame; 1005 when it has none (RFC 6455, 7.1.5)."""
        assert self.opcode == CLOSE and len(self.payload) != 1, self
        if not self.payload:
            return 1005, ""
        return struct.unpack(">H", self.payload[:2])[0], self.payload[2:].decode()


class Answer(NamedTuple):
    """An HTTP answer."""
    status: int
    headers: dict  # names in lower case
    body: bytes

    def json(self):
        return json.loads(self.body)


def authorize(gateway, data):
    """Adds the device's token to a handshake that needs one and has none."""
    found = re.match(rb"GET [^ ]*/([A-Za-z0-9_-]{1,64}) HTTP/1.1\r\n", data)
    token = gateway.device_token(found.group(1).decode()) if found else ""
    if not token or b"authorization:" in data.lower():
        return data
    return data[:found.end()] + f"Authorization: Bearer {token}\r\n".encode() + data[found.end():]


class RawConnection:
    """Bytes to and from the gateway's port, or the broker's own socket."""

    def __init__(self, gateway, way="nginx", receive_buffer=None):
        self.gateway = gateway
        family = socket.AF_INET if way == "nginx" else socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT_SECONDS)
        self.rest = b""  # received, not taken yet
        self.unsent = b""  # of send_what_fits
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if way == "nginx":
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.connect(("127.0.0.1", gateway.port))
            return
        folder = os.open(gateway.folder / "run", os.O_PATH)  # its path may be too long for AF_UNIX
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/{way}")
        finally:
            os.close(folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    def send(self, data):
        self.socket.sendall(data)

    def send_what_fits(self, data):
        """Sends as much as fits now, of the rest of the last call first. A closed connection is ignored."""
        self.unsent = self.unsent or data
        limit = self.socket.gettimeout()
        self.socket.settimeout(0)  # MSG_DONTWAIT would wait for as long as the limit
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent):]
        except (BlockingIOError, ConnectionError):
            pass
        self.socket.settimeout(limit)

    def send_last(self, data):
        """Sends and half-closes; the gateway may close before it has read all of it."""
        try:
            self.socket.sendall(data)
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the gateway has closed the connection

    def drop(self):
        self.socket.close()

    def _more(self):
        """Receives some bytes; False when the connection has ended."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.rest += data
        return bool(data)

    def _take(self, count):
        """Exactly `count` bytes; None when the connection ends before them."""
        while len(self.rest) < count:
            if not self._more():
                return None
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def read_to_end(self):
        """The bytes that still arrive until the gateway closes the connection."""
        while self._more():
            pass
        taken, self.rest = self.rest, b""
        return taken

    def read_answer(self):
        """An HTTP answer; None when the connection ends without one."""
        while b"\r\n\r\n" not in self.rest:
            if not self._more():
                return None
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        status_line, *lines = head.decode().split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.lower(): value.strip() for name, value in pairs}
        body = self._take(int(headers.get("content-length", 0)))
        return Answer(int(status_line.split()[1]), headers, body)


class RawWebSocket(RawConnection):
    """A phone with a valid handshake. With `info` it sends its device information and waits for the acknowledgement."""

    def __init__(self, gateway, device_id="raw", info=None, hello=True, way="nginx",
                 receive_buffer=None, then=b"", **headers):
        """`then` is sent in one write with the handshake."""
        super().__init__(gateway, way, receive_buffer)
        self.send(authorize(gateway, handshake(device_id, **headers) + then))
        self.answer = self.read_answer()
        assert self.answer is not None and self.answer.status == 101, self.answer
        if hello:
            self.send_text(info if info is not None else {"device_name": device_id})
            acknowledgement = self.receive()
            assert acknowledgement == {"type": "connection_ack", "device_id": device_id}

    def send_text(self, frame):
        self.send(encode(TEXT, frame))

    def report(self, message_id, status, **more):
        self.send_text({"type": "status_update", "message_id": message_id, "status": status,
                        **more})

    def receive_frame(self):
        """The next frame of any type; None at the end of the connection."""
        head = self._take(2)
        if head is None:
            return None
        assert not head[1] & 0x80, "the gateway masks a frame"
        length = head[1] & 0x7f
        if length >= 126:
            size = self._take(2 if length == 126 else 8)
            if size is None:
                return None
            length = int.from_bytes(size, "big")
        payload = self._take(length)
        if payload is None:
            return None
        assert not head[0] & 0x70, "the gateway sets a reserved bit"
        return Frame(head[0] & 0x0f, payload, bool(head[0] & 0x80))

    def receive(self):
        """The next text frame as JSON; pings before it are skipped."""
        while (frame := self.receive_frame()) and frame.opcode == PING:
            pass
        assert frame and frame.opcode == TEXT and frame.fin, frame
        return frame.json()

    def receive_close(self):
        """(code, reason) of a close frame; only pings may come before it."""
        while (frame := self.receive_frame()) and frame.opcode == PING:
            pass
        assert frame and frame.opcode == CLOSE, frame
        return frame.close()

    def receive_end(self):
        """Waits for the end of the connection; answers a close frame, as a phone does. Returns (code, reason), with 1006
        where no close frame came."""
        while (frame := self.receive_frame()) and frame.opcode != CLOSE:
            pass
        if frame is None:
            return 1006, ""
        self.send_last(encode(CLOSE, frame.payload[:2]))
        self.read_to_end()
        return frame.close()
