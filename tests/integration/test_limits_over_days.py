"""Limits over several days, with a faked clock. libfaketime does not work with ASan."""

import pytest

from harness.clock import Clock
from harness.phone import Phone
from harness.phone_sim import PhoneSim
from harness.waiting import wait_for

DAY = 86400


@pytest.fixture(scope="session")
def build():
    return "release"


def post(api, number="+491511234567"):
    return api.request("POST", "/api/send-sms", json={"phone_number": number, "message": "text"})


def test_a_new_day_starts_at_zero(make_gateway):
    gateway = make_gateway(RECIPIENT_DAILY_MESSAGES=2, DAILY_MESSAGES=3)
    clock = Clock(gateway)
    gateway.start()

    def day():
        return [post(gateway.api, number).json().get("code") for number in
                ("+4915100001", "+4915100001", "+4915100001", "+4915100002", "+4915100003")]

    expected = [None, None, "recipient_cap_reached", None, "daily_cap_reached"]
    for days in (0, 1, 2, 3):
        clock.set(days * DAY)
        assert day() == expected
        # Those of the day before are kept, older ones are not.
        periods = gateway.query("SELECT DISTINCT period FROM accepted WHERE kind < 3")
        assert len(periods) == min(days + 1, 2)
    assert gateway.count_messages("TRUE") == 12


def test_an_old_queue_refuses_new_messages(make_gateway):
    gateway = make_gateway(MAX_QUEUE_AGE_MINUTES=60)
    clock = Clock(gateway)
    gateway.start()
    first = gateway.api.send()["message_id"]
    clock.set(3590)
    second = gateway.api.send()["message_id"]
    clock.set(3700)
    answer = post(gateway.api)
    assert answer.status_code == 503 and answer.json()["code"] == "queue_full"
    assert answer.headers["Retry-After"] == "60" and "60 minutes" in answer.json()["detail"]
    phone = Phone(gateway, "phone")
    assert [phone.receive_sms()["message_id"] for _ in range(2)] == [first, second]
    gateway.api.send()
    phone.close()


@pytest.mark.parametrize("level", ["basic", "assured"])
def test_a_phone_has_its_segments_of_a_day_and_others_go_on(make_gateway, level):
    gateway = make_gateway(DEVICE_DAILY_SEGMENTS=5, DEVICE_WINDOW=3)
    clock = Clock(gateway)
    gateway.start()
    options = ["--send-ms", "1", "--report-ms", "1"]
    if level == "assured":
        options += ["--assured", "--journal", gateway.folder / "phones.journal"]
    phones = PhoneSim(gateway, 2, *options)
    for _ in range(12):
        gateway.api.send()
    wait_for(lambda: gateway.count_messages("status = 5") == 10, "both phones to have sent theirs")
    assert sorted(phones.sent_by_phone().values()) == [5, 5]
    assert gateway.count_messages("status = 0") == 2
    assert gateway.query("SELECT sum(in_day), count(*) FROM device_use") == [(10, 2)]
    third = Phone(gateway, "third")  # the messages were not lost on them
    for _ in range(2):
        third.report(third.receive_sms()["message_id"], "delivered")
    wait_for(lambda: gateway.count_messages("status = 5") == 12, "the third's")
    third.close()
    # It holds over restarts, until midnight.
    for _ in range(3):
        gateway.api.send()
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    wait_for(lambda: len(gateway.api.devices()) == 2, "phones to come back")
    wait_for(lambda: gateway.ws_broker.log().count("daily segment limit") >= 3,
             "the broker to hear that they may have no more")
    assert gateway.count_messages("status = 0") == 3
    clock.set(DAY)
    gateway.ws_broker.stop()
    gateway.ws_broker.start()
    wait_for(lambda: gateway.count_messages("status = 5") == 15, "the next day")
    phones.stop()
