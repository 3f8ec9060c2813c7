-- What operators need: the request that a message came with, the end of texts, restored backups.

ALTER TABLE message ADD COLUMN request_id BLOB;  -- nginx's, 16 bytes; NULL: it came by no request
ALTER TABLE message ADD COLUMN requeued_as BLOB; -- the message that an operator sent in its place

-- Texts that nobody needs any more, oldest first: of a text that was removed '' is left.
CREATE INDEX message_with_text ON message (updated_at_ms) WHERE status >= 4 AND text <> '';

-- What a restored backup has as open may have been sent since.
INSERT INTO message_transition VALUES (0, 9), (1, 9);
