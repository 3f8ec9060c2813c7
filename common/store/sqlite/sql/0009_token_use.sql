-- How each device token is used: what tells two phones with one token from one phone. The rule is in
-- common/model/token_use.h. Rows go with the end of their token.

CREATE TABLE token_use (
    token_id          TEXT    PRIMARY KEY,
    identity          TEXT,                       -- of the newest connection; NULL: none was said yet
    returns           INTEGER NOT NULL DEFAULT 0, -- points for identities that came back
    returned_at_ms    INTEGER NOT NULL DEFAULT 0,
    takeovers         INTEGER NOT NULL DEFAULT 0, -- of living connections, one soon after the other
    taken_over_at_ms  INTEGER NOT NULL DEFAULT 0,
    forgiven_until_ms INTEGER NOT NULL DEFAULT 0  -- when all takeovers are forgiven
) STRICT, WITHOUT ROWID;

-- The identities that connected with a token.
CREATE TABLE token_identity (
    token_id   TEXT    NOT NULL,
    identity   TEXT    NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (token_id, identity)
) STRICT, WITHOUT ROWID;

-- Newest first: all but a few are forgotten.
CREATE INDEX token_identity_by_time ON token_identity (token_id, seen_at_ms);

-- What is queued is looked through for a number in its index alone: an index by number would write a page more
-- for each new message beside a long queue.
DROP INDEX message_queued;
CREATE INDEX message_queued ON message (seq, phone_number) WHERE status = 0;
