"""Clients cancel at any moment (F41): a DELETE meets the offer, the ack, the release and the radio. A message is
cancelled or sent, never both."""

import json
import os
import random
import time
from collections import Counter, defaultdict

import pytest

from harness.ledgers import (ACCEPTED, CANCELLED, DELIVERED, DISPATCHED, QUEUED, SENT, STATUSES,
                             UNKNOWN, is_of, settle_and_check)
from harness.load import REFUSALS, Load
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for

ENOUGH = 200 if "TORTURE_LONG" in os.environ else 10


@pytest.fixture(scope="session")
def build():
    return os.environ.get("TORTURE_BUILD", "release")


class FickleLoad(Load):
    """Clients that send, and soon after, once or twice, cancel what they have sent."""

    def __init__(self, *arguments, **options):
        self.answers = defaultdict(list)  # message id -> (HTTP status, status of the message)
        super().__init__(*arguments, **options)

    def _send(self, connection, key):
        status, body, stays = super()._send(connection, key)
        if status == 202 and stays:
            message_id = json.loads(body)["message_id"]
            for _ in range(random.randint(1, 2)):
                # The moment is what is tried out here: nothing is waited for.
                time.sleep(random.uniform(0, 0.08))
                stays = self._cancel(connection, message_id)
        return status, body, stays

    def _cancel(self, connection, message_id):
        connection.request("DELETE", f"/api/sms/{message_id}",
                           headers=self.gateway.authorization())
        answer = connection.getresponse()
        body = json.loads(answer.read())
        with self._lock:
            self.answers[message_id].append((answer.status, body.get("code", body.get("status"))))
        return not answer.will_close

    def count(self, answer):
        with self._lock:
            return sum(answer in dict(answers) for answers in self.answers.values())


def every_race_was_run(gateway, load):
    """Cancelled before the phone knew, and by it, also by a polled one; too late for the API, and for the phone."""
    cancelled_when = Counter(dict(gateway.query(
        "SELECT coalesce(before.status, 0), count(*) FROM message_event AS now"
        " LEFT JOIN message_event AS before ON before.message_seq = now.message_seq"
        " AND before.number = now.number - 1"
        " WHERE now.status = ? GROUP BY 1", CANCELLED)))
    by_apps = gateway.count_messages("cancel_requested = 1 AND status = ? AND device_id LIKE 'polled-%'", CANCELLED)
    in_vain = gateway.count_messages("cancel_requested = 1 AND status IN (?, ?)", SENT, DELIVERED)
    return by_apps > 0 and ENOUGH <= min(cancelled_when[QUEUED], cancelled_when[DISPATCHED],
                         cancelled_when[ACCEPTED], load.count(409), in_vain)


@pytest.mark.parametrize("victims", [(), ("broker", "phones", "apps")],
                         ids=lambda victims: " and ".join(victims) or "nobody")
def test_a_message_is_cancelled_or_sent(make_gateway, make_phones, make_load, victims):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=1).start()
    phones = make_phones(gateway, 6, "--send-ms", "20-60", "--report-ms", "1-20", "--delay", "0-20",
                         "--failure-rate", "0.02", "--failure-code", "no_service")
    apps = make_phones(gateway, [("1.75.0", 1), ("1.68.0", 1)], "--send-ms", 20, 60, "--report-ms", 1, 20)
    killed = {"broker": gateway.ws_broker, "phones": phones, "apps": apps}
    load = make_load(gateway, 250, threads=16, kind=FickleLoad)

    def strike():
        if victims:
            time.sleep(random.uniform(0.05, 0.5))  # as above
            victim = killed[random.choice(victims)]
            victim.kill()
            victim.start()
        return every_race_was_run(gateway, load)

    wait_for(strike, "every race to be run", 3 * LOAD_LIMIT_SECONDS)
    database = settle_and_check(gateway, load.stop(), [phones, apps])
    allowed = {SENT, DELIVERED, CANCELLED} | ({UNKNOWN} if "phones" in victims else set())
    assert set(database.statuses()) <= allowed, database.statuses_by_name()
    for message in database.messages.values():
        check_answers(message, load.answers[message.id])


def check_answers(message, answers):
    """The radios' ledgers were held against the database; here are the clients'."""
    answers = [answer for answer in answers if answer[0] not in REFUSALS]
    statuses = [status for status, _ in answers]
    assert set(answers) <= {(200, "cancelled"), (409, "not_cancellable")} | {
        (202, word) for word in STATUSES}, answers
    # That an app says it has cancelled proves nothing: what it sends at the same instant counts.
    word_of_an_app = is_of(["polled"], message.device_id) and 202 in statuses and message.status in (SENT, DELIVERED)
    if 200 in statuses and not word_of_an_app:  # that was a promise
        assert message.status == CANCELLED, (message, answers)
        assert set(statuses[statuses.index(200):]) == {200}, answers
    elif message.status == CANCELLED:  # its phone gave it back, because it was asked to
        assert 202 in statuses, (message, answers)
