"""ws-broker/PROTOCOL.md from both sides: phones on one, the REST API on the other."""

import contextlib
import itertools
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid

import pytest

from harness.faults import write_lock_held
from harness.gateway import ROOT
from harness.phone import AssuredPhone, Phone, WorkingPhone
from harness.raw_http import ask_raw
from harness.raw_websocket import (CLOSE, CONTINUATION, PING, PONG, TEXT, WAYS, RawWebSocket,
                                   encode, encode_close, handshake)
from harness.waiting import LIMIT_SECONDS, wait_for

REPORTS = ("sending", "sent", "delivered", "failed")
EMPTY_BATTERY = {"battery_level": 0}  # such a phone gets no messages


def send(gateway, count, text="Message {}"):
    """Sends so many messages; returns their ids, oldest first."""
    return [gateway.api.send(message=text.format(i))["message_id"] for i in range(count)]


def receive(phone, count):
    return [phone.receive_sms()["message_id"] for _ in range(count)]


def queued(gateway):
    """How many messages wait for a phone."""
    return gateway.api.get("/api/sms?status=queued&limit=1").json()["total"]


# ---- Messages ----

def test_messages_wait_for_a_phone_and_go_out_oldest_first(make_gateway):
    gateway = make_gateway().start()
    ids = send(gateway, 30)
    phone = WorkingPhone(gateway, "late")
    gateway.api.wait_status(ids[-1], "sent")
    assert phone.ids() == ids
    assert [frame["message"] for frame in phone.received] == [f"Message {i}" for i in range(30)]


def test_several_phones_share_the_messages_and_none_goes_out_twice(make_gateway):
    gateway = make_gateway().start()
    phones = [WorkingPhone(gateway, f"phone-{i}") for i in range(3)]
    ids = send(gateway, 60)
    for message_id in ids:
        message = gateway.api.wait_status(message_id, "sent")
        holder = next(phone for phone in phones if phone.device_id == message["device_id"])
        assert message_id in holder.ids()
        assert message["attempts"] == 1
    assert sorted(id for phone in phones for id in phone.ids()) == sorted(ids)


@pytest.mark.parametrize("text", (
    "a", "Grüße aus Zürich, 5 €", "你好，世界", "שלום עולם", "📱🇺🇳👩‍👩‍👧‍👦", 'quotes " and \\ and /',
    "lines\nand\ttabs\r\n", "\x01\x7f", "  spaces  ", "e\u0301 \u202e \ufeff", "x" * 1530,
    "漢" * 670, '{"type": "new_sms"}', "\u2028\u2029\uffff"), ids=lambda text: repr(text)[:20])
def test_a_text_arrives_as_it_was_sent(shared_gateway, connect, text):
    phone = connect(Phone)
    message = shared_gateway.api.send(message=text)
    assert phone.receive_sms()["message"] == text == message["message"]


def test_the_longest_message_that_rest_takes_reaches_a_phone(make_gateway):
    """Also where JSON writes a character in more bytes than it has."""
    gateway = make_gateway(MAX_MESSAGE_SEGMENTS=255, MAX_BODY_BYTES=1048576, DEVICE_WINDOW=16).start()
    texts = []
    for character in '"', "\\", "x", "€", "漢", "\x01", "\n", "\r", "\f", "\t":
        texts += [next(text for text in (character * count for count in (255 * 153, 255 * 76, 255 * 67)) if gateway.api.request(
            "POST", "/api/send-sms", json={"phone_number": "+1234567890", "message": text}).status_code == 202)]
    phone = Phone(gateway, "phone")
    assert [phone.receive_sms()["message"] for _ in texts] == texts


@pytest.mark.parametrize("kind", (Phone, AssuredPhone))
def test_a_message_that_fits_into_no_frame_fails_and_costs_nothing(make_gateway, kind):
    """The API lets none in, so it is put into the file. It was given again at once, for ever."""
    gateway = make_gateway(DEVICE_DAILY_SEGMENTS=2, DEVICE_SEGMENTS_PER_MINUTE=1,
                           DEVICE_SEGMENTS_BURST=2).start()
    endless, *others = [gateway.api.send()["message_id"] for _ in range(3)]
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    database.execute("UPDATE message SET text = ? WHERE id = ?",
                     ("x" * 140000, uuid.UUID(endless).bytes))
    database.commit()
    database.close()
    phone = kind(gateway, "phone")
    assert [phone.receive()["message_id"] for _ in others] == others
    message = gateway.api.wait_status(endless, "failed")
    assert message["error_code"] == "too_long" and "frame" in message["error_message"]
    assert message["attempts"] == 1 and message["device_id"] is None
    wait_for(lambda: "reason=too_long" in gateway.ws_broker.log(), "the transition's line, which follows the commit")


# ---- Reports ----

@pytest.fixture(scope="module")
def report_gateway(module_gateway):
    """For the tests of reports, which leave no message queued."""
    return module_gateway().start()


@pytest.fixture
def phone(report_gateway, numbers=itertools.count()):
    """A new device each time, whose hands are empty."""
    phone = Phone(report_gateway, f"reporter-{next(numbers)}")
    yield phone
    phone.close()


def transitions():
    """common/model/transitions.def: {(from, to): actors}."""
    text = (ROOT / "common/model/transitions.def").read_text().lower()
    table = {(old, new): actors
             for old, new, actors in re.findall(r"^transition\((\w+), (\w+), ([^,]+),", text, re.M)}
    assert len(table) > 30
    return table


def expected_after(reports):
    """(status, every status it has had) of a message that a phone had accepted."""
    table = transitions()
    status, seen = "accepted", {"queued", "accepted"}
    for report in reports:
        if "device" in table.get((status, report), ""):
            status = report
            seen.add(report)
    return status, seen


def after_reports(gateway, phone, reports):
    """A message that the phone was given, after the phone made those reports about it."""
    (message_id, marker) = send(gateway, 2)
    assert receive(phone, 2) == [message_id, marker]
    for report in reports:
        phone.report(message_id, report)
    phone.report(marker, "delivered")  # reports are taken in their order
    gateway.api.wait_status(marker, "delivered")
    return gateway.api.message(message_id)


def test_the_table_of_the_unit_test_is_read_as_it_stands():
    table = transitions()
    assert table["queued", "cancelled"] == "api | broker"
    assert table["accepted", "queued"] == "broker | device"
    assert table["failed", "sent"] == "device"
    assert ("sent", "sending") not in table


@pytest.mark.parametrize("reports", [(first,) for first in REPORTS]
                         + list(itertools.product(REPORTS, repeat=2)), ids=" then ".join)
def test_one_or_two_reports_move_a_message_as_the_table_says(report_gateway, phone, reports):
    message = after_reports(report_gateway, phone, reports)
    assert (message["status"], set(message["times"])) == expected_after(reports)
    assert message["device_id"] == phone.device_id
    assert phone.is_silent()


def test_reports_in_any_order_never_move_a_message_backwards(report_gateway, phone):
    for reports in itertools.permutations(REPORTS):
        message = after_reports(report_gateway, phone, reports)
        assert (message["status"], set(message["times"])) == expected_after(reports), reports


def test_every_report_twice_changes_nothing_more(report_gateway, phone):
    reports = [report for report in ("sending", "sent", "delivered") for _ in range(2)]
    message = after_reports(report_gateway, phone, reports)
    assert message["status"] == "delivered"
    assert report_gateway.query(
        "SELECT count(*) FROM message_event JOIN message ON seq = message_seq WHERE message.id = ?",
        bytes.fromhex(message["message_id"].replace("-", ""))) == [(4,)]


@pytest.mark.parametrize("code, text", (
    ("no_service", "The phone has no network"), ("x" * 64, "y" * 256), ("é" * 32, "漢" * 85),
    ("no_service", None), (None, "It did not work"), (None, None), ("RESULT 1", '"quoted" \\ 📵')),
    ids=lambda part: repr(part)[:20])
@pytest.mark.parametrize("status", ("failed", "sent"))
def test_the_error_of_a_report_is_shown(report_gateway, phone, status, code, text):
    (message_id,) = send(report_gateway, 1)
    receive(phone, 1)
    phone.report(message_id, status, error_code=code, error_message=text)
    message = report_gateway.api.wait_status(message_id, status)
    assert (message["error_code"], message["error_message"]) == (code, text)


def test_evidence_that_a_message_was_sent_counts_after_it_failed(report_gateway, phone):
    (message_id,) = send(report_gateway, 1)
    receive(phone, 1)
    phone.report(message_id, "failed", error_code="timeout", error_message="No answer")
    assert report_gateway.api.wait_status(message_id, "failed")["error_code"] == "timeout"
    phone.report(message_id, "sent")
    assert report_gateway.api.wait_status(message_id, "sent")["error_code"] is None
    phone.report(message_id, "delivered")
    report_gateway.api.wait_status(message_id, "delivered")


def test_unknown_members_of_a_report_are_ignored(report_gateway, phone):
    (message_id,) = send(report_gateway, 1)
    receive(phone, 1)
    phone.report(message_id, "sent", parts=1, at="2026-11-23T09:45:01Z", more={"x": []})
    report_gateway.api.wait_status(message_id, "sent")
    assert phone.is_silent()


def test_a_report_on_a_later_connection_counts_and_the_message_is_not_sent_again(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "mobile")
    (message_id,) = send(gateway, 1)
    receive(phone, 1)
    phone.drop()
    wait_for(lambda: not gateway.api.devices(), "the phone to be gone")
    for status in ("sending", "sent", "delivered"):
        phone = Phone(gateway, "mobile")
        assert phone.is_silent()
        phone.report(message_id, status)
        gateway.api.wait_status(message_id, status)
        phone.drop()
    assert gateway.api.message(message_id)["attempts"] == 1


def test_a_phone_may_repeat_its_reports_as_often_as_it_likes(make_gateway):
    gateway = make_gateway(MAX_FRAMES_PER_SECOND=100000).start()
    phone = Phone(gateway, "talkative")
    ids = send(gateway, 5)
    receive(phone, 5)
    for _ in range(200):
        for message_id in ids:
            phone.report(message_id, "sending")
    for message_id in ids:
        phone.report(message_id, "sent")
    for message_id in ids:
        gateway.api.wait_status(message_id, "sent")
    assert phone.is_silent()


# ---- Frames, as far as libraries make them ----

def test_frames_may_come_in_fragments(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "pieces", hello=False)
    phone.send(list('{"device_name": "Zoë’s 📱"}'))
    assert phone.receive() == {"type": "connection_ack", "device_id": "pieces"}
    assert gateway.api.devices()["pieces"]["device_name"] == "Zoë’s 📱"
    (message_id,) = send(gateway, 1)
    receive(phone, 1)
    phone.send(['{"type": "status_up', 'date", "message_id": "', message_id, '", "status": "sent"}'])
    gateway.api.wait_status(message_id, "sent")


def test_pings_of_a_phone_are_answered(phone):
    for data in (b"", b"are you there?", b"\0\xff" * 62):
        phone.ping(data)
    assert phone.is_silent()


def test_compression_is_not_accepted(report_gateway):
    phone = Phone(report_gateway, "compressing", EMPTY_BATTERY, compression="deflate")
    assert phone.socket.extensions == []
    assert phone.is_silent()
    phone.close()


# ---- One device, two connections ----

def test_the_newest_connection_of_a_device_takes_over(make_gateway):
    gateway = make_gateway().start()
    with RawWebSocket(gateway, "twin") as first:
        (old,) = send(gateway, 1)
        assert first.receive()["message_id"] == old
        second = Phone(gateway, "twin")
        assert first.receive_close() == (4001, "replaced")
        (new,) = send(gateway, 1)
        assert receive(second, 1) == [new]
        first.report(old, "sent")  # late, and it counts
        gateway.api.wait_status(old, "sent")
        first.send(encode_close(4001))
        assert TEXT not in [frame.opcode for frame in iter(first.receive_frame, None)]
    assert second.is_silent()  # the old one did not come again
    assert set(gateway.api.devices()) == {"twin"}
    second.report(new, "sent")
    gateway.api.wait_status(new, "sent")
    assert {gateway.api.message(id)["attempts"] for id in (old, new)} == {1}


def test_an_unidentified_connection_replaces_no_other(make_gateway):
    gateway = make_gateway().start()
    first = Phone(gateway, "twin")
    second = Phone(gateway, "twin", hello=False)
    (message_id,) = send(gateway, 1)
    assert receive(first, 1) == [message_id]
    second.send("nonsense")
    assert second.closed()[0] == 1008
    assert first.is_silent()
    assert set(gateway.api.devices()) == {"twin"}


def test_a_new_connection_sends_the_device_information_again(make_gateway):
    gateway = make_gateway().start()
    Phone(gateway, "twin", {"device_name": "Old", "battery_level": 50, "carrier": "x"})
    second = Phone(gateway, "twin", {"android_version": "14"})
    device = gateway.api.devices()["twin"]
    assert (device["device_name"], device["battery_level"], device["extra"]) == (None, None, {})
    assert device["android_version"] == "14"
    assert second.is_silent()


# ---- Messages whose frame was never written ----

LONG_TEXT = "{:03}" + "x" * (255 * 153 - 3)  # a frame of 39 KB
SENT = 4  # in the database


class Stuck:
    """A phone that reads nothing: of its messages, some frames are written and some are not."""

    def __init__(self, gateway, way):
        self.gateway = gateway
        count = 150 if way == "nginx" else 40  # TCP takes up to 4 MB that nobody reads
        self.ids = send(gateway, count, LONG_TEXT)  # before it is there: its life may be short
        self.phone = RawWebSocket(gateway, "stuck", way=way, receive_buffer=4096)
        wait_for(lambda: queued(gateway) == 0, "all messages to be the phone's")

    def read(self):
        """The messages in whole frames that were on their way when it read again."""
        frames = [frame.json() for frame in iter(self.phone.receive_frame, None)
                  if frame.opcode == TEXT]
        return [frame["message_id"] for frame in frames if frame["type"] == "new_sms"]

    def check_the_rest_went_to(self, worker, received=()):
        """The oldest messages stay the stuck phone's, all others go out once, in their order."""
        wait_for(lambda: queued(self.gateway) == 0, "no message to wait")
        again = "FROM message WHERE attempt > 1"
        wait_for(lambda: self.gateway.query(f"SELECT DISTINCT status {again}") == [(SENT,)],
                 "every message that was handed on to be sent")
        first = len(self.ids) - self.gateway.query(f"SELECT count(*) {again}")[0][0]
        kept, given = self.ids[:first], self.ids[first:]
        assert kept and given
        assert worker.ids() == given
        for message_id in given:
            message = self.gateway.api.message(message_id)
            assert (message["status"], message["device_id"]) == ("sent", worker.device_id)
        for message_id in kept:
            message = self.gateway.api.message(message_id)
            assert (message["status"], message["device_id"]) == ("accepted", "stuck")
        assert list(received) == kept[:len(received)]


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def make_stuck(make_gateway, way):
    def make(**settings):
        gateway = make_gateway(DEVICE_WINDOW=256, MAX_MESSAGE_SEGMENTS=255, **settings).start()
        return gateway, Stuck(gateway, way)
    return make


def test_unwritten_messages_of_a_phone_that_leaves_go_to_another(make_stuck):
    gateway, stuck = make_stuck()
    stuck.phone.drop()
    wait_for(lambda: not gateway.api.devices(), "the phone to be gone")
    stuck.check_the_rest_went_to(WorkingPhone(gateway, "worker"))


def test_unwritten_messages_of_a_phone_that_answers_no_pings_go_to_another(make_stuck):
    gateway, stuck = make_stuck(LIVENESS_TIMEOUT_SECONDS=6)
    wait_for(lambda: not gateway.api.devices(), "the phone to be gone")
    worker = WorkingPhone(gateway, "worker")
    wait_for(lambda: queued(gateway) == 0, "no message to wait")
    received = stuck.read()
    stuck.check_the_rest_went_to(worker, received)


def test_unwritten_messages_of_a_replaced_connection_go_to_the_new_one(make_stuck):
    gateway, stuck = make_stuck()
    worker = WorkingPhone(gateway, "stuck")
    wait_for(lambda: queued(gateway) == 0, "no message to wait")
    received = stuck.read()
    stuck.check_the_rest_went_to(worker, received)


def test_unwritten_messages_wait_over_a_restart(make_stuck):
    gateway, stuck = make_stuck(DRAIN_TIMEOUT_SECONDS=1)
    gateway.ws_broker.stop()
    assert queued(gateway) > 0
    received = stuck.read()
    gateway.ws_broker.start()
    stuck.check_the_rest_went_to(WorkingPhone(gateway, "worker"), received)


def test_a_phone_that_reads_again_gets_all_of_its_messages(make_stuck):
    gateway, stuck = make_stuck()
    ids = [stuck.phone.receive()["message_id"] for _ in stuck.ids]
    assert ids == stuck.ids
    stuck.phone.drop()


# ---- The window ----

@pytest.mark.parametrize("end", ("sent", "delivered", "failed"))
def test_the_window_is_freed_by_an_end_and_not_by_sending(make_gateway, end):
    gateway = make_gateway(DEVICE_WINDOW=2).start()
    phone = Phone(gateway, "phone")
    ids = send(gateway, 5)
    in_hands = receive(phone, 2)
    assert in_hands == ids[:2]
    for message_id in in_hands:
        phone.report(message_id, "sending")
        gateway.api.wait_status(message_id, "sending")
    gateway.api.send()  # the bell rings, and still
    assert phone.is_silent()
    assert queued(gateway) == 4
    for message_id in ids[2:]:
        phone.report(in_hands.pop(0), end)
        in_hands += receive(phone, 1)
        assert in_hands[-1] == message_id
        assert phone.is_silent()


def test_a_report_about_the_same_message_frees_one_place_only(make_gateway):
    gateway = make_gateway(DEVICE_WINDOW=2).start()
    phone = Phone(gateway, "phone")
    ids = send(gateway, 5)
    receive(phone, 2)
    for status in ("sent", "delivered", "sent", "failed"):
        phone.report(ids[0], status)
    assert receive(phone, 1) == [ids[2]]
    gateway.api.wait_status(ids[0], "delivered")
    assert phone.is_silent()
    assert queued(gateway) == 2


def test_the_window_holds_over_all_connections_of_a_phone(make_gateway):
    gateway = make_gateway(DEVICE_WINDOW=2).start()
    ids = send(gateway, 5)
    for number in range(3):  # a new connection is no new window
        phone = Phone(gateway, "phone")
        if number == 0:
            assert receive(phone, 2) == ids[:2]
        gateway.api.send()
        assert phone.is_silent()
        assert queued(gateway) == 4 + number
        phone.drop()
        wait_for(lambda: not gateway.api.devices(), "the phone to be gone")
    phone = Phone(gateway, "phone")
    phone.report(ids[1], "sent")
    assert receive(phone, 1) == [ids[2]]
    assert phone.is_silent()


@pytest.mark.parametrize("end", ("stop", "kill"))
def test_the_window_holds_over_a_restart(make_gateway, end):
    gateway = make_gateway(DEVICE_WINDOW=2).start()
    ids = send(gateway, 3)
    phone = Phone(gateway, "phone")
    assert receive(phone, 2) == ids[:2]
    getattr(gateway.ws_broker, end)()
    gateway.ws_broker.start()
    phone = Phone(gateway, "phone")
    gateway.api.send()
    assert phone.is_silent()
    assert queued(gateway) == 2
    phone.report(ids[0], "sent")
    assert receive(phone, 1) == [ids[2]]


def test_messages_without_a_report_free_the_window_after_a_time(make_gateway):
    gateway = make_gateway(DEVICE_WINDOW=1, REPORT_TIMEOUT_SECONDS=1).start()
    phone = Phone(gateway, "silent")
    ids = send(gateway, 3)
    assert receive(phone, 3) == ids
    assert {gateway.api.message(id)["status"] for id in ids} == {"accepted"}
    phone.report(ids[0], "sent")  # late, and it counts
    gateway.api.wait_status(ids[0], "sent")


# ---- Being alive ----

def test_a_phone_that_does_not_identify_itself_is_disconnected(make_gateway):
    gateway = make_gateway(DEVICE_INFO_TIMEOUT_SECONDS=3).start()  # `known` needs some of it
    known = Phone(gateway, "known")
    silent = Phone(gateway, "silent", hello=False)
    assert silent.closed() == (1008, "no_device_info")
    assert known.is_silent()


def test_a_phone_that_answers_no_pings_is_disconnected_and_others_are_not(make_gateway):
    gateway = make_gateway(LIVENESS_TIMEOUT_SECONDS=3).start()
    alive = Phone(gateway, "alive", EMPTY_BATTERY)
    with RawWebSocket(gateway, "dead", EMPTY_BATTERY) as dead:
        pings = [frame for frame in iter(dead.receive_frame, None) if frame.opcode == PING]
        assert len(pings) >= 2
    wait_for(lambda: set(gateway.api.devices()) == {"alive"}, "only the dead to be gone")
    assert alive.is_silent()


SIGNS_OF_LIFE = {
    "a pong": lambda ping: encode(PONG, ping),
    "a pong of its own": lambda ping: encode(PONG, "here I am"),
    "a pong without bytes": lambda ping: encode(PONG),
    "a ping of its own": lambda ping: encode(PING, "are you there?"),
    "a ping without bytes": lambda ping: encode(PING),
    "a fragment without bytes": lambda ping: encode(CONTINUATION, fin=False),
    "a frame": lambda ping: encode(TEXT, {"type": "device_update", "info": {}}),
    "a frame that is refused": lambda ping: encode(TEXT, {"type": "?"}),
    "a fragment": lambda ping: encode(CONTINUATION, " ", fin=False),
}


def test_a_phone_stays_connected_that_answers_pings_with_any_bytes(make_gateway):
    gateway = make_gateway(LIVENESS_TIMEOUT_SECONDS=3).start()
    with contextlib.ExitStack() as stack:
        phones = {sign: stack.enter_context(RawWebSocket(gateway, sign.replace(" ", "-"), EMPTY_BATTERY))
                  for sign in SIGNS_OF_LIFE}
        for sign, phone in phones.items():
            if sign.startswith("a fragment"):
                phone.send(encode(TEXT, "{", fin=False))
        for _ in range(5):  # three in 3 s: the limit is passed
            for sign, phone in phones.items():
                while (frame := phone.receive_frame()) and frame.opcode != PING:
                    assert frame.opcode != CLOSE, sign
                assert frame, f"{sign}: disconnected"
                phone.send(SIGNS_OF_LIFE[sign](frame.payload))
        assert len(gateway.api.devices()) == len(phones)


FROZEN_PHONE = """
import sys
from harness.phone import Phone
class Address:
    ws_url = sys.argv[1]
Phone(Address, "frozen", token=sys.argv[2])
print("connected", flush=True)
sys.stdin.read()
"""


def test_a_frozen_phone_is_disconnected_and_others_are_not_disturbed(make_gateway):
    gateway = make_gateway(LIVENESS_TIMEOUT_SECONDS=3, DEVICE_WINDOW=1).start()
    with subprocess.Popen([sys.executable, "-c", FROZEN_PHONE, gateway.ws_url,
                           gateway.device_token("frozen")], text=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline() == "connected\n"
            child.send_signal(signal.SIGSTOP)
            (lost,) = send(gateway, 1)  # its frame is written, whoever reads it
            gateway.api.wait_status(lost, "accepted")
            worker = WorkingPhone(gateway, "worker")
            ids = send(gateway, 10)
            gateway.api.wait_status(ids[-1], "sent")
            wait_for(lambda: set(gateway.api.devices()) == {"worker"}, "the frozen phone to be gone")
            ids += send(gateway, 10)
            gateway.api.wait_status(ids[-1], "sent")
            assert worker.ids() == ids
            assert gateway.api.message(lost)["device_id"] == "frozen"
            assert gateway.api.message(lost)["status"] == "accepted"
        finally:
            child.kill()


# ---- The broker stops, dies, comes back ----

def test_a_stop_closes_connections_and_takes_the_last_reports(make_gateway):
    gateway = make_gateway().start()
    ordinary = Phone(gateway, "ordinary", EMPTY_BATTERY)
    unknown = Phone(gateway, "unknown", hello=False)
    with RawWebSocket(gateway, "last") as phone:
        ids = send(gateway, 3)
        for message_id in ids:
            assert phone.receive()["message_id"] == message_id
        gateway.ws_broker.signal(signal.SIGTERM)
        assert phone.receive_close() == (1001, "shutting_down")
        assert ordinary.closed() == (1001, "shutting_down")
        assert unknown.closed() == (1001, "shutting_down")
        waiting = send(gateway, 2)
        for message_id, status in zip(ids, ("sent", "delivered", "failed")):
            phone.report(message_id, status)
            gateway.api.wait_status(message_id, status)
        phone.send(encode_close(1001))
        phone.read_to_end()
    assert gateway.ws_broker.wait() == 0
    assert gateway.api.devices() == {}
    assert ask_raw(gateway, handshake("last")).status == 502
    assert queued(gateway) == 2
    gateway.ws_broker.start()
    assert receive(Phone(gateway, "last"), 2) == waiting


def test_a_stop_takes_reports_that_come_right_before_the_phones_close(make_gateway):
    gateway = make_gateway().start()
    with RawWebSocket(gateway, "last") as phone:
        (message_id,) = send(gateway, 1)
        phone.receive()
        gateway.ws_broker.signal(signal.SIGTERM)
        assert phone.receive_close() == (1001, "shutting_down")
        phone.send(encode(TEXT, {"type": "status_update", "message_id": message_id,
                                 "status": "sent"}) + encode_close(1001))
        phone.read_to_end()
    assert gateway.ws_broker.wait() == 0
    assert gateway.api.message(message_id)["status"] == "sent"


def test_a_stop_does_not_wait_for_ever_for_a_phone(make_gateway):
    gateway = make_gateway(DRAIN_TIMEOUT_SECONDS=1).start()
    with RawWebSocket(gateway, "deaf"), RawWebSocket(gateway, "new", hello=False):
        gateway.ws_broker.stop()


class Sender(threading.Thread):
    """Sends messages, one after the other, until it is finished."""

    def __init__(self, gateway):
        super().__init__()
        self.gateway = gateway
        self.ids = []
        self.enough = threading.Event()
        self.start()

    def run(self):
        while not self.enough.is_set():
            self.ids += send(self.gateway, 1)

    def finish(self):
        self.enough.set()
        self.join()
        return self.ids


def connect_workers(gateway):
    """Three phones, which have done some work when this returns."""
    workers = [WorkingPhone(gateway, f"phone-{i}") for i in range(3)]
    wait_for(lambda: sum(len(worker.ids()) for worker in workers) > 30, "the work to go on")
    return workers


def end_under_load(gateway, end):
    """The broker ends three times, and starts again: the ids of what was sent meanwhile, and the phones."""
    sender = Sender(gateway)
    workers = []
    for _ in range(3):
        workers += connect_workers(gateway)
        end()
        gateway.ws_broker.start()
    workers += connect_workers(gateway)
    return sender.finish(), workers


def test_a_stop_under_load_loses_nothing_and_sends_nothing_twice(make_gateway):
    gateway = make_gateway(REPORT_TIMEOUT_SECONDS=1).start()
    ids, workers = end_under_load(gateway, gateway.ws_broker.stop)
    wait_for(lambda: sum(len(worker.ids()) for worker in workers) >= len(ids), "every message")
    assert sorted(id for worker in workers for id in worker.ids()) == sorted(ids)
    assert queued(gateway) == 0


def test_a_killed_broker_leaves_no_phone_connected_and_repeats_nothing(make_gateway):
    gateway = make_gateway(PRESENCE_LEASE_SECONDS=3).start()
    phone = Phone(gateway, "phone")
    ids = send(gateway, 3)
    receive(phone, 3)
    phone.report(ids[0], "sent")
    gateway.api.wait_status(ids[0], "sent")
    gateway.ws_broker.kill()
    assert phone.closed()[0] == 1006
    wait_for(lambda: not gateway.api.devices(), "the lease to end")
    waiting = send(gateway, 2)
    gateway.ws_broker.start()
    phone = Phone(gateway, "phone")
    assert receive(phone, 2) == waiting
    assert phone.is_silent()
    phone.report(ids[1], "delivered")
    gateway.api.wait_status(ids[1], "delivered")
    assert gateway.api.message(ids[2])["status"] == "accepted"


def test_a_broker_that_is_killed_under_load_repeats_nothing(make_gateway):
    gateway = make_gateway(REPORT_TIMEOUT_SECONDS=1).start()
    ids, workers = end_under_load(gateway, gateway.ws_broker.kill)
    wait_for(lambda: queued(gateway) == 0, "no message to wait")
    for worker in workers[-3:]:
        worker.catch_up()
    received = [id for worker in workers for id in worker.ids()]
    assert len(received) == len(set(received))
    lost = set(ids) - set(received)  # their frames were on the way when the broker died
    assert len(lost) < 3 * 3 * 8
    assert {gateway.api.message(message_id)["status"] for message_id in lost} <= {"accepted"}


def test_a_message_is_found_though_the_bell_was_lost(make_gateway):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=1).start()
    phone = Phone(gateway, "phone")
    os.unlink(gateway.folder / "run/doorbell.sock")
    ids = send(gateway, 3)
    assert receive(phone, 3) == ids


# ---- A phone against a store that is locked ----

def test_a_phone_is_told_to_come_back_when_the_store_is_locked(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=1000).start()
    gateway.device_token("phone")
    with write_lock_held(gateway):
        phone = Phone(gateway, "phone", hello=False)
        phone.send(EMPTY_BATTERY)
        assert phone.closed() == (1013, "store_busy")
    assert Phone(gateway, "phone").is_silent()


def test_a_report_is_kept_until_the_store_is_free_again(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=1000).start()
    phone = Phone(gateway, "phone")
    (message_id,) = send(gateway, 1)
    receive(phone, 1)
    with write_lock_held(gateway):
        phone.report(message_id, "sent", error_code="kept")
        phone.drop()
        wait_for(lambda: "device disconnected" in gateway.ws_broker.log(), "the end to be noticed")
        gateway.api.send_refused(503, "store_busy")  # it takes as long as the report's refusal
    assert gateway.api.wait_status(message_id, "sent")["error_code"] == "kept"
    wait_for(lambda: not gateway.api.devices(), "the phone to be gone")


# ---- Who may connect, and who gets messages ----

def test_no_more_phones_connect_than_there_is_room_for(make_gateway):
    gateway = make_gateway(MAX_CONNECTIONS=2).start()
    first, second = (Phone(gateway, name, EMPTY_BATTERY) for name in ("first", "second"))
    answer = ask_raw(gateway, handshake("third"))
    assert (answer.status, answer.code) == (503, "too_many_phones")
    assert first.is_silent() and second.is_silent()
    first.close()
    wait_for(lambda: set(gateway.api.devices()) == {"second"}, "the first to be gone")
    third = Phone(gateway, "third", EMPTY_BATTERY)
    assert third.is_silent()
    assert ask_raw(gateway, handshake("first")).status == 503


@pytest.mark.parametrize("percent, low, enough", (
    (5, {"battery_level": 4}, {"battery_level": 5}),
    (5, {"battery_level": 4.9, "charging": False}, {"charging": True}),
    (5, {"battery_level": 0}, {"battery_level": 100}),
    (50, {"battery_level": 49}, {"battery_level": 50.5}),
    (100, {"battery_level": 99}, {"charging": True})), ids=str)
def test_a_phone_with_an_empty_battery_gets_messages_when_it_is_charged(make_gateway, percent, low,
                                                                        enough):
    gateway = make_gateway(MIN_BATTERY_PERCENT=percent, SWEEP_INTERVAL_SECONDS=1).start()
    phone = Phone(gateway, "low", low)
    ids = send(gateway, 2)
    assert phone.is_silent()
    assert queued(gateway) == 2
    phone.send({"type": "device_update", "info": enough})
    assert receive(phone, 2) == ids
    phone.send({"type": "device_update", "info": low | {"charging": False}})
    assert phone.is_silent()  # the update has been read
    gateway.api.send()
    assert phone.is_silent()
    assert queued(gateway) == 1


@pytest.mark.parametrize("percent, info", (
    (5, {}), (5, {"battery_level": None}), (100, {}), (0, {"battery_level": 0}),
    (5, {"battery_level": 1, "charging": True}), (100, {"battery_level": 100})), ids=str)
def test_a_phone_with_enough_battery_gets_messages_at_once(make_gateway, percent, info):
    gateway = make_gateway(MIN_BATTERY_PERCENT=percent).start()
    phone = Phone(gateway, "phone", info)
    ids = send(gateway, 1)
    assert receive(phone, 1) == ids


def test_a_phone_gets_no_more_than_its_pace_allows(make_gateway):
    gateway = make_gateway(DEVICE_SEGMENTS_PER_MINUTE=1, DEVICE_SEGMENTS_BURST=1).start()
    phones = [Phone(gateway, f"phone-{i}") for i in range(2)]
    ids = send(gateway, 4)
    for phone in phones:
        message_id = phone.receive_sms()["message_id"]
        phone.report(message_id, "sent")
        gateway.api.wait_status(message_id, "sent")
    gateway.api.send()
    assert all(phone.is_silent() for phone in phones)
    assert queued(gateway) == 3
    assert receive(Phone(gateway, "another"), 1) == [ids[2]]


def test_at_a_pace_all_messages_go_out_in_their_order(make_gateway):
    gateway = make_gateway(DEVICE_SEGMENTS_PER_MINUTE=600, DEVICE_SEGMENTS_BURST=1).start()
    phone = WorkingPhone(gateway, "steady")
    ids = send(gateway, 20)
    gateway.api.wait_status(ids[-1], "sent")
    assert phone.ids() == ids


def test_a_long_message_counts_with_all_of_its_segments(make_gateway):
    gateway = make_gateway(DEVICE_SEGMENTS_PER_MINUTE=60, DEVICE_SEGMENTS_BURST=1).start()
    phone = WorkingPhone(gateway, "steady")
    assert gateway.api.send(message="x" * 153 * 4)["segments"] == 4
    (message_id,) = send(gateway, 1)
    gateway.api.wait_status(message_id, "sent")
    first, second = gateway.query("SELECT at_ms FROM message_event WHERE status = 2 ORDER BY at_ms")
    assert second[0] - first[0] > 2000  # 4 s for four segments, 1 s for one
    assert len(phone.ids()) == 2
