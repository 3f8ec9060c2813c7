"""A PostgreSQL database that was restored by the server's own tools: nothing that may have been sent is sent again."""

import json
import shutil
import subprocess

import pytest

from harness.gateway import builds_of
from harness.phone import AssuredPhone
from harness.postgresql import Server, programs, query
from harness.waiting import wait_for


@pytest.fixture(scope="module")
def build():
    return "release"


def dump(server, name, path):
    with open(path, "wb") as out:
        subprocess.run([programs() / "pg_dump", "-Fc", server.dsn_of(name)], check=True, stdout=out)


def restore(server, name, path):
    """Into a new database of that name, whose URL is as before."""
    query(server.dsn, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    url = server.make_database(name)
    subprocess.run([programs() / "pg_restore", "-d", url, path], check=True)
    return url


def start(gateway):
    gateway.api_fcgi.start()
    gateway.ws_broker.start()


def stop(gateway):
    gateway.api_fcgi.stop()
    gateway.ws_broker.stop()


def settle(gateway, *options, build=None):
    status, printed, errors = gateway.command("database", "settle", "--json", *options, build=build)
    assert status == 0, errors
    return json.loads(printed)["now_unknown"]


def refusal(gateway, *words):
    status, printed, errors = gateway.command(*words)
    assert (status, printed) == (1, ""), (status, printed, errors)
    return errors


def test_what_was_sent_after_the_dump_is_not_sent_again(make_gateway, server, tmp_path):
    gateway = make_gateway(DATABASE_URL=server.make_database("dumped"), SWEEP_INTERVAL_SECONDS=1).start()
    phone = AssuredPhone(gateway, "phone", credit=1)
    sent, accepted = (gateway.api.send()["message_id"] for _ in range(2))
    assert phone.take() == (sent, 1)
    phone.report(sent, 1, "sent")
    assert phone.take() == (accepted, 1)
    created = gateway.api.request("POST", "/api/batches", json={"messages": [{"phone_number": "+4915100000003", "message": "later"}]})
    queued = gateway.api.get(f"/api/sms?batch_id={created.json()['batch_id']}").json()["messages"][0]["message_id"]
    assert "a gateway uses it" in refusal(gateway, "database", "settle")
    dump(server, "dumped", tmp_path / "dump")
    phone.report(accepted, 1, "sent")
    assert phone.take() == (queued, 1)
    phone.report(queued, 1, "sent")
    gateway.api.wait_status(queued, "sent")
    newest = gateway.query("SELECT max(id) FROM message_event")[0][0]
    phone.close()
    stop(gateway)

    restore(server, "dumped", tmp_path / "dump")
    for process in (gateway.api_fcgi, gateway.ws_broker):
        process.start(ready=False)
        assert process.wait() == 1 and "sms-gateway database settle" in process.log(), process.log()[-500:]
    assert "restored from a dump" in refusal(gateway, "statistics")
    for build in builds_of("address"):
        assert settle(gateway, build=build) == 2
        restore(server, "dumped", tmp_path / "dump")
    assert settle(gateway) == 2
    start(gateway)
    phone = AssuredPhone(gateway, "phone", journal=phone.journal, entries=[(queued, 1, "released")], credit=1)
    again = gateway.api.send()["message_id"]
    assert phone.take() == (again, 1)  # and nothing before it
    assert [gateway.api.message(message_id)["status"] for message_id in (sent, accepted, queued)] == ["sent", "unknown", "unknown"]
    message = gateway.api.message(accepted)
    assert (message["error_code"], message["device_id"]) == ("restored", None)
    assert gateway.api.get(f"/api/sms/{accepted}/events").json()["events"][-1]["reason"] == "restored"
    assert gateway.query("SELECT min(id) FROM message_event WHERE error_code = 'restored'")[0][0] > newest
    assert gateway.query("SELECT detail FROM gateway_event WHERE subject IS NOT NULL ORDER BY id DESC LIMIT 1") == [
        ('{"statuses":{"sent":0,"delivered":0,"failed":0,"expired":0,"cancelled":0,"unknown":1}}',)]
    assert gateway.query("SELECT sum(count) FROM message_count WHERE status = 9") == [(2,)]
    # A report that comes after all counts.
    phone.seq = 10
    phone.report(queued, 1, "sent")
    gateway.api.wait_status(queued, "sent")
    phone.close()


def test_a_database_that_has_moved_keeps_what_is_open(make_gateway, server, tmp_path):
    gateway = make_gateway(DATABASE_URL=server.make_database("moved")).start()
    queued = gateway.api.send()["message_id"]
    stop(gateway)
    dump(server, "moved", tmp_path / "dump")
    restore(server, "moved", tmp_path / "dump")
    assert "settle" in refusal(gateway, "keys", "list")
    assert "settle" in refusal(gateway, "database", "copy", "--from", gateway.environment["DATABASE_URL"], "--to", "sqlite:a.db")
    assert settle(gateway, "--keep") == 0
    start(gateway)
    phone = AssuredPhone(gateway, "phone", credit=1)
    assert phone.take() == (queued, 1)
    phone.close()


def test_a_folder_that_is_put_back_is_noticed_by_who_has_gone_on(make_gateway):
    """By a gateway that runs; one that is started later cannot know, so the page says to settle."""
    server = Server()
    try:
        gateway = make_gateway(DATABASE_URL=server.make_database("sms"), STORE_TIMEOUT_MS=1500, SWEEP_INTERVAL_SECONDS=1).start()
        gateway.tokens_of(["phone"])
        gateway.api.send()
        server.pause()
        shutil.copytree(server.folder / "data", server.folder / "backup")
        server.resume()
        wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the gateway to be back")
        gateway.api_fcgi.stop()  # the backup knows nothing of the next one
        gateway.api_fcgi.start()
        lost = gateway.api.send()["message_id"]
        phone = AssuredPhone(gateway, "phone", credit=1)
        first = phone.take()[0]
        server.pause()
        shutil.rmtree(server.folder / "data")
        (server.folder / "backup").rename(server.folder / "data")
        for path in (server.folder / "data", *(server.folder / "data").rglob("*")):
            if server.user:
                shutil.chown(path, "nobody")
        server.resume()
        wait_for(lambda: "has lost commits" in gateway.api_fcgi.log() + gateway.ws_broker.log(), "somebody to notice")
        wait_for(lambda: gateway.query("SELECT count(*) FROM writer") == [(0,)], "all to be stopped")
        answer = gateway.api.request("POST", "/api/send-sms", json={"phone_number": "+4915112345678", "message": "away"})
        assert (answer.status_code, answer.json()["code"]) == (503, "database_replaced"), answer.text
        error, = gateway.api.get("/readyz").json()["errors"]
        assert (error["check"], error["code"]) == ("database", "database_replaced") and "database settle" in error["detail"], error
        assert "since this process has begun" in gateway.api_fcgi.log()
        for process in (gateway.api_fcgi, gateway.ws_broker):
            process.kill()
        assert "has lost commits" in refusal(gateway, "statistics")
        assert settle(gateway) == 1
        start(gateway)
        assert gateway.api.message(first)["status"] == "unknown"
        assert gateway.api.get(f"/api/sms/{lost}").status_code == 404
        phone = AssuredPhone(gateway, "phone", journal=phone.journal, entries=[(first, 1, "released")], credit=1)
        again = gateway.api.send()["message_id"]
        assert phone.take() == (again, 1)
        phone.close()
    finally:
        server.stop()
