"""System calls that fail below SQLite: nothing is promised, nothing is lost, and it passes."""

import errno

import pytest

from harness.faults import SystemCallFaults
from harness.phone import Phone
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
    ("sync/fdatasync", errno.EIO, 503, "store_unavailable"),
], ids=["disk full", "quota", "read-only", "bad write", "bad sync"])
def test_a_failing_disk_is_reported_and_forgotten(make_gateway, call, number, status, code):
    gateway = make_gateway(wrap=FAULTS).start()
    gateway.api.send()
    faults = SystemCallFaults(gateway.api_fcgi)
    for _ in range(3):
        with faults.failing(call, number):
            gateway.api.send_refused(status, code)
            assert gateway.api.get("/readyz").status_code == 503
            assert gateway.api.get("/api/sms").json()["total"] == 1
            assert gateway.counts() == (1, 1, 1)
    gateway.api.send()
    assert gateway.counts() == (2, 2, 2)
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
