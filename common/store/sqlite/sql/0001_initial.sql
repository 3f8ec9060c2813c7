-- Messages, their events, phones, brokers.
--
-- Numbers of statuses are those of enum message_status in common/model/message.h. Times are wall
-- milliseconds since 1970. Ids are UUIDv7, so the order of ids is the order of creation.

CREATE TABLE message (
    seq           INTEGER PRIMARY KEY, -- order of arrival, whatever the clock did
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    phone_number  TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    encoding      INTEGER NOT NULL,
    segments      INTEGER NOT NULL,
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 9),
    attempt       INTEGER NOT NULL,
    device_id     TEXT,                -- of the last phone that had it in its hands
    error_code    TEXT,
    error_message TEXT,
    event_count   INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX message_by_id ON message (id);

-- What the dispatcher asks for: the oldest that is queued (0).
CREATE INDEX message_queued ON message (seq) WHERE status = 0;

-- What phones have in their hands: dispatched (1), accepted (2), sending (3).
CREATE INDEX message_in_hand ON message (device_id, updated_at_ms) WHERE status BETWEEN 1 AND 3;

-- Lists, newest first, with any filter and any range of time.
CREATE INDEX message_by_status ON message (status, id);
CREATE INDEX message_by_phone_number ON message (phone_number, id);
CREATE INDEX message_by_device ON message (device_id, id) WHERE device_id IS NOT NULL;

-- Every change of status, appended and never changed.
CREATE TABLE message_event (
    message_seq   INTEGER NOT NULL,
    number        INTEGER NOT NULL, -- 1, 2, 3, ... within the message
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 9),
    attempt       INTEGER NOT NULL,
    device_id     TEXT,
    error_code    TEXT,
    error_message TEXT,
    at_ms         INTEGER NOT NULL,
    PRIMARY KEY (message_seq, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER message_event_is_never_changed BEFORE UPDATE ON message_event
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

-- How many messages there are in each status, kept by every transaction that changes one.
CREATE TABLE message_count (
    status INTEGER PRIMARY KEY CHECK (status BETWEEN 0 AND 9),
    count  INTEGER NOT NULL CHECK (count >= 0)
) STRICT;
INSERT INTO message_count VALUES (0,0), (1,0), (2,0), (3,0), (4,0), (5,0), (6,0), (7,0), (8,0), (9,0);

-- A broker is alive until its lease ends; a new instance of the same name replaces the old.
CREATE TABLE broker (
    name           TEXT    PRIMARY KEY,
    instance       BLOB    NOT NULL CHECK (length(instance) = 16),
    lease_until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A phone is connected when the broker instance it is on is alive.
CREATE TABLE device (
    device_id          TEXT    PRIMARY KEY,
    name               TEXT,
    android_version    TEXT,
    battery_level      REAL,
    charging           INTEGER,
    signal_strength    INTEGER,
    extra              TEXT,             -- JSON object: what else the phone says of itself
    session            INTEGER NOT NULL, -- counts its connections
    broker_instance    BLOB,             -- NULL: not connected
    first_seen_at_ms   INTEGER NOT NULL,
    connected_at_ms    INTEGER NOT NULL,
    last_seen_at_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX device_connected ON device (broker_instance) WHERE broker_instance IS NOT NULL;

-- Written by the readiness probe, which must know that a commit works.
CREATE TABLE probe (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    at_ms    INTEGER NOT NULL
) STRICT;
INSERT INTO probe VALUES (1, 0);
