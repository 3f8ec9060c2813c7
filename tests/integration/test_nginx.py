"""nginx itself: its errors, paths, the documentation, and access."""

import gzip
import json
import os
import re
import socket
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
import yaml

from harness.api import DESCRIPTION, check_schema, description
from harness.gateway import ROOT, programs_folder
from harness.nginx_conf import run_script
from harness.phone import Phone
from harness.raw_http import HANDSHAKE, JSON, RawHttp, ask, ask_raw, head, is_in_form_of_smsgate
from harness.sanitizers import reports, tell
from harness.waiting import LIMIT_SECONDS

SMS = b'{"phone_number": "+1234567890", "message": "Hello"}'
H2C = ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings",
       "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")


def table(rows):
    """Rows as pytest wants them: a name, and the values."""
    return [pytest.param(*values, id=name) for name, *values in rows]


def errors():
    """common/base/error.def: code -> (HTTP status, close code, title)."""
    text = (ROOT / "common/base/error.def").read_text()
    rows = re.findall(r'^ERROR\(\w+, "(\w+)", (\d+), (\d+), "([^"]+)"\)', text, re.M)
    assert len(rows) == text.count("\nERROR(")
    return {code: (int(status), int(close), title) for code, status, close, title in rows}


def get_page(gateway, path, **headers):
    """A page of the documentation, redirects not followed."""
    return gateway.api.client.request("GET", path, headers=headers)


# ---- The configuration ----

@pytest.mark.parametrize("settings", [{}, {"MAX_BODY_BYTES": 1048576, "LISTEN_ADDRESS": "0.0.0.0",
                                           "PLAIN_HTTP": "everywhere",
                                           "RUNTIME_DIR": "another/folder"}], ids=str)
def test_nginx_finds_nothing_wrong_with_its_configuration(make_gateway, settings):
    gateway = make_gateway(**settings)
    configuration = f"{settings.get('RUNTIME_DIR', 'run')}/nginx.conf"
    nginx = subprocess.run(["/usr/sbin/nginx", "-t", "-e", "stderr", "-p", gateway.folder, "-c",
                            configuration], capture_output=True, text=True, cwd=gateway.folder)
    assert nginx.returncode == 0, nginx.stderr
    for word in ("warn", "error", "emerg"):
        assert f"[{word}]" not in nginx.stderr
    # The harness copies what the script wrote once; whichever build the script asks, it writes the same.
    folder = (gateway.folder / configuration).parent
    before = {path.name: path.read_text() for path in folder.glob("*.conf")}
    run_script(gateway.folder, gateway.environment, gateway.build)
    assert {path.name: path.read_text() for path in folder.glob("*.conf")} == before


def test_nginx_does_not_tell_its_version(gateway):
    for path in ("/livez", "/docs", "/nothing"):
        assert get_page(gateway, path).headers["Server"] == "nginx"


def problem_conf(gateway):
    return (gateway.folder / "run/gateway-problems.conf").read_text()


def problem_bodies(gateway):
    """The problems that nginx writes: the status it returns, and the body."""
    return [(int(status), json.loads(body))
            for status, body in re.findall(r"return (\d+) '(\{[^'\\\\]*\})';", problem_conf(gateway))]


def test_the_problems_of_nginx_agree_with_the_table_of_errors(gateway):
    bodies = problem_bodies(gateway)
    assert len(bodies) == problem_conf(gateway).count("\nlocation ") >= 10
    for status, body in bodies:
        if "message" in body:  # in SMSGate's form
            assert list(body) == ["message"] and any(body["message"].startswith(f"{title}: ") for of, _, title in
                                                     errors().values() if of == status), body
            continue
        check_schema({"$ref": "#/components/schemas/Problem"}, body)
        assert body["request_id"] == "$request_id"
        assert body["type"] == f"/docs/errors.html#{body['code']}"
        assert (body["status"], body["title"]) == (errors()[body["code"]][0],
                                                   errors()[body["code"]][2])
        assert status == body["status"]


def test_every_error_of_nginx_that_is_caught_has_its_problem(gateway):
    text = problem_conf(gateway)
    caught = re.findall(r"^error_page ([\d ]+)[= ].*?(\S+);", text, re.M)
    assert len(caught) == text.count("\nerror_page ") >= 10
    for codes, target in caught:
        for form in ("", "-smsgate"):
            page = target.replace("$problem_form", form)
            assert re.search(rf"^location = {re.escape(page)} ", text, re.M), (codes, page)


# ---- Requests that are no HTTP ----

MALFORMED = table([
    ("a word", b"GARBAGE\r\n\r\n"),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ("a method in small letters", b"get /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a method with a digit", b"G3T /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a path without a slash", b"GET livez HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a path with an encoded slash first", b"GET %2Flivez HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a word after the version", b"GET /livez HTTP/1.1 x\r\nHost: x\r\n\r\n"),
    ("a space in the path", b"GET /li vez HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a version that is none", b"GET /livez HTTP/x\r\nHost: x\r\n\r\n"),
    ("another protocol", b"GET /livez FTP/1.1\r\nHost: x\r\n\r\n"),
    ("version 2", b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n"),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("a NUL in the path", b"GET /livez\x00 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a control character in the path", b"GET /livez\x01 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("an encoded NUL", head("GET", "/api/sms/%00")),
    ("a bad escape", head("GET", "/api/sms/%zz")),
    ("a cut escape", head("GET", "/api/sms/%4")),
    ("a path above the root", head("GET", "/../livez")),
    ("an encoded path above the root", head("GET", "/api/%2e%2e/%2E%2E/livez")),
    ("no host", b"GET /livez HTTP/1.1\r\n\r\n"),
    ("two hosts", head("GET", "/livez", "Host: another")),
    ("a host with a slash", head("GET", "/livez", host="Host: a/b")),
    ("a name of a header with a space", head("GET", "/livez", "Bad Header: x")),
    ("a space before the colon", head("GET", "/livez", "X-Header : x")),
    ("a NUL in a header", head("GET", "/livez", "X-Header: a\0b")),
    ("a NUL in a header's name", head("GET", "/livez", "X-He\0der: ab")),
    ("two lengths", head("POST", "/api/send-sms", JSON, f"Content-Length: {len(SMS)}",
                         f"Content-Length: {len(SMS)}") + SMS),
    ("two different lengths", head("POST", "/api/send-sms", JSON, "Content-Length: 2",
                                   f"Content-Length: {len(SMS)}") + SMS),
    ("a list of lengths", head("POST", "/api/send-sms", JSON, "Content-Length: 2, 2") + b"{}"),
    ("a length below zero", head("POST", "/api/send-sms", JSON, "Content-Length: -2") + b"{}"),
    ("a length with a plus", head("POST", "/api/send-sms", JSON, "Content-Length: +2") + b"{}"),
    ("a length in hexadecimal", head("POST", "/api/send-sms", JSON, "Content-Length: 0x2") + b"{}"),
    ("a length that is a word", head("POST", "/api/send-sms", JSON, "Content-Length: two") + b"{}"),
])


@pytest.mark.parametrize("request_bytes", MALFORMED)
def test_a_request_that_is_not_valid_http_is_answered_with_a_problem(gateway, request_bytes):
    answer = ask_raw(gateway, request_bytes)
    assert (answer.status, answer.code) == (400, "malformed_request")


@pytest.mark.parametrize("request_bytes", table([
    ("an unknown encoding", head("POST", "/api/send-sms", JSON, "Transfer-Encoding: gzip, chunked")
     + b"0\r\n\r\n"),
    ("CONNECT", head("CONNECT", "/api/send-sms")),
    ("OPTIONS of everything", head("OPTIONS", "*")),
    ("a handshake without a key", head("GET", "/ws/device/x", *HANDSHAKE[:3])),
    ("a handshake with a long key", head("GET", "/ws/device/x", *HANDSHAKE[:3],
                                         "Sec-WebSocket-Key: " + "a" * 300)),
    ("a range beyond the end", head("GET", "/docs/docs.css", "Range: bytes=99999999-")),
    ("a precondition", head("GET", "/docs/docs.css", 'If-Match: "another"')),
]))
def test_a_mistake_of_the_client_is_never_called_an_error_of_ours(gateway, request_bytes):
    assert 400 <= ask_raw(gateway, request_bytes).status < 500


CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
SMUGGLED = head("GET", "/api/devices")


@pytest.mark.parametrize("headers", table([
    ("a length and chunks", ("Content-Length: 2", "Transfer-Encoding: chunked")),
    ("chunks and a length", ("Transfer-Encoding: chunked", "Content-Length: 2")),
    ("the length of all", (f"Content-Length: {len(CHUNKED + SMUGGLED)}",
                           "Transfer-Encoding: chunked")),
    ("chunked twice", ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
    ("chunked in a list", ("Transfer-Encoding: chunked, chunked",)),
    ("an encoding that is none", ("Transfer-Encoding: xchunked", "Content-Length: 2")),
    ("an encoding behind a tab", ("Transfer-Encoding:\tchunked x", "Content-Length: 2")),
    ("an encoding with a space before its colon", ("Transfer-Encoding : chunked",
                                                   "Content-Length: 2")),
    ("two lengths", ("Content-Length: 0", f"Content-Length: {len(CHUNKED)}")),
]))
def test_a_request_whose_end_is_not_clear_is_refused_and_ends_the_connection(gateway, headers):
    with RawHttp(gateway) as connection:
        connection.send(head("POST", "/api/send-sms", JSON, *headers) + CHUNKED + SMUGGLED)
        answer = connection.answer("POST")
        assert (answer.status, answer.code) == (400, "malformed_request")
        assert connection.answer() is None  # what came behind it is no request


def test_chunks_in_http_1_0_are_refused(gateway):
    request = head("POST", "/api/send-sms", JSON, "Transfer-Encoding: chunked") + CHUNKED
    assert ask_raw(gateway, request.replace(b"HTTP/1.1", b"HTTP/1.0", 1)).status == 400


# ---- Requests that are too large or too slow ----

@pytest.mark.parametrize("target", ["/api/sms?", "/docs?", "/nothing/"])
def test_an_address_over_8_kib_is_refused(gateway, target):
    answer = ask_raw(gateway, head("GET", target + "a" * 8192))
    assert (answer.status, answer.code) == (414, "uri_too_long")


def test_an_address_of_almost_8_kib_is_answered(gateway):
    answer = ask(gateway, "GET", "/livez?" + "&" * 8100)
    assert answer.status == 200
    answer = ask(gateway, "GET", "/livez?" + "a" * 8100)  # by the API
    assert (answer.status, answer.code) == (422, "validation_failed")


@pytest.mark.parametrize("headers", table([
    ("one over 8 KiB", ("X-Large: " + "a" * 8192,)),
    ("many", [f"X-Header-{i}: {'a' * 4000}" for i in range(10)]),
    ("very many", [f"X-{i}: a" for i in range(10_000)]),
    ("a cookie", ("Cookie: " + "a=b; " * 4000,)),
]))
def test_headers_that_are_too_large_are_refused(gateway, headers):
    answer = ask_raw(gateway, head("GET", "/livez", *headers))
    assert (answer.status, answer.code) == (431, "headers_too_large")


def test_a_header_of_almost_8_kib_is_read(gateway):
    assert ask(gateway, "GET", "/livez", "X-Large: " + "a" * 8000).status == 200


@pytest.mark.parametrize("headers", table([
    ("announced", (f"Content-Length: {65536 + 1}",)),
    ("announced, with more than the network holds", ("Content-Length: 1000000000",)),
    ("in chunks", ("Transfer-Encoding: chunked",)),
]))
def test_a_body_that_is_too_large_is_refused_before_it_is_read(gateway, headers):
    body = b"10001\r\n" + b" " * 65537 + b"\r\n" if "Transfer-Encoding" in headers[0] else b""
    answer = ask_raw(gateway, head("POST", "/api/send-sms", JSON, *headers) + body, "POST")
    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize("request_bytes", table([
    ("a cut request line", b"GET /li"),
    ("a cut header", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-He"),
    ("a cut body", head("POST", "/api/send-sms", JSON, f"Content-Length: {len(SMS)}") + SMS[:-1]),
    ("a cut chunk", head("POST", "/api/send-sms", JSON, "Transfer-Encoding: chunked") + b"33\r\n{"),
]))
def test_a_request_that_comes_too_slowly_ends_the_connection(make_gateway, request_bytes):
    gateway = make_gateway()
    configuration = gateway.folder / "run" / "gateway.conf"
    text, count = re.subn(r"(client_(header|body)_timeout) 10s;", r"\1 100ms;",
                          configuration.read_text())
    assert count == 2
    configuration.write_text(text)
    gateway.start()
    answer = ask_raw(gateway, request_bytes)
    assert answer is None  # nginx ends such a connection without a word
    assert gateway.api.get("/api/sms").json()["total"] == 0


# ---- Paths ----

@pytest.mark.parametrize("target", [
    "/api//sms", "//api/sms", "/api/./sms", "/./api/sms", "/x/../api/sms", "/api/x/../sms",
    "/api/sms/../sms", "/api/%73ms", "/%61pi/sms", "/api%2Fsms", "/api%2fsms", "/%2Fapi/sms",
    "/api/%2e/sms", "/x/%2E%2E/api/sms", "/x%2F..%2Fapi/sms", "http://gateway/api/sms",
    "HTTP://another.example:1/api/sms"])
def test_routes_go_by_the_decoded_and_shortened_path(gateway, target):
    answer = ask(gateway, "GET", target + "?limit=1", path="/api/sms")
    assert answer.status == 200
    assert answer.json()["limit"] == 1


@pytest.mark.parametrize("target", [
    "/api/sms%3Flimit=1", "/api%5Csms", "/api/sms%23", "/api%252Fsms", "/api/%2573ms",
    "/api\\sms", "/api/sms%00x"])
def test_a_path_that_only_looks_like_a_route_is_unknown(gateway, target):
    answer = ask_raw(gateway, head("GET", target))
    assert answer.status in (400, 404)


def test_every_way_to_write_a_path_reaches_the_same_restriction(gateway):
    for target in ("/metrics", "//metrics", "/./metrics", "/%6Detrics", "/x/../metrics"):
        answer = ask_raw(gateway, head("GET", target), source="127.0.0.2")
        assert (answer.status, answer.code) == (403, "forbidden")


@pytest.mark.parametrize("target", [
    "/docs/../../etc/passwd", "/docs/../../../../../../etc/passwd", "/docs../openapi.json",
    "/docs/%2e%2e/%2e%2e/etc/passwd", "/docs/..%2f..%2fetc/passwd",
    "/docs/..%2F..%2F..%2F..%2Fetc%2Fpasswd", "/docs/%252e%252e/%252e%252e/etc/passwd",
    "/docs/..%5C..%5Cetc%5Cpasswd",
    "/docs/..;/..;/etc/passwd", "/docs/....//....//etc/passwd", "/docs/%c0%ae%c0%ae/etc/passwd",
    "//etc/passwd", "/docs//etc/passwd", "/docs/%00/../../etc/passwd", "/etc/passwd",
    "/docs/../run/nginx.conf", "/docs/../data/sms-gateway.db", "/docs/../../Makefile",
    "/run/nginx.conf", "/nginx.conf", "/data/sms-gateway.db", "/.git/config", "/docs/.env"])
def test_no_path_leads_out_of_the_documentation(gateway, target):
    answer = ask_raw(gateway, head("GET", target))
    assert answer.status in (400, 404)
    assert b"root:" not in answer.body


@pytest.mark.parametrize("path", [
    "/docs/nothing", "/docs/nothing.html", "/docs/nothing.js", "/docs/nothing.png", "/docs/x/y",
    "/docs/x/", "/docs/index.html/x", "/nothing", "/nothing.html", "/nothing.jpg", "/nothing.gif",
    "/index.html", "/index.php", "/favicon.ico", "/robots.txt", "/openapi.yaml", "/openapi.json/",
    "/docs2", "/ws", "/ws/", "/ws/device", "/errors.html"])
def test_an_unknown_path_gets_a_problem(gateway, path):
    answer = ask_raw(gateway, head("GET", path))
    assert (answer.status, answer.code) == (404, "not_found")


def test_no_folder_is_listed(gateway):
    for path in ("/docs/", "/docs//", "/docs/./"):
        assert get_page(gateway, path).text == get_page(gateway, "/docs").text
    assert ask_raw(gateway, head("GET", "/docs/x/")).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND",
                                    "TRACE"])
@pytest.mark.parametrize("path", ["/docs", "/docs/index.html", "/docs/docs.js", "/openapi.json"])
def test_the_documentation_can_only_be_read(gateway, method, path):
    answer = ask_raw(gateway, head(method, path, "Content-Length: 0"), method)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


# ---- What only phones, or only this machine, may ask ----

def test_the_broker_is_asked_for_websocket_in_nginx_own_words():
    """Whatever gets past the conditions above it: libwebsockets would parse HTTP/2 for `h2c`."""
    text = (ROOT / "nginx/gateway.conf").read_text()
    place = text[text.index("location ~ \"^/ws/device/"):].split("\n}\n")[0]
    told = dict(re.findall(r"^    proxy_set_header (Upgrade|Connection|Host|Sec-WebSocket-Version) (.*);", place,
                           re.M))
    assert told == {"Upgrade": "websocket", "Connection": "Upgrade", "Host": "gateway",
                    "Sec-WebSocket-Version": "13"}


@pytest.mark.parametrize("headers", table([
    ("none", ()),
    ("h2c", H2C),
    ("h2c and the rest of a handshake", (*H2C, *HANDSHAKE[2:])),
    ("a list that begins with websocket", ("Upgrade: websocket, h2c", *HANDSHAKE[1:])),
    ("a list that ends with websocket", ("Upgrade: h2c, websocket", *HANDSHAKE[1:])),
    ("a list in two lines", ("Upgrade: h2c", *HANDSHAKE)),
    ("TLS", ("Upgrade: TLS/1.0", *HANDSHAKE[1:])),
    ("an empty one", ("Upgrade: ", *HANDSHAKE[1:])),
    ("websocket with a version", ("Upgrade: websocket/13", *HANDSHAKE[1:])),
]))
def test_the_path_of_phones_speaks_websocket_only(gateway, headers):
    answer = ask_raw(gateway, head("GET", "/ws/device/x", *headers))
    assert (answer.status, answer.code) == (426, "upgrade_required")
    assert answer.headers["Upgrade"] == "websocket"
    assert gateway.ws_broker.is_running()


@pytest.mark.parametrize("headers", [H2C, (*H2C, *HANDSHAKE[2:]), HANDSHAKE,
                                     ("Upgrade: TLS/1.0", "Connection: Upgrade")],
                         ids=["h2c", "h2c and websocket", "websocket", "TLS"])
@pytest.mark.parametrize("path", ["/livez", "/api/sms?limit=1", "/docs", "/openapi.json"])
def test_an_upgrade_has_no_effect_on_other_addresses(gateway, path, headers):
    with RawHttp(gateway) as connection:
        for _ in range(2):  # the second answer shows that it is still HTTP/1.1
            connection.send(connection.authorize(head("GET", path, *headers)))
            answer = connection.answer()
            assert answer.status == 200
            assert "Upgrade" not in answer.headers
            assert answer.headers["Connection"] == "keep-alive"


# What libraries of apps send: React Native, okhttp and Expo, Cordova, Capacitor, Ionic, a sandbox, Starscream.
ORIGINS = ("http://{host}", "https://{host}", "https://evil.example", "file://", "http://localhost",
           "https://localhost", "capacitor://localhost", "ionic://localhost", "null", "", "0", "*",
           "http://{host}.evil.example", "http://evil.example@{host}", "http://{host}/", "{host}",
           "http://{host} http://{host}", "HTTP://{host}", "http://", "?", "ws://{host}", "WSS://{host}", "ws://{host}/")


def handshake_from(gateway, origin, host, *headers):
    return head("GET", "/ws/device/x", *HANDSHAKE, f"Origin: {origin.format(host=host)}", *headers,
                host=f"Host: {host}")


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_token_decides_whatever_the_origin(gateway, origin):
    """No page in a browser can send one: its WebSocket has no headers to set."""
    host = f"127.0.0.1:{gateway.port}"
    for header, wanted in (("A: b", (401, "device_token_required")),
                           ("Authorization: Basic eDp5", (401, "device_token_required")),
                           ("Authorization: Bearer x", (401, "device_token_invalid"))):
        with RawHttp(gateway) as connection:
            connection.send(handshake_from(gateway, origin, host, header))
            answer = connection.answer()
            assert (answer.status, answer.code) == wanted
    token = f"Authorization: Bearer {gateway.device_token('x')}"
    with RawHttp(gateway) as connection:
        connection.send(handshake_from(gateway, origin, host, token))
        assert connection.answer().status == 101


@pytest.fixture(scope="module")
def tokenless(module_gateway):
    return module_gateway(DEVICE_TOKENS="off", PUBLIC_URL="https://sms.example").start()


def status_from(gateway, origin, host):
    with RawHttp(gateway) as connection:
        connection.send(handshake_from(gateway, origin, host))
        answer = connection.answer()
        assert answer.status != 403 or "DEVICE_TOKENS" in answer.json()["detail"]
        return answer.status


@pytest.mark.parametrize("origin", ORIGINS)
def test_without_tokens_no_page_can_be_a_phone(tokenless, origin):
    own = ("http://{host}", "https://{host}", "HTTP://{host}", "", "ws://{host}", "WSS://{host}")
    assert status_from(tokenless, origin, f"127.0.0.1:{tokenless.port}") == (101 if origin in own
                                                                            else 403)


@pytest.mark.parametrize("origin, host, status", [
    ("http://10.0.2.2:8000", "10.0.2.2:8000", 101), ("http://10.0.2.2:80", "10.0.2.2", 101),
    ("https://sms.example:443", "sms.example", 101), ("https://sms.example", "SMS.example", 101),
    ("http://[::1]:8000", "[::1]:8000", 101), ("http://localhost:8000", "localhost:8000", 101),
    ("ws://10.0.2.2:80", "10.0.2.2", 101), ("wss://sms.example:443", "sms.example", 101), ("ws://10.0.2.2:443", "10.0.2.2", 403),
    ("ws://localhost:3000", "localhost:8000", 403), ("ws://evil.example:8000", "evil.example:8000", 403),
    ("http://localhost:3000", "localhost:8000", 403), ("http://localhost", "localhost:8000", 403),
    ("http://127.0.0.1:8000", "localhost:8000", 403), ("http://10.0.2.2", "10.0.2.21", 403),
    ("http://10.0.2.2:80", "10.0.2.2:8000", 403), ("http://10.0.2.2:443", "10.0.2.2", 403),
    # DNS rebinding: a page by a name of its own that leads here
    ("http://evil.example:8000", "evil.example:8000", 403), ("https://evil.example", "evil.example", 403),
    ("https://sms.example.evil.example", "sms.example.evil.example", 403)])
def test_without_tokens_an_origin_is_the_address_that_the_phone_connects_to(tokenless, origin, host,
                                                                           status):
    assert status_from(tokenless, origin, host) == status


def test_without_tokens_a_phone_without_an_origin_may_come_by_any_name(tokenless):
    with RawHttp(tokenless) as connection:
        connection.send(head("GET", "/ws/device/x", *HANDSHAKE, host="Host: any.example"))
        assert connection.answer().status == 101


@pytest.mark.parametrize("device_id", ["", "a" * 65, "a" * 2000, ".", "a.b", "a%2Fb", "a/b", "x/",
                                       "a%20b", "a+b", "a:b", "a~b", "%C3%A4", "%FF", "x%0A",
                                       "%0Ax", "x%0D", "%2561", "x%3Fy", "x%23", "%22", "a,b"])
def test_a_device_id_that_is_not_valid_is_not_found(gateway, device_id):
    for headers in (HANDSHAKE, ()):
        answer = ask_raw(gateway, head("GET", f"/ws/device/{device_id}", *headers))
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.json()["detail"] == DEVICE_ID_SENTENCE


DEVICE_ID_SENTENCE = ("A device connects to /ws/device/{device_id}; a device id has 1 to 64 letters, digits,"
                      " _ and -.")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/device", "/ws/device/", "//ws//device//",
                                  "/ws/devices/x", "/WS/device/x", "/ws/Device/x", "/ws/x",
                                  "/ws/device/x/", "/ws/device/x/y", "/ws/device/x%2F"])
def test_an_incomplete_device_path_names_the_right_one(gateway, path, method):
    answer = ask_raw(gateway, head(method, path, "Content-Length: 0"), method)
    assert answer.status == 404
    if method != "HEAD":
        assert answer.json()["detail"] == DEVICE_ID_SENTENCE


def test_a_path_that_only_begins_like_the_device_path_is_unknown(gateway):
    answer = ask_raw(gateway, head("GET", "/wsdl"))
    assert answer.status == 404 and answer.json()["detail"] != DEVICE_ID_SENTENCE


@pytest.mark.parametrize("header", ["Sec-WebSocket-Key: short", "Sec-WebSocket-Key: " + "=" * 24,
                                    "Sec-WebSocket-Protocol: " + "p" * 1000,
                                    "Authorization: Bearer " + "t" * 200])
def test_an_invalid_handshake_is_explained(gateway, header):
    name = header.split(":")[0]
    headers = [each for each in HANDSHAKE if not each.startswith(name)]
    answer = ask_raw(gateway, head("GET", "/ws/device/x", *headers, header))
    assert (answer.status, answer.code) == (400, "malformed_request")
    assert name in answer.json()["detail"]


@pytest.mark.parametrize("target, device_id", [
    ("/ws/device/x", "x"), ("/ws/device/" + "a" * 64, "a" * 64), ("/ws/device/A_b-9", "A_b-9"),
    ("/ws/device/%61bc", "abc"), ("/ws/device/x?token=y", "x"), ("//ws/./device//y", "y"),
    ("/z/../ws/device/%7A", "z")])
def test_a_phone_is_known_by_the_decoded_path(make_gateway, target, device_id):
    gateway = make_gateway().start()
    gateway.ws_url = gateway.ws_url.removesuffix("/ws/device/") + target
    phone = Phone(gateway, "", hello=False, token=gateway.device_token(device_id))
    phone.send({"device_name": "any"})
    assert phone.receive() == {"type": "connection_ack", "device_id": device_id}
    assert list(gateway.api.devices()) == [device_id]
    phone.close()


def test_metrics_are_for_this_machine_only(gateway):
    answer = ask_raw(gateway, head("GET", "/metrics"), source="127.0.0.2")
    assert (answer.status, answer.code) == (403, "forbidden")
    assert ask_raw(gateway, head("GET", "/livez"), source="127.0.0.2").status == 200


def test_a_client_cannot_set_what_nginx_tells_the_api(gateway):
    """httpoxy, and headers that look like FastCGI's parameters."""
    headers = ("Proxy: http://evil.example", "Request-Method: DELETE", "Document-Uri: /metrics",
               "Query-String: limit=0", "Request-Id: forged", "X-Forwarded-For: 10.0.0.1",
               "X-Original-URL: /metrics", "X-HTTP-Method-Override: DELETE", "Status: 500")
    answer = ask(gateway, "GET", "/api/sms?limit=1", *headers)
    assert answer.status == 200
    assert answer.json()["limit"] == 1
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize("page", [[], ["X-SMS-Gateway: dashboard"]], ids=["a program", "the dashboard"])
def test_the_api_gets_no_header_that_it_does_not_read(make_gateway, monkeypatch, page):
    gateway = make_gateway().start()
    gateway.api_fcgi.stop()
    monkeypatch.chdir(gateway.folder / "run")  # a short path
    Path("api.sock").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as api, RawHttp(gateway) as client:
        api.settimeout(LIMIT_SECONDS)
        api.bind("api.sock")
        os.chmod("api.sock", 0o666)
        api.listen()
        client.send(head("POST", "/api/send-sms", JSON, "Content-Length: 2", "Accept: a", "Accept-Encoding: b", "Connection: keep-alive",
                         "Proxy: c", "Origin: https://d", *page) + b"{}")
        peer, _ = api.accept()
        received = b""
        while b"{}" not in received:
            received += peer.recv(65536)
        peer.close()
        assert client.answer().status == 502
    for name, is_passed in {"CONTENT_LENGTH2": True, "HTTP_CONTENT_TYPEapplication/json": True, "HTTP_ORIGINhttps://d": True,
                            "HTTP_HOST": bool(page), "QUERY_STRING": False, "HTTP_ACCEPT": False, "HTTP_CONNECTION": False,
                            "HTTP_CONTENT_LENGTH": False, "HTTP_PROXY": False}.items():
        assert (name.encode() in received) == is_passed, (name, received)
    assert received.count(b"CONTENT_TYPE") == 1, received


# ---- When the programs behind nginx do not run ----

ROUTES = [("POST", "/api/send-sms"), ("GET", "/api/sms"), ("GET", "/api/devices"),
          ("GET", "/api/sms/019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"), ("GET", "/livez"),
          ("GET", "/readyz"), ("GET", "/metrics")]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_stopped_api_is_answered_with_502_and_its_return_with_messages(make_gateway, end):
    gateway = make_gateway().start()
    sent = gateway.api.send()
    getattr(gateway.api_fcgi, end)()
    for method, path in ROUTES:
        answer = gateway.api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (502, "not_available"), path
        assert int(answer.headers["Retry-After"]) >= 1
    assert get_page(gateway, "/docs").status_code == 200

    gateway.api_fcgi.start()
    assert gateway.api.message(sent["message_id"]) == sent
    assert gateway.api.send()["status"] == "queued"


def test_the_problem_of_a_stopped_api_is_json_whatever_the_path_looks_like(make_gateway):
    gateway = make_gateway().start()
    gateway.api_fcgi.stop()
    for path in ("/api/x", "/api/x.html", "/api/x.gif", "/api/sms/x.jpg"):
        answer = ask_raw(gateway, head("GET", path))
        assert (answer.status, answer.code) == (502, "not_available")
    # As SMSGate's app and its clients have errors, whatever nginx refuses.
    large = "Content-Length: 100000"
    for status, request in ((502, head("GET", "/api/mobile/v1/message?order=fifo")), (502, head("GET", "//3rdparty//v1/messages")),
                            (413, head("PATCH", "/mobile/v1/message", JSON, large)), (405, head("PUT", "/mobile/v1/events")),
                            (413, head("POST", "/api/3rdparty/v1/messages", JSON, large)),
                            (431, head("GET", "/3rdparty/v1/messages", "A: " + "a" * 9000))):
        answer = ask_raw(gateway, request)
        assert answer.status == status and is_in_form_of_smsgate(answer), answer


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_stopped_broker_is_answered_with_502_and_stops_nothing_else(make_gateway, end):
    gateway = make_gateway().start()
    getattr(gateway.ws_broker, end)()
    answer = ask_raw(gateway, head("GET", "/ws/device/x", *HANDSHAKE))
    assert (answer.status, answer.code) == (502, "not_available")
    assert int(answer.headers["Retry-After"]) >= 1
    sent = gateway.api.send()

    gateway.ws_broker.start()
    phone = Phone(gateway, "x")
    assert phone.receive_sms()["message_id"] == sent["message_id"]
    phone.close()


def test_a_second_api_in_the_same_folder_refuses_to_start(make_gateway):
    gateway = make_gateway().start()
    second = subprocess.run(gateway.api_fcgi.command, cwd=gateway.folder, text=True,
                            env=gateway.api_fcgi.environment | {"DATABASE_PATH": "data/second.db"},
                            capture_output=True, timeout=LIMIT_SECONDS)
    assert second.returncode == 1
    [line] = [line for line in second.stderr.splitlines() if "level=error" in line]
    assert "socket is in use by another process" in line
    assert "run/api.sock" in line
    assert not reports(second.stderr), tell(second.stderr)
    assert gateway.api_fcgi.is_running()
    assert gateway.api.send()["status"] == "queued"


def test_two_gateways_do_not_disturb_each_other(make_gateway):
    one, other = make_gateway().start(), make_gateway().start()
    phone = Phone(one, "phone-of-one")
    waiting = other.api.send(message="For the other")
    sent = one.api.send(message="For one")
    assert phone.receive_sms()["message_id"] == sent["message_id"]
    assert phone.is_silent()
    assert list(one.api.devices()) == ["phone-of-one"]
    assert other.api.devices() == {}
    assert other.api.get(f"/api/sms/{sent['message_id']}").status_code == 404
    one.stop()
    assert other.api.message(waiting["message_id"])["status"] == "queued"
    assert other.api.get("/api/sms").json()["total"] == 1


# ---- The documentation ----

class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.inline = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        if tag != "a" or not re.match(r"https?://", names.get("href", "")):  # a reader may be led elsewhere
            self.found += [names[name] for name in ("src", "href") if name in names]
        self.inline += [name for name in names if name.startswith("on") or name == "style"]
        if tag == "style" or tag == "script" and "src" not in names:
            self.inline.append(tag)


MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "application/javascript",
               "png": "image/png", "svg": "image/svg+xml", "json": "application/json"}


@pytest.mark.parametrize("page", ["/", "/docs", "/docs/index.html", "/docs/errors.html", "/docs/api.html"])
def test_everything_a_page_needs_is_there(gateway, page):
    answer = get_page(gateway, page)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "text/html"
    links = Links(answer.text)
    assert links.found
    assert links.inline == []  # the policy would stop it
    for link in links.found:
        assert ":" not in link and not link.startswith("//"), "another origin"
        found = get_page(gateway, urljoin(page, link))
        assert found.status_code == 200
        media_type = found.headers["Content-Type"].split(";")[0]
        assert media_type == MEDIA_TYPES.get(link.rpartition(".")[2], "text/html")
        assert found.content


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/docs.js", "/docs/docs.css"])
def test_our_own_pages_name_no_other_origin(gateway, path):
    assert not re.search(r"https?:|wss?:|[\"'(]//", get_page(gateway, path).text)


def test_the_style_of_swagger_ui_loads_nothing_from_elsewhere(gateway):
    style = get_page(gateway, "/docs/swagger-ui.css").text
    for target in re.findall(r"url\(\s*['\"]?([^)'\"]*)", style):
        assert target.startswith("data:") or target.startswith("#"), target
    assert "@import" not in style


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/", "/docs/index.html", "/docs/errors.html",
                                  "/docs/swagger-ui-bundle.js", "/openapi.json"])
def test_the_documentation_has_its_security_headers(gateway, path):
    headers = get_page(gateway, path).headers
    policy = dict(part.strip().split(" ", 1)
                  for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    for name in ("script-src", "style-src", "connect-src"):
        assert policy[name] == "'self'"
    assert policy["img-src"] == "'self' data:"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-cache"


def test_the_description_that_is_served_is_the_one_in_the_repository(gateway):
    answer = get_page(gateway, "/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == yaml.safe_load(DESCRIPTION.read_text())


def test_the_codes_of_the_description_exist_and_every_route_has_a_405():
    codes = set(re.findall(r"^ +(?:- )?code: ([a-z_]+)$", DESCRIPTION.read_text(), re.M))
    assert len(codes) >= 10
    alerts = set(re.findall(r'^ALERT\(\w+, "(\w+)"', (ROOT / "api-fcgi/handlers/alerts.def").read_text(), re.M))
    assert codes <= set(errors()) | alerts
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            assert "405" in operation["responses"], (method, path)


@pytest.mark.parametrize("path", ["/docs", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css",
                                  "/docs/errors.html", "/openapi.json"])
def test_the_documentation_is_compressed_for_who_asks(gateway, path):
    plain = ask_raw(gateway, head("GET", path))
    small = ask_raw(gateway, head("GET", path, "Accept-Encoding: gzip"))
    assert (plain.status, small.status) == (200, 200)
    assert plain.headers["Content-Encoding"] is None
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert len(small.body) < len(plain.body)
    for answer in (plain, small):  # or a cache gives one for the other (RFC 9110, 12.5.5)
        assert "accept-encoding" in (answer.headers["Vary"] or "").lower()


@pytest.mark.parametrize("path", ["/docs", "/docs/docs.js", "/openapi.json"])
def test_a_page_that_has_not_changed_is_not_sent_again(gateway, path):
    first = get_page(gateway, path)
    again = get_page(gateway, path, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
