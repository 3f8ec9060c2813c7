#!/usr/bin/python3 -I
"""Makes the documentation pages out of the guides: pages.py FOLDER, in the source folder

FOLDER gets index.html, the API reference, and a page for each guide of GUIDES, all in the frame of nginx/site/page.html. A link
from one guide to another leads to its page; the build fails where it leads to nothing. A link to any other file of the source tree
becomes plain text.
"""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

# Page -> its guide, and its name in the header; without a name it is reached from the other pages.
GUIDES = {
    "api": ("api-fcgi/API.md", "Guide"),
    "errors": ("common/ERRORS.md", "Errors"),
    "phones": ("deploy/PHONES.md", "Phones"),
    "protocol": ("ws-broker/PROTOCOL.md", "Protocol"),
    "settings": ("common/SETTINGS.md", "Settings"),
    "operating": ("deploy/OPERATING.md", "Operating"),
    "troubleshooting": ("deploy/TROUBLESHOOTING.md", "Troubleshooting"),
    "examples": ("deploy/examples/README.md", ""),
    "tls": ("deploy/TLS.md", ""),
    "monitoring": ("deploy/MONITORING.md", ""),
    "logs": ("deploy/LOGS.md", ""),
    "reload": ("deploy/RELOAD.md", ""),
    "postgresql": ("deploy/POSTGRESQL.md", ""),
    "two-hosts": ("deploy/TWO-HOSTS.md", ""),
    "security": ("deploy/SECURITY.md", ""),
    "capacity": ("deploy/CAPACITY.md", ""),
    "glossary": ("common/GLOSSARY.md", ""),
}
REFERENCE = "/docs"
PRESENT = {page: Path(guide) for page, (guide, _) in GUIDES.items() if Path(guide).exists()}
OTHERS = {Path("api-fcgi/openapi.yaml"): REFERENCE}

SWAGGER = """<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/docs.js"></script>"""


def address_of(page):
    return f"/docs/{page}.html"


def anchor_of(heading, taken):
    """As the usual renderers make it of a heading's text, and tests/test_pages.py checks it."""
    anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
    taken[anchor] = taken.get(anchor, -1) + 1
    return f"{anchor}-{taken[anchor]}" if taken[anchor] else anchor


def text_of(markup):
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


class Guide:
    """One guide as HTML, with the anchors of its headings."""

    def __init__(self, page):
        self.page, self.path = page, PRESENT[page]
        self.headings = []
        taken = {}

        def with_anchor(match):
            level, markup = match.groups()
            anchor = anchor_of(text_of(markup), taken)
            self.headings.append((int(level), anchor, text_of(markup)))
            return f'<h{level} id="{anchor}"><a href="#{anchor}">{re.sub(r"</?a[^>]*>", "", markup)}</a></h{level}>'

        body = subprocess.run(["cmark-gfm", "--extension", "table", "--to", "html", self.path], stdout=subprocess.PIPE,
                              text=True, check=True).stdout
        body = re.sub(r"<h([1-6])>(.*?)</h\1>", with_anchor, body)
        self.body = re.sub(r"<table>.*?</table>", r'<div class="wide" tabindex="0">\g<0></div>', body, flags=re.S)
        self.body = self.body.replace("<pre>", '<pre tabindex="0">')  # it may scroll, also by keyboard
        self.title = next(text for _, _, text in self.headings)
        self.anchors = {anchor for _, anchor, _ in self.headings}

    def contents(self):
        """The headings of the second level, to jump to."""
        parts = [f'<li><a href="#{anchor}">{html.escape(text)}</a></li>' for level, anchor, text in self.headings if level == 2]
        return f'<details class="contents"><summary>On this page</summary><ul>{"".join(parts)}</ul></details>' if parts else ""

    def link(self, target, guides):
        """Where a link of it leads on the site, or None."""
        if re.match(r"[a-z]+:|/", target):
            return target
        file, _, anchor = target.partition("#")
        path = Path(os.path.normpath(self.path.parent / file)) if file else self.path
        if path in OTHERS:
            return OTHERS[path]
        page = next((page for page, of in PRESENT.items() if of == path), None)
        if not page:
            return None
        if anchor and anchor not in guides[page].anchors:
            sys.exit(f"{self.path} links to {target}, and {path} has no such heading")
        return (address_of(page) if file else "") + (f"#{anchor}" if anchor else "")

    def linked_body(self, guides):
        def rewrite(match):
            target = self.link(html.unescape(match[1]), guides)
            return f'<a href="{html.escape(target)}">{match[2]}</a>' if target else match[2]

        return re.sub(r'<a href="([^"]*)">(.*?)</a>', rewrite, self.body, flags=re.S)


def frame(here, title, body):
    """A whole page. `here` is its address."""
    named = [("/", "Dashboard"), (REFERENCE, "API")]
    named += [(address_of(page), GUIDES[page][1]) for page in PRESENT if GUIDES[page][1]]
    links = "\n      ".join(f'<a href="{address}"{" aria-current=page" if address == here else ""}>{name}</a>'
                            for address, name in named)
    page = Path("nginx/site/page.html").read_text()
    for name, text in (("TITLE", html.escape(title)), ("LINKS", links), ("BODY", body)):
        page = page.replace(f"<!-- {name} -->", text)
    return page


def main(folder):
    guides = {page: Guide(page) for page in PRESENT}
    for page, guide in guides.items():
        body = f'<main class="guide">\n{guide.contents()}\n{guide.linked_body(guides)}</main>'
        (folder / f"{page}.html").write_text(frame(address_of(page), guide.title, body))
    (folder / "index.html").write_text(frame(REFERENCE, "API", SWAGGER))  # last: make looks at its time


if __name__ == "__main__":
    main(Path(sys.argv[1]))
