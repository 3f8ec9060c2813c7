-- A message costs little until a phone has it: bursts of clients are as fast as the disk, phones are
-- not. And it costs little to show: its row has all that is shown.

-- That it was queued is the row itself, whose id has the time: event 1 is not written. Events begin
-- with 2.
DELETE FROM message_event WHERE number = 1;

-- Numbers come in no order, so each new one dirties a page of its own; that was half of the cost of
-- accepting a message. What is queued (0) is found by message_queued, or by its time.
DROP INDEX message_by_phone_number;
CREATE INDEX message_by_phone_number ON message (phone_number, id) WHERE status <> 0;
DROP INDEX message_by_status;
CREATE INDEX message_by_status ON message (status, id) WHERE status <> 0;

-- When it last reached each status but the first: "2:1700000000123,5:1700000000456". Its events say the
-- same, at the cost of a search.
ALTER TABLE message ADD COLUMN times TEXT;
UPDATE message SET times =
    (SELECT group_concat(status || ':' || at_ms) FROM
        (SELECT status, max(at_ms) AS at_ms FROM message_event WHERE message_seq = seq GROUP BY status))
WHERE status <> 0 OR event_count > 1;
