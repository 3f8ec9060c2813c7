"""What is wrong with a PostgreSQL server, its database or the URL: said in a sentence, never with a password, and over when it is mended."""

import itertools
import os
import re
import socket
import subprocess
import threading

import pytest

from harness.faults import SmallDisk
from harness.gateway import programs_folder
from harness.make_run import runs_below
from harness.phone import WorkingPhone
from harness.postgresql import Server, query
from harness.waiting import LIMIT_SECONDS, wait_for

numbers = itertools.count(1)
SECRET = "hunter2secret"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With a role of few rights and a password."""
    server = Server()
    query(server.dsn, f"CREATE ROLE gateway LOGIN PASSWORD '{SECRET}'")
    server.ask_password("gateway")
    yield server
    server.stop()


@pytest.fixture
def full_server():
    """One with a tablespace on a small disk."""
    server = Server()
    server.disk = SmallDisk(server.folder / "small", "24m")
    if server.user:
        os.chown(server.disk.path, server.user.pw_uid, server.user.pw_gid)
    server.pause()
    server.wrap = server.disk.wrap
    server.resume()
    query(server.dsn, f"CREATE TABLESPACE small LOCATION '{server.folder}/small'")
    query(server.dsn, "CREATE DATABASE sms TABLESPACE small")
    yield server
    server.stop()
    server.disk.close()


def url_of(server, more="", password=SECRET, options=""):
    """Of a new database, which belongs to the role."""
    name = f"sms{next(numbers)}"
    query(server.dsn, f"CREATE DATABASE {name} OWNER gateway {options}")
    return f"postgresql://gateway:{password}@/{name}?host={server.folder}{more}"


def refusal(url, program=("api-fcgi",), folder="/tmp", **environment):
    """What a program says against the URL."""
    result = subprocess.run([programs_folder("release") / program[0], *program[1:]], cwd=folder, capture_output=True, text=True,
                            env={"PATH": "/usr/bin", "STORE_TIMEOUT_MS": "1000", "DATABASE_URL": url} | environment,
                            timeout=LIMIT_SECONDS, check=False)
    assert result.returncode != 0 and result.stderr, result
    assert SECRET not in result.stderr + result.stdout, result
    return result.stderr.replace('\\"', '"')


def test_a_role_that_may_not_make_tables_is_told_what_to_type(server, tmp_path):
    """As the page has it, but for --owner."""
    url = url_of(server)
    name = url.split("?")[0].rsplit("/", 1)[1]
    query(server.dsn, f"ALTER DATABASE {name} OWNER TO postgres")
    said = refusal(url, ["sms-gateway", "database", "migrate"], tmp_path)
    wanted = f"ALTER DATABASE {name} OWNER TO gateway"
    assert f"gateway may make none in it; its owner may: {wanted}" in said
    query(server.dsn, wanted)
    subprocess.run([programs_folder("release") / "sms-gateway", "database", "migrate"], cwd=tmp_path, check=True,
                   env={"PATH": "/usr/bin", "DATABASE_URL": url}, timeout=LIMIT_SECONDS)


# ---- Passwords ----


def test_a_wrong_password_is_said_and_not_shown(server, tmp_path):
    for program in (["api-fcgi"], ["ws-broker"], ["webhook-sender"], ["sms-gateway", "statistics"], ["sms-gateway", "database", "migrate"]):
        assert "password authentication failed for user" in refusal(url_of(server, password=SECRET + "0"), program, tmp_path)


@pytest.mark.parametrize("url, words", [
    (f"postgresql://u:{SECRET}%zz@h/d", "..."),
    (f"postgresql://u:{SECRET}%00@h/d", "..."),
    (f"postgresql://u:{SECRET}/and{SECRET}@h/d", "..."),
    (f"postgresql://u:{SECRET}:{SECRET}@h:x/d", "port"),
    (f"postgresql://u:and@{SECRET}@127.0.0.1/d", "..."),
    (f"postgresql://u:{SECRET}@[::1/d", "IPv6"),
    (f"postgresql://u:{SECRET}@127.0.0.1:1/d?colour=red", "colour"),
    (f"postgresql://u:{SECRET}@127.0.0.1:1/d?password={SECRET}=", "..."),
    (f"postgresql://u@127.0.0.1:1/d?password={SECRET}", "Connection refused"),
    (f"postgresql://u:{SECRET}@127.0.0.1:1,127.0.0.2:1/d", "Connection refused; "),
    (f"postgresql://u:{SECRET}@127.0.0.1,127.0.0.2/d", '"127.0.0.2": Connection refused'),
    (f"postgress://u:{SECRET}@h/d", "postgress"),
    (f"mysql://u:{SECRET}@h/d", "mysql"),
])
def test_no_mistake_in_a_url_shows_its_password(tmp_path, url, words):
    for program in (["api-fcgi"], ["sms-gateway", "statistics"]):
        assert words in refusal(url, program, tmp_path)


def test_a_gateway_with_a_password_and_few_rights_works_and_shows_it_nowhere(server, make_gateway):
    gateway = make_gateway(DATABASE_URL=url_of(server), STORE_TIMEOUT_MS=1500, SWEEP_INTERVAL_SECONDS=1).start()
    phone = WorkingPhone(gateway, "phone")
    gateway.api.wait_status(gateway.api.send()["message_id"], "sent")
    assert gateway.api.get("/readyz?verbose").json()["durability"] == "none"
    assert "durability_low" in [alert["code"] for alert in gateway.api.get("/api/overview").json()["alerts"]]
    printed = [gateway.command(*words) for words in (("statistics",), ("settings", "check"), ("database", "migrate"), ("keys", "list"),
                                                     ("statistics", "--json"), ("settings", "check", "--json"))]
    assert re.search(r"^durability +none, less than asked for$", printed[0][1], re.M)
    phone.close()
    everything = str(printed) + "".join(process.log() for process in gateway.processes)
    everything += "".join(path.read_text(errors="replace") for path in gateway.folder.glob("run/*") if path.is_file())
    assert SECRET not in everything and "gateway@/sms" in everything


def test_the_settings_file_of_a_run_has_no_password_and_the_tool_works(server, tmp_path):
    url = url_of(server)
    with runs_below(tmp_path, wait=True) as make_run:
        run = make_run("run", DATABASE_URL=url)
        written = (run.folder / "run/settings.env").read_text()
        assert SECRET not in written + run.log() and "gateway@/sms" in written
        assert not [path for path in (run.folder / "run").rglob("*") if path.is_file() and SECRET in path.read_text(errors="replace")]
        tool = [programs_folder("release") / "sms-gateway", "statistics"]
        for environment in ({"DATABASE_URL": url}, {"PGPASSWORD": SECRET}):
            result = subprocess.run(tool, cwd=run.folder, env={"PATH": "/usr/bin"} | environment, capture_output=True, text=True,
                                    check=False, timeout=LIMIT_SECONDS)
            assert result.returncode == 0 and "queued" in result.stdout, result
        assert "no password supplied" in subprocess.run(tool, cwd=run.folder, env={"PATH": "/usr/bin"}, capture_output=True, text=True,
                                                        check=False, timeout=LIMIT_SECONDS).stderr


# ---- Servers and databases ----


class Relay:
    """Stands between a client and the server, whose version it changes."""

    def __init__(self, server, version):
        self.server, self.version = server, version
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(f"{self.server.folder}/.s.PGSQL.5432")
            threading.Thread(target=self._pump, args=(client, upstream), daemon=True).start()
            threading.Thread(target=self._pump, args=(upstream, client, b"server_version\0"), daemon=True).start()

    def _pump(self, source, target, name=None):
        try:
            while data := source.recv(65536):
                if name and name in data:
                    start = data.index(name) + len(name)
                    data = data[:start] + self.version + data[start + len(self.version):]
                target.sendall(data)
        except OSError:
            pass
        source.close()
        target.close()


def test_a_server_that_is_too_old_is_refused(server, tmp_path):
    query(server.dsn, "CREATE DATABASE old")
    relay = Relay(server, b"14")
    assert "older than PostgreSQL 15" in refusal(f"postgresql://postgres@127.0.0.1:{relay.port}/old?sslmode=disable", folder=tmp_path)
    relay.listener.close()


def test_a_server_without_tls_is_refused_where_the_url_wants_it(server, tmp_path):
    relay = Relay(server, b"15")
    for mode in ("require", "verify-full"):
        words = refusal(f"postgresql://postgres@127.0.0.1:{relay.port}/postgres?sslmode={mode}&sslrootcert=system-ca.pem", folder=tmp_path)
        assert "SSL" in words or "root certificate" in words, words
    relay.listener.close()


@pytest.mark.parametrize("sql, options, words", [
    ("CREATE TABLE customers (id integer)", "", "tables of another program; give the gateway a database of its own"),
    ("CREATE VIEW message AS SELECT 1 AS id", "", "tables of another program; give the gateway a database of its own"),
    ("SELECT 1", "ENCODING LATIN1 TEMPLATE template0", "its encoding is not UTF8"),
    ("REVOKE ALL ON SCHEMA public FROM PUBLIC; ALTER SCHEMA public OWNER TO postgres; DROP SCHEMA public", "", "may make none in it"),
])
def test_a_database_that_is_not_the_gateways_is_refused(server, tmp_path, sql, options, words):
    url = url_of(server, options=options)
    name = url.split("/")[3].split("?")[0]
    query(server.dsn_of(name), sql)
    assert words in refusal(url, folder=tmp_path)
    assert query(server.dsn_of(name), "SELECT count(*) FROM pg_class WHERE relname = 'schema_version'") == [(0,)]


def migrate(url, folder, **environment):
    return subprocess.run([programs_folder("release") / "sms-gateway", "database", "migrate"], cwd=folder, capture_output=True, text=True,
                          env={"PATH": "/usr/bin", "DATABASE_URL": url} | environment, timeout=LIMIT_SECONDS, check=False)


def test_the_server_of_the_callers_shell_is_not_the_gateways(server, tmp_path):
    url = url_of(server)
    name = url.split("/")[3].split("?")[0]
    result = migrate(url, tmp_path, PGHOST="nowhere.invalid", PGPORT="1", PGDATABASE="other", PGUSER="nobody", PGSERVICE="none",
                     PGOPTIONS="-c search_path=nope", PGTARGETSESSIONATTRS="standby", PGCLIENTENCODING="LATIN1")
    assert result.returncode == 0, result.stderr
    assert query(server.dsn_of(name), "SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'schema_version'") == [("public",)]


def test_a_schema_of_the_roles_name_has_no_second_set_of_tables(server, tmp_path):
    url = url_of(server)
    database = server.dsn_of(url.split("/")[3].split("?")[0])
    assert migrate(url, tmp_path).returncode == 0
    query(database, "CREATE SCHEMA AUTHORIZATION gateway")  # which is before public in the search_path
    said = refusal(url, folder=tmp_path)
    assert "its tables are in the schema public, and the search_path leads to gateway first" in said
    assert query(database, "SELECT count(*) FROM pg_class WHERE relname = 'schema_version'") == [(1,)]
    wanted = "ALTER ROLE gateway SET search_path = public"
    assert wanted in said
    query(database, wanted.replace("SET", f"IN DATABASE {url.split('/')[3].split('?')[0]} SET"))
    result = migrate(url, tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("sql, words", [
    ("CREATE SCHEMA other AUTHORIZATION gateway; ALTER DATABASE {0} SET search_path = other",
     "its tables are in the schema public, and the search_path leads to other first"),
    ("ALTER DATABASE {0} SET search_path = nope", "its tables are in the schema public, and the search_path leads nowhere"),
    ("ALTER SCHEMA public RENAME TO \"Old one\"; CREATE SCHEMA public AUTHORIZATION gateway",
     "its tables are in the schema \"Old one\", and the search_path leads to public first"),
])
def test_tables_that_the_search_path_does_not_show_are_no_fresh_installation(server, tmp_path, sql, words):
    url = url_of(server)
    name = url.split("/")[3].split("?")[0]
    assert migrate(url, tmp_path).returncode == 0
    query(server.dsn_of(name), sql.format(name))
    assert words in refusal(url, folder=tmp_path)
    assert query(server.dsn_of(name), "SELECT count(*) FROM pg_class WHERE relname = 'schema_version'") == [(1,)]
    told = migrate(url, tmp_path)
    assert told.returncode == 1 and words in told.stderr, told
    schema = re.search(r"ALTER ROLE gateway SET search_path = (\S.*?)(?: \(|$)", told.stderr, re.M).group(1)
    query(server.dsn_of(name), f"ALTER DATABASE {name} SET search_path = {schema}")
    assert migrate(url, tmp_path).returncode == 0


@pytest.mark.parametrize("setting, words", [("default_tablespace = pg_default", None), ("search_path = nope", "ALTER ROLE gateway SET search_path = public")])
def test_settings_of_the_database_do_not_keep_tables_from_being_made(server, tmp_path, setting, words):
    url = url_of(server)
    query(server.dsn, f"ALTER DATABASE {url.split('/')[3].split('?')[0]} SET {setting}")
    result = migrate(url, tmp_path)
    assert (result.returncode == 0) == (words is None) and (words or "") in result.stderr, result.stderr


def test_a_right_that_the_role_loses_is_503_and_is_over_when_it_is_back(server, make_gateway):
    url = url_of(server)
    gateway = make_gateway(DATABASE_URL=url).start()
    gateway.api.send()
    database = server.dsn_of(url.split("/")[3].split("?")[0])
    query(database, "REVOKE INSERT ON message FROM gateway")
    gateway.api.send_refused(503, "store_unavailable")
    assert "permission denied for table message" in gateway.api_fcgi.log()
    query(database, "GRANT INSERT ON message TO gateway")
    gateway.api.send()


def test_too_many_connections_are_said_and_are_over_without_a_restart(server, make_gateway, tmp_path):
    url = url_of(server)
    gateway = make_gateway(DATABASE_URL=url, STORE_TIMEOUT_MS=1000, SWEEP_INTERVAL_SECONDS=1).start()
    query(server.dsn, "ALTER ROLE gateway CONNECTION LIMIT 1")
    try:
        assert "too many connections" in refusal(url, folder=tmp_path, NODE_NAME="other")
        query(server.dsn, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'gateway'")
        answer = gateway.api.request("POST", "/api/send-sms", json={"phone_number": "+4915112345678", "message": "Hello"})
        assert answer.status_code == 503 and answer.headers["Retry-After"], answer.text
        assert gateway.api.get("/readyz").status_code == 503
    finally:
        query(server.dsn, "ALTER ROLE gateway CONNECTION LIMIT -1")
    wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the gateway to be ready")
    phone = WorkingPhone(gateway, "phone")
    gateway.api.wait_status(gateway.api.send()["message_id"], "sent")
    phone.close()


def test_a_full_disk_of_the_server_is_507_and_is_over_when_there_is_room(full_server, make_gateway):
    disk = full_server.disk
    gateway = make_gateway(DATABASE_URL=full_server.dsn_of("sms"), STORE_TIMEOUT_MS=1500, SWEEP_INTERVAL_SECONDS=1).start()
    before = gateway.api.send()["message_id"]
    status = os.statvfs(disk.path)
    with open(f"{disk.path}/ballast", "wb") as file:
        file.write(bytes(status.f_bavail * status.f_frsize))
    batch = {"defaults": {"phone_number": "+4915112345678"}, "messages": [{"message": "x" * 1500}] * 300}

    def is_full():
        answer = gateway.api.request("POST", "/api/batches", json=batch)
        assert answer.status_code in (202, 507), answer.text
        return answer.status_code == 507 and answer.json()["code"] == "disk_full"

    accepted = gateway.query("SELECT count(*) FROM message")[0][0]
    wait_for(is_full, "the disk to be full")
    assert gateway.query("SELECT count(*) FROM message")[0][0] % 300 == accepted % 300  # whole batches, or nothing
    os.unlink(f"{disk.path}/ballast")
    wait_for(lambda: gateway.api.request("POST", "/api/batches", json=batch).status_code == 202, "messages to be accepted again")
    phone = WorkingPhone(gateway, "phone")
    gateway.api.wait_status(before, "sent")
    phone.close()
