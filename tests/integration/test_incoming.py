"""SMS that phones receive: stored once, and then acknowledged, through nginx."""

import asyncio
import json

import pytest
import websockets

from harness.metrics import scrape
from harness.phone import AssuredPhone, Phone, WorkingPhone, _run
from harness.waiting import wait_for

LONG = "Grüße, 20 Teile: " + "abcdefghi{" * 275  # 11 septets in ten characters
LONGEST = "漢" * 67 * 255, "ä" * 153 * 255  # anybody can send these; a phone that they disconnect would send them for ever
COLUMNS = "sender, recipient, sim, received_at_ms, encoding, segments, text"
SENDERS = {
    "+49 (0)151 / 12345678": "+4915112345678",
    "+4915112345678": "+4915112345678",
    "72000": "72000",
    "0151 12345678": "0151 12345678",  # of which country?
    "VODAFONE": "VODAFONE",
    "Zürcher Bänk": "Zürcher Bänk",
    "": None,
    "x" * 90: "x" * 64,
}


def frame_of(received_id, text="Hello", sender="+4915112345678", **more):
    return {"type": "sms_received", "received_id": received_id, "from": sender, "message": text, **more}


def acknowledgement(received_id):
    return {"type": "sms_received_ack", "received_id": received_id}


def stored(phone, gateway):
    """received_id -> the row, of a phone's SMS."""
    rows = gateway.query(f"SELECT received_id, {COLUMNS} FROM incoming WHERE device_id = ? ORDER BY seq", phone.device_id)
    assert len(rows) == len({row[0] for row in rows})
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("level", [Phone, AssuredPhone])
def test_what_a_phone_received_is_stored_and_acknowledged(shared_gateway, connect, level):
    phone = connect(level)
    whole = {"to": "+49 151 2222222", "sim": 2, "received_at": "2026-03-01T12:00:00.5+01:00"}
    frames = [
        (frame_of("whole", **whole), ("+4915112345678", "+491512222222", 2, 1772362800500, 0, 1, "Hello"), None),
        (frame_of("long", LONG), ("+4915112345678", None, None, None, 0, 20, LONG), None),
        (frame_of("emoji", "👍🏽 " * 400), ("+4915112345678", None, None, None, 1, 30, "👍🏽 " * 400), None),
        (frame_of("longest", LONGEST[0]), ("+4915112345678", None, None, None, 1, 255, LONGEST[0]), None),
        (frame_of("longest-gsm", LONGEST[1]), ("+4915112345678", None, None, None, 0, 255, LONGEST[1]), None),
        (frame_of("empty", ""), ("+4915112345678", None, None, None, 0, 0, ""), None),
        (frame_of("past", received_at=315532800000), ("+4915112345678", None, None, 315532800000, 0, 1, "Hello"), None),
        (frame_of("future", received_at="2099-01-01T00:00:00Z"), ("+4915112345678", None, None, 4070908800000, 0, 1, "Hello"), None),
        (frame_of("odd", sim="left", to=17, received_at="noon"), ("+4915112345678", "17", None, None, 0, 1, "Hello"), "received_at"),
        *((frame_of(f"sender-{number}", sender=sender), (kept, None, None, None, 0, 1, "Hello"), "from" if len(sender) > 64 else None)
          for number, (sender, kept) in enumerate(SENDERS.items())),
    ]
    for frame, row, warned in frames:
        escaped = frame["received_id"] != "longest-gsm"
        phone.send(json.dumps(frame, ensure_ascii=escaped))
        answers = [phone.receive() for _ in range(2 if warned else 1)]
        assert acknowledgement(frame["received_id"]) in answers
        if warned:
            error = next(answer for answer in answers if answer["type"] == "error")
            assert (error["code"], error["member"], error["received_id"]) == ("member_ignored", warned, frame["received_id"])
        assert stored(phone, shared_gateway)[frame["received_id"]] == row
    # In the order in which the gateway got them, whatever the phone's clock says.
    assert list(stored(phone, shared_gateway)) == [frame["received_id"] for frame, _, _ in frames]


def test_one_that_comes_again_is_acknowledged_and_not_stored_again(shared_gateway, connect):
    first, other = connect(Phone), connect(Phone)
    before = scrape(shared_gateway)
    for phone in (first, first, other):
        phone.send(frame_of("once"))
        assert phone.receive() == acknowledgement("once")
    first.send(frame_of("once", "Another text"))
    assert first.receive() == acknowledgement("once")
    for phone in (first, other):  # a device's name for it is its own
        assert [row[-1] for row in stored(phone, shared_gateway).values()] == ["Hello"]
    after = scrape(shared_gateway)
    for result, count in ("stored", 2), ("known", 2):
        now, then = (scraped.value("incoming_sms_total", process="ws-broker", result=result) for scraped in (after, before))
        assert now - then == count
    log = shared_gateway.ws_broker.log()
    lines = [line for line in log.splitlines() if f"device_id={first.device_id}" in line and "SMS received" in line]
    assert ["another content" in line for line in lines] == [False, True]
    assert "Hello" not in log and "Another text" not in log


def test_one_that_cannot_be_stored_is_named_in_the_refusal(connect, shared_gateway):
    phone = connect(Phone)
    for frame, received_id in ((frame_of("no text") | {"message": {}}, None), (frame_of("a") | {"message": False}, "a"),
                               (frame_of("b") | {"from": ["1"]}, "b"), (frame_of(""), None)):
        phone.send(frame)
        error = phone.receive_error()
        assert (error["code"], error.get("received_id")) == ("invalid_value", received_id)
    phone.send({"type": "sms_received", "received_id": "c", "from": "1"})
    assert phone.receive_error()["received_id"] == "c"
    assert stored(phone, shared_gateway) == {}


def test_what_android_does_not_know_of_one_is_null(connect, shared_gateway):
    phone = connect(Phone)
    phone.send(frame_of("null") | {"from": None, "message": None, "received_at": None})
    assert phone.receive()["type"] == "sms_received_ack"
    assert shared_gateway.query("SELECT sender, text FROM incoming WHERE device_id = ?", phone.device_id) == [(None, "")]


def test_a_flood_of_one_phone_delays_no_other(shared_gateway, connect):
    flooding, worker = connect(Phone), connect(WorkingPhone)
    count = 900  # MAX_FRAMES_PER_SECOND allows 1,000 at once

    async def flood():
        for number in range(count):
            await flooding.socket.send(json.dumps(frame_of(f"{number % (count // 2)}", "x" * 1500)))

    async def answers():
        return [json.loads(await flooding.socket.recv()) for _ in range(count)]

    sending = asyncio.run_coroutine_threadsafe(flood(), worker.socket.loop)
    for _ in range(3):
        shared_gateway.api.wait_status(shared_gateway.api.send(device_id=worker.device_id)["message_id"], "sent")
    received = _run(answers())
    sending.result()
    assert {frame["type"] for frame in received} == {"sms_received_ack"}
    assert sorted(int(frame["received_id"]) for frame in received) == sorted(list(range(count // 2)) * 2)
    assert len(stored(flooding, shared_gateway)) == count // 2


def test_what_came_while_the_gateway_stopped_is_there(make_gateway):
    """The phone goes on sending until its connection ends, and sends all again that were not acknowledged."""
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    journal, acknowledged = [], set()

    async def read(socket):
        async for text in socket:
            acknowledged.add(json.loads(text)["received_id"])

    async def send(socket, received_ids):
        for received_id in received_ids:
            journal.append(received_id)
            await socket.send(json.dumps(frame_of(received_id)))
            await asyncio.sleep(0)

    async def live(socket):
        reading = asyncio.ensure_future(read(socket))
        try:
            await send(socket, (str(number) for number in range(len(journal), len(journal) + 400)))
            await reading
        except websockets.ConnectionClosed:
            reading.cancel()

    living = asyncio.run_coroutine_threadsafe(live(phone.socket), phone.socket.loop)
    wait_for(lambda: acknowledged, "the first acknowledgement")
    gateway.ws_broker.stop()
    living.result()
    gateway.ws_broker.start()
    again = AssuredPhone(gateway, "phone", journal=phone.journal)
    left = [received_id for received_id in journal if received_id not in acknowledged]
    for received_id in left:
        again.send(frame_of(received_id))
        assert again.receive() == acknowledgement(received_id)
    assert list(sorted(stored(phone, gateway), key=int)) == journal
    again.close()
