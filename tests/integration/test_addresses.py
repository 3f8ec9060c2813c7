"""Every path of the gateway: the same rules for trailing slashes, query parameters and methods."""

import itertools
import re

import pytest

from harness.api import description
from harness.raw_http import ask, ask_raw, head

MESSAGE_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"


def routes():
    """(method, path) of all that the API has."""
    for template, operations in description()["paths"].items():
        path = template.replace("{message_id}", MESSAGE_ID).replace("{device_id}", "no-such-phone") \
            .replace("{batch_id}", MESSAGE_ID)
        for method in operations:
            if method in ("get", "post", "patch", "delete"):
                yield method.upper(), path


ROUTES = sorted(routes())
SOURCES = itertools.count()
PATHS = sorted({path for _, path in ROUTES})


def request(gateway, method, target):
    if re.match(r"/api/pair(\?|$)", target):  # few are allowed from one address
        source = f"127.0.{next(SOURCES) // 250 + 20}.{next(SOURCES) % 250 + 2}"
        return ask_raw(gateway, head(method, target, "Content-Type: application/json", "Content-Length: 2")
                       + b"{}", method, source)
    if (method, target) == ("GET", "/api/events"):
        target += "?types=none"  # a stream would not end
    if method in ("POST", "PATCH"):
        return ask(gateway, method, target, "Content-Type: application/json", body=b"{}")
    return ask(gateway, method, target)


def test_the_table_has_every_route():
    assert len(ROUTES) >= 11 and ("POST", "/api/send-sms") in ROUTES


@pytest.mark.parametrize("method, path", ROUTES, ids=" ".join)
def test_with_a_slash_at_its_end_an_address_is_another_one(gateway, method, path):
    answer = request(gateway, method, path + "/")
    assert (answer.status, answer.code) == (404, "not_found")
    assert "ends in a slash" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/openapi.json/", "/docs/errors.html/", "/api/", "/nothing/",
                                  "/ca.crt/"])
def test_a_trailing_slash_on_a_page_of_nginx_is_explained(gateway, path):
    """But for /docs/, which is the folder of the pages."""
    answer = ask(gateway, "GET", path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert "ends in a slash" in answer.json()["detail"]
    assert "ends in a slash" in ask(gateway, "GET", f"{path}?x=/y").json()["detail"]


@pytest.mark.parametrize("path", ["/nothing", "/API/sms", "/api", "/api/sms/x/y"])
def test_an_unknown_path_names_the_known_ones(gateway, path):
    answer = ask(gateway, "GET", path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.json()["detail"] == "The gateway has no such path; see GET /docs."


@pytest.mark.parametrize("method, path", ROUTES, ids=" ".join)
@pytest.mark.parametrize("query, name", [("nonsense=1", "nonsense"), ("nonsense", "nonsense"),
                                         ("Nonsense=", "Nonsense"), ("=1", "")])
def test_a_parameter_that_the_address_does_not_know_is_named(gateway, method, path, query, name):
    answer = request(gateway, method, f"{path}?{query}")
    assert (answer.status, answer.code) == (422, "validation_failed")
    [error] = answer.json()["errors"]
    assert (error["parameter"], error["code"]) == (name, "unknown_field")


def test_body_fields_are_refused_in_the_query(gateway):
    answer = request(gateway, "POST", "/api/send-sms?phone_number=%2B1234567890&message=x")
    assert answer.status == 422
    errors = answer.json()["errors"]
    assert [error["parameter"] for error in errors] == ["phone_number", "message"]
    assert all("as the body" in error["detail"] for error in errors)
    assert gateway.api.get("/api/sms").json()["total"] == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_refused_method_names_the_allowed_ones(gateway, path, method):
    taken = {name for name, other in ROUTES if other == path}
    taken |= {"HEAD"} if "GET" in taken else set()
    answer = request(gateway, method, path)
    if method in taken:
        assert answer.status not in (405, 501)
    else:
        assert answer.status == 405
        assert set(re.split(", *", answer.headers["Allow"])) == taken
