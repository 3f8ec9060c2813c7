"""A fresh Debian 12 with its own systemd, in a container without a network: for root only.

What Debian has to give comes once, into build/deploy/: a root folder as a tar archive, with the packages
that the gateway needs, and a PostgreSQL server, in apt's cache, not installed.
"""

import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from harness.gateway import ROOT
from harness.waiting import wait_for

CACHE = ROOT / "build/deploy"
ADDRESS = "192.0.2.10"  # the machine's, in a network where nobody else is
INCLUDED = "systemd,systemd-sysv,dbus"
SERVER = "postgresql"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def call(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def base_archive(both):
    """The archive of a fresh root; made where none fits the dependencies of the two packages."""
    needs = b"".join(subprocess.check_output(["dpkg-deb", "--field", package, "Depends"]) for package in both)
    archive = CACHE / f"debian-12-{hashlib.sha256(needs + (INCLUDED + SERVER).encode()).hexdigest()[:12]}.tar"
    if archive.exists():
        return archive
    CACHE.mkdir(parents=True, exist_ok=True)
    root = CACHE / "root"
    shutil.rmtree(root, ignore_errors=True)
    call("debootstrap", "--variant=minbase", f"--include={INCLUDED}", "bookworm", root,
         stdout=subprocess.DEVNULL)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    for package in both:
        shutil.copy(package, root)
    for command in ("apt-get clean", "apt-get update -q", "apt-get install -y -q --download-only"
                    f" --no-install-recommends {SERVER} /{both[0].name} /{both[1].name}"):
        call("chroot", root, *command.split(), stdout=subprocess.DEVNULL)
    for name in (both[0].name, both[1].name, "etc/resolv.conf"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/machine-id").write_text("", encoding="ascii")
    (root / "etc/hostname").write_text("gateway\n", encoding="ascii")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 gateway\n", encoding="ascii")
    call("tar", "-C", root, "-cf", f"{archive}.new", ".")
    os.rename(f"{archive}.new", archive)
    shutil.rmtree(root)
    return archive


class Machine:
    def __init__(self, folder, both):
        self.root = folder / "root"
        self.log_path = folder / "console.log"
        self.root.mkdir()
        call("tar", "-C", self.root, "-xf", base_archive(both))
        self.nspawn = None
        self.leader = None

    def boot(self):
        with open(self.log_path, "ab") as log:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "-D", self.root, "--machine=gateway", "--register=no",
                 "--keep-unit", "--private-network", "--console=pipe", "--boot"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_for(self._has_booted, "the machine to boot", 60)
        for command in ("ip link add lan0 type veth peer name lan1", f"ip addr add {ADDRESS}/24 dev lan0",
                        "ip link set lan0 up", "ip link set lan1 up"):
            call(*self.from_inside(*command.split()))
        return self

    def _has_booted(self):
        assert self.nspawn.poll() is None, self.log_path.read_text(errors="replace")
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        if not children:
            return False
        self.leader = int(children[0])
        try:
            state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        except FileNotFoundError:
            return False
        return state in ("running", "degraded")

    def run(self, *command, check=True, stdin="", limit=300):
        """A command inside, as root; its output and errors are one text."""
        result = subprocess.run(
            ["nsenter", f"--target={self.leader}", "--all", "--wdns=/", "env", "-i", f"PATH={PATH}",
             "HOME=/root", "LANG=C.UTF-8", *(str(word) for word in command)], input=stdin, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, check=False)
        assert not check or result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout}"
        return result

    def shell(self, text, **options):
        return self.run("bash", "-euc", text, **options).stdout

    def from_inside(self, *command):
        """What makes a command of the host's meet the machine's network and nothing else of it."""
        return ["nsenter", f"--target={self.leader}", "--net", *(str(word) for word in command)]

    def path(self, inside):
        return self.root / str(inside).lstrip("/")

    def stop(self):
        if self.nspawn and self.nspawn.poll() is None:
            self.nspawn.send_signal(signal.SIGTERM)  # nspawn tells systemd to power off
            try:
                self.nspawn.wait(60)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
