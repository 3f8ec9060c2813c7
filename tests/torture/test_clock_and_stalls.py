"""Clock jumps, stopped processes, a lost doorbell, crowds, backups (F34 to F37, F43), all under load: nothing is
lost, nothing is sent twice, nothing expires."""

import os
import signal
import socket
import sqlite3
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness.clock import Clock
from harness.ledgers import DELIVERED, QUEUED, SENT, Checker, settle_and_check
from harness.smsgate_phone import SmsgatePhone
from harness.waiting import wait_for

FAST = ("--send-ms", "1-20", "--report-ms", "1-20")
LONG = "TORTURE_LONG" in os.environ
YEARS = 10 * 365 * 86400
STEPS = {"ten years on": YEARS, "ten years back": -YEARS, "an hour back": -3600}


@pytest.fixture(scope="session")
def build():
    return "release"


def all_arrived(gateway, load, fleets, webhooks=None):
    database = settle_and_check(gateway, load.stop(), fleets, webhooks=webhooks)
    assert set(database.statuses()) <= {SENT, DELIVERED}
    return database


def go_on(load, count=30):
    before = len(load.promised)
    wait_for(lambda: len(load.promised) > before + count, "clients to go on")


# ---- Clocks ----

@pytest.mark.parametrize("restart, steps", [
    *((restart, [step]) for restart in (False, True) for step in STEPS),
    (False, [*STEPS, *STEPS])],
    ids=lambda value: " and ".join(value) if isinstance(value, list) else f"restart {value}")
def test_a_clock_jump_expires_no_message(make_gateway, make_phones, make_load, make_receiver, restart, steps):
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed")
    clock = Clock(gateway)
    gateway.start()
    receiver = make_receiver()
    receiver.create_webhook(gateway, "hook")
    gateway.webhook_sender.start()
    phones = make_phones(gateway, 2, *FAST)
    load = make_load(gateway, 100)
    for step in steps:
        go_on(load)
        clock.set(STEPS[step])
        go_on(load)
        if restart:
            for process in (gateway.api_fcgi, gateway.ws_broker, gateway.webhook_sender):
                process.stop()
                process.start()
            go_on(load)
        wait_for(lambda: len(gateway.api.devices()) == 2, f"phones to be there {step}")
    all_arrived(gateway, load, [phones], receiver)


def test_messages_in_flight_survive_a_clock_jump(make_gateway, make_phones):
    """Their silence looks like ten years, and nobody gives them up."""
    gateway = make_gateway()
    clock = Clock(gateway)
    gateway.start()
    phones = make_phones(gateway, 1, "--send-ms", "2000", "--report-ms", "1-20")
    ids = [gateway.api.send()["message_id"] for _ in range(3)]
    wait_for(lambda: gateway.count_messages("status >= 2") == 3, "the messages to be in the phone's hands, or one to have left them")
    clock.set(YEARS)
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    wait_for(lambda: gateway.query("SELECT DISTINCT status FROM message") == [(DELIVERED,)],
             "everything to be delivered")
    settle_and_check(gateway, ids, [phones])


def test_a_polled_phone_is_given_nothing_by_a_clock_that_was_just_set(make_gateway):
    """It fetches without a connection to the broker: nothing scheduled comes early, and nothing expires."""
    gateway = make_gateway()
    clock = Clock(gateway)
    gateway.start()
    code = gateway.api.request("POST", "/api/pairings", json={"minutes": 5}).json()["code"]
    with SmsgatePhone(gateway).register(code) as phone:
        in_an_hour = datetime.now(timezone.utc) + timedelta(hours=1)
        gateway.api.send(send_at=in_an_hour.isoformat(timespec="seconds"))
        short = gateway.api.send(ttl_seconds=3600)["message_id"]
        clock.set(2 * 3600)
        assert phone.pull() == []
        assert gateway.query("SELECT status, attempt FROM message") == [(QUEUED, 0)] * 2
        clock.set(0)
        assert phone.pull() == [f"{short.replace('-', '')}-1"]


# ---- Processes that stand still ----

@pytest.mark.parametrize("victim", ["ws_broker", "api_fcgi", "nginx"])
def test_a_stopped_process_loses_nothing(make_gateway, make_phones, make_load, victim):
    # Longer than a phone is given to show that it is alive, and than a broker's lease.
    seconds = 60 if LONG else 4
    gateway = make_gateway(LIVENESS_TIMEOUT_SECONDS=3, PRESENCE_LEASE_SECONDS=3).start()
    phones = make_phones(gateway, 4, *FAST)
    load = make_load(gateway, 50)
    go_on(load)
    process = getattr(gateway, victim)
    os.killpg(process.popen.pid, signal.SIGSTOP)
    time.sleep(seconds)  # that is the fault
    os.killpg(process.popen.pid, signal.SIGCONT)
    go_on(load)
    all_arrived(gateway, load, [phones])


# ---- The doorbell ----

@pytest.mark.parametrize("fault", ["missing", "deaf", "a folder", "garbage"])
def test_the_doorbell_is_only_a_hint(make_gateway, make_phones, make_load, fault):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=1).start()
    phones = make_phones(gateway, 2, *FAST)
    doorbell = gateway.folder / "run" / "doorbell.sock"
    listener = None
    if fault == "garbage":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ringer:
            ringer.setblocking(False)
            for number in range(20000):
                try:
                    ringer.sendto(os.urandom(number % 4096), str(doorbell))
                except BlockingIOError:
                    pass
    else:
        doorbell.unlink()
    if fault == "a folder":
        doorbell.mkdir()
    if fault == "deaf":  # somebody else's, which is soon full
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(doorbell))
    load = make_load(gateway, 100)
    go_on(load, 100)
    all_arrived(gateway, load, [phones])
    if listener:
        listener.close()
    if fault == "a folder":
        doorbell.rmdir()


# ---- Crowds ----

@pytest.mark.parametrize("assured", [True, False], ids=["assured", "basic"])
def test_a_thousand_phones_that_come_back_at_once(make_gateway, make_phones, make_load, assured):
    gateway = make_gateway().start()
    phones = make_phones(gateway, 1000, *FAST, "--connect-rate", "100000", assured=assured)
    load = make_load(gateway, 50)
    for number in range(5 if LONG else 1):
        go_on(load)
        if not assured:  # what is on its way to a basic phone when it breaks may be lost
            all_arrived(gateway, load, [phones])
        gateway.nginx.kill()
        gateway.nginx.start()
        wait_for(lambda: gateway.query(
            "SELECT count(*) FROM device WHERE broker_instance IS NOT NULL AND connection_epoch >= ?",
            number + 2) == [(1000,)], "all phones to be back", 150)
        if not assured:
            load = make_load(gateway, 50)
            go_on(load)
    all_arrived(gateway, load, [phones])


# ---- Backups ----

def test_a_backup_under_load_is_consistent_and_can_be_restored(make_gateway, make_phones, make_load,
                                                               tmp_path):
    gateway = make_gateway().start()
    phones = make_phones(gateway, 4, *FAST)
    load = make_load(gateway, 200)
    for number in range(20 if LONG else 3):
        go_on(load, 100)
        promised = load.promised_now()
        path = tmp_path / f"backup-{number}.db"
        source = sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True)
        target = sqlite3.connect(path)
        source.backup(target)
        source.close()
        target.close()
        checker = Checker(gateway)
        checker.check(promised, [], database_path=path)
        checker.conclude()
    all_arrived(gateway, load, [phones])

    # The last one is put in the database's place: a gateway starts on it and works.
    for process in gateway.processes:
        process.stop()
    assert gateway.command("restore", path)[0] == 0
    for process in gateway.processes:
        process.start()
    message = gateway.api.send()
    gateway.api.wait_status(message["message_id"], "delivered")
