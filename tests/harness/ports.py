"""Free TCP ports, for several workers at once."""

import errno
import os
import random
import socket

FIRST, END = 15000, 32000  # below the kernel's ephemeral ports

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

_used = set()


def _own_ports():
    """The share of this worker of pytest-xdist. Without shares, two workers may choose the same port before either binds it;
    nginx binds with SO_REUSEPORT, and each gateway would get some of the other's clients."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = (END - FIRST) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return range(FIRST + worker * share, FIRST + (worker + 1) * share)


def _is_free(port, family, address):
    with socket.socket(family) as probe:
        try:
            probe.bind((address, port))
        except OSError as problem:
            return problem.errno == errno.EADDRNOTAVAIL  # a machine without IPv6
        return True


def free_port():
    """A port on which no process listens."""
    own_ports = _own_ports()
    for _ in range(1000):
        port = random.SystemRandom().choice(own_ports)
        if port in _used:
            continue
        _used.add(port)
        if all(_is_free(port, family, address) for family, address in LOOPBACK):
            return port
    raise RuntimeError("no free port")
