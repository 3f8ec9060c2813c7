"""Chromium for the tests of the pages: it finds things as people do, by what they say, and waits for them."""

import json
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from .gateway import ROOT
from .waiting import wait_for

AXE = ROOT / "build/lint-npm/node_modules/axe-core/axe.min.js"
PASSING = (NoSuchElementException, StaleElementReferenceException, ElementClickInterceptedException)


def chromium(folder):
    """A driver of a headless Chromium, for which every name but our own is nowhere: pages must do without the internet."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                   "--no-first-run", "--disable-background-networking", "--disable-sync",
                   "--disable-component-update", "--disable-dev-shm-usage",
                   "--window-size=1280,1000", f"--user-data-dir={Path(folder) / 'profile'}",
                   "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def complaints_of(driver):
    """What the browser says of the page, such as a violated Content-Security-Policy."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def requested(driver):
    """The addresses that the browser asked for over the network."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    addresses = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [address for address in addresses if address.startswith(("http", "ws"))]


class Dashboard:
    """The dashboard of a gateway, in one tab."""

    def __init__(self, driver, url):
        self.driver = driver
        self.url = url

    def open(self, page=""):
        """Loads the page as a new one."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/{page}")
        self.see("main h1")

    def go(self, page):
        """Follows a link within the page, without loading it."""
        self.driver.execute_script("location.hash = arguments[0]", page)

    def see(self, selector, text=""):
        """The first element that is shown, matches and contains the text; once it is there."""
        def look():
            for element in self.driver.find_elements(By.CSS_SELECTOR, selector):
                if element.is_displayed() and text in element.text:
                    return element
            return None
        return wait_for(lambda: _unless_passing(look), f"{selector} {text!r} to be seen")

    def gone(self, selector):
        wait_for(lambda: not self.driver.find_elements(By.CSS_SELECTOR, selector), f"{selector} to be gone")

    def press(self, text, within="body"):
        """Clicks the button, or the link, that has this text or this label."""
        def click():
            for element in self.driver.find_elements(By.CSS_SELECTOR, f"{within} :is(button, a, summary, label)"):
                named = text in (element.text.strip(), element.get_attribute("aria-label"))
                if named and element.is_displayed() and element.is_enabled():
                    element.click()
                    return True
            return False
        wait_for(lambda: _unless_passing(click), f"{text!r} to be pressed")

    def field(self, label):
        """The field with this label."""
        def find():
            for element in self.driver.find_elements(By.CSS_SELECTOR, "label"):
                if element.is_displayed() and element.text.strip() == label:
                    return self.driver.find_element(By.ID, element.get_attribute("for"))
            return None
        return wait_for(lambda: _unless_passing(find), f"the field {label!r}")

    def fill(self, label, text):
        element = self.field(label)
        element.clear()
        element.send_keys(text)

    def set(self, label, value):
        """For fields that keys fill differently in each country, such as times."""
        self.driver.execute_script("""
            arguments[0].value = arguments[1];
            for (const type of ["input", "change"]) arguments[0].dispatchEvent(new Event(type, {bubbles: true}))
            """, self.field(label), value)

    def look_as(self, width=1280, height=1000, dark=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def barriers(self):
        """What axe-core finds to be serious or critical: (rule, the element)."""
        if not self.driver.execute_script("return 'axe' in window"):
            self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script("axe.run().then(arguments[0])")
        return [(violation["id"], node["html"][:200], node["failureSummary"]) for violation in found["violations"]
                if violation["impact"] in ("serious", "critical") for node in violation["nodes"]]

    def check_width(self, where):
        """Nothing is wider than the window; a plot follows it when it is drawn again."""
        wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        wait_for(lambda: not self.driver.execute_script(wide), f"{where} to be as wide as the window")


def _unless_passing(look):
    """A page that changes while it is looked at is looked at again."""
    try:
        return look()
    except PASSING:
        return None
