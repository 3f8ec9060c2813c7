/* api-fcgi: answers the REST API behind nginx. */
#include "api-fcgi/auth/key_cache.h"
#include "api-fcgi/auth/key_rates.h"
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/handlers/readiness.h"
#include "api-fcgi/routes.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/server/fcgi_server.h"
#include "api-fcgi/server/slow_reads.h"
#include "api-fcgi/smsgate/mobile_clock.h"
#include "api-fcgi/smsgate/mobile_codes.h"
#include "common/base/fail_point.h"
#include "common/base/log.h"
#include "common/process/database_url.h"
#include "common/process/doorbell.h"
#include "common/process/program.h"
#include "common/store/store_start.h"

#include <stdlib.h>
#include <string.h>

static struct mobile_clock mobile_clock;
static struct api api; /* large: it has counters for every route and status */

/* For the calls of the store after a commit. */
struct hooks {
    struct doorbell *doorbell;
    struct fcgi_server *server; /* set before the first write */
};

static void ring_doorbell(void *context)
{
    const struct hooks *hooks = context;
    doorbell_ring(hooks->doorbell);
    FAIL_POINT("api.after_doorbell");
}

/* After a commit on a worker, the client gets its answer first: ringing takes a tenth of the time of a request. */
static void wake_broker(void *context)
{
    const struct hooks *hooks = context;
    if (!fcgi_server_call_after_answers(hooks->server))
        ring_doorbell(context);
}

static void wake_worker(void *context)
{
    const struct hooks *hooks = context;
    fcgi_server_wake(hooks->server);
}

/* Keys that another node has revoked are in no worker's cache from then on. */
static void notified(void *context, unsigned topics, bool same_node)
{
    (void)context;
    (void)same_node;
    if (topics & STORE_TOPIC_KEYS)
        atomic_fetch_add(&api.key_revocations, 1);
}

/* Fills in what needs no store. */
static void prepare_api(const struct settings *settings)
{
    char problem[ERRMSG_SIZE];
    api.settings = settings;
    api.keys_required = strcmp(settings->api_keys, "required") == 0;
    api.routes = &routes_table;
    api.key_rates = key_rates_new();
    api.key_caches = key_cache_new((size_t)settings->api_workers);
    api.mobile_codes = mobile_codes_new();
    mobile_clock_init(&mobile_clock);
    api.mobile_clock = &mobile_clock;
    if (!api.key_rates || !api.key_caches || !api.mobile_codes)
        program_fail("not enough memory", "for API keys and codes");
    if (!acceptance_rules_load(&api.acceptance_rules, settings, problem))
        program_fail("cannot parse the prefixes", problem);
}

static void start_threads(const struct settings *settings, struct hooks *hooks)
{
    api.readiness = readiness_start(api.store, settings->store_timeout_ms, wake_worker, hooks);
    if (!api.readiness)
        program_fail("cannot start the readiness probe", "not enough memory or threads");
    api.slow_reads = slow_reads_start(&api, wake_worker, hooks);
    if (!api.slow_reads)
        program_fail("cannot start the threads of lists", "not enough memory or threads");
    if (!store_listen(api.store, notified, NULL))
        program_fail("cannot listen to other nodes", "not enough memory or threads");
}

/* Commits open writes and frees everything; or exits, with the connections open for the next process. */
static void close_all(struct fcgi_server *server, enum fcgi_server_end end)
{
    slow_reads_stop(api.slow_reads);
    readiness_stop(api.readiness);
    store_close(api.store);
    if (end == FCGI_SERVER_PAUSES) {
        fcgi_server_pass_connections(server);
        log_info("stopped");
        exit(
            EXIT_SUCCESS); /* fcgi_server_free would end the connections for the next process too */
    }
    readiness_free(api.readiness);
    fcgi_server_free(server);
    key_rates_free(api.key_rates);
    key_cache_free(api.key_caches);
    mobile_codes_free(api.mobile_codes);
}

int main(int argc, char **argv)
{
    struct settings settings;
    program_start(argc, argv, "api-fcgi", "answers the REST API of the SMS gateway, behind nginx",
                  &settings);
    program_file_limit();
    metrics_start(&api.metrics);

    char doorbell_path[SETTINGS_TEXT_SIZE];
    settings_socket_path(&settings, "doorbell.sock", doorbell_path);
    struct hooks hooks = {.doorbell = doorbell_open(doorbell_path)};
    if (!hooks.doorbell)
        program_fail("cannot open the doorbell", log_errno_text());

    char node[NODE_NAME_SIZE], database[SETTINGS_TEXT_SIZE];
    database_node_name(&settings, node);
    database_shown(&settings, database);
    struct store_options store_options = {
        .dsn = database_dsn(&settings),
        .role = "api-fcgi",
        .node = node,
        .runtime_dir = settings.runtime_dir,
        .needs_standby = database_needs_standby(&settings),
        .timeout_ms = settings.store_timeout_ms,
        .max_wal_bytes = settings.max_wal_bytes,
        .min_free_bytes = settings.min_free_disk_bytes,
        .limits = store_limits_of(&settings),
        .metrics = &api.metrics,
        .wake_broker = wake_broker,
        .completed = wake_worker,
        .context = &hooks,
    };
    api.store = store_start(&store_options);

    prepare_api(&settings);
    char socket_path[SETTINGS_TEXT_SIZE];
    settings_socket_path(&settings, "api.sock", socket_path);
    struct fcgi_server *server = fcgi_server_start(&(struct fcgi_server_options){
        .socket_path = socket_path,
        .workers = (int)settings.api_workers,
        .io_timeout_s = settings.api_io_timeout_s,
        .drain_timeout_s = settings.drain_timeout_s,
        .api = &api,
        .state_size = sizeof(union handler_state),
        .after_answers = ring_doorbell,
        .context = &hooks,
    });
    if (!server) {
        store_close(api.store);
        key_rates_free(api.key_rates);
        key_cache_free(api.key_caches);
        mobile_codes_free(api.mobile_codes);
        doorbell_close(hooks.doorbell);
        return EXIT_FAILURE;
    }
    hooks.server = server;
    start_threads(&settings, &hooks);

    log_info("serving", LOG_TEXT("socket", socket_path), LOG_TEXT("database", database));
    program_notify_ready();
    enum fcgi_server_end end = fcgi_server_run(server);
    program_notify_stopping();
    close_all(server, end);
    doorbell_close(hooks.doorbell);
    log_info("stopped");
    return end == FCGI_SERVER_FAILED ? EXIT_FAILURE : EXIT_SUCCESS;
}
