"""The SMSGate app as its published sources describe it: what it asks, what it keeps, and when it sends. It sends nothing for real."""

import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta, timezone

from .event_stream import EventStream
from .smsgate_app import App

CANCELS = (1, 67, 0)  # from this version on `state` is understood
BASE = "/api/mobile/v1"
ENDED = ("Delivered", "Failed", "Cancelled")


def _time():
    """Milliseconds, and the phone's own offset."""
    return datetime.now(timezone(timedelta(hours=1))).isoformat(timespec="milliseconds")


class SmsgatePhone:
    """One phone. `table` is the app's memory, by the id of each message; `radio` what it has sent, by number and text."""

    def __init__(self, gateway, version="1.75.0"):
        self.gateway = gateway
        self.version = tuple(int(part) for part in version.split("."))
        self.app = App(gateway, version)
        self.client = self.app.client
        self.stream = None
        self.table, self.radio, self.posts, self.pulls = {}, [], {}, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.disconnect()
        self.client.close()

    # ---- Requests ----

    @property
    def id(self):
        return self.app.id

    @property
    def token(self):
        return self.app.token

    def request(self, method, path, body=None):
        return self.app.ask(method, path, body)

    def register(self, code):
        self.app.take(self.app.register(f"Bearer {code}", simCards=[
            {"slotIndex": 0, "simNumber": 1, "phoneNumber": "*********5678", "carrierName": "****", "iccid": "***************4321"}]))
        return self

    def connect(self):
        """Opens a stream, without closing the one before, as the app does; waits until the gateway has it."""
        answer = self.request("PATCH", "/device", {"id": self.id})
        assert answer.status_code == 204, answer.text
        self.stream = EventStream(self.gateway, path=f"{BASE}/events", key=self.token)
        assert self.stream.status == 200, self.stream.problem
        return self

    def disconnect(self):
        if self.stream:
            self.stream.close()
        self.stream = None

    def wait_event(self, name):
        """The data of the next event of that name; others are passed over."""
        while event := self.stream.next():
            if event[0] == name:
                return event[1]
        raise AssertionError("the stream has ended")

    # ---- Messages ----

    def fetch(self, count=1, answer_is_lost=False):
        """Pulls at each event that messages wait, until so many are new; their ids. An event may be of what is another's since."""
        new = []
        while len(new) < count:
            assert self.wait_event("MessageEnqueued") is None
            new += self.pull(answer_is_lost)
        return new

    def pull(self, answer_is_lost=False):
        """Fetches the messages, and keeps those that are new, if the answer comes. Returns their ids."""
        self.pulls += 1
        answer = self.request("GET", "/message?order=fifo")
        assert answer.status_code == 200, answer.text
        if answer_is_lost:
            return [listed["id"] for listed in answer.json()]
        new = []
        for listed in answer.json():
            state = listed.get("state", "Pending") if self.version >= CANCELS else "Pending"
            known = self.table.get(listed["id"])
            if state == "Cancelling":
                self._cancel(listed, known)
            elif known:
                self.report(listed["id"])
            else:
                self.table[listed["id"]] = listed | {"state": "Pending", "states": {"Pending": _time()}}
                new.append(listed["id"])
        return new

    def _cancel(self, listed, known):
        if known and known["state"] != "Pending":
            return
        self.table.setdefault(listed["id"], listed | {"states": {}})
        self.move(listed["id"], "Cancelled")

    def cancel_event(self, message_id):
        """MessageCancelled: of a message that it does not know it says nothing."""
        known = self.table.get(message_id)
        if known and known["state"] == "Pending":
            self.move(message_id, "Cancelled")

    def move(self, message_id, state, error=None):
        """The state changes, and is reported."""
        row = self.table[message_id]
        row["state"], row["error"] = state, error
        row["states"][state] = _time()
        self.report(message_id)

    def report(self, message_id):
        """Its present state, whatever has been reported before."""
        row = self.table[message_id]
        recipient = {"phoneNumber": row["phoneNumbers"][0], "state": row["state"]}
        if row.get("error"):
            recipient["error"] = row["error"]
        answer = self.request("PATCH", "/message", [
            {"id": message_id, "state": row["state"], "recipients": [recipient], "states": row["states"]}])
        assert answer.status_code == 204, answer.text

    def send(self, message_id, last="Sent", error=None):
        """Gives a message to the radio, up to that state."""
        row = self.table[message_id]
        assert row["state"] == "Pending", row
        if last == "Failed":
            self.move(message_id, "Failed", error)
            return
        self.radio.append((row["phoneNumbers"][0], row["textMessage"]["text"]))
        for state in ("Processed", "Sent", "Delivered"):
            self.move(message_id, state)
            if state == last:
                return

    # ---- What it posts by itself ----

    def post(self, event, body, signing_key=None, url=None):
        """The app posts to its webhook; the answer's status."""
        hook = next(hook for hook in self.request("GET", "/webhooks").json() if hook["event"] == event)
        key = signing_key or self.request("GET", "/settings").json()["webhooks"]["signing_key"]
        now = str(int(time.time()))
        path = (url or hook["url"]).partition("://")[2].partition("/")[2]
        return self.client.request("POST", f"/{path}", data=body, headers={
            "User-Agent": self.app.agent, "Content-Type": "application/json", "X-Timestamp": now,
            "X-Signature": hmac.new(key.encode(), body + now.encode(), hashlib.sha256).hexdigest()}).status_code

    def receive(self, sender, text, event_id, signing_key=None, url=None):
        """An SMS comes; the app posts it to its webhook, or posts that event again. The answer's status."""
        body = self.posts.setdefault(event_id, json.dumps({
            "id": event_id, "webhookId": "sgw-received", "event": "sms:received", "deviceId": self.id,
            "payload": {"messageId": "9f3c01ab", "message": text, "sender": sender, "phoneNumber": sender, "recipient": None,
                        "simNumber": 1, "receivedAt": _time()}}).encode())
        return self.post("sms:received", body, signing_key, url)

    def ping(self, level, charging):
        """It says how its battery is."""
        checks = {"battery:level": {"observedValue": level}, "battery:charging": {"observedValue": int(charging)}}
        body = json.dumps({"id": f"ping-{time.time_ns()}", "event": "system:ping", "payload": {"health": {"checks": checks}}})
        assert self.post("system:ping", body.encode()) == 204
