"""A locked database, a full disk, a missing process: an error, no partial write, recovery."""

import os
import sqlite3
import threading

from harness.faults import SmallDisk, write_lock_held
from harness.phone import Phone
from harness.waiting import LIMIT_SECONDS, wait_for

BATCH = 10000


def test_a_held_write_lock_gives_503_and_reads_go_on(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=1000).start()
    first = gateway.api.send()
    with write_lock_held(gateway):
        for _ in range(2):
            gateway.api.send_refused(503, "store_busy")
        assert gateway.api.get("/readyz").status_code == 503
        assert gateway.api.get("/livez").status_code == 200
        assert gateway.api.message(first["message_id"])["status"] == "queued"
        assert gateway.api.get("/api/sms").json()["total"] == 1
    assert gateway.api.get("/readyz").status_code == 200
    gateway.api.send()
    assert gateway.counts() == (2, 2, 2)


def test_a_transaction_of_another_program_gives_503(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=1000).start()
    other = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    gateway.api.send_refused(503, "store_busy")
    other.execute("ROLLBACK")
    other.close()
    gateway.api.send()
    assert gateway.counts() == (1, 1, 1)


def test_a_lock_of_ten_seconds_only_delays_patient_clients(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=20000).start()
    holder = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    threading.Timer(10, holder.execute, ["ROLLBACK"]).start()
    gateway.api.send()
    assert gateway.counts() == (1, 1, 1)


def test_on_a_disk_that_is_really_full_every_202_is_a_row(make_gateway):
    # `keys` does not see that disk.
    gateway = make_gateway(wrap={}, API_KEYS="off", MIN_FREE_DISK_BYTES=0, DAILY_MESSAGES=100000)
    disk = SmallDisk(gateway.folder / "data", "21500k")
    try:
        disk.hold(gateway)
        gateway.start()
        ballast = f"{disk.path}/ballast"
        with open(ballast, "wb") as file:
            file.write(bytes(20_600_000))
        assert post_batch(gateway) == (507, None)  # full in the middle of it
        assert gateway.counts() == (0, 0, 0)
        accepted = fill(gateway)
        assert gateway.counts() == (accepted, accepted, accepted)
        assert gateway.api.get("/api/sms?limit=1").json()["total"] == accepted

        os.unlink(ballast)  # room again, and no restart
        wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the recovery")
        gateway.api.send()
        assert [post_batch(gateway) for _ in range(2)] == [(202, None), (202, "true")]
        assert gateway.counts() == (accepted + 1 + BATCH,) * 3
        assert gateway.query("SELECT count FROM accepted WHERE kind = 0") == [(accepted + 1 + BATCH,)]
        assert gateway.query("PRAGMA integrity_check") == [("ok",)]
    finally:
        gateway.stop()
        disk.close()


def post_batch(gateway):
    answer = gateway.api.request("POST", "/api/batches", headers={"Idempotency-Key": "batch"}, json={
        "messages": [{"phone_number": "+1234567890", "message": "text"}] * BATCH})
    return answer.status_code, answer.headers.get("Idempotency-Replayed")


def fill(gateway):
    """Sends until there is no more room; returns how many messages were accepted."""
    accepted = 0
    for _ in range(5000):
        answer = gateway.api.request("POST", "/api/send-sms", json={
            "phone_number": "+1234567890", "message": "x" * 1500})
        if answer.status_code != 202:
            assert answer.json()["code"] == "disk_full", answer.text
            return accepted
        accepted += 1
    raise AssertionError("the disk is not full")


def test_messages_are_accepted_without_a_broker_and_go_out_when_it_is_back(make_gateway):
    gateway = make_gateway().start()
    gateway.ws_broker.stop()
    ids = [gateway.api.send(message=f"text {i}")["message_id"] for i in range(5)]
    gateway.ws_broker.start()
    phone = Phone(gateway, "phone")
    assert [phone.receive_sms()["message_id"] for _ in ids] == ids


def test_without_the_api_the_client_is_told_to_come_back(make_gateway):
    gateway = make_gateway().start()
    gateway.api_fcgi.stop()
    gateway.api.send_refused(502, "not_available")
    gateway.api_fcgi.start()
    gateway.api.send()
