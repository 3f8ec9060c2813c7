-- The numbers of the messages stay as they are: to an older gateway they are numbers as any.
CREATE UNIQUE INDEX message_by_id ON message (id);
CREATE TRIGGER message_starts_queued BEFORE INSERT ON message WHEN NEW.status <> 0
BEGIN
    SELECT RAISE(ABORT, 'a message starts as queued');
END;
CREATE INDEX message_offered ON message (seq) WHERE status = 1;
DROP INDEX message_by_status;
CREATE INDEX message_by_status ON message (status, id) WHERE status <> 0;
DROP INDEX message_by_phone_number;
CREATE INDEX message_by_phone_number ON message (phone_number, id) WHERE status <> 0;
DROP INDEX message_by_device;
CREATE INDEX message_by_device ON message (device_id, id) WHERE device_id IS NOT NULL;
