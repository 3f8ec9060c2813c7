"""The security headers of every answer, and the host names that a page may use."""

import re

import pytest

from harness.api import description
from harness.gateway import ROOT
from harness.lan_certificate import LanCertificate
from harness.raw_http import HANDSHAKE, JSON, ask_raw, head, pairing


@pytest.fixture(scope="session")
def build():
    """nginx writes these headers."""
    return "release"


@pytest.fixture(scope="module")
def lan(tmp_path_factory):
    return LanCertificate(tmp_path_factory.mktemp("lan"))


@pytest.fixture(scope="module")
def walked(module_gateway, lan):
    """A gateway with both listeners, whose problem pages can be asked for one by one."""
    gateway = module_gateway(**lan.settings)
    problems = gateway.folder / "run/gateway-problems.conf"
    problems.write_text(problems.read_text().replace("    internal;\n", ""))
    return gateway.start()


SAMPLES = {  # every location of gateway.conf, and requests for it
    "/api/": [head("GET", "/api/sms"), head("GET", "/api/nothing"), head("PUT", "/api/sms"),
              head("OPTIONS", "/api/sms"), head("GET", "/api/sms?limit=0"), head("GET", "/api/sms?" + "a" * 9000)],
    "= /api/send-sms": [head("POST", "/api/send-sms", "Content-Length: 0"), head("GET", "/api/send-sms"),
                        head("POST", "/api/send-sms", JSON, "Content-Length: 100000")],
    "= /api/batches": [head("POST", "/api/batches", JSON, "Content-Length: 2") + b"{}", head("GET", "/api/batches"),
                       head("POST", "/api/batches", JSON, "Content-Length: 100000000")],
    "= /api/pair": [pairing(b"WRONG")] * 8,
    "= /api/session": [head("GET", "/api/session"), *[head("POST", "/api/session", JSON, "Content-Length: 2") + b"{}"] * 8],
    "= /api/events": [head("GET", "/api/events?since=1"), head("POST", "/api/events", "Content-Length: 0")],
    '~ "^/(api/)?mobile/v1/events\\z"': [head("GET", "/api/mobile/v1/events"), head("POST", "/mobile/v1/events", "Content-Length: 0"),
                                         head("GET", "/mobile/v1/events", "Authorization: " + "a" * 300)],
    '~ "^/(api/)?mobile/v1/device\\z"': [head("GET", "/api/mobile/v1/device")] + [
        head("POST", "/mobile/v1/device", JSON, "Content-Length: 2") + b"{}"] * 8,
    '~ "^/(api/)?(mobile|3rdparty)/v1/"': [head("GET", "/api/mobile/v1/user/code"), head("GET", "/3rdparty/v1/nothing"),
                                           head("POST", "/mobile/v1/message", JSON, "Content-Length: 100000")],
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
    "/dashboard/": [*(head("GET", f"/dashboard/{path.name}") for path in (ROOT / "build/site/dashboard").glob("*")),
                 head("GET", "/dashboard/missing.js")],
    "= /docs": [head("GET", "/docs")],
    "/docs/": [head("GET", "/docs/"), head("GET", "/docs/docs.js"), head("GET", "/docs/errors.html"),
               head("GET", "/docs/swagger-ui-bundle.js"), head("GET", "/docs/swagger-ui.css"),
               head("GET", "/docs/api.html"), head("GET", "/docs/icon.svg")],
    "= /openapi.json": [head("GET", "/openapi.json")],
    "/": [head("GET", "/nothing"), head("GET", "/livez", "A: " + "a" * 9000),
          b"GET /livez HTTP/1.1\r\n\r\n", b"GARBAGE\r\n\r\n"],
}
STATIC = ("= /", "/dashboard/", "= /docs", "/docs/", "= /openapi.json")


def check_headers(answer, tls, location=None):
    expected = {"X-Content-Type-Options": ["nosniff"], "Referrer-Policy": ["no-referrer"],
                "Strict-Transport-Security": ["max-age=31536000"] if tls else None,
                "Access-Control-Allow-Origin": None, "Access-Control-Allow-Credentials": None}
    if location in STATIC and answer.status == 200:
        for_ever = ["public, max-age=31536000, immutable"]  # their names have a hash of their content
        expected["Cache-Control"] = for_ever if location == "/dashboard/" else ["no-cache"]
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
        check_headers(answer, tls, location)


@pytest.mark.parametrize("way", ["plain", "TLS"])
def test_every_problem_of_nginx_has_its_security_headers(walked, lan, way):
    tls = lan.context() if way == "TLS" else None
    text = (walked.folder / "run/gateway-problems.conf").read_text()
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
            if (method, path) == ("get", "/api/events"):  # which would not end
                target += "?since=1"
            answer = ask_raw(walked, head(method.upper(), target, "Content-Length: 0"), tls=tls)
            check_headers(answer, tls)


def test_every_location_is_walked():
    text = (ROOT / "nginx/gateway.conf").read_text()
    assert set(re.findall(r"^ *location (.+) \{$", text, re.M)) == set(SAMPLES)


# ---- Host names ----


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
def nameless(module_gateway):
    return module_gateway(API_KEYS="off", PUBLIC_URL="https://sms.example").start()


def test_with_a_key_the_name_does_not_matter(gateway):
    answer = ask_raw(gateway, head("GET", "/api/sms?limit=1", host="Host: any.example"))
    assert answer.status == 200
