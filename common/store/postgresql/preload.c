#include "common/store/postgresql/preload.h"

#include "common/base/grow_list.h"
#include "common/model/token_use.h"
#include "common/store/postgresql/value.h"
#include "common/store/sql/message_rows.h"

#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 86400000, MINUTE_MS = 60000, MOST_HELD = 1024 };

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static void want(struct store_database *database, struct statement *select)
{
    if (!database->collects_devices)
        statement_prefetch(&database->handle, select);
}

static void want_plain(struct store_database *database, enum statement_id id)
{
    want(database, get(database, id));
}

static void want_named(struct store_database *database, enum statement_id id, enum field field,
                       const char *name)
{
    struct statement *select = get(database, id);
    statement_bind_text(select, field, name);
    want(database, select);
}

/* One select for all devices that it is wanted of. They come before the messages: all writers lock in that order. */
static const struct {
    enum statement_id each, all;
} of_devices[WANTED_KINDS] = {
    {FIND_CONNECTION, FIND_CONNECTIONS},
    {FIND_CLAIMANT, FIND_CLAIMANTS},
    {FIND_DEVICE_USE, FIND_DEVICE_USES},
    {FIND_TRAITS, FIND_SEVERAL_TRAITS},
};

static void want_device(struct store_database *database, enum statement_id each,
                        const char *device_id)
{
    size_t kind = 0;
    while (of_devices[kind].each != each)
        kind++;
    struct wanted_devices *wanted = &database->wanted[kind];
    if (!database->collects_devices)
        return;
    if (wanted->count == wanted->capacity) {
        void *more = grow_list(wanted->ids, &wanted->capacity, sizeof(*wanted->ids));
        if (!more)
            return; /* it is read alone, then */
        wanted->ids = more;
    }
    wanted->ids[wanted->count++] = device_id;
}

static void read_devices(struct store_database *database)
{
    for (size_t kind = 0; kind < WANTED_KINDS; kind++) {
        struct wanted_devices *wanted = &database->wanted[kind];
        if (wanted->count == 1)
            want_named(database, of_devices[kind].each, FIELD_DEVICE_ID, wanted->ids[0]);
        else if (wanted->count > 1)
            statement_prefetch_names(&database->handle, of_devices[kind].each, of_devices[kind].all,
                                     FIELD_DEVICE_ID, wanted->ids, wanted->count);
        wanted->count = 0;
    }
}

static void want_at(struct store_database *database, enum statement_id id)
{
    struct statement *select = get(database, id);
    statement_bind_integer(select, FIELD_NOW_MS, database->transaction.now_ms);
    want(database, select);
}

/* ---- New messages ---- */

static void want_accepted(struct store_database *database, enum accepted_kind kind,
                          const char *name)
{
    struct statement *select = get(database, FIND_ACCEPTED);
    statement_bind_integer(select, FIELD_KIND, kind);
    statement_bind_integer(select, FIELD_PERIOD, database->transaction.now_ms / DAY_MS);
    statement_bind_text(select, FIELD_NAME, name);
    want(database, select);
}

static void want_burst(struct store_database *database)
{
    int64_t minute = database->transaction.now_ms / MINUTE_MS;
    struct statement *select = get(database, SUM_ACCEPTED);
    statement_bind_integer(select, FIELD_KIND, ACCEPTED_IN_MINUTE);
    statement_bind_integer(select, FIELD_FIRST, minute - STORE_BURST_MINUTES);
    statement_bind_integer(select, FIELD_END, minute + STORE_BURST_MINUTES);
    want(database, select);
}

static void want_admission(struct store_database *database, const char *key_id,
                           int64_t key_daily_messages)
{
    const struct store_limits *limits = &database->options->limits;
    if (database->open_admission.assumed)
        return;
    want_plain(database, FIND_SENDING);
    if (limits->keeps_opt_outs)
        want_plain(database, ANY_OPT_OUT);
    if (limits->max_queue_age_ms > 0)
        want_at(database, FIND_QUEUED_SINCE);
    if (limits->daily_messages > 0)
        want_accepted(database, ACCEPTED_DAILY, "");
    if (limits->pause_after_messages > 0)
        want_burst(database);
    if (key_daily_messages != 0 && *key_id)
        want_accepted(database, ACCEPTED_BY_KEY, key_id);
}

static void want_answer(struct store_database *database,
                        const struct store_idempotency *idempotency)
{
    if (!idempotency)
        return;
    struct statement *select = get(database, FIND_IDEMPOTENCY);
    statement_bind_text(select, FIELD_KEY_ID, idempotency->key_id);
    statement_bind_text(select, FIELD_KEY, idempotency->key);
    want(database, select);
}

static void want_opt_outs(struct store_database *database, const struct message messages[],
                          size_t count)
{
    for (size_t i = 0; i < count && database->open_admission.had_opt_outs; i++)
        want_named(database, FIND_OPT_OUT_ROW, FIELD_PHONE_NUMBER, messages[i].phone_number);
}

/* ---- Devices ---- */

static bool counts_use(const struct store_database *database)
{
    const struct store_limits *limits = &database->options->limits;
    return limits->device_daily_segments > 0 || limits->device_window_ms > 0;
}

static void want_connection(struct store_database *database, const char *device_id)
{
    want_device(database, FIND_CONNECTION, device_id);
}

static void want_use(struct store_database *database, const char *device_id)
{
    want_device(database, FIND_DEVICE_USE, device_id);
    if (counts_use(database))
        want_device(database, FIND_TRAITS, device_id);
}

static void want_reading(struct store_database *database, const char *device_id,
                         const struct device_info *info)
{
    if (info->battery_level < 0 && !info->has_signal_strength)
        return;
    struct statement *select = get(database, FIND_READING);
    statement_bind_text(select, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(select, FIELD_SLOT,
                           database->transaction.now_ms / STORE_READING_EVERY_MS);
    want(database, select);
}

static void want_connect(struct store_database *database,
                         const struct store_connect_device *connect)
{
    const char *device_id = connect->holder.device_id;
    if (*connect->token_id) {
        want_named(database, FIND_ACTIVE_TOKEN, FIELD_DEVICE_ID, device_id);
        want_named(database, FIND_TOKEN_USE, FIELD_ID, connect->token_id);
    }
    want_connection(database, device_id);
    want_device(database, FIND_TRAITS, device_id);
    struct statement *held = get(database, LIST_HELD);
    statement_bind_text(held, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(held, FIELD_LIMIT, MOST_HELD);
    want(database, held);
    if (connect->polled)
        want_named(database, FIND_POLLED, FIELD_DEVICE_ID, device_id);
    else
        want_reading(database, device_id, &connect->info);
    if (counts_use(database))
        want_device(database, FIND_DEVICE_USE, device_id);
}

static void want_poll(struct store_database *database, const struct store_poll_messages *poll)
{
    const char *device_id = poll->holder.device_id;
    want_named(database, FIND_ACTIVE_TOKEN, FIELD_DEVICE_ID, device_id);
    want_named(database, FIND_POLLED, FIELD_DEVICE_ID, device_id);
    want_plain(database, FIND_SENDING);
    struct statement *held = get(database, LIST_HELD);
    statement_bind_text(held, FIELD_DEVICE_ID, device_id);
    statement_bind_integer(held, FIELD_LIMIT, MOST_HELD);
    want(database, held);
}

static void want_lease(struct store_database *database, const struct store_lease_broker *lease)
{
    if (lease->lease_ms == 0)
        return;
    want_named(database, FIND_BROKER, FIELD_NAME, lease->name);
    want_named(database, FIND_LEASE, FIELD_NAME, "housekeeping");
}

/* ---- Claims ---- */

static void want_waited(struct store_database *database, bool is_clock_trusted)
{
    int64_t now_ms = database->transaction.now_ms;
    struct statement *late = get(database, LIST_RETRIED_TOO_LATE);
    statement_bind_integer(late, FIELD_LATEST_MS, now_ms + STORE_MAX_BACKOFF_MS);
    statement_bind_integer(late, FIELD_LIMIT, STORE_MAX_CLAIM);
    want(database, late);
    struct statement *waited = get(database, is_clock_trusted ? LIST_WAITED : LIST_RETRIED);
    statement_bind_integer(waited, FIELD_NOW_MS, now_ms);
    statement_bind_integer(waited, FIELD_LIMIT, STORE_MAX_CLAIM);
    want(database, waited);
}

static void want_due(struct store_database *database, bool is_clock_trusted, size_t slot_count)
{
    bool with_last = database->options->limits.same_device_ms > 0;
    struct statement *due = get(database, !is_clock_trusted ? LIST_DUE_UNEXPIRED
                                          : with_last       ? LIST_DUE_AND_LAST
                                                            : LIST_DUE);
    if (is_clock_trusted) {
        statement_bind_integer(due, FIELD_FIRST, database->claim_mark.seq);
    } else {
        statement_bind_integer(due, FIELD_MOST, ROWS_MOST_EXPIRED);
        statement_bind_integer(due, FIELD_NOW_MS, database->transaction.now_ms);
    }
    statement_bind_integer(due, FIELD_LIMIT, (int64_t)slot_count);
    want(database, due);
}

static void want_claim(struct store_database *database, const struct store_claim *claim)
{
    bool is_clock_trusted = transaction_trusts(&database->transaction, claim->trusted_wall_ms);
    want_plain(database, FIND_SENDING);
    want_waited(database, is_clock_trusted);
    for (size_t i = 0; i < claim->slot_count; i++) {
        const char *device_id = claim->slots[i].device_id;
        if (i > 0 && strcmp(device_id, claim->slots[i - 1].device_id) == 0)
            continue;
        want_device(database, FIND_CLAIMANT, device_id);
        if (counts_use(database))
            want_device(database, FIND_DEVICE_USE, device_id);
    }
    want_plain(database, FIND_LANE);
    want_due(database, is_clock_trusted, claim->slot_count);
}

/* ---- Messages by their ids ---- */

/* The write's message number `index`; NULL: it has no more. */
static const struct message_id *message_of(const struct store_write *write, size_t index)
{
    if (write->verb == STORE_REPORT_POLLED && index < write->report_polled.count)
        return &write->report_polled.reports[index].ref.id;
    if (index > 0)
        return NULL;
    switch (write->verb) {
    case STORE_CANCEL:
        return &write->cancel.id;
    case STORE_RELEASE:
        return &write->release.ref.id;
    case STORE_RETURN_TO_QUEUE:
        return &write->return_to_queue.ref.id;
    case STORE_REPORT:
        return &write->report.ref.id;
    default:
        return NULL;
    }
}

static enum error read_rows(struct store_database *database, struct statement *select)
{
    struct message_row row;
    bool found;
    enum error error = statement_step(&database->handle, select, &found);
    for (; error == ERROR_NONE && found;
         error = statement_step(&database->handle, select, &found)) {
        message_rows_read(select, &row);
        message_cache_put(&database->messages, &row);
    }
    statement_reset(select);
    return error;
}

static void add_id(struct buffer *seqs, struct buffer *ids, const struct message_id *id)
{
    int64_t seq = message_id_seq(id);
    array_add_integer(seqs, TYPE_INT8, seq);
    array_add_integer(seqs, TYPE_INT8, MIN(seq, INT64_MAX - 1) + 1);
    array_add_bytes(ids, id->bytes, MESSAGE_ID_BYTES);
}

/* All in one select, which is also what waits for the answers of the others. */
static enum error load_messages(struct store_database *database, struct store_write *const writes[],
                                size_t count, size_t message_count)
{
    struct buffer *seqs = &database->arrays[0], *ids = &database->arrays[1];
    array_begin(seqs, TYPE_INT8, 2 * message_count);
    array_begin(ids, TYPE_BYTEA, message_count);
    for (size_t i = 0; i < count; i++) {
        const struct message_id *id;
        for (size_t index = 0; (id = message_of(writes[i], index)); index++)
            add_id(seqs, ids, id);
    }
    if (seqs->failed || ids->failed)
        return ERROR_INTERNAL;
    struct statement *select = get(database, FIND_ROWS);
    statement_bind_blob(select, FIELD_SEQ, seqs->data, (int)seqs->length);
    statement_bind_blob(select, FIELD_ID, ids->data, (int)ids->length);
    return read_rows(database, select);
}

/* ---- A batch ---- */

static void want_for(struct store_database *database, const struct store_write *write)
{
    switch (write->verb) {
    case STORE_ENQUEUE:
        want_answer(database, write->enqueue.idempotency);
        want_admission(database, write->enqueue.key_id, write->enqueue.key_daily_messages);
        want_opt_outs(database, write->enqueue.message, 1);
        break;
    case STORE_ENQUEUE_BATCH:
        want_answer(database, write->enqueue_batch.idempotency);
        want_admission(database, write->enqueue_batch.key_id,
                       write->enqueue_batch.key_daily_messages);
        want_opt_outs(database, write->enqueue_batch.messages, write->enqueue_batch.count);
        if (*write->enqueue_batch.external_id)
            want_named(database, FIND_EXTERNAL, FIELD_EXTERNAL_ID,
                       write->enqueue_batch.external_id);
        break;
    case STORE_CLAIM:
        want_claim(database, &write->claim);
        break;
    case STORE_RELEASE:
        want_connection(database, write->release.holder.device_id);
        break;
    case STORE_RETURN_TO_QUEUE:
        want_use(database, write->return_to_queue.device_id);
        break;
    case STORE_REPORT:
        if (write->report.status == MESSAGE_FAILED || write->report.status == MESSAGE_CANCELLED)
            want_use(database, write->report.holder.device_id);
        break;
    case STORE_POLL_MESSAGES:
        want_poll(database, &write->poll_messages);
        break;
    case STORE_NOTE_POLLED:
        want_named(database, FIND_POLLED, FIELD_DEVICE_ID, write->note_polled.device_id);
        break;
    case STORE_DEVICE_CONNECT:
        want_connect(database, &write->connect);
        break;
    case STORE_DEVICE_UPDATE:
        want_connection(database, write->update.device_id);
        want_reading(database, write->update.device_id, &write->update.info);
        break;
    case STORE_DEVICE_DISCONNECT:
        want_connection(database, write->disconnect.device_id);
        break;
    case STORE_NOTE_WAITS:
        for (size_t i = 0; i < write->note_waits.count; i++)
            want_connection(database, write->note_waits.waits[i].device_id);
        break;
    case STORE_BROKER_LEASE:
        want_lease(database, &write->lease);
        break;
    default:
        break;
    }
}

enum error preload(struct store_database *database, struct store_write *const writes[],
                   size_t count)
{
    size_t message_count = 0;
    database->collects_devices = true;
    for (size_t i = 0; i < count; i++)
        want_for(database, writes[i]);
    database->collects_devices = false;
    read_devices(database);
    for (size_t i = 0; i < count; i++) {
        want_for(database, writes[i]);
        for (size_t index = 0; message_of(writes[i], index); index++)
            message_count++;
    }
    if (message_count > 0)
        return load_messages(database, writes, count, message_count);
    return database->handle.prefetch.count > 0 ? handle_settle(&database->handle) : ERROR_NONE;
}
