#include "common/store/postgresql/open_admission.h"

#include "common/base/clock.h"
#include "common/store/postgresql/database.h"
#include "common/store/sql/rows.h"

enum { REFUSED_MS = 10000 };

static enum error find_sending(struct store_database *database, struct store_sending *sending)
{
    struct open_admission *open = &database->open_admission;
    *sending = (struct store_sending){0};
    if (open->assumed)
        return ERROR_NONE;
    enum error error = sql_limit_rows.find_sending(database, sending);
    open->was_sending = error == ERROR_NONE && sending->paused_since_ms == 0;
    return error;
}

static enum error any_opt_out(struct store_database *database, bool *any)
{
    struct open_admission *open = &database->open_admission;
    *any = false;
    if (open->assumed)
        return ERROR_NONE;
    enum error error = sql_opt_out_rows.any(database, any);
    open->had_opt_outs = *any;
    return error;
}

void open_admission_use(struct store_database *database)
{
    database->limit_rows = sql_limit_rows;
    database->limit_rows.find_sending = find_sending;
    database->opt_out_rows = sql_opt_out_rows;
    database->opt_out_rows.any = any_opt_out;
    database->rows.limits = &database->limit_rows;
    database->rows.opt_outs = &database->opt_out_rows;
}

void open_admission_refuse(struct open_admission *open)
{
    open->refused_until_ms = clock_monotonic_ms() + REFUSED_MS;
}

static bool is_open(const struct store_write *write)
{
    const struct store_enqueue *enqueue = &write->enqueue;
    return write->verb == STORE_ENQUEUE && !enqueue->idempotency &&
           (enqueue->key_daily_messages == 0 || !*enqueue->key_id) &&
           enqueue->message->options.content == MESSAGE_TEXT;
}

bool open_admission_fits(struct store_database *database, struct store_write *const writes[],
                         size_t count)
{
    const struct open_admission *open = &database->open_admission;
    const struct store_limits *limits = &database->options->limits;
    bool fits = open->was_sending && !open->had_opt_outs && limits->max_queue_age_ms == 0 &&
                limits->daily_messages == 0 && limits->pause_after_messages == 0 &&
                limits->recipient_daily_messages == 0 &&
                clock_monotonic_ms() >= open->refused_until_ms;
    for (size_t i = 0; i < count && fits; i++)
        fits = is_open(writes[i]);
    /* Its only answer is that of the COMMIT: of a connection that has ended nothing is sent, which would be unknown. */
    return fits && !database->is_careful && connection_is_open(&database->handle.connection);
}
