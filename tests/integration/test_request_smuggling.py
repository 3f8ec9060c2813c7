"""Request smuggling: lengths that two readers could read differently, and headers out of a path.
test_nginx.py has the requests that nginx refuses as no HTTP."""

import pytest

from harness.raw_http import JSON, RawHttp, ask_raw, head


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
def test_an_ambiguous_length_is_refused_and_ends_the_connection(gateway, headers):
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
def test_similar_headers_do_not_change_the_length(gateway, headers):
    with RawHttp(gateway) as connection:
        connection.send(connection.authorize(
            head("POST", "/api/send-sms", JSON, *headers) + b"{}" + head("GET", "/livez")))
        assert (first := connection.answer("POST")).status == 422, first
        assert connection.answer().json() == {"status": "live"}


@pytest.mark.parametrize("body", [
    b"2\n{}\n0\n\n", b"2\r\n{}X\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n",
    b"2 \x00\r\n{}\r\n0\r\n\r\n", b"\r\n2\r\n{}\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"])
def test_invalid_chunks_never_hide_a_request(gateway, body):
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
