"""Many events wait for a webhook when its sender starts. It is killed on the way, and holds few of them at a time."""

import os

import pytest

from harness.ledgers import settle_and_check
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for

EVENTS = int(os.environ.get("TORTURE_EVENTS", 1000000 if "TORTURE_LONG" in os.environ else 3000))
MOST_IN_A_BATCH = 10000
MOST_MEMORY = 64 << 20
SECONDS_FOR_EACH = 0.01  # a receiver in Python beside other tests


@pytest.fixture(scope="session")
def build():
    return "release"


def make_events(gateway, count):
    """An event for each message that is cancelled, and one for the batch."""
    messages = [{"phone_number": "+1234567890", "message": "text"}] * count
    batch = gateway.api.request("POST", "/api/batches", json={"messages": messages})
    assert batch.status_code == 202, batch.text
    cancelled = gateway.api.request("DELETE", f"/api/batches/{batch.json()['batch_id']}")
    assert cancelled.json()["cancelled"] == count


def test_a_backlog_arrives_whole(make_gateway, make_receiver, torture_report):
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed").start()
    receiver = make_receiver(faults=0.001)
    receiver.create_webhook(gateway, "hook")
    for at in range(0, EVENTS, MOST_IN_A_BATCH):
        make_events(gateway, min(EVENTS - at, MOST_IN_A_BATCH))
    limit = LOAD_LIMIT_SECONDS + EVENTS * SECONDS_FOR_EACH
    gateway.webhook_sender.start()
    wait_for(lambda: len(receiver.ledger) > EVENTS / 3, "a part of it", limit)
    gateway.webhook_sender.kill()
    gateway.webhook_sender.start()
    receiver.mend(gateway)
    database = settle_and_check(gateway, [], [], webhooks=receiver, limit=limit)
    peak = gateway.webhook_sender.memory_bytes("VmHWM")
    torture_report("webhook backlog", events=len(database.outbox.events), arrived=len(receiver.read()),
                   webhooks=dict(receiver.answered), peak_MiB=peak >> 20)
    assert len(database.outbox.events) > EVENTS
    assert peak < MOST_MEMORY
