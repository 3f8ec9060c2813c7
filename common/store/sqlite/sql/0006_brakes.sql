-- Brakes: what was accepted lately, what phones were given, whether sending is paused. A row is there only
-- where its limit is set.

CREATE TABLE accepted (
    kind   INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 3), -- 0: all of a day, 1: an API key's of a day,
                                                          -- 2: a phone number's of a day, 3: all of a minute
    period INTEGER NOT NULL,                              -- days, or minutes, since 1970 (UTC)
    name   TEXT    NOT NULL,                              -- the key's id, the phone number, or ''
    count  INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (kind, period, name)
) STRICT, WITHOUT ROWID;

-- Segments given to a phone: on a day, and in a window of pacing and the one before it.
CREATE TABLE device_use (
    device_id     TEXT    PRIMARY KEY,
    day           INTEGER NOT NULL,
    in_day        INTEGER NOT NULL CHECK (in_day >= 0),
    window        INTEGER NOT NULL,
    in_window     INTEGER NOT NULL CHECK (in_window >= 0),
    before_window INTEGER NOT NULL CHECK (before_window >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE sending (
    only_row        INTEGER PRIMARY KEY CHECK (only_row = 1),
    paused_since_ms INTEGER NOT NULL, -- 0: it goes on
    reason          TEXT
) STRICT;
INSERT INTO sending VALUES (1, 0, NULL);

-- A key's own limits; -1: as the settings say, 0: none.
ALTER TABLE api_key ADD COLUMN requests_per_minute INTEGER NOT NULL DEFAULT -1;
ALTER TABLE api_key ADD COLUMN daily_messages INTEGER NOT NULL DEFAULT -1;

DROP TRIGGER api_key_is_only_revoked;
CREATE TRIGGER api_key_is_only_revoked BEFORE UPDATE ON api_key
WHEN OLD.revoked_at_ms <> 0 OR NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.scopes <> OLD.scopes
    OR NEW.expires_at_ms <> OLD.expires_at_ms OR NEW.requests_per_minute <> OLD.requests_per_minute
    OR NEW.daily_messages <> OLD.daily_messages
BEGIN
    SELECT RAISE(ABORT, 'a key is made once; it can only be revoked');
END;
