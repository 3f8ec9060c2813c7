"""The SMSGate app from its registration to a delivered SMS, with the broker: the app is played by harness/smsgate_phone.py."""

import pytest

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
    message = send(gateway, app, message="Your code is 4711")
    assert app.wait_event("MessageEnqueued") is None
    [wire_id] = app.pull()
    assert wire_id == message.replace("-", "") + "-1"
    assert gateway.api.message(message)["status"] == "accepted"
    app.send(wire_id, "Delivered")
    found = gateway.api.wait_status(message, "delivered")
    assert found["device_id"] == app.id
    assert app.radio == [("+1234567890", "Your code is 4711")]


def test_a_lost_answer_is_listed_again_and_sent_once(gateway, app):
    message = send(gateway, app)
    app.wait_event("MessageEnqueued")
    app.pull(answer_is_lost=True)
    [wire_id] = app.pull()
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
        first = gateway.api.wait_status(message, "dispatched")["device_id"]
        silent, awake = (app, other) if first == app.id else (other, app)
        gateway.api.request("PATCH", f"/api/devices/{silent.id}", json={"groups": []})
        wait_for(lambda: gateway.api.message(message)["device_id"] == awake.id, "the other phone")
        wire_id = wait_for(awake.pull, "the message")[0]
        assert wire_id.endswith("-2")
        assert silent.pull() == []
        awake.send(wire_id)
        gateway.api.wait_status(message, "sent")


def test_the_broker_is_killed_and_nothing_is_sent_twice(gateway, app):
    message = send(gateway, app)
    app.wait_event("MessageEnqueued")
    [wire_id] = app.pull()
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    app.connect()
    second = send(gateway, app, message="second")
    app.wait_event("MessageEnqueued")
    wait_for(lambda: second.replace("-", "") + "-1" in app.pull(), "the second message")
    app.send(wire_id)
    gateway.api.wait_status(message, "sent")


def test_a_cancelled_message_is_not_sent(gateway, app):
    message = send(gateway, app)
    app.wait_event("MessageEnqueued")
    [wire_id] = app.pull()
    assert gateway.api.request("DELETE", f"/api/sms/{message}").status_code in (200, 202)
    assert app.wait_event("MessageCancelled") == {"messageId": wire_id}
    app.cancel_event(wire_id)
    gateway.api.wait_status(message, "cancelled")
    assert app.radio == []


def test_a_proven_failure_is_sent_again_under_another_name(gateway, app):
    message = send(gateway, app)
    app.wait_event("MessageEnqueued")
    [wire_id] = app.pull()
    app.send(wire_id, "Failed", "Send result: RESULT_ERROR_NO_SERVICE (4)")
    app.wait_event("MessageEnqueued")
    wait_for(lambda: any(new.endswith("-2") for new in app.pull()), "the second attempt")
    app.send(message.replace("-", "") + "-2")
    gateway.api.wait_status(message, "sent")
    assert len(app.radio) == 1


def test_the_newest_stream_is_told_and_older_ones_stay_open(gateway, app):
    older = app.stream
    app.connect()
    message = send(gateway, app)
    app.wait_event("MessageEnqueued")
    [wire_id] = app.pull()
    app.send(wire_id)
    gateway.api.wait_status(message, "sent")
    gateway.api.request("DELETE", f"/api/devices/{app.id}")  # ends both
    assert [event for event in older.rest() if event[0] == "MessageEnqueued"] == []
    assert app.stream.rest() == []
    assert app.request("PATCH", "/device", {"id": app.id}).status_code == 401
    older.close()


def test_a_received_sms_is_stored_once(gateway, app):
    assert 200 <= app.receive("+4915199887766", "STOP it", "c1kq-21") < 300
    assert 200 <= app.receive("+4915199887766", "STOP it", "c1kq-21") < 300
    found = gateway.api.get("/api/inbox", params={"device_id": app.id}).json()["incoming"]
    assert [(sms["from"], sms["message"]) for sms in found] == [("+4915199887766", "STOP it")]
