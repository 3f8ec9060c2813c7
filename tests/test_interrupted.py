"""A signal ends `make test`, and with it all that the tests have started."""

import contextlib
import os
import signal
import subprocess

import pytest

from harness.gateway import ROOT
from harness.make_run import hear_signals
from harness.processes import running_below
from harness.waiting import wait_for

# One test waits with a gateway, the other with a process that no fixture knows and that ignores SIGTERM.
SUITE = """
import subprocess, sys, threading
from pathlib import Path
sys.path.insert(0, "{root}/tests")
from harness.gateway import Gateway

def test_with_a_gateway():
    folder = Path("{folder}/own")  # a short path: it has sockets
    folder.mkdir()
    Gateway(folder).start()
    Path("{folder}/gateway").touch()
    threading.Event().wait()

def test_with_an_orphan(tmp_path):
    subprocess.run(["sh", "-c", "trap '' TERM; setsid sleep 1000 &"], cwd=tmp_path, check=True)
    Path("{folder}/orphan").touch()
    threading.Event().wait()
"""
# The Makefile's recipe, for these tests.
TARGET = "interrupted: ; @$(call run_tests,-n 2 $(TESTS))"


@contextlib.contextmanager
def begun(folder):
    """The run of the two tests, when both wait."""
    (folder / "test_suite.py").write_text(SUITE.format(root=ROOT, folder=folder))
    log_path = folder / "log"
    with open(log_path, "wb") as log:
        run = subprocess.Popen(
            ["make", "--no-print-directory", "-C", ROOT, "--eval", TARGET, "interrupted",
             f"TESTS=--rootdir={folder} --confcutdir={folder} -c /dev/null -x {folder}"], env=os.environ | {"TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=hear_signals)
    try:
        wait_for(lambda: {"gateway", "orphan"} <= set(os.listdir(folder)) or run.poll() is not None,
                 "both tests to begin")
        assert run.poll() is None, log_path.read_text()
        yield run
    finally:
        if run.poll() is None:
            run.terminate()
            run.wait()


@pytest.mark.parametrize("number, to_all", [(signal.SIGINT, True), (signal.SIGHUP, True), (signal.SIGTERM, False)])
def test_a_signal_leaves_nothing_running(tmp_path, number, to_all):
    """Ctrl-C and a terminal that closes signal the whole group, a supervisor make alone."""
    with begun(tmp_path) as run:
        assert {"api-fcgi", "ws-broker", "nginx", "sleep"} <= set(running_below(tmp_path).values())
        if to_all:
            os.killpg(run.pid, number)
        else:
            run.send_signal(number)
        assert run.wait() != 0
        assert running_below(tmp_path) == {}
