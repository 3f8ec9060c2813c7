"""What the tests of deploy/ share: packages, and one machine that goes through all of them in order."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

import packages
from harness.gateway import ROOT, programs_folder
from harness.ledgers import Checker, Database, read_radio
from harness.waiting import LIMIT_SECONDS, wait_for
from machine import ADDRESS, Machine

URL = f"https://{ADDRESS}"
DATABASE = "/var/lib/sms-gateway/sms-gateway.db"


class Site:
    """The machine, its phones, and what its clients were promised."""

    def __init__(self, folder, present, following, broken):
        self.folder = folder
        self.present, self.following, self.broken = present, following, broken
        self.machine = Machine(folder, packages.both(present)).boot()
        self.key = None
        self.client = None
        self.receiver = None
        self.lines_before = 0
        self.phones = {}
        inside = self.machine.path("/root/gateway")
        shutil.copytree(ROOT / "deploy", inside / "deploy")
        for package in (present, following, broken):
            for file in packages.both(package):
                shutil.copy(file, inside)

    def given(self, package):
        return f"/root/gateway/{package.name}"

    def certificate(self):
        return self.machine.path("/etc/sms-gateway/tls/ca.crt")

    def database(self):
        return self.machine.path(DATABASE)

    def ask(self, path, body=None, key=None):
        """curl on the machine, as a client there would: the status, and the answer."""
        data = ["--data", body] if body else []
        text = self.machine.run(
            "curl", "-sS", "--cacert", "/etc/sms-gateway/tls/ca.crt", "-H",
            f"Authorization: Bearer {key or self.key}", "-H", "Content-Type: application/json", *data,
            "-w", "\n%{http_code}", URL + path).stdout
        answer, _, status = text.rpartition("\n")
        return int(status), answer

    def version(self):
        return self.machine.shell("dpkg-query -W -f '${Version}' sms-gateway")

    def schema(self):
        """The schema version of the installed package. The database must have it, with the columns of the migrations that
        packages.py has added, and no others."""
        version = int(self.machine.shell("cat /usr/share/sms-gateway/schema-version"))
        with contextlib.closing(sqlite3.connect(f"file:{self.database()}?mode=ro", uri=True)) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (version,)
            added = {name for (name,) in database.execute(
                "SELECT name FROM pragma_table_info('message') WHERE name LIKE 'next_%'")}
        assert added == set(packages.added_columns(self.version()))
        return version

    def units(self):
        return dict(line.split()[:3:2] for line in self.machine.shell(
            "systemctl list-units --all --no-legend --plain 'sms-gateway*'").splitlines())

    # ---- Phones and clients ----

    def pair(self, name):
        text = self.machine.shell(f"sms-gateway devices pair {name}")
        link = next(word for word in text.split() if word.startswith("sms-gateway://pair?"))
        self.run_phone(name, "--pair", link)

    def start_phone(self, name):
        self.run_phone(name, "--url", f"wss://{ADDRESS}", "--id", name, "--ca", self.certificate())

    def run_phone(self, name, *options):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.phones[name] = subprocess.Popen(self.machine.from_inside(
                programs_folder("release") / "phone-sim", *options, "--tokens",
                self.folder / f"{name}.tokens", "--assured", "--journal", self.folder / f"{name}.journal",
                "--ledger", self.folder / f"{name}.ledger", "--send-ms", "20-60", "--report-ms", "20-60",
                "--charging"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_connected(name)

    def wait_connected(self, name):
        wait_for(lambda: f'"device_id":"{name}"' in self.ask("/api/devices?connected=true")[1], f"{name} to connect")

    def stop_phones(self):
        for phone in self.phones.values():
            phone.terminate()
            phone.wait(LIMIT_SECONDS)

    def start_receiver(self):
        """deploy/examples/receive.py on the machine, and a webhook that leads to it."""
        text = self.machine.shell("sms-gateway webhooks create http://127.0.0.1:9000/ --types message.delivered")
        secret = re.search(r"whsec_\S+", text).group()
        with open(self.folder / "receiver.log", "wb") as log:
            self.receiver = subprocess.Popen(self.machine.from_inside(
                "env", f"WEBHOOK_SECRET={secret}", "/usr/bin/python3", ROOT / "deploy/examples/receive.py"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def told(self):
        """The messages that the receiver was told were delivered, each as often as it was told by another event."""
        return re.findall(r' message\.delivered .*?"message_id": "([^"]+)"', (self.folder / "receiver.log").read_text())

    def traffic_lines(self):
        path = self.folder / "traffic"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def start_traffic(self):
        self.lines_before = len(self.traffic_lines())
        with open(self.folder / "traffic.log", "ab") as log:
            self.client = subprocess.Popen(self.machine.from_inside(
                "/usr/bin/python3", ROOT / "tests/deploy/traffic.py", URL, self.certificate(), self.key,
                self.folder / "traffic"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        count = len(self.promised())
        wait_for(lambda: len(self.promised()) > count + 20, "traffic")

    def stop_traffic(self):
        """Returns the longest time in seconds in which nothing was accepted since it was started, and what
        was refused."""
        self.client.terminate()
        assert self.client.wait(LIMIT_SECONDS) == 0, (self.folder / "traffic.log").read_text()
        lines = self.traffic_lines()[self.lines_before:]
        times = [float(time) for time, word in lines if "-" in word]
        return (max(b - a for a, b in zip(times, times[1:])),
                [word for _, word in lines if "-" not in word])

    def promised(self):
        return [word for _, word in self.traffic_lines() if "-" in word]

    def radio(self):
        return [line for name in self.phones for line in read_radio(self.folder / f"{name}.ledger")]

    def is_quiet(self):
        statuses = Database(self.database()).statuses_by_name()
        return not set(statuses) & {"queued", "dispatched", "accepted", "sending", "sent"}

    def check_promises(self):
        """Every message that was answered with 202 is delivered, left one radio once, and the receiver was told of it once."""
        wait_for(self.is_quiet, "every message to be delivered", 60)
        checker = Checker(None)
        database = checker.check(self.promised(), self.radio(), settled=True,
                                 database_path=self.database())
        assert checker.violations == []
        assert set(database.statuses_by_name()) == {"delivered"}
        assert {line.message_id for line in self.radio()} >= set(self.promised())
        wait_for(lambda: set(self.told()) >= set(self.promised()), "the receiver to be told")
        assert len(self.told()) == len(set(self.told()))

    def stop(self):
        if self.client and self.client.poll() is None:
            self.client.kill()
            self.client.wait()
        for process in (self.receiver, *self.phones.values()):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.machine.stop()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.fail("make test-deploy needs root: it makes a Debian of its own, and boots that")
    folder = tmp_path_factory.mktemp("deploy")
    present = packages.build(ROOT)
    after = packages.next_tree(ROOT, folder / "next", packages.NEXT_VERSIONS[0])
    following = packages.build(after)
    broken = packages.build(packages.break_broker(packages.next_tree(after, folder / "broken", packages.NEXT_VERSIONS[1])))
    site = Site(folder, present, following, broken)
    yield site
    site.stop()
