-- The schema of the gateway's database in PostgreSQL: what common/store/sqlite/sql has, where not said otherwise.
--
-- Statuses are the numbers of enum message_status in common/model/message.h. Times are wall-clock milliseconds since
-- 1970. Ids of messages are UUIDv7, as 16 bytes: their order is the order of creation. Names compare by their bytes.

-- The version of the schema, which is the number of this file, and the oldest version whose programs work with it, too. The last
-- statement of each migration sets both. One that only adds what older programs need not know (tables, columns with a default,
-- indexes) leaves compatible_from as it is: nodes are then upgraded one after another.
CREATE TABLE schema_version (
    only_row        integer PRIMARY KEY CHECK (only_row = 1),
    version         integer NOT NULL,
    compatible_from integer NOT NULL CHECK (compatible_from BETWEEN 1 AND version),
    settled         integer NOT NULL DEFAULT 0, -- how often: common/store/settle.h
    origin          text,            -- which database of which server it is: server_origin.h
    copied_to       text             -- what all of it was copied to: no gateway uses it any more
);
INSERT INTO schema_version (only_row, version, compatible_from) VALUES (1, 1, 1);

-- The processes that write. Each transaction counts its batch here first: whoever opened the row can tell after a lost
-- connection whether the batch was committed, and what is still in the old connection fails at the old epoch.
CREATE TABLE writer (
    id    bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    token bigint  NOT NULL, -- the process has made it: in a database that was restored another one may have the id
    name  text    NOT NULL, -- for people
    epoch bigint  NOT NULL DEFAULT 0,
    batch bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- ---- Messages ----

-- What is written once: a transition changes nothing here.
CREATE TABLE message (
    seq           bigint   PRIMARY KEY, -- message_id_seq(id), or one more where another message has that
    id            bytea    NOT NULL CHECK (length(id) = 16),
    request_id    bytea,
    phone_number  text COLLATE "C" NOT NULL,
    encoding      smallint NOT NULL,
    segments      integer  NOT NULL,
    text          text     NOT NULL,    -- '' once retention has removed it
    has_options   smallint,             -- NULL: all of what follows is
    target_device text COLLATE "C",
    target_group  text COLLATE "C",
    target_sim    smallint,
    priority      smallint,
    send_at_ms    bigint,
    no_report     smallint,
    content       smallint,
    data_port     integer,
    reference     text COLLATE "C",
    batch_id      bytea,
    resent_as     bytea
);

-- Lists, newest first.
CREATE INDEX message_by_batch ON message (batch_id, seq) WHERE batch_id IS NOT NULL;
CREATE INDEX message_by_reference ON message (reference, seq) WHERE reference IS NOT NULL;
CREATE INDEX message_by_group ON message (target_group, seq) WHERE target_group IS NOT NULL;

-- What changes. An index that a transition touches has all the others of the table written too, so that none has the
-- status, and `phase` has as little of it as they need.
CREATE TABLE message_state (
    seq              bigint   PRIMARY KEY,
    status           smallint NOT NULL,
    phase            smallint NOT NULL DEFAULT 0, -- 0 queued, 1 in flight, 2 finished
    rare             smallint,                    -- failed, expired, cancelled, unknown: the status
    attempt          integer  NOT NULL DEFAULT 0,
    event_count      integer  NOT NULL DEFAULT 1,
    device_id        text COLLATE "C",
    device_sim       smallint,
    journal          bytea,
    failures         integer  NOT NULL DEFAULT 0,
    proved_attempt   integer  NOT NULL DEFAULT 0,
    cancel_requested smallint NOT NULL DEFAULT 0,
    report_seq       bigint   NOT NULL DEFAULT -1,
    retry_at_ms      bigint   NOT NULL DEFAULT 0,
    updated_at_ms    bigint   NOT NULL,
    returned_at_ms   bigint,
    dispatched_at_ms bigint,
    accepted_at_ms   bigint,
    sending_at_ms    bigint,
    sent_at_ms       bigint,
    delivered_at_ms  bigint,
    failed_at_ms     bigint,
    expired_at_ms    bigint,
    cancelled_at_ms  bigint,
    unknown_at_ms    bigint,
    error_code       text,
    error_message    text,
    expires_at_ms    bigint,                               -- an option, here for its index
    phone_number     text COLLATE "C" NOT NULL,            -- that of the message, here for its index
    has_text         boolean  NOT NULL DEFAULT true,       -- retention has left it
    lane             text COLLATE "C" DEFAULT '',          -- NULL: it is not queued
    rank_ms          bigint,
    due_at_ms        bigint,
    -- One for all: each of its own, and a generated column, is read and prepared anew with each statement.
    CHECK (CASE WHEN status = 0 THEN phase = 0 AND rare IS NULL AND lane IS NOT NULL
           ELSE lane IS NULL AND event_count > 1 AND CASE
               WHEN status BETWEEN 1 AND 3 THEN phase = 1 AND rare IS NULL
               WHEN status BETWEEN 4 AND 5 THEN phase = 2 AND rare IS NULL
               ELSE status BETWEEN 6 AND 9 AND phase = 2 AND rare IS NOT DISTINCT FROM status END END)
-- Each message changes five times: of a large table a fifth would be too many dead rows for what is queued.
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX message_queued ON message_state (seq) WHERE lane = '';
CREATE INDEX message_in_lane ON message_state (lane, rank_ms, seq) WHERE lane <> '';
CREATE INDEX message_waiting ON message_state (due_at_ms) WHERE lane = '~';
CREATE INDEX message_retried ON message_state (retry_at_ms) WHERE lane = '~' AND retry_at_ms <> 0;
CREATE INDEX message_expiring ON message_state (expires_at_ms) WHERE phase <= 1 AND expires_at_ms IS NOT NULL;
CREATE INDEX message_in_flight ON message_state (device_id) WHERE phase = 1;
CREATE INDEX message_to_cancel ON message_state (seq) WHERE cancel_requested = 1;
CREATE INDEX message_with_text ON message_state (seq) WHERE phase = 2 AND has_text;
CREATE INDEX message_rare ON message_state (rare, seq) WHERE rare IS NOT NULL;
CREATE INDEX message_by_device ON message_state (device_id, seq) WHERE device_id IS NOT NULL;
-- A new message comes behind all others in each index but this one, whose place is anywhere: half of what its rows cost. So it
-- gets its place when it leaves the plain queue, which is looked through in the order of its messages.
CREATE INDEX message_by_phone_number ON message_state (phone_number, seq) WHERE lane IS DISTINCT FROM '';

-- The rows that statements.def takes in arrays; records.h. Their columns are those of the tables: the writers of both are
-- insert_rows.c and change_rows.c.
CREATE TYPE new_message AS (
    seq           bigint,
    id            bytea,
    request_id    bytea,
    segments      integer,
    updated_at_ms bigint,
    phone_number  text,
    encoding      smallint,
    text          text
);

CREATE TYPE new_message_with_options AS (
    seq           bigint,
    id            bytea,
    request_id    bytea,
    segments      integer,
    updated_at_ms bigint,
    phone_number  text,
    encoding      smallint,
    text          text,
    target_device text,
    target_group  text,
    target_sim    smallint,
    priority      smallint,
    send_at_ms    bigint,
    expires_at_ms bigint,
    no_report     smallint,
    content       smallint,
    data_port     integer,
    reference     text,
    batch_id      bytea,
    lane          text,
    rank_ms       bigint,
    due_at_ms     bigint
);

CREATE TYPE changed_message AS (
    seq              bigint,
    old_status       smallint,
    old_attempt      integer,
    status           smallint,
    attempt          integer,
    event_count      integer,
    device_id        text,
    device_sim       smallint,
    journal          bytea,
    failures         integer,
    proved_attempt   integer,
    report_seq       bigint,
    retry_at_ms      bigint,
    updated_at_ms    bigint,
    returned_at_ms   bigint,
    dispatched_at_ms bigint,
    accepted_at_ms   bigint,
    sending_at_ms    bigint,
    sent_at_ms       bigint,
    delivered_at_ms  bigint,
    failed_at_ms     bigint,
    expired_at_ms    bigint,
    cancelled_at_ms  bigint,
    unknown_at_ms    bigint,
    keeps_error      boolean,
    error_code       text,
    error_message    text,
    lane             text,
    rank_ms          bigint,
    due_at_ms        bigint
);

CREATE TYPE new_message_event AS (
    message_seq   bigint,
    number        integer,
    status        smallint,
    attempt       integer,
    device_id     text,
    error_code    text,
    error_message text,
    at_ms         bigint,
    reason        smallint
);

CREATE TABLE batch (
    id            bytea   PRIMARY KEY CHECK (length(id) = 16),
    created_at_ms bigint  NOT NULL,
    key_id        text,
    count         bigint  NOT NULL CHECK (count > 0),
    external_id   text COLLATE "C"
);

CREATE UNIQUE INDEX batch_by_external_id ON batch (external_id) WHERE external_id IS NOT NULL;

-- The ids of events, those of gateway_event too. A transaction holds a shared lock with the last id before its own
-- (EVENT_LOCK in common/store/postgresql/statements.def) until it ends: readers stop below the lowest of them, so that no
-- event appears behind one that they have read.
CREATE SEQUENCE event_id;

-- Its partitions are of the times in which their messages were created (partitions.h): a key of both would be needed to have
-- the server see to it that no id is there twice.
CREATE TABLE message_event (
    id            bigint   NOT NULL DEFAULT nextval('event_id'),
    message_seq   bigint   NOT NULL,
    number        integer  NOT NULL, -- 2, 3, ... within the message
    status        smallint NOT NULL CHECK (status BETWEEN 0 AND 9),
    attempt       integer  NOT NULL,
    device_id     text COLLATE "C",
    error_code    text,
    error_message text,
    at_ms         bigint   NOT NULL,
    reason        smallint NOT NULL DEFAULT 0
) PARTITION BY RANGE (message_seq);

CREATE INDEX message_event_by_id ON message_event (id);
CREATE UNIQUE INDEX message_event_by_message ON message_event (message_seq, number);

DO $$
DECLARE
    today timestamp := date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC');
    first bigint := (extract(epoch FROM today) * 1000)::bigint << 20;
    last  bigint := (extract(epoch FROM today + interval '8 days') * 1000)::bigint << 20;
BEGIN
    EXECUTE format('CREATE TABLE message_event_first PARTITION OF message_event FOR VALUES FROM (MINVALUE) TO (%s)', first);
    EXECUTE format('CREATE TABLE message_event_%s PARTITION OF message_event FOR VALUES FROM (%s) TO (%s)',
                   to_char(today, 'YYYYMMDD'), first, last);
    EXECUTE format('CREATE TABLE message_event_last PARTITION OF message_event FOR VALUES FROM (%s) TO (MAXVALUE)', last);
END $$;

CREATE TABLE gateway_event (
    id        bigint   PRIMARY KEY DEFAULT nextval('event_id'),
    type      smallint NOT NULL CHECK (type BETWEEN 10 AND 31),
    at_ms     bigint   NOT NULL,
    device_id text COLLATE "C",
    subject   text COLLATE "C",
    detail    text
);

-- The highest id that retention has removed.
CREATE TABLE removed_event (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    id       bigint  NOT NULL
);
INSERT INTO removed_event VALUES (1, 0);

CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER message_event_is_never_changed BEFORE UPDATE ON message_event
    FOR EACH ROW EXECUTE FUNCTION events_are_append_only();
CREATE TRIGGER gateway_event_is_never_changed BEFORE UPDATE ON gateway_event
    FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only();

-- The number of messages in each status is the sum of its parts: a writer has its own, so that none waits for another. A part
-- may be negative.
CREATE TABLE message_count (
    status smallint NOT NULL CHECK (status BETWEEN 0 AND 9),
    part   smallint NOT NULL,
    count  bigint   NOT NULL,
    PRIMARY KEY (status, part)
) WITH (fillfactor = 50);

-- ---- The inbox ----

CREATE TABLE incoming (
    seq            bigint   PRIMARY KEY,
    id             bytea    NOT NULL CHECK (length(id) = 16),
    device_id      text COLLATE "C" NOT NULL,
    received_id    text COLLATE "C" NOT NULL,
    sender         text COLLATE "C",
    recipient      text,
    sim            smallint,
    received_at_ms bigint,
    encoding       smallint NOT NULL,
    segments       integer  NOT NULL,
    kind           smallint NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 2),
    text           text     NOT NULL
);

CREATE UNIQUE INDEX incoming_received ON incoming (device_id, received_id);
CREATE INDEX incoming_with_text ON incoming (seq) WHERE text <> '';
CREATE INDEX incoming_by_device ON incoming (device_id, seq);
CREATE INDEX incoming_by_sender ON incoming (sender, seq);

CREATE TABLE opt_out (
    phone_number text COLLATE "C" PRIMARY KEY,
    since_ms     bigint   NOT NULL,
    source       smallint NOT NULL CHECK (source BETWEEN 0 AND 2),
    keyword      text,
    cancel_after bigint
);

CREATE INDEX opt_out_unfinished ON opt_out (phone_number) WHERE cancel_after IS NOT NULL;

-- ---- Devices and brokers ----

CREATE TABLE broker (
    name           text COLLATE "C" PRIMARY KEY,
    instance       bytea  NOT NULL CHECK (length(instance) = 16),
    lease_until_ms bigint NOT NULL
);

CREATE TABLE lease (
    name     text COLLATE "C" PRIMARY KEY,
    holder   bytea  NOT NULL CHECK (length(holder) = 16),
    until_ms bigint NOT NULL
);

CREATE TABLE device (
    device_id         text COLLATE "C" PRIMARY KEY,
    given_name        text,
    disabled          smallint NOT NULL DEFAULT 0,
    daily_segments    bigint,
    window_segments   bigint,
    group_count       integer  NOT NULL DEFAULT 0,
    configured        bigint   NOT NULL DEFAULT 0,
    connection_epoch  bigint   NOT NULL DEFAULT 0,
    broker_instance   bytea,
    token_revoked     smallint NOT NULL DEFAULT 0,
    first_seen_at_ms  bigint   NOT NULL,
    connected_at_ms   bigint   NOT NULL DEFAULT 0,
    last_seen_at_ms   bigint   NOT NULL DEFAULT 0,
    wait_reason       smallint NOT NULL DEFAULT 0,
    wait_until_ms     bigint   NOT NULL DEFAULT 0,
    sim_slots         bigint   NOT NULL DEFAULT 0,
    name              text,
    android_version   text,
    app_version       text,
    battery_level     double precision,
    charging          smallint,
    battery_low       smallint NOT NULL DEFAULT 0,
    signal_strength   integer,
    error_at_ms       bigint   NOT NULL DEFAULT 0,
    error_message_id  bytea,
    error_code        text,
    error_message     text,
    sims              text,
    extra             text
) WITH (fillfactor = 60);

CREATE INDEX device_connected ON device (broker_instance) WHERE broker_instance IS NOT NULL;
CREATE INDEX device_token_revoked ON device (device_id) WHERE token_revoked = 1;
CREATE INDEX device_configured ON device (configured) WHERE configured > 0;

-- Connections whose device has a newer one, on another broker: their own broker ends them.
CREATE TABLE superseded (
    device_id        text COLLATE "C" NOT NULL,
    connection_epoch bigint NOT NULL,
    broker_instance  bytea  NOT NULL CHECK (length(broker_instance) = 16),
    PRIMARY KEY (device_id, connection_epoch)
);

CREATE INDEX superseded_of_broker ON superseded (broker_instance, device_id);

-- The number of the last change of a device's configuration, over all devices.
CREATE TABLE last_configuration (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    number   bigint  NOT NULL
);
INSERT INTO last_configuration VALUES (1, 0);

CREATE TABLE device_group (
    device_id text COLLATE "C" NOT NULL,
    label     text COLLATE "C" NOT NULL,
    PRIMARY KEY (device_id, label)
);

CREATE INDEX device_group_by_label ON device_group (label);

CREATE TABLE device_reading (
    device_id       text COLLATE "C" NOT NULL,
    slot            bigint NOT NULL,
    at_ms           bigint NOT NULL,
    battery_level   double precision,
    charging        smallint,
    signal_strength integer,
    PRIMARY KEY (device_id, slot)
);

CREATE INDEX device_reading_by_slot ON device_reading (slot);

-- ---- Access ----

CREATE TABLE api_key (
    id                  text COLLATE "C" PRIMARY KEY,
    hash                bytea    NOT NULL UNIQUE CHECK (length(hash) = 32),
    label               text     NOT NULL,
    scopes              bigint   NOT NULL,
    created_at_ms       bigint   NOT NULL,
    expires_at_ms       bigint   NOT NULL DEFAULT 0,
    revoked_at_ms       bigint   NOT NULL DEFAULT 0,
    requests_per_minute bigint   NOT NULL DEFAULT -1,
    daily_messages      bigint   NOT NULL DEFAULT -1,
    ignores_opt_out     smallint NOT NULL DEFAULT 0,
    kind                smallint NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 2),
    session_ms          bigint   NOT NULL DEFAULT 0
);

CREATE INDEX api_key_of_dashboard ON api_key (expires_at_ms) WHERE kind <> 0;

CREATE FUNCTION only_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is made once; it can only be revoked', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER api_key_is_only_revoked BEFORE UPDATE ON api_key FOR EACH ROW
    WHEN (OLD.revoked_at_ms <> 0 OR NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.scopes <> OLD.scopes
        OR NEW.expires_at_ms <> OLD.expires_at_ms OR NEW.requests_per_minute <> OLD.requests_per_minute
        OR NEW.daily_messages <> OLD.daily_messages OR NEW.ignores_opt_out <> OLD.ignores_opt_out
        OR NEW.kind <> OLD.kind OR NEW.session_ms <> OLD.session_ms)
    EXECUTE FUNCTION only_revoked();

CREATE TABLE pairing (
    code_hash     bytea  PRIMARY KEY CHECK (length(code_hash) = 32),
    device_id     text COLLATE "C",
    groups        text,
    expires_at_ms bigint NOT NULL
);

CREATE INDEX pairing_by_expiry ON pairing (expires_at_ms);
CREATE INDEX pairing_by_device ON pairing (device_id) WHERE device_id IS NOT NULL;

CREATE TABLE ticket (
    hash          bytea  PRIMARY KEY CHECK (length(hash) = 32),
    key_id        text,
    expires_at_ms bigint NOT NULL
);

CREATE INDEX ticket_by_expiry ON ticket (expires_at_ms);

CREATE TABLE device_token (
    id            text COLLATE "C" PRIMARY KEY,
    hash          bytea    NOT NULL UNIQUE CHECK (length(hash) = 32),
    device_id     text COLLATE "C" NOT NULL,
    created_at_ms bigint   NOT NULL,
    revoked_at_ms bigint   NOT NULL DEFAULT 0,
    revocation    smallint NOT NULL DEFAULT 0 CHECK (revocation BETWEEN 0 AND 3)
);

CREATE UNIQUE INDEX device_token_active ON device_token (device_id) WHERE revoked_at_ms = 0;
CREATE INDEX device_token_by_device ON device_token (device_id, created_at_ms);

CREATE TRIGGER device_token_is_only_revoked BEFORE UPDATE ON device_token FOR EACH ROW
    WHEN (OLD.revoked_at_ms <> 0 OR NEW.id <> OLD.id OR NEW.hash <> OLD.hash OR NEW.device_id <> OLD.device_id)
    EXECUTE FUNCTION only_revoked();

CREATE TABLE polled_device (
    device_id   text COLLATE "C" PRIMARY KEY,
    token_id    text     NOT NULL,
    hook_hash   bytea    NOT NULL UNIQUE CHECK (length(hook_hash) = 32),
    app_version bigint   NOT NULL,
    fetched     integer  NOT NULL
);

CREATE TABLE token_use (
    token_id          text COLLATE "C" PRIMARY KEY,
    identity          text COLLATE "C",
    returns           bigint NOT NULL DEFAULT 0,
    returned_at_ms    bigint NOT NULL DEFAULT 0,
    takeovers         bigint NOT NULL DEFAULT 0,
    taken_over_at_ms  bigint NOT NULL DEFAULT 0,
    forgiven_until_ms bigint NOT NULL DEFAULT 0
);

CREATE TABLE token_identity (
    token_id   text COLLATE "C" NOT NULL,
    identity   text COLLATE "C" NOT NULL,
    seen_at_ms bigint NOT NULL,
    PRIMARY KEY (token_id, identity)
);

CREATE INDEX token_identity_by_time ON token_identity (token_id, seen_at_ms);

-- ---- Webhooks ----

CREATE TABLE webhook (
    seq                 bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id                  text COLLATE "C" NOT NULL UNIQUE,
    removed             smallint NOT NULL DEFAULT 0,
    url                 text,
    types               bigint   NOT NULL DEFAULT 0,
    device_group        text,
    device_id           text,
    form                smallint NOT NULL DEFAULT 0,
    external_id         text COLLATE "C",
    with_text           smallint NOT NULL DEFAULT 0,
    description         text,
    enabled             smallint NOT NULL DEFAULT 0,
    disabled_reason     text,
    secret              text,
    old_secret          text,
    old_secret_until_ms bigint   NOT NULL DEFAULT 0,
    created_at_ms       bigint   NOT NULL,
    updated_at_ms       bigint   NOT NULL,
    changed             bigint   NOT NULL,
    rewound             bigint   NOT NULL DEFAULT 0,
    cursor              bigint   NOT NULL,
    failures            bigint   NOT NULL DEFAULT 0,
    failing_since_ms    bigint   NOT NULL DEFAULT 0,
    next_try_ms         bigint   NOT NULL DEFAULT 0,
    last_try_at_ms      bigint   NOT NULL DEFAULT 0,
    last_success_at_ms  bigint   NOT NULL DEFAULT 0,
    last_status         integer  NOT NULL DEFAULT 0,
    last_error          text
);

CREATE TABLE last_webhook_change (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    number   bigint  NOT NULL
);
INSERT INTO last_webhook_change VALUES (1, 0);

CREATE TABLE webhook_delivery (
    webhook_seq    bigint   NOT NULL,
    event_id       bigint   NOT NULL,
    event_type     smallint NOT NULL,
    event_at_ms    bigint   NOT NULL,
    message_id     bytea,
    state          smallint NOT NULL CHECK (state BETWEEN 0 AND 2),
    tries          integer  NOT NULL,
    was_hurried    smallint NOT NULL DEFAULT 0 CHECK (was_hurried IN (0, 1)),
    created_at_ms  bigint   NOT NULL,
    next_try_ms    bigint   NOT NULL,
    last_try_at_ms bigint   NOT NULL,
    last_status    integer  NOT NULL,
    last_error     text,
    requested      bigint   NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook_seq, event_id)
);

CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_seq, next_try_ms) WHERE state = 0;
CREATE INDEX webhook_delivery_given_up ON webhook_delivery (webhook_seq, event_id) WHERE state = 2;
CREATE INDEX webhook_delivery_finished ON webhook_delivery (last_try_at_ms) WHERE state <> 0;

-- ---- Limits ----

CREATE TABLE accepted (
    kind   smallint NOT NULL CHECK (kind BETWEEN 0 AND 3),
    period bigint   NOT NULL,
    name   text COLLATE "C" NOT NULL,
    count  bigint   NOT NULL CHECK (count >= 0),
    PRIMARY KEY (kind, period, name)
) WITH (fillfactor = 50);

CREATE TABLE device_use (
    device_id     text COLLATE "C" PRIMARY KEY,
    day           bigint NOT NULL,
    in_day        bigint NOT NULL CHECK (in_day >= 0),
    window_ms     bigint NOT NULL,
    slot          bigint NOT NULL,
    spent         bytea  NOT NULL CHECK (length(spent) = 64),
    not_before_ms bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE sending (
    only_row        integer PRIMARY KEY CHECK (only_row = 1),
    paused_since_ms bigint  NOT NULL,
    reason          text
);
INSERT INTO sending VALUES (1, 0, NULL);

-- ---- Requests with an idempotency key ----

CREATE TABLE idempotency (
    id            bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    key_id        text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL CHECK (key <> ''),
    hash          bytea    NOT NULL CHECK (length(hash) = 32),
    created_at_ms bigint   NOT NULL,
    status        integer  NOT NULL,
    location      text,
    answer        bytea    NOT NULL
);

CREATE UNIQUE INDEX idempotency_by_key ON idempotency (key, key_id);
