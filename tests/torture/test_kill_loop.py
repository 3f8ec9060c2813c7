"""Processes and phones are killed at random moments under load (F16, F19), and a receiver of webhooks fails.

TORTURE_SECONDS is the duration, and TORTURE_SEED repeats the choice of victims. `make torture` runs it for an hour;
`make test` has the short form. Clients also send batches, and messages with options.
"""

import os
import random
import time
from collections import Counter

import pytest

from harness.ledgers import (DELIVERED, EXPIRED, SENT, UNKNOWN, Checker, is_of, read_radio, read_received, read_resumed,
                             settle_and_check)
from harness.load import MixedLoad
from harness.waiting import LOAD_LIMIT_SECONDS

SECONDS = int(os.environ.get("TORTURE_SECONDS", 60))
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(1 << 32)))

FLEETS, PHONES_OF_A_FLEET = 3, 4  # and one of basic phones, and one of polled ones:
APPS = [("1.75.0", 1), ("1.68.0", 2), ("1.66.1", 1), ("1.75.0", 0)]
CHECK_EVERY_SECONDS = 15


@pytest.fixture(scope="session")
def build():
    return os.environ.get("TORTURE_BUILD", "release")


def read_all_radios(fleets):
    return [line for fleet in fleets for line in read_radio(fleet.ledger_path)]


def read_all_received(fleets):
    return [row for fleet in fleets for row in read_received(fleet)]


def test_nothing_is_lost_or_sent_twice_while_everything_is_killed(make_gateway, make_phones,
                                                                   make_load, make_receiver, torture_report):
    print(f"TORTURE_SEED={SEED}")
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed").start()
    receiver = make_receiver(faults=0.02, seed=SEED)
    receiver.create_webhook(gateway, "all")
    receiver.create_webhook(gateway, "some", ["message.delivered", "inbox.*"])
    gateway.webhook_sender.start()
    fleets = [make_phones(gateway, PHONES_OF_A_FLEET, "--send-ms", "1-40", "--report-ms", "1-100",
                          "--disconnect-every", "2-8", "--failure-rate", "0.02", name=f"fleet{i}", receive_rate=3)
              for i in range(FLEETS)]
    fleets.append(make_phones(gateway, PHONES_OF_A_FLEET, "--send-ms", "1-40", "--report-ms", "1-100",
                              "--failure-rate", "0.02", name="basic", assured=False, receive_rate=3))
    fleets.append(make_phones(gateway, APPS, "--failure-rate", "0.02", receive_rate=3))
    # `late` connects when the clients have ended: what has expired by then may not be sent.
    gateway.tokens_of(["late"])
    load = make_load(gateway, 50, kind=MixedLoad, devices=["fleet0-1", "fleet1-2", "basic-3", "polled-1", "polled-4", "late"])
    checker = Checker(gateway)
    chance = random.Random(SEED)
    victims = [*gateway.processes, gateway.webhook_sender, *fleets]
    once = chance.sample(victims, len(victims))  # each of them, also on a slow machine
    kills = Counter()
    end = time.monotonic() + SECONDS
    next_check = time.monotonic() + CHECK_EVERY_SECONDS
    while time.monotonic() < end:
        # The moment is what is tried out here: nothing is waited for.
        time.sleep(chance.uniform(0.05, 0.5))
        victim = once.pop() if once else chance.choice(victims)
        victim.kill()
        victim.start()
        kills[victim.name] += 1
        receiver.is_away = chance.random() < 0.05  # until the next kill
        if chance.random() < 0.2:
            receiver.ask_again(gateway)
        if time.monotonic() > next_check:
            checker.check(load.promised_now(), read_all_radios(fleets), received=read_all_received(fleets), webhooks=receiver,
                          resumed=set().union(*map(read_resumed, fleets)))
            checker.conclude()
            next_check = time.monotonic() + CHECK_EVERY_SECONDS

    promised = load.stop()
    for fleet in fleets:  # so that no phone waits for a minute before it connects again
        fleet.kill()
        fleet.receive_rate = 0
        fleet.start()
    fleets.append(make_phones(gateway, 1, "--send-ms", "1-4", "--report-ms", "1-10", name="late", wait=False))
    receiver.mend(gateway)
    # A starved machine has more left, the longer it ran: SMS come at a rate of their own.
    database = settle_and_check(gateway, promised, fleets, checker, LOAD_LIMIT_SECONDS + SECONDS, ["basic"], receiver)
    radio, received = read_all_radios(fleets), read_all_received(fleets)
    by_apps = [line for line in radio if is_of(["polled"], line.device_id)]
    statuses = database.statuses()
    torture_report("kill loop", seconds=SECONDS, seed=SEED, kills=dict(kills),
                   promised=len(promised), refused=load.refused, unanswered=load.unanswered,
                   messages=len(database.messages), radio_lines=len(radio), of_polled_phones=len(by_apps),
                   sent_again_by_apps=len(by_apps) - len({line[:3] for line in by_apps}), received=len(received), inbox=len(database.inbox),
                   statuses=database.statuses_by_name(), events=len(database.outbox.events), arrived=len(receiver.read()),
                   asked_again=len(receiver.asked), webhooks=dict(receiver.answered), violations=len(checker.violations))
    assert kills["ws-broker"] and kills["api-fcgi"] and kills["nginx"] and kills["webhook-sender"]
    assert statuses[DELIVERED] + statuses[SENT] > statuses[UNKNOWN]
    assert statuses[EXPIRED] and by_apps
    assert len(database.inbox) >= len(received) > SECONDS  # those of basic phones are in no journal
    assert receiver.answered["taken"] > receiver.answered["500"] > 0 and receiver.asked
