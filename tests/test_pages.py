"""The pages for people: the first page is short and leads to every other, links and anchors lead somewhere, and what pages tell
people to type exists."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from harness.gateway import ROOT, programs_folder

MAX_README_LINES = 90

PAGES = sorted(name for name in subprocess.check_output(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, text=True).splitlines()
    if (ROOT / name).exists())


@cache
def text_of(page):
    return (ROOT / page).read_text()


@cache
def prose_of(page):
    """Without blocks of code, in which nothing is a link or a heading."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.M | re.S)


def links_of(page):
    """(file, anchor) of each relative link and picture of a page; the file is a path from the root."""
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        yield str(file.relative_to(ROOT)), anchor


@cache
def anchors_of(page):
    """As the usual renderers make them of headings."""
    found = {}
    for heading in re.findall(r"^#+ (.+)$", prose_of(page), re.M):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return {f"{anchor}-{number}" if number else anchor for anchor, count in found.items()
            for number in range(count + 1)}


def blocks_of(page):
    return re.findall(r"^```\w*\n(.*?)^```$", text_of(page), re.M | re.S)


def test_the_first_page_is_short():
    assert len(text_of("README.md").splitlines()) <= MAX_README_LINES


def test_the_first_page_begins_with_how_to_run_it():
    first_screen = "\n".join(text_of("README.md").splitlines()[:30])
    assert "apt-get install" in first_screen
    assert re.search(r"^make run\b", first_screen, re.M) and re.search(r"^make test\b", first_screen, re.M)


def test_every_page_is_one_step_from_the_first():
    linked = {file for file, _ in links_of("README.md")}
    assert set(PAGES) - {"README.md"} - linked == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for file, anchor in links_of(page):
        assert (ROOT / file).exists(), f"{page} links to {file}"
        if anchor:
            assert file.endswith(".md") and anchor in anchors_of(file), f"{page} links to {file}#{anchor}"


INSTALLED = "/usr/share/doc/sms-gateway/"


def installed_pages():
    """The files of the package's documentation, which has the folders of this tree."""
    return set(text_of("deploy/debian/sms-gateway.pages").splitlines())


def test_all_pages_are_installed_with_what_they_link_to():
    assert set(PAGES) <= installed_pages()
    for page in PAGES:
        for file, _ in links_of(page):
            assert file in installed_pages(), f"{page} links to {file}, which is not in deploy/debian/sms-gateway.pages"


def test_units_and_scripts_name_installed_pages():
    named = [(path.name, page) for path in sorted((ROOT / "deploy").glob("*/sms-gateway*.[st]*")) + sorted((ROOT / "deploy").glob("*.sh"))
             for page in re.findall(rf"{INSTALLED}([\w./-]+)", path.read_text())]
    assert len(named) >= 6
    for name, page in named:
        assert any(file == page or file.startswith(f"{page}/") for file in installed_pages()), f"{name} names {INSTALLED}{page}"


def test_the_lines_that_install_are_those_of_the_operators_page():
    """Which `make test-deploy` runs."""
    section = text_of("README.md").split("## Install\n")[1].split("\n## ")[0]
    lines = re.search(r"^```\n(.*?)^```$", section, re.M | re.S).group(1).splitlines()
    page = [line.split("  #")[0].rstrip() for block in blocks_of("deploy/OPERATING.md") for line in block.splitlines()]
    assert len(lines) == 3 and not [line for line in lines if line not in page]


def test_the_changelog_has_this_version():
    version = re.search(r"^VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.M).group(1)
    assert re.search(rf"^## {re.escape(version)}, (unreleased|\d{{4}}-\d\d-\d\d)$", text_of("CHANGELOG.md"), re.M)


def test_every_error_is_explained():
    named = {code: (status, close, title) for code, status, close, title in
             re.findall(r'^ERROR\(\w+, "(\w+)", (\d+), (\d+), "([^"]+)"\)', text_of("common/base/error.def"), re.M)}
    for code, title, where, text in re.findall(r"^### `(\w+)`\n\n\*\*(.*)\*\* \((.*)\)\n\n(.+)", text_of("common/ERRORS.md"), re.M):
        status, close, expected = named.pop(code)
        numbers = ([f"HTTP {status}"] if status != "0" else []) + ([f"close code {close}"] if close != "0" else [])
        assert (title, where) == (expected, ", ".join(numbers) or "error frame"), code
        assert len(text) > 30, code
    assert not named, f"common/ERRORS.md does not say what causes and cures {sorted(named)}"


SITE = ROOT / "build/site"


def test_pages_of_the_site_lead_only_to_what_is_there():
    """nginx/pages.py refuses wrong links between guides; this looks at what it made."""
    pages = {path: path.read_text() for path in (SITE / "docs").glob("*.html")}
    assert {f"{page}.html" for page in ("index", "api", "errors", "protocol", "settings", "troubleshooting")} <= {
        path.name for path in pages}
    for path, text in pages.items():
        assert '<meta name="viewport"' in text and 'aria-label="Pages"' in text, path.name
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            file, _, anchor = target.partition("#")
            if re.match(r"[a-z-]+:", file):
                continue
            found = SITE / {"": f"docs/{path.name}", "/": "index.html", "/docs": "docs/index.html"}.get(file, file[1:])
            assert found.is_file(), f"{path.name} leads to {target}"
            assert not anchor or f'id="{anchor}"' in found.read_text(), f"{path.name} leads to {target}"


def test_codes_in_troubleshooting_are_those_of_the_error_table():
    codes = set(re.findall(r'^ERROR\(\w+, "(\w+)"', (ROOT / "common/base/error.def").read_text(), re.M))
    tables = re.findall(r"^\| `code` \|.*?(?:\n\n|\Z)", text_of("deploy/TROUBLESHOOTING.md"), re.M | re.S)
    named = {code for table in tables for row in re.findall(r"^\| (`[^|]+`) \|", table, re.M)
             for code in re.findall(r"`(\w+)`", row)} - {"code"}
    assert len(named) >= 15 and named <= codes


@cache
def make_targets():
    return set(re.findall(r"^([a-z][a-z-]*)(?: [a-z-]+)*:(?!=)", (ROOT / "Makefile").read_text(), re.M))


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_in_pages_exist(page):
    text = text_of(page)
    named = set(re.findall(r"`make ([a-z-]+)", text))
    named |= {target for block in blocks_of(page) for target in re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z-]+)", block, re.M)}
    assert named <= make_targets(), page


@cache
def help_of(program, *family):
    return subprocess.check_output([programs_folder("release") / program, *family, "--help"], text=True)


@cache
def operator_actions():
    """family -> its actions, as the tool's help has them; "" if the family is itself an action."""
    families = re.findall(r"^  ([a-z-]+) ", help_of("sms-gateway"), re.M)
    return {family: set(re.findall(rf"^  sms-gateway {family}(?: ([a-z]+))?", help_of("sms-gateway", family), re.M))
            for family in families}


def code_of(page):
    return [line for text in (*blocks_of(page), *re.findall(r"`([^`\n]+)`", prose_of(page))) for line in text.splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_operator_commands_in_pages_exist(page):
    assert len(operator_actions()) >= 8
    for line in code_of(page):
        for family, action, rest in re.findall(r"\bsms-gateway ([a-z]+(?:-[a-z]+)*)(?: ([a-z]+))?([^#|;)]*)", line):
            actions = operator_actions().get(family)
            assert actions, f"{page}: sms-gateway {family}"
            assert not action or action in actions or "" in actions, f"{page}: sms-gateway {family} {action}"
            for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
                assert option in help_of("sms-gateway", family), f"{page}: sms-gateway {family} {option}"


@pytest.mark.parametrize("page", PAGES)
def test_options_of_the_simulated_phone_in_pages_exist(page):
    for line in code_of(page):
        for rest in re.findall(r"\bphone-sim\b([^#|;)]*)", line):
            for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
                assert option == "--help" or f"  {option}" in help_of("phone-sim"), f"{page}: phone-sim {option}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_pages_tell_to_run_exist(page):
    code = "\n".join(code_of(page))
    for script in re.findall(r"(?<![\w./-])(deploy/[\w-]+\.sh)\b", code):
        assert (ROOT / script).exists(), f"{page}: {script}"
    for script in re.findall(r"/usr/lib/sms-gateway/([\w-]+\.sh)\b", code):
        assert (ROOT / "deploy" / script).exists(), f"{page}: {script}"
    for script in re.findall(r"(?<![\w./-])((?:tests|deploy)/[\w/-]+\.(?:py|c|sh|mjs|php|yaml))\b", code):
        assert (ROOT / script).exists(), f"{page}: {script}"
    for program, test in re.findall(r"\bbuild/tests/(test_\w+)(?: (\w+))?", code):
        source, = (ROOT / "tests").rglob(f"{program}.c")
        assert test in source.read_text(), f"{page}: {program} {test}"
