"""The checker of ledgers itself: it finds every ledger that was tampered with."""

import shutil
import sqlite3
import uuid

import pytest

from harness.ledgers import Checker, RadioLine, Received, read_radio, read_received
from harness.load import Promised
from harness.phone_sim import AssuredPhones
from harness.waiting import wait_for

FIRST = "(SELECT min(seq) FROM message)"


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture(scope="module")
def run(module_gateway):
    """A gateway that has delivered three messages, has one SMS in its inbox, and stands still: (gateway, ids, radio, received)."""
    gateway = module_gateway().start()
    phones = AssuredPhones(gateway, 1, "--send-ms", "1", "--report-ms", "1", "--receive", "Hello")
    ids = [gateway.api.send()["message_id"] for _ in range(3)]
    wait_for(lambda: gateway.query("SELECT count FROM message_count WHERE status = 5") == [(3,)],
             "the messages to be delivered")
    wait_for(lambda: [row.answered for row in read_received(phones)] == [1], "the SMS to be acknowledged")
    phones.stop()
    gateway.stop()
    return gateway, ids, read_radio(phones.ledger_path), read_received(phones)


@pytest.fixture
def database(run, tmp_path):
    """A copy of the gateway's database."""
    for path in run[0].database.parent.glob("sms-gateway.db*"):  # with its log
        shutil.copy(path, tmp_path)
    return tmp_path / run[0].database.name


def violations(run, promised=None, radio=None, database=None, received=None):
    gateway, ids, lines, journal = run
    checker = Checker(gateway)
    checker.check(ids if promised is None else promised, lines if radio is None else radio, settled=True,
                  database_path=database, received=journal if received is None else received)
    return checker.violations


def change(path, *statements):
    """Changes a database as no gateway would."""
    database = sqlite3.connect(path)
    for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"
                                  ).fetchall():
        database.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def test_an_honest_run_passes(run):
    assert violations(run) == []


@pytest.mark.parametrize("promised, radio, rule", [
    (lambda ids: [*ids, str(uuid.uuid4())], lambda lines: lines, "promised and lost"),
    (lambda ids: ids, lambda lines: [*lines, lines[0]], "sent more than once"),
    (lambda ids: ids, lambda lines: lines[1:], "reported as sent, and no radio sent it"),
    (lambda ids: ids, lambda lines: [*lines, RadioLine("phone", str(uuid.uuid4()), 1, 0)],
     "sent, and not in the database"),
    (lambda ids: ids, lambda lines: [lines[0]._replace(device_id="other"), *lines[1:]],
     "sent by another phone"),
    (lambda ids: ids, lambda lines: [lines[0]._replace(attempt=2), *lines[1:]],
     "sent in another attempt"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_ledger_that_does_not_agree_is_noticed(run, promised, radio, rule):
    found = violations(run, promised(run[1]), radio(run[2]))
    assert len(found) == 1 and found[0].startswith(rule), found


@pytest.mark.parametrize("received, rule", [
    (lambda rows: [*rows, Received("phone", "other", "72000", "text", 0)], "received, and not in the inbox"),
    (lambda rows: [*rows, Received("phone", "other", "72000", "text", 1)], "acknowledged, and not in the inbox"),
    (lambda rows: [rows[0]._replace(text="another")], "not in the inbox as it was received"),
    (lambda rows: [rows[0]._replace(received_id="other")], "in the inbox, and not in the journal"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_journal_of_received_sms_that_does_not_agree_is_noticed(run, received, rule):
    assert any(found.startswith(rule) for found in violations(run, received=received(run[3])))


def test_options_that_were_asked_for_and_are_not_there_are_noticed(run, database):
    change(database, f"UPDATE message SET text = 'key 1', reference = 'a' WHERE seq = {FIRST}")
    for asked, expected in ("a", []), ("b", ["its options are not those that were asked for"]):
        promised = Promised(run[1], {}, {"key 1": {"reference": asked}})
        assert [found.split(":")[0] for found in violations(run, promised, database=database)] == expected


@pytest.mark.parametrize("statement, rule", [
    (f"UPDATE message SET status = 8 WHERE seq = {FIRST}", "sent, and the database says it was not"),
    (f"UPDATE message SET status = 2 WHERE seq = {FIRST}", "not settled"),
    ("UPDATE message_count SET count = 4 WHERE status = 5", "counts"),
    (f"DELETE FROM message_event WHERE message_seq = {FIRST} AND number = 3", "events are not 1, 2, 3"),
    (f"UPDATE message_event SET status = 8 WHERE message_seq = {FIRST} AND number = 3", "not a legal move"),
    (f"UPDATE message_event SET attempt = 2 WHERE message_seq = {FIRST} AND number = 4", "attempt"),
    (f"UPDATE message_event SET device_id = 'x' WHERE message_seq = {FIRST} AND number = 4",
     "another phone after the release"),
    (f"DELETE FROM message_event WHERE message_seq = {FIRST}", "events are not 1, 2, 3"),
    (f"UPDATE message SET delivered_at_ms = 1 WHERE seq = {FIRST}", "its times are not those of its events"),
    (f"DELETE FROM message WHERE seq = {FIRST}", "events of no message"),
    (f"UPDATE message SET send_at_ms = 1 << 50 WHERE seq = {FIRST}", "sent before its send_at"),
    (f"UPDATE message SET expires_at_ms = 1 WHERE seq = {FIRST}", "sent after its expires_at"),
    (f"UPDATE message SET target_device = 'other' WHERE seq = {FIRST}", "sent by a phone that it was not for"),
    ("INSERT INTO batch VALUES (randomblob(16), 1, NULL, 3)", "a part of a batch"),
])
def test_a_database_that_does_not_agree_is_noticed(run, database, statement, rule):
    change(database, statement)
    assert any(found.startswith(rule) for found in violations(run, database=database))


def test_an_event_that_is_changed_afterwards_is_noticed(run, database):
    gateway, ids, lines, _ = run
    checker = Checker(gateway)
    checker.check(ids, lines, settled=True, database_path=database)
    change(database, f"UPDATE message_event SET at_ms = 1 WHERE message_seq = {FIRST} AND number = 2")
    checker.check(ids, lines, settled=True, database_path=database)
    assert [found.split(":")[0] for found in checker.violations] == \
        ["its times are not those of its events", "an event was changed"]
