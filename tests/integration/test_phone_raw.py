"""Bytes that no WebSocket library would send, through nginx and directly to the broker.

The connection ends with a fitting close code or without one, other phones are not disturbed, and the sanitizers
report nothing (the fixture checks it at its stop).
"""

import contextlib
import json

import pytest

from harness.phone import Phone
from harness.raw_http import ask_raw
from harness.raw_websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WAYS,
                                   RawConnection, RawWebSocket, authorize, encode, encode_close,
                                   handshake)
from harness.waiting import wait_for

PROTOCOL_ERROR, INVALID_UTF8, TOO_LARGE = 1002, 1007, 1009
EMPTY_BATTERY = {"battery_level": 0}  # such a phone gets no messages


@pytest.fixture(scope="module")
def raw_gateway(module_gateway):
    """These tests' own, whose phones are few and known."""
    return module_gateway().start()


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture(autouse=True)
def others_are_served(raw_gateway):
    """After each test a phone connects as ever, and nothing of the test is left."""
    yield
    phone = Phone(raw_gateway, "another", EMPTY_BATTERY)
    assert phone.is_silent()
    wait_for(lambda: set(raw_gateway.api.devices()) == {"another"}, "only that phone to be there")
    phone.close()
    wait_for(lambda: not raw_gateway.api.devices(), "no phone to be there")


@pytest.fixture
def connect(raw_gateway, way, others_are_served):
    """Makes phones of raw bytes; what a test leaves of them is dropped before others are served."""
    phones = []

    def make(hello=True, **options):
        phones.append(RawWebSocket(raw_gateway, info=EMPTY_BATTERY, hello=hello, way=way,
                                   **options))
        return phones[-1]

    yield make
    for phone in phones:
        phone.drop()


# ---- Frames ----

BROKEN_FRAMES = {
    "reserved bit 1": (encode(TEXT, "{}", rsv=4), {PROTOCOL_ERROR}),
    "reserved bit 2": (encode(TEXT, "{}", rsv=2), {PROTOCOL_ERROR}),
    "reserved bit 3": (encode(TEXT, "{}", rsv=1), {PROTOCOL_ERROR}),
    "reserved bits of a ping": (encode(PING, "x", rsv=7), {PROTOCOL_ERROR}),
    "reserved opcode 3": (encode(3, "{}"), {PROTOCOL_ERROR}),
    "reserved opcode 7": (encode(7, "{}"), {PROTOCOL_ERROR}),
    "reserved control opcode 11": (encode(11, "x"), {PROTOCOL_ERROR}),
    "reserved control opcode 15": (encode(15), {PROTOCOL_ERROR}),
    "a ping in fragments": (encode(PING, "x", fin=False), {PROTOCOL_ERROR}),
    "a pong in fragments": (encode(PONG, "x", fin=False), {PROTOCOL_ERROR}),
    "a close in fragments": (encode(CLOSE, b"\x03\xe8", fin=False), {PROTOCOL_ERROR}),
    "a ping of 126 bytes": (encode(PING, b"x" * 126), {PROTOCOL_ERROR}),
    "a ping of 70,000 bytes": (encode(PING, b"x" * 70000), {PROTOCOL_ERROR}),
    "a pong of 126 bytes": (encode(PONG, b"x" * 126), {PROTOCOL_ERROR}),
    "a close of 126 bytes": (encode_close(1000, b"x" * 124), {PROTOCOL_ERROR}),
    "a continuation of nothing": (encode(CONTINUATION, "{}"), {PROTOCOL_ERROR}),
    "a continuation of nothing that goes on": (encode(CONTINUATION, "{}", fin=False),
                                               {PROTOCOL_ERROR}),
    "a text inside a text": (encode(TEXT, "{", fin=False) + encode(TEXT, "{}"), {PROTOCOL_ERROR}),
    "a binary inside a text": (encode(TEXT, "{", fin=False) + encode(BINARY, b"x"),
                               {PROTOCOL_ERROR, 1003}),
    "a close of 1 byte": (encode(CLOSE, b"\x03"), {PROTOCOL_ERROR}),
    "a close with code 0": (encode_close(0), {PROTOCOL_ERROR}),
    "a close with code 999": (encode_close(999), {PROTOCOL_ERROR}),
    "a close with code 1004": (encode_close(1004), {PROTOCOL_ERROR}),
    "a close with code 1005": (encode_close(1005), {PROTOCOL_ERROR}),
    "a close with code 1006": (encode_close(1006), {PROTOCOL_ERROR}),
    "a close with code 1015": (encode_close(1015), {PROTOCOL_ERROR}),
    "a close with code 65535": (encode_close(65535), {PROTOCOL_ERROR}),
    "a close with a reason that is no UTF-8": (encode_close(1000, b"\xff\xfe"),
                                               {PROTOCOL_ERROR, INVALID_UTF8}),
    "a length of 2^63": (encode(TEXT, "{}", length=1 << 63), {PROTOCOL_ERROR, TOO_LARGE}),
    "a length of 2^64 - 1": (encode(TEXT, "{}", length=(1 << 64) - 1),
                             {PROTOCOL_ERROR, TOO_LARGE}),
    "a length of 2^63 - 1": (encode(TEXT, "{}", length=(1 << 63) - 1),
                             {PROTOCOL_ERROR, TOO_LARGE}),
    "2 GiB announced": (encode(TEXT, "{}", length=1 << 31), {TOO_LARGE}),
    "4 GiB and 2 bytes announced": (encode(TEXT, "{}", length=(1 << 32) + 2), {TOO_LARGE}),
    "2 GiB of binary announced": (encode(BINARY, b"xx", length=1 << 31), {1003, TOO_LARGE}),
    "a text that is no UTF-8": (encode(TEXT, b'{"type": "\xff"}'), {INVALID_UTF8}),
    "a text that ends inside a character": (encode(TEXT, b'{"type": "\xe2\x82'), {INVALID_UTF8}),
    "half a surrogate pair in UTF-8": (encode(TEXT, b'{"type": "\xed\xa0\x80"}'), {INVALID_UTF8}),
    "an overlong slash": (encode(TEXT, b'{"type": "\xc0\xaf"}'), {INVALID_UTF8}),
    "a text without a mask": (encode(TEXT, "{}", masked=False), {PROTOCOL_ERROR}),
    "a ping without a mask": (encode(PING, "x", masked=False), {PROTOCOL_ERROR}),
    "an empty pong without a mask": (encode(PONG, masked=False), {PROTOCOL_ERROR}),
    "a close without a mask": (encode(CLOSE, b"\x03\xe8", masked=False), {PROTOCOL_ERROR}),
    "a fragment without a mask": (encode(TEXT, "{", fin=False) +
                                  encode(CONTINUATION, "}", masked=False), {PROTOCOL_ERROR}),
    "a length in more bytes than it needs": (b"\x81\xfe\x00\x02\0\0\0\0{}", {PROTOCOL_ERROR}),
    "a length in many more bytes": (b"\x81\xff\0\0\0\0\0\0\0\x02\0\0\0\0{}", {PROTOCOL_ERROR}),
    "bytes that are no frames": (b"GET /ws/device/raw HTTP/1.1\r\n\r\n" * 10, {PROTOCOL_ERROR}),
    "nothing but ones": (b"\xff" * 4096, {PROTOCOL_ERROR}),
}


@pytest.mark.parametrize("hello", (True, False), ids=("a known phone", "a new phone"))
@pytest.mark.parametrize("case", BROKEN_FRAMES)
def test_a_frame_against_the_rfc_ends_the_connection(connect, hello, case):
    data, codes = BROKEN_FRAMES[case]
    phone = connect(hello)
    phone.send(data)
    code, reason = phone.receive_end()
    assert code in codes
    assert reason == {PROTOCOL_ERROR: "protocol_error", INVALID_UTF8: "invalid_utf8",
                      TOO_LARGE: "frame_too_large", 1003: "binary_frame"}[code]


@pytest.mark.parametrize("code", (1000, 1001, 1003, 1007, 1008, 1009, 1011, 3000, 4000, 4999))
def test_a_proper_close_is_answered_and_the_connection_ends(connect, code):
    phone = connect()
    phone.send(encode_close(code, "bye".encode()))
    assert phone.receive_close()[0] == code
    assert phone.read_to_end() == b""


def test_a_close_without_a_code_is_answered(connect):
    phone = connect()
    phone.send(encode(CLOSE))
    assert phone.receive_close()[0] in (1000, 1005)
    assert phone.read_to_end() == b""


def test_nothing_follows_the_gateways_close_frame(connect):
    """It may send no second one when the phone's own arrives (RFC 6455, 5.5.1)."""
    phone = connect()
    phone.send(encode(BINARY, b"x"))
    assert phone.receive_close() == (1003, "binary_frame")
    phone.send(encode_close(1003))
    assert phone.read_to_end() == b""


@pytest.mark.parametrize("size", (0, 1, 125))
def test_a_ping_is_answered_with_its_own_bytes(connect, size):
    phone = connect()
    phone.send(encode(PING, b"p" * size))
    frame = phone.receive_frame()
    assert (frame.opcode, frame.payload) == (PONG, b"p" * size)


def test_an_unsolicited_pong_is_ignored(connect):
    phone = connect()
    phone.send(encode(PONG, "what?") + encode(PONG) + encode(TEXT, {"type": "?"}))
    assert phone.receive()["code"] == "unknown_frame_type"


# ---- Fragments ----

def test_a_message_may_come_byte_by_byte_with_pings_between(raw_gateway, connect):
    text = json.dumps({"device_name": "Zoë’s 📱", **EMPTY_BATTERY}, ensure_ascii=False).encode()
    phone = connect(hello=False)
    for i, byte in enumerate(text):
        phone.send(encode(PING, str(i)))
        assert phone.receive_frame().payload == str(i).encode()
        phone.send(encode(CONTINUATION if i else TEXT, bytes([byte]), fin=i == len(text) - 1))
    assert phone.receive() == {"type": "connection_ack", "device_id": "raw"}
    assert raw_gateway.api.devices()["raw"]["device_name"] == "Zoë’s 📱"


FRAGMENTS = {
    "an empty last one": [b'{"type": "?"}', b""],
    "an empty first one": [b"", b'{"type": "?"}'],
    "empty ones between": [b'{"type"', b"", b"", b': "?"}'],
    "a character in two": [b'{"type": "\xe2\x82', b'\xac"}'],
    "one of a byte, the rest": [b"{", b'"type": "?"}'],
}


@pytest.mark.parametrize("case", FRAGMENTS)
def test_fragments_of_any_size_make_a_message(connect, case):
    fragments = FRAGMENTS[case]
    last = len(fragments) - 1
    phone = connect()
    for _ in range(2):  # and nothing of the first is in the second
        for i, fragment in enumerate(fragments):
            phone.send(encode(CONTINUATION if i else TEXT, fragment, fin=i == last))
        assert phone.receive()["code"] == "unknown_frame_type"


def test_an_empty_text_is_a_malformed_frame(connect):
    phone = connect()
    phone.send(encode(TEXT))
    assert phone.receive()["code"] == "malformed_frame"


def test_a_frame_header_may_come_byte_by_byte(connect):
    phone = connect()
    for byte in encode(TEXT, b'{"type": "' + b"?" * 200 + b'"}'):  # with a length of two bytes
        phone.send(bytes([byte]))
    assert phone.receive()["code"] == "unknown_frame_type"


def test_fragments_without_an_end_meet_the_size_limit(connect):
    phone = connect()
    phone.send(encode(TEXT, "x", fin=False))
    for _ in range(131072 // 1000):
        phone.send(encode(CONTINUATION, b"x" * 1000, fin=False))
    phone.send(encode(CONTINUATION, b"x" * 1000, fin=False))  # now it is more than 128 KiB
    assert phone.receive_close() == (TOO_LARGE, "frame_too_large")
    phone.send(encode_close(TOO_LARGE))
    phone.read_to_end()


def test_a_phone_may_vanish_inside_a_message(connect):
    phone = connect()
    phone.send(encode(TEXT, '{"type": "status', fin=False))
    phone.send(encode(CONTINUATION, b"_up", fin=False))
    phone.drop()


@pytest.mark.parametrize("count", (1, 2, 3, 5, 7, 13, 20))
def test_a_phone_may_vanish_inside_a_frame(connect, count):
    phone = connect()
    phone.send(encode(TEXT, b'{"type": "' + b"?" * 200 + b'"}')[:count])
    phone.drop()


# ---- Handshakes ----

def test_frames_right_behind_the_handshake_are_not_lost(connect):
    phone = connect(hello=False, then=encode(TEXT, EMPTY_BATTERY) + encode(TEXT, {"type": "?"})
                    + encode(PING, "p"))
    frames = [phone.receive_frame() for _ in range(3)]
    assert [frame.payload for frame in frames if frame.opcode == PONG] == [b"p"]
    texts = [frame.json() for frame in frames if frame.opcode == TEXT]
    assert {text["type"] for text in texts} == {"connection_ack", "error"}


def test_a_handshake_may_come_in_small_pieces(raw_gateway, way):
    size = 1 if way == "nginx" else 4  # a Unix socket has room for some 270 pieces
    data = authorize(raw_gateway, handshake("raw"))
    with RawConnection(raw_gateway, way) as connection:
        for start in range(0, len(data), size):
            connection.send(data[start:start + size])
        assert connection.read_answer().status == 101


def test_half_a_handshake_disturbs_no_other_and_times_out(raw_gateway):
    with RawConnection(raw_gateway, "nginx") as slow, \
            RawConnection(raw_gateway, "broker.sock") as direct:
        for connection in (slow, direct):
            connection.send(handshake("raw")[:60])
        phone = Phone(raw_gateway, "meanwhile", EMPTY_BATTERY)
        assert phone.is_silent()
        phone.close()
        slow.read_to_end()  # nginx and the broker wait 10 s each
        direct.read_to_end()


def test_a_phone_that_does_not_answer_the_close_frame_is_dropped(connect):
    phone = connect()
    phone.send(encode(BINARY, b"x"))
    assert phone.receive_close() == (1003, "binary_frame")
    phone.read_to_end()


def test_silent_connections_disturb_no_other(raw_gateway, way):
    connections = [RawConnection(raw_gateway, way) for _ in range(200)]
    phone = Phone(raw_gateway, "meanwhile", EMPTY_BATTERY)
    assert phone.is_silent()
    phone.close()
    for connection in connections:
        connection.drop()


def test_compression_is_not_accepted(connect):
    phone = connect(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
    assert "sec-websocket-extensions" not in phone.answer.headers


def test_the_key_is_answered_as_the_rfc_says(connect):
    phone = connect(hello=False)
    # RFC 6455, 1.3: the example's key and its answer
    assert phone.answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert phone.answer.headers["upgrade"].lower() == "websocket"
    assert "sec-websocket-protocol" not in phone.answer.headers


HTTP2_UPGRADE = handshake(Upgrade="h2c", Connection="Upgrade, HTTP2-Settings",
                          HTTP2_Settings="AAMAAABkAAQAAP__")
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
NO_HANDSHAKES = {
    "no Upgrade": (handshake(leave_out=("Upgrade", "Connection")), {426}),
    "an upgrade to h2c": (HTTP2_UPGRADE, {426}),
    "an upgrade to something": (handshake(Upgrade="foo"), {426}),
    "an upgrade to websocket or h2c": (handshake(Upgrade="websocket, h2c"), {426}),
    "a version of the drafts": (handshake(Sec_WebSocket_Version="8"), {400, 426}),
    "no version": (handshake(leave_out=("Sec-WebSocket-Version",)), {400, 426}),
    "no key": (handshake(leave_out=("Sec-WebSocket-Key",)), {400, 426}),
    "an empty key": (handshake(Sec_WebSocket_Key=""), {400, 426}),
    "a post": (handshake().replace(b"GET", b"POST"), {405}),
}


@pytest.mark.parametrize("case", NO_HANDSHAKES)
def test_an_invalid_handshake_gets_an_http_error(raw_gateway, case):
    data, statuses = NO_HANDSHAKES[case]
    answer = ask_raw(raw_gateway, data)
    assert answer is not None and answer.status in statuses, answer


@pytest.mark.parametrize("case", NO_HANDSHAKES)
def test_an_invalid_handshake_is_refused_at_the_brokers_own_socket(raw_gateway, case):
    """Whoever comes past nginx is told the same."""
    with RawConnection(raw_gateway, "broker.sock") as connection:
        connection.send(NO_HANDSHAKES[case][0])
        answer = connection.read_answer()
        assert answer is None or 400 <= answer.status < 500, answer


NO_HTTP = {
    "the preface of HTTP/2": HTTP2_PREFACE,
    "a TLS hello": bytes.fromhex("16030100a5010000a10303") + b"\x55" * 160,
    "a line without an end": b"G" * 20000,
    "zeros": b"\0" * 5000,
    "a request of HTTP/0.9": b"GET /ws/device/raw\r\n\r\n",
    "frames": encode(TEXT, "{}") * 500,
    "headers without an end": b"GET /ws/device/raw HTTP/1.1\r\n" + b"X: y\r\n" * 10000,
    "a length below zero": handshake(Content_Length="-1", leave_out=("Upgrade",)),
}


def test_other_protocols_never_become_a_websocket(raw_gateway, way):
    """All at once: for the end of some the broker waits 10 s."""
    with contextlib.ExitStack() as stack:
        connections = {case: stack.enter_context(RawConnection(raw_gateway, way)) for case in NO_HTTP}
        for case, connection in connections.items():
            connection.send_last(NO_HTTP[case])
        for case, connection in connections.items():
            assert b" 101 " not in connection.read_to_end(), case


def test_http2_is_never_spoken_to_a_phone(raw_gateway, way):
    with RawConnection(raw_gateway, way) as connection:
        connection.send(authorize(raw_gateway, HTTP2_UPGRADE))
        assert connection.read_answer().status == 426
        connection.send_last(HTTP2_PREFACE)
        settings = b"\0\0\0\4"  # the type byte of a SETTINGS frame, behind its length
        assert settings not in connection.read_to_end()


@pytest.mark.parametrize("size", (3000, 5000, 7000))
def test_a_large_header_is_accepted_or_refused_as_too_large(raw_gateway,
                                                                                  size):
    """A phone that hears 502 would take the gateway for broken and try for ever."""
    assert ask_raw(raw_gateway, handshake("raw", Cookie="c" * size)).status == 101
    for name in ("Sec_WebSocket_Protocol", "Sec_WebSocket_Key"):
        assert ask_raw(raw_gateway, handshake("raw", **{name: "p" * size})).status == 400
    assert ask_raw(raw_gateway, handshake("raw", Host="h" * size)).status == 101


def test_a_large_header_at_the_brokers_own_socket_is_harmless(raw_gateway):
    with RawConnection(raw_gateway, "broker.sock") as connection:
        connection.send_last(handshake("raw", Cookie="c" * 5000))
        connection.read_to_end()


def test_a_thousand_requests_on_one_connection_are_harmless(raw_gateway, way):
    with RawConnection(raw_gateway, way) as connection:
        connection.send_last(handshake(Upgrade="foo") * 1000)
        assert b" 101 " not in connection.read_to_end()
