"""Memory, restarts with a long queue, and many messages without a pause."""

import subprocess
import time
from statistics import median

from harness.gateway import programs_folder
from harness.waiting import wait_for

from processes import CpuMeter, Load, by_program, rss_kib, run_load

POST = {"post": "/api/send-sms"}


def _own_rss_mib(gateway):
    rss = by_program(gateway, rss_kib)
    return (rss["api-fcgi"] + rss["ws-broker"]) / 1024


def memory(bench):
    """At rest, and with a long queue that both processes have looked at."""
    long = max(bench.rows) // 10
    rss = {}
    for queued in (0, long):
        gateway = bench.gateway(queued=queued).start()
        gateway.api.get("/api/sms?limit=10")
        run_load(gateway, connections=1, requests=1, seconds=1, **POST)
        rss[queued] = _own_rss_mib(gateway)
        bench.discard(gateway)
    bench.figures.add("memory of api-fcgi and ws-broker at rest", "MiB", rss[0], target=30,
                      at_most=True, digits=1)
    bench.figures.add(f"… with {long:,} queued, relative to that", "x", rss[long] / rss[0], target=1.1,
                      at_most=True, digits=2)


def _restart(gateway, queued):
    """Kills and starts both processes; the seconds until they serve, and until the first of the queued messages is dispatched."""
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.kill()
    (gateway.folder / "run/broker.sock").unlink()  # that of the killed broker, which a phone would try once
    begin = time.monotonic()
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.start(ready=False)
    wait_for(lambda: gateway.api.get("/api/sms?limit=1").status_code == 200, "the API to answer")
    serving = time.monotonic() - begin
    wait_for((gateway.folder / "run/broker.sock").exists, "the broker to listen")
    load = Load(gateway, phones=1)
    wait_for(lambda: gateway.query("SELECT count FROM message_count WHERE status = 0")[0][0]
             < queued, "the first dispatch")
    dispatching = time.monotonic() - begin
    load.kill()
    return serving, dispatching


def restart(bench):
    """Both processes killed and started over a long queue."""
    queued = max(bench.rows) // 10
    gateway = bench.gateway(queued=queued).start()
    serving, dispatching = _restart(gateway, queued)
    bench.discard(gateway)
    bench.figures.add(f"killed and started with {queued:,} queued: serving after", "s", serving,
                      target=1, at_most=True, digits=2)
    bench.figures.add("… first dispatch after", "s", dispatching, target=2, at_most=True, digits=2)


def _deliver(bench, scheduled):
    """The CPU of each of the queued messages until it is delivered, in microseconds; and the seconds of a restart."""
    gateway = bench.gateway(queued=bench.messages, scheduled=scheduled).start()
    with CpuMeter(gateway) as cpu:
        result = run_load(gateway, phones=100, connect_rate=100000, assured=True, delivered=bench.messages)
        gateway.wait_delivered(bench.messages)
    assert result["phone_errors"] == result["repeated"] == 0
    run_load(gateway, connections=1, requests=100, seconds=1, **POST)
    _, dispatching = _restart(gateway, 100 + scheduled)
    bench.discard(gateway)
    return cpu.total() / bench.messages * 1e6, dispatching


def scheduled(bench):
    """What messages cost that are to be sent weeks later: for those that are due now, and at a restart."""
    count = max(bench.rows) // 10
    rounds = [(_deliver(bench, 0), _deliver(bench, count)) for _ in range(bench.rounds)]
    for name, place, conditions in (("CPU from queued to delivered", 0, "assured, 100 phones"),
                                    ("killed and started: first dispatch after", 1, "100 due")):
        without, beside = (median(values[side][place] for values in rounds) for side in (0, 1))
        bench.figures.add(f"{count:,} scheduled ahead: {name}, relative to none", "x", beside / without, target=1.05, at_most=True,
                          digits=2, conditions=conditions)


def purge(bench):
    """Old messages are removed while clients post, faster than the gateway does it by itself."""
    count = max(bench.rows) // 10
    gateway = bench.gateway(delivered=count, days=3).start()
    options = {"connections": 32, "rate": 1000, "seconds": 2 * bench.seconds, **POST}
    before = gateway.database.stat().st_size
    alone = run_load(gateway, **options)["answer"]["p99_ms"]
    begin = time.monotonic()
    with subprocess.Popen([programs_folder("release") / "sms-gateway", "messages", "purge",
                           "--text-days", "1", "--message-days", "2"], cwd=gateway.folder,
                          env=gateway.environment, stdout=subprocess.DEVNULL) as tool:
        meanwhile = run_load(gateway, **options)["answer"]["p99_ms"]
        assert tool.wait() == 0
    seconds = time.monotonic() - begin
    gateway.stop()
    after = gateway.database.stat().st_size
    bench.discard(gateway)
    conditions = f"{count:,} messages, and 1,000 more/s from 32 clients"
    bench.figures.add("old messages purged", "/s", count / seconds, conditions=conditions)
    bench.figures.add("… p99 of POST before the purge", "ms", alone, digits=1)
    bench.figures.add("… p99 of POST during the purge", "ms", meanwhile, digits=1)
    bench.figures.add("… size of the database, relative to before", "x", after / before, digits=2)


def soak(bench):
    """A day of messages at 17 a second, as fast as they go: what grows, and what slows down."""
    seconds = bench.soak_seconds
    gateway = bench.gateway().start()
    load = Load(gateway, phones=100, connections=32, rate=bench.soak_rate, seconds=seconds,
                assured=True, connect_rate=1000, **POST)
    wal = gateway.database.with_name(gateway.database.name + "-wal")
    samples, begin, delivered = [], time.monotonic(), 0
    while load.popen.poll() is None and time.monotonic() - begin < seconds + 5:
        time.sleep(max(seconds / 60, 1))  # between two samples
        count = gateway.query("SELECT count FROM message_count WHERE status = 5")[0][0]
        rss = by_program(gateway, rss_kib)
        samples.append({"at": time.monotonic() - begin, "delivered": count,
                        "wal_mib": wal.stat().st_size / 2 ** 20, "api_mib": rss["api-fcgi"] / 1024,
                        "broker_mib": rss["ws-broker"] / 1024})
    result = load.result()
    bench.discard(gateway)
    bench.growth["soak"] = samples
    third = len(samples) // 3
    early, late = samples[third], samples[-1]
    messages = result["answered"]
    conditions = f"{messages:,} messages in {seconds:.0f} s, assured, 100 phones"
    bench.figures.add("soak: largest write-ahead log", "MiB",
                      max(sample["wal_mib"] for sample in samples), target=64, at_most=True,
                      digits=1, conditions=conditions)
    bench.figures.add("soak: memory at the end, relative to the first third", "x",
                      (late["api_mib"] + late["broker_mib"]) /
                      (early["api_mib"] + early["broker_mib"]),
                      target=1.1, at_most=True, digits=2)
    bench.figures.add("soak: p99 of POST", "ms", result["answer"]["p99_ms"], digits=1)
