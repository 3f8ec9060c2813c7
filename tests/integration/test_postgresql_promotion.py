"""A standby that is promoted while the old primary lives on and takes writes: all processes go to the new one, and stay there."""

import itertools
import subprocess

import pytest

from harness.gateway import programs_folder
from harness.phone import WorkingPhone
from harness.postgresql import pair, query, url_of
from harness.waiting import LIMIT_SECONDS, wait_for

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture(scope="module")
def servers():
    """The old primary, which is the first in the URL, and the standby."""
    with pair() as made:
        yield made


@pytest.fixture(scope="module")
def node(servers, module_gateway):
    return module_gateway(DATABASE_URL=url_of(servers, "sms"), NODE_NAME="alpha", SWEEP_INTERVAL_SECONDS=1, STORE_TIMEOUT_MS=1500).start()


def count_sessions(server):
    return query(server.dsn, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'sms'")[0][0]


def count_messages(server):
    return query(server.dsn_of("sms"), "SELECT count(*) FROM message")[0][0]


def send_one(node):
    phone = WorkingPhone(node, f"phone-{next(numbers)}")
    message = node.api.send()["message_id"]
    node.api.wait_status(message, "sent")
    phone.close()
    return message


def test_all_processes_go_to_the_promoted_server_and_stay_there(servers, node, tmp_path):
    old, new = servers
    send_one(node)
    node.ws_broker.stop()
    new.promote()
    # One that starts takes the newer of the two, and the others follow.
    node.ws_broker.start()
    wait_for(lambda: count_sessions(old) == 0, "api-fcgi to leave the old primary")
    assert "an old primary of the database still takes connections" in node.ws_broker.log()
    message = send_one(node)
    # Connections that are lost do not go back: neither the writer's nor those of the readers.
    query(new.dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'sms'")
    wait_for(lambda: node.api.get("/readyz").status_code == 200, "the node to be ready")
    for _ in range(20):
        assert node.api.message(message)["status"] == "sent"
    send_one(node)
    assert count_sessions(old) == 0
    assert (count_messages(old), count_messages(new)) == (1, 3)
    # The lock of the role is there, too.
    result = subprocess.run([programs_folder("release") / "ws-broker"], cwd=tmp_path, capture_output=True, text=True,
                            env={"PATH": "/usr/bin", "DATABASE_URL": node.database_source, "NODE_NAME": "alpha"},
                            timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 1 and "there is only one ws-broker on alpha" in result.stderr, result
