"""The main job: a phone connects, an SMS is sent, its status is followed."""

import re
import subprocess
import sys

from harness.gateway import ROOT
from harness.phone import Phone
from harness.waiting import wait_for


def test_an_sms_is_sent_and_followed_to_its_delivery(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "pixel-7", {"device_name": "Pixel 7", "battery_level": 87,
                                       "signal_strength": -71, "android_version": "14"})
    message = gateway.api.send("+1234567890", "Hello from the SMS Gateway!")
    assert message["status"] == "queued"

    sms = phone.receive_sms()
    assert sms == {"type": "new_sms", "message_id": message["message_id"],
                   "phone_number": "+1234567890", "message": "Hello from the SMS Gateway!",
                   "request_id": message["request_id"]}
    assert gateway.api.message(message["message_id"])["status"] == "accepted"  # before the frame

    for status in ("sending", "sent", "delivered"):
        phone.report(sms["message_id"], status)
        found = gateway.api.wait_status(message["message_id"], status)
        assert found["device_id"] == "pixel-7"
    assert set(found["times"]) == {"queued", "accepted", "sending", "sent", "delivered"}


def test_the_example_of_the_protocol_page_is_a_phone(make_gateway):
    gateway = make_gateway(DEVICE_TOKENS="off").start()
    page = (ROOT / "ws-broker/PROTOCOL.md").read_text()
    example = re.search(r"```python\n(.*?)```", page, re.S).group(1)
    assert "ws://localhost:8000/ws/device/" in example
    example = example.replace("ws://localhost:8000/ws/device/", gateway.ws_url)
    phone = subprocess.Popen([sys.executable, "-c", example], stdout=subprocess.PIPE, text=True)
    try:
        wait_for(gateway.api.devices, "the phone to connect")
        message = gateway.api.send("+1234567890", "Hello from the SMS Gateway!")
        gateway.api.wait_status(message["message_id"], "sent")
    finally:
        phone.kill()
        phone.communicate()
