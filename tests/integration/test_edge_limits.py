"""The limits that nginx sets for one client address: requests, connections, pairing codes, slow clients."""

import re
import socket
import statistics
import threading
import time

import pytest

from harness.raw_http import HANDSHAKE, JSON, RawHttp, ask_raw, head, pairing
from harness.waiting import LIMIT_SECONDS, wait_for

ONE, OTHER = "127.0.0.2", "127.0.0.3"  # remote clients; 127.0.0.1 is this machine


@pytest.fixture(scope="session")
def build():
    """nginx answers here, or gives the request to programs that other tests run under the sanitizers."""
    return "release"


def ask_many(gateway, request_bytes, count, source, method="GET"):
    """The answers to so many requests on one connection, sent in batches."""
    answers = []
    with RawHttp(gateway, source) as connection:
        while len(answers) < count:
            batch = min(100, count - len(answers))
            connection.send(request_bytes * batch)
            answers += [connection.answer(method) for _ in range(batch)]
    return answers


def statuses(answers):
    return [answer.status for answer in answers]


def check_refused(answer, seconds=1):
    assert (answer.status, answer.code) == (429, "too_many_requests"), answer
    assert answer.headers["Retry-After"] == str(seconds)


# ---- Requests of one address ----

def test_an_address_over_its_rate_is_refused_and_others_are_served(make_gateway):
    gateway = make_gateway(ADDRESS_REQUESTS_PER_SECOND=5).start()
    begin = time.monotonic()
    answers = ask_many(gateway, head("GET", "/livez"), 100, ONE)
    allowed = 1 + 5 + 5 * (time.monotonic() - begin)
    assert 6 <= statuses(answers).count(200) <= allowed + 1
    for answer in answers:
        if answer.status != 200:
            check_refused(answer)
    assert statuses(ask_many(gateway, head("GET", "/livez"), 5, OTHER)) == [200] * 5
    wait_for(lambda: ask_raw(gateway, head("GET", "/livez"), source=ONE).status == 200,
             "the address to be served again")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/sms", "/api/devices", "/api/nothing",
                                  "/docs", "/docs/docs.js", "/openapi.json", "/docs/nothing"])
def test_the_rate_is_for_every_address_of_the_gateway(make_gateway, path):
    gateway = make_gateway(ADDRESS_REQUESTS_PER_SECOND=1).start()
    answers = ask_many(gateway, head("GET", path), 20, ONE)
    assert 429 in statuses(answers)
    assert ask_raw(gateway, head("GET", path), source=OTHER).status != 429


def test_the_machine_itself_is_not_limited(make_gateway):
    gateway = make_gateway(ADDRESS_REQUESTS_PER_SECOND=1, ADDRESS_CONNECTIONS=1).start()
    answers = ask_many(gateway, head("GET", "/livez"), 1000, "127.0.0.1")
    assert set(statuses(answers)) == {200}


def test_the_default_rate_is_200_and_as_many_at_once(make_gateway):
    gateway = make_gateway().start()
    begin = time.monotonic()
    found = statuses(ask_many(gateway, head("GET", "/docs/docs.css"), 3000, ONE))
    assert 201 <= found.count(200) <= 201 + 200 * (time.monotonic() - begin) + 1
    assert set(found) == {200, 429}


def test_zero_is_no_limit(make_gateway):
    gateway = make_gateway(ADDRESS_REQUESTS_PER_SECOND=0, ADDRESS_CONNECTIONS=0).start()
    found = statuses(ask_many(gateway, head("GET", "/docs/docs.css"), 3000, ONE))
    assert set(found) == {200}
    configuration = (gateway.folder / "run/settings-server.conf").read_text()
    assert "limit_" not in configuration


def test_an_ipv6_client_is_its_network_of_64_bits(make_gateway):
    """nginx is told other addresses of its client here; no machine has so many of its own."""
    gateway = make_gateway(ADDRESS_REQUESTS_PER_SECOND=1)
    settings = gateway.folder / "run/settings-server.conf"
    settings.write_text(settings.read_text() +
                        "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Address;\n")
    gateway.start()

    def found(address):
        return ask_raw(gateway, head("GET", "/livez", f"X-Test-Address: {address}")).status

    network = [found(f"2001:db8:1:2:{i:x}::{i:x}") for i in range(10)]
    assert network[0] == 200 and 429 in network
    assert [found(f"2001:db8:1:{i:x}::1") for i in range(3, 13)] == [200] * 10
    assert [found(f"198.51.100.{i}") for i in range(10)] == [200] * 10
    assert [found("::1") for _ in range(10)] == [200] * 10
    assert 429 in [found("::2") for _ in range(10)]
    for address in ("127.0.0.10", "127.0.1.1"):
        assert 429 in [found(address) for _ in range(10)]


# ---- Connections of one address ----

def hold_phone(gateway, source, name):
    connection = RawHttp(gateway, source)
    connection.send(connection.authorize(head("GET", f"/ws/device/{name}", *HANDSHAKE)))
    return connection, connection.answer()


def test_an_address_with_too_many_phones_is_refused_and_others_are_not(make_gateway):
    gateway = make_gateway(ADDRESS_CONNECTIONS=3, DEVICE_TOKENS="off").start()
    held = [hold_phone(gateway, ONE, f"one-{i}") for i in range(3)]
    assert [answer.status for _, answer in held] == [101] * 3
    refused, answer = hold_phone(gateway, ONE, "one-3")
    check_refused(answer)
    check_refused(ask_raw(gateway, head("GET", "/livez"), source=ONE))
    held += [hold_phone(gateway, OTHER, f"other-{i}") for i in range(3)]
    held += [hold_phone(gateway, "127.0.0.1", f"own-{i}") for i in range(10)]
    assert [answer.status for _, answer in held] == [101] * 16

    held[0][0].close()
    held[0] = wait_for(lambda: (again := hold_phone(gateway, ONE, "one-0"))[1].status == 101
                       and again, "a place to be free again")
    for connection, _ in [*held, (refused, None)]:
        connection.close()


# ---- Batches ----

def begin_batch(gateway, source):
    """Sends the head of a batch: its connection, and its answer or None once its body is awaited."""
    connection = RawHttp(gateway, source)
    body = b'{"messages": [{"phone_number": "+4915112345678", "message": "x"}]}'
    connection.send(connection.authorize(head("POST", "/api/batches", JSON, f"Content-Length: {len(body)}", "Expect: 100-continue")))
    beginning = connection.stream.peek(12)[:12]
    if beginning != b"HTTP/1.1 100":
        return connection, connection.answer("POST")
    while connection.stream.readline().strip():
        pass
    connection.body = body
    return connection, None


def test_batches_at_once_are_limited_in_all_and_for_each_address(make_gateway):
    gateway = make_gateway(BATCHES_AT_ONCE=2).start()
    one, awaited = begin_batch(gateway, ONE)
    assert awaited is None
    for source, holds in ((ONE, False), (OTHER, True), ("127.0.0.1", False)):
        connection, answer = begin_batch(gateway, source)
        if holds:
            other = connection
            assert answer is None
            continue
        connection.close()
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "too_many_batches", "2"), answer
        assert "At most 2 batches" in answer.json()["detail"]
    assert gateway.api.send()["status"] == "queued"
    for connection in (one, other):
        connection.send(connection.body)
        assert connection.answer("POST").status == 202
        connection.close()
    last, awaited = wait_for(lambda: (begun := begin_batch(gateway, ONE))[1] is None and begun, "a place to be free again")
    last.close()

# ---- Guesses of a pairing code ----

def test_a_flood_of_wrong_pairing_codes_does_not_block_others(make_gateway):
    """What is behind the limit answers as it likes, but not with 429."""
    gateway = make_gateway(ADDRESS_REQUESTS_PER_SECOND=0).start()
    others = []

    def pair_normally():
        for source in (OTHER, "127.0.0.4", "127.0.0.5"):
            others.append(ask_raw(gateway, pairing(b"0123456789ABCDEF"), "POST", source).status)

    begin = time.monotonic()
    answers = ask_many(gateway, pairing(b"WRONG"), 5000, ONE, "POST")
    other = threading.Thread(target=pair_normally)
    other.start()
    answers += ask_many(gateway, pairing(b"WRONG"), 5000, ONE, "POST")
    other.join()
    passed = [answer for answer in answers if answer.status != 429]
    assert 6 <= len(passed) <= 6 + (time.monotonic() - begin) / 10 + 1
    for answer in answers[6:]:
        if answer.status == 429:
            check_refused(answer, 10)
    assert len(others) == 3
    assert all(status != 429 for status in others), others
    assert ask_raw(gateway, head("GET", "/livez"), source=ONE).status == 200


def test_pairing_attempts_are_limited_for_local_clients_too(make_gateway):
    gateway = make_gateway().start()
    found = statuses(ask_many(gateway, pairing(b"WRONG"), 20, "127.0.0.1", "POST"))
    assert 429 not in found[:6] and found[6:].count(429) >= 13
    for target in ("//api/pair", "/api/./pair", "/%61pi/pair", "/api/pair?x"):
        answer = ask_raw(gateway, pairing(b"WRONG").replace(b"/api/pair", target.encode()), "POST")
        assert answer.status == 429


# ---- Slow clients ----

class Dripping:
    """Connections that each say a little at a time, and never all."""

    def __init__(self, gateway, count, beginning, endless, source=ONE):
        self.port, self.source = gateway.port, source
        self.beginning, self.endless = beginning, endless
        self.sockets = []
        for _ in range(count):
            self.add()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._drip)
        self.thread.start()

    def add(self):
        connection = socket.create_connection(("127.0.0.1", self.port), LIMIT_SECONDS,
                                              (self.source, 0))
        connection.sendall(self.beginning)
        connection.setblocking(False)
        self.sockets.append(connection)

    def _drip(self):
        while not self.ended.wait(0.1):
            for connection in list(self.sockets):
                try:
                    connection.send(self.endless)
                except OSError:
                    pass  # nginx has ended it, or does not read

    def are_closed(self):
        """Whether nginx has ended every one of them."""
        def is_closed(connection):
            try:
                return connection.recv(1) == b""
            except BlockingIOError:
                return False
            except ConnectionError:
                return True
        return all(is_closed(connection) for connection in self.sockets)

    def stop(self):
        self.ended.set()
        self.thread.join()
        for connection in self.sockets:
            connection.close()


def slow_gateway(make_gateway, **settings):
    """Its clients have two seconds for their headers, to see the end of them in a test."""
    gateway = make_gateway(**settings)
    configuration = gateway.folder / "run/gateway.conf"
    text, count = re.subn("client_header_timeout 10s;", "client_header_timeout 2s;",
                          configuration.read_text())
    assert count == 1
    configuration.write_text(text)
    return gateway.start()


SLOW = {
    "silent": (b"", b""),
    "in the request line": (b"GET /", b"a"),
    "in a header": (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a"),
    "header after header": (b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
    "in the body": (head("POST", "/api/send-sms", JSON, "Content-Length: 60000"), b" "),
    "in a chunk": (head("POST", "/api/send-sms", JSON, "Transfer-Encoding: chunked") + b"ea60\r\n",
                   b" "),
}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_do_not_slow_the_others(make_gateway, kind):
    gateway = slow_gateway(make_gateway)
    slow = Dripping(gateway, 500, *SLOW[kind])
    try:
        seconds = []
        for i in range(30):
            begin = time.monotonic()
            assert ask_raw(gateway, head("GET", "/livez"), source=OTHER).status == 200
            gateway.api.send(message=f"number {i}")
            seconds.append(time.monotonic() - begin)
        assert statistics.median(seconds) < 1  # the slow have 2 s and more; a busy machine delays a few
        if kind not in ("silent", "in the body", "in a chunk"):
            wait_for(slow.are_closed, "nginx to end those whose headers do not come to an end")
    finally:
        slow.stop()
    assert gateway.api.get("/api/sms").json()["total"] == 30


def test_slow_bodies_of_one_address_are_bounded(make_gateway):
    gateway = make_gateway(ADDRESS_CONNECTIONS=100).start()
    slow = Dripping(gateway, 100, *SLOW["in the body"])

    def is_at_its_limit():  # the question may have taken the place of the hundredth, for a moment
        status = ask_raw(gateway, head("GET", "/livez"), source=ONE).status
        return status == 429 or slow.add()

    try:
        wait_for(is_at_its_limit, "the address to be at its limit")
        assert ask_raw(gateway, head("GET", "/livez"), source=OTHER).status == 200
    finally:
        slow.stop()
    wait_for(lambda: ask_raw(gateway, head("GET", "/livez"), source=ONE).status == 200,
             "the address to be served again")
