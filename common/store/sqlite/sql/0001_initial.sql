-- The schema of the gateway's database.
--
-- Statuses are the numbers of enum message_status in common/model/message.h. Times are wall-clock milliseconds since
-- 1970. Ids of messages are UUIDv7: their order is the order of creation.

-- ---- Messages ----

CREATE TABLE message (
    seq              INTEGER PRIMARY KEY, -- message_id_seq(id), or one more where another message has that
    id               BLOB    NOT NULL CHECK (length(id) = 16),
    request_id       BLOB,                        -- nginx's, 16 bytes; NULL: it did not come by a request
    status           INTEGER NOT NULL,
    phase            INTEGER NOT NULL DEFAULT 0,  -- 0 queued, 1 in flight, 2 finished: what most indexes need of the status
    attempt          INTEGER NOT NULL,
    event_count      INTEGER NOT NULL,
    device_id        TEXT,                        -- of the last device that had it; NULL: none, or it went back
    device_sim       INTEGER,                     -- the SIM slot that the device says it sends it by; NULL: it has not said
    journal          BLOB,                        -- that it was offered to; NULL: a basic device
    segments         INTEGER NOT NULL,
    failures         INTEGER NOT NULL DEFAULT 0,  -- attempts that sent nothing, and counted
    proved_attempt   INTEGER NOT NULL DEFAULT 0,  -- the last attempt that is proved to have sent nothing
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    report_seq       INTEGER NOT NULL DEFAULT -1, -- of the last report that changed this attempt
    retry_at_ms      INTEGER NOT NULL DEFAULT 0,  -- the gateway's wish: not due before
    updated_at_ms    INTEGER NOT NULL,            -- of its last event
    returned_at_ms   INTEGER,                     -- the last time it was returned to the queue,
    dispatched_at_ms INTEGER,                     -- and the last time that it reached each other status
    accepted_at_ms   INTEGER,
    sending_at_ms    INTEGER,
    sent_at_ms       INTEGER,
    delivered_at_ms  INTEGER,
    failed_at_ms     INTEGER,
    expired_at_ms    INTEGER,
    cancelled_at_ms  INTEGER,
    unknown_at_ms    INTEGER,
    error_code       TEXT,
    error_message    TEXT,
    resent_as        BLOB,                        -- the message that an operator sent in its place

    -- What the client asked for; has_options is NULL where all of it is.
    has_options      INTEGER,
    target_device    TEXT,                        -- only this device may send it
    target_group     TEXT,                        -- only a device of this group
    target_sim       INTEGER,                     -- only with the SIM in this slot
    priority         INTEGER,                     -- enum message_priority
    send_at_ms       INTEGER,                     -- not before
    expires_at_ms    INTEGER,                     -- not from then on
    no_report        INTEGER,                     -- 1: the network need not be asked for a delivery report
    content          INTEGER,                     -- enum message_content; NULL: a text
    data_port        INTEGER,                     -- of data
    reference        TEXT,
    batch_id         BLOB,

    -- Where it is queued: common/model/lane.h. '' for a message that has no options and is due; NULL: it is not queued.
    lane             TEXT             DEFAULT '',
    rank_ms          INTEGER,                     -- its order in another lane
    due_at_ms        INTEGER,                     -- when it leaves the lane of those that wait

    phone_number     TEXT    NOT NULL,
    encoding         INTEGER NOT NULL,
    text             TEXT    NOT NULL,            -- '' once retention has removed it
    -- It starts as queued. A check costs an insert nothing, a trigger would cost a tenth of it.
    CHECK (status = 0 AND phase = 0 AND lane IS NOT NULL
           OR status BETWEEN 1 AND 3 AND phase = 1 AND lane IS NULL AND event_count > 1
           OR status BETWEEN 4 AND 9 AND phase = 2 AND lane IS NULL AND event_count > 1)
) STRICT;

-- A statement writes again each index of which it sets a column, or one in the index's condition. So these tell messages apart
-- by lane and phase, which change two or three times in a message's life, and not by the status where that can be helped.

-- A new message without options costs one row and one entry: what is queued is in one index, and in none by number or
-- status. For lists of a number it is looked through in that index alone.
CREATE INDEX message_queued ON message (seq, phone_number) WHERE lane = '';
CREATE INDEX message_queued_in_lane ON message (seq, phone_number) WHERE lane <> '';
CREATE INDEX message_in_lane ON message (lane, rank_ms) WHERE lane <> '';
CREATE INDEX message_waiting ON message (due_at_ms) WHERE lane = '~';
CREATE INDEX message_retried ON message (retry_at_ms) WHERE lane = '~' AND retry_at_ms <> 0;
CREATE INDEX message_expiring ON message (expires_at_ms) WHERE phase <= 1 AND expires_at_ms IS NOT NULL;

CREATE INDEX message_in_flight ON message (device_id) WHERE phase = 1;
CREATE INDEX message_to_cancel ON message (seq) WHERE cancel_requested = 1 AND phase = 1;

-- Finished messages whose text is still there: what retention removes, oldest first.
CREATE INDEX message_with_text ON message (updated_at_ms) WHERE phase = 2 AND text <> '';

-- Lists, newest first: equal entries of an index are in the order of seq. Those in flight are few enough to be sorted.
CREATE INDEX message_by_status ON message (status) WHERE phase = 2;
CREATE INDEX message_by_phone_number ON message (phone_number) WHERE lane IS NULL;
CREATE INDEX message_by_device ON message (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX message_by_batch ON message (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX message_by_reference ON message (reference) WHERE reference IS NOT NULL;
CREATE INDEX message_by_group ON message (target_group) WHERE target_group IS NOT NULL;

-- Messages that one request created together. It goes with its last message.
CREATE TABLE batch (
    id            BLOB    PRIMARY KEY CHECK (length(id) = 16), -- a UUIDv7, like those of messages
    created_at_ms INTEGER NOT NULL,
    key_id        TEXT,                                        -- the API key that it came with; NULL: none
    count         INTEGER NOT NULL CHECK (count > 0),          -- of its messages, also of those removed since
    external_id   TEXT                                         -- a client's own name for it; NULL: none
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX batch_by_external_id ON batch (external_id) WHERE external_id IS NOT NULL;

-- Every transition of a message; never changed. That it was queued is its row, whose id has the time: events begin
-- with number 2. Ids ascend over all events, those of gateway_event too: common/store/events.h.
CREATE TABLE message_event (
    id            INTEGER PRIMARY KEY,
    message_seq   INTEGER NOT NULL,
    number        INTEGER NOT NULL, -- 2, 3, ... within the message
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 9),
    attempt       INTEGER NOT NULL,
    device_id     TEXT,
    error_code    TEXT,
    error_message TEXT,
    at_ms         INTEGER NOT NULL,
    reason        INTEGER NOT NULL DEFAULT 0 -- of enum transition_reason in common/model/transition_reason.h
) STRICT;

CREATE UNIQUE INDEX message_event_by_message ON message_event (message_seq, number);

CREATE TRIGGER message_event_is_never_changed BEFORE UPDATE ON message_event
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

-- Events that are not of messages.
CREATE TABLE gateway_event (
    id        INTEGER PRIMARY KEY,
    type      INTEGER NOT NULL CHECK (type BETWEEN 10 AND 31), -- of common/model/event_types.def
    at_ms     INTEGER NOT NULL,
    device_id TEXT,
    subject   TEXT,                                            -- what else it is about: an id
    detail    TEXT                                             -- JSON object: what else is told
) STRICT;

CREATE TRIGGER gateway_event_is_never_changed BEFORE UPDATE ON gateway_event
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

-- The id of the newest event, also when that has been removed: no id is given twice. And the highest id that retention has
-- removed.
CREATE TABLE last_event (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id       INTEGER NOT NULL,
    removed  INTEGER NOT NULL
) STRICT;
INSERT INTO last_event VALUES (1, 0, 0);

-- The number of messages in each status, kept by every transaction that changes one.
CREATE TABLE message_count (
    status INTEGER PRIMARY KEY CHECK (status BETWEEN 0 AND 9),
    count  INTEGER NOT NULL CHECK (count >= 0)
) STRICT;
INSERT INTO message_count VALUES (0,0), (1,0), (2,0), (3,0), (4,0), (5,0), (6,0), (7,0), (8,0), (9,0);

-- ---- The inbox: common/model/incoming_sms.h ----

CREATE TABLE incoming (
    seq            INTEGER PRIMARY KEY, -- message_id_seq(id), or one more where another one has that
    id             BLOB    NOT NULL CHECK (length(id) = 16),
    device_id      TEXT    NOT NULL,
    received_id    TEXT    NOT NULL, -- the device's name for it
    sender         TEXT,             -- NULL: the network did not say
    recipient      TEXT,             -- NULL: the device does not say, like the next two
    sim            INTEGER,
    received_at_ms INTEGER,          -- by the device's clock
    encoding       INTEGER NOT NULL,
    segments       INTEGER NOT NULL,
    kind           INTEGER NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 2), -- enum incoming_kind
    text           TEXT    NOT NULL  -- '' also once retention has removed it
) STRICT;

-- The same SMS is stored once, for as long as its row is kept.
CREATE UNIQUE INDEX incoming_received ON incoming (device_id, received_id);

-- What retention removes.
CREATE INDEX incoming_with_text ON incoming (seq) WHERE text <> '';

-- Lists, newest first.
CREATE INDEX incoming_by_device ON incoming (device_id);
CREATE INDEX incoming_by_sender ON incoming (sender);

-- Recipients that have opted out: no message to them is accepted.
CREATE TABLE opt_out (
    phone_number TEXT    PRIMARY KEY,
    since_ms     INTEGER NOT NULL,
    source       INTEGER NOT NULL CHECK (source BETWEEN 0 AND 2), -- enum opt_out_source in common/store/opt_outs.h
    keyword      TEXT,             -- of the SMS; NULL: it came otherwise
    cancel_after INTEGER           -- queued messages with a greater seq are still to be looked through; NULL: none
) STRICT, WITHOUT ROWID;

CREATE INDEX opt_out_unfinished ON opt_out (phone_number) WHERE cancel_after IS NOT NULL;

-- ---- The life of a message, guarded by the database too ----

-- One trigger, because each that runs costs a transition a tenth of its time; AFTER, because SQLite reads and checks the whole
-- row a second time when one has run before; and ROLLBACK, because ABORT has it keep a copy of each page for the case.
--
-- The bits of each status are the numbers of those that may follow it in common/model/transitions.def. The attempt grows by one
-- with each dispatch (from 0 to 1 or 2). From accepted (2) on a message stays with its device, until it is proved that nothing was
-- sent. A restored message (unknown, 9, without a device) takes the attempt and the device of the first report.
CREATE TRIGGER message_keeps_the_rules AFTER UPDATE OF status, attempt, device_id ON message
BEGIN
    SELECT CASE
        WHEN NOT 1 << NEW.status & CASE OLD.status WHEN 0 THEN 0x3C6 WHEN 1 THEN 0x3B5 WHEN 2 THEN 0x3F9 WHEN 3 THEN 0x271
                WHEN 4 THEN 0x060 WHEN 9 THEN 0x0F0 WHEN 5 THEN 0 ELSE 0x030 END
            AND (NEW.status <> OLD.status OR NEW.event_count <> OLD.event_count)
            THEN RAISE(ROLLBACK, 'not a transition of a message')
        WHEN NEW.attempt <> OLD.attempt + (OLD.status = 0 AND NEW.status BETWEEN 1 AND 2)
            AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)
            THEN RAISE(ROLLBACK, 'the attempt grows by one with each dispatch, and is constant otherwise')
        WHEN OLD.status >= 2 AND NEW.device_id IS NOT OLD.device_id AND NEW.status <> 0
            AND NOT (NEW.status = 9 AND NEW.device_id IS NULL) AND NOT (OLD.status = 9 AND OLD.device_id IS NULL)
            THEN RAISE(ROLLBACK, 'a message that was released stays with its device')
        WHEN NEW.status = 0 AND OLD.status >= 2 AND NEW.proved_attempt <> OLD.attempt
            THEN RAISE(ROLLBACK, 'a message that was released returns only with the proof that nothing was sent')
    END;
END;

-- ---- Devices and brokers ----

-- A broker is alive until its lease ends; a new instance of the same name replaces the one before it.
CREATE TABLE broker (
    name           TEXT    PRIMARY KEY,
    instance       BLOB    NOT NULL CHECK (length(instance) = 16),
    lease_until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What one broker does for all of them: it has the lease, and others take it when that has passed.
CREATE TABLE lease (
    name     TEXT    PRIMARY KEY, -- 'housekeeping'
    holder   BLOB    NOT NULL CHECK (length(holder) = 16), -- an instance of a broker
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A device is connected while the broker instance that it is on is alive.
CREATE TABLE device (
    device_id         TEXT    PRIMARY KEY,
    -- What an operator has decided.
    given_name        TEXT,                       -- for people; NULL: the one that the device gives
    disabled          INTEGER NOT NULL DEFAULT 0,
    daily_segments    INTEGER,                    -- NULL: as the settings say, 0: no limit
    window_segments   INTEGER,
    group_count       INTEGER NOT NULL DEFAULT 0, -- rows in device_group
    configured        INTEGER NOT NULL DEFAULT 0, -- the number of the last change of it, or of what a polled one says, over all devices; 0: none
    -- Its connection.
    connection_epoch  INTEGER NOT NULL DEFAULT 0, -- counts its connections
    broker_instance   BLOB,                       -- NULL: not connected
    token_revoked     INTEGER NOT NULL DEFAULT 0, -- 1: since it connected; its connection is to be closed
    first_seen_at_ms  INTEGER NOT NULL,
    connected_at_ms   INTEGER NOT NULL DEFAULT 0, -- 0: never
    last_seen_at_ms   INTEGER NOT NULL DEFAULT 0,
    wait_reason       INTEGER NOT NULL DEFAULT 0, -- enum message_wait_reason: why its broker gives it no message
    wait_until_ms     INTEGER NOT NULL DEFAULT 0, -- 0: that depends on other things than time
    -- What it says of itself.
    sim_slots         INTEGER NOT NULL DEFAULT 0, -- bit N: it has a SIM in slot N
    name              TEXT,
    android_version   TEXT,
    app_version       TEXT,
    battery_level     REAL,
    charging          INTEGER,
    battery_low       INTEGER NOT NULL DEFAULT 0, -- 1: an event has told so, and it is not well charged since
    signal_strength   INTEGER,
    -- The last message that it refused or reported as failed.
    error_at_ms       INTEGER NOT NULL DEFAULT 0, -- 0: none
    error_message_id  BLOB,
    error_code        TEXT,
    error_message     TEXT,
    sims              TEXT,                       -- JSON array; NULL: unknown
    -- JSON object: the other members of its own description. Last: a long one is on pages of its own.
    extra             TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX device_connected ON device (broker_instance) WHERE broker_instance IS NOT NULL;
CREATE INDEX device_token_revoked ON device (device_id) WHERE token_revoked = 1;
CREATE INDEX device_configured ON device (configured) WHERE configured > 0;

-- Connections whose device has a newer one, on another broker: their own broker ends them.
CREATE TABLE superseded (
    device_id        TEXT    NOT NULL,
    connection_epoch INTEGER NOT NULL,
    broker_instance  BLOB    NOT NULL CHECK (length(broker_instance) = 16),
    PRIMARY KEY (device_id, connection_epoch)
) STRICT, WITHOUT ROWID;

CREATE INDEX superseded_of_broker ON superseded (broker_instance, device_id);

CREATE TABLE device_group (
    device_id TEXT NOT NULL,
    label     TEXT NOT NULL,
    PRIMARY KEY (device_id, label)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_group_by_label ON device_group (label);

-- What devices say of battery and signal: at most one row of each for a slot of five minutes, for about a day.
CREATE TABLE device_reading (
    device_id       TEXT    NOT NULL,
    slot            INTEGER NOT NULL, -- at_ms / STORE_READING_EVERY_MS
    at_ms           INTEGER NOT NULL,
    battery_level   REAL,
    charging        INTEGER,
    signal_strength INTEGER,
    PRIMARY KEY (device_id, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_reading_by_slot ON device_reading (slot);

-- ---- Access: common/access/api_key.h, common/access/device_token.h ----

-- A key is revoked and never deleted, so that its id stays known. A link of the dashboard is deleted when it is used.
CREATE TABLE api_key (
    id                  TEXT    PRIMARY KEY,
    hash                BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of its text
    label               TEXT    NOT NULL,
    scopes              INTEGER NOT NULL,
    created_at_ms       INTEGER NOT NULL,
    expires_at_ms       INTEGER NOT NULL DEFAULT 0,  -- 0: never
    revoked_at_ms       INTEGER NOT NULL DEFAULT 0,  -- 0: it is active
    requests_per_minute INTEGER NOT NULL DEFAULT -1, -- -1: as the settings say, 0: no limit
    daily_messages      INTEGER NOT NULL DEFAULT -1,
    ignores_opt_out     INTEGER NOT NULL DEFAULT 0,  -- 1: it sends to recipients that have opted out, too
    kind                INTEGER NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 2), -- enum api_key_kind
    session_ms          INTEGER NOT NULL DEFAULT 0   -- of a link: how long its session is valid
) STRICT, WITHOUT ROWID;

-- Sessions and links of the dashboard end, and are removed later.
CREATE INDEX api_key_of_dashboard ON api_key (expires_at_ms) WHERE kind <> 0;

CREATE TRIGGER api_key_is_only_revoked BEFORE UPDATE ON api_key
WHEN OLD.revoked_at_ms <> 0 OR NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.scopes <> OLD.scopes
    OR NEW.expires_at_ms <> OLD.expires_at_ms OR NEW.requests_per_minute <> OLD.requests_per_minute
    OR NEW.daily_messages <> OLD.daily_messages OR NEW.ignores_opt_out <> OLD.ignores_opt_out
    OR NEW.kind <> OLD.kind OR NEW.session_ms <> OLD.session_ms
BEGIN
    SELECT RAISE(ABORT, 'a key is made once; it can only be revoked');
END;

-- A code is deleted when a device uses it, when its device is revoked, or, once it has expired, when the next one is
-- created.
CREATE TABLE pairing (
    code_hash     BLOB    PRIMARY KEY CHECK (length(code_hash) = 32),
    device_id     TEXT,             -- NULL: the device chooses
    groups        TEXT,             -- labels that the device gets, separated by spaces; NULL: it keeps those it has
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pairing_by_expiry ON pairing (expires_at_ms);
CREATE INDEX pairing_by_device ON pairing (device_id) WHERE device_id IS NOT NULL;

-- A ticket opens one event stream. It is deleted when it is used, and expired ones when a new one is created.
CREATE TABLE ticket (
    hash          BLOB    PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of its text
    key_id        TEXT,             -- the API key whose rights it has; NULL: API_KEYS was off
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ticket_by_expiry ON ticket (expires_at_ms);

CREATE TABLE device_token (
    id            TEXT    PRIMARY KEY,
    hash          BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of its text
    device_id     TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER NOT NULL DEFAULT 0, -- 0: it is active
    revocation    INTEGER NOT NULL DEFAULT 0 CHECK (revocation BETWEEN 0 AND 3)
) STRICT, WITHOUT ROWID;

-- A device has one active token or none.
CREATE UNIQUE INDEX device_token_active ON device_token (device_id) WHERE revoked_at_ms = 0;
CREATE INDEX device_token_by_device ON device_token (device_id, created_at_ms);

CREATE TRIGGER device_token_is_only_revoked BEFORE UPDATE ON device_token
WHEN OLD.revoked_at_ms <> 0 OR NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.device_id <> OLD.device_id
BEGIN
    SELECT RAISE(ABORT, 'a token is made once; it can only be revoked');
END;

-- A polled device (common/store/polled.h), as long as its token is active.
CREATE TABLE polled_device (
    device_id   TEXT    PRIMARY KEY,
    token_id    TEXT    NOT NULL,
    hook_hash   BLOB    NOT NULL UNIQUE CHECK (length(hook_hash) = 32), -- SHA-256 of what its webhooks have in their path
    app_version INTEGER NOT NULL,                                       -- 1.68.2 is 1068002; 0: unknown
    fetched     INTEGER NOT NULL                                        -- bits of enum polled_fetched
) STRICT, WITHOUT ROWID;

-- How each token is used: what tells two phones with one token from one phone. The rule is in
-- common/model/token_use.h. The rows go when their token is revoked.
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

CREATE INDEX token_identity_by_time ON token_identity (token_id, seen_at_ms);

-- ---- Webhooks: common/store/webhooks.h ----

-- A removed webhook keeps its row, without what is secret, until its deliveries are removed too.
CREATE TABLE webhook (
    seq                 INTEGER PRIMARY KEY,
    id                  TEXT    NOT NULL UNIQUE,
    removed             INTEGER NOT NULL DEFAULT 0,
    url                 TEXT,
    types               INTEGER NOT NULL DEFAULT 0,  -- bits of common/model/event_types.def; 0: all
    device_group        TEXT,                        -- NULL: any
    device_id           TEXT,                        -- NULL: any
    form                INTEGER NOT NULL DEFAULT 0,  -- enum webhook_form in common/store/webhooks.h
    external_id         TEXT,                        -- a program's own name for it; NULL: none
    with_text           INTEGER NOT NULL DEFAULT 0,
    description         TEXT,
    enabled             INTEGER NOT NULL DEFAULT 0,
    disabled_reason     TEXT,                        -- NULL: the sender did not disable it
    secret              TEXT,
    old_secret          TEXT,                        -- signs too,
    old_secret_until_ms INTEGER NOT NULL DEFAULT 0,  -- until then
    created_at_ms       INTEGER NOT NULL,
    updated_at_ms       INTEGER NOT NULL,
    changed             INTEGER NOT NULL,            -- the number of the last change of it, over all webhooks
    rewound             INTEGER NOT NULL DEFAULT 0,  -- how often the cursor was set back
    cursor              INTEGER NOT NULL,            -- events up to this one are delivered, or have a delivery
    failures            INTEGER NOT NULL DEFAULT 0,  -- tries in a row that failed
    failing_since_ms    INTEGER NOT NULL DEFAULT 0,  -- 0: it is not
    next_try_ms         INTEGER NOT NULL DEFAULT 0,  -- 0: it does not rest
    last_try_at_ms      INTEGER NOT NULL DEFAULT 0,  -- 0: never
    last_success_at_ms  INTEGER NOT NULL DEFAULT 0,
    last_status         INTEGER NOT NULL DEFAULT 0,  -- of HTTP; 0: no answer
    last_error          TEXT
) STRICT;

-- The number of the last change of a webhook, also when that is gone.
CREATE TABLE last_webhook_change (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    number   INTEGER NOT NULL
) STRICT;
INSERT INTO last_webhook_change VALUES (1, 0);

CREATE TABLE webhook_delivery (
    webhook_seq    INTEGER NOT NULL,
    event_id       INTEGER NOT NULL,
    event_type     INTEGER NOT NULL,
    event_at_ms    INTEGER NOT NULL,
    message_id     BLOB,                        -- of a message's event
    state          INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2), -- waiting, delivered, given up
    tries          INTEGER NOT NULL,
    was_hurried    INTEGER NOT NULL DEFAULT 0 CHECK (was_hurried IN (0, 1)), -- 1: one of its tries did not wait its time
    created_at_ms  INTEGER NOT NULL,
    next_try_ms    INTEGER NOT NULL,            -- while it waits
    last_try_at_ms INTEGER NOT NULL,            -- 0: not tried
    last_status    INTEGER NOT NULL,            -- of HTTP; 0: no answer
    last_error     TEXT,
    requested      INTEGER NOT NULL DEFAULT 0,  -- the webhook's change that asks for it once more; 0: none since a note
    PRIMARY KEY (webhook_seq, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_seq, next_try_ms) WHERE state = 0;
CREATE INDEX webhook_delivery_given_up ON webhook_delivery (webhook_seq, event_id) WHERE state = 2;
CREATE INDEX webhook_delivery_finished ON webhook_delivery (last_try_at_ms) WHERE state <> 0;

-- ---- Limits: a row is there only where its limit is set ----

CREATE TABLE accepted (
    kind   INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 3), -- 0: all of a day, 1: an API key's of a day,
                                                          -- 2: a phone number's of a day, 3: all of a minute
    period INTEGER NOT NULL,                              -- days, or minutes, since 1970 (UTC)
    name   TEXT    NOT NULL,                              -- the key's id, the phone number, or ''
    count  INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (kind, period, name)
) STRICT, WITHOUT ROWID;

-- Segments given to a device: on a day, and for its send budget (common/model/send_budget.h).
CREATE TABLE device_use (
    device_id     TEXT    PRIMARY KEY,
    day           INTEGER NOT NULL,
    in_day        INTEGER NOT NULL CHECK (in_day >= 0),
    window_ms     INTEGER NOT NULL,
    slot          INTEGER NOT NULL,                              -- the newest part of the window
    spent         BLOB    NOT NULL CHECK (length(spent) = 64),   -- by part, a ring: 16 numbers of 32 bits, lowest byte first
    not_before_ms INTEGER NOT NULL                               -- 0: it did not go beyond
) STRICT, WITHOUT ROWID;

CREATE TABLE sending (
    only_row        INTEGER PRIMARY KEY CHECK (only_row = 1),
    paused_since_ms INTEGER NOT NULL, -- 0: not paused
    reason          TEXT
) STRICT;
INSERT INTO sending VALUES (1, 0, NULL);

-- ---- Requests with an idempotency key: common/store/idempotency.h ----

-- With what the request created, in one transaction. Ids ascend, so that what is old is removed from one end.
CREATE TABLE idempotency (
    id            INTEGER PRIMARY KEY,
    key_id        TEXT    NOT NULL, -- of the API key; '' where none is needed
    key           TEXT    NOT NULL CHECK (key <> ''),
    key_hash      INTEGER NOT NULL, -- of key_id and key
    hash          BLOB    NOT NULL CHECK (length(hash) = 32), -- SHA-256 of what the request asks for
    created_at_ms INTEGER NOT NULL,
    status        INTEGER NOT NULL,
    location      TEXT,
    answer        BLOB    NOT NULL
) STRICT;

-- The index of the rows up to merged_id. Keys come in no order, so each would change another page of it: those of later rows
-- are in the memory of the process that writes (idempotency_index.h), and are merged many at a time.
CREATE TABLE idempotency_by_key (
    key_hash INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    PRIMARY KEY (key_hash, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_state (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    merged_id  INTEGER NOT NULL, -- every row up to this one is in idempotency_by_key
    removed_id INTEGER NOT NULL  -- the newest row that was removed: no id is given twice
) STRICT;
INSERT INTO idempotency_state VALUES (1, 0, 0);

CREATE TRIGGER idempotency_leaves_its_index AFTER DELETE ON idempotency
BEGIN
    DELETE FROM idempotency_by_key WHERE key_hash = OLD.key_hash AND id = OLD.id;
    UPDATE idempotency_state SET removed_id = OLD.id WHERE removed_id < OLD.id;
END;

-- ---- Which database this is: its backups tell themselves from those of others in the same folder ----

CREATE TABLE origin (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    number   INTEGER NOT NULL
) STRICT;
INSERT INTO origin VALUES (1, random());

-- ---- The readiness probe, which must know that a commit works ----

CREATE TABLE probe (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    at_ms    INTEGER NOT NULL
) STRICT;
INSERT INTO probe VALUES (1, 0);
