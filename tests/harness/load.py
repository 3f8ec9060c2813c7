"""Clients that send until they are stopped, and record the ids of accepted messages. What was not accepted they send again, with the
same Idempotency-Key."""

import http.client
import json
import threading
import time
import uuid

from .waiting import LIMIT_SECONDS

REFUSALS = {502, 503, 504, 507}  # refused, with Retry-After


class Promised(set):
    """Ids that were answered with 2xx. `keys`: the Idempotency-Keys of all messages that were sent, each with its message's id, or
    None where no answer has come. The key is the message's text, too."""

    def __init__(self, ids=(), keys=()):
        super().__init__(ids)
        self.keys = dict(keys)


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
                connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port,
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

    def _send(self, connection, key):
        body = json.dumps({"phone_number": "+1234567890", "message": key})
        connection.request("POST", "/api/send-sms", body, self.headers | {"Idempotency-Key": key})
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
            return Promised(self.promised, self.promised.keys)

    def stop(self):
        """Ends the threads; returns the ids of all accepted messages."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        assert not self.wrong_answers, self.wrong_answers[:5]
        return self.promised
