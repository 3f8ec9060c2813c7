"""The tools find the gateway that `make run` has started, whatever its settings, and say which one they use."""

import os
import re
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.gateway import let_others_pass, programs_folder
from harness.lan_certificate import LanCertificate
from harness.make_run import runs_below
from harness.ports import free_port
from harness.waiting import LIMIT_SECONDS


def tool(folder, *arguments, **environment):
    return subprocess.run([programs_folder("release") / "sms-gateway", *arguments], cwd=folder, text=True,
                          env={"PATH": os.environ["PATH"]} | environment, capture_output=True, timeout=LIMIT_SECONDS,
                          check=False)


def url_of(folder, *arguments, **environment):
    return tool(folder, "url", *arguments, **environment).stdout.strip()


@pytest.fixture
def runs(tmp_path):
    with runs_below(tmp_path, wait=True) as make:
        yield make


@pytest.mark.parametrize("settings", [{}, {"DATABASE_PATH": "other/x.db"}, {"RUNTIME_DIR": "other-run"},
                                      {"RUNTIME_DIR": "a b", "DATABASE_PATH": "other/x.db"}],
                         ids=["port", "database", "folder", "both"])
def test_the_tools_find_what_make_run_was_started_with(runs, settings):
    run = runs(**settings)
    assert url_of(run.folder) == f"http://localhost:{run.port}"
    listed = tool(run.folder, "keys", "create", "x")
    database = run.folder / settings.get("DATABASE_PATH", "data/sms-gateway.db")
    assert listed.stderr.splitlines()[0] == \
        f"sms-gateway: using the gateway that runs here: http://localhost:{run.port}, process {run.popen.pid}, " \
        f"database {database}"
    assert (run.folder / "data").exists() == ("DATABASE_PATH" not in settings)
    used = tool(run.folder, "database", "compact")
    assert used.returncode == 1 and used.stderr.endswith(f"(DATABASE_PATH={database} comes from the gateway that runs here)\n"), used
    paired = tool(run.folder, "devices", "pair")
    link = parse_qs(urlsplit(re.search(r"link +(\S+)", paired.stdout).group(1)).query)
    assert link["url"] == [f"http://127.0.0.1:{run.port}"]
    assert "points every other machine to itself" in paired.stderr
    with subprocess.Popen([programs_folder("release") / "phone-sim"], cwd=run.folder, text=True,
                          env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE) as phone:
        assert phone.stdout.readline() == \
            f"phone-sim: of the gateway that runs here: ws://localhost:{run.port}, process {run.popen.pid}\n"
        assert "connected to" in phone.stdout.readline()
        phone.terminate()
    run.popen.terminate()
    assert run.end() == 0
    gone = tool(run.folder, "url")
    assert gone.returncode == 1 and "no gateway runs in this folder" in gone.stderr
    assert not list(run.folder.glob("*/settings.env")) and not list(run.folder.glob("*/elsewhere"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_the_url_of_another_users_gateway_is_refused_with_whose_it_is(tmp_path):
    (tmp_path / "run").mkdir(mode=0o750)
    let_others_pass(tmp_path)
    asked = subprocess.run(["setpriv", "--reuid=4711", "--regid=4711", "--clear-groups",
                            programs_folder("release") / "sms-gateway", "url"], cwd=tmp_path,
                           env={"PATH": os.environ["PATH"]}, text=True, capture_output=True, check=False)
    assert asked.returncode == 1 and "belongs to the user with the uid 0" in asked.stderr


def test_of_two_in_one_folder_each_is_found(runs):
    first = runs()
    second = runs(RUNTIME_DIR="second", DATABASE_PATH="second/x.db", API_KEYS="required")
    assert url_of(first.folder) == f"http://localhost:{first.port}"
    assert url_of(first.folder, RUNTIME_DIR="second") == f"http://localhost:{second.port}"
    assert re.search(r"^  RUNTIME_DIR=second \S+/sms-gateway keys create", second.log(), re.M)


def test_settings_of_the_tool_itself_come_first(runs, tmp_path):
    run = runs(PUBLIC_URL="https://of-the-gateway.example")
    assert url_of(run.folder, "--public") == "https://of-the-gateway.example"
    assert url_of(run.folder, "--public", PUBLIC_URL="https://of-the-tool.example") == "https://of-the-tool.example"
    (tmp_path / "some.env").write_text("PUBLIC_URL=https://of-the-file.example\n")
    named = tool(run.folder, "url", "--public", "--env-file", tmp_path / "some.env")
    assert named.stdout == "https://of-the-file.example\n" and "runs here" not in named.stderr
    other = tool(run.folder, "url", DATABASE_PATH="another.db")  # so it is not this gateway that is meant
    assert other.returncode == 1 and "runs here" not in other.stderr
    assert url_of(run.folder, DATABASE_PATH="data/sms-gateway.db") == f"http://localhost:{run.port}"
    shown = tool(run.folder, "settings", "show")  # what would be started, and not what runs
    assert "PUBLIC_URL=''" in shown.stdout and "runs here" not in shown.stderr


def test_the_tools_ignore_settings_changed_after_the_start(runs):
    run = runs()
    (run.folder / ".env").write_text("HTTP_PORT=1\nPUBLIC_URL=https://later.example\n")
    assert url_of(run.folder) == f"http://localhost:{run.port}"
    assert url_of(run.folder, "--public") == f"http://127.0.0.1:{run.port}"


def test_settings_of_one_that_was_killed_do_not_count(runs):
    run = runs(PUBLIC_URL="https://killed.example")
    file = run.folder / "run/settings.env"
    assert file.stat().st_mode & 0o777 == 0o600
    run.kill_all()
    assert file.exists()
    assert tool(run.folder, "url").returncode == 1
    assert "runs here" not in tool(run.folder, "settings", "check").stderr


@pytest.fixture(scope="module")
def lan(tmp_path_factory):
    return LanCertificate(tmp_path_factory.mktemp("lan"), "sms.example", "192.0.2.77", "2001:db8::7")


@pytest.mark.parametrize("url, words", [
    ("https://localhost:8443", "points every other machine to itself"),
    ("https://127.0.0.2:8443", "points every other machine to itself"),
    ("https://[::1]:8443", "points every other machine to itself"),
    ("https://0.0.0.0:8443", "not an address to connect to"),
    ("https://[::]:8443", "not an address to connect to"),
    ("https://[0:0:0:0:0:0:0:0]:8443", "not an address to connect to"),
    ("https://[0:0::1]", "points every other machine to itself"),
    ("https://[::ffff:127.0.0.1]", "points every other machine to itself"),
    ("https://LocalHost.:8443", "points every other machine to itself"),
    ("https://sms.localhost", "points every other machine to itself"),
    ("https://ip6-localhost", "points every other machine to itself"),
    ("http://sms.example:8000", "has no TLS"),
    ("https://other.example:8443", "is not valid for other.example"),
    ("https://192.0.2.1", "is not valid for 192.0.2.1"),
    ("https://sms.example:8443", None), ("https://192.0.2.77:8443", None), ("https://[2001:db8::7]", None)])
def test_an_address_that_no_phone_can_use_is_warned_of(lan, tmp_path, url, words):
    settings = {name: str(path) for name, path in lan.settings.items()}
    (tmp_path / "some.env").touch()
    shown = tool(tmp_path, "url", "--public", "--env-file", "some.env", PUBLIC_URL=url, **settings)
    assert shown.stdout == url + "\n"
    assert words in shown.stderr if words else shown.stderr == ""


def test_make_run_warns_of_an_address_that_its_certificate_is_not_for(lan, runs):
    settings = {name: str(path) for name, path in lan.settings.items()}
    run = runs(LISTEN_ADDRESS="0.0.0.0", HTTPS_PORT=str(free_port()), PUBLIC_URL="https://other.example", **settings)
    assert re.search(r"^WARNING: the certificate \S+ is not valid for other.example", run.log(), re.M)


def test_a_certificate_that_has_ended_is_warned_of(tmp_path):
    lan = LanCertificate(tmp_path)
    made = subprocess.run(["faketime", "2020-01-01", "openssl", "req", "-x509", "-key", lan.tls / "server.key", "-days",
                           "13", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:sms.example", "-out",
                           lan.tls / "server.crt"], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    shown = tool(tmp_path, "url", "--public", "--env-file", ".env", PUBLIC_URL="https://sms.example")
    assert "has expired" in shown.stderr
