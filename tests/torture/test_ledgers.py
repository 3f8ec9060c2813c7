"""The checker of ledgers itself: it finds every ledger that was tampered with."""

import shutil
import sqlite3
import uuid

import pytest

from harness.ledgers import Checker, RadioLine, Received, read_radio, read_received
from harness.load import Promised
from harness.phone_sim import AssuredPhones
from harness.waiting import wait_for
from harness.webhook_ledger import LedgerReceiver

FIRST = "(SELECT min(seq) FROM message)"


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture(scope="module")
def run(module_gateway):
    """A gateway that has delivered three messages, has one SMS in its inbox, has told a webhook of all that, and stands still:
    (gateway, ids, radio, received, receiver)."""
    gateway = module_gateway(WEBHOOK_LOOPBACK="allowed").start()
    receiver = LedgerReceiver()
    receiver.create_webhook(gateway, "hook", ["message.*", "inbox.received"])
    gateway.webhook_sender.start()
    phones = AssuredPhones(gateway, 1, "--send-ms", "1", "--report-ms", "1", "--receive", "Hello")
    ids = [gateway.api.send()["message_id"] for _ in range(3)]
    wait_for(lambda: gateway.query("SELECT count FROM message_count WHERE status = 5") == [(3,)],
             "the messages to be delivered")
    wait_for(lambda: [row.answered for row in read_received(phones)] == [1], "the SMS to be acknowledged")
    phones.stop()
    receiver.wait_all(gateway)
    gateway.stop()
    receiver.close()
    return gateway, ids, read_radio(phones.ledger_path), read_received(phones), receiver


@pytest.fixture
def database(run, tmp_path):
    """A copy of the gateway's database."""
    for path in run[0].database.parent.glob("sms-gateway.db*"):  # with its log
        shutil.copy(path, tmp_path)
    return tmp_path / run[0].database.name


class Tampered:
    """A receiver of webhooks with another ledger."""

    def __init__(self, receiver, change):
        self.ledger = change(receiver.read())
        self.read = lambda: self.ledger
        self.check = lambda outbox, before: LedgerReceiver.check(self, outbox, before)
        self.missing = lambda got: LedgerReceiver.missing(self, got)
        self.webhooks, self.settled_to, self.asked = receiver.webhooks, receiver.settled_to, receiver.asked


def violations(run, promised=None, radio=None, database=None, received=None, webhooks=None, resumed=()):
    gateway, ids, lines, journal, receiver = run
    checker = Checker(gateway)
    checker.check(ids if promised is None else promised, lines if radio is None else radio, settled=True,
                  database_path=database, received=journal if received is None else received, webhooks=webhooks or receiver, resumed=resumed)
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


@pytest.mark.parametrize("change, rules", [
    (lambda line: line, []),
    (lambda line: line._replace(device_id="other"), ["sent more than once"]),
    (lambda line: line._replace(attempt=2), ["sent more than once"]),
], ids=["by the same app", "by another phone", "in another attempt"])
def test_only_an_app_that_was_killed_may_send_once_more(run, change, rules):
    lines = run[2]
    found = violations(run, radio=[*lines, change(lines[0])], resumed={lines[0][:3]})
    assert [violation.split(":")[0] for violation in found] == rules, found


@pytest.mark.parametrize("received, rule", [
    (lambda rows: [*rows, Received("phone", "other", "72000", "text", 0)], "received, and not in the inbox"),
    (lambda rows: [*rows, Received("phone", "other", "72000", "text", 1)], "acknowledged, and not in the inbox"),
    (lambda rows: [rows[0]._replace(text="another")], "not in the inbox as it was received"),
    (lambda rows: [rows[0]._replace(received_id="other")], "in the inbox, and not in the journal"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_journal_of_received_sms_that_does_not_agree_is_noticed(run, received, rule):
    assert any(found.startswith(rule) for found in violations(run, received=received(run[3])))


@pytest.mark.parametrize("change, rules", [
    (lambda got: got[:-1], ["noted as delivered, and its receiver did not take it", "asked for, and never taken"]),
    (lambda got: [*got, got[0]], []),  # a try whose answer was lost
    (lambda got: [got[0]._replace(taken=False), *got], []),
    (lambda got: [*got[:-1], got[-1]._replace(taken=False)], ["noted as delivered, and its receiver did not take it", "asked for, and never taken"]),
    (lambda got: [*got, got[0]._replace(name="evt_0")], ["came again with another webhook-id"]),
    (lambda got: [*got, got[0]._replace(name=got[1].name)], ["came again with another webhook-id", "two events with one webhook-id"]),
    (lambda got: [*got, got[0]._replace(event_id=10 ** 6, name="evt_0")], ["arrived, and is not in the outbox"]),
    (lambda got: [*got, got[0]._replace(event_id=unwanted(got), name="evt_0")], ["arrived, and was not asked for"]),
    (lambda got: [*got, got[0]._replace(told=got[0].told._replace(device_id="other"))],
     ["arrived otherwise than it is in the outbox"]),
    (lambda got: [*got, got[0]._replace(is_signed=False)], ["arrived without its signature"]),
    (lambda got: got[::-1], ["arrived before an earlier event of its message"]),
    # The cursor was moved past a failed event.
    (lambda got: [one._replace(taken=one.taken and one.told.type != "message.sending") for one in got],
     ["arrived before an earlier event of its message", "noted as delivered, and its receiver did not take it",
      "asked for, and never taken"]),
])
def test_a_receiver_that_does_not_agree_is_noticed(run, change, rules):
    found = violations(run, webhooks=Tampered(run[4], change))
    assert list(dict.fromkeys(violation.split(":")[0] for violation in found)) == rules, found


def test_an_event_that_is_asked_for_once_more_and_does_not_come_is_noticed(run):
    receiver = run[4]
    webhooks = Tampered(receiver, lambda got: [*got, got[2], got[0]._replace(taken=False)])
    first, last = ((receiver.ledger[at].path, receiver.ledger[at].event_id, len(receiver.ledger)) for at in (2, 0))
    webhooks.asked = [first, last]
    found = violations(run, webhooks=webhooks)
    assert [violation.split(":")[0] for violation in found] == ["asked for once more, and not taken since"]
    assert str(last[1]) in found[0]


def unwanted(got):
    """An event that is there, such as a phone that has connected, and that the webhook does not ask for."""
    ids = {one.event_id for one in got}
    return next(number for number in range(max(ids), 0, -1) if number not in ids)


def test_options_that_were_asked_for_and_are_not_there_are_noticed(run, database):
    change(database, f"UPDATE message SET text = 'key 1', reference = 'a' WHERE seq = {FIRST}")
    for asked, expected in ("a", []), ("b", ["its options are not those that were asked for"]):
        promised = Promised(run[1], {}, {"key 1": {"reference": asked}})
        assert [found.split(":")[0] for found in violations(run, promised, database=database)] == expected


@pytest.mark.parametrize("statement, rule", [
    (f"UPDATE message SET status = 8 WHERE seq = {FIRST}", "sent, and the database says it was not"),
    (f"UPDATE message SET status = 2, phase = 1 WHERE seq = {FIRST}", "not settled"),
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
    ("INSERT INTO batch (id, created_at_ms, count) VALUES (randomblob(16), 1, 3)", "a part of a batch"),
])
def test_a_database_that_does_not_agree_is_noticed(run, database, statement, rule):
    change(database, statement)
    assert any(found.startswith(rule) for found in violations(run, database=database))


def test_an_event_that_is_changed_afterwards_is_noticed(run, database):
    gateway, ids, lines, *_ = run
    checker = Checker(gateway)
    checker.check(ids, lines, settled=True, database_path=database)
    change(database, f"UPDATE message_event SET at_ms = 1 WHERE message_seq = {FIRST} AND number = 2")
    checker.check(ids, lines, settled=True, database_path=database)
    assert [found.split(":")[0] for found in checker.violations] == \
        ["its times are not those of its events", "an event was changed"]
