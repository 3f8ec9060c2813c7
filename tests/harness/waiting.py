"""Waiting for a condition, with a limit that only a broken program reaches."""

import os
import time

# Twice as long as any step took beside two busy loops. All tests wait this long at most.
LIMIT_SECONDS = int(os.environ.get("TEST_PATIENCE_SECONDS", "60"))
LOAD_LIMIT_SECONDS = 4 * LIMIT_SECONDS  # where many messages must come


def wait_for(condition, what, limit=LIMIT_SECONDS, state=None):
    """Calls `condition` until its result is true; returns the result. A failure tells what `state` returns."""
    end = time.monotonic() + limit
    pause = 0.002
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit} s for {what}" + (f": {state()}" if state else ""))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
