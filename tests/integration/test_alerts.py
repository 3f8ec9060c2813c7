"""The alerts, the dashboard and the monitoring page use metrics and labels that exist."""

import json
import re
import subprocess

import pytest
import requests
import yaml

from harness.gateway import ROOT, Gateway
from harness.metrics import PREFIX, promtool, scrape
from harness.ports import free_port
from harness.waiting import LIMIT_SECONDS, wait_for

MONITORING = ROOT / "deploy/MONITORING.md"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
ALERTS_TEST = ROOT / "deploy/prometheus/alerts_test.yml"
DASHBOARD = ROOT / "deploy/grafana/sms-gateway.json"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A scrape of everything there is."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway")).start()
    gateway.webhook_sender.start()
    yield scrape(gateway)
    gateway.stop()


def test_the_table_of_metrics_matches_the_scrape(shown):
    help_of = dict(re.findall(r"^# HELP (\S+) (.*)$", shown.text, re.M))
    rows = []
    for name, (kind, samples) in shown.families.items():
        labels = {label for _, text in samples for label in re.findall(r'(\w+)="', text or "")}
        words = ", ".join(f"`{label}`" for label in sorted(labels - {"le"}))
        rows.append(f"| `{name.removeprefix(PREFIX)}` | {kind} | {words} | {help_of[name]} |")
    text = MONITORING.read_text()
    table = [line for line in text.splitlines() if re.match(r"\| `\w+` \| (counter|gauge|hist)", line)]
    assert table == rows, "\n".join(rows)


def test_the_example_in_the_description_is_of_the_scrape(shown):
    description = yaml.safe_load((ROOT / "api-fcgi/openapi.yaml").read_text())
    answer = description["paths"]["/metrics"]["get"]["responses"]["200"]
    example = answer["content"]["text/plain"]["example"].splitlines()
    comments = [line for line in example if line.startswith("# ")]
    assert len(comments) >= 6 and set(comments) <= set(shown.text.splitlines())
    assert {line.split()[0] for line in example} - {"#"} == {line.split()[2] for line in comments}


def names_in(expression):
    return set(re.findall(r"\bsms_gateway_\w+", expression))


def rules():
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_alerts_and_dashboard_use_only_existing_metrics(shown):
    known = {PREFIX + name for name, _ in shown.samples}
    for name, rule in rules().items():
        used = names_in(rule["expr"])
        assert used or name == "SmsGatewayApiDown", name
        assert used <= known, name
    dashboard = json.loads(DASHBOARD.read_text())
    used = set()
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            names = names_in(target["expr"])
            assert names and names <= known, panel["title"]
            used |= names
    families = {re.sub("_(bucket|sum|count)$", "", name) if name not in shown.families else name
                for name in used}
    assert set(shown.families) - families == {"sms_gateway_build_info"}  # every other has a picture


def test_alerts_and_dashboard_use_only_existing_labels(shown):
    """A matcher on a label that no series has would match nothing, or everything."""
    labels = {}
    for (name, pairs) in shown.samples:
        labels.setdefault(PREFIX + name, set()).update(pairs)
    expressions = [rule["expr"] for rule in rules().values()]
    expressions += [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"]
                    for target in panel.get("targets", [])]
    checked = 0
    for expression in expressions:
        for name, matchers in re.findall(r"(sms_gateway_\w+)\{([^}]*)\}", expression):
            for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
                if label == "instance" or operator == "!=":
                    continue
                assert any(known == label and re.fullmatch(value, text)
                           for known, text in labels[name]), (name, label, value)
                checked += 1
    assert checked > 5


def test_the_dashboard_is_one_that_grafana_can_read():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] >= 37 and dashboard["uid"] and "id" not in dashboard
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 20
    places = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & places, panel["title"]
        places |= cells
        for part in [panel, *panel.get("targets", [])]:
            if panel["type"] != "row":
                assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_the_documented_configuration_scrapes(make_gateway, tmp_path):
    gateway = make_gateway().start()
    key = tmp_path / "key"
    key.write_text(gateway.make_key("metrics"))
    text = re.search(r"```yaml\n(.*?)```", MONITORING.read_text(), re.S).group(1)
    config = yaml.safe_load(text)
    (job,) = config["scrape_configs"]
    assert set(config["rule_files"]) == {"/usr/share/sms-gateway/prometheus/alerts.yml"}
    assert f'job="{job["job_name"]}"' in rules()["SmsGatewayApiDown"]["expr"]
    config["rule_files"] = [str(ALERTS)]
    job["authorization"]["credentials_file"] = str(key)
    job["static_configs"][0]["targets"] = [f"127.0.0.1:{gateway.port}"]
    job["scrape_interval"] = "1s"
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    assert promtool("check", "config", path) == ""

    port = free_port()
    with open(tmp_path / "prometheus.log", "wb") as log:
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={tmp_path / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        def answer(query):
            try:
                found = requests.get(f"http://127.0.0.1:{port}/api/v1/query", timeout=LIMIT_SECONDS,
                                     params={"query": query})
            except requests.ConnectionError:
                return None
            return found.status_code == 200 and [
                (one["metric"].get("instance"), one["value"][1])
                for one in found.json()["data"]["result"]]
        for query in ("up", 'sms_gateway_up{process="ws-broker"}'):
            wait_for(lambda: answer(query) == [("gateway", "1")], query)
    finally:
        prometheus.terminate()
        prometheus.wait(LIMIT_SECONDS)


def test_the_alerts_fire_as_their_test_cases_say():
    assert promtool("check", "rules", ALERTS) == ""
    assert promtool("test", "rules", ALERTS_TEST) == ""


def test_promtool_would_notice_an_alert_that_does_not_fire(tmp_path):
    (tmp_path / "alerts.yml").write_text(ALERTS.read_text().replace("> 64 *", "> 6400 *"))
    (tmp_path / "alerts_test.yml").write_text(ALERTS_TEST.read_text())
    assert "SmsGatewayWalLarge" in promtool("test", "rules", tmp_path / "alerts_test.yml")


def test_each_alert_has_a_case_where_it_fires_and_one_where_it_does_not():
    cases = [(case["alertname"], bool(case["exp_alerts"]))
             for test in yaml.safe_load(ALERTS_TEST.read_text())["tests"]
             for case in test["alert_rule_test"]]
    assert set(cases) == {(name, fires) for name in rules() for fires in (True, False)}
    for name, rule in rules().items():
        assert rule["labels"]["severity"] in ("page", "ticket"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name


def test_queries_of_the_dashboard_can_be_parsed(tmp_path):
    """As recording rules, which promtool reads."""
    queries = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"]
               for target in panel.get("targets", [])]
    recorded = [{"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
                for number, query in enumerate(queries)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    assert promtool("check", "rules", path) == ""
