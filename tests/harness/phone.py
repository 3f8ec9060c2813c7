"""A phone for tests: Debian's python3-websockets behind blocking functions."""

import asyncio
import contextlib
import json
import threading
import uuid

import websockets

from .waiting import LIMIT_SECONDS, wait_for


class _Loop:
    """One asyncio loop in a thread, for all phones of a test process."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine, limit=LIMIT_SECONDS):
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, limit), self.loop)
        return future.result()


_shared_loop = None


def _run(coroutine, limit=LIMIT_SECONDS):
    global _shared_loop
    if _shared_loop is None:
        _shared_loop = _Loop()
    return _shared_loop.run(coroutine, limit)


async def _connect(url, options):
    return await websockets.connect(url, **options)


class Phone:
    """A connection of a phone. With `hello` it sends its device information and waits for the acknowledgement."""

    def __init__(self, gateway, device_id, info=None, hello=True, token=None, **options):
        """`token`: the device token, "" for none. By default the gateway's tool makes one if the gateway requires it."""
        self.device_id = device_id
        token = gateway.device_token(device_id) if token is None else token
        if token:
            options.setdefault("extra_headers", {})["Authorization"] = f"Bearer {token}"
        options = {"compression": None, "ping_interval": None, "max_size": None,
                   "open_timeout": LIMIT_SECONDS} | options
        self.socket = _run(_connect(gateway.ws_url + device_id, options))
        if hello:
            self.send(info if info is not None else {"device_name": device_id})
            acknowledgement = self.receive()
            assert acknowledgement == {"type": "connection_ack", "device_id": device_id}

    def send(self, frame):
        """Sends an object as JSON, text and bytes unchanged, and a list of them as fragments."""
        if isinstance(frame, dict):
            frame = json.dumps(frame)
        _run(self.socket.send(frame))

    def receive(self, limit=LIMIT_SECONDS):
        return json.loads(_run(self.socket.recv(), limit))

    def receive_sms(self):
        frame = self.receive()
        assert frame["type"] == "new_sms", frame
        return frame

    def receive_error(self):
        frame = self.receive()
        assert frame["type"] == "error", frame
        return frame

    def report(self, message_id, status, **more):
        self.send({"type": "status_update", "message_id": message_id, "status": status, **more})

    def is_silent(self):
        """Whether nothing arrives before the answer to a frame that is always answered."""
        self.send({"type": "are you there?"})
        return self.receive_error()["code"] == "unknown_frame_type"

    def closed(self, limit=LIMIT_SECONDS):
        """Waits for the end of the connection. Returns (code, reason), with 1006 where no close frame came."""
        _run(self.socket.wait_closed(), limit)
        return self.socket.close_code, self.socket.close_reason

    def close(self):
        _run(self.socket.close())

    def drop(self):
        """Ends the connection without a close frame."""
        self.socket.transport.abort()
        self.closed()

    def ping(self, data=b"are you there?"):
        """Sends a ping; returns when its pong has arrived."""
        _run(self._ping(data))

    async def _ping(self, data):
        await (await self.socket.ping(data))


class AssuredPhone(Phone):
    """A phone of the assured level; the test keeps its journal."""

    def __init__(self, gateway, device_id, journal=None, entries=(), credit=8, info=None,
                 hello=True, **options):
        """`entries`: (message id, attempt, state) of its journal."""
        self.journal = journal or str(uuid.uuid4())
        self.seq = 0
        self.session = None
        super().__init__(gateway, device_id, hello=False, subprotocols=["sms-gateway.v1"],
                         **options)
        assert self.socket.subprotocol == "sms-gateway.v1"
        if hello:
            self.greet(entries, credit, info)
            welcome = self.receive()
            assert welcome["type"] == "welcome" and welcome["device_id"] == device_id, welcome
            self.session, self.credit = welcome["session"], welcome["credit"]

    def greet(self, entries=(), credit=8, info=None):
        hello = {"type": "hello", "journal": self.journal, "credit": credit}
        self.send(hello if info is None else hello | {"info": info})
        self.send({"type": "journal", "last": True, "entries": [
            {"message_id": message_id, "attempt": attempt, "state": state}
            for message_id, attempt, state in entries]})

    def receive_type(self, wanted):
        frame = self.receive()
        assert frame["type"] == wanted, frame
        return frame

    def receive_offer(self):
        frame = self.receive_type("offer")
        return frame["message_id"], frame["attempt"]

    def expect(self, wanted, message_id, attempt):
        assert self.receive() == {"type": wanted, "message_id": message_id, "attempt": attempt}

    def answer(self, kind, message_id, attempt, **more):
        """Sends `ack` or `nack`."""
        self.send({"type": kind, "message_id": message_id, "attempt": attempt, **more})

    def take(self):
        """Accepts the next offer; returns when the message is released."""
        message_id, attempt = self.receive_offer()
        self.answer("ack", message_id, attempt)
        self.expect("release", message_id, attempt)
        return message_id, attempt

    def report(self, message_id, attempt, status, ack=True, **more):
        self.seq += 1
        self.send({"type": "report", "seq": self.seq, "message_id": message_id,
                   "attempt": attempt, "status": status, **more})
        if ack:
            assert self.receive() == {"type": "report_ack", "seq": self.seq}


class WorkingPhone(Phone):
    """A phone that reports each message at once, as `status`."""

    def __init__(self, gateway, device_id, info=None, status="sent", **options):
        super().__init__(gateway, device_id, info, **options)
        self.status = status
        self.received = []  # every new_sms, in order
        self.errors = []    # every error frame
        self.work = asyncio.run_coroutine_threadsafe(self._work(), _shared_loop.loop)

    async def _work(self):
        try:
            async for text in self.socket:
                await self._take(json.loads(text))
        except websockets.ConnectionClosed:
            pass

    async def _take(self, frame):
        if frame["type"] == "error":
            self.errors.append(frame)
            return
        self.received.append(frame)
        with contextlib.suppress(websockets.ConnectionClosed):  # other messages came before the end
            await self.socket.send(json.dumps({"type": "status_update", "status": self.status,
                                               "message_id": frame["message_id"]}))

    def catch_up(self):
        """Returns when `received` has everything that the gateway has sent so far."""
        count = len(self.errors)
        self.send({"type": "are you there?"})
        wait_for(lambda: len(self.errors) > count, "the answer to a frame")

    def ids(self):
        return [frame["message_id"] for frame in self.received]

    def close(self):
        super().close()
        self.work.result(LIMIT_SECONDS)
