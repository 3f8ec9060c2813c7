"""Free TCP ports, also with several test runs at once."""

import errno
import os
import random
import socket

FIRST, END = 15000, 32000  # below those that the kernel gives to clients

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

_used = set()


def _own_ports():
    """Those of this worker of pytest-xdist. One that another has chosen is not bound yet, and nginx would
    share it (SO_REUSEPORT): each gateway then had some of the other's clients."""
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
    """A port nobody listens on."""
    own_ports = _own_ports()
    for _ in range(1000):
        port = random.SystemRandom().choice(own_ports)
        if port in _used:
            continue
        _used.add(port)
        if all(_is_free(port, family, address) for family, address in LOOPBACK):
            return port
    raise RuntimeError("no free port")
