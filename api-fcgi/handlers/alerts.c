#include "api-fcgi/handlers/alerts.h"

#include "common/base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum alert {
#define ALERT(id, code, severity, cure) ALERT_##id,
#include "api-fcgi/handlers/alerts.def"
#undef ALERT
    ALERT_COUNT
};

static const struct {
    const char *code, *severity, *cure;
} alerts[ALERT_COUNT] = {
#define ALERT(id, code, severity, cure) {code, severity, cure},
#include "api-fcgi/handlers/alerts.def"
#undef ALERT
};

enum { DETAIL_SIZE = 400, NEAR_PERCENT = 80 };

static void PRINTF_FORMAT(3, 4)
    put(struct json_writer *json, enum alert alert, const char *format, ...)
{
    char detail[DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    utf8_trim(detail);
    json_begin_object(json, NULL);
    json_put_text(json, "code", alerts[alert].code);
    json_put_text(json, "severity", alerts[alert].severity);
    json_put_text(json, "detail", detail);
    json_put_text(json, "cure", alerts[alert].cure);
    json_end_object(json);
}

/* Puts it where `count` are, or do, something. */
static void put_count(struct json_writer *json, enum alert alert, int64_t count, const char *one,
                      const char *many)
{
    if (count == 1)
        put(json, alert, "One %s.", one);
    else if (count > 1)
        put(json, alert, "%" PRId64 " %s.", count, many);
}

/* ---- What refuses new messages ---- */

static void put_gateway(struct json_writer *json, const struct alert_facts *facts)
{
    const struct store_statistics *statistics = facts->statistics;
    const struct settings *settings = facts->settings;
    int64_t age_ms = statistics->oldest_queued_ms ? facts->now_ms - statistics->oldest_queued_ms
                                                  : 0;
    if (!facts->broker_up)
        put(json, ALERT_BROKER_DOWN,
            "The broker does not run: no phone is connected, nothing is sent.");
    if (statistics->disk_size_bytes > 0 &&
        statistics->disk_free_bytes < settings->min_free_disk_bytes)
        put(json, ALERT_DISK_FULL, "New messages are refused: the disk has %" PRId64 " MiB left.",
            statistics->disk_free_bytes >> 20);
    if (settings->max_wal_bytes > 0 && statistics->wal_bytes > settings->max_wal_bytes)
        put(json, ALERT_WAL_FULL,
            "New messages are refused: the write-ahead log of the database has %" PRId64 " MiB.",
            statistics->wal_bytes >> 20);
    if (statistics->server.standby_missing)
        put(json, ALERT_STANDBY_MISSING,
            "New messages are refused: commits wait for a standby of the database, and none is"
            " connected.");
    if (statistics->durability < statistics->durability_asked)
        put(json, ALERT_DURABILITY_LOW, "%s",
            statistics->durability_asked == STORE_DURABILITY_STANDBY
                ? "New messages are refused: they must survive the loss of the database's server,"
                  " and commits wait for no standby."
                : "A crash of the database's server may lose messages: its fsync or"
                  " full_page_writes is off.");
    if (facts->sending->paused_since_ms)
        put(json, ALERT_SENDING_PAUSED, "Sending is paused, and new messages are refused: %s.",
            *facts->sending->reason ? facts->sending->reason : "no reason was given");
    if (settings->max_queue_age_minutes > 0 && age_ms > settings->max_queue_age_minutes * 60000)
        put(json, ALERT_QUEUE_TOO_OLD,
            "New messages are refused: the oldest one that is due waits for %" PRId64 " minutes.",
            age_ms / 60000);
}

static void put_daily_limit(struct json_writer *json, const struct alert_facts *facts, bool reached)
{
    int64_t most = facts->settings->daily_messages, today = facts->accepted->today;
    if (most == 0 || today * 100 < most * NEAR_PERCENT || (today >= most) != reached)
        return;
    put(json, reached ? ALERT_DAILY_LIMIT_REACHED : ALERT_DAILY_LIMIT_NEAR,
        "%" PRId64 " of the %" PRId64 " messages of today were accepted%s.", today, most,
        reached ? "; new ones are refused" : "");
}

/* ---- Messages ---- */

/* What needs a person, in the order of its weight. */
static const enum message_wait_reason for_people[] = {
    MESSAGE_WAIT_DEVICE_OFFLINE, MESSAGE_WAIT_DEVICE_DISABLED, MESSAGE_WAIT_SIM_MISSING,
    MESSAGE_WAIT_BATTERY,        MESSAGE_WAIT_DEVICE_BUDGET,   MESSAGE_WAIT_NO_DEVICE,
};

static void put_messages(struct json_writer *json, const struct alert_facts *facts)
{
    int64_t stuck = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(for_people); i++) {
        int64_t count = facts->statistics->waiting[for_people[i]];
        if (count > 0)
            put(json, ALERT_MESSAGES_WAITING, "%" PRId64 " %s. %s", count,
                count == 1 ? "message waits" : "messages wait", message_wait_detail(for_people[i]));
    }
    for (int status = MESSAGE_DISPATCHED; status <= MESSAGE_SENDING; status++)
        stuck += facts->statistics->stuck[status];
    put_count(json, ALERT_MESSAGES_STUCK, stuck,
              "message that a phone has stays in one status for longer than STUCK_AFTER_MINUTES",
              "messages that phones have stay in one status for longer than STUCK_AFTER_MINUTES");
}

/* ---- Webhooks and devices ---- */

static void put_webhooks(struct json_writer *json, const struct alert_facts *facts)
{
    bool any = false;
    for (size_t i = 0; i < facts->webhook_count; i++)
        any |= facts->webhooks[i].enabled;
    if (any && !facts->webhook_sender_up)
        put(json, ALERT_WEBHOOK_SENDER_DOWN,
            "No event is delivered to webhooks: their sender does not run.");
    for (size_t i = 0; i < facts->webhook_count; i++) {
        const struct webhook *webhook = &facts->webhooks[i];
        if (!webhook->enabled && *webhook->disabled_reason)
            put(json, ALERT_WEBHOOK_DISABLED, "%s was disabled: %s.", webhook->id,
                webhook->disabled_reason);
    }
    for (size_t i = 0; i < facts->webhook_count; i++) {
        const struct webhook *webhook = &facts->webhooks[i];
        if (webhook->enabled && webhook->health.failing_since_ms)
            put(json, ALERT_WEBHOOK_FAILING, "The receiver of %s fails: %s.", webhook->id,
                *webhook->health.last_error ? webhook->health.last_error
                                            : "it does not answer 2xx");
    }
}

/* As deploy/prometheus/alerts.yml has them. */
static void put_server(struct json_writer *json, const struct store_server_health *server)
{
    enum { OLD_SNAPSHOT_MS = 10 * 60000, FAR_BEHIND_BYTES = 256 << 20, FAR_BEHIND_MS = 60000 };
    if (server->oldest_snapshot_ms > OLD_SNAPSHOT_MS)
        put(json, ALERT_OLD_SNAPSHOT,
            "A transaction in the database is %" PRId64
            " minutes old: it keeps dead rows from being removed, and the queue becomes slow.",
            server->oldest_snapshot_ms / 60000);
    if (server->lag_bytes > FAR_BEHIND_BYTES || server->lag_ms > FAR_BEHIND_MS)
        put(json, ALERT_STANDBY_BEHIND,
            "A standby of the database is %" PRId64 " MiB and %" PRId64 " seconds behind.",
            server->lag_bytes >> 20, server->lag_ms / 1000);
}

static void put_devices(struct json_writer *json, const struct store_statistics *statistics)
{
    put_count(json, ALERT_BATTERY_LOW, statistics->devices_battery_low,
              "connected phone has a low battery, and is not charging",
              "connected phones have a low battery, and are not charging");
    if (statistics->devices_connected > 0)
        put_count(json, ALERT_DEVICES_OFFLINE, statistics->devices_offline,
                  "paired phone is not connected", "paired phones are not connected");
    put_count(json, ALERT_DEVICES_DISABLED, statistics->devices_disabled, "phone is disabled",
              "phones are disabled");
    if (!statistics->any_device)
        put(json, ALERT_NO_DEVICE, "No phone is paired yet: messages wait for one.");
}

void alerts_put(struct json_writer *json, const struct alert_facts *facts)
{
    const struct store_statistics *statistics = facts->statistics;
    json_begin_array(json, "alerts");
    put_gateway(json, facts);
    put_daily_limit(json, facts, true);
    if (facts->shows_devices) {
        put_count(json, ALERT_DEVICE_QUARANTINED, statistics->devices_quarantined,
                  "phone is in quarantine", "phones are in quarantine");
        if (facts->broker_up && statistics->any_device && statistics->devices_connected == 0)
            put(json, ALERT_NO_DEVICE_CONNECTED, "No phone is connected: nothing is sent.");
    }
    put_messages(json, facts);
    put_webhooks(json, facts);
    put_daily_limit(json, facts, false);
    put_server(json, &statistics->server);
    if (facts->shows_devices)
        put_devices(json, statistics);
    json_end_array(json);
}
