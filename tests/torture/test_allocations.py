"""Memory runs out (F31): the Nth allocation of a process that is at work fails, and only that one.

A process may end, and is started again as a service manager would; it may refuse. It may not answer
202 for what is not stored, lose a message, or give one to two phones.
"""

import os
import signal

import pytest

from harness.gateway import ROOT
from harness.ledgers import DELIVERED, SENT, settle_and_check
from harness.load import REFUSALS
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
    assert status in (1, -signal.SIGABRT), (status, process.log()[-2000:])
    assert "level=error" in process.log()
    process.environment = {name: value for name, value in process.environment.items()
                           if name != "LD_PRELOAD"}
    process.start()


@pytest.mark.parametrize("victim", ["api_fcgi", "ws_broker"])
def test_an_allocation_that_fails_breaks_no_promise(make_gateway, make_phones, make_load, victim):
    gateway = make_gateway().start()
    process = getattr(gateway, victim)
    calm = process.environment
    phones = make_phones(gateway, 4, *FAST)
    load = make_load(gateway, 300, refusals=REFUSALS | {500})
    for first in FIRST:
        begin = process.folder / "begin"
        begin.unlink(missing_ok=True)
        process.kill()
        process.environment = calm | {
            "LD_PRELOAD": str(ROOT / "build/tests/allocation.so"), "ALLOCATION_FAIL": str(first),
            "ALLOCATION_START": begin.name}
        process.start()
        begin.touch()
        before = len(load.promised_now())
        wait_for(lambda: not process.is_running() or len(load.promised_now()) > before + 40,
                 f"allocation {first} to fail")
        ends_by_itself(process)
    process.kill()
    process.environment = calm
    process.start()
    database = settle_and_check(gateway, load.stop(), [phones])
    assert set(database.statuses()) <= {SENT, DELIVERED}
