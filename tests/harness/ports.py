"""Free TCP ports, for several workers and several runs at once."""

import collections
import errno
import random
import socket

FIRST, END = 15000, 32000  # below the kernel's ephemeral ports

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

# Without a reservation two processes may choose the same port before either binds it, or one whose program is just being
# restarted; nginx binds with SO_REUSEPORT, and each gateway would get some of the other's clients. A name of an abstract socket
# belongs to its network namespace, as a port does, and is free again when the process ends. The last ones are more than a test needs.
_reservations = collections.deque(maxlen=200)


def _reserve(port):
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(f"\0sms-gateway-test-port-{port}")
    except OSError:
        reservation.close()
        return False
    if len(_reservations) == _reservations.maxlen:
        _reservations[0].close()
    _reservations.append(reservation)
    return True


def _is_free(port, family, address):
    with socket.socket(family) as probe:
        try:
            probe.bind((address, port))
        except OSError as problem:
            return problem.errno == errno.EADDRNOTAVAIL  # a machine without IPv6
        return True


def free_port():
    """A port on which no process listens, and which no other test has chosen."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(FIRST, END)
        if _reserve(port) and all(_is_free(port, family, address) for family, address in LOOPBACK):
            return port
    raise RuntimeError("no free port")
