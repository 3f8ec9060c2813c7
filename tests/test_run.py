"""The life of `make run`: a signal ends it at any instant, and two runs do not disturb each other."""

import fcntl
import os
import pty
import re
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests
import yaml

from harness.full_pipe import fill
from harness.gateway import ROOT, programs_folder
from harness.make_run import Run, copy_of_the_tree, hear_signals, runs_below
from harness.ports import free_port
from harness.processes import children_of, running_in
from harness.waiting import LIMIT_SECONDS, wait_for

INSTANTS = 10
LOG_LINE = r"\d\d:\d\d:\d\d "  # on a terminal; a program may say later than the script that it serves


@pytest.fixture
def runs(tmp_path):
    with runs_below(tmp_path) as make:
        yield make


def time_to_serve(runs):
    """How long a start takes here, and now."""
    begin = time.monotonic()
    run = runs("measured")
    run.wait_serving()
    taken = time.monotonic() - begin
    run.popen.terminate()
    run.end()
    return taken


# ---- Signals ----

def test_a_command_ends_with_stoppable_at_any_instant(tmp_path):
    """More instants than a whole start of the gateway allows: a signal that the script hears between forking and noting the
    child's number."""
    instants = 80

    def start():
        return subprocess.Popen([ROOT / "deploy/stoppable.sh", "sleep", "1000"], cwd=tmp_path, start_new_session=True,
                                stderr=subprocess.DEVNULL, preexec_fn=hear_signals)

    begin = time.monotonic()
    run = start()
    wait_for(lambda: "sleep" in running_in(tmp_path).values(), "the command")
    whole = time.monotonic() - begin
    os.killpg(run.pid, signal.SIGHUP)
    for i in range(instants):
        run.wait(LIMIT_SECONDS)
        wait_for(lambda: not running_in(tmp_path), f"the end of run {i}")
        run = start()
        time.sleep(whole * i / instants)  # not to wait for something: it is the instant
        os.killpg(run.pid, signal.SIGHUP)
    run.wait(LIMIT_SECONDS)
    wait_for(lambda: not running_in(tmp_path), "the end of the last run")


@pytest.mark.parametrize("number, to_all", [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, True),
                                            (signal.SIGTERM, False)])
def test_a_signal_at_any_instant_of_the_start_ends_all_of_it(runs, number, to_all):
    """Ctrl-C and a terminal that closes signal the whole group, a supervisor the script alone."""
    whole = time_to_serve(runs) * 1.1
    for i in range(INSTANTS):
        run = runs(f"run-{i}")
        time.sleep(whole * i / INSTANTS)  # not to wait for something: it is the instant
        if to_all:
            os.killpg(run.popen.pid, number)
        else:
            run.popen.send_signal(number)
        assert run.end() in (0, -number), run.log()  # the latter before the script has read its first lines
        wait_for(lambda: not run.descendants(), "all to end")
        assert not (run.folder / "run/settings.env").exists()


def test_many_signals_at_once_end_it_in_order(runs):
    run = runs()
    run.wait_serving()
    for _ in range(50):
        os.killpg(run.popen.pid, signal.SIGTERM)
        run.popen.send_signal(signal.SIGHUP)
    assert run.end() == 0
    assert run.descendants() == {}
    stopped = set(re.findall("process=(.*) msg=stopped", run.log()))
    assert stopped >= {"ws-broker", "api-fcgi"}  # webhook-sender may not have begun
    assert stopped >= set(re.findall("process=(.*) msg=serving", run.log()))
    assert "run.sh: line" not in run.log()  # bash's own words


@pytest.fixture
def unread(tmp_path):
    """A run whose log is a pipe, full and read by nobody from the moment on that it serves; and its URL."""
    made = []

    def start(**settings):
        port = free_port()
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        made.append(subprocess.Popen([ROOT / "deploy/run.sh"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
                                     env={"PATH": os.environ["PATH"], "HTTP_PORT": str(port)} | settings,
                                     start_new_session=True, preexec_fn=hear_signals))
        said = b""
        while b"Ctrl-C stops it." not in said:
            said += (more := os.read(reader, 65536))
            assert more, said
        fill(writer)
        os.close(writer)
        return made[0], f"http://127.0.0.1:{port}", reader

    yield start
    for run in made:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    wait_for(lambda: running_in(tmp_path) == {}, "all to end")


@pytest.mark.parametrize("ends", ("a signal", "a program"))
def test_a_log_that_nobody_reads_is_no_reason_to_run_on(unread, tmp_path, ends):
    """As in a pager that is not at its end. To say that it stops is not worth waiting for."""
    run, _, reader = unread(LOG_LEVEL="error")
    if ends == "a signal":
        run.terminate()
    else:
        [pid] = [pid for pid, name in running_in(tmp_path).items() if name == "api-fcgi"]
        os.kill(pid, signal.SIGKILL)
    assert run.wait(LIMIT_SECONDS) == (0 if ends == "a signal" else 1)
    os.close(reader)


def test_a_log_that_nobody_reads_stops_nothing(unread):
    """Its lines are dropped then, and counted."""
    run, url, reader = unread()
    for _ in range(20):
        answer = requests.post(f"{url}/api/send-sms", json={"phone_number": "+1234567890", "message": "x"}, timeout=LIMIT_SECONDS)
        assert answer.status_code == 202
    told = rb"process=api-fcgi msg=.nobody read the log, .* lines=(\d+)"
    said = os.read(reader, 65536)
    while not re.search(told, said):
        requests.post(f"{url}/api/send-sms", json={"phone_number": "+1234567890", "message": "x"}, timeout=LIMIT_SECONDS)
        said += os.read(reader, 65536)
    rest = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 65536), b"")])
    rest.start()
    run.terminate()
    assert run.wait(LIMIT_SECONDS) == 0
    rest.join()
    assert int(re.search(told, said)[1]) >= 10
    os.close(reader)


def marked(mark):
    """Processes whose environment has that in it."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found[int(path.parent.name)] = (path.parent / "comm").read_text().strip()
        except OSError:
            pass
    return found


def make_run_in_a_terminal(folder, port):
    """`make run` on a terminal of its own: its process id, and the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        hear_signals()
        os.chdir(ROOT)
        os.execvpe("make", ["make", "run"], {
            "PATH": os.environ["PATH"], "HTTP_PORT": str(port), "RUNTIME_DIR": str(folder / "run"),
            "DATABASE_PATH": str(folder / "data/test.db")})
    return pid, terminal


def read_terminal(terminal, text):
    try:
        while data := os.read(terminal, 65536):
            text.append(data.decode(errors="replace"))
    except OSError:
        pass  # it has closed


def wait_end(pid):
    status = []

    def ended():
        found, code = os.waitpid(pid, os.WNOHANG)
        if found:
            status.append(code)
        return bool(found)

    wait_for(ended, "make to end")
    return status[0]


def test_make_run_ends_too_by_its_terminal_and_by_a_supervisor(tmp_path):
    """One after another: each looks whether something is to be built."""
    for way in ("ctrl-c", "quit", "closed", "supervisor"):
        for instant in (0.3, None):  # None: when it serves
            folder = tmp_path / f"{way}-{instant}"
            folder.mkdir()
            pid, terminal = make_run_in_a_terminal(folder, free_port())
            text = []
            reader = threading.Thread(target=read_terminal, args=(terminal, text))
            reader.start()
            if instant is None:
                wait_for(lambda: "Ctrl-C stops it." in "".join(text), "the gateway to serve")
                assert "Nothing to be done" not in "".join(text)
                said = [line for line in "".join(text).splitlines() if line and not re.match(LOG_LINE, line)]
                assert said[-1] == "Ctrl-C stops it."
            else:
                time.sleep(instant)  # likewise the instant
            if way == "ctrl-c":
                os.write(terminal, b"\x03")
            elif way == "quit":
                os.write(terminal, b"\x1c")
            elif way == "supervisor":
                os.kill(pid, signal.SIGTERM)
            else:
                os.killpg(pid, signal.SIGHUP)  # as the kernel does
            wait_end(pid)
            wait_for(lambda: not marked(str(folder)), "all to end")
            reader.join(LIMIT_SECONDS)
            os.close(terminal)
            assert "run.sh: line" not in "".join(text)  # bash's own words


def is_started(pid, program):
    try:
        return os.readlink(f"/proc/{pid}/exe") == str(program)
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a namespace of processes")
@pytest.mark.parametrize("program", ["api-fcgi", "ws-broker", "webhook-sender"])
def test_the_first_process_of_a_container_ends_during_its_start(program, tmp_path):
    """The kernel ends such a process by no signal that it has no handler for."""
    path = programs_folder("release") / program
    for i in range(10):
        folder = tmp_path / str(i)
        folder.mkdir()
        log = folder / "log"
        with open(log, "wb") as out:
            outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", path], cwd=folder,
                                     env={"PATH": os.environ["PATH"]}, stderr=out)
        wait_for(log.read_text, "the first line of its log")
        inner = next(pid for pid in running_in(folder) if is_started(pid, path))
        time.sleep(i * 0.005)  # the instant
        os.kill(inner, signal.SIGTERM)
        assert outer.wait(LIMIT_SECONDS) == 0, log.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a namespace of processes")
def test_the_container_of_nginx_ends_while_it_writes_its_configuration(tmp_path):
    services = yaml.safe_load((ROOT / "deploy/container/compose.yaml").read_text())["services"]
    assert all(services[name]["init"] for name in ("api", "broker", "webhooks", "nginx"))
    shell, option, script = services["nginx"]["command"]
    begun, slow = tmp_path / "begun", tmp_path / "slow.sh"
    slow.write_text(f"#!/bin/sh\ntouch {begun}\nsleep 0.3\n")  # in the place of nginx-conf.sh
    slow.chmod(0o755)
    script = script.replace("/usr/lib/sms-gateway/nginx-conf.sh", str(slow))
    with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", shell, option, script], cwd=tmp_path) as outer:
        wait_for(begun.exists, "the script to run")
        inner, = children_of(outer.pid)
        os.kill(inner, signal.SIGTERM)
        assert outer.wait(LIMIT_SECONDS) in (0, 143)


def test_dev_ends_while_it_builds(tmp_path):
    folder = tmp_path / "tree"
    copy_of_the_tree(folder)
    (folder / "common/base/base.h").touch()
    with open(tmp_path / "dev.log", "wb") as log:
        dev = subprocess.Popen([folder / "deploy/dev.sh"], stdin=subprocess.DEVNULL, stdout=log,
                               stderr=log, start_new_session=True,
                               env={"PATH": os.environ["PATH"], "HTTP_PORT": str(free_port())})
    wait_for(lambda: "cc1" in running_in(folder).values(), "the compiler to run")
    dev.terminate()
    assert dev.wait(LIMIT_SECONDS) == 0
    wait_for(lambda: not running_in(folder), "the compilers to end")


# ---- Two of them ----

def files_of(folder):
    return {path.name: (path.stat().st_ino, path.read_bytes())
            for path in (folder / "run").iterdir() if path.is_file() and path.name != "access.log"
            and not path.name.startswith("metrics")}


def test_a_second_run_in_the_same_folder_changes_nothing_and_says_who_runs(runs):
    first = runs()
    first.wait_serving()
    before = files_of(first.folder)
    assert {"nginx.pid", "nginx.conf", "settings.env", "lock"} <= set(before)
    for port in (first.port, free_port()):
        second = Run(first.folder, port)  # its log is in the place of the first one's
        assert second.end() == 1
        assert f"process {first.popen.pid}, http://localhost:{first.port}." in second.log()
        assert files_of(first.folder) == before
    assert requests.get(f"{first.url}/readyz").status_code == 200


def test_the_settings_suggested_to_the_second_run_work(runs, tmp_path):
    first = runs()
    first.wait_serving()
    second = Run(first.folder, first.port)
    assert second.end() == 1
    advice = re.search(r"^  (.*) make run$", second.log(), re.M).group(1)
    settings = dict(word.split("=", 1) for word in shlex.split(advice))
    assert {"HTTP_PORT", "RUNTIME_DIR", "DATABASE_PATH"} <= set(settings)
    third = runs(port=int(settings.pop("HTTP_PORT")), **settings)
    third.wait_serving()
    for run in (first, third):
        assert requests.get(f"{run.url}/readyz").status_code == 200


def test_two_names_of_one_folder_are_one_folder(runs, tmp_path):
    first = runs()
    first.wait_serving()
    (tmp_path / "other-name").symlink_to(first.folder)
    second = runs("elsewhere", RUNTIME_DIR=str(tmp_path / "other-name/run"))
    assert second.end() == 1 and "is already running" in second.log()


def test_nothing_of_a_killed_run_is_in_the_way(runs):
    first = runs()
    first.wait_serving()
    first.kill_all()
    assert (first.folder / "run/settings.env").exists()
    second = runs()
    second.wait_serving()
    assert f"# process {second.popen.pid} " in (first.folder / "run/settings.env").read_text()
