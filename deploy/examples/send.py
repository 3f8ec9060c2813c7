#!/usr/bin/env python3
"""Sends one SMS, follows it, and lists the newest messages; needs nothing but Python: send.py NUMBER TEXT"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

GATEWAY = os.environ.get("GATEWAY_URL", "http://localhost:8000")
FINAL = ("delivered", "failed", "expired", "cancelled", "unknown")


def api(path, body=None):
    headers = {"Content-Type": "application/json"}
    if "API_KEY" in os.environ:
        headers["Authorization"] = f"Bearer {os.environ['API_KEY']}"
    if body:
        headers["Idempotency-Key"] = str(uuid.uuid4())  # the same each time, so that one message is created
    request = urllib.request.Request(GATEWAY + path, body and json.dumps(body).encode(), headers)
    for tries in range(1, 6):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = json.load(error)  # every error is a JSON object (RFC 9457)
            if error.code not in (502, 503, 504) or tries == 5:
                sys.exit(f"{problem['status']} {problem['code']}: {problem.get('errors') or problem['detail']}")
        except (OSError, http.client.HTTPException) as error:  # no answer
            if tries == 5:
                sys.exit(f"{GATEWAY} does not answer: {error}")
        time.sleep(1)


def main():
    number, text = sys.argv[1:]
    message_id = api("/api/send-sms", {"phone_number": number, "message": text})["message_id"]
    print("accepted:", message_id)

    for _ in range(60):
        status = api(f"/api/sms/{message_id}")["status"]
        if status in FINAL:
            break
        time.sleep(1)
    print("status:", status)

    for message in api("/api/sms?limit=5")["messages"]:
        print(message["created_at"], message["phone_number"], message["status"])


main()
