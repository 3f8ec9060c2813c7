"""nginx and the two programs find each other in whatever order they start, and on whatever database."""

import itertools
import sqlite3

import pytest

from harness.gateway import ROOT
from harness.phone import Phone
from harness.waiting import LIMIT_SECONDS, wait_for

APPLICATION_ID = 0x534D5347
NAMES = ("api_fcgi", "ws_broker", "nginx")
ORDERS = list(itertools.permutations(NAMES))
DATABASES = ("none", "empty file", "first schema")


def make_database(gateway, kind):
    if kind == "none":
        return
    gateway.database.parent.mkdir()
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    if kind == "first schema":
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript((ROOT / "common/store/sqlite/sql/0001_initial.sql").read_text())
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA user_version = 1")
    database.close()
    gateway.database.touch()


def check_that_it_works(gateway):
    phone = Phone(gateway, "phone")
    message_id = gateway.api.send()["message_id"]
    assert phone.receive_sms()["message_id"] == message_id
    phone.report(message_id, "delivered")
    gateway.api.wait_status(message_id, "delivered")
    assert gateway.api.get("/readyz").status_code == 200
    migrations = len(list((ROOT / "common/store/sqlite/sql").glob("*.sql")))
    assert gateway.query("PRAGMA user_version") == [(migrations,)]
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]
    phone.close()


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_one_after_the_other(make_gateway, order, kind):
    gateway = make_gateway()
    make_database(gateway, kind)
    for name in order:
        getattr(gateway, name).start()
    check_that_it_works(gateway)


@pytest.mark.parametrize("kind", DATABASES)
def test_all_at_once(make_gateway, kind):
    """Both programs want to make the schema; each step is made once."""
    for order in ORDERS:
        gateway = make_gateway()
        make_database(gateway, kind)
        for name in order:
            getattr(gateway, name).start(ready=False)
        logs = (gateway.api_fcgi.log, gateway.ws_broker.log)
        wait_for(lambda: all("msg=serving" in log() for log in logs), "both to serve")
        made = sum(log().count("database schema made") for log in logs)
        assert made == gateway.query("PRAGMA user_version")[0][0] - (kind == "first schema")
        check_that_it_works(gateway)
        gateway.stop()


def test_a_program_that_starts_again_and_again_meets_the_others_whenever(make_gateway):
    """With a database that is there; each of them alone, and the last of them."""
    gateway = make_gateway().start()
    check_that_it_works(gateway)
    for order in ORDERS:
        for process in gateway.processes:
            process.stop()
        for name in order:
            getattr(gateway, name).start()
        check_that_it_works(gateway)
