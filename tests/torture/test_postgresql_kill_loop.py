"""Two nodes on PostgreSQL with a standby: their programs, both servers and the network between them fail at random moments under load.

As test_kill_loop.py, with the same ledgers, and what the database says is read from its primary. The second node is in a network
namespace of its own, whose wire to the servers is cut: what is sent is lost, and nothing tells of it.
"""

import os
import random
import signal
import time
from collections import Counter

import pytest

from harness.ledgers import DELIVERED, SENT, UNKNOWN, Checker, read_radio, read_received, settle_and_check
from harness.load import MixedLoad
from harness.postgresql import Server, query, url_of
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for
from harness.wire import Wire, can_have_one

LONG = "TORTURE_LONG" in os.environ
SECONDS = int(os.environ.get("TORTURE_SECONDS", 20)) if LONG else 20
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(1 << 32)))
LEASE_SECONDS = 3
CHECK_EVERY_SECONDS = 15
OUTAGE_SECONDS = (0.2, 1.5)


@pytest.fixture(scope="session")
def build():
    return os.environ.get("TORTURE_BUILD", "release")


class Pair:
    """A primary and its synchronous standby, which change places."""

    def __init__(self, address):
        self.primary = Server()
        query(self.primary.dsn, "CREATE DATABASE sms")
        self.primary.pause()
        self.primary.listen(address, 5432)
        self.primary.resume()
        self.primary.set(synchronous_standby_names="*")  # before the standby has its copy of that
        self.standby = self.primary.make_standby((address, 5433))
        self.places = (self.primary, self.standby)

    def crash(self):
        self.primary.pause()
        self.primary.resume()

    def fail_over(self):
        """Kills the primary and promotes the standby, which the other follows then."""
        self.primary.pause()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        self.standby.follow(self.primary)

    def stop(self):
        for server in self.places:
            server.stop()


@pytest.fixture
def wire():
    if not can_have_one():
        yield None
        return
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def pair(wire):
    pair = Pair(wire.here if wire else "127.0.0.1")
    yield pair
    pair.stop()


class Faults:
    """What goes wrong; each leaves all as it was."""

    def __init__(self, pair, wire, nodes, fleets, chance):
        self.pair, self.wire, self.chance = pair, wire, chance
        self.programs = [*(process for node in nodes for process in node.processes), nodes[0].webhook_sender, *fleets]
        self.brokers = [node.ws_broker for node in nodes]
        self.kinds = [self.kill, self.kill, self.kill, self.crash_server, self.stop_standby, self.fail_over, self.freeze_broker]
        self.kinds += [self.cut_wire] if wire else []
        self.seen = Counter()

    def rest(self):
        # How long it lasts is what is tried out here.
        time.sleep(self.chance.uniform(*OUTAGE_SECONDS))

    def kill(self):
        victim = self.chance.choice(self.programs)
        victim.kill()
        victim.start(**({"limit": LOAD_LIMIT_SECONDS} if hasattr(victim, "popen") else {}))

    def crash_server(self):
        self.pair.crash()

    def stop_standby(self):
        self.pair.standby.pause()
        self.rest()
        self.pair.standby.resume()

    def fail_over(self):
        self.pair.fail_over()

    def freeze_broker(self):
        """Past its lease, so that it comes back when others have ended it."""
        broker = self.chance.choice(self.brokers)
        broker.signal(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS + self.chance.uniform(*OUTAGE_SECONDS))
        broker.signal(signal.SIGCONT)

    def cut_wire(self):
        self.wire.cut()
        self.rest()
        self.wire.mend()

    def happen(self, kind):
        kind()
        self.seen[kind.__name__] += 1


def test_nothing_is_lost_or_sent_twice_over_two_nodes_while_everything_fails(pair, wire, make_gateway, make_phones, make_load,
                                                                             make_receiver, torture_report):
    print(f"TORTURE_SEED={SEED}")
    chance = random.Random(SEED)
    settings = {"DATABASE_DURABILITY": "standby", "STORE_TIMEOUT_MS": 1500, "SWEEP_INTERVAL_SECONDS": 1,
                "PRESENCE_LEASE_SECONDS": LEASE_SECONDS, "WEBHOOK_LOOPBACK": "allowed"}
    first = make_gateway(DATABASE_URL=url_of(pair.places, "sms"), NODE_NAME="alpha", **settings).start()
    second = make_gateway(DATABASE_URL=url_of(pair.places, "sms", by_address=bool(wire)), NODE_NAME="beta", **settings,
                          **({"wrap": {name: wire.prefix for name in ("api-fcgi", "ws-broker")}} if wire else {}))
    second.start_beside(first)
    nodes = first, second
    receiver = make_receiver(faults=0.02, seed=SEED)
    receiver.create_webhook(first, "all")
    first.webhook_sender.start()
    fleets = [make_phones(node, 4, "--send-ms", "1-40", "--report-ms", "1-100", "--disconnect-every", "2-8", "--failure-rate", "0.02",
                          name=f"fleet{i}", receive_rate=0.5) for i, node in enumerate(nodes)]
    fleets.append(make_phones(second, 3, "--send-ms", "1-40", "--report-ms", "1-100", name="basic", assured=False))
    # The same rate over all: two nodes share the database.
    loads = [make_load(node, 25 if LONG else 12, threads=2, kind=MixedLoad, devices=["fleet0-1", "fleet1-2", "basic-3"]) for node in nodes]
    checker = Checker(first)
    faults = Faults(pair, wire, nodes, fleets, chance)
    once = chance.sample(faults.kinds, len(faults.kinds))  # each of them, also on a slow machine
    end = time.monotonic() + SECONDS
    next_check = time.monotonic() + CHECK_EVERY_SECONDS
    while once or time.monotonic() < end:
        time.sleep(chance.uniform(0.05, 0.5))
        faults.happen(once.pop() if once else chance.choice(faults.kinds))
        if chance.random() < 0.2:
            wait_for(lambda: first.api.get("/readyz").status_code == 200, "the gateway to recover", LOAD_LIMIT_SECONDS)
        if LONG and time.monotonic() > next_check:
            promised = [load.promised_now() for load in loads]
            lines = [line for fleet in fleets for line in read_radio(fleet.ledger_path)]
            received = [row for fleet in fleets for row in read_received(fleet)]
            for one in promised:
                checker.check(one, lines, received=received, webhooks=receiver)
            checker.conclude()
            next_check = time.monotonic() + CHECK_EVERY_SECONDS

    for node in nodes:
        wait_for(lambda node=node: node.api.get("/readyz").status_code == 200, "the gateway to recover", LOAD_LIMIT_SECONDS)
    promised = [load.stop() for load in loads]
    together = promised[0].union_with(promised[1])
    for fleet in fleets:  # so that no phone waits for a minute before it connects again
        fleet.kill()
        fleet.receive_rate = 0
        fleet.start()
    receiver.mend(first)
    database = settle_and_check(first, together, fleets, checker, LOAD_LIMIT_SECONDS + SECONDS, ["basic"], receiver)
    statuses = database.statuses()
    torture_report("kill loop on PostgreSQL", seconds=SECONDS, seed=SEED, faults=dict(faults.seen), promised=len(together),
                   refused=sum(load.refused for load in loads), unanswered=sum(load.unanswered for load in loads),
                   messages=len(database.messages), statuses=database.statuses_by_name(), inbox=len(database.inbox),
                   events=len(database.outbox.events), arrived=len(receiver.read()), violations=len(checker.violations))
    assert all(faults.seen[kind.__name__] for kind in faults.kinds)
    assert sum(load.refused for load in loads) > 0
    assert statuses[DELIVERED] + statuses[SENT] > statuses[UNKNOWN]
