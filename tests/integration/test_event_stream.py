"""GET /api/events: the live stream of events."""

import json
import signal
import sqlite3
import subprocess
import time

import pytest

from harness.event_stream import EventStream, NpmEventSource
from harness.gateway import ROOT
from harness.phone import AssuredPhone
from harness.waiting import LIMIT_SECONDS, wait_for

DEVICE_CONNECTED = 11
UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"


@pytest.fixture(scope="module")
def served(module_gateway):
    return module_gateway(API_KEYS="off", STREAMS_AT_ONCE=150).start()


@pytest.fixture(scope="module")
def locked(module_gateway):
    """A gateway that wants keys."""
    return module_gateway(STREAMS_AT_ONCE=4).start()


def cancelled(gateway, **body):
    """A new message and its only event."""
    answer = gateway.api.request("POST", "/api/send-sms", json={"phone_number": "+1234567890", "message": "Hello!"} | body)
    assert answer.status_code == 202, answer.text
    message_id = answer.json()["message_id"]
    assert gateway.api.request("DELETE", f"/api/sms/{message_id}").status_code == 200
    return message_id


def messages(events):
    return [(name, data["data"]["message_id"]) for name, data in events]


def write(gateway, sql, *parameters):
    with sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS) as database:
        database.execute(sql, parameters)
    database.close()


# ---- What it shows ----

def test_the_stream_begins_now_and_shows_what_happens(served):
    cancelled(served)
    with EventStream(served) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store" and stream.headers["X-Request-Id"]
        name, start = stream.next()
        assert (name, start["newest"], stream.retry_ms) == ("start", stream.last_id, 1000)
        message_id = cancelled(served, reference="order-17")
        name, event = stream.next()
        assert (name, event["type"], event["id"]) == ("message.cancelled", "message.cancelled", stream.last_id)
        assert event["id"] > start["newest"]
        data = event["data"]
        assert (data["message_id"], data["status"], data["reference"], data["phone_number"]) == \
            (message_id, "cancelled", "order-17", "+1234567890")
        assert "message" not in data


def test_a_message_is_followed_through_all_processes(served):
    """Most of it is of the broker's own commits."""
    phone = AssuredPhone(served, "stream-all")
    with EventStream(served, "?types=message.*") as everything:
        everything.next()
        sent = served.api.send()["message_id"]
        with EventStream(served, f"?message_id={sent}&last_event_id=0") as one:
            _, attempt = phone.take()
            phone.report(sent, attempt, "sent")
            phone.report(sent, attempt, "delivered")
            expected = [(f"message.{status}", sent) for status in ("dispatched", "accepted", "sent", "delivered")]
            assert messages(one.take(4)) == expected
        assert messages(everything.take(4)) == expected
    phone.close()


def test_each_of_many_gets_each_event_while_others_leave(served):
    """More than get it at a time."""
    query = "?types=message.cancelled"
    streams = [EventStream(served, query) for _ in range(120)]
    for stream in streams:
        stream.next()
    shown = [cancelled(served) for _ in range(3)]
    for stream in streams[::3]:
        stream.close()
    del streams[::3]
    streams += [EventStream(served, query) for _ in range(5)]
    before, come = streams[:-5], streams[-5:]
    assert all(stream.next()[0] == "start" for stream in come)
    shown += [cancelled(served) for _ in range(3)]
    for streams, ids in (before, shown), (come, shown[3:]):
        for stream in streams:
            assert messages(stream.take(len(ids))) == [("message.cancelled", message_id) for message_id in ids]
            stream.close()


def test_curl_follows_without_a_library(served):
    with subprocess.Popen(["curl", "-sN", f"{served.url}/api/events?types=message.cancelled"], stdout=subprocess.PIPE,
                          text=True) as curl:
        lines = iter(curl.stdout.readline, "")
        assert next(line for line in lines if line.startswith("event: ")) == "event: start\n"
        message_id = cancelled(served)
        data = next(line for line in lines if line.startswith("data: {\"id\""))
        assert json.loads(data.removeprefix("data: "))["data"]["message_id"] == message_id
        curl.terminate()


# ---- Resuming ----

def test_a_stream_is_resumed_exactly_where_it_broke(served):
    with EventStream(served) as stream:
        stream.next()
        first = stream.last_id
    ids = [cancelled(served) for _ in range(40)]
    for where in ({"last_id": first}, {"query": f"?last_event_id={first}"},
                  {"query": "?last_event_id=1", "last_id": first}):
        with EventStream(served, **where) as stream:
            assert messages(stream.take(17)) == [("message.cancelled", message_id) for message_id in ids[:17]]
            middle = stream.last_id
        with EventStream(served, last_id=middle) as stream:
            rest = [("message.cancelled", message_id) for message_id in ids[17:]]
            assert messages(stream.take(len(rest))) == rest
            ids.append(cancelled(served))
            assert messages([stream.next()]) == [("message.cancelled", ids[-1])]


def test_what_cannot_be_resumed_is_reset(make_gateway):
    gateway = make_gateway(API_KEYS="off").start()
    cancelled(gateway)
    with EventStream(gateway, last_id=10 ** 12) as stream:
        name, reset = stream.next()
        assert (name, reset["reason"], stream.last_id) == ("reset", "unknown_id", reset["newest"])
        message_id = cancelled(gateway)
        assert messages([stream.next()]) == [("message.cancelled", message_id)]
    write(gateway, "UPDATE last_event SET removed = id")
    with EventStream(gateway, "?last_event_id=0") as stream:
        name, reset = stream.next()
        assert (name, reset["reason"]) == ("reset", "too_old")
        assert reset["oldest"] == reset["newest"] + 1 == stream.last_id + 1


def test_a_stream_goes_on_after_the_broker_has_restarted(make_gateway):
    gateway = make_gateway(API_KEYS="off").start()
    with EventStream(gateway) as stream:
        stream.next()
        before = cancelled(gateway)
        assert messages([stream.next()]) == [("message.cancelled", before)]
        gateway.ws_broker.signal(signal.SIGHUP)
        assert gateway.ws_broker.wait() == 0
        meanwhile = cancelled(gateway)
        assert stream.rest() == []
        assert (stream.comments, stream.retry_ms) == (["The gateway is restarting"], 1000)
    gateway.ws_broker.start()
    with EventStream(gateway, last_id=stream.last_id) as again:
        assert messages([again.next()]) == [("message.cancelled", meanwhile)]


def test_npm_eventsource_resumes_by_itself_after_the_broker_was_killed(make_gateway):
    gateway = make_gateway(API_KEYS="off").start()
    with NpmEventSource(gateway, "?types=message.cancelled") as client:
        wait_for(lambda: {"open": True} in client.lines(), "eventsource to be open")
        shown = [cancelled(gateway) for _ in range(3)]
        client.wait_events(1 + len(shown))
        last_id = [line["id"] for line in client.lines() if "id" in line][-1]
        gateway.ws_broker.kill()
        shown.append(cancelled(gateway))
        gateway.ws_broker.start()
        shown += [cancelled(gateway) for _ in range(2)]
        events = client.wait_events(1 + len(shown))
        assert events[0][0] == "start" and messages(events[1:]) == [("message.cancelled", message_id) for message_id in shown]
        assert {"resumes_after": str(last_id)} in client.lines()


# ---- Who is far behind, or does not read ----

def add_events(gateway, count):
    """As many events as a busy year has, without the year. Returns the first and the last."""
    with sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        last, = database.execute("SELECT id FROM last_event").fetchone()
        database.execute("INSERT INTO gateway_event WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
                         " SELECT ?1 + i, ?3, ?4, 'another', NULL, NULL FROM n", (last, count, DEVICE_CONNECTED, time.time_ns() // 10 ** 6))
        database.execute("UPDATE last_event SET id = id + ?", (count,))
        database.execute("COMMIT")
    database.close()
    return last + 1, last + count


def test_who_is_far_behind_delays_nobody(make_gateway, build):
    gateway = make_gateway(API_KEYS="off").start()
    phone = AssuredPhone(gateway, "phone")
    first, _ = add_events(gateway, 100_000 if build == "release" else 20_000)
    with EventStream(gateway, last_id=first - 1) as all_of_it, EventStream(gateway, "?device_id=phone", last_id=first - 1) as few_of_it, \
            EventStream(gateway, "?types=message.*") as newest:
        assert newest.next()[0] == "start"
        assert all_of_it.next()[1]["id"] == first  # and then this one does not read
        sent = gateway.api.send()["message_id"]
        _, attempt = phone.take()
        phone.report(sent, attempt, "sent")
        expected = [(f"message.{status}", sent) for status in ("dispatched", "accepted", "sent")]
        assert messages(newest.take(3)) == expected
        # It passes over what it does not want, without an end.
        assert messages(few_of_it.take(3)) == expected
        # What its buffers did not hold is read page by page.
        assert [event["id"] for _, event in all_of_it.take(5000)] == list(range(first + 1, first + 5001))
    phone.close()


def test_who_asks_is_told_of_what_waits(served):
    with EventStream(served, "?queue=true&types=sending.paused") as stream:
        assert stream.next()[0] == "start"
        cancelled(served)
        assert stream.next() == ("queue", {})


# ---- Filters ----

def test_filters(served):
    with EventStream(served) as stream:
        stream.next()
        first = stream.last_id
    batch = served.api.request("POST", "/api/batches", json={"messages": [
        {"phone_number": "+1234567890", "message": "Hello!"}, {"phone_number": "+1234567891", "message": "Hello!"}]}).json()
    assert served.api.request("DELETE", f"/api/batches/{batch['batch_id']}").status_code == 200
    plain = cancelled(served)
    in_batch = batch["message_ids"]
    for query, expected in {
        "": [*in_batch, plain],
        "&types=message.cancelled": [*in_batch, plain],
        "&types=message.sent,message.*": [*in_batch, plain],
        "&types=message.sent&types=message.cancelled": [*in_batch, plain],
        f"&message_id={plain}": [plain],
        f"&message_id={in_batch[1]}": [in_batch[1]],
        f"&batch_id={batch['batch_id']}&types=message.*": in_batch,
        f"&batch_id={UNKNOWN_ID}": [],
        "&types=device.*": [],
        "&device_id=nobody": [],
    }.items():
        with EventStream(served, f"?last_event_id={first}{query}") as stream:
            # What matches comes at once, and then what is new
            shown = []
            while len(shown) < len(expected):
                name, data = stream.next()
                if name.startswith("message."):
                    shown.append(data["data"]["message_id"])
            assert shown == expected, query


@pytest.mark.parametrize("query, parameter, code", [
    ("?since=1", "since", "unknown_field"), ("?types=message.read", "types", "invalid_value"),
    ("?message_id=17", "message_id", "invalid_value"), ("?device_id=a&device_id=b", "device_id", "invalid_value"),
    ("?last_event_id=-1", "last_event_id", "invalid_value"), ("?ticket=", "ticket", "invalid_value")])
def test_a_parameter_that_is_wrong_is_named(served, query, parameter, code):
    stream = EventStream(served, query)
    assert (stream.status, stream.problem["code"]) == (422, "validation_failed")
    assert [(error["parameter"], error["code"]) for error in stream.problem["errors"]] == [(parameter, code)]


# ---- Keys and tickets ----

def ticket_of(gateway, key):
    answer = gateway.api.request("POST", "/api/events/ticket", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 201, answer.text
    return answer.json()["ticket"]


def test_scopes_decide_what_is_shown(locked):
    key = locked.make_key("send", "read")
    stream = EventStream(locked, "?types=device.*", key)
    assert (stream.status, stream.problem["code"]) == (403, "scope_missing")
    assert stream.headers["WWW-Authenticate"].endswith('scope="devices"')
    AssuredPhone(locked, "stream-scopes").close()
    with EventStream(locked, key=key) as plain, \
            EventStream(locked, key=locked.make_key("read", "devices"), last_id=0) as both:
        assert plain.next()[0] == "start"
        assert "device.connected" in (event[0] for event in iter(both.next, None))
        sent = cancelled(locked)
        assert messages([plain.next()]) == [("message.cancelled", sent)]


def test_a_ticket_opens_one_stream(locked):
    key = locked.make_key("send", "read")
    ticket = ticket_of(locked, key)
    assert locked.query("SELECT count(*) FROM ticket") == [(1,)]
    assert ticket.encode() not in b"".join(path.read_bytes() for path in locked.folder.glob("data/*"))
    with EventStream(locked, f"?ticket={ticket}") as stream:
        assert stream.next()[0] == "start"
        again = EventStream(locked, f"?ticket={ticket}")
        assert (again.status, again.problem["code"]) == (401, "ticket_invalid")
    late = ticket_of(locked, key)
    write(locked, "UPDATE ticket SET expires_at_ms = 1")
    for text in (late, late[:-1] + ("a" if late[-1] != "a" else "b"), "sgt_", key):
        stream = EventStream(locked, f"?ticket={text}")
        assert (stream.status, stream.problem["code"]) == (401, "ticket_invalid")
        assert 'error="invalid_token"' in stream.headers["WWW-Authenticate"]


@pytest.mark.parametrize("by", ["key", "ticket"])
def test_a_stream_ends_with_its_key(locked, by):
    key = locked.make_key("send", "read")
    where = {"key": key} if by == "key" else {"query": f"?ticket={ticket_of(locked, key)}"}
    with EventStream(locked, **where) as stream:
        assert stream.next()[0] == "start"
        assert locked.keys_command("revoke", key[4:16])[0] == 0
        stream.rest()
        assert stream.comments[-1] == "The API key has been revoked"
    assert EventStream(locked, **where).status == 401


def test_streams_are_limited_for_each_key_and_in_all(locked):
    keys = [locked.make_key("read") for _ in range(5)]
    streams = [EventStream(locked, key=key) for key in keys]
    assert [stream.status for stream in streams] == [200, 200, 200, 200, 503]
    assert streams[4].problem["code"] == "too_many_streams" and streams[4].headers["Retry-After"]
    streams[0].close()
    wait_for(lambda: EventStream(locked, key=keys[1]).status == 503, "a key's second stream to be refused")
    for stream in streams:
        stream.close()
    wait_for(lambda: locked.ws_broker.log().count("event stream closed") >= 4, "the streams to be closed")
