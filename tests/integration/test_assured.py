"""The assured level of ws-broker/PROTOCOL.md: phones with a journal, and everything that can break."""

import uuid

import pytest

from harness.phone import AssuredPhone, Phone, WorkingPhone
from harness.raw_http import ask_raw
from harness.raw_websocket import RawWebSocket, encode_close, handshake
from harness.waiting import wait_for

EMPTY_BATTERY = {"battery_level": 0}
HELLO = {"type": "hello", "journal": "0b9f3c1e-5a6d-4e0b-9a55-2f1d3c4b5a69", "credit": 4}
PAGE = {"type": "journal", "entries": [], "last": True}
ENTRY = {"message_id": "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", "attempt": 1, "state": "offered"}


def queued(gateway):
    return gateway.api.get("/api/sms?status=queued&limit=1").json()["total"]


def no_phone(gateway):
    wait_for(lambda: not gateway.api.devices(), "no phone to be there")


# ---- The conversation ----

def test_a_message_goes_from_offer_to_delivered_and_each_step_is_stored(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone", info={"device_name": "Pixel 7", "battery_level": 87})
    assert (phone.session, phone.credit) == (1, 8)
    assert gateway.api.devices()["phone"]["device_name"] == "Pixel 7"
    sent = gateway.api.send(message="Grüße")
    offer = phone.receive()
    assert offer == {"type": "offer", "message_id": sent["message_id"], "attempt": 1,
                     "phone_number": "+1234567890", "message": "Grüße",
                     "request_id": sent["request_id"]}
    message_id = sent["message_id"]
    assert gateway.api.message(message_id)["status"] == "dispatched"
    phone.answer("ack", message_id, 1)
    phone.expect("release", message_id, 1)
    assert gateway.api.message(message_id)["status"] == "accepted"
    for status in ("sending", "sent", "delivered"):
        phone.report(message_id, 1, status)
        assert gateway.api.message(message_id)["status"] == status
    message = gateway.api.message(message_id)
    assert set(message["times"]) == {"queued", "dispatched", "accepted", "sending", "sent",
                                     "delivered"}
    assert (message["attempts"], message["device_id"]) == (1, "phone")


def test_basic_and_assured_phones_share_the_work(make_gateway):
    gateway = make_gateway().start()
    assured = AssuredPhone(gateway, "assured")
    basic = Phone(gateway, "basic")
    ids = {gateway.api.send()["message_id"] for _ in range(2)}
    message_id, attempt = assured.take()
    assured.report(message_id, attempt, "sent")
    other = basic.receive_sms()["message_id"]
    basic.report(other, "sent")
    gateway.api.wait_status(other, "sent")
    assert {message_id, other} == ids


def test_credit_limits_what_a_phone_is_offered(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone", credit=2)
    assert phone.credit == 2
    ids = [gateway.api.send()["message_id"] for _ in range(6)]
    assert [phone.receive_offer()[0] for _ in range(2)] == ids[:2]
    assert phone.is_silent()
    phone.send({"type": "credit", "credit": 4})
    assert [phone.receive_offer()[0] for _ in range(2)] == ids[2:4]
    assert phone.is_silent()
    phone.send({"type": "credit", "credit": 0})
    for message_id in ids[:4]:
        phone.answer("ack", message_id, 1)
        phone.expect("release", message_id, 1)
        phone.report(message_id, 1, "sent")
    assert phone.is_silent()
    assert queued(gateway) == 2
    phone.send({"type": "credit", "credit": 1})
    assert phone.receive_offer()[0] == ids[4]


def test_a_phone_without_credit_connects_and_gets_nothing(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone", credit=0)
    gateway.api.send()
    assert phone.is_silent() and queued(gateway) == 1
    greedy = AssuredPhone(gateway, "greedy", credit=256)
    assert greedy.credit == 8  # DEVICE_WINDOW
    greedy.receive_offer()


# ---- Breaks before the release: any phone may be next ----

@pytest.mark.parametrize("end", ("close", "drop"))
def test_an_offer_that_is_not_acknowledged_goes_to_another_phone(make_gateway, end):
    gateway = make_gateway().start()
    first = AssuredPhone(gateway, "first")
    gateway.api.send()
    message_id, attempt = first.receive_offer()
    getattr(first, end)()
    second = AssuredPhone(gateway, "second")
    assert second.take() == (message_id, 2)
    back = AssuredPhone(gateway, "first", first.journal, [(message_id, attempt, "offered")],
                        info=EMPTY_BATTERY)
    back.expect("drop", message_id, 1)
    second.report(message_id, 2, "sent")
    back.report(message_id, 1, "sent")  # that is a lie, or very late: it is about another attempt
    assert gateway.api.message(message_id)["device_id"] == "second"


def test_a_phone_that_does_not_answer_an_offer_is_disconnected(make_gateway):
    gateway = make_gateway(ACK_TIMEOUT_SECONDS=1).start()
    first = AssuredPhone(gateway, "first")
    gateway.api.send()
    message_id, _ = first.receive_offer()
    assert first.closed() == (4008, "ack_timeout")
    assert AssuredPhone(gateway, "second").take() == (message_id, 2)


@pytest.mark.parametrize("status", ("sent", "delivered"))
def test_an_offer_that_was_sent_stays_with_its_phone(make_gateway, status):
    # A phone that does not wait for the release, or a database that was put back and offers again what the phone has sent.
    gateway = make_gateway(ACK_TIMEOUT_SECONDS=1).start()
    first = AssuredPhone(gateway, "first", credit=1)
    gateway.api.send()
    message_id, attempt = first.receive_offer()
    first.report(message_id, attempt, status)
    assert gateway.api.message(message_id)["status"] == status
    # It counts as an answer: there is room for the next message, and the connection goes on.
    gateway.api.send()
    next_id, next_attempt = first.take()
    first.answer("ack", message_id, attempt)
    first.expect("drop", message_id, attempt)
    first.report(next_id, next_attempt, "sent")
    first.close()
    second = AssuredPhone(gateway, "second")
    assert second.is_silent() and gateway.api.message(message_id)["device_id"] == "first"


def test_a_late_ack_gets_a_drop(make_gateway):
    gateway = make_gateway().start()
    first = AssuredPhone(gateway, "first", credit=1)
    gateway.api.send()
    message_id, _ = first.receive_offer()
    first.answer("nack", message_id, 1, code="no_sim")
    gateway.api.wait_status(message_id, "queued")
    first.answer("ack", message_id, 1)
    first.expect("drop", message_id, 1)
    assert gateway.api.message(message_id)["error_code"] == "no_sim"


def test_an_ack_of_a_connection_that_was_replaced_does_not_count(make_gateway):
    gateway = make_gateway().start()
    with RawWebSocket(gateway, "twin", hello=False,
                      Sec_WebSocket_Protocol="sms-gateway.v1") as first:
        first.send_text(HELLO)
        first.send_text(PAGE)
        assert first.receive()["type"] == "welcome"
        gateway.api.send()
        message_id = first.receive()["message_id"]
        second = AssuredPhone(gateway, "twin", HELLO["journal"])  # without the offer in it
        assert first.receive_close() == (4001, "replaced")
        first.send_text({"type": "ack", "message_id": message_id, "attempt": 1})
        assert second.take() == (message_id, 2)
        first.send(encode_close(4001))
        assert b"release" not in first.read_to_end()


@pytest.mark.parametrize("end", ("stop", "kill"))
def test_what_was_offered_by_a_broker_that_ended_is_offered_again(make_gateway, end):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, _ = phone.receive_offer()
    getattr(gateway.ws_broker, end)()
    gateway.ws_broker.start()
    other = AssuredPhone(gateway, "other")
    assert other.take() == (message_id, 2)
    back = AssuredPhone(gateway, "phone", phone.journal, [(message_id, 1, "offered")],
                        info=EMPTY_BATTERY)
    back.expect("drop", message_id, 1)


# ---- Breaks after it: the message stays with its phone ----

@pytest.mark.parametrize("end", ("drop", "kill"))
def test_a_release_that_did_not_arrive_is_given_again(make_gateway, end):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.take()
    gateway.ws_broker.kill() if end == "kill" else phone.drop()
    if end == "kill":
        gateway.ws_broker.start()
    no_phone(gateway)
    other = AssuredPhone(gateway, "other")
    back = AssuredPhone(gateway, "phone", phone.journal, [(message_id, attempt, "offered")])
    back.expect("release", message_id, attempt)
    back.report(message_id, attempt, "sent")
    assert gateway.api.message(message_id)["status"] == "sent"
    assert other.is_silent()


def test_messages_missing_from_a_journal_leave_the_window_when_overdue(make_gateway):
    """A copy of the database from before its reports, put in the place of the newer one."""
    gateway = make_gateway(DEVICE_WINDOW=2, REPORT_TIMEOUT_SECONDS=1).start()
    phone = AssuredPhone(gateway, "phone")
    sent = [gateway.api.send()["message_id"] for _ in range(2)]
    held = [phone.receive_offer() for _ in sent]
    for message_id, attempt in held:
        phone.answer("ack", message_id, attempt)
        phone.expect("release", message_id, attempt)
    phone.close()
    # Half of what it had is in its journal.
    again = AssuredPhone(gateway, "phone", phone.journal, [(*held[0], "released")])
    third = gateway.api.send()["message_id"]
    assert again.receive_offer()[0] == third
    gateway.api.send()
    assert again.is_silent()
    assert [gateway.api.message(message_id)["status"] for message_id in sent] == ["accepted"] * 2


def test_an_ack_twice_gets_the_release_twice(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.take()
    phone.answer("ack", message_id, attempt)
    phone.expect("release", message_id, attempt)
    phone.answer("ack", message_id, attempt + 1)
    phone.expect("drop", message_id, attempt + 1)
    phone.answer("ack", str(uuid.uuid4()), 1)
    assert phone.receive()["type"] == "drop"


def test_a_released_message_stays_with_its_phone_whatever_connects(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone", credit=1)
    gateway.api.send()
    message_id, attempt = phone.take()
    phone.drop()
    no_phone(gateway)
    other = WorkingPhone(gateway, "other")
    back = AssuredPhone(gateway, "phone", phone.journal, [(message_id, attempt, "released")],
                        credit=1)
    gateway.api.send()
    gateway.api.send()
    assert back.is_silent()  # its credit is used up
    back.report(message_id, attempt, "delivered")
    other.catch_up()
    assert message_id not in other.ids()


@pytest.mark.parametrize("comes_back_as", ("another journal", "basic"))
def test_a_phone_that_lost_its_journal_cannot_know(make_gateway, comes_back_as):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    for _ in range(2):
        gateway.api.send()
    message_id, attempt = phone.receive_offer()
    offered, _ = phone.receive_offer()
    phone.answer("ack", message_id, attempt)
    phone.expect("release", message_id, attempt)
    phone.drop()
    no_phone(gateway)
    if comes_back_as == "basic":
        back = Phone(gateway, "phone")
        assert back.receive_sms()["message_id"] == offered
    else:
        back = AssuredPhone(gateway, "phone")
        assert back.receive_offer() == (offered, 2)
    message = gateway.api.message(message_id)
    assert (message["status"], message["error_code"]) == ("unknown", "journal_lost")
    if comes_back_as != "basic":
        back.report(message_id, attempt, "sent")  # found in the phone's own store, say
        assert gateway.api.message(message_id)["status"] == "sent"


# ---- Results ----

@pytest.mark.parametrize("code", ("radio_off", "no_service", "no_sim"))
def test_a_definite_failure_goes_back_to_the_queue_and_to_another_phone(make_gateway, code):
    gateway = make_gateway().start()
    first = AssuredPhone(gateway, "first")
    gateway.api.send()
    message_id, attempt = first.take()
    first.report(message_id, attempt, "sending")
    first.report(message_id, attempt, "failed", error_code=code)
    message = gateway.api.message(message_id)
    assert (message["status"], message["error_code"]) == ("queued", code)
    second = AssuredPhone(gateway, "second")
    first.drop()
    assert second.take() == (message_id, 2)  # after a pause of some seconds
    second.report(message_id, 2, "sent")
    message = gateway.api.message(message_id)
    assert (message["status"], message["device_id"], message["error_code"]) == (
        "sent", "second", None)


@pytest.mark.parametrize("report", (
    {"error_code": "generic_failure"}, {"error_code": "never heard of"}, {},
    {"error_code": "null_pdu"}, {"error_code": "invalid_arguments"},
    {"error_code": "no_service", "parts_sent": 1}), ids=str)
def test_any_other_failure_is_the_end(shared_gateway, connect, report):
    phone = connect(AssuredPhone)
    shared_gateway.api.send()
    message_id, attempt = phone.take()
    phone.report(message_id, attempt, "failed", **report)
    message = shared_gateway.api.message(message_id)
    assert (message["status"], message["error_code"]) == ("failed", report.get("error_code"))


def test_a_proof_about_an_older_attempt_or_from_another_journal_proves_nothing(make_gateway):
    gateway = make_gateway().start()
    first = AssuredPhone(gateway, "first")
    gateway.api.send()
    message_id, _ = first.receive_offer()
    first.drop()
    second = AssuredPhone(gateway, "first", first.journal)
    assert second.take() == (message_id, 2)
    second.report(message_id, 1, "failed", error_code="no_service")
    assert gateway.api.message(message_id)["status"] == "accepted"
    second.report(message_id, 2, "unknown")
    assert gateway.api.message(message_id)["status"] == "unknown"
    second.report(message_id, 2, "failed", error_code="no_service")
    assert gateway.api.message(message_id)["status"] == "failed"


def test_reports_are_acknowledged_whatever_they_are_about(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    phone.report(str(uuid.uuid4()), 1, "sent")
    gateway.api.send()
    message_id, attempt = phone.take()
    for status in ("delivered", "sent", "sending", "delivered", "failed"):
        phone.report(message_id, attempt, status)
    assert gateway.api.message(message_id)["status"] == "delivered"


def test_a_report_is_kept_until_it_is_acknowledged(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.take()
    phone.report(message_id, attempt, "sent", ack=False)
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    back = AssuredPhone(gateway, "phone", phone.journal, [(message_id, attempt, "released")])
    back.report(message_id, attempt, "sent")
    assert gateway.api.message(message_id)["status"] == "sent"


def test_an_older_report_does_not_undo_a_newer_one(make_gateway):
    """It was still on its way on the old connection when the phone said what came of it."""
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.take()
    phone.seq = 41
    phone.report(message_id, attempt, "failed", error_code="generic_failure")
    phone.seq = 40
    phone.report(message_id, attempt, "sent")
    assert gateway.api.message(message_id)["status"] == "failed"
    phone.seq = 42
    phone.report(message_id, attempt, "delivered")
    assert gateway.api.message(message_id)["status"] == "delivered"


# ---- Bad input ----

@pytest.mark.parametrize("protocol", ("sms-gateway.v2", "phone", "socket", "sms-gateway.v1, socket",
                                      "socket, sms-gateway.v1", "SMS-GATEWAY.V1", ""))
def test_another_subprotocol_is_refused(shared_gateway, protocol):
    answer = ask_raw(shared_gateway, handshake("phone", Sec_WebSocket_Protocol=protocol))
    assert answer.status == (400 if protocol else 101)


@pytest.mark.parametrize("frames", (
    ["x"], [PAGE], [{"device_name": "x"}], [HELLO, HELLO], [HELLO, {"type": "ack"}],
    [HELLO | {"journal": "x"}], [HELLO | {"journal": None}],
    [HELLO | {"journal": str(uuid.UUID(int=0))}], [HELLO | {"journal": "0" * 32}],
    [HELLO, PAGE | {"last": 2}], [HELLO, PAGE | {"last": None}], [HELLO, PAGE | {"entries": {}}],
    [HELLO, {"type": "journal"}], [HELLO, PAGE | {"entries": [0] * 1001}]), ids=lambda frames: str(frames)[:60])
def test_a_bad_greeting_ends_the_connection(shared_gateway, connect, frames):
    phone = connect(AssuredPhone, hello=False)
    for frame in frames:
        phone.send(frame)
    phone.receive_error()
    assert phone.closed() == (1008, "no_device_info")
    assert not shared_gateway.api.devices()


@pytest.mark.parametrize("frames, credit, warned", (
    ([{"type": "hello", "journal": HELLO["journal"]}, PAGE], 8, False),
    ([HELLO | {"journal": "{" + HELLO["journal"].upper() + "}", "credit": "3"}, PAGE], 3, False),
    ([HELLO | {"credit": 100000}, PAGE], 8, False), ([HELLO | {"credit": -1}, PAGE], 8, True),
    ([HELLO | {"credit": [4]}, PAGE], 8, True), ([HELLO | {"info": []}, PAGE], 4, True),
    ([HELLO | {"info": {"battery_level": 101, "device_name": "x" * 101}}, PAGE], 4, True),
    ([HELLO, PAGE | {"last": 1}], 4, False), ([HELLO, PAGE | {"last": "true"}], 4, False),
    ([HELLO, PAGE | {"entries": [1, {}, ENTRY | {"attempt": 0}, ENTRY | {"state": "dropped"},
                                 ENTRY | {"message_id": "1"}]}], 4, True),
    ([HELLO, PAGE | {"entries": [ENTRY | {"state": "done"}] * 150}], 4, False)),
    ids=lambda part: str(part)[:60])
def test_an_odd_greeting_locks_no_phone_out(shared_gateway, connect, frames, credit, warned):
    phone = connect(AssuredPhone, hello=False)
    for frame in frames:
        phone.send(frame)
    assert phone.receive_type("welcome")["credit"] == credit
    if warned:
        assert phone.receive_error()["code"] == "member_ignored"
    shared_gateway.api.send()
    phone.take()


def test_a_report_without_attempt_or_seq_is_evidence_and_no_proof(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    for status in ("sent", "failed"):
        gateway.api.send()
        message_id, _ = phone.take()
        phone.send({"type": "report", "message_id": message_id, "status": status,
                    "error_code": "no_service" if status == "failed" else 0})
        assert phone.receive_error()["code"] == "member_ignored"
        gateway.api.wait_status(message_id, status)  # and not queued again


@pytest.mark.parametrize("parts_sent", (-1, "none", [0], 1e300, True), ids=repr)
def test_parts_sent_that_cannot_be_read_prove_nothing(shared_gateway, connect, parts_sent):
    phone = connect(AssuredPhone)
    shared_gateway.api.send()
    message_id, attempt = phone.take()
    phone.report(message_id, attempt, "failed", ack=False, error_code="no_service",
                 parts_sent=parts_sent)
    frames = [phone.receive() for _ in range(2)]
    assert {"type": "report_ack", "seq": phone.seq} in frames
    assert shared_gateway.api.message(message_id)["status"] == "failed"


def test_a_journal_may_come_in_pages_and_may_not_be_endless(make_gateway):
    gateway = make_gateway(MAX_FRAME_BYTES=65536).start()
    phone = AssuredPhone(gateway, "phone", hello=False)
    phone.send(HELLO)
    entries = [ENTRY | {"message_id": str(uuid.uuid4())} for _ in range(1000)]
    for i in range(10):
        phone.send({"type": "journal", "entries": entries[100 * i:100 * i + 100], "last": i == 9})
    assert phone.receive()["type"] == "welcome"
    assert [phone.receive()["message_id"] for _ in entries] == [e["message_id"] for e in entries]
    endless = AssuredPhone(gateway, "endless", hello=False)
    endless.send(HELLO)
    for _ in range(11):
        endless.send({"type": "journal", "entries": entries[:100], "last": False})
    assert endless.closed() == (1008, "no_device_info")


def test_a_journal_that_does_not_end_is_not_waited_for(make_gateway):
    gateway = make_gateway(DEVICE_INFO_TIMEOUT_SECONDS=1).start()
    phone = AssuredPhone(gateway, "phone", hello=False)
    phone.send(HELLO)
    phone.send(PAGE | {"last": False})
    assert phone.closed() == (1008, "no_device_info")


@pytest.mark.parametrize("frame, code", (
    ({"type": "hello"}, "unknown_frame_type"), (PAGE, "unknown_frame_type"),
    ({"type": "status_update"}, "unknown_frame_type"), ({"type": "offer"}, "unknown_frame_type"),
    ({"type": "ack"}, "invalid_value"), ({"type": "ack", "message_id": 1}, "invalid_value"),
    ({"type": "ack", "message_id": ENTRY["message_id"]}, "invalid_value"),
    ({"type": "ack", "message_id": ENTRY["message_id"], "attempt": 0}, "invalid_value"),
    ({"type": "credit"}, "invalid_value"), ({"type": "credit", "credit": -1}, "invalid_value"),
    ({"type": "report", "message_id": ENTRY["message_id"], "attempt": 1}, "unknown_status"),
    ({"type": "report", "message_id": "1", "attempt": 1, "seq": 1, "status": "sent"},
     "invalid_value"),
    ({"type": "report", "message_id": ENTRY["message_id"], "attempt": 1, "seq": 1,
      "status": "queued"}, "unknown_status")), ids=lambda part: str(part)[:50])
def test_a_bad_frame_is_refused_and_the_conversation_goes_on(shared_gateway, connect, frame, code):
    phone = connect(AssuredPhone)
    phone.send(frame)
    assert phone.receive_error()["code"] == code
    shared_gateway.api.send()
    phone.take()


# ---- Cancelling ----

def cancel(gateway, message_id):
    answer = gateway.api.request("DELETE", f"/api/sms/{message_id}")
    body = answer.json()
    return answer.status_code, body.get("code") or body["status"]


def test_a_queued_message_is_cancelled_and_never_goes_out(make_gateway):
    gateway = make_gateway().start()
    ids = [gateway.api.send()["message_id"] for _ in range(2)]
    for _ in range(2):
        assert cancel(gateway, ids[0]) == (200, "cancelled")
    assert AssuredPhone(gateway, "phone").take()[0] == ids[1]


def test_a_message_that_was_offered_is_cancelled_and_its_phone_drops_it(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.receive_offer()
    assert cancel(gateway, message_id) == (200, "cancelled")
    phone.answer("ack", message_id, attempt)
    phone.expect("drop", message_id, attempt)
    phone.report(message_id, attempt, "delivered")  # it did so all the same: evidence counts
    assert gateway.api.message(message_id)["status"] == "delivered"


@pytest.mark.parametrize("outcome", ("cancelled", "sent"))
def test_a_released_message_is_wanted_back_and_the_phone_decides(make_gateway, outcome):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.take()
    assert cancel(gateway, message_id) == (202, "accepted")
    phone.expect("revoke", message_id, attempt)
    assert phone.is_silent()  # and not again
    phone.report(message_id, attempt, outcome)
    assert gateway.api.message(message_id)["status"] == outcome
    assert cancel(gateway, message_id) == ((200, "cancelled") if outcome == "cancelled"
                                           else (409, "not_cancellable"))


def test_a_returning_phone_learns_of_the_cancellation(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.take()
    phone.drop()
    no_phone(gateway)
    assert cancel(gateway, message_id) == (202, "accepted")
    back = AssuredPhone(gateway, "phone", phone.journal, [(message_id, attempt, "released")])
    back.expect("revoke", message_id, attempt)
    back.report(message_id, attempt, "cancelled")
    assert gateway.api.message(message_id)["status"] == "cancelled"


def test_what_a_basic_phone_has_cannot_be_cancelled(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    message_id = gateway.api.send()["message_id"]
    phone.receive_sms()
    assert cancel(gateway, message_id) == (409, "not_cancellable")
    phone.report(message_id, "sent")
    gateway.api.wait_status(message_id, "sent")
    assert cancel(gateway, message_id) == (409, "not_cancellable")


@pytest.mark.parametrize("message_id", ("1", "x" * 36, str(uuid.UUID(int=0))))
def test_an_unknown_message_cannot_be_cancelled(make_gateway, message_id):
    assert cancel(make_gateway().start(), message_id) == (404, "message_not_found")
