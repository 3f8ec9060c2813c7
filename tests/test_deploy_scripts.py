"""The operators' scripts, as far as they run without a machine of their own: their output, and what they refuse.
`make test-deploy` runs them on a machine."""

import fcntl
import os
import re
import shutil
import struct
import subprocess

import pytest

from harness.clock import LeapingClock
from harness.gateway import ROOT, programs_folder
from harness.lan_certificate import LanCertificate
from harness.ports import free_port
from harness.waiting import LIMIT_SECONDS

SCRIPTS = ("install", "upgrade", "rollback", "uninstall", "self-test")
SETTINGS = ("PUBLIC_URL", "LISTEN_ADDRESS", "HTTPS_PORT", "HTTP_PORT", "ALLOWED_PREFIXES",
            "TLS_CERTIFICATE", "TLS_KEY")


def run(script, *arguments, before=(), **environment):
    return subprocess.run(
        [*before, ROOT / f"deploy/{script}.sh", *arguments], text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"} | environment)


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_has_help_for_every_option_it_takes(script):
    result = run(script, "--help")
    assert result.returncode == 0 and f"{script}.sh " in result.stdout
    taken = re.findall(r"^ {4}(?:\*\) )?((?:--[a-z-]+(?: \| (?:\\\n\s+)?)?)+)\)",
                       (ROOT / f"deploy/{script}.sh").read_text(), re.M)
    options = set(re.findall(r"--[a-z-]+", " ".join(taken)))
    assert len(options) >= 2
    assert options <= set(re.findall(r"--[a-z-]+", result.stdout)), options


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_option_that_there_is_not_is_refused(script):
    result = run(script, "--purge-everything")
    assert result.returncode == 2
    assert "there is no option --purge-everything" in result.stdout


@pytest.mark.parametrize("arguments, words", [
    (["--https-port", "0"], "HTTPS_PORT must be a port from 1 to 65535"),
    (["--https-port", "443x"], "HTTPS_PORT must be a port from 1 to 65535"),
    (["--http-port", "65536"], "HTTP_PORT must be a port from 1 to 65535"),
    (["--https-port", "8000"], "are the same"),
    (["--https-port"], "--https-port needs a value"),
    (["--public-url", "https://'x"], "PUBLIC_URL must not contain quotes"),
    (["--tls-key", "x"], "--tls-key needs --tls-certificate"),
    (["--tls-certificate", "x"], "needs --tls-key"),
    (["--tls-certificate", "missing", "--tls-key", "missing"], "cannot read the file missing"),
])
def test_the_installation_refuses_impossible_options(arguments, words):
    result = run("install", "--dry-run", *arguments)
    assert result.returncode in (1, 2)
    assert words in result.stdout


def test_the_installation_refuses_a_key_of_another_certificate(tmp_path):
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        LanCertificate(folder)
    files = [folder / "data/tls" / name for folder, name in zip(folders, ("server.crt", "server.key"))]
    result = run("install", "--dry-run", "--tls-certificate", files[0], "--tls-key", files[1])
    assert result.returncode == 1 and "is not the private key of the certificate" in result.stdout


@pytest.mark.skipif(os.path.exists("/run/systemd/system"), reason="systemd runs here")
@pytest.mark.parametrize("arguments", (["install", "--dry-run"], ["rollback"],
                                       ["upgrade", "--package", "/dev/null"]))
def test_without_systemd_nothing_is_tried(arguments):
    result = run(*arguments)
    assert result.returncode == 1
    assert "systemd is not running" in result.stdout or "this needs root" in result.stdout


def as_if_systemd_ran():
    """A command that comes before another; /run is empty for it but for what tells that systemd runs."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                                           check=False).returncode != 0:
        pytest.skip("only root can have a /run of its own")
    return ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && mkdir -p /run/systemd/system"
            ' && exec "$@"', "sh"]


def free_ports():
    """Options for two ports that no other program has, as even a dry run looks; and the ports, HTTPS first."""
    https_port, http_port = free_port(), free_port()
    return ["--https-port", str(https_port), "--http-port", str(http_port)], https_port, http_port


def test_a_dry_run_of_the_installation_names_each_step(tmp_path):
    if os.path.exists("/etc/sms-gateway") or os.path.exists("/usr/lib/sms-gateway"):
        pytest.skip("a gateway is installed here")
    options, https_port, http_port = free_ports()
    result = run("install", "--dry-run", *options, before=as_if_systemd_ran(),
                 PUBLIC_URL="https://sms.example.org", ALLOWED_PREFIXES="+49 +43")
    assert result.returncode == 0, result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith("    ")] == [
        "    PUBLIC_URL=https://sms.example.org", "    LISTEN_ADDRESS=0.0.0.0", f"    HTTPS_PORT={https_port}",
        f"    HTTP_PORT={http_port}", "    ALLOWED_PREFIXES=+49 +43", "    API_KEYS=required",
        "    DEVICE_TOKENS=required"]
    steps = [line for line in result.stdout.splitlines() if line.startswith("would: ")]
    assert len(steps) == 8 and "build the package" in steps[0] and "first API key" in steps[-1], steps
    assert not os.path.exists("/etc/sms-gateway")


def make_package(folder, name="sms-gateway", version="0.1.0"):
    """Without files."""
    source = folder / name
    (source / "DEBIAN").mkdir(parents=True)
    (source / "DEBIAN/control").write_text(f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@b.invalid>\n"
                                           "Description: a\n")
    file = folder / f"{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", source, file], check=True, stdout=subprocess.DEVNULL)
    return file


def test_a_database_url_of_postgresql_needs_its_package_next_to_the_other(tmp_path):
    package = make_package(tmp_path)
    arguments = ["install", "--dry-run", "--package", package, *free_ports()[0], "--node-name", "alpha"]
    url = "postgresql://gateway@db/sms?passfile=/etc/sms-gateway/pgpass"
    result = run(*arguments, "--database-url", url, before=as_if_systemd_ran())
    assert result.returncode == 1 and "sms-gateway-postgresql_0.1.0_all.deb is missing" in result.stdout, result.stdout
    assert run(*arguments, "--database-url", "sqlite:a.db", before=as_if_systemd_ran()).returncode == 0
    make_package(tmp_path, "sms-gateway-postgresql")
    result = run(*arguments, "--database-url", url, before=as_if_systemd_ran())
    assert result.returncode == 0 and f"    DATABASE_URL={url}\n    NODE_NAME=alpha\n" in result.stdout, result.stdout
    assert "would: let the programs reach the database, and stop the backups of a file\n" in result.stdout


def test_a_file_that_is_no_package_is_refused(tmp_path):
    (tmp_path / "other.deb").write_text("no package")
    result = run("install", "--dry-run", "--package", tmp_path / "other.deb", *free_ports()[0],
                 before=as_if_systemd_ran())
    assert result.returncode == 1 and "is not a package of the gateway" in result.stdout


def installed_copy(folder, settings):
    """The scripts as on a machine with a gateway, whose files are in that folder; and their environment."""
    files = {"settings_file": "etc/settings.env", "tls_folder": "etc/tls", "data_folder": "data", "package_folder": "packages",
             "programs": "programs"}
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("*.md"))
    shared = folder / "deploy/installed.sh"
    shared.write_text(re.sub(rf"^({'|'.join(files)})=\S+", lambda line: f"{line[1]}={folder / files[line[1]]}", shared.read_text(), flags=re.M))
    (folder / "programs").symlink_to(programs_folder("release"))
    for name in ("etc", "dpkg/info", "dpkg/updates", "dpkg/triggers"):
        (folder / name).mkdir(parents=True)
    (folder / "dpkg/status").write_text("Package: sms-gateway\nStatus: install ok installed\nMaintainer: a <a@b.invalid>\n"
                                        "Architecture: all\nVersion: 0.1.0\nDescription: a\n")
    (folder / "etc/written.env").write_text(settings)
    (folder / "etc/written.env").chmod(0o640)
    (folder / "etc/settings.env").symlink_to("written.env")
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DPKG_ADMINDIR": str(folder / "dpkg")}


@pytest.mark.parametrize("option, value, words", [
    ("--public-url", "sms.example.org", "PUBLIC_URL must be like https://"),
    ("--listen-address", "192.0.2.7", "is not an address of this machine"),
    ("--allowed-prefixes", "49", "ALLOWED_PREFIXES"),
])
def test_settings_that_would_not_be_valid_are_not_written(tmp_path, option, value, words):
    """With them a gateway that runs would not start again."""
    settings = "# of an operator\nPUBLIC_URL=https://old.example\nAPI_KEYS=required\nDEVICE_TOKENS=required"
    environment = installed_copy(tmp_path, settings)

    def install(*options):
        result = subprocess.run([*as_if_systemd_ran(), tmp_path / "deploy/install.sh", *free_ports()[0], *options], env=environment,
                                text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, check=False)
        return result.returncode, result.stdout + result.stderr

    status, told = install(option, value)
    assert status == 1 and words in told and "is as it was" in told, told
    assert sorted(path.name for path in (tmp_path / "etc").iterdir()) == ["settings.env", "written.env"]
    assert (tmp_path / "etc/written.env").read_text() == settings
    told = install("--public-url", "https://new.example")[1]  # stops where systemd is needed
    written = tmp_path / "etc/written.env"
    assert "PUBLIC_URL='https://new.example'\n" in written.read_text(), told
    assert "# of an operator\n" in written.read_text() and written.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "etc/settings.env").is_symlink()


@pytest.mark.parametrize("arguments", (["install"], ["upgrade", "--package", "/dev/null"], ["rollback"], ["uninstall", "--yes"]),
                         ids=lambda arguments: arguments[0])
def test_one_script_at_a_time_changes_the_installation(tmp_path, arguments):
    if os.path.exists("/etc/sms-gateway") or os.path.exists("/usr/lib/sms-gateway"):
        pytest.skip("a gateway is installed here")
    script, *options = arguments
    environment = installed_copy(tmp_path, "")
    result = subprocess.run([*as_if_systemd_ran(), "flock", "/run/sms-gateway-installation.lock", tmp_path / f"deploy/{script}.sh", *options],
                            env=environment, text=True, capture_output=True, timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 1 and "another script is changing this installation" in result.stderr, result


def test_dpkg_is_waited_for(tmp_path):
    """Debian's unattended upgrades have it at any time; an upgrade that failed for that would go back."""
    if os.geteuid() != 0:
        pytest.skip("only root can install packages")
    environment = installed_copy(tmp_path, "")
    package = make_package(tmp_path, version="0.2.0")
    (tmp_path / "root").mkdir()
    with open(tmp_path / "dpkg/lock", "w", encoding="ascii") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        with subprocess.Popen(["bash", "-euc", '. deploy/installed.sh; dpkg_quietly --instdir="$PWD/root" --install "$0"', package],
                              cwd=tmp_path, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            assert "wait until another program has ended its work with dpkg" in process.stderr.readline()
            fcntl.lockf(lock, fcntl.LOCK_UN)
            said = process.communicate(timeout=LIMIT_SECONDS)[1]
    assert process.returncode == 0, said
    assert "Version: 0.2.0\n" in (tmp_path / "dpkg/status").read_text()


def test_a_wait_does_not_end_early_when_the_clock_is_set(tmp_path):
    """Soon after the machine's start, say, which has no clock of its own: an upgrade that was believed to fail would go back."""
    clock = LeapingClock(tmp_path)
    (tmp_path / "ahead").write_bytes(struct.pack("=q", 86400 * 1000))
    steps = f'''. deploy/installed.sh
        third() {{ echo >>{tmp_path}/tries; dd if={tmp_path}/ahead of={tmp_path}/leap conv=notrunc status=none
                   [ "$(wc -l <{tmp_path}/tries)" -eq 3 ]; }}
        wait_at_most 30 third && [ "$SECONDS" -ge 86400 ] && ! wait_at_most 0 false && echo "it is there"'''
    said = subprocess.run(["bash", "-euo", "pipefail", "-c", steps], cwd=ROOT, text=True, check=False, stdout=subprocess.PIPE,
                          timeout=LIMIT_SECONDS, env=os.environ | clock.environment).stdout
    assert said == "it is there\n"


def test_a_terminal_that_is_gone_keeps_no_upgrade_from_going_back():
    """Between a version that does not serve and the way back the log is shown."""
    with open("/dev/full", "w", encoding="ascii") as full:
        said = subprocess.run(["bash", "-euo", "pipefail", "-c", ". deploy/installed.sh; show_log; echo on it goes"], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE, stderr=full, check=False, timeout=LIMIT_SECONDS).stdout
    assert said == "on it goes\n"


def test_a_gateway_that_cannot_go_back_runs_on(tmp_path):
    """The newer schema has messages that the older one cannot have, or the disk is full."""
    environment = installed_copy(tmp_path, "")
    (tmp_path / "schema-version").write_text("2")
    stubs = '''. deploy/installed.sh
        DATABASE_URL= schema_file=$PWD/schema-version
        systemctl() { echo "$1"; }; schema_of_package() { echo 1; }; gateway() { echo "$@" failed; return 1; }
        dpkg_quietly() { echo installed; }
        go_back "$PWD/deploy/installed.sh" || echo "not gone back"'''
    said = subprocess.run(["bash", "-euo", "pipefail", "-c", stubs], cwd=tmp_path, env=environment, text=True, check=True,
                          stdout=subprocess.PIPE, timeout=LIMIT_SECONDS).stdout
    assert said.splitlines() == ["stop", "database downgrade --to 1 failed", "start", "not gone back"]


def test_a_database_elsewhere_is_said_to_stay(tmp_path):
    for settings, words in (("DATABASE_PATH=/srv/sms/a.db # big", "The messages in the database /srv/sms/a.db stay."),
                            ("DATABASE_URL='postgresql://gateway:secret@db/sms'", "The messages in the PostgreSQL database of DATABASE_URL stay."),
                            ("DATABASE_PATH=data/a.db", None)):
        folder = tmp_path / str(len(words or ""))
        environment = installed_copy(folder, settings.replace("data/", f"{folder}/data/"))
        told = subprocess.run([folder / "deploy/uninstall.sh", "--dry-run", "--purge-data"], env=environment, text=True, check=True,
                              capture_output=True, timeout=LIMIT_SECONDS).stdout
        assert (words in told) if words else "stay" not in told, told
        assert "secret" not in told


def test_the_self_test_sees_the_keys_and_phones_of_others(tmp_path):
    function = re.search(r"^active_besides\(\) \{\n.*?^\}\n", (ROOT / "deploy/self-test.sh").read_text(), re.M | re.S).group()
    environment = {"PATH": f"{programs_folder('release')}:/usr/bin:/bin", "DATABASE_PATH": str(tmp_path / "a.db")}

    def told(text):
        return subprocess.run(["bash", "-euo", "pipefail", "-c", function + text], env=environment, text=True, check=True, cwd=tmp_path,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS).stdout

    told("sms-gateway database create")
    assert told("sms-gateway devices list | active_besides own") == ""
    told("sms-gateway keys create own; sms-gateway devices token own; sms-gateway devices token old; sms-gateway devices revoke old")
    own = told("sms-gateway keys list").splitlines()[1].split()[0]
    assert told(f"sms-gateway keys list | active_besides {own}; sms-gateway devices list | active_besides own") == ""
    told("sms-gateway keys create other; sms-gateway devices token other")
    assert told(f"sms-gateway keys list | active_besides {own}").rstrip().endswith(" other")
    assert told("sms-gateway devices list | active_besides own").startswith("other ")


def test_no_script_asks_a_pipe_whether_it_has_a_line():
    """grep -q ends at the line; what still writes fails then, and with `pipefail` the line would not have been there."""
    for path in (ROOT / "deploy").glob("*.sh"):
        assert not re.search(r"\|\s*(?:\\\n\s*)?grep -[a-zA-Z]*q", path.read_text()), path.name


def test_uninstalling_lists_the_files_it_would_remove():
    assert "/var/lib/sms-gateway" not in run("uninstall", "--dry-run").stdout
    assert "/var/lib/sms-gateway," in run("uninstall", "--dry-run", "--purge-data").stdout


# ---- Dependencies ----


def test_no_service_of_a_dependency_is_left_to_start():
    """Debian starts a package's service as it is installed, and at every boot from then on; apt.sh has the names of those that it must not."""
    packages = re.search(r"^test_packages=\((.*?)\)", (ROOT / "deploy/dependencies.sh").read_text(), re.M | re.S).group(1).split()
    files = subprocess.run(["dpkg", "-L", *(name for name in packages if name[0].isalpha())], text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False).stdout
    services = set(re.findall(r"^/etc/init\.d/(\S+)$", files, re.M))
    assert "prometheus" in services
    assert services <= set(re.findall(r"new_services\+=\((\S+)\)", (ROOT / "deploy/apt.sh").read_text()))


def test_what_keeps_services_from_starting_goes_also_after_a_kill(tmp_path):
    """Else no service of any package that is installed later would start."""
    guard = tmp_path / "policy-rc.d"
    script = tmp_path / "apt.sh"
    script.write_text((ROOT / "deploy/apt.sh").read_text().replace("/usr/sbin/policy-rc.d", str(guard))
                      .replace("/usr/sbin/nginx", "/missing"))
    (tmp_path / "bin").mkdir()
    for name, text in (("apt-get", f"[ ! -x {guard} ] || echo guarded"), ("sudo", 'exec "$@"'), ("systemctl", "exit 0")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def install():
        return subprocess.run(["bash", "-euc", f". {script}; apt_install a"], text=True, check=False,
                              env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, stdout=subprocess.PIPE, timeout=LIMIT_SECONDS).stdout

    assert "guarded" in install() and not guard.exists()
    script.write_text(script.read_text().replace("trap unguard EXIT", "kill -9 $BASHPID"))
    install()
    assert guard.exists()
    script.write_text(script.read_text().replace("kill -9 $BASHPID", "trap unguard EXIT"))
    assert "guarded" in install() and not guard.exists()
    guard.write_text("#!/bin/sh\nexit 101\n")  # an operator's own stays
    install()
    assert guard.exists()


# ---- The package ----


def test_the_change_log_of_the_package_begins_with_the_version_of_the_makefile():
    version = re.search(r"^VERSION := (.*)$", (ROOT / "Makefile").read_text(), re.M).group(1)
    assert (ROOT / "deploy/debian/changelog").read_text().startswith(f"sms-gateway ({version}) ")


def test_the_package_has_every_script_that_an_operator_or_a_unit_needs():
    installed = set(re.findall(r"^deploy/([a-z-]+\.sh) usr/lib/sms-gateway$",
                               (ROOT / "deploy/debian/sms-gateway.install").read_text(), re.M))
    of_the_source = {"deb.sh", "dependencies.sh", "dev.sh", "run.sh", "stoppable.sh"}
    assert installed == {path.name for path in (ROOT / "deploy").glob("*.sh")} - of_the_source


def test_postgresql_has_a_package_of_its_own():
    control = (ROOT / "deploy/debian/control").read_text()
    assert "Package: sms-gateway-postgresql" in control and "libpq-dev" in control
    assert (ROOT / "deploy/debian/sms-gateway-postgresql.install").read_text() == "build/store-postgresql.so usr/lib/sms-gateway\n"
    assert "postgresql" not in (ROOT / "deploy/debian/sms-gateway.install").read_text()


def test_the_units_name_no_file_that_the_package_has_not():
    installed = (ROOT / "deploy/debian/sms-gateway.install").read_text()
    named = {path for unit in (ROOT / "deploy/systemd").iterdir()
             for path in re.findall(r"/usr/(?:lib/sms-gateway|bin)/[a-z.-]+", unit.read_text())}
    assert len(named) >= 5
    for path in named:
        name, folder = os.path.basename(path), os.path.dirname(path)[1:]
        assert re.search(rf"^\S*/{re.escape(name)} {folder}$", installed, re.M), path
