"""The dashboard in a browser, against a real gateway: what people do with it, and what others write into it."""

import contextlib
import gzip
import json
import re
import sqlite3
import subprocess
import time
import uuid

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.browser import Dashboard, chromium, complaints_of, requested
from harness.gateway import ROOT, programs_folder
from harness.phone import Phone
from harness.waiting import LIMIT_SECONDS, wait_for
from harness.webhook_receiver import OK, Receiver

SOURCES = ROOT / "nginx/dashboard"
SITE = ROOT / "build/site"
HOSTILE = '<img src=x onerror="window.hostile=1"> \u202elive\u202c & {{name}} \u2066'
PAGES = ["", "#/messages", "#/send", "#/send/many", "#/send/csv", "#/conversations", "#/devices", "#/connect",
         "#/simulated-phone", "#/webhooks", "#/keys", "#/limits"]


@pytest.fixture(scope="session")
def build():
    """What is tried here is the page; one build is enough."""
    return "release"


@pytest.fixture(scope="module")
def gateway(module_gateway):
    """As `make run` on one machine: nobody signs in, phones need no token."""
    return module_gateway(API_KEYS="off", DEVICE_TOKENS="off", WEBHOOK_LOOPBACK="allowed", SAME_DEVICE_HOURS="8").start()


@pytest.fixture(scope="module")
def tab(gateway, tmp_path_factory):
    driver = chromium(tmp_path_factory.mktemp("chromium"))
    driver.set_script_timeout(LIMIT_SECONDS)
    yield Dashboard(driver, gateway.url)
    driver.quit()


@pytest.fixture
def page(tab):
    """The dashboard, as large as on a desk; what the browser complains of fails the test."""
    tab.look_as()
    complaints_of(tab.driver)
    requested(tab.driver)
    yield tab
    complaints = complaints_of(tab.driver)
    assert [text for text in complaints if "Failed to load resource" not in text and "ERR_CONNECTION" not in text] == []
    assert [address for address in requested(tab.driver)
            if not address.startswith((tab.url + "/", tab.url.replace("http", "ws", 1) + "/"))] == []


@pytest.fixture
def phone(gateway):
    """A simulated phone beside the browser."""
    command = [programs_folder("release") / "phone-sim", "--url", gateway.ws_url.split("/ws/")[0], "--id", "desk",
               "--send-ms", "1", "--report-ms", "1", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for(lambda: "desk" in gateway.api.devices(), "the phone to connect")
    yield process
    process.terminate()
    assert process.wait(LIMIT_SECONDS) == 0


@contextlib.contextmanager
def phone_that_says(gateway, text):
    """A phone with this text in all that it says of itself. Yields a function that lets it receive an SMS."""
    phone = Phone(gateway, "hostile", {"device_name": text[:60], "app_version": text[:30], "carrier": text, text: text,
                                       "sims": [{"slot": 1, "carrier": text[:60]}]})

    def receive(sender, message):
        received_id = uuid.uuid4().hex
        phone.send({"type": "sms_received", "received_id": received_id, "from": sender, "message": message})
        wait_for(lambda: phone.receive().get("received_id") == received_id, "the SMS to be stored")

    yield receive
    phone.close()


def test_a_newcomer_sends_schedules_reads_an_answer_and_finds_out_why_one_waits(gateway, page):
    """From an empty gateway on, with the mouse alone but for what is typed."""
    page.open()
    page.see("h2", "Send your first SMS")
    page.press("Start a simulated phone")
    page.press("Switch on")
    page.see(".badge", "connected")
    page.press("Send an SMS")
    for number, text in (("+49 151 12345678", "Are you there?"), ("+4915112345679", "A second one"), ("+4915112345670", "A third one")):
        page.fill("Recipient", number)
        page.fill("Text", text)
        page.press("Send", "main form footer")
        page.see(".sent-line", text)
        page.see(".sent .badge", "delivered")

    page.press("When, by which phone, until when")
    page.set("Send at", "2098-01-01T08:00")
    page.fill("Text", "Too far ahead")
    page.press("Schedule it")
    page.see(".field.wrong .error", "35 days")
    page.driver.execute_script("arguments[0].value = ''", page.field("Send at"))
    page.set("Send at", page.driver.execute_script(
        "const d = new Date(Date.now() + 3600000); return new Date(d - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16)"))
    page.fill("Text", "See you in an hour")
    page.press("Schedule it")
    page.see(".sent-line", "It waits: It is not to be sent before its send_at.")

    page.see(".phone-chip").click()
    page.see(".phone .sms.out", "Are you there?").find_element(By.CSS_SELECTOR, "button").click()
    page.press("Yes, thank you!")
    page.see(".phone .sms.in", "the gateway has it")
    page.press("Conversations", ".navigation")
    page.see(".people li a", "Yes, thank you!").click()
    page.see(".thread .sms.in", "Yes, thank you!")
    page.see(".thread .sms.out", "Are you there?")
    page.see("[aria-label=Answer]").send_keys("You are welcome")
    page.press("Send", ".reply")
    page.see(".thread .sms.out:last-child .badge", "delivered")
    page.see(".people li:first-child", "You: You are welcome")

    page.see(".phone-chip").click()
    page.press("Switch off")
    page.see(".badge", "off")
    page.press("Send", ".navigation")
    page.fill("Recipient", "+4915112345671")
    page.fill("Text", "A fifth one")
    page.press("Send", "main form footer")
    page.see(".sent-line", "It waits: No device that may have it is connected.")
    page.press("Overview", ".navigation")
    page.see(".waits li", "Scheduled for later")
    page.see(".note", "No phone is connected")
    page.see(".lines a", "A fifth one").click()
    page.see(".drawer .note", "No device that may have it is connected.")
    page.press("Cancel it", ".drawer .actions")
    page.press("Cancel it", ".dialog:not(.drawer) footer")
    page.see(".drawer .badge", "cancelled")


def test_why_a_message_waits_how_it_is_cancelled_and_sent_once_more(gateway, page):
    Phone(gateway, "away").close()
    page.open("#/messages")  # the simulated phone of the page before goes with it
    wait_for(lambda: not gateway.api.devices(), "all phones to be gone")
    message_id = gateway.api.send(phone_number="+4915112345670", reference="wait-1")["message_id"]
    page.press("More filters")
    page.fill("Reference", "wait-1" + Keys.ENTER)
    page.see(".page-head", "1 match")
    page.see(".table-body .row", "device offline").click()
    page.see(".drawer .note", "No device that may have it is connected.")
    page.press("Cancel it", ".drawer .actions")
    page.press("Cancel it", ".dialog:not(.drawer) footer")
    page.see(".drawer .badge", "cancelled")
    page.see(".drawer .history li:last-child", "a client asked to cancel it")
    page.press("Send once more", ".drawer")
    page.press("Send it", ".dialog:not(.drawer) footer")
    wait_for(lambda: gateway.api.get(f"/api/sms/{message_id}").json()["resent_as"], "the message to be resent")
    resent = gateway.api.get(f"/api/sms/{message_id}").json()["resent_as"]
    page.see(".drawer .copyable", resent)
    page.see(".drawer").send_keys(Keys.ESCAPE)
    page.gone(".drawer")
    gateway.api.request("DELETE", f"/api/sms/{resent}")


def test_what_happens_is_seen_without_a_reload_also_after_the_broker_died(gateway, page, phone):
    page.open("#/messages")
    page.see(".live.open")
    page.driver.execute_script("window.stays = true")
    gateway.api.send(phone_number="+4915112345601", message="while it is looked at")
    page.see(".table-body .row .badge.status-delivered")

    gateway.ws_broker.kill()
    page.see(".live.lost", "trying again")
    gateway.ws_broker.start()
    page.see(".live.open")
    gateway.api.send(phone_number="+4915112345602", message="after the broker came back")
    wait_for(lambda: "delivered" in page.see(".table-body .row", "+4915112345602").text, "the row to change")
    page.go("#/devices")
    page.see(".device", "connected")
    phone.terminate()
    page.see(".device .badge", "offline")
    assert page.driver.execute_script("return window.stays")


def given_readings(gateway, device_id):
    """Of the last day, as if the device had been here; what it reported itself stays."""
    now_ms, every_ms = int(time.time() * 1000), 300_000
    with contextlib.closing(sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)) as database, database:
        database.executemany("INSERT OR IGNORE INTO device_reading VALUES (?, ?, ?, ?, 0, ?)", [
            (device_id, at_ms // every_ms, at_ms, 40 + i % 50, -70 - i % 30)
            for i in range(1, 250) for at_ms in [now_ms - i * every_ms]])


def test_a_device_is_changed_and_one_is_paired_and_revoked(gateway, page, phone, tmp_path):
    given_readings(gateway, "desk")
    page.open("#/devices/desk")
    page.see(".drawer figure", "Battery")
    assert page.see(".drawer figure [aria-label='Signal over the last day'] canvas").size["width"] > 200
    page.press("Change", ".drawer")
    page.fill("Name", "Front desk")
    page.fill("Groups", "berlin not/good")
    page.press("Save")
    page.see(".field.wrong", "Groups")
    page.fill("Groups", "berlin, night")
    page.press("Save")
    page.see(".drawer h2", "Front desk")
    page.press("Disable", ".drawer")
    page.see(".drawer .badge", "disabled")
    device = gateway.api.get("/api/devices/desk").json()
    assert (device["name"], device["groups"], device["enabled"]) == ("Front desk", ["berlin", "night"], False)
    page.press("Enable", ".drawer")
    page.see(".drawer .badge", "connected")

    page.open("#/connect")
    page.press("Make a pairing code")
    steps = page.see(".steps", f"{gateway.url}/api/mobile/v1").text
    token, digits = re.search(r"\b(?:\d{4}-){3}\d{4}\b", steps)[0], re.search(r"\b\d{16}\b", steps)[0]
    assert token.replace("-", "") == digits
    page.press("Another app")
    page.press("Make a pairing code")
    assert page.see("svg.qr").size["width"] > 200
    page.press("Simulated, in a terminal")
    page.press("Make a pairing code")
    link = re.search(r"sms-gateway://pair\S+(?=')", page.see(".steps code").text)[0]
    paired = subprocess.Popen([programs_folder("release") / "phone-sim", "--pair", link, "--tokens", "tokens", "--quiet"],
                              cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        page.see(".note.good", "is connected")
        device_id = next(name for name, device in gateway.api.devices().items() if device["state"] == "active")
        page.go(f"#/devices/{device_id}")
        page.press("Revoke", ".drawer")
        page.press("Revoke it", ".dialog:not(.drawer)")
        page.see(".drawer .badge", "revoked")
    finally:
        paired.terminate()
        paired.wait(LIMIT_SECONDS)


def test_a_table_is_looked_through_before_it_is_sent(gateway, page):
    lines = [f"+49151{10000000 + i},Person {i}" for i in range(600)]
    lines[7] = "0151 123,Ada"
    page.open("#/send/csv")
    page.driver.execute_script("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
                               page.see("textarea.mono"), "\n".join(["phone_number,name", *lines, ""]))
    page.see(".composer textarea").send_keys("Hello {nam}")
    page.see(".preview .row", 'there is no column "nam"')
    page.see(".composer textarea").send_keys(Keys.BACKSPACE + "e}, we are open.")
    page.see(".card", "599 messages, 599 segments")
    page.press("Refused rows")
    page.see(".preview .row", "must start with + and the country code")
    page.press("Leave out the 1 refused row")
    page.press("Send 599 messages")
    page.see(".sent-line", "599 messages")
    page.press("Its messages")
    page.see(".page-head", "599 match")

    drawn = set()
    def at_the_end():
        rows = page.driver.find_elements(By.CSS_SELECTOR, ".table-body .row")
        drawn.add(len(rows))
        page.driver.execute_script("window.scrollTo(0, document.body.scrollHeight)")
        return page.driver.find_elements(By.CSS_SELECTOR, ".table-foot")
    wait_for(at_the_end, "the last row to be loaded")
    assert max(drawn) < 90
    assert gateway.api.get("/api/sms?phone_number=%2B4915110000599").json()["messages"][0]["message"] == "Hello Person 599, we are open."


def test_a_table_that_would_be_sent_as_something_else_is_refused(page, tmp_path):
    page.open("#/send/csv")
    row = "phone_number,name\n+4915110000700,Müller\n"
    for name, content, told in (("latin-1.csv", row.encode("latin-1"), "perhaps in Latin-1"), ("utf-16.csv", row.encode("utf-16"), "in UTF-16"),
                                ("table.xlsx", b"PK\x03\x04" + bytes(range(256)), "a ZIP archive")):
        (tmp_path / name).write_bytes(content)
        page.see("input[type=file]").send_keys(str(tmp_path / name))
        page.see(".note.bad", told)
        assert page.driver.find_elements(By.CSS_SELECTOR, ".preview, .send-bar") == []
    (tmp_path / "utf-8.csv").write_bytes(row.encode("utf-8-sig"))
    page.see("input[type=file]").send_keys(str(tmp_path / "utf-8.csv"))
    page.see(".composer textarea").send_keys("Hello {name}")
    page.see(".preview .row", "Hello Müller")
    assert page.driver.find_elements(By.CSS_SELECTOR, ".note.bad") == []
    for text, place, told in (("phone_number,phone_number\n+4915110000700,+4915110000701\n", ".note.bad", "the column phone_number twice"),
                              ("phone_number\n4.91511E+12\n", ".preview .row", "its last digits are lost"),
                              ("phone_number;name\n+4,91511e12;Ada\n", ".preview .row", "its last digits are lost")):
        page.driver.execute_script("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
                                   page.see("textarea.mono"), text)
        page.see(place, told)


def test_one_text_goes_to_many_numbers(gateway, page):
    page.open("#/send/many")
    page.fill("Recipients", "+4915112345611\n0151 12; +4915112345612, +4915112345613")
    page.fill("Text", "For all of you")
    page.press("Send to 4")
    page.see(".error", "0151 12")
    page.fill("Recipients", "+4915112345611\n+4915112345612, +4915112345613")
    page.press("Send to 3")
    page.see(".sent-line", "3 messages")
    page.press("Its messages")
    page.see(".page-head", "3 match")
    batch_id = gateway.api.get("/api/batches").json()["batches"][0]["batch_id"]
    gateway.api.request("DELETE", f"/api/batches/{batch_id}")
    page.see(".table-body .row", "cancelled")


def test_a_sender_with_a_name_is_found_as_people_type_it(gateway, page):
    with phone_that_says(gateway, "a phone") as receive:
        for sender in ("My Bank", "+4915110000901", "72000"):
            receive(sender, f"from {sender}")
    page.open("#/conversations")
    page.see(".people li", "from My Bank")
    for typed, found in (("My Bank", "from My Bank"), (" my b", "from My Bank"), ("+49 (151) 1000-0901", "from +4915110000901"), ("72000", "from 72000")):
        page.see("[type=search]").send_keys(Keys.CONTROL + "a" + Keys.NULL, Keys.DELETE, typed)
        wait_for(lambda: [found in line.text for line in page.driver.find_elements(By.CSS_SELECTOR, ".people li")] == [True], f"only {found!r}")


def test_a_webhook_is_made_tested_changed_and_deleted(gateway, page):
    gateway.webhook_sender.start()
    receiver = Receiver(hook=[OK])
    page.open("#/webhooks")
    page.press("New webhook")
    page.press("All of them")
    page.press("Received SMS")
    page.fill("URL", "ftp://example.org/hook")
    page.press("Create")
    page.see(".field.wrong", "URL")
    page.fill("URL", receiver.url("hook"))
    page.fill("Description", "Order system")
    page.press("Create")
    page.see(".dialog", "It is shown once")
    page.press("I have it")
    card = page.see(".webhook", "nothing sent yet")
    assert [chip.text for chip in card.find_elements(By.CSS_SELECTOR, ".chip")] == ["Messages", "Received SMS"]
    page.press("Order system", ".webhook")
    page.press("Test", ".drawer")
    page.see(".deliveries li", "webhook.test")
    page.see(".deliveries .badge", "delivered")
    receiver.wait_got("hook", 1)
    page.press("Send again", ".deliveries")
    receiver.wait_got("hook", 2)
    page.see(".drawer .badge", "answers")
    page.press("Change", ".drawer")
    page.fill("Description", "New shop")
    page.press("Save")
    page.see(".drawer h2", "New shop")
    page.press("Disable", ".drawer")
    page.see(".drawer .badge", "disabled")
    page.press("Delete", ".drawer .actions")
    page.press("Delete it", ".dialog:not(.drawer) footer")
    page.see(".empty", "No webhook yet")
    receiver.close()
    gateway.webhook_sender.stop()


def test_sending_is_paused_and_what_others_do_is_seen_at_once(gateway, page):
    page.open("#/limits")
    page.see(".live.open")
    page.press("Pause sending")
    page.fill("Reason", "A test")
    page.press("Pause sending", ".dialog")
    page.see(".note.bad", "A test")
    page.press("Overview", ".navigation")
    page.see(".note.bad", "Sending is paused")
    page.press("Limits", ".navigation")
    page.see(".note.bad", "A test")
    gateway.api.request("POST", "/api/sending/resume", json={})  # by another
    page.gone(".note.bad")
    page.see(".settings tr", "MAX_MESSAGE_SEGMENTS")

    gateway.make_key("read", label="web shop")
    page.press("Keys", ".navigation")
    page.see(".key", "web shop")
    page.press("Revoke", ".key")
    page.press("Revoke it")
    page.see(".empty", "No active key")
    page.press("All")
    page.see(".key .badge", "revoked")


def test_it_is_used_by_the_keyboard_alone(page):
    page.open("#/send")

    def at():
        return page.driver.switch_to.active_element

    def tab_to(is_there, most=40):
        for _ in range(most):
            at().send_keys(Keys.TAB)
            if is_there(at()):
                return at()
        raise AssertionError("no number of tabs leads there")

    at().send_keys(Keys.TAB)
    skip = page.driver.find_element(By.CSS_SELECTOR, ".skip")
    skip.send_keys(Keys.ENTER)
    assert at().tag_name == "h1"
    tab_to(lambda element: element.get_attribute("type") == "tel").send_keys("+4915112345603")
    tab_to(lambda element: element.tag_name == "textarea").send_keys("by keys")
    tab_to(lambda element: element.text == "Send").send_keys(Keys.ENTER)
    page.see(".sent-line", "by keys")
    tab_to(lambda element: element.text == "Details").send_keys(Keys.ENTER)
    page.see(".drawer", "by keys")
    assert page.driver.execute_script("return document.querySelector('.drawer').contains(document.activeElement)")
    at().send_keys(Keys.ESCAPE)
    page.gone(".drawer")


def test_tab_reaches_every_action_and_a_dialog_gives_the_focus_back(gateway, page, phone):
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    message = gateway.api.send(phone_number="+4915112345699", reference="keys", send_at=later)["message_id"]
    webhook = gateway.api.request("POST", "/api/webhooks", json={"url": "http://127.0.0.1:9/"}).json()["webhook_id"]
    gateway.make_key("read", label="keys")
    gateway.api.request("PATCH", "/api/devices/desk", json={"name": "Front desk"})
    page.open()
    assert page.out_of_reach("body") == []
    for address, heading, opened_by in (
            ("#/messages?reference=keys", "Messages", ["+4915112345699"]), (f"#/messages/{message}", "", ["Cancel it"]), ("#/send", "Send", []),
            ("#/send/many", "Send", []), ("#/send/csv", "Send", []), ("#/conversations/%2B4915112345699", "Conversations", []),
            ("#/devices", "Devices", ["Front desk"]), ("#/devices/desk", "", ["Change"]), ("#/connect", "Connect a phone", []),
            ("#/simulated-phone", "Simulated phone", []), ("#/webhooks", "Webhooks", ["New webhook"]),
            (f"#/webhooks/{webhook}", "", ["Change", "New secret", "Delete"]), ("#/keys", "Keys", ["Revoke"]), ("#/limits", "Limits", ["Pause sending"])):
        page.go(address)
        in_drawer = not heading
        page.see(".drawer .actions" if in_drawer else "main h1", heading)
        page.gone(".loading" if in_drawer else ".drawer, .loading")
        assert (address, page.out_of_reach()) == (address, [])
        for name in opened_by:
            within, dialog = (".drawer .actions", ".dialog:not(.drawer)") if in_drawer else ("main", ".dialog")
            page.enter(name, within)
            page.see(dialog)
            assert (address, name, page.out_of_reach()) == (address, name, [])
            page.see(dialog).send_keys(Keys.ESCAPE)
            page.gone(dialog)
            page.focus_is_at(name)

    # What an action takes away does not take the focus with it: the heading has it then.
    page.go(f"#/messages/{message}")
    page.enter("Cancel it", ".drawer .actions")
    page.enter("Cancel it", ".dialog:not(.drawer) footer")
    page.see(".drawer .badge", "cancelled")
    page.focus_is_at("H2")
    page.go("#/devices/desk")
    page.enter("Disable", ".drawer .actions")
    page.focus_is_at("Enable")
    page.enter("Enable", ".drawer .actions")
    page.focus_is_at("Disable")
    page.go(f"#/webhooks/{webhook}")
    page.enter("Delete", ".drawer .actions")
    page.enter("Delete it", ".dialog:not(.drawer) footer")
    page.gone(".dialog")
    page.focus_is_at("H1")
    page.go("#/keys")
    page.enter("Revoke", ".key")
    page.enter("Revoke it", ".dialog footer")
    page.see(".empty", "No active key")
    page.focus_is_at("H1")
    page.go("#/limits")
    page.enter("Pause sending", ".page-head")
    page.enter("Pause sending", ".dialog footer")
    page.enter("Resume sending", ".note")
    page.gone(".note")
    page.focus_is_at("H1")


def test_what_others_write_is_text(gateway, page):
    with phone_that_says(gateway, HOSTILE) as receive:
        receive("+4915112345604", HOSTILE * 170)
        receive(HOSTILE[:40], HOSTILE)
        message = gateway.api.send(phone_number="+4915112345604", message=HOSTILE, reference=HOSTILE[:30])
        gateway.api.request("PATCH", "/api/devices/hostile", json={"name": HOSTILE})
        for width in (1280, 390):
            page.look_as(width)
            page.open()
            for address in ("#/", "#/messages", f"#/messages/{message['message_id']}", "#/devices", "#/devices/hostile",
                            "#/conversations", "#/conversations/%2B4915112345604", "#/send"):
                page.go(address)
                page.see("main h1")
                wait_for(lambda: not page.driver.find_elements(By.CSS_SELECTOR, ".loading"), "the page to be loaded")
                page.check_width((address, width))
                assert page.driver.find_elements(By.CSS_SELECTOR, "main img, main [onerror]") == []
            page.go("#/conversations/%2B4915112345604")
            assert HOSTILE in page.see(".thread .sms.in").get_attribute("textContent")
    assert page.driver.execute_script("return window.hostile") is None


@pytest.mark.parametrize("width, dark", [(1280, False), (390, True)])
def test_nothing_keeps_people_out(gateway, page, phone, width, dark):
    gateway.api.wait_status(gateway.api.send()["message_id"], "delivered")
    page.look_as(width, 900, dark)
    page.open()
    found = {}
    for address in PAGES + ["#/devices/desk"]:
        page.go(address)
        page.see("main h1")
        wait_for(lambda: not page.driver.find_elements(By.CSS_SELECTOR, ".loading"), "the page to be loaded")
        if barriers := page.barriers():
            found[address] = barriers
        page.check_width(address)
    page.go(PAGES[0])
    page.see(".times dd")
    page.driver.execute_script("document.querySelectorAll('.times dd').forEach(e => e.textContent = '59 min 59 s')")
    page.check_width("an overview of slow deliveries")
    assert found == {}


TEXTS = ["", "a", "a" * 160, "a" * 161, "a" * 306, "a" * 307, "\u20ac" * 80, "\u20ac" * 81, "a" * 152 + "\u20ac" + "b" * 20,
         "\u017b" * 70, "\u017b" * 71, "\U0001f600" * 35, "\U0001f600" * 36, "\u017b" * 66 + "\U0001f600" * 3, "\u201cHello\u201d " * 12,
         "line\r\nend \t tab", "\u0416" + "e\u0301" * 50, "[{}]~^|\\" * 20, "\u0391\u0392" * 40, "Cafe\u0301 \u2026 " * 15, "\uff21\uff5e" * 40]


def characters_that_are_replaced():
    """Each of the table in C, in a text that needs fewer segments without it."""
    table = (ROOT / "common/model/sms_transliteration.def").read_text()
    found = re.findall(r'^REPLACE\("((?:[^"\\]|\\.)*)"', table, re.M)
    return [json.loads(f'"{text}"') if "\\x" not in text else bytes(text, "ascii").decode("unicode_escape").encode("latin-1").decode() for text in found]


def test_segments_are_counted_as_the_gateway_counts_them(gateway, page):
    script = subprocess.run(
        ["esbuild", "--bundle", "--format=iife", "--global-name=counting"], text=True, capture_output=True, check=True, cwd=SOURCES / "src",
        input='export { countSegments } from "./segments"; export { transliterate } from "./transliteration";').stdout
    texts = [text for text in TEXTS if text] + [character + "a" * 100 for character in characters_that_are_replaced()]
    page.open("#/limits")
    ours = page.driver.execute_script(script + """
        return arguments[0].map(text => [text, counting.transliterate(text)].map(
            (sent) => { const s = counting.countSegments(sent); return [sent, s.encoding, s.segments] }))""", texts)
    for transliterate in (False, True):
        answer = gateway.api.request("POST", "/api/batches", json={"messages": [
            {"phone_number": f"+4915122{i:06}", "message": text.replace("{", "{{").replace("}", "}}"), "transliterate": transliterate}
            for i, text in enumerate(texts)]}).json()
        made = gateway.api.get(f"/api/sms?batch_id={answer['batch_id']}&limit={len(texts)}").json()["messages"]
        made = {message["message_id"]: message for message in made}
        theirs = [made[message_id] for message_id in answer["message_ids"]]
        assert [[m["message"], m["encoding"], m["segments"]] for m in theirs] == [both[transliterate] for both in ours]
        gateway.api.request("DELETE", f"/api/batches/{answer['batch_id']}")


def test_the_page_is_small_and_its_types_are_right():
    files = [path for path in (SITE / "dashboard").iterdir() if path.suffix in (".js", ".css")] + [SITE / "index.html"]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 150_000
    assert not re.search(rb"\beval\(|new Function\(|\.innerHTML ?=|insertAdjacentHTML|document\.write\(",
                         b"".join(path.read_bytes() for path in SOURCES.rglob("*.ts*")))
    types = re.findall(r'^EVENT_TYPE\(\w+, \d+, "(\S+)"', (ROOT / "common/model/event_types.def").read_text(), re.M)
    theirs = re.search(r"EVENT_TYPES = \[(.*?)\];", (SOURCES / "src/types.ts").read_text(), re.S)[1]
    assert re.findall(r'"(\S+?)"', theirs) == [name for name in types if not name.startswith("message.") and name != "webhook.test"]
    compiler = ROOT / "build/lint-npm/node_modules/typescript/bin/tsc"
    result = subprocess.run(["node", compiler, "--project", SOURCES], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_a_link_of_the_host_signs_in_once_and_a_revoked_session_is_out(module_gateway, tab):
    gateway = module_gateway(WEBHOOK_LOOPBACK="allowed").start()
    page = Dashboard(tab.driver, gateway.url)
    page.look_as()
    page.open()
    page.see(".sign-in", "sms-gateway dashboard")
    status, out, errors = gateway.command("dashboard", "--scopes", "read,devices")
    assert status == 0, errors
    link = out.strip()
    assert link.startswith(f"{gateway.url}/#sign-in=")
    page.driver.get("about:blank")
    page.driver.get(link)
    page.see("main h1", "Overview")
    assert "sign-in" not in page.driver.current_url
    assert [a.text for a in page.driver.find_elements(By.CSS_SELECTOR, ".navigation a")] == ["Overview", "Messages", "Devices", "Limits", "REST API"]
    gateway.api.send(message="not for everyone")
    page.go("#/messages")
    page.see(".table-body .row", "not shown")
    page.go("#/keys")
    page.see(".empty", "keys")

    (session,) = [line.split()[0] for line in gateway.command("keys", "list")[1].splitlines() if " session " in line]
    assert gateway.command("keys", "revoke", session)[0] == 0
    page.see(".sign-in", "You are signed out")
    page.driver.get("about:blank")
    page.driver.get(link)
    page.see(".sign-in .note")
