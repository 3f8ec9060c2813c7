"""A message in the queue says what it waits for."""

import datetime

import pytest

from harness.phone import AssuredPhone, Phone
from harness.waiting import wait_for

FULL = {"battery_level": 80, "charging": False}
EMPTY = {"battery_level": 0, "charging": False}


def wait_reason(gateway, message_id, reason):
    """The message's `waiting_for` once that is its reason."""
    def waits():
        waiting = gateway.api.message(message_id)["waiting_for"]
        return waiting and waiting["reason"] == reason and waiting
    return wait_for(waits, f"the reason {reason}")


def send(gateway):
    return gateway.api.send()["message_id"]


def test_without_a_device_that_may_have_it(make_gateway):
    gateway = make_gateway().start()
    message_id = send(gateway)
    assert wait_reason(gateway, message_id, "no_device")["until"] is None
    phone = Phone(gateway, "phone", EMPTY)
    wait_reason(gateway, message_id, "battery")
    phone.close()
    wait_reason(gateway, message_id, "device_offline")
    phone = Phone(gateway, "phone", FULL)
    assert phone.receive_sms()["message_id"] == message_id
    assert gateway.api.message(message_id)["waiting_for"] is None


@pytest.mark.parametrize("assured", [False, True])
def test_behind_messages_that_fill_the_devices_window(make_gateway, assured):
    gateway = make_gateway(DEVICE_WINDOW="1").start()
    phone = AssuredPhone(gateway, "phone", credit=1) if assured else Phone(gateway, "phone")
    first, second = send(gateway), send(gateway)
    wait_reason(gateway, second, "device_busy")
    listed = {message["message_id"]: message["waiting_for"] for message in
              gateway.api.get("/api/sms").json()["messages"]}
    assert listed[first] is None and listed[second]["reason"] == "device_busy"
    out = gateway.command("messages", "show", second)[1]
    assert "waiting for   device_busy: " in out
    del phone


def test_for_the_send_budget_until_it_refills(make_gateway):
    gateway = make_gateway(DEVICE_SEGMENTS_BURST="1", DEVICE_SEGMENTS_PER_MINUTE="1").start()
    phone = Phone(gateway, "phone")
    first, second = send(gateway), send(gateway)
    assert phone.receive_sms()["message_id"] == first
    phone.report(first, "sent")
    until = datetime.datetime.fromisoformat(wait_reason(gateway, second, "device_budget")["until"])
    now = datetime.datetime.now(datetime.timezone.utc)
    assert now - datetime.timedelta(seconds=60) < until < now + datetime.timedelta(seconds=90)
    budget = gateway.api.get("/api/devices/phone").json()["budget"]
    refills_at = datetime.datetime.fromisoformat(budget["refills_at"])
    assert budget | {"refills_at": None} == {"remaining": 0, "limit": 1, "window_seconds": 60, "refills_at": None}
    assert abs(refills_at - until) <= datetime.timedelta(seconds=2)
    assert "0 of 1 in 1 minutes; more at" in gateway.command("devices", "show", "phone")[1]
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    phone = Phone(gateway, "phone")  # the budget goes on
    again = datetime.datetime.fromisoformat(wait_reason(gateway, second, "device_budget")["until"])
    assert abs(again - refills_at) <= datetime.timedelta(seconds=2)


def test_while_sending_is_paused(make_gateway):
    gateway = make_gateway().start()
    message_id = send(gateway)
    gateway.command("sending", "pause", "test")
    wait_reason(gateway, message_id, "paused")
    phone = Phone(gateway, "phone")
    wait_reason(gateway, message_id, "paused")
    gateway.command("sending", "resume")
    assert phone.receive_sms()["message_id"] == message_id


def test_after_a_device_could_not_send_it(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    message_id = send(gateway)
    phone.answer("nack", *phone.receive_offer(), code="no_service")
    waiting = wait_reason(gateway, message_id, "retry_backoff")
    assert waiting["until"] > gateway.api.message(message_id)["updated_at"]
