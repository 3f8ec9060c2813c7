"""Web pages of other origins: which may call the API."""

import pytest

from harness.raw_http import HANDSHAKE, RawHttp, ask_raw, head

LISTED = ("https://app.example.org", "http://localhost:3000", "https://" + "a" * 60 + ".example")
UNLISTED = ("https://evil.example", "http://app.example.org", "https://app.example.org:444",
            "https://app.example.org.evil.example", "https://evilapp.example.org", "null",
            "https://app.example.org/", "https://app.example.org https://evil.example", "*")
EXPOSED = "Idempotency-Replayed, Location, Retry-After"


@pytest.fixture(scope="session")
def build():
    """nginx answers here, or gives the request to programs that other tests run under the sanitizers."""
    return "release"


@pytest.fixture(scope="module")
def open_to_pages(module_gateway):
    return module_gateway(CORS_ORIGINS=" ".join(LISTED) + " " + LISTED[0]).start()


def preflight(path, origin, method="POST"):
    return head("OPTIONS", path, f"Origin: {origin}", f"Access-Control-Request-Method: {method}",
                "Access-Control-Request-Headers: authorization,content-type")


def cors_headers(answer):
    return {name: value for name, value in answer.headers.items()
            if name.startswith("Access-Control-")}


@pytest.mark.parametrize("origin", LISTED)
@pytest.mark.parametrize("path", ["/api/send-sms", "/api/sms/x", "/api/pair", "/api/events", "/livez"])
def test_a_listed_origin_passes_the_preflight(open_to_pages, origin, path):
    answer = ask_raw(open_to_pages, preflight(path, origin), "OPTIONS")
    assert answer.status == 204
    assert cors_headers(answer) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
        "Access-Control-Expose-Headers": EXPOSED,
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
    assert cors_headers(answer) == {"Access-Control-Allow-Origin": LISTED[0],
                                    "Access-Control-Expose-Headers": EXPOSED}
    assert answer.headers.get_all("Vary") == ["Origin"]


@pytest.mark.parametrize("origin", UNLISTED)
def test_another_origin_gets_nothing(open_to_pages, origin):
    answer = ask_raw(open_to_pages, preflight("/api/send-sms", origin), "OPTIONS")
    assert (answer.status, cors_headers(answer)) == (405, {})
    answer = ask_raw(open_to_pages, head("GET", "/api/sms", f"Origin: {origin}"))
    assert (answer.status, cors_headers(answer), answer.headers["Vary"]) == (200, {}, None)


def test_without_an_origin_there_are_no_cors_headers(open_to_pages):
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
