-- What operators need: the request that a message came with, the end of texts, restored backups.

ALTER TABLE message ADD COLUMN request_id BLOB;  -- nginx's, 16 bytes; NULL: it came by no request
ALTER TABLE message ADD COLUMN requeued_as BLOB; -- the message that an operator sent in its place

-- Texts that nobody needs any more, oldest first: of a text that was removed '' is left.
CREATE INDEX message_with_text ON message (updated_at_ms) WHERE status >= 4 AND text <> '';

-- What a restored backup has as open may have been sent since, by any phone: it becomes unknown (9) and
-- nobody's, and the first phone that reports it has it, with the attempt that it reports.
INSERT INTO message_transition VALUES (0, 9), (1, 9);

DROP TRIGGER message_attempt_grows;
CREATE TRIGGER message_attempt_grows BEFORE UPDATE OF attempt ON message
WHEN NEW.attempt <> OLD.attempt + (OLD.status = 0 AND NEW.status IN (1, 2))
    AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'an attempt is one more with each hand-over, and otherwise the same');
END;

DROP TRIGGER message_stays_with_its_phone;
CREATE TRIGGER message_stays_with_its_phone BEFORE UPDATE OF device_id ON message
WHEN OLD.status >= 2 AND NEW.device_id IS NOT OLD.device_id AND NEW.status <> 0
    AND NOT (NEW.status = 9 AND NEW.device_id IS NULL) AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'a message that was released stays with its phone');
END;
