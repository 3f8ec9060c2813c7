"""The gateway on PostgreSQL, with a server of its own: fsync on, on the disk that is measured, on the same two cores as the gateway
and its clients."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time

from harness.gateway import ROOT, let_others_pass
from harness.postgresql import Server, Snapshot, query
from machine import BusyMeter
from processes import PROGRAMS, BenchGateway, CpuMeter, Load, cpu_seconds, run_load

POST = {"post": "/api/send-sms"}
SETTINGS = """
fsync = on
full_page_writes = on
autovacuum = on
shared_buffers = 512MB
max_wal_size = 4GB
log_min_messages = warning
"""
SLOW_COMMIT_MS = 2
MOST_ROWS = 10 ** 6
AN_ID = "substr(encode(id, 'hex'), 1, 8) || '-' || substr(encode(id, 'hex'), 9, 4) || '-' || substr(encode(id, 'hex'), 13, 4) || '-'" \
    " || substr(encode(id, 'hex'), 17, 4) || '-' || substr(encode(id, 'hex'), 21)"


class BenchServer(Server):
    """With the settings of production; each sync of its files takes longer where that is asked for."""

    def __init__(self, parent, sync_ms=0):
        self.parent = parent
        self.numbers = itertools.count(1)
        if sync_ms:
            self.wrap = ("env", f"LD_PRELOAD={PROGRAMS}/slow-sync.so", f"SLOW_SYNC_US={sync_ms * 1000}")
        super().__init__(SETTINGS)

    def _make_folder(self):
        super()._make_folder()
        os.rmdir(self.folder)
        self.folder = self.parent / "server"
        self.folder.mkdir()
        let_others_pass(self.folder)
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.stop()

    def cpu_seconds(self):
        """Of its processes that run."""
        return cpu_seconds(int((self.folder / "data/postmaster.pid").read_text().split()[0]))

    def log_bytes(self):
        """Written so far, all of which a standby gets too."""
        return query(self.dsn, "SELECT (pg_current_wal_lsn() - '0/0')::bigint")[0][0]

    def new_database(self, template=None):
        name = f"bench_{next(self.numbers)}"
        query(self.dsn, f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.dsn_of(name)

    def filled(self, bench, **rows):
        """The name of a database with rows of a gateway's past, for others to be copies of."""
        source = bench.gateway(**rows)
        url = self.new_database()
        subprocess.run([ROOT / "build/sms-gateway", "database", "copy", "--from", f"sqlite:{source.database}", "--to", url],
                       check=True, stdout=subprocess.DEVNULL, cwd=source.folder)
        # Without an origin (server_origin.h) its copies are taken for new databases: nobody has ever sent their messages.
        for statement in ("UPDATE schema_version SET origin = NULL", "VACUUM ANALYZE", "CHECKPOINT"):
            query(url, statement)
        return url.split("?")[0].rsplit("/", 1)[1]


class Node(BenchGateway):
    """One of a database's nodes."""

    def __init__(self, bench, url, name="alpha", **settings):
        super().__init__(bench.new_folder() / "gateway", DATABASE_URL=url, NODE_NAME=name, **settings)

    def delivered(self):
        return self.query("SELECT coalesce(sum(count), 0) FROM message_count WHERE status = 5")[0][0]

    def wait_delivered(self, count, limit=300):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.delivered() >= count:
                return self.query("SELECT max(updated_at_ms) FROM message_state WHERE status = 5")[0][0] / 1000
            time.sleep(0.05)
        raise AssertionError(f"{count} messages were not delivered within {limit} s")


def _program(name, *arguments):
    return json.loads(subprocess.check_output([PROGRAMS / name, *map(str, arguments)]))


def bare_libpq(url, way, count, seconds):
    """Rows per second without a gateway: unnest, copy and copy-messages write so many a commit, lookup reads with so many connections."""
    return _program("bench-libpq", url, way, count, seconds)["rows_per_second"]


def store_alone(dsn, way, count, seconds, *ids):
    """The gateway's store without HTTP: new messages of so many callers at once, or reads of so many threads."""
    return _program("bench-store", dsn, way, count, seconds, *ids)


@contextlib.contextmanager
def _server(bench, **options):
    with BenchServer(bench.new_folder(), **options) as server:
        yield server


def _post(node, seconds, **options):
    load = run_load(node, seconds=seconds, warmup=0.5, **options, **POST)
    assert load["refused"] == load["broken"] == 0
    return load


def pg_rows(bench):
    """New messages on PostgreSQL: the store alone and POST, against bare libpq and the same store on SQLite."""
    figures, seconds = bench.figures, bench.seconds
    with _server(bench) as server:
        for _ in range(bench.rounds):
            url = server.new_database()
            unnest, copy = (bare_libpq(url, way, 64, seconds) for way in ("unnest", "copy"))
            one_bare = bare_libpq(url, "unnest", 1, seconds)
            store = store_alone(url, "enqueue", 64, seconds)
            sqlite = store_alone(f"sqlite:{bench.new_folder()}/store.db", "enqueue", 64, seconds)["per_second"]
            copied = bare_libpq(url, "copy-messages", 64, seconds)
            one = store_alone(server.new_database(), "enqueue", 1, seconds)["per_second"]
            node = Node(bench, server.new_database()).start()
            before = server.cpu_seconds()
            with CpuMeter(node) as cpu:
                load = _post(node, seconds, connections=64)
            of_server = server.cpu_seconds() - before
            alone = _post(node, seconds, connections=1)
            bench.discard(node)
            rate, post = store["per_second"], load["answers_per_second"]
            figures.add("libpq, 64 rows a commit by unnest", "/s", unnest, conditions="plain table, 1 connection, fsync")
            figures.add("libpq, 64 rows a commit by COPY", "/s", copy, conditions="the same")
            figures.add("libpq, 64 messages a commit by COPY into the gateway's tables", "/s", copied, conditions="1 connection, nothing else")
            figures.add("libpq, one row a commit", "/s", one_bare, conditions="the same")
            figures.add("rows through the store on PostgreSQL", "/s", rate, conditions="64 callers, no HTTP")
            figures.add("… share of libpq by unnest", "x", rate / unnest, target=0.50, digits=2)
            figures.add("… share of libpq by COPY", "x", rate / copy, digits=2)
            figures.add("… share of the store on SQLite", "x", rate / sqlite, target=0.40, digits=2)
            figures.add("… on PostgreSQL: p99 / p50", "x", store["p99_ms"] / store["p50_ms"], target=4, at_most=True, digits=1)
            figures.add("rows through the store on SQLite", "/s", sqlite, conditions="64 callers, no HTTP")
            figures.add("one caller: share of libpq's one row a commit", "x", one / one_bare, digits=2)
            figures.add("POST on PostgreSQL, 64 connections", "/s", post)
            figures.add("POST on PostgreSQL, 64 connections, p99 / p50", "x", load["answer"]["p99_ms"] / load["answer"]["p50_ms"],
                        target=4, at_most=True, digits=1)
            figures.add("… CPU for each, including nginx, without the server", "us", cpu.total() / load["answered"] * 1e6, digits=1)
            figures.add("… CPU of the server for each", "us", of_server / load["answered"] * 1e6, digits=1)
            figures.add("POST on PostgreSQL, 1 connection", "/s", alone["answers_per_second"])


def _drain(bench, server, template, names):
    """What as many brokers deliver to 100 phones in all, per second, and what each message costs."""
    url, count = server.new_database(template), bench.messages
    first = Node(bench, url, names[0])
    ids = [f"bench-{number}" for number in range(100)]
    first.tokens_of(ids)
    first.start()
    nodes = [first] + [Node(bench, url, name).start_beside(first) for name in names[1:]]
    share = 100 // len(nodes)
    begin, before, log = time.time(), server.cpu_seconds(), server.log_bytes()
    with contextlib.ExitStack() as meters:
        busy = meters.enter_context(BusyMeter())
        meters = [meters.enter_context(CpuMeter(node)) for node in nodes]
        loads = [Load(node, phones=share, first=number * share, connect_rate=100000, assured=True)
                 for number, node in enumerate(nodes)]
        end = first.wait_delivered(count)
    of_server, log = server.cpu_seconds() - before, server.log_bytes() - log
    results = [load.stop() for load in loads]
    for node in nodes:
        bench.discard(node)
    assert all(result["phone_errors"] == result["repeated"] == 0 for result in results)
    return {"rate": count / (end - begin), "cpu_us": sum(meter.total() for meter in meters) / count * 1e6,
            "server_cpu_us": of_server / count * 1e6, "log_kib": log / count / 1024, "busy": busy.share}


def pg_backlog(bench):
    """A queue that stands on PostgreSQL, and 100 phones that come: with one broker, and with two on two nodes."""
    with _server(bench) as server:
        template = server.filled(bench, queued=bench.messages)
        for _ in range(bench.rounds):
            one = _drain(bench, server, template, ["alpha"])
            two = _drain(bench, server, template, ["alpha", "beta"])
            bench.figures.add("queued to delivered on PostgreSQL, assured, 100 phones", "/s", one["rate"],
                              conditions=f"one broker; {bench.messages:,} queued")
            bench.figures.add("… one broker: CPU for each, without the server", "us", one["cpu_us"], digits=1)
            bench.figures.add("… one broker: CPU of the server for each", "us", one["server_cpu_us"], digits=1)
            bench.figures.add("… one broker: log of the server for each", "KiB", one["log_kib"], digits=1)
            bench.figures.add("… one broker: all cores that are busy, with the server and the phones", "%", one["busy"] * 100)
            bench.figures.add("queued to delivered on PostgreSQL, two brokers", "/s", two["rate"], conditions="50 phones each")
            bench.figures.add("… relative to one broker", "x", two["rate"] / one["rate"], target=1.4, digits=2)
            bench.figures.add("… the most that it could be: with every core busy, at one broker's cost of a message", "x",
                              1 / one["busy"], digits=2)
            bench.figures.add("… two brokers: all cores that are busy", "%", two["busy"] * 100)


def _rate_of(node, seconds):
    """What 100 phones get delivered of a queue that is longer than that, per second."""
    load = Load(node, phones=100, connect_rate=100000, assured=True, say_connected=True)
    load.wait_connected()
    before, begin = node.delivered(), time.monotonic()
    time.sleep(seconds)  # a measurement takes time
    rate = (node.delivered() - before) / (time.monotonic() - begin)
    load.popen.send_signal(signal.SIGTERM)
    result = load.result()
    assert result["phone_errors"] == result["repeated"] == 0
    return rate


def pg_snapshot(bench):
    """A transaction of somebody that keeps an old snapshot while a long queue drains."""
    with _server(bench) as server:
        template = server.filled(bench, queued=4 * bench.messages)
        for _ in range(bench.rounds):
            rates = []
            for is_held in (False, True):
                url = server.new_database(template)
                node = Node(bench, url).start()
                snapshot = Snapshot(url) if is_held else None
                if snapshot:
                    snapshot.execute("SELECT count(*) AS n FROM message_count")
                rates.append(_rate_of(node, 2 * bench.seconds))
                if snapshot:
                    snapshot.close()
                bench.discard(node)
            conditions = f"{4 * bench.messages:,} queued, {2 * bench.seconds} s"
            bench.figures.add("queued to delivered on PostgreSQL, an old snapshot held", "/s", rates[1], conditions=conditions)
            bench.figures.add("… relative to none", "x", rates[1] / rates[0], target=0.9, digits=2)


def _ids(node, place, count=2000):
    """Of messages in that part of the table: its beginning and its end are from 0 to 1."""
    first, last = place
    return [an_id for an_id, in node.query(
        f"SELECT DISTINCT (SELECT {AN_ID} FROM message WHERE seq >= first + (length * ({first} + {last - first} * n / {count}))::bigint"
        f" ORDER BY seq LIMIT 1) FROM (SELECT min(seq) AS first, (max(seq) - min(seq))::numeric AS length FROM message) AS ends,"
        f" generate_series(0, {count - 1}) AS n")]


def _file(node, name, lines):
    path = node.folder / name
    path.write_text("".join(line + "\n" for line in lines))
    return path


def pg_reads(bench):
    """GET of one message and of pages on PostgreSQL, from a large table."""
    rows, figures, seconds = min(max(bench.rows), MOST_ROWS), bench.figures, bench.seconds
    with _server(bench) as server:
        url = server.dsn_of(server.filled(bench, delivered=rows))
        node = Node(bench, url).start()
        ids = _ids(node, (0, 1))
        id_file = _file(node, "ids", ids)
        gets = _file(node, "gets", [f"/api/sms/{an_id}" for an_id in ids])
        pages = {place: _file(node, f"pages-{place}", [f"/api/sms?limit=50&cursor=before-{an_id}" for an_id in _ids(node, ends)])
                 for place, ends in (("any", (0.001, 1)), ("new", (0.98, 1)), ("old", (0.001, 0.02)))}
        for _ in range(bench.rounds):
            bare = bare_libpq(url, "lookup", 8, seconds)
            store = store_alone(url, "find", 8, seconds, id_file)["per_second"]
            load = run_load(node, gets=gets, connections=64, seconds=seconds, warmup=0.5)
            page = {place: run_load(node, gets=path, connections=1, seconds=seconds, warmup=0.5)["answer"]["p50_ms"]
                    for place, path in pages.items()}
            figures.add("libpq, one row by its key", "/s", bare, conditions=f"8 connections, {rows:,} messages")
            figures.add("one message through the store on PostgreSQL", "/s", store, conditions="8 threads, ids of all ages, no HTTP")
            figures.add("… share of libpq's row", "x", store / bare, target=0.5, digits=2)
            figures.add(f"GET by id on PostgreSQL, {rows:,} rows", "/s", load["answers_per_second"],
                        conditions="64 connections, ids of all ages")
            figures.add(f"page of 50 by cursor on PostgreSQL, any depth, {rows:,} rows", "ms", page["any"], target=0.6, at_most=True,
                        digits=3, conditions="p50, one client")
            figures.add("… the oldest pages, relative to the newest", "x", page["old"] / page["new"], target=1.2, at_most=True, digits=2)
        bench.discard(node)


def pg_slow_commits(bench):
    """POST where each sync of the server takes longer, as a commit does that waits for a standby."""
    with _server(bench, sync_ms=SLOW_COMMIT_MS) as server:
        for _ in range(bench.rounds):
            node = Node(bench, server.new_database()).start()
            load = _post(node, bench.seconds, connections=64)
            bench.discard(node)
            bench.figures.add(f"POST on PostgreSQL, each sync {SLOW_COMMIT_MS} ms longer, 64 connections", "/s",
                              load["answers_per_second"], target=8000, conditions=f"p99 {load['answer']['p99_ms']:.1f} ms")


# New messages as the store writes them, 64 in a commit, without the way there.
CPU_NS = "split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::bigint"
WRITE_ROWS = """DO $do$ DECLARE before bigint := {CPU_NS}; BEGIN FOR n IN 1..{commits} LOOP
WITH made AS MATERIALIZED (SELECT seq, decode(lpad(to_hex(seq), 32, '0'), 'hex') AS id, '+49' || hashint8(seq) AS number
    FROM generate_series({first} + n * 64, {first} + n * 64 + 63) AS seq) {parts}; COMMIT; END LOOP;
INSERT INTO cpu SELECT {CPU_NS} - before; END $do$"""
TO_MESSAGE = "INSERT INTO message (seq, id, phone_number, encoding, segments, text) SELECT seq, id, number, 0, 1, repeat('x', 64) FROM made"
TO_STATE = "INSERT INTO message_state (seq, status, updated_at_ms, phone_number) SELECT seq, 0, 0, number FROM made"
TO_CPU, TO_BOTH = "INSERT INTO cpu SELECT count(*) FROM made", f", added AS ({TO_STATE}) {TO_MESSAGE}"
PARTS_OF_TABLES = "SELECT conname, conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid::regclass::text" \
    " IN ('message', 'message_state') ORDER BY contype, conname"
INDEXES_OF_TABLES = "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index WHERE NOT indisprimary AND" \
    " indrelid::regclass::text IN ('message', 'message_state')"


def pg_parts(bench):
    """What a new message costs the server's CPU, part by part: each line has one part more than the line above."""
    commits = bench.messages // 10
    with _server(bench) as server:
        url = server.new_database()
        store_alone(url, "enqueue", 1, 0.1)
        constraints, indexes = query(url, PARTS_OF_TABLES), dict(query(url, INDEXES_OF_TABLES))
        for name, table, _ in constraints:
            query(url, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name in indexes:
            query(url, f"DROP INDEX {name}")
        add = {name: f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule}" for name, table, rule in constraints}
        checks = "; ".join(add[name] for name, _, rule in constraints if rule.startswith("CHECK"))
        empty = "; ".join(rule for name, rule in indexes.items() if name != "message_queued")
        numbers = "CREATE INDEX of_all_numbers ON message_state (phone_number, seq)"
        steps = [("its part of a statement and of a commit", "", TO_CPU), ("row of message", "", TO_MESSAGE),
                 ("row of message_state", "", TO_BOTH), ("constraints", checks, TO_BOTH), ("message_pkey", add["message_pkey"], TO_BOTH),
                 ("message_state_pkey", add["message_state_pkey"], TO_BOTH), ("message_queued", indexes["message_queued"], TO_BOTH),
                 ("indexes without an entry of it", empty, TO_BOTH), ("(not there) an index of all numbers", numbers, TO_BOTH)]
        query(url, "CREATE TABLE cpu (ns bigint)")
        for number, (name, change, parts) in enumerate(steps):
            query(url, f"TRUNCATE message, message_state; {change}")
            for first in range(bench.rounds + 1):  # the first fills the tables
                query(url, WRITE_ROWS.format(CPU_NS=CPU_NS, commits=commits, first=first * 64 * (commits + 1), parts=parts))
                used = query(url, "WITH all_of_it AS (DELETE FROM cpu RETURNING ns) SELECT max(ns) FROM all_of_it")[0][0]
                if first > 0:
                    bench.figures.add(f"CPU of the server for a new message, part {number}: {name}", "us",
                                      used / commits / 64000, digits=2)


MEASUREMENTS = [pg_rows, pg_parts, pg_backlog, pg_snapshot, pg_reads, pg_slow_commits]
