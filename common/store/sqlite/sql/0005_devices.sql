-- Which phones may connect: common/access/device_token.h.

-- A code is deleted when a phone uses it, when its device is revoked, or, with its time over, when the next
-- is made.
CREATE TABLE pairing (
    code_hash     BLOB    PRIMARY KEY CHECK (length(code_hash) = 32),
    device_id     TEXT,             -- NULL: the phone chooses
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pairing_by_end ON pairing (expires_at_ms);
CREATE INDEX pairing_by_device ON pairing (device_id) WHERE device_id IS NOT NULL;

CREATE TABLE device_token (
    id            TEXT    PRIMARY KEY,
    hash          BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of its text
    device_id     TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER NOT NULL DEFAULT 0, -- 0: it stands
    end_reason    INTEGER NOT NULL DEFAULT 0 CHECK (end_reason BETWEEN 0 AND 3)
) STRICT, WITHOUT ROWID;

-- A device has one that stands, or none.
CREATE UNIQUE INDEX device_token_that_stands ON device_token (device_id) WHERE ended_at_ms = 0;
CREATE INDEX device_token_by_device ON device_token (device_id, created_at_ms);

CREATE TRIGGER device_token_only_ends BEFORE UPDATE ON device_token
WHEN OLD.ended_at_ms <> 0 OR NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.device_id <> OLD.device_id
BEGIN
    SELECT RAISE(ABORT, 'a token is made once; it can only end');
END;

-- Whose connection is to be closed, because its token has ended since.
ALTER TABLE device ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX device_dismissed ON device (device_id) WHERE dismissed = 1;
