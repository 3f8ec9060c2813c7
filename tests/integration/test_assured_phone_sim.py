"""phone-sim at the assured level against a scripted gateway: its journal and its radio ledger agree, whenever it is
killed."""

import random
import signal
import sqlite3
import subprocess
import uuid
from collections import Counter

import pytest

from harness.assured_gateway import AssuredGateway, Message
from harness.gateway import programs_folder
from harness.waiting import LIMIT_SECONDS, wait_for

INSTANTS = ["frame-read", "frame-written", "before-commit", "after-commit", "before-ledger",
            "after-ledger", "after-sync"]


class Phones:
    """phone-sim with a journal and a ledger, started again and again, and a gateway that, unless the
    phones are told to misbehave, looks into both with each frame it reads."""

    def __init__(self, build, folder, *options, **habits):
        self.program = programs_folder(build) / "phone-sim"
        self.options = options
        self.journal, self.ledger, self.log = folder / "j.db", folder / "ledger", folder / "log"
        self.ledger.touch()
        self.reports = {}
        self.frames = []  # all that were read
        self.also_on_frame = lambda session, frame: None
        self.trusts = False
        self.gateway = AssuredGateway(on_frame=self._look, **habits)
        self.process = None

    def start(self, *options):
        command = [self.program, "--url", self.gateway.url, "--assured", "--id", "p",
                   "--journal", self.journal, "--ledger", self.ledger, "--send-ms", "0-4",
                   "--report-ms", "0-8", "--update-seconds", "0", *self.options, *options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)

    def stop(self, expected=0):
        self.process.terminate()
        assert self.process.wait(LIMIT_SECONDS) == expected, self.log.read_text()

    def wait_killed(self):
        assert self.process.wait(LIMIT_SECONDS) == -signal.SIGKILL, self.log.read_text()

    def new_messages(self, count):
        messages = [Message(str(uuid.uuid4())) for _ in range(count)]
        self.gateway.send(*messages)
        return messages

    def settled(self):
        """Nothing more will come: each message has its end, and each report and incoming SMS was taken."""
        final = self.gateway.count("delivered", "failed", "cancelled", "unknown", "sent")
        return final == len(self.gateway.messages) and not self.rows("report", "") and \
            not self.rows("incoming", "WHERE answered = 0")

    def read(self, kind):
        """All frames of a type that were read, in their order."""
        return [frame for _, frame in list(self.frames) if frame["type"] == kind]

    def left(self):
        """(message id, attempt) of each SMS that left."""
        lines = [line.split() for line in self.ledger.read_text().splitlines()]
        assert all(len(line) == 5 for line in lines)
        return [(line[2], int(line[3])) for line in lines]

    def rows(self, table, where, *values):
        """What is committed."""
        journal = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=LIMIT_SECONDS)
        try:
            journal.row_factory = sqlite3.Row
            return journal.execute(f"SELECT * FROM {table} {where}", values).fetchall()
        finally:
            journal.close()

    # ---- With each frame, in the gateway's thread ----

    def _look(self, session, frame):
        self.frames.append((session, frame))
        if not self.trusts:
            self._check(session, frame)
        self.also_on_frame(session, frame)

    def _check(self, session, frame):
        message_id, attempt = frame.get("message_id"), frame.get("attempt")
        if frame["type"] == "sms_received":
            assert self.rows("incoming", "WHERE device_id = ? AND received_id = ?", session.device_id, frame["received_id"])
        if frame["type"] == "hello":
            assert [row["epoch"] for row in self.rows("phone", "WHERE device_id = ?",
                                                      session.device_id)] == [frame["journal"]]
        entries = self.rows("entry", "WHERE device_id = ? AND message_id = ?", session.device_id,
                            message_id)
        if frame["type"] in ("ack", "report"):
            assert entries, f"{frame} is not in the journal"
        if frame["type"] == "ack":
            assert entries[0]["attempt"] >= attempt
        if frame["type"] == "report":
            self._check_report(session, frame, entries[0])

    def _check_report(self, session, frame, entry):
        status, attempt = frame["status"], frame["attempt"]
        key = (session.device_id, session.epoch, frame["seq"])
        assert self.reports.setdefault(key, frame) == frame
        assert self.rows("report", "WHERE device_id = ? AND seq = ?", session.device_id,
                         frame["seq"])
        if entry["attempt"] == attempt:
            assert entry["state"] in (("submitting", "done") if status == "sending" else ("done",))
        if status in ("sent", "delivered"):
            assert (frame["message_id"], attempt) in self.left()


@pytest.fixture
def make_phones(build, tmp_path):
    made = []

    def make(*options, **habits):
        made.append(Phones(build, tmp_path, *options, **habits))
        made[-1].gateway.__enter__()
        return made[-1]

    yield make
    for phones in made:
        if phones.process and phones.process.poll() is None:
            phones.process.kill()
            phones.process.wait()
        phones.gateway.__exit__()


def check_none_left_twice(phones):
    """And what was received is passed on: all that is in the journal, and nothing else."""
    journaled = {(row["device_id"], row["received_id"]): row["text"] for row in phones.rows("incoming", "")}
    assert journaled == {key: frame["message"] for key, frame in phones.gateway.incoming.items()}
    twice = [key for key, times in Counter(id for id, _ in phones.left()).items() if times > 1]
    assert not twice
    assert not phones.gateway.broken_rules


# ---- Killed ----


@pytest.mark.parametrize("store", [(), ("--check-sent-store",)], ids=["", "store"])
@pytest.mark.parametrize("instant", INSTANTS)
def test_killed_at_any_instant_it_sends_once_and_knows_what_it_did(make_phones, instant, store):
    phones = make_phones(*store)
    for nth in (1, 2, 3, 4, 7, 11):
        phones.new_messages(nth + 1)
        phones.start("--kill-at", f"{instant}:{nth}", "--receive-rate", "100")
        phones.wait_killed()
    phones.start("--receive", "the last")
    wait_for(phones.settled, "all messages to have their end")
    phones.stop()
    check_none_left_twice(phones)
    left = {message_id for message_id, _ in phones.left()}
    unknown = 0
    for message in phones.gateway.messages.values():
        unknown += message.status == "unknown"
        if message.status in ("sent", "delivered"):
            assert message.message_id in left
        else:
            assert message.status == "unknown"
            assert not store or message.message_id not in left
    if instant in ("before-ledger", "after-ledger", "after-sync"):
        assert unknown == (0 if store and instant != "before-ledger" else 6)
    assert unknown <= 6


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_cut_off_at_random_it_sends_once(make_phones, seed):
    dice = random.Random(seed)
    phones = make_phones("--failure-rate", "0.3", "--count", "3", "--seed", str(seed + 1))
    kill_after = [0]

    def count_down(session, frame):
        kill_after[0] -= 1
        if kill_after[0] == 0:
            phones.process.kill()
        if dice.random() < 0.02:
            raise ConnectionError

    phones.also_on_frame = count_down
    for _ in range(12):
        phones.new_messages(8)
        kill_after[0] = dice.randrange(3, 25)
        phones.start("--receive-rate", "100")
        phones.wait_killed()
    phones.also_on_frame = lambda session, frame: None
    phones.start()
    wait_for(phones.settled, "all messages to have their end")
    phones.stop()
    check_none_left_twice(phones)
    left = {message_id for message_id, _ in phones.left()}
    for message in phones.gateway.messages.values():
        if message.status in ("sent", "delivered"):
            assert message.message_id in left


def test_stopped_in_good_order_it_leaves_nothing_unknown(make_phones):
    phones = make_phones()
    for _ in range(6):
        phones.new_messages(5)
        before = len(phones.left())
        phones.start()
        wait_for(lambda: len(phones.left()) > before, "something to leave")
        phones.stop()
    phones.start()
    wait_for(phones.settled, "all messages to have their end")
    phones.stop()
    check_none_left_twice(phones)
    assert phones.gateway.count("sent", "delivered") == 30 == len(phones.left())


# ---- Told to misbehave ----


@pytest.fixture
def start_bad_phones(make_phones):
    def start(count, *options):
        phones = make_phones(*options)
        phones.trusts = True
        phones.new_messages(count)
        phones.start()
        return phones

    return start


def statuses(phones):
    return Counter(message.status for message in phones.gateway.messages.values())


def test_an_sms_that_certainly_was_not_sent_is_offered_again(start_bad_phones):
    phones = start_bad_phones(2, "--failure-rate", "1", "--failure-code", "no_service,radio_off")
    wait_for(phones.settled, "the failures")
    assert statuses(phones) == {"failed": 2} and not phones.left()
    assert len(phones.read("ack")) == 20
    phones.stop()


def test_a_part_that_left_is_in_the_ledger(start_bad_phones):
    phones = start_bad_phones(2, "--failure-rate", "1", "--failure-code", "no_service",
                              "--failure-parts", "2")
    wait_for(lambda: len(phones.read("report")) == 4, "the failures")
    assert [report["parts_sent"] for report in phones.read("report")
            if report["status"] == "failed"] == [2, 2]
    assert len(phones.left()) == 2
    phones.stop()


def test_an_offer_is_refused_with_nack(start_bad_phones):
    phones = start_bad_phones(2, "--nack-rate", "1", "--nack-code", "no_sim")
    wait_for(phones.settled, "the refusals")
    assert {nack["code"] for nack in phones.read("nack")} == {"no_sim"}
    assert len(phones.read("nack")) == 20 and not phones.read("ack") and not phones.left()
    phones.stop()


def test_a_lie_differs_from_the_ledger(start_bad_phones):
    phones = start_bad_phones(5, "--lie", "1", "--failure-code", "network_error")
    wait_for(phones.settled, "the lies")
    assert statuses(phones) == {"failed": 5} and len(phones.left()) == 5
    phones.stop()


def test_a_lost_journal_has_a_new_epoch(start_bad_phones):
    phones = start_bad_phones(40, "--lose-journal-every", "1", "--send-ms", "20-60")
    wait_for(lambda: len(phones.gateway.hellos) >= 3, "two losses")
    assert len({session.epoch for session in phones.gateway.hellos}) >= 3
    assert not any(session.entries for session in phones.gateway.hellos)
    wait_for(phones.settled, "all messages to have their end")
    assert statuses(phones)["unknown"] > 0
    check_none_left_twice(phones)
    phones.stop()


def test_a_clone_has_the_same_journal_and_fights(start_bad_phones):
    phones = start_bad_phones(3, "--clone", "1", "--send-ms", "60000")
    wait_for(lambda: len(phones.gateway.hellos) >= 4, "them to fight")
    assert len({session.epoch for session in phones.gateway.hellos}) == 1
    assert [entry["state"] for entry in phones.gateway.hellos[1].entries] == ["released"] * 3
    assert "unknown" in [report["status"] for report in phones.read("report")]
    phones.stop()


def test_held_back_frames_overtake_each_other(start_bad_phones):
    phones = start_bad_phones(30, "--reorder", "--delay", "0-30")
    wait_for(phones.settled, "all messages to have their end")
    numbers = [report["seq"] for report in phones.read("report")]
    assert numbers != sorted(numbers)
    assert statuses(phones) == {"delivered": 30}
    phones.stop()

    in_order = start_bad_phones(30, "--delay", "0-30")
    wait_for(in_order.settled, "all messages to have their end")
    numbers = [report["seq"] for report in in_order.read("report")]
    assert numbers == sorted(numbers)
    in_order.stop()


def test_a_phone_that_stops_reading_still_writes(start_bad_phones):
    phones = start_bad_phones(1, "--stop-reading", "1", "--update-seconds", "1")
    wait_for(lambda: "reads nothing more" in phones.log.read_text(), "it to stop reading")
    phones.new_messages(1)
    before = len(phones.read("device_update"))
    wait_for(lambda: len(phones.read("device_update")) >= before + 2, "updates")
    assert len(phones.read("ack")) == 1 and statuses(phones)["dispatched"] == 1
    phones.stop()


# ---- The rest of the conversation ----


def test_a_message_is_revoked_until_the_radio_has_it(make_phones):
    phones = make_phones("--send-ms", "600000", "--credit", "3")
    first, second, third = phones.new_messages(3)
    phones.start()
    wait_for(lambda: phones.gateway.count("sending") == 1 and phones.gateway.count("accepted") == 2,
             "the releases")
    assert phones.read("hello")[0]["credit"] == 3
    for message in (first, second):
        phones.gateway.revoke(message.message_id)
    wait_for(lambda: second.status == "cancelled", "the cancellation")
    assert (first.status, third.status) == ("sending", "accepted")
    phones.stop()
    assert not phones.left() and not phones.gateway.broken_rules


def test_reports_are_sent_again_until_they_are_acknowledged(make_phones):
    phones = make_phones(acknowledge_reports=False)
    phones.new_messages(2)
    phones.start()
    wait_for(lambda: len(phones.read("report")) == 6, "the reports")
    first = phones.read("report")
    phones.process.kill()
    phones.wait_killed()
    phones.frames.clear()
    phones.start()
    wait_for(lambda: len(phones.read("report")) == 6, "the reports again")
    assert phones.read("report") == first
    assert len(phones.read("journal")[0]["entries"]) == 2
    phones.gateway.acknowledge_reports = True
    phones.stop()
    phones.start()
    wait_for(phones.settled, "the acknowledgements")
    phones.stop()
    check_none_left_twice(phones)


def test_credit_may_change(make_phones):
    phones = make_phones("--credit", "1-200")
    phones.options += ("--update-seconds", "1")
    phones.start()
    wait_for(lambda: len(phones.read("credit")) >= 1, "another credit")
    phones.stop()
