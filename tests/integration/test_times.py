"""Messages with a time: not before send_at, not after the deadline, only by the devices they are meant for."""

from datetime import datetime, timedelta, timezone

import pytest

from harness.metrics import scrape
from harness.phone import AssuredPhone, Phone, WorkingPhone
from harness.waiting import wait_for

NUMBER = "+491511234567"


def ahead(**duration):
    return (datetime.now(timezone.utc) + timedelta(**duration)).isoformat(timespec="milliseconds")


def send(gateway, number=NUMBER, **options):
    answer = gateway.api.request("POST", "/api/send-sms",
                                 json={"phone_number": number, "message": "a text"} | options)
    assert answer.status_code == 202, answer.text
    return answer.json()["message_id"]


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def assert_not_early(message):
    assert moment(message["times"]["accepted"]) >= moment(message["options"]["send_at"]), message


# ---- send_at ----


@pytest.fixture
def timed(make_gateway):
    return make_gateway(SAME_DEVICE_HOURS=192).start()


def test_a_message_is_dispatched_at_its_time_and_not_before(timed):
    phone = WorkingPhone(timed, "phone")
    scheduled = send(timed, send_at=ahead(seconds=2))
    meant = send(timed, send_at=ahead(seconds=2), device_id="phone", priority="low")
    plain = send(timed)
    timed.api.wait_status(plain, "sent")
    for message_id in (scheduled, meant):
        assert_not_early(timed.api.wait_status(message_id, "sent"))
    assert sorted(phone.ids()) == sorted([scheduled, meant, plain])


def test_a_message_keeps_its_time_over_restarts(timed):
    scheduled = send(timed, send_at=ahead(seconds=3))
    distant = send(timed, send_at=ahead(days=30))
    timed.ws_broker.kill()
    timed.api_fcgi.stop()
    timed.api_fcgi.start()
    timed.ws_broker.start()
    phone = WorkingPhone(timed, "phone")
    assert_not_early(timed.api.wait_status(scheduled, "sent"))
    assert phone.ids() == [scheduled]
    assert timed.api.message(distant)["status"] == "queued"
    assert timed.api.request("DELETE", f"/api/sms/{distant}").status_code == 200
    assert timed.api.message(distant)["status"] == "cancelled"


# ---- Deadlines ----


def test_a_message_that_no_device_takes_in_time_expires(timed):
    kept = send(timed, ttl_seconds=3600)
    expired = send(timed, ttl_seconds=1, reference="too late")
    message = timed.api.wait_status(expired, "expired")
    assert moment(message["times"]["expired"]) >= moment(message["options"]["expires_at"])
    assert message["error_code"] == "expired"
    last = timed.api.get(f"/api/sms/{expired}/events").json()["events"][-1]
    assert (last["status"], last["error_code"], last["device_id"]) == ("expired", "expired", None)
    status, shown, _ = timed.command("messages", "show", expired)
    assert status == 0 and "expired" in shown and "too late" in shown
    status, shown, _ = timed.command("messages", "list", "--status", "expired", "--json")
    assert status == 0 and expired in shown and kept not in shown
    wait_for(lambda: scrape(timed).value("messages_finished_total", process="ws-broker", status="expired") == 1,
             "the metric to count it")
    assert scrape(timed).value("messages", status="expired") == 1
    phone = Phone(timed, "phone")
    assert phone.receive_sms()["message_id"] == kept
    assert phone.is_silent()


def test_an_offer_that_expires_is_dropped(timed):
    phone = AssuredPhone(timed, "phone")
    expired = send(timed, ttl_seconds=2)
    message_id, attempt = phone.receive_offer()
    assert message_id == expired
    timed.api.wait_status(expired, "expired")
    phone.answer("ack", message_id, attempt)
    phone.expect("drop", message_id, attempt)
    assert timed.api.message(expired)["status"] == "expired"


def test_the_gateway_may_have_a_deadline_of_its_own(make_gateway):
    gateway = make_gateway(MESSAGE_TTL_HOURS=2).start()
    for options, hours in (({}, 2), ({"ttl_seconds": 3600}, 1), ({"send_at": ahead(hours=5)}, 7)):
        message = gateway.api.message(send(gateway, **options))
        lives = moment(message["options"]["expires_at"]) - moment(message["created_at"])
        assert abs(lives - timedelta(hours=hours)) < timedelta(minutes=30), (options, lives)
    old = send(gateway, ttl_seconds=1, priority="high")
    gateway.api.wait_status(old, "expired")
    again = gateway.api.request("POST", f"/api/sms/{old}/resend").json()
    assert again["options"]["priority"] == "high"
    assert moment(again["options"]["expires_at"]) > moment(again["created_at"]) + timedelta(hours=1)


# ---- Devices ----


def test_a_message_for_one_device_waits_for_it(timed):
    timed.tokens_of(["near", "away"])
    near = WorkingPhone(timed, "near")
    meant = [send(timed, device_id="away") for _ in range(3)]
    plain = [send(timed) for _ in range(3)]
    for message_id in plain:
        assert timed.api.wait_status(message_id, "sent")["device_id"] == "near"
    assert {timed.api.message(message_id)["status"] for message_id in meant} == {"queued"}
    away = WorkingPhone(timed, "away")
    for message_id in meant:
        assert timed.api.wait_status(message_id, "sent")["device_id"] == "away"
    assert sorted(near.ids()) == sorted(plain) and sorted(away.ids()) == sorted(meant)


def test_a_recipient_keeps_its_device(timed):
    phones = [WorkingPhone(timed, f"phone-{i}") for i in range(3)]
    by_device = [timed.api.wait_status(send(timed), "sent")["device_id"] for _ in range(8)]
    # A phone whose last report is still on its way inside the broker is not as good as another.
    assert max(by_device.count(phone.device_id) for phone in phones) >= 6, by_device


def test_a_recipient_changes_its_device_where_that_is_not_wanted(make_gateway):
    gateway = make_gateway(SAME_DEVICE_HOURS=0).start()
    phones = [WorkingPhone(gateway, f"phone-{i}") for i in range(3)]
    by_device = {gateway.api.wait_status(send(gateway), "sent")["device_id"] for _ in range(9)}
    assert by_device == {phone.device_id for phone in phones}
