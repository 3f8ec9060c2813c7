"""A phone that nobody here wrote, as a program for another machine: python3 other_phone.py LINK COUNT

It does what ws-broker/PROTOCOL.md says of pairing and of the basic level, with Debian's python3-websockets, and knows of
the gateway what the link says. It delivers COUNT messages, prints their ids, and leaves.
"""

import asyncio
import hashlib
import json
import ssl
import sys
import urllib.request
from urllib.parse import parse_qs, urlsplit

import websockets


def ask(url, context, body=None):
    request = urllib.request.Request(url, body and json.dumps(body).encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                         urllib.request.HTTPSHandler(context=context))
    with opener.open(request, timeout=60) as answer:
        return answer.read()


def pinned_ca(url, fingerprint):
    """A context that trusts the CA of the link, and no other."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    certificate = ask(f"{url}/ca.crt", anybody).decode()
    assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest() == fingerprint.lower()
    return ssl.create_default_context(cadata=certificate)


async def deliver(url, path, token, context, count):
    async with websockets.connect(url.replace("http", "ws", 1) + path, ssl=context,
                                  extra_headers={"Authorization": f"Bearer {token}"}, open_timeout=60) as socket:
        await socket.send(json.dumps({"device_name": "another phone"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        print("connected", flush=True)
        while count > 0:
            sms = json.loads(await socket.recv())
            if sms["type"] != "new_sms":
                continue
            for status in ("sending", "sent", "delivered"):
                await socket.send(json.dumps({"type": "status_update", "message_id": sms["message_id"],
                                              "status": status}))
            print(sms["message_id"], flush=True)
            count -= 1


def main():
    link = parse_qs(urlsplit(sys.argv[1]).query)
    url, code = link["url"][0], link["code"][0]
    context = pinned_ca(url, link["ca"][0])
    device = json.loads(ask(f"{url}/api/pair", context, {"code": code}))
    asyncio.run(deliver(url, device["path"], device["token"], context, int(sys.argv[2])))


main()
