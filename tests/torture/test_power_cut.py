"""The power fails at a random moment (F40): what was not synced is lost, whole or in part.

A preloaded library keeps each file as it was when it was last synced. A cut ends both processes and
leaves, of all that was written since, what chance decides, sector by sector; a disk may write in
any order. Whatever was promised must be in what is left, and the gateway must go on from there.
"""

import os
import random

import pytest

from harness.gateway import ROOT
from harness.ledgers import Checker, read_radio, read_received, settle_and_check
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for

FAST = ("--send-ms", "1-3", "--report-ms", "1-20")
SECTOR = 512
CUTS = 30 if "TORTURE_LONG" in os.environ else 3
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(1 << 32)))


@pytest.fixture(scope="session")
def build():
    return "release"


def blend(synced, written, chance, share):
    """What is on the disk: of each sector the synced one or the written one."""
    length = chance.choice((len(synced), len(written))) if share else len(synced)
    blended = bytearray(synced[:length].ljust(length, b"\0"))
    for at in range(0, min(length, len(written)), SECTOR):
        if blended[at:at + SECTOR] != written[at:at + SECTOR] and chance.random() < share:
            blended[at:at + SECTOR] = written[at:at + SECTOR]
    return bytes(blended)


def cut_power(gateway, mirror, chance):
    """Both processes end, and the files become what the disk has of them."""
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.popen.kill()
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.wait()
    share = chance.choice((0, 0.5, 0.9))
    for suffix in ("", "-wal"):
        path = gateway.database.with_name(gateway.database.name + suffix)
        synced = mirror / path.name
        path.write_bytes(blend(synced.read_bytes() if synced.exists() else b"", path.read_bytes(),
                               chance, share))
        synced.write_bytes(path.read_bytes())  # that is on the disk now
    gateway.database.with_name(gateway.database.name + "-shm").unlink()


@pytest.mark.parametrize("per_second", [100, 1000])
def test_accepted_messages_survive_a_power_cut(make_gateway, make_phones, make_load, tmp_path,
                                                torture_report, per_second):
    print(f"TORTURE_SEED={SEED}")
    chance = random.Random(SEED)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    gateway = make_gateway()
    preload = {"LD_PRELOAD": str(ROOT / "build/tests/power_cut.so"), "POWER_CUT_MIRROR": str(mirror)}
    gateway.environment |= preload  # the tool makes the key, and its syncs count too
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.environment = process.environment | preload
    gateway.start()
    phones = make_phones(gateway, 8, *FAST, receive_rate=20)
    load = make_load(gateway, per_second)
    for _ in range(CUTS):
        checker = Checker(gateway)  # events that nobody was told of may be gone
        enough = len(load.promised) + chance.randrange(10, per_second)
        wait_for(lambda: len(load.promised) >= enough, "messages to be promised", LOAD_LIMIT_SECONDS)
        cut_power(gateway, mirror, chance)
        # Only now: what was promised between the last look and the cut counts too.
        checker.check(load.promised_now(), read_radio(phones.ledger_path), received=read_received(phones))
        checker.conclude()
        for process in (gateway.api_fcgi, gateway.ws_broker):
            process.start()
    promised = load.stop()
    phones.stop()
    phones.receive_rate = 0
    phones.start()
    database = settle_and_check(gateway, promised, [phones])
    torture_report("power cut", cuts=CUTS, seed=SEED, promised=len(promised),
                   unanswered=load.unanswered, messages=len(database.messages), inbox=len(database.inbox), violations=0)
    assert len(database.inbox) > CUTS
