"""How fast events are delivered to webhooks."""

import contextlib
import json
import subprocess
import time

from processes import PROGRAMS, Load, cpu_seconds, run_load


class BenchReceiver:
    """bench-receiver; `result` after the end has the requests, and the seconds they took."""

    def __enter__(self):
        self.popen = subprocess.Popen([PROGRAMS / "bench-receiver"], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.popen.stdout.readline().strip()}/"
        return self

    def __exit__(self, *failure):
        self.popen.terminate()
        output, _ = self.popen.communicate(timeout=60)
        self.result = json.loads(output)


def bare_posts(requests):
    """libcurl alone: requests per second."""
    with BenchReceiver() as receiver:
        output = subprocess.check_output([PROGRAMS / "bench-curl", receiver.url, str(requests)])
    assert receiver.result["requests"] == requests
    return json.loads(output)["requests_per_second"]


def wait_notes(gateway, count, limit=300):
    """Until the store has that so many events were delivered."""
    end = time.monotonic() + limit
    while gateway.query("SELECT count(*) FROM webhook_delivery WHERE state = 1")[0][0] < count:
        assert time.monotonic() < end, f"{count} events were not delivered within {limit} s"
        time.sleep(0.05)


def create(gateway, receiver, *types):
    created = gateway.api.request("POST", "/api/webhooks", json={"url": receiver.url, "types": types})
    assert created.status_code == 201, created.text


def beside_webhook(bench):
    """A queue that drains to 100 phones, without a webhook and with one that gets every event of it."""
    for _ in range(bench.rounds):
        rates = []
        for webhooks in (0, 1):
            gateway = bench.gateway(queued=bench.messages, WEBHOOK_LOOPBACK="allowed").start()
            with contextlib.ExitStack() as stack:
                if webhooks:
                    create(gateway, stack.enter_context(BenchReceiver()), "*")
                    gateway.webhook_sender.start()
                begin = time.time()
                result = Load(gateway, phones=100, connect_rate=100000, delivered=bench.messages, assured=True).result()
                rates.append(bench.messages / (gateway.wait_delivered(bench.messages) - begin))
                told = gateway.query("SELECT count(*) FROM webhook_delivery WHERE state = 1")[0][0]
                bench.discard(gateway)
            assert result["phone_errors"] == result["repeated"] == 0
        bench.figures.add("queued to delivered beside a webhook", "/s", rates[1],
                          conditions="assured, 100 phones; the receiver is on this machine too")
        bench.figures.add("… share of without one", "x", rates[1] / rates[0], target=0.8, digits=2)
        bench.figures.add("… events delivered meanwhile, for each message", "", told / bench.messages, digits=1)


def deliveries(bench):
    """Events that wait for one receiver, which keeps its connections; and a bare loop of libcurl."""
    for _ in range(bench.rounds):
        ceiling = bare_posts(4 * bench.messages)
        gateway = bench.gateway(WEBHOOK_LOOPBACK="allowed").start()
        with BenchReceiver() as receiver:
            create(gateway, receiver, "message.*")
            run_load(gateway, post="/api/send-sms", connections=32, requests=bench.messages, phones=100, connect_rate=100000,
                     until_delivered=True)
            gateway.wait_delivered(bench.messages)
            events = gateway.query("SELECT count(*) FROM message_event")[0][0]
            gateway.webhook_sender.start()
            wait_notes(gateway, events)
            cpu = cpu_seconds(gateway.webhook_sender.popen.pid)
        bench.discard(gateway)
        assert receiver.result["requests"] == events
        rate = events / receiver.result["seconds"]
        bench.figures.add("events to one webhook", "/s", rate, target=5000, conditions="16 at the same time, connections kept")
        bench.figures.add("… share of a bare libcurl", "", rate / ceiling, target=0.5, digits=2)
        bench.figures.add("… CPU of the sender for each", "us", cpu / events * 1e6, digits=1)
