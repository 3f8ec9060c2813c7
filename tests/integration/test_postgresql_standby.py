"""A gateway of two nodes on PostgreSQL with a standby: what DATABASE_DURABILITY asks for, and a primary that is killed under load."""

import itertools
import json
import signal
import socket
import subprocess
import threading

import pytest

from harness.gateway import programs_folder
from harness.metrics import scrape
from harness.phone import Phone, WorkingPhone
from harness.postgresql import pair, query, url_of
from harness.waiting import LIMIT_SECONDS, wait_for

numbers = itertools.count(1)
SMS = {"phone_number": "+4915112345678", "message": "Hello"}


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture(scope="module")
def servers():
    """The primary and its standby; at the end the standby's too."""
    with pair() as made:
        yield made


@pytest.fixture(scope="module")
def nodes(servers, module_gateway):
    first, second = (module_gateway(DATABASE_URL=url_of(servers, "sms"), DATABASE_DURABILITY="standby", NODE_NAME=name,
                                    SWEEP_INTERVAL_SECONDS=1, STORE_TIMEOUT_MS=1500, PRESENCE_LEASE_SECONDS=5)
                     for name in ("alpha", "beta"))
    first.start()
    second.start_beside(first)
    return first, second


def assert_refused(program, environment, folder, words):
    result = subprocess.run([programs_folder("release") / program[0], *program[1:]], cwd=folder, capture_output=True, text=True,
                            env={"PATH": "/usr/bin", "DATABASE_DURABILITY": "standby"} | environment, timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 1 and words in result.stderr, result


def checks_of(gateway):
    """The faults of a gateway that is not ready; {} of one that is."""
    answer = gateway.api.get("/readyz?verbose")
    return {error["check"]: error["code"] for error in answer.json().get("errors", [])}


def count_states(gateway, where):
    return gateway.query(f"SELECT count(*) FROM message_state WHERE {where}")[0][0]


def sent_by(phones):
    return {message_id for phone in phones for message_id in phone.ids()}


def wait_ready(nodes):
    wait_for(lambda: all(node.api.get("/readyz").status_code == 200 for node in nodes), "the nodes to be ready")


def test_metrics_statistics_and_overview_tell_how_the_servers_are(servers, nodes):
    gateway = nodes[1]
    session = subprocess.Popen(["psql", "-X", "-q", servers[0].dsn_of("sms")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    session.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM message;\n")
    session.stdin.flush()
    wait_for(lambda: scrape(gateway).value("db_oldest_snapshot_seconds") >= 1, "the old snapshot to show")
    session.communicate("COMMIT;\n", LIMIT_SECONDS)
    found = scrape(gateway)
    assert [found.value(name) for name in ("db_standbys", "db_standby_missing")] == [1, 0]
    assert [found.value(name) for name in ("db_durability", "db_durability_asked")] == [2, 2]
    assert gateway.api.get("/api/overview").json()["database"]["durability"] == "standby"
    assert found.value("database_bytes") > 1_000_000 and found.value("db_replication_lag_bytes") < 1_000_000
    said = json.loads(gateway.command("statistics", "--json")[1])
    assert (said["server"]["standbys"], said["server"]["standby_missing"]) == (1, False)
    assert (said["durability"], said["durability_asked"]) == ("standby", "standby")
    assert "1 connected" in gateway.command("statistics")[1]
    servers[1].pause()
    try:
        wait_for(lambda: scrape(gateway).value("db_standby_missing") == 1, "the standby to be missed")
        assert scrape(gateway).value("db_standbys") == 0
        alerts = gateway.api.get("/api/overview").json()["alerts"]
        assert "standby_missing" in [alert["code"] for alert in alerts], alerts
    finally:
        servers[1].resume()
    wait_ready(nodes)
    assert scrape(gateway).value("db_standby_missing") == 0


def test_readiness_says_what_a_message_survives(servers, nodes):
    ready = nodes[0].api.get("/readyz?verbose").json()
    assert ready["durability"] == "standby" and ready["checks"]["durability"] == "ok"
    assert ready["unsafe_settings"] == ["fsync", "full_page_writes"]
    log = nodes[0].api_fcgi.log()
    assert log.count("PostgreSQL may lose messages in a crash") == 2 and "each commit waits for a standby" in log


def test_a_setting_that_is_changed_while_it_runs_is_noticed_at_once(servers, nodes, tmp_path):
    primary = servers[0]
    primary.set(synchronous_standby_names="", full_page_writes="on")
    try:
        wait_for(lambda: nodes[0].api.request("POST", "/api/send-sms", json=SMS).status_code == 503, "a message to be refused")
        nodes[0].api.send_refused(503, "no_standby")
        for program in ("api-fcgi", "ws-broker", "webhook-sender"):
            assert_refused([program], {"DATABASE_URL": primary.dsn_of("sms")}, tmp_path, "set synchronous_standby_names")
        assert checks_of(nodes[0]) == {"durability": "no_standby"}
        assert "commits no longer wait for a standby" in nodes[0].api_fcgi.log()
        found = scrape(nodes[0])
        assert [found.value(name) for name in ("db_durability", "db_durability_asked")] == [0, 2]  # fsync is off
        alerts = {alert["code"]: alert["detail"] for alert in nodes[0].api.get("/api/overview").json()["alerts"]}
        assert "commits wait for no standby" in alerts["durability_low"], alerts
    finally:
        primary.set(synchronous_standby_names="*")
    wait_ready(nodes)
    ready = nodes[0].api.get("/readyz?verbose").json()
    assert (ready["durability"], ready["unsafe_settings"]) == ("standby", ["fsync"])


def test_sessions_wait_for_the_standby_whatever_the_server_says(servers, nodes):
    servers[0].set(synchronous_commit="local")
    try:
        nodes[0].ws_broker.stop()  # its next sessions begin with that
        nodes[0].ws_broker.start()
        wait_ready(nodes)
        assert nodes[0].api.get("/readyz?verbose").json()["durability"] == "standby"
    finally:
        servers[0].set(synchronous_commit="on")


def test_without_the_standby_nothing_is_answered_2xx_and_nothing_hangs(servers, nodes, tmp_path):
    standby = servers[1]
    phone = WorkingPhone(nodes[1], f"phone-{next(numbers)}")
    standby.pause()
    try:
        for _ in range(2):
            answer = nodes[0].api.request("POST", "/api/send-sms", json=SMS)
            assert answer.status_code in (503, 504) and int(answer.headers["Retry-After"]) >= 1, answer.text
        wait_for(lambda: checks_of(nodes[0]) == {"durability": "no_standby"}, "it to be said")
        assert_refused(["sms-gateway", "database", "migrate"], {"DATABASE_URL": servers[0].dsn_of("sms")}, tmp_path,
                       "no standby that synchronous_standby_names means is connected")
    finally:
        standby.resume()
    wait_ready(nodes)
    after = nodes[0].api.send()["message_id"]
    nodes[0].api.wait_status(after, "sent")
    # What was on the primary alone may be a message; none is sent twice.
    wait_for(lambda: count_states(nodes[0], "status < 4") == 0, "all to be sent")
    assert len(phone.ids()) == len(set(phone.ids())) >= 1
    phone.close()


def test_a_commit_that_succeeds_with_a_warning_is_not_taken(servers, nodes):
    """An operator cancels what waits for the standby: the server says that it is committed, and warns that it is not there."""
    primary, standby = servers
    standby.pause()
    answers = []
    try:
        client = threading.Thread(target=lambda: answers.append(nodes[0].api.request("POST", "/api/send-sms", json=SMS)))
        client.start()
        wait_for(lambda: query(primary.dsn, "SELECT count(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                                            " WHERE wait_event = 'SyncRep') AS cancelled")[0][0] > 0, "a commit to wait")
        client.join()
        assert answers[0].status_code in (503, 504), answers[0].text
        assert any("a commit did not reach its standby" in process.log() for node in nodes for process in node.processes)
    finally:
        standby.resume()
    wait_ready(nodes)
    phone = WorkingPhone(nodes[0], f"phone-{next(numbers)}")  # it may be a message all the same, and is no other test's
    wait_for(lambda: count_states(nodes[0], "status < 4") == 0, "it to be sent")
    phone.close()


def freeze_inside_transaction(gateway, server, device_id):
    """Its broker stands still where it has asked for the rows of a claim: the server gives it their locks, and it does not write."""
    session = subprocess.Popen(["psql", "-X", "-q", server.dsn_of("sms")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    session.stdin.write(f"BEGIN; SELECT FROM device WHERE device_id = '{device_id}' FOR UPDATE;\n")
    session.stdin.flush()

    def wait_of(where):
        return "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sms-gateway' AND " + where
    gateway.api.send()
    wait_for(lambda: query(server.dsn, wait_of("wait_event_type = 'Lock'")) == [(1,)], "the claim to wait for the device")
    gateway.ws_broker.signal(signal.SIGSTOP)
    session.communicate("COMMIT;\n", LIMIT_SECONDS)
    is_inside = query(server.dsn, wait_of("state = 'idle in transaction'")) == [(1,)]
    if not is_inside:  # it waited for too long
        gateway.ws_broker.signal(signal.SIGCONT)
    return is_inside


def test_a_broker_that_freezes_inside_a_transaction_keeps_nobody_waiting(servers, nodes):
    """The server takes its locks from it before the others give up waiting for them."""
    first, second = nodes
    phone = WorkingPhone(first, "frozen-inside")
    try:
        wait_for(lambda: freeze_inside_transaction(first, servers[0], "frozen-inside"), "a broker inside a transaction")
        before = [process.log().count("cannot be reached") for process in second.processes]
        again = WorkingPhone(second, "frozen-inside")
        message = second.api.send()["message_id"]
        second.api.wait_status(message, "sent")
        assert [process.log().count("cannot be reached") for process in second.processes] == before
    finally:
        first.ws_broker.signal(signal.SIGCONT)
    assert phone.closed()[0] in (4001, 1013)
    wait_for(lambda: count_states(second, "status < 4") == 0, "all to be sent")
    assert not set(phone.ids()) & set(again.ids())
    again.close()


def test_a_broker_that_freezes_past_its_lease_harms_nothing(nodes):
    first, second = nodes
    phone = Phone(first, "frozen")
    first.ws_broker.signal(signal.SIGSTOP)
    try:
        wait_for(lambda: "frozen" not in second.api.devices(), "its lease to be over")
        again = WorkingPhone(second, "frozen")
        message = second.api.send()["message_id"]
        second.api.wait_status(message, "sent")
    finally:
        first.ws_broker.signal(signal.SIGCONT)
    assert phone.closed()[0] in (4001, 1013)
    last = second.api.send()["message_id"]
    second.api.wait_status(last, "sent")
    assert [again.ids().count(message_id) for message_id in (message, last)] == [1, 1]
    again.close()


def test_a_standby_alone_is_refused(servers, nodes, tmp_path):
    assert nodes
    assert_refused(["api-fcgi"], {"DATABASE_URL": servers[1].dsn_of("sms")}, tmp_path, "it is a standby, which cannot be written")


def test_a_server_that_does_not_answer_does_not_hide_the_primary(servers, nodes, tmp_path):
    """Its machine is gone, or the network to it: no error comes from there."""
    assert nodes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = url_of(servers[:1], "sms").replace("host=", "host=127.0.0.1,") + f"&port={silent.getsockname()[1]},5432"
        result = subprocess.run([programs_folder("release") / "sms-gateway", "statistics"], cwd=tmp_path, capture_output=True, text=True,
                                env={"PATH": "/usr/bin", "DATABASE_URL": url}, timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 0 and "queued" in result.stdout, result


def test_a_failover_under_load_loses_nothing_and_sends_nothing_twice(servers, nodes, make_load):
    primary, standby = servers
    phones = [WorkingPhone(node, f"phone-{next(numbers)}") for node in nodes for _ in range(3)]
    loads = [make_load(node, 60, threads=2) for node in nodes]
    for load in loads:
        load.wait_accepted(30)
    primary.pause()
    wait_for(lambda: all(load.refused for load in loads), "clients to be told to come again")
    assert {node.api.get("/readyz").status_code for node in nodes} == {503}
    standby.promote()
    # The new primary has no standby yet.
    wait_for(lambda: checks_of(nodes[0]) == {"durability": "no_standby"}, "it to be said")
    standby.set(synchronous_standby_names="")
    assert checks_of(nodes[0]) == {"durability": "no_standby"}
    servers.append(standby.make_standby())
    standby.set(synchronous_standby_names="*")
    wait_ready(nodes)
    for load in loads:
        load.wait_accepted(30)
    promised = set().union(*(load.stop() for load in loads))
    # Also what a claim took whose outcome its broker learned too late: it returns to the queue.
    wait_for(lambda: count_states(nodes[0], "status IN (0, 1)") == 0
             and {row[0] for row in nodes[0].query("SELECT encode(id, 'hex')::uuid FROM message JOIN message_state USING (seq)"
                                                   " WHERE status IN (2, 3)")} <= sent_by(phones), "all to be sent")
    sent = [message_id for phone in phones for message_id in phone.ids()]
    stored = {row[0] for row in nodes[0].query("SELECT encode(id, 'hex')::uuid FROM message")}
    assert promised <= stored
    assert len(sent) == len(set(sent)) and promised <= set(sent)
    assert count_states(nodes[0], "status = 9") == 0
    assert all(node.api_fcgi.log().count("connected to the database") for node in nodes)
    for phone in phones:
        phone.close()
