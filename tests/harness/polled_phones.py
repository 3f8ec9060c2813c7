#!/usr/bin/python3
"""Phones with the SMSGate app, as its published sources describe it: a process that may be killed at any instant.

    polled_phones.py PORT FOLDER/NAME PHONES [--receive-rate N] ...

PHONES is a file with a line for each: its id, its token, the version of its app, and how many streams it opens; without any
it asks on a timer alone. The tables of the apps, which outlive them, are in NAME.journal, with the SMS that the phones
received; NAME.ledger has a line for each SMS that left. Where the app waits for minutes, it waits for a second here.

What the app may do by itself is played too. Between the radio and the table there is no lock: a message that is
cancelled there is `Cancelled` and then `Processed`; an app that is killed there sends once more (those messages are noted as
`resumed`). Versions that replace their worker have two at times, and send twice if they are given a second message too soon.
"""

import argparse
import hashlib
import hmac
import http.client
import itertools
import json
import os
import random
import sqlite3
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

BASE = "/api/mobile/v1"
TICK_SECONDS, RETRY_SECONDS, STREAM_SECONDS = 2, (0.1, 0.6), (0.1, 0.5)
CANCELS, REPLACES_WORKER, KEEPS_WORKER, POSTS_ONCE, COUNTS_ALL_BROADCASTS = (1, 67), (1, 61), (1, 74, 1), (1, 66, 2), (1, 70, 1)
REPORTERS = 4  # reports are jobs of their own, and come in any order

TABLES = """
CREATE TABLE IF NOT EXISTS message (number INTEGER PRIMARY KEY, device_id TEXT, id TEXT, recipient TEXT, valid_until_ms INTEGER,
    state TEXT, error TEXT, states TEXT, resumed INTEGER DEFAULT 0, UNIQUE (device_id, id));
CREATE INDEX IF NOT EXISTS pending ON message (device_id) WHERE state = 'Pending';
CREATE TABLE IF NOT EXISTS report (number INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT, id TEXT);
CREATE INDEX IF NOT EXISTS of_message ON report (device_id, id);
CREATE TABLE IF NOT EXISTS incoming (device_id TEXT, received_id TEXT, sender TEXT, text TEXT, answered INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS post (number INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT, received_id TEXT, body TEXT);
"""


def app_time():
    """Milliseconds, and the phone's own offset."""
    return datetime.now(timezone(timedelta(hours=1))).isoformat(timespec="milliseconds")


def report_of(wire_id, state, error, recipient, states):
    return {"id": wire_id, "state": state, "states": states,
            "recipients": [{"phoneNumber": recipient, "state": state} | ({"error": error} if error else {})]}


def die(*what):
    """The gateway said what the app cannot live with: the test finds the phones gone."""
    print(*what, flush=True)
    os._exit(3)


class Table:
    """The databases of all apps, in one file."""

    def __init__(self, path):
        self.lock = threading.RLock()
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=60)
        self.database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + TABLES)

    def __enter__(self):
        self.lock.acquire()
        self.database.execute("BEGIN")
        return self.database

    def __exit__(self, failure, *_):
        self.database.execute("ROLLBACK" if failure else "COMMIT")
        self.lock.release()

    def rows(self, sql, *values):
        with self.lock:
            return self.database.execute(sql, values).fetchall()


class Connection:
    """Requests over one connection that is kept. What meets a connection that has died meanwhile is asked once more at once."""

    def __init__(self, port, headers):
        self.port, self.headers, self.http = port, headers, None

    def ask(self, method, path, body=None, headers=None):
        """(status, body); None without an answer."""
        for is_kept in (self.http is not None, False):
            try:
                self.http = self.http or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                self.http.request(method, path, body, self.headers | (headers or {}))
                answer = self.http.getresponse()
                found = answer.status, answer.read()
                if answer.will_close:
                    self.close()
                return found
            except (OSError, http.client.HTTPException):
                self.close()
                if not is_kept:
                    return None
        return None

    def close(self):
        if self.http:
            self.http.close()
        self.http = None


class Timers:
    """What comes later: the broadcasts of the system."""

    def __init__(self):
        self.due, self.changed, self.numbers = [], threading.Condition(), itertools.count()
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, seconds, function, *arguments):
        with self.changed:
            self.due.append((time.monotonic() + seconds, next(self.numbers), function, arguments))
            self.due.sort(key=lambda timer: timer[:2])
            self.changed.notify()

    def _run(self):
        while True:
            with self.changed:
                while not self.due or self.due[0][0] > time.monotonic():
                    self.changed.wait(self.due[0][0] - time.monotonic() if self.due else None)
                _, _, function, arguments = self.due.pop(0)
            function(*arguments)


class Phone:
    def __init__(self, line, options, table, ledger, timers):
        self.id, self.token, version, streams = line.split()
        self.streams_wanted = int(streams)
        self.version = tuple(map(int, version.split(".")))
        self.options, self.table, self.ledger, self.timers = options, table, ledger, timers
        self.headers = {"User-Agent": f"me.capcom.smsgateway/{version}", "Authorization": f"Bearer {self.token}"}
        self.pull_wanted, self.work_wanted, self.report_wanted, self.post_wanted = (threading.Event() for _ in range(4))
        self.worker = 0
        self.hook = None
        self.is_there = threading.Event()

    def start(self):
        self._come_back()
        threading.Thread(target=self._work, args=(self.worker,), daemon=True).start()
        for run in [self._pull_forever, self._post_forever, *[self._report_forever] * REPORTERS, self._begin]:
            threading.Thread(target=run, daemon=True).start()

    # ---- Requests ----

    def _ask(self, connection, method, path, body=None):
        """Until it is answered with 2xx; the body."""
        while True:
            found = connection.ask(method, BASE + path, json.dumps(body) if body is not None else None,
                                   {"Content-Type": "application/json"} if body is not None else {})
            if found and 200 <= found[0] < 300:
                return json.loads(found[1]) if found[1] else None
            if found and 400 <= found[0] < 500:
                die(self.id, method, path, *found, body)
            time.sleep(random.uniform(*RETRY_SECONDS))

    def _begin(self):
        connection = Connection(self.options.port, self.headers)
        hooks = self._ask(connection, "GET", "/webhooks")
        key = self._ask(connection, "GET", "/settings")["webhooks"]["signing_key"]
        self.hook = next(hook for hook in hooks if hook["event"] == "sms:received") | {"key": key}
        for _ in range(self.streams_wanted):  # each of these requests opens one more, and closes none
            self._ask(connection, "PATCH", "/device", {"id": self.id})
            threading.Thread(target=self._follow, daemon=True).start()
        if self.streams_wanted == 0:
            self.is_there.set()
        if self.options.receive_rate > 0:
            self.timers.add(random.uniform(0, 1) / self.options.receive_rate, self._receive)

    # ---- Its streams ----

    def _follow(self):
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.options.port, timeout=60)
                connection.request("GET", f"{BASE}/events", headers={"Authorization": f"Bearer {self.token}"})
                answer = connection.getresponse()
                if 400 <= answer.status < 500:
                    die(self.id, "events", answer.status, answer.read())
                if answer.status == 200:
                    self.pull_wanted.set()
                    self._read_events(answer)
            except (OSError, http.client.HTTPException):
                pass
            connection.close()
            time.sleep(random.uniform(*STREAM_SECONDS))

    def _read_events(self, answer):
        name, data = "MessageEnqueued", None
        while line := answer.readline():
            self.is_there.set()
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif line == b"\n":
                if name == "MessageEnqueued":
                    self.pull_wanted.set()
                elif name == "MessageCancelled" and self.version >= CANCELS:
                    self._cancel(data["messageId"])
                name, data = "MessageEnqueued", None

    # ---- Messages: what it fetches ----

    def _pull_forever(self):
        connection = Connection(self.options.port, self.headers)
        while True:
            self.pull_wanted.wait(TICK_SECONDS * random.uniform(0.5, 1))
            self.pull_wanted.clear()
            listed = self._ask(connection, "GET", "/message?order=fifo")
            if self.pull_wanted.is_set():
                continue  # it was begun anew: of this answer nothing is taken
            for element in listed:
                self._take(connection, element)

    def _take(self, connection, element):
        if element["state"] == "Cancelling" and self.version >= CANCELS:
            if not self._cancel(element["id"]):  # of what it does not know it says so at once, and keeps nothing
                connection.ask("PATCH", f"{BASE}/message", json.dumps([report_of(
                    element["id"], "Cancelled", None, element["phoneNumbers"][0], {"Cancelled": app_time()})]),
                    {"Content-Type": "application/json"})
            return
        [recipient] = element["phoneNumbers"]
        valid_until_ms = round(datetime.fromisoformat(element["validUntil"].replace("Z", "+00:00")).timestamp() * 1000)
        with self.table as database:
            added = database.execute(
                "INSERT OR IGNORE INTO message (device_id, id, recipient, valid_until_ms, state, states)"
                " VALUES (?, ?, ?, ?, 'Pending', ?)",
                (self.id, element["id"], recipient, valid_until_ms, json.dumps({"Pending": app_time()}))).rowcount
            if not added:  # known: its present state is reported, and nothing else happens
                database.execute("INSERT INTO report (device_id, id) SELECT ?1, ?2 WHERE NOT EXISTS"
                                 " (SELECT 1 FROM report WHERE device_id = ?1 AND id = ?2)", (self.id, element["id"]))
            elif self._replaces_worker():
                self.worker += 1
        if added:
            self._start_worker()
        else:
            self.report_wanted.set()

    def _cancel(self, wire_id):
        """Whether it knows the message; one that is not pending stays as it is, without a word."""
        self._move(wire_id, "Cancelled", only=("Pending",))
        return bool(self.table.rows("SELECT 1 FROM message WHERE device_id = ? AND id = ?", self.id, wire_id))

    # ---- What it sends ----

    def _replaces_worker(self):
        return REPLACES_WORKER <= self.version < KEEPS_WORKER

    def _start_worker(self):
        self.work_wanted.set()
        if self._replaces_worker():
            threading.Thread(target=self._work, args=(self.worker,), daemon=True).start()

    def _next(self, number):
        """The oldest message that is pending; None for a worker that is replaced, which ends the one that it has begun."""
        with self.table as database:
            return database.execute("SELECT id, valid_until_ms, resumed, recipient FROM message WHERE device_id = ?"
                                    " AND state = 'Pending' ORDER BY number LIMIT 1", (self.id,)
                                    ).fetchone() if self.worker == number else None

    def _work(self, number):
        while self.worker == number:
            while found := self._next(number):
                self._send(*found)
            self.work_wanted.wait(1)
            self.work_wanted.clear()

    def _send(self, wire_id, valid_until_ms, resumed, recipient):
        options = self.options
        if time.time() * 1000 > valid_until_ms:
            self._move(wire_id, "Failed", "TTL expired", only=("Pending",))
            return
        chance = 1 if resumed else random.random()
        if chance < options.failure_rate / 2:
            self._move(wire_id, "Failed", "Can't send message: SIM 2 not found", only=("Pending",))
            return
        time.sleep(random.uniform(0, 0.002))
        if chance < options.failure_rate:  # the radio says so afterwards
            self._move(wire_id, "Processed")
            self.timers.add(random.uniform(*options.report_ms) / 1000, self._move, wire_id, "Failed",
                            "Send result: RESULT_ERROR_NO_SERVICE (code 4)")
            return
        plain, _, attempt = wire_id.partition("-")
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        os.write(self.ledger, f"{now} {self.id} {uuid.UUID(plain)} {attempt} {recipient}\n".encode())
        self._move(wire_id, "Processed")
        self._expect_broadcasts(wire_id)
        time.sleep(random.uniform(*options.send_ms) / 1000)

    def _expect_broadcasts(self, wire_id):
        after = random.uniform(*self.options.report_ms) / 1000
        if self.version >= COUNTS_ALL_BROADCASTS or random.random() < 0.8:
            self.timers.add(after, self._move, wire_id, "Sent")
        self.timers.add(after + random.uniform(*self.options.report_ms) / 1000, self._move, wire_id, "Delivered")

    def _move(self, wire_id, state, error=None, only=("Pending", "Processed", "Sent", "Cancelled")):
        """The state changes, and is to be reported. What has failed, or is delivered, stays so."""
        now = app_time()
        with self.table as database:
            found = database.execute("SELECT state, states FROM message WHERE device_id = ? AND id = ?", (self.id, wire_id)).fetchone()
            if not found or found[0] not in only:
                return
            database.execute("UPDATE message SET state = ?, error = ?, states = ? WHERE device_id = ? AND id = ?",
                             (state, error, json.dumps(json.loads(found[1]) | {state: now}), self.id, wire_id))
            database.execute("INSERT INTO report (device_id, id) VALUES (?, ?)", (self.id, wire_id))
        self.report_wanted.set()

    def _come_back(self):
        """After it was killed: the radio still says what became of what had left; what is pending is sent, known to be new or not."""
        left = {}
        for line in Path(f"{self.options.name}.ledger").read_text().splitlines():
            _, device_id, message_id, attempt, _ = line.split()
            if device_id == self.id:
                left[f"{message_id.replace('-', '')}-{attempt}"] = True
        with self.table as database:
            database.execute("UPDATE message SET resumed = 1 WHERE device_id = ? AND state = 'Pending'", (self.id,))
        for wire_id, state in self.table.rows("SELECT id, state FROM message WHERE device_id = ?"
                                              " AND state NOT IN ('Delivered', 'Failed')", self.id):
            if wire_id in left:
                self._expect_broadcasts(wire_id)
            elif state == "Processed":
                self.timers.add(0.05, self._move, wire_id, "Failed", "Send result: RESULT_ERROR_NO_SERVICE (code 4)")
        self.report_wanted.set()
        self.post_wanted.set()

    # ---- What it reports ----

    def _report_forever(self):
        connection = Connection(self.options.port, self.headers)
        while True:
            self.report_wanted.wait(1)
            self.report_wanted.clear()
            while found := self.table.rows("SELECT number, id FROM report WHERE device_id = ? ORDER BY number LIMIT 4", self.id):
                number, wire_id = random.choice(found)
                [row] = self.table.rows("SELECT state, error, recipient, states FROM message WHERE device_id = ? AND id = ?",
                                        self.id, wire_id)
                self._ask(connection, "PATCH", "/message", [report_of(wire_id, *row[:3], json.loads(row[3]))])
                self.table.rows("DELETE FROM report WHERE number = ?", number)

    # ---- What it receives ----

    def _receive(self):
        sender, text, now = f"+49{random.randrange(10 ** 10):010}", f"Hello {uuid.uuid4()}", app_time()
        received_id = hashlib.sha256(f"sms:received {sender} {now} {text}".encode()).hexdigest()[:32]
        payload = {"messageId": "9f3c01ab", "message": text, "sender": sender, "phoneNumber": sender, "simNumber": 1, "receivedAt": now}
        times = 2 if self.version < POSTS_ONCE and random.random() < 0.2 else 1  # the same SMS under two ids
        with self.table as database:
            database.execute("INSERT INTO incoming (device_id, received_id, sender, text) VALUES (?, ?, ?, ?)",
                             (self.id, received_id, sender, text))
            for _ in range(times):
                body = {"id": uuid.uuid4().hex[:21], "event": "sms:received", "deviceId": self.id, "payload": payload}
                database.execute("INSERT INTO post (device_id, received_id, body) VALUES (?, ?, ?)",
                                 (self.id, received_id, json.dumps(body)))
        self.post_wanted.set()
        self.timers.add(random.expovariate(self.options.receive_rate), self._receive)

    def _post_forever(self):
        connection = Connection(self.options.port, {"User-Agent": self.headers["User-Agent"], "Content-Type": "application/json"})
        while True:
            self.post_wanted.wait(1)
            self.post_wanted.clear()
            while self.hook and (found := self.table.rows(
                    "SELECT number, received_id, body FROM post WHERE device_id = ? ORDER BY number LIMIT 4", self.id)):
                self._post(connection, *random.choice(found))

    def _post(self, connection, number, received_id, text):
        body = json.dumps(json.loads(text) | {"webhookId": self.hook["id"]}).encode()
        now = str(int(time.time()))
        found = connection.ask("POST", "/" + self.hook["url"].split("/", 3)[3], body, {
            "X-Timestamp": now, "X-Signature": hmac.new(self.hook["key"].encode(), body + now.encode(), hashlib.sha256).hexdigest()})
        if found and 200 <= found[0] < 300:
            with self.table as database:
                database.execute("DELETE FROM post WHERE number = ?", (number,))
                database.execute("UPDATE incoming SET answered = 1 WHERE device_id = ? AND received_id = ?", (self.id, received_id))
            return
        if found and 400 <= found[0] < 500:
            die(self.id, "hook", *found)
        time.sleep(random.uniform(*RETRY_SECONDS))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("name")
    parser.add_argument("phones", type=Path)
    parser.add_argument("--receive-rate", type=float, default=0, help="SMS that each receives per second")
    parser.add_argument("--failure-rate", type=float, default=0, help="share of messages that the radio refuses")
    parser.add_argument("--send-ms", type=float, nargs=2, default=(1, 40))
    parser.add_argument("--report-ms", type=float, nargs=2, default=(1, 100))
    options = parser.parse_args()
    table = Table(f"{options.name}.journal")
    ledger = os.open(f"{options.name}.ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    timers = Timers()
    phones = [Phone(line, options, table, ledger, timers) for line in options.phones.read_text().splitlines()]
    for phone in phones:
        phone.start()
    for phone in phones:
        phone.is_there.wait()
    print(f"{len(phones)} phones connected", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
