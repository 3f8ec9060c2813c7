"""Chromium for the tests of the pages: it finds things as people do, by what they say, and waits for them."""

import json
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import (ElementClickInterceptedException, ElementNotInteractableException,
                                        StaleElementReferenceException)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .gateway import ROOT
from .waiting import wait_for

AXE = ROOT / "build/lint-npm/node_modules/axe-core/axe.min.js"
PASSING = (StaleElementReferenceException, ElementClickInterceptedException, ElementNotInteractableException)
# Of the page, in one question: the first element that a function accepts, and what is said there.
SHOWN = """
    const shown = (element) => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0
    const said = (element) => (element.innerText ?? "").replaceAll("\u00a0", " ").trim()
    const first = (selector, accepts) => [...document.querySelectorAll(selector)].find((element) => shown(element) && accepts(element))
"""
SEE = SHOWN + "return first(arguments[0], (element) => said(element).includes(arguments[1]))"
BUTTON = SHOWN + """
    const [within, name] = arguments
    return first(`${within} :is(button, a, summary, label)`, (element) => [said(element), element.getAttribute("aria-label")].includes(name)
        && !element.disabled && element.getAttribute("aria-busy") !== "true")"""
# Before Tab is pressed: what is to be reached, in the dialog that is open or in the page. Gives how many, and those that no key reaches.
BEFORE_TABS = SHOWN + """
    const place = [...document.querySelectorAll("dialog[open]")].pop() ?? document.querySelector(arguments[0])
    for (const details of place.querySelectorAll("details")) details.open = true
    const usable = "a[href], button, input, select, textarea, summary, [tabindex='0']"
    window.toReach = new Set([...place.querySelectorAll(usable)].filter((element) => shown(element) && !element.disabled))
    window.notSeen = []
    window.onfocusin ??= (window.addEventListener("focusin", ({target}) => {
        window.toReach.delete(target)
        const {outlineStyle, outlineWidth} = getComputedStyle(target)
        if (target.matches(usable) && (outlineStyle === "none" || parseFloat(outlineWidth) < 2)) window.notSeen.push(target.outerHTML.slice(0, 200))
    }, true), true)
    place.querySelector(".skip, h1, h2").focus()
    window.toReach.delete(document.activeElement)
    const forClicks = (element) => getComputedStyle(element).cursor === "pointer"
    const pressed = [...place.querySelectorAll("*")].filter((element) => forClicks(element) && !forClicks(element.parentElement) && shown(element)
        && !element.closest(usable + ", label") && !element.querySelector(usable))
    const times = 7 * place.querySelectorAll("[type=datetime-local]").length // each has so many parts
    return [window.toReach.size + times + 5, pressed.map((element) => element.outerHTML.slice(0, 200))]"""
AFTER_TABS = "return [...window.toReach].map((element) => element.outerHTML.slice(0, 200)).concat(window.notSeen)"
FOCUS_IS_IN = SHOWN + "const at = document.activeElement; return [said(at), at.getAttribute('aria-label'), at.tagName]"
FIELD = SHOWN + """
    const label = first("label", (label) => said(label) === arguments[0])
    return label && document.getElementById(label.htmlFor)"""


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
        """Follows a link within the page, without loading it. Its heading is drawn then."""
        self.driver.execute_async_script("location.hash = arguments[0]; requestAnimationFrame(() => setTimeout(arguments[1]))", page)

    def see(self, selector, text=""):
        """The first element that is shown, matches and contains the text; once it is there."""
        return wait_for(lambda: self.driver.execute_script(SEE, selector, text), f"{selector} {text!r} to be seen")

    def gone(self, selector):
        wait_for(lambda: not self.driver.find_elements(By.CSS_SELECTOR, selector), f"{selector} to be gone")

    def press(self, text, within="body"):
        """Clicks the button, or the link, that has this text or this label."""
        def click():
            element = self.driver.execute_script(BUTTON, within, text)
            if element:
                element.click()
            return element
        wait_for(lambda: _unless_passing(click), f"{text!r} to be pressed")

    def out_of_reach(self, within="main"):
        """What of the page, or of the dialog that is open, Tab does not reach, or where it is not seen that it has. A page is drawn
        again when something happens: what one walk misses for that, the next reaches."""
        missed = self._walk(within)
        return missed and [element for element in self._walk(within) if element in missed]

    def _walk(self, within):
        tabs, pressed = self.driver.execute_script(BEFORE_TABS, within)
        self.driver.switch_to.active_element.send_keys(Keys.TAB * tabs)
        return pressed + self.driver.execute_script(AFTER_TABS)

    def enter(self, text, within="body"):
        """Presses Enter on the button, or the link, of that name."""
        wait_for(lambda: _unless_passing(lambda: self._enter(text, within)), f"{text!r} to be there")

    def _enter(self, text, within):
        element = self.driver.execute_script(BUTTON, within, text)
        if element:
            element.send_keys(Keys.ENTER)
        return element

    def focus_is_at(self, *names):
        """Waits until what has the focus has one of these names, or is such an element."""
        wait_for(lambda: set(names) & set(self.driver.execute_script(FOCUS_IS_IN)), f"the focus at {names}")

    def field(self, label):
        """The field with this label."""
        return wait_for(lambda: self.driver.execute_script(FIELD, label), f"the field {label!r}")

    def fill(self, label, text):
        """By keys alone: of what a script clears the page hears nothing, and would put it back where it is drawn before the first key."""
        self.field(label).send_keys(Keys.CONTROL + "a" + Keys.NULL, Keys.DELETE, text)

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
        found = self.driver.execute_async_script("axe.run({resultTypes: ['violations']}).then(arguments[0])")
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
