"""GET /api/sms/{message_id}/events: the history of a message."""

import sqlite3

import pytest

from harness.phone import AssuredPhone, Phone
from harness.raw_http import ask
from harness.waiting import LIMIT_SECONDS

UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"


@pytest.fixture(scope="module")
def served(module_gateway):
    """A gateway without a phone; each test leaves its queue empty."""
    return module_gateway().start()


def events(gateway, message_id):
    answer = gateway.api.get(f"/api/sms/{message_id}/events")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["message_id"], body["count"], body["next"]) == (message_id, len(body["events"]), None)
    assert [event["at"] for event in body["events"]] == sorted(event["at"] for event in body["events"])
    return body["events"]


def steps(gateway, message_id):
    return [(event["status"], event["attempt"], event["device_id"]) for event in events(gateway, message_id)]


def reasons(gateway, message_id):
    return [event["reason"] for event in events(gateway, message_id)]


def test_a_message_that_waits_has_one_event(served):
    sent = served.api.send()
    assert events(served, sent["message_id"]) == [
        {"status": "queued", "at": sent["created_at"], "attempt": 0, "device_id": None, "reason": "created",
         "error_code": None, "error_message": None}]
    assert served.api.request("DELETE", f"/api/sms/{sent['message_id']}").status_code == 200
    assert steps(served, sent["message_id"]) == [("queued", 0, None), ("cancelled", 0, None)]
    assert reasons(served, sent["message_id"]) == ["created", "cancel_requested"]


def test_every_status_that_a_message_had_is_an_event(served):
    phone = AssuredPhone(served, "events-all")
    served.api.send()
    message_id, _ = phone.take()
    for status in ("sending", "sent", "delivered"):
        phone.report(message_id, 1, status)
    message = served.api.wait_status(message_id, "delivered")
    assert steps(served, message_id) == [("queued", 0, None)] + [
        (status, 1, "events-all") for status in ("dispatched", "accepted", "sending", "sent", "delivered")]
    assert {event["status"]: event["at"] for event in events(served, message_id)} == message["times"]
    phone.close()


def test_a_message_that_came_back_twice_says_when_and_why(served):
    phone = AssuredPhone(served, "events-back", credit=1)
    served.api.send()
    message_id, attempt = phone.receive_offer()
    phone.answer("nack", message_id, attempt, code="no_sim")
    served.api.wait_status(message_id, "queued")
    phone.close()
    database = sqlite3.connect(served.database, timeout=LIMIT_SECONDS)  # the backoff is over
    database.execute("UPDATE message SET retry_at_ms = 0 WHERE status = 0")
    database.commit()
    database.close()
    second = AssuredPhone(served, "events-second")
    assert second.receive_offer() == (message_id, 2)
    second.drop()
    third = AssuredPhone(served, "events-third")
    assert third.take() == (message_id, 3)
    third.report(message_id, 3, "failed", error_code="rejected", error_message="by the network")
    served.api.wait_status(message_id, "failed")
    third.close()
    assert steps(served, message_id) == [
        ("queued", 0, None), ("dispatched", 1, "events-back"), ("queued", 1, None),
        ("dispatched", 2, "events-second"), ("queued", 2, None),
        ("dispatched", 3, "events-third"), ("accepted", 3, "events-third"), ("failed", 3, "events-third")]
    assert reasons(served, message_id) == ["created", "claimed", "refused", "claimed", "connection_ended", "claimed", "released",
                                           "reported"]
    told = [(event["error_code"], event["error_message"]) for event in events(served, message_id)]
    assert told == [(None, None), (None, None), ("no_sim", None), *4 * [(None, None)],
                    ("rejected", "by the network")]


def test_the_first_report_may_come_after_many_statuses(served):
    phone = Phone(served, "events-basic")
    sent = served.api.send()["message_id"]
    phone.receive_sms()
    phone.report(sent, "delivered")
    served.api.wait_status(sent, "delivered")
    phone.close()
    assert [status for status, *_ in steps(served, sent)] == ["queued", "accepted", "delivered"]


def test_an_erased_message_has_no_history(served):
    sent = served.api.send()["message_id"]
    served.api.request("DELETE", f"/api/sms/{sent}")
    assert served.command("messages", "erase", sent)[0] == 0
    for path in (f"/api/sms/{sent}/events", f"/api/sms/{sent}/events?cursor=after-1"):
        answer = served.api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "message_not_found")
        assert sent in answer.json()["detail"]


@pytest.mark.parametrize("message_id", [UNKNOWN_ID, "x", UNKNOWN_ID[:-1], "%C3%A4", "a" * 5000])
def test_an_id_that_no_message_has_is_not_found(served, message_id):
    for more in ("", "?cursor=after-1"):
        answer = ask(served, "GET", f"/api/sms/{message_id}/events{more}")
        assert (answer.status, answer.code) == (404, "message_not_found")


def test_the_path_is_exact(served):
    sent = served.api.send()["message_id"]
    for path in (f"/api/sms/{sent}/events/", f"/api/sms/{sent}/event", f"/api/sms/{sent}/events/1", "/api/sms/events/",
                 f"/api/sms/{sent}/x/events"):
        answer = ask(served, "GET", path)
        assert (answer.status, answer.code) == (404, "not_found"), path
    assert ask(served, "GET", f"/api/sms/{sent.upper()}/events").status == 200
    served.api.request("DELETE", f"/api/sms/{sent}")


def test_a_history_of_many_events_has_pages(served):
    """As of a message whose offers came back for weeks."""
    sent = served.api.send()["message_id"]
    served.api.request("DELETE", f"/api/sms/{sent}")
    database = sqlite3.connect(served.database, timeout=LIMIT_SECONDS)
    [(seq, last)] = database.execute("SELECT seq, (SELECT id FROM last_event) FROM message WHERE id = ?",
                                     (bytes.fromhex(sent.replace("-", "")),))
    database.executemany("INSERT INTO message_event (id, message_seq, number, status, attempt, at_ms)"
                         " VALUES (?, ?, ?, 0, ?, 1)", ((last + n, seq, n, n) for n in range(3, 2001)))
    database.execute("UPDATE last_event SET id = ?", (last + 2000,))
    database.commit()

    def page(path):
        answer = served.api.get(path)
        body = answer.json()
        assert (answer.status_code, body["count"]) == (200, len(body["events"]))
        assert ("Link" in answer.headers) == (body["next"] is not None)
        return body["events"], body["next"]

    first, following = page(f"/api/sms/{sent}/events")
    assert following == f"/api/sms/{sent}/events?cursor=after-1000" and len(first) == 1000
    second, end = page(following)
    assert end is None and [event["attempt"] for event in first + second] == [0, 0, *range(3, 2001)]
    assert page(f"/api/sms/{sent}/events?cursor=after-2000") == ([], None)
    text = served.command("messages", "show", sent)[1]
    assert text.count(" attempt ") == 2000
    database.execute("DELETE FROM message_event WHERE message_seq = ? AND number > 2", (seq,))
    database.commit()
    database.close()


@pytest.mark.parametrize("cursor", ["", "1", "after-", "after-0", "after-x", "after--1", "after-+1", "after-1x",
                                    "before-1", "after-99999999999999999999"])
def test_a_wrong_cursor_is_refused(served, cursor):
    answer = served.api.get(f"/api/sms/{UNKNOWN_ID}/events?cursor={cursor}")
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["cursor"]
