"""A gateway's whole life on a fresh Debian 12, by the scripts of deploy/: each test goes on from the one
before it. `make test-deploy` runs it.
"""

import re
import subprocess

from harness.ledgers import Database
from harness.waiting import wait_for

INSTALL = "/root/gateway/deploy/install.sh"
SCRIPTS = "/usr/lib/sms-gateway"
# What tests send is more than a phone may in earnest, and their receiver of webhooks is on the machine.
SETTINGS = ("WEBHOOK_LOOPBACK=allowed", "DEVICE_SEGMENTS_PER_MINUTE=0", "DEVICE_DAILY_SEGMENTS=0", "PAUSE_AFTER_MESSAGES=0",
             "DAILY_MESSAGES=0", "KEY_DAILY_MESSAGES=0")


def state(site):
    """The files that there are, and the packages."""
    return site.machine.shell("find / -xdev -not -path '/proc*' -not -path '/run*' -not -path '/tmp*'"
                              " -not -path '/var/log/*' -printf '%p %m %u %s\\n' | sort; dpkg -l")


# ---- Install ----


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(site):
    before = state(site)
    text = site.machine.run(INSTALL, "--dry-run", "--package", site.given(site.present)).stdout
    assert state(site) == before
    for word in ("would: install /root/gateway/sms-gateway_", "LISTEN_ADDRESS=0.0.0.0", "API_KEYS=required",
                 "would: make a CA and a certificate", "would: enable and start", "would: create the first API key"):
        assert word in text, text


def test_a_busy_port_is_refused_before_anything_is_done(site):
    before = state(site)
    code = "import socket; one = socket.create_server(('', 443)); print(flush=True); input()"
    with subprocess.Popen(site.machine.from_inside("/usr/bin/python3", "-c", code),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        result = site.machine.run(INSTALL, "--package", site.given(site.present), check=False)
        holder.communicate(b"\n")
    assert result.returncode == 1 and "port 443 is in use" in result.stdout, result.stdout
    assert state(site) == before


def test_it_installs_and_sends_a_message_through_its_own_front_door(site):
    text = site.machine.run(INSTALL, "--package", site.given(site.present)).stdout
    assert "a message was accepted, dispatched to the phone and delivered" in text, text
    assert "every program is up" in text and "and erased its message" in text
    site.key = re.search(r"The first API key.*\n  (sgw_\S+)", text).group(1)
    assert {"sms-gateway-api.service", "sms-gateway-broker.service", "sms-gateway-webhooks.service",
            "sms-gateway-nginx.service", "sms-gateway.target", "sms-gateway-backup.timer", "sms-gateway-certificate.timer"} <= {
                name for name, active in site.units().items() if active == "active"}
    assert site.machine.shell("systemctl is-enabled sms-gateway.target") == "enabled\n"
    assert site.machine.run("systemctl", "is-active", "nginx.service", check=False).stdout == "inactive\n"
    assert "0 loaded units" in site.machine.shell("systemctl list-units --failed")


def test_the_self_test_has_left_nothing_but_its_revoked_key_and_phone(site):
    database = Database(site.database())
    assert database.messages == {} and database.integrity == ["ok"]
    keys = site.machine.shell("sms-gateway keys list").splitlines()[1:]
    assert [line.split()[2] for line in keys if line.endswith("self-test")] == ["revoked"]
    assert [line.split()[2] for line in keys if line.endswith("first key")] == ["active"]
    assert " revoked " in site.machine.shell("sms-gateway devices list").splitlines()[1]
    assert site.machine.shell("cat /proc/[0-9]*/comm | grep -c phone-sim || true") == "0\n"
    assert site.machine.shell("ls /tmp | grep -v ^systemd-private- || true") == ""


def test_every_file_is_for_those_alone_who_need_it(site):
    modes = dict(line.split(" ", 1) for line in site.machine.shell(
        "find /etc/sms-gateway /var/lib/sms-gateway /run/sms-gateway /run/sms-gateway-tls"
        " /run/sms-gateway-nginx -not -type l -printf '%p %m %u %g\\n'").splitlines())
    assert modes["/etc/sms-gateway/settings.env"] == "640 root sms-gateway"
    assert modes["/etc/sms-gateway/tls/ca.key"] == modes["/etc/sms-gateway/tls/server.key"] == \
        "600 root root"
    assert modes["/var/lib/sms-gateway"] == "700 sms-gateway sms-gateway"
    assert modes["/var/lib/sms-gateway/sms-gateway.db"] == "600 sms-gateway sms-gateway"
    assert modes["/run/sms-gateway"] == "750 sms-gateway sms-gateway"
    assert modes["/run/sms-gateway-tls/server.key"] == "640 root sms-gateway-web"
    assert modes["/run/sms-gateway-nginx"].startswith("700 sms-gateway-web ")
    assert {name for name, mode in modes.items() if int(mode.split()[0], 8) & 0o002} == set()


def test_links_between_installed_pages_lead_somewhere(site):
    folder = site.machine.path("/usr/share/doc/sms-gateway")
    links = [(page, target) for page in folder.rglob("*.md")
             for target in re.findall(r"\]\(([^)\s#:]+)[)#]", page.read_text())]
    assert len(links) > 80
    assert [(page.name, target) for page, target in links if not (page.parent / target).exists()] == []


def test_nothing_runs_as_root(site):
    lines = site.machine.shell("for process in /proc/[0-9]*; do"
                               " echo $(stat -c %U $process) $(cat $process/comm); done").splitlines()
    users = {tuple(reversed(line.split())) for line in lines
             if line.split()[-1] in ("nginx", "api-fcgi", "ws-broker", "webhook-sender")}
    assert users == {("nginx", "sms-gateway-web"), ("api-fcgi", "sms-gateway"), ("ws-broker", "sms-gateway"),
                     ("webhook-sender", "sms-gateway")}


def test_only_nginx_reads_the_key_of_the_certificate(site):
    for unit in ("webhooks", "api"):
        pid = site.machine.shell(f"systemctl show -p MainPID --value sms-gateway-{unit}").strip()
        for path in ("/run/sms-gateway-tls/server.key", "/etc/sms-gateway/tls/server.key"):
            result = site.machine.run("nsenter", f"--target={pid}", "--mount", "setpriv", "--reuid=sms-gateway",
                                      "--regid=sms-gateway", "--init-groups", "cat", path, check=False)
            assert result.returncode != 0 and "Permission denied" in result.stdout, (unit, result.stdout)


def test_again_it_changes_nothing_and_prints_no_key(site):
    before = site.machine.shell("systemctl show -p MainPID --value sms-gateway-api sms-gateway-broker"
                                " sms-gateway-webhooks sms-gateway-nginx; cat /etc/sms-gateway/settings.env"
                                " /etc/sms-gateway/tls/*")
    text = site.machine.run(INSTALL, "--package", site.given(site.present)).stdout
    assert "is already installed" in text and "first API key" not in text, text
    assert "nothing was sent: API keys are in use" in text
    assert before == site.machine.shell(
        "systemctl show -p MainPID --value sms-gateway-api sms-gateway-broker sms-gateway-webhooks sms-gateway-nginx;"
        " cat /etc/sms-gateway/settings.env /etc/sms-gateway/tls/*")


def test_a_setting_that_is_given_is_changed_and_the_others_stay(site):
    site.machine.shell(f"printf '%s\\n' {' '.join(SETTINGS)} >>/etc/sms-gateway/settings.env")
    site.machine.run(INSTALL, "--allowed-prefixes", "+49 +43")
    lines = site.machine.shell("grep -v '^#' /etc/sms-gateway/settings.env").splitlines()
    assert "ALLOWED_PREFIXES='+49 +43'" in lines and set(SETTINGS) <= set(lines)
    status, answer = site.ask("/api/send-sms", '{"phone_number": "+15550100", "message": "no"}')
    assert status == 422, answer


def test_without_a_key_the_door_stays_shut(site):
    assert site.ask("/api/devices", key="sgw_none")[0] == 401
    assert site.ask("/metrics")[0] == 403  # for this machine alone, by 127.0.0.1


# ---- Phones, and a client ----


def test_phones_are_paired_and_messages_delivered(site):
    site.pair("first-phone")
    site.pair("second-phone")
    site.start_receiver()
    site.start_traffic()
    wait_for(lambda: len(site.radio()) > 10, "messages to leave")
    assert site.machine.shell(f"{SCRIPTS}/self-test.sh").count("nothing was sent") == 1
    assert site.stop_traffic()[1] == []
    site.check_promises()


def test_the_access_log_is_in_the_journal_without_private_words(site):
    text = site.machine.shell("journalctl --no-pager -u 'sms-gateway-*' -o cat")
    assert '"path":"/api/send-sms","status":202' in text
    assert "+4915" not in text and "message 1" not in text


# ---- A certificate ----


def test_a_renewed_certificate_is_taken_without_a_closed_connection(site):
    process = site.machine.shell("systemctl show -p MainPID sms-gateway-broker sms-gateway-nginx")
    connected = [(site.folder / f"{name}.log").read_text().count("connected to") for name in site.phones]
    assert set(connected) == {1}
    serial = "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -serial"
    before = site.machine.shell(serial)
    site.machine.run("systemctl", "start", "sms-gateway-certificate.service")
    assert site.machine.shell(serial) == before  # it does not end soon
    site.machine.shell(f"{SCRIPTS}/lan-certificate.sh --folder /etc/sms-gateway/tls"
                       " --settings /etc/sms-gateway/settings.env gateway.example")
    site.machine.run("systemctl", "start", "sms-gateway-certificate.service")
    wait_for(lambda: site.machine.shell(serial) != before, "nginx to show the new certificate")
    assert site.machine.shell("systemctl show -p MainPID sms-gateway-broker sms-gateway-nginx") == process
    assert connected == [(site.folder / f"{name}.log").read_text().count("connected to")
                         for name in site.phones]


def test_a_reload_fails_no_request(site):
    site.start_traffic()
    for program in ("api", "broker", "webhooks", "nginx"):
        site.machine.run("systemctl", "reload", f"sms-gateway-{program}.service")
        count = len(site.promised())
        wait_for(lambda: len(site.promised()) > count + 20, "traffic after a reload")
    assert site.stop_traffic()[1] == []
    site.check_promises()


def test_a_program_that_hangs_is_restarted_by_the_watchdog(site):
    show = "systemctl show -p MainPID -p NRestarts -p SubState sms-gateway-broker.service"
    before = site.machine.shell(show)
    site.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP",
                     "sms-gateway-broker.service")
    wait_for(lambda: (shown := site.machine.shell(show)) != before and "SubState=running" in shown,
             "the watchdog", 90)
    for name in site.phones:
        site.wait_connected(name)
    site.check_promises()


# ---- Upgrade, and back ----


def upgrade(site, package, script="upgrade.sh", **options):
    words = ["--package", site.given(package)] if package else []
    return site.machine.run(f"{SCRIPTS}/{script}", *words, **options)


def test_a_dry_upgrade_changes_nothing(site):
    before = site.machine.shell("dpkg -l sms-gateway; ls /var/lib/sms-gateway/backups")
    text = site.machine.run(f"{SCRIPTS}/upgrade.sh", "--dry-run", "--package",
                            site.given(site.following)).stdout
    assert "would: make a backup" in text
    assert site.machine.shell("dpkg -l sms-gateway; ls /var/lib/sms-gateway/backups") == before


def test_an_upgrade_under_traffic_loses_and_doubles_nothing(site):
    schema = site.schema()
    site.start_traffic()
    text = upgrade(site, site.following).stdout
    longest_wait, refused = site.stop_traffic()
    assert "version 0.2.0 serves" in text, text
    assert (site.version(), site.schema()) == ("0.2.0", schema + 1)
    assert longest_wait < 15, longest_wait
    assert refused == []
    site.check_promises()
    assert len(site.machine.shell("ls /var/lib/sms-gateway/backups").split()) == 1


def test_a_version_that_does_not_serve_is_taken_back_by_itself(site):
    schema = site.schema()
    site.start_traffic()
    result = upgrade(site, site.broken, check=False)
    site.stop_traffic()
    assert result.returncode == 1, result.stdout
    assert "version 0.3.0 does not serve; version 0.2.0 serves again" in result.stdout, result.stdout
    assert (site.version(), site.schema()) == ("0.2.0", schema)
    site.check_promises()


def test_settings_that_a_version_does_not_know_stop_it_before_anything_ends(site):
    site.machine.shell("echo DEVICE_WINDOWS=1 >>/etc/sms-gateway/settings.env")
    processes = site.machine.shell("systemctl show -p MainPID sms-gateway-api sms-gateway-broker sms-gateway-webhooks")
    result = upgrade(site, site.broken, check=False)
    site.machine.shell("sed -i '/DEVICE_WINDOWS/d' /etc/sms-gateway/settings.env")
    assert result.returncode == 1 and "DEVICE_WINDOWS" in result.stdout, result.stdout
    assert site.version() == "0.2.0"
    assert site.machine.shell("systemctl show -p MainPID sms-gateway-api sms-gateway-broker sms-gateway-webhooks") == processes


def test_the_way_back_by_hand_keeps_what_the_newer_version_accepted(site):
    schema = site.schema()
    site.start_traffic()
    text = upgrade(site, None, "rollback.sh").stdout
    site.stop_traffic()
    assert re.search(r"version \S+ serves again", text), text
    assert (site.version(), site.schema()) == ("0.1.0", schema - 1)
    site.check_promises()


# ---- Backup, and what follows a loss ----


def test_what_was_lost_comes_back_from_a_backup_and_nothing_is_sent_twice(site):
    site.stop_phones()
    queued = [re.search(r'"message_id":"([^"]+)"', site.ask(
        "/api/send-sms", '{"phone_number": "+4915500000", "message": "waiting"}')[1]).group(1)
        for _ in range(3)]
    backup = re.search(r"\S+\.db", site.machine.shell("sms-gateway backup create")).group()
    assert site.machine.run("sms-gateway", "backup", "verify", backup).returncode == 0
    refused = site.machine.run("sms-gateway", "restore", backup, check=False)
    assert refused.returncode != 0, refused.stdout  # it runs
    for name in site.phones:
        site.start_phone(name)
    wait_for(site.is_quiet, "the three to be sent", 60)
    site.stop_phones()
    site.machine.shell(f"systemctl stop sms-gateway.target; cp {backup} /root/kept;"
                       " rm -rf /var/lib/sms-gateway/*; install -o sms-gateway -m 600 /root/kept"
                       " /var/lib/sms-gateway/kept")
    site.machine.shell("sms-gateway restore /var/lib/sms-gateway/kept")
    site.machine.shell("rm /var/lib/sms-gateway/kept; systemctl start sms-gateway.target")
    wait_for(lambda: site.ask("/readyz")[0] == 200, "the gateway to serve again")
    database = Database(site.database())
    assert database.integrity == ["ok"]
    statuses = database.statuses_by_name()
    assert statuses["unknown"] == 3 and set(statuses) == {"unknown", "delivered"}
    for name in site.phones:
        site.start_phone(name)
    for message_id in queued:  # a phone may still tell what became of it
        assert re.search(r'"status":"(unknown|delivered)"', site.ask(f"/api/sms/{message_id}")[1])
    sent = [line.message_id for line in site.radio()]
    assert sorted(sent) == sorted(set(sent))


def test_the_daily_backup_runs_as_its_unit_says(site):
    site.machine.run("systemctl", "start", "sms-gateway-backup.service")
    newest = site.machine.shell("ls -t /var/lib/sms-gateway/backups/* | head -1").strip()
    assert site.machine.run("sms-gateway", "backup", "verify", newest).returncode == 0


# ---- Uninstall ----


def test_uninstalled_it_leaves_its_data_and_goes_on_from_it(site):
    site.stop_phones()
    count = len(Database(site.database()).messages)
    text = site.machine.run(f"{SCRIPTS}/uninstall.sh").stdout
    assert "Its data stays" in text
    assert not site.machine.path(SCRIPTS).exists()
    assert not [name for name, active in site.units().items() if active == "active"]
    assert site.database().exists() and site.machine.path("/etc/sms-gateway/settings.env").exists()
    text = site.machine.run(INSTALL, "--package", site.given(site.present)).stdout
    assert "first API key" not in text
    assert len(Database(site.database()).messages) == count
    for name in site.phones:
        site.start_phone(name)


def test_everything_is_purged_where_that_is_said_twice(site):
    site.stop_phones()
    refused = site.machine.run(f"{SCRIPTS}/uninstall.sh", "--purge-data", check=False)
    assert refused.returncode == 1 and "needs --yes too" in refused.stdout
    assert site.database().exists()
    site.machine.run(f"{SCRIPTS}/uninstall.sh", "--purge-data", "--yes")
    left = site.machine.shell("find / -xdev -name '*sms-gateway*' -not -path '/root/*' -not -path '/proc/*'"
                              " -not -path '/var/log/*'; getent passwd; getent group")
    assert "sms-gateway" not in left, left
