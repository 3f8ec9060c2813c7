"""A client that sends a message twenty times a second, until SIGTERM: traffic.py URL CA KEY FILE

FILE gets a line for each request: the time, and the message's id or what was answered instead.
"""

import signal
import sys
import time

import requests


def main(url, certificate, key, path):
    goes_on = [True]
    signal.signal(signal.SIGTERM, lambda *_: goes_on.clear())
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    number = 0
    with open(path, "a", encoding="ascii") as lines:
        while goes_on:
            number += 1
            body = {"phone_number": f"+4915{number:08d}", "message": f"message {number}"}
            try:
                answer = session.post(f"{url}/api/send-sms", json=body, timeout=60, verify=certificate)
                word = answer.json()["message_id"] if answer.status_code == 202 else answer.status_code
            except requests.RequestException as problem:
                word = type(problem).__name__
            print(f"{time.monotonic():.3f}", word, file=lines, flush=True)
            time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
