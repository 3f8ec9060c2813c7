"""/docs in a browser: Swagger UI, from our own origin alone, sends an SMS to a simulated phone."""

import os
import subprocess

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from harness.browser import chromium, complaints_of, requested
from harness.gateway import ROOT, programs_folder
from harness.waiting import LIMIT_SECONDS, wait_for


@pytest.fixture(scope="session")
def build():
    """What is tried here is the page; one build is enough."""
    return "release"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = chromium(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def phone_sim(module_gateway):
    gateway = module_gateway(API_KEYS="off", DEVICE_TOKENS="off").start()
    command = [programs_folder("release") / "phone-sim", "--url", gateway.ws_url.split("/ws/")[0],
               "--send-ms", "1", "--report-ms", "1"]
    with open(gateway.folder / "phone-sim.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    wait_for(gateway.api.devices, "the simulated phone to connect")
    yield gateway
    process.terminate()
    assert process.wait(LIMIT_SECONDS) == 0


def element(browser, selector):
    return WebDriverWait(browser, LIMIT_SECONDS).until(
        lambda driver: driver.find_element(By.CSS_SELECTOR, selector))


def test_try_it_out_sends_an_sms_that_is_delivered(browser, phone_sim):
    gateway = phone_sim
    browser.get(f"{gateway.url}/docs")
    send_sms = "#operations-messages-sendSms"
    element(browser, f"{send_sms} .opblock-summary-control").click()
    element(browser, f"{send_sms} .body-param__text")
    element(browser, f"{send_sms} .execute").click()
    status = element(browser, f"{send_sms} .live-responses-table tr.response .response-col_status")
    assert element(browser, send_sms).size["height"] < 4500  # with what was answered
    refused = element(browser, f"{send_sms} tr.error-row[data-code='422']")
    assert refused.size["height"] < 100
    refused.find_element(By.TAG_NAME, "button").click()
    element(browser, f"{send_sms} tr[data-code='422'] .model-example")
    assert status.text.split()[0] == "202"

    message = gateway.api.get("/api/sms").json()["messages"][0]
    assert message["message"] == "Hello from the SMS Gateway!"
    assert gateway.api.wait_status(message["message_id"], "delivered")["device_id"] == "phone-sim"

    assert complaints_of(browser) == []  # a violated Content-Security-Policy would be here
    addresses = requested(browser)
    assert any(address.endswith("/openapi.json") for address in addresses)
    assert [address for address in addresses if not address.startswith(gateway.url + "/")] == []

    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", status)
    folder = os.environ.get("SCREENSHOTS", ROOT / "build" / "screenshots")
    os.makedirs(folder, exist_ok=True)
    browser.save_screenshot(f"{folder}/try-it-out.png")


def test_the_page_of_errors_is_there_and_points_at_the_code(browser, phone_sim):
    browser.get(f"{phone_sim.url}/docs/errors.html#invalid_phone_number")
    assert element(browser, "h3:target").text == "invalid_phone_number"
    assert "E.164" in element(browser, "h3:target + p").text
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": False})
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    for page in ("Guide", "API"):  # by the header that all pages share
        browser.find_element(By.LINK_TEXT, page).click()
        assert element(browser, "nav [aria-current]").text == page


def test_a_page_follows_the_events_with_a_ticket(browser, phone_sim):
    gateway = phone_sim
    browser.get(f"{gateway.url}/docs")
    ticket = gateway.api.request("POST", "/api/events/ticket").json()["ticket"]
    browser.execute_script("""
        window.shown = []
        const source = new EventSource("/api/events?types=message.*&ticket=" + arguments[0])
        for (const type of ["start", "message.delivered"])
            source.addEventListener(type, event => window.shown.push([type, event.lastEventId, JSON.parse(event.data)]))
        """, ticket)

    def shown():
        return browser.execute_script("return window.shown")

    wait_for(shown, "the stream to begin")
    message_id = gateway.api.send()["message_id"]
    wait_for(lambda: len(shown()) == 2, "the event to arrive")
    (first, *_), (kind, last_id, event) = shown()
    assert (first, kind, event["data"]["message_id"]) == ("start", "message.delivered", message_id)
    assert int(last_id) == event["id"]
