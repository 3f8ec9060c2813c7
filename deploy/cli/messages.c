/* sms-gateway messages: lists, shows, erases and purges messages. */
#include "deploy/cli/messages.h"
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/model/message_json.h"
#include "common/process/option_rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LIMIT = 20, MAX_LIMIT = 1000, PAGE_TEXT_BYTES = 1 << 20 };

/* ---- list ---- */

/* The filters by what was asked for. 0, or the exit status. */
static int read_option_filters(const struct command *command, struct store_query *query)
{
    static const struct message_id none;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    const char *reference = command_option(command, "reference");
    const char *batch_id = command_option(command, "batch");
    const char *group = command_option(command, "group");
    if (reference && option_rules_copy_reference(reference, query->reference, reason) != ERROR_NONE)
        return command_refuse(command, "the reference %s", reason);
    if (batch_id && (!message_id_parse(batch_id, &query->batch_id) ||
                     message_id_equal(&query->batch_id, &none)))
        return command_refuse(command, "a batch id is like 019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1");
    if (group && !device_group_valid(group))
        return command_refuse(command, "a group has 1 to 32 letters, digits, ., _ and -");
    if (group)
        strcpy(query->device_group, group);
    return 0;
}

/* 0, or the exit status if an option is wrong. */
static int read_query(const struct command *command, struct store_query *query)
{
    char reason[PHONE_NUMBER_REASON_SIZE];
    const char *status = command_option(command, "status");
    const char *number = command_option(command, "phone-number");
    const char *device_id = command_option(command, "device");
    int64_t limit = DEFAULT_LIMIT;
    *query = (struct store_query){.has_status = status};
    if (status && !message_status_parse(status, &query->status))
        return command_refuse(command, "there is no status \"%s\"; --help lists them", status);
    if (number && !phone_number_normalise(number, query->phone_number, reason))
        return command_refuse(command, "the phone number %s", reason);
    if (device_id && !device_id_valid(device_id))
        return command_refuse(command, "a device id has 1 to 64 letters, digits, _ and -");
    if (!command_number(command, "limit", 1, MAX_LIMIT, &limit))
        return COMMAND_EXIT_USAGE;
    if (device_id)
        strcpy(query->device_id, device_id);
    query->limit = (size_t)limit;
    query->max_text_bytes = PAGE_TEXT_BYTES;
    return read_option_filters(command, query);
}

static void write_messages(const struct command *command, const struct store_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        message_json_put(command->json, &page->messages[i], true);
        command_flush_json(command);
    }
}

static void print_messages(const struct store_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct message *message = &page->messages[i];
        char id[MESSAGE_ID_TEXT_SIZE], created[CLOCK_TEXT_SIZE];
        message_id_format(&message->id, id);
        clock_format(message_id_time_ms(&message->id), created);
        printf("%-36s  %.19sZ  %-10s  %-16s  ", id, created, message_status_name(message->status),
               message->phone_number);
        terminal_put(stdout, message->text);
        putchar('\n');
    }
}

/* One page at a time, so that many long texts take little memory. */
static enum error print_list(struct store_reader *reader, const struct command *command,
                             struct store_query query, size_t *count, int64_t *total)
{
    size_t limit = query.limit;
    bool more = true;
    enum error error = ERROR_NONE;
    for (*count = 0; error == ERROR_NONE && more && *count < limit;) {
        struct store_page page = {0};
        query.limit = limit - *count;
        error = store_list_messages(reader, &query, &page);
        if (error == ERROR_NONE && *count == 0) {
            *total = page.total;
            if (page.count > 0 && !command->json)
                printf("%-36s  %-20s  %-10s  %-16s  %s\n", "id", "created", "status",
                       "phone number", "text");
        }
        if (error == ERROR_NONE && command->json)
            write_messages(command, &page);
        else if (error == ERROR_NONE)
            print_messages(&page);
        *count += page.count;
        more = page.has_older && page.count > 0;
        if (more) {
            query.position = STORE_OLDER_THAN;
            query.cursor = page.messages[page.count - 1].id;
        }
        store_page_fini(&page);
    }
    return error;
}

static int list(struct store *store, const struct command *command)
{
    struct store_query query;
    struct store_reader *reader = NULL;
    size_t count = 0;
    int64_t total = 0;
    int status = read_query(command, &query);
    if (status != 0)
        return status;
    command_begin_list(command, "messages");
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = print_list(reader, command, query, &count, &total);
    store_reader_close(reader);
    return command_end_list(command, error, count, total, query.limit, "messages");
}

/* ---- show ---- */

/* "no_service: The phone had no network" */
static void print_error(const char *code, const char *text)
{
    terminal_put(stdout, code);
    if (*code && *text)
        fputs(": ", stdout);
    terminal_put(stdout, text);
}

static void print_time(const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (wall_ms == 0)
        return;
    clock_format(wall_ms, text);
    command_print_line(name, text);
}

/* Those that are set. */
static void print_options(const struct message *message)
{
    static const struct message_id none;
    const struct message_options *options = &message->options;
    char batch_id[MESSAGE_ID_TEXT_SIZE];
    if (*options->target.device_id)
        command_print_line("only device", options->target.device_id);
    if (*options->target.device_group)
        command_print_line("only group", options->target.device_group);
    if (options->target.sim != 0)
        printf("%-12s  %u\n", "only SIM", options->target.sim);
    print_time("send at", options->send_at_ms);
    print_time("expires at", options->expires_at_ms);
    if (options->priority != MESSAGE_PRIORITY_NORMAL)
        command_print_line("priority", message_priority_name(options->priority));
    if (*options->reference)
        command_print_line("reference", options->reference);
    if (options->no_delivery_report)
        command_print_line("report", "no delivery report is asked for");
    if (options->content == MESSAGE_DATA)
        printf("%-12s  data for port %u\n", "content", options->data_port);
    if (options->content == MESSAGE_ENCRYPTED)
        command_print_line("content", "encrypted by the client for the app of the device");
    if (!message_id_equal(&message->batch_id, &none)) {
        message_id_format(&message->batch_id, batch_id);
        command_print_line("batch", batch_id);
    }
}

static void print_wait(const struct message *message)
{
    char until[CLOCK_TEXT_SIZE];
    const char *reason = message_wait_name(message->wait.reason);
    if (!reason)
        return;
    printf("%-12s  %s", "waiting for", reason);
    if (message->wait.until_ms != 0) {
        clock_format(message->wait.until_ms, until);
        printf(" until %s", until);
    }
    printf(": %s\n", message_wait_detail(message->wait.reason));
}

static void print_message(const struct message *message)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&message->id, id);
    command_print_line("id", id);
    command_print_line("phone number", message->phone_number);
    command_print_line("text", *message->text
                                   ? message_content_text(message->options.content, message->text)
                                   : "(deleted)");
    printf("%-12s  %u in %s\n", "segments", message->segments,
           sms_encoding_name(message->encoding));
    command_print_line("status", message_status_name(message->status));
    print_wait(message);
    command_print_line("device", *message->device_id ? message->device_id : "none");
    if (message->device_sim != 0)
        command_print_line("by its SIM", (char[]){(char)('0' + message->device_sim), '\0'});
    if (*message->error_code || *message->error_message) {
        printf("%-12s  ", "error");
        print_error(message->error_code, message->error_message);
        putchar('\n');
    }
    print_options(message);
    puts("history");
}

void messages_print_event(const struct message_event *event)
{
    char at[CLOCK_TEXT_SIZE];
    clock_format(event->at_ms, at);
    printf("  %s  %-10s  attempt %-3u  %-16s  %s  ", at, message_status_name(event->status),
           event->attempt, transition_reason_name(event->reason), event->device_id);
    print_error(event->error_code, event->error_message);
    putchar('\n');
}

static void begin_message(const struct command *command, const struct message *message)
{
    if (command->json) {
        json_begin_object(command->json, NULL);
        message_json_put_members(command->json, message, true);
        json_begin_array(command->json, "events");
    } else {
        print_message(message);
    }
}

static void end_message(const struct command *command)
{
    if (command->json) {
        json_end_array(command->json);
        json_end_object(command->json);
    }
}

/* A page at a time: an offer that comes back again and again leaves many. */
enum error messages_print_history(struct store_reader *reader, const struct command *command,
                                  const struct message *message)
{
    enum { PAGE_EVENTS = 1000 };
    size_t count = PAGE_EVENTS;
    enum error error = ERROR_NONE;
    for (int64_t after = 0; error == ERROR_NONE && count == PAGE_EVENTS; after += PAGE_EVENTS) {
        struct message_event *events = NULL;
        error = store_read_history(reader, &message->id, after, PAGE_EVENTS, &events, &count);
        if (error == ERROR_NONE && after == 0)
            begin_message(command, message);
        for (size_t i = 0; error == ERROR_NONE && i < count; i++) {
            if (command->json)
                message_json_put_event(command->json, &events[i]);
            else
                messages_print_event(&events[i]);
        }
        if (command->json)
            command_flush_json(command);
        free(events);
    }
    if (error == ERROR_NONE)
        end_message(command);
    return error;
}

int messages_read_id(const struct command *command, struct message_id *id)
{
    if (message_id_parse(command->argument, id))
        return 0;
    return command_refuse(command, "a message id is like 019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1; see "
                                   "`sms-gateway messages list`");
}

int messages_fail(const struct command *command, enum error error)
{
    if (error == ERROR_MESSAGE_NOT_FOUND)
        return command_fail(command, "there is no message with the id %s", command->argument);
    return command_fail_error(command, error);
}

static int show(struct store *store, const struct command *command)
{
    struct message_id id;
    struct message message = {0};
    struct store_reader *reader = NULL;
    int status = messages_read_id(command, &id);
    if (status != 0)
        return status;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_find_message(reader, &id, &message);
    if (error == ERROR_NONE)
        error = messages_print_history(reader, command, &message);
    message_fini(&message);
    store_reader_close(reader);
    return error == ERROR_NONE ? EXIT_SUCCESS : messages_fail(command, error);
}

/* ---- erase, purge ---- */

static int erase(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_ERASE};
    int status = messages_read_id(command, &write.erase.id);
    if (status != 0)
        return status;
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return messages_fail(command, error);
    if (!write.erase.erased)
        return command_fail(command, "%s is queued or in flight: cancel it first",
                            command->argument);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "erased", command->argument);
        json_end_object(command->json);
    } else {
        puts("Erased the message, its text and its history. Backups still contain it.");
    }
    return EXIT_SUCCESS;
}

static const int64_t DAY_MS = 24 * 3600 * 1000;

static int purge(struct store *store, const struct command *command)
{
    enum { PIECE = 100, MOST_DAYS = 36500 };
    int64_t text_days = command->settings.text_retention_days, texts = 0, messages = 0;
    int64_t message_days = command->settings.message_retention_days, incoming = 0;
    if (!command_number(command, "text-days", 0, MOST_DAYS, &text_days) ||
        !command_number(command, "message-days", 0, MOST_DAYS, &message_days))
        return COMMAND_EXIT_USAGE;
    struct store_write write = {.verb = STORE_PURGE};
    write.purge.text_age_ms = text_days * DAY_MS;
    write.purge.message_age_ms = message_days * DAY_MS;
    write.purge.incoming_age_ms = command->settings.inbox_retention_days * DAY_MS;
    write.purge.limit = PIECE;
    do {
        enum error error = store_run(store, &write);
        if (error != ERROR_NONE && texts + messages + incoming > 0)
            return command_fail(command,
                                "%s. %lld texts, %lld messages and %lld incoming SMS were deleted "
                                "before; run the command again to continue",
                                error_title(error), (long long)texts, (long long)messages,
                                (long long)incoming);
        if (error != ERROR_NONE)
            return command_fail_error(command, error);
        texts += write.purge.texts;
        messages += write.purge.messages;
        incoming += write.purge.incoming;
    } while (write.purge.more);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_integer(command->json, "texts", texts);
        json_put_integer(command->json, "messages", messages);
        json_put_integer(command->json, "incoming", incoming);
        json_end_object(command->json);
    } else {
        printf("Deleted %" PRId64 " texts, %" PRId64 " messages and %" PRId64 " incoming SMS.\n",
               texts, messages, incoming);
    }
    return EXIT_SUCCESS;
}

static const struct command_option list_options[] = {
    {.name = "status",
     .value = "STATUS",
     .meaning = "only messages that are queued, dispatched, accepted, sending, sent, delivered, "
                "failed, expired, cancelled or unknown",
     .words = "queued dispatched accepted sending sent delivered failed expired cancelled unknown"},
    {.name = "phone-number",
     .value = "NUMBER",
     .meaning = "only messages to this number, like +491511234567"},
    {.name = "device",
     .value = "DEVICE_ID",
     .meaning = "only messages that were last dispatched to this phone"},
    {.name = "group",
     .value = "GROUP",
     .meaning = "only messages that were meant for the phones of this group"},
    {.name = "reference",
     .value = "TEXT",
     .meaning = "only messages with exactly this reference of their client"},
    {.name = "batch", .value = "ID", .meaning = "only messages of this batch"},
    {.name = "limit", .value = "N", .meaning = "largest number of messages (1-1000, default 20)"},
    {0},
};

static const struct command_option purge_options[] = {
    {.name = "text-days",
     .value = "N",
     .meaning =
         "delete texts this many days after their message finished, or their incoming SMS was "
         "stored (0: none, default: the setting TEXT_RETENTION_DAYS)"},
    {.name = "message-days",
     .value = "N",
     .meaning = "delete messages this many days after they finished (0: none, default: the setting "
                "MESSAGE_RETENTION_DAYS)"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "send",
     .argument = "NUMBER TEXT",
     .meaning = "send TEXT, or with - the standard input, to a number like +491511234567; prints "
                "the message's id. The limits and rules are those of the API",
     .options = messages_send_options,
     .run = messages_send},
    {.name = "list",
     .meaning = "list messages with their texts, newest first",
     .options = list_options,
     .run = list},
    {.name = "show", .argument = "ID", .meaning = "show a message and its history", .run = show},
    {.name = "resend",
     .argument = "ID",
     .meaning =
         "send the text of a failed, expired, cancelled or unknown message once more, as a new "
         "message; it counts for the limits",
     .options = messages_resend_options,
     .run = messages_resend},
    {.name = "erase",
     .argument = "ID",
     .meaning = "erase a finished message, with its text and history",
     .run = erase},
    {.name = "purge",
     .meaning = "delete old texts, messages and incoming SMS now; the gateway also does it by "
                "itself, a little "
                "at a time",
     .options = purge_options,
     .run = purge},
    {0},
};

const struct command_family messages_commands = {
    .name = "messages",
    .purpose = "send, list, show, resend, erase and purge messages",
    .actions = actions,
};
