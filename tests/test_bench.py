"""The programs of the benchmark count correctly. No test checks a speed."""

import sqlite3
import sys
import tempfile
from pathlib import Path

import pytest

from harness.gateway import ROOT
from harness.postgresql import query
from harness.waiting import wait_for

sys.path.insert(0, str(ROOT / "tests" / "bench"))

from ceilings import Ceilings, bare_rows
from databases import Databases
from figure import Figures
from polled import register
from postgresql import AN_ID, BenchServer, bare_libpq, store_alone
from processes import CpuMeter, Load, run_load
import report
import streams

POST = {"post": "/api/send-sms"}


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.mark.parametrize("level", [{}, {"assured": True}], ids=["basic", "assured"])
def test_the_load_counts_what_the_database_has(make_gateway, level):
    gateway = make_gateway().start()
    with CpuMeter(gateway) as cpu:
        result = run_load(gateway, connections=4, requests=300, phones=10, sent_ms=2,
                          delivered_ms=2, until_delivered=True, **level, **POST)
    assert result["answered"] == result["delivered"] == result["received"] == 300
    assert result["released"] == result["answer"]["count"] == 300
    assert result["repeated"] == result["refused"] == result["broken"] == 0
    assert result["phone_errors"] == 0
    wait_for(lambda: gateway.query("SELECT count FROM message_count WHERE status = 5") == [(300,)],
             "the last report to be on the disk")
    assert set(cpu.used) == {"api-fcgi", "ws-broker", "nginx"} and cpu.total() > 0


def test_a_refusal_is_counted_as_one(make_gateway):
    gateway = make_gateway(MAX_BODY_BYTES=1024).start()
    result = run_load(gateway, connections=1, requests=5, seconds=1, post="/api/sms")
    assert (result["answered"], result["refused"]) == (0, 5)


def test_requests_by_the_clock_are_as_many_as_asked(make_gateway):
    gateway = make_gateway().start()
    result = run_load(gateway, connections=2, rate=2000, requests=100, seconds=60, **POST)
    assert result["answered"] == 100
    assert gateway.query("SELECT count(*) FROM message") == [(100,)]


def test_batches_are_as_many_as_asked(make_gateway):
    gateway = make_gateway().start()
    result = run_load(gateway, connections=2, batch=2000, requests=3, seconds=60, post="/api/batches")
    assert (result["answered"], result["refused"], result["broken"]) == (3, 0, 0)
    assert gateway.query("SELECT count(*), sum(count) FROM batch") == [(3, 6000)]
    assert gateway.counts() == (6000, 6000, 6000)


def test_gets_take_their_paths_from_a_file(make_gateway, tmp_path):
    gateway = make_gateway().start()
    ids = [gateway.api.send()["message_id"] for _ in range(3)]
    paths = tmp_path / "paths"
    paths.write_text("".join(f"/api/sms/{id}\n" for id in ids) + "/api/sms?limit=50\n")
    result = run_load(gateway, connections=2, requests=50, seconds=60, gets=paths)
    assert result["answered"] == 50 and result["answer"]["p50_ms"] > 0


def test_phones_stay_until_they_are_stopped(make_gateway):
    gateway = make_gateway().start()
    load = Load(gateway, phones=25, first=100, say_connected=True)
    load.wait_connected()
    assert set(gateway.api.devices()) == {f"bench-{number}" for number in range(100, 125)}
    result = load.stop()
    assert (result["phones_connected"], result["phones_lost"]) == (25, 0)
    assert result["connect"]["count"] == 25


def test_incoming_sms_are_as_many_as_were_acknowledged(make_gateway):
    gateway = make_gateway().start()
    result = run_load(gateway, phones=4, receive=3, seconds=0.5, assured=True)
    assert (result["phone_errors"], result["phones_lost"]) == (0, 0)
    stored = gateway.query("SELECT count(*), count(DISTINCT device_id), max(segments) FROM incoming")
    assert stored == [(stored[0][0], 4, 1)] and 0 < result["incoming"] <= stored[0][0] <= result["incoming"] + 4 * 3


def test_polled_phones_fetch_and_report_what_comes(make_gateway):
    gateway = make_gateway().make_database()
    phones = register(gateway, 5)
    gateway.start()
    result = run_load(gateway, connections=2, requests=100, until_delivered=True, **phones, **POST)
    assert (result["polled_connected"], result["polled_lost"], result["polled_refused"]) == (5, 0, 0)
    assert result["answered"] == result["received"] == 100 and result["polled_reports"] >= 300
    assert gateway.query("SELECT status, count(*) FROM message GROUP BY 1") == [(5, 100)]


def test_each_follower_counts_each_event(make_gateway):
    gateway = make_gateway().start()
    keys = gateway.folder / "stream-keys"
    keys.write_text("".join(gateway.make_key("read") + "\n" for _ in range(2)))
    followers = Load(gateway, streams=6, stream_keys=keys, stream_events=6 * 20 * streams.EVENTS_OF_ONE, say_connected=True)
    followers.wait_connected()
    run_load(gateway, connections=2, requests=20, phones=4, until_delivered=True, assured=True, **POST)
    result = followers.result()
    assert (result["streams_connected"], result["streams_lost"]) == (6, 0)
    assert result["stream_events"] == 6 * 20 * streams.EVENTS_OF_ONE == result["event_to_stream"]["count"]


def test_the_ceilings_answer(tmp_path):
    with Ceilings(tmp_path / "ceilings") as ceilings:
        for measure in (ceilings.static, ceilings.constant_get, ceilings.constant_post):
            result = measure(connections=2, requests=20, seconds=0.5)
            assert (result["answered"], result["refused"]) == (20, 0)
        assert ceilings.echo(3, seconds=0.5)["echoes_per_second"] > 0
    assert streams.bare_fanout(10, 5000, 0.1)["writes_per_second"] > 0
    rows = bare_rows(tmp_path, 4, 0.1)
    count, = sqlite3.connect(tmp_path / "rows.db").execute("SELECT count(*) FROM message")
    assert count[0] > 0 and count[0] % 4 == 0 and rows["rows_per_second"] > 0


def test_the_ceilings_of_postgresql_answer(short_path):
    ids = short_path / "ids"
    with BenchServer(short_path) as server:
        url = server.new_database()
        assert bare_libpq(url, "unnest", 4, 0.1) > 0 and bare_libpq(url, "copy", 4, 0.1) > 0
        stored = store_alone(url, "enqueue", 8, 0.2)
        assert stored["per_second"] > 0 and stored["p99_ms"] >= stored["p50_ms"] > 0
        count, an_id = query(url, f"SELECT count(*), min({AN_ID}) FROM message")[0]
        assert count >= 0.2 * stored["per_second"] - 8
        ids.write_text(an_id + "\n")
        assert store_alone(url, "find", 2, 0.1, ids)["per_second"] > 0 and bare_libpq(url, "lookup", 2, 0.1) > 0


@pytest.fixture
def short_path():
    """A socket's path may not be as long as those of pytest."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def test_a_filled_database_is_one_that_the_gateway_could_have_made(short_path, make_gateway):
    databases = Databases(short_path / "databases")
    gateway = databases.gateway(short_path / "filled", delivered=500, queued=20, scheduled=30).start()
    fresh = make_gateway().start()
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
    assert gateway.query(schema) == fresh.query(schema)
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]
    assert gateway.counts() == (550, 500 * 6 + 50, 550)
    ids = databases.ids(gateway, 50)
    assert len(ids) >= 50
    for message_id in ids[25:28]:
        assert gateway.api.message(message_id)["status"] == "delivered"
    page = gateway.api.get("/api/sms?limit=100&status=queued").json()
    assert page["count"] == 50
    assert page["messages"][-1]["waiting_for"]["reason"] == "scheduled"
    result = run_load(gateway, phones=4, assured=True, delivered=20)
    assert result["delivered"] == 20
    gateway.wait_delivered(520)
    gateway.stop()


def test_the_table_says_what_missed_its_target():
    figures = Figures()
    for value in (10, 30, 20):
        figures.add("rate", "/s", value, target=25)
    figures.add("latency", "ms", 2.5, target=3, at_most=True, digits=1, conditions="quiet")
    figures.add("plain", "MiB", 7)
    found = report.results({"kernel": "6"}, figures, {})
    assert [figure["met"] for figure in found["figures"]] == [False, True, None]
    lines = report.page(found).splitlines()
    assert [line.split("|")[-2].strip() for line in lines[-3:]] == ["MISSED", "met", ""]
    assert "20 /s" in lines[-3] and "10 to 30" in lines[-3] and "at least 25" in lines[-3]


def test_a_new_measurement_replaces_the_old_one():
    earlier, later = Figures(), Figures()
    earlier.add("rate", "/s", 1)
    earlier.add("memory", "MiB", 2)
    later.add("rate", "/s", 3)
    point = {"sync_ms": 0, "connections": 1, "rate": 5, "p99_ms": 6}
    found = report.merged(report.results({}, earlier, {"disks": [point], "soak": []}),
                          report.results({"kernel": "7"}, later, {"disks": [point, point]}))
    assert {figure["name"]: figure["median"] for figure in found["figures"]} == \
        {"memory": 2, "rate": 3}
    assert found["growth"] == {"disks": [point, point], "soak": []}
    assert "kernel: 7" in report.page(found)
