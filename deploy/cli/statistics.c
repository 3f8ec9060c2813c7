/* sms-gateway statistics: message counts, devices, queue age and disk use. */
#include "common/base/clock.h"
#include "common/store/work.h"
#include "deploy/cli/command.h"

#include <inttypes.h>
#include <stdlib.h>

static void write_counts(struct json_writer *json, const char *name,
                         const int64_t counts[MESSAGE_STATUS_COUNT], int last)
{
    json_begin_object(json, name);
    for (int i = 0; i <= last; i++)
        json_put_integer(json, message_status_name((enum message_status)i), counts[i]);
    json_end_object(json);
}

static void write_waiting(struct json_writer *json, const int64_t counts[MESSAGE_WAIT_COUNT])
{
    json_begin_object(json, "waiting");
    for (int i = MESSAGE_WAIT_NONE + 1; i < MESSAGE_WAIT_COUNT; i++)
        json_put_integer(json, message_wait_name((enum message_wait_reason)i), counts[i]);
    json_end_object(json);
}

/* Those that there are. */
static void print_waiting(const int64_t counts[MESSAGE_WAIT_COUNT])
{
    for (int i = MESSAGE_WAIT_NONE + 1; i < MESSAGE_WAIT_COUNT; i++) {
        if (counts[i] > 0)
            printf("%-22s  %" PRId64 " for %s\n", "queued and waiting", counts[i],
                   message_wait_name((enum message_wait_reason)i));
    }
}

static void write_server(struct json_writer *json, const struct store_server_health *server)
{
    if (!server->is_there) {
        json_put_null(json, "server");
        return;
    }
    json_begin_object(json, "server");
    json_put_integer(json, "live_rows", server->live_rows);
    json_put_integer(json, "dead_rows", server->dead_rows);
    json_put_integer(json, "oldest_snapshot_seconds", server->oldest_snapshot_ms / 1000);
    json_put_integer(json, "standbys", server->standbys);
    json_put_bool(json, "standby_missing", server->standby_missing);
    json_put_integer(json, "replication_lag_bytes", server->lag_bytes);
    json_put_integer(json, "replication_lag_seconds", server->lag_ms / 1000);
    json_put_integer(json, "event_partitions", server->event_partitions);
    json_put_time(json, "event_partitions_from", server->oldest_partition_ms);
    json_put_time(json, "event_partitions_until", server->last_partition_ms);
    json_end_object(json);
}

static void print_server(const struct store_server_health *server)
{
    printf("%-22s  %" PRId64 " live, %" PRId64 " dead\n", "rows", server->live_rows,
           server->dead_rows);
    printf("%-22s  %" PRId64 " seconds\n", "oldest snapshot", server->oldest_snapshot_ms / 1000);
    printf("%-22s  %" PRId64 " connected%s, at most %" PRId64 " bytes and %" PRId64
           " seconds behind\n",
           "standbys", server->standbys, server->standby_missing ? ", but none to wait for" : "",
           server->lag_bytes, server->lag_ms / 1000);
    printf("%-22s  %" PRId64 "\n", "partitions of events", server->event_partitions);
}

static void write_statistics(struct json_writer *json, const struct store_statistics *statistics)
{
    json_begin_object(json, NULL);
    write_counts(json, "messages", statistics->messages, MESSAGE_STATUS_COUNT - 1);
    write_counts(json, "stuck", statistics->stuck, MESSAGE_SENDING);
    write_waiting(json, statistics->waiting);
    json_put_time(json, "oldest_queued_at", statistics->oldest_queued_ms);
    json_put_integer(json, "devices_connected", statistics->devices_connected);
    json_put_bool(json, "sending_paused", statistics->sending_paused);
    json_put_integer(json, "database_bytes", statistics->database_bytes);
    json_put_integer(json, "wal_bytes", statistics->wal_bytes);
    json_put_text(json, "durability", store_durability_name(statistics->durability));
    json_put_text(json, "durability_asked", store_durability_name(statistics->durability_asked));
    write_server(json, &statistics->server);
    json_end_object(json);
}

static void print_statistics(const struct store_statistics *statistics, int64_t stuck_minutes)
{
    int64_t stuck = 0, queued = statistics->stuck[MESSAGE_QUEUED];
    char since[CLOCK_TEXT_SIZE];
    puts("messages");
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++) {
        printf("  %-20s  %" PRId64 "\n", message_status_name((enum message_status)i),
               statistics->messages[i]);
        stuck += statistics->stuck[i];
    }
    print_waiting(statistics->waiting);
    clock_format(statistics->oldest_queued_ms, since);
    printf("%-22s  %s\n", "oldest queued since",
           statistics->oldest_queued_ms ? since : "queue is empty");
    bool more = queued >= STORE_MOST_STUCK || stuck - queued >= STORE_MOST_STUCK;
    printf("%-22s  %" PRId64 "%s (in one status for more than %" PRId64 " minutes)\n", "stuck",
           stuck, more ? " or more" : "", stuck_minutes);
    printf("%-22s  %" PRId64 "\n", "phones connected", statistics->devices_connected);
    printf("%-22s  %s\n", "sending", statistics->sending_paused ? "paused" : "active");
    printf("%-22s  %" PRId64 " bytes\n", "database", statistics->database_bytes);
    printf("%-22s  %s%s\n", "durability", store_durability_name(statistics->durability),
           statistics->durability < statistics->durability_asked ? ", less than asked for" : "");
    if (statistics->server.is_there)
        print_server(&statistics->server);
    else
        printf("%-22s  %" PRId64 " bytes\n", "write-ahead log", statistics->wal_bytes);
}

static int show(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct store_statistics statistics;
    int64_t minutes = command->settings.stuck_after_minutes;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_read_statistics(reader, minutes * 60 * 1000, &statistics);
    if (error == ERROR_NONE && command->json)
        write_statistics(command->json, &statistics);
    else if (error == ERROR_NONE)
        print_statistics(&statistics, minutes);
    store_reader_close(reader);
    return error == ERROR_NONE ? EXIT_SUCCESS : command_fail_error(command, error);
}

static const struct command_action actions[] = {
    {.name = "",
     .meaning =
         "show message counts by status, stuck messages (STUCK_AFTER_MINUTES), the age of "
         "the queue, connected phones, whether sending is paused, what a message survives "
         "(DATABASE_DURABILITY), and the sizes of the "
         "database and its write-ahead log; of PostgreSQL its dead rows, the age of its oldest "
         "snapshot and its standbys",
     .run = show},
    {0},
};

const struct command_family statistics_commands = {
    .name = "statistics",
    .purpose = "show message counts, devices, queue age and disk use",
    .actions = actions,
};
