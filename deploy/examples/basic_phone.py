#!/usr/bin/env python3
"""A phone of the basic level (ws-broker/PROTOCOL.md): pairs once, then runs a command for each SMS, and passes on what comes in.

    basic_phone.py --pair 'sms-gateway://pair?…'     takes the link that `sms-gateway devices pair` prints
    basic_phone.py COMMAND [ARGUMENT ...]            runs COMMAND [ARGUMENT ...] NUMBER TEXT, which exits with 0
                                                     when the SMS was sent; each line of its input, a number
                                                     and a text, is an SMS that the phone has received

It keeps its token, the ids of the messages it was given, and received SMS until the gateway has them, in phone.json. Needs Python's
websockets.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import ssl
import sys
import threading
import time
import urllib.request
import uuid
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import websockets

SIM = 1  # the slot that COMMAND sends by
HEADERS = "extra_headers" if int(websockets.version.version.split(".")[0]) < 14 else "additional_headers"


def save(phone):
    with open("phone.json.new", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(phone, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace("phone.json.new", "phone.json")


def pair(link):
    """The link names the gateway, a code and, where the gateway has a CA of its own, that CA's SHA-256."""
    link = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    ca = None
    if "ca" in link:
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(f"{link['url']}/ca.crt", context=unchecked) as answer:
            ca = answer.read().decode()
        if hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca)).hexdigest() != link["ca"].lower():
            sys.exit("this is not the gateway of the link: its CA is another one")
    request = urllib.request.Request(f"{link['url']}/api/pair", json.dumps({"code": link["code"]}).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=ca and ssl.create_default_context(cadata=ca)) as answer:
        device = json.load(answer)
    save({"url": link["url"].replace("http", "ws", 1) + device["path"], "token": device["token"], "ca": ca, "seen": {}})
    print("paired as", device["device_id"])


async def report(socket, message_id, status):
    with contextlib.suppress(websockets.ConnectionClosed):  # it comes again with the next connection; what was given before the end is sent
        await socket.send(json.dumps({"type": "status_update", "message_id": message_id, "status": status, "sim": SIM}))


def has_expired(frame):
    expires_at = frame.get("expires_at", "9999-12-31T00:00:00Z").replace("Z", "+00:00")
    return datetime.fromisoformat(expires_at) <= datetime.now(timezone.utc)


async def send(frame, command):
    if has_expired(frame):
        return "expired"
    sender = await asyncio.create_subprocess_exec(*command, frame["phone_number"], frame["message"],
                                                  stdin=asyncio.subprocess.DEVNULL)
    return "sent" if await sender.wait() == 0 else "failed"


async def pass_on(socket, received_id, sms):
    with contextlib.suppress(websockets.ConnectionClosed):  # it comes again with the next connection
        await socket.send(json.dumps({"type": "sms_received", "received_id": received_id, "sim": SIM} | sms))


def read_input(take):
    with contextlib.suppress(OSError), open(0, closefd=False) as lines:
        for line in lines:
            sender, _, text = line.strip().partition(" ")
            if text:
                take({"from": sender, "message": text, "received_at": round(time.time() * 1000)})


async def serve(socket, phone, command):
    await socket.send(json.dumps({"device_name": "basic_phone.py", "sims": [{"slot": SIM}]}))
    async for frame in socket:
        frame = json.loads(frame)
        if frame["type"] == "connection_ack":
            print("connected", flush=True)
            connected[:] = [socket]
            for received_id, sms in list(phone["received"].items()):
                await pass_on(socket, received_id, sms)
            for message_id, (status, at) in phone["seen"].items():
                if at > time.time() - 600:  # a report may have been lost with the last connection
                    await report(socket, message_id, status)
        elif frame["type"] == "sms_received_ack":
            phone["received"].pop(frame["received_id"], None)
            save(phone)
        elif frame["type"] == "new_sms":
            message_id = frame["message_id"]
            if message_id not in phone["seen"]:  # never send one twice
                phone["seen"] = {key: value for key, value in phone["seen"].items() if value[1] > time.time() - 7 * 86400}
                phone["seen"][message_id] = ("sending", time.time())
                save(phone)
                phone["seen"][message_id] = (await send(frame, command), time.time())
                save(phone)
            await report(socket, message_id, phone["seen"][message_id][0])


connected = []  # the socket of the last connection


async def run(phone, command):
    def take(sms):
        received_id = str(uuid.uuid4())
        phone["received"][received_id] = sms
        save(phone)  # before it is passed on
        for socket in connected:
            asyncio.create_task(pass_on(socket, received_id, sms))

    signal.signal(signal.SIGTTIN, signal.SIG_IGN)  # in the background of a terminal there is no input
    phone.setdefault("received", {})
    loop = asyncio.get_running_loop()
    threading.Thread(target=read_input, args=(lambda sms: loop.call_soon_threadsafe(take, sms),), daemon=True).start()
    options = {HEADERS: {"Authorization": f"Bearer {phone['token']}"}}
    if phone["url"].startswith("wss"):
        options["ssl"] = ssl.create_default_context(cadata=phone["ca"])
    wait = 1
    while True:
        began = time.monotonic()
        try:
            async with websockets.connect(phone["url"], **options) as socket:
                await serve(socket, phone, command)
        except (OSError, websockets.WebSocketException, asyncio.TimeoutError) as error:
            print(error, file=sys.stderr, flush=True)
        wait = 1 if time.monotonic() > began + 10 else min(wait * 2, 60)
        await asyncio.sleep(wait * random.uniform(0.5, 1))


if sys.argv[1] == "--pair":
    pair(sys.argv[2])
else:
    with open("phone.json", encoding="utf-8") as file:
        asyncio.run(run(json.load(file), sys.argv[1:]))
