"""Full, limited or broken disks under load (F28 to F30), with phones at work."""

import errno
import os
import random
import resource

import pytest

from harness.faults import SmallDisk, SystemCallFaults
from harness.ledgers import DELIVERED, SENT, Checker, read_radio, settle_and_check
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for

FAST = ("--send-ms", "1-20", "--report-ms", "1-20")
FAULTS = {"api-fcgi": SystemCallFaults.wrap, "ws-broker": SystemCallFaults.wrap}
LONG = "TORTURE_LONG" in os.environ


@pytest.fixture(scope="session")
def build():
    """libfiu and AddressSanitizer both want to be the first library."""
    return "release"


def sent_or_delivered(database):
    return set(database.statuses()) <= {SENT, DELIVERED}


@pytest.mark.parametrize("victims", [("api_fcgi",), ("ws_broker",), ("api_fcgi", "ws_broker")],
                         ids="+".join)
def test_a_limit_of_the_file_size_is_an_error_and_passes(make_gateway, make_phones, make_load,
                                                         victims):
    gateway = make_gateway().start()
    phones = make_phones(gateway, 2, *FAST)
    load = make_load(gateway, 100)
    wait_for(lambda: len(load.promised) > 20, "some messages")
    processes = [getattr(gateway, name) for name in victims]
    wal = gateway.database.with_name(gateway.database.name + "-wal")
    for process in processes:
        _, most = resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, most))
    for process in processes:
        wait_for(lambda: "the database refused" in process.log() or not process.is_running(),
                 "the limit to be felt")
        assert process.is_running(), process.popen.returncode
    for process in processes:
        resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (most, most))
    before = len(load.promised)
    wait_for(lambda: len(load.promised) > before + 20, "clients to go on")
    assert sent_or_delivered(settle_and_check(gateway, load.stop(), [phones]))


@pytest.mark.parametrize("call, number", [
    ("rw/pwrite", errno.EIO), ("rw/pwrite", errno.ENOSPC), ("sync/fdatasync", errno.EIO),
    ("rw/pread", errno.EIO), ("oc/open", errno.EMFILE), ("file/ftruncate", errno.EIO)],
    ids=lambda value: value if isinstance(value, str) else errno.errorcode[value])
def test_calls_that_fail_now_and_then_break_no_promise(make_gateway, make_phones, make_load, call,
                                                       number):
    gateway = make_gateway(wrap=FAULTS).start()
    phones = make_phones(gateway, 2, *FAST)
    load = make_load(gateway, 300)
    faults = [SystemCallFaults(process) for process in (gateway.api_fcgi, gateway.ws_broker)]
    for _ in range(10 if LONG else 1):
        for fault in faults:
            fault.fail_at_random(call, number, random.choice((0.02, 0.2)))
        before = len(load.promised) + load.refused
        wait_for(lambda: len(load.promised) + load.refused > before + 300, "some requests")
        for fault in faults:
            fault.stop_failing(call)
    before = len(load.promised)
    wait_for(lambda: len(load.promised) > before + 20, "clients to go on")
    assert sent_or_delivered(settle_and_check(gateway, load.stop(), [phones]))


def test_a_disk_that_is_full_under_load_breaks_no_promise(make_gateway, make_phones, make_load,
                                                          make_receiver, tmp_path):
    # The commands do not see that disk.
    gateway = make_gateway(wrap={}, API_KEYS="off", DEVICE_TOKENS="off", MIN_FREE_DISK_BYTES=0,
                           WEBHOOK_LOOPBACK="allowed")
    disk = SmallDisk(gateway.folder / "data", "16m")
    try:
        disk.hold(gateway)
        gateway.start()
        receiver = make_receiver()
        receiver.create_webhook(gateway, "hook")
        gateway.webhook_sender.start()
        phones = make_phones(gateway, 2, *FAST)
        load = make_load(gateway, 100)
        wait_for(lambda: len(load.promised) > 20, "some messages")
        ballast = f"{disk.path}/ballast"
        fill(ballast)
        wait_for(lambda: load.refused > 100, "the disk to be full")
        os.unlink(ballast)
        before = len(load.promised)
        wait_for(lambda: len(load.promised) > before + 20, "clients to go on")
        promised = load.stop()
        wait_for(lambda: gateway.query("SELECT count(*) FROM message WHERE status BETWEEN 0 AND 3")
                 == [(0,)], "everything to settle", LOAD_LIMIT_SECONDS)
        phones.stop()
        receiver.wait_all(gateway)
        gateway.stop()
        copy = disk.copy(gateway.database, tmp_path)
        checker = Checker(gateway)
        database = checker.check(promised, read_radio(phones.ledger_path), settled=True,
                                 database_path=copy, webhooks=receiver)
        checker.conclude()
        assert sent_or_delivered(database)
    finally:
        gateway.stop()
        disk.close()


def fill(path):
    """A file that takes all the room there is."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
