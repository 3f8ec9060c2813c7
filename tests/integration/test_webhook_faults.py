"""Time passes, and names lead elsewhere: one gateway whose sender has clocks and a resolver of the test's own."""

import ssl
import time

import pytest

from harness.clock import LeapingClock
from harness.gateway import ROOT
from harness.lan_certificate import LanCertificate
from harness.phone import AssuredPhone
from harness.waiting import wait_for
from harness.webhook_receiver import OK, Receiver

ALLOWED, SECRET = "127.0.0.2", "127.0.0.1"  # of the receiver, and of what only this machine may reach
HOST = "hook.example"
STATUSES = ["dispatched", "accepted", "sending", "sent", "delivered"]
TIMEOUT_SECONDS = 30
NAME_KEPT_SECONDS = 61  # libcurl looks a name up again then
AN_HOUR = 3600


@pytest.fixture(scope="module")
def build():
    return "release"


class World:
    """A gateway, a receiver that it may reach, and one at the same port that it may not."""

    def __init__(self, make_gateway, folder):
        certificate = LanCertificate(folder, HOST)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.tls / "server.crt", certificate.tls / "server.key")
        self.receiver = Receiver((ALLOWED, 0), context)
        self.secret = Receiver((SECRET, self.receiver.port), context)
        self.gateway = make_gateway(WEBHOOK_ADDRESSES=ALLOWED, WEBHOOK_CA_FILE=certificate.ca)
        sender = self.gateway.webhook_sender
        sender.environment = sender.environment | {"LD_PRELOAD": str(ROOT / "build/tests/flip_names.so"), "FLIP_NAMES": "names"}
        self.clock = LeapingClock(folder).lead(sender)
        self.lead_to(ALLOWED)
        self.gateway.start()
        sender.start()

    def lead_to(self, *addresses):
        """Where the name leads from now on."""
        path = self.gateway.folder / "names"
        path.with_suffix(".new").write_text(" ".join(addresses))
        path.with_suffix(".new").rename(path)
        self.clock.leap(NAME_KEPT_SECONDS)

    def create(self, path, *answers, types=("webhook.disabled",)):
        """A webhook to the receiver, which gives these answers there."""
        self.receiver.answers[f"/{path}"] = list(answers)
        url = f"https://{HOST}:{self.receiver.port}/{path}"
        created = self.gateway.api.request("POST", "/api/webhooks", json={"url": url, "types": list(types)})
        assert created.status_code == 201, created.text
        return f"/api/webhooks/{created.json()['webhook_id']}"

    def test(self, webhook):
        assert self.gateway.api.request("POST", f"{webhook}/test").status_code == 202

    def delivery(self, webhook):
        """The newest."""
        return self.gateway.api.get(f"{webhook}/deliveries").json()["deliveries"][0]

    def wait_delivered(self, webhook, leap=0):
        """`leap`: seconds that pass whenever a try has failed."""
        tries = 0

        def is_delivered():
            nonlocal tries
            delivery = self.delivery(webhook)
            if delivery["state"] == "waiting" and delivery["tries"] > tries:
                tries = delivery["tries"]
                self.clock.leap(leap)
            return delivery["state"] == "delivered" and delivery

        return wait_for(is_delivered, "the delivery")

    def close(self):
        self.receiver.close()
        self.secret.close()


@pytest.fixture(scope="module")
def world(module_gateway, tmp_path_factory):
    world = World(module_gateway, tmp_path_factory.mktemp("certificate"))
    yield world
    world.close()


def after(world, seconds):
    """An answer that comes that long after the request, by the clock of the sender."""
    def answer(connection):
        began = time.monotonic()
        world.clock.leap(seconds - (time.monotonic() - began))
        connection.sendall(OK)

    return answer


def test_an_answer_after_29_seconds_counts_and_one_after_31_does_not(world):
    in_time = world.create("in-time", after(world, 29))
    world.test(in_time)
    # Where this machine was so slow that 30 seconds had passed, it comes again.
    delivered = world.wait_delivered(in_time, leap=NAME_KEPT_SECONDS)
    assert delivered["last_status"] == 200

    def too_late(_):
        world.clock.leap(TIMEOUT_SECONDS + 1)
        world.receiver.closed.wait()

    late = world.create("late", too_late, OK)
    world.test(late)
    wait_for(lambda: world.delivery(late)["tries"] == 1, "the end of a try")
    assert "timed out" in world.delivery(late)["last_error"]
    assert world.wait_delivered(late, leap=10)["tries"] >= 2
    assert len({request.id for request in world.receiver.got("late")}) == 1


def test_a_name_that_leads_elsewhere_later_is_not_followed(world):
    webhook = world.create("flips", OK)
    world.test(webhook)
    world.wait_delivered(webhook)
    for addresses, reason in (([SECRET], "127.0.0.1 is a loopback address"), (["169.254.169.254"], "a link-local address"),
                              (["10.0.0.1", "192.168.0.1"], "a private address"), ([], "resolve")):
        world.lead_to(*addresses)
        world.test(webhook)
        wait_for(lambda: world.delivery(webhook)["tries"] > 0, "a try")
        assert reason in world.delivery(webhook)["last_error"], addresses
    elsewhere = f"HTTP/1.1 307 There\r\nLocation: https://{SECRET}:{world.receiver.port}/\r\nContent-Length: 0\r\n\r\n"
    world.lead_to(SECRET, ALLOWED)  # of several, one that is allowed
    redirect = world.create("redirect", elsewhere.encode())
    world.test(redirect)
    wait_for(lambda: world.delivery(redirect)["last_status"] == 307, "the redirect")
    world.test(webhook)
    for enabled in (False, True):  # so that all are due
        assert world.gateway.api.request("PATCH", webhook, json={"enabled": enabled}).status_code == 200
    wait_for(lambda: len({request.id for request in world.receiver.got("flips")}) == 6, "those that failed before")
    assert world.secret.connection_count == 0


def test_after_an_hour_without_the_receiver_every_event_is_there(world):
    def is_away(connection):
        connection.close()

    def failures():
        return world.gateway.api.get(webhook).json()["health"]["failures"]

    webhook = world.create("hour", OK, types=["message.*"])
    phone = AssuredPhone(world.gateway, "phone")
    ids, failed = [], 0
    for _ in range(4):  # quarters of it
        world.receiver.answers["/hour"] = [is_away]
        world.gateway.api.send()
        message_id, attempt = phone.take()
        for status in STATUSES[2:]:
            phone.report(message_id, attempt, status)
        world.gateway.api.wait_status(message_id, "delivered")
        ids.append(message_id)
        failed = wait_for(lambda: failures() > failed and failures(), "a try")
        world.clock.leap(AN_HOUR / 4)
    before = len(world.receiver.got("hour"))
    world.receiver.answers["/hour"] = [OK]
    world.clock.leap(AN_HOUR)  # or less, where its circuit is open
    wait_for(lambda: {request.event["id"] for request in world.receiver.got("hour")[before:]} >=
             {row[0] for row in world.gateway.query("SELECT id FROM message_event")}, "every event")
    # By their ids: the last try that found it away may have come after `before`.
    events = {request.event["id"]: request.event["data"] for request in world.receiver.got("hour")[before:]}
    for message_id in ids:
        assert [event["status"] for event in events.values() if event["message_id"] == message_id] == STATUSES
    phone.close()
