"""How soon the dashboard is seen, and how smoothly a long table scrolls, in a Chromium without a graphics processor."""

import tempfile

from harness.browser import Dashboard, chromium

ROWS = 10_000
STEP_PIXELS = 90  # a frame: a quick turn of the wheel
# Of the page: when the first tiles, and the first plot, are there.
WATCH = """
    window.seen = {}
    new MutationObserver(() => {
        if (document.querySelector(".tile-value")) window.seen.tiles ??= performance.now()
        if (document.querySelector(".plot canvas")) window.seen.plots ??= performance.now()
    }).observe(document, {subtree: true, childList: true})"""
FIRST_VIEW = """
    const [paint] = performance.getEntriesByName("first-contentful-paint")
    return paint && window.seen.plots ? {paint: paint.startTime, ...window.seen} : null"""
# To the end, page after page; then from the top, a step each frame. Gives the milliseconds between frames, and the rows.
LOAD_ALL = """
    const done = arguments[0]
    const look = () => {
        if (document.querySelector("p.table-foot")) return done()
        window.scrollTo(0, document.body.scrollHeight)
        requestAnimationFrame(look)
    }
    look()"""
SCROLL = """
    const [step, frames, done] = arguments
    const between = []
    let before
    window.scrollTo(0, 0)
    const frame = (now) => {
        if (before) between.push(now - before)
        before = now
        if (between.length === frames)
            return done({between, rows: Number(document.querySelector("[aria-rowcount]").getAttribute("aria-rowcount")) - 1})
        window.scrollBy(0, step)
        requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)"""


def first_view(page):
    """Milliseconds from the address to the first paint, the tiles and the plots; nothing is in the browser's cache."""
    page.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    page.open()
    page.see(".plot canvas")
    return page.driver.execute_script(FIRST_VIEW)


def scroll(page, frames):
    page.open("#/messages")
    page.see(".table-body .row")
    page.driver.execute_async_script(LOAD_ALL)
    return page.driver.execute_async_script(SCROLL, STEP_PIXELS, frames)


def dashboard(bench):
    """The dashboard in a browser."""
    gateway = bench.gateway(delivered=ROWS, API_KEYS="off", DEVICE_TOKENS="off").start()
    with tempfile.TemporaryDirectory() as folder:
        driver = chromium(folder)
        driver.set_script_timeout(300)
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        page = Dashboard(driver, gateway.url)
        page.look_as()
        add = bench.figures.add
        for _ in range(bench.rounds):
            view = first_view(page)
            add("dashboard: the first view", "ms", view["plots"], target=1000, at_most=True, conditions="overview with plots, empty cache")
            add("… first paint", "ms", view["paint"])
            scrolled = scroll(page, int(60 * 4 * bench.seconds))
            assert scrolled["rows"] == ROWS
            between = sorted(scrolled["between"])
            add("… a frame while 10,000 rows scroll, p50", "ms", between[len(between) // 2], digits=1)
            add("… p99", "ms", between[len(between) * 99 // 100], target=34, at_most=True, digits=1)
            add("… the longest", "ms", between[-1], digits=1)
        driver.quit()
    bench.discard(gateway)
