/* ws-broker: keeps the connections of the devices, dispatches messages to them, and stores their reports. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/database_url.h"
#include "common/process/doorbell.h"
#include "common/process/metrics.h"
#include "common/process/program.h"
#include "common/process/settings_check.h"
#include "common/store/store_start.h"
#include "ws-broker/core/broker.h"
#include "ws-broker/core/message_log.h"
#include "ws-broker/net/ws_server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RESERVED_FILES = 64, /* for the database, sockets, the log, and connections that are refused */
    MAX_DEVICES = 1000000,
    FEW_DEVICES = 500, /* fewer are probably a mistake of the open-file limit */
};

/* Each stream has a file; phones go first where there are few. */
static unsigned max_streams(const struct settings *settings)
{
    int64_t files = MAX((program_file_limit() - RESERVED_FILES) / 8, 1);
    if (settings->streams_at_once > files)
        log_warning("the open-file limit does not allow STREAMS_AT_ONCE",
                    LOG_NUMBER("wanted", settings->streams_at_once), LOG_NUMBER("possible", files));
    return (unsigned)MIN(settings->streams_at_once, files);
}

static unsigned max_devices(const struct settings *settings, unsigned streams)
{
    int64_t files = MIN(MAX(program_file_limit() - RESERVED_FILES - streams, 1), MAX_DEVICES);
    if (settings->max_connections == 0) {
        if (files < FEW_DEVICES)
            log_warning("the open-file limit allows few phones", LOG_NUMBER("max_phones", files),
                        LOG_NUMBER("files", program_file_limit()));
        return (unsigned)files;
    }
    if (settings->max_connections > files)
        log_warning("the open-file limit does not allow MAX_CONNECTIONS",
                    LOG_NUMBER("wanted", settings->max_connections), LOG_NUMBER("possible", files));
    return (unsigned)MIN(settings->max_connections, files);
}

static struct broker_options broker_options(const struct settings *settings, unsigned max_sessions)
{
    struct broker_options options = {
        .name = "broker", /* a database file has one broker */
        .instance = message_id_new(),
        .new_id = message_id_new,
        .max_sessions = max_sessions,
        .window = (unsigned)settings->device_window,
        .segments_per_minute = settings->device_segments_per_minute,
        .segments_burst = settings->device_segments_burst,
        .min_battery_percent = (double)settings->min_battery_percent,
        .max_frames_per_second = settings->max_frames_per_second,
        .device_info_timeout_ms = settings->device_info_timeout_s * 1000,
        .liveness_timeout_ms = settings->liveness_timeout_s * 1000,
        .ack_timeout_ms = settings->ack_timeout_s * 1000,
        .report_timeout_ms = settings->report_timeout_s * 1000,
        .report_horizon_ms = settings->report_horizon_hours * 3600 * 1000,
        .stuck_after_ms = settings->stuck_after_minutes * 60 * 1000,
        .text_retention_ms = settings->text_retention_days * 24 * 3600 * 1000,
        .message_retention_ms = settings->message_retention_days * 24 * 3600 * 1000,
        .event_retention_ms = settings->event_retention_days * 24 * 3600 * 1000,
        .inbox_retention_ms = settings->inbox_retention_days * 24 * 3600 * 1000,
        .delivery_retention_ms = settings->webhook_delivery_retention_hours * 3600 * 1000,
        .sweep_interval_ms = settings->sweep_interval_s * 1000,
        .lease_ms = settings->presence_lease_s * 1000,
        .drain_timeout_ms = settings->drain_timeout_s * 1000,
        .seed = (uint64_t)clock_wall_ms() ^ (uint64_t)getpid() << 32,
    };
    if (database_url_is_postgresql(settings->database_url))
        database_node_name(settings, options.name);
    return options;
}

static int64_t newest_event(struct store *store)
{
    struct store_reader *reader;
    int64_t oldest, newest = 0;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE) {
        error = store_read_event_range(reader, &oldest, &newest);
        store_reader_close(reader);
    }
    if (error != ERROR_NONE)
        program_fail("the broker cannot start", "the events cannot be read");
    return newest;
}

/* So no device counts as connected here, without waiting for the lease to expire. */
static void end_lease(struct store *store, const struct broker_options *options)
{
    struct store_write write = {.verb = STORE_BROKER_LEASE};
    write.lease.instance = options->instance;
    if (store_run(store, &write) != ERROR_NONE)
        log_warning("devices count as connected until the lease expires");
}

/* The store has finished writes. `context` points at the server, which is started after the store. */
static void completed(void *context)
{
    struct ws_server **server = context;
    ws_server_committed(*server);
}

static void notified(void *context, unsigned topics, bool same_node)
{
    ws_server_notified(context, topics, same_node);
}

static void warn_of_limits(void *context, const char *sentence)
{
    (void)context;
    log_warning("two limits contradict each other", LOG_TEXT("reason", sentence));
}

static void read_settings(int argc, char **argv, struct settings *settings)
{
    program_start(argc, argv, "ws-broker",
                  "keeps the phones of the SMS gateway connected, behind nginx's WebSocket proxy",
                  settings);
    settings_check_limits(settings, warn_of_limits, NULL);
}

static struct store_options store_options_of(const struct settings *settings, const char *node,
                                             struct metrics *metrics, struct ws_server **server)
{
    return (struct store_options){
        .dsn = database_dsn(settings),
        .role = "ws-broker",
        .node = node,
        .runtime_dir = settings->runtime_dir,
        .needs_standby = database_needs_standby(settings),
        .timeout_ms = settings->store_timeout_ms,
        .max_wal_bytes = settings->max_wal_bytes,
        .limits = store_limits_of(settings),
        .metrics = metrics,
        .completed = completed,
        .publish_transitions = log_writes(LOG_LEVEL_INFO) ? message_log_transitions : NULL,
        .context = server,
    };
}

int main(int argc, char **argv)
{
    struct settings settings;
    read_settings(argc, argv, &settings);
    unsigned streams = max_streams(&settings);
    unsigned max_sessions = max_devices(&settings,
                                        streams); /* before libwebsockets sizes its tables */

    struct metrics *metrics = metrics_create(); /* before anything is counted */
    if (!metrics)
        program_fail("the broker cannot start", "no memory");
    struct broker_options options = broker_options(&settings, max_sessions);
    options.metrics = metrics;

    char node[NODE_NAME_SIZE], database[SETTINGS_TEXT_SIZE];
    database_node_name(&settings, node);
    database_shown(&settings, database);
    struct ws_server *server = NULL;
    struct store_options store_options = store_options_of(&settings, node, metrics, &server);
    struct store *store = store_start(&store_options);
    options.newest_event = newest_event(store); /* before any device connects */

    struct broker *broker = broker_new(&options, clock_monotonic_ms());
    if (!broker)
        program_fail("the broker cannot start", "no memory");

    char socket_path[SETTINGS_TEXT_SIZE], doorbell_path[SETTINGS_TEXT_SIZE];
    char metrics_path[SETTINGS_TEXT_SIZE];
    settings_socket_path(&settings, METRICS_OF_BROKER, metrics_path);
    settings_socket_path(&settings, "broker.sock", socket_path);
    settings_socket_path(&settings, "doorbell.sock", doorbell_path);
    server = ws_server_start(&(struct ws_server_options){
        .socket_path = socket_path,
        .doorbell_path = doorbell_path,
        .max_frame_bytes = (size_t)settings.max_frame_bytes,
        .max_sessions = max_sessions,
        .tokens_required = strcmp(settings.device_tokens, "required") == 0,
        .keys_required = strcmp(settings.api_keys, "required") == 0,
        .max_streams = streams,
        .broker = broker,
        .store = store,
        .store_timeout_ms = settings.store_timeout_ms,
        .metrics = metrics,
    });
    if (!server) {
        store_close(store);
        broker_free(broker);
        return EXIT_FAILURE;
    }

    if (!store_listen(store, notified, server))
        program_fail("the broker cannot start", "no thread for notifications");
    log_info("serving", LOG_TEXT("socket", socket_path), LOG_TEXT("database", database),
             LOG_NUMBER("max_phones", max_sessions));
    metrics_publish(metrics, metrics_path); /* the store's lock says that it is the only broker */
    program_notify_ready();
    ws_server_run(server);
    program_notify_stopping();
    end_lease(store, &options);
    store_close(store);
    ws_server_free(server);
    broker_free(broker);
    metrics_end(metrics);
    log_info("stopped");
    return EXIT_SUCCESS;
}
