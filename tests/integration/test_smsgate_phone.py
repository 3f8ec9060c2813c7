"""The SMSGate app from its registration to a delivered SMS, with the broker: the app is played by harness/smsgate_phone.py."""

import json
import subprocess

import pytest

from harness.app_reader import check_readable
from harness.event_stream import EventStream, NpmPhoneStream
from harness.smsgate_phone import SmsgatePhone
from harness.waiting import wait_for

CODE_MINUTES = 5


@pytest.fixture(scope="module")
def gateway(module_gateway):
    return module_gateway(ACK_TIMEOUT_SECONDS=5).start()


@pytest.fixture
def app(gateway):
    with paired(gateway) as app:
        yield app
        gateway.api.request("DELETE", f"/api/devices/{app.id}")


def paired(gateway, version="1.75.0"):
    made = gateway.api.request("POST", "/api/pairings", json={"minutes": CODE_MINUTES}).json()
    return SmsgatePhone(gateway, version).register(made["code"]).connect()


def send(gateway, app, **options):
    return gateway.api.send(device_id=app.id, **options)["message_id"]


def test_a_message_is_announced_fetched_sent_and_delivered(gateway, app):
    assert app.stream.headers["Content-Type"] == "text/event-stream"
    told = dict(app.stream.take(2))  # it has registered a moment ago, and fetched neither
    assert told == {"WebhooksUpdated": None, "SettingsUpdated": None} and app.stream.comments[0] == "ok"
    message = send(gateway, app, message="Your code is 4711", sim=1)
    [wire_id] = app.fetch()
    assert wire_id[:33] == message.replace("-", "") + "-"
    assert gateway.api.message(message)["status"] == "accepted"
    app.send(wire_id, "Delivered")
    found = gateway.api.wait_status(message, "delivered")
    assert found["device_id"] == app.id
    assert app.radio == [("+1234567890", "Your code is 4711")]


def test_a_lost_answer_is_listed_again_and_sent_once(gateway, app):
    message = send(gateway, app)
    lost = app.fetch(answer_is_lost=True)
    [wire_id] = app.pull()
    assert lost == [wire_id]
    assert app.pull() == []  # known: reported as Pending, and listed no more
    assert app.request("GET", "/message").json() == []
    app.send(wire_id)
    gateway.api.wait_status(message, "sent")


def test_what_is_not_fetched_goes_to_another_phone(gateway, app):
    group = {"groups": ["together"]}
    with paired(gateway) as other:
        for phone in (app, other):
            assert gateway.api.request("PATCH", f"/api/devices/{phone.id}", json=group).status_code == 200
        message = gateway.api.send(device_group="together")["message_id"]
        first = wait_for(lambda: gateway.api.message(message)["device_id"], "a phone to have it")
        silent, awake = (app, other) if first == app.id else (other, app)
        gateway.api.request("PATCH", f"/api/devices/{silent.id}", json={"groups": []})
        wait_for(lambda: gateway.api.message(message)["device_id"] == awake.id, "the other phone")
        [wire_id] = wait_for(awake.pull, "the message")
        assert int(wire_id[33:]) > 1
        gateway.api.request("PATCH", f"/api/devices/{silent.id}", json=group)
        assert silent.connect().pull() == []  # it may have such messages again, and not this one
        awake.send(wire_id)
        gateway.api.wait_status(message, "sent")


def test_the_broker_is_killed_and_nothing_is_sent_twice(gateway, app):
    message = send(gateway, app)
    [wire_id] = app.fetch()
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    app.connect()
    second = send(gateway, app, message="second")
    [second_id] = app.fetch()
    assert second_id[:32] == second.replace("-", "")
    app.send(wire_id)
    gateway.api.wait_status(message, "sent")


def test_a_cancelled_message_is_not_sent(gateway, app):
    message = send(gateway, app)
    [wire_id] = app.fetch()
    assert gateway.api.request("DELETE", f"/api/sms/{message}").status_code == 202
    event = app.wait_event("MessageCancelled")
    assert event == {"messageId": wire_id}
    check_readable([("cancelled", json.dumps(event))])
    [listed] = app.request("GET", "/message").json()  # for an app that has lost the event
    assert (listed["id"], listed["state"]) == (wire_id, "Cancelling")
    app.cancel_event(wire_id)
    gateway.api.wait_status(message, "cancelled")
    assert app.radio == []
    app.move(wire_id, "Sent")  # it was on its way
    gateway.api.wait_status(message, "sent")


def test_many_messages_are_one_event_until_the_phone_fetches(gateway, app):
    window = 8  # DEVICE_WINDOW
    wanted = {"phone_number": "+1234567890", "message": "one of many", "device_id": app.id}
    assert gateway.api.request("POST", "/api/batches", json={"messages": [wanted] * 20}).status_code == 202
    assert len(app.fetch(window)) == window
    gateway.api.request("DELETE", f"/api/devices/{app.id}")  # ends the stream
    told = app.pulls + [name for name, _ in app.stream.rest()].count("MessageEnqueued")
    [(returned,)] = gateway.query("SELECT count(*) FROM message_event e JOIN message m ON m.seq = e.message_seq"
                                  " WHERE m.target_device = ? AND e.status = 0", app.id)
    assert told < window + returned


def test_libraries_of_others_read_the_stream(gateway, app):
    app.disconnect()
    node = int(subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout[1:].partition(".")[0])
    for package in ("eventsource2", *(["eventsource4"] if node >= 20 else [])):  # which says that it needs it
        with NpmPhoneStream(gateway, package, app.token) as stream:
            message = send(gateway, app)
            assert stream.wait_events(3)[:3] == [("WebhooksUpdated", None), ("SettingsUpdated", None), ("MessageEnqueued", None)]
            [wire_id] = wait_for(app.pull, "the message")
            gateway.api.request("DELETE", f"/api/sms/{message}")
            wait_for(lambda: stream.events()[-1] == ("MessageCancelled", {"messageId": wire_id}), "the cancel request")
            app.cancel_event(wire_id)
    gateway.api.request("DELETE", f"/api/devices/{app.id}")
    with EventStream(gateway, path="/api/mobile/v1/events", key=app.token) as stream:
        assert stream.status == 401


def test_a_dead_token_bans_no_other_phone_of_its_address(gateway, app):
    for _ in range(100):
        with EventStream(gateway, path="/api/mobile/v1/events", key="sgm_dead") as stream:
            assert (stream.status, stream.headers["Content-Type"], set(stream.problem)) == (401, "application/json", {"message"})
    assert app.connect().stream.status == 200


def test_a_phone_waits_for_its_battery(gateway, app):
    app.ping(level=4, charging=False)
    message = send(gateway, app)
    wait_for(lambda: (gateway.api.message(message)["waiting_for"] or {}).get("reason") == "battery", "the battery to be known")
    app.ping(level=4, charging=True)
    assert len(app.fetch()) == 1
    assert gateway.api.devices()[app.id]["battery_level"] == 4


def test_a_proven_failure_is_sent_again_under_another_name(gateway, app):
    message = send(gateway, app)
    [wire_id] = app.fetch()
    app.send(wire_id, "Failed", "Send result: RESULT_ERROR_NO_SERVICE (4)")
    [again] = app.fetch()
    assert again[:33] == wire_id[:33] and int(again[33:]) > int(wire_id[33:])
    app.send(again)
    gateway.api.wait_status(message, "sent")
    assert len(app.radio) == 1


def test_the_newest_stream_is_told_and_older_ones_stay_open(gateway, app):
    older = app.stream
    app.connect()
    message = send(gateway, app)
    [wire_id] = app.fetch()
    app.send(wire_id)
    gateway.api.wait_status(message, "sent")
    gateway.api.request("DELETE", f"/api/devices/{app.id}")  # ends both
    assert [event for event in older.rest() if event[0] == "MessageEnqueued"] == []
    app.stream.rest()
    assert app.request("PATCH", "/device", {"id": app.id}).status_code == 401
    older.close()


def test_a_received_sms_is_stored_once(gateway, app):
    assert 200 <= app.receive("+4915199887766", "STOP it", "c1kq-21") < 300
    assert 200 <= app.receive("+4915199887766", "STOP it", "c1kq-21") < 300
    found = gateway.api.get("/api/inbox", params={"device_id": app.id}).json()["incoming"]
    assert [(sms["from"], sms["message"]) for sms in found] == [("+4915199887766", "STOP it")]
