"""Programs that are told to start anew, or killed under a supervisor that holds their sockets, while
clients send and phones work: nobody hears of it but whose request was in a killed program's hands."""

import os
import shutil
import signal
import threading

import pytest

from harness.faults import write_lock_held
from harness.fastcgi import Connection
from harness.gateway import builds_of, programs_folder
from harness.ledgers import settle_and_check
from harness.phone import Phone
from harness.raw_websocket import RawConnection, RawWebSocket, authorize, handshake
from harness.supervisor import Supervisor
from harness.waiting import wait_for

FAST = ("--send-ms", "1-20", "--report-ms", "1-20")
MESSAGE = b'{"phone_number": "+1234567890", "message": "text"}'
CLIENTS = 16


@pytest.fixture(scope="session", params=builds_of("release", "address", "thread"))
def build(request):
    """Threads end and begin here, and nothing may be left of them."""
    return request.param


def files_of(process):
    return len(os.listdir(f"/proc/{process.popen.pid}/fd"))


def go_on(load, count=100):
    """Waits until so many more messages were accepted."""
    before = len(load.promised_now())
    wait_for(lambda: len(load.promised_now()) >= before + count, "clients to go on", 120)


def check_that_none_failed(load, gateway):
    """Every request had a 202, and every message is there once."""
    promised = load.stop()
    assert (load.refused, load.unanswered) == (0, 0)
    stored = {row[0] for row in gateway.query("SELECT lower(hex(id)) FROM message")}
    assert stored == {message_id.replace("-", "") for message_id in promised}


# ---- Reloads ----


def test_no_request_fails_while_the_api_starts_anew_again_and_again(make_gateway, make_load):
    gateway = make_gateway().start()
    pid, load = gateway.api_fcgi.popen.pid, make_load(gateway, 4000, CLIENTS, refusals=set())
    go_on(load)
    files = []
    for _ in range(6):
        gateway.api_fcgi.reload()
        go_on(load)
        files.append(files_of(gateway.api_fcgi))
    check_that_none_failed(load, gateway)
    assert gateway.api_fcgi.popen.pid == pid and gateway.api_fcgi.is_running()
    assert gateway.api_fcgi.log().count("msg=serving") == 7
    assert max(files) <= min(files) + 2 * CLIENTS  # those of clients come and go, none is left over


def test_phones_come_back_and_no_message_is_lost_or_doubled_while_all_start_anew(
        make_gateway, make_load, make_phones):
    gateway = make_gateway().start()
    phones = make_phones(gateway, 10, *FAST)
    load = make_load(gateway, 300, CLIENTS, refusals=set(), keep=False)
    # A request on a kept connection may meet its end: that is HTTP's, not the reload's.
    gateway.api.session.headers["Connection"] = "close"
    for _ in range(5):
        for process in (gateway.ws_broker, gateway.api_fcgi):
            go_on(load, 20)
            process.reload()
        gateway.nginx.signal(signal.SIGHUP)
        wait_for(lambda: len(gateway.api.devices()) == 10, "the phones to be back")
    check_that_none_failed(load, gateway)
    settle_and_check(gateway, load.promised, [phones])
    assert gateway.ws_broker.log().count("msg=serving") == 6
    assert "level=error" not in gateway.ws_broker.log() + gateway.api_fcgi.log()


def test_a_phone_is_told_to_come_back_and_its_messages_are_settled(make_gateway):
    gateway = make_gateway().start()
    with RawWebSocket(gateway, "phone") as phone:
        sent = gateway.api.send()["message_id"]
        assert phone.receive()["message_id"] == sent
        gateway.ws_broker.signal(signal.SIGHUP)
        assert phone.receive_close() == (1012, "restarting")
        phone.report(sent, "delivered")
        gateway.api.wait_status(sent, "delivered")
        waiting = gateway.api.send()["message_id"]
    phone = Phone(gateway, "phone")  # at once: it waits until the new image is there
    assert phone.receive_sms()["message_id"] == waiting
    assert gateway.ws_broker.popen.poll() is None


def test_handshakes_wait_while_the_broker_starts_anew(make_gateway):
    """Phones that come all the time are let in, or told to come back, and never that nobody is there;
    one whose handshake is half there when it begins goes on with it."""
    gateway = make_gateway().start()
    statuses, ending = [], threading.Event()
    requests = {name: authorize(gateway, handshake(name)) for name in ("half", "1", "2", "3", "4")}

    def come_and_go(name):
        while not ending.is_set():
            with RawConnection(gateway) as connection:
                connection.send(requests[name])
                statuses.append(connection.read_answer().status)

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in "1234"]
    for thread in threads:
        thread.start()
    for _ in range(5):
        with RawConnection(gateway, "broker.sock") as half:
            half.send(requests["half"][:50])
            seen = len(statuses)
            wait_for(lambda: len(statuses) > seen + 10, "phones to come")
            gateway.ws_broker.reload()
            half.send(requests["half"][50:])
            assert half.read_answer().status == 101
    ending.set()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {101, 503} and statuses.count(101) > 50
    assert statuses.count(503) <= 5 * len(threads)


def test_what_is_under_way_is_answered_before_the_api_starts_anew(make_gateway):
    """A parked request, one that is half there, and one that comes afterwards on a kept connection."""
    gateway = make_gateway(STORE_TIMEOUT_MS=30000, DRAIN_TIMEOUT_SECONDS=30).start()
    parked, half, idle = (Connection(gateway) for _ in range(3))
    assert idle.ask("GET", "/livez")[0] == 200
    request = idle.request("POST", "/api/send-sms", MESSAGE)
    with write_lock_held(gateway):
        half.send_and_be_read(request[:20])
        parked.send_and_be_read(request)
        gateway.api_fcgi.signal(signal.SIGHUP)
        wait_for(lambda: "msg=reloading" in gateway.api_fcgi.log(), "it to begin")
        idle.send(request)
        half.send(request[20:])
    assert [one.answer()[0] for one in (parked, half, idle)] == [202] * 3
    assert gateway.counts()[0] == 3
    wait_for(lambda: gateway.api_fcgi.log().count("msg=serving") == 2, "the new image")
    assert idle.ask("POST", "/api/send-sms", MESSAGE)[0] == 202
    for connection in (parked, half, idle):
        connection.close()


def test_a_stop_goes_before_a_reload(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=30000, DRAIN_TIMEOUT_SECONDS=30).start()
    gateway.device_token("phone")
    client = Connection(gateway)
    with write_lock_held(gateway), RawWebSocket(gateway, "phone", hello=False):
        client.send_and_be_read(client.request("POST", "/api/send-sms", MESSAGE))
        for process in (gateway.api_fcgi, gateway.ws_broker):
            process.signal(signal.SIGHUP)
            wait_for(lambda: "msg=reloading" in process.log(), "it to begin")
            process.signal(signal.SIGTERM)
    for process in (gateway.api_fcgi, gateway.ws_broker):
        assert process.wait() == 0
        assert process.log().count("msg=serving") == 1
    assert client.answer()[0] == 202
    client.close()


def test_many_hangups_at_once_end_nothing(make_gateway, make_phones):
    """Also those that come while a new image starts; the last may come after all others are dealt with,
    so the phone is one that comes back."""
    gateway = make_gateway().start()
    make_phones(gateway, 1, *FAST)
    for process in (gateway.api_fcgi, gateway.ws_broker):
        pid = process.popen.pid
        ending = threading.Event()

        def hang_up():
            while not ending.wait(0.001):
                os.kill(pid, signal.SIGHUP)

        thread = threading.Thread(target=hang_up)
        thread.start()
        wait_for(lambda: process.log().count("msg=serving") >= 5, "some images", 60)
        ending.set()
        thread.join()
    gateway.api.wait_status(gateway.api.send()["message_id"], "delivered")


# ---- What the new image is ----


@pytest.fixture(params=["api_fcgi", "ws_broker"])
def own_program(request, make_gateway):
    """A gateway of which one program is a file of its own: (gateway, process, path)."""
    gateway = make_gateway()
    process = getattr(gateway, request.param)
    path = gateway.folder / process.name
    shutil.copy(programs_folder(gateway.build) / process.name, path)
    process.command = [path]
    return gateway.start(), process, path


def test_an_upgraded_file_is_what_runs_then(own_program):
    gateway, process, path = own_program
    new = path.with_suffix(".new")
    shutil.copy(path, new)
    new.replace(path)
    process.reload()
    assert os.stat(f"/proc/{process.popen.pid}/exe").st_ino == path.stat().st_ino
    gateway.api.send()


@pytest.mark.parametrize("spoil", ["no file", "not executable", "no program", "wrong setting"])
def test_what_would_not_start_leaves_the_program_as_it_is(own_program, spoil):
    gateway, process, path = own_program
    phone = Phone(gateway, "phone")
    aside = path.with_suffix(".aside")
    if spoil == "wrong setting":
        (gateway.folder / ".env").write_text("DEVICE_WINDOW=many\n")
    else:
        path.rename(aside)
        if spoil != "no file":
            path.write_text("this is no program")
            path.chmod(0o755 if spoil == "no program" else 0o644)
    process.signal(signal.SIGHUP)
    wait_for(lambda: "stays as it is" in process.log(), "the refusal")
    assert gateway.api.send()["message_id"] == phone.receive_sms()["message_id"]
    assert "msg=reloading" not in process.log()
    if spoil == "wrong setting":
        (gateway.folder / ".env").unlink()
    else:
        aside.replace(path)
    process.reload()
    gateway.api.send()


def test_the_file_of_settings_is_read_again(make_gateway):
    gateway = make_gateway().start()
    body = {"phone_number": "+1234567890", "message": "x" * 200}
    assert gateway.api.request("POST", "/api/send-sms", json=body).status_code == 202
    (gateway.folder / ".env").write_text("MAX_MESSAGE_SEGMENTS=1\n")
    gateway.api_fcgi.reload()
    assert gateway.api.request("POST", "/api/send-sms", json=body).status_code == 422


def test_phones_of_old_nginx_workers_are_moved_at_last(make_gateway):
    gateway = make_gateway()
    path = gateway.folder / "run/nginx.conf"
    text = path.read_text()
    assert "worker_shutdown_timeout 10m;" in text
    path.write_text(text.replace("worker_shutdown_timeout 10m;", "worker_shutdown_timeout 1s;"))
    gateway.start()
    phone = Phone(gateway, "phone")
    gateway.nginx.signal(signal.SIGHUP)
    assert phone.closed()[0] == 1006
    phone = Phone(gateway, "phone")
    assert gateway.api.send()["message_id"] == phone.receive_sms()["message_id"]


# ---- Kills, under a supervisor ----


def test_a_killed_api_costs_the_requests_in_its_hands_alone(make_gateway, make_load):
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api") as api:
        gateway.ws_broker.start()
        gateway.nginx.start()
        load = make_load(gateway, 4000, CLIENTS, refusals={502})
        for kills in range(1, 6):
            go_on(load)
            api.kill()
            go_on(load)
            # A client has one request under way; no other hears of it, however many come meanwhile.
            assert load.refused + load.unanswered <= kills * CLIENTS
        promised = load.stop()
        stored = {row[0] for row in gateway.query("SELECT lower(hex(id)) FROM message")}
        assert {message_id.replace("-", "") for message_id in promised} <= stored
        assert len(stored) <= len(promised) + load.refused
        assert api.starts == 5 and load.unanswered == 0


def test_no_request_fails_while_the_api_is_restarted_where_its_connections_are_kept(make_gateway,
                                                                                    make_load):
    """SIGTERM, and another process: what systemctl restart does."""
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api", keeps_descriptors=True) as api:
        gateway.ws_broker.start()
        gateway.nginx.start()
        load = make_load(gateway, 4000, CLIENTS, refusals=set())
        for _ in range(6):
            go_on(load)
            api.restart()
        go_on(load)
        check_that_none_failed(load, gateway)
        assert 0 < api.most_stored <= 2 * CLIENTS and not api.stored
    assert gateway.api_fcgi.popen.returncode == 0


def test_phones_come_back_to_a_killed_broker_and_nothing_is_lost_or_doubled(
        make_gateway, make_load, make_phones):
    gateway = make_gateway()
    with Supervisor(gateway.ws_broker, "broker") as broker:
        gateway.api_fcgi.start()
        gateway.nginx.start()
        phones = make_phones(gateway, 10, *FAST)
        load = make_load(gateway, 300, CLIENTS, refusals=set())
        for kills in range(1, 6):
            go_on(load, 20)
            broker.kill()
            broker.wait_ready(kills + 1)
            go_on(load, 20)
        check_that_none_failed(load, gateway)
        settle_and_check(gateway, load.promised, [phones])
        wait_for(lambda: len(gateway.api.devices()) == 10, "the phones to be back")


def test_a_socket_that_was_given_stays_when_the_program_ends(make_gateway):
    """Who comes meanwhile waits for the next one."""
    gateway = make_gateway()
    with Supervisor(gateway.api_fcgi, "api") as api:
        api.restart()
        gateway.ws_broker.start()
        gateway.nginx.start()
        gateway.api.send()
    assert (gateway.folder / "run/api.sock").exists()
