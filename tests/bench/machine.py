"""What a run is measured on: figures without it mean nothing."""

import os
import platform
import sqlite3
import subprocess
import time


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.machine()


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30


def fdatasync_ms(folder, count=300):
    """Median time to make 4 KiB durable: the disk's share of a commit."""
    path = folder / "fdatasync"
    times = []
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.write(file, bytes(65536))
        os.fsync(file)
        for number in range(count):
            os.pwrite(file, os.urandom(4096), number % 16 * 4096)
            begin = time.perf_counter()
            os.fdatasync(file)
            times.append(time.perf_counter() - begin)
    finally:
        os.close(file)
        path.unlink()
    return sorted(times)[count // 2] * 1000


def file_system(folder):
    return subprocess.check_output(["findmnt", "-n", "-o", "FSTYPE", "-T", folder], text=True).strip()


def version_of(package):
    result = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True,
                            text=True, check=False)
    return result.stdout or "not Debian's"


class BusyMeter:
    """with BusyMeter() as busy: ...; busy.share is that of all processors that was used, whoever used it."""

    def __enter__(self):
        self.before = self._read()
        return self

    def __exit__(self, *failure):
        total, idle = (after - before for after, before in zip(self._read(), self.before))
        self.share = 1 - idle / max(total, 1)

    @staticmethod
    def _read():
        with open("/proc/stat", encoding="utf-8") as file:
            fields = [int(field) for field in file.readline().split()[1:]]
        return sum(fields[:8]), fields[3] + fields[4]


def busy_share(seconds=1):
    """What share of all processors others use while nothing of ours runs."""
    with BusyMeter() as busy:
        time.sleep(seconds)  # a measurement takes time
    return busy.share


def describe(folder):
    return {
        "processor": f"{os.cpu_count()} x {cpu_model()}",
        "memory": f"{memory_gib():.0f} GiB",
        "kernel": platform.release(),
        "file system": file_system(folder),
        "fdatasync of 4 KiB": f"{fdatasync_ms(folder):.2f} ms (median)",
        "open files": f"{os.sysconf('SC_OPEN_MAX')} a process",
        "SQLite": sqlite3.sqlite_version,
        "nginx": version_of("nginx"),
        "libfcgi": version_of("libfcgi0ldbl"),
        "libwebsockets": version_of("libwebsockets17"),
        "load of other programs at the start": f"{busy_share() * 100:.0f} %",
    }
