/* GET /livez, /readyz */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/readiness.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/query.h"
#include "common/base/json_write.h"
#include "common/process/database_url.h"

#include <string.h>

static void answer_status(struct http_exchange *exchange, const char *status)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "status", status);
    json_end_object(&json);
}

/* Checks nothing else: a restart of this process would not help against the faults of others. */
enum http_outcome health_handle_livez(struct http_exchange *exchange)
{
    answer_status(exchange, "live");
    return HTTP_ANSWERED;
}

/* ---- Readiness ---- */

/* What accepting a message needs. */
enum check {
    CHECK_DATABASE,
    CHECK_WRITER,
    CHECK_DISK,
    CHECK_SCHEMA,
    CHECK_LOG,
    CHECK_DURABILITY,
    CHECK_COUNT
};
static const char *const check_names[CHECK_COUNT] = {
    "database", "writer", "disk", "schema", "write_ahead_log", "durability",
};

struct check_state {
    bool known;
    enum error fault;
};

/* The check that an error is about that none of those that have run explains. */
static enum check check_of(enum error error, bool has_server)
{
    switch (error) {
    case ERROR_DATABASE_UNREACHABLE:
    case ERROR_DATABASE_REPLACED:
        return CHECK_DATABASE;
    case ERROR_STORE_UNAVAILABLE:
        return has_server ? CHECK_DATABASE : CHECK_DISK;
    case ERROR_DISK_FULL:
        return CHECK_DISK;
    default:
        return CHECK_WRITER;
    }
}

/* The state of each check, from the result of STORE_PROBE. */
static void read_states(const struct store_write *probe, bool has_server,
                        struct check_state states[CHECK_COUNT])
{
    bool looked = probe->probe.looked;
    enum error result = probe->result;
    if (result == ERROR_OUTCOME_UNKNOWN) /* the lost probe does not matter, but what has lost it */
        result = has_server ? ERROR_DATABASE_UNREACHABLE : ERROR_STORE_UNAVAILABLE;
    bool is_there = check_of(result, has_server) != CHECK_DATABASE;
    states[CHECK_DATABASE] = (struct check_state){.known = is_there};
    states[CHECK_WRITER] = (struct check_state){.known = is_there};
    states[CHECK_DISK] = (struct check_state){looked, probe->probe.disk};
    states[CHECK_SCHEMA] = (struct check_state){looked, probe->probe.schema};
    states[CHECK_LOG] = (struct check_state){looked, probe->probe.log};
    states[CHECK_DURABILITY] = (struct check_state){looked, probe->probe.standby};
    if (result == ERROR_NO_STANDBY)
        states[CHECK_DURABILITY] = (struct check_state){true, result};
    for (int i = 0; i < CHECK_COUNT; i++) {
        if (states[i].known && states[i].fault == result)
            return;
    }
    /* The checks could not run, or they passed and the write failed. */
    states[check_of(result, has_server)] = (struct check_state){true, result};
}

static void answer_not_ready(struct http_exchange *exchange,
                             const struct check_state states[CHECK_COUNT])
{
    struct buffer list;
    buffer_init(&list, HTTP_DETAIL_SIZE);
    for (int i = 0; i < CHECK_COUNT; i++) {
        enum error fault = states[i].fault;
        const char *state = !states[i].known ? "unknown" : fault ? error_code(fault) : "ok";
        buffer_append_format(&list, "%s%s: %s", i > 0 ? ", " : "", check_names[i], state);
        const char *advice = store_fault_advice(fault);
        if (states[i].known && fault != ERROR_NONE)
            http_add_check_error(exchange, check_names[i], fault, "%s.%s%s", error_title(fault),
                                 *advice ? " " : "", advice);
    }
    http_problem(exchange, ERROR_NOT_READY, "%s.", list.data ? list.data : "");
    buffer_fini(&list);
}

/* What a message survives, and the settings of a server that are against it. */
static void put_durability(struct json_writer *json, const struct store_probe *probe)
{
    json_put_text(json, "durability", store_durability_name(probe->durability));
    if (!probe->fsync_off && !probe->full_page_writes_off)
        return;
    json_begin_array(json, "unsafe_settings");
    if (probe->fsync_off)
        json_put_text(json, NULL, "fsync");
    if (probe->full_page_writes_off)
        json_put_text(json, NULL, "full_page_writes");
    json_end_array(json);
}

static void answer_ready(struct http_exchange *exchange)
{
    struct check_state states[CHECK_COUNT];
    struct json_writer json = {.out = &exchange->response.body};
    if (exchange->write.result != ERROR_NONE) {
        read_states(&exchange->write,
                    database_url_is_postgresql(exchange->api->settings->database_url), states);
        answer_not_ready(exchange, states);
        return;
    }
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "status", "ready");
    if (exchange->state->verbose) {
        json_begin_object(&json, "checks");
        for (int i = 0; i < CHECK_COUNT; i++)
            json_put_text(&json, check_names[i], "ok");
        json_end_object(&json);
        put_durability(&json, &exchange->write.probe);
    }
    json_end_object(&json);
}

static void take_verbose(struct http_exchange *exchange, const char *name, const char *value,
                         void *target)
{
    bool *verbose = target;
    (void)exchange;
    (void)name;
    (void)value; /* ?verbose has no value */
    *verbose = true;
}

/* Whether a message would be accepted now: a row is committed to find out. Devices and the broker do not
   matter, because messages wait for them. */
enum http_outcome health_handle_readyz(struct http_exchange *exchange)
{
    static const struct query_parameter parameters[] = {
        {{"verbose", " checks details "}, false, take_verbose},
    };
    struct query_values values = {0};
    exchange->state->verbose = false;
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values,
                    &exchange->state->verbose))
        return HTTP_ANSWERED;
    return readiness_ask(exchange->api->readiness, exchange, answer_ready);
}
