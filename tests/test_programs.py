"""The programs as people start them: options, settings, `make run`."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from harness.gateway import ROOT, Gateway, programs_folder
from harness.lan_certificate import LanCertificate
from harness.make_run import Run, copy_of_the_tree
from harness.ports import free_port
from harness.processes import is_gone
from harness.waiting import LIMIT_SECONDS, wait_for

PROGRAMS = ("api-fcgi", "ws-broker", "webhook-sender")
INSTALLED = (*PROGRAMS, "sms-gateway")


def start(program, *options, folder, **environment):
    return subprocess.run([programs_folder("release") / program, *options], cwd=folder, text=True,
                          env={"PATH": os.environ["PATH"]} | environment, timeout=LIMIT_SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# ---- Options and settings ----


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_and_help_end_well(program, tmp_path):
    assert re.fullmatch(program + r" \d+\.\d+\.\d+\n",
                        start(program, "--version", folder=tmp_path).stdout)
    help_text = start(program, "--help", folder=tmp_path)
    assert help_text.returncode == 0 and "DATABASE_PATH" in help_text.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("options, words", [
    (["--nonsense"], ["nonsense"]),
    (["argument"], ["no arguments"]),
    (["--env-file", "missing.env"], ["missing.env", "No such file"]),
    (["--print-settings=xml"], ["markdown", "env", "man"]),
])
def test_wrong_options_are_named(program, options, words, tmp_path):
    result = start(program, *options, folder=tmp_path)
    assert result.returncode == 2
    assert all(word in result.stderr for word in words), result.stderr


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("line, words", [
    ("DATABSE_PATH=x", [".env line 2", "DATABSE_PATH", "did you mean DATABASE_PATH"]),
    ("LISTEN_ADDR=::1", [".env line 2", "LISTEN_ADDR;", "did you mean LISTEN_ADDRESS"]),
    ("PUBLIC_URL=sms.example", ["PUBLIC_URL must be like", "sms.example"]),
    ("CORS_ORIGINS=*", ["CORS_ORIGINS", "* is not one"]),
    ("OPT_OUT_KEYWORDS=STOP,,END", ["OPT_OUT_KEYWORDS has an empty keyword"]),
    ("INBOX_RETENTION_DAYS=29", ["INBOX_RETENTION_DAYS", "at least 30, or 0 for ever"]),
    ("HTTP_PORT=80x", ["HTTP_PORT", "1 to 65535", "80x"]),
    ("HTTP_PORT=0", ["HTTP_PORT", "1 to 65535"]),
    ("HTTP_PORT=-1", ["HTTP_PORT", "1 to 65535"]),
    ("HTTP_PORT=99999999999999999999", ["HTTP_PORT", "1 to 65535"]),
    ("LOG_LEVEL=loud", ["LOG_LEVEL", "debug|info|warning|error", "loud"]),
    ("DATABASE_PATH=", ["DATABASE_PATH"]),
    ("DATABASE_URL=memory:", ["DATABASE_URL=memory:", "inside one process", "use sqlite:"]),
    ("DATABASE_URL=sqlite:a.db\nDATABASE_PATH=b.db", ["sqlite:a.db", "b.db", "two databases"]),
    ("just words", [".env line 2", "NAME=value"]),
])
def test_a_wrong_setting_stops_the_start_with_one_clear_line(program, line, words, tmp_path):
    (tmp_path / ".env").write_text(f"# a comment\n{line}\n")
    for options in ([], ["--check-config"]):
        result = start(program, *options, folder=tmp_path)
        assert result.returncode == 2
        assert result.stderr.count("\n") == 1
        assert all(word in result.stderr for word in words), result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_environment_wins_over_the_file_and_the_file_over_the_default(program, tmp_path):
    (tmp_path / ".env").write_text("export HTTP_PORT = '8123' # a port\r\nAPI_WORKERS=3\r\n")
    shown = start(program, "--check-config", folder=tmp_path, API_WORKERS="5").stdout
    assert "HTTP_PORT=8123\n" in shown
    assert "API_WORKERS=5\n" in shown
    assert "LISTEN_ADDRESS='127.0.0.1'\n" in shown


@pytest.mark.parametrize("program", PROGRAMS)
def test_check_config_can_be_read_back(program, tmp_path):
    shown = start(program, "--check-config", folder=tmp_path).stdout
    (tmp_path / "other.env").write_text(shown)
    again = start(program, "--env-file", "other.env", "--check-config", folder=tmp_path)
    assert again.stdout == shown


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_file_with_every_line_uncommented_is_valid(program, tmp_path):
    text = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.M))
    shown = start(program, "--check-config", folder=tmp_path)
    assert shown.stdout == start(program, "--check-config", folder=ROOT / "tests").stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_database_that_cannot_be_stops_the_start(program, tmp_path):
    (tmp_path / "file").write_text("")
    result = start(program, folder=tmp_path, DATABASE_PATH="file/data.db")
    assert result.returncode == 1
    assert "file" in result.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_socket_path_that_is_too_long_is_named(program, tmp_path):
    result = start(program, folder=tmp_path, RUNTIME_DIR="x" * 120)
    assert result.returncode == 2
    assert "RUNTIME_DIR may have 93 bytes" in result.stderr, result.stderr


# ---- Hardening ----


@pytest.mark.parametrize("program", INSTALLED)
def test_the_programs_are_hardened(program):
    def read(*options):
        return subprocess.check_output(["readelf", "-W", *options, programs_folder("release") /
                                        program], text=True)

    dynamic, segments, symbols = read("-d"), read("-l"), read("--dyn-syms")
    assert "BIND_NOW" in dynamic and re.search(r"FLAGS_1.*\bPIE\b", dynamic)
    assert not re.search(r"\((RPATH|RUNPATH|TEXTREL)\)", dynamic)
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK\s.*\sRW\s", segments)
    assert not re.search(r"LOAD\s.*\sRWE\s", segments)
    assert "__stack_chk_fail" in symbols and re.search(r"__\w+_chk\b", symbols)


@pytest.mark.parametrize("changed, more", [("common/store/postgresql/exports.list", ()),
                                           ("build/gen/files.list", ("store-postgresql.so", "libcommon.a"))])
def test_what_is_linked_is_linked_again_when_other_things_are_exported_or_a_file_is_gone(changed, more):
    plan = subprocess.run(["make", "-n", "-W", changed, "programs", "postgresql", "build/simulation"], cwd=ROOT, text=True,
                          capture_output=True, timeout=LIMIT_SECONDS, check=True).stdout
    assert {*INSTALLED, "phone-sim", "simulation", *more} <= set(re.findall(r"'(?:LINK|AR)' 'build/([\w.-]+)'", plan))


def test_the_programs_leave_no_core_dump(tmp_path):
    """Texts of messages would be in it."""
    gateway = Gateway(tmp_path).start()
    for process in (gateway.api_fcgi, gateway.ws_broker):
        limits = Path(f"/proc/{process.popen.pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
    gateway.stop()


# ---- deploy/run.sh, which is what `make run` calls ----


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path, free_port())
    yield run
    if run.popen.poll() is None:
        os.killpg(run.popen.pid, signal.SIGKILL)
        run.popen.wait()


def test_run_serves_says_how_and_stops_cleanly_on_ctrl_c(run):
    run.wait_serving()
    text = run.log()
    assert "/docs" in text and "phone-sim --url ws://" in text and "curl -X POST" in text
    children = run.children()
    assert set(children) == {"api-fcgi", "ws-broker", "webhook-sender", "nginx"}
    assert requests.get(f"{run.url}/readyz").json() == {"status": "ready"}
    assert (run.folder / "data/sms-gateway.db").exists()

    os.killpg(run.popen.pid, signal.SIGINT)  # what a terminal does
    assert run.end() == 0
    assert all(is_gone(pid) for pid in children.values())
    assert "level=error" not in run.log() and "Traceback" not in run.log()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", run.port)) != 0


def test_the_printed_curl_line_sends(run):
    run.wait_serving()
    command = re.search(r"curl -X POST.*?\n.*?\n", run.log()).group()
    answer = subprocess.check_output(["sh", "-c", f"{command.strip()} -s"], text=True)
    assert '"status":"queued"' in answer


def test_run_wants_no_key_where_only_this_machine_connects(run):
    run.wait_serving()
    assert "Turned off, because only this machine can connect: API_KEYS=off DEVICE_TOKENS=off " \
        in run.log()
    assert requests.get(f"{run.url}/api/sms").status_code == 200


@pytest.mark.parametrize("chosen", ["environment", "file", "network", "proxy"])
def test_run_wants_keys_where_that_is_chosen_or_others_connect(tmp_path, chosen):
    settings = {"environment": {"API_KEYS": "required"}, "file": {},
                "network": {"LISTEN_ADDRESS": "0.0.0.0", "PLAIN_HTTP": "everywhere"},
                "proxy": {"PUBLIC_URL": "https://sms.example.org"}}[chosen]
    if chosen == "file":
        (tmp_path / ".env").write_text(" API_KEYS = required\n")
    run = Run(tmp_path, free_port(), **settings)
    try:
        run.wait_serving()
        assert requests.get(f"{run.url}/api/sms").status_code == 401
        assert "-H 'Authorization: Bearer KEY'" in run.log()
        assert ("--pair 'LINK'" in run.log()) == (chosen in ("network", "proxy"))
        command = re.search(r"  (\S+ keys create) NAME", run.log()).group(1)
        key = subprocess.check_output([*command.split(), "mine"], cwd=run.folder, text=True).strip()
        answer = requests.get(f"{run.url}/api/sms", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
    finally:
        run.popen.terminate()
        run.end()


LIMITS = ("RECIPIENT_DAILY_MESSAGES", "KEY_DAILY_MESSAGES", "DAILY_MESSAGES", "PAUSE_AFTER_MESSAGES",
          "DEVICE_SEGMENTS_PER_MINUTE", "DEVICE_DAILY_SEGMENTS")


def codes_of_one_number(run, count):
    """What as many messages for one phone number are answered: None, or the code."""
    body = {"phone_number": "+491511234567", "message": "text"}
    return [requests.post(f"{run.url}/api/send-sms", json=body).json().get("code")
            for _ in range(count)]


def test_run_limits_nothing_where_only_this_machine_connects(run):
    run.wait_serving()
    line = next(line for line in run.log().splitlines() if line.startswith("Turned off, because only"))
    assert line.split(":")[1].split()[2:] == [f"{name}=0" for name in LIMITS]
    assert codes_of_one_number(run, 25) == [None] * 25


@pytest.mark.parametrize("chosen, env_file, allowed, code", [
    ({"RECIPIENT_DAILY_MESSAGES": "3"}, "", 3, "recipient_cap_reached"),
    ({}, "DAILY_MESSAGES = 7\n", 7, "daily_cap_reached"),
    ({"LISTEN_ADDRESS": "0.0.0.0", "PLAIN_HTTP": "everywhere", "API_KEYS": "off"}, "", 20,
     "recipient_cap_reached")])
def test_run_limits_what_is_chosen_and_all_where_others_connect(tmp_path, chosen, env_file, allowed,
                                                                code):
    (tmp_path / ".env").write_text(env_file)
    run = Run(tmp_path, free_port(), **chosen)
    try:
        run.wait_serving()
        assert codes_of_one_number(run, allowed + 2) == [None] * allowed + [code] * 2
        off = [name for name in LIMITS if f" {name}=0" in run.log()]
        assert len(off) == (0 if "LISTEN_ADDRESS" in chosen else len(LIMITS) - 1)
    finally:
        run.popen.terminate()
        run.end()


def test_run_warns_where_others_connect_without_a_key(tmp_path):
    run = Run(tmp_path, free_port(), API_KEYS="off", LISTEN_ADDRESS="0.0.0.0",
              PLAIN_HTTP="everywhere")
    try:
        run.wait_serving()
        assert "WARNING: anyone who can reach" in run.log()
    finally:
        run.popen.terminate()
        run.end()


def test_run_refuses_to_send_texts_in_the_clear_and_names_both_ways_out(tmp_path):
    run = Run(tmp_path, free_port(), LISTEN_ADDRESS="0.0.0.0")
    assert run.end() == 1
    for word in ("without TLS", "make lan-certificate", "TLS_CERTIFICATE and TLS_KEY",
                 "PLAIN_HTTP=everywhere", "deploy/TLS.md"):
        assert word in run.log()
    assert not (tmp_path / "data").exists() and not (tmp_path / "run").exists()


def test_run_warns_where_texts_are_sent_in_the_clear(tmp_path):
    run = Run(tmp_path, free_port(), LISTEN_ADDRESS="0.0.0.0", PLAIN_HTTP="everywhere",
              PUBLIC_URL="http://sms.example:8000")
    try:
        run.wait_serving()
        assert "use http://sms.example:8000, phones ws://sms.example:8000" in run.log()
        assert re.search(r"WARNING: everyone on the network path .*\(PLAIN_HTTP=everywhere\)", run.log())
    finally:
        run.popen.terminate()
        run.end()


def test_run_with_the_certificate_of_make_lan_certificate_says_how_to_connect(tmp_path):
    if not subprocess.check_output(["hostname", "-I"]).strip():
        pytest.skip("this machine has no address on which others could connect")
    lan = LanCertificate(tmp_path)
    port, https_port = free_port(), free_port()
    run = Run(tmp_path, port, LISTEN_ADDRESS="0.0.0.0", HTTPS_PORT=str(https_port))  # and .env
    try:
        run.wait_serving()
        text = run.log()
        public = re.search(r"on other machines use (https://\S+), phones wss://", text).group(1)
        assert public.endswith(f":{https_port}")
        assert f"{public}/ca.crt" in text
        assert lan.output.splitlines()[-1] in text  # the fingerprint
        assert f"serves http://localhost:{port} " in text and "WARNING" not in text
        answer = requests.get(f"https://localhost:{https_port}/readyz", verify=str(lan.ca))
        assert answer.json() == {"status": "ready"}
    finally:
        run.popen.terminate()
        run.end()


def test_run_warns_of_a_certificate_that_ends_soon(tmp_path):
    lan = LanCertificate(tmp_path)
    subprocess.run(["openssl", "req", "-x509", "-key", lan.tls / "server.key", "-days", "13",
                    "-subj", "/CN=x", "-out", lan.tls / "server.crt"], check=True)
    run = Run(tmp_path, free_port(), HTTPS_PORT=str(free_port()))
    try:
        run.wait_serving()
        assert "WARNING: data/tls/server.crt expires soon" in run.log()
        assert "for this machine only" in run.log()
    finally:
        run.popen.terminate()
        run.end()


def test_run_on_a_busy_port_of_tls_says_so(tmp_path):
    LanCertificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        run = Run(tmp_path, free_port(), HTTPS_PORT=str(busy.getsockname()[1]))
        assert run.end() == 1
        assert "is in use" in run.log() and "HTTPS_PORT=" in run.log()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_public_address_is_printed_or_what_to_set(program, tmp_path):
    def public_url(**settings):
        return start(program, "--print-public-url", folder=tmp_path, **settings)

    assert public_url().stdout == "http://127.0.0.1:8000\n"
    assert public_url(PUBLIC_URL="https://sms.example").stdout == "https://sms.example\n"
    refused = public_url(PUBLIC_URL="sms.example")
    assert refused.returncode == 2 and "PUBLIC_URL must be like" in refused.stderr
    if program == "api-fcgi":
        result = start(program, folder=tmp_path, PUBLIC_URL="sms.example")
        assert result.returncode == 2 and "PUBLIC_URL must be like" in result.stderr


def test_run_stops_on_sigterm_too(run):
    run.wait_serving()
    children = run.children()
    run.popen.terminate()
    assert run.end() == 0
    assert all(is_gone(pid) for pid in children.values())


@pytest.mark.parametrize("victim", ["api-fcgi", "ws-broker", "nginx"])
def test_when_one_dies_the_group_stops_and_says_which(run, victim):
    run.wait_serving()
    children = run.children()
    os.kill(children[victim], signal.SIGKILL)
    assert run.end() == 1
    assert f"{victim} was killed by signal 9; stopping the others." in run.log()
    wait_for(lambda: not run.descendants(), "the workers of nginx to end, too")


def test_nothing_outlives_a_killed_run(run):
    run.wait_serving()
    children = run.children()
    run.popen.kill()
    run.end()
    wait_for(lambda: all(is_gone(pid) for pid in children.values()), "the children to end")


def test_a_second_run_on_a_busy_port_says_so(run, tmp_path):
    run.wait_serving()
    folder = tmp_path / "second"
    folder.mkdir()
    second = Run(folder, run.port)
    assert second.end() == 1
    assert "is in use" in second.log() and "HTTP_PORT=" in second.log()
    assert requests.get(f"{run.url}/readyz").status_code == 200


def test_run_with_a_wrong_setting_says_which(tmp_path):
    (tmp_path / ".env").write_text("HTTP_PROT=8000\n")
    run = Run(tmp_path, free_port())
    assert run.end() != 0
    assert "did you mean HTTP_PORT" in run.log()


def test_a_restart_finds_its_messages_again(run):
    run.wait_serving()
    message = requests.post(f"{run.url}/api/send-sms", json={
        "phone_number": "+1234567890", "message": "still here"}).json()
    run.popen.terminate()
    assert run.end() == 0
    again = Run(run.folder, run.port)
    again.wait_serving()
    found = requests.get(f"{run.url}/api/sms/{message['message_id']}").json()
    again.popen.terminate()
    assert again.end() == 0
    assert found["message"] == "still here"


# ---- deploy/dev.sh, which is what `make dev` calls ----


def live_status(url):
    try:
        return requests.get(f"{url}/livez", timeout=LIMIT_SECONDS).json()["status"]
    except (requests.ConnectionError, KeyError):
        return None  # it is not there just now


def test_dev_builds_and_starts_again_on_a_change_and_survives_a_mistake(tmp_path):
    folder = tmp_path / "tree"
    copy_of_the_tree(folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with open(tmp_path / "dev.log", "wb") as log:
        dev = subprocess.Popen([folder / "deploy/dev.sh"], stdin=subprocess.DEVNULL, stdout=log,
                               stderr=log, start_new_session=True,
                               env={"PATH": os.environ["PATH"], "HTTP_PORT": str(port)})
    try:
        source = folder / "api-fcgi/handlers/health.c"
        text = source.read_text()
        wait_for(lambda: live_status(url) == "live", "the gateway to serve")
        source.write_text(text.replace('"live"', '"alive"'))
        wait_for(lambda: live_status(url) == "alive", "the change to be served")
        source.write_text("a mistake")
        wait_for(lambda: "The build failed" in (tmp_path / "dev.log").read_text(), "the complaint")
        assert live_status(url) == "alive"
        source.write_text(text)
        wait_for(lambda: live_status(url) == "live", "the correction to be served")
        dev.terminate()
        assert dev.wait(LIMIT_SECONDS) == 0
        assert live_status(url) is None
    finally:
        if dev.poll() is None:
            os.killpg(dev.pid, signal.SIGKILL)
