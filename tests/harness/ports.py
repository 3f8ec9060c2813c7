"""Free TCP ports, also with several test runs at once."""

import random
import socket

_used = set()


def free_port():
    """A port nobody listens on, below those that the kernel gives to clients."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(15000, 32000)
        if port in _used:
            continue
        _used.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
