-- Phones with a journal; pauses between tries; the life of a message, guarded by the database too.

ALTER TABLE message ADD COLUMN journal BLOB;                           -- the one it was offered to; NULL: a basic phone
ALTER TABLE message ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;    -- tries of which nothing was sent
ALTER TABLE message ADD COLUMN not_before_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN proved_attempt INTEGER NOT NULL DEFAULT 0; -- of this one nothing was sent
ALTER TABLE message ADD COLUMN report_seq INTEGER NOT NULL DEFAULT -1; -- of the last report that moved this attempt
ALTER TABLE message ADD COLUMN revoke INTEGER NOT NULL DEFAULT 0;      -- 1: somebody wants it cancelled

-- What is to be revoked: in a phone's hands (2), wanted back.
CREATE INDEX message_to_revoke ON message (seq) WHERE revoke = 1 AND status = 2;

-- What was offered (1), for those that lost their broker.
CREATE INDEX message_offered ON message (seq) WHERE status = 1;

-- The pairs of the table in common/model/message.c.
CREATE TABLE message_transition (
    from_status INTEGER NOT NULL,
    to_status   INTEGER NOT NULL,
    PRIMARY KEY (from_status, to_status)
) STRICT, WITHOUT ROWID;
INSERT INTO message_transition VALUES
    (0, 1), (0, 2), (0, 6), (0, 7), (0, 8),
    (1, 0), (1, 2), (1, 7), (1, 8),
    (2, 0), (2, 3), (2, 4), (2, 5), (2, 6), (2, 7), (2, 8), (2, 9),
    (3, 0), (3, 4), (3, 5), (3, 6), (3, 9),
    (4, 5), (4, 6),
    (6, 4), (6, 5),
    (7, 4), (7, 5),
    (8, 4), (8, 5),
    (9, 4), (9, 5), (9, 6);

CREATE TRIGGER message_starts_queued BEFORE INSERT ON message WHEN NEW.status <> 0
BEGIN
    SELECT RAISE(ABORT, 'a message starts as queued');
END;

CREATE TRIGGER message_moves_as_the_table_says BEFORE UPDATE OF status ON message
WHEN NOT EXISTS (SELECT 1 FROM message_transition WHERE from_status = OLD.status AND to_status = NEW.status)
BEGIN
    SELECT RAISE(ABORT, 'not a move of a message');
END;

CREATE TRIGGER message_attempt_grows BEFORE UPDATE OF attempt ON message
WHEN NEW.attempt <> OLD.attempt + (OLD.status = 0 AND NEW.status IN (1, 2))
BEGIN
    SELECT RAISE(ABORT, 'an attempt is one more with each hand-over, and otherwise the same');
END;

-- From accepted (2) on, a message is its phone's, until it is proved that nothing was sent.
CREATE TRIGGER message_stays_with_its_phone BEFORE UPDATE OF device_id ON message
WHEN OLD.status >= 2 AND NEW.device_id IS NOT OLD.device_id AND NEW.status <> 0
BEGIN
    SELECT RAISE(ABORT, 'a message that was released stays with its phone');
END;

CREATE TRIGGER message_returns_with_proof BEFORE UPDATE OF status ON message
WHEN OLD.status >= 2 AND NEW.status = 0 AND NEW.proved_attempt <> OLD.attempt
BEGIN
    SELECT RAISE(ABORT, 'a message that was released returns only with the proof that nothing was sent');
END;
