"""The write-ahead log stays short; a reader that stays open costs new messages, but no report."""

import contextlib
import re
import sqlite3
import threading

import requests

from harness.phone import Phone, WorkingPhone
from harness.waiting import LIMIT_SECONDS, wait_for

MIB = 1 << 20
MAX_WAL_BYTES = 8 * MIB
LONG = {"phone_number": "+1234567890", "message": "x" * 1500}
MANY = {"release": 800, "address": 300}  # messages whose pages would fill the log some times over
HELD_BACK = "a reader holds back the write-ahead log"


def wal_bytes(gateway):
    return (gateway.folder / "data/sms-gateway.db-wal").stat().st_size


def metric_wal_bytes(gateway):
    text = gateway.api.get("/metrics").text
    return int(re.search(r"^sms_gateway_wal_bytes (\d+)$", text, re.M).group(1))


@contextlib.contextmanager
def foreign_reader(gateway):
    """A program that is not ours, in the middle of reading."""
    reader = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchall()
        yield
    finally:
        reader.close()


def fill(gateway):
    """Sends until a message is refused; returns how many were accepted."""
    for accepted in range(4000):
        answer = gateway.api.request("POST", "/api/send-sms", json=LONG)
        if answer.status_code != 202:
            assert (answer.status_code, answer.json()["code"]) == (503, "wal_full"), answer.text
            return accepted
    raise AssertionError("nothing bounds the log")


def test_a_foreign_reader_that_stays_costs_new_messages_alone_and_only_while_it_stays(make_gateway):
    gateway = make_gateway(MAX_WAL_BYTES=MAX_WAL_BYTES, DEVICE_WINDOW=3).start()
    phone = Phone(gateway, "phone")
    held = [gateway.api.send()["message_id"] for _ in range(3)]
    assert {phone.receive_sms()["message_id"] for _ in held} == set(held)

    with foreign_reader(gateway):
        accepted = fill(gateway)
        assert MAX_WAL_BYTES - MIB < wal_bytes(gateway) < MAX_WAL_BYTES + MIB
        assert gateway.api_fcgi.log().count(HELD_BACK) == 1
        for _ in range(20):
            gateway.api.send_refused(503, "wal_full")
        assert gateway.api.get("/readyz").json()["errors"][0]["code"] == "wal_full"
        assert gateway.api.get("/livez").status_code == 200

        # What is there can be read, and phones are written as ever.
        assert gateway.api.get("/api/sms?limit=1").json()["total"] == accepted + 3
        for message_id, status in zip(held, ("sent", "delivered", "failed")):
            phone.report(message_id, status)
            gateway.api.wait_status(message_id, status)
        another = Phone(gateway, "another")
        assert set(gateway.api.devices()) == {"phone", "another"}
        assert another.receive_sms()["message"] == LONG["message"]
        another.close()
        wait_for(lambda: "another" not in gateway.api.devices(), "the phone to be gone")

        size = metric_wal_bytes(gateway)
        assert MAX_WAL_BYTES - MIB < size < MAX_WAL_BYTES + MIB
        assert gateway.api_fcgi.log().count(HELD_BACK) == 1  # once a minute, and not each time
        assert f"max_wal_bytes={MAX_WAL_BYTES}" in gateway.api_fcgi.log()

    assert gateway.api.get("/readyz").status_code == 200
    gateway.api.send()
    assert "new messages are accepted" in gateway.api_fcgi.log()
    assert wal_bytes(gateway) < MIB and metric_wal_bytes(gateway) < MIB
    assert gateway.api.get("/api/sms?limit=1").json()["total"] == accepted + 4
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def test_without_a_request_the_broker_gives_the_place_back(make_gateway):
    gateway = make_gateway(MAX_WAL_BYTES=MAX_WAL_BYTES, PRESENCE_LEASE_SECONDS=3).start()
    with foreign_reader(gateway):
        fill(gateway)
    wait_for(lambda: wal_bytes(gateway) < MIB, "the log to be cut")
    gateway.api.send()


def test_with_readers_of_our_own_alone_the_log_stays_short_in_a_long_run(make_gateway):
    gateway = make_gateway(MAX_WAL_BYTES=MAX_WAL_BYTES, API_WORKERS=4, DEVICE_WINDOW=50).start()
    phone, many = WorkingPhone(gateway, "phone"), MANY[gateway.build]
    stop = threading.Event()
    failures = []

    def read():
        with requests.Session() as session:
            while not stop.is_set():
                for path in ("/api/sms?limit=50&offset=50", "/api/devices", "/metrics"):
                    answer = session.get(gateway.url + path, headers=gateway.authorization())
                    if answer.status_code != 200:
                        failures.append(answer.text)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    most = 0
    try:
        for _ in range(many):
            answer = gateway.api.request("POST", "/api/send-sms", json=LONG)
            assert answer.status_code == 202, answer.text
            most = max(most, wal_bytes(gateway))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not failures
    assert MIB < most < MAX_WAL_BYTES
    wait_for(lambda: gateway.query("SELECT count FROM message_count WHERE status = 4") == [(many,)],
             "the reports")
    phone.close()
