"""A client of GET /api/events that reads what a browser would (HTML, 9.2.6)."""

import http.client
import json
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from .waiting import LIMIT_SECONDS, wait_for

ROOT = Path(__file__).resolve().parents[2]


class EventStream:
    """An open stream. `status`, and where that is not 200 `problem`; then the events, one by one."""

    def __init__(self, gateway, query="", key=None, last_id=None, path="/api/events"):
        url = urlsplit(gateway.url)
        headers = ({"Authorization": f"Bearer {key}"} if key else {}) | \
            ({"Last-Event-ID": str(last_id)} if last_id is not None else {})
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=LIMIT_SECONDS)
        self.connection.request("GET", path + query, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.headers = self.response.headers
        self.comments = []
        self.last_id = None
        self.retry_ms = None
        self.problem = None if self.status == 200 else json.loads(self.response.read())
        if self.status != 200:
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.response.close()
        self.connection.close()

    def next(self):
        """The next event as (its name, its data); None when the stream has ended. What came of an event before is dropped."""
        name, data = "message", []
        until = time.monotonic() + LIMIT_SECONDS  # a stream that is kept alive is never silent
        while line := self.response.readline():
            assert time.monotonic() < until, "no event came"
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if line == b"\n" and data:
                return name, json.loads("\n".join(data))
            if line == b"\n":
                name = "message"
            elif line.startswith(b":"):
                self.comments.append(line[1:].decode().strip())
            elif field == "id":
                self.last_id = int(value)
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "retry":
                self.retry_ms = int(value)
        return None

    def take(self, count):
        """The next events: their names and data."""
        return [self.next() for _ in range(count)]

    def rest(self):
        """What comes until the stream ends."""
        return list(iter(self.next, None))


class NpmEventSource:
    """A program that follows the events by the npm package eventsource; what it prints is in a file."""

    def __init__(self, gateway, query):
        self._follow(gateway, "follow_events.mjs", f"{gateway.url}/api/events{query}")

    def _follow(self, gateway, program, *arguments):
        self.path = gateway.folder / "eventsource.log"
        with open(self.path, "wb") as log:
            self.popen = subprocess.Popen(["node", ROOT / "tests/harness" / program, ROOT / "build/lint-npm", *arguments],
                                          stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait()

    def lines(self):
        """All that it has printed."""
        text = self.path.read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def events(self):
        """As EventStream has them."""
        return [(line["type"], line["data"]) for line in self.lines() if "type" in line]

    def wait_events(self, count):
        wait_for(lambda: len(self.events()) >= count, "the next event of eventsource")
        return self.events()


class NpmPhoneStream(NpmEventSource):
    """The same for the stream of a polled device, by eventsource2 or eventsource4; it has opened."""

    def __init__(self, gateway, package, token):
        self._follow(gateway, "follow_smsgate.mjs", package, f"{gateway.url}/api/mobile/v1/events", token)
        wait_for(lambda: {"open": True} in self.lines(), f"{package} to open the stream")
