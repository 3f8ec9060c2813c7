"""The ledger of a receiver of webhooks: what it got, and what must be true of that beside the database.

A receiver has taken an event when it has answered 2xx, whether or not the sender lived to read that.
"""

import random
import re
import threading
import time
from collections import Counter, defaultdict, namedtuple

from .gateway import ROOT
from .waiting import LOAD_LIMIT_SECONDS, wait_for
from .webhook_receiver import OK, Receiver, signature_of

TYPES = {int(value): name for value, name in re.findall(
    r'^EVENT_TYPE\(\w+, (\d+), "([a-z._]+)"', (ROOT / "common/model/event_types.def").read_text(), re.M)}
TEST = "webhook.test"  # delivered by its row, to one webhook

OutboxEvent = namedtuple("OutboxEvent", "type subject status attempt device_id")
Got = namedtuple("Got", "path name event_id told is_signed taken")

# Events behind `since`, up to `newest`, that the webhook asks for, less those that are noted as delivered.
COUNT_OPEN = """
WITH hook AS (SELECT seq, CASE types WHEN 0 THEN -1 ELSE types END & ~(1 << {test}) AS types FROM webhook WHERE id = '{{webhook_id}}')
SELECT (SELECT count(*) FROM message_event, hook WHERE id > {{since}} AND id <= {{newest}} AND types >> status & 1 = 1)
     + (SELECT count(*) FROM gateway_event e, hook WHERE id > {{since}} AND id <= {{newest}} AND types >> e.type & 1 = 1)
     - (SELECT count(*) FROM webhook_delivery, hook WHERE webhook_seq = seq AND event_id <= {{newest}} AND state = 1)
""".format(test=next(bit for bit, name in TYPES.items() if name == TEST))

FAULT_SECONDS = 20  # a receiver that says nothing: shorter than the sender waits
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Outbox:
    """The events of a database, and its webhooks, at one moment."""

    def __init__(self, connection):
        def select(sql):
            return list(connection.execute(sql))

        self.events = {row[0]: OutboxEvent(TYPES[row[2]], _uuid(row[1]), row[2], row[3], row[4]) for row in select(
            "SELECT e.id, m.id, e.status, e.attempt, e.device_id FROM message_event e JOIN message m ON m.seq = e.message_seq")}
        self.events |= {row[0]: OutboxEvent(TYPES[row[1]], row[3], None, None, row[2]) for row in select(
            "SELECT id, type, device_id, subject FROM gateway_event")}
        self.types = {row[0]: {name for bit, name in TYPES.items() if (row[1] or -1) >> bit & 1} - {TEST}
                      for row in select("SELECT id, types FROM webhook WHERE removed = 0")}
        self.delivered = defaultdict(list)
        for webhook_id, event_id in select("SELECT w.id, d.event_id FROM webhook_delivery d JOIN webhook w ON w.seq = d.webhook_seq"
                                           " WHERE d.state = 1"):
            self.delivered[webhook_id].append(event_id)


def _uuid(value):
    text = value.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _is_zero(gateway, sql):
    """Rests after a count that took long: of a million events it is what the machine would do all the time."""
    began = time.monotonic()
    found = gateway.query(sql) == [(0,)]
    if not found:
        time.sleep(10 * (time.monotonic() - began))
    return found


def _told(event):
    """As it is in the outbox."""
    data = event["data"]
    subject = next((data[name] for name in ("message_id", "incoming_id", "batch_id", "webhook_id") if data.get(name)), None)
    of_message = event["type"].startswith("message.")
    status = next(bit for bit, name in TYPES.items() if name == event["type"]) if of_message else None
    return OutboxEvent(event["type"], subject, status, data["attempt"] if of_message else None, data.get("device_id"))


def violations(outbox, webhook_id, since, got, taken_later=(), settled_to=0):
    """What is wrong with what a webhook's receiver got, oldest first, of the events behind `since`. `taken_later`: ids of events
    that it took after `got` was read. `settled_to`: all events up to that one must be there."""
    wanted = {event_id: event for event_id, event in outbox.events.items()
              if event_id > since and event.type in outbox.types[webhook_id]}
    last, before = {}, {}  # the one before it of the same message
    for event_id in sorted(wanted):
        if wanted[event_id].status is not None:
            before[event_id] = last.get(wanted[event_id].subject)
            last[wanted[event_id].subject] = event_id
    names, ids, taken = {}, {}, set()
    for one in got:
        if one.event_id not in outbox.events:
            yield "arrived, and is not in the outbox", one
        elif one.event_id not in wanted:
            yield "arrived, and was not asked for", one
        elif one.told != wanted[one.event_id]:
            yield "arrived otherwise than it is in the outbox", (one, wanted[one.event_id])
        if not one.is_signed:
            yield "arrived without its signature", one
        if names.setdefault(one.event_id, one.name) != one.name:
            yield "came again with another webhook-id", (one, names[one.event_id])
        if ids.setdefault(one.name, one.event_id) != one.event_id:
            yield "two events with one webhook-id", (one, ids[one.name])
        if before.get(one.event_id) is not None and before[one.event_id] not in taken:
            yield "arrived before an earlier event of its message", (one, before[one.event_id])
        if one.taken:
            taken.add(one.event_id)
    for event_id in outbox.delivered[webhook_id]:
        if event_id not in taken and event_id not in taken_later:
            yield "noted as delivered, and its receiver did not take it", event_id
    for event_id in wanted:
        if event_id <= settled_to and event_id not in taken:
            yield "asked for, and never taken", (event_id, wanted[event_id])


class LedgerReceiver(Receiver):
    """Keeps what it got in its ledger. A share of the requests meets a fault, and at times all do; mend() ends that."""

    def __init__(self, faults=0.0, seed=0):
        self.webhooks = {}  # by path: its id, its secret, and the cursor that it begins with
        self.ledger = []
        self.asked = []  # events to be delivered once more: the path, the id, and how much the ledger had before
        self.answered = Counter()
        self.is_away = False
        self.settled_to = 0  # an event id
        self._faults = faults
        self._chance = random.Random(seed)
        self._mended = threading.Event()
        super().__init__()

    def create_webhook(self, gateway, path, types=()):
        """Before the sender runs; `types` of its events, or all."""
        created = gateway.api.request("POST", "/api/webhooks", json={"url": self.url(path)} | ({"types": types} if types else {}))
        assert created.status_code == 201, created.text
        webhook_id, secret = created.json()["webhook_id"], created.json()["secret"]
        (since,), = gateway.query(f"SELECT cursor FROM webhook WHERE id = '{webhook_id}'")
        self.webhooks[f"/{path}"] = webhook_id, secret, since

    def choose(self, request):
        kind = "taken"
        if self.is_away or self._chance.random() < self._faults:
            kind = self._chance.choice(sorted(self.FAULTS))
        answer, taken = self.FAULTS[kind] if kind in self.FAULTS else (OK, True)
        event = request.event
        is_signed = signature_of(self.webhooks[request.path][1], request) in request.headers["webhook-signature"].split()
        self.answered[kind] += 1
        self.ledger.append(Got(request.path, request.id, event["id"], _told(event), is_signed, taken))
        return answer if isinstance(answer, bytes) else lambda connection: answer(self, connection)

    def _say_nothing(self, _):
        self._mended.wait(FAULT_SECONDS)

    def _say_much(self, connection):
        connection.sendall(HEADERS + b"Content-Length: 10000000000\r\n\r\n")
        for _ in range(1000):  # until the sender leaves
            connection.sendall(bytes(65536))

    def _take_its_time(self, connection):
        self._mended.wait(self._chance.uniform(0.1, 3))
        connection.sendall(OK)

    # What it answers, and whether it has taken the event then.
    FAULTS = {
        "500": (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", False),
        "later": (b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", False),
        "half a header": (HEADERS[:20], False),
        "half an answer": (HEADERS, False),
        "close": (b"", False),
        "garbage": (bytes(range(256)), False),
        "elsewhere": (b"HTTP/1.1 302 There\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", False),
        "nothing": (_say_nothing, False),
        "10 GB": (_say_much, True),
        "slow": (_take_its_time, True),
    }

    def mend(self, gateway):
        """From now on it takes everything, and nothing waits for another try."""
        self._faults, self.is_away = 0.0, False
        self._mended.set()
        for webhook_id, _, _ in self.webhooks.values():
            for enabled in (False, True):
                changed = gateway.api.request("PATCH", f"/api/webhooks/{webhook_id}", json={"enabled": enabled})
                assert changed.status_code == 200, changed.text

    def read(self):
        """The ledger so far."""
        return list(self.ledger)

    def ask_again(self, gateway):
        """Has an event delivered once more, one of the last that arrived."""
        position = len(self.ledger)
        if position == 0:
            return
        one = self._chance.choice(self.ledger[-20:])
        path = f"/api/webhooks/{self.webhooks[one.path][0]}/redeliver"
        try:
            answer = gateway.api.request("POST", path, json={"event_id": one.event_id})
        except ConnectionError:  # of a worker of nginx that was killed, and had not ended: nobody was promised anything
            return
        if answer.status_code == 202:
            self.asked.append((one.path, one.event_id, position))

    def missing(self, got):
        """What was asked for and was not taken since."""
        return [asked for asked in self.asked
                if not any(one.taken and asked[:2] == (one.path, one.event_id) for one in got[asked[2]:])]

    def check(self, outbox, before):
        """`before`: the ledger, read before the database. All violations: (rule, what)."""
        later = self.read()[len(before):]
        for path, (webhook_id, _, since) in self.webhooks.items():
            yield from violations(outbox, webhook_id, since, [one for one in before if one.path == path],
                                  {one.event_id for one in later if one.path == path and one.taken}, self.settled_to)
        for asked in self.missing(before) if self.settled_to else ():
            yield "asked for once more, and not taken since", asked

    def wait_all(self, gateway, limit=LOAD_LIMIT_SECONDS):
        """Until the store has noted every event so far that its webhooks ask for as delivered; from then on they must be there."""
        newest = gateway.query("SELECT max(id) FROM (SELECT max(id) AS id FROM message_event"
                               " UNION ALL SELECT max(id) FROM gateway_event) AS either")[0][0]
        for webhook_id, _, since in self.webhooks.values():
            count_open = COUNT_OPEN.format(webhook_id=webhook_id, since=since, newest=newest)
            wait_for(lambda sql=count_open: _is_zero(gateway, sql), "the receiver to have every event", limit)
        wait_for(lambda: not self.missing(self.read()), "what was asked for once more", limit)
        self.settled_to = newest

    def close(self):
        self._mended.set()
        super().close()
