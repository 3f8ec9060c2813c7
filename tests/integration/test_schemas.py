"""Every version of the schema that was released: it never changes, becomes the newest, and back."""

import json
import sqlite3
import uuid

import pytest

from harness.ledgers import STATUSES
from harness.schemas import (MIGRATIONS, NEWEST, WITH_A_WAY_BACK, bring_forward, columns_of,
                             fixture_path, load_version, message_seq, read_schema, read_tables)
from harness.waiting import LIMIT_SECONDS

EACH = pytest.mark.parametrize("version", range(1, NEWEST + 1))


@EACH
def test_a_released_version_never_changes(version, tmp_path):
    """What the migrations make is what was released: none has been edited since."""
    database = sqlite3.connect(tmp_path / "made.db", isolation_level=None)
    database.create_function("message_id_seq", 1, message_seq)
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
    bring_forward(before, columns, version)
    added = set(after.get("message_transition", ())) - set(before.get("message_transition", ()))
    assert version >= 7 or version < 2 or added == {(0, 9), (1, 9)}
    for tables in (before, after):
        tables.pop("message_transition", None)
    assert after == before
    answer = gateway.api.get("/api/sms?limit=100").json()
    assert answer["total"] == len(before["message"])
    assert {message["status"] for message in answer["messages"]} == set(STATUSES)


def test_two_messages_whose_ids_have_the_same_number_both_stay(make_gateway):
    gateway = make_gateway(DEVICE_TOKENS="off")
    load_version(7, gateway.database)
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    [(first,)] = database.execute("SELECT id FROM message WHERE seq = 5").fetchall()
    second = first[:-1] + bytes([first[-1] ^ 1])
    assert message_seq(first) == message_seq(second)
    database.execute("UPDATE message SET id = ? WHERE seq = 6", (second,))
    events = [count for count, in database.execute(
        "SELECT count(*) FROM message_event WHERE message_seq IN (5, 6) GROUP BY message_seq")]
    database.commit()
    database.close()
    for process in (gateway.api_fcgi, gateway.nginx):
        process.start()
    assert sorted(gateway.query("SELECT seq FROM message WHERE id IN (?, ?)", first, second)) == \
        [(message_seq(first),), (message_seq(first) + 1,)]
    for message_id, count in zip((first, second), events):
        text = str(uuid.UUID(bytes=message_id))
        assert gateway.api.message(text)["message_id"] == text
        shown = json.loads(gateway.command("messages", "show", text, "--json")[1])
        assert len(shown["history"]) == 1 + count
    assert gateway.command("database", "check")[0] == 0


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
