"""The REST client of the tests, with every answer checked against the OpenAPI description.

The status must be documented for the route in api-fcgi/openapi.yaml, the media type and the schema must match, and
required headers must be present. Tests ask so often that they would spend more time in `requests` and `jsonschema` than the gateway
needs for its answers: http.client asks, schema.py checks.
"""

import http.client
import json
import re
import select
from functools import cache
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import jsonschema
import yaml
from requests.structures import CaseInsensitiveDict
from requests.utils import parse_header_links, requote_uri

from .schema import Schemas
from .waiting import LIMIT_SECONDS, wait_for

DESCRIPTION = Path(__file__).resolve().parents[2] / "api-fcgi" / "openapi.yaml"
METHODS_OF_GET = {"HEAD": "get"}


@cache
def description():
    return yaml.load(DESCRIPTION.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


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
def schemas():
    return Schemas(description())


@cache
def resolver():
    return jsonschema.RefResolver("", description())


_compiled = {}


def is_valid(schema, value):
    # By its identity: the schemas are parts of the description, which stays. What a test makes up is compiled each time.
    known = _compiled.get(id(schema))
    if known is None or known[0] is not schema:
        known = _compiled[id(schema)] = schema, schemas().compile(schema)
    return known[1](value)


def errors_of(schema, value):
    """What jsonschema, which is slow, says of a value."""
    validator = jsonschema.Draft202012Validator(schema, resolver=resolver(), format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def check_schema(schema, value):
    assert is_valid(schema, value), errors_of(schema, value)


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


class Answer:
    def __init__(self, response):
        self.status_code = response.status
        self.content = response.read()
        self.headers = CaseInsensitiveDict()
        for name, value in response.headers.items():
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value

    @property
    def text(self):
        return self.content.decode(errors="replace")

    def json(self):
        return json.loads(self.content)

    @property
    def links(self):
        """Those of the header Link, by their relation."""
        return {link["rel"]: link for link in parse_header_links(self.headers.get("Link", ""))}


def _is_idle(connection):
    """Whether its server still keeps it open."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)


class Client:
    """Asks over connections that it keeps, from an address of this machine; any number of threads may ask at once."""

    def __init__(self, url, source=None):
        self.address = urlsplit(url)
        self.source = (source, 0) if source else None
        self.headers = {"Accept": "*/*"}
        self.idle = []

    def close(self):
        while self.idle:
            self.idle.pop().close()

    def _connection(self):
        while self.idle:
            connection = self.idle.pop()
            if _is_idle(connection):
                return connection
            connection.close()
        return http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=LIMIT_SECONDS,
                                          source_address=self.source)

    def request(self, method, path, params=None, json=None, data=None, headers=None):
        """`params`: of the query, None for one that is left out. `json` or `data`: the body."""
        if params:
            query = urlencode({name: value for name, value in params.items() if value is not None}, doseq=True)
            path += ("&" if "?" in path else "?") + query if query else ""
        headers = self.headers | (headers or {})
        if json is not None:
            data = _as_json(json)
            headers.setdefault("Content-Type", "application/json")
        connection = self._connection()
        try:
            connection.request(method, requote_uri(path), data.encode() if isinstance(data, str) else data, headers)
            response = connection.getresponse()
            answer = Answer(response)
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None and not response.will_close:
            self.idle.append(connection)
        else:
            connection.close()
        return answer


def _as_json(value):
    return json.dumps(value, allow_nan=False).encode()


class Api:
    def __init__(self, url, key=None, source=None):
        self.url = url
        self.key = key  # an API key, or a function that makes one when it is needed
        self.client = Client(url, source)

    def close(self):
        self.client.close()

    def request(self, method, path, **arguments):
        if callable(self.key):
            self.key = self.key()
        if self.key:
            arguments["headers"] = {"Authorization": f"Bearer {self.key}"} | \
                (arguments.get("headers") or {})
        answer = self.client.request(method, path, **arguments)
        is_json = "json" in answer.headers.get("Content-Type", "") and method != "HEAD"
        check_answer(method, path.split("?")[0], answer.status_code, answer.headers,
                     answer.json() if is_json else answer.text)
        return answer

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def send(self, phone_number="+1234567890", message="Hello from the SMS Gateway!", **options):
        """Sends an SMS; returns the accepted message."""
        answer = self.request("POST", "/api/send-sms",
                              json={"phone_number": phone_number, "message": message, **options})
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
                        f"{message_id} to be {status}", state=lambda: self.message(message_id))

    def devices(self):
        """The connected phones by their id."""
        answer = self.get("/api/devices?connected=true").json()
        assert answer["count"] == len(answer["devices"])
        return {device["device_id"]: device for device in answer["devices"]}
