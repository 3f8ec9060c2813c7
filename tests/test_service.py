"""The systemd units: what they forbid, that the programs can do with what is left, and the watchdog.

No systemd runs here; tests/deploy has one. What of a unit can be had without it, harness/confined.py
applies; what it does not, is not shown: the control group's limits, and the order in which systemd does
things.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from harness import confined
from harness.faults import HungDisk
from harness.full_pipe import fill
from harness.gateway import ROOT, Gateway, let_others_pass, programs_folder
from harness.make_run import hear_signals
from harness.metrics import scrape
from harness.phone import AssuredPhone, Phone
from harness.raw_http import RawHttp, ask_raw, head
from harness.waiting import LIMIT_SECONDS, wait_for
from harness.webhook_receiver import OK, Receiver

UNITS = {"api-fcgi": ROOT / "deploy/systemd/sms-gateway-api.service",
         "ws-broker": ROOT / "deploy/systemd/sms-gateway-broker.service",
         "webhook-sender": ROOT / "deploy/systemd/sms-gateway-webhooks.service"}
SOCKETS = {program: path.with_suffix(".socket") for program, path in UNITS.items() if program != "webhook-sender"}
EACH = pytest.mark.parametrize("program", UNITS)


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], text=True, timeout=LIMIT_SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


# ---- What the units say ----


@pytest.mark.parametrize("name, most", [("api", 0.5), ("broker", 0.5), ("webhooks", 1.4), ("backup", 0.5), ("nginx", 1.6),
                                        ("certificate", 2.3)])
def test_the_exposure_in_points_of_ten(name, most):
    """nginx and the sender of webhooks have a network, nginx also one capability; the certificates are root's."""
    result = analyze("security", "--offline=yes", ROOT / f"deploy/systemd/sms-gateway-{name}.service")
    assert float(re.search(r"exposure level for .*: ([0-9.]+)", result.stdout).group(1)) <= most


def test_systemd_understands_all_units_together(tmp_path):
    for path in (ROOT / "deploy/systemd").iterdir():
        text = re.sub(r"/usr/lib/sms-gateway(/[a-z-]+\.sh)", rf"{ROOT}/deploy\1", path.read_text())
        text = text.replace("/usr/lib/sms-gateway", str(programs_folder("release")))
        (tmp_path / path.name).write_text(text.replace("/usr/bin/sms-gateway",
                                                       f"{programs_folder('release')}/sms-gateway"))
    result = analyze("verify", "--man=no", *sorted(tmp_path.glob("sms-gateway*")))
    assert [line for line in result.stdout.splitlines() if "sms-gateway" in line] == []


def verify(program, folder, more=""):
    """What systemd has to say of a unit, installed where our programs are."""
    text = UNITS[program].read_text().replace("/usr/lib/sms-gateway",
                                              str(programs_folder("release")))
    copy = folder / UNITS[program].name
    copy.write_text(text.replace("[Service]\n", f"[Service]\n{more}\n"))
    if program in SOCKETS:
        shutil.copy(SOCKETS[program], folder)
    result = analyze("verify", "--man=no", "--recursive-errors=no", copy)
    return [line for line in result.stdout.splitlines() if "sms-gateway" in line]


@EACH
def test_systemd_understands_every_directive(program, tmp_path):
    assert verify(program, tmp_path) == []


@pytest.mark.parametrize("wrong", ("ProtectEverything=yes", "WatchdogSec=soon", "ProtectHome=perhaps",
                                   "SystemCallFilter=@nonsense", "MemoryMax=plenty"))
def test_a_directive_that_is_wrong_would_be_noticed(wrong, tmp_path):
    assert any(wrong.split("=")[0] in line or wrong.split("=")[1] in line
               for line in verify("api-fcgi", tmp_path, wrong))


def test_the_units_differ_in_size_and_in_scheduling_calls_and_the_network_only():
    api, broker, webhooks = (confined.read_unit(path) for path in UNITS.values())

    def differing(unit):
        return {name for name in unit.keys() | broker.keys() if unit.get(name) != broker.get(name)}

    sizes = {"Description", "Documentation", "ExecStart", "ExecReload", "WatchdogSec", "LimitNOFILE", "TasksMax", "MemoryMax",
             "Sockets"}
    assert differing(api) == sizes | {"FileDescriptorStoreMax", "Environment", "SystemCallFilter"}
    assert api["SystemCallFilter"] == [*broker["SystemCallFilter"], "sched_setscheduler setpriority"]
    assert differing(webhooks) == sizes | {"PrivateNetwork", "IPAddressDeny", "RestrictAddressFamilies", "SocketBindDeny",
                                           "InaccessiblePaths", "LogRateLimitIntervalSec",  # it logs no event
                                           "SystemCallFilter"}
    assert webhooks["SystemCallFilter"] == [*broker["SystemCallFilter"], "setpriority"]
    assert webhooks["SocketBindDeny"] == ["any"]


@EACH
def test_a_unit_ends_and_starts_its_program_as_it_should(program):
    unit = confined.read_unit(UNITS[program])
    assert Path(unit["ExecStart"][0]).name == program
    assert (unit["Type"], unit["Restart"], unit["RestartSec"]) == (["notify"], ["always"], ["100ms"])
    assert unit["RestartPreventExitStatus"] == ["2"]  # program.c's, for a wrong setting
    assert unit["LimitCORE"] == ["0"] and unit["RuntimeDirectoryPreserve"] == ["yes"]
    shown = dict(line.split("=", 1) for line in subprocess.check_output(
        [programs_folder("release") / program, "--check-config"], text=True, cwd="/",
        env=confined.INSTALLED).splitlines())
    rules = (ROOT / "deploy/debian/rules").read_text()
    assert all(f"{name}\\)=.*|\\1={value}|" in rules for name, value in confined.INSTALLED.items())
    assert shown["DATABASE_PATH"].startswith(f"'/var/lib/{unit['StateDirectory'][0]}/")
    assert shown["RUNTIME_DIR"] == f"'/run/{unit['RuntimeDirectory'][0]}'"
    assert int(shown["DRAIN_TIMEOUT_SECONDS"]) < int(unit["WatchdogSec"][0])
    assert int(shown["DRAIN_TIMEOUT_SECONDS"]) < int(unit["TimeoutStopSec"][0])
    assert int(shown["STORE_TIMEOUT_MS"]) / 1000 < int(unit["WatchdogSec"][0]) / 2
    assert int(shown["API_IO_TIMEOUT_SECONDS"]) < int(unit["WatchdogSec"][0]) / 2


@EACH
def test_a_reload_leaves_the_program_as_it_is_where_its_settings_are_wrong(program, tmp_path):
    """systemd sets MAINPID; here it is a process that SIGHUP ends."""
    command, = confined.read_unit(UNITS[program])["ExecReload"]
    command = command.replace("/usr/lib/sms-gateway", str(programs_folder("release")))
    for setting, status in (("DEVICE_WINDOW=many", None), ("DEVICE_WINDOW=9", -signal.SIGHUP)):
        with subprocess.Popen(["sleep", "60"], preexec_fn=hear_signals) as main:
            (tmp_path / ".env").write_text(f"{setting}\n")
            result = subprocess.run(shlex.split(command), cwd=tmp_path, check=False,
                                    env=os.environ | {"MAINPID": str(main.pid)})
            assert (result.returncode == 0) == (status is not None)
            if status is None:
                assert main.poll() is None
                main.kill()
            else:
                assert main.wait(LIMIT_SECONDS) == status


@pytest.mark.parametrize("program", SOCKETS)
def test_a_socket_is_the_one_that_its_program_looks_for(program):
    service, unit = (confined.read_unit(of[program]) for of in (UNITS, SOCKETS))
    assert service["Sockets"] == [SOCKETS[program].name]
    target = (ROOT / "deploy/systemd/sms-gateway.target").read_text()
    assert SOCKETS[program].name in re.search("^Wants=(.*)$", target, re.M).group(1).split()
    assert unit["PartOf"] == ["sms-gateway.target"]
    name = unit["FileDescriptorName"][0]
    sources = "".join(path.read_text() for path in (ROOT / program).rglob("*.c"))
    assert re.search(rf'#define SOCKET_NAME +"{name}"', sources)
    assert unit["ListenStream"] == [f"/run/{service['RuntimeDirectory'][0]}/{name}.sock"]
    assert unit["SocketUser"] == service["User"] and unit["SocketGroup"] == service["Group"]
    assert unit["SocketMode"] == ["0660"] and unit["RemoveOnStop"] == ["yes"]
    assert unit["DirectoryMode"] == service["RuntimeDirectoryMode"]
    assert f"LISTEN_BACKLOG = {unit['Backlog'][0]}," in sources


def test_the_api_is_told_how_many_descriptors_systemd_keeps():
    unit = confined.read_unit(UNITS["api-fcgi"])
    most = unit["FileDescriptorStoreMax"][0]
    assert f"FDSTORE={most}" in unit["Environment"] and int(most) >= 16 * 256  # nginx's keepalive


# ---- Under what they say ----


LOOPBACK = {"WEBHOOK_LOOPBACK": "allowed"}


@pytest.fixture
def receiver():
    receiver = Receiver(hook=[OK])
    yield receiver
    receiver.close()


def confine(program):
    return ["/usr/bin/python3", ROOT / "tests/harness/confined.py", UNITS[program]]


def run_through(gateway, receiver):
    """Messages on both levels, a stop, a crash, and what comes after them; all of it told to a webhook."""
    created = gateway.api.request("POST", "/api/webhooks", json={"url": receiver.url("hook"), "types": ["message.delivered"]})
    assert created.status_code == 201
    phone = Phone(gateway, "basic")
    sent = gateway.api.send()["message_id"]
    assert phone.receive_sms()["message_id"] == sent
    phone.report(sent, "delivered")
    gateway.api.wait_status(sent, "delivered")
    receiver.wait_got("hook", 1)
    for process in (gateway.webhook_sender, gateway.ws_broker, gateway.api_fcgi):
        process.signal(signal.SIGHUP)
        assert process.wait() == 0
        process.start()
    assert phone.closed()[0] == 1012
    phone = Phone(gateway, "basic")
    gateway.ws_broker.stop()
    assert phone.closed()[0] == 1001
    waiting = gateway.api.send()["message_id"]
    gateway.api_fcgi.kill()
    gateway.api_fcgi.start()
    gateway.ws_broker.start()
    journal = AssuredPhone(gateway, "assured")
    assert journal.take() == (waiting, 1)
    gateway.ws_broker.kill()
    journal.closed()
    gateway.ws_broker.start()
    journal = AssuredPhone(gateway, "assured", journal=journal.journal,
                           entries=[(waiting, 1, "released")])
    journal.report(waiting, 1, "delivered")
    gateway.api.wait_status(waiting, "delivered")
    assert gateway.api.get("/api/sms?limit=10").json()["total"] == 2
    assert set(gateway.api.devices()) == {"assured"}
    assert [request.event["data"]["message_id"] for request in receiver.wait_got("hook", 2)] == [sent, waiting]
    found = scrape(gateway)
    for process in UNITS:
        assert found.value("up", process=process) == 1
        assert found.value("process_resident_memory_bytes", process=process) > 0
        assert found.value("process_open_fds", process=process) > 0
    assert gateway.api.request("DELETE", f"/api/sms/{waiting}").status_code == 409
    journal.close()


@pytest.fixture
def confined_gateway(tmp_path):
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "--net", "true"],
                                           capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can confine a program, and not in every container")
    gateway = Gateway(tmp_path, settings=LOOPBACK, wrap={program: confine(program) for program in UNITS})
    let_others_pass(tmp_path)  # the operator's tool works as the units' user, without their mounts
    yield gateway
    gateway.stop()


def all_programs(gateway):
    return gateway.api_fcgi, gateway.ws_broker, gateway.webhook_sender


def test_the_programs_do_their_work_confined(confined_gateway, receiver):
    gateway = confined_gateway.start()
    gateway.webhook_sender.start()
    for process in all_programs(gateway):
        folder = Path(f"/proc/{process.popen.pid}")
        status = dict(re.findall(r"^(\w+):\s*(.*)$", (folder / "status").read_text(), re.M))
        assert status["Uid"].split() == status["Gid"].split() == [str(confined.USER)] * 4
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
        own = {kind for kind in ("net", "mnt", "user", "ipc")
               if (folder / "ns" / kind).readlink() != Path(f"/proc/self/ns/{kind}").readlink()}
        assert own == {"mnt", "user", "ipc"} | ({"net"} if process is not gateway.webhook_sender else set())
    run_through(gateway, receiver)
    for process in all_programs(gateway):
        assert "level=error" not in process.log() and "ignored doorbell" not in process.log()


# What somebody would try who has taken a program over; True: it went.
ATTEMPTS = {
    "write its folder": ("open('/var/lib/sms-gateway/x', 'w').close()", True),
    "write beside its sockets": ("open('/run/sms-gateway/x', 'w').close()", True),
    "write a temporary file": ("open('/tmp/x', 'w').close()", True),
    "write its own program": ("open('/usr/local/lib/sms-gateway/api-fcgi', 'r+b').close()", False),
    "write a setting": ("open('/etc/x', 'w').close()", False),
    "read the passwords": ("open('/etc/shadow').close()", False),
    "see another process": ("os.stat('/proc/1/status')", False),
    "read the kernel's settings": ("open('/proc/sys/kernel/hostname').close()", False),
    "see a home": ("assert os.listdir('/root') or os.listdir('/home')", False),
    "open a network socket": ("socket.socket(socket.AF_INET)", False),
    "open a raw socket": ("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", False),
    "open a netlink socket": ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", False),
    "open a raw network socket": ("socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)", False),
    "open a Unix socket": ("socket.socket(socket.AF_UNIX).close()", True),
    "make memory that is writable and executable":
        ("mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)", False),
    "become root": ("os.setuid(0)", False),
    "make a namespace": ("assert libc.unshare(0x10000000) == 0", False),
    "trace a process": ("assert libc.ptrace(0, 0, 0, 0) == 0", False),
    "mount": ("assert libc.mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0", False),
    "make a file that runs as its owner": ("os.chmod('/tmp/x', 0o4755)", False),
    "be more important": ("os.setpriority(os.PRIO_PROCESS, 0, -5)", False),
}


@pytest.mark.parametrize("program", ["api-fcgi", "webhook-sender"])
def test_a_program_that_is_taken_over_can_do_little(confined_gateway, program):
    code = ("import ctypes, mmap, os, socket, sys\nlibc = ctypes.CDLL(None)\n"
            "for line in sys.stdin:\n"
            "    try:\n        exec(line)\n        print(True)\n"
            "    except Exception:\n        print(False)\n")
    result = subprocess.run(
        [*confine(program), "/usr/bin/python3", "-c", code], cwd=confined_gateway.folder,
        input="\n".join(attempt for attempt, _ in ATTEMPTS.values()), text=True, timeout=LIMIT_SECONDS,
        capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    went = dict(zip(ATTEMPTS, (line == "True" for line in result.stdout.splitlines())))
    network = {"open a network socket", "open a netlink socket"} if program == "webhook-sender" else set()
    assert went == {name: expected or name in network for name, (_, expected) in ATTEMPTS.items()}


def can_trace():
    return shutil.which("strace") and subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def test_the_programs_make_no_other_system_calls_than_the_units_allow(tmp_path, receiver):
    """One that systemd refuses may fail where nobody looks, so none may be tried."""
    if not can_trace():
        pytest.skip("processes cannot be traced here")
    lists = {program: tmp_path / f"{program}.calls" for program in UNITS}
    # -D: the program is our own child, and gets our signals.
    gateway = Gateway(tmp_path, settings=LOOPBACK, wrap={
        program: ["strace", "-D", "-f", "-qq", "-c", "-U", "name", "-A", "-o", path]
        for program, path in lists.items()}).start()
    gateway.webhook_sender.start()
    run_through(gateway, receiver)
    gateway.stop()
    for program, path in lists.items():
        # One of each start; strace may lose that of a program that was killed.
        fewest = {"api-fcgi": 2, "ws-broker": 3, "webhook-sender": 2}[program] - 1
        wait_for(lambda: path.read_text().count("syscall\n") >= fewest, "the lists of strace")
        calls = set(re.findall(r"^ *([a-z]\w+)$", path.read_text(), re.M)) - {"syscall", "total"}
        assert {"execve", "fdatasync", "flock", "sendto"} <= calls, calls
        if os.geteuid() == 0:
            calls.discard("fchown")  # SQLite's, so that root leaves no files of its own
        assert calls <= confined.allowed_calls(confined.read_unit(UNITS[program]))


# ---- The watchdog ----

BODY = b'{"phone_number": "+1234567890", "message": "x"}'
SEND = head("POST", "/api/send-sms", "Content-Type: application/json",
            f"Content-Length: {len(BODY)}") + BODY


class Watched:
    """A gateway of which one program is asked for signs of life, and whose log is a socket, as the journal."""

    INTERVAL_S = 0.1

    def __init__(self, folder, program, **options):
        self.gateway = Gateway(folder, **options)
        self.process = next(one for one in (*self.gateway.processes, self.gateway.webhook_sender) if one.name == program)
        self.folder = folder
        ends = socket.socketpair()
        ends[1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.log, self.log_end = (end.detach() for end in ends)
        self.reader = threading.Thread(target=self.read_log)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(folder / "watch"))

    def __enter__(self):
        for process in self.gateway.processes:
            if process is not self.process:
                process.start()
        self.process.popen = subprocess.Popen(
            self.process.command, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=self.log_end,
            env=self.process.environment | {"NOTIFY_SOCKET": "watch", "WATCHDOG_USEC":
                                            str(int(2e6 * self.INTERVAL_S))})
        assert self.hear(LIMIT_SECONDS) == b"READY=1"
        return self

    def __exit__(self, *_):
        if not self.reader.is_alive():
            self.reader.start()
        os.close(self.log_end)
        self.gateway.stop()
        self.reader.join(LIMIT_SECONDS)
        self.notify.close()

    def hear(self, limit):
        """The next word of the program, or None."""
        self.notify.settimeout(limit)
        try:
            return self.notify.recv(100)
        except TimeoutError:
            return None

    def lives(self):
        """Two signs of life: one may be from before."""
        return [self.hear(LIMIT_SECONDS) for _ in range(2)] == [b"WATCHDOG=1"] * 2

    def is_silent(self):
        return self.hear(10 * self.INTERVAL_S) is None

    def fill_log(self):
        """From now on, who logs waits."""
        fill(self.log_end)

    def read_log(self):
        """Lets them go on."""
        while os.read(self.log, 65536):
            pass
        os.close(self.log)


@EACH
def test_a_program_notifies_the_watchdog_and_says_when_it_stops(program, tmp_path):
    with Watched(tmp_path, program) as watched:
        assert watched.lives() and watched.lives()
        watched.process.signal(signal.SIGTERM)
        while (word := watched.hear(LIMIT_SECONDS)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1"
        assert watched.process.wait() == 0


def test_a_broker_whose_loop_hangs_sends_no_watchdog(tmp_path):
    with Watched(tmp_path, "ws-broker") as watched:
        watched.fill_log()
        phone = threading.Thread(target=lambda: Phone(watched.gateway, "phone").close())
        phone.start()  # the loop logs it, and waits
        wait_for(watched.is_silent, "the broker to be silent")
        watched.reader.start()
        phone.join()
        assert watched.lives()


def test_an_api_whose_store_does_not_come_back_is_silent(tmp_path):
    options = {"wrap": {"api-fcgi": HungDisk.wrap}, "settings": {"STORE_TIMEOUT_MS": 100}}
    with Watched(tmp_path, "api-fcgi", **options) as watched:
        with RawHttp(watched.gateway) as client:
            with HungDisk(watched.gateway):
                assert watched.lives()
                client.send(client.authorize(SEND))
                wait_for(watched.is_silent, "the API to be silent")
                assert ask_raw(watched.gateway, head("GET", "/livez")).status == 200  # all else runs
            assert client.answer("POST").status == 202
        assert watched.lives()


def test_a_broker_whose_store_does_not_come_back_is_silent(tmp_path):
    options = {"wrap": {"ws-broker": HungDisk.wrap}, "settings": {"STORE_TIMEOUT_MS": 100}}
    with Watched(tmp_path, "ws-broker", **options) as watched:
        with HungDisk(watched.gateway):  # it renews its lease
            wait_for(watched.is_silent, "the broker to be silent")
        assert watched.lives()


def test_an_api_whose_workers_hang_sends_no_watchdog(tmp_path):
    with Watched(tmp_path, "api-fcgi") as watched:
        watched.fill_log()
        clients = []

        def is_silent():
            """One worker may have taken all that came at once; the next is for another."""
            clients.append(RawHttp(watched.gateway))
            # a worker logs it, and waits
            clients[-1].send(clients[-1].authorize(SEND))
            return watched.is_silent()

        wait_for(is_silent, "the workers to be silent")
        watched.reader.start()
        for client in clients:
            with client:
                assert client.answer("POST").status == 202
        assert watched.lives()
