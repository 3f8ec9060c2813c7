"""A pipe, or a socket, that nobody reads from."""

import os
import socket
import stat


def fill(end):
    """What is written to it from now on waits. Other programs have the same open file, whose flags stay."""
    if stat.S_ISSOCK(os.fstat(end).st_mode):
        with socket.socket(fileno=os.dup(end)) as own:
            _fill(lambda data: own.send(data, socket.MSG_DONTWAIT))
    else:
        own = os.open(f"/proc/self/fd/{end}", os.O_WRONLY | os.O_NONBLOCK)
        _fill(lambda data: os.write(own, data))
        os.close(own)


def _fill(write):
    for size in (4096, 1):
        try:
            while True:
                write(b"\n" * size)
        except BlockingIOError:
            pass
