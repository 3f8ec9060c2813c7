"""A device token that two phones use, and one phone that only looks like two."""

import re
import uuid

import pytest
import websockets

from harness.phone import AssuredPhone, Phone
from harness.smsgate_phone import SmsgatePhone
from harness.waiting import wait_for

QUARANTINED = (4003, "device_quarantined")


@pytest.fixture(scope="module")
def shared(module_gateway):
    return module_gateway().start()


def state(gateway, device_id):
    listed = gateway.command("devices", "list")[1]
    return re.search(rf"^{device_id} +(\S+)", listed, re.M).group(1)


def check_quarantined(gateway, device_id, token):
    assert state(gateway, device_id) == "quarantined"
    with pytest.raises(websockets.InvalidStatusCode) as refusal:
        Phone(gateway, device_id, token=token)
    assert refusal.value.status_code == 401


def greeted(phone, info):
    """Says who it is. True: it is greeted; False: it is sent away, because two use the token."""
    phone.send(info)
    try:
        assert phone.receive()["type"] == "connection_ack"
    except websockets.ConnectionClosed:
        assert phone.closed() == QUARANTINED
        return False
    return True


def steal(gateway, device_id, token, name="same"):
    """The thief takes over from its owner, is given a message, and leaves. False: it was found."""
    owner = Phone(gateway, device_id, token=token, info={"device_name": name})
    thief = Phone(gateway, device_id, token=token, hello=False)
    if not greeted(thief, {"device_name": name}):
        return False
    assert owner.closed() == (4001, "replaced")
    message = gateway.api.send()
    try:
        assert thief.receive_sms()["message_id"] == message["message_id"]
    except websockets.ConnectionClosed:
        assert thief.closed() == QUARANTINED
        return False
    thief.close()
    return True


def test_a_thief_that_leaves_before_its_owner_is_back_is_found(make_gateway):
    """Each takeover is one more, whoever comes and goes between them, also in another broker."""
    gateway = make_gateway().start()
    token = gateway.device_token("copied")
    assert steal(gateway, "copied", token)
    assert steal(gateway, "copied", token)
    gateway.ws_broker.kill()
    gateway.ws_broker.start()
    wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the broker to be back")
    owner = Phone(gateway, "copied", token=token)
    thief = Phone(gateway, "copied", token=token, hello=False)
    greeted(thief, {"device_name": "same"})
    assert owner.closed() == (4001, "replaced")
    assert thief.closed() == QUARANTINED
    check_quarantined(gateway, "copied", token)
    assert "living connections take over" in gateway.ws_broker.log()


def test_journals_in_turn_are_two_phones_also_when_they_never_meet(shared):
    token = shared.device_token("journals")
    journals = [str(uuid.uuid4()) for _ in range(2)]
    for turn in range(3):
        AssuredPhone(shared, "journals", journals[turn % 2], token=token).close()
    message = shared.api.send()
    thief = AssuredPhone(shared, "journals", journals[1], token=token, hello=False)
    thief.greet()
    assert thief.closed() == QUARANTINED  # and it was given nothing
    check_quarantined(shared, "journals", token)
    other = Phone(shared, "another")
    assert other.receive_sms()["message_id"] == message["message_id"]
    other.close()


def test_names_in_turn_are_two_basic_phones_also_when_they_never_meet(shared):
    token = shared.device_token("names")
    for turn in range(5):
        Phone(shared, "names", token=token, info={"device_name": ("owner", "thief")[turn % 2]}).close()
    assert not greeted(Phone(shared, "names", token=token, hello=False), {"device_name": "thief"})
    check_quarantined(shared, "names", token)


def test_a_basic_program_with_the_token_of_an_assured_phone_is_found(shared):
    """It connects while the owner is away, without a name, and leaves before the owner is back."""
    token = shared.device_token("levels")
    journal = str(uuid.uuid4())
    for turn in range(3):
        AssuredPhone(shared, "levels", journal, token=token).close()
        thief = Phone(shared, "levels", token=token, hello=False)
        assert greeted(thief, {}) == (turn < 2)
        thief.close()
    check_quarantined(shared, "levels", token)


def test_versions_of_an_app_in_turn_are_two_polled_phones(shared):
    """A backup of the app on another phone has its token, and often another version."""
    owner, copy = SmsgatePhone(shared, "1.75.0"), SmsgatePhone(shared, "1.68.2")
    with owner, copy:
        code = shared.api.request("POST", "/api/pairings", json={"device_id": "restored"}).json()["code"]
        owner.register(code).connect()
        copy.app.id, copy.app.token = owner.id, owner.token
        assert owner.pull() == copy.pull() == owner.pull() == []
        answer = copy.request("GET", "/message")
        assert (answer.status_code, *answer.json()) == (401, "message")
        owner.stream.rest()  # ends
        for phone in (owner, copy):
            assert phone.request("PATCH", "/device", {"id": phone.id}).status_code == 401
        assert state(shared, "restored") == "quarantined"
        assert "versions of the app take turns" in shared.api_fcgi.log()


def test_one_message_on_two_lists_is_on_two_polled_phones(shared):
    """The same version of the app: what both were listed, before the first report, each has noted at a time of its own."""
    owner, copy = SmsgatePhone(shared), SmsgatePhone(shared)
    with owner, copy:
        owner.register(shared.api.request("POST", "/api/pairings", json={"device_id": "twice"}).json()["code"])
        copy.app.id, copy.app.token = owner.id, owner.token
        message = shared.api.send(device_id=owner.id)["message_id"]
        [wire_id] = owner.pull()
        assert copy.pull() == [wire_id]
        copy.table[wire_id]["states"]["Pending"] = "2026-11-28T22:17:05.123+01:00"
        owner.send(wire_id)
        copy.table[wire_id] |= {"state": "Sent"}
        copy.table[wire_id]["states"] |= {"Sent": copy.table[wire_id]["states"]["Pending"]}
        row = copy.table[wire_id]
        answer = copy.request("PATCH", "/message", [{"id": wire_id, "state": "Sent", "states": row["states"], "recipients": [
            {"phoneNumber": row["phoneNumbers"][0], "state": "Sent"}]}])
        assert (answer.status_code, *answer.json()) == (401, "message")
        assert owner.request("GET", "/message").status_code == 401
        assert state(shared, "twice") == "quarantined" and shared.api.message(message)["status"] == "sent"
        assert "two lists of messages have the same message" in shared.api_fcgi.log()


def test_a_connected_phone_is_disconnected_when_its_token_ends(shared):
    token = shared.device_token("both")
    journals = [str(uuid.uuid4()) for _ in range(2)]
    for turn in range(2):
        AssuredPhone(shared, "both", journals[turn % 2], token=token).close()
    owner = AssuredPhone(shared, "both", journals[0], token=token)
    thief = AssuredPhone(shared, "both", journals[1], token=token, hello=False)
    thief.greet()
    assert thief.closed() == QUARANTINED
    assert owner.closed()[0] in (4001, 4003)
    check_quarantined(shared, "both", token)


# ---- One phone ----

@pytest.mark.parametrize("end", ("close", "drop"))
@pytest.mark.parametrize("kind", (Phone, AssuredPhone))
def test_a_phone_may_come_and_go_as_often_as_it_likes(shared, kind, end):
    device_id = f"restless-{kind.__name__}-{end}"
    options = {"journal": str(uuid.uuid4())} if kind is AssuredPhone else {}
    for _ in range(30):
        getattr(kind(shared, device_id, **options), end)()
    assert state(shared, device_id) == "active"


@pytest.mark.parametrize("kind", (Phone, AssuredPhone))
def test_a_phone_may_take_over_from_its_own_dead_connections(shared, kind):
    """They are half open: nobody is there any more to answer the close frame."""
    device_id = f"half-open-{kind.__name__}"
    options = {"journal": str(uuid.uuid4())} if kind is AssuredPhone else {}
    dead = []
    for _ in range(12):
        phone = kind(shared, device_id, **options)
        phone.socket.transport.pause_reading()
        dead.append(phone)
    message = shared.api.send()
    assert phone.socket is dead[-1].socket
    phone.socket.transport.resume_reading()
    assert phone.receive()["message_id"] == message["message_id"]
    for each in dead:
        each.socket.transport.abort()
    assert state(shared, device_id) == "active"


def test_a_close_that_crosses_ours_is_no_answer(shared):
    """A phone gives an old connection up and opens another; both close frames are on their way."""
    for _ in range(6):
        old = Phone(shared, "crossing")
        old.socket.transport.pause_reading()
        new = Phone(shared, "crossing")
        old.socket.transport.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8")  # 1000, not read ours
        old.socket.transport.abort()
        new.close()
    assert state(shared, "crossing") == "active"


def test_a_phone_that_loses_its_journal_now_and_then_is_one_phone(shared):
    for _ in range(8):
        journal = str(uuid.uuid4())
        for _ in range(2):
            AssuredPhone(shared, "forgetful", journal).close()
    assert state(shared, "forgetful") == "active"


@pytest.mark.parametrize("infos", [
    [{"device_name": "Pixel 7"}, {}],
    [{"device_name": "Pixel 7", "android_version": 14}, {"device_name": "Pixel 7"}],
    [{"device_name": "Pixel 7", "battery_level": 1}, {"device_name": "Pixel 7", "charging": True}],
    [{"device_name": "Pixel (87 %)"}, {"device_name": "Pixel (86 %)"}, {"device_name": "Pixel (85 %)"}],
], ids=("no name at times", "a version at times", "other members", "a number in the name"))
def test_the_device_information_may_vary(shared, request, infos):
    device_id = re.sub(r"\W", "-", request.node.callspec.id)
    for turn in range(18):
        Phone(shared, device_id, info=infos[turn % len(infos)]).close()
    assert state(shared, device_id) == "active"
