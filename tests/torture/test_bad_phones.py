"""Phones that misbehave as phone-sim can, under load (F19, F23, F38): wiped, killed, deaf, without service, out of
order. Nothing is lost, and nothing is sent twice.

Phones beyond the guarantee are in test_lies_and_copies.py.
"""

import os
import signal
from collections import defaultdict

import pytest

from harness.ledgers import DELIVERED, FAILED, SENT, UNKNOWN, read_radio, settle_and_check
from harness.waiting import LIMIT_SECONDS, LOAD_LIMIT_SECONDS, wait_for

FAST = ("--send-ms", "1-20", "--report-ms", "1-20")
ROUNDS = 10 if "TORTURE_LONG" in os.environ else 1
NO_SERVICE = ("--failure-rate", "1", "--failure-code", "no_service,radio_off")
CANNOT_SEND = {"refuse": ("--nack-rate", "1"), "have no service": NO_SERVICE,
               "are basic": NO_SERVICE}
SOMETIMES_NOT = {"refuse": ("--nack-rate", "0.3"),
                 "fail": ("--failure-rate", "0.3", "--failure-code", "no_service,limit_exceeded"),
                 "fail out of order": ("--failure-rate", "0.3", "--failure-code", "radio_off",
                                       "--reorder", "--delay", "0-40")}
AMBIGUOUS = {"a part has left": ("--failure-code", "no_service,radio_off", "--failure-parts", "2"),
             "perhaps it has left": ("--failure-code", "network_reject,modem_error")}
INSTANTS = ["frame-read", "frame-written", "before-commit", "after-commit", "before-ledger",
            "after-ledger", "after-sync"]


@pytest.fixture(scope="session")
def build():
    return os.environ.get("TORTURE_BUILD", "release")


def reform(make_phones, phones):
    """Phones that have ended come back, with the journals they have, and do as they should."""
    return make_phones(phones.gateway, phones.count, *FAST, name=phones.name, wait=False)


def all_arrived(gateway, load, fleets, *others):
    database = settle_and_check(gateway, load.stop(), fleets)
    assert set(database.statuses()) <= {SENT, DELIVERED, *others}
    return database


# ---- Phones that lose their journal ----

def test_phones_that_are_wiped_send_nothing_twice(make_gateway, make_phones, make_load):
    gateway = make_gateway().start()
    honest = make_phones(gateway, 1, *FAST, "--credit", "1", name="honest")
    load = make_load(gateway, 200)
    for round_number in range(1, ROUNDS + 1):
        wiped = make_phones(gateway, 4, *FAST, "--lose-journal-every", "1", name="wiped",
                            wait=False)
        wait_for(lambda: gateway.count_messages("error_code = 'journal_lost'") > 25 * round_number,
                 "journals to be lost")
        wiped.kill()
    database = all_arrived(gateway, load, [honest, reform(make_phones, wiped)], UNKNOWN)
    assert {message.device_id[:5] for message in database.messages.values()
            if message.status == UNKNOWN} == {"wiped"}


# ---- Phones that do not send ----

@pytest.mark.parametrize("how", SOMETIMES_NOT)
def test_a_message_that_was_certainly_not_sent_is_sent_once(make_gateway, make_phones, make_load, how):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=1).start()
    honest = make_phones(gateway, 2, *FAST, name="honest")
    load = make_load(gateway, 200)
    for round_number in range(1, ROUNDS + 1):
        failing = make_phones(gateway, 2, *FAST, *SOMETIMES_NOT[how], name="failing", wait=False)
        wait_for(lambda: gateway.count_messages("failures > 0") > 30 * round_number, "failures")
        failing.stop()
    all_arrived(gateway, load, [honest, reform(make_phones, failing)])


@pytest.mark.parametrize("how", CANNOT_SEND)
def test_phones_that_cannot_send_do_not_take_the_work_of_others(make_gateway, make_phones,
                                                                make_load, how):
    """Their hands are always empty, but not all that is queued must go through them."""
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=1).start()
    useless = make_phones(gateway, 2, *FAST, *CANNOT_SEND[how], name="useless",
                          assured=how != "are basic")
    honest = make_phones(gateway, 2, *FAST, name="honest")
    load = make_load(gateway, 1000)
    wait_for(lambda: len(load.promised) > 200 * ROUNDS, "a queue")
    load.stop()
    wait_for(lambda: gateway.count_messages("status BETWEEN 0 AND 3 AND failures = 0") == 0,
             "all to be sent that was not tried in vain", 60)
    tried_in_vain = gateway.count_messages("failures > 0 OR status = ?", FAILED)
    assert 0 < tried_in_vain < 40 + 10 * ROUNDS
    if how == "are basic":
        all_arrived(gateway, load, [honest, useless], FAILED)
    else:
        useless.stop()
        all_arrived(gateway, load, [honest, reform(make_phones, useless)])


@pytest.mark.parametrize("how", AMBIGUOUS)
def test_a_message_that_may_have_been_sent_is_not_sent_again(make_gateway, make_phones, make_load, how):
    gateway = make_gateway().start()
    phones = make_phones(gateway, 4, *FAST, "--failure-rate", "0.3", *AMBIGUOUS[how])
    load = make_load(gateway, 200)
    wait_for(lambda: gateway.count_messages("status = ?", FAILED) > 50 * ROUNDS, "failures",
             LOAD_LIMIT_SECONDS)
    database = all_arrived(gateway, load, [phones], FAILED)
    left = {line.message_id for line in read_radio(phones.ledger_path)}
    failed = {message.id for message in database.messages.values() if message.status == FAILED}
    assert gateway.count_messages("failures > 0 OR attempt > 1") == 0
    assert failed & left and (how == "perhaps it has left") == bool(failed - left)


# ---- Phones that are slow, deaf, or greedy by turns ----

def test_frames_that_overtake_each_other_are_understood(make_gateway, make_phones, make_load):
    gateway = make_gateway().start()
    phones = make_phones(gateway, 8, *FAST, "--reorder", "--delay", "0-40", "--disconnect-every",
                         "1-2", wait=False)
    load = make_load(gateway, 100)
    wait_for(lambda: gateway.query("SELECT min(connection_epoch) >= 2 FROM device") == [(1,)],
             "connections that broke")
    phones.stop()
    database = all_arrived(gateway, load, [reform(make_phones, phones)])
    assert any(after.status > before.status + 1 for events in database.events.values()
               for before, after in zip(events[2:], events[3:])), "no report overtook another"


def test_phones_that_stop_reading_are_disconnected(make_gateway, make_phones, make_load):
    gateway = make_gateway(ACK_TIMEOUT_SECONDS=1).start()
    honest = make_phones(gateway, 2, *FAST, name="honest")
    deaf = make_phones(gateway, 20, *FAST, "--stop-reading", "1", "--update-seconds", "1",
                       name="deaf")
    load = make_load(gateway, 100)
    before = gateway.ws_broker.memory_bytes("VmRSS")
    for round_number in range(1, ROUNDS + 1):
        wait_for(lambda: gateway.ws_broker.log().count("reason=ack_timeout") >= 20 * round_number,
                 "the deaf to be sent away")
        # What they had not been released goes to phones that read.
        wait_for(lambda: gateway.count_messages(
            "status = ? AND attempt > 1 AND device_id LIKE 'honest%'", DELIVERED) > 0,
            "another phone to deliver what they had")
        deaf.kill()
        deaf.start()
    if gateway.build == "release":  # ASan keeps what is freed
        assert gateway.ws_broker.memory_bytes("VmHWM") - before < 4 << 20
    deaf.kill()
    all_arrived(gateway, load, [honest, reform(make_phones, deaf)], UNKNOWN)


def test_a_phone_never_has_more_than_its_credit(make_gateway, make_phones, make_load):
    gateway = make_gateway().start()
    phones = make_phones(gateway, 8, "--send-ms", "20-40", "--report-ms", "1-20", "--credit", "0-2",
                         "--update-seconds", "1")
    load = make_load(gateway, 200)
    most = defaultdict(int)

    def look():
        for device_id, in_hand in gateway.query(
                "SELECT device_id, count(*) FROM message WHERE status BETWEEN 1 AND 3 GROUP BY 1"):
            most[device_id] = max(most[device_id], in_hand)
        return sum(value == 2 for value in most.values())

    for _ in range(2 * ROUNDS):
        most.clear()
        wait_for(lambda: look() >= 5, "other credits than at the start", 120)  # a third had 2
        assert max(most.values()) == 2
        gateway.ws_broker.kill()
        gateway.ws_broker.start()
    all_arrived(gateway, load, [phones])


# ---- Phones that are killed ----

@pytest.mark.parametrize("store", [(), ("--check-sent-store",)], ids=["", "store"])
@pytest.mark.parametrize("instant", INSTANTS)
def test_phones_killed_at_any_instant_send_once(make_gateway, make_phones, make_load, instant,
                                                store):
    gateway = make_gateway().start()
    load = make_load(gateway, 200)
    for number in range(5 * ROUNDS):
        phones = make_phones(gateway, 4, *FAST, *store, "--kill-at", f"{instant}:{7 + 9 * number}",
                             wait=False)
        assert phones.process.wait(LIMIT_SECONDS) == -signal.SIGKILL
    phones = make_phones(gateway, 4, *FAST, *store, wait=False)
    database = all_arrived(gateway, load, [phones], UNKNOWN)
    unknown = {message.id for message in database.messages.values() if message.status == UNKNOWN}
    left = {line.message_id for line in read_radio(phones.ledger_path)}
    assert len(unknown) <= 4 * 5 * ROUNDS  # what was at the radio of each
    assert not store or not unknown & left
