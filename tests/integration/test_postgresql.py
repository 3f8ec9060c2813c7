"""A gateway whose database is PostgreSQL, of one node and of two: the same programs, API and protocol."""

import itertools
import json
import shutil
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness.api import Api
from harness.clock import Clock
from harness.gateway import programs_folder
from harness.phone import Phone, WorkingPhone
from harness.postgresql import Pooler, query
from harness.waiting import LIMIT_SECONDS, wait_for
from harness.webhook_receiver import OK, Receiver

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture(scope="module")
def nodes(server, module_gateway):
    """Two nodes of one database, which hear of each other's commits or not at all: no sweep comes before the end. The first
    delivers its events to webhooks."""
    url = server.make_database("sms")
    first, second = (module_gateway(DATABASE_URL=url, NODE_NAME=name, WEBHOOK_LOOPBACK="allowed", SWEEP_INTERVAL_SECONDS=3600,
                                    STORE_TIMEOUT_MS=1500, PRESENCE_LEASE_SECONDS=5)
                     for name in ("alpha", "beta"))
    first.start()
    second.start_beside(first)
    first.webhook_sender.start()
    return first, second


def name_phone():
    return f"phone-{next(numbers)}"


def test_an_sms_goes_all_the_way_and_every_event_reaches_a_webhook(nodes):
    gateway = nodes[0]
    receiver = Receiver(hook=[OK])
    created = gateway.api.request("POST", "/api/webhooks", json={"url": receiver.url("hook"), "types": ["message.*", "inbox.*"]})
    assert created.status_code == 201, created.text
    phone = Phone(gateway, name_phone(), {"device_name": "Pixel", "battery_level": 80})
    message = gateway.api.send("+4915112345678", "Grüße 👋")
    sms = phone.receive_sms()
    assert (sms["message_id"], sms["message"]) == (message["message_id"], "Grüße 👋")
    for status in ("sending", "sent", "delivered"):
        phone.report(sms["message_id"], status)
        gateway.api.wait_status(message["message_id"], status)
    phone.send({"type": "sms_received", "received_id": "1", "from": "+491701234567", "message": "Ja"})
    assert phone.receive()["type"] == "sms_received_ack"
    assert [sms["message"] for sms in gateway.api.get("/api/inbox").json()["incoming"]] == ["Ja"]
    wait_for(lambda: {"message.delivered", "inbox.received"} <= {request.event["type"] for request in receiver.requests},
             "the events to arrive", LIMIT_SECONDS)
    phone.close()
    gateway.api.request("DELETE", f"/api/webhooks/{created.json()['webhook_id']}")
    receiver.close()


def test_the_operators_tool_works_on_it_and_refuses_what_is_about_a_file(nodes):
    gateway = nodes[0]
    for words, expected in ((("statistics",), "queued"), (("keys", "list"), "test"), (("database", "migrate"), "postgresql://postgres@/sms")):
        status, printed, errors = gateway.command(*words)
        assert status == 0 and expected in printed, (words, printed, errors)
    for words in (("database", "check"), ("database", "compact"), ("backup", "create"), ("restore", "x.db")):
        status, _, errors = gateway.command(*words)
        assert status == 2 and "deploy/POSTGRESQL.md" in errors, (words, errors)
    assert gateway.query("SELECT count(*) FROM pg_stat_activity WHERE datname = 'sms'")[0][0] <= 80
    assert gateway.api.get("/readyz").status_code == 200
    assert 'sms_gateway_messages{status="delivered"}' in gateway.api.get("/metrics").text


def test_what_either_node_accepts_is_sent_once_by_phones_of_both(nodes):
    phones = [WorkingPhone(node, name_phone()) for node in nodes]
    sent = [node.api.send(f"+49151123456{number:02}", "Hello")["message_id"] for number in range(20) for node in nodes]
    for message_id in sent:
        nodes[0].api.wait_status(message_id, "sent")
    got = [message_id for phone in phones for message_id in phone.ids()]
    assert sorted(got) == sorted(sent)
    for phone in phones:
        phone.close()


def test_a_message_reaches_a_phone_of_the_other_node_at_once_also_when_the_doorbells_have_lost_their_connections(nodes):
    first, second = nodes
    phone = WorkingPhone(second, name_phone())
    for text in ("first", "then", "again"):
        message_id = first.api.send("+4915112345678", text)["message_id"]
        first.api.wait_status(message_id, "sent")
        ended = first.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                            " WHERE datname = 'sms' AND application_name = 'sms-gateway doorbell'")[0][0]
        assert ended >= 4  # an API and a broker of each node
    assert [frame["message"] for frame in phone.received] == ["first", "then", "again"]
    wait_for(lambda: second.api.get("/metrics").text.count('sms_gateway_node_listening{process="ws-broker"} 1\n'), "the broker to listen again")
    phone.close()


def test_a_phone_that_connects_to_the_other_node_is_closed_on_the_first_at_once(nodes):
    times = []
    for older, newer in (nodes, nodes[::-1], nodes):
        device_id = name_phone()
        left = Phone(older, device_id)
        phone = Phone(newer, device_id)
        began = time.monotonic()
        assert left.closed()[0] == 4001
        times.append(time.monotonic() - began)
        message_id = older.api.send("+4915112345678", "Hello", device_id=device_id)["message_id"]
        assert phone.receive_sms()["message_id"] == message_id
        phone.report(message_id, "sent")
        newer.api.wait_status(message_id, "sent")
        phone.close()
    assert min(times) < 0.4, times  # a broker that is told nothing looks every other second


def test_a_key_that_one_node_revokes_is_refused_by_the_other_at_once(nodes):
    first, second = nodes
    times = []
    for _ in range(3):
        key = first.make_key("read")
        api = Api(second.url, lambda key=key: key)
        assert api.get("/api/sms?limit=1").status_code == 200  # in a cache of the second from now on
        assert first.api.request("DELETE", f"/api/keys/{key[4:16]}").status_code == 200
        began = time.monotonic()
        wait_for(lambda api=api: api.get("/api/sms?limit=1").status_code == 401, "the key to be refused")
        times.append(time.monotonic() - began)
        api.close()
    assert min(times) < 0.3, times


def test_a_token_that_one_node_revokes_closes_its_phone_on_the_other(nodes):
    phone = Phone(nodes[1], name_phone())
    assert nodes[0].api.request("DELETE", f"/api/devices/{phone.device_id}").status_code == 200
    assert phone.closed()[0] == 4003


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_node_whose_clock_is_a_day_off_harms_nobody(server, make_gateway):
    url = server.make_database("days")
    nodes = [make_gateway(DATABASE_URL=url, NODE_NAME=name, PRESENCE_LEASE_SECONDS=3, SWEEP_INTERVAL_SECONDS=1)
             for name in ("right", "ahead", "behind")]
    for node, days in zip(nodes[1:], (1, -1)):
        Clock(node).set(days * 86400)
    nodes[0].start()
    for node in nodes[1:]:
        node.start_beside(nodes[0])
    phones = [WorkingPhone(node, f"phone-of-{node.environment['NODE_NAME']}") for node in nodes]
    away = "phone-that-is-away"
    nodes[0].device_token(away)
    began = datetime.now(timezone.utc)
    at = began + timedelta(seconds=2)
    timed, late = ([node.api.send(f"+49151000000{number}", "on time", **options)["message_id"]
                    for number, node in enumerate(nodes)]
                   for options in ({"send_at": at.isoformat()}, {"ttl_seconds": 3, "device_id": away}))
    sent = [node.api.send(f"+4915122222{number:02}", "in order")["message_id"] for number in range(10) for node in nodes]

    def renewed(times):
        leases = {name: until for name, until in nodes[0].query("SELECT name, lease_until_ms FROM broker")}
        return len(leases) == 3 and min(leases.values()) > began.timestamp() * 1000 + times * 3000 and leases

    wait_for(lambda: renewed(4), "the brokers to renew their leases four times")
    for node in nodes:
        for message_id in timed:
            message = node.api.wait_status(message_id, "sent")
            assert at <= moment(message["times"]["sent"]) < at + timedelta(seconds=LIMIT_SECONDS)
        for message_id in late:
            message = node.api.wait_status(message_id, "expired")
            assert timedelta(seconds=2.9) < moment(message["times"]["expired"]) - moment(message["created_at"]) < timedelta(minutes=2)
        listed = [message["message_id"] for message in node.api.get("/api/sms?limit=30").json()["messages"]]
        assert sorted(listed) == sorted(sent)
        for first in range(len(nodes)):  # of nodes that differ by a round trip or so two neighbours may be the other way round
            assert [message_id for message_id in listed if message_id in sent[first::3]] == sent[first::3][::-1]
        assert abs(moment(node.api.message(sent[0])["created_at"]) - began) < timedelta(minutes=2)
        assert not node.ws_broker.log().count("another one has ended it"), node.ws_broker.log()
    got = sorted(message_id for phone in phones for message_id in phone.ids())
    assert got == sorted(timed + sent)
    for phone in phones:
        phone.close()


def test_nodes_are_upgraded_one_after_another_as_long_as_the_schema_allows_it(nodes):
    first, second = nodes

    def set_schema(version, compatible_from):
        first.query(f"UPDATE schema_version SET version = {version}, compatible_from = {compatible_from}")

    set_schema(2, 1)
    second.api_fcgi.stop()
    second.api_fcgi.start()
    assert first.api.get("/readyz").status_code == 200
    phone = WorkingPhone(first, name_phone())
    second.api.wait_status(second.api.send("+4915112345678", "Hello")["message_id"], "sent")
    phone.close()
    set_schema(2, 2)
    wait_for(lambda: "schema_changed" in first.api.get("/readyz").text, "the node to be not ready")
    status, _, errors = first.command("statistics")
    assert status == 1 and "install a newer gateway" in errors
    set_schema(1, 1)
    wait_for(lambda: first.api.get("/readyz").status_code == 200, "the node to be ready")


@pytest.fixture
def make_pooler(server):
    made = []

    def make(mode):
        made.append(Pooler(server, mode))
        return made[-1]

    yield make
    for pooler in made:
        pooler.stop()


def test_a_pooler_that_shares_sessions_is_refused_with_what_to_change(server, tmp_path, make_pooler):
    server.make_database("shared")
    environment = {"PATH": "/usr/bin", "DATABASE_URL": make_pooler("transaction").url_of("shared")}
    for program, *words in (("sms-gateway", "database", "migrate"), ("ws-broker",)):
        result = subprocess.run([programs_folder("release") / program, *words], cwd=tmp_path, env=environment, capture_output=True,
                                text=True, timeout=LIMIT_SECONDS, check=False)
        assert result.returncode == 1 and "set pool_mode = session" in result.stderr, result
    assert query(server.dsn_of("shared"), "SELECT count(*) FROM pg_class WHERE relname = 'message'") == [(0,)]


def test_a_pooler_with_a_session_for_each_client_is_as_good_as_none(server, make_gateway, make_pooler):
    server.make_database("pooled")
    gateway = make_gateway(DATABASE_URL=make_pooler("session").url_of("pooled"), SWEEP_INTERVAL_SECONDS=3600, API_WORKERS=2).start()
    phone = WorkingPhone(gateway, name_phone())
    gateway.api.wait_status(gateway.api.send("+4915112345678", "Hello")["message_id"], "sent")
    phone.close()


def test_the_guard_refuses_what_the_gateway_would_not_do_and_lets_it_do_the_rest(nodes):
    first, second = nodes
    assert first.command("database", "guard", "on")[0] == 0
    assert first.command("database", "guard", "maybe")[0] == 2
    phone = WorkingPhone(second, name_phone())
    message_id = first.api.send("+4915112345678", "Hello")["message_id"]
    first.api.wait_status(message_id, "sent")
    again = (f"UPDATE message_state SET status = 0, phase = 0, lane = '', device_id = NULL WHERE seq = (SELECT seq FROM message WHERE id = "
             f"decode('{message_id.replace('-', '')}', 'hex')) RETURNING 1")
    with pytest.raises(subprocess.CalledProcessError):
        first.query(again)
    assert first.api.message(message_id)["status"] == "sent"
    assert json.loads(first.command("database", "guard", "off", "--json")[1])["guard"] is False
    assert first.query(again + "; ROLLBACK") == [(1,)]
    phone.close()


def test_a_second_process_of_a_node_and_of_the_sender_is_refused(nodes):
    first = nodes[0]
    for program, words in (("api-fcgi", "NODE_NAME"), ("ws-broker", "NODE_NAME"), ("webhook-sender", "all nodes")):
        result = subprocess.run([programs_folder("release") / program], cwd=first.folder, env=first.environment | {"RUNTIME_DIR": "other"},
                                capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
        assert result.returncode == 1 and words in result.stderr, result


def test_clients_are_told_to_come_again_while_the_server_is_away_and_nothing_has_to_be_restarted(nodes, server):
    first, second = nodes
    phone = WorkingPhone(second, name_phone())
    before = first.api.send("+4915112345678", "before")["message_id"]
    second.api.wait_status(before, "sent")
    server.pause()
    try:
        answer = first.api.request("POST", "/api/send-sms", json={"phone_number": "+4915112345678", "message": "away"})
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1, answer.text
        wait_for(lambda: first.api.get("/readyz").status_code == 503, "the node to be not ready")
        assert first.api.send_refused(503, "database_unreachable")
        error, = first.api.get("/readyz").json()["errors"]
        assert (error["check"], error["code"]) == ("database", "database_unreachable") and "DATABASE_URL" in error["detail"], error
        assert "See whether its server runs" in first.api_fcgi.log() and "disk" not in first.api_fcgi.log()
    finally:
        server.resume()
    wait_for(lambda: all(node.api.get("/readyz").status_code == 200 for node in nodes), "both nodes to be ready")
    after = first.api.send("+4915112345678", "after")["message_id"]
    second.api.wait_status(after, "sent")
    assert [phone.ids().count(message_id) for message_id in (before, after)] == [1, 1]
    phone.close()


def test_what_a_claim_took_whose_commit_is_not_answered_in_time_is_sent_once(server, make_gateway):
    url = server.make_database("doubt")
    first, second = (make_gateway(DATABASE_URL=url, NODE_NAME=name, STORE_TIMEOUT_MS=1500, SWEEP_INTERVAL_SECONDS=3600, API_WORKERS=2)
                     for name in ("alpha", "beta"))
    first.start()
    second.start_beside(first)
    phone = WorkingPhone(first, "phone")
    ids = [first.api.send()["message_id"] for _ in range(3)]  # after them all statements of a claim are sent with its COMMIT
    for message_id in ids:
        first.api.wait_status(message_id, "sent")
    query(url, "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NULL; END';"
               " CREATE TRIGGER dawdle BEFORE INSERT ON message_event EXECUTE FUNCTION dawdle()")
    message_id = first.api.send()["message_id"]
    wait_for(lambda: "the database does not answer" in first.ws_broker.log(), "the broker to give up")
    phone.close()
    other = WorkingPhone(second, "other")
    query(url, "DROP TRIGGER dawdle ON message_event")  # after the claim is committed
    second.api.wait_status(message_id, "sent")  # no sweep would come in time
    events = [event["status"] for event in second.api.get(f"/api/sms/{message_id}/events").json()["events"]]
    assert events == ["queued", "accepted", "queued", "accepted", "sent"], events
    assert (phone.ids(), other.ids()) == (ids, [message_id])
    other.close()


@pytest.mark.parametrize("url, words", [
    ("postgresql://postgres@/none?host={folder}", 'FATAL:  database'),
    ("postgresql://nobody@/postgres?host={folder}", 'FATAL:  role'),
    ("postgresql://postgres@/postgres?host=/tmp/no-such-folder", "No such file"),
    ("postgresql://postgres@127.0.0.1:1/postgres", "Connection refused"),
    ("postgresql://postgres@/postgres?host={folder}&colour=red", "colour"),
])
def test_a_url_that_cannot_be_used_ends_the_start_with_what_is_wrong(server, tmp_path, url, words):
    environment = {"PATH": "/usr/bin", "DATABASE_URL": url.format(folder=server.folder), "STORE_TIMEOUT_MS": "500"}
    result = subprocess.run([programs_folder("release") / "api-fcgi"], cwd=tmp_path, env=environment, capture_output=True, text=True,
                            timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 1 and words in result.stderr, result
    assert not (tmp_path / "data").exists()


def test_without_the_backend_the_start_says_what_builds_it(tmp_path):
    shutil.copy(programs_folder("release") / "api-fcgi", tmp_path)
    result = subprocess.run([tmp_path / "api-fcgi"], cwd=tmp_path, env={"DATABASE_URL": "postgresql://a@/b"}, capture_output=True, text=True,
                            timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 1 and "make postgresql builds it" in result.stderr
