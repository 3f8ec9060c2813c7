/* GET /metrics: the counters of all processes, and the state of the database and the disk. */
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/router.h"
#include "common/base/clock.h"

#include <stdio.h>

enum { LABELS_SIZE = 200 };

static void put_number(struct buffer *out, enum metrics_id id, int64_t number)
{
    metrics_put_head(out, id);
    metrics_put_integer(out, id, "", number);
}

/* ---- The processes ---- */

static void put_processes(struct buffer *out, const struct api *api, const struct metrics *broker,
                          const struct metrics *webhooks)
{
    const struct {
        const char *name;
        const struct metrics *metrics;
    } processes[] = {
        {"api-fcgi", &api->metrics}, {"ws-broker", broker}, {"webhook-sender", webhooks}};
    char labels[LABELS_SIZE];
    metrics_put_head(out, METRIC_up);
    for (size_t i = 0; i < ARRAY_LENGTH(processes); i++) {
        snprintf(labels, sizeof(labels), "process=\"%s\"", processes[i].name);
        metrics_put_integer(out, METRIC_up, labels, processes[i].metrics != NULL);
    }
    metrics_put_head(out, METRIC_build_info);
    for (size_t i = 0; i < ARRAY_LENGTH(processes); i++) {
        if (!processes[i].metrics)
            continue;
        snprintf(labels, sizeof(labels), "process=\"%s\",version=\"%s\"", processes[i].name,
                 processes[i].metrics->version);
        metrics_put_integer(out, METRIC_build_info, labels, 1);
    }
}

/* ---- Requests ---- */

/* Counters that alerts use are there from the start. */
static bool is_shown(const struct route *route, int status, int64_t count)
{
    return count > 0 || status == route->success || status == 500 || status == 503;
}

static void put_requests(struct buffer *out, struct api *api)
{
    const struct route *route;
    char labels[LABELS_SIZE];
    metrics_put_head(out, METRIC_http_requests_total);
    for (size_t i = 0; (route = router_route(api->routes, i)); i++) {
        for (int status = 0; status < API_MAX_STATUS; status++) {
            int64_t count = (int64_t)atomic_load(&api->route_metrics[i].answers[status]);
            if (!is_shown(route, status, count))
                continue;
            snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\",code=\"%d\"",
                     route->method, route->path, status);
            metrics_put_integer(out, METRIC_http_requests_total, labels, count);
        }
    }
    metrics_put_head(out, METRIC_http_request_duration_seconds);
    for (size_t i = 0; (route = router_route(api->routes, i)); i++) {
        snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\"", route->method, route->path);
        metrics_put_histogram(out, METRIC_http_request_duration_seconds, labels,
                              METRICS_SHORT_TIMES, &api->route_metrics[i].duration);
    }
}

/* ---- The database ---- */

static void put_by_status(struct buffer *out, enum metrics_id id,
                          const int64_t counts[MESSAGE_STATUS_COUNT], enum message_status last)
{
    char labels[LABELS_SIZE];
    metrics_put_head(out, id);
    for (enum message_status status = MESSAGE_QUEUED; status <= last; status++) {
        snprintf(labels, sizeof(labels), "status=\"%s\"", message_status_name(status));
        metrics_put_integer(out, id, labels, counts[status]);
    }
}

static void put_waiting(struct buffer *out, const int64_t counts[MESSAGE_WAIT_COUNT])
{
    char labels[LABELS_SIZE];
    metrics_put_head(out, METRIC_messages_waiting);
    for (int reason = MESSAGE_WAIT_NONE + 1; reason < MESSAGE_WAIT_COUNT; reason++) {
        snprintf(labels, sizeof(labels), "reason=\"%s\"",
                 message_wait_name((enum message_wait_reason)reason));
        metrics_put_integer(out, METRIC_messages_waiting, labels, counts[reason]);
    }
}

/* How long the oldest message that is due has been queued; 0 without one. */
static int64_t queue_age_s(const struct store_statistics *statistics)
{
    int64_t since_ms = statistics->oldest_queued_ms;
    return since_ms == 0 ? 0 : MAX(clock_wall_ms() - since_ms, 0) / 1000;
}

static void put_partitions(struct buffer *out, const struct store_server_health *server)
{
    int64_t now_ms = server->event_partitions > 0 ? clock_wall_ms() : 0;
    put_number(out, METRIC_db_event_partitions, server->event_partitions);
    put_number(out, METRIC_db_event_partition_oldest_seconds,
               (now_ms - server->oldest_partition_ms) / 1000);
    put_number(out, METRIC_db_event_partition_ahead_seconds,
               (server->last_partition_ms - now_ms) / 1000);
}

/* Zeros with SQLite. */
static void put_server(struct buffer *out, const struct store_server_health *server)
{
    put_number(out, METRIC_db_live_rows, server->live_rows);
    put_number(out, METRIC_db_dead_rows, server->dead_rows);
    put_number(out, METRIC_db_oldest_snapshot_seconds, server->oldest_snapshot_ms / 1000);
    put_number(out, METRIC_db_standbys, server->standbys);
    put_number(out, METRIC_db_standby_missing, server->standby_missing);
    put_number(out, METRIC_db_replication_lag_bytes, server->lag_bytes);
    put_number(out, METRIC_db_replication_lag_seconds, server->lag_ms / 1000);
    put_partitions(out, server);
}

static void put_statistics(struct buffer *out, const struct store_statistics *statistics)
{
    put_by_status(out, METRIC_messages, statistics->messages, MESSAGE_UNKNOWN);
    put_by_status(out, METRIC_messages_stuck, statistics->stuck, MESSAGE_SENDING);
    put_waiting(out, statistics->waiting);
    put_number(out, METRIC_queue_oldest_age_seconds, queue_age_s(statistics));
    put_number(out, METRIC_sending_paused, statistics->sending_paused);
    put_number(out, METRIC_devices_connected, statistics->devices_connected);
    put_number(out, METRIC_devices_battery_low, statistics->devices_battery_low);
    put_number(out, METRIC_devices_offline, statistics->devices_offline);
    put_number(out, METRIC_devices_disabled, statistics->devices_disabled);
    put_number(out, METRIC_devices_quarantined, statistics->devices_quarantined);
    put_number(out, METRIC_wal_bytes, statistics->wal_bytes);
    put_number(out, METRIC_database_bytes, statistics->database_bytes);
    put_number(out, METRIC_db_durability, statistics->durability);
    put_number(out, METRIC_db_durability_asked, statistics->durability_asked);
    put_server(out, &statistics->server);
    put_number(out, METRIC_disk_free_bytes, statistics->disk_free_bytes);
    put_number(out, METRIC_disk_size_bytes, statistics->disk_size_bytes);
}

/* ---- */

static const struct metrics *open_metrics(const struct api *api, const char *name)
{
    char path[SETTINGS_TEXT_SIZE];
    settings_socket_path(api->settings, name, path);
    return metrics_open(path);
}

/* Without the database, its metrics are left out and db_up is 0. */
enum http_outcome metrics_handle(struct http_exchange *exchange)
{
    struct api *api = exchange->api;
    struct buffer *out = &exchange->response.body;
    int64_t stuck_for_ms = api->settings->stuck_after_minutes * 60 * 1000;
    struct store_statistics statistics;
    bool readable = store_read_statistics(exchange->reader, stuck_for_ms, &statistics) ==
                    ERROR_NONE;
    const struct metrics *broker = open_metrics(api, METRICS_OF_BROKER);
    const struct metrics *webhooks = open_metrics(api, METRICS_OF_WEBHOOKS);
    metrics_turn(&api->metrics);

    exchange->response.status = 200;
    exchange->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    put_processes(out, api, broker, webhooks);
    metrics_put_counted(out, &api->metrics, broker, webhooks);
    put_requests(out, api);
    put_number(out, METRIC_db_up, readable);
    if (readable)
        put_statistics(out, &statistics);
    metrics_close(broker);
    metrics_close(webhooks);
    return HTTP_ANSWERED;
}
