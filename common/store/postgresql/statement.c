#include "common/store/postgresql/statement.h"

#include "common/base/clock.h"
#include "common/base/grow_list.h"
#include "common/base/log.h"
#include "common/store/postgresql/server_clock.h"
#include "common/store/postgresql/statement_plan.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 16 };

/* ---- Errors ---- */

static bool is_class(const char *code, const char *class)
{
    return strncmp(code, class, strlen(class)) == 0;
}

/* Of the server as an operator has left it: a right that the role has lost, tables that are elsewhere, a schema that is gone. */
static bool is_out_of_order(const char *code)
{
    return is_class(code, "42501") || is_class(code, "42P01") || is_class(code, "3F");
}

static enum error error_of(const char *code)
{
    if (is_class(code, "57014") || is_class(code, "55P03"))
        return ERROR_STORE_BUSY; /* a time limit */
    if (is_class(code, "53100"))
        return ERROR_DISK_FULL;
    if (is_class(code, "08") || is_class(code, "25") || is_class(code, "53") ||
        is_class(code, "57") || is_class(code, "58") || is_class(code, "XX") ||
        is_out_of_order(code))
        return ERROR_STORE_UNAVAILABLE;
    return ERROR_INTERNAL;
}

static bool is_conflict(const char *code)
{
    return is_class(code, "40") || is_class(code, "55P03");
}

static bool may_succeed_later(const char *code)
{
    return is_conflict(code) || is_class(code, "22") || is_class(code, "23");
}

static void fail(struct handle *handle, enum error error, bool may_succeed)
{
    if (handle->failure.error == ERROR_NONE) {
        handle->failure.error = error;
        handle->failure.may_succeed = may_succeed;
    }
}

enum error handle_fail(struct handle *handle)
{
    fail(handle, ERROR_INTERNAL, true);
    return handle->failure.error;
}

static void fail_by(struct handle *handle, enum statement_id id, const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!code)
        code = "";
    if (handle->is_retried && may_succeed_later(code))
        log_debug("the database refused, and is asked again", LOG_TEXT("doing", statement_name(id)),
                  LOG_TEXT("code", code), LOG_TEXT("error", text ? text : ""));
    else
        log_error("the database refused", LOG_TEXT("doing", statement_name(id)),
                  LOG_TEXT("code", code), LOG_TEXT("error", text ? text : ""));
    if (handle->failure.error == ERROR_NONE)
        handle->failure.is_passing = is_conflict(code) || id == FENCE_OPEN;
    fail(handle, error_of(code), may_succeed_later(code));
    handle->is_stale |= id == FENCE || is_class(code, "25006");
}

static enum error lose(struct handle *handle)
{
    connection_close(&handle->connection);
    handle_forget(handle);
    fail(handle, ERROR_DATABASE_UNREACHABLE, true);
    handle->failure.is_passing = true;
    return handle->failure.error;
}

void handle_clear_failure(struct handle *handle)
{
    handle->failure = (struct handle_failure){ERROR_NONE, false, false};
    handle->needs_savepoint = false;
}

static enum statement_id id_of(const struct handle *handle, const struct statement *statement)
{
    return (enum statement_id)(statement - handle->statements);
}

struct statement *statement_get(struct handle *handle, enum statement_id id)
{
    struct statement *statement = &handle->statements[id];
    if (!statement->plan)
        statement->plan = statement_plan_make(id);
    else
        memset(statement->plan->values, 0,
               (size_t)statement->plan->parameter_count * sizeof(struct value));
    statement_reset(statement);
    return statement;
}

void handle_forget(struct handle *handle)
{
    handle->first = handle->count = 0;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        handle->statements[i].prepared = false;
}

void handle_free(struct handle *handle)
{
    connection_close(&handle->connection);
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        struct statement *statement = &handle->statements[i];
        statement_reset(statement);
        statement_plan_free(statement->plan);
        statement->plan = NULL;
    }
    prefetch_fini(&handle->prefetch);
    buffer_fini(&handle->key);
    buffer_fini(&handle->names);
    free(handle->queue);
    handle->queue = NULL;
    handle->capacity = 0;
    handle_forget(handle);
}

/* ---- Answers ---- */

static bool expect(struct handle *handle, struct unanswered command)
{
    if (handle->first > 0 && handle->first + handle->count == handle->capacity) {
        memmove(handle->queue, handle->queue + handle->first, handle->count * sizeof(command));
        handle->first = 0;
    }
    if (handle->count == handle->capacity) {
        void *more = grow_list(handle->queue, &handle->capacity, sizeof(command));
        if (!more)
            return false;
        handle->queue = more;
    }
    handle->queue[handle->first + handle->count++] = command;
    return true;
}

static void take_description(struct handle *handle, enum statement_id id, const PGresult *result)
{
    struct statement_plan *plan = handle->statements[id].plan;
    assert(PQnparams(result) == plan->parameter_count);
    for (int i = 0; i < plan->parameter_count; i++)
        plan->types[i] = PQparamtype(result, i);
    statement_plan_map_columns(plan, result);
    plan->has_types = true;
}

/* The only parameter of the entry's statement, as make_key wrote it. */
static const char *name_of_entry(const struct prefetch_entry *entry, size_t *length)
{
    enum { NAME_AT = sizeof(enum value_kind) + sizeof(int) };
    *length = entry->key_length - NAME_AT;
    return entry->key + NAME_AT;
}

static bool has_name(const struct prefetch_entry *entry, const char *name, size_t length)
{
    size_t own_length;
    const char *own = name_of_entry(entry, &own_length);
    return own_length == length && memcmp(own, name, length) == 0;
}

/* Each name's row; a name without one has none. */
static void share_result(struct handle *handle, const struct unanswered *command, PGresult *result)
{
    struct prefetch_entry *entries = &handle->prefetch.entries[command->entry - 1];
    int name = PQnfields(result) - 1;
    for (size_t i = 0; i < command->names; i++) {
        entries[i].result = result;
        entries[i].is_shared = i > 0;
    }
    for (int row = 0; row < PQntuples(result); row++) {
        size_t i = 0;
        while (i < command->names && !has_name(&entries[i], PQgetvalue(result, row, name),
                                               (size_t)PQgetlength(result, row, name)))
            i++;
        if (i < command->names) {
            entries[i].row = row;
            entries[i].row_end = row + 1;
        }
    }
}

static void take_answer(struct handle *handle, const struct unanswered *command, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR)
        fail_by(handle, command->id, result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good && command->kind == ANSWER_PREPARE)
        handle->statements[command->id].prepared = false;
    if (good && command->kind == ANSWER_DESCRIBE)
        take_description(handle, command->id, result);
    if (good && command->kind == ANSWER_RUN && command->id == FENCE)
        server_clock_take(result, handle->fenced_us);
    if (good && command->kind == ANSWER_RUN)
        handle->changes = strtoll(PQcmdTuples(result), NULL, 10);
    if (good && command->names > 0) {
        share_result(handle, command, result);
    } else if (good && command->entry > 0) {
        handle->prefetch.entries[command->entry - 1].result = result;
        handle->prefetch.entries[command->entry - 1].row_end = PQntuples(result);
    } else if (good && command->is_kept) {
        handle->statements[command->id].result = result;
    } else {
        PQclear(result);
    }
}

enum error handle_settle(struct handle *handle)
{
    if (handle->count == 0)
        return handle->failure.error;
    if (!expect(handle, (struct unanswered){.kind = ANSWER_SYNC}) ||
        !connection_sync(&handle->connection))
        return lose(handle);
    while (handle->count > 0) {
        PGresult *result = connection_answer(&handle->connection);
        if (!result)
            return lose(handle);
        struct unanswered command = handle->queue[handle->first++];
        handle->count--;
        take_answer(handle, &command, result);
    }
    handle->first = 0;
    return handle->failure.error;
}

/* ---- Sending ---- */

static void name_of(enum statement_id id, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "s%d", (int)id);
}

/* Its types must be known before the first parameters are sent. */
static enum error prepare(struct handle *handle, enum statement_id id)
{
    struct statement *statement = &handle->statements[id];
    char name[NAME_SIZE];
    name_of(id, name);
    if (!connection_prepare(&handle->connection, name, statement->plan->sql) ||
        !expect(handle, (struct unanswered){.kind = ANSWER_PREPARE, .id = id}))
        return lose(handle);
    statement->prepared = true;
    if (statement->plan->has_types)
        return ERROR_NONE;
    if (!connection_describe(&handle->connection, name) ||
        !expect(handle, (struct unanswered){.kind = ANSWER_DESCRIBE, .id = id}))
        return lose(handle);
    enum error error = handle_settle(handle);
    statement->prepared = statement->plan->has_types;
    return error;
}

/* `entry` and `names` as of struct unanswered. */
static enum error execute(struct handle *handle, enum statement_id id, bool is_kept, size_t entry,
                          size_t names)
{
    struct statement_plan *plan = handle->statements[id].plan;
    char name[NAME_SIZE], room[MAX_PARAMETERS][VALUE_ROOM];
    const char *bytes[MAX_PARAMETERS];
    int lengths[MAX_PARAMETERS];
    for (int i = 0; i < plan->parameter_count; i++) {
        if (!value_write(&plan->values[i], plan->types[i], room[i], &bytes[i], &lengths[i])) {
            log_error("a parameter does not fit", LOG_TEXT("doing", statement_name(id)),
                      LOG_NUMBER("parameter", i + 1));
            return ERROR_INTERNAL;
        }
    }
    struct connection_values values = {plan->parameter_count, bytes, lengths};
    name_of(id, name);
    if (id == FENCE)
        handle->fenced_us = clock_monotonic_us();
    if (!connection_execute(&handle->connection, name, &values) ||
        !expect(handle, (struct unanswered){ANSWER_RUN, id, is_kept, entry, names}))
        return lose(handle);
    return ERROR_NONE;
}

static bool may_change(enum statement_id id)
{
    const char *sql = statement_sql(id);
    return strncmp(sql, "INSERT", 6) == 0 || strncmp(sql, "UPDATE", 6) == 0 ||
           strncmp(sql, "DELETE", 6) == 0 || strncmp(sql, "WITH", 4) == 0;
}

/* ---- Prefetched answers ---- */

static void make_key(struct handle *handle, const struct statement_plan *plan)
{
    struct buffer *key = &handle->key;
    if (key->max_length == 0)
        buffer_init(key, INT32_MAX);
    buffer_clear(key);
    for (int i = 0; i < plan->parameter_count; i++) {
        const struct value *value = &plan->values[i];
        buffer_append(key, &value->kind, sizeof(value->kind));
        if (value->kind == VALUE_BYTES) {
            buffer_append(key, &value->length, sizeof(value->length));
            buffer_append(key, value->bytes, (size_t)value->length);
        } else {
            buffer_append(key, &value->integer, sizeof(value->integer));
            buffer_append(key, &value->real, sizeof(value->real));
        }
    }
}

/* The parameter that names one row of the tables whose rows have such names; -1: none. */
static int find_name(const struct statement_plan *plan, uint64_t *hash)
{
    static const enum field names_of_rows[] = {FIELD_DEVICE_ID, FIELD_NAME, FIELD_KEY,
                                               FIELD_PHONE_NUMBER};
    if ((plan->scope.reads | plan->scope.writes) & prefetch_messages())
        return -1; /* their device may change */
    for (size_t i = 0; i < ARRAY_LENGTH(names_of_rows); i++) {
        int number = plan->parameters[names_of_rows[i]];
        if (number == 0)
            continue;
        const struct value *value = &plan->values[number - 1];
        *hash = prefetch_hash(value->bytes, (size_t)value->length);
        return (int)names_of_rows[i];
    }
    return -1;
}

static void forget_changed(struct handle *handle, const struct statement_plan *plan)
{
    uint64_t hash = 0;
    int name = find_name(plan, &hash);
    if (handle->prefetch.count > 0 && plan->scope.writes != 0)
        prefetch_forget(&handle->prefetch, plan->scope.writes, name, hash);
}

void handle_note_change(struct handle *handle, uint32_t tables)
{
    handle->changed++;
    handle->deferred.tables = prefetch_transitions();
    prefetch_forget(&handle->prefetch, tables, -1, 0);
}

/* Before the statement. */
static enum error send_deferred(struct handle *handle, const struct statement_plan *plan)
{
    struct deferred *deferred = &handle->deferred;
    bool concerns = deferred->tables & (plan->scope.reads | plan->scope.writes);
    return concerns ? deferred->send(deferred->database) : ERROR_NONE;
}

static bool take_prefetched(struct handle *handle, struct statement *statement)
{
    if (handle->prefetch.count == 0 || handle->failure.error != ERROR_NONE)
        return false;
    make_key(handle, statement->plan);
    const struct prefetch_entry *entry = prefetch_find(&handle->prefetch,
                                                       (int)id_of(handle, statement), &handle->key);
    if (!entry || !entry->result)
        return false;
    statement->result = entry->result;
    statement->is_prefetched = true;
    statement->row = entry->row - 1;
    statement->row_end = entry->row_end;
    return true;
}

static enum error send(struct handle *handle, struct statement *statement, bool is_kept)
{
    enum statement_id id = id_of(handle, statement);
    enum error error = handle->failure.error;
    if (!statement->plan)
        return ERROR_INTERNAL;
    if (error == ERROR_NONE && !handle->connection.pg)
        return lose(handle);
    if (error == ERROR_NONE)
        error = send_deferred(handle, statement->plan);
    if (error == ERROR_NONE && !statement->prepared)
        error = prepare(handle, id);
    if (error == ERROR_NONE && may_change(id)) {
        if (handle->needs_savepoint) {
            handle->needs_savepoint = false;
            error = statement_run(handle, statement_get(handle, BEGIN_ONE));
        }
        handle->changed++;
        forget_changed(handle, statement->plan);
    }
    return error == ERROR_NONE ? execute(handle, id, is_kept, 0, 0) : error;
}

void statement_prefetch(struct handle *handle, struct statement *statement)
{
    enum statement_id id = id_of(handle, statement);
    struct statement_plan *plan = statement->plan;
    if (!plan || handle->failure.error != ERROR_NONE || !handle->connection.pg ||
        (!statement->prepared && prepare(handle, id) != ERROR_NONE))
        return;
    make_key(handle, plan);
    size_t count = handle->prefetch.count;
    size_t index = prefetch_add(&handle->prefetch, (int)id, &handle->key, plan->scope.reads);
    if (handle->prefetch.count == count)
        return;
    struct prefetch_entry *entry = &handle->prefetch.entries[index];
    entry->name_field = find_name(plan, &entry->name_hash);
    (void)!execute(handle, id, true, index + 1, 0);
}

/* Adds an entry for each name that has none; *first of them. Their number. */
static size_t add_names(struct handle *handle, enum statement_id id, enum field field,
                        const char *const names[], size_t count, size_t *first)
{
    struct prefetch *prefetch = &handle->prefetch;
    *first = prefetch->count;
    for (size_t i = 0; i < count; i++) {
        struct statement *statement = statement_get(handle, id);
        if (!statement->plan || *names[i] == '\0')
            continue;
        statement_bind_text(statement, field, names[i]);
        make_key(handle, statement->plan);
        size_t before = prefetch->count;
        size_t index = prefetch_add(prefetch, (int)id, &handle->key, statement->plan->scope.reads);
        if (prefetch->count == before)
            continue;
        prefetch->entries[index].name_field = (int)field;
        prefetch->entries[index].name_hash = prefetch_hash(names[i], strlen(names[i]));
    }
    return prefetch->count - *first;
}

void statement_prefetch_names(struct handle *handle, enum statement_id each, enum statement_id all,
                              enum field field, const char *const names[], size_t count)
{
    size_t first;
    struct statement *one = statement_get(handle, each), *select = statement_get(handle, all);
    if (handle->failure.error != ERROR_NONE || !handle->connection.pg || !one->plan ||
        !select->plan ||
        /* Its columns have its names. */
        (!one->prepared && prepare(handle, each) != ERROR_NONE) ||
        (!select->prepared && prepare(handle, all) != ERROR_NONE))
        return;
    size_t added = add_names(handle, each, field, names, count, &first);
    if (added == 0)
        return;
    if (handle->names.max_length == 0)
        buffer_init(&handle->names, INT32_MAX);
    array_begin(&handle->names, TYPE_TEXT, added);
    for (size_t i = first; i < first + added; i++) {
        size_t length;
        const char *name = name_of_entry(&handle->prefetch.entries[i], &length);
        array_add_bytes(&handle->names, name, length);
    }
    statement_bind_blob(select, FIELD_NAMES, handle->names.data, (int)handle->names.length);
    if (!handle->names.failed)
        (void)!execute(handle, all, true, first + 1, added);
}

/* ---- Running ---- */

enum error statement_step(struct handle *handle, struct statement *statement, bool *row)
{
    *row = false;
    if (!statement->result) {
        enum error error = ERROR_NONE;
        if (!statement->plan || !take_prefetched(handle, statement))
            error = send(handle, statement, true);
        if (error == ERROR_NONE && !statement->is_prefetched)
            error = handle_settle(handle);
        if (error != ERROR_NONE) {
            statement_reset(statement);
            return error;
        }
        if (!statement->is_prefetched) {
            statement->row = -1;
            statement->row_end = PQntuples(statement->result);
        }
    }
    *row = ++statement->row < statement->row_end;
    if (!*row)
        statement_reset(statement);
    return ERROR_NONE;
}

void statement_reset(struct statement *statement)
{
    if (!statement->is_prefetched)
        PQclear(statement->result);
    statement->result = NULL;
    statement->is_prefetched = false;
}

/* The statement itself fails with another number of rows. */
enum error statement_change_one(struct handle *handle, struct statement *statement)
{
    return statement_run(handle, statement);
}

enum error statement_run(struct handle *handle, struct statement *statement)
{
    if (!statement->result)
        return send(handle, statement, false);
    statement_reset(statement); /* it ran when its first row was read */
    return ERROR_NONE;
}

int64_t statement_changes(struct handle *handle)
{
    return handle_settle(handle) == ERROR_NONE ? handle->changes : 0;
}

enum error statement_read_integer(struct handle *handle, struct statement *statement,
                                  int64_t *integer)
{
    bool row;
    enum error error = statement_step(handle, statement, &row);
    if (error == ERROR_NONE && row && PQnfields(statement->result) > 0)
        *integer = statement_integer_at(statement, 0);
    statement_reset(statement);
    return error;
}
