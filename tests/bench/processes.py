"""Processor time and memory of the gateway's processes, and the load generator."""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

from harness.gateway import ROOT, Gateway

PROGRAMS = ROOT / "build" / "bench"


def family(pid):
    """A process and what it has started."""
    pids = [pid]
    for pid_of_parent in pids:
        children = Path(f"/proc/{pid_of_parent}/task/{pid_of_parent}/children")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a server ends some of its processes at any time
            pids += [int(child) for child in children.read_text().split()]
    return pids


def cpu_seconds(pid):
    """Of all its threads and children, to the nanosecond. What has ended is not in it."""
    total = 0
    for member in family(pid):
        for schedstat in Path("/proc").glob(f"{member}/task/*/schedstat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int(schedstat.read_text().split()[0])
    return total / 1e9


def rss_kib(pid):
    """Resident memory without that of its children."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def by_program(gateway, measure):
    """What `measure` says of each of a gateway's processes that run."""
    return {process.name: measure(process.popen.pid) for process in gateway.processes
            if process.is_running()}


class BenchGateway(Gateway):
    """A release build with the settings of production, in a folder on the project's own disk, or
    on one of which each sync takes longer."""

    def __init__(self, folder, sync_ms=0, **settings):
        folder.mkdir(parents=True, exist_ok=True)
        slow = ["env", f"LD_PRELOAD={PROGRAMS}/slow-sync.so", f"SLOW_SYNC_US={sync_ms * 1000}"]
        wrap = {"api-fcgi": slow, "ws-broker": slow} if sync_ms else None
        super().__init__(folder, "release",
                         {"LOG_LEVEL": "info", "SAME_DEVICE_HOURS": 192} | settings, wrap)

    def wait_delivered(self, count, limit=300):
        """Waits until so many messages are delivered; returns when the last was, by its row."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.query("SELECT count FROM message_count WHERE status = 5")[0][0] >= count:
                return self.query("SELECT max(updated_at_ms) FROM message INDEXED BY"
                                  " message_by_status WHERE phase = 2 AND status = 5")[0][0] / 1000
            time.sleep(0.05)
        raise AssertionError(f"{count} messages were not delivered within {limit} s")


class CpuMeter:
    """with CpuMeter(gateway) as cpu: ...; cpu.used is in seconds by program."""

    def __init__(self, gateway):
        self.gateway = gateway

    def __enter__(self):
        self.before = by_program(self.gateway, cpu_seconds)
        return self

    def __exit__(self, *failure):
        after = by_program(self.gateway, cpu_seconds)
        self.used = {name: after[name] - self.before[name] for name in after}

    def total(self):
        return sum(self.used.values())


def _arguments(options):
    for name, value in options.items():
        name = "--" + name.replace("_", "-")
        yield from [name] if value is True else [name, str(value)]


def _tokens(gateway, first, count):
    """The option for as many phones' tokens."""
    ids = [f"bench-{number}" for number in range(first, first + count)]
    if not ids:
        return {}
    path = gateway.folder / f"tokens-{first}-{count}"
    path.write_text("".join(f"{token}\n" for token in gateway.tokens_of(ids).values()))
    return {"tokens": path}


class Load:
    """bench-load in the background, against a gateway, or a port of a ceiling."""

    def __init__(self, target, **options):
        if isinstance(target, Gateway):
            options |= {"port": target.port, "key": target.api_key()}
            options |= _tokens(target, options.get("first", 0), options.get("phones", 0))
        else:
            options |= {"port": target}
        command = [PROGRAMS / "bench-load", *_arguments(options)]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_connected(self):
        """With say_connected: until all phones are there."""
        line = self.popen.stdout.readline()
        assert line == "connected\n", f"bench-load says {line!r}"

    def result(self, limit=600):
        output, _ = self.popen.communicate(timeout=limit)
        assert self.popen.returncode == 0, f"bench-load ended with {self.popen.returncode}"
        result = json.loads(output)
        result["cpu_share"] = result["cpu_seconds"] / max(result["seconds"], 1e-9)
        return result

    def stop(self):
        self.popen.terminate()
        return self.result()

    def kill(self):
        self.popen.kill()
        self.popen.wait()


def run_load(target, **options):
    return Load(target, **options).result()
