"""What a client asks for reaches the simulated phones of both levels, and they do as the protocol says."""

from harness.phone_sim import PhoneSim

DAY_SECONDS = 86400


def test_phones_keep_to_what_was_asked_for(make_gateway):
    """Each by its own clock: of two phones of a level one has the right time, the other is a day ahead, as one that wakes up late."""
    gateway = make_gateway(SAME_DEVICE_HOURS=192).start()

    def send(device, **options):
        answer = gateway.api.request("POST", "/api/send-sms", json={
            "phone_number": "+491511234567", "message": "Hello!", "device_id": device} | options)
        assert answer.status_code == 202, answer.text
        return answer.json()["message_id"]

    phones, expected = [], {}
    for level, options in {"basic": (), "assured": ("--assured",)}.items():
        right, late = f"{level}-right", f"{level}-late"
        phones += [PhoneSim(gateway, 1, *options, "--send-ms", "0", "--report-ms", "0", *more, name=name)
                   for name, *more in [(right, "--sim", "1", "--sim", "2"), (late, "--clock-offset", DAY_SECONDS)]]
        expected |= {send(right, ttl_seconds=3600): "delivered", send(late, ttl_seconds=3600): "expired",
                     send(late, ttl_seconds=2 * DAY_SECONDS): "delivered", send(right, delivery_report=False): "sent"}
    for message_id, end in expected.items():
        gateway.api.wait_status(message_id, end)
    sent = [message_id for phone in phones for message_id in phone.sent().elements()]
    assert sorted(sent) == sorted(message_id for message_id, end in expected.items() if end != "expired")
    for right in ("basic-right", "assured-right"):
        for wish in ({"sim": 2}, {}):  # the recipient keeps the SIM
            message = gateway.api.wait_status(send(right, **wish), "delivered")
            assert (message["device_id"], message["device_sim"]) == (right, 2)
    for phone in phones:
        phone.stop()
