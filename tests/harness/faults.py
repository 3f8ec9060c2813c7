"""Faults below a program: locks, full disks, failing system calls."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .gateway import ROOT
from .waiting import LIMIT_SECONDS


class SystemCallFaults:
    """Makes system calls of a running program fail, through libfiu.

    The program is started with `SystemCallFaults.wrap` before its command.
    """

    wrap = ("fiu-run", "-x", "-f", "fiu")

    def __init__(self, process):
        self.process = process

    def _control(self, command):
        subprocess.run(["fiu-ctrl", "-f", "fiu", "-c", command, str(self.process.popen.pid)],
                       cwd=self.process.folder, check=True, timeout=LIMIT_SECONDS,
                       stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def failing(self, call, number):
        """In this context, `call` (for example "rw/pwrite") fails with the errno `number`."""
        self._control(f"enable name=posix/io/{call},failinfo={number}")
        try:
            yield
        finally:
            self._control(f"disable name=posix/io/{call}")

    def fail_once(self, call, number):
        """Only the next `call` fails."""
        self._control(f"enable name=posix/io/{call},failinfo={number},onetime")

    def fail_at_random(self, call, number, probability):
        self._control(f"enable_random name=posix/io/{call},failinfo={number},"
                      f"probability={probability}")

    def stop_failing(self, call):
        self._control(f"disable name=posix/io/{call}")


class FileSwitch:
    """A preloaded fault that is active while a file exists. `wrap` goes before the command."""

    name = None

    def __init__(self, gateway):
        self.path = gateway.folder / self.name

    def __enter__(self):
        self.path.touch()
        return self

    def __exit__(self, *_):
        self.path.unlink()


class LostDisk(FileSwitch):
    """In this context, syncs fail, and after the first failure nothing is written to the log."""

    name = "lost"
    wrap = ("env", f"LD_PRELOAD={ROOT / 'build/tests/lost_disk.so'}", "LOST_DISK=lost")


class HungDisk(FileSwitch):
    """In this context, no sync returns in a program that was started with `HungDisk.wrap`."""

    name = "hang"
    wrap = ("env", f"LD_PRELOAD={ROOT / 'build/tests/hang_sync.so'}", "HANG_SYNC=hang")


@contextlib.contextmanager
def write_lock_held(gateway):
    """In this context, another process holds the gateway's write lock."""
    command = ["flock", f"{gateway.database}-write.lock", "sh", "-c", "echo held; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.communicate(b"\n")


class SmallDisk:
    """A small disk in place of a folder: a tmpfs in a mount namespace.

    Only programs that are started with `wrap` see it; tests reach its files through `path`.
    """

    def __init__(self, folder, size):
        folder.mkdir(exist_ok=True)
        unshare = ["unshare", "--mount"]
        self.enter = ["nsenter", "--mount"]
        if os.getuid() != 0:
            unshare += ["--user", "--map-root-user"]
            self.enter += ["--user", "--preserve-credentials"]
        script = f'mount -t tmpfs -o size={size} tmpfs "$0" && echo mounted && read line'
        self.holder = subprocess.Popen([*unshare, "sh", "-c", script, folder],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"mounted\n":
            _, reason = self.holder.communicate()
            # In a chroot Linux allows it to root only; most containers forbid it.
            pytest.skip(f"no mount namespace can be made here: {reason.decode().strip()}")
        self.wrap = [*self.enter, f"--target={self.holder.pid}", f"--wdns={folder.parent}"]
        self.path = f"/proc/{self.holder.pid}/root{folder}"

    def hold(self, gateway):
        """Puts a gateway that has not started onto this disk."""
        gateway.query = lambda sql: self.query(gateway.database, sql)
        for process in (gateway.api_fcgi, gateway.ws_broker, gateway.webhook_sender):
            process.command = [*self.wrap, *process.command]

    def query(self, database, sql):
        """Reads a database on the disk, with Python's SQLite inside the namespace."""
        script = "import json, sqlite3, sys; print(json.dumps(" \
                 "sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()))"
        output = subprocess.check_output([*self.wrap, sys.executable, "-c", script, database, sql])
        return [tuple(row) for row in json.loads(output)]

    def copy(self, database, folder):
        """Copies a database that no process has open; returns the path of the copy."""
        source = Path(f"{self.path}/{Path(database).name}")
        for suffix in ("", "-wal"):
            shutil.copy(f"{source}{suffix}", folder)
        return folder / source.name

    def close(self):
        self.holder.communicate(b"\n")
