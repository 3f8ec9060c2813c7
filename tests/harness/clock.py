"""The wall clock of one gateway, and all clocks of one program."""

import mmap
import struct

from .gateway import ROOT

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Clock:
    """Sets the wall clock of a gateway; monotonic clocks are not changed."""

    def __init__(self, gateway):
        self.path = gateway.folder / "clock"
        self.set(0)
        for process in (gateway.api_fcgi, gateway.ws_broker, gateway.webhook_sender):
            process.environment = process.environment | {
                "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(self.path),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, seconds):
        new = self.path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.path)


class LeapingClock:
    """All clocks of a program that has not started, also the monotonic ones; what it waits for is not hurried."""

    def __init__(self, process):
        path = process.folder / "leap"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 8)
        self.seconds = 0
        preloaded = " ".join(filter(None, (process.environment.get("LD_PRELOAD"), str(ROOT / "build/tests/leap_clock.so"))))
        process.environment = process.environment | {"LD_PRELOAD": preloaded, "LEAP_CLOCK": "leap"}

    def leap(self, seconds):
        self.seconds += seconds
        self._bytes[:] = struct.pack("=q", round(self.seconds * 1000))
