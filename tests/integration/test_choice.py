"""The choice of the phone for the next message: room, then signal, then the longest wait."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.api import Api
from harness.phone import Phone, WorkingPhone
from harness.waiting import wait_for

EXCELLENT, GOOD, POOR = -70, -100, -120  # dBm, of different levels on Android


def finish(gateway, phone, message_id, status="sent"):
    """The phone reports; once REST shows it, the phone has room again."""
    phone.report(message_id, status)
    gateway.api.wait_status(message_id, status)


def give(gateway, phones):
    """Sends a message; returns the phone that got it, and the message's id."""
    message_id = gateway.api.send()["message_id"]
    device_id = gateway.api.wait_status(message_id, "accepted")["device_id"]
    phone = next(phone for phone in phones if phone.device_id == device_id)
    assert phone.receive_sms()["message_id"] == message_id
    return phone, message_id


def send_many(gateway, count):
    """Sends from eight clients at once; returns the ids in no order."""
    apis = [Api(gateway.url, gateway.api_key()) for _ in range(8)]
    with ThreadPoolExecutor(len(apis)) as threads:
        messages = list(threads.map(lambda i: apis[i % len(apis)].send(), range(count)))
    for api in apis:
        api.close()
    return [message["message_id"] for message in messages]


def test_a_thousand_messages_are_shared_evenly_and_each_goes_out_once(make_gateway):
    gateway = make_gateway().start()
    phones = [WorkingPhone(gateway, f"phone-{i}") for i in range(10)]
    ids = send_many(gateway, 1000)
    wait_for(lambda: gateway.count_messages("status = 4") == 1000, "all to be sent")
    assert sorted(id for phone in phones for id in phone.ids()) == sorted(ids)
    counts = [len(phone.received) for phone in phones]
    assert 50 <= min(counts) and max(counts) <= 200, counts  # who is quick to report gets more
    assert not any(phone.errors for phone in phones)


def test_a_phone_with_more_room_is_preferred(make_gateway):
    gateway = make_gateway().start()
    phones = [Phone(gateway, f"phone-{i}") for i in range(4)]
    for _ in range(3):  # each round, all have the same in their hands before and after
        assert {give(gateway, phones)[0] for _ in phones} == set(phones)
    busy, message_id = give(gateway, phones)
    assert {give(gateway, phones)[0] for _ in range(3)} == set(phones) - {busy}
    finish(gateway, busy, message_id)
    assert give(gateway, phones)[0] is busy


def test_room_matters_more_than_signal(make_gateway):
    gateway = make_gateway().start()
    strong = Phone(gateway, "strong", {"signal_strength": EXCELLENT})
    weak = Phone(gateway, "weak", {"signal_strength": POOR})
    phones = [weak, strong]
    assert [give(gateway, phones)[0] for _ in range(6)] == [strong, weak] * 3


@pytest.mark.parametrize("best, others", (
    ({"signal_strength": EXCELLENT}, [{"signal_strength": GOOD}, {"signal_strength": POOR}]),
    ({"signal_strength": 4}, [{"signal_strength": 3}, {"signal_strength": 0}]),
    ({"signal_strength": 90}, [{"signal_strength": 50}, {"signal_strength": 5}]),
    ({"signal_strength": 3}, [{}, {"signal_strength": None}]),
    ({"signal_strength": -75}, [{"signal_strength": 1}, {"signal_strength": 30}]),
), ids=str)
def test_the_better_signal_is_preferred_at_equal_load(make_gateway, best, others):
    gateway = make_gateway().start()
    for place in range(len(others) + 1):  # of the best in the order in which they connect
        infos = others[:place] + [best] + others[place:]
        phones = [Phone(gateway, f"phone-{place}-{i}", info) for i, info in enumerate(infos)]
        for _ in range(5):
            phone, message_id = give(gateway, phones)
            assert phone is phones[place]
            finish(gateway, phone, message_id)
        for phone in phones:
            phone.close()
        wait_for(lambda: not gateway.api.devices(), "the phones to be gone")


def test_a_change_of_signal_changes_the_choice(make_gateway):
    gateway = make_gateway().start()
    phones = [Phone(gateway, f"phone-{i}", {"signal_strength": POOR}) for i in range(3)]
    for best in phones:
        best.send({"type": "device_update", "info": {"signal_strength": EXCELLENT}})
        assert best.is_silent()  # the update has been read
        phone, message_id = give(gateway, phones)
        assert phone is best
        finish(gateway, phone, message_id)
        best.send({"type": "device_update", "info": {"signal_strength": POOR}})
        assert best.is_silent()


def test_phones_with_everything_equal_take_turns(make_gateway):
    gateway = make_gateway().start()
    phones = [Phone(gateway, f"phone-{i}", {"signal_strength": GOOD}) for i in range(3)]
    turns = []
    for _ in range(12):
        phone, message_id = give(gateway, phones)
        turns.append(phone)
        finish(gateway, phone, message_id)
    assert set(turns[:3]) == set(phones)
    assert turns == turns[:3] * 4


def test_the_slow_get_less_than_the_quick(make_gateway):
    gateway = make_gateway(DEVICE_WINDOW=4).start()
    quick = WorkingPhone(gateway, "quick")
    slow = Phone(gateway, "slow")
    ids = send_many(gateway, 200)
    held = [slow.receive_sms()["message_id"] for _ in range(4)]
    for message_id in set(ids) - set(held):
        gateway.api.wait_status(message_id, "sent")
    assert len(quick.received) == 196
    assert slow.is_silent()


def test_a_phone_that_never_reports_does_not_starve_the_others(make_gateway):
    gateway = make_gateway().start()
    silent = Phone(gateway, "silent", {"signal_strength": EXCELLENT})
    send_many(gateway, 8)
    held = [silent.receive_sms()["message_id"] for _ in range(8)]  # its window, and no more
    workers = [WorkingPhone(gateway, f"worker-{i}", {"signal_strength": POOR}) for i in range(2)]
    for message_id in send_many(gateway, 292):
        gateway.api.wait_status(message_id, "sent")
    assert sum(len(worker.received) for worker in workers) == 292
    assert {gateway.api.message(message_id)["status"] for message_id in held} == {"accepted"}
    assert silent.is_silent()


def test_a_phone_whose_reports_are_all_failed_goes_on_getting_its_share(make_gateway):
    """Whether a phone's failures are its own fault, the gateway cannot know."""
    gateway = make_gateway().start()
    outcomes = {Phone(gateway, f"phone-{status}"): status for status in ("sent", "failed")}
    turns = []
    for _ in range(20):
        phone, message_id = give(gateway, list(outcomes))
        turns.append(outcomes[phone])
        finish(gateway, phone, message_id, outcomes[phone])
    assert turns == turns[:2] * 10 and set(turns) == {"sent", "failed"}
