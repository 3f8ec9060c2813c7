"""The wall clock of one gateway."""

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Clock:
    """Sets the wall clock of a gateway; monotonic clocks are not changed."""

    def __init__(self, gateway):
        self.path = gateway.folder / "clock"
        self.set(0)
        for process in (gateway.api_fcgi, gateway.ws_broker):
            process.environment = process.environment | {
                "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(self.path),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, seconds):
        new = self.path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.path)
