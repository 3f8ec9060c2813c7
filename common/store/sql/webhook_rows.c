/* Webhooks and their deliveries, for the verbs. */
#include "common/store/sql/backend.h"
#include "common/store/sql/rows.h"

static struct statement *get(struct store_database *database, enum statement_id id)
{
    return statement_get(&database->handle, id);
}

static struct statement *get_for(struct store_database *database, enum statement_id id,
                                 const char *webhook_id)
{
    struct statement *statement = get(database, id);
    statement_bind_text(statement, FIELD_ID, webhook_id);
    return statement;
}

static enum error run(struct store_database *database, struct statement *statement)
{
    return statement_run(&database->handle, statement);
}

/* ---- Webhooks ---- */

static enum error count(struct store_database *database, size_t *result)
{
    int64_t number = 0;
    enum error error = statement_read_integer(&database->handle, get(database, COUNT_WEBHOOKS),
                                              &number);
    *result = (size_t)number;
    return error;
}

static void bind_progress(struct statement *statement, const struct webhook *webhook)
{
    const struct webhook_health *health = &webhook->health;
    statement_bind_integer(statement, FIELD_CURSOR, webhook->cursor);
    statement_bind_integer(statement, FIELD_FAILURES, health->failures);
    statement_bind_integer(statement, FIELD_FAILING_SINCE_MS, health->failing_since_ms);
    statement_bind_integer(statement, FIELD_NEXT_TRY_MS, health->next_try_ms);
    statement_bind_integer(statement, FIELD_LAST_TRY_AT_MS, health->last_try_at_ms);
    statement_bind_integer(statement, FIELD_LAST_SUCCESS_AT_MS, health->last_success_at_ms);
    statement_bind_integer(statement, FIELD_LAST_STATUS, health->last_status);
    statement_bind_text(statement, FIELD_LAST_ERROR, health->last_error);
}

static enum error save(struct store_database *database, const struct webhook *webhook)
{
    struct statement *update = get_for(database, SAVE_WEBHOOK, webhook->id);
    statement_bind_text(update, FIELD_URL, webhook->url);
    statement_bind_integer(update, FIELD_TYPES, webhook->types);
    statement_bind_text(update, FIELD_DEVICE_GROUP, webhook->device_group);
    statement_bind_text(update, FIELD_DEVICE_ID, webhook->device_id);
    statement_bind_integer(update, FIELD_WITH_TEXT, webhook->with_text);
    statement_bind_text(update, FIELD_DESCRIPTION, webhook->description);
    statement_bind_integer(update, FIELD_ENABLED, webhook->enabled);
    statement_bind_text(update, FIELD_DISABLED_REASON, webhook->disabled_reason);
    statement_bind_text(update, FIELD_SECRET, webhook->secret);
    statement_bind_text(update, FIELD_OLD_SECRET, webhook->old_secret);
    statement_bind_integer(update, FIELD_OLD_SECRET_UNTIL_MS, webhook->old_secret_until_ms);
    statement_bind_integer(update, FIELD_UPDATED_AT_MS, webhook->updated_at_ms);
    statement_bind_integer(update, FIELD_CHANGED, webhook->changed);
    statement_bind_integer(update, FIELD_REWOUND, webhook->rewound);
    bind_progress(update, webhook);
    return run(database, update);
}

static enum error insert(struct store_database *database, const struct webhook *webhook)
{
    struct statement *insert = get_for(database, INSERT_WEBHOOK, webhook->id);
    statement_bind_integer(insert, FIELD_CREATED_AT_MS, webhook->created_at_ms);
    statement_bind_integer(insert, FIELD_UPDATED_AT_MS, webhook->updated_at_ms);
    statement_bind_integer(insert, FIELD_CHANGED, webhook->changed);
    statement_bind_integer(insert, FIELD_CURSOR, webhook->cursor);
    statement_bind_integer(insert, FIELD_FORM, webhook->form);
    statement_bind_text(insert, FIELD_EXTERNAL_ID, webhook->external_id);
    enum error error = run(database, insert);
    return error == ERROR_NONE ? save(database, webhook) : error;
}

void sql_read_webhook(const struct statement *row, struct webhook *webhook)
{
    *webhook = (struct webhook){
        .form = (enum webhook_form)statement_integer(row, FIELD_FORM),
        .types = (uint32_t)statement_integer(row, FIELD_TYPES),
        .with_text = statement_integer(row, FIELD_WITH_TEXT),
        .enabled = statement_integer(row, FIELD_ENABLED),
        .old_secret_until_ms = statement_integer(row, FIELD_OLD_SECRET_UNTIL_MS),
        .created_at_ms = statement_integer(row, FIELD_CREATED_AT_MS),
        .updated_at_ms = statement_integer(row, FIELD_UPDATED_AT_MS),
        .changed = statement_integer(row, FIELD_CHANGED),
        .rewound = statement_integer(row, FIELD_REWOUND),
        .cursor = statement_integer(row, FIELD_CURSOR),
        .health = {.failures = statement_integer(row, FIELD_FAILURES),
                   .failing_since_ms = statement_integer(row, FIELD_FAILING_SINCE_MS),
                   .next_try_ms = statement_integer(row, FIELD_NEXT_TRY_MS),
                   .last_try_at_ms = statement_integer(row, FIELD_LAST_TRY_AT_MS),
                   .last_success_at_ms = statement_integer(row, FIELD_LAST_SUCCESS_AT_MS),
                   .last_status = (int)statement_integer(row, FIELD_LAST_STATUS)},
    };
    statement_text(row, FIELD_ID, webhook->id, sizeof(webhook->id));
    statement_text(row, FIELD_URL, webhook->url, sizeof(webhook->url));
    statement_text(row, FIELD_DEVICE_GROUP, webhook->device_group, sizeof(webhook->device_group));
    statement_text(row, FIELD_DEVICE_ID, webhook->device_id, sizeof(webhook->device_id));
    statement_text(row, FIELD_EXTERNAL_ID, webhook->external_id, sizeof(webhook->external_id));
    statement_text(row, FIELD_DESCRIPTION, webhook->description, sizeof(webhook->description));
    statement_text(row, FIELD_DISABLED_REASON, webhook->disabled_reason,
                   sizeof(webhook->disabled_reason));
    statement_text(row, FIELD_SECRET, webhook->secret, sizeof(webhook->secret));
    statement_text(row, FIELD_OLD_SECRET, webhook->old_secret, sizeof(webhook->old_secret));
    statement_text(row, FIELD_LAST_ERROR, webhook->health.last_error,
                   sizeof(webhook->health.last_error));
}

static enum error read_one(struct store_database *database, struct statement *select,
                           struct webhook *webhook, bool *found)
{
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        sql_read_webhook(select, webhook);
    statement_reset(select);
    return error;
}

static enum error find(struct store_database *database, const char *id, struct webhook *webhook,
                       bool *found)
{
    return read_one(database, get_for(database, FIND_WEBHOOK_ROW, id), webhook, found);
}

static enum error find_external(struct store_database *database, const char *external_id,
                                struct webhook *webhook, bool *found)
{
    struct statement *select = get(database, FIND_EXTERNAL_WEBHOOK);
    statement_bind_text(select, FIELD_EXTERNAL_ID, external_id);
    return read_one(database, select, webhook, found);
}

static enum error save_progress(struct store_database *database, const struct webhook *webhook)
{
    struct statement *update = get_for(database, SAVE_WEBHOOK_PROGRESS, webhook->id);
    bind_progress(update, webhook);
    return run(database, update);
}

static enum error remove_webhook(struct store_database *database, const char *id)
{
    return run(database, get_for(database, REMOVE_WEBHOOK, id));
}

static enum error next_change(struct store_database *database, int64_t *number)
{
    bool row;
    struct statement *update = get(database, NEXT_WEBHOOK_CHANGE);
    enum error error = statement_step(&database->handle, update, &row);
    if (error != ERROR_NONE || !row)
        return error != ERROR_NONE ? error : ERROR_INTERNAL;
    *number = statement_integer(update, FIELD_NUMBER);
    return run(database, update); /* until its end */
}

/* ---- Deliveries ---- */

void sql_read_delivery(const struct statement *row, struct webhook_delivery *delivery)
{
    *delivery = (struct webhook_delivery){
        .event_id = statement_integer(row, FIELD_EVENT_ID),
        .event_type = (unsigned)statement_integer(row, FIELD_EVENT_TYPE),
        .event_at_ms = statement_integer(row, FIELD_EVENT_AT_MS),
        .state = (enum webhook_delivery_state)statement_integer(row, FIELD_STATE),
        .tries = (unsigned)statement_integer(row, FIELD_TRIES),
        .was_hurried = statement_integer(row, FIELD_WAS_HURRIED) != 0,
        .created_at_ms = statement_integer(row, FIELD_CREATED_AT_MS),
        .next_try_ms = statement_integer(row, FIELD_NEXT_TRY_MS),
        .last_try_at_ms = statement_integer(row, FIELD_LAST_TRY_AT_MS),
        .last_status = (int)statement_integer(row, FIELD_LAST_STATUS),
        .requested = statement_integer(row, FIELD_REQUESTED),
    };
    statement_id(row, FIELD_MESSAGE_ID, &delivery->message_id);
    statement_text(row, FIELD_LAST_ERROR, delivery->last_error, sizeof(delivery->last_error));
}

static enum error find_event(struct store_database *database, int64_t from_id,
                             struct webhook_delivery *delivery, bool *found)
{
    struct statement *select = get(database, FIND_EVENT_FROM);
    statement_bind_integer(select, FIELD_EVENT_ID, from_id);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found) {
        *delivery = (struct webhook_delivery){
            .event_id = statement_integer(select, FIELD_EVENT_ID),
            .event_type = (unsigned)statement_integer(select, FIELD_EVENT_TYPE),
            .event_at_ms = statement_integer(select, FIELD_EVENT_AT_MS),
        };
        statement_id(select, FIELD_MESSAGE_ID, &delivery->message_id);
    }
    statement_reset(select);
    return error;
}

static enum error find_event_subject(struct store_database *database, int64_t event_id,
                                     char subject[STORE_EVENT_SUBJECT_SIZE])
{
    bool found;
    struct statement *select = get(database, FIND_EVENT_SUBJECT);
    statement_bind_integer(select, FIELD_EVENT_ID, event_id);
    enum error error = statement_step(&database->handle, select, &found);
    subject[0] = '\0';
    if (error == ERROR_NONE && found)
        statement_text(select, FIELD_SUBJECT, subject, STORE_EVENT_SUBJECT_SIZE);
    statement_reset(select);
    return error;
}

static enum error remove_waiting(struct store_database *database, const char *webhook_id,
                                 int64_t after)
{
    _Static_assert((int)EVENT_WEBHOOK_TEST == 18, "as in statements.def");
    struct statement *delete = get_for(database, DELETE_WAITING_DELIVERIES, webhook_id);
    statement_bind_integer(delete, FIELD_AFTER, after);
    return run(database, delete);
}

static enum error find_delivery(struct store_database *database, const char *webhook_id,
                                int64_t event_id, struct webhook_delivery *delivery, bool *found)
{
    struct statement *select = get_for(database, FIND_DELIVERY, webhook_id);
    statement_bind_integer(select, FIELD_EVENT_ID, event_id);
    enum error error = statement_step(&database->handle, select, found);
    if (error == ERROR_NONE && *found)
        sql_read_delivery(select, delivery);
    statement_reset(select);
    return error;
}

static enum error save_delivery(struct store_database *database, const char *webhook_id,
                                const struct webhook_delivery *delivery)
{
    struct statement *upsert = get_for(database, SAVE_DELIVERY, webhook_id);
    statement_bind_integer(upsert, FIELD_EVENT_ID, delivery->event_id);
    statement_bind_integer(upsert, FIELD_EVENT_TYPE, delivery->event_type);
    statement_bind_integer(upsert, FIELD_EVENT_AT_MS, delivery->event_at_ms);
    statement_bind_id_if_any(upsert, FIELD_MESSAGE_ID, &delivery->message_id);
    statement_bind_integer(upsert, FIELD_STATE, delivery->state);
    statement_bind_integer(upsert, FIELD_TRIES, delivery->tries);
    statement_bind_integer(upsert, FIELD_WAS_HURRIED, delivery->was_hurried);
    statement_bind_integer(upsert, FIELD_CREATED_AT_MS, delivery->created_at_ms);
    statement_bind_integer(upsert, FIELD_NEXT_TRY_MS, delivery->next_try_ms);
    statement_bind_integer(upsert, FIELD_LAST_TRY_AT_MS, delivery->last_try_at_ms);
    statement_bind_integer(upsert, FIELD_LAST_STATUS, delivery->last_status);
    statement_bind_text(upsert, FIELD_LAST_ERROR, delivery->last_error);
    statement_bind_integer(upsert, FIELD_REQUESTED, delivery->requested);
    return run(database, upsert);
}

static enum error hurry_deliveries(struct store_database *database, const char *webhook_id,
                                   int64_t now_ms)
{
    struct statement *update = get_for(database, HURRY_DELIVERIES, webhook_id);
    statement_bind_integer(update, FIELD_NOW_MS, now_ms);
    return run(database, update);
}

/* The rows of one removed webhook; with the last of them, the webhook. */
static enum error remove_removed(struct store_database *database, int64_t limit, int64_t *removed)
{
    int64_t seq = 0;
    enum error error = statement_read_integer(&database->handle,
                                              get(database, FIND_REMOVED_WEBHOOK), &seq);
    if (error != ERROR_NONE || seq == 0)
        return error;
    struct statement *delete = get(database, DELETE_DELIVERIES_OF);
    statement_bind_integer(delete, FIELD_SEQ, seq);
    statement_bind_integer(delete, FIELD_LIMIT, limit);
    error = run(database, delete);
    *removed = error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    if (error != ERROR_NONE || *removed == limit)
        return error;
    delete = get(database, DELETE_WEBHOOK);
    statement_bind_integer(delete, FIELD_SEQ, seq);
    return run(database, delete);
}

static enum error remove_deliveries(struct store_database *database, int64_t before_ms,
                                    int64_t limit, int64_t *removed)
{
    *removed = 0;
    enum error error = remove_removed(database, limit, removed);
    if (error != ERROR_NONE || *removed == limit)
        return error;
    struct statement *delete = get(database, DELETE_OLD_DELIVERIES);
    statement_bind_integer(delete, FIELD_BEFORE_MS, before_ms);
    statement_bind_integer(delete, FIELD_LIMIT, limit - *removed);
    error = run(database, delete);
    *removed += error == ERROR_NONE ? statement_changes(&database->handle) : 0;
    return error;
}

const struct webhook_rows sql_webhook_rows = {
    .count = count,
    .insert = insert,
    .find = find,
    .find_external = find_external,
    .save = save,
    .save_progress = save_progress,
    .remove = remove_webhook,
    .next_change = next_change,
    .find_newest_event = event_rows_last_id,
    .find_event = find_event,
    .find_event_subject = find_event_subject,
    .remove_waiting = remove_waiting,
    .find_delivery = find_delivery,
    .save_delivery = save_delivery,
    .hurry_deliveries = hurry_deliveries,
    .remove_deliveries = remove_deliveries,
};
