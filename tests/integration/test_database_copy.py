"""`sms-gateway database copy`: all that is stored goes from SQLite to PostgreSQL and back, and no message is sent by both."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest

from harness.gateway import builds_of, programs_folder
from harness.ledgers import Checker, read_radio
from harness.phone import AssuredPhone, Phone
from harness.phone_sim import AssuredPhones
from harness.postgresql import query
from harness.waiting import LIMIT_SECONDS, LOAD_LIMIT_SECONDS, wait_for
from harness.webhook_receiver import OK, Receiver

numbers = itertools.count(1)
NEVER_COPIED = {"sqlite": {"origin", "probe", "idempotency_by_key", "idempotency_state"}, "postgresql": {"schema_version", "writer"}}
TEXT = "it's \"ü👋\" \\ \t\n{{}} {}"
NOW_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture
def url(server):
    return server.make_database(f"copy_{next(numbers)}")


def tool(folder, *words, program="release", **environment):
    return subprocess.run([programs_folder(program) / "sms-gateway", *map(str, words)], cwd=folder, capture_output=True, text=True,
                          timeout=LIMIT_SECONDS, check=False, env={"PATH": os.environ["PATH"]} | environment)


def copy(folder, source, target, **more):
    return tool(folder, "database", "copy", "--from", source, "--to", target, **more)


def copied(folder, source, target, **more):
    """What a copy that succeeds says in JSON."""
    result = tool(folder, "database", "copy", "--from", source, "--to", target, "--json", **more)
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def refusal(folder, source, target):
    result = copy(folder, source, target)
    assert result.returncode == 1 and not result.stdout, result
    return result.stderr


def make_file(folder, name="a.db"):
    result = tool(folder, "database", "create", DATABASE_PATH=name)
    assert result.returncode == 0, result
    return folder / name


def tables_of(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]


def tables_in(url):
    return [row[0] for row in query(url, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                                         " AND relnamespace = current_schema()::regnamespace")]


# ---- Every table and column ----

def value_for(table, column, kind, row):
    """A value that the constraints take, and that no other column of the row has."""
    special = {
        "only_row": 1, "kind": row % 3, "state": row % 3, "source": row % 3, "revocation": row % 3, "status": row % 10, "was_hurried": row % 2,
        "phase": (row % 10 > 0) + (row % 10 > 3), "type": 10 + row, "lane": "any" if row % 10 == 0 else None, "spent": bytes(range(row, row + 64)),
    }
    if column in special:
        return special[column]
    if column == "message_seq":
        column = "seq"  # of a message that is there
    if kind == "BLOB":
        return bytes((row * 17 + at) % 256 for at in range(32 if "hash" in column else 16))
    if kind == "TEXT":
        return TEXT.format(f"{table}.{column} {row}")
    if kind == "REAL":
        return row / 3
    if column.endswith(("_ms", "seq", "cursor", "changed", "configured", "period")) or column in ("id", "event_id", "slot"):
        return NOW_MS + 1000 * row + len(column)
    return row + 2


def fill(path):
    """Ten rows in every table, the last of them with NULL wherever that is allowed."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in tables_of(path):
            if table in NEVER_COPIED["sqlite"] | {"message_count"}:
                continue
            columns = db.execute("SELECT name, type, \"notnull\" OR pk > 0 FROM pragma_table_info(?)", (table,)).fetchall()
            db.execute(f"DELETE FROM {table}")
            for row in range(1 if any(name == "only_row" for name, _, _ in columns) else 10):
                values = [None if row == 9 and not needed else value_for(table, name, kind, row) for name, kind, needed in columns]
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", values)
        db.execute("UPDATE message_count SET count = (SELECT count(*) FROM message m WHERE m.status = message_count.status)")
        db.commit()


def content(path):
    """All rows of all tables that are copied. What a hash says of a key is the gateway's affair."""
    rows = {}
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in set(tables_of(path)) - NEVER_COPIED["sqlite"]:
            columns = [name for name, in db.execute("SELECT name FROM pragma_table_info(?)", (table,)) if name != "key_hash"]
            rows[table] = sorted(map(repr, db.execute(f"SELECT {', '.join(columns)} FROM {table}")))
    return rows


def schema(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return sorted(map(repr, db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")))


def indexes(url):
    return query(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1")


@pytest.mark.parametrize("program", builds_of("release", "address"))
def test_every_table_and_column_goes_there_and_back(tmp_path, url, server, program):
    path = make_file(tmp_path)
    fill(path)
    before, made = content(path), schema(path)
    fresh = server.make_database(f"copy_{next(numbers)}")
    assert tool(tmp_path, "database", "migrate", DATABASE_URL=fresh).returncode == 0
    there = copied(tmp_path, "sqlite:a.db", url, program=program)
    assert not path.exists() and content(there["kept"]) == before
    assert {table["name"] for table in there["tables"]} == set(tables_in(url)) - NEVER_COPIED["postgresql"]
    for table in there["tables"]:
        assert query(url, f"SELECT count(*) FROM {table['name']}") == [(table["rows"],)] and table["rows"] > 0, table
    assert indexes(url) == indexes(fresh)
    # The next event, webhook and answer are not numbered as one that is there.
    last = query(url, "SELECT last_value, is_called FROM event_id")[0]
    assert last == (value_for("last_event", "id", "INTEGER", 0), "t")
    assert query(url, "SELECT nextval(pg_get_serial_sequence('webhook', 'seq')) > max(seq) FROM webhook") == [("t",)]

    # An event of a message that retention has removed waits for its partition to be dropped.
    query(url, "INSERT INTO message_event (id, message_seq, number, status, attempt, at_ms) VALUES"
               " (1, (extract(epoch FROM now()) * 1000)::bigint << 20, 2, 5, 1, 0)")
    back = copied(tmp_path, url, "sqlite:b.db", program=program)
    assert {table["name"] for table in back["tables"]} == set(tables_of(tmp_path / "b.db")) - NEVER_COPIED["sqlite"]
    assert content(tmp_path / "b.db") == before and schema(tmp_path / "b.db") == made
    assert os.stat(tmp_path / "b.db").st_mode & 0o777 == 0o600
    sums = [{table["name"]: table["checksum"] for table in each["tables"]} for each in (there, back)]
    assert sums[0]["device"] == sums[1]["device"] != sums[0]["webhook"] == sums[1]["webhook"]
    # Where it came from starts no more.
    result = tool(tmp_path, "statistics", DATABASE_URL=url)
    assert result.returncode == 1 and "it was copied to" in result.stderr and "b.db" in result.stderr, result
    assert "it was copied to" in refusal(tmp_path, url, "sqlite:c.db") and not (tmp_path / "c.db").exists()


def test_a_table_that_nobody_has_thought_of_is_not_forgotten(tmp_path, url):
    path = make_file(tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE invention (a) ")
        db.commit()
    assert "invention" in refusal(tmp_path, "sqlite:a.db", url)
    assert path.exists()


# ---- Refusals ----

def test_what_cannot_be_copied_is_refused_and_left_as_it_was(tmp_path, url, server):
    make_file(tmp_path)
    (tmp_path / "text.db").write_text("this is no database, but long enough to look at " * 20)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE other (a)")
    assert "there is no database" in refusal(tmp_path, "sqlite:missing.db", url)
    assert "not a database" in refusal(tmp_path, "sqlite:text.db", url)
    assert "of another program" in refusal(tmp_path, "sqlite:other.db", url)
    assert "does not exist" in refusal(tmp_path, "sqlite:a.db", server.dsn_of("none"))
    assert "No such file" in refusal(tmp_path, "sqlite:a.db", "postgresql://postgres@/a?host=/tmp/no-such-folder")
    assert "it is empty" in refusal(tmp_path, url, "sqlite:b.db")
    full = server.make_database(f"copy_{next(numbers)}")
    assert tool(tmp_path, "keys", "create", "somebody", DATABASE_URL=full).returncode != 0  # it has no tables yet
    assert tool(tmp_path, "database", "migrate", DATABASE_URL=full).returncode == 0
    assert tool(tmp_path, "keys", "create", "somebody", DATABASE_URL=full).returncode == 0
    assert "it is not empty, there is something in api_key" in refusal(tmp_path, "sqlite:a.db", full)
    query(url, "CREATE TABLE other (a integer)")
    assert "of another program" in refusal(tmp_path, "sqlite:a.db", url)
    assert tool(tmp_path, "keys", "create", "somebody", DATABASE_PATH="a.db").returncode == 0
    assert "a.db: it is not empty, there is something in api_key" in refusal(tmp_path, full, "sqlite:a.db")
    for words in (("--from", "sqlite:a.db"), ("--from", "sqlite:a.db", "--to", "sqlite:b.db"), ("--from", full, "--to", url),
                  ("--from", "sqlite:///a.db", "--to", url), ("--from", url, "--to", "sqlite://b.db")):
        assert tool(tmp_path, "database", "copy", *words).returncode == 2
    assert sorted(path.name for path in tmp_path.glob("*.db*") if not path.name.endswith((".lock", "-shm", "-wal"))) == ["a.db", "other.db", "text.db"]
    assert tool(tmp_path, "keys", "list", DATABASE_URL=full).stdout.count("somebody") == 1


def test_while_a_gateway_runs_on_either_side_it_is_named(make_gateway, tmp_path, server):
    gateway = make_gateway().start()
    path, full = gateway.database, server.make_database(f"copy_{next(numbers)}")
    words = refusal(gateway.folder, f"sqlite:{path}", full)
    assert f"process {gateway.api_fcgi.popen.pid} (api-fcgi" in words and "stop the gateway first" in words, words
    gateway.api_fcgi.stop()
    assert f"process {gateway.ws_broker.popen.pid} (ws-broker" in refusal(gateway.folder, f"sqlite:{path}", full)
    gateway.ws_broker.stop()

    make_file(tmp_path)
    other = make_gateway(DATABASE_URL=full).start()
    for source, target in (("sqlite:a.db", full), (full, "sqlite:b.db")):
        words = refusal(tmp_path, source, target)
        assert f"process {other.api_fcgi.popen.pid} on" in words and "ws-broker" in words, words
    other.stop()
    assert tool(tmp_path, "database", "check", DATABASE_PATH="a.db").returncode == 0


def test_a_file_that_another_program_has_open_is_not_copied(tmp_path, url):
    path = make_file(tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM message").fetchall()
        words = refusal(tmp_path, "sqlite:a.db", url)
        assert "a.db: it is in use" in words and f"process {os.getpid()} does" in words, words
    copied(tmp_path, "sqlite:a.db", url)


# ---- Kills ----

def is_open_to_a_gateway(folder, **environment):
    result = tool(folder, "statistics", **environment)
    assert result.returncode == 0 or "copied" in result.stderr, result
    return result.returncode == 0


def fill_messages(path, count):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO message (seq, id, status, attempt, event_count, segments, updated_at_ms, phone_number, encoding, text)"
                   " SELECT value, randomblob(16), 0, 0, 1, 1, 1, '+491511234567', 0, hex(randomblob(20))"
                   f" FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT {count}) SELECT value FROM n)")
        db.execute(f"UPDATE message_count SET count = {count} WHERE status = 0")
        db.commit()


def test_a_copy_that_is_killed_leaves_the_target_empty_and_the_source_usable(tmp_path, url):
    path = make_file(tmp_path)
    fill_messages(path, 30_000)
    environment = {"PATH": os.environ["PATH"]}
    words = [programs_folder("release") / "sms-gateway", "database", "copy", "--from", "sqlite:a.db", "--to", url]
    began = time.monotonic()
    whole = 0.3
    for part in (0.2, 0.5, 0.8):
        with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            time.sleep(part * whole)  # the moment is what is tried out
            process.send_signal(signal.SIGKILL)
        if not path.exists():
            break  # it was quicker
        assert is_open_to_a_gateway(tmp_path, DATABASE_PATH="a.db")
    assert time.monotonic() - began < LIMIT_SECONDS
    if path.exists():
        assert {table["name"]: table["rows"] for table in copied(tmp_path, "sqlite:a.db", url)["tables"]}["message"] == 30_000
    assert query(url, "SELECT count(*) FROM message_state WHERE lane = ''") == [(30_000,)]
    assert not is_open_to_a_gateway(tmp_path, DATABASE_PATH="a.db")


@pytest.mark.parametrize("point, from_file", [("copy.before_verification", True), ("copy.before_verification", False),
                                              ("copy.before_commit", True), ("copy.before_commit", False)])
def test_at_no_moment_both_can_be_used(tmp_path, url, point, from_file):
    """At its end neither can: the target has nothing, and the source says what to do."""
    path = make_file(tmp_path)
    fill_messages(path, 10)
    source, target, of_source = "sqlite:a.db", url, {"DATABASE_PATH": "a.db"}
    if not from_file:
        copied(tmp_path, source, target)
        source, target, of_source = url, "sqlite:b.db", {"DATABASE_URL": url}
    result = copy(tmp_path, source, target, program="faults", FAIL_POINT=f"{point}:1")
    assert result.returncode == -signal.SIGKILL, result
    assert is_open_to_a_gateway(tmp_path, **of_source) == (point != "copy.before_commit")
    if from_file:
        assert query(url, "SELECT count(*) FROM pg_class WHERE relname = 'message'") == [(1,)]
        assert query(url, "SELECT count(*) FROM message") == [(0,)]
    else:
        assert not (tmp_path / "b.db").exists()
    if point == "copy.before_commit":
        assert "copied" in refusal(tmp_path, source, target)
        if from_file:
            next(tmp_path.glob("a.db.copied-*[0-9]Z")).rename(path)
        else:
            query(url, "UPDATE schema_version SET copied_to = NULL")
    assert {table["name"]: table["rows"] for table in copied(tmp_path, source, target)["tables"]}["message"] == 10


# ---- Real programs ----

def test_phones_go_on_where_they_were_and_the_ledgers_agree(make_gateway, make_load, make_phones, url):
    gateway = make_gateway().start()
    fast = ("--send-ms", "1-40", "--report-ms", "1-60", "--failure-rate", "0.05")
    fleets = [make_phones(gateway, 3, *fast, name=name) for name in ("a", "b")]
    load = make_load(gateway, 150)
    load.wait_accepted(100)
    fleets[0].kill()
    gateway.ws_broker.kill()  # what it has offered, and its lease, go with the rest
    gateway.ws_broker.start()
    load.wait_accepted(50)
    for process in gateway.processes:
        process.kill()
    promised = load.stop()
    for fleet in fleets:
        fleet.kill()
    open_before = gateway.query("SELECT status, count(*) FROM message WHERE status <= 3 GROUP BY status")
    assert {status for status, _ in open_before} > {0}, open_before

    copied(gateway.folder, f"sqlite:{gateway.database}", url)
    gateway.environment["DATABASE_URL"] = url
    gateway.start()
    for fleet in fleets:
        fleet.start()
    wait_for(lambda: gateway.query("SELECT count(*) FROM message_state WHERE phase < 2") == [(0,)], "all to end", LOAD_LIMIT_SECONDS)
    wait_for(lambda: gateway.query("SELECT sum(count) FROM message_count WHERE status < 4") == [(0,)], "the counts to say so")
    more = gateway.api.send()["message_id"]
    wait_for(lambda: gateway.api.message(more)["status"] in ("delivered", "failed"), "one more to end")  # a radio fails now and then
    for fleet in fleets:
        fleet.stop()
    gateway.stop()
    copied(gateway.folder, url, "sqlite:back.db")
    checker = Checker(gateway)
    promised.add(more)
    radio = [line for fleet in fleets for line in read_radio(fleet.ledger_path)]
    database = checker.check(promised, radio, settled=True, database_path=gateway.folder / "back.db")
    checker.conclude()
    assert len(database.messages) >= len(promised) > 150


def test_all_that_was_set_and_known_is_set_and_known_there(make_gateway, url):
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed", RECIPIENT_DAILY_MESSAGES=3, SWEEP_INTERVAL_SECONDS=1).start()
    receiver = Receiver(hook=[OK])
    hook = gateway.api.request("POST", "/api/webhooks", json={"url": receiver.url("hook"), "types": ["message.*", "inbox.*"]}).json()
    gateway.webhook_sender.start()
    asked = {"json": {"phone_number": "+4915100000001", "message": "once"}, "headers": {"Idempotency-Key": "k-1"}}
    once = gateway.api.request("POST", "/api/send-sms", **asked).json()["message_id"]
    phone = AssuredPhone(gateway, "assured", credit=2)
    assert phone.take() == (once, 1)
    offered = gateway.api.send("+4915100000002", "offered")["message_id"]
    assert phone.receive_offer() == (offered, 1)
    gateway.tokens_of(["later"])
    created = gateway.api.request("POST", "/api/batches", json={
        "messages": [{"phone_number": "+4915100000003", "message": str(i), "device_id": "later"} for i in range(3)]})
    assert created.status_code == 202, created.text
    batch = created.json()
    assert gateway.api.request("POST", "/api/opt-outs", json={"phone_number": "+4915100000009"}).status_code in (200, 201)
    basic = Phone(gateway, "basic")
    basic.send({"type": "sms_received", "received_id": "1", "from": "+491701234567", "message": "Ja"})
    basic.receive()
    wait_for(lambda: any(request.event["type"] == "inbox.received" for request in receiver.requests), "the webhook to hear of it")
    gateway.webhook_sender.stop()
    phone.report(once, 1, "sending")  # its event waits for the webhook
    gateway.api.wait_status(once, "sending")
    gateway.api_fcgi.stop()
    gateway.ws_broker.stop()
    heard = {request.id for request in receiver.requests}

    copied(gateway.folder, f"sqlite:{gateway.database}", url)
    gateway.environment["DATABASE_URL"] = url
    gateway.api_fcgi.start()
    gateway.ws_broker.start()
    gateway.webhook_sender.start()
    again = gateway.api.request("POST", "/api/send-sms", **asked)
    assert again.status_code == 202 and again.json()["message_id"] == once
    before, phone = phone, AssuredPhone(gateway, "assured", journal=phone.journal, entries=[(once, 1, "released")], credit=2)
    phone.seq = before.seq
    assert phone.receive_offer() == (offered, 2)  # the one that it has is not given once more
    phone.report(once, 1, "sent")
    gateway.api.wait_status(once, "sent")
    assert gateway.api.get(f"/api/batches/{batch['batch_id']}").json()["count"] == 3
    assert [sms["message"] for sms in gateway.api.get("/api/inbox").json()["incoming"]] == ["Ja"]
    refused = [gateway.api.request("POST", "/api/send-sms", json={"phone_number": number, "message": "x"})
               for number in ("+4915100000009", "+4915100000003")]
    assert [answer.json()["code"] for answer in refused] == ["recipient_opted_out", "recipient_cap_reached"], [a.json() for a in refused]
    wait_for(lambda: any(request.event["type"] == "message.sent" for request in receiver.requests), "the webhook to go on")
    later = [request.id for request in receiver.requests if request.id not in heard]
    assert len(later) == len(set(later))  # and it began where it was
    assert not heard & set(later)
    assert gateway.api.get("/api/webhooks").json()["webhooks"][0]["webhook_id"] == hook["webhook_id"]
    phone.close()
    basic.close()
    receiver.close()
