/* GET /livez, /readyz, /metrics */
#include "../common/clock.h"
#include "../common/json_write.h"
#include "api.h"
#include "handlers.h"
#include "readiness.h"
#include "router.h"

#include <inttypes.h>
#include <string.h>

static void answer_status(struct http_exchange *exchange, const char *status)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "status", status);
    json_end_object(&json);
}

/* The process runs; nothing else is asked, so that nobody restarts it for another's trouble. */
enum http_outcome handle_livez(struct http_exchange *exchange)
{
    answer_status(exchange, "live");
    return HTTP_ANSWERED;
}

/* ---- Readiness ---- */

/* What a message needs. */
enum check { CHECK_WRITER, CHECK_DISK, CHECK_SCHEMA, CHECK_LOG, CHECK_COUNT };
static const char *const check_names[CHECK_COUNT] = {"writer", "disk", "schema", "write_ahead_log"};

struct check_state {
    bool known;
    enum error trouble;
};

/* What the store's answer to STORE_PROBE says of each. */
static void read_states(const struct store_write *probe, struct check_state states[CHECK_COUNT])
{
    bool looked = probe->probe.looked;
    states[CHECK_WRITER] = (struct check_state){.known = true};
    states[CHECK_DISK] = (struct check_state){looked, probe->probe.disk};
    states[CHECK_SCHEMA] = (struct check_state){looked, probe->probe.schema};
    states[CHECK_LOG] = (struct check_state){looked, probe->probe.log};
    for (int i = 0; i < CHECK_COUNT; i++) {
        if (states[i].known && states[i].trouble == probe->result)
            return;
    }
    /* It could not be looked, or what was found good could not be written. */
    bool disk = probe->result == ERROR_DISK_FULL || probe->result == ERROR_STORE_UNAVAILABLE;
    states[disk ? CHECK_DISK : CHECK_WRITER] = (struct check_state){true, probe->result};
}

static void answer_not_ready(struct http_exchange *exchange,
                             const struct check_state states[CHECK_COUNT])
{
    struct buffer list;
    buffer_init(&list, HTTP_DETAIL_SIZE);
    for (int i = 0; i < CHECK_COUNT; i++) {
        enum error trouble = states[i].trouble;
        const char *state = !states[i].known ? "unknown" : trouble ? error_code(trouble) : "ok";
        buffer_append_format(&list, "%s%s: %s", i > 0 ? ", " : "", check_names[i], state);
        if (states[i].known && trouble != ERROR_NONE)
            http_add_check_error(exchange, check_names[i], trouble, "%s.", error_title(trouble));
    }
    http_problem(exchange, ERROR_NOT_READY, "%s.", list.data ? list.data : "");
    buffer_fini(&list);
}

static void answer_ready(struct http_exchange *exchange)
{
    struct check_state states[CHECK_COUNT];
    struct json_writer json = {.out = &exchange->response.body};
    if (exchange->write.result != ERROR_NONE) {
        read_states(&exchange->write, states);
        answer_not_ready(exchange, states);
        return;
    }
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "status", "ready");
    if (exchange->verbose) {
        json_begin_object(&json, "checks");
        for (int i = 0; i < CHECK_COUNT; i++)
            json_put_text(&json, check_names[i], "ok");
        json_end_object(&json);
    }
    json_end_object(&json);
}

/* A message would be accepted now: a row was committed to find out. Phones and broker do not
   matter; messages wait for them. */
enum http_outcome handle_readyz(struct http_exchange *exchange)
{
    const char *query = exchange->request.query;
    char name[16], value[16];
    bool good;
    exchange->verbose = false;
    while (http_next_parameter(&query, name, sizeof(name), value, sizeof(value), &good))
        exchange->verbose |= strcmp(name, "verbose") == 0;
    return readiness_ask(exchange->api->readiness, exchange, answer_ready);
}

/* ---- Metrics: Prometheus text format 0.0.4 ---- */

static void begin_metric(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_requests(struct buffer *out, struct api *api)
{
    begin_metric(out, "sms_gateway_http_requests_total", "counter",
                 "Answers of the API by route and status.");
    const struct router_route_name *route;
    for (size_t i = 0; (route = router_route_name(i)); i++) {
        for (int status = 0; status < API_MAX_STATUS; status++) {
            uint64_t count = atomic_load(&api->answers[i][status]);
            if (count > 0)
                buffer_append_format(out,
                                     "sms_gateway_http_requests_total{method=\"%s\",route=\"%s\","
                                     "code=\"%d\"} %" PRIu64 "\n",
                                     route->method, route->path, status, count);
        }
    }
}

enum http_outcome handle_metrics(struct http_exchange *exchange)
{
    struct store_statistics statistics;
    int64_t stuck_since_ms = clock_wall_ms() -
                             exchange->api->settings->stuck_after_minutes * 60 * 1000;
    enum error error = store_read_statistics(exchange->reader, stuck_since_ms, &statistics);
    if (error != ERROR_NONE)
        return http_store_problem(exchange, error);

    struct buffer *out = &exchange->response.body;
    exchange->response.status = 200;
    exchange->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    begin_metric(out, "sms_gateway_build_info", "gauge", "Always 1; the label is the version.");
    buffer_append_format(out, "sms_gateway_build_info{version=\"%s\"} 1\n", GATEWAY_VERSION);
    begin_metric(out, "sms_gateway_start_time_seconds", "gauge",
                 "When the API started, in seconds since 1970.");
    buffer_append_format(out, "sms_gateway_start_time_seconds %" PRId64 "\n",
                         exchange->api->started_at_ms / 1000);
    put_requests(out, exchange->api);
    begin_metric(out, "sms_gateway_messages", "gauge", "Messages in the database by status.");
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        buffer_append_format(out, "sms_gateway_messages{status=\"%s\"} %" PRId64 "\n",
                             message_status_name((enum message_status)i), statistics.messages[i]);
    begin_metric(out, "sms_gateway_messages_stuck", "gauge",
                 "Messages that stay in a status for longer than they should, up to 10,000.");
    for (int i = MESSAGE_QUEUED; i <= MESSAGE_SENDING; i++)
        buffer_append_format(out, "sms_gateway_messages_stuck{status=\"%s\"} %" PRId64 "\n",
                             message_status_name((enum message_status)i), statistics.stuck[i]);
    begin_metric(out, "sms_gateway_devices_connected", "gauge", "Phones connected.");
    buffer_append_format(out, "sms_gateway_devices_connected %" PRId64 "\n",
                         statistics.devices_connected);
    begin_metric(out, "sms_gateway_sending_paused", "gauge",
                 "1 while sending is paused: nothing is accepted and phones are given nothing.");
    buffer_append_format(out, "sms_gateway_sending_paused %d\n", statistics.sending_paused);
    begin_metric(out, "sms_gateway_wal_bytes", "gauge",
                 "Size of the database's write-ahead log on the disk.");
    buffer_append_format(out, "sms_gateway_wal_bytes %" PRId64 "\n", statistics.wal_bytes);
    return HTTP_ANSWERED;
}
