"""GET /api/devices: the connected phones and their current state."""

import contextlib
import signal
import sqlite3
from datetime import datetime, timezone

import pytest

from harness.phone import Phone
from harness.raw_websocket import RawWebSocket
from harness.waiting import LIMIT_SECONDS, wait_for

EMPTY_BATTERY = {"battery_level": 0}  # such a phone gets no messages
UNKNOWN = {"device_name": None, "battery_level": None, "charging": None, "signal_strength": None,
           "android_version": None, "queue": 0, "extra": {}}


def shown(device):
    """What a device says of itself, and its queue."""
    return {name: device[name] for name in UNKNOWN}


def time_of(text):
    return datetime.fromisoformat(text)


def now():
    """The wall clock, in whole milliseconds as the gateway has it."""
    time = datetime.now(timezone.utc)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def wait_for_devices(gateway, *device_ids):
    wait_for(lambda: set(gateway.api.devices()) == set(device_ids), f"only {device_ids} to be there")


def test_without_phones_the_list_is_empty(make_gateway):
    gateway = make_gateway().start()
    assert gateway.api.get("/api/devices").json() == {"devices": [], "count": 0}


@pytest.mark.parametrize("info, expected", (
    ({}, {}),
    ({"device_name": "Pixel 7", "battery_level": 87, "charging": True, "signal_strength": -71,
      "android_version": "14"},) * 2,
    ({"battery_level": 86.5, "charging": False, "signal_strength": 4, "android_version": 13},
     {"battery_level": 86.5, "charging": False, "signal_strength": 4, "android_version": "13"}),
    ({"battery_level": 0, "signal_strength": 0}, {"battery_level": 0, "signal_strength": 0}),
    ({"device_name": None, "battery_level": None, "charging": None, "signal_strength": None,
      "android_version": None}, {}),
    ({"device_name": "Zoë’s 📱 手机 هاتف"},) * 2,
    ({"device_name": 'a "quoted" \\ </name>\n\t'},) * 2,
    ({"carrier": "Example Mobile", "cells": 2, "roaming": False, "cell": None,
      "location": {"lat": 52.5, "lon": [13.4, -1e-3]}, "": "no name", "größe": "📏"},
     {"extra": {"carrier": "Example Mobile", "cells": 2, "roaming": False,
                "location": {"lat": 52.5, "lon": [13.4, -1e-3]}, "": "no name", "größe": "📏"}}),
    ({"extra": {"extra": {}}, "queue": 17, "device_id": "another", "connected_at": "never"},
     {"extra": {"extra": {"extra": {}}, "queue": 17, "device_id": "another",
                "connected_at": "never"}}),
), ids=lambda part: str(part)[:40])
def test_a_phone_is_shown_as_it_describes_itself(shared_gateway, connect, info, expected):
    phone = connect(Phone, info=info)
    devices = shared_gateway.api.devices()
    assert set(devices) == {phone.device_id}
    assert shown(devices[phone.device_id]) == UNKNOWN | expected


def test_an_update_changes_what_it_says_and_nothing_else(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone", {"device_name": "Pixel 7", "battery_level": 87,
                                     "carrier": "Example Mobile"})
    before = gateway.api.devices()["phone"]
    expected = shown(before)
    for info, change in (
            ({"battery_level": 86}, {"battery_level": 86}),
            ({"signal_strength": -90, "charging": True}, {"signal_strength": -90, "charging": True}),
            ({"device_name": "Pixel ٧"}, {"device_name": "Pixel ٧"}),
            ({"cells": 2}, {"extra": {"carrier": "Example Mobile", "cells": 2}}),
            ({"carrier": "Another", "device_name": None, "battery_level": None, "charging": None,
              "signal_strength": None, "android_version": None, "cells": None, "more": None},
             {"extra": {"carrier": "Another", "cells": 2}})):
        phone.send({"type": "device_update", "info": info})
        expected |= change
        wait_for(lambda: shown(gateway.api.devices()["phone"]) == expected, f"{info} to be seen")
    after = gateway.api.devices()["phone"]
    assert after["connected_at"] == before["connected_at"]
    assert time_of(after["last_seen_at"]) > time_of(before["last_seen_at"])

    answer = gateway.api.get("/api/devices/phone/readings").json()
    readings = answer["readings"]
    assert answer == {"device_id": "phone", "readings": readings, "count": len(readings)}
    assert 1 <= len(readings) <= 2  # five minutes may have ended
    assert time_of(before["connected_at"]) <= time_of(readings[0]["at"]) <= time_of(after["last_seen_at"])
    assert readings[0]["battery_level"] == 87
    assert readings[-1].items() >= {"signal_strength": -90, "charging": True}.items()
    for unknown in ("nobody", "x" * 65):
        assert gateway.api.get(f"/api/devices/{unknown}/readings").json()["code"] == "device_not_paired"


def test_many_updates_at_once_end_in_the_last(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    for level in range(101):
        phone.send({"type": "device_update", "info": {"battery_level": level, f"x{level % 7}": level}})
    wait_for(lambda: gateway.api.devices()["phone"]["battery_level"] == 100, "the last update")
    assert gateway.api.devices()["phone"]["extra"] == {f"x{level % 7}": level
                                                       for level in range(94, 101)}


def test_the_queue_counts_the_messages_in_a_phones_hands(make_gateway):
    gateway = make_gateway(DEVICE_WINDOW=3).start()

    def queue():
        return gateway.api.devices()["phone"]["queue"]

    phone = Phone(gateway, "phone")
    other = Phone(gateway, "other", EMPTY_BATTERY)
    ids = [gateway.api.send()["message_id"] for _ in range(3)]
    for message_id in ids:
        gateway.api.wait_status(message_id, "accepted")
    assert queue() == 3
    for status in ("sending", "sent", "delivered"):
        phone.report(ids[0], status)
        gateway.api.wait_status(ids[0], status)
        assert queue() == (3 if status == "sending" else 2)
    phone.report(ids[1], "failed")
    gateway.api.wait_status(ids[1], "failed")
    assert queue() == 1
    for _ in range(5):
        gateway.api.send()
    wait_for(lambda: queue() == 3, "the window to be full again")  # the others are queued
    assert gateway.api.devices()["other"]["queue"] == 0
    assert other.is_silent()

    phone.drop()
    wait_for_devices(gateway, "other")
    Phone(gateway, "phone", EMPTY_BATTERY)
    assert queue() == 3  # they are still in its hands


def test_the_times_are_those_of_the_wall_clock(make_gateway):
    gateway = make_gateway().start()
    before = now()
    phone = Phone(gateway, "phone")
    after = now()
    device = gateway.api.devices()["phone"]
    assert before <= time_of(device["connected_at"]) <= after
    assert device["last_seen_at"] == device["connected_at"]
    phone.close()
    wait_for_devices(gateway)
    before = now()
    Phone(gateway, "phone")
    assert time_of(gateway.api.devices()["phone"]["connected_at"]) >= before


@pytest.mark.parametrize("end", ("close", "drop"))
def test_only_connected_phones_are_shown_by_their_ids(make_gateway, end):
    gateway = make_gateway().start()
    names = ["b", "a", "Z", "a-1", "_", "0", "a_1", "B" * 64]
    phones = {name: Phone(gateway, name, EMPTY_BATTERY) for name in names}
    Phone(gateway, "stranger", hello=False)  # connected, but nobody yet
    answer = gateway.api.get("/api/devices?connected=true").json()
    listed = [device["device_id"] for device in answer["devices"]]
    assert listed == sorted(names)
    for name in ("a", "_", "b"):
        getattr(phones.pop(name), end)()
        wait_for_devices(gateway, *phones)


def test_two_hundred_phones_are_shown(make_gateway):
    gateway = make_gateway().start()
    gateway.tokens_of([f"phone-{i:03}" for i in range(200)])
    phones = [Phone(gateway, f"phone-{i:03}", {"battery_level": i % 5, "number": i})
              for i in range(200)]
    answer = gateway.api.get("/api/devices").json()
    assert answer["count"] == 200
    assert [device["device_id"] for device in answer["devices"]] == [
        f"phone-{i:03}" for i in range(200)]
    assert [device["extra"]["number"] for device in answer["devices"]] == list(range(200))
    for phone in phones[::2]:
        phone.drop()
    wait_for(lambda: len(gateway.api.devices()) == 100, "a hundred to be gone")
    assert set(gateway.api.devices()) == {phone.device_id for phone in phones[1::2]}
    assert all(phone.is_silent() for phone in phones[1::2])


# ---- Over restarts ----

@pytest.mark.parametrize("end", ("stop", "kill"))
def test_the_list_is_true_after_the_api_has_restarted(make_gateway, end):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone", {"battery_level": 50, "carrier": "x"})
    gone = Phone(gateway, "gone")
    before = gateway.api.devices()["phone"]
    getattr(gateway.api_fcgi, end)()
    gone.close()
    gateway.api_fcgi.start()
    wait_for_devices(gateway, "phone")
    assert gateway.api.devices()["phone"] == before
    message = gateway.api.send()
    assert phone.receive_sms()["message_id"] == message["message_id"]


def test_the_list_is_empty_once_the_broker_has_stopped(make_gateway):
    gateway = make_gateway(PRESENCE_LEASE_SECONDS=600).start()
    for i in range(3):
        Phone(gateway, f"phone-{i}")
    assert len(gateway.api.devices()) == 3
    gateway.ws_broker.stop()
    assert gateway.api.devices() == {}
    gateway.ws_broker.start()
    assert gateway.api.devices() == {}
    Phone(gateway, "phone-1")
    assert set(gateway.api.devices()) == {"phone-1"}


def test_phones_of_a_killed_broker_are_shown_until_its_lease_ends(make_gateway):
    gateway = make_gateway(PRESENCE_LEASE_SECONDS=3).start()
    Phone(gateway, "phone")
    gateway.ws_broker.kill()
    wait_for_devices(gateway)


def test_phones_of_a_killed_broker_are_gone_when_the_next_one_starts(make_gateway):
    gateway = make_gateway(PRESENCE_LEASE_SECONDS=600).start()
    for i in range(3):
        Phone(gateway, f"phone-{i}", {"device_name": "before"})
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    wait_for_devices(gateway)
    Phone(gateway, "phone-1", {"battery_level": 50})
    assert shown(gateway.api.devices()["phone-1"]) == UNKNOWN | {"battery_level": 50}


def test_a_frozen_broker_loses_its_phones_and_finds_them_again(make_gateway):
    gateway = make_gateway(PRESENCE_LEASE_SECONDS=3).start()
    phone = Phone(gateway, "phone", EMPTY_BATTERY)
    gateway.ws_broker.signal(signal.SIGSTOP)
    try:
        wait_for_devices(gateway)
    finally:
        gateway.ws_broker.signal(signal.SIGCONT)
    wait_for_devices(gateway, "phone")
    assert phone.is_silent()


def test_a_phone_that_reconnects_without_a_goodbye_is_shown_once(make_gateway):
    gateway = make_gateway().start()
    with RawWebSocket(gateway, "mobile", {"device_name": "first"}):
        Phone(gateway, "mobile", {"device_name": "second"})
        assert gateway.api.devices()["mobile"]["device_name"] == "second"
    wait_for(lambda: "device disconnected" in gateway.ws_broker.log(), "the end of the first")
    Phone(gateway, "marker")  # connects behind it
    assert set(gateway.api.devices()) == {"marker", "mobile"}


def test_many_phones_that_say_much_come_in_pages(make_gateway):
    count, extra = 6000, '{"x":"' + "\u00e4" * 2040 + '"}'
    gateway = make_gateway().start()
    gateway.api_fcgi.stop()
    gateway.ws_broker.stop()
    with contextlib.closing(sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)) as database, database:
        database.execute("DELETE FROM broker")
        database.execute("INSERT INTO broker VALUES ('another', randomblob(16), 4102444800000)")
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO device (device_id, extra, connection_epoch, broker_instance, first_seen_at_ms,"
            " connected_at_ms, last_seen_at_ms) SELECT printf('p-%06d', i), ?, 1, instance, 1, 1, 1"
            " FROM n, broker", (count, extra))
    gateway.api_fcgi.start()
    link, found, pages = "/api/devices", [], 0
    while link:
        answer = gateway.api.get(link)
        assert answer.status_code == 200 and len(answer.content) < 32 << 20
        page = answer.json()
        assert page["count"] == len(page["devices"]) > 0
        assert answer.links.get("next", {}).get("url") == page.get("next")
        found += [device["device_id"] for device in page["devices"]]
        link, pages = page.get("next"), pages + 1
    assert found == [f"p-{number:06d}" for number in range(1, count + 1)]
    assert pages > 1


@pytest.mark.parametrize("cursor", ["", "x", "before-x", "after-", "after-a%20b", "after-" + "a" * 65])
def test_a_cursor_of_phones_is_taken_from_a_page(gateway, cursor):
    answer = gateway.api.get(f"/api/devices?cursor={cursor}")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "cursor")
