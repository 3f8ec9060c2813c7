"""What the parts can do at their best, on the same machine in the same run: the figures' measure."""

import json
import os
import subprocess

from harness.gateway import ROOT
from harness.ports import free_port
from harness.waiting import wait_for

from processes import PROGRAMS, run_load

# The bytes of an answer to POST /api/send-sms, without its head.
ANSWER_BYTES = 480
# As many bytes as an API key, so that the requests are the same.
KEY = "sgw_" + 62 * "0"


class Ceilings:
    """nginx with a static answer, and bench-constant and bench-echo behind it."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.processes = []

    def __enter__(self):
        (self.folder / "run").mkdir(parents=True)
        template = (ROOT / "tests/bench/ceilings/nginx.conf.in").read_text()
        user = "user root;" if os.getuid() == 0 else ""  # its workers must reach root's sockets
        for name, value in {"USER": user, "PORT": self.port, "NGINX": ROOT / "nginx"}.items():
            template = template.replace(f"@{name}@", str(value))
        (self.folder / "run/nginx.conf").write_text(template)
        # As many threads as api-fcgi has by itself.
        self._start([PROGRAMS / "bench-constant", "run/constant.sock", "8", str(ANSWER_BYTES)])
        self._start([PROGRAMS / "bench-echo", "run/echo.sock"])
        for name in ("constant", "echo"):
            wait_for((self.folder / f"run/{name}.sock").exists, f"{name} to listen")
        self._start(["/usr/sbin/nginx", "-e", "stderr", "-p", self.folder, "-c", "run/nginx.conf"])
        wait_for((self.folder / "run/nginx.pid").exists, "nginx to start")
        return self

    def __exit__(self, *failure):
        nginx = self.processes.pop()
        nginx.terminate()
        nginx.wait()
        for process in self.processes:  # libwebsockets takes SIGTERM for itself
            process.kill()
            process.wait()

    def _start(self, command):
        with open(self.folder / "log", "ab") as log:
            self.processes.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log))

    def static(self, **options):
        return run_load(self.port, gets=self._paths("/static"), **options)

    def constant_post(self, **options):
        return run_load(self.port, post="/constant", key=KEY, **options)

    def constant_get(self, **options):
        return run_load(self.port, gets=self._paths("/constant"), key=KEY, **options)

    def echo(self, phones, **options):
        return run_load(self.port, echo="/echo", phones=phones, **options)

    def _paths(self, path):
        file = self.folder / "paths"
        file.write_text(path + "\n")
        return file


def bare_rows(folder, rows_per_commit, seconds):
    """SQLite alone, with the same durability: rows per second."""
    for path in folder.glob("rows.db*"):
        path.unlink()
    output = subprocess.check_output([PROGRAMS / "bench-rows", folder / "rows.db",
                                      str(rows_per_commit), str(seconds)])
    return json.loads(output)
