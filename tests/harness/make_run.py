"""deploy/run.sh, which `make run` calls, in a folder of a test."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess

from .gateway import PROGRAMS, ROOT
from .ports import free_port
from .processes import all_processes, running_in
from .waiting import LIMIT_SECONDS, wait_for


def hear_signals():
    """Gives a command the signals that a terminal's shell gives it. Tests in the background have inherited that they ignore
    SIGINT, or under nohup SIGHUP, and then bash cannot trap it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def is_free(lock):
    with open(lock, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


class Run:
    """deploy/run.sh in a folder, in a session of its own, as under a terminal."""

    def __init__(self, folder, port, **settings):
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log_path = folder / "run.log"
        environment = {"PATH": os.environ["PATH"], "HTTP_PORT": str(port)} | settings
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen([ROOT / "deploy/run.sh"], cwd=folder, env=environment,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True, preexec_fn=hear_signals)

    def log(self):
        return self.log_path.read_text()

    def wait_serving(self):
        wait_for(lambda: "Ctrl-C stops it." in self.log() or self.popen.poll() is not None,
                 "the gateway to serve")
        assert self.popen.poll() is None, self.log()

    def children(self):
        """The process ids of the four programs by name; of nginx its main process."""
        running = all_processes()
        return {name: pid for pid, (name, parent) in running.items()
                if name in PROGRAMS and running.get(parent, ("", 0))[1] == self.popen.pid}

    def descendants(self):
        """All processes that run in its folder, orphans too."""
        return running_in(self.folder)

    def end(self, limit=LIMIT_SECONDS):
        return self.popen.wait(limit)

    def kill_all(self):
        """As a power cut would: all stop first, and none sees another end."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in self.descendants():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.end()
        wait_for(lambda: not self.descendants(), "all to end")
        lock = self.folder / "run/lock"  # of a process that has ended the kernel may have it for an instant more
        wait_for(lambda: not lock.exists() or is_free(lock), "the lock")


@contextlib.contextmanager
def runs_below(parent, wait=False):
    """Gives make("folder", HTTP_PORT=1234), which starts a run in that folder of `parent`; with `wait` it returns when
    the run serves. All runs end with the context."""
    made = []

    def make(name="run", port=None, **settings):
        folder = parent / name
        folder.mkdir(exist_ok=True)
        made.append(Run(folder, port or free_port(), **settings))
        if wait:
            made[-1].wait_serving()
        return made[-1]

    try:
        yield make
    finally:
        for run in made:
            if run.popen.poll() is None:
                run.popen.terminate()
                run.end()


def copy_of_the_tree(folder):
    """Copies the sources and the build with their times, so that make builds nothing again."""
    for name in ("Makefile", "api-fcgi", "common", "deploy", "nginx", "ws-broker",
                 "tests/phone-sim", "build/obj", "build/gen", "build/site"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
    for path in (ROOT / "build").iterdir():
        if path.is_file():
            shutil.copy2(path, folder / "build" / path.name)
    for name in ("build/site-npm", "build/dashboard-npm"):
        (folder / name).mkdir()
        shutil.copy2(ROOT / name / "installed", folder / name / "installed")
