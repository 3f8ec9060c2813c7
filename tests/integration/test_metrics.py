"""GET /metrics: exact values, of processes that run."""

import os
import re
import signal
import time

import pytest

from harness.metrics import parse_metrics, promtool, scrape
from harness.phone import AssuredPhone, Phone
from harness.waiting import wait_for

PROCESSES = ("api-fcgi", "ws-broker")


def broker_is_up(gateway):
    return scrape(gateway).value("up", process="ws-broker") == 1


# ---- The format ----


def test_the_metrics_are_in_the_text_format_of_prometheus(make_gateway):
    gateway = make_gateway().start()
    gateway.api.send()
    for _ in range(3):
        gateway.api.get("/livez")
    gateway.api.get("/nothing")
    answer = gateway.api.get("/api/nothing")
    assert answer.status_code == 404
    answer = gateway.api.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = parse_metrics(answer.text)
    assert all(name.startswith("sms_gateway_") for name in families)
    kind, requests = families["sms_gateway_http_requests_total"]
    assert kind == "counter"
    by_route = {tuple(re.findall('"([^"]*)"', labels)): count
                for (_, labels), count in requests.items()}
    assert by_route[("GET", "/livez", "200")] == 3
    assert by_route[("POST", "/api/send-sms", "202")] == 1
    assert sum(count for (_, _, status), count in by_route.items() if status == "404") == 1
    messages = families["sms_gateway_messages"][1]
    assert messages[("sms_gateway_messages", 'status="queued"')] == 1
    assert sum(messages.values()) == 1


def test_promtool_finds_nothing_to_say(make_gateway):
    gateway = make_gateway().start()
    gateway.api.send()
    whole = scrape(gateway)
    assert promtool("check", "metrics", text=whole.text) == ""
    gateway.ws_broker.stop()
    part = scrape(gateway)
    assert promtool("check", "metrics", text=part.text) == ""
    assert promtool("check", "metrics", text="# TYPE x counter\nx 1\n") != ""  # it would say so


def test_every_series_starts_at_0(make_gateway):
    gateway = make_gateway().start()
    gateway.webhook_sender.start()
    found = scrape(gateway)
    for name, (kind, samples) in found.families.items():
        assert samples, name
        if kind == "counter" and "process_" not in name and "db_commit" not in name:
            assert set(samples.values()) == {0}, name
    for name, labels in (
            ("messages_finished_total", {"process": "ws-broker", "status": "delivered"}),
            ("db_refused_writes_total", {"process": "api-fcgi", "reason": "disk_full"}),
            ("ws_frames_total", {"direction": "in", "type": "other"}),
            ("ws_closes_total", {"reason": "device_quarantined"}),
            ("webhook_deliveries_total", {}),
            ("http_requests_total", {"method": "POST", "route": "/api/send-sms", "code": "500"}),
            ("message_delivery_seconds_count", {"process": "api-fcgi"})):
        assert found.value(name, **labels) == 0, name


# ---- The values ----


def through(phone, gateway, count):
    for _ in range(count):
        gateway.api.send()
        message_id, attempt = phone.take()
        for status in ("sending", "sent", "delivered"):
            phone.report(message_id, attempt, status)


def test_the_metrics_are_exact(make_gateway):
    gateway = make_gateway(RECIPIENT_DAILY_MESSAGES=10).start()
    phone = AssuredPhone(gateway, "assured", info={"battery_level": 12, "charging": False})
    through(phone, gateway, 5)
    phone.close()
    wait_for(lambda: not gateway.api.devices(), "the phone to leave")
    waits, cancelled = (gateway.api.send()["message_id"] for _ in range(2))
    assert gateway.api.request("DELETE", f"/api/sms/{cancelled}").status_code == 200
    basic = Phone(gateway, "basic")
    assert basic.receive_sms()["message_id"] == waits
    basic.report(waits, "failed", error_code="NO_SERVICE")
    gateway.api.wait_status(waits, "failed")
    assert basic.is_silent()
    for _ in range(3):
        gateway.api.send()
        basic.receive_sms()
    for _ in range(4):
        assert gateway.api.request("POST", "/api/send-sms", json={
            "phone_number": "+1234567890", "message": "one too many"}).status_code == 429
    found = scrape(gateway)

    assert found.value("messages_accepted_total") == 10
    assert found.value("messages_sent_total", process="ws-broker") == 5
    assert found.nonzero("messages_finished_total") == {
        "ws-broker/delivered": 5, "ws-broker/failed": 1, "api-fcgi/cancelled": 1}
    # Six have come to an end at a phone, and three are in the basic one's hands.
    assert found.value("message_dispatch_seconds_count", process="ws-broker") == 9
    assert found.value("message_delivery_seconds_count", process="ws-broker") == 5
    assert 0 <= found.value("message_dispatch_seconds_sum", process="ws-broker") \
        <= found.value("message_delivery_seconds_sum", process="ws-broker") + 60
    assert found.nonzero("db_refused_writes_total") == {"api-fcgi/recipient_cap_reached": 4}
    assert found.value("http_requests_total", method="POST", route="/api/send-sms", code="202") == 10
    assert found.value("http_requests_total", method="POST", route="/api/send-sms", code="429") == 4
    assert found.value("http_request_duration_seconds_count", method="POST",
                       route="/api/send-sms") == 14
    frames = found.nonzero("ws_frames_total")
    assert frames == {
        "in/hello": 1, "in/journal": 1, "in/ack": 5, "in/report": 15, "in/device_info": 1,
        "in/status_update": 1, "in/other": 1,
        "out/welcome": 1, "out/offer": 5, "out/release": 5, "out/report_ack": 15,
        "out/connection_ack": 1, "out/new_sms": 4, "out/error": 1}
    assert found.value("ws_connections") == found.value("devices_connected") == 1
    assert found.value("devices_offline") == 1 and found.value("devices_battery_low") == 0
    assert found.value("queue_oldest_age_seconds") == 0
    for process in PROCESSES:
        commits = found.value("db_commits_total", process=process)
        assert commits == found.value("db_commit_duration_seconds_count", process=process)
        assert commits == found.value("db_commit_batch_size_count", process=process)
        assert 0 < commits <= found.value("db_commit_batch_size_sum", process=process)
    # Ten messages and a cancellation; those that were refused were alone in their transactions.
    assert found.value("db_commit_batch_size_sum", process="api-fcgi") == 15
    basic.close()


def test_disconnected_phones_are_counted_by_reason(make_gateway):
    gateway = make_gateway().start()
    first = Phone(gateway, "phone")
    second = Phone(gateway, "phone")
    assert first.closed()[0] == 4001
    low = Phone(gateway, "low", info={"device_name": "low", "battery_level": 3})
    gateway.command("devices", "revoke", "phone")
    assert second.closed()[0] == 4003
    found = scrape(gateway)
    assert found.nonzero("ws_closes_total") == {"replaced": 1, "device_revoked": 1}
    assert found.value("ws_frames_total", direction="out", type="close") == 2
    assert found.value("devices_battery_low") == 1
    low.close()


def test_messages_that_wait_show_how_long(make_gateway):
    gateway = make_gateway(STUCK_AFTER_MINUTES=1).start()
    gateway.api.send()
    assert gateway.command("sending", "pause", "test")[0] == 0
    wait_for(lambda: scrape(gateway).value("queue_oldest_age_seconds") >= 1, "a second")
    found = scrape(gateway)
    assert found.value("sending_paused") == 1 and found.value("messages", status="queued") == 1
    assert found.value("disk_size_bytes") > found.value("disk_free_bytes") > 0
    assert found.value("database_bytes") >= 4096 and found.value("wal_bytes") > 0
    assert found.value("db_durability") == found.value("db_durability_asked") == 1


@pytest.mark.parametrize("process", PROCESSES)
def test_process_metrics_match_the_kernel(make_gateway, process):
    gateway = make_gateway().start()
    pid = {"api-fcgi": gateway.api_fcgi, "ws-broker": gateway.ws_broker}[process].popen.pid
    phones = [Phone(gateway, f"phone-{number}") for number in range(5)]
    files = len(os.listdir(f"/proc/{pid}/fd"))
    if process == "ws-broker":  # where the kernel keeps no count, it is taken every 15 s
        wait_for(lambda: scrape(gateway).value("process_open_fds", process=process) == files,
                 "the count of open files", 60)
    found = scrape(gateway)
    assert abs(found.value("process_start_time_seconds", process=process) - time.time()) < 120
    assert found.value("process_cpu_seconds_total", process=process) > 0
    memory = found.value("process_resident_memory_bytes", process=process)
    assert 1 << 20 < memory < 1 << 32
    assert files - 3 <= found.value("process_open_fds", process=process) <= files + 3
    with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
        limit = re.search(r"Max open files\s+(\d+)", limits.read()).group(1)
    assert found.value("process_max_fds", process=process) == int(limit)
    for phone in phones:
        phone.close()


# ---- Processes that are not there ----


def test_a_killed_broker_is_down_and_its_metrics_are_gone(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    through(phone, gateway, 2)
    before = scrape(gateway)
    assert before.value("up", process="ws-broker") == 1
    assert before.value("message_delivery_seconds_count", process="ws-broker") == 2
    gateway.ws_broker.kill()
    wait_for(lambda: not broker_is_up(gateway), "the broker to be down")
    down = scrape(gateway)
    assert down.value("up", process="api-fcgi") == 1
    assert not [name for name, labels in down.samples if name.startswith("ws_")
                or (("process", "ws-broker") in labels and name != "up")]
    assert down.value("messages_accepted_total") == 2  # the API's go on
    assert down.value("messages", status="delivered") == 2  # and so do the database's

    gateway.ws_broker.start()
    again = scrape(gateway)
    assert again.value("up", process="ws-broker") == 1
    assert again.value("message_delivery_seconds_count", process="ws-broker") == 0  # counters begin anew, and say when
    start = {found: found.value("process_start_time_seconds", process="ws-broker")
             for found in (before, again)}
    assert start[again] > start[before]
    assert again.value("process_start_time_seconds", process="api-fcgi") == \
        before.value("process_start_time_seconds", process="api-fcgi")


def test_a_broker_that_hangs_is_down_until_it_goes_on(make_gateway):
    gateway = make_gateway().start()
    assert broker_is_up(gateway)
    gateway.ws_broker.signal(signal.SIGSTOP)
    wait_for(lambda: not broker_is_up(gateway), "the broker to be down")
    gateway.ws_broker.signal(signal.SIGCONT)
    wait_for(lambda: broker_is_up(gateway), "the broker to be up")


def test_a_broker_that_ended_is_down_at_once(make_gateway):
    gateway = make_gateway().start()
    gateway.ws_broker.stop()
    assert not broker_is_up(gateway)
    gateway.ws_broker.start()
    assert broker_is_up(gateway)


def test_a_second_broker_does_not_take_the_place_of_the_first(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "phone")
    through(phone, gateway, 1)
    own_database = gateway.environment | {"DATABASE_PATH": "data/second.db"}
    with pytest.raises(AssertionError, match="socket is in use by another process"):
        type(gateway.ws_broker)("second", gateway.ws_broker.command, gateway.folder,
                                own_database).start()
    through(phone, gateway, 1)
    assert scrape(gateway).value("message_delivery_seconds_count", process="ws-broker") == 2
    phone.close()


def test_a_file_that_is_no_brokers_is_not_read(make_gateway):
    gateway = make_gateway().start()
    gateway.ws_broker.stop()
    path = gateway.folder / "run/metrics-ws-broker"
    whole = path.read_bytes()
    for wrong in (b"", b"x" * 100, b"\xff" * len(whole), whole + b"\0"):
        path.write_bytes(wrong)
        assert not broker_is_up(gateway)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert not broker_is_up(gateway)
    path.unlink()
    path.mkdir()
    assert not broker_is_up(gateway)
    path.rmdir()


def test_without_the_database_the_counters_are_still_there(make_gateway):
    gateway = make_gateway(API_KEYS="off").start()
    gateway.api.send()
    (gateway.folder / "data/sms-gateway.db-wal").write_bytes(b"")  # as a bad disk would
    found = wait_for(lambda: (found := scrape(gateway)).value("db_up") == 0 and found,
                     "the database to be down")
    assert found.value("messages_accepted_total") == 1
    assert found.value("messages", status="queued") is None
