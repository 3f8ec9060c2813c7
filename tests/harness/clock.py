"""The wall clock of one gateway, and all clocks of some programs."""

import mmap
import shutil
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
    """All clocks of programs that have not started, also the monotonic ones; what they wait for is not hurried. It is in that
    folder."""

    def __init__(self, folder):
        self.environment = {"LD_PRELOAD": shutil.copy(ROOT / "build/tests/leap_clock.so", folder), "LEAP_CLOCK": str(folder / "leap")}
        with open(folder / "leap", "w+b") as file:
            file.write(bytes(8))
            file.flush()
            self._bytes = mmap.mmap(file.fileno(), 8)
        self.seconds = 0

    def lead(self, *processes):
        """It is theirs, too."""
        for process in processes:
            preloaded = " ".join(filter(None, (process.environment.get("LD_PRELOAD"), self.environment["LD_PRELOAD"])))
            process.environment = process.environment | self.environment | {"LD_PRELOAD": preloaded}
        return self

    def leap(self, seconds):
        self.seconds += seconds
        self._bytes[:] = struct.pack("=q", round(self.seconds * 1000))
