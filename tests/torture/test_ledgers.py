"""The checker of ledgers itself: it finds every ledger that was tampered with."""

import sqlite3
import uuid

import pytest

from harness.ledgers import Checker, RadioLine, read_radio
from harness.waiting import wait_for

FIRST = "(SELECT min(seq) FROM message)"


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture
def run(make_gateway, make_phones):
    """A gateway that has delivered three messages and stands still: (gateway, ids, radio)."""
    gateway = make_gateway().start()
    phones = make_phones(gateway, 1, "--send-ms", "1", "--report-ms", "1")
    ids = [gateway.api.send()["message_id"] for _ in range(3)]
    wait_for(lambda: gateway.query("SELECT count FROM message_count WHERE status = 5") == [(3,)],
             "the messages to be delivered")
    phones.stop()
    gateway.stop()
    return gateway, ids, read_radio(phones.ledger_path)


def violations(gateway, promised, radio):
    checker = Checker(gateway)
    checker.check(promised, radio, settled=True)
    return checker.violations


def change(gateway, *statements):
    """Changes the database as no gateway would."""
    database = sqlite3.connect(gateway.database)
    for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"
                                  ).fetchall():
        database.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def test_an_honest_run_passes(run):
    assert violations(*run) == []


@pytest.mark.parametrize("promised, radio, rule", [
    (lambda ids: [*ids, str(uuid.uuid4())], lambda lines: lines, "promised and lost"),
    (lambda ids: ids, lambda lines: [*lines, lines[0]], "sent more than once"),
    (lambda ids: ids, lambda lines: lines[1:], "reported as sent, and no radio sent it"),
    (lambda ids: ids, lambda lines: [*lines, RadioLine("phone", str(uuid.uuid4()), 1)],
     "sent, and not in the database"),
    (lambda ids: ids, lambda lines: [lines[0]._replace(device_id="other"), *lines[1:]],
     "sent by another phone"),
    (lambda ids: ids, lambda lines: [lines[0]._replace(attempt=2), *lines[1:]],
     "sent in another attempt"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_ledger_that_does_not_agree_is_noticed(run, promised, radio, rule):
    gateway, ids, lines = run
    found = violations(gateway, promised(ids), radio(lines))
    assert len(found) == 1 and found[0].startswith(rule), found


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
])
def test_a_database_that_does_not_agree_is_noticed(run, statement, rule):
    gateway, ids, lines = run
    change(gateway, statement)
    assert any(found.startswith(rule) for found in violations(gateway, ids, lines))


def test_an_event_that_is_changed_afterwards_is_noticed(run):
    gateway, ids, lines = run
    checker = Checker(gateway)
    checker.check(ids, lines, settled=True)
    change(gateway, f"UPDATE message_event SET at_ms = 1 WHERE message_seq = {FIRST} AND number = 2")
    checker.check(ids, lines, settled=True)
    assert [found.split(":")[0] for found in checker.violations] == \
        ["its times are not those of its events", "an event was changed"]
