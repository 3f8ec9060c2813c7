"""A PostgreSQL server of the tests' own, and its standby: in a temporary folder, with a socket there and no port, as a user without
rights."""

import contextlib
import csv
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from .waiting import wait_for

OLDEST = 15
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 100
shared_buffers = 32MB
fsync = off
full_page_writes = off
autovacuum = off
log_min_messages = panic
"""
# Its standby is as up to date as it can be told at once.
STANDBY_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 100ms
"""


@cache
def programs():
    """The folder of initdb and pg_ctl of the newest version."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if int(path.parent.name) >= OLDEST]
    assert found, "PostgreSQL is not installed: make test-dependencies"
    return max(found, key=lambda path: int(path.parent.name))


class Server:
    """Until it is stopped."""

    address = None  # and port, where it listens beside its socket
    wrap = ()       # before the commands that start it
    environment = {}

    @property
    def port(self):
        return self.address[1] if self.address else 5432

    def __init__(self, settings="", environment=None):
        self.environment = environment or {}
        self._make_folder()
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "--no-sync",
                  "-D", self.folder / "data")
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(folder=self.folder) + settings)
        self.resume()

    def _make_folder(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sms-gateway-pg-", dir="/tmp"))
        # PostgreSQL refuses to run as root.
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.folder.chmod(0o755)

    def _run(self, program, *arguments):
        identity = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        command = [programs() / program, *arguments]
        if self.wrap:
            drop = ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"] if self.user else []
            command = [*self.wrap, *drop, *command]
            identity = {}
        result = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, cwd=self.folder,
                                env=os.environ | self.environment | {"HOME": str(self.folder)}, **identity)
        if result.returncode != 0:
            log = self.folder / "log"
            last = log.read_text().splitlines()[-20:] if log.exists() else []
            raise RuntimeError("\n".join([f"{program} ended with {result.returncode}; the server's log:", *last]))

    @property
    def dsn(self):
        return self.dsn_of("postgres")

    def dsn_of(self, database):
        return f"postgresql://postgres@/{database}?host={self.folder}" + (f"&port={self.port}" if self.address else "")

    def make_database(self, name):
        """An empty one; its URL."""
        query(self.dsn, f"CREATE DATABASE {name}")
        return self.dsn_of(name)

    def listen(self, address, port):
        """Also there, from its next start on, for clients of that network."""
        self.address = address, port
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = '{address}'\nport = {port}\n")
        with (self.folder / "data/pg_hba.conf").open("a") as file:
            file.write(f"host all all {address}/24 trust\n")

    def ask_password(self, role):
        """From now on, of a role with one."""
        rules = self.folder / "data/pg_hba.conf"
        rules.write_text(f"local all {role} scram-sha-256\n" + rules.read_text())
        query(self.dsn, "SELECT pg_reload_conf()")

    def pause(self):
        """Ends it as a crash does, with all connections."""
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", self.folder / "data", "stop")

    def resume(self):
        self._run("pg_ctl", "-w", "-D", self.folder / "data", "-l", self.folder / "log", "start")

    def stop(self):
        if (self.folder / "data/postmaster.pid").exists():
            self.pause()
        shutil.rmtree(self.folder)

    def set(self, **settings):
        """Sets some in its configuration, for all sessions from their next command on."""
        for name, value in settings.items():
            query(self.dsn, f"ALTER SYSTEM SET {name} = '{value}'")
        query(self.dsn, "SELECT pg_reload_conf()")

    def make_standby(self, address=None):
        """One that follows it. It is synchronous once synchronous_standby_names says so. `address` and port: where it listens."""
        return Standby(self, address)

    def follow(self, primary):
        """Begins anew, as the standby of another."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self._run("pg_basebackup", "-h", primary.folder, "-p", str(primary.port), "-U", "postgres", "-D", self.folder / "data", "-R",
                  "-c", "fast", "--no-sync")
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.write(STANDBY_SETTINGS.format(folder=self.folder))
        if self.address:
            self.listen(*self.address)
        self.resume()

    def promote(self):
        """Makes a standby the primary; returns when it can be written."""
        self._run("pg_ctl", "-w", "-D", self.folder / "data", "promote")


class Standby(Server):
    def __init__(self, primary, address=None):  # pylint: disable=super-init-not-called
        self.address = address
        self._make_folder()
        self.follow(primary)


@contextlib.contextmanager
def pair():
    """A primary with a database `sms`, and its standby, on which is what is answered. What is added to the list ends with them."""
    primary = Server()
    query(primary.dsn, "CREATE DATABASE sms")
    standby = primary.make_standby()
    primary.set(synchronous_standby_names="*")
    servers = [primary, standby]
    yield servers
    for server in servers:
        server.stop()


class Pooler:
    """PgBouncer before a server, until it is stopped: each session of a client has one of the server's ("session"), or each
    transaction ("transaction")."""

    def __init__(self, server, mode):
        self.folder = server.folder / f"pooler-{mode}"
        self.folder.mkdir()
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(f"[databases]\n* = host={server.folder} user=postgres\n[pgbouncer]\npool_mode = {mode}\n"
                            f"listen_addr =\nunix_socket_dir = {self.folder}\nauth_type = any\ndefault_pool_size = 60\n"
                            f"max_client_conn = 200\nlogfile = {self.folder}/log\n")
        identity = {"user": server.user.pw_uid, "group": server.user.pw_gid, "extra_groups": []} if server.user else {}
        if server.user:
            os.chown(self.folder, server.user.pw_uid, server.user.pw_gid)
        self.process = subprocess.Popen(["/usr/sbin/pgbouncer", "-q", settings], **identity)
        wait_for((self.folder / ".s.PGSQL.6432").exists, "PgBouncer to listen")

    def url_of(self, database):
        return f"postgresql://postgres@/{database}?host={self.folder}&port=6432"

    def stop(self):
        self.process.kill()
        self.process.wait()


def url_of(servers, database, by_address=False):
    """Of the one that is the primary."""
    hosts = ",".join(str(server.address[0] if by_address else server.folder) for server in servers)
    return (f"postgresql://postgres@/{database}?host={hosts}&port={','.join(str(server.port) for server in servers)}"
            "&target_session_attrs=read-write")


class Snapshot:
    """What a database has at one moment. Rows are tuples, as sqlite3 gives them."""

    def __init__(self, url):
        self._psql = subprocess.Popen(["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", url], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def _ask(self, sql):
        self._psql.stdin.write(f"{sql};\n\\echo done\n")
        self._psql.stdin.flush()
        lines = []
        for line in self._psql.stdout:
            if line == "done\n":
                return lines
            lines.append(line)
        raise ConnectionError(self._psql.stderr.read())

    def execute(self, sql):
        return [json.loads(line, object_pairs_hook=_row) for line in self._ask(f"SELECT row_to_json(a_row) FROM ({sql}) AS a_row")]

    def close(self):
        self._psql.communicate()


def _row(pairs):
    return tuple(bytes.fromhex(value[2:]) if isinstance(value, str) and value.startswith("\\x") else value for _, value in pairs)


def query(url, sql):
    """The rows of a statement; whole numbers are numbers."""
    printed = subprocess.run(["psql", "-X", "-q", "-t", "--csv", "-v", "ON_ERROR_STOP=1", url, "-c", sql], check=True,
                             capture_output=True, text=True).stdout
    return [tuple(int(value) if value.lstrip("-").isdigit() else value for value in row)
            for row in csv.reader(printed.splitlines())]
