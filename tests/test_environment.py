"""The environment of a gateway: folders of any name, the caller's shell, the limits of the machine."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess

import pytest
import requests
import yaml

from harness.gateway import ROOT, let_others_pass, programs_folder
from harness.ports import free_port
from harness.waiting import LIMIT_SECONDS, wait_for

PATH = "/usr/bin:/bin:/usr/sbin"
RELEASE = programs_folder("release")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(script, folder, environment, **options):
    """run.sh; its log, once it serves."""
    log_path = folder / "run.log"
    variables = {name: value for name, value in ({"PATH": PATH} | environment).items() if value is not None}
    with open(log_path, "wb") as log:
        run = subprocess.Popen([script], cwd=folder, env=variables, stdout=log,
                               stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **options)
    try:
        wait_for(lambda: "Ctrl-C stops it." in log_path.read_text() or run.poll() is not None,
                 "the gateway to serve")
        assert run.poll() is None, log_path.read_text()
        yield log_path.read_text()
        run.terminate()
        assert run.wait(LIMIT_SECONDS) == 0, log_path.read_text()
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()


# ---- Folders ----

ODD_NAME = "a b&c|d;e$HOME\"f'g\\h#i{j}%s`k`\nl~="
ODD_FOLDER = "-x y&z|;#{}%s=:"  # what a path of the settings may have


def test_the_script_may_be_named_without_its_folder(tmp_path):
    files = {"RUNTIME_DIR": str(tmp_path / "run"), "DATABASE_PATH": str(tmp_path / "a.db"), "HTTP_PORT": "70000"}
    result = subprocess.run(["bash", "run.sh"], cwd=ROOT / "deploy", env={"PATH": PATH} | files, text=True, capture_output=True,
                            check=False, timeout=LIMIT_SECONDS)
    assert "HTTP_PORT must be a whole number" in result.stderr, result.stderr  # it got that far


def test_a_gateway_serves_in_folders_of_any_name(tmp_path):
    folder = tmp_path / ODD_NAME
    folder.mkdir()
    for name in ("deploy", "nginx", "build"):
        (folder / name).symlink_to(ROOT / name)
    subprocess.run([folder / "deploy/lan-certificate.sh", "--folder", f"{ODD_FOLDER}/tls"], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL)
    port, https_port = free_port(), free_port()
    (folder / ".env").write_text((folder / ".env").read_text() + f"""
export HTTP_PORT={port} # plain
HTTPS_PORT = "{https_port}"
RUNTIME_DIR='{ODD_FOLDER}/run'
DATABASE_PATH='{ODD_FOLDER}/data/{ODD_FOLDER}.db' # a path
TZ=UTC
""")
    with running(folder / "deploy/run.sh", folder, {}) as text:
        assert "not settings of the gateway: TZ" in text
        for path in ("/readyz", "/docs", "/docs/docs.css", "/openapi.json", "/ca.crt"):
            answer = requests.get(f"http://localhost:{port}{path}", timeout=LIMIT_SECONDS)
            assert answer.status_code == 200, path
        ca = str(folder / ODD_FOLDER / "tls/ca.crt")
        answer = requests.get(f"https://localhost:{https_port}/readyz", verify=ca, timeout=LIMIT_SECONDS)
        assert answer.json() == {"status": "ready"}
        body = {"phone_number": "+1234567890", "message": "text"}
        assert requests.post(f"http://localhost:{port}/api/send-sms", json=body,
                             timeout=LIMIT_SECONDS).status_code == 202
        told = subprocess.run([RELEASE / "sms-gateway", "settings", "check"], cwd=folder, text=True,
                              env={"PATH": PATH}, capture_output=True, check=False)
        assert told.returncode == 0 and "its ports were not tried" in told.stdout, told.stderr
    assert (folder / ODD_FOLDER / "data" / f"{ODD_FOLDER}.db").exists()


@pytest.mark.parametrize("folder", ["~/tls", "a$b", "a'b", 'a"b', "a\\b", "a\nb"])
def test_a_certificate_goes_to_no_folder_that_the_settings_cannot_name(tmp_path, folder):
    result = subprocess.run([ROOT / "deploy/lan-certificate.sh", "--folder", folder], cwd=tmp_path, text=True,
                            capture_output=True, check=False)
    assert result.returncode == 2 and "cannot be used" in result.stderr
    assert list(tmp_path.iterdir()) == []


# ---- Standard streams ----


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_what_cannot_be_printed_ends_nothing_and_goes_into_no_file(tmp_path, streams):
    """Where a stream is closed, the next file that is opened would have its number."""
    port = free_port()
    environment = {"PATH": PATH, "HTTP_PORT": str(port), "LOG_LEVEL": "debug", "DEVICE_TOKENS": "required"}

    def command(line, *arguments, **options):
        return subprocess.Popen(["sh", "-c", f'exec "$@" {line}', "sh", *arguments], cwd=tmp_path, env=environment, **options)

    def serves():
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=LIMIT_SECONDS).status_code == 200

    with command(streams, ROOT / "deploy/run.sh", start_new_session=True) as run:
        try:
            wait_for(lambda: serves() or run.poll() is not None, "the gateway to serve")
            assert run.poll() is None
            tool = RELEASE / "sms-gateway"
            assert command("2>&-", tool, "devices", "pair", "one", stdout=subprocess.DEVNULL).wait() == 0
            assert command("<&- >&-", tool, "keys", "create", "one", stderr=subprocess.DEVNULL).wait() == 1
            with command("<&- >&- 2>&-", RELEASE / "phone-sim", "--id", "one", "--url", f"ws://127.0.0.1:{port}",
                         "--assured", "--journal", "journal") as phone:
                wait_for(lambda: (tmp_path / "journal").exists() or phone.poll() is not None, "the phone's journal")
                phone.kill()
            run.terminate()
            assert run.wait(LIMIT_SECONDS) == 0
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
    with_words = {path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix not in (".conf", ".log") and
                  re.search(rb"msg=|WARNING|QR code|Ctrl-C|Stopping|Key |HTTP status", path.read_bytes())}
    assert with_words <= {"sms-gateway.db", "sms-gateway.db-wal"}, with_words


# ---- localhost ----


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("settings", [{}, {"LISTEN_ADDRESS": "localhost"},
                                      {"LISTEN_ADDRESS": "0.0.0.0", "PLAIN_HTTP": "everywhere"}], ids=str)
def test_localhost_is_served_by_both_of_its_addresses(tmp_path, settings):
    """As this machine: without keys where only it can connect, and with its own rights."""
    port = free_port()
    with running(ROOT / "deploy/run.sh", tmp_path, settings | {"HTTP_PORT": str(port)}) as text:
        is_private = settings.get("LISTEN_ADDRESS") != "0.0.0.0"
        assert ("Turned off, because only this machine can connect" in text) == is_private
        for host in ("localhost", "127.0.0.1", "[::1]"):
            def status(path, url=f"http://{host}:{port}"):
                return requests.get(url + path, timeout=LIMIT_SECONDS).status_code

            expected = 200 if is_private else 401
            assert [status(path) for path in ("/livez", "/docs", "/metrics", "/api/sms")] == \
                [200, 200, expected, expected], host
            if is_private:
                with subprocess.Popen([RELEASE / "phone-sim", "--url", f"ws://{host}:{port}"],
                                      stdout=subprocess.DEVNULL) as phone:
                    wait_for(lambda port=port: connected(port), "the phone to connect")
                    phone.kill()
                wait_for(lambda port=port: not connected(port), "the phone to be gone")


# ---- The caller's shell ----


def hostile_environment(folder):
    """What people have in their shells, and what would be in the way."""
    home = folder / "home"
    home.mkdir()
    (home / ".curlrc").write_text("proxy = http://127.0.0.1:9\noutput = taken\n")
    (home / "bash_env").write_text("echo from BASH_ENV; cd /; set -C; alias cd=false\n")
    proxies = {name: "http://127.0.0.1:9" for name in (
        "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "socks_proxy")}
    functions = {f"BASH_FUNC_{name}%%": "() { return 9; }" for name in (
        "cd", "curl", "grep", "sed", "cat", "ln", "printf", "read", "refuse")}
    return proxies | functions | {
        "HOME": str(home), "CURL_HOME": str(home), "BASH_ENV": str(home / "bash_env"),
        "ENV": str(home / "bash_env"), "CDPATH": f".:/:{folder}", "SHELLOPTS": "noclobber:noglob:nounset",
        "BASHOPTS": "failglob:nocaseglob", "POSIXLY_CORRECT": "1", "GREP_OPTIONS": "-v", "TAR_OPTIONS": "--x",
        "IFS": "/=", "GLOBIGNORE": "*", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8",
        "TMPDIR": str(folder / "missing"), "PYTHONPATH": str(folder), "PYTHONHOME": str(folder),
        "COLUMNS": "10", "TERM": "dumb", "MAKEFLAGS": "-n", "NGINX": "/usr/sbin/nginx;", "OPENSSL_CONF": "/dev/null",
        "PS4": "$(touch traced)"}


@pytest.mark.parametrize("umask", (0o077, 0o000))
def test_the_shell_of_the_caller_changes_nothing(tmp_path, umask):
    environment = hostile_environment(tmp_path)
    folder = tmp_path / "deploy"  # a CDPATH would find another one
    folder.mkdir()
    port = free_port()
    given = environment | {"HTTP_PORT": str(port), "DEVICE_TOKENS": "required"}
    subprocess.run([ROOT / "deploy/lan-certificate.sh"], cwd=folder, check=True, umask=umask,
                   env={"PATH": PATH} | environment, stdout=subprocess.DEVNULL)
    given["HTTPS_PORT"] = str(free_port())
    seen = 0
    for name in ("one", "other"):  # the second time over the files of the first
        with running(ROOT / "deploy/run.sh", folder, given, umask=umask) as text:
            assert "from BASH_ENV" not in text and "level=error" not in text and "[emerg]" not in text
            wait_for(lambda seen=seen: probes(folder) > seen, "the script's own probe in the log")
            seen = probes(folder)
            tool = subprocess.run([RELEASE / "sms-gateway", "devices", "pair", name, "--minutes", "5"],
                                  cwd=folder, env={"PATH": PATH} | given, text=True, capture_output=True,
                                  check=True, umask=umask)
            link = re.search(r"link +(\S+)", tool.stdout).group(1)
            with open(folder / "phone.log", "wb") as log:
                phone = subprocess.Popen([RELEASE / "phone-sim", "--pair", link, "--tokens", f"{name}.tokens"],
                                         cwd=folder, env={"PATH": PATH} | given, stdout=log, stderr=log,
                                         umask=umask)
            try:
                wait_for(lambda name=name: connected(port) == [name] or phone.poll() is not None,
                         "the phone to connect")
                assert phone.poll() is None, (folder / "phone.log").read_text()
            finally:
                phone.kill()
                phone.wait()
    assert not (tmp_path / "taken").exists() and not (folder / "taken").exists()
    for path in (folder / "run", folder / "data", folder / "data/tls/server.key", folder / "run/nginx.conf"):
        assert path.stat().st_mode & 0o007 == 0, path


def test_a_caller_without_a_path_has_bashs_own(tmp_path):
    """As a supervisor that starts with no environment."""
    with running(ROOT / "deploy/run.sh", tmp_path, {"PATH": None, "HTTP_PORT": str(free_port())}):
        pass


def probes(folder):
    return (folder / "run/access.log").read_text().count('"path":"/readyz"')


def connected(port):
    answer = requests.get(f"http://localhost:{port}/api/devices?connected=true", timeout=LIMIT_SECONDS)
    return [device["device_id"] for device in answer.json()["devices"]]


def test_every_script_begins_by_leaving_the_shell_of_the_caller():
    scripts = sorted((ROOT / "deploy").glob("*.sh")) + [ROOT / ".ci/run"]
    texts = {path.name: path.read_text() for path in scripts}
    assert len(texts) > 12
    for name, text in texts.items():
        assert text.startswith("#!/bin/bash -p\n"), name
        if name not in ("shell.sh", "apt.sh"):  # the latter is sourced by those
            assert "shell.sh\"\n" in text or "deploy/shell.sh\n" in text or "installed.sh\"\n" in text, name
        assert not re.search(r"\bcurl -[fsS]", text), f"{name}: ask_directly is for that"


# ---- Ports ----


def told_of(port, folder, *before, **settings):
    return subprocess.run([*before, RELEASE / "sms-gateway", "settings", "check"], cwd=folder, text=True,
                          env={"PATH": PATH, "HTTP_PORT": str(port)} | settings, capture_output=True,
                          timeout=LIMIT_SECONDS, check=False)


@pytest.mark.parametrize("family, address, listens, option", [
    (socket.AF_INET, "127.0.0.1", True, None),
    (socket.AF_INET, "127.0.0.1", False, None),
    (socket.AF_INET, "127.0.0.1", True, socket.SO_REUSEPORT),
    (socket.AF_INET, "127.0.0.1", True, socket.SO_REUSEADDR),
    (socket.AF_INET, "0.0.0.0", True, None),
    (socket.AF_INET6, "::1", True, None),
    (socket.AF_INET6, "::", True, None),
])
def test_a_port_that_anything_holds_is_busy(tmp_path, family, address, listens, option):
    """Also one that does not listen yet, one that nginx would share unseen, and one of ::1 alone."""
    port = free_port()
    assert told_of(port, tmp_path).returncode == 0
    with socket.socket(family) as holder:
        if option:
            holder.setsockopt(socket.SOL_SOCKET, option, 1)
        holder.bind((address, port))
        if listens:
            holder.listen()
        told = told_of(port, tmp_path)
    assert told.returncode == 2 and f"Port {port} is in use" in told.stderr, told
    assert f"HTTP_PORT={port + 1}" in told.stderr
    assert told_of(port, tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_connections_that_have_ended_keep_no_port_busy(tmp_path):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()  # its end now waits in TIME_WAIT
        client.close()
    assert told_of(port, tmp_path).returncode == 0


def test_a_port_that_is_not_the_users_is_named(tmp_path):
    if os.geteuid() != 0 or "security.capability" in os.listxattr("/usr/sbin/nginx"):
        pytest.skip("only root can be somebody else, and this nginx may listen anywhere")
    stranger = ("setpriv", "--reuid=64321", "--regid=64321", "--clear-groups", "--inh-caps=-all")
    told = told_of(81, "/tmp", *stranger)
    assert told.returncode == 2 and "HTTP_PORT=81: this user may not listen" in told.stderr, told


def test_folders_that_cannot_be_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    for name, path in (("DATABASE_PATH", "file/a.db"), ("DATABASE_PATH", "/proc/none/a.db"),
                       ("DATABASE_PATH", "."), ("DATABASE_PATH", "folder/"), ("RUNTIME_DIR", "file"),
                       ("RUNTIME_DIR", "/sys/none"), ("DATABASE_PATH", "a/" * 300 + "a")):
        told = told_of(free_port(), tmp_path, **{name: path})
        assert told.returncode == 2 and f"{name}: " in told.stderr, (name, path, told)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("link, target, words", [
    ("run", "missing", "RUNTIME_DIR: cannot create or write the folder run (run: it is a link to a folder that does not exist)"),
    ("data", "missing", "DATABASE_PATH: cannot create or write the folder data (data: it is a link to a folder that does not exist)"),
    ("data/sms-gateway.db", "../missing/a.db", "there is no folder of that name"),
])
def test_a_link_into_a_folder_that_is_not_there_is_named(tmp_path, link, target, words):
    """A disk that is not mounted."""
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(target)
    port = free_port()
    told = told_of(port, tmp_path)
    assert told.returncode == 2 and words in told.stderr, told
    run = subprocess.run([ROOT / "deploy/run.sh"], cwd=tmp_path, env={"PATH": PATH, "HTTP_PORT": str(port)}, text=True,
                         stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LIMIT_SECONDS)
    assert run.returncode == 1 and words in run.stderr, run
    (tmp_path / "missing").mkdir()
    assert told_of(port, tmp_path).returncode == 0


def test_a_database_that_is_no_regular_file_is_refused_at_the_start(tmp_path):
    (tmp_path / "a.db").write_text("")
    (tmp_path / "b.db").hardlink_to(tmp_path / "a.db")
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "link.db").symlink_to("pipe.db")
    for path, words in (("/dev/null", "not a regular file"), ("pipe.db", "not a regular file"),
                        ("link.db", "not a regular file"), ("b.db", "hard links")):
        told = told_of(free_port(), tmp_path, DATABASE_PATH=path)
        assert told.returncode == 2 and "DATABASE_PATH: /" in told.stderr and words in told.stderr, (path, told)


def write_nginx_configuration(folder, **settings):
    return subprocess.run([ROOT / "deploy/nginx-conf.sh", RELEASE], cwd=folder, text=True, capture_output=True,
                          env={"PATH": PATH} | settings, timeout=LIMIT_SECONDS, check=False)


def test_tls_files_in_the_runtime_folder_are_served_and_stay(tmp_path):
    """They may have the very names under which nginx knows them, as files and as links."""
    subprocess.run([ROOT / "deploy/lan-certificate.sh", "--folder", "own"], cwd=tmp_path, check=True,
                   stdout=subprocess.DEVNULL)
    (tmp_path / "keys").mkdir()
    (tmp_path / "own/server.key").rename(tmp_path / "keys/some.key")
    (tmp_path / "own/server.key").symlink_to("../keys/some.key")
    before = {path.name: path.read_bytes() for path in (tmp_path / "own").iterdir()}
    port, https_port = free_port(), free_port()
    settings = {"HTTP_PORT": str(port), "HTTPS_PORT": str(https_port), "RUNTIME_DIR": "own"}
    for runtime_dir in ("own", str(tmp_path / "own"), "keys/../own/"):
        with running(ROOT / "deploy/run.sh", tmp_path, settings | {"RUNTIME_DIR": runtime_dir}):
            answer = requests.get(f"https://localhost:{https_port}/readyz", verify=str(tmp_path / "own/ca.crt"),
                                  timeout=LIMIT_SECONDS)
            assert answer.status_code == 200
    nothing = {"TLS_CERTIFICATE": "", "TLS_KEY": "", "TLS_CA": ""}
    assert write_nginx_configuration(tmp_path, **settings, **nothing).returncode == 0
    assert {name: (tmp_path / "own" / name).read_bytes() for name in before} == before
    assert (tmp_path / "own/server.key").readlink().name == "some.key"


@pytest.mark.parametrize("name", ["site", "server.crt", "server.key", "ca.crt", "nginx.conf"])
def test_files_of_others_in_the_runtime_folder_are_named_and_stay(tmp_path, name):
    subprocess.run([ROOT / "deploy/lan-certificate.sh"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("somebody else's\n")
    result = write_nginx_configuration(tmp_path)
    assert result.returncode == 1 and result.stderr.count("\n") == 1, result
    assert f"run/{name} " in result.stderr and "RUNTIME_DIR" in result.stderr
    assert [path.name for path in (tmp_path / "run").iterdir()] == [name]
    assert (tmp_path / "run" / name).read_text() == "somebody else's\n"


def as_stranger(script, folder, **settings):
    return subprocess.run(["setpriv", "--reuid=64321", "--regid=64321", "--clear-groups", "--inh-caps=-all", *script],
                          cwd=folder, env={"PATH": PATH, "HTTP_PORT": str(free_port())} | settings, text=True,
                          capture_output=True, timeout=LIMIT_SECONDS, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_files_of_another_user_in_the_runtime_folder_are_named(tmp_path):
    """As after `sudo make run`."""
    let_others_pass(tmp_path)
    os.chown(tmp_path, 64321, 64321)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/lock").touch(0o600)
    for words in ("RUNTIME_DIR: cannot create or write the folder run", "RUNTIME_DIR: run/lock belongs to root"):
        told = as_stranger([ROOT / "deploy/run.sh"], tmp_path)
        assert told.returncode == 1 and told.stderr.count("\n") == 1 and words in told.stderr, told
        os.chown(tmp_path / "run", 64321, 64321)
    (tmp_path / "run/lock").unlink()
    for name in ("nginx-body", "nginx-fastcgi"):
        (tmp_path / "run" / name).mkdir(0o700)
    (tmp_path / "run/nginx-fastcgi/1").mkdir()
    told = as_stranger([ROOT / "deploy/nginx-conf.sh", RELEASE], tmp_path)
    assert told.returncode == 1 and told.stderr == \
        "run/nginx-fastcgi belongs to root, who has run a gateway here: remove it\n"
    (tmp_path / "run/nginx-fastcgi/1").rmdir()
    assert as_stranger([ROOT / "deploy/nginx-conf.sh", RELEASE], tmp_path).returncode == 0
    assert not list((tmp_path / "run").glob("nginx-*"))


def test_a_configuration_is_written_again_in_its_own_folder(tmp_path):
    for _ in range(2):
        result = write_nginx_configuration(tmp_path)
        assert result.returncode == 0 and result.stderr == "", result


# ---- Open files ----


def limited(files, command, folder, **settings):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, preexec_fn=limit,
                          env={"PATH": PATH} | settings, timeout=LIMIT_SECONDS, check=False)


@pytest.mark.parametrize("command", [
    [RELEASE / "api-fcgi"], [RELEASE / "ws-broker"], [RELEASE / "api-fcgi", "--check-start"],
    [ROOT / "deploy/nginx-conf.sh", RELEASE], [ROOT / "deploy/run.sh"]],
    ids=lambda command: " ".join(getattr(part, "name", part) for part in command))
def test_too_few_open_files_are_refused_with_how_many_are_needed(tmp_path, command):
    for files in (64, 255):
        result = limited(files, command, tmp_path, HTTP_PORT=str(free_port()))
        assert result.returncode in (1, 2) and result.stderr.count("\n") == 1, result
        assert f"open-file limit is {files}," in result.stderr and "allow at least 256" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_low_file_limit_is_reported_with_the_phones_it_allows(tmp_path):
    """It ends at once, because its socket cannot be made."""
    (tmp_path / "run/broker.sock").mkdir(parents=True)
    (tmp_path / "run/broker.sock/x").mkdir()
    result = limited(300, [RELEASE / "ws-broker"], tmp_path)
    assert 'msg="the open-file limit allows few phones" max_phones=207 files=300' in result.stderr


# ---- Who has which secret, in containers ----


def test_each_container_has_the_secrets_it_needs_and_no_other(tmp_path):
    text = (ROOT / "deploy/container/compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    volumes = {name: [volume.split(":") for volume in service["volumes"]]
               for name, service in services.items()}
    having = {volume: {name for name, mounts in volumes.items() if volume in [mount[0] for mount in mounts]}
              for volume in yaml.safe_load(text)["volumes"]}
    assert having == {"data": {"api", "broker", "webhooks"}, "sockets": {"api", "broker", "nginx", "webhooks"},
                      "tls": {"api", "nginx", "certificate"}, "tls-key": {"nginx", "certificate"},
                      "ca-key": {"certificate"}}
    for name in ("tls", "tls-key"):
        for service in having[name] - {"certificate"}:
            assert [name] + [mount[1:] for mount in volumes[service] if mount[0] == name][0][1:] == [name, "ro"]

    # What is in each, by the command that fills them.
    folders = {source: tmp_path / source for source in ("tls", "tls-key", "ca-key")}
    command = [str(part) for part in services["certificate"]["entrypoint"]]
    for source, target, *_ in volumes["certificate"]:
        folders[source].mkdir()
        command = [part.replace(f"{target}/", f"{folders[source]}/") if part.startswith(f"{target}/")
                   else str(folders[source]) if part == target else part for part in command]
    command[0] = str(ROOT / "deploy/lan-certificate.sh")
    for _ in range(2):
        subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
        found = {source: sorted(path.name for path in folder.iterdir()) for source, folder in folders.items()}
        assert found == {"tls": ["ca.crt", "names", "server.crt"], "tls-key": ["server.key"],
                         "ca-key": ["ca.key"]}
    for path in folders["tls"].iterdir():
        assert "PRIVATE KEY" not in path.read_text()
    settings = services["api"]["environment"]
    assert settings["TLS_KEY"].startswith("/etc/sms-gateway/tls-key/")
    assert {settings["TLS_CERTIFICATE"], settings["TLS_CA"]} == {
        "/etc/sms-gateway/tls/server.crt", "/etc/sms-gateway/tls/ca.crt"}


def test_the_containers_of_a_node_are_of_one_image_and_those_with_messages_reach_the_server():
    base, node = (yaml.safe_load((ROOT / "deploy/container" / name).read_text())["services"]
                  for name in ("compose.yaml", "compose-postgresql.yaml"))
    assert set(node) == set(base) and {service["image"] for service in node.values()} == {"sms-gateway-postgresql"}
    with_messages = {name for name, service in base.items() if any(volume.startswith("data:") for volume in service["volumes"])}
    assert {name for name, service in node.items() if "DATABASE_URL" in service.get("environment", {})} == with_messages
    assert {name for name, service in node.items() if service.get("network_mode") == "bridge"} == with_messages
    assert all(node[name]["build"]["args"] == {"POSTGRESQL": "yes"} for name in node if "build" in base[name])


def test_a_ca_whose_key_is_elsewhere_is_not_replaced(tmp_path):
    """As deploy/TLS.md allows; phones that have learned it would trust no other one."""
    script = [ROOT / "deploy/lan-certificate.sh", "--folder", "tls", "--settings", "/dev/null"]
    runs = [subprocess.Popen(script, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(3)]
    outputs = [run.communicate(timeout=LIMIT_SECONDS)[0] for run in runs]  # at once: one CA
    assert [run.returncode for run in runs] == [0] * 3, outputs
    assert "".join(outputs).count("Made a CA") == 1, outputs
    files = {path: path.read_bytes() for path in (tmp_path / "tls").iterdir()}
    (tmp_path / "tls/ca.key").rename(tmp_path / "ca.key")
    told = subprocess.run(script, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert told.returncode == 1 and "tls/ca.key is missing" in told.stderr and "--ca-key FILE" in told.stderr, told
    (tmp_path / "ca.key").rename(tmp_path / "tls/ca.key")
    assert {path: path.read_bytes() for path in (tmp_path / "tls").iterdir()} == files


def test_keys_that_were_beside_the_certificates_move_to_their_own_folders(tmp_path):
    script = ROOT / "deploy/lan-certificate.sh"
    options = ["--folder", "tls", "--settings", "/dev/null"]
    subprocess.run([script, *options], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    before = (tmp_path / "tls/ca.crt").read_text()
    (tmp_path / "keys").mkdir()
    subprocess.run([script, *options, "--ca-key", "keys/ca.key", "--key", "keys/server.key"],
                   cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "tls/ca.crt").read_text() == before
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == ["ca.crt", "names", "server.crt"]
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["ca.key", "server.key"]
