"""api-fcgi over FastCGI: kept connections, partial requests, a full table of files, a stop."""

import contextlib
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.faults import write_lock_held
from harness.fastcgi import PARAMS, STDIN, Connection, record, request
from harness.gateway import Gateway
from harness.waiting import wait_for

MESSAGE = json.dumps({"phone_number": "+1234567890", "message": "text"}).encode()


@contextlib.contextmanager
def connections(gateway, count):
    opened = [Connection(gateway) for _ in range(count)]
    yield opened
    for connection in opened:
        connection.close()


def send_sms(connection, **more):
    status, answer = connection.ask("POST", "/api/send-sms", MESSAGE, **more)
    assert status == 202
    return answer["message_id"]


def test_a_kept_connection_serves_many_requests(make_gateway):
    gateway = make_gateway().start()
    with connections(gateway, 1) as (connection,):
        ids = {send_sms(connection) for _ in range(100)}
    assert len(ids) == 100
    assert gateway.query("SELECT count(*) FROM message") == [(100,)]


def test_a_connection_that_is_not_kept_is_closed_after_its_answer(make_gateway):
    gateway = make_gateway().start()
    with connections(gateway, 1) as (connection,):
        send_sms(connection, keep=False)
        assert connection.is_closed()


def test_idle_connections_do_not_starve_others(make_gateway):
    """libfcgi alone would tie each of two threads to one of 64 connections, for ever."""
    gateway = make_gateway(API_WORKERS=2).start()
    with connections(gateway, 64) as opened:
        for connection in opened:
            send_sms(connection)
        for connection in reversed(opened):  # all are idle now, and each is served again
            send_sms(connection)
        gateway.api.send()


def test_parked_requests_hold_no_worker(make_gateway):
    """While the database is locked, one worker still answers everything that needs no write."""
    gateway = make_gateway(API_WORKERS=1, STORE_TIMEOUT_MS=30000).start()
    with connections(gateway, 20) as opened:
        with write_lock_held(gateway):
            for connection in opened:
                connection.send(connection.request("POST", "/api/send-sms", MESSAGE))
            with connections(gateway, 1) as (other,):
                assert other.ask("GET", "/livez") == (200, {"status": "live"})
        assert [connection.answer()[0] for connection in opened] == [202] * 20


def test_unread_long_answers_do_not_delay_others(make_gateway):
    """More of them than there are processors, on which alone workers look for requests."""
    count = os.cpu_count() + 2
    gateway = make_gateway(API_WORKERS=count + 1, API_IO_TIMEOUT_SECONDS=300).start()
    long = json.dumps({"phone_number": "+1234567890", "message": "x" * 1500}).encode()
    with connections(gateway, count) as opened:
        for _ in range(400):  # their list is longer than a socket's buffer
            opened[0].ask("POST", "/api/send-sms", long)
        for connection in opened:
            connection.send(connection.request("GET", "/api/sms", query="limit=1000"))
            assert connection.socket.recv(1, socket.MSG_PEEK)
        gateway.api.send()
        for connection in opened:
            status, page = connection.answer()
            assert (status, page["count"]) == (200, 400)


def few_files(gateway):
    """So many connections are more than api-fcgi has files for."""
    limit = 120
    resource.prlimit(gateway.api_fcgi.popen.pid, resource.RLIMIT_NOFILE, (limit, limit))
    return limit


def test_kept_connections_give_their_files_to_others(make_gateway):
    gateway = make_gateway().start()
    with contextlib.ExitStack() as kept:
        for _ in range(few_files(gateway)):  # none needs to wait for those before it to end
            connection = kept.enter_context(contextlib.closing(Connection(gateway)))
            assert connection.ask("GET", "/livez") == (200, {"status": "live"})


def test_a_client_without_a_free_descriptor_is_refused_at_once(make_gateway):
    gateway = make_gateway(API_IO_TIMEOUT_SECONDS=300).start()
    message = json.dumps({"phone_number": "+1234567890", "message": "text"}).encode()
    with connections(gateway, few_files(gateway)) as half, connections(gateway, 20) as opened:
        # Those of the first that have files have sent nothing yet, and are not sent away.
        whole = half[0].request("POST", "/api/send-sms", message)
        for connection in opened:
            connection.send(whole)
        answers = [connection.answer() for connection in opened]
        assert {status for status, _ in answers} == {503}
        assert {body["code"] for _, body in answers} == {"not_ready"}
    wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "files to be there again")
    assert gateway.query("SELECT count(*) FROM message") == [(0,)]
    gateway.api.send()


def tasks(gateway):
    """The threads of api-fcgi."""
    return list(Path(f"/proc/{gateway.api_fcgi.popen.pid}/task").iterdir())


@contextlib.contextmanager
def stopped(gateway):
    """What is sent meanwhile, api-fcgi finds all at once."""
    gateway.api_fcgi.signal(signal.SIGSTOP)
    wait_for(lambda: all("\nState:\tT" in (task / "status").read_text() for task in tasks(gateway)),
             "all threads to stop")
    yield
    gateway.api_fcgi.signal(signal.SIGCONT)


def test_a_long_answer_does_not_delay_the_requests_beside_it(make_gateway):
    gateway = make_gateway(API_WORKERS=4, API_IO_TIMEOUT_SECONDS=300).start()
    long = json.dumps({"phone_number": "+1234567890", "message": "x" * 1500}).encode()
    with connections(gateway, 12) as (reader, *others):
        for _ in range(400):
            reader.ask("POST", "/api/send-sms", long)
        with stopped(gateway):
            reader.send(reader.request("GET", "/api/sms", query="limit=400"))
            for connection in others:
                connection.send(connection.request("POST", "/api/send-sms", MESSAGE))
        assert [connection.answer()[0] for connection in others] == [202] * len(others)
        status, page = reader.answer()  # and not before
        assert (status, page["count"]) == (200, 400)


def test_where_many_requests_come_at_once_the_workers_wait_their_turn_for_a_while(make_gateway):
    gateway = make_gateway().start()

    def policies():
        return {os.sched_getscheduler(int(task.name)) for task in tasks(gateway)}

    assert policies() == {os.SCHED_OTHER}
    with connections(gateway, 32) as opened:
        with stopped(gateway):
            for connection in opened:
                connection.send(connection.request("POST", "/api/send-sms", MESSAGE))
        assert [connection.answer()[0] for connection in opened] == [202] * len(opened)
    assert os.SCHED_BATCH in policies()
    wait_for(lambda: policies() == {os.SCHED_OTHER}, "the workers to be as at first")


@pytest.mark.parametrize("piece", [
    b"\x01",
    request("GET", "/livez")[:20],
    request("POST", "/api/send-sms", MESSAGE)[:-8],
], ids=["a byte", "half the head", "no end of the body"])
def test_half_a_request_is_given_up_and_its_worker_is_free_again(make_gateway, piece):
    gateway = make_gateway(API_WORKERS=1, API_IO_TIMEOUT_SECONDS=1).start()
    with connections(gateway, 1) as (half,):
        half.send(piece)
        gateway.api.send()  # waits for the only worker
        with contextlib.suppress(ConnectionError):
            half.answer()  # what came of the body is answered, or nothing was
        assert half.is_closed()
    assert gateway.query("SELECT count(*) FROM message") == [(1,)]


@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\xff" * 4096,
    record(99, b"unknown record"),
    record(PARAMS, b"\xff\xff\xff\xff\xff\xff\xff\xff" * 4),
    request("GET", "/livez")[:16] + record(PARAMS, b"\xff\xff\xff\xff\xff\xff\xff\xff") +
    record(PARAMS) + record(STDIN),
    record(STDIN, b"body first"),
    bytes(range(256)) * 64,
], ids=["http", "ones", "type", "lengths", "length overflow", "stdin first", "all bytes"])
def test_garbage_on_the_socket_is_harmless(make_gateway, garbage):
    gateway = make_gateway(API_WORKERS=1, API_IO_TIMEOUT_SECONDS=1).start()
    with connections(gateway, 1) as (bad,):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            bad.send(garbage)
        gateway.api.send()


@pytest.mark.parametrize("length", [len(MESSAGE) + 1, len(MESSAGE) - 1, 0])
def test_a_body_of_another_length_than_announced_is_refused(make_gateway, length):
    gateway = make_gateway().start()
    with connections(gateway, 1) as (connection,):
        status, answer = connection.ask("POST", "/api/send-sms", MESSAGE, length=length)
        assert (status, answer["code"]) == (400, "malformed_request")
    assert gateway.query("SELECT count(*) FROM message") == [(0,)]


def test_a_body_over_the_limit_is_refused_also_without_nginx(make_gateway):
    gateway = make_gateway(MAX_BODY_BYTES=2000).start()
    with connections(gateway, 1) as (connection,):
        status, answer = connection.ask("POST", "/api/send-sms", b"x" * 300_000)
        assert (status, answer["code"]) == (413, "body_too_large")
        send_sms(connection)


def test_without_free_files_everybody_is_answered_and_it_passes(make_gateway):
    gateway = make_gateway().start()
    pid = gateway.api_fcgi.popen.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with connections(gateway, 8) as opened:
        for connection in opened:
            send_sms(connection)
        in_use = len(subprocess.check_output(["ls", f"/proc/{pid}/fd"]).split())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use, before[1]))
        with connections(gateway, 4) as more:
            for connection in more:
                connection.send(connection.request("POST", "/api/send-sms", MESSAGE))
            statuses = [connection.answer()[0] for connection in more]
        assert "no file descriptors left" in gateway.api_fcgi.log()
        assert set(statuses) <= {202, 503}
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    with connections(gateway, 1) as (connection,):
        send_sms(connection)
    assert gateway.query("SELECT count(*) FROM message") == [(9 + statuses.count(202),)]


def test_sigterm_answers_what_was_read_and_loses_no_request(make_gateway):
    """Clients that send all the time: each request is answered, or was certainly not accepted."""
    gateway = make_gateway().start()
    answered, lost = [], []

    def send_until_the_end():
        with contextlib.suppress(ConnectionError), connections(gateway, 1) as (connection,):
            while True:
                try:
                    connection.send(connection.request("POST", "/api/send-sms", MESSAGE))
                except BrokenPipeError:
                    return  # refused before it was read: certainly not accepted
                try:
                    answered.append(connection.answer()[1]["message_id"])
                except ConnectionError:
                    lost.append(1)
                    return

    threads = [threading.Thread(target=send_until_the_end) for _ in range(16)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(answered) > 200, "some requests")
    gateway.api_fcgi.stop()
    for thread in threads:
        thread.join()
    assert len(set(answered)) == len(answered)
    assert gateway.query("SELECT count(*) FROM message") == [(len(answered),)]
    assert not lost


def test_sigterm_does_not_wait_for_idle_connections(make_gateway):
    gateway = make_gateway(DRAIN_TIMEOUT_SECONDS=300).start()
    with connections(gateway, 10) as opened:
        for connection in opened:
            send_sms(connection)
        gateway.api_fcgi.stop()
        assert all(connection.is_closed() for connection in opened)


def test_sigterm_answers_parked_requests_before_the_end(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=30000, DRAIN_TIMEOUT_SECONDS=30).start()
    with connections(gateway, 5) as opened:
        with write_lock_held(gateway):
            for connection in opened:
                connection.send(connection.request("POST", "/api/send-sms", MESSAGE))
            gateway.api_fcgi.signal(signal.SIGTERM)
            wait_for(lambda: not (gateway.folder / "run/api.sock").exists(), "the stop to begin")
        assert [connection.answer()[0] for connection in opened] == [202] * 5
        assert gateway.api_fcgi.wait() == 0
    assert gateway.query("SELECT count(*) FROM message") == [(5,)]


def test_a_stop_that_runs_out_of_time_ends_all_the_same(make_gateway):
    gateway = make_gateway(STORE_TIMEOUT_MS=3000, DRAIN_TIMEOUT_SECONDS=1).start()
    with write_lock_held(gateway), connections(gateway, 3) as opened:
        for connection in opened:
            connection.send(connection.request("POST", "/api/send-sms", MESSAGE))
        gateway.api_fcgi.stop()
        assert all(connection.is_closed() for connection in opened)
    assert gateway.query("SELECT count(*) FROM message") == [(0,)]


# ---- Connections go from worker to worker ----


def test_a_connection_goes_from_one_worker_to_another(tmp_path):
    """Whoever has answered on it, another worker finds it closed: under
    ThreadSanitizer, whatever the build of the other tests."""
    gateway = Gateway(tmp_path, "thread", {"API_WORKERS": 8})
    gateway.api_fcgi.start()
    kinds = [("GET", "/api/sms"), ("GET", "/livez"), None, ("POST", "/api/send-sms", MESSAGE)]
    orders = list(itertools.product(kinds, repeat=3))

    def come_and_go(number):
        for order in orders[number::6]:
            with connections(gateway, 9) as opened:
                for connection, kind in zip(opened, order * 3):
                    if kind:
                        connection.send(connection.request(*kind))
                for connection, kind in zip(opened[::2], (order * 3)[::2]):
                    # 429: a list too many at once
                    assert not kind or connection.answer()[0] in (200, 202, 429)

    gateway.api_key()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(come_and_go, range(6)))
    gateway.stop()  # which wants it to have nothing to report
