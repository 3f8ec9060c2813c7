"""Programs that are reloaded, restarted or killed under a supervisor that holds their sockets, while clients send
and phones work. No request fails, except those that a killed program had read."""

import signal
import threading

import pytest

from harness.faults import write_lock_held
from harness.fastcgi import Connection
from harness.gateway import builds_of
from harness.ledgers import settle_and_check
from harness.phone import Phone
from harness.raw_websocket import RawConnection, RawWebSocket, authorize, handshake
from harness.supervisor import Supervisor
from harness.waiting import wait_for

FAST = ("--send-ms", "1-20", "--report-ms", "1-20")
MESSAGE = b'{"phone_number": "+1234567890", "message": "text"}'
CLIENTS = 16
WHILE_PHONES_COME_BACK = 100  # messages per second: as many as they send meanwhile, however slow the machine


@pytest.fixture(scope="session", params=builds_of("release", "address", "thread"))
def build(request):
    """Threads end and begin here, and nothing may be left of them."""
    return request.param


def check_that_none_failed(load, gateway):
    """Every request had a 202, and every message is there once."""
    promised = load.stop()
    assert (load.refused, load.unanswered) == (0, 0)
    stored = {row[0] for row in gateway.query("SELECT lower(hex(id)) FROM message")}
    assert stored == {message_id.replace("-", "") for message_id in promised}


# ---- Reloads and restarts: SIGHUP and SIGTERM ----


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_no_request_fails_while_the_api_restarts(make_gateway, make_load, number):
    """Where the supervisor stores its connections: what systemctl reload and restart do."""
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api", keeps_descriptors=True) as api:
        gateway.ws_broker.start()
        gateway.nginx.start()
        load = make_load(gateway, 4000, CLIENTS, refusals=set())
        for _ in range(6):
            load.wait_accepted(100)
            api.restart(number)
        load.wait_accepted(100)
        check_that_none_failed(load, gateway)
        assert 0 < api.most_stored <= 2 * CLIENTS and not api.stored
    assert gateway.api_fcgi.popen.returncode == 0


def test_phones_come_back_and_no_message_is_lost_or_doubled_while_all_are_reloaded(
        make_gateway, make_load, make_phones):
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api", keeps_descriptors=True) as api, \
            Supervisor(gateway.ws_broker, "broker") as broker:
        gateway.nginx.start()
        phones = make_phones(gateway, 10, *FAST)
        load = make_load(gateway, WHILE_PHONES_COME_BACK, CLIENTS, refusals=set(), keep=False)
        # A request on a kept connection may meet its end: that is HTTP's, not the reload's.
        gateway.api.client.headers["Connection"] = "close"
        for _ in range(5):
            for supervisor in (broker, api):
                load.wait_accepted(20)
                supervisor.restart(signal.SIGHUP)
            gateway.nginx.reload()
            wait_for(lambda: len(gateway.api.devices()) == 10, "the phones to be back")
        check_that_none_failed(load, gateway)
        settle_and_check(gateway, load.promised, [phones])
    assert gateway.ws_broker.log().count("msg=serving") == 6
    assert "level=error" not in gateway.ws_broker.log() + gateway.api_fcgi.log()


def test_a_phone_is_told_that_the_broker_restarts_and_its_messages_are_settled(make_gateway):
    gateway = make_gateway()
    with Supervisor(gateway.ws_broker, "broker") as broker:
        gateway.api_fcgi.start()
        gateway.nginx.start()
        with RawWebSocket(gateway, "phone") as phone:
            sent = gateway.api.send()["message_id"]
            assert phone.receive()["message_id"] == sent
            gateway.ws_broker.signal(signal.SIGHUP)
            assert phone.receive_close() == (1012, "restarting")
            phone.report(sent, "delivered")
            gateway.api.wait_status(sent, "delivered")
            waiting = gateway.api.send()["message_id"]
        phone = Phone(gateway, "phone")  # at once: it waits until the next process is there
        assert phone.receive_sms()["message_id"] == waiting
        assert broker.starts == 1


def test_handshakes_wait_while_the_broker_restarts(make_gateway):
    """Phones that come all the time are let in or told to come back. A handshake that the broker has read in part
    when it stops gets 502."""
    gateway = make_gateway()
    statuses, ending = [], threading.Event()
    with Supervisor(gateway.ws_broker, "broker") as broker:
        gateway.api_fcgi.start()
        gateway.nginx.start()
        requests = {name: authorize(gateway, handshake(name)) for name in "1234"}

        def come_and_go(name):
            while not ending.is_set():
                with RawConnection(gateway) as connection:
                    connection.send(requests[name])
                    statuses.append(connection.read_answer().status)

        threads = [threading.Thread(target=come_and_go, args=(name,)) for name in "1234"]
        for thread in threads:
            thread.start()
        for _ in range(5):
            seen = len(statuses)
            wait_for(lambda: len(statuses) > seen + 10, "phones to come")
            broker.restart(signal.SIGHUP)
        ending.set()
        for thread in threads:
            thread.join()
    assert set(statuses) <= {101, 502, 503} and statuses.count(101) > 50
    assert len(statuses) - statuses.count(101) <= 5 * len(threads)


def test_requests_under_way_are_answered_before_the_api_restarts(make_gateway):
    """A parked request, one of which half has arrived, and one that arrives afterwards on a kept connection."""
    gateway = make_gateway(STORE_TIMEOUT_MS=30000, DRAIN_TIMEOUT_SECONDS=30)
    with Supervisor(gateway.api_fcgi, "api", keeps_descriptors=True) as api:
        parked, half, idle = (Connection(gateway) for _ in range(3))
        assert idle.ask("GET", "/livez")[0] == 200
        request = idle.request("POST", "/api/send-sms", MESSAGE)
        with write_lock_held(gateway):
            half.send_and_be_read(request[:20])
            parked.send_and_be_read(request)
            gateway.api_fcgi.signal(signal.SIGHUP)
            wait_for(lambda: "msg=restarting" in gateway.api_fcgi.log(), "it to begin")
            idle.send(request)
            half.send(request[20:])
        assert [one.answer()[0] for one in (parked, half, idle)] == [202] * 3
        assert gateway.counts()[0] == 3
        api.wait_ready(2)
        assert idle.ask("POST", "/api/send-sms", MESSAGE)[0] == 202
        for connection in (parked, half, idle):
            connection.close()


def test_the_file_of_settings_is_read_again(make_gateway):
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api") as api:
        gateway.ws_broker.start()
        gateway.nginx.start()
        body = {"phone_number": "+1234567890", "message": "x" * 200}
        assert gateway.api.request("POST", "/api/send-sms", json=body).status_code == 202
        (gateway.folder / ".env").write_text("MAX_MESSAGE_SEGMENTS=1\n")
        api.restart(signal.SIGHUP)
        assert gateway.api.request("POST", "/api/send-sms", json=body).status_code == 422


def test_phones_of_old_nginx_workers_are_disconnected_after_the_timeout(make_gateway):
    gateway = make_gateway()
    path = gateway.folder / "run/nginx.conf"
    text = path.read_text()
    assert "worker_shutdown_timeout 10m;" in text
    path.write_text(text.replace("worker_shutdown_timeout 10m;", "worker_shutdown_timeout 1s;"))
    gateway.start()
    phone = Phone(gateway, "phone")
    gateway.nginx.reload()
    assert phone.closed()[0] == 1006
    phone = Phone(gateway, "phone")
    assert gateway.api.send()["message_id"] == phone.receive_sms()["message_id"]


# ---- Kills ----


def test_a_killed_api_costs_the_requests_in_its_hands_alone(make_gateway, make_load):
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api") as api:
        gateway.ws_broker.start()
        gateway.nginx.start()
        load = make_load(gateway, 4000, CLIENTS, refusals={502})
        for kills in range(1, 6):
            load.wait_accepted(100)
            api.kill()
            load.wait_accepted(100)
            # A client has one request under way; no other hears of it, however many come meanwhile.
            assert load.refused + load.unanswered <= kills * CLIENTS
        promised = load.stop()
        stored = {row[0] for row in gateway.query("SELECT lower(hex(id)) FROM message")}
        assert {message_id.replace("-", "") for message_id in promised} <= stored
        assert len(stored) <= len(promised) + load.refused
        assert api.starts == 5 and load.unanswered == 0


def test_phones_come_back_to_a_killed_broker_and_nothing_is_lost_or_doubled(
        make_gateway, make_load, make_phones):
    gateway = make_gateway()
    with Supervisor(gateway.ws_broker, "broker") as broker:
        gateway.api_fcgi.start()
        gateway.nginx.start()
        phones = make_phones(gateway, 10, *FAST)
        load = make_load(gateway, WHILE_PHONES_COME_BACK, CLIENTS, refusals=set())
        for kills in range(1, 6):
            load.wait_accepted(20)
            broker.kill()
            broker.wait_ready(kills + 1)
            load.wait_accepted(20)
        check_that_none_failed(load, gateway)
        settle_and_check(gateway, load.promised, [phones])
        wait_for(lambda: len(gateway.api.devices()) == 10, "the phones to be back")


def test_an_inherited_socket_stays_when_the_program_ends(make_gateway):
    """Clients that connect meanwhile wait for the next process."""
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api") as api:
        api.restart()
        gateway.ws_broker.start()
        gateway.nginx.start()
        gateway.api.send()
    assert (gateway.folder / "run/api.sock").exists()
