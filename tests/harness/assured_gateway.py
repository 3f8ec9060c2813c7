"""A scripted gateway of the assured level: it keeps all rules, and records each rule that a phone breaks."""

import asyncio
import json
import threading
from dataclasses import dataclass

import websockets

from .ports import free_port

SUBPROTOCOL = "sms-gateway.v1"
FINAL = {"delivered", "failed", "cancelled", "unknown"}
RANKS = ["queued", "dispatched", "accepted", "sending", "sent", "delivered"]
DEFINITE = {"radio_off", "no_service", "limit_exceeded", "fdn_check_failure",
            "short_code_not_allowed", "short_code_never_allowed", "radio_not_available",
            "invalid_state", "no_memory", "no_sim", "no_permission", "no_room"}


@dataclass
class Message:
    message_id: str
    text: str = "Hello!"
    phone_number: str = "+491511234567"
    status: str = "queued"
    attempt: int = 0
    device_id: str | None = None
    revoke: bool = False
    failures: int = 0


class Session:
    """One connection of a phone."""

    def __init__(self, device_id, websocket):
        self.device_id = device_id
        self.websocket = websocket
        self.epoch = None
        self.credit = 0
        self.info = None
        self.entries = []


class AssuredGateway:
    """Its state outlives connections. In its thread it calls `on_frame(session, frame)` for each frame that it has read,
    before it acts on it, and `on_sent(session, frame)` for each frame that it has written. Either may raise
    ConnectionError to drop the connection."""

    def __init__(self, on_frame=None, on_sent=None, acknowledge_reports=True):
        self.on_frame = on_frame or (lambda session, frame: None)
        self.on_sent = on_sent or (lambda session, frame: None)
        self.acknowledge_reports = acknowledge_reports
        self.messages = {}
        self.epochs = {}
        self.sessions = {}
        self.hellos = []
        self.reports = []  # (device_id, frame)
        self.incoming = {}  # (device_id, received_id): frame
        self.broken_rules = []
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    # ---- Called by the test ----

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exception):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def send(self, *messages):
        """Queues messages for the first phone with credit."""
        def queue():
            for message in messages:
                self.messages[message.message_id] = message
        self.call(queue)

    def call(self, function):
        """Runs a function in the gateway's thread, and then sends the offers that are due."""
        async def run():
            function()
            for session in list(self.sessions.values()):
                await self._offer(session)
        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def revoke(self, message_id):
        async def run():
            message = self.messages[message_id]
            message.revoke = True
            session = self.sessions.get(message.device_id)
            if session and message.status == "accepted":
                await self._write(session, "revoke", message)
        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def write(self, device_id, frame):
        """Sends any frame, unchecked."""
        asyncio.run_coroutine_threadsafe(self._send(self.sessions[device_id], frame),
                                         self._loop).result(10)

    def count(self, *statuses):
        return sum(message.status in statuses for message in list(self.messages.values()))

    # ---- Its own thread ----

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with websockets.serve(self._talk, "127.0.0.1", self.port, compression=None,
                                    subprotocols=[SUBPROTOCOL], ping_interval=None,
                                    close_timeout=1):
            self._ready.set()
            await self._stop.wait()

    def _break(self, what):
        self.broken_rules.append(what)

    async def _send(self, session, frame):
        try:
            await session.websocket.send(json.dumps(frame))
        except websockets.ConnectionClosed:
            return  # its reader will notice
        self.on_sent(session, frame)

    async def _write(self, session, kind, message):
        frame = {"type": kind, "message_id": message.message_id, "attempt": message.attempt}
        if kind == "offer":
            frame |= {"phone_number": message.phone_number, "message": message.text}
        await self._send(session, frame)

    async def _talk(self, websocket, path):
        session = Session(path.rsplit("/", 1)[1], websocket)
        if websocket.subprotocol != SUBPROTOCOL:
            self._break("no subprotocol")
        try:
            await self._greet(session)
            async for text in websocket:
                frame = json.loads(text)
                self.on_frame(session, frame)
                await self._take(session, frame)
                await self._offer(session)
        except (websockets.ConnectionClosed, ConnectionError):
            websocket.transport.abort()
        except Exception as problem:  # pylint: disable=broad-except
            self._break(f"{type(problem).__name__}: {problem}")
            raise
        finally:
            if self.sessions.get(session.device_id) is session:
                del self.sessions[session.device_id]
            for message in self.messages.values():
                if message.device_id == session.device_id and message.status == "dispatched":
                    message.status = "queued"

    async def _greet(self, session):
        hello = json.loads(await session.websocket.recv())
        self.on_frame(session, hello)
        if hello["type"] != "hello":
            self._break(f"the first frame is {hello}")
        session.epoch, session.info = hello["journal"], hello.get("info")
        session.credit = min(hello["credit"], 8)
        last = False
        while not last:
            page = json.loads(await session.websocket.recv())
            self.on_frame(session, page)
            if page["type"] != "journal" or len(page["entries"]) > 100:
                self._break(f"not a page of the journal: {page}")
            session.entries += page["entries"]
            last = page["last"]
        if len({entry["message_id"] for entry in session.entries}) != len(session.entries):
            self._break(f"an entry comes twice in {session.entries}")
        older = self.sessions.pop(session.device_id, None)
        self.sessions[session.device_id] = session
        if older:
            await older.websocket.close(4001, "replaced")
        follow = self._compare(session)
        self.hellos.append(session)
        await self._send(session, {"type": "welcome", "device_id": session.device_id,
                                   "session": len(self.hellos), "credit": session.credit})
        for kind, message in follow:
            await self._write(session, kind, message)
        await self._offer(session)

    def _compare(self, session):
        """Reconciles the messages with a phone's journal."""
        follow = []
        is_new = self.epochs.get(session.device_id) != session.epoch
        self.epochs[session.device_id] = session.epoch
        listed = {entry["message_id"]: entry for entry in session.entries}
        for message in self.messages.values():
            entry = listed.get(message.message_id)
            if message.device_id != session.device_id:
                continue
            if message.status in ("accepted", "sending"):
                if is_new:
                    message.status = "unknown"
                elif not entry:
                    self._break(f"{message} was released and is not in the journal")
                elif entry["state"] == "offered" and entry["attempt"] == message.attempt:
                    follow.append(("release", message))
                    if message.status == "sending":
                        self._break(f"{message} is sending, and in offered")
                if message.revoke:
                    follow.append(("revoke", message))
        for entry in session.entries:
            message = self.messages.get(entry["message_id"])
            if entry["state"] == "offered" and ("release", message) not in follow:
                follow.append(("drop", Message(entry["message_id"], attempt=entry["attempt"])))
        return follow

    def _in_hand(self, session):
        return sum(message.device_id == session.device_id and
                   message.status in ("dispatched", "accepted", "sending")
                   for message in self.messages.values())

    async def _offer(self, session):
        for message in list(self.messages.values()):
            if self.sessions.get(session.device_id) is not session:
                return
            if message.status == "queued" and self._in_hand(session) < session.credit:
                message.status, message.device_id = "dispatched", session.device_id
                message.attempt += 1
                await self._write(session, "offer", message)

    async def _take(self, session, frame):
        message = self.messages.get(frame.get("message_id"))
        is_current = (message and message.device_id == session.device_id and
                      message.attempt == frame.get("attempt") and
                      self.sessions.get(session.device_id) is session)
        if frame["type"] == "ack":
            if is_current and message.status in ("dispatched", "accepted"):
                message.status = "accepted"
                await self._write(session, "release", message)
            else:
                await self._send(session, {"type": "drop", "message_id": frame["message_id"],
                                           "attempt": frame["attempt"]})
        elif frame["type"] == "nack":
            if is_current and message.status == "dispatched":
                message.failures += 1
                message.status = "queued" if message.failures < 10 else "failed"
        elif frame["type"] == "report":
            self.reports.append((session.device_id, frame))
            if message:
                self._report(message, frame)
            if self.acknowledge_reports:
                await self._send(session, {"type": "report_ack", "seq": frame["seq"]})
        elif frame["type"] == "sms_received":
            if self.incoming.setdefault((session.device_id, frame["received_id"]), frame) != frame:
                self._break(f"another SMS of the same id: {frame}")
            await self._send(session, {"type": "sms_received_ack", "received_id": frame["received_id"]})
        elif frame["type"] == "credit":
            session.credit = min(frame["credit"], 8)
        elif frame["type"] != "device_update":
            self._break(f"an unknown frame: {frame}")

    def _report(self, message, frame):
        if frame["attempt"] != message.attempt:
            return
        status = frame["status"]
        if status == "failed" and frame["error_code"] in DEFINITE and not frame["parts_sent"]:
            message.failures += 1
            if message.status in ("accepted", "sending"):
                message.status = "queued" if message.failures < 10 else "failed"
        elif status in RANKS:
            rank = RANKS.index(message.status) if message.status in RANKS else 0
            if RANKS.index(status) > rank:
                message.status = status
        elif message.status not in ("sent", "delivered"):
            message.status = status
