"""Each process is killed at each of its fail points, and the guarantee holds.

F1 to F15 of the list of faults: the build with FAIL_POINTS=1 kills itself at a point and is restarted; every
accepted message is delivered, once.
"""

import json
import re
import signal
import subprocess
import uuid

import pytest

from harness.gateway import ROOT, programs_folder
from harness.ledgers import DELIVERED, SENT, settle_and_check
from harness.phone import AssuredPhone
from harness.sanitizers import tell
from harness.smsgate_app import App, code, element
from harness.waiting import wait_for
from harness.webhook_receiver import OK, Receiver

FAST = ("--send-ms", "1-20", "--report-ms", "1-20")

# The frames of the first message that a phone is given: welcome, offer, release, and a report_ack
# for each of sending, sent, delivered.
FRAMES = range(1, 7)

API_POINTS = [("api.before_enqueue", 3), ("store.before_commit", 3), ("store.after_commit", 3),
              ("api.after_doorbell", 3), ("api.before_answer", 3), ("store.after_checkpoint", 1)]
# The first commits of a broker: its lease, connecting phones, claims, releases.
BROKER_POINTS = [("broker.before_claim", 1), ("broker.before_claim", 3),
                 ("broker.after_claim", 1), ("broker.after_claim", 5),
                 ("broker.before_release", 1), ("broker.before_release", 3),
                 ("broker.after_release", 1), ("broker.after_release", 3),
                 ("broker.before_report", 1), ("broker.before_report", 5),
                 ("broker.after_report", 1), ("broker.after_report", 5),
                 ("store.after_checkpoint", 1)] + \
    [(f"broker.{side}_frame", number) for side in ("before", "after") for number in FRAMES] + \
    [(f"store.{side}_commit", number) for side in ("before", "after") for number in (1, 4, 6, 9)]
# Of a batch of 10,000, which is stored in pieces of 64, and whether it is there then.
BATCH_POINTS = [("store.within_batch", 1, False), ("store.within_batch", 80, False), ("store.within_batch", 157, False),
                ("store.before_commit", 1, False), ("store.after_commit", 1, True), ("api.before_answer", 1, True)]
# When a phone passes on an SMS, and whether it is there then.
RECEIVE_POINTS = [("broker.before_receive", False), ("broker.after_receive", True)]
# When a phone with SMSGate has asked for its messages, or reported, and what the message is then.
POLLED_POINTS = [("store.before_commit", "queued"), ("api.before_listing", "accepted"), ("api.before_report_answer", "sent")]
# Those of a copy between two databases are walked by tests/integration/test_database_copy.py.
COPY_POINTS = {"copy.before_verification", "copy.before_commit"}
# When the sender of webhooks ends: its receiver has the event then, and gets it once more with the same id.
WEBHOOK_POINTS = ["webhook.after_answer", "webhook.before_note"]
POINTS = [("api_fcgi", *point) for point in API_POINTS] + \
    [("ws_broker", *point) for point in BROKER_POINTS]


@pytest.fixture(scope="session")
def build():
    return "faults"


@pytest.mark.parametrize("victim, point, passage", POINTS)
def test_a_process_that_ends_at_a_fail_point_breaks_no_promise(make_gateway, make_phones, make_load,
                                                               victim, point, passage):
    gateway = make_gateway().start()
    load = make_load(gateway, 400 if point == "store.after_checkpoint" else 30)
    wait_for(lambda: len(load.promised) > 2, "messages to dispatch")
    process = getattr(gateway, victim)
    process.kill()
    process.environment = process.environment | {"FAIL_POINT": f"{point}:{passage}"}
    process.start(ready=False)
    phones = make_phones(gateway, 2, *FAST, wait=False)
    assert process.wait() == -signal.SIGKILL, tell(process.log())
    assert f"fail point {point}:{passage}\n" in process.log()
    del process.environment["FAIL_POINT"]
    process.start()
    enough = len(load.promised) + 10
    wait_for(lambda: len(load.promised) > enough, "clients to go on")
    database = settle_and_check(gateway, load.stop(), [phones])
    # No phone was wiped or killed: there is no excuse for any other end.
    assert set(database.statuses()) <= {SENT, DELIVERED}


@pytest.mark.parametrize("point, committed", [
    ("api.before_enqueue", False), ("store.before_commit", False), ("store.after_commit", True), ("api.before_answer", True)])
def test_a_request_whose_answer_is_lost_is_sent_again_and_creates_one_message(make_gateway, point, committed):
    gateway = make_gateway().start()

    def post(text="text"):
        return gateway.api.request("POST", "/api/send-sms", json={"phone_number": "+1234567890", "message": text},
                                   headers={"Idempotency-Key": "order-4711"})

    gateway.api_fcgi.kill()
    gateway.api_fcgi.environment["FAIL_POINT"] = f"{point}:1"
    gateway.api_fcgi.start()
    lost = post()
    assert (lost.status_code, lost.json()["code"]) == (502, "not_available")
    assert "same Idempotency-Key" in lost.json()["detail"]
    assert gateway.api_fcgi.wait() == -signal.SIGKILL, tell(gateway.api_fcgi.log())
    stored = gateway.query("SELECT id FROM message")
    assert len(stored) == committed
    for restart in (gateway.api_fcgi, gateway.ws_broker):
        restart.environment.pop("FAIL_POINT", None)
        if restart.is_running():
            restart.kill()
        restart.start()
        again = post()
        assert again.status_code == 202
        assert (again.headers.get("Idempotency-Replayed") == "true") == (committed or restart is gateway.ws_broker)
        assert gateway.count_messages("1") == 1
    if committed:
        assert stored == [(uuid.UUID(again.json()["message_id"]).bytes,)]
    assert post("another text").json()["code"] == "idempotency_key_reused"


def test_what_a_phone_was_listed_is_on_disk_before_the_answer(make_gateway):
    gateway = make_gateway().start()
    app = App(gateway)
    app.take(app.register(f"Bearer {code(gateway)}"))
    message_id = app.send()
    listed = []
    for point, status in POLLED_POINTS:
        gateway.api_fcgi.kill()
        gateway.api_fcgi.environment["FAIL_POINT"] = f"{point}:1"
        gateway.api_fcgi.start()
        if listed:
            app.ask("PATCH", "/message", [element(listed[0]["id"], "Sent")])
        else:
            app.ask("GET", "/message")
        assert gateway.api_fcgi.wait() == -signal.SIGKILL, tell(gateway.api_fcgi.log())
        del gateway.api_fcgi.environment["FAIL_POINT"]
        gateway.api_fcgi.start()
        assert app.status(message_id) == status
        if status == "accepted":
            listed = app.messages()
            assert [entry["id"] for entry in listed] == [message_id.replace("-", "") + "-1"] and app.messages() == listed
    app.report(element(listed[0]["id"], "Sent"))
    assert app.status(message_id) == "sent" and app.messages() == []
    assert gateway.query("SELECT count(*) FROM message_event WHERE status = 4") == [(1,)]
    app.client.close()


def test_an_incoming_sms_that_is_not_acknowledged_comes_again_and_is_stored_once(make_gateway):
    gateway = make_gateway().start()

    def connect():
        phone = AssuredPhone(gateway, "phone", journal=journal)
        phone.send({"type": "sms_received", "received_id": point, "from": "72000", "message": "text"})
        return phone

    journal = str(uuid.uuid4())
    for number, (point, committed) in enumerate(RECEIVE_POINTS):
        gateway.ws_broker.kill()
        gateway.ws_broker.environment["FAIL_POINT"] = f"{point}:1"
        gateway.ws_broker.start()
        connect()
        assert gateway.ws_broker.wait() == -signal.SIGKILL, tell(gateway.ws_broker.log())
        assert gateway.query("SELECT count(*) FROM incoming") == [(number + committed,)]
        del gateway.ws_broker.environment["FAIL_POINT"]
        gateway.ws_broker.start()
        again = connect()
        assert again.receive() == {"type": "sms_received_ack", "received_id": point}
        assert gateway.query("SELECT count(*) FROM incoming") == [(number + 1,)]
        again.close()


def test_an_event_that_was_delivered_and_not_noted_comes_again_with_the_same_id(make_gateway):
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed").start()
    receiver = Receiver(hook=[OK])
    path = gateway.api.request("POST", "/api/webhooks", json={
        "url": receiver.url("hook"), "types": ["webhook.disabled"]}).headers["Location"]
    for number, point in enumerate(WEBHOOK_POINTS):
        gateway.webhook_sender.environment["FAIL_POINT"] = f"{point}:1"
        gateway.webhook_sender.start()
        assert gateway.api.request("POST", f"{path}/test").status_code == 202
        assert gateway.webhook_sender.wait() == -signal.SIGKILL, tell(gateway.webhook_sender.log())
        del gateway.webhook_sender.environment["FAIL_POINT"]
        gateway.webhook_sender.start()
        ids = [request.id for request in receiver.wait_got("hook", 2 * number + 2)]
        assert ids[-1] == ids[-2] and len(set(ids)) == number + 1
        wait_for(lambda count=number + 1: gateway.query("SELECT count(*) FROM webhook_delivery WHERE state = 1") == [(count,)],
                 "the note")
        gateway.webhook_sender.stop()
    receiver.close()


def test_a_batch_whose_process_ends_is_there_whole_or_not_at_all(make_gateway):
    limits = dict.fromkeys(("DAILY_MESSAGES", "KEY_DAILY_MESSAGES", "RECIPIENT_DAILY_MESSAGES", "PAUSE_AFTER_MESSAGES"), 10 ** 6)
    gateway = make_gateway(**limits).start()
    body = json.dumps({"messages": [{"phone_number": f"+4915112{number % 5000:06}", "message": "text"} for number in range(10000)]})
    batches = 0

    def post(key):
        return gateway.api.request("POST", "/api/batches", data=body, headers={
            "Content-Type": "application/json", "Idempotency-Key": key})

    def check(expected):
        assert gateway.query("SELECT count(*) FROM batch") == [(expected,)]
        assert gateway.counts() == (expected * 10000,) * 3
        # All of a day, its key's, its recipients', and all of some minutes.
        assert dict(gateway.query("SELECT kind, sum(count) FROM accepted GROUP BY kind")) == \
            (dict.fromkeys(range(4), expected * 10000) if expected else {})

    for point, passage, committed in BATCH_POINTS:
        key = f"{point}:{passage}"
        gateway.api_fcgi.kill()
        gateway.api_fcgi.environment["FAIL_POINT"] = key
        gateway.api_fcgi.start()
        lost = post(key)
        assert lost.status_code == 502, lost.text
        assert gateway.api_fcgi.wait() == -signal.SIGKILL, tell(gateway.api_fcgi.log())
        check(batches + committed)
        del gateway.api_fcgi.environment["FAIL_POINT"]
        gateway.api_fcgi.start()
        again = post(key)
        assert (again.status_code, again.headers.get("Idempotency-Replayed") == "true") == (202, committed)
        batches += 1
        check(batches)
        assert gateway.query("SELECT count(*) FROM message WHERE batch_id = ?", uuid.UUID(again.json()["batch_id"]).bytes) == [(10000,)]
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def test_every_fail_point_is_walked():
    sources = [path for folder in ("common", "api-fcgi", "ws-broker")
               for path in (ROOT / folder).rglob("*.c")]
    named = {name for path in sources
             for name in re.findall(r'FAIL_POINT\("(.*?)"\)', path.read_text())}
    assert named == COPY_POINTS | {point for _, point, _ in POINTS} | {point for point, _, _ in BATCH_POINTS} | \
        {point for point, _ in RECEIVE_POINTS} | set(WEBHOOK_POINTS) | {point for point, _ in POLLED_POINTS}


@pytest.mark.parametrize("program", ["api-fcgi", "ws-broker"])
def test_only_the_build_for_it_has_fail_points(program):
    def traces(which):
        path = programs_folder(which) / program
        symbols = subprocess.check_output(["nm", path], text=True)
        texts = subprocess.check_output(["strings", path], text=True)
        return [line for line in (symbols + texts).splitlines()
                if re.search(r"\bfail_point$|FAIL_POINT|^fail point|^store\.(before|after)_", line)]

    assert traces("faults")
    for which in ("release", "address", "thread"):
        assert traces(which) == []
