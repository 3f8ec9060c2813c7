"""Memory runs out (F31): the Nth allocation of a process that is at work fails, and only that one.

A process may end, and is started again as a service manager would; it may refuse. It may not answer
202 for what is not stored, lose a message, or give one to two phones.
"""

import os
import signal
import socket

import pytest

from harness.gateway import ROOT
from harness.ledgers import DELIVERED, SENT, settle_and_check
from harness.load import REFUSALS
from harness.raw_websocket import handshake
from harness.sanitizers import tell
from harness.waiting import wait_for

FAST = ("--send-ms", "1-5", "--report-ms", "1-20")
LONG = "TORTURE_LONG" in os.environ
FIRST = [*range(1, 400, 7 if LONG else 67), *range(400, 4000, 61 if LONG else 911)]


@pytest.fixture(scope="session")
def build():
    return "release"


def ends_by_itself(process):
    """Starts it again where it has ended. It may say so, and not with 0; it may not crash."""
    if process.is_running():
        return
    status = process.wait()
    assert status in (1, -signal.SIGABRT), (status, tell(process.log()))
    assert "level=error" in process.log() or "fcgiapp.c" in process.log()  # libfcgi's own words
    process.start()


def fail_one(process, number):
    """Starts a process of which that allocation fails, counted from where it serves."""
    begin = process.folder / "begin"
    begin.unlink(missing_ok=True)
    calm = process.environment
    process.environment = calm | {
        "LD_PRELOAD": str(ROOT / "build/tests/allocation.so"), "ALLOCATION_FAIL": str(number),
        "ALLOCATION_START": begin.name}
    process.start()
    process.environment = calm
    begin.touch()


@pytest.mark.parametrize("victim", ["api_fcgi", "ws_broker"])
def test_an_allocation_that_fails_breaks_no_promise(make_gateway, make_phones, make_load, victim):
    gateway = make_gateway().start()
    process = getattr(gateway, victim)
    phones = make_phones(gateway, 4, *FAST)
    load = make_load(gateway, 300, refusals=REFUSALS | {500})
    for first in FIRST:
        process.kill()
        fail_one(process, first)
        before = len(load.promised)
        wait_for(lambda: not process.is_running() or len(load.promised) > before + 40,
                 f"allocation {first} to fail")
        ends_by_itself(process)
    process.kill()
    process.start()
    database = settle_and_check(gateway, load.stop(), [phones])
    assert set(database.statuses()) <= {SENT, DELIVERED}


def test_a_broker_without_memory_for_a_connection_still_ends(make_gateway):
    """libwebsockets waits for ever for a connection that it could not take in."""
    broker = make_gateway(DEVICE_TOKENS="off").ws_broker
    for number in range(300):  # which one it is differs from run to run
        if number > 50 and "connection not accepted" in broker.log():
            return
        fail_one(broker, 1 + number % 50)
        with socket.socket(socket.AF_UNIX) as phone:
            phone.settimeout(1)
            try:
                phone.connect(str(broker.folder / "run/broker.sock"))
                phone.sendall(handshake())
                phone.recv(100)
            except OSError:
                pass  # it may have ended, or say nothing
        if broker.is_running():
            broker.signal(signal.SIGTERM)
        assert broker.wait() in (0, -signal.SIGABRT)
    pytest.fail("no connection was refused for want of memory")
