"""What systemd does with the units of deploy/systemd, as far as it concerns sockets: it holds the
listening socket and gives it to the program (sd_listen_fds(3)), and starts the program again whenever it
ends."""

import os
import socket
import threading


class Supervisor:
    """Holds the socket of a program that has yet to be started by it, and keeps it running until the
    context ends."""

    def __init__(self, process, name, backlog=4096):
        self.process = process
        runtime = process.folder / "run"
        runtime.mkdir(exist_ok=True)
        self.listening = socket.socket(socket.AF_UNIX)
        with _short_path(runtime) as folder:
            self.listening.bind(f"{folder}/{name}.sock")
        os.chmod(runtime / f"{name}.sock", 0o660)
        self.listening.listen(backlog)
        self.program = process.command
        self.name = name
        self.starts = 0
        self.ending = False
        self.thread = threading.Thread(target=self._keep_running)

    def _spawn(self):
        # LISTEN_PID is the program's own, which only a shell in its place can know.
        fd = self.listening.fileno()
        assert fd > 3
        self.process.pass_fds = (fd,)
        self.process.command = [
            "bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={self.name} exec "$@" 3<&{fd}'
            f" {fd}<&-", "bash", *self.program]

    def __enter__(self):
        self._spawn()
        self.process.start()
        self.thread.start()
        return self

    def _keep_running(self):
        while True:
            self.process.popen.wait()
            if self.ending:
                return
            self.starts += 1
            self.process.spawn()

    def kill(self):
        """SIGKILL; the program comes back by itself."""
        self.process.popen.kill()

    def __exit__(self, *_):
        self.ending = True
        self.process.popen.terminate()
        self.thread.join()
        self.listening.close()


class _short_path:
    """A folder by a path that is short enough for a socket's."""

    def __init__(self, folder):
        self.fd = os.open(folder, os.O_PATH)

    def __enter__(self):
        return f"/proc/self/fd/{self.fd}"

    def __exit__(self, *_):
        os.close(self.fd)
