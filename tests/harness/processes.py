"""What /proc says of processes."""

import contextlib
from pathlib import Path

LISTENING = "0A"  # TCP_LISTEN, as /proc/net/tcp writes it


def _stat(pid):
    """(name, state, parent) of a process; None when it is gone."""
    try:
        name, fields = Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(") ", 1)
    except OSError:
        return None
    state, parent = fields.split()[:2]
    return name, state, int(parent)


def is_gone(pid):
    """Whether a process has ended, collected by its parent or not."""
    stat = _stat(pid)
    return stat is None or stat[1] == "Z"


def all_processes():
    """{process id: (name, parent)} of all that run."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        if (stat := _stat(path.name)) and stat[1] != "Z":
            found[int(path.name)] = (stat[0], stat[2])
    return found


def children_of(pid):
    """The process ids of the children that run."""
    try:
        found = [list_.read_text().split() for list_ in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it has ended
        return set()
    if not found:  # a kernel without these lists
        return {child for child, (_, parent) in all_processes().items() if parent == pid}
    return {int(child) for children in found for child in children if not is_gone(child)}


def _by_folder(is_wanted):
    found = {}
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if is_wanted(path.readlink()):
                found[int(path.parent.name)] = (path.parent / "comm").read_text().strip()
    return found


def running_in(folder):
    """The names of the processes that run in a folder, by process id."""
    return _by_folder(lambda path: path == folder)


def running_below(folder):
    """The same for the folders in it too."""
    return _by_folder(lambda path: path.is_relative_to(folder))


def is_listening(pid):
    """Whether a process has a TCP socket that listens."""
    sockets = set()
    with contextlib.suppress(OSError):  # it has ended
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                sockets.add(str(path.readlink()))
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                    return True
    return False
