"""What an operator decides about devices, by API and by the operator's tool, and what it does to them."""

import json

import pytest

from harness.phone import Phone
from harness.waiting import wait_for

SIMS = [{"slot": 1, "carrier": "Example Mobile", "number": "+4915112345678"}, {"slot": 3}]


def patch(gateway, device_id, **changes):
    return gateway.api.request("PATCH", f"/api/devices/{device_id}", json=changes)


def device(gateway, device_id="phone"):
    return but_for_the_time(gateway.api.get(f"/api/devices/{device_id}").json())


def but_for_the_time(shown):
    """It speaks again whenever its connection is looked after."""
    return {name: value for name, value in shown.items() if name != "last_seen_at"}


def ids(gateway, query=""):
    """But for the devices of other tests."""
    listed = [entry["device_id"] for entry in gateway.api.get(f"/api/devices{query}").json()["devices"]]
    return [device_id for device_id in listed if device_id in ("away", "phone")]


@pytest.fixture(scope="module")
def configured(module_gateway):
    """A gateway with a device that is connected, and one that is not."""
    gateway = module_gateway().start()
    phone = Phone(gateway, "phone", {"device_name": "Pixel", "battery_level": 0, "app_version": "1.4.2",
                                     "sims": SIMS})
    Phone(gateway, "away").close()
    wait_for(lambda: ids(gateway, "?connected=false") == ["away"], "the other to be away")
    yield gateway
    phone.close()


def test_every_device_is_there_with_what_is_known_of_it(configured):
    assert ids(configured) == ["away", "phone"]
    assert ids(configured, "?connected=true") == ["phone"]
    away, phone = device(configured, "away"), device(configured)
    assert (phone["connected"], phone["disconnected_at"]) == (True, None)
    assert away["connected"] is False and away["disconnected_at"] >= away["connected_at"]
    assert (phone["sims"], phone["app_version"], away["sims"]) == (SIMS, "1.4.2", None)
    assert phone["enabled"] is True and phone["last_error"] is None
    listed = configured.api.get("/api/devices?connected=true").json()["devices"]
    assert phone in [but_for_the_time(entry) for entry in listed]


def test_an_unknown_device_is_not_found(configured):
    for device_id in ("nobody", "not%20an%20id", "a" * 65):
        for answer in (configured.api.get(f"/api/devices/{device_id}"), patch(configured, device_id, enabled=True)):
            assert (answer.status_code, answer.json()["code"]) == (404, "device_not_paired")


@pytest.mark.parametrize("body, pointer, code", (
    ({"groups": [f"g{number}" for number in range(17)]}, "/groups", "out_of_range"),
    ({"groups": ["a b"]}, "/groups", "invalid_value"),
    ({"groups": [""]}, "/groups", "invalid_value"),
    ({"groups": ["a" * 33]}, "/groups", "invalid_value"),
    ({"groups": [1]}, "/groups", "invalid_value"),
    ({"groups": "berlin"}, "/groups", "wrong_type"),
    ({"groups": None}, "/groups", "wrong_type"),
    ({"enabled": "yes"}, "/enabled", "wrong_type"),
    ({"enabled": None}, "/enabled", "wrong_type"),
    ({"name": 7}, "/name", "wrong_type"),
    ({"name": "a" * 101}, "/name", "out_of_range"),
    ({"daily_segments": -1}, "/daily_segments", "out_of_range"),
    ({"daily_segments": "many"}, "/daily_segments", "wrong_type"),
    ({"segments_per_window": -1}, "/segments_per_window", "out_of_range"),
    ({"segments_per_window": 1.5}, "/segments_per_window", "wrong_type"),
    ({"device_name": "x"}, "/device_name", "unknown_field"),
    ({"sims": []}, "/sims", "unknown_field"),
), ids=lambda part: str(part)[:30])
def test_a_bad_change_says_what_is_wrong_and_changes_nothing(configured, body, pointer, code):
    before = device(configured)
    answer = patch(configured, "phone", **{"enabled": False} | body)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert device(configured) == before


@pytest.mark.parametrize("query, parameter", (
    ("connected=yes", "connected"), ("connected=", "connected"), ("group=", "group"), ("group=a%20b", "group"),
    ("group=" + "a" * 33, "group"), ("battery=1", "battery")))
def test_a_bad_filter_says_what_is_wrong(configured, query, parameter):
    answer = configured.api.get(f"/api/devices?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, parameter)


def test_a_change_is_answered_with_the_device(configured):
    before = device(configured)
    expected = {"name": "Reception", "device_name": "Reception", "groups": ["berlin", "sales"], "daily_segments": 7,
                "segments_per_window": 0, "today": {"segments": 0, "limit": 7}}
    answer = patch(configured, "phone", name="Reception", groups=["sales", "berlin", "sales"], daily_segments=7,
                   segments_per_window=0)
    assert answer.status_code == 200 and but_for_the_time(answer.json()) == before | expected == device(configured)
    assert ids(configured, "?group=sales") == ["phone"] and ids(configured, "?group=nobody") == []
    assert ids(configured, "?group=sales&connected=false") == []
    assert but_for_the_time(patch(configured, "phone").json()) == before | expected  # nothing was named
    answer = patch(configured, "phone", name=None, groups=[], daily_segments=None, segments_per_window=None)
    assert but_for_the_time(answer.json()) == before == device(configured)


def test_the_tool_does_the_same(configured):
    def tool(*arguments, status=0):
        code, output, errors = configured.command("devices", *arguments)
        assert code == status, errors
        return output if status == 0 else errors

    before = device(configured)
    shown = but_for_the_time(json.loads(tool(
        "update", "phone", "--name", "Reception", "--group", "berlin", "--group", "sales", "--disable",
        "--daily-segments", "7", "--segments-per-window", "0", "--json")))
    assert shown == device(configured) == before | {
        "name": "Reception", "device_name": "Reception", "groups": ["berlin", "sales"], "enabled": False,
        "daily_segments": 7, "segments_per_window": 0, "today": {"segments": 0, "limit": 7}}
    assert but_for_the_time(json.loads(tool("show", "phone", "--json"))) == shown
    listed = json.loads(tool("list", "--json"))
    without_times = [but_for_the_time(entry) for entry in listed["devices"]]
    assert shown in without_times and device(configured, "away") in without_times
    assert listed["count"] == len(listed["devices"])
    assert json.loads(tool("list", "--group", "sales", "--connected", "true", "--json"))["count"] == 1
    assert "disabled" in tool("list") and "berlin sales" in tool("show", "phone")
    tool("update", "phone", "--name", "", "--group", "", "--enable", "--daily-segments", "default",
         "--segments-per-window", "default")
    assert device(configured) == before
    for arguments in (["--group", "a b"], sum((["--group", f"g{number}"] for number in range(17)), []),
                      ["--daily-segments", "-1"], ["--daily-segments", "x"], ["--segments-per-window", "1.5"],
                      ["--name", "a" * 101], ["--enable", "--disable"], []):
        assert tool("update", "phone", *arguments, status=2)
    assert "no device has the id nobody" in tool("update", "nobody", "--enable", status=1)
    assert "no device has the id nobody" in tool("show", "nobody", status=1)
    assert tool("list", "--connected", "maybe", status=2)
    assert device(configured) == before


def test_a_disabled_phone_keeps_what_it_has_and_gets_nothing_new(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    first = gateway.api.send()["message_id"]
    assert phone.receive_sms()["message_id"] == first
    assert patch(gateway, "phone", enabled=False).json()["queue"] == 1
    second = gateway.api.send()["message_id"]
    phone.report(first, "sent")
    gateway.api.wait_status(first, "sent")
    assert phone.is_silent()
    phone.drop()
    phone = Phone(gateway, "phone")  # a new connection does not enable it
    assert phone.is_silent() and gateway.api.get(f"/api/sms/{second}").json()["status"] == "queued"
    patch(gateway, "phone", enabled=True)
    assert phone.receive_sms()["message_id"] == second
    phone.report(second, "failed", error_code="no_service")
    gateway.api.wait_status(second, "failed")
    assert device(gateway)["last_error"].items() >= {"code": "no_service", "message_id": second}.items()


def test_a_phone_may_have_a_limit_of_its_own(make_gateway):
    gateway = make_gateway(DEVICE_SEGMENTS_PER_MINUTE=0, DEVICE_DAILY_SEGMENTS=0, DEVICE_WINDOW=100).start()
    phone = Phone(gateway, "phone")
    assert device(gateway)["today"] is None
    patch(gateway, "phone", daily_segments=2)
    for _ in range(4):
        gateway.api.send()
    for _ in range(2):
        phone.receive_sms()
    assert phone.is_silent()
    assert device(gateway)["today"] == {"segments": 2, "limit": 2}
    assert device(gateway)["budget"] is None
    patch(gateway, "phone", enabled=False, daily_segments=None, segments_per_window=1)
    assert device(gateway)["budget"] == {"remaining": 1, "limit": 1, "window_seconds": 1800, "refills_at": None}
    patch(gateway, "phone", enabled=True)
    phone.receive_sms()
    assert device(gateway)["budget"].items() >= {"remaining": 0, "limit": 1}.items()
    assert phone.is_silent()
    patch(gateway, "phone", segments_per_window=None)
    phone.receive_sms()


@pytest.mark.parametrize("sims, expected, warned", (
    ([], [], False),
    ([{"slot": "2", "carrier": 7, "number": None}], [{"slot": 2, "carrier": "7"}], False),
    ([{"slot": 0}, {"slot": 5}, {"slot": 4}], [{"slot": 4}], True),
    ([{"slot": 1, "carrier": "a"}, {"slot": 1, "carrier": "b"}, 7, {}], [{"slot": 1, "carrier": "a"}], True),
    (2, None, True),
    ({"slot": 1}, None, True),
), ids=lambda part: str(part)[:30])
def test_odd_sims_are_ignored(configured, sims, expected, warned):
    device_id = f"odd-{len(str(sims))}"
    phone = Phone(configured, device_id, {"battery_level": 0})
    phone.send({"type": "device_update", "info": {"sims": sims, "device_name": "now"}})
    if warned:
        assert phone.receive()["code"] == "member_ignored"
    wait_for(lambda: device(configured, device_id)["device_name"] == "now", "the update to be seen")
    assert device(configured, device_id)["sims"] == expected
    phone.close()


def test_a_pairing_code_brings_groups(configured):
    answer = configured.api.request("POST", "/api/pairings", json={"device_id": "new", "groups": ["north", "fair"]})
    paired = configured.api.request("POST", "/api/pair", json={"code": answer.json()["code"]})
    assert paired.status_code == 201
    assert device(configured, "new")["groups"] == ["fair", "north"]
    code, output, _ = configured.command("devices", "pair", "new", "--group", "south", "--json")
    assert code == 0
    configured.api.request("POST", "/api/pair", json={"code": json.loads(output)["code"]})
    assert device(configured, "new")["groups"] == ["south"]
    bad = configured.api.request("POST", "/api/pairings", json={"groups": ["a b"]})
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/groups")
    assert configured.command("devices", "pair", "new", "--group", "a b")[0] == 2


@pytest.mark.parametrize("assured", (False, True), ids=("basic", "assured"))
def test_a_simulated_phone_tells_its_sims(configured, make_phones, assured):
    name = f"sim-{assured}"
    make_phones(configured, 1, "--sim", "1:Example Mobile:+4915112345678", "--sim", "3", "--battery", "0", name=name,
                assured=assured)
    wait_for(lambda: device(configured, name).get("sims") == SIMS, "its SIMs to be seen")
