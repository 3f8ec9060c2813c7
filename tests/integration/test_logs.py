"""The logs: a search for a message id, or for a request id, shows the whole story of the message."""

import json
import re
import threading

import pytest
import requests

from harness.phone import AssuredPhone, Phone, WorkingPhone
from harness.waiting import wait_for

FORMATS = pytest.mark.parametrize("log_format", ("logfmt", "json"))
NUMBERS = {"segments", "attempt", "session", "count", "max_phones", "version"}
HEAD = ["ts", "level", "process", "msg"]
FIELD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]+)(?: |$)')


def read_logfmt(line):
    fields = FIELD.findall(line)
    assert " ".join(f"{key}={value}" for key, value in fields) == line
    return {key: int(value) if key in NUMBERS else value.strip('"') for key, value in fields}


def read_json(line):
    fields = json.loads(line, object_pairs_hook=lambda pairs: pairs)
    assert len(dict(fields)) == len(fields), line  # no key stands twice
    for key, value in fields:
        assert type(value) is (int if key in NUMBERS else str), line
    return dict(fields)


READERS = {"logfmt": read_logfmt, "json": read_json}


def lines_of(gateway, process):
    read = READERS[gateway.environment.get("LOG_FORMAT", "logfmt")]
    whole, _, _ = process.log().rpartition("\n")  # the last may be being written
    lines = [read(line) for line in whole.splitlines()]
    for line in lines:
        assert list(line)[:4] == HEAD and line["process"] == process.name, line
    return lines


def grep(gateway, word):
    """The lines of both programs that have it, with what is the same in all taken out."""
    return [{key: value for key, value in line.items() if key not in HEAD[:3]}
            for process in (gateway.api_fcgi, gateway.ws_broker)
            for line in lines_of(gateway, process) if word in line.values()]


def story(gateway, message_id, length):
    """What `grep` of a message id shows, once there are so many lines, and that the first request's id is
    in all of those that are about it; [(msg, the rest)]."""
    request_id = gateway.api.message(message_id)["request_id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    wait_for(lambda: len(grep(gateway, message_id)) >= length, f"{length} lines of {message_id}")
    lines = grep(gateway, message_id)
    assert len(lines) == length, lines
    assert lines[0]["msg"] == "message accepted" and lines[0]["request_id"] == request_id
    assert all(line["level"] == "info" for process in (gateway.api_fcgi, gateway.ws_broker)
               for line in lines_of(gateway, process) if message_id in line.values())
    for line in lines:
        assert line.pop("message_id") == message_id
        if "status" in line:  # it moved
            assert line.pop("request_id") == request_id, line
    return [(line.pop("msg"), line) for line in lines]


def access_lines(gateway, request_id):
    path = gateway.folder / "run" / "access.log"
    lines = map(json.loads, path.read_text().splitlines())
    return [(line["method"], line["path"], line["status"]) for line in lines
            if line["request_id"] == request_id]


def handed_over(device_id, session=1, attempt=1, status="dispatched", protocol="assured"):
    return ("message dispatched", {"status": status, "attempt": attempt, "device_id": device_id,
                                    "session": session, "protocol": protocol})


def event(msg, status, attempt=1, device_id="phone", **more):
    return msg, {"status": status, "attempt": attempt, "device_id": device_id, **more}


@FORMATS
def test_the_story_of_a_message_that_a_basic_phone_sends(make_gateway, log_format):
    gateway = make_gateway(LOG_FORMAT=log_format).start()
    phone = Phone(gateway, "phone")
    message_id = gateway.api.send("+4915112345678", "a text")["message_id"]
    frame = phone.receive_sms()
    for status in ("sending", "sent", "delivered"):
        phone.report(message_id, status)
    (accepted, fields), *rest = story(gateway, message_id, 5)
    assert accepted == "message accepted"
    request_id = fields.pop("request_id")
    assert re.fullmatch("[0-9A-Za-z]{12}", fields.pop("key"))
    assert fields == {"phone_number": "+***78", "segments": 1}
    assert rest == [handed_over("phone", status="accepted", protocol="basic"),
                    *(event("device reported", status) for status in
                      ("sending", "sent", "delivered"))]
    assert frame["request_id"] == request_id == gateway.api.message(message_id)["request_id"]
    wait_for(lambda: access_lines(gateway, request_id), "nginx's line")
    assert access_lines(gateway, request_id) == [("POST", "/api/send-sms", 202)]
    # The request's id tells the same story.
    assert grep(gateway, request_id) == grep(gateway, message_id)


@FORMATS
def test_the_story_of_a_message_that_an_assured_phone_sends(make_gateway, log_format):
    gateway = make_gateway(LOG_FORMAT=log_format).start()
    phone = AssuredPhone(gateway, "phone")
    message = gateway.api.send()
    message_id, attempt = phone.take()
    for status in ("sending", "sent", "delivered"):
        phone.report(message_id, attempt, status)
    phone.report(message_id, attempt, "sent")
    assert story(gateway, message_id, 7)[1:] == [
        handed_over("phone"), event("message released", "accepted"),
        *(event("device reported", status) for status in ("sending", "sent", "delivered")),
        ("report changed nothing", {"attempt": 1, "device_id": "phone"})]
    assert len(grep(gateway, message["request_id"])) == 6


def test_the_story_of_a_message_that_phones_give_back(make_gateway):
    gateway = make_gateway().start()
    first = AssuredPhone(gateway, "first")
    gateway.api.send()
    message_id, _ = first.receive_offer()
    first.close()
    second = AssuredPhone(gateway, "second")
    assert second.receive_offer() == (message_id, 2)
    second.answer("nack", message_id, 2, code="no_sim")
    gateway.api.wait_status(message_id, "queued")
    second.answer("ack", message_id, 2)
    second.expect("drop", message_id, 2)
    assert story(gateway, message_id, 6)[1:] == [
        handed_over("first"),
        event("message returned to queue", "queued", 1, "first", reason="connection_ended"),
        handed_over("second", 1, 2),
        event("message returned to queue", "queued", 2, "second", reason="refused", error_code="no_sim"),
        ("offer dropped", {"attempt": 2, "device_id": "second"})]


@FORMATS
def test_the_story_of_a_message_that_cannot_be_sent(make_gateway, log_format):
    gateway = make_gateway(LOG_FORMAT=log_format).start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    first, _ = phone.take()
    phone.report(first, 1, "failed", error_code="no_service", error_message="in a tunnel")
    gateway.api.send()
    second, _ = phone.take()
    phone.report(second, 1, "failed", error_code="+4915112345678")
    phone.report(second, 1, "sent")  # late evidence
    assert story(gateway, first, 4)[3:] == [
        event("message returned to queue", "queued", reason="nothing_sent", error_code="no_service")]
    assert story(gateway, second, 5)[3:] == [
        event("device reported", "failed", error_code="other"), event("device reported", "sent")]
    assert "tunnel" not in gateway.ws_broker.log()


@FORMATS
def test_the_stories_of_messages_that_are_cancelled(make_gateway, log_format):
    gateway = make_gateway(LOG_FORMAT=log_format).start()
    early = gateway.api.send()["message_id"]
    answer = gateway.api.request("DELETE", f"/api/sms/{early.upper()}")
    assert answer.status_code == 200
    key = story(gateway, early, 2)[0][1]["key"]
    assert story(gateway, early, 2)[1:] == [
        ("message cancelled", {"key": key, "request_id": answer.headers["X-Request-Id"]})]
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    late, attempt = phone.take()
    answer = gateway.api.request("DELETE", f"/api/sms/{late}")
    assert answer.status_code == 202
    phone.expect("revoke", late, attempt)
    phone.report(late, attempt, "cancelled")
    (accepted, _), cancelled, *rest = story(gateway, late, 6)
    assert accepted == "message accepted"
    assert cancelled == ("message cancellation requested",
                         {"key": key, "request_id": answer.headers["X-Request-Id"]})
    assert rest == [handed_over("phone"), event("message released", "accepted"),
                    ("cancel request sent to device", {"attempt": 1, "device_id": "phone"}),
                    event("device reported", "cancelled")]


def test_the_stories_of_messages_whose_journal_is_lost(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    released, _ = phone.take()
    phone.close()
    wait_for(lambda: not gateway.api.devices(), "the phone to be gone")
    AssuredPhone(gateway, "phone")  # with a new journal
    assert story(gateway, released, 4)[3:] == [
        event("message ended", "unknown", error_code="journal_lost")]


def test_the_log_of_a_killed_broker_is_complete_and_the_next_one_continues(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, _ = phone.receive_offer()
    story(gateway, message_id, 2)
    gateway.ws_broker.kill()
    phone.closed()
    gateway.ws_broker.start()
    story(gateway, message_id, 3)
    AssuredPhone(gateway, "phone", phone.journal)
    assert story(gateway, message_id, 4)[1:] == [
        handed_over("phone"),
        event("message returned to queue", "queued", reason="broker_restarted"),
        handed_over("phone", 2, 2)]


def test_at_level_warning_messages_are_not_logged(make_gateway):
    gateway = make_gateway(LOG_LEVEL="warning").start()
    phone = AssuredPhone(gateway, "phone")
    gateway.api.send()
    message_id, attempt = phone.take()
    phone.report(message_id, attempt, "sent")
    gateway.stop()
    for process in (gateway.api_fcgi, gateway.ws_broker):
        assert message_id not in process.log() and "level=info" not in process.log()


def test_request_ids_of_clients_do_not_mix(make_gateway):
    gateway = make_gateway().start()
    phones = [WorkingPhone(gateway, f"phone-{number}") for number in range(3)]
    headers = gateway.authorization()
    request_ids = {}

    def send():
        with requests.Session() as session:
            for _ in range(50):
                answer = session.post(f"{gateway.url}/api/send-sms", headers=headers, json={
                    "phone_number": "+1234567890", "message": "text"})
                assert answer.status_code == 202
                request_ids[answer.json()["message_id"]] = answer.headers["X-Request-Id"]
                assert answer.json()["request_id"] == answer.headers["X-Request-Id"]

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: gateway.count_messages("status = 4") == 200, "all to be sent")
    for phone in phones:
        phone.close()
    gateway.stop()
    assert len(request_ids) == len(set(request_ids.values())) == 200
    told = {message_id: [] for message_id in request_ids}
    for process in (gateway.api_fcgi, gateway.ws_broker):
        for line in lines_of(gateway, process):
            if "message_id" in line:
                told[line["message_id"]].append((line["msg"], line["request_id"]))
    for message_id, request_id in request_ids.items():
        assert told[message_id] == [(msg, request_id) for msg in (
            "message accepted", "message dispatched", "device reported")]
    frames = {frame["message_id"]: frame["request_id"]
              for phone in phones for frame in phone.received}
    assert frames == request_ids
    stored = gateway.query("SELECT lower(hex(request_id)) FROM message")
    assert {row[0] for row in stored} == set(request_ids.values())


def test_every_line_of_a_request_has_its_id(make_gateway):
    gateway = make_gateway().start()
    code = gateway.api.request("POST", "/api/pairings", json={"device_id": "pixel"})
    pairing = gateway.pairing_api().request("POST", "/api/pair", json={"code": code.json()["code"]})
    revoked = gateway.api.request("DELETE", "/api/devices/pixel")
    gateway.stop()
    lines = [(line["msg"], line["request_id"]) for line in lines_of(gateway, gateway.api_fcgi)
             if "request_id" in line]
    assert lines == [("devices cannot use the pairing link", code.headers["X-Request-Id"]),
                     ("pairing code created", code.headers["X-Request-Id"]),
                     ("device paired", pairing.headers["X-Request-Id"]),
                     ("device token revoked", revoked.headers["X-Request-Id"])]


@FORMATS
def test_lines_have_priorities_where_they_go_to_the_journal(make_gateway, log_format):
    gateway = make_gateway(LOG_FORMAT=log_format)
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.log_path.touch()
    status = gateway.api_fcgi.log_path.stat()
    for process in (gateway.api_fcgi, gateway.ws_broker):  # it is not the broker's
        process.environment = process.environment | {
            "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    gateway.start()
    phone = Phone(gateway, "phone")
    gateway.api.send()
    phone.receive_sms()
    gateway.stop()
    levels = {"debug": 7, "info": 6, "warning": 4, "error": 3}
    lines = gateway.api_fcgi.log().splitlines()
    assert len(lines) > 3
    for line in lines:
        priority, rest = re.fullmatch("<([0-7])>(.*)", line).groups()
        assert levels[READERS[log_format](rest)["level"]] == int(priority)
    assert lines_of(gateway, gateway.ws_broker)
