"""A network between the test and programs that run in a network namespace of their own: two ends of a wire, which can be cut."""

import contextlib
import os
import random
import subprocess


def can_have_one():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


class Wire:
    """`here` and `there` are the addresses of its ends. `prefix` is what runs a command there; files and their sockets are the
    same."""

    def __init__(self, number=1):
        self.name = f"wire{os.getpid() % 100000}{number}"[-14:]
        # Another run on this machine has its own.
        network = "10.{}.{}".format(*(random.SystemRandom().randrange(first, 256) for first in (128, 0)))
        self.here, self.there = f"{network}.1", f"{network}.2"
        # Ends with its standard input.
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout.readline() == b"up\n"
        self.prefix = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]
        self._ip("link", "add", self.name, "type", "veth", "peer", "name", "wire", "netns", str(self._holder.pid))
        self._ip("addr", "add", f"{self.here}/24", "dev", self.name)
        self._ip("link", "set", self.name, "up")
        for words in (("addr", "add", f"{self.there}/24", "dev", "wire"), ("link", "set", "wire", "up")):
            subprocess.run([*self.prefix, "ip", *words], check=True)

    @staticmethod
    def _ip(*words):
        subprocess.run(["ip", *words], check=True)

    def cut(self):
        """What is sent from there is lost, and no error tells of it."""
        self._ip("link", "set", self.name, "down")

    def mend(self):
        self._ip("link", "set", self.name, "up")

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._ip("link", "del", self.name)
        self._holder.stdin.close()
        self._holder.wait()
