"""Clients that send until they are stopped, and record the ids of accepted messages. What was not accepted they send again, with the
same Idempotency-Key."""

import http.client
import json
import random
import threading
import time
import uuid
from datetime import datetime, timezone

from .waiting import LIMIT_SECONDS, LOAD_LIMIT_SECONDS, wait_for

REFUSALS = {502, 503, 504, 507}  # refused, with Retry-After


class Promised(set):
    """Ids that were answered with 2xx. `keys`: the texts of all messages that were sent, each with its message's id, or None where no
    answer has come; a message's text begins with the Idempotency-Key of its request. `options`: what was asked for beside
    some of the texts, as harness.ledgers.Options has it."""

    def __init__(self, ids=(), keys=(), options=()):
        super().__init__(ids)
        self.keys = dict(keys)
        self.options = dict(options)

    def union_with(self, other):
        """Those of two clients."""
        return Promised(self | other, self.keys | other.keys, self.options | other.options)


class Load:
    """Threads that together send `per_second` messages until stop(). Without `keep`, each request opens a connection."""

    def __init__(self, gateway, per_second=50, threads=4, refusals=REFUSALS, keep=True):
        self.gateway = gateway
        self.refusals = refusals
        self.headers = {"Content-Type": "application/json"} | gateway.authorization()
        if not keep:
            self.headers["Connection"] = "close"
        self.pause = threads / per_second
        self.promised = Promised()
        self.refused = 0
        self.unanswered = 0     # the outcome is unknown
        self.wrong_answers = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._send_until_told, args=(number,))
                         for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def _send_until_told(self, number):
        connection, key = None, None
        next_time = time.monotonic() + self.pause * number / len(self._threads)
        while not self._ending.wait(max(0, next_time - time.monotonic())):
            next_time = max(next_time + self.pause, time.monotonic() - 1)
            if connection is None:
                connection = http.client.HTTPConnection(getattr(self.gateway, "host", "127.0.0.1"), self.gateway.port,
                                                        timeout=LIMIT_SECONDS)
            key = key or self._new_key()
            try:
                status, body, stays = self._send(connection, key)
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.unanswered += 1
                stays = False
            else:
                with self._lock:
                    self._note(key, status, body)
                key = None if status == 202 else key
            if not stays:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _new_key(self):
        key = f"key {uuid.uuid4()}"
        with self._lock:
            self.promised.keys[key] = None
        return key

    def _request_of(self, key):
        """The path and the body, the same for each attempt."""
        return "/api/send-sms", json.dumps({"phone_number": "+1234567890", "message": key})

    def _send(self, connection, key):
        path, body = self._request_of(key)
        connection.request("POST", path, body, self.headers | {"Idempotency-Key": key})
        answer = connection.getresponse()
        return answer.status, answer.read(), not answer.will_close

    def _note(self, key, status, body):
        if status == 202:
            self.promised.add(json.loads(body)["message_id"])
            self.promised.keys[key] = json.loads(body)["message_id"]
        elif status in self.refusals:
            self.refused += 1
        else:
            self.wrong_answers.append((status, body))

    def promised_now(self):
        with self._lock:
            return Promised(self.promised, self.promised.keys, self.promised.options)

    def wait_accepted(self, count):
        """Waits until `count` more messages were accepted."""
        wanted = len(self.promised) + count
        wait_for(lambda: len(self.promised) >= wanted, "clients to go on", LOAD_LIMIT_SECONDS)

    def stop(self):
        """Ends the threads; returns the ids of all accepted messages."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        assert not self.wrong_answers, self.wrong_answers[:5]
        return self.promised


class MixedLoad(Load):
    """Every other request is for a message with options, and some are for batches. `devices`: ids of phones, to which some messages
    are addressed."""

    def __init__(self, *arguments, devices, **options):
        self.devices = devices
        self.requests = {}  # of keys without an answer: the path and the body
        super().__init__(*arguments, **options)

    def _new_key(self):
        key = f"key {uuid.uuid4()}"
        chance = random.random()
        texts = [f"{key} {number}" for number in range(random.randint(1, 30))] if chance < 0.05 else [key]
        asked, kept = self._choose_options() if chance < 0.5 else ({}, {})
        with self._lock:
            self.promised.keys |= dict.fromkeys(texts)
            self.promised.options |= dict.fromkeys(texts, kept)
            if texts == [key]:
                self.requests[key] = "/api/send-sms", json.dumps({"phone_number": "+1234567890", "message": key} | asked)
            else:
                self.requests[key] = "/api/batches", json.dumps(
                    {"defaults": {"phone_number": "+1234567890"} | asked, "messages": [{"message": text} for text in texts]})
        return key

    def _choose_options(self):
        """Members of a request, and what the database has then."""
        kind = random.choice(("send_at", "ttl_seconds", "priority", "device_id", "reference", "both"))
        if kind == "send_at":
            at = datetime.fromtimestamp(round(time.time()) + random.randint(1, 4), timezone.utc)
            return {kind: at.isoformat()}, {"send_at_ms": round(at.timestamp() * 1000)}
        if kind == "ttl_seconds":
            return {kind: random.randint(1, 5)}, {}
        if kind == "priority":
            priority = random.choice(("high", "low"))
            return {kind: priority}, {kind: priority}
        if kind == "reference":
            reference = f"order {random.randrange(1000)}"
            return {kind: reference}, {kind: reference}
        device_id = random.choice(self.devices)
        return {"device_id": device_id} | ({"ttl_seconds": 2} if kind == "both" else {}), {"target_device": device_id}

    def _request_of(self, key):
        with self._lock:
            return self.requests[key]

    def _note(self, key, status, body):
        if status != 202 or "message_ids" not in json.loads(body):
            super()._note(key, status, body)
            return
        ids = json.loads(body)["message_ids"]
        self.promised.update(ids)
        self.promised.keys |= {f"{key} {number}": message_id for number, message_id in enumerate(ids)}
