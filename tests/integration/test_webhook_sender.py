"""Events are delivered to webhooks, whatever their receivers answer. tests/unit/test_webhook_core.c has the days of it."""

import json
import subprocess

import pytest

from harness.gateway import ROOT
from harness.metrics import scrape
from harness.phone import AssuredPhone
from harness.waiting import LIMIT_SECONDS, wait_for
from harness.webhook_receiver import OK, Receiver, signature_of

STATUSES = ["dispatched", "accepted", "sending", "sent", "delivered"]


def answer(status, *headers):
    return "\r\n".join((f"HTTP/1.1 {status} X", *headers, "Content-Length: 0", "Connection: close", "", "")).encode()


def endless(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


@pytest.fixture
def build():
    return "release"


@pytest.fixture
def gateway(make_gateway):
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed").start()
    gateway.webhook_sender.start()
    return gateway


@pytest.fixture
def make_receiver():
    receivers = []

    def make(**answers):
        receivers.append(Receiver(**answers))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.close()


def create(gateway, url, types=("message.*",), **members):
    created = gateway.api.request("POST", "/api/webhooks", json={"url": url, "types": list(types)} | members)
    assert created.status_code == 201, created.text
    return created.json()


def show(gateway, webhook):
    return gateway.api.get(f"/api/webhooks/{webhook['webhook_id']}").json()


def send_through(gateway, phone, count=1):
    """Messages that are delivered, and their ids."""
    ids = []
    for _ in range(count):
        gateway.api.send()
        message_id, attempt = phone.take()
        for status in STATUSES[2:]:
            phone.report(message_id, attempt, status)
        gateway.api.wait_status(message_id, "delivered")
        ids.append(message_id)
    return ids


def statuses(requests, message_id):
    """Of a message, in their order, each once."""
    return list(dict.fromkeys(request.event["data"]["status"] for request in requests
                              if request.event["data"].get("message_id") == message_id))


def test_what_receivers_answer_decides_what_they_get(gateway, make_receiver):
    receiver = make_receiver(ok=[OK], text=[OK], fails=[answer(500), OK], half=[b"HTTP/1.1 200 OK\r\nConte", OK], closes=[b"", OK],
                             endless=[endless], silent=[None], later=[answer(429, "Retry-After: 1"), OK],
                             elsewhere=[answer(302, "Location: /secret")], secret=[OK], gone=[answer(410)])
    paths = ("ok", "fails", "half", "closes", "endless", "silent", "later", "elsewhere", "gone")
    webhooks = {path: create(gateway, receiver.url(path)) for path in paths}
    webhooks["text"] = create(gateway, receiver.url("text"), with_text=True)
    webhooks["ended"] = create(gateway, receiver.url("ok"), types=["webhook.disabled"])
    tls = create(gateway, receiver.url("ok", scheme="https"))
    phone = AssuredPhone(gateway, "phone")
    message_id, = send_through(gateway, phone)

    # Every one gets every event in order, but for those that never say that they have one. The slow one delays no other.
    for path in ("ok", "text", "fails", "half", "closes", "endless", "later"):
        wait_for(lambda: statuses(receiver.got(path), message_id) == STATUSES, f"the events at {path}")
    assert len(receiver.got("ok")) == len(STATUSES) + len(
        [request for request in receiver.got("ok") if request.event["type"] == "webhook.disabled"])
    for path in ("fails", "half", "closes", "later"):  # the first try failed: the same event again, with the same id
        ids = [request.id for request in receiver.got(path)]
        assert ids[0] == ids[1] and len(set(ids)) == len(STATUSES), path
    silent = receiver.got("silent")
    assert len(silent) == 1  # the next event of its message waits for it

    # What is in a delivery, and who can verify it.
    request = receiver.got("text")[0]
    assert request.event["data"]["message"]
    assert "message" not in receiver.got("ok")[0].event["data"]
    assert request.headers["content-type"] == "application/json"
    for path in ("ok", "text", "silent"):
        for request in receiver.got(path):
            secrets = [webhooks[path]["secret"]] + [webhooks["ended"]["secret"]]
            assert request.headers["webhook-signature"] in [signature_of(secret, request) for secret in secrets]

    # Redirects lead nowhere; 410 ends it, which is an event itself.
    assert receiver.got("secret") == []
    wait_for(lambda: not show(gateway, webhooks["gone"])["enabled"], "the webhook to be disabled")
    wait_for(lambda: any(request.event["type"] == "webhook.disabled" and
                         request.event["data"]["webhook_id"] == webhooks["gone"]["webhook_id"]
                         for request in receiver.got("ok")), "the event of it")
    assert len(receiver.got("gone")) == 1

    def tries_of(webhook):
        found = gateway.api.get(f"/api/webhooks/{webhook['webhook_id']}/deliveries").json()["deliveries"]
        return [delivery for delivery in found if delivery["tries"] > 0]

    wait_for(lambda: tries_of(webhooks["elsewhere"]) and tries_of(tls), "the failures to be noted")
    assert tries_of(webhooks["elsewhere"])[0]["last_status"] == 302
    assert "SSL" in tries_of(tls)[0]["last_error"] or "TLS" in tries_of(tls)[0]["last_error"]
    found = scrape(gateway)
    assert found.value("webhook_deliveries_total") >= 6 * len(STATUSES)
    wait_for(lambda: scrape(gateway).value("webhooks_disabled") == 1, "the metric")
    phone.close()


def test_libraries_of_others_verify_what_is_sent(gateway, make_receiver):
    receiver = make_receiver(ok=[OK])
    webhook = create(gateway, receiver.url("ok"), types=["webhook.disabled"])
    old = webhook["secret"]
    new = gateway.api.request("POST", f"/api/webhooks/{webhook['webhook_id']}/secret").json()["secret"]
    assert old != new
    assert gateway.api.request("POST", f"/api/webhooks/{webhook['webhook_id']}/test").status_code == 202
    request, = receiver.wait_got("ok", 1)
    script = ("const [library, secret, body, headers] = process.argv.slice(1);"
              "const {Webhook} = require(library);"
              "new Webhook(secret).verify(body, JSON.parse(headers));")
    packages = ROOT / "build/lint-npm/node_modules"
    other = "whsec_" + "A" * 32
    for library in ("standardwebhooks", "svix"):
        for secret, fits in ((new, True), (old, True), (other, False)):
            result = subprocess.run(["node", "-e", script, str(packages / library), secret, request.body.decode(),
                                     json.dumps(request.headers)], capture_output=True, text=True, check=False,
                                    timeout=LIMIT_SECONDS)
            assert (result.returncode == 0) == fits, (library, fits, result.stderr)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_what_was_under_way_comes_again_with_the_same_id(make_gateway, make_receiver, end):
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed", DRAIN_TIMEOUT_SECONDS=1).start()
    gateway.webhook_sender.start()
    receiver = make_receiver(hook=[OK, None, OK])
    webhook = create(gateway, receiver.url("hook"))
    phone = AssuredPhone(gateway, "phone")
    message_id, = send_through(gateway, phone)
    receiver.wait_got("hook", 2)
    getattr(gateway.webhook_sender, end)()
    assert gateway.webhook_sender.popen.poll() is not None
    gateway.webhook_sender.start()
    wait_for(lambda: statuses(receiver.got("hook"), message_id) == STATUSES, "every event")
    ids = [request.id for request in receiver.got("hook")]
    assert ids[1] in ids[2:]
    assert len(set(ids)) == len(STATUSES)
    wait_for(lambda: gateway.query("SELECT count(*) FROM webhook_delivery WHERE state = 1") == [(len(STATUSES),)], "the notes")
    assert show(gateway, webhook)["enabled"]
    phone.close()


def test_a_receiver_that_comes_back_gets_what_it_missed(gateway, make_receiver):
    away, receiver = make_receiver(hook=[None]), make_receiver(hook=[OK])
    away.close()  # nothing listens there
    webhook = create(gateway, away.url("hook"))
    phone = AssuredPhone(gateway, "phone")
    ids = send_through(gateway, phone, 3)
    path = f"/api/webhooks/{webhook['webhook_id']}"
    wait_for(lambda: scrape(gateway).value("webhook_failed_tries_total") >= 3, "tries")
    assert gateway.api.request("PATCH", path, json={"url": receiver.url("hook")}).status_code == 200
    for message_id in ids:
        wait_for(lambda: statuses(receiver.got("hook"), message_id) == STATUSES, "every event")
    wait_for(lambda: gateway.query("SELECT count(*) FROM webhook_delivery WHERE state = 1") == [(3 * len(STATUSES),)], "the notes")
    newest = receiver.got("hook")[-1].event["id"]
    count = len(receiver.got("hook"))
    assert gateway.api.request("POST", f"{path}/redeliver", json={"event_id": newest}).status_code == 202
    wait_for(lambda: len(receiver.got("hook")) > count, "the event once more")
    assert receiver.got("hook")[-1].event["id"] == newest

    assert gateway.api.request("DELETE", path).status_code == 200
    send_through(gateway, phone)
    wait_for(lambda: scrape(gateway).value("webhook_deliveries_waiting") == 0, "the end")
    assert len(receiver.got("hook")) == count + 1
    phone.close()
