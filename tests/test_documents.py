"""Pages agree with the code: settings, routes, errors, the source tree."""

import ast
import itertools
import json
import re
import subprocess
import unicodedata
from collections import Counter

import pytest
import yaml

from harness.api import check_schema, description, errors_of, is_valid, resolve
from harness.gateway import ROOT, programs_folder

API_FCGI = programs_folder("release") / "api-fcgi"


def printed(*options):
    return subprocess.check_output([API_FCGI, *options], text=True)


def errors():
    """code -> (HTTP status, close code, title), from common/base/error.def."""
    text = (ROOT / "common/base/error.def").read_text()
    rows = re.findall(r'^ERROR\(\w+, "(\w+)", (\d+), (\d+), "([^"]+)"\)', text, re.M)
    assert len(rows) == text.count("\nERROR(")
    return {code: (int(status), int(close), title) for code, status, close, title in rows}


@pytest.mark.parametrize("page, option", [
    (".env.example", "--print-settings=env"),
    ("common/SETTINGS.md", "--print-settings=markdown"),
])
def test_the_lists_of_settings_are_as_the_program_prints_them(page, option):
    assert (ROOT / page).read_text() == printed(option)


def test_help_names_every_setting():
    text = printed("--help")
    names = re.findall(r'"([A-Z_]{4,})"', (ROOT / "common/process/settings.def").read_text())
    assert names
    assert not [name for name in names if f"  {name} (" not in text]


# Names in capitals that are no settings: of a program, and the examples' environment.
OTHER_NAMES = {"API_FCGI", "GATEWAY_URL", "API_KEY", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "WEBHOOK_SECRET"}


def test_documents_name_only_settings_that_there_are():
    names = set(re.findall(r'"([A-Z_]{4,})"', (ROOT / "common/process/settings.def").read_text()))
    pages = [path for folder in ("", "api-fcgi", "ws-broker", "deploy", "deploy/examples")
             for path in sorted((ROOT / folder).glob("*.md"))]
    assert len(pages) >= 15
    for page in (*pages, ROOT / "api-fcgi/openapi.yaml", ROOT / "nginx/gateway.conf"):
        words = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", page.read_text()))
        assert words - names <= OTHER_NAMES, page


def test_defaults_in_the_protocol_page_are_those_of_the_settings():
    defaults = dict(line.split("=", 1) for line in printed("--check-config").splitlines())
    text = (ROOT / "ws-broker/PROTOCOL.md").read_text()
    found = re.findall(r"(\d+)(?: \w+){0,3}[^()\d]{0,20}\(([A-Z]+_[A-Z_]+)\)", text)
    assert len(found) >= 7, found
    for number, name in found:
        factor = 1024 if name.endswith("_BYTES") else 1
        assert int(number) * factor == int(defaults[name]), name


def test_the_results_of_sending_in_the_protocol_page_are_those_of_the_code():
    code = dict(re.findall(r'\{"(\w+)", SEND_RESULT_(\w+)\}',
                           (ROOT / "common/model/send_result.c").read_text()))
    page = {}
    text = (ROOT / "ws-broker/PROTOCOL.md").read_text()
    for kind in ("definite", "permanent", "ambiguous"):
        row = re.search(rf"^\| {kind} \| (.*?) \|", text, re.M).group(1)
        page |= {word: kind.upper() for word in re.findall(r"`(\w+)`", row)}
    assert page == code != {}


def test_every_threat_names_tests_that_there_are():
    section = (ROOT / "deploy/SECURITY.md").read_text().split("## Threats")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    texts = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.[pc]*")
                    if path.suffix in (".py", ".c"))
    for threat, _, tests in rows:
        names = re.findall(r"`(\w+)`", tests)
        assert names, threat
        for name in names:
            assert re.search(rf"^(def|static void) {name}\(", texts, re.M), name


def test_log_messages_in_the_log_page_are_those_of_the_code():
    page = (ROOT / "deploy/LOGS.md").read_text()
    table = re.search(r"^\| msg \|.*?\n\n", page, re.M | re.S).group()
    messages = [word for row in re.findall(r"^\| (`[^|]+`) \|", table, re.M) for word in re.findall(r"`([^`]+)`", row)]
    messages += re.findall(r'msg="([^"]+)"', page)
    code = "".join(path.read_text() for folder in ("api-fcgi", "ws-broker", "common")
                   for path in (ROOT / folder).rglob("*.[ch]"))
    assert len(messages) > 15
    assert not [message for message in messages if f'"{message}"' not in code]
    reasons = re.findall(r"^\| `(\w+)` \|", page.split("| `reason` |")[1].split("\n\n")[0], re.M)
    assert len(reasons) >= 6 and not [reason for reason in reasons if f'"{reason}"' not in code]


def test_the_table_of_typography_in_the_api_page_is_that_of_the_code():
    code = {}
    for text, by in re.findall(r'^REPLACE\("(.*?)", "(.*)"\)', (ROOT / "common/model/sms_transliteration.def").read_text(),
                               re.M):
        text = ast.literal_eval(f'"{text}"').replace("\xc2\x85", "\x85")  # C has no \\u for it
        code[text] = ast.literal_eval(f'"{by}"')
    table = re.search(r"^\| becomes \|.*?\n\n", (ROOT / "api-fcgi/API.md").read_text(), re.M | re.S).group()
    page = {}
    for by, texts in re.findall(r"^\| (.*?) \| (.*) \|$", table, re.M)[1:]:
        texts = re.sub(r"U\+(\w+) to U\+(\w+)", lambda match: " ".join(
            f"U+{point:04X}" for point in range(int(match[1], 16), int(match[2], 16) + 1)), texts)
        found = [chr(int(word[2:], 16)) if word.startswith("U+") else word for word in re.findall(r"U\+\w+|[^\x00-\x7f]", texts)]
        assert not page.keys() & set(found), "in two rows"
        page |= dict.fromkeys(found, re.findall("`(.*?)`", by))
    wide = {chr(point) for point in range(0xff01, 0xff5f)}
    marked = {text for text in code if len(text) > 1}
    assert len(marked) == 18 and all(unicodedata.normalize("NFC", text) == code[text] for text in marked)
    assert set(page) - wide - {"e", "\u0301", "é"} == set(code) - marked - wide
    for text, by in page.items():
        if text in code and by and by[0] != "!":
            assert code[text] in by, text


# ---- Routes and errors ----


def routes():
    """(method, path) of the route table in the code."""
    text = (ROOT / "api-fcgi/routes.c").read_text()
    return set(re.findall(r'\{"([A-Z]+)", "([^"]+)", \d+, ', text))


def test_the_reasons_of_events_in_the_description_are_those_of_the_code():
    code = re.findall(r'= "(\w+)",', (ROOT / "common/model/transition_reason.c").read_text())
    assert description()["components"]["schemas"]["MessageEvent"]["properties"]["reason"]["enum"] == code != []


def test_the_types_of_events_in_the_pages_are_those_of_the_code():
    code = re.findall(r'^EVENT_TYPE\(\w+, \d+, "(.*?)", .*?, "(.*?)"\)$', (ROOT / "common/model/event_types.def").read_text(), re.M)
    table = re.search(r"^\| `type` \| what it tells \|.*?\n\n", (ROOT / "api-fcgi/API.md").read_text(), re.M | re.S).group()
    assert re.findall(r"^\| `(.*?)` \| (.*) \|$", table, re.M) == [("type", "what it tells"), *code] and len(code) > 15
    assert description()["components"]["schemas"]["EventType"]["enum"] == [name for name, _ in code]


def test_the_alerts_in_the_description_are_those_of_the_code():
    code = re.findall(r'^ALERT\(\w+, "(\w+)", "(\w+)", ', (ROOT / "api-fcgi/handlers/alerts.def").read_text(), re.M)
    alert = description()["components"]["schemas"]["Alert"]["properties"]
    assert alert["code"]["enum"] == [code for code, _ in code] != []
    assert [severity for _, severity in code] == sorted([severity for _, severity in code], key=alert["severity"]["enum"].index)


def test_the_description_has_every_route_and_no_other():
    described = {(method.upper(), path) for path, operations in description()["paths"].items()
                 for method in operations}
    assert described == routes() | {("GET", "/api/events")} != set()  # which the broker answers


def examples():
    """(schema, example) of every body."""
    for operations in description()["paths"].values():
        for operation in operations.values():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [resolve(answer).get("content", {})
                         for answer in operation["responses"].values()]
            for content in contents:
                for media in content.values():
                    found = [resolve(example)["value"]
                             for example in media.get("examples", {}).values()]
                    found += [media["example"]] if "example" in media else []
                    assert found
                    for example in found:
                        yield media["schema"], example


def test_examples_fit_their_schemas():
    checked = 0
    for schema, example in examples():
        check_schema(schema, example)
        checked += 1
    assert checked > 60


WRONG = (None, True, 0, 1, -1, 1.0, 0.5, 1e30, "", "x" * 5000, "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1", [], [{}] * 2000, {}, {"x": 1})


def variants(value, turn):
    """A value with one of its parts wrong, or gone, or with one too many; which, the turns decide."""
    yield WRONG[next(turn) % len(WRONG)]
    if isinstance(value, dict):
        yield value | {"unknown": 1}
        for name, member in value.items():
            rest = {other: value[other] for other in value if other != name}
            yield rest
            for variant in variants(member, turn):
                yield rest | {name: variant}
    elif isinstance(value, list) and value:
        yield from ([variant, *value[1:]] for variant in variants(value[0], turn))


def test_the_quick_check_of_schemas_says_what_jsonschema_says():
    verdicts, turn = Counter(), itertools.count()
    for schema, example in {json.dumps(example): (schema, example) for schema, example in examples()}.values():
        for variant in variants(example, turn):
            said = errors_of(schema, variant)
            assert is_valid(schema, variant) == (not said), (variant, said)
            verdicts[not said] += 1
    assert verdicts[True] > 50 and verdicts[False] > 500, verdicts


def problems_in(node):
    """Every problem+json example in the description."""
    if isinstance(node, dict):
        if "request_id" in node and "code" in node:
            yield node
        for child in node.values():
            yield from problems_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from problems_in(child)


def test_described_problems_are_those_of_the_error_table():
    table = errors()
    examples = [example for example in problems_in(description())
                if isinstance(example["code"], str)]
    assert len(examples) > 10
    for example in examples:
        status, _, title = table[example["code"]]
        assert (example["status"], example["title"]) == (status, title)


def test_close_codes_in_the_protocol_page_are_those_of_the_error_table():
    text = (ROOT / "ws-broker/PROTOCOL.md").read_text()
    page = text.split("## Close codes")[1].split("## What")[0]
    rows = {int(code): set(re.findall(r"`(\w+)`", reasons))
            for code, reasons in re.findall(r"^\| (\d{4}) \| ([^|]*) \|", page, re.M)}
    for code, (_, close, _) in errors().items():
        if close in rows and close != 1013 and code not in ("invalid_utf8", "internal_error"):
            assert code in rows[close], code


def test_frames_in_the_protocol_page_are_those_of_the_code():
    code = re.findall(r'^FRAME_(IN|OUT)\(\w+, "(\w+)", (\w+)', (ROOT / "common/model/frames.def").read_text(), re.M)
    text = (ROOT / "ws-broker/PROTOCOL.md").read_text()
    page = re.findall(r"^\| (?:none \(|)\[([^]]+)\]\([^|]* \| (phone|gateway) \| (\w+) \|", text, re.M)
    assert sorted((name.strip("`").replace("device information", "device_info"), sender, level) for name, sender, level in page) \
        == sorted((name, {"IN": "phone", "OUT": "gateway"}[way], level.lower()) for way, name, level in code) != []


def test_the_linter_finds_nothing_wrong_with_the_description():
    result = subprocess.run(
        ["node", "tests/lint/lint-openapi.cjs", "tests/lint/redocly.yaml", "api-fcgi/openapi.yaml"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert result.returncode == 0, result.stdout


# ---- The tree: tests/check_source.py has the rules ----

def test_the_source_keeps_its_rules():
    result = subprocess.run(["/usr/bin/python3", "tests/check_source.py"], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert result.returncode == 0, result.stdout


def test_shell_scripts_are_clean():
    scripts = sorted((ROOT / "deploy").rglob("*.sh")) + [ROOT / ".ci/run"]
    subprocess.run(["shellcheck", *scripts], check=True)


def test_the_description_is_served_as_it_is_written():
    served = json.loads((ROOT / "build/site/openapi.json").read_text())
    assert served == yaml.safe_load((ROOT / "api-fcgi/openapi.yaml").read_text())
