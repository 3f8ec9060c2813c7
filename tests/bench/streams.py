"""How soon many followers of the event stream have each event."""

import json
import subprocess
import time

from processes import PROGRAMS, CpuMeter, Load, by_program, rss_kib

POST = {"post": "/api/send-sms"}
EVENTS_OF_ONE = 5  # dispatched, accepted, sending, sent, delivered


def bare_fanout(sockets, size, seconds):
    """Plain writes of so many bytes to as many unix sockets: writes per second, and processor seconds."""
    output = subprocess.check_output([PROGRAMS / "bench-fanout", str(sockets), str(size), str(seconds)])
    return json.loads(output)


def follow(bench, events_per_second):
    """Followers while phones send at a steady rate: what they and the broker counted."""
    gateway = bench.gateway(STREAMS_AT_ONCE=bench.followers).start()
    keys = gateway.folder / "stream-keys"
    keys.write_text("".join(gateway.make_key("read") + "\n" for _ in range(4)))  # one may have a quarter
    before = by_program(gateway, rss_kib)["ws-broker"]
    load = Load(gateway, streams=bench.followers, stream_keys=keys, phones=20, connections=4, assured=True,
                rate=events_per_second / EVENTS_OF_ONE, connect_rate=5000, warmup=1.5, seconds=4 * bench.seconds,
                say_connected=True, **POST)
    load.wait_connected()
    time.sleep(1)
    with CpuMeter(gateway) as cpu:
        begin = time.monotonic()
        time.sleep(2 * bench.seconds)
        seconds = time.monotonic() - begin
    memory = (by_program(gateway, rss_kib)["ws-broker"] - before) / bench.followers
    found = load.result() | {"memory_kib": memory, "broker_cpu": cpu.used["ws-broker"] / seconds, "cpu": cpu.total() / seconds}
    bench.discard(gateway)
    assert found["streams_lost"] == found["phone_errors"] == 0
    return found


def stream(bench):
    """Followers of the event stream, and a bare fan-out of the same bytes."""
    followers = bench.followers
    for _ in range(bench.rounds):
        half, full = follow(bench, 250), follow(bench, 505)
        size = full["stream_bytes"] // full["stream_reads"]
        bare = bare_fanout(followers, size, bench.seconds)
        rate = full["stream_events_per_second"]
        bytes_of_one = full["stream_bytes"] / full["stream_events"]
        bare_cpu = bare["cpu_seconds"] / (bare["writes_per_second"] * bench.seconds * size) * bytes_of_one
        cost = full["broker_cpu"] / rate
        conditions = f"{followers:,} followers, 500 events/s"
        bench.figures.add("events to followers of the stream", "/s", rate, target=500 * followers, conditions=conditions)
        bench.figures.add("… from commit to follower, p99", "ms", full["event_to_stream"]["p99_ms"], digits=1)
        bench.figures.add("… at half of that, p50", "ms", half["event_to_stream"]["p50_ms"], digits=1)
        bench.figures.add("… at half of that, p99", "ms", half["event_to_stream"]["p99_ms"], target=50, at_most=True, digits=1)
        bench.figures.add("… broker's memory for each follower", "KiB", full["memory_kib"], target=16, at_most=True, digits=1)
        bench.figures.add("… broker's CPU for each event and follower", "us", cost * 1e6, digits=2)
        bench.figures.add("… share of a bare fan-out", "x", bare_cpu / cost, digits=2, conditions="of the same bytes, by CPU")
        bench.figures.add("… CPU for each, including nginx", "us", full["cpu"] / rate * 1e6, digits=2)
        bench.figures.add("… the followers' share of a core", "%", full["cpu_share"] * 100)
