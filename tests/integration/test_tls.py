"""TLS, which nginx ends, with a certificate of deploy/lan-certificate.sh."""

import hashlib
import http.server
import json
import re
import signal
import socket
import ssl
import stat
import subprocess
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from harness.gateway import ROOT, programs_folder
from harness.lan_certificate import LanCertificate, run
from harness.phone import Phone
from harness.phone_sim import PhoneSim
from harness.raw_http import RawHttp, ask_raw, head
from harness.waiting import LIMIT_SECONDS, wait_for


@pytest.fixture(scope="session")
def build():
    """nginx ends TLS: the programs behind it see none."""
    return "release"


@pytest.fixture(scope="module")
def lan(tmp_path_factory):
    return LanCertificate(tmp_path_factory.mktemp("lan"), "sms.example", "192.0.2.77")


@pytest.fixture(scope="module")
def secure(module_gateway, lan):
    """A gateway with TLS on every address; its `wss_url` and a context that trusts its CA alone."""
    gateway = module_gateway(**lan.settings, LISTEN_ADDRESS="0.0.0.0")
    gateway.context = lan.context()
    gateway.ws_url = f"wss://127.0.0.1:{gateway.https_port}/ws/device/"
    gateway.https_url = f"https://127.0.0.1:{gateway.https_port}"
    return gateway.start()


def connect(gateway, context, name="127.0.0.1", address="127.0.0.1"):
    plain = socket.create_connection((address, gateway.https_port), LIMIT_SECONDS)
    return context.wrap_socket(plain, server_hostname=name)


# ---- What is spoken ----

def old_client(lan, version):
    """A client that would speak even what is broken, and this version alone."""
    context = lan.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version, name", [
    ("TLSv1", None), ("TLSv1_1", None), ("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")])
def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(secure, lan, version, name):
    context = old_client(lan, getattr(ssl.TLSVersion, version))
    if name:
        with connect(secure, context) as connection:
            assert connection.version() == name
    else:
        with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
            connect(secure, context)


@pytest.mark.parametrize("ciphers, good", [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
    ("ECDHE-ECDSA-AES128-SHA", False), ("ECDHE-ECDSA-AES256-SHA384", False), ("AES128-SHA", False),
    ("ECDHE-ECDSA-NULL-SHA", False), ("AECDH-AES128-SHA", False)])
def test_only_ciphers_with_forward_secrecy_and_authentication_are_spoken(
        secure, lan, ciphers, good):
    context = old_client(lan, ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    if good:
        with connect(secure, context) as connection:
            assert connection.cipher()[0] == ciphers
    else:
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            connect(secure, context)


def test_there_are_no_session_tickets_and_sessions_are_resumed_all_the_same(secure, lan):
    context = old_client(lan, ssl.TLSVersion.TLSv1_2)
    with connect(secure, context) as connection:
        session = connection.session
        assert not session.has_ticket and session.id
        # nginx answers once its own handshake has ended, and with it the session is stored.
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert connection.recv(64)
    again = socket.create_connection(("127.0.0.1", secure.https_port), LIMIT_SECONDS)
    with context.wrap_socket(again, server_hostname="127.0.0.1", session=session) as connection:
        assert connection.session_reused


def test_http_2_is_not_offered(secure, lan):
    context = lan.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(secure, context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        connect(secure, context)


@pytest.mark.parametrize("request_bytes", [
    head("GET", "/livez"), head("POST", "/api/send-sms", "Content-Length: 2") + b"{}",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], ids=["GET", "POST", "HTTP/2"])
def test_plain_http_at_the_tls_port_gets_an_explanation(secure, request_bytes):
    with socket.create_connection(("127.0.0.1", secure.https_port), LIMIT_SECONDS) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    headers, body = answer.split(b"\r\n\r\n", 1)
    assert headers.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: application/problem+json" in headers
    assert b"Strict-Transport-Security" not in headers
    assert json.loads(body)["code"] in ("tls_required", "malformed_request")
    if not request_bytes.startswith(b"PRI"):
        assert json.loads(body)["code"] == "tls_required"


@pytest.mark.parametrize("request_bytes", [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /livez HTTP/1.1\r\n\r\n",
    head("POST", "/api/send-sms", "Content-Length: 2", "Transfer-Encoding: chunked") + b"{}",
    head("GET", "/livez", "X-Header: a\0b")], ids=["HTTP/2", "no host", "two lengths", "NUL"])
def test_bad_http_inside_of_tls_is_refused_as_outside(secure, request_bytes):
    answer = ask_raw(secure, request_bytes, tls=secure.context)
    assert (answer.status, answer.code) == (400, "malformed_request")


def test_h2c_inside_of_tls_changes_nothing(secure):
    upgrade = ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings",
               "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    answer = ask_raw(secure, head("GET", "/ws/device/x", *upgrade), tls=secure.context)
    assert (answer.status, answer.code) == (426, "upgrade_required")
    with RawHttp(secure, tls=secure.context) as connection:
        for _ in range(2):
            connection.send(head("GET", "/livez", *upgrade))
            assert connection.answer().status == 200


def test_plain_http_stays_on_this_machine(secure):
    """127.0.0.2 stands for another address of the machine: LISTEN_ADDRESS is all of them."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", secure.port), LIMIT_SECONDS)
    socket.create_connection(("127.0.0.2", secure.https_port), LIMIT_SECONDS).close()
    assert secure.api.get("/livez").status_code == 200


# ---- Who trusts it ----

def curl(gateway, host, *options):
    return subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-i", "--resolve",
         f"sms.example:{gateway.https_port}:127.0.0.1", *options,
         f"https://{host}:{gateway.https_port}/livez"],
        capture_output=True, text=True, timeout=LIMIT_SECONDS)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "sms.example"])
def test_curl_trusts_the_gateway_by_its_ca_and_not_without(secure, lan, host):
    answer = curl(secure, host, "--cacert", lan.ca)
    assert answer.returncode == 0, answer.stderr
    assert '{"status":"live"}' in answer.stdout
    assert "\nStrict-Transport-Security: max-age=31536000\n" in answer.stdout.replace("\r", "")
    assert curl(secure, host).returncode == 60  # the certificate cannot be verified


def test_a_name_the_certificate_is_not_for_is_refused(secure, lan):
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(secure, lan.context(), "another.example")


def test_the_api_and_phones_work_over_tls_with_the_ca_alone(secure, lan):
    session = requests.Session()
    session.trust_env, session.verify = False, str(lan.ca)
    session.headers.update(secure.authorization())
    sent = session.post(secure.https_url + "/api/send-sms", timeout=LIMIT_SECONDS,
                        json={"phone_number": "+1234567890", "message": "in secret"}).json()
    phone = Phone(secure, "over-tls", ssl=secure.context)
    assert phone.receive_sms()["message_id"] == sent["message_id"]
    phone.send({"type": "status_update", "message_id": sent["message_id"], "status": "sent"})
    secure.api.wait_status(sent["message_id"], "sent")
    phone.close()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(secure.https_url + "/livez", timeout=LIMIT_SECONDS)
    with pytest.raises(ssl.SSLCertVerificationError):
        Phone(secure, "over-tls", ssl=ssl.create_default_context())


@pytest.mark.parametrize("level", [[], ["--assured"]], ids=["basic", "assured"])
def test_the_simulated_phone_speaks_tls(secure, lan, level):
    def delivered():
        return secure.api.get("/api/sms?status=delivered&limit=1").json()["total"]

    before = delivered()
    phones = PhoneSim(secure, 5, "--ca", lan.ca, "--send-ms", "0-5", "--report-ms", "0-5", *level,
                      name="tls" + "".join(level).strip("-"))
    for i in range(50):
        secure.api.send(message=f"{i} " * 100)
    wait_for(lambda: delivered() == before + 50, "all to be delivered")
    phones.stop()
    assert sum(phones.sent().values()) == 50


def test_the_simulated_phone_trusts_nobody_else(secure, lan, tmp_path):
    other = LanCertificate(tmp_path)
    for options in ([], ["--ca", other.ca]):
        process = subprocess.Popen(
            [programs_folder("release") / "phone-sim", "--url",
             secure.ws_url.removesuffix("/ws/device/"), *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        text = ""
        while "is not trusted" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        process.terminate()
        text += process.communicate(timeout=LIMIT_SECONDS)[0]
        assert "connected to" not in text and "connected 0," in text


@pytest.mark.parametrize("options, words", [
    (["--url", "ws://127.0.0.1:1", "--ca", "ca.crt"], "--ca is of use with wss:// only"),
    (["--url", "wss://127.0.0.1:1", "--ca", "missing.crt"], "missing.crt cannot be read"),
    (["--url", "wss://127.0.0.1:1", "--ca", "/dev/null"], "no certificate"),
    (["--url", "wss:/127.0.0.1:1"], "--url must be like")])
def test_wrong_options_of_the_simulated_phone_are_named(options, words):
    result = subprocess.run([programs_folder("release") / "phone-sim", *options],
                            capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert result.returncode == 2
    assert words in result.stderr


# ---- The CA's certificate ----

def fingerprint(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_the_ca_is_served_to_clients_that_do_not_trust_it_yet(secure, lan):
    unsure = ssl.create_default_context()
    unsure.check_hostname, unsure.verify_mode = False, ssl.CERT_NONE
    for tls in (None, unsure):
        answer = ask_raw(secure, head("GET", "/ca.crt"), tls=tls)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
        assert answer.body == lan.ca.read_bytes()
        assert fingerprint(answer.body.decode()) in lan.output
        assert ask_raw(secure, head("POST", "/ca.crt", "Content-Length: 0"), "POST",
                       tls=tls).status == 405


def test_without_a_ca_there_is_none_to_serve(gateway):
    answer = ask_raw(gateway, head("GET", "/ca.crt"))
    assert (answer.status, answer.code) == (404, "not_found")


# ---- Renewal ----

def test_a_reload_takes_a_renewed_certificate_and_phones_stay(make_gateway, tmp_path):
    lan = LanCertificate(tmp_path)
    ca = lan.ca.read_bytes()
    gateway = make_gateway(**lan.settings).start()
    gateway.ws_url = f"wss://127.0.0.1:{gateway.https_port}/ws/device/"
    phone = Phone(gateway, "steady", ssl=lan.context())

    def served():
        with connect(gateway, lan.context()) as connection:
            return connection.getpeercert()["serialNumber"]

    first = served()
    lan.renew("new.example")
    assert lan.ca.read_bytes() == ca
    assert served() == first
    gateway.nginx.reload()
    assert all(served() != first for _ in range(20))
    with connect(gateway, lan.context(), "new.example"):
        pass
    sent = gateway.api.send()
    assert phone.receive_sms()["message_id"] == sent["message_id"]
    phone.close()

    second = served()
    (lan.tls / "server.key").write_bytes((lan.tls / "ca.key").read_bytes())
    gateway.nginx.signal(signal.SIGHUP)
    wait_for(lambda: "key values mismatch" in gateway.nginx.log(), "nginx to refuse the pair")
    assert served() == second
    assert gateway.nginx.is_running()


# ---- deploy/lan-certificate.sh ----

def test_the_script_makes_the_documented_files(tmp_path):
    (tmp_path / ".env").write_text("HTTP_PORT=8123")  # without an end of line
    lan = LanCertificate(tmp_path, "sms.example", "192.0.2.77", "2001:db8::7")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in lan.tls.iterdir()}
    assert modes == {"ca.key": 0o600, "server.key": 0o600, "ca.crt": 0o644, "server.crt": 0o644,
                     "names": 0o644}
    assert (tmp_path / ".env").read_text() == (
        "HTTP_PORT=8123\nTLS_CERTIFICATE=data/tls/server.crt\nTLS_KEY=data/tls/server.key\n"
        "TLS_CA=data/tls/ca.crt\n")
    text = subprocess.check_output(["openssl", "x509", "-noout", "-text", "-in",
                                    lan.tls / "server.crt"], text=True)
    for word in ("DNS:localhost", f"DNS:{socket.gethostname()}", "DNS:sms.example",
                 "IP Address:127.0.0.1", "IP Address:192.0.2.77", "IP Address:2001:DB8:0:0:0:0:0:7",
                 "CA:FALSE", "TLS Web Server Authentication", "prime256v1"):
        assert word in text, word
    for option, good in (((396, lan.tls / "server.crt"), True), ((398, lan.tls / "server.crt"), False),
                         ((7000, lan.ca), True)):
        days, path = option
        ends = subprocess.run(["openssl", "x509", "-noout", "-checkend", str(days * 86400), "-in",
                               path], capture_output=True)
        assert (ends.returncode == 0) == good
    assert fingerprint(lan.ca.read_text()) in lan.output.splitlines()[-1]


def test_again_it_renews_the_certificate_and_keeps_the_ca_the_names_and_env(tmp_path):
    lan = LanCertificate(tmp_path, "sms.example")
    before = {path.name: path.read_bytes() for path in lan.tls.iterdir()}
    env = (tmp_path / ".env").read_text()
    lan.renew("other.example")
    after = {path.name: path.read_bytes() for path in lan.tls.iterdir()}
    assert {name for name in after if after[name] != before[name]} == \
        {"server.crt", "server.key", "names"}
    assert after["names"] == b"sms.example\nother.example\n"
    assert (tmp_path / ".env").read_text() == env


def test_other_tls_settings_stay(tmp_path):
    (tmp_path / ".env").write_text("TLS_CERTIFICATE=/etc/real.pem\nTLS_KEY=/etc/real.key\n")
    lan = LanCertificate(tmp_path)
    assert (tmp_path / ".env").read_text() == \
        "TLS_CERTIFICATE=/etc/real.pem\nTLS_KEY=/etc/real.key\n"
    assert "NOTE: .env has other TLS settings" in lan.output


@pytest.mark.parametrize("name", ["https://sms.example", "sms.example:8443", "a b", "", "*.example",
                                  "-h", "a,DNS:evil.example", "a\nb", "sms.example/", "ä.example"])
def test_an_invalid_name_is_refused_and_no_file_is_made(tmp_path, name):
    result = run(tmp_path, name)
    assert result.returncode == 2
    assert "is neither a name nor an address" in result.stderr
    assert list(tmp_path.iterdir()) == []


# ---- Settings that do not fit ----

def configure(folder, **settings):
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin"} | settings
    return subprocess.run([ROOT / "deploy/nginx-conf.sh", programs_folder("release")], cwd=folder,
                          env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)


def judge(folder, **settings):
    return subprocess.run([programs_folder("release") / "sms-gateway", "settings", "check"], cwd=folder,
                          env={"PATH": "/usr/bin:/bin"} | settings, capture_output=True, text=True,
                          timeout=LIMIT_SECONDS)


@pytest.mark.parametrize("settings, words", [
    ({"TLS_CERTIFICATE": "c.pem"}, "TLS_CERTIFICATE needs TLS_KEY"),
    ({"TLS_KEY": "k.pem"}, "set that too, or neither"),
    ({"TLS_CA": "c.pem"}, "set that too, or neither"),
    ({"TLS_CERTIFICATE": "missing", "TLS_KEY": "k.pem"}, "TLS_CERTIFICATE: cannot read the file missing"),
    ({"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "missing"}, "TLS_KEY: cannot read the file missing"),
    ({"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "$k"}, "contains a $, which is not expanded"),
    ({"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "k.pem", "TLS_CA": "k.pem"}, "k.pem contains a private key"),
    ({"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "k.pem"}, "c.pem contains no PEM certificate"),
    ({"TLS_CERTIFICATE": ".", "TLS_KEY": "k.pem"}, "TLS_CERTIFICATE: . is not a file"),
    ({"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "k.pem", "TLS_CA": "$k"}, "contains a $, which is not expanded"),
    ({"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "k.pem", "HTTPS_PORT": "8000"}, "change one"),
    ({"LISTEN_ADDRESS": "127.0.0.1;"}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "127.0.0.1:8000;x"}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "127.0.0.1:8000"}, "without a port"),
    ({"LISTEN_ADDRESS": "127.0.0.1 "}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "127.0.1"}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "127.0.0.256"}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "::g"}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "[::1"}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "fe80::1%lo"}, "LISTEN_ADDRESS must be an address"),
    ({"LISTEN_ADDRESS": "192.0.2.1", "PLAIN_HTTP": "everywhere"}, "not an address of this machine"),
    ({"LISTEN_ADDRESS": "2001:db8::1", "PLAIN_HTTP": "everywhere"}, "not an address of this machine"),
    ({"LISTEN_ADDRESS": "gateway.invalid", "PLAIN_HTTP": "everywhere"}, "does not resolve"),
    ({"PUBLIC_URL": "sms.example.org"}, "PUBLIC_URL must be like https://"),
    ({"PUBLIC_URL": "https://sms.example.org/"}, "a slash at the end"),
    ({"RUNTIME_DIR": "r" * 94}, "RUNTIME_DIR may have 93 bytes"),
    ({"LISTEN_ADDRESS": "0.0.0.0"}, "make lan-certificate"),
    ({"LISTEN_ADDRESS": "0.0.0.0"}, "PLAIN_HTTP=everywhere"),
    ({"LISTEN_ADDRESS": "::"}, "PLAIN_HTTP=everywhere"),
    ({"LISTEN_ADDRESS": "192.168.1.5"}, "PLAIN_HTTP=everywhere"),
    ({"LISTEN_ADDRESS": "gateway.example"}, "PLAIN_HTTP=everywhere"),
    ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
    ({"CORS_ORIGINS": "null"}, "null is not one"),
    ({"CORS_ORIGINS": "https://a.example/"}, "a slash at the end"),
    ({"CORS_ORIGINS": "https://a.example https://*.example"}, "https://*.example is not one"),
    ({"CORS_ORIGINS": "https://a.example;"}, "https://a.example; is not one"),
    ({"CORS_ORIGINS": "https://a.example,https://b.example"}, "separated by spaces"),
    ({"CORS_ORIGINS": "https://A.example"}, "https://A.example is not one"),
    ({"CORS_ORIGINS": "https://a.example:0"}, "https://a.example:0 is not one"),
    ({"CORS_ORIGINS": "https://a.example:65536"}, "https://a.example:65536 is not one"),
    ({"CORS_ORIGINS": "https://[::g]"}, "https://[::g] is not one"),
    ({"CORS_ORIGINS": "a.example"}, "a.example is not one"),
])
def test_settings_that_do_not_fit_are_refused_in_words(tmp_path, settings, words):
    (tmp_path / "c.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    for name in ("k.pem", "$k"):
        (tmp_path / name).write_text("-----BEGIN PRIVATE KEY-----\n")
    result = configure(tmp_path, **settings)
    assert result.returncode == 1
    assert words in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
    told = judge(tmp_path, **settings)  # before, and by the tool
    assert told.returncode == 2
    assert told.stderr.split(": ", 1)[1] == result.stderr.split(": ", 1)[1]


@pytest.mark.parametrize("settings, listens", [
    ({}, ["127.0.0.1:8000", "[::1]:8000"]),
    ({"LISTEN_ADDRESS": "127.0.0.2"}, ["127.0.0.2:8000"]),
    ({"LISTEN_ADDRESS": "::1"}, ["[::1]:8000"]),
    ({"LISTEN_ADDRESS": "[::1]"}, ["[::1]:8000"]),
    ({"LISTEN_ADDRESS": "localhost"}, ["127.0.0.1:8000", "[::1]:8000"]),
    ({"LISTEN_ADDRESS": "0.0.0.0", "PLAIN_HTTP": "everywhere"}, ["0.0.0.0:8000", "[::1]:8000"]),
    ({"LISTEN_ADDRESS": "::", "PLAIN_HTTP": "everywhere"}, ["[::]:8000", "0.0.0.0:8000"]),
    ({"LISTEN_ADDRESS": "::", "TLS": "yes"}, ["127.0.0.1:8000", "[::1]:8000", "[::]:8443 ssl",
                                               "0.0.0.0:8443 ssl"]),
    ({"LISTEN_ADDRESS": "127.0.0.2", "TLS": "yes", "PLAIN_HTTP": "everywhere"},
     ["127.0.0.1:8000", "[::1]:8000", "127.0.0.2:8443 ssl"]),
])
def test_nginx_listens_where_the_settings_say(tmp_path, lan, settings, listens):
    settings = dict(settings)
    if settings.pop("TLS", None):
        settings |= {name: str(path) for name, path in lan.settings.items()}
    result = configure(tmp_path, **settings)
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "run/settings-server.conf").read_text()
    found = re.findall(r"^listen (\S+)( ssl)?", text, re.M)
    assert [address + tls for address, tls in found] == listens


# ---- Pairing over TLS, with what is printed and nothing else ----


@pytest.fixture
def paired_gateway(make_gateway, lan):
    gateway = make_gateway(**lan.settings, LISTEN_ADDRESS="0.0.0.0")
    gateway.environment["PUBLIC_URL"] = f"https://127.0.0.1:{gateway.https_port}"
    gateway.start()
    return gateway


def printed_link(gateway):
    status, output, errors = gateway.command("devices", "pair")
    assert status == 0, errors
    return re.search(r"link +(\S+)", output).group(1)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_phone_pairs_with_the_link_alone(paired_gateway, tmp_path):
    link = parse_qs(urlsplit(printed_link(paired_gateway)).query)
    (url,), (code,), (fingerprint,) = link["url"], link["code"], link["ca"]
    certificate = requests.get(f"{url}/ca.crt", verify=False, timeout=LIMIT_SECONDS).text
    der = ssl.PEM_cert_to_DER_cert(certificate)
    assert hashlib.sha256(der).hexdigest() == fingerprint
    pinned = tmp_path / "pinned.crt"
    pinned.write_text(certificate)
    answer = requests.post(f"{url}/api/pair", json={"code": code}, verify=str(pinned),
                           timeout=LIMIT_SECONDS)
    assert answer.status_code == 201, answer.text
    phone = answer.json()
    paired_gateway.ws_url = url.replace("http", "ws") + "/ws/device/"
    connection = Phone(paired_gateway, phone["device_id"], token=phone["token"],
                       ssl=ssl.create_default_context(cafile=pinned))
    message = paired_gateway.api.send()
    assert connection.receive_sms()["message_id"] == message["message_id"]
    connection.close()


def sim(folder, *options):
    return subprocess.Popen([programs_folder("release") / "phone-sim", *options], cwd=folder,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_simulated_phone_pairs_with_the_link_alone(paired_gateway, tmp_path):
    message = paired_gateway.api.send()
    with sim(tmp_path, "--pair", printed_link(paired_gateway), "--exit-after", "1",
             "--report-ms", "0-5") as phone:
        output = phone.communicate(timeout=LIMIT_SECONDS)[0]
    assert phone.returncode == 0, output
    paired_gateway.api.wait_status(message["message_id"], "delivered")
    assert stat.S_IMODE((tmp_path / "phone-sim.tokens").stat().st_mode) == 0o600

    again = paired_gateway.api.send()  # and from then on as it has printed
    options = re.search(r"From now on: phone-sim (.*)", output).group(1).split()
    with sim(tmp_path, *options, "--exit-after", "1", "--report-ms", "0-5") as phone:
        assert phone.wait(LIMIT_SECONDS) == 0
    paired_gateway.api.wait_status(again["message_id"], "delivered")


@pytest.mark.parametrize("change, words", [
    (lambda link: link[:-64] + "0" * 64, "is not the CA of the link"),
    (lambda link: re.sub(r"code=[^&]*", "code=AAAA-AAAA-AAAA-AAAA", link), "pairing_code_invalid"),
    (lambda link: re.sub(r"&ca=.*", "", link), "certificate"),
    (lambda link: link.replace("sms-gateway:", "http:"), "is no link"),
    (lambda link: re.sub(r"code=[^&]*&", "", link), "is no link")])
def test_the_simulated_phone_pairs_with_nothing_else(paired_gateway, tmp_path, change, words):
    with sim(tmp_path, "--pair", change(printed_link(paired_gateway))) as phone:
        output = phone.communicate(timeout=LIMIT_SECONDS)[0]
    assert phone.returncode == 1 and words in output
    assert not (tmp_path / "phone-sim.tokens").exists()


def test_a_false_gateway_cannot_add_a_ca_of_its_own(paired_gateway, lan, tmp_path):
    """It serves the true CA's certificate, with its own behind it, and has a certificate of its own."""
    (tmp_path / "false").mkdir()
    false = LanCertificate(tmp_path / "false")
    both = lan.ca.read_bytes() + false.ca.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(both)

        def do_POST(self):
            self.server.codes += 1
            self.send_error(500)

        def log_message(self, *_):
            pass

    class Server(http.server.HTTPServer):
        codes = 0

        def handle_error(self, *_):
            pass  # a client that does not trust it breaks off

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(false.settings["TLS_CERTIFICATE"], false.settings["TLS_KEY"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    link = re.sub(r"url=[^&]*", f"url=https://127.0.0.1:{server.server_port}",
                  printed_link(paired_gateway))
    try:
        with sim(tmp_path, "--pair", link) as phone:
            output = phone.communicate(timeout=LIMIT_SECONDS)[0]
    finally:
        server.shutdown()
        server.server_close()
    assert phone.returncode == 1 and "certificate" in output
    assert server.codes == 0
