-- A message is kept under a number that its id has in it: it is found by its id in one search, without an
-- index, and the numbers are in the order of the ids. Everything is written anew, oldest first.

CREATE TABLE new_message (
    seq            INTEGER PRIMARY KEY, -- message_id_seq(id); one more, where another message has that
    id             BLOB    NOT NULL CHECK (length(id) = 16),
    phone_number   TEXT    NOT NULL,
    text           TEXT    NOT NULL,
    encoding       INTEGER NOT NULL,
    segments       INTEGER NOT NULL,
    status         INTEGER NOT NULL CHECK (status BETWEEN 0 AND 9),
    attempt        INTEGER NOT NULL,
    device_id      TEXT,                        -- of the last phone that had it in its hands
    error_code     TEXT,
    error_message  TEXT,
    event_count    INTEGER NOT NULL,
    updated_at_ms  INTEGER NOT NULL,
    journal        BLOB,                        -- the one it was offered to; NULL: a basic phone
    failures       INTEGER NOT NULL DEFAULT 0,  -- tries of which nothing was sent
    not_before_ms  INTEGER NOT NULL DEFAULT 0,
    proved_attempt INTEGER NOT NULL DEFAULT 0,  -- of this one nothing was sent
    report_seq     INTEGER NOT NULL DEFAULT -1, -- of the last report that moved this attempt
    revoke         INTEGER NOT NULL DEFAULT 0,  -- 1: somebody wants it cancelled
    times          TEXT,                        -- when each status was last reached
    request_id     BLOB,                        -- nginx's, 16 bytes; NULL: it came by no request
    requeued_as    BLOB,                        -- the message that an operator sent in its place
    -- It starts as queued (0). A check costs an insert nothing, and a trigger a tenth of it.
    CHECK (status = 0 OR event_count > 1)
) STRICT;

INSERT INTO new_message SELECT message_id_seq(id), id, phone_number, text, encoding, segments, status, attempt,
    device_id, error_code, error_message, event_count, updated_at_ms, journal, failures, not_before_ms,
    proved_attempt, report_seq, revoke, times, request_id, requeued_as
FROM message INDEXED BY message_by_id WHERE TRUE ORDER BY id
ON CONFLICT (seq) DO NOTHING;

-- Two programs can have made two ids with the same number; hardly ever, so this looks only where some are missing.
INSERT INTO new_message SELECT message_id_seq(id) + 1, id, phone_number, text, encoding, segments, status, attempt,
    device_id, error_code, error_message, event_count, updated_at_ms, journal, failures, not_before_ms,
    proved_attempt, report_seq, revoke, times, request_id, requeued_as
FROM message WHERE (SELECT count(*) FROM new_message) < (SELECT count(*) FROM message)
    AND NOT EXISTS (SELECT 1 FROM new_message AS same WHERE same.seq = message_id_seq(message.id)
        AND same.id = message.id);

CREATE TABLE new_event (
    message_seq   INTEGER NOT NULL,
    number        INTEGER NOT NULL, -- 2, 3, ... within the message; that it was queued is its row
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 9),
    attempt       INTEGER NOT NULL,
    device_id     TEXT,
    error_code    TEXT,
    error_message TEXT,
    at_ms         INTEGER NOT NULL,
    PRIMARY KEY (message_seq, number)
) STRICT, WITHOUT ROWID;

INSERT INTO new_event SELECT new.seq, e.number, e.status, e.attempt, e.device_id, e.error_code, e.error_message,
    e.at_ms
FROM new_message AS new CROSS JOIN message AS old INDEXED BY message_by_id ON old.id = new.id
CROSS JOIN message_event AS e ON e.message_seq = old.seq ORDER BY new.seq, e.number;

DROP TABLE message;
DROP TABLE message_event;
ALTER TABLE new_message RENAME TO message;
ALTER TABLE new_event RENAME TO message_event;

-- What is queued is in one index, and in none by number or status: a message costs one row and one entry. What
-- was offered (1) is found by its status.
CREATE INDEX message_queued ON message (seq) WHERE status = 0;
CREATE INDEX message_to_revoke ON message (seq) WHERE revoke = 1 AND status = 2;
CREATE INDEX message_in_hand ON message (device_id, updated_at_ms) WHERE status BETWEEN 1 AND 3;
CREATE INDEX message_with_text ON message (updated_at_ms) WHERE status >= 4 AND text <> '';

-- Lists, newest first: what is equal in an index is in the order of seq.
CREATE INDEX message_by_status ON message (status) WHERE status <> 0;
CREATE INDEX message_by_phone_number ON message (phone_number) WHERE status <> 0;
CREATE INDEX message_by_device ON message (device_id) WHERE device_id IS NOT NULL;

CREATE TRIGGER message_moves_as_the_table_says BEFORE UPDATE OF status ON message
WHEN NOT EXISTS (SELECT 1 FROM message_transition WHERE from_status = OLD.status AND to_status = NEW.status)
BEGIN
    SELECT RAISE(ABORT, 'not a move of a message');
END;

CREATE TRIGGER message_attempt_grows BEFORE UPDATE OF attempt ON message
WHEN NEW.attempt <> OLD.attempt + (OLD.status = 0 AND NEW.status IN (1, 2))
    AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'an attempt is one more with each hand-over, and otherwise the same');
END;

CREATE TRIGGER message_stays_with_its_phone BEFORE UPDATE OF device_id ON message
WHEN OLD.status >= 2 AND NEW.device_id IS NOT OLD.device_id AND NEW.status <> 0
    AND NOT (NEW.status = 9 AND NEW.device_id IS NULL) AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'a message that was released stays with its phone');
END;

CREATE TRIGGER message_returns_with_proof BEFORE UPDATE OF status ON message
WHEN OLD.status >= 2 AND NEW.status = 0 AND NEW.proved_attempt <> OLD.attempt
BEGIN
    SELECT RAISE(ABORT, 'a message that was released returns only with the proof that nothing was sent');
END;

CREATE TRIGGER message_event_is_never_changed BEFORE UPDATE ON message_event
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;
