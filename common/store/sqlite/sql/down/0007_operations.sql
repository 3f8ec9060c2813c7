-- Texts that were removed stay so, and what a restored backup made unknown.
DROP TRIGGER message_attempt_grows;
CREATE TRIGGER message_attempt_grows BEFORE UPDATE OF attempt ON message
WHEN NEW.attempt <> OLD.attempt + (OLD.status = 0 AND NEW.status IN (1, 2))
BEGIN
    SELECT RAISE(ABORT, 'an attempt is one more with each hand-over, and otherwise the same');
END;
DROP TRIGGER message_stays_with_its_phone;
CREATE TRIGGER message_stays_with_its_phone BEFORE UPDATE OF device_id ON message
WHEN OLD.status >= 2 AND NEW.device_id IS NOT OLD.device_id AND NEW.status <> 0
BEGIN
    SELECT RAISE(ABORT, 'a message that was released stays with its phone');
END;
DELETE FROM message_transition WHERE (from_status, to_status) IN ((0, 9), (1, 9));
DROP INDEX message_with_text;
ALTER TABLE message DROP COLUMN request_id;
ALTER TABLE message DROP COLUMN requeued_as;
