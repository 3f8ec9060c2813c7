"""The REST client of the tests: `requests`, with every answer checked against the OpenAPI description.

The status must be documented for the route in api-fcgi/openapi.yaml, the media type and the schema must match, and
required headers must be present.
"""

import re
from functools import cache
from pathlib import Path

import jsonschema
import requests
import yaml

from .waiting import LIMIT_SECONDS, wait_for

DESCRIPTION = Path(__file__).resolve().parents[2] / "api-fcgi" / "openapi.yaml"
METHODS_OF_GET = {"HEAD": "get"}


@cache
def description():
    return yaml.safe_load(DESCRIPTION.read_text())


def resolve(node):
    """Follows a $ref within the description."""
    while "$ref" in node:
        target = description()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


@cache
def _routes():
    """Compiled path templates, the fixed ones first."""
    paths = sorted(description()["paths"], key=lambda path: "{" in path)
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path) for path in paths]


def route_of(path):
    for pattern, template in _routes():
        if pattern.match(path):
            return template
    return None


@cache
def _resolver():
    return jsonschema.RefResolver("", description())


def check_schema(schema, value):
    validator = jsonschema.Draft202012Validator(
        schema, resolver=_resolver(), format_checker=jsonschema.FormatChecker())
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
    assert not errors, errors


def check_problem(status, media_type, body, request_id=None):
    """Checks an error answer of any part of the gateway."""
    assert media_type == "application/problem+json"
    check_schema({"$ref": "#/components/schemas/Problem"}, body)
    assert body["status"] == status
    assert body["type"] == f"/docs/errors.html#{body['code']}"
    if request_id is not None:
        assert body["request_id"] == request_id


def check_answer(method, path, status, headers, body):
    """Checks an answer against the description. `body` is the parsed JSON, or the text."""
    media_type = headers.get("Content-Type", "").split(";")[0]
    if status >= 400 and method != "HEAD":
        check_problem(status, media_type, body, headers.get("X-Request-Id"))
    template = route_of(path)
    if template is None:
        assert status in (400, 403, 404, 405, 414, 421, 426, 429, 431), (path, status)
        return
    operation = description()["paths"][template].get(METHODS_OF_GET.get(method, method.lower()))
    if operation is None:  # a method that the route does not have: the 405 of any operation describes it
        assert status == 405, (method, path, status)
        operation = next(iter(description()["paths"][template].values()))
    assert str(status) in operation["responses"], f"{method} {template} documents no {status}"
    answer = resolve(operation["responses"][str(status)])
    for name, header in answer.get("headers", {}).items():
        if resolve(header).get("required"):
            assert name in headers, f"{method} {path} {status} lacks {name}"
    if method != "HEAD":
        assert media_type in answer["content"], (path, status, media_type)
        check_schema(answer["content"][media_type]["schema"], body)


class _From(requests.adapters.HTTPAdapter):
    """Connects from an address of this machine."""

    def __init__(self, source):
        self.source = source
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self.source, 0), **options)


class Api:
    def __init__(self, url, key=None, source=None):
        self.url = url
        self.key = key  # an API key, or a function that makes one when it is needed
        self.session = requests.Session()
        self.session.trust_env = False
        if source:
            self.session.mount("http://", _From(source))

    def close(self):
        self.session.close()

    def request(self, method, path, **arguments):
        if callable(self.key):
            self.key = self.key()
        if self.key:
            arguments["headers"] = {"Authorization": f"Bearer {self.key}"} | \
                (arguments.get("headers") or {})
        answer = self.session.request(method, self.url + path, timeout=LIMIT_SECONDS, allow_redirects=False,
                                      **arguments)
        is_json = "json" in answer.headers.get("Content-Type", "") and method != "HEAD"
        check_answer(method, path.split("?")[0], answer.status_code, answer.headers,
                     answer.json() if is_json else answer.text)
        return answer

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def send(self, phone_number="+1234567890", message="Hello from the SMS Gateway!"):
        """Sends an SMS; returns the accepted message."""
        answer = self.request("POST", "/api/send-sms",
                              json={"phone_number": phone_number, "message": message})
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"] == f"/api/sms/{answer.json()['message_id']}"
        return answer.json()

    def send_refused(self, status, code):
        """Tries to send; the answer must be that error, with Retry-After. Returns the problem."""
        answer = self.request("POST", "/api/send-sms",
                              json={"phone_number": "+1234567890", "message": "text"})
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert int(answer.headers["Retry-After"]) > 0
        return answer.json()

    def message(self, message_id):
        answer = self.get(f"/api/sms/{message_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_status(self, message_id, status):
        """Waits until a message has that status."""
        return wait_for(lambda: (found := self.message(message_id))["status"] == status and found,
                        f"{message_id} to be {status}")

    def devices(self):
        """The connected phones by their id."""
        answer = self.get("/api/devices?connected=true").json()
        assert answer["count"] == len(answer["devices"])
        return {device["device_id"]: device for device in answer["devices"]}
