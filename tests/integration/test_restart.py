"""Each of the three processes is restarted, or killed, while messages are sent."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.api import Api
from harness.gateway import LIMIT_SECONDS
from harness.phone_sim import PhoneSim
from harness.waiting import LOAD_LIMIT_SECONDS, wait_for

FAST = ("--send-ms", "1-20", "--report-ms", "1-20")


@pytest.fixture(params=["basic", "assured"])
def level(request):
    return request.param


def options_of(level, gateway):
    """What makes phone-sim speak that level."""
    if level == "basic":
        return ()
    return ("--assured", "--journal", gateway.folder / "phone.journal")


class Clients:
    """Several clients that send `total` messages and try again where they were not accepted."""

    def __init__(self, gateway, total, threads=8, headers=None):
        self.gateway = gateway
        self.headers = headers
        self.accepted = []
        self.refusals = 0
        self._numbers = iter(range(total))
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads)
        self._work = [self._pool.submit(self._send) for _ in range(threads)]

    def _next_number(self):
        with self._lock:
            return next(self._numbers, None)

    def _send(self):
        api = Api(self.gateway.url, self.gateway.api_key())
        while (number := self._next_number()) is not None:
            body = {"phone_number": f"+1{number:010}", "message": f"message {number}"}
            while (message := self._try(api, body)) is None:
                pass
            with self._lock:
                self.accepted.append(message["message_id"])
        api.close()

    def _try(self, api, body):
        """The accepted message; None where it certainly was not accepted."""
        answer = api.request("POST", "/api/send-sms", json=body, headers=self.headers)
        if answer.status_code == 202:
            return answer.json()
        assert answer.status_code in (502, 503), answer.text
        self.refusals += 1
        return None

    def wait_accepted(self, count):
        wait_for(lambda: len(self.accepted) >= count, f"{count} messages to be accepted", LOAD_LIMIT_SECONDS)

    def finish(self):
        for work in self._work:
            work.result(timeout=LOAD_LIMIT_SECONDS)
        self._pool.shutdown()
        assert len(set(self.accepted)) == len(self.accepted)
        return self.accepted


def wait_delivered(gateway, count, limit=LOAD_LIMIT_SECONDS):
    def delivered():
        rows = gateway.query("SELECT count FROM message_count WHERE status = 5")
        return rows[0][0] >= count

    wait_for(delivered, f"{count} messages to be delivered", limit)


def statuses(gateway):
    """status number -> how many messages."""
    return dict(gateway.query("SELECT status, count(*) FROM message GROUP BY status"))


def test_every_message_is_sent_once_by_fifty_phones_while_api_and_broker_restart(make_gateway, level):
    """The promise as a whole: all delivered, each sent once, spread evenly."""
    gateway = make_gateway().start()
    total = 2_000
    # After the restart phones come back within half a second of each other; the radio is so slow
    # that this does not decide who sends how much.
    phones = PhoneSim(gateway, 50, "--send-ms", "80-120", "--report-ms", "1-20",
                      *options_of(level, gateway))
    clients = Clients(gateway, total)

    clients.wait_accepted(total // 4)
    gateway.api_fcgi.stop()
    gateway.api_fcgi.start()
    clients.wait_accepted(total // 2)
    gateway.ws_broker.stop()
    gateway.ws_broker.start()

    ids = clients.finish()
    wait_delivered(gateway, total)
    assert statuses(gateway) == {5: total}
    assert phones.sent() == {message_id: 1 for message_id in ids}
    shares = phones.sent_by_phone().values()
    assert len(shares) == 50
    # A phone that comes back late has less, and on a busy machine some come seconds late.
    assert all(total / 50 / 3 <= share <= total / 50 * 2 for share in shares), sorted(shares)
    phones.stop()


@pytest.mark.parametrize("victim", ["api_fcgi", "ws_broker", "nginx"])
def test_no_accepted_message_is_lost_or_sent_twice_when_a_process_is_killed(make_gateway, victim,
                                                                            level):
    """kill -9 in mid-work, three times. What was on its way to a basic phone may end as `accepted`,
    what was on its way to one with a journal is delivered; nothing is sent twice."""
    total = 800
    gateway = make_gateway(REPORT_TIMEOUT_SECONDS=1).start()
    phones = PhoneSim(gateway, 10, *FAST, *options_of(level, gateway))
    answered = []
    stop = threading.Event()

    def send_until_told():
        api = Api(gateway.url, gateway.api_key())
        while not stop.is_set() and len(answered) < total:
            try:
                answer = api.request("POST", "/api/send-sms", json={
                    "phone_number": "+1234567890", "message": "text"})
            except Exception:  # noqa: BLE001  nginx is gone: nobody knows
                continue
            if answer.status_code == 202:
                answered.append(answer.json()["message_id"])
        api.close()

    threads = [threading.Thread(target=send_until_told) for _ in range(4)]
    for thread in threads:
        thread.start()
    process = getattr(gateway, victim)
    for part in (1, 2, 3):
        wait_for(lambda: len(answered) >= part * total // 4, "the middle of the work", LOAD_LIMIT_SECONDS)
        process.kill()
        process.start()
    for thread in threads:
        thread.join()
    stop.set()
    # A basic phone's reports, and frames to it, end with the broker or with nginx.
    ends = {2, 5} if level == "basic" and victim != "api_fcgi" else {5}
    end = wait_for(lambda: set(found := statuses(gateway)) <= ends and found, "everything to end", LOAD_LIMIT_SECONDS)

    stored = {row[0] for row in gateway.query("SELECT lower(hex(id)) FROM message")}
    assert {message_id.replace("-", "") for message_id in answered} <= stored
    sent = phones.sent()
    assert set(sent.values()) == {1}
    # What is not delivered was on its way to a phone at one of the three moments.
    assert end.get(2, 0) <= 3 * 10 * 8
    if victim == "api_fcgi" or level == "assured":
        assert end == {5: len(stored)}
    phones.stop()


def test_a_reload_of_nginx_disturbs_no_client(make_gateway):
    total = 600
    gateway = make_gateway().start()
    phones = PhoneSim(gateway, 10, *FAST)
    # A request on a kept connection may meet its end: that is HTTP's, not the reload's.
    clients = Clients(gateway, total, threads=4, headers={"Connection": "close"})
    for part in (1, 2, 3):
        clients.wait_accepted(part * total // 4)
        gateway.nginx.reload()
    ids = clients.finish()
    assert clients.refusals == 0
    wait_delivered(gateway, total)
    assert phones.sent() == {message_id: 1 for message_id in ids}
    phones.stop()


def test_phones_that_come_and_go_lose_nothing_that_they_saw(make_gateway, level):
    """Connections that break without a word, all the time; a phone keeps its reports."""
    total = 600
    gateway = make_gateway(REPORT_TIMEOUT_SECONDS=1).start()
    phones = PhoneSim(gateway, 10, *FAST, "--disconnect-every", "1-3", *options_of(level, gateway))
    ids = Clients(gateway, total, threads=2).finish()
    open_statuses = "0, 3, 4" if level == "basic" else "0, 1, 2, 3, 4"
    wait_for(lambda: gateway.query(f"SELECT count(*) FROM message WHERE status IN ({open_statuses})")
             == [(0,)], "everything to end", LOAD_LIMIT_SECONDS)
    # A message that a phone has sent is `dispatched` here until its report arrives.
    wait_for(lambda: statuses(gateway).get(5) == len(phones.sent()), "the last reports")
    sent = phones.sent()
    assert set(sent) <= set(ids) and set(sent.values()) == {1}
    end = statuses(gateway)
    assert set(end) <= {2, 5}
    assert level == "basic" or end == {5: total}
    phones.stop()


def test_all_three_restart_together_and_go_on(make_gateway):
    gateway = make_gateway().start()
    waiting = [gateway.api.send(message=f"text {i}")["message_id"] for i in range(20)]
    for process in gateway.processes:
        process.stop()
    for process in reversed(gateway.processes):  # in any order
        process.start()
    phones = PhoneSim(gateway, 2, *FAST)
    wait_delivered(gateway, len(waiting), LIMIT_SECONDS)
    assert phones.sent() == {message_id: 1 for message_id in waiting}
    phones.stop()
