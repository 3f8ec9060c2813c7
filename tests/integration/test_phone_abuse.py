"""Many connections that waste the gateway's time or memory, beside a phone that works."""

import resource
import threading
import time

import pytest

from harness.phone import WorkingPhone
from harness.raw_websocket import (CLOSE, CONTINUATION, PING, PONG, TEXT, RawConnection, RawWebSocket,
                                   authorize, encode, handshake)
from harness.waiting import LIMIT_SECONDS, wait_for

EMPTY_BATTERY = {"battery_level": 0}  # such a phone gets no messages


@pytest.fixture
def files():
    """As many files for this process as it may have; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def check_service(gateway, worker, between=lambda: None, messages=10):
    """Messages go through, whatever happens between them; then nothing is left."""
    ids = []
    for _ in range(messages):
        between()
        ids.append(gateway.api.send()["message_id"])
    for message_id in ids:
        gateway.api.wait_status(message_id, "sent")
    assert worker.ids()[-messages:] == ids


def test_phones_that_send_byte_by_byte_do_not_delay_others(make_gateway):
    """Each has a frame under way the whole time; some have not even said who they are."""
    gateway = make_gateway(DEVICE_INFO_TIMEOUT_SECONDS=60).start()
    worker = WorkingPhone(gateway, "worker")
    gateway.tokens_of([f"slow-{i}" for i in range(60)])
    slow = [RawWebSocket(gateway, f"slow-{i}", EMPTY_BATTERY, hello=i % 2 == 0) for i in range(60)]
    frame = encode(TEXT, b'{"type": "' + b"?" * 300 + b'"}')
    place = 0

    def send_a_byte():
        nonlocal place
        for phone in slow:
            phone.send(frame[place:place + 1])
        place += 1

    check_service(gateway, worker, send_a_byte, messages=30)
    for i, phone in enumerate(slow):  # and what they send does arrive
        phone.send(frame[place:])
        if i % 2 == 0:
            assert phone.receive()["code"] == "unknown_frame_type"
        else:
            assert phone.receive()["type"] == "connection_ack"  # a greeting with a type of its own
        phone.drop()
    worker.close()


def test_a_greeting_that_comes_byte_by_byte_has_no_more_time_than_another(make_gateway):
    gateway = make_gateway(DEVICE_INFO_TIMEOUT_SECONDS=1).start()
    with RawWebSocket(gateway, "endless", hello=False) as phone:
        phone.socket.settimeout(0.05)  # between two bytes
        phone.send(encode(TEXT, b'{"device_name": "', fin=False))
        byte = encode(CONTINUATION, b"x", fin=False)

        def is_sent_away():
            try:
                phone.send(byte)
                return phone.receive_frame()
            except TimeoutError:
                return None
            except ConnectionError:
                pytest.fail("the close frame did not come")

        frame = wait_for(is_sent_away, "the phone to be sent away")
        assert frame.opcode == CLOSE and frame.close() == (1008, "no_device_info")


def test_thousands_of_half_handshakes_do_not_lock_others_out(make_gateway, files):
    gateway = make_gateway().start()
    count = min(3000, files - 500)
    halves = [RawConnection(gateway) for _ in range(count)]
    for connection in halves:
        connection.send(handshake("half")[:100])
    worker = WorkingPhone(gateway, "worker")
    check_service(gateway, worker)
    assert set(gateway.api.devices()) == {"worker"}
    for connection in halves:
        connection.drop()
    check_service(gateway, worker)
    worker.close()


def test_phones_that_never_say_who_they_are_give_their_places_back(make_gateway):
    gateway = make_gateway(MAX_CONNECTIONS=50, DEVICE_INFO_TIMEOUT_SECONDS=5).start()
    worker = WorkingPhone(gateway, "worker")
    silent = []
    gateway.tokens_of([f"silent-{i}" for i in range(60)])

    def connect():
        """Another one, and the status of its handshake's answer."""
        connection = RawConnection(gateway, "broker.sock")
        connection.send(authorize(gateway, handshake(f"silent-{len(silent)}")))
        answer = connection.read_answer()
        if answer.status == 101:
            silent.append(connection)
        else:
            connection.drop()
        return answer.status

    while connect() != 503:  # without a pause: the first go again after a time
        assert len(silent) <= 50
    assert len(silent) >= 49
    check_service(gateway, worker)
    wait_for(lambda: connect() == 101, "a place to be free")
    for connection in silent:
        with connection:
            assert connection.read_to_end().endswith(b"no_device_info")
    check_service(gateway, worker)
    worker.close()


def test_an_announced_length_takes_no_memory(make_gateway):
    gateway = make_gateway().start()
    worker = WorkingPhone(gateway, "worker")
    gateway.tokens_of([f"boaster-{i}" for i in range(50)])
    before = gateway.ws_broker.memory_bytes("VmRSS")
    for length in (1 << 31, 1 << 40, 131073):
        phones = [RawWebSocket(gateway, f"boaster-{i}", EMPTY_BATTERY) for i in range(50)]
        for phone in phones:
            phone.send(encode(TEXT, b"x" * 1000, length=length))
        for phone in phones:
            assert phone.receive_close() == (1009, "frame_too_large")
            phone.drop()
    check_service(gateway, worker)
    if gateway.build == "release":  # ASan keeps what is freed
        assert gateway.ws_broker.memory_bytes("VmHWM") - before < 4 << 20
    worker.close()


WORK = {
    "pings": encode(PING),
    "pongs": encode(PONG),
    "empty fragments": encode(CONTINUATION, fin=False),
    "fragments of a byte": encode(CONTINUATION, " ", fin=False),
    "a mixture": encode(PING, "x") + encode(CONTINUATION, fin=False) + encode(PONG),
}


@pytest.mark.parametrize("case", WORK)
def test_work_for_one_phone_is_bounded(make_gateway, case):
    """The gateway reads on when it has done so much in a while: what it is sent stays with who sends it."""
    gateway = make_gateway(MAX_FRAMES_PER_SECOND=10).start()
    worker = WorkingPhone(gateway, "worker")
    begin = time.monotonic()
    phones = [RawWebSocket(gateway, f"busy-{i}", EMPTY_BATTERY, way="broker.sock") for i in range(4)]
    data, sent = WORK[case] * 2000, dict.fromkeys(phones, 0)
    for phone in phones:
        phone.send(encode(TEXT, "{", fin=False))
        phone.socket.setblocking(False)

    def send_all_that_is_taken():
        for phone in phones:
            try:
                while sent[phone] < 4 << 20:
                    sent[phone] += phone.socket.send(data[sent[phone] % len(data):])
            except BlockingIOError:
                pass

    check_service(gateway, worker, send_all_that_is_taken, messages=15)  # its greeting and reports stay below the limit too
    read_at_most = 2 * 4096 + 30 * (time.monotonic() - begin + 2) * len(WORK[case])
    for phone in phones:
        assert sent[phone] <= read_at_most + (1 << 20), "more than the bound and what a socket holds"
    assert set(gateway.api.devices()) == {"worker", *(f"busy-{i}" for i in range(4))}
    for phone in phones:
        phone.drop()
    worker.close()


def test_a_message_that_comes_byte_by_byte_arrives(make_gateway):
    """More reads than are allowed at once: it takes its time, and is no reason to send the phone away."""
    gateway = make_gateway(MAX_FRAMES_PER_SECOND=10).start()
    with RawWebSocket(gateway, "slow", EMPTY_BATTERY) as phone:
        for byte in encode(TEXT, b'{"type": "' + b"?" * 1000 + b'"}'):
            phone.send(bytes([byte]))
        assert phone.receive()["code"] == "unknown_frame_type"


def test_endless_pings_do_not_delay_others(make_gateway):
    """From phones that do not read what comes back."""
    gateway = make_gateway().start()
    worker = WorkingPhone(gateway, "worker")
    before = gateway.ws_broker.memory_bytes("VmRSS")
    phones = [RawWebSocket(gateway, f"pinging-{i}", EMPTY_BATTERY, receive_buffer=4096)
              for i in range(3)]
    for phone in phones:
        phone.socket.setblocking(False)
    pings, ended = encode(PING, b"p" * 125) * 100, threading.Event()
    rests = {phone: pings for phone in phones}
    sent = 0

    def ping():
        nonlocal sent
        while not ended.wait(0.001):
            for phone, rest in rests.items():
                try:
                    count = phone.socket.send(rest)
                except (BlockingIOError, ConnectionError):
                    count = 0  # the gateway does not read on, or has had enough
                rests[phone] = rest[count:] or pings
                sent += count

    pinging = threading.Thread(target=ping)
    pinging.start()
    try:
        check_service(gateway, worker, messages=50)
        wait_for(lambda: sent > 20 * len(pings), "pings to be taken")
    finally:
        ended.set()
        pinging.join(LIMIT_SECONDS)
    if gateway.build == "release":
        assert gateway.ws_broker.memory_bytes("VmHWM") - before < 4 << 20
    for phone in phones:
        phone.drop()
    wait_for(lambda: set(gateway.api.devices()) == {"worker"}, "the others to be gone")
    worker.close()
