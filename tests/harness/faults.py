"""What can go wrong below a program: locks, full disks, failing system calls."""

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
        """While this lasts, `call` (as in "rw/pwrite") fails with that errno."""
        self._control(f"enable name=posix/io/{call},failinfo={number}")
        try:
            yield
        finally:
            self._control(f"disable name=posix/io/{call}")

    def fail_once(self, call, number):
        """The next `call` alone."""
        self._control(f"enable name=posix/io/{call},failinfo={number},onetime")

    def fail_at_random(self, call, number, probability):
        self._control(f"enable_random name=posix/io/{call},failinfo={number},"
                      f"probability={probability}")

    def stop_failing(self, call):
        self._control(f"disable name=posix/io/{call}")


class FileSwitch:
    """Something that is preloaded, and happens while a file is there. `wrap` goes before the command."""

    name = None

    def __init__(self, gateway):
        self.path = gateway.folder / self.name

    def __enter__(self):
        self.path.touch()
        return self

    def __exit__(self, *_):
        self.path.unlink()


class LostDisk(FileSwitch):
    """While this lasts, syncs fail, and after the first one nothing is written to the log any more."""

    name = "lost"
    wrap = ("env", f"LD_PRELOAD={ROOT / 'build/tests/lost_disk.so'}", "LOST_DISK=lost")


class HungDisk(FileSwitch):
    """While this lasts, no sync of a program returns that was started with `HungDisk.wrap` before its
    command."""

    name = "hang"
    wrap = ("env", f"LD_PRELOAD={ROOT / 'build/tests/hang_sync.so'}", "HANG_SYNC=hang")


@contextlib.contextmanager
def write_lock_held(gateway):
    """Another process holds the gateway's write lock."""
    command = ["flock", f"{gateway.database}-write.lock", "sh", "-c", "echo held; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.communicate(b"\n")


class SmallDisk:
    """A folder that is a disk of its own, of a few megabytes: a tmpfs in a mount namespace.

    Only programs started with `wrap` before their command see it as such; tests reach its files
    through `path`.
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
            # Linux allows it to nobody but root in a chroot, nor do most containers.
            pytest.skip(f"no mount namespace can be made here: {reason.decode().strip()}")
        self.wrap = [*self.enter, f"--target={self.holder.pid}", f"--wdns={folder.parent}"]
        self.path = f"/proc/{self.holder.pid}/root{folder}"

    def hold(self, gateway):
        """Lets a gateway that has not started run on this disk."""
        gateway.query = lambda sql: self.query(gateway.database, sql)
        for process in (gateway.api_fcgi, gateway.ws_broker):
            process.command = [*self.wrap, *process.command]

    def query(self, database, sql):
        """Reads a database on the disk, with Python's SQLite inside the namespace."""
        script = "import json, sqlite3, sys; print(json.dumps(" \
                 "sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()))"
        output = subprocess.check_output([*self.wrap, sys.executable, "-c", script, database, sql])
        return [tuple(row) for row in json.loads(output)]

    def copy(self, database, folder):
        """Copies a database that nobody has open; returns where it is."""
        source = Path(f"{self.path}/{Path(database).name}")
        for suffix in ("", "-wal"):
            shutil.copy(f"{source}{suffix}", folder)
        return folder / source.name

    def close(self):
        self.holder.communicate(b"\n")
