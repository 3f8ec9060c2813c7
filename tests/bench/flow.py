"""From the queue to the recipient: phones in hundreds and thousands."""

import signal
import time

from processes import CpuMeter, Load, by_program, rss_kib, run_load

POST = {"post": "/api/send-sms"}
LEVELS = {"assured": {"assured": True}, "basic": {}}
TARGETS = {"assured": 5000, "basic": 7000}


def backlog(bench):
    """A queue that stands, and 100 phones that come: until the last is delivered, every state of
    every message on the disk."""
    for _ in range(bench.rounds):
        with bench.ceilings() as ceilings:
            echo = ceilings.echo(100, connect_rate=100000, seconds=bench.seconds, warmup=0.5)
        echo_rate = echo["echoes_per_second"]
        bench.figures.add("nginx + libwebsockets, an echo", "/s", echo_rate, conditions="100 phones")
        for level, options in LEVELS.items():
            gateway = bench.gateway(queued=bench.messages).start()
            begin = time.time()
            with CpuMeter(gateway) as cpu:
                load = Load(gateway, phones=100, connect_rate=100000,
                            delivered=bench.messages, **options)
                result = load.result()
                end = gateway.wait_delivered(bench.messages)
            bench.discard(gateway)
            assert result["phone_errors"] == result["repeated"] == 0
            rate = bench.messages / (end - begin)
            name = f"queued to delivered, {level}, 100 phones"
            bench.figures.add(name, "/s", rate, target=TARGETS[level],
                              conditions=f"{bench.messages:,} queued; sent and delivered reported")
            bench.figures.add(f"… {level}: share of the echo", "x", rate / echo_rate, digits=2,
                              conditions=f"one frame each way; a message here is"
                                         f" {result['frames_in'] / bench.messages:.0f} to the phone"
                                         f" and {result['frames_out'] / bench.messages:.0f} back")
            bench.figures.add(f"… {level}: CPU for each, including nginx", "us",
                              cpu.total() / bench.messages * 1e6, digits=1,
                              target=250, at_most=True)
            bench.figures.add(f"… {level}: the phones' share of a core", "%",
                              result["cpu_share"] * 100)


def live(bench):
    """Clients that post and 100 phones that send, all at once."""
    for level, options in LEVELS.items():
        gateway = bench.gateway().start()
        with CpuMeter(gateway) as cpu:
            begin = time.time()
            result = run_load(gateway, phones=100, connections=16, requests=bench.messages,
                              connect_rate=100000, until_delivered=True, **options, **POST)
            end = gateway.wait_delivered(bench.messages)
        bench.discard(gateway)
        bench.figures.add(f"accepted and delivered at the same time, {level}, 100 phones", "/s",
                          bench.messages / (end - begin), conditions="while 16 clients post")
        bench.figures.add(f"… {level}: CPU for each, from POST to delivered", "us",
                          cpu.total() / bench.messages * 1e6, digits=1)
        assert result["phone_errors"] == 0


def incoming(bench):
    """100 phones that receive SMS and pass them on."""
    for level, options in LEVELS.items():
        for _ in range(bench.rounds):
            gateway = bench.gateway().start()
            with CpuMeter(gateway) as cpu:
                result = run_load(gateway, phones=100, receive=8, connect_rate=100000, warmup=0.5, seconds=bench.seconds, **options)
            stored = gateway.query("SELECT count(*) FROM incoming")[0][0]
            bench.discard(gateway)
            assert result["phone_errors"] == result["phones_lost"] == 0 and stored >= result["incoming"]
            bench.figures.add(f"incoming SMS, stored and acknowledged, {level}", "/s", result["incoming_per_second"],
                              target=10000, conditions="100 phones, 8 each on their way")
            bench.figures.add(f"… {level}: CPU for each SMS, including nginx", "us", cpu.total() / stored * 1e6, digits=1)


def _delivered(gateway):
    return gateway.query("SELECT count FROM message_count WHERE status = 5")[0][0]


def beside(bench):
    """Clients that post alone, and while a backlog drains at full speed to 100 phones."""
    for _ in range(bench.rounds):
        gateway = bench.gateway(queued=max(bench.rows) // 10).start()
        options = {"connections": 32, "seconds": bench.seconds, "warmup": 0.5, **POST}
        alone = run_load(gateway, **options)["answers_per_second"]
        load = Load(gateway, phones=100, connect_rate=100000, assured=True, say_connected=True)
        load.wait_connected()
        before, begin = _delivered(gateway), time.monotonic()
        posted = run_load(gateway, **options)
        drained = (_delivered(gateway) - before) / (time.monotonic() - begin)
        load.kill()
        bench.discard(gateway)
        assert posted["refused"] == posted["broken"] == 0
        conditions = "32 clients, 100 phones, assured"
        bench.figures.add("POST while a backlog drains", "/s", posted["answers_per_second"],
                          conditions=conditions)
        bench.figures.add("… share of POST alone", "x", posted["answers_per_second"] / alone,
                          digits=2, target=0.4)
        bench.figures.add("… p99", "ms", posted["answer"]["p99_ms"], digits=1)
        bench.figures.add("… delivered of the backlog", "/s", drained)


def latency(bench):
    """A thousand messages a second over a thousand phones."""
    for level, options in LEVELS.items():
        for _ in range(bench.rounds):
            gateway = bench.gateway().start()
            result = run_load(gateway, phones=1000, connect_rate=2000, connections=32,
                              rate=1000, warmup=2, seconds=2 * bench.seconds, **options, **POST)
            bench.discard(gateway)
            received = result["answer_to_phone"]
            conditions = "1,000 messages/s, 1,000 phones; from the 202"
            bench.figures.add(f"accepted to received, {level}, p50", "ms", received["p50_ms"],
                              target=3, at_most=True, digits=2, conditions=conditions)
            bench.figures.add(f"accepted to received, {level}, p99", "ms", received["p99_ms"],
                              target=15, at_most=True, digits=2, conditions=conditions)
            if level == "assured":
                released = result["answer_to_release"]
                bench.figures.add("accepted to released (may be sent), p50", "ms",
                                  released["p50_ms"], digits=2, conditions=conditions)
                bench.figures.add("accepted to released (may be sent), p99", "ms",
                                  released["p99_ms"], digits=2, conditions=conditions)


def crowd(bench):
    """As many phones as there are files for: memory, rest, and what a message costs among them."""
    costs = {}
    for count in bench.phones:
        gateway = bench.gateway().start()
        before = by_program(gateway, rss_kib)["ws-broker"]
        load = Load(gateway, phones=count, connect_rate=2000, assured=True,
                    say_connected=True)
        begin = time.monotonic()
        load.wait_connected()
        connected_seconds = time.monotonic() - begin
        memory = (by_program(gateway, rss_kib)["ws-broker"] - before) / count
        with CpuMeter(gateway) as rest:
            begin = time.monotonic()
            time.sleep(bench.rest_seconds)
            rest_seconds = time.monotonic() - begin
        with CpuMeter(gateway) as cpu:
            posted = run_load(gateway, connections=16, rate=1000, seconds=2 * bench.seconds,
                              **POST)
            gateway.wait_delivered(posted["answered"])
        load.kill()
        bench.discard(gateway)
        idle = rest.used["ws-broker"] / rest_seconds * 100
        # What it would have cost to rest for that time is no cost of the messages.
        costs[count] = (cpu.total() - rest.total() / rest_seconds * 2 * bench.seconds) \
            / posted["answered"] * 1e6
        bench.point("phones", phones=count, cost_us=costs[count], idle_percent=idle,
                    nginx_idle_percent=rest.used["nginx"] / rest_seconds * 100,
                    memory_kib=memory, connect_seconds=connected_seconds)
        if count == max(bench.phones):
            bench.figures.add(f"{count:,} phones: time to connect all", "s", connected_seconds,
                              target=20, at_most=True, digits=1, conditions="2,000 a second requested")
            bench.figures.add(f"{count:,} phones: broker's memory for each", "KiB", memory,
                              target=5, at_most=True, digits=1)
            bench.figures.add(f"{count:,} phones: broker's CPU at rest", "% of a core", idle,
                              target=2, at_most=True, digits=1, conditions="pings included")
    few, many = min(bench.phones), max(bench.phones)
    bench.figures.add("CPU of a message at 1,000/s, including nginx", "us", costs[few], target=400,
                      at_most=True, conditions=f"assured, {few} phones")
    bench.figures.add(f"cost of a message at {many:,} phones, relative to {few}", "x",
                      costs[many] / costs[few], target=1.3, at_most=True, digits=2,
                      conditions="1,000 messages/s")


def frozen(bench):
    """One phone of ten stands still: what the others notice."""
    p99 = {}
    for stands_still in (False, True):
        gateway = bench.gateway().start()
        one = Load(gateway, phones=1, first=100, assured=True, say_connected=True)
        one.wait_connected()
        nine = Load(gateway, phones=9, connections=4, rate=100, warmup=1, assured=True,
                    seconds=4 * bench.seconds, **POST)
        if stands_still:
            one.popen.send_signal(signal.SIGSTOP)
        result = nine.result()
        if stands_still:
            one.popen.send_signal(signal.SIGCONT)
        one.kill()
        bench.discard(gateway)
        p99[stands_still] = result["answer_to_phone"]["p99_ms"]
    bench.figures.add("one phone of ten frozen: p99 of the others, relative to none frozen", "x",
                      p99[True] / p99[False], target=1.5, at_most=True, digits=2,
                      conditions=f"100 messages/s, assured; {p99[False]:.2f} ms with none frozen")
