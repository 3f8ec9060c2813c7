DROP TABLE token_use;
DROP TABLE token_identity;
DROP INDEX message_queued;
CREATE INDEX message_queued ON message (seq) WHERE status = 0;
