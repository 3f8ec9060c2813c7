"""nginx as the door: limits of one client, headers of every answer, web pages of other origins, and
those who are slow or try to be two requests at once. test_nginx.py has what is refused as no HTTP."""

import re
import socket
import threading
import statistics
import time

import pytest

from harness.api import description
from harness.gateway import ROOT, Gateway
from harness.lan_certificate import LanCertificate
from harness.raw_http import RawHttp, ask_raw, head
from harness.waiting import LIMIT_SECONDS, wait_for

JSON = "Content-Type: application/json"
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
ONE, OTHER = "127.0.0.2", "127.0.0.3"  # clients from elsewhere; 127.0.0.1 is this machine


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
    gateway = make_gateway(ADDRESS_CONNECTIONS=3).start()
    held = [hold_phone(gateway, ONE, f"one-{i}") for i in range(3)]
    assert [answer.status for _, answer in held] == [101] * 3
    refused, answer = hold_phone(gateway, ONE, "one-3")
    check_refused(answer)
    check_refused(ask_raw(gateway, head("GET", "/livez"), source=ONE))
    held += [hold_phone(gateway, OTHER, f"other-{i}") for i in range(3)]
    held += [hold_phone(gateway, "127.0.0.1", f"own-{i}") for i in range(10)]
    assert [answer.status for _, answer in held] == [101] * 16

    held[0][0].socket.close()
    held[0] = wait_for(lambda: (again := hold_phone(gateway, ONE, "one-0"))[1].status == 101
                       and again, "a place to be free again")
    for connection, _ in [*held, (refused, None)]:
        connection.socket.close()


# ---- Guesses of a pairing code ----

def pairing(code):
    body = b'{"code": "%s"}' % code
    return head("POST", "/api/pair", JSON, f"Content-Length: {len(body)}") + body


def test_ten_thousand_wrong_pairing_codes_stop_nobody_else(make_gateway):
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


def test_nobody_guesses_pairing_codes_faster_not_even_this_machine(make_gateway):
    gateway = make_gateway().start()
    found = statuses(ask_many(gateway, pairing(b"WRONG"), 20, "127.0.0.1", "POST"))
    assert 429 not in found[:6] and found[6:].count(429) >= 13
    for target in ("//api/pair", "/api/./pair", "/%61pi/pair", "/api/pair?x"):
        answer = ask_raw(gateway, pairing(b"WRONG").replace(b"/api/pair", target.encode()), "POST")
        assert answer.status == 429


# ---- Headers of every answer ----

@pytest.fixture(scope="module")
def lan(tmp_path_factory):
    return LanCertificate(tmp_path_factory.mktemp("lan"))


@pytest.fixture(scope="module")
def walked(build, lan, tmp_path_factory):
    """A gateway with both listeners, whose problem pages can be asked for one by one."""
    gateway = Gateway(tmp_path_factory.mktemp("walked"), build, lan.settings)
    problems = gateway.folder / "run/gateway-problems.conf"
    problems.write_text(problems.read_text().replace("    internal;\n", ""))
    yield gateway.start()
    gateway.stop()


SAMPLES = {  # every location of gateway.conf, and requests for it
    "/api/": [head("GET", "/api/sms"), head("GET", "/api/nothing"), head("PUT", "/api/sms"),
              head("POST", "/api/send-sms", "Content-Length: 0"), head("OPTIONS", "/api/sms"),
              head("POST", "/api/send-sms", JSON, "Content-Length: 100000"),
              head("GET", "/api/sms?limit=0"), head("GET", "/api/sms?" + "a" * 9000)],
    "= /api/pair": [pairing(b"WRONG")] * 8,
    "= /api": [head("GET", "/api")],
    "= /livez": [head("GET", "/livez"), head("POST", "/livez", "Content-Length: 0")],
    "= /readyz": [head("GET", "/readyz")],
    "= /metrics": [head("GET", "/metrics")],
    '~ "^/ws/device/(?<device_id>[A-Za-z0-9_-]{1,64})\\z"': [
        head("GET", "/ws/device/x", *HANDSHAKE), head("GET", "/ws/device/x"),
        head("GET", "/ws/device/x", *HANDSHAKE, "Origin: https://a.example"),
        head("GET", "/ws/device/x", *HANDSHAKE[:3], "Sec-WebSocket-Key: x"),
        head("POST", "/ws/device/x", *HANDSHAKE, "Content-Length: 0"),
        head("GET", "/ws/device/x", *HANDSHAKE[:3]),
        head("GET", "/ws/device/x", *HANDSHAKE, "Sec-WebSocket-Protocol: another")],
    '~* "^/ws(/|\\z)"': [head("GET", "/ws"), head("GET", "/ws/device/a.b", *HANDSHAKE)],
    "= /ca.crt": [head("GET", "/ca.crt"), head("POST", "/ca.crt", "Content-Length: 0")],
    "= /": [head("GET", "/")],
    "= /docs": [head("GET", "/docs")],
    "/docs/": [head("GET", "/docs/"), head("GET", "/docs/docs.js"), head("GET", "/docs/errors.html"),
               head("GET", "/docs/swagger-ui-bundle.js"), head("GET", "/docs/swagger-ui.css"),
               head("GET", "/docs/favicon-32x32.png")],
    "= /openapi.json": [head("GET", "/openapi.json")],
    "/": [head("GET", "/nothing"), head("GET", "/livez", "A: " + "a" * 9000),
          b"GET /livez HTTP/1.1\r\n\r\n", b"GARBAGE\r\n\r\n"],
}
DOCUMENTATION = ("= /docs", "/docs/", "= /openapi.json")


def check_headers(answer, tls, is_documentation=False):
    expected = {"X-Content-Type-Options": ["nosniff"], "Referrer-Policy": ["no-referrer"],
                "Strict-Transport-Security": ["max-age=31536000"] if tls else None,
                "Access-Control-Allow-Origin": None, "Access-Control-Allow-Credentials": None}
    if is_documentation:
        expected["Cache-Control"] = ["no-cache"]
        [policy] = answer.headers.get_all("Content-Security-Policy")
        assert policy.startswith("default-src 'none'; ")
    else:
        expected["Cache-Control"] = ["no-store"]
        expected["Content-Security-Policy"] = ["default-src 'none'; frame-ancestors 'none'"]
    found = {name: answer.headers.get_all(name) for name in expected}
    assert found == expected, answer


@pytest.mark.parametrize("way", ["plain", "TLS"])
@pytest.mark.parametrize("location", SAMPLES)
def test_every_answer_has_its_security_headers(walked, lan, location, way):
    tls = lan.context() if way == "TLS" else None
    for request in SAMPLES[location]:
        answer = ask_raw(walked, request, tls=tls)
        check_headers(answer, tls, location in DOCUMENTATION)


@pytest.mark.parametrize("way", ["plain", "TLS"])
def test_every_problem_of_nginx_has_its_security_headers(walked, lan, way):
    tls = lan.context() if way == "TLS" else None
    text = (ROOT / "nginx/gateway-problems.conf").read_text()
    pages = re.findall(r"^location = (/problem/(\d+)\S*) ", text, re.M)
    assert len(pages) >= 14
    for page, status in pages:
        answer = ask_raw(walked, head("GET", page), tls=tls)
        assert answer.status == (400 if status == "497" else int(status))
        check_headers(answer, tls)


@pytest.mark.parametrize("way", ["plain", "TLS"])
def test_every_route_has_its_security_headers(walked, lan, way):
    tls = lan.context() if way == "TLS" else None
    for path, operations in description()["paths"].items():
        for method in operations:
            target = re.sub(r"\{.*?\}", "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", path)
            answer = ask_raw(walked, head(method.upper(), target, "Content-Length: 0"), tls=tls)
            check_headers(answer, tls)


def test_every_location_is_walked():
    text = (ROOT / "nginx/gateway.conf").read_text()
    assert set(re.findall(r"^ *location (.+) \{$", text, re.M)) == set(SAMPLES)


# ---- Names that lead here ----


@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("LOCALHOST:8000", 200), ("127.0.0.1", 200), ("127.0.0.1:1", 200),
    ("[::1]:8000", 200), ("sms.example", 200), ("evil.example", 421), ("localhost.evil.example", 421),
    ("127.0.0.1.evil.example", 421), ("1.evil.example", 421), ("evil.example:8000", 421)])
def test_a_page_cannot_come_by_another_name(build, nameless, host, status):
    """DNS rebinding: without API keys nothing else would tell a page from a program of this machine."""
    answer = ask_raw(nameless, head("GET", "/api/sms?limit=1", host=f"Host: {host}"))
    assert answer.status == status
    assert status == 200 or answer.code == "misdirected"


@pytest.fixture(scope="module")
def nameless(build, tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("nameless"), build,
                      {"API_KEYS": "off", "PUBLIC_URL": "https://sms.example"}).start()
    yield gateway
    gateway.stop()


def test_with_a_key_the_name_does_not_matter(gateway):
    answer = ask_raw(gateway, head("GET", "/api/sms?limit=1", host="Host: any.example"))
    assert answer.status == 200


# ---- Web pages of other origins ----

LISTED = ("https://app.example.org", "http://localhost:3000", "https://" + "a" * 60 + ".example")
UNLISTED = ("https://evil.example", "http://app.example.org", "https://app.example.org:444",
            "https://app.example.org.evil.example", "https://evilapp.example.org", "null",
            "https://app.example.org/", "https://app.example.org https://evil.example", "*")


@pytest.fixture(scope="module")
def open_to_pages(build, tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("pages"), build,
                      {"CORS_ORIGINS": " ".join(LISTED) + " " + LISTED[0]})
    yield gateway.start()
    gateway.stop()


def preflight(path, origin, method="POST"):
    return head("OPTIONS", path, f"Origin: {origin}", f"Access-Control-Request-Method: {method}",
                "Access-Control-Request-Headers: authorization,content-type")


def cors_headers(answer):
    return {name: value for name, value in answer.headers.items()
            if name.startswith("Access-Control-")}


@pytest.mark.parametrize("origin", LISTED)
@pytest.mark.parametrize("path", ["/api/send-sms", "/api/sms/x", "/api/pair", "/livez"])
def test_a_listed_origin_may_ask_for_what_it_wants(open_to_pages, origin, path):
    answer = ask_raw(open_to_pages, preflight(path, origin), "OPTIONS")
    assert answer.status == 204
    assert cors_headers(answer) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "600"}
    assert answer.headers.get_all("Vary") == ["Origin"]
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


@pytest.mark.parametrize("request_bytes, status", [
    (("GET", "/api/sms"), 200), (("GET", "/api/sms/x"), 404), (("GET", "/api/sms?limit=x"), 422),
    (("PUT", "/api/sms"), 405), (("POST", "/api/send-sms", "Content-Length: 99999"), 413),
    (("OPTIONS", "/api/sms"), 405)])
def test_a_listed_origin_may_read_answers_and_errors(open_to_pages, request_bytes, status):
    answer = ask_raw(open_to_pages, head(*request_bytes, f"Origin: {LISTED[0]}"))
    assert answer.status == status
    assert cors_headers(answer) == {"Access-Control-Allow-Origin": LISTED[0]}
    assert answer.headers.get_all("Vary") == ["Origin"]


@pytest.mark.parametrize("origin", UNLISTED)
def test_another_origin_gets_nothing(open_to_pages, origin):
    answer = ask_raw(open_to_pages, preflight("/api/send-sms", origin), "OPTIONS")
    assert (answer.status, cors_headers(answer)) == (405, {})
    answer = ask_raw(open_to_pages, head("GET", "/api/sms", f"Origin: {origin}"))
    assert (answer.status, cors_headers(answer), answer.headers["Vary"]) == (200, {}, None)


def test_without_an_origin_nothing_is_said(open_to_pages):
    answer = ask_raw(open_to_pages, head("GET", "/api/sms"))
    assert (answer.status, cors_headers(answer), answer.headers["Vary"]) == (200, {}, None)


def test_by_default_no_origin_is_listed(gateway):
    for origin in (*LISTED, *UNLISTED):
        answer = ask_raw(gateway, preflight("/api/send-sms", origin), "OPTIONS")
        assert (answer.status, cors_headers(answer)) == (405, {})
        answer = ask_raw(gateway, head("GET", "/api/sms", f"Origin: {origin}"))
        assert (answer.status, cors_headers(answer)) == (200, {})


@pytest.mark.parametrize("tokens, wanted", [("required", (401, "device_token_required")),
                                            ("off", (403, "forbidden"))])
def test_not_even_a_listed_origin_can_be_a_phone(make_gateway, tokens, wanted):
    gateway = make_gateway(CORS_ORIGINS=" ".join(LISTED), DEVICE_TOKENS=tokens).start()
    for origin in LISTED:
        with RawHttp(gateway) as connection:
            connection.send(head("GET", "/ws/device/x", *HANDSHAKE, f"Origin: {origin}"))
            answer = connection.answer()
            assert (answer.status, answer.code) == wanted


def test_the_documentation_is_no_answer_of_the_api(open_to_pages):
    for path in ("/docs", "/docs/docs.js", "/openapi.json"):
        answer = ask_raw(open_to_pages, head("GET", path, f"Origin: {LISTED[0]}"))
        assert (answer.status, cors_headers(answer)) == (200, {})


# ---- Those who are slow ----

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


# ---- Two requests that look like one, and headers that come from a path ----

SMUGGLED = head("DELETE", "/api/sms/smuggled")


@pytest.mark.parametrize("headers", [
    ("Transfer-Encoding:\x0bchunked", "Content-Length: 2"),
    ("Transfer-Encoding: \x00chunked", "Content-Length: 2"),
    ("Transfer-Encoding: chunked\x00", "Content-Length: 2"),
    ("Transfer-Encoding: identity, chunked",), ("Transfer-Encoding: \"chunked\"",),
    ("Transfer-Encoding: chunk",), ("Transfer-Encoding: chunked;x=y",),
    ("Transfer-Encoding: identity", "Content-Length: 2"),
    ("X: y\nTransfer-Encoding: chunked", "Content-Length: 2"),
    ("Transfer-Encoding:\r\n chunked", "Content-Length: 2"),
    ("Content-Length: 2\r\n 3",), ("Content-Length: 2\rX: y",), ("Content-Length : 2",),
    ("Content-Length: 2\nContent-Length: 3",), ("Content-Length: 99999999999999999999",),
    ("X: y\rTransfer-Encoding: chunked", "Content-Length: 2"),
    ("\x00Content-Length: 2",), ("Content-Length: 2\x00",),
], ids=repr)
def test_a_length_that_is_hidden_is_refused_and_ends_the_connection(gateway, headers):
    with RawHttp(gateway) as connection:
        connection.send(connection.authorize(
            head("POST", "/api/send-sms", JSON, *headers) + b"{}" + SMUGGLED))
        answer = connection.answer("POST")
        assert answer.status in (400, 413), answer
        assert connection.answer() is None


@pytest.mark.parametrize("headers", [
    ("Transfer_Encoding: chunked", "Content-Length: 2"), ("Content_Length: 40", "Content-Length: 2"),
    ("X-Transfer-Encoding: chunked", "Content-Length: 2"),
    ("X: y\nContent-Length: 2",)], ids=repr)
def test_what_is_no_length_has_no_effect_on_it(gateway, headers):
    with RawHttp(gateway) as connection:
        connection.send(connection.authorize(
            head("POST", "/api/send-sms", JSON, *headers) + b"{}" + head("GET", "/livez")))
        assert (first := connection.answer("POST")).status == 422, first
        assert connection.answer().json() == {"status": "live"}


@pytest.mark.parametrize("body", [
    b"2\n{}\n0\n\n", b"2\r\n{}X\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n",
    b"2 \x00\r\n{}\r\n0\r\n\r\n", b"\r\n2\r\n{}\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"])
def test_chunks_that_are_none_never_hide_a_request(gateway, body):
    """Refused, or read in one way: the API never gets a byte that is not of this body."""
    with RawHttp(gateway) as connection:
        connection.send(connection.authorize(
            head("POST", "/api/send-sms", JSON, "Transfer-Encoding: chunked") + body) +
                        connection.authorize(SMUGGLED))
        connection.end()
        answer = connection.answer("POST")
        assert answer is None or answer.status in (400, 413, 422), answer
        if answer and answer.status == 422:
            second = connection.answer()  # None where nginx has given up after the client's end
            assert second is None or second.code == "message_not_found"
        else:
            assert connection.answer() is None


def test_lines_may_end_without_a_carriage_return(gateway):
    """RFC 9112, 2.2. One request all the same, and then the next."""
    with RawHttp(gateway) as connection:
        connection.send(b"GET /livez HTTP/1.1\nHost: x\n\n" + head("GET", "/readyz"))
        assert connection.answer().json() == {"status": "live"}
        assert connection.answer().json() == {"status": "ready"}


@pytest.mark.parametrize("target", [
    "/%0d%0aX-Injected:%20yes", "/docs%0d%0aX-Injected:%20yes", "/docs/%0d%0aX-Injected:%20yes",
    "/?%0d%0aX-Injected:%20yes", "/api/sms/%0d%0aX-Injected:%20yes", "/api/%0aX-Injected:%20yes",
    "/api/sms?phone_number=%0d%0aX-Injected:%20yes", "/ws/device/x%0d%0aX-Injected:%20yes",
    "/api/sms?limit=1&offset=0&device_id=a%0d%0aX-Injected:%20yes"])
def test_no_header_comes_out_of_a_path(gateway, target):
    answer = ask_raw(gateway, head("GET", target))
    assert answer is not None
    assert "X-Injected" not in answer.headers and not answer.body.startswith(b"X-Injected")


@pytest.mark.parametrize("headers", [("X-A: b\rX-Injected: yes",), ("X-A: \x00",),
                                     ("X-A\x00B: c",), (": no name",), ("X\x7f-A: b",)], ids=repr)
def test_control_characters_in_headers_are_refused(gateway, headers):
    answer = ask_raw(gateway, head("GET", "/livez", *headers))
    assert (answer.status, answer.code) == (400, "malformed_request")
