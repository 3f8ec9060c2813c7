"""A gateway for one test: nginx, api-fcgi, ws-broker and, if asked for, webhook-sender in a temporary folder, on ports of its own."""

import contextlib
import itertools
import os
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

from . import postgresql
from .api import Api
from .folders import ROOT, programs_folder
from .nginx_conf import write_nginx_conf
from .ports import free_port
from .processes import children_of, is_listening
from .sanitizers import reports, tell
from .waiting import LIMIT_SECONDS, wait_for

PROGRAMS = ("api-fcgi", "ws-broker", "webhook-sender", "nginx")
# Tests of other features send without limits.
NO_LIMITS = dict.fromkeys((
    "KEY_REQUESTS_PER_MINUTE", "RECIPIENT_DAILY_MESSAGES", "KEY_DAILY_MESSAGES", "DAILY_MESSAGES",
    "PAUSE_AFTER_MESSAGES", "MAX_QUEUE_AGE_MINUTES", "DEVICE_SEGMENTS_PER_MINUTE",
    "DEVICE_DAILY_SEGMENTS"), "0")


def builds_of(*names):
    """TEST_BUILDS="release" runs the tests on that build alone."""
    wanted = os.environ.get("TEST_BUILDS")
    return [name for name in names if not wanted or name in wanted.split()]


def let_others_pass(folder):
    """Lets other users traverse the path to a test's folder; the modes of its files decide then."""
    for path in (folder, *folder.parents):
        status = path.stat()
        if status.st_uid == os.geteuid() and not status.st_mode & 0o001:
            path.chmod(status.st_mode & 0o7777 | 0o011)


class Process:
    """One of the programs; a test may restart it."""

    def __init__(self, name, command, folder, environment):
        self.name = name
        self.command = command
        self.folder = folder
        self.environment = environment
        self.log_path = folder / f"{name}.log"
        self.popen = None
        self.pass_fds = ()

    @contextlib.contextmanager
    def _manager(self):
        """Receives the notifications of the program."""
        notify_path = self.folder / f"{self.name}.notify"
        notify_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(notify_path))
            notify.settimeout(0.05)
            yield notify
        notify_path.unlink()

    def spawn(self):
        environment = self.environment | {"NOTIFY_SOCKET": f"{self.name}.notify"}
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                self.command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, pass_fds=self.pass_fds)

    def start(self, ready=True, limit=LIMIT_SECONDS):
        """Starts it; returns when it has notified that it serves."""
        with self._manager() as notify:
            self.spawn()
            if ready:
                wait_for(lambda: self._is_ready(notify), f"{self.name} to be ready", limit)
        return self

    def _is_ready(self, notify):
        if self.popen.poll() is not None:
            raise AssertionError(f"{self.name} ended at its start: {tell(self.log())}")
        try:
            return notify.recv(100) == b"READY=1"
        except TimeoutError:
            return False

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def is_running(self):
        return self.popen is not None and self.popen.poll() is None

    def memory_bytes(self, name):
        """`name` is VmRSS, the memory in use, or VmHWM, its peak."""
        with open(f"/proc/{self.popen.pid}/status", encoding="ascii") as status:
            return int(status.read().split(f"{name}:")[1].split()[0]) * 1024

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, limit=LIMIT_SECONDS):
        return self.popen.wait(limit)

    def stop(self):
        """SIGTERM; the program must end by itself and with status 0."""
        self.signal(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"{self.name} ended with {status}: {tell(self.log())}"

    def kill(self):
        """SIGKILL, as a power cut would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def check_log(self):
        text = self.log()
        assert not reports(text), f"{self.name}: {tell(text)}"


class Nginx(Process):
    def start(self, ready=True, limit=LIMIT_SECONDS):
        """Starts it; returns when it has workers. Before that a signal may find no handler."""
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        wait_for(self._serves, "nginx to serve", limit)
        return self

    def _serves(self):
        if self.popen.poll() is not None:
            raise AssertionError(f"nginx ended at its start: {self.log()}")
        return self.workers()

    def workers(self):
        """The process ids of its workers, those of an earlier configuration too."""
        return children_of(self.popen.pid)

    def reload(self, limit=LIMIT_SECONDS):
        """SIGHUP; returns when the old workers accept no more connections. Clients that are connected
        stay with them."""
        old = self.workers()
        self.signal(signal.SIGHUP)
        wait_for(lambda: self.workers() - old and not any(map(is_listening, old)),
                 "nginx's old workers to stop listening", limit)

    def kill(self):
        """SIGKILL to its workers too, which would serve on without it."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.wait()


class Gateway:
    def __init__(self, folder, build="release", settings=None, wrap=None):
        """`wrap` maps a program's name to a command prefix."""
        self.folder = Path(folder)
        self.build = build
        self.port = free_port()
        self.https_port = free_port()  # with TLS_CERTIFICATE; plain HTTP is then on 127.0.0.1 alone
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/ws/device/"
        self.api = Api(self.url, self.api_key)
        self.database = self.folder / "data" / "sms-gateway.db"
        environment = NO_LIMITS | {
            "PATH": os.environ["PATH"] + ":/usr/sbin",  # where Debian has nginx
            "HTTP_PORT": str(self.port),
            "HTTPS_PORT": str(self.https_port),
            "LOG_LEVEL": "debug",
            "API_KEYS": "required",
            "DEVICE_TOKENS": "required",
            "SAME_DEVICE_HOURS": "0",  # most tests send to one number, and expect turns
            "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        } | {name: str(value) for name, value in (settings or {}).items()}
        self.environment = environment
        write_nginx_conf(self.folder, environment)
        programs, wrap = programs_folder(build), wrap or {}
        self.api_fcgi = Process("api-fcgi", [*wrap.get("api-fcgi", []), programs / "api-fcgi"],
                                self.folder, environment)
        self.ws_broker = Process("ws-broker", [*wrap.get("ws-broker", []), programs / "ws-broker"],
                                 self.folder, environment)
        self.nginx = Nginx("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-p", self.folder, "-c",
                                     "run/nginx.conf"], self.folder, environment)
        # Tests of webhooks start it.
        self.webhook_sender = Process("webhook-sender", [*wrap.get("webhook-sender", []), programs / "webhook-sender"],
                                      self.folder, environment)
        self.processes = (self.api_fcgi, self.ws_broker, self.nginx)
        self.own_key = ""
        self.device_tokens = {}
        self.pairing_apis = []
        self.sources = itertools.count(250)

    def command(self, *arguments, text=None, build=None):
        """sms-gateway, as an operator runs it; its (status, stdout, stderr). `text` is its standard
        input."""
        result = subprocess.run([programs_folder(build or self.build) / "sms-gateway", *arguments],
                                cwd=self.folder, env=self.environment, capture_output=True,
                                text=True, timeout=LIMIT_SECONDS, check=False, input=text)
        return result.returncode, result.stdout, result.stderr

    def make_database(self):
        """Creates an empty database, for commands before the first start."""
        status, _, errors = self.command("database", "create")
        assert status == 0, errors
        return self

    def keys_command(self, *arguments, **options):
        return self.command("keys", *arguments, **options)

    def make_key(self, *scopes, label="test"):
        """A new API key, with the scopes of the command's default when none is named. The release build makes
        it: most tests need one, and few are about it."""
        options = ["--scopes", ",".join(scopes)] if scopes else []
        status, key, errors = self.keys_command("create", label, *options, build="release")
        assert status == 0, errors
        return key.strip()

    def api_key(self):
        """A key with all scopes, made once; "" where the gateway requires none."""
        if self.environment["API_KEYS"] == "off":
            return ""
        if not self.own_key:
            self.own_key = self.make_key("send", "read", "text", "devices", "metrics", "pair", "resend", "inbox",
                                         "webhooks", "opt_outs", "keys", "sending")
        return self.own_key

    def authorization(self):
        """The headers that authorize a request."""
        key = self.api_key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def device_token(self, device_id):
        """The token of a device, made once; "" where the gateway requires none."""
        if self.environment["DEVICE_TOKENS"] == "off":
            return ""
        return self.tokens_of([device_id])[device_id]

    def tokens_of(self, device_ids):
        """The tokens of many devices: device id -> token."""
        missing = [device_id for device_id in device_ids if device_id not in self.device_tokens]
        if missing:
            status, lines, errors = self.command("devices", "token", "-", text="\n".join(missing),
                                                 build="release")
            assert status == 0, errors
            self.device_tokens |= dict(line.split() for line in lines.splitlines())
        return {device_id: self.device_tokens[device_id] for device_id in device_ids}

    def pairing_api(self):
        """An API client with an address of its own: the rate of pairings is limited for each address."""
        number = next(self.sources)
        api = Api(self.url, source=f"127.0.{number // 250}.{number % 250 + 2}")
        self.pairing_apis.append(api)
        return api

    def start(self):
        for process in self.processes:
            process.start()
        self.api_key()
        return self

    def start_beside(self, other):
        """A node of the same database, with the keys and tokens of one that has started."""
        self.own_key, self.device_tokens = other.api_key(), other.device_tokens
        return self.start()

    def stop(self):
        """Stops the programs that run. Each must exit with 0, and no log may have a sanitizer's report."""
        for api in (self.api, *self.pairing_apis):
            api.close()
        try:
            for process in (self.webhook_sender, *self.processes):
                if process.is_running():
                    process.stop()
            for process in (self.webhook_sender, *self.processes):
                process.check_log()
        finally:
            for process in (self.webhook_sender, *self.processes):
                if process.is_running():
                    process.kill()

    @property
    def is_on_postgresql(self):
        return self.environment.get("DATABASE_URL", "").startswith("postgresql:")

    @property
    def database_source(self):
        """The URL, or the path."""
        return self.environment["DATABASE_URL"] if self.is_on_postgresql else self.database

    def query(self, sql, *parameters):
        """Reads the database while the gateway runs. In PostgreSQL without parameters."""
        if self.is_on_postgresql:
            assert not parameters
            return postgresql.query(self.database_source, sql)
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=LIMIT_SECONDS)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def count_messages(self, where, *parameters):
        return self.query(f"SELECT count(*) FROM message WHERE {where}", *parameters)[0][0]

    def counts(self):
        """The numbers of messages, of their events (the row is the first), and the sum of the stored counts: equal where all
        messages are queued."""
        return self.query("SELECT (SELECT count(*) FROM message),"
                          " (SELECT count(*) FROM message) +"
                          " (SELECT count(*) FROM message_event),"
                          " (SELECT sum(count) FROM message_count)")[0]
