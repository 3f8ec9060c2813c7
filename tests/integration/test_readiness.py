"""/readyz: whether a message would be accepted now, and if not, why; always in time."""

import contextlib
import errno
import signal
import sqlite3
import statistics
import threading
import time

import pytest

from harness.api import Api
from harness.fastcgi import Connection
from harness.faults import HungDisk, SmallDisk, SystemCallFaults, write_lock_held
from harness.gateway import LIMIT_SECONDS
from harness.phone import Phone
from harness.waiting import wait_for

CHECKS = ("database", "writer", "disk", "schema", "write_ahead_log", "durability")
MIB = 1024 * 1024


@pytest.fixture(scope="session")
def build():
    """What is preloaded here wants to be the first library, as AddressSanitizer does."""
    return "release"


def failed_checks(gateway):
    """Of a gateway that is not ready: check -> code."""
    answer = gateway.api.get("/readyz?verbose")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready"), answer.text
    assert int(answer.headers["Retry-After"]) > 0
    return {error["check"]: error["code"] for error in answer.json()["errors"]}


def wait_ready(gateway):
    wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the gateway to be ready")


def test_checks_are_listed_on_request(make_gateway):
    gateway = make_gateway().start()
    assert gateway.api.get("/readyz").json() == {"status": "ready"}
    ready = {"status": "ready", "checks": dict.fromkeys(CHECKS, "ok"), "durability": "single"}
    for query in ("verbose", "verbose=1", "verbose=", "&verbose&"):
        assert gateway.api.get(f"/readyz?{query}").json() == ready
    assert gateway.api.get("/readyz").json() == {"status": "ready"}


def test_a_disk_that_is_almost_full_takes_reports_and_no_messages(make_gateway):
    # The commands do not see that disk.
    gateway = make_gateway(API_KEYS="off", DEVICE_TOKENS="off", MIN_FREE_DISK_BYTES=8 * MIB)
    disk = SmallDisk(gateway.folder / "data", "16m")
    try:
        disk.hold(gateway)
        gateway.start()
        phone = Phone(gateway, "phone")
        message_id = gateway.api.send()["message_id"]
        assert phone.receive_sms()["message_id"] == message_id
        with open(f"{disk.path}/ballast", "wb") as file:
            file.write(bytes(12 * MIB))
        wait_for(lambda: gateway.api.get("/readyz").status_code == 503, "it to be noticed")
        assert failed_checks(gateway) == {"disk": "disk_full"}
        gateway.api.send_refused(507, "disk_full")
        phone.report(message_id, "delivered")
        gateway.api.wait_status(message_id, "delivered")
        assert gateway.api_fcgi.log().count("almost full") == 1

        with open(f"{disk.path}/ballast", "wb"):
            pass
        wait_ready(gateway)
        gateway.api.send()
        assert "has room again" in gateway.api_fcgi.log()
    finally:
        gateway.stop()
        disk.close()


def test_a_bound_of_0_is_none(make_gateway):
    gateway = make_gateway(API_KEYS="off", MIN_FREE_DISK_BYTES=0)
    disk = SmallDisk(gateway.folder / "data", "4m")
    try:
        disk.hold(gateway)
        gateway.start()
        gateway.api.send()
        wait_ready(gateway)
    finally:
        gateway.stop()
        disk.close()


@pytest.mark.parametrize("call, number, code", [
    ("rw/pwrite", errno.ENOSPC, "disk_full"), ("rw/pwrite", errno.EIO, "store_unavailable"),
    ("sync/fdatasync", errno.EIO, "store_unavailable")], ids=("full", "bad write", "bad sync"))
def test_a_disk_that_fails(make_gateway, call, number, code):
    gateway = make_gateway(wrap={"api-fcgi": SystemCallFaults.wrap}).start()
    with SystemCallFaults(gateway.api_fcgi).failing(call, number):
        assert failed_checks(gateway) == {"disk": code}
    wait_ready(gateway)


def test_a_schema_that_another_program_has_changed(make_gateway):
    gateway = make_gateway().start()
    other = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    version = other.execute("PRAGMA user_version").fetchone()[0]
    for wrong in (version + 1, version - 1, 0):
        other.execute(f"PRAGMA user_version = {wrong}")
        assert failed_checks(gateway) == {"schema": "schema_changed"}
    other.execute(f"PRAGMA user_version = {version}")
    other.close()
    assert gateway.api.get("/readyz").status_code == 200


def timed_checks(gateway):
    begin = time.monotonic()
    return failed_checks(gateway), time.monotonic() - begin


def test_a_lock_whose_holder_has_stopped(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=1000).start()
    with write_lock_held(gateway):
        checks, seconds = timed_checks(gateway)
        assert checks == {"writer": "store_busy"} and seconds > 0.9
        assert failed_checks(gateway) == {"writer": "store_busy"}  # at once where the first probe still waits
        assert "disk: unknown" in gateway.api.get("/readyz").json()["detail"]
    wait_ready(gateway)


def test_a_writer_that_hangs_in_a_sync_is_reported_in_time_and_then_at_once(make_gateway):
    """Also while a request hangs in the next one."""
    gateway = make_gateway(STORE_TIMEOUT_MS=4000, wrap={"api-fcgi": HungDisk.wrap}).start()
    with HungDisk(gateway):
        checks, seconds = timed_checks(gateway)
        assert checks == {"writer": "store_busy"} and seconds > 3.9
        sender = threading.Thread(target=gateway.api.send)  # it waits for the disk
        sender.start()
        answers = [timed_checks(gateway) for _ in range(20)]
        assert all(checks == {"writer": "store_busy"} for checks, _ in answers)
        assert statistics.median(seconds for _, seconds in answers) < 3.9  # a busy machine delays a few
        assert gateway.api.get("/livez").status_code == 200
        assert gateway.api.get("/api/sms").json()["total"] == 0
    sender.join()
    wait_ready(gateway)
    assert gateway.api.get("/api/sms").json()["total"] == 1
    assert gateway.api_fcgi.log().count("database does not respond") == 1
    assert "database responds again" in gateway.api_fcgi.log()


def test_a_stop_while_the_disk_hangs_answers_who_asks(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=3000, wrap={"api-fcgi": HungDisk.wrap}).start()
    client = Connection(gateway)
    with HungDisk(gateway):
        client.send_and_be_read(client.request("GET", "/readyz"))
        gateway.api_fcgi.signal(signal.SIGTERM)
        assert client.answer()[0] == 503
    client.close()
    assert gateway.api_fcgi.wait() == 0


def test_many_who_ask_cost_one_commit_after_the_other(make_gateway):
    gateway = make_gateway().start()
    statuses = []

    def ask():
        with contextlib.closing(Api(gateway.url)) as api:
            statuses.extend(api.get("/readyz").status_code for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 400
