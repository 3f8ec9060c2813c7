"""A broker drops a partition of events while clients and phones go on. Its clock, the server's and the API's leap together."""

import threading

import pytest

from harness.clock import LeapingClock
from harness.event_stream import EventStream
from harness.gateway import let_others_pass
from harness.phone import Phone
from harness.phone_sim import PhoneSim
from harness.postgresql import Server
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for

DAY = 86400
FIRST_DAYS = 8  # of the partition that a new database has
LATER = (FIRST_DAYS + 2) * DAY
OLD = 120       # messages: more than one piece of a purge
TURNS = 10


@pytest.fixture(scope="module")
def build():
    return "release"


class Repeated(threading.Thread):
    """One turn after another, in a thread of its own, until it is stopped; an assertion that fails ends it."""

    def __init__(self, turn, pause=0):
        super().__init__(daemon=True)
        self.turn, self.pause, self.turns, self.failure, self.ending = turn, pause, 0, None, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.ending.wait(self.pause):
                self.turn()
                self.turns += 1
        except Exception as failure:  # pylint: disable=broad-exception-caught
            if not self.ending.is_set():
                self.failure = failure

    def goes_on(self, turns):
        if self.failure:
            raise self.failure
        return self.turns >= turns

    def stop(self):
        self.ending.set()
        self.join()
        assert self.goes_on(0)


class Stream:
    """Follows the events as a browser does, which opens another stream where one has ended."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.stream = EventStream(gateway, key=gateway.api_key())
        self.ids, self.sent = [0], set()

    def turn(self):
        assert self.stream.status == 200, self.stream.problem
        event = self.stream.next()
        if event is None:
            self.stream = EventStream(self.gateway, key=self.gateway.api_key(), last_id=self.ids[-1])
            return
        assert event[0] != "reset", event
        assert self.stream.last_id > self.ids[-1]
        self.ids.append(self.stream.last_id)
        if event[0] == "message.sent":
            self.sent.add(event[1]["data"]["message_id"])


def read(gateway, open_id, new_ids):
    """What reads events, or could."""
    get = gateway.api.get
    assert [event["status"] for event in get(f"/api/sms/{open_id}/events").json()["events"]] == ["queued", "accepted"]
    for path in (*(f"/api/sms/{message_id}/events" for message_id in new_ids), "/api/sms?limit=5", "/api/webhooks", "/api/overview",
                 "/api/statistics", "/readyz", "/metrics"):
        answer = get(path)
        assert answer.status_code == 200, (path, answer.text)


def partitions(gateway):
    return {name for name, in gateway.query("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'message_event'::regclass")}


def count(gateway, from_where):
    return gateway.query(f"SELECT count(*) FROM {from_where}")[0][0]


def send_old(gateway):
    """They are delivered, but one; its id."""
    silent = Phone(gateway, "silent")
    open_id = gateway.api.send()["message_id"]
    assert silent.receive_sms()["message_id"] == open_id
    silent.close()
    phones = PhoneSim(gateway, 2, "--send-ms", "1", "--report-ms", "1")
    sent = gateway.api.request("POST", "/api/batches", json={
        "defaults": {"phone_number": "+4915112345678"}, "messages": [{"message": f"{number}"} for number in range(OLD)]})
    assert sent.status_code == 202, sent.text
    wait_for(lambda: count(gateway, "message_state WHERE status = 5") == OLD, "the old messages to be delivered")
    return open_id, phones


def drop_while_all_go_on(gateway, clock, make_load):
    open_id, phones = send_old(gateway)
    stream = Stream(gateway)
    following = Repeated(stream.turn)
    before = partitions(gateway)
    dropped, = before - {"message_event_first", "message_event_last"}
    clock.leap(LATER)
    load = make_load(gateway, 40, 2, ())
    reading = Repeated(lambda: read(gateway, open_id, list(load.promised_now())[:1]), 0.02)

    def all_go_on(turns):
        return all([reading.goes_on(turns), following.goes_on(0)])

    # Where others were in its way, the broker tries again after a minute.
    wait_for(lambda: all_go_on(TURNS) and dropped not in partitions(gateway), "the partition to be dropped", LOAD_LIMIT_SECONDS)
    turns = reading.turns + TURNS
    load.wait_accepted(TURNS)
    wait_for(lambda: all_go_on(turns), "readers to go on")
    sent = load.stop()
    assert load.refused == load.unanswered == 0
    reading.stop()
    wait_for(lambda: following.goes_on(0) and sent <= stream.sent, "the stream to have all")
    following.ending.set()
    assert len(partitions(gateway)) >= len(before)
    wait_for(lambda: count(gateway, "message") == 1 + len(sent), "the old messages to be gone")
    assert count(gateway, "message_event_first") == 1  # of the one that is open
    silent = Phone(gateway, "silent")
    silent.report(open_id, "delivered")
    gateway.api.wait_status(open_id, "delivered")
    silent.close()
    phones.stop()
    return following


def test_a_partition_is_dropped_while_all_go_on(make_gateway, make_load, tmp_path):
    let_others_pass(tmp_path)
    clock = LeapingClock(tmp_path)
    server = Server(environment=clock.environment)
    try:
        gateway = make_gateway(DATABASE_URL=server.make_database("sms"), MESSAGE_RETENTION_DAYS=1, REPORT_HORIZON_HOURS=8760,
                               API_WORKERS=4)
        clock.lead(gateway.api_fcgi, gateway.ws_broker)
        gateway.start()
        following = drop_while_all_go_on(gateway, clock, make_load)
        gateway.stop()  # ends the stream
        following.join()
    finally:
        server.stop()
