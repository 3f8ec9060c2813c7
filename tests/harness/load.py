"""Clients that send until they are stopped, and record the ids of accepted messages."""

import http.client
import json
import threading
import time

from .waiting import LIMIT_SECONDS

REFUSALS = {502, 503, 504, 507}  # refused, with Retry-After


class Load:
    """Threads that together send `per_second` messages until stop(). Without `keep`, each request opens a connection."""

    def __init__(self, gateway, per_second=50, threads=4, refusals=REFUSALS, keep=True):
        self.gateway = gateway
        self.refusals = refusals
        self.headers = {"Content-Type": "application/json"} | gateway.authorization()
        if not keep:
            self.headers["Connection"] = "close"
        self.pause = threads / per_second
        self.promised = set()   # ids that were answered with 2xx
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
        connection = None
        next_time = time.monotonic() + self.pause * number / len(self._threads)
        while not self._ending.wait(max(0, next_time - time.monotonic())):
            next_time = max(next_time + self.pause, time.monotonic() - 1)
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port,
                                                        timeout=LIMIT_SECONDS)
            try:
                status, body, stays = self._send(connection)
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.unanswered += 1
                stays = False
            else:
                with self._lock:
                    self._note(status, body)
            if not stays:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _send(self, connection):
        body = json.dumps({"phone_number": "+1234567890", "message": "text"})
        connection.request("POST", "/api/send-sms", body, self.headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), not answer.will_close

    def _note(self, status, body):
        if status == 202:
            self.promised.add(json.loads(body)["message_id"])
        elif status in self.refusals:
            self.refused += 1
        else:
            self.wrong_answers.append((status, body))

    def promised_now(self):
        with self._lock:
            return set(self.promised)

    def stop(self):
        """Ends the threads; returns the ids of all accepted messages."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        assert not self.wrong_answers, self.wrong_answers[:5]
        return self.promised
