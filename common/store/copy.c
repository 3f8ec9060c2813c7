#include "common/store/copy.h"

#include "common/base/fail_point.h"
#include "common/process/database_url.h"
#include "common/store/backend_loader.h"
#include "common/store/copy_side.h"
#include "common/store/copy_tables.h"
#include "common/store/store_backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool copy_fail(struct copy_failure *failure, enum error error, const char *format, ...)
{
    if (failure->error != ERROR_NONE)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->problem, STORE_ERROR_SIZE, format, arguments);
    va_end(arguments);
    failure->error = error;
    return false;
}

void copy_add_names(char sql[COPY_SQL_SIZE], const struct copy_columns *columns)
{
    size_t length = strlen(sql);
    for (size_t i = 0; i < columns->count; i++)
        length += (size_t)snprintf(sql + length, COPY_SQL_SIZE - length, "%s\"%s\"", i ? ", " : "",
                                   columns->names[i]);
}

struct transfer {
    const struct copy_side *from_side, *to_side;
    struct copy_end *from, *to;
    const struct copied_table *tables;
    const char *last_event;
    struct store_copy *copy;
    struct copy_failure *failure;
};

/* ---- Checksums ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, const char *bytes, size_t length)
{
    uint64_t word;
    hash = mix(hash, length);
    for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    if (length > 0)
        memcpy(&word, bytes, length);
    return mix(hash, word);
}

/* The sum of the rows' numbers does not depend on their order. */
static uint64_t checksum_of_row(const struct copy_value values[], size_t count)
{
    uint64_t hash = count, bits = 0;
    for (size_t i = 0; i < count; i++) {
        hash = mix(hash, values[i].kind);
        switch (values[i].kind) {
        case COPY_NULL:
            break;
        case COPY_INTEGER:
            hash = mix(hash, (uint64_t)values[i].integer);
            break;
        case COPY_REAL:
            memcpy(&bits, &values[i].real, sizeof(bits));
            hash = mix(hash, bits);
            break;
        case COPY_TEXT:
        case COPY_BYTES:
            hash = mix_bytes(hash, values[i].bytes, values[i].length);
            break;
        }
    }
    return mix(mix(hash, 0), count);
}

/* ---- Tables ---- */

static bool has_name(const struct copy_columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (strcmp(columns->names[i], name) == 0)
            return true;
    }
    return false;
}

static const struct copied_table *find_table(const struct copied_table *tables, const char *name)
{
    while (tables->target && strcmp(tables->target, name) != 0)
        tables++;
    return tables->target ? tables : NULL;
}

/* A table that a schema got and the lists did not. */
static bool check_tables(struct transfer *transfer, const struct copy_side *side,
                         struct copy_end *end, const struct copied_table *known)
{
    struct copy_columns tables = {0};
    if (!side->list_tables(end, &tables))
        return false;
    for (size_t i = 0; i < tables.count; i++) {
        if (!find_table(known, tables.names[i]))
            return copy_fail(transfer->failure, ERROR_STORE_UNAVAILABLE,
                             "it has a table that is not of the gateway: %s", tables.names[i]);
    }
    return true;
}

/* Those of the target that are not computed. */
static bool choose_columns(struct transfer *transfer, const struct copied_table *table,
                           struct copy_columns *columns)
{
    struct copy_columns source = {0}, target = {0};
    columns->count = 0;
    if (!transfer->to_side->list_columns(transfer->to, table->target, &target) ||
        !transfer->from_side->list_columns(transfer->from, table->source, &source))
        return false;
    for (size_t i = 0; i < target.count; i++) {
        const char *name = target.names[i];
        if (copy_is_computed(table->target, name))
            continue;
        if (!has_name(&source, name))
            return copy_fail(transfer->failure, ERROR_STORE_UNAVAILABLE,
                             "the source has no column %s.%s", table->target, name);
        strcpy(columns->names[columns->count++], name);
    }
    return true;
}

static bool copy_rows(struct transfer *transfer, const struct copied_table *table,
                      const struct copy_columns *columns, struct store_copied_table *copied)
{
    struct copy_value values[COPY_MAX_COLUMNS];
    bool more = true;
    if (!transfer->from_side->begin_read(transfer->from, table->source, columns) ||
        !transfer->to_side->begin_write(transfer->to, table->target, columns))
        return false;
    for (;;) {
        if (!transfer->from_side->read_row(transfer->from, values, &more))
            return false;
        if (!more)
            break;
        copied->rows++;
        copied->checksum += checksum_of_row(values, columns->count);
        if (!transfer->to_side->write_row(transfer->to, values))
            return false;
    }
    return transfer->to_side->end_write(transfer->to);
}

/* What was written is read again. */
static bool verify_rows(struct transfer *transfer, const struct copied_table *table,
                        const struct copy_columns *columns, const struct store_copied_table *copied)
{
    struct copy_value values[COPY_MAX_COLUMNS];
    int64_t rows = 0;
    uint64_t checksum = 0;
    bool more = true;
    if (!transfer->to_side->begin_read(transfer->to, table->target, columns))
        return false;
    for (;;) {
        if (!transfer->to_side->read_row(transfer->to, values, &more))
            return false;
        if (!more)
            break;
        rows++;
        checksum += checksum_of_row(values, columns->count);
    }
    return (rows == copied->rows && checksum == copied->checksum) ||
           copy_fail(transfer->failure, ERROR_STORE_UNAVAILABLE,
                     "the copy is not what was copied: %lld rows of %lld, checksum %016llx and not"
                     " %016llx",
                     (long long)rows, (long long)copied->rows, (unsigned long long)checksum,
                     (unsigned long long)copied->checksum);
}

/* The failure tells which table it is about. */
static bool name_table(struct transfer *transfer, const char *name)
{
    char reason[STORE_ERROR_SIZE];
    snprintf(reason, sizeof(reason), "%s", transfer->failure->problem);
    snprintf(transfer->failure->problem, STORE_ERROR_SIZE, "table %.60s: %.420s", name, reason);
    return false;
}

static bool copy_tables(struct transfer *transfer)
{
    static struct copy_columns columns[STORE_COPY_MAX_TABLES];
    struct store_copy *copy = transfer->copy;
    for (const struct copied_table *table = transfer->tables; table->target; table++) {
        if (!table->source)
            continue;
        struct store_copied_table *copied = &copy->tables[copy->count];
        *copied = (struct store_copied_table){0};
        snprintf(copied->name, sizeof(copied->name), "%s", table->target);
        if (!choose_columns(transfer, table, &columns[copy->count]) ||
            !copy_rows(transfer, table, &columns[copy->count], copied))
            return name_table(transfer, table->target);
        copy->count++;
    }
    FAIL_POINT("copy.before_verification");
    for (size_t i = 0; i < copy->count; i++) {
        const struct copied_table *table = find_table(transfer->tables, copy->tables[i].name);
        if (!verify_rows(transfer, table, &columns[i], &copy->tables[i]))
            return name_table(transfer, table->target);
    }
    return true;
}

/* ---- The whole ---- */

static bool read_last_event(struct transfer *transfer, int64_t *id)
{
    static const struct copy_columns column = {.names = {"id"}, .count = 1};
    struct copy_value value = {0};
    bool more;
    if (!transfer->from_side->begin_read(transfer->from, transfer->last_event, &column) ||
        !transfer->from_side->read_row(transfer->from, &value, &more) || !more)
        return copy_fail(transfer->failure, ERROR_STORE_UNAVAILABLE, "it has no last event");
    *id = value.integer;
    return transfer->from_side->read_row(transfer->from, &value, &more);
}

/* The source first: in between, none of the two can be used, and never both. */
static bool commit(struct transfer *transfer)
{
    char name[STORE_COPY_PLACE_SIZE], reason[STORE_ERROR_SIZE];
    transfer->to_side->name(transfer->to, name);
    if (!transfer->from_side->set_aside(transfer->from, name, transfer->copy->kept))
        return false;
    FAIL_POINT("copy.before_commit");
    if (transfer->to_side->commit(transfer->to))
        return true;
    if (transfer->failure->error == ERROR_OUTCOME_UNKNOWN)
        return false;
    struct copy_failure failed = *transfer->failure;
    snprintf(reason, sizeof(reason), "%s", failed.problem);
    transfer->failure->error = ERROR_NONE;
    if (!transfer->from_side->take_back(transfer->from))
        return false;
    *transfer->failure = failed;
    snprintf(failed.problem, STORE_ERROR_SIZE, "%s", reason);
    return false;
}

static bool run(struct transfer *transfer, const char *from, const char *to)
{
    int64_t last_event_id = 0;
    const struct copied_table *of_source = transfer->tables == copy_to_sqlite ? copy_to_postgresql
                                                                              : copy_to_sqlite;
    return transfer->from_side->open(from, COPY_SOURCE, transfer->failure, &transfer->from) &&
           transfer->to_side->open(to, COPY_TARGET, transfer->failure, &transfer->to) &&
           check_tables(transfer, transfer->from_side, transfer->from, of_source) &&
           check_tables(transfer, transfer->to_side, transfer->to, transfer->tables) &&
           copy_tables(transfer) && read_last_event(transfer, &last_event_id) &&
           transfer->to_side->finish(transfer->to, last_event_id) && commit(transfer);
}

/* The path of a DSN of SQLite. */
static const char *path_of(const char *dsn)
{
    static const char scheme[] = "sqlite:";
    return strncmp(dsn, scheme, strlen(scheme)) == 0 ? dsn + strlen(scheme) : dsn;
}

enum error store_copy(const char *from, const char *to, struct store_copy *copy,
                      char problem[STORE_ERROR_SIZE])
{
    struct copy_failure failure = {.problem = problem};
    bool to_postgresql = database_url_is_postgresql(to);
    struct transfer transfer = {.copy = copy, .failure = &failure};
    *copy = (struct store_copy){0};
    if (database_url_is_postgresql(from) == to_postgresql) {
        copy_fail(&failure, ERROR_STORE_UNAVAILABLE,
                  "one of the two is sqlite:FILE, and the other postgresql://...");
        return failure.error;
    }
    const struct store_backend *postgresql = backend_load_postgresql(problem);
    if (!postgresql)
        return ERROR_STORE_UNAVAILABLE;
    transfer.from_side = to_postgresql ? store_backend_sqlite.copy_side : postgresql->copy_side;
    transfer.to_side = to_postgresql ? postgresql->copy_side : store_backend_sqlite.copy_side;
    transfer.tables = to_postgresql ? copy_to_postgresql : copy_to_sqlite;
    transfer.last_event = to_postgresql ? copy_last_event_in_sqlite : copy_last_event_in_postgresql;
    (void)!run(&transfer, to_postgresql ? path_of(from) : from, to_postgresql ? to : path_of(to));
    transfer.to_side->close(transfer.to);
    transfer.from_side->close(transfer.from);
    return failure.error;
}
