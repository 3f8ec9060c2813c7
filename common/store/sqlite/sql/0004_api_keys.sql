-- Who may ask for what: common/access/api_key.h. A key is revoked and never deleted, so that its id stays known.
CREATE TABLE api_key (
    id            TEXT    PRIMARY KEY,
    hash          BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of its text
    label         TEXT    NOT NULL,
    scopes        INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL DEFAULT 0, -- 0: never
    revoked_at_ms INTEGER NOT NULL DEFAULT 0  -- 0: it stands
) STRICT, WITHOUT ROWID;

CREATE TRIGGER api_key_is_only_revoked BEFORE UPDATE ON api_key
WHEN OLD.revoked_at_ms <> 0 OR NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.scopes <> OLD.scopes
    OR NEW.expires_at_ms <> OLD.expires_at_ms
BEGIN
    SELECT RAISE(ABORT, 'a key is made once; it can only be revoked');
END;
