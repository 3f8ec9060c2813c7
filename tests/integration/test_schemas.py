"""Every version of the schema that was released: it never changes, becomes the newest, and back."""

import sqlite3

import pytest

from harness.ledgers import STATUSES
from harness.schemas import (MIGRATIONS, NEWEST, WITH_A_WAY_BACK, columns_of, fixture_path,
                             load_version, read_schema, read_tables)

EACH = pytest.mark.parametrize("version", range(1, NEWEST + 1))


@EACH
def test_a_released_version_never_changes(version, tmp_path):
    """What the migrations make is what was released: none has been edited since."""
    database = sqlite3.connect(tmp_path / "made.db", isolation_level=None)
    for migration in MIGRATIONS[:version]:
        database.executescript(migration.read_text())
    database.close()
    load_version(version, tmp_path / "released.db")
    assert read_schema(tmp_path / "made.db", ()) == read_schema(tmp_path / "released.db", ())


def test_every_version_is_there_and_has_messages_in_every_state(tmp_path):
    assert not fixture_path(NEWEST + 1).exists()
    for version in range(1, NEWEST + 1):
        load_version(version, tmp_path / f"{version}.db")
        rows = read_tables(tmp_path / f"{version}.db", {"message": ["status"]})["message"]
        assert {status for status, in rows} == set(range(len(STATUSES)))


@EACH
def test_each_version_becomes_the_newest_and_keeps_everything(version, make_gateway):
    gateway, new = make_gateway(DEVICE_TOKENS="off", TEXT_RETENTION_DAYS=0), make_gateway()
    load_version(version, gateway.database)
    columns = columns_of(gateway.database)
    before = read_tables(gateway.database, columns)
    for process in (new.api_fcgi, gateway.api_fcgi, gateway.nginx):
        process.start()
    assert read_schema(gateway.database) == read_schema(new.database)
    after = read_tables(gateway.database, columns)
    if version < 3:  # since then, that a message was queued is its row
        before["message_event"] = [event for event in before["message_event"]
                                   if event[columns["message_event"].index("number")] > 1]
    added = set(after.get("message_transition", ())) - set(before.get("message_transition", ()))
    assert version >= 7 or version < 2 or added == {(0, 9), (1, 9)}
    for tables in (before, after):
        tables.pop("message_transition", None)
    assert after == before
    answer = gateway.api.get("/api/sms?limit=100").json()
    assert answer["total"] == len(before["message"])
    assert {message["status"] for message in answer["messages"]} == set(STATUSES)


@pytest.mark.parametrize("version", WITH_A_WAY_BACK)
def test_the_newest_goes_back_to_an_older_version_and_keeps_its_messages(version, make_gateway):
    gateway = make_gateway()
    load_version(NEWEST, gateway.database)
    old = gateway.folder / "old.db"
    load_version(version, old)
    columns = columns_of(old)
    before = read_tables(gateway.database, columns)
    status, _, errors = gateway.command("database", "downgrade", "--to", str(version))
    assert (status, errors) == (0, "")
    assert read_schema(gateway.database) == read_schema(old)
    after = read_tables(gateway.database, columns)
    for tables in (before, after):
        tables.pop("message_transition", None)
    assert after == before
