"""System calls that fail below SQLite: nothing is promised, nothing is lost, and the gateway recovers."""

import errno

import pytest

from harness.faults import LostDisk, SystemCallFaults
from harness.phone import Phone
from harness.smsgate_app import App
from harness.smsgate_app import code as smsgate_code
from harness.waiting import wait_for

FAULTS = {"api-fcgi": SystemCallFaults.wrap, "ws-broker": SystemCallFaults.wrap}


@pytest.fixture(scope="session")
def build():
    """libfiu and AddressSanitizer both want to be the first library; these run as released."""
    return "release"


@pytest.mark.parametrize("call, number, status, code", [
    ("rw/pwrite", errno.ENOSPC, 507, "disk_full"),
    ("rw/pwrite", errno.EDQUOT, 503, "store_unavailable"),
    ("rw/pwrite", errno.EROFS, 503, "store_unavailable"),
    ("rw/pwrite", errno.EIO, 503, "store_unavailable"),
], ids=["disk full", "quota", "read-only", "bad write"])
def test_a_failing_disk_is_reported_and_forgotten(make_gateway, call, number, status, code):
    gateway = make_gateway(wrap=FAULTS).start()
    gateway.api.send()
    faults = SystemCallFaults(gateway.api_fcgi)
    app = App(gateway)
    app.take(app.register(f"Bearer {smsgate_code(gateway)}"))
    for _ in range(3):
        with faults.failing(call, number):
            gateway.api.send_refused(status, code)
            asked = app.ask("GET", "/message")  # which would be the app's once it is listed
            assert (asked.status_code, *asked.json()) == (status, "message")
            assert gateway.api.get("/readyz").status_code == 503
            assert gateway.api.get("/api/sms").json()["total"] == 1
            assert gateway.counts() == (1, 1, 1)
    gateway.api.send()
    assert gateway.counts() == (2, 2, 2)
    assert len(app.messages()) == 2
    app.client.close()
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def end_all_and_start_again(gateway):
    """As the power would: the log's index is gone, and a recovery reads the log."""
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.kill()
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.start()


def is_there(gateway, message_id):
    return gateway.api.get(f"/api/sms/{message_id}").status_code == 200


@pytest.mark.parametrize("syncs", [1, 2, 3])
def test_what_was_refused_after_a_bad_sync_is_not_sent_after_a_crash(make_gateway, syncs):
    gateway = make_gateway(wrap=FAULTS).start()
    for _ in range(syncs):
        SystemCallFaults(gateway.api_fcgi).fail_once("sync/fdatasync", errno.EIO)
        problem = gateway.api.send_refused(503, "store_unavailable")
        assert "Nothing was changed" in problem["detail"]
        assert gateway.counts() == (0, 0, 0)
    end_all_and_start_again(gateway)
    assert gateway.counts() == (0, 0, 0)
    assert Phone(gateway, "phone").is_silent()
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def test_a_commit_whose_sync_fails_is_answered_with_outcome_unknown(make_gateway):
    gateway = make_gateway(wrap=FAULTS).start()
    first = gateway.api.send()["message_id"]
    faults = SystemCallFaults(gateway.api_fcgi)
    with faults.failing("sync/fdatasync", errno.EIO):
        problem = gateway.api.send_refused(504, "outcome_unknown")
        for _ in range(3):
            gateway.api.send_refused(503, "store_unavailable")
            assert gateway.api.get("/readyz").status_code == 503
            assert gateway.api.request("DELETE", f"/api/sms/{first}").status_code == 503
    # As the answer says: ready again, and not there.
    wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the gateway to be ready")
    assert not is_there(gateway, problem["message_id"])
    assert is_there(gateway, gateway.api.send()["message_id"])
    end_all_and_start_again(gateway)
    assert not is_there(gateway, problem["message_id"])
    assert gateway.counts() == (2, 2, 2)
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


ONE = {"phone_number": "+1234567890", "message": "text"}


def post_with_key(gateway, count):
    """One message, or a batch; all have the same key."""
    path, body = ("/api/send-sms", ONE) if count == 1 else ("/api/batches", {"messages": [ONE] * count})
    return gateway.api.request("POST", path, json=body, headers={"Idempotency-Key": "order-4711"})


@pytest.mark.parametrize("comes_back, count", [(True, 1), (False, 1), (True, 10000), (False, 10000)])
def test_a_request_whose_outcome_is_unknown_is_sent_again_with_its_key(make_gateway, comes_back, count):
    """Whether a recovery brings the message, or the whole batch, back or not, there is one in the end."""
    gateway = make_gateway(wrap={"api-fcgi": LostDisk.wrap} if comes_back else FAULTS).start()
    gateway.ws_broker.stop()
    lost = LostDisk(gateway) if comes_back else SystemCallFaults(gateway.api_fcgi).failing("sync/fdatasync", errno.EIO)
    with lost:
        answer = post_with_key(gateway, count)
        assert (answer.status_code, answer.json()["code"]) == (504, "outcome_unknown")
        assert "same Idempotency-Key" in answer.json()["detail"]
        assert post_with_key(gateway, count).status_code == 503
        if comes_back:
            gateway.api_fcgi.kill()
    if comes_back:
        gateway.api_fcgi.start()
    again = wait_for(lambda: (found := post_with_key(gateway, count)).status_code == 202 and found, "the gateway to accept")
    name = "message_id" if count == 1 else "batch_id"
    assert (again.json()[name] == answer.json()[name]) == comes_back
    assert ("Idempotency-Replayed" in again.headers) == comes_back
    assert post_with_key(gateway, count).content == again.content
    assert gateway.counts() == (count, count, count)
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def test_a_message_that_a_recovery_brings_back_is_sent_once(make_gateway):
    """The disk goes away with the sync, and both processes end before it is back."""
    gateway = make_gateway(wrap={"api-fcgi": LostDisk.wrap}).start()
    gateway.ws_broker.stop()
    with LostDisk(gateway):
        message_id = gateway.api.send_refused(504, "outcome_unknown")["message_id"]
        assert not is_there(gateway, message_id)
        gateway.api_fcgi.kill()
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.start()
    wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the gateway to be ready")
    assert gateway.api.message(message_id)["status"] == "queued"
    phone = Phone(gateway, "phone")
    assert phone.receive_sms()["message_id"] == message_id
    assert phone.is_silent()
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def test_cancelling_whose_outcome_is_unknown_may_be_repeated(make_gateway):
    gateway = make_gateway(wrap=FAULTS).start()
    path = f"/api/sms/{gateway.api.send()['message_id']}"
    with SystemCallFaults(gateway.api_fcgi).failing("sync/fdatasync", errno.EIO):
        answer = gateway.api.request("DELETE", path)
        assert (answer.status_code, answer.json()["code"]) == (504, "outcome_unknown")
        assert gateway.api.get(path).json()["status"] == "queued"
    assert gateway.api.request("DELETE", path).json()["status"] == "cancelled"


def test_a_hand_over_and_a_report_whose_sync_fails(make_gateway):
    """The phone is told nothing that a recovery could contradict."""
    gateway = make_gateway(wrap=FAULTS).start()
    phone = Phone(gateway, "phone")
    faults = SystemCallFaults(gateway.ws_broker)
    with faults.failing("sync/fdatasync", errno.EIO):
        message_id = gateway.api.send()["message_id"]
        wait_for(lambda: "the database refused" in gateway.ws_broker.log(), "the failure")
        assert phone.is_silent()
    assert phone.receive_sms()["message_id"] == message_id
    with faults.failing("sync/fdatasync", errno.EIO):
        phone.report(message_id, "sent")
        before = gateway.ws_broker.log().count("the database refused")
        wait_for(lambda: gateway.ws_broker.log().count("the database refused") > before,
                 "the failure")
        assert gateway.api.message(message_id)["status"] == "accepted"
    gateway.api.wait_status(message_id, "sent")
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def test_nothing_goes_to_a_phone_while_the_broker_cannot_write(make_gateway):
    gateway = make_gateway(wrap=FAULTS).start()
    phone = Phone(gateway, "phone")
    faults = SystemCallFaults(gateway.ws_broker)
    with faults.failing("rw/pwrite", errno.ENOSPC):
        message = gateway.api.send()
        wait_for(lambda: "the database refused" in gateway.ws_broker.log(), "the failure")
        assert phone.is_silent()
        assert gateway.api.message(message["message_id"])["status"] == "queued"
    assert phone.receive_sms()["message_id"] == message["message_id"]


def test_reports_wait_until_the_broker_can_write_again(make_gateway):
    gateway = make_gateway(wrap=FAULTS).start()
    phone = Phone(gateway, "phone")
    message = gateway.api.send()
    phone.receive_sms()
    with SystemCallFaults(gateway.ws_broker).failing("rw/pwrite", errno.ENOSPC):
        phone.report(message["message_id"], "sent")
        wait_for(lambda: "the database refused" in gateway.ws_broker.log(), "the failure")
        assert gateway.api.message(message["message_id"])["status"] == "accepted"
        phone.close()
    gateway.api.wait_status(message["message_id"], "sent")


def test_a_phone_that_comes_while_the_broker_cannot_write_is_asked_to_come_back(make_gateway):
    gateway = make_gateway(wrap=FAULTS).start()
    with SystemCallFaults(gateway.ws_broker).failing("rw/pwrite", errno.ENOSPC):
        phone = Phone(gateway, "phone", hello=False)
        phone.send({})
        assert phone.closed() == (1013, "disk_full")
    Phone(gateway, "phone")
