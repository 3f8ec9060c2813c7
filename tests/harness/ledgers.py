"""Five ledgers held against each other: what clients were promised, what the database says, what the
radios sent, what SMS the phones' journals have received, and what the receiver of webhooks got.

The rules are those of ws-broker/PROTOCOL.md and of the guarantee in tests/README.md; each violation is named by
its rule. A run that ends without one has kept its word.
"""

import re
import sqlite3
import time
import uuid
from collections import Counter, defaultdict, namedtuple
from datetime import datetime

from . import postgresql
from .gateway import ROOT
from .waiting import LIMIT_SECONDS, LOAD_LIMIT_SECONDS, wait_for
from .webhook_ledger import Outbox

STATUSES = ("queued", "dispatched", "accepted", "sending", "sent", "delivered", "failed", "expired",
            "cancelled", "unknown")
QUEUED, DISPATCHED, ACCEPTED, SENDING, SENT, DELIVERED, FAILED, EXPIRED, CANCELLED, UNKNOWN = \
    range(len(STATUSES))
LEGAL = {tuple(STATUSES.index(name.lower()) for name in pair)
         for pair in re.findall(r"^TRANSITION\((\w+), (\w+),", (ROOT / "common/model/transitions.def").read_text(), re.M)}

# Statuses of a message with one line in a radio's ledger; the first two while its report is on its way.
MAY_HAVE_LEFT = {ACCEPTED, SENDING, SENT, DELIVERED, FAILED, UNKNOWN}
REST_SECONDS = 3  # without a report of a basic phone
# From the radio's last look at a deadline until its ledger has the line: its time to send, and a machine that is busy.
IN_THE_RADIO_MS = 5000
SETTLED = {SENT, DELIVERED, FAILED, EXPIRED, CANCELLED, UNKNOWN}

Message = namedtuple("Message", "seq id status attempt device_id event_count times options")
Options = namedtuple("Options", "send_at_ms expires_at_ms target_device priority reference")
PRIORITIES = {None: "normal", 1: "high", 2: "low"}
Event = namedtuple("Event", "number status attempt device_id at_ms")
Received = namedtuple("Received", "device_id received_id sender text answered")
RadioLine = namedtuple("RadioLine", "device_id message_id attempt at_ms")


def read_radio(path):
    """The ledger of phone-sim: a line for each SMS that left."""
    lines = []
    for line in path.read_text().splitlines(keepends=True):
        fields = line.split()
        assert line.endswith("\n") and len(fields) >= 4, f"half a line in {path}: {line}"
        at_ms = round(datetime.fromisoformat(fields[0]).timestamp() * 1000)
        lines.append(RadioLine(fields[1], fields[2], int(fields[3]), at_ms))
    return lines


def read_received(fleet):
    """What the phones of a fleet have received, by their journals; [] without any."""
    path = getattr(fleet, "journal_path", None)
    if path is None or not path.exists():
        return []
    journal = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=LIMIT_SECONDS)
    if not journal.execute("SELECT 1 FROM sqlite_schema WHERE name = 'incoming'").fetchall():
        return []  # it was killed before it had made its tables
    rows = journal.execute("SELECT device_id, received_id, sender, text, answered FROM incoming").fetchall()
    journal.close()
    return [Received(*row) for row in rows]


def read_resumed(fleet):
    """What apps of polled phones were killed with, perhaps between the radio and their table: they send it once more, which no
    gateway can know. (device id, message id, attempt) of each."""
    path = getattr(fleet, "journal_path", None)
    if path is None or not path.exists():
        return set()
    journal = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=LIMIT_SECONDS)
    if not journal.execute("SELECT 1 FROM pragma_table_info('message') WHERE name = 'resumed'").fetchall():
        return set()
    rows = journal.execute("SELECT device_id, id FROM message WHERE resumed = 1").fetchall()
    journal.close()
    return {(device_id, str(uuid.UUID(wire_id[:32])), int(wire_id[33:])) for device_id, wire_id in rows}


# The columns with the last time of each status; a message returns to `queued`.
TIME_COLUMNS = ("returned_at_ms", *(f"{status}_at_ms" for status in STATUSES[1:]))


def read_times(columns):
    """When a message last reached each status; `queued` only where it returned to it."""
    return {status: at_ms for status, at_ms in enumerate(columns) if at_ms is not None}


class Database:
    """All messages and their events at one moment; of a file, or of a PostgreSQL URL."""

    def __init__(self, path):
        is_file = not str(path).startswith("postgresql:")
        if is_file:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=LIMIT_SECONDS)
            connection.execute("BEGIN")
        else:
            connection = postgresql.Snapshot(path)
        self.messages = {}
        for row in connection.execute("SELECT seq, id, status, attempt, device_id, event_count, send_at_ms, expires_at_ms,"
                                      f" target_device, priority, reference, {', '.join(TIME_COLUMNS)} FROM message"
                                      + ("" if is_file else " JOIN message_state USING (seq)")):
            options = Options(*row[6:9], PRIORITIES[row[9]], row[10])
            message = Message(row[0], str(uuid.UUID(bytes=row[1])), *row[2:6], read_times(row[11:]), options)
            self.messages[message.id] = message
        self.events = defaultdict(list)
        for message in self.messages.values():  # the first event is the row itself
            self.events[message.seq].append(
                Event(1, QUEUED, 0, None, int(message.id.replace("-", "")[:12], 16)))
        for row in connection.execute("SELECT message_seq, number, status, attempt, device_id,"
                                      " at_ms FROM message_event ORDER BY message_seq, number"):
            self.events[row[0]].append(Event(*row[1:]))
        self.ids_of_key = defaultdict(list)  # of load.py, which sends it as the text
        for text, message_id in connection.execute("SELECT text, id FROM message WHERE text LIKE 'key %'"):
            self.ids_of_key[text].append(str(uuid.UUID(bytes=message_id)))
        self.incomplete_batches = list(connection.execute(
            "SELECT id, count, there FROM (SELECT id, count, (SELECT count(*) FROM message WHERE batch_id = batch.id) AS there"
            " FROM batch) AS counted WHERE there <> count"))
        self.inbox = {(row[0], row[1]): row[2:] for row in connection.execute(
            "SELECT device_id, received_id, sender, text FROM incoming")}
        self.counts = dict(connection.execute("SELECT status, sum(count) AS count FROM message_count GROUP BY status"))
        self.outbox = Outbox(connection)
        self.integrity = [row[0] for row in connection.execute("PRAGMA integrity_check")] if is_file else ["ok"]
        connection.close()

    def statuses(self):
        return Counter(message.status for message in self.messages.values())

    def statuses_by_name(self):
        return {STATUSES[status]: count for status, count in sorted(self.statuses().items())}


def is_of(fleets, device_id):
    """Whether a device is one of the fleets with those names."""
    return any(re.fullmatch(rf"{name}(-\d+)?", device_id or "") for name in fleets)


class Checker:
    """Collects violations over a run. `check` may be called at any time, `conclude` at its end."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.violations = []
        self.seen_events = {}

    def _violate(self, rule, *what):
        self.violations.append(f"{rule}: " + " ".join(map(str, what)))

    def check(self, promised, radio, settled=False, database_path=None, basic=(), received=(), webhooks=None, resumed=()):
        """`promised`: ids that were answered with 2xx, read before this call: the database may be newer; of load.py, with their
        keys, each of which has one message at most, and the options that were asked for.
        `radio`: the lines of all phones, read before it too; with `settled`, where only a report of a basic
        phone can still come, an iterator that reads them after the database.
        `basic`: names of fleets without a journal: a frame, or a report, may be lost for good, and
        then the message stays where it was until it turns `unknown`. At most one phone has it, and
        sends it once at most, like any other.
        `received`: the SMS in the journals of all phones that have one, read before it.
        `webhooks`: the LedgerReceiver that its webhooks lead to.
        `resumed`: of all polled phones, by read_resumed after the radios' lines."""
        arrived = webhooks.read() if webhooks else []
        database = Database(database_path or self.gateway.database_source)
        self._check_database(database)
        for message_id in promised:
            if message_id not in database.messages:
                self._violate("promised and lost", message_id)
        self._check_keys(promised, database)
        lines = defaultdict(list)
        for line in radio:
            lines[line.message_id].append(line)
        for message_id, sent in lines.items():
            if len(sent) > 1 and not (len({line[:3] for line in sent}) == 1 and sent[0][:3] in resumed):
                self._violate("sent more than once", sent)
        self._check_inbox(database, received, settled)
        for rule, what in webhooks.check(database.outbox, arrived) if webhooks else ():
            self._violate(rule, what)
        if settled:
            self._check_end(database, lines, basic, resumed)
        return database

    def _check_inbox(self, database, received, settled):
        for row in received:
            stored = database.inbox.get((row.device_id, row.received_id))
            if stored is None and row.answered:
                self._violate("acknowledged, and not in the inbox", row)
            elif stored is None and settled:
                self._violate("received, and not in the inbox", row)
            elif stored not in (None, (row.sender, row.text)):
                self._violate("not in the inbox as it was received", row, stored)
        journaled = {(row.device_id, row.received_id) for row in received}
        devices = {row.device_id for row in received}
        for key in database.inbox if settled else ():
            if key not in journaled and key[0] in devices:
                self._violate("in the inbox, and not in the journal of its phone", key)

    def _check_keys(self, promised, database):
        for key, message_id in getattr(promised, "keys", {}).items():
            ids = database.ids_of_key.get(key, [])
            if len(ids) > 1:
                self._violate("more than one message of a key", key, ids)
            if message_id and ids != [message_id]:
                self._violate("answered with another message of its key", key, message_id, ids)
        for key, asked in getattr(promised, "options", {}).items():
            for message in (database.messages[message_id] for message_id in database.ids_of_key.get(key, [])):
                kept = message.options._asdict()
                if any(kept[name] != value for name, value in asked.items()):
                    self._violate("its options are not those that were asked for", message, asked)

    def _check_database(self, database):
        if database.integrity != ["ok"]:
            self._violate("integrity", database.integrity)
        statuses = database.statuses()
        if {status: count for status, count in database.counts.items() if count} != statuses:
            self._violate("counts", database.counts, dict(statuses))
        for message in database.messages.values():
            events = database.events[message.seq]
            self._check_life(message, events)
            before = self.seen_events.get(message.id, [])
            if events[:len(before)] != before:
                self._violate("an event was changed", message, before, events)
            self.seen_events[message.id] = events
        if database.incomplete_batches:
            self._violate("a part of a batch", database.incomplete_batches)
        if len(database.events) != len(database.messages):
            self._violate("events of no message", len(database.events), len(database.messages))

    def _check_life(self, message, events):
        numbers = [event.number for event in events]
        if numbers != list(range(1, message.event_count + 1)):
            self._violate("events are not 1, 2, 3, ...", message, numbers)
        if (events[-1].status, events[-1].attempt) != (message.status, message.attempt):
            self._violate("the message is not as its last event", message, events)
        if message.times != {event.status: event.at_ms for event in events[1:]}:
            self._violate("its times are not those of its events", message, events)
        for one, next_one in zip(events, events[1:]):
            if (one.status, next_one.status) not in LEGAL:
                self._violate("not a legal move", message, one, next_one)
            given = one.status == QUEUED and next_one.status in (DISPATCHED, ACCEPTED)
            if next_one.attempt != one.attempt + given:
                self._violate("attempt", message, one, next_one)
            moved = one.status >= ACCEPTED and next_one.status != QUEUED
            if moved and next_one.device_id != one.device_id:
                self._violate("another phone after the release", message, one, next_one)

    def _check_end(self, database, lines, basic, resumed):
        for message_id in lines:
            if message_id not in database.messages:
                self._violate("sent, and not in the database", lines[message_id])
        for message in database.messages.values():
            sent = lines.get(message.id, [])
            if message.status not in SETTLED and not (
                    message.status in (ACCEPTED, SENDING) and is_of(basic, message.device_id)):
                self._violate("not settled", message, database.events[message.seq])
            if message.status in (SENT, DELIVERED) and not sent:
                self._violate("reported as sent, and no radio sent it", message)
            forgotten = sent and message.status == EXPIRED and sent[0][:3] in resumed  # its app found it too late to send it again
            if sent and message.status not in MAY_HAVE_LEFT and not forgotten:
                self._violate("sent, and the database says it was not", message, sent)
            if sent and sent[0].device_id != message.device_id:
                self._violate("sent by another phone", message, sent)
            if sent and sent[0].attempt not in (0, message.attempt):  # 0: a basic phone
                self._violate("sent in another attempt", message, sent)
            if sent:
                self._check_options(message, sent[0])

    def _check_options(self, message, line):
        options = message.options
        if options.target_device not in (None, line.device_id):
            self._violate("sent by a phone that it was not for", message, line)
        if options.send_at_ms is not None and line.at_ms < options.send_at_ms:
            self._violate("sent before its send_at", message, line)
        if options.expires_at_ms is not None and line.at_ms > options.expires_at_ms + IN_THE_RADIO_MS:
            self._violate("sent after its expires_at", message, line)

    def conclude(self):
        assert not self.violations, f"{len(self.violations)} violations:\n" + \
            "\n".join(self.violations[:20])


def _rests(gateway, basic, seen, fleets):
    """Whether nothing is in flight, or only messages that basic phones may have lost, unchanged for REST_SECONDS; and no phone
    waits for the acknowledgement of an SMS."""
    if not all(row.answered for fleet in fleets for row in read_received(fleet)):
        return False
    table = "message_state" if gateway.is_on_postgresql else "message"
    open_ones = gateway.query(f"SELECT seq, status, device_id FROM {table}"
                              " WHERE status BETWEEN 0 AND 3 ORDER BY seq")
    if open_ones != seen[0]:
        seen[:] = open_ones, time.monotonic()
    lost = all(status in (ACCEPTED, SENDING) and is_of(basic, device_id)
               for _, status, device_id in open_ones)
    return not open_ones or (lost and time.monotonic() - seen[1] > REST_SECONDS)


def settle_and_check(gateway, promised, fleets, checker=None, limit=LOAD_LIMIT_SECONDS, basic=(), webhooks=None):
    """Call it after the faults have stopped: it waits until nothing is in flight, and then the ledgers must agree. `basic` and
    `webhooks`: see Checker.check. Returns the database."""
    checker = checker or Checker(gateway)
    seen = [None, 0]
    wait_for(lambda: _rests(gateway, basic, seen, fleets), "everything to settle", limit)
    radio = (line for fleet in fleets for line in read_radio(fleet.ledger_path))
    received = [row for fleet in fleets for row in read_received(fleet)]
    if webhooks:
        webhooks.wait_all(gateway, limit)
    resumed = set().union(*map(read_resumed, fleets))
    database = checker.check(promised, radio, settled=True, basic=basic, received=received, webhooks=webhooks, resumed=resumed)
    checker.conclude()
    return database
