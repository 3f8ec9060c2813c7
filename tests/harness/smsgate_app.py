"""SMSGate's app, as far as it asks the mobile API: each request by itself, because its timers and races are others' business."""

import itertools

from .api import Client

_numbers = itertools.count(2)


class App:
    """An app that has not registered, at an address of its own, because codes cannot be tried fast."""

    def __init__(self, gateway, version="1.75.0", base="/api/mobile/v1"):
        self.gateway, self.base, self.id, self.token = gateway, base, None, None
        self.agent = f"me.capcom.smsgateway/{version}"
        self.client = Client(gateway.url, source=f"127.0.9.{next(_numbers)}")

    def ask(self, method, path, body=None, authorization=None, headers=None):
        if authorization is None and self.token:
            authorization = f"Bearer {self.token}"
        headers = {"User-Agent": self.agent} | ({"Authorization": authorization} if authorization else {}) | (headers or {})
        return self.client.request(method, self.base + path, json=body, headers=headers)

    def register(self, authorization, **body):
        return self.ask("POST", "/device", {"name": "Fairphone/FP4eea"} | body, authorization)

    def take(self, answer):
        """Goes on as the phone that the answer has registered."""
        assert answer.status_code == 201, answer.text
        self.id, self.token = answer.json()["id"], answer.json()["token"]
        return self

    def messages(self, path="/message?order=fifo"):
        answer = self.ask("GET", path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json"), answer.text
        return answer.json()

    def report(self, *elements):
        answer = self.ask("PATCH", "/message", list(elements))
        assert (answer.status_code, answer.text) == (204, "")

    def send(self, text="Your code is 4711", **options):
        return self.gateway.api.send(message=text, device_id=self.id, **options)["message_id"]

    def status(self, message_id):
        return self.gateway.api.request("GET", f"/api/sms/{message_id}").json()["status"]


def code(gateway):
    return gateway.api.request("POST", "/api/pairings", json={}).json()["code"]


def element(wire_id, state, error=None, **more):
    recipient = {"phoneNumber": "+1234567890", "state": state} | ({"error": error} if error else {})
    return {"id": wire_id, "state": state, "recipients": [recipient],
            "states": {state: "2026-11-28T13:00:02.114+01:00"}} | more
