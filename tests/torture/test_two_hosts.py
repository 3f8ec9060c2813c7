"""The walk-through of deploy/TWO-HOSTS.md, as it is written: two hosts, which are network namespaces here, with a gateway and a PostgreSQL server
each, and a balancer. In the middle a broker is killed, an API, and the primary, whose standby is promoted: each message is sent once."""

import contextlib
import ctypes
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness.api import Api
from harness.gateway import ROOT, Gateway, let_others_pass
from harness.ledgers import DELIVERED, SENT, settle_and_check
from harness.postgresql import programs
from harness.processes import children_of, is_gone
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for
from harness.wire import can_have_one

PAGE = (ROOT / "deploy/TWO-HOSTS.md").read_text()
BALANCER = ROOT / "deploy/examples/balancer.conf"
CLONE_NEWNET = 0x40000000  # linux/sched.h
ADDRESSES = {"alpha": "192.0.2.11", "beta": "192.0.2.12"}
LONG = "TORTURE_LONG" in os.environ
MESSAGES, PHONES = (10_000, 50) if LONG else (400, 10)
PASSWORDS = {"FIRST-PASSWORD": "one", "SECOND-PASSWORD": "two"}

pytestmark = pytest.mark.skipif(not can_have_one(), reason="only root can make network namespaces")


@pytest.fixture(scope="session")
def build():
    return "release"


def blocks(kind):
    """Of the page: the line before it, and the block."""
    found = re.findall(rf"([^\n]*)\n\n```{kind}\n(.*?)```", PAGE, re.S)
    assert found
    for name, value in PASSWORDS.items():
        found = [(before, text.replace(name, value)) for before, text in found]
    return found


class Host:
    """A network namespace, with a folder for its server."""

    def __init__(self, name, bridge):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"sms-gateway-{name}-", dir="/tmp"))
        self.user = pwd.getpwnam("nobody")
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"up\n"
        self.prefix = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        here = f"{bridge[-8:]}{name[0]}"
        for command in (f"ip link add {here} type veth peer name lan netns {self.holder.pid}", f"ip link set {here} master {bridge} up"):
            subprocess.run(command.split(), check=True)
        for command in (f"addr add {ADDRESSES[name]}/24 dev lan", "link set lan up"):
            subprocess.run([*self.prefix, "ip", *command.split()], check=True)

    def run(self, text):
        """A block of the page, as the owner of the server, whose socket is in the folder."""
        more = f"unix_socket_directories = '{self.folder}'\\nlog_min_messages = panic\\n"
        words = "".join(f'{command}() {{ command {command} "$@" && printf "{more}" >>"$PGDATA/postgresql.conf"; }}\n'
                        for command in ("initdb", "pg_basebackup"))
        environment = {"PATH": f"{programs()}:{os.environ['PATH']}", "HOME": str(self.folder), "PGDATA": f"{self.folder}/data",
                       "PGHOST": str(self.folder), "LC_ALL": "C.UTF-8"}
        result = subprocess.run([*self.prefix, "setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups",
                                 "bash", "-euc", words + text], cwd=self.folder, env=environment, text=True, check=False,
                                stdin=subprocess.DEVNULL, stdout=(self.folder / "out").open("a"), stderr=(self.folder / "err").open("a+"))
        assert result.returncode == 0, (text, (self.folder / "err").read_text())

    def postmaster(self):
        return int((self.folder / "data/postmaster.pid").read_text().split()[0])

    def kill_server(self):
        """As the loss of its power would: all of its processes at once."""
        main = self.postmaster()
        for pid in (main, *children_of(main)):
            with contextlib.suppress(ProcessLookupError):  # a session that has ended
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: is_gone(main), "the server to end")

    def close(self):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pid = self.postmaster()
            os.kill(pid, signal.SIGQUIT)
            wait_for(lambda: is_gone(pid), "the server to end")
        self.holder.communicate()
        shutil.rmtree(self.folder)


@pytest.fixture
def network():
    """A network of the test's own: the addresses of the page may be the machine's too. This thread and what it starts are in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as own:
        assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        subprocess.run("ip link set lo up".split(), check=True)
        yield
        assert libc.setns(own.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


@pytest.fixture
def hosts(network):
    bridge = f"lan{os.getpid()}"
    for command in (f"ip link add {bridge} type bridge", f"ip addr add 192.0.2.10/24 dev {bridge}", f"ip link set {bridge} up"):
        subprocess.run(command.split(), check=True)
    made = {name: Host(name, bridge) for name in ADDRESSES}
    yield made
    for host in made.values():
        host.close()
    subprocess.run(["ip", "link", "del", bridge], check=True)


@pytest.fixture
def balancer(tmp_path):
    process = subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-p", tmp_path, "-c", BALANCER,
                                "-g", f"daemon off; pid {tmp_path}/pid; user root;"], stderr=(tmp_path / "balancer.log").open("w"))
    yield process
    process.terminate()
    process.wait()


def make_gateways(hosts, folder):
    """On both hosts, with the settings of the page."""
    (_, settings), = blocks("env")
    (_, password), = blocks("pgpass")
    (folder / "pgpass").write_text(password)
    (folder / "pgpass").chmod(0o600)
    settings = dict(line.split("=", 1) for line in settings.replace("/etc/sms-gateway/pgpass", str(folder / "pgpass")).splitlines())
    gateways = []
    for name, host in hosts.items():
        own = folder / name
        own.mkdir()
        gateway = Gateway(own, settings=settings | {"NODE_NAME": name, "STORE_TIMEOUT_MS": 5000},
                          wrap={program: host.prefix for program in ("api-fcgi", "ws-broker")})
        gateway.nginx.command = [*host.prefix, *gateway.nginx.command]
        gateways.append(gateway)
    return gateways


class Site:
    """What clients and phones see: the balancer."""

    def __init__(self, folder, gateway):
        self.folder, self.gateway = folder, gateway
        self.host, self.port = "192.0.2.10", 80
        self.ws_url = "ws://192.0.2.10/ws/device/"
        self.api = Api("http://192.0.2.10", gateway.api_key)
        self.authorization, self.device_token, self.tokens_of = gateway.authorization, gateway.device_token, gateway.tokens_of
        self.query, self.database_source, self.is_on_postgresql = gateway.query, gateway.database_source, True


def durability(site):
    answer = site.api.get("/readyz?verbose")
    return answer.json().get("durability")


def test_the_walk_through_and_in_its_middle_everything_is_killed_once(hosts, balancer, tmp_path, make_phones, make_load, torture_report):
    assert balancer.poll() is None
    let_others_pass(tmp_path)
    commands = blocks("sh")
    on = [hosts["alpha" if "alpha" in before.split("On")[-1].split(",")[0].lower() else "beta"] for before, _ in commands]
    assert [host.name for host in on] == ["alpha", "beta", "alpha", "beta", "alpha", "beta"], commands
    for host, (_, text) in zip(on[:3], commands):
        host.run(text)
    gateways = make_gateways(hosts, tmp_path)
    try:
        gateways[0].start()
        gateways[1].start_beside(gateways[0])
        site = Site(tmp_path, gateways[0])
        assert durability(site) == "standby"
        phones = make_phones(site, PHONES, "--send-ms", "1-20", "--report-ms", "1-100")
        load = make_load(site, MESSAGES / (20 if LONG else 4), threads=8)
        quarter = MESSAGES // 4
        load.wait_accepted(quarter)
        gateways[0].ws_broker.kill()
        gateways[0].ws_broker.start()
        load.wait_accepted(quarter)
        gateways[1].api_fcgi.kill()
        gateways[1].api_fcgi.start()
        load.wait_accepted(quarter)
        hosts["alpha"].kill_server()
        wait_for(lambda: load.refused > 0, "clients to be told to come again")
        on[3].run(commands[3][1])
        load.wait_accepted(MESSAGES - 3 * quarter)
        promised = load.stop()
        database = settle_and_check(site, promised, [phones], limit=LOAD_LIMIT_SECONDS)
        statuses = database.statuses()
        assert statuses[SENT] + statuses[DELIVERED] == len(database.messages) >= MESSAGES
        assert durability(site) == "single"
        for host, (_, text) in zip(on[4:], commands[4:]):
            host.run(text)
        wait_for(lambda: durability(site) == "standby", "commits to wait for the new standby")
        torture_report("two hosts", messages=len(database.messages), promised=len(promised), refused=load.refused,
                       unanswered=load.unanswered, statuses=database.statuses_by_name())
        site.api.close()
    finally:
        for gateway in gateways:
            gateway.stop()
