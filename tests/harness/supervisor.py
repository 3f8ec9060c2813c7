"""The part of systemd that concerns the sockets of deploy/systemd: a supervisor holds the listening socket and passes it to
the program (sd_listen_fds(3)), keeps the descriptors that the program stores (FileDescriptorStoreMax=), and restarts the
program whenever it ends."""

import fcntl
import os
import signal
import socket
import threading

from .waiting import LIMIT_SECONDS, wait_for


OUT_OF_THE_WAY = 600  # above the descriptors that the program finds from 3 on


def _move_up(fd):
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    os.close(fd)
    return moved


class Supervisor:
    """Starts a program of a gateway, and keeps it running until the context ends."""

    def __init__(self, process, name, backlog=4096, keeps_descriptors=False):
        self.process = process
        self.program = process.command
        self.name = name
        runtime = process.folder / "run"
        runtime.mkdir(exist_ok=True)
        self.listening = self._bind(socket.SOCK_STREAM, runtime / f"{name}.sock")
        self.listening.listen(backlog)
        self.notify = self._bind(socket.SOCK_DGRAM, process.folder / f"{process.name}.notify")
        self.stored = []
        self.most_stored = 0
        if keeps_descriptors:
            process.environment["FDSTORE"] = "4096"
        self.starts = self.ready = 0
        self.told = threading.Event()
        self.ending = False
        self.threads = [threading.Thread(target=run) for run in (self._keep_running, self._listen)]

    @staticmethod
    def _bind(kind, path):
        """Binds by a path that is short enough for AF_UNIX."""
        bound = socket.socket(socket.AF_UNIX, kind)
        folder = os.open(path.parent, os.O_PATH)
        bound.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)
        path.chmod(0o660)
        return socket.socket(fileno=_move_up(bound.detach()))

    def _spawn(self):
        fds, names = [self.listening.fileno(), *self.stored], [self.name, *["kept"] * len(self.stored)]
        assert 3 + len(fds) < OUT_OF_THE_WAY
        self.process.pass_fds = fds
        # LISTEN_PID is the pid of the program, which only a shell that becomes the program knows.
        self.process.command = [
            "bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS={len(fds)} LISTEN_FDNAMES={":".join(names)} exec "$@"'
            + "".join(f" {3 + i}<&{fd}" for i, fd in enumerate(fds))
            + "".join(f" {fd}<&-" for fd in fds), "bash", *self.program]
        self.process.spawn()

    def __enter__(self):
        self._spawn()
        for thread in self.threads:
            thread.start()
        self.wait_ready(1)
        return self

    def wait_ready(self, count):
        """Waits until `count` processes of the program have been ready."""
        wait_for(lambda: self.ready >= count, f"{self.process.name} to be ready")

    def _listen(self):
        while True:
            text, fds, _, _ = socket.recv_fds(self.notify, 4096, 1)
            if text == b"READY=1":
                self.ready += 1
            elif text == b"FDSTORE=1\nFDNAME=kept":
                self.stored += map(_move_up, fds)
                self.most_stored = max(self.most_stored, len(self.stored))
            elif text == b"FDSTOREREMOVE=1\nFDNAME=kept":
                self._forget()
            elif text == b"ended":
                self.told.set()  # its earlier notifications have been read
                if self.ending:
                    return

    def _say_ended(self):
        folder = os.open(self.process.folder, os.O_PATH)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"ended", f"/proc/self/fd/{folder}/{self.process.name}.notify")
        os.close(folder)

    def _forget(self):
        while self.stored:
            os.close(self.stored.pop())

    def _keep_running(self):
        while True:
            self.process.popen.wait()
            self.told.clear()
            self._say_ended()
            self.told.wait(LIMIT_SECONDS)
            if self.ending:
                return
            self.starts += 1
            self._spawn()

    def kill(self):
        """SIGKILL; the supervisor restarts the program."""
        self.process.popen.kill()

    def restart(self, number=signal.SIGTERM):
        """systemctl restart, or with SIGHUP reload: returns when the next process serves."""
        ready = self.ready
        self.process.signal(number)
        self.wait_ready(ready + 1)

    def __exit__(self, *_):
        self.ending = True
        self.process.popen.terminate()
        for thread in self.threads:
            thread.join(LIMIT_SECONDS)
        self._forget()
        self.listening.close()
        self.notify.close()
