"""What the dashboard asks for."""

import pytest

from harness.api import Api
from harness.phone import Phone
from harness.waiting import wait_for

ALL = ("send", "read", "text", "devices", "metrics", "pair", "resend", "inbox", "webhooks", "opt_outs")


@pytest.fixture(scope="session")
def build():
    """The pure parts run under sanitizers in the tests of the store."""
    return "release"


@pytest.fixture(scope="module")
def gateway(module_gateway):
    gateway = module_gateway().make_database()
    return gateway.start()


@pytest.fixture(scope="module")
def api(gateway):
    api = Api(gateway.url, gateway.make_key(*ALL))
    yield api
    api.close()


def codes(overview):
    return [alert["code"] for alert in overview["alerts"]]


def test_the_overview_says_what_to_do_first_and_what_waits(module_gateway):
    gateway = module_gateway(DAILY_MESSAGES=20).make_database().start()
    api = Api(gateway.url, gateway.make_key(*ALL))
    overview = api.request("GET", "/api/overview").json()
    assert codes(overview) == ["no_device"] and overview["devices"]["any"] is False
    assert overview["today"]["accepted"] == 0 and overview["today"]["limit"] == 20
    for _ in range(16):
        api.send()
    overview = api.request("GET", "/api/overview").json()
    assert codes(overview) == ["messages_waiting", "daily_limit_near", "no_device"]
    assert overview["waiting"] == [{"reason": "no_device", "count": 16, "detail": overview["waiting"][0]["detail"]}]
    assert overview["messages"]["queued"] == 16 and overview["today"]["accepted"] == 16
    reader = Api(gateway.url, gateway.make_key("read"))
    overview = reader.request("GET", "/api/overview").json()
    assert overview["devices"] is None and codes(overview) == ["messages_waiting", "daily_limit_near"]
    reader.close()
    api.close()


def test_the_statistics_count_the_minutes(gateway, api):
    def accepted():
        return sum(minute["accepted"] for minute in api.request("GET", "/api/statistics").json()["minutes"])

    before = accepted()
    api.send()
    assert accepted() == before + 1
    phone = Phone(gateway, "phone-of-the-dashboard")
    message = phone.receive_sms()["message_id"]
    phone.report(message, "sent")
    phone.report(message, "delivered")
    wait_for(lambda: api.request("GET", "/api/statistics?minutes=2").json()["sent_to_delivered_seconds"]["count"] == 1,
             "the delivery is counted")
    statistics = api.request("GET", "/api/statistics?minutes=360").json()
    assert statistics["queued_to_sent_seconds"]["count"] >= 1 and len(statistics["minutes"]) == 360
    assert not any(minute["estimated"] for minute in statistics["minutes"])
    phone.close()
    for wrong in (0, 361, "x"):
        assert api.request("GET", f"/api/statistics?minutes={wrong}").status_code == 422
