#!/usr/bin/env python3
"""Receives a webhook and prints each event once; needs nothing but Python: WEBHOOK_SECRET=whsec_… receive.py [PORT]"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import socketserver
import sys
import time

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
MOST_SECONDS = 300  # an older request may have been recorded by someone else
MOST_BYTES = 1 << 20

seen = set()  # yours should survive a restart: a table with a unique column


def is_genuine(headers, body):
    """Standard Webhooks 1.0: while the secret is being changed there are two signatures."""
    sent_at = headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > MOST_SECONDS:
        return False
    signed = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256))
    return any(hmac.compare_digest(expected, given.encode()) for given in headers.get("webhook-signature", "").split())


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # the gateway keeps its connection open
    timeout = 60

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(length, MOST_BYTES))
        if length > MOST_BYTES or not is_genuine(self.headers, body):
            self.close_connection = length > MOST_BYTES
            self.answer(401)
            return
        # The gateway sends an event again, with the same id, until it hears a 2xx.
        if self.headers["webhook-id"] not in seen:
            event = json.loads(body)
            print(f"{event['timestamp']} {event['type']} {json.dumps(event['data'])}\n", end="", flush=True)  # one write: threads
            seen.add(self.headers["webhook-id"])
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


socketserver.ThreadingTCPServer.allow_reuse_address = True  # at once after a restart
server = socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Receiver)
print(f"listening on http://127.0.0.1:{server.server_address[1]}/", flush=True)
server.serve_forever()
