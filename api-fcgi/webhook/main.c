/* webhook-sender: delivers the gateway's events to the URLs that want them. */
#include "api-fcgi/webhook/webhook_sender.h"
#include "common/base/log.h"
#include "common/process/database_url.h"
#include "common/process/program.h"
#include "common/store/store_start.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICENESS = 10 };

/* Phones and clients have the processor first. On Linux it is of this thread alone: that of the store writes, and others wait
   for its transactions. If it fails, they share as equals. */
static void give_way(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
}

/* `context` points at the sender, which is started after the store. */
static void completed(void *context)
{
    struct webhook_sender **sender = context;
    if (*sender)
        webhook_sender_wake(*sender);
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct webhook_rules rules;
    char errmsg[ERRMSG_SIZE], metrics_path[SETTINGS_TEXT_SIZE];
    program_start(argc, argv, "webhook-sender",
                  "delivers the events of the SMS gateway to webhooks", &settings);
    if (!webhook_rules_read(&settings, &rules, errmsg))
        program_fail("the addresses for webhooks cannot be read", errmsg);
    program_file_limit();

    struct metrics *metrics = metrics_create();
    if (!metrics)
        program_fail("the sender cannot start", "no memory");
    char database[SETTINGS_TEXT_SIZE];
    database_shown(&settings, database);
    struct webhook_sender *sender = NULL;
    struct store *store = store_start(&(struct store_options){
        .dsn = database_dsn(&settings),
        .role = "webhook-sender",
        .node = "all nodes", /* two would deliver each event twice */
        .runtime_dir = settings.runtime_dir,
        .needs_standby = database_needs_standby(&settings),
        .timeout_ms = settings.store_timeout_ms,
        .max_wal_bytes = settings.max_wal_bytes,
        .limits = store_limits_of(&settings),
        .metrics = metrics,
        .completed = completed,
        .context = &sender,
    });
    give_way(); /* after the store has its thread */
    sender = webhook_sender_new(&(struct webhook_sender_options){
        .store = store,
        .rules = &rules,
        .ca_file = settings.webhook_ca_file,
        .signing_key = settings.smsgate_signing_key,
        .drain_timeout_ms = settings.drain_timeout_s * 1000,
        .metrics = metrics,
    });
    if (!sender) {
        store_close(store);
        return EXIT_FAILURE;
    }
    int signal_fd = program_signal_fd();
    settings_socket_path(&settings, METRICS_OF_WEBHOOKS, metrics_path);
    metrics_publish(metrics, metrics_path); /* the store's lock says that it is the only sender */
    log_info("serving", LOG_TEXT("database", database));
    program_notify_ready();
    webhook_sender_run(sender, signal_fd);
    store_close(store);
    webhook_sender_free(sender);
    metrics_end(metrics);
    log_info("stopped");
    return EXIT_SUCCESS;
}
