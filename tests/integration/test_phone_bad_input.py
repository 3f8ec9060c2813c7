"""Phones that break the protocol: each mistake gets its answer and harms no other phone."""

import json
import uuid

import pytest

from harness.api import check_problem
from harness.phone import AssuredPhone, Phone, WorkingPhone
from harness.raw_http import ask_raw
from harness.raw_websocket import (BINARY, CONTINUATION, TEXT, WAYS, RawConnection, RawWebSocket,
                                   encode, handshake)
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for

EMPTY_BATTERY = {"battery_level": 0}  # such a phone gets no messages
NOBODYS_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"


@pytest.fixture(scope="module")
def bad_gateway(module_gateway):
    """These tests' own, whose phones and messages are few and known."""
    return module_gateway().start()


@pytest.fixture
def phone(bad_gateway):
    phone = Phone(bad_gateway, "clumsy", EMPTY_BATTERY)
    yield phone
    phone.close()
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


def check_error(frame, code, message_id=None):
    """An error frame, with nothing in it that PROTOCOL.md does not know."""
    expected = {"type": "error", "code": code, "detail": frame["detail"]}
    if message_id:
        expected["message_id"] = message_id
    assert frame == expected
    assert isinstance(frame["detail"], str) and frame["detail"]


def nested(depth):
    return '{"a": ' * depth + "1" + "}" * depth


# ---- Handshakes ----

@pytest.mark.parametrize("device_id", (
    "", "a" * 65, "a" * 1000, "a.b", "a%20b", "a/b", "a%2Fb", "..", "a%00b", "%C3%A9", "%FF", "a+b",
    "%", "%zz", "a:b", "*", "a;b", "a,b"))
def test_a_device_id_that_is_not_valid_is_refused(bad_gateway, device_id):
    answer = ask_raw(bad_gateway, handshake(device_id))
    assert answer.status in (400, 404), answer  # 400: the path is not even HTTP
    with RawConnection(bad_gateway, "broker.sock") as connection:
        connection.send(handshake(device_id))
        answer = connection.read_answer()
        assert answer is None or 400 <= answer.status < 500, answer
        if answer and answer.status == 404:
            check_problem(404, answer.headers["content-type"], answer.json())


@pytest.mark.parametrize("protocol", ("sms-gateway.v2", "phone", "socket", "a, b", "x" * 200))
def test_a_subprotocol_is_refused(bad_gateway, protocol):
    answer = ask_raw(bad_gateway, handshake("clumsy", Sec_WebSocket_Protocol=protocol))
    assert (answer.status, answer.code) == (400, "malformed_request")
    assert not bad_gateway.api.devices()


# ---- Frames that are answered with an error, and the connection goes on ----

MALFORMED = {
    "no JSON": "hello",
    "nothing": "",
    "a space": " ",
    "half an object": '{"type": "status_update"',
    "an object and more": '{"type": "?"} {}',
    "a number": "17",
    "null": "null",
    "true": "true",
    "a text": '"status_update"',
    "an array": '[{"type": "status_update"}]',
    "an empty array": "[]",
    "two types": '{"type": "status_update", "type": "device_update"}',
    "two types, once escaped": r'{"type": "status_update", "\u0074ype": "device_update"}',
    "a depth of 5,000": "[" * 5000,
    "a comment": '{"type": "?" /* what? */}',
    "a comma too many": '{"type": "?",}',
    "single quotes": "{'type': '?'}",
    "a number with a leading zero": '{"type": 01}',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_frame_is_refused(phone, case):
    phone.send(MALFORMED[case])
    check_error(phone.receive(), "malformed_frame")
    assert phone.is_silent()


UNKNOWN_TYPES = {
    "no type": {}, "the device information again": {"device_name": "x"},
    "no type but the rest": {"message_id": NOBODYS_ID, "status": "sent"},
    "null": {"type": None}, "a number": {"type": 1}, "an object": {"type": {}}, "empty": {"type": ""},
    "one of the gateway's": {"type": "new_sms"}, "with a space": {"type": "status update"},
    "long": {"type": "x" * 10000}, "a NUL in it": r'{"type": "status\u0000update"}',
    "no number": '{"type": NaN}', "a byte order mark": '\ufeff{"type": "?"}',
}


@pytest.mark.parametrize("case", UNKNOWN_TYPES)
def test_a_frame_of_an_unknown_type_is_refused(phone, case):
    phone.send(UNKNOWN_TYPES[case])
    check_error(phone.receive(), "unknown_frame_type")
    assert phone.is_silent()


@pytest.mark.parametrize("depth", (1, 16, 17, 1000))
def test_any_depth_is_read(phone, depth):
    phone.send(nested(depth))
    check_error(phone.receive(), "unknown_frame_type")


# Members of a status_update; None takes the member away.
BAD_IDS = [None, "", 17, [], {}, True, "1", NOBODYS_ID[:-1], NOBODYS_ID + "0",
           "x" + NOBODYS_ID[1:], "{" + NOBODYS_ID, NOBODYS_ID + " 1", "é" * 18]
BAD_STATUSES = [None, "", 17, [], {}, True, "SENT OK", "sent.", "queued", "dispatched", "accepted",
                "cancelled", "unknown", "done", "x" * 5000]
# Members of a report that are not evidence: what is shown of them, and whether they are warned of.
LONG = "The radio said: " + "é" * 200
ODD_ERRORS = {
    "a number": ({"error_code": 1}, "1", None, False),
    "zero": ({"error_code": 0}, None, None, False),
    "a fraction": ({"error_code": 2.5, "error_message": 404}, "2.5", "404", False),
    "an object": ({"error_code": {"a": [1]}, "error_message": [1]}, None, None, True),
    "a boolean": ({"error_code": False}, None, None, True),
    "nothing": ({"error_code": None, "error_message": None}, None, None, False),
    "too long": ({"error_code": "x" * 65, "error_message": LONG}, "x" * 64, LONG[:136], True),
    "control characters": ({"error_message": "a\n\x01\x9bb\u202e"}, None, "a\n\x01\x9bb\u202e", False),
    "U+0000": ({"error_message": "a\x00b"}, None, "a\ufffdb", True),
    "half a surrogate pair": ({"error_message": "a\ud83d"}, None, "a\ufffd", True),
    "a parts_sent": ({"parts_sent": "many", "seq": -1, "attempt": None}, None, None, False),
    "deep": ({"x": [[[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]]]}, None, None, True),
    "not a number": ({"x": float("nan")}, None, None, True),
    "many": ({f"member{i}": i for i in range(500)}, None, None, True),
}


def status_update(**members):
    frame = {"type": "status_update", "message_id": NOBODYS_ID, "status": "failed"} | members
    return {name: value for name, value in frame.items() if value is not None}


@pytest.mark.parametrize("message_id", BAD_IDS, ids=repr)
def test_a_report_with_an_invalid_id_is_refused(phone, message_id):
    phone.send(status_update(message_id=message_id))
    check_error(phone.receive(), "invalid_value")
    assert phone.is_silent()


@pytest.mark.parametrize("status", BAD_STATUSES, ids=lambda status: repr(status)[:20])
def test_a_report_of_an_unknown_status_is_refused(phone, status):
    phone.send(status_update(status=status))
    check_error(phone.receive(), "unknown_status", NOBODYS_ID)
    assert phone.is_silent()


def test_null_is_no_id_and_no_status(phone):
    phone.send({"type": "status_update", "message_id": None, "status": "sent"})
    check_error(phone.receive(), "invalid_value")
    phone.send({"type": "status_update", "message_id": NOBODYS_ID, "status": None})
    check_error(phone.receive(), "unknown_status", NOBODYS_ID)


@pytest.fixture(scope="module")
def reporter(module_gateway):
    return module_gateway().start()


def check_warning(frame, message_id):
    assert frame["type"] == "error" and frame["code"] == "member_ignored", frame
    assert frame["message_id"] == message_id and frame["detail"]


@pytest.mark.parametrize("level", ("basic", "assured"))
@pytest.mark.parametrize("status", ("sent", "failed"))
def test_a_report_counts_despite_invalid_members(reporter, level, status):
    """Each with a connection of its own, as warnings are few on one."""
    for case, (members, code, message, warned) in ODD_ERRORS.items():
        if level == "assured":
            phone = AssuredPhone(reporter, "odd")
            reporter.api.send()
            message_id, attempt = phone.take()
            members = {name: value for name, value in members.items() if name != "seq"}
            phone.seq += 1
            phone.send({"type": "report", "seq": phone.seq, "message_id": message_id,
                        "attempt": attempt, "status": status} | members | {"attempt": attempt})
            frames = [phone.receive() for _ in range(1 + (warned or "parts_sent" in members))]
            assert {"type": "report_ack", "seq": phone.seq} in frames, case
        else:
            phone = Phone(reporter, "odd")
            message_id = reporter.api.send()["message_id"]
            assert phone.receive_sms()["message_id"] == message_id
            phone.report(message_id, status, **members)
            frames = [phone.receive()] if warned else []
        for frame in frames:
            if frame["type"] == "error":
                check_warning(frame, message_id)
        shown = reporter.api.wait_status(message_id, status)
        expected = "0" if status == "failed" and case == "zero" else code
        assert (shown["error_code"], shown["error_message"]) == (expected, message), case
        assert phone.is_silent()
        phone.close()


@pytest.mark.parametrize("write", (
    str.upper, lambda text: "{" + text + "}", lambda text: text.replace("-", ""),
    lambda text: " " + text + "\n", lambda text: "urn:uuid:" + text))
@pytest.mark.parametrize("status", ("SENT", "Sent", " sent\n"))
def test_evidence_counts_as_others_write_it(reporter, write, status):
    phone = Phone(reporter, "odd")
    message_id = reporter.api.send()["message_id"]
    phone.receive_sms()
    phone.send({"type": "Status_Update", "message_id": write(message_id), "status": status})
    reporter.api.wait_status(message_id, "sent")
    assert phone.is_silent()
    phone.close()


def test_evidence_counts_with_the_ends_of_c_strings(reporter):
    phone = Phone(reporter, "odd")
    message_id = reporter.api.send()["message_id"]
    phone.receive_sms()
    phone.send({"type": "status_update\0", "message_id": message_id + "\0", "status": "sent\0\0", "sim": "2\0"})
    assert phone.receive_error()["code"] == "member_ignored"
    assert reporter.api.wait_status(message_id, "sent")["device_sim"] == 2
    phone.close()


def test_an_error_message_in_broken_json_does_not_lose_the_report(reporter):
    phone = Phone(reporter, "odd")
    message_id = reporter.api.send()["message_id"]
    phone.receive_sms()
    phone.send(f'\ufeff{{"type": "status_update", "message_id": "{message_id}", "status": "failed",'
               ' "error_code": "x", "error_code": "y", "error_message": "line 1\nC:\\radio\x00", "z": NaN}\0')
    check_warning(phone.receive(), message_id)
    shown = reporter.api.wait_status(message_id, "failed")
    assert (shown["error_code"], shown["error_message"]) == ("y", "line 1 C:\radio ")
    phone.close()


@pytest.mark.parametrize("message_id", (NOBODYS_ID, NOBODYS_ID.upper(), str(uuid.UUID(int=0)),
                                        str(uuid.UUID(int=(1 << 128) - 1))))
def test_a_report_about_an_unknown_message_is_refused(phone, message_id):
    phone.report(message_id, "sent")
    check_error(phone.receive(), "message_not_held", message_id.lower())
    assert phone.is_silent()


def test_a_report_about_another_phones_message_changes_nothing(make_gateway):
    gateway = make_gateway().start()
    owner = Phone(gateway, "owner")
    message = gateway.api.send()
    owner.receive_sms()
    thief = Phone(gateway, "thief", EMPTY_BATTERY)
    before = gateway.api.message(message["message_id"])
    for status in ("sending", "sent", "delivered", "failed"):
        thief.report(message["message_id"], status, error_code="no_service")
        check_error(thief.receive(), "message_not_held", message["message_id"])
    assert gateway.api.message(message["message_id"]) == before
    assert before["device_id"] == "owner" and before["status"] == "accepted"
    owner.report(message["message_id"], "sent")
    gateway.api.wait_status(message["message_id"], "sent")


def test_a_report_about_a_queued_message_changes_nothing(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "eager", EMPTY_BATTERY)
    message = gateway.api.send()
    for status in ("sending", "sent", "delivered", "failed"):
        phone.report(message["message_id"], status)
        check_error(phone.receive(), "message_not_held", message["message_id"])
    assert gateway.api.message(message["message_id"]) == message


# ---- Device information ----

# What is shown of it, and whether it is warned of.
ODD_INFO = [
    ("device_name", "x" * 101, "x" * 100, True), ("device_name", "é" * 51, "é" * 50, True),
    ("device_name", "\U0001f600" * 26, "\U0001f600" * 25, True),
    ("device_name", "x" * 90 + "\U0001f469\u200d\U0001f469\u200d\U0001f467", "x" * 90, True),
    ("device_name", "x" * 96 + "\U0001f1e9\U0001f1ea", "x" * 96, True),
    ("device_name", 17, "17", False), ("device_name", True, None, True),
    ("device_name", ["x"], None, True), ("device_name", "a\x00b", "a\ufffdb", True),
    ("battery_level", -1, None, False), ("battery_level", -0.1, None, True),
    ("battery_level", 100.5, None, True), ("battery_level", 101, None, True),
    ("battery_level", 1e300, None, True), ("battery_level", "87", 87, False),
    ("battery_level", "85%", 85, False), ("battery_level", 85.5, 85.5, False),
    ("battery_level", 0.87, 87, True), ("battery_level", 1, None, False),
    ("battery_level", True, None, True), ("battery_level", [], None, True),
    ("battery_level", float("nan"), None, True),
    ("charging", 1, True, False), ("charging", 0, False, False), ("charging", "true", True, False),
    ("charging", {}, None, True), ("charging", 2, None, True),
    ("signal_strength", -201, None, True), ("signal_strength", 2147483647, None, False),
    ("signal_strength", -71.5, -72, False), ("signal_strength", "-71", -71, False),
    ("signal_strength", "-71 dBm", -71, False), ("signal_strength", False, None, True),
    ("signal_strength", 1e300, None, True), ("signal_strength", [4], None, True),
    ("android_version", "x" * 33, "x" * 32, True), ("android_version", 13.5, "13.5", False),
    ("android_version", 14.0, "14", False), ("android_version", -1, None, True),
    ("android_version", True, None, True), ("android_version", {"a": 1}, None, True),
    ("android_version", None, None, False),
]
GOOD_INFO = [
    ("device_name", "x" * 100), ("device_name", "é" * 50), ("device_name", ""),
    ("battery_level", 0), ("battery_level", 100), ("battery_level", 1.5), ("charging", True),
    ("charging", False), ("signal_strength", -200), ("signal_strength", 100),
    ("signal_strength", 0), ("signal_strength", -71.0), ("android_version", "x" * 32),
    ("android_version", ""), ("android_version", "é" * 16), ("android_version", 14),
    ("android_version", 0),
]


@pytest.mark.parametrize("name, value, shown, warned", ODD_INFO, ids=lambda part: repr(part)[:20])
def test_an_odd_value_locks_no_phone_out(bad_gateway, name, value, shown, warned):
    phone = Phone(bad_gateway, "odd", {"before": 1, name: value, "after": 2})
    if warned:
        frame = phone.receive()
        assert (frame["type"], frame["code"]) == ("error", "member_ignored")
        assert name in frame["detail"] or "not valid JSON" in frame["detail"]
    device = bad_gateway.api.devices()["odd"]
    assert (device[name], device["extra"]) == (shown, {"before": 1, "after": 2})
    phone.send({"type": "device_update", "info": {name: value, "after": 3}})
    if warned:
        assert phone.receive()["code"] == "member_ignored"
    assert phone.is_silent()
    phone.close()
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


def test_the_good_members_of_an_odd_update_count(bad_gateway, phone):
    phone.send({"type": "device_update", "info": {
        "battery_level": "unknown", "charging": {}, "signal_strength": -71, "device_name": "Name",
        "carrier": "x", "sim": {"slot": 0}}})
    assert phone.receive()["code"] == "member_ignored"  # one for the frame
    wait_for(lambda: bad_gateway.api.devices()["clumsy"]["signal_strength"] == -71, "the update")
    device = bad_gateway.api.devices()["clumsy"]
    assert (device["battery_level"], device["charging"], device["device_name"], device["extra"]) == (
        None, None, "Name", {"carrier": "x", "sim": {"slot": 0}})


def test_warnings_are_few(bad_gateway, phone):
    for _ in range(100):
        phone.send({"type": "device_update", "info": {"battery_level": 0.04}})
    codes = [phone.receive()["code"] for _ in range(8)]
    assert codes == ["member_ignored"] * 8
    assert phone.is_silent()


@pytest.mark.parametrize("name, value", GOOD_INFO, ids=lambda part: repr(part)[:20])
def test_device_information_at_its_limits_is_taken(bad_gateway, name, value):
    phone = Phone(bad_gateway, "clumsy", EMPTY_BATTERY | {name: value})
    shown = bad_gateway.api.devices()["clumsy"][name]
    assert shown == (str(value) if isinstance(value, int) and name == "android_version"
                     else value if value != "" else None)
    phone.close()
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


@pytest.mark.parametrize("info", (None, 17, "info", [], True, [{"battery_level": 50}]), ids=repr)
def test_a_device_update_without_an_object_changes_nothing(bad_gateway, phone, info):
    before = bad_gateway.api.devices()["clumsy"]
    for frame in ({"type": "device_update", "info": info}, {"type": "device_update"}):
        phone.send(frame)
        assert phone.receive()["code"] == "member_ignored"
    assert phone.is_silent()
    after = bad_gateway.api.devices()["clumsy"]
    assert after | {"last_seen_at": before["last_seen_at"]} == before


@pytest.mark.parametrize("extra", (
    {"notes": "x" * 4096}, {"notes": "é" * 2048}, {f"member{i}": "x" * 100 for i in range(50)},
    {"n" * 4096: 1}, {"list": list(range(2000))}, {"notes": "\x01" * 800}),
    ids=lambda extra: repr(extra)[:20])
def test_further_members_are_kept_up_to_4_kib(bad_gateway, phone, extra):
    phone.send({"type": "device_update", "info": {"first": 1} | extra | {"battery_level": 3}})
    assert phone.receive()["code"] == "member_ignored"
    wait_for(lambda: bad_gateway.api.devices()["clumsy"]["battery_level"] == 3, "the update")
    kept = bad_gateway.api.devices()["clumsy"]["extra"]
    assert kept["first"] == 1 and kept.items() <= ({"first": 1} | extra).items()
    assert len(json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()) <= 4096
    assert phone.is_silent()

    newcomer = Phone(bad_gateway, "newcomer", EMPTY_BATTERY | extra)
    assert newcomer.receive()["code"] == "member_ignored"
    newcomer.close()
    wait_for(lambda: "newcomer" not in bad_gateway.api.devices(), "the phone to be gone")


def test_further_members_are_limited_over_all_updates(bad_gateway):
    phone = Phone(bad_gateway, "clumsy", EMPTY_BATTERY | {"a": "a" * 2500})
    phone.send({"type": "device_update", "info": {"b": "b" * 2500}})  # instead
    assert phone.receive()["code"] == "member_ignored"
    wait_for(lambda: bad_gateway.api.devices()["clumsy"]["extra"] == {"b": "b" * 2500},
             "the update to be seen")
    phone.send({"type": "device_update", "info": {"b": "short", "a": "a" * 2500}})
    wait_for(lambda: bad_gateway.api.devices()["clumsy"]["extra"] == {
        "b": "short", "a": "a" * 2500}, "the update to be seen")
    phone.close()
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


# ---- Frames that end the connection ----

FIRST_FRAMES = {
    "no JSON": ("hello", "malformed_frame"),
    "nothing": ("", "malformed_frame"),
    "an array": ("[]", "malformed_frame"),
    "null": ("null", "malformed_frame"),
    "two types": ('{"type": "a", "type": "b"}', "malformed_frame"),
    "a report": (status_update(status="sent"), "no_device_info"),
    "a frame of the other level": ({"type": "hello"}, "no_device_info"),
}

ODD_FIRST_FRAMES = {
    "a device_update": {"type": "device_update", "info": EMPTY_BATTERY},
    "a type of its own": EMPTY_BATTERY | {"type": "device_info"},
    "a type that is null": EMPTY_BATTERY | {"type": None},
    "an empty object": {},
    "a name twice": '{"battery_level": 50, "battery_level": 0}',
    "a NUL": r'{"battery_level": 0, "device_name": "\u0000"}',
    "a depth of 17": '{"battery_level": 0, "a": ' + nested(17) + "}",
}


@pytest.mark.parametrize("case", ODD_FIRST_FRAMES)
def test_an_odd_first_frame_connects_all_the_same(bad_gateway, case):
    phone = Phone(bad_gateway, "clumsy", hello=False)
    phone.send(ODD_FIRST_FRAMES[case])
    assert phone.receive()["type"] == "connection_ack"
    assert bad_gateway.api.devices()["clumsy"]["battery_level"] == (None if case == "an empty object" else 0)
    phone.close()
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


@pytest.mark.parametrize("case", FIRST_FRAMES)
def test_a_first_frame_that_is_no_device_information_ends_the_connection(bad_gateway, case):
    frame, code = FIRST_FRAMES[case]
    phone = Phone(bad_gateway, "clumsy", hello=False)
    phone.send(frame)
    check_error(phone.receive(), code)
    assert phone.closed() == (1008, "no_device_info")
    assert not bad_gateway.api.devices()


@pytest.mark.parametrize("hello", (True, False), ids=("a known phone", "a new phone"))
@pytest.mark.parametrize("frame, end", (
    (b"{}", (1003, "binary_frame")),
    (b"", (1003, "binary_frame")),
    ([b'{"device_name"', b': "x"}'], (1003, "binary_frame")),
    ("x" * 131073, (1009, "frame_too_large")),
    ("x" * 1_000_000, (1009, "frame_too_large")),
    (["x" * 1000] * 1000, (1009, "frame_too_large")),
    (["x" * 64] * 2049, (1009, "frame_too_large")),
), ids=("binary", "empty binary", "binary fragments", "128 KiB and a byte", "1 MB",
        "1 MB in fragments", "128 KiB and more in short fragments"))
def test_a_frame_that_breaks_a_rule_below_the_protocol_ends_the_connection(bad_gateway, hello,
                                                                           frame, end):
    phone = Phone(bad_gateway, "clumsy", EMPTY_BATTERY, hello)
    try:
        phone.send(frame)
    except ConnectionError:
        pass  # sent away before its end
    except Exception as error:  # websockets' own, whose name changes with its versions
        assert "Closed" in type(error).__name__, error
    assert phone.closed() == end
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


@pytest.mark.parametrize("text", (b"\xff", b'{"a": "\xc3"}', b'{"a": "\xed\xa0\x80"}'))
def test_a_text_that_is_no_utf8_ends_the_connection(bad_gateway, text):
    with RawWebSocket(bad_gateway, "clumsy", EMPTY_BATTERY) as phone:
        phone.send(encode(TEXT, text))
        assert phone.receive_end()[0] == 1007
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


@pytest.fixture(scope="module")
def short_frames(module_gateway):
    return module_gateway(MAX_FRAME_BYTES=1024).start()


@pytest.mark.parametrize("fragments", (1, 2, 7))
@pytest.mark.parametrize("size, end", ((1023, None), (1024, None), (1025, 1009)))
def test_max_frame_bytes_holds_to_the_byte(short_frames, size, end, fragments):
    text = '{"type": "?"}'.ljust(size)
    step = -(-size // fragments)
    with RawWebSocket(short_frames, f"exact-{size}-{fragments}", EMPTY_BATTERY) as phone:
        for start in range(0, size, step):
            last = start + step >= size
            phone.send(encode(CONTINUATION if start else TEXT, text[start:start + step], fin=last))
        if end:
            assert phone.receive_end() == (end, "frame_too_large")
        else:
            check_error(phone.receive(), "unknown_frame_type")


# ---- Floods ----

FLOODS = {
    "device updates": json.dumps({"type": "device_update", "info": {"battery_level": 0}}),
    "reports": json.dumps(status_update(status="sent")),
    "garbage": "x",
}


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_ends_the_connection_and_others_are_served(make_gateway, case):
    gateway = make_gateway(MAX_FRAMES_PER_SECOND=50).start()
    worker = WorkingPhone(gateway, "worker")
    flood = Phone(gateway, "flood", EMPTY_BATTERY, max_queue=None)  # it reads what it is told
    ids = [gateway.api.send()["message_id"] for _ in range(5)]
    try:
        for _ in range(1000):
            flood.send(FLOODS[case])
    except Exception as error:  # websockets' own
        assert "Closed" in type(error).__name__, error
    ids += [gateway.api.send()["message_id"] for _ in range(5)]
    code, reason = flood.closed()
    assert code == 1008
    assert reason == "too_many_frames" or case != "device updates" and reason == "not_reading"
    for message_id in ids:
        gateway.api.wait_status(message_id, "sent")
    assert worker.ids() == ids
    wait_for(lambda: set(gateway.api.devices()) == {"worker"}, "the flood to be gone")


def test_a_burst_below_the_limit_is_no_flood(make_gateway):
    """Twice as many as in a second may come at once; the device information is one of them."""
    gateway = make_gateway(MAX_FRAMES_PER_SECOND=50).start()
    phone = Phone(gateway, "busy", EMPTY_BATTERY)
    for _ in range(98):
        phone.send({"type": "device_update", "info": {"done": True}})
    assert phone.is_silent()


@pytest.mark.parametrize("case", FLOODS)
def test_a_phone_that_reads_may_make_many_mistakes_at_once(make_gateway, case):
    """As one does that reports after a long absence, to a gateway that has a new database."""
    gateway = make_gateway().start()
    with RawWebSocket(gateway, "diligent", EMPTY_BATTERY) as phone:
        phone.send(encode(TEXT, FLOODS[case]) * 500 + encode(TEXT, {"type": "?"}))
        codes = []
        while "unknown_frame_type" not in codes:
            codes.append(phone.receive()["code"])
        expected = {"device updates": None, "reports": "message_not_held",
                    "garbage": "malformed_frame"}[case]
        while expected and codes.count(expected) < 500:  # the store answers later
            codes.append(phone.receive()["code"])
    assert set(codes) == {"unknown_frame_type", expected} - {None}


def test_garbage_without_reading_is_ended_and_takes_no_memory(make_gateway):
    """Frames of a byte and of a thousand."""
    gateway = make_gateway(MAX_FRAMES_PER_SECOND=100000).start()
    calm = Phone(gateway, "calm", EMPTY_BATTERY)
    before = gateway.ws_broker.memory_bytes("VmRSS")
    garbage = [encode(TEXT, b"x" * size) * 1000 for size in (1, 1000)]
    phones = [RawWebSocket(gateway, f"garbage-{i}", EMPTY_BATTERY, way="broker.sock",
                           receive_buffer=4096)  # nginx has a patience of its own
              for i in range(6)]

    def all_are_ended():
        for i, phone in enumerate(phones):
            phone.send_what_fits(garbage[i % 2])
        return set(gateway.api.devices()) == {"calm"}

    wait_for(all_are_ended, "the garbage to be ended", LOAD_LIMIT_SECONDS)
    for phone in phones:
        phone.drop()
    assert gateway.ws_broker.log().count("reason=not_reading") == len(phones)
    assert calm.is_silent()
    if gateway.build == "release":  # ASan keeps what is freed
        assert gateway.ws_broker.memory_bytes("VmHWM") - before < 8 << 20


@pytest.mark.parametrize("until", ("connect", "half a handshake", "handshake", "hello"))
def test_hundreds_of_brief_connections_are_harmless(bad_gateway, until):
    phone = Phone(bad_gateway, "calm", EMPTY_BATTERY)
    for _ in range(2):
        phones = [RawConnection(bad_gateway) for _ in range(300)]
        for number, connection in enumerate(phones):
            data = handshake(f"brief-{number}")
            if until == "half a handshake":
                connection.send(data[:100])
            elif until == "handshake":
                connection.send(data)
            elif until == "hello":
                connection.send(data + encode(TEXT, EMPTY_BATTERY))
        for connection in phones:
            connection.drop()
    assert phone.is_silent()
    wait_for(lambda: set(bad_gateway.api.devices()) == {"calm"}, "the others to be gone")
    phone.close()
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


def test_one_device_that_connects_again_and_again_leaves_one_connection(bad_gateway):
    phones = [RawWebSocket(bad_gateway, "restless", EMPTY_BATTERY) for _ in range(50)]
    for phone in phones[:-1]:
        assert phone.receive_close() == (4001, "replaced")
        phone.drop()
    phones[-1].send(encode(TEXT, {"type": "?"}))
    check_error(phones[-1].receive(), "unknown_frame_type")
    assert set(bad_gateway.api.devices()) == {"restless"}
    phones[-1].drop()
    wait_for(lambda: not bad_gateway.api.devices(), "the phone to be gone")


def test_a_binary_frame_does_not_lose_the_reports_before_it(make_gateway):
    gateway = make_gateway().start()
    with RawWebSocket(gateway, "clumsy") as phone:
        message = gateway.api.send()
        phone.receive()
        phone.report(message["message_id"], "sent")
        phone.send(encode(BINARY, b"x"))
        assert phone.receive_end() == (1003, "binary_frame")
    gateway.api.wait_status(message["message_id"], "sent")


@pytest.mark.parametrize("way", WAYS)
def test_a_phone_that_leaves_at_once_loses_no_report(make_gateway, way):
    """The gateway has their bytes, but stops reading for a while, and its warnings meet a closed connection."""
    gateway = make_gateway(DEVICE_WINDOW=256).start()
    with RawWebSocket(gateway, "hasty", way=way) as phone:
        for _ in range(200):
            gateway.api.send()
        ids = [phone.receive()["message_id"] for _ in range(200)]
        phone.send(b"".join(encode(TEXT, status_update(message_id=message_id, status="sent",
                                                       error_code=True)) for message_id in ids))
    wait_for(lambda: not gateway.api.devices(), "the phone to be gone")
    wait_for(lambda: gateway.count_messages("status = 4") == 200, "all reports to be stored")
