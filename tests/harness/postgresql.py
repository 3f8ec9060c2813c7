"""A PostgreSQL server of the tests' own, and its standby: in a temporary folder, with a socket there and no port, as a user without
rights."""

import csv
import os
import pwd
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

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

    def __init__(self, settings=""):
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
        subprocess.run([programs() / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self.folder,
                       env=os.environ | {"HOME": str(self.folder)}, **identity)

    @property
    def dsn(self):
        return self.dsn_of("postgres")

    def dsn_of(self, database):
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def make_database(self, name):
        """An empty one; its URL."""
        query(self.dsn, f"CREATE DATABASE {name}")
        return self.dsn_of(name)

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

    def make_standby(self):
        """One that follows it. It is synchronous once synchronous_standby_names says so."""
        return Standby(self)


class Standby(Server):
    def __init__(self, primary):  # pylint: disable=super-init-not-called
        self._make_folder()
        self._run("pg_basebackup", "-h", primary.folder, "-U", "postgres", "-D", self.folder / "data", "-R", "-c", "fast", "--no-sync")
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.write(STANDBY_SETTINGS.format(folder=self.folder))
        self.resume()

    def promote(self):
        """Makes it the primary; returns when it can be written."""
        self._run("pg_ctl", "-w", "-D", self.folder / "data", "promote")


def url_of(servers, database, more="target_session_attrs=read-write"):
    """Of the one that is the primary."""
    return f"postgresql://postgres@/{database}?host={','.join(str(server.folder) for server in servers)}&{more}"


def query(url, sql):
    """The rows of a statement; whole numbers are numbers."""
    printed = subprocess.run(["psql", "-X", "-q", "-t", "--csv", "-v", "ON_ERROR_STOP=1", url, "-c", sql], check=True,
                             capture_output=True, text=True).stdout
    return [tuple(int(value) if value.lstrip("-").isdigit() else value for value in row)
            for row in csv.reader(printed.splitlines())]
