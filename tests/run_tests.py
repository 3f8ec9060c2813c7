#!/usr/bin/python3
"""Runs pytest, and leaves no process behind: run_tests.py [PYTEST-ARGUMENT ...]

Gateways run in sessions of their own: Ctrl-C does not reach them, and a worker of pytest-xdist that is interrupted does not
run its fixtures to the end. So this process adopts whatever its children leave (PR_SET_CHILD_SUBREAPER), and ends it when
pytest has ended. Ctrl-C, Ctrl-\\, SIGTERM and SIGHUP end pytest, which still reports what it has run.

The folder of the tests is kept when they fail. What Python compiles is kept in build/pycache: pytest rewrites each assertion, which takes
each worker ten seconds otherwise.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness.folders import ROOT
from harness.processes import all_processes

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
REPORT_SECONDS = 15  # pytest-xdist gives its workers 10
END_SECONDS = 3


def descendants():
    """The process ids of all that run below this process."""
    running = all_processes()
    found, level = set(), {os.getpid()}
    while level:
        level = {pid for pid, (_, parent) in running.items() if parent in level}
        found |= level
    return found


class Tests:
    def __init__(self, command):
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")
        self.status = None
        self.heard = []
        self.wake_fd, wakeup_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
                signal.signal(number, lambda number, _: self.heard.append(number))
        # In a session of its own, so that signals come to it from here alone.
        self.pytest = subprocess.Popen(command, start_new_session=True, preexec_fn=self._hear_interrupts)

    @staticmethod
    def _hear_interrupts():
        """A command in the background has inherited that it ignores them."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _wait(self, seconds=None):
        """Until a signal arrives; collects the children that have ended."""
        if select.select([self.wake_fd], [], [], seconds)[0]:
            os.read(self.wake_fd, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pytest.pid:
                self.status = os.waitstatus_to_exitcode(status)

    def run(self):
        """Returns pytest's status, or that of the signal that ended it."""
        while self.status is None and not self.heard:
            self._wait()
        if self.heard:
            self._interrupt()
        self._end_others()
        return 128 + self.heard[0] if self.heard else self.status

    def _interrupt(self):
        """Lets the workers run their fixtures to the end and pytest report, unless that takes too long or a second signal asks
        for a quick end."""
        os.killpg(self.pytest.pid, signal.SIGINT)
        deadline = time.monotonic() + REPORT_SECONDS
        while self.status is None and time.monotonic() < deadline and len(self.heard) < 2:
            self._wait(1)

    def _end_others(self):
        deadline = time.monotonic() + (END_SECONDS if len(self.heard) < 2 else 0)
        while left := descendants():
            number = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
            for pid in left:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            self._wait(0.2)


def main():
    folder = tempfile.mkdtemp()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / "build/pycache")
    status = Tests([sys.executable, "-m", "pytest", f"--basetemp={folder}/pytest", *sys.argv[1:]]).run()
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"What the tests wrote is in {folder}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
