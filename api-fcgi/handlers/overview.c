/* GET /api/overview and GET /api/statistics: how the gateway is, and what happened in the last minutes. */
#include "api-fcgi/handlers/alerts.h"
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/sending.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/query.h"
#include "common/base/clock.h"

#include <stdlib.h>

/* ---- GET /api/overview ---- */

struct overview {
    struct alert_facts facts;
    struct store_statistics statistics;
    struct store_sending sending;
    struct store_accepted accepted;
    struct webhook *webhooks;
};

static bool runs(const struct api *api, const char *name)
{
    char path[SETTINGS_TEXT_SIZE];
    settings_socket_path(api->settings, name, path);
    const struct metrics *metrics = metrics_open(path);
    bool up = metrics != NULL;
    metrics_close(metrics);
    return up;
}

static enum error read_overview(struct http_exchange *exchange, struct overview *overview)
{
    const struct api *api = exchange->api;
    struct store_reader *reader = exchange->reader;
    struct alert_facts *facts = &overview->facts;
    *overview = (struct overview){0};
    *facts = (struct alert_facts){
        .now_ms = clock_wall_ms(),
        .settings = api->settings,
        .statistics = &overview->statistics,
        .sending = &overview->sending,
        .accepted = &overview->accepted,
        .broker_up = runs(api, METRICS_OF_BROKER),
        .webhook_sender_up = runs(api, METRICS_OF_WEBHOOKS),
        .shows_devices = exchange->scopes & API_SCOPE_DEVICES,
    };
    enum error error = store_read_statistics(reader, api->settings->stuck_after_minutes * 60 * 1000,
                                             &overview->statistics);
    if (error == ERROR_NONE)
        error = store_read_sending(reader, &overview->sending);
    if (error == ERROR_NONE)
        error = store_read_accepted(reader, facts->now_ms, "", &overview->accepted);
    if (error == ERROR_NONE && (exchange->scopes & API_SCOPE_WEBHOOKS))
        error = store_list_webhooks(reader, &overview->webhooks, &facts->webhook_count);
    facts->webhooks = overview->webhooks;
    return error;
}

static void put_messages(struct json_writer *json, const struct store_statistics *statistics)
{
    int64_t stuck = 0;
    json_begin_object(json, "messages");
    for (int status = 0; status < MESSAGE_STATUS_COUNT; status++) {
        json_put_integer(json, message_status_name((enum message_status)status),
                         statistics->messages[status]);
        stuck += statistics->stuck[status];
    }
    json_end_object(json);
    json_begin_array(json, "waiting");
    for (int i = MESSAGE_WAIT_NONE + 1; i < MESSAGE_WAIT_COUNT; i++) {
        enum message_wait_reason reason = (enum message_wait_reason)i;
        if (statistics->waiting[i] == 0)
            continue;
        json_begin_object(json, NULL);
        json_put_text(json, "reason", message_wait_name(reason));
        json_put_integer(json, "count", statistics->waiting[i]);
        json_put_text(json, "detail", message_wait_detail(reason));
        json_end_object(json);
    }
    json_end_array(json);
    json_put_integer(json, "stuck", stuck);
    json_put_time(json, "oldest_queued_at", statistics->oldest_queued_ms);
}

static void put_devices(struct json_writer *json, const struct overview *overview)
{
    const struct store_statistics *statistics = &overview->statistics;
    if (!overview->facts.shows_devices) {
        json_put_null(json, "devices");
        return;
    }
    json_begin_object(json, "devices");
    json_put_bool(json, "any", statistics->any_device);
    json_put_integer(json, "connected", statistics->devices_connected);
    json_put_integer(json, "offline", statistics->devices_offline);
    json_put_integer(json, "disabled", statistics->devices_disabled);
    json_put_integer(json, "battery_low", statistics->devices_battery_low);
    json_put_integer(json, "quarantined", statistics->devices_quarantined);
    json_end_object(json);
}

static void put_database(struct json_writer *json, const struct store_statistics *statistics)
{
    json_begin_object(json, "database");
    json_put_integer(json, "bytes", statistics->database_bytes);
    json_put_integer(json, "wal_bytes", statistics->wal_bytes);
    if (statistics->disk_size_bytes > 0)
        json_put_integer(json, "disk_free_bytes", statistics->disk_free_bytes);
    else
        json_put_null(json, "disk_free_bytes");
    json_put_text(json, "durability", store_durability_name(statistics->durability));
    json_end_object(json);
}

static void put_overview(struct http_exchange *exchange, const struct overview *overview)
{
    struct json_writer json = {.out = &exchange->response.body};
    const struct settings *settings = exchange->api->settings;
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_text(&json, "version", GATEWAY_VERSION);
    json_put_time(&json, "at", overview->facts.now_ms);
    put_messages(&json, &overview->statistics);
    sending_put(&json, "sending", &overview->sending);
    put_devices(&json, overview);
    sending_put_today(&json, "today", overview->accepted.today, settings->daily_messages,
                      overview->facts.now_ms);
    put_database(&json, &overview->statistics);
    alerts_put(&json, &overview->facts);
    json_end_object(&json);
}

enum http_outcome overview_handle(struct http_exchange *exchange)
{
    struct overview overview;
    enum error error = read_overview(exchange, &overview);
    if (error == ERROR_NONE)
        put_overview(exchange, &overview);
    store_free_webhooks(overview.webhooks, overview.facts.webhook_count);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}

/* ---- GET /api/statistics ---- */

enum { DEFAULT_MINUTES = 60 };

static void take_minutes(struct http_exchange *exchange, const char *name, const char *value,
                         void *target)
{
    query_integer(exchange, name, value, 1, STORE_MAX_ACTIVITY_MINUTES, target);
}

static void put_seconds(struct json_writer *json, const char *name, bool known, int64_t ms)
{
    if (known)
        json_put_number(json, name, (double)ms / 1000);
    else
        json_put_null(json, name);
}

static void put_quantiles(struct json_writer *json, const char *name,
                          const struct store_quantiles *quantiles)
{
    bool known = quantiles->count > 0;
    json_begin_object(json, name);
    json_put_integer(json, "count", (int64_t)quantiles->count);
    put_seconds(json, "p50", known, quantiles->p50_ms);
    put_seconds(json, "p90", known, quantiles->p90_ms);
    put_seconds(json, "p99", known, quantiles->p99_ms);
    json_end_object(json);
}

static void put_activity(struct http_exchange *exchange, const struct store_activity *activity,
                         int64_t now_ms)
{
    struct json_writer json = {.out = &exchange->response.body};
    http_begin_json(exchange, 200);
    json_begin_object(&json, NULL);
    json_put_time(&json, "from", activity->minutes[0].at_ms);
    json_put_time(&json, "to", now_ms);
    json_begin_array(&json, "minutes");
    for (size_t i = 0; i < activity->count; i++) {
        const struct store_minute *minute = &activity->minutes[i];
        json_begin_object(&json, NULL);
        json_put_time(&json, "at", minute->at_ms);
        json_put_integer(&json, "accepted", minute->accepted);
        json_put_integer(&json, "sent", minute->sent);
        json_put_integer(&json, "delivered", minute->delivered);
        json_put_integer(&json, "failed", minute->failed);
        json_put_integer(&json, "received", minute->received);
        json_put_bool(&json, "estimated", minute->estimated);
        json_end_object(&json);
    }
    json_end_array(&json);
    put_quantiles(&json, "queued_to_sent_seconds", &activity->queued_to_sent);
    put_quantiles(&json, "sent_to_delivered_seconds", &activity->sent_to_delivered);
    json_end_object(&json);
}

enum http_outcome statistics_handle(struct http_exchange *exchange)
{
    static const struct query_parameter parameters[] = {
        {{"minutes", " since last window range "}, true, take_minutes},
    };
    struct query_values values = {0};
    int64_t minutes = DEFAULT_MINUTES, now_ms = clock_wall_ms();
    if (!query_take(exchange, parameters, ARRAY_LENGTH(parameters), &values, &minutes))
        return HTTP_ANSWERED;
    struct store_activity *activity = malloc(sizeof(*activity));
    if (!activity)
        return http_problem(exchange, ERROR_INTERNAL, "Not enough memory for the statistics.");
    enum error error = store_read_activity(exchange->reader, now_ms, (size_t)minutes, activity);
    if (error == ERROR_NONE)
        put_activity(exchange, activity, now_ms);
    free(activity);
    return error == ERROR_NONE ? HTTP_ANSWERED : http_store_problem(exchange, error);
}
