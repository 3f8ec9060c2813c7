"""A database of schema version 1, with messages in every state there was, is upgraded (F44)."""

import sqlite3
import time
import uuid

import pytest

from harness.gateway import ROOT
from harness.ledgers import (ACCEPTED, CANCELLED, DELIVERED, DISPATCHED, EXPIRED, FAILED, QUEUED,
                             SENDING, SENT, STATUSES, UNKNOWN, Checker, read_radio)
from harness.phone import AssuredPhone, Phone
from harness.phone_sim import AssuredPhones
from harness.schemas import bring_forward, columns_of, read_schema, read_tables
from harness.waiting import LIMIT_SECONDS, wait_for

EMPTY_BATTERY = {"battery_level": 0}
APPLICATION_ID = 0x534D5347

# What became of a message, up to now; each is there once for each phone.
LIVES = {
    "new": [QUEUED],
    "taken back": [QUEUED, ACCEPTED, QUEUED],
    "offered": [QUEUED, DISPATCHED],
    "accepted": [QUEUED, ACCEPTED],
    "accepted again": [QUEUED, ACCEPTED, QUEUED, ACCEPTED],
    "sending": [QUEUED, ACCEPTED, SENDING],
    "sent": [QUEUED, ACCEPTED, SENDING, SENT],
    "delivered": [QUEUED, ACCEPTED, SENT, DELIVERED],
    "failed": [QUEUED, ACCEPTED, FAILED],
    "expired": [QUEUED, EXPIRED],
    "cancelled": [QUEUED, CANCELLED],
    "unknown": [QUEUED, ACCEPTED, SENDING, UNKNOWN],
}
# One was connected when the old gateway was stopped, one was not, one was never heard of again.
PHONES = ("there", "away", "lost")


def new_id(at_ms):
    """A UUIDv7, as the gateway makes them."""
    random = uuid.uuid4().int & ~(0xFFFFFFFFFFFFF << 76)
    return uuid.UUID(int=at_ms << 80 | 7 << 76 | random)


def write_life(database, life, device_id, at_ms):
    """Inserts a message as version 1 did, each change with its event; returns its id."""
    message_id = new_id(at_ms)
    seq = database.execute("SELECT coalesce(max(seq), 0) + 1 FROM message").fetchone()[0]
    attempt, holder = 0, None
    for number, status in enumerate(life, 1):
        if status in (DISPATCHED, ACCEPTED):
            attempt, holder = attempt + 1, device_id
        if status == QUEUED:
            holder = None
        code = "generic_failure" if status == FAILED else None
        database.execute("INSERT INTO message_event VALUES (?, ?, ?, ?, ?, ?, NULL, ?)",
                         (seq, number, status, attempt, holder, code, at_ms + number))
    database.execute("INSERT INTO message VALUES (?, ?, '+1234567890', 'Grüße', 1, 1, ?, ?, ?, ?,"
                     " NULL, ?, ?)", (seq, message_id.bytes, status, attempt, holder, code,
                                      len(life), at_ms + len(life)))
    database.execute("UPDATE message_count SET count = count + 1 WHERE status = ?", (status,))
    return str(message_id)


@pytest.fixture
def old(make_gateway):
    """A gateway that is yet to start, with an old database: (gateway, ids by life and phone)."""
    gateway = make_gateway(ACK_TIMEOUT_SECONDS=1)
    gateway.database.parent.mkdir()
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript((ROOT / "common/store/sqlite/sql/0001_initial.sql").read_text())
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("PRAGMA user_version = 1")
    now_ms = int(time.time() * 1000)
    broker = uuid.uuid4().bytes
    database.execute("INSERT INTO broker VALUES ('broker', ?, ?)", (broker, now_ms + 5000))
    for device_id, instance in (("there", broker), ("away", None)):
        database.execute("INSERT INTO device VALUES (?, 'Pixel 7', '14', 87.5, 0, -71, '{\"a\":1}',"
                         " 3, ?, ?, ?, ?)", (device_id, instance, now_ms, now_ms, now_ms))
    ids = {(life, device_id): write_life(database, LIVES[life], device_id, now_ms - 3600000 + i)
           for i, (life, device_id) in enumerate((life, device_id) for life in LIVES
                                                 for device_id in PHONES)}
    database.commit()
    database.close()
    return gateway, ids


def test_the_upgraded_database_is_as_a_new_one_and_has_all_that_the_old_one_had(old, make_gateway):
    gateway, ids = old
    columns = columns_of(gateway.database)
    before = read_tables(gateway.database, columns)
    bring_forward(before, columns, 1)
    assert {row[columns["message"].index("status")] for row in before["message"]} == set(range(len(STATUSES)))
    new = make_gateway()
    for process in (new.api_fcgi, gateway.api_fcgi, gateway.nginx):
        process.start()
    assert read_schema(gateway.database) == read_schema(new.database)
    assert read_tables(gateway.database, columns) == before
    assert set(gateway.query("SELECT journal, failures, not_before_ms, proved_attempt, report_seq,"
                             " revoke FROM message")) == {(None, 0, 0, 0, -1, 0)}
    for (life, device_id), message_id in ids.items():
        message = gateway.api.message(message_id)
        assert message["status"] == STATUSES[LIVES[life][-1]] and message["message"] == "Grüße"
        assert set(message["times"]) == {STATUSES[status] for status in LIVES[life]}
    checker = Checker(gateway)
    checker.check(ids.values(), [])
    checker.conclude()


def test_every_message_goes_on_from_where_it_was(old):
    gateway, ids = old
    gateway.ws_broker.start(ready=False)  # at once with the other
    for process in (gateway.api_fcgi, gateway.nginx):
        process.start()
    wait_for(lambda: not gateway.api.get("/api/sms?status=dispatched&limit=1").json()["total"],
             "what was offered by the old broker to be queued")
    for life in ("new", "taken back", "offered"):
        answer = gateway.api.request("DELETE", f"/api/sms/{ids[life, 'lost']}")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")

    # What was queued is sent, once; nothing else is.
    phones = AssuredPhones(gateway, 2, "--send-ms", "1-20", "--report-ms", "1-20", name="new")
    to_send = {ids[life, device_id] for life in ("new", "taken back", "offered")
               for device_id in ("there", "away")}
    for message_id in to_send:
        gateway.api.wait_status(message_id, "delivered")

    # The phones of then go on with theirs: one as it was, one with a journal now.
    there = Phone(gateway, "there", EMPTY_BATTERY)
    away = AssuredPhone(gateway, "away", info=EMPTY_BATTERY)
    for life in ("accepted", "accepted again", "sending", "sent", "failed", "unknown"):
        answer = gateway.api.request("DELETE", f"/api/sms/{ids[life, 'there']}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")
        there.report(ids[life, "there"], "delivered")
        away.report(ids[life, "away"], LIVES[life].count(ACCEPTED), "delivered")
    for life in LIVES:
        for device_id in ("there", "away"):
            if life not in ("expired", "cancelled"):
                gateway.api.wait_status(ids[life, device_id], "delivered")
        expected = CANCELLED if life in ("new", "taken back", "offered") else LIVES[life][-1]
        assert gateway.api.message(ids[life, "lost"])["status"] == STATUSES[expected]

    there.close()
    away.close()
    phones.stop()
    radio = read_radio(phones.ledger_path)
    assert {line.message_id for line in radio} == to_send
    checker = Checker(gateway)
    checker.check(ids.values(), radio)
    checker.conclude()
