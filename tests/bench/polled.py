"""Phones with the SMSGate app: how soon they have a message, and what one that only waits takes."""

import hashlib
import secrets
import sqlite3
import string
import time

from processes import CpuMeter, Load, by_program, rss_kib, run_load

POST = {"post": "/api/send-sms"}
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
FETCHED = 3  # webhooks and settings
VERSION = 1075000


def _mobile_token():
    """As common/access/secret.c makes it."""
    text = "sgm_" + "".join(secrets.choice(DIGITS) for _ in range(12)) + "_" + "".join(secrets.choice(DIGITS) for _ in range(43))
    return text + "".join(DIGITS[byte % len(DIGITS)] for byte in hashlib.sha256(text.encode()).digest()[:6])


def register(gateway, count):
    """Registers polled phones in a database that no program has open: nginx lets one address register six in a minute. The file with
    their tokens."""
    tokens = [_mobile_token() for _ in range(count)]
    now_ms = round(time.time() * 1000)
    database = sqlite3.connect(gateway.database)
    with database:
        for number, token in enumerate(tokens):
            device_id, token_hash = f"polled-{number}", hashlib.sha256(token.encode()).digest()
            database.execute("INSERT INTO device (device_id, first_seen_at_ms) VALUES (?, ?)", (device_id, now_ms))
            database.execute("INSERT INTO device_token (id, hash, device_id, created_at_ms) VALUES (?, ?, ?, ?)",
                             (token[4:16], token_hash, device_id, now_ms))
            database.execute("INSERT INTO polled_device VALUES (?, ?, ?, ?, ?)",
                             (device_id, token[4:16], hashlib.sha256(token_hash).digest(), VERSION, FETCHED))
    database.close()
    path = gateway.folder / "polled-tokens"
    path.write_text("".join(f"{token}\n" for token in tokens))
    return {"polled": count, "polled_tokens": path, "connect_rate": 2000}


def _at_rest(bench, count):
    """Phones that only wait: (KiB of the broker's memory for each, share of a core that the broker needs)."""
    gateway = bench.gateway()
    phones = register(gateway, count)
    gateway.start()
    before = by_program(gateway, rss_kib)["ws-broker"]
    load = Load(gateway, say_connected=True, **phones)
    load.wait_connected()
    with CpuMeter(gateway) as cpu:
        begin = time.monotonic()
        time.sleep(bench.rest_seconds)
        seconds = time.monotonic() - begin
    memory = (by_program(gateway, rss_kib)["ws-broker"] - before) / count
    load.kill()
    bench.discard(gateway)
    return memory, cpu.used["ws-broker"] / seconds


def polled(bench):
    """A thousand messages a second over a thousand polled phones, each with a stream; and thousands that only wait."""
    for _ in range(bench.rounds):
        gateway = bench.gateway()
        phones = register(gateway, 1000)
        gateway.start()
        with CpuMeter(gateway) as cpu:
            found = run_load(gateway, connections=32, rate=1000, warmup=2, seconds=2 * bench.seconds, **phones, **POST)
        bench.discard(gateway)
        assert found["polled_lost"] == found["polled_refused"] == found["refused"] == 0
        listed = found["answer_to_phone"]
        conditions = "1,000 messages/s, 1,000 phones; from the 202"
        bench.figures.add("accepted to listed, polled, p50", "ms", listed["p50_ms"], digits=1, conditions=conditions)
        bench.figures.add("accepted to listed, polled, p99", "ms", listed["p99_ms"], target=100, at_most=True, digits=1,
                          conditions=conditions)
        bench.figures.add("… CPU of a message, polled, including nginx", "us", cpu.total() / found["received"] * 1e6,
                          conditions="one list and three reports for each")
        bench.figures.add("… lists of messages for each message", "x", found["polled_fetches"] / found["received"], digits=2)
        bench.figures.add("… the phones' share of a core, polled", "%", found["cpu_share"] * 100)
    memory, cpu = _at_rest(bench, bench.waiting)
    conditions = f"{bench.waiting:,} that only wait"
    bench.figures.add("broker's memory for each polled phone", "KiB", memory, target=8, at_most=True, digits=1, conditions=conditions)
    bench.figures.add("broker's CPU for them", "% of a core", cpu * 100, digits=1, conditions=conditions)
