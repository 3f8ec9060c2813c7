/* sms-gateway inbox: lists and shows incoming SMS. */
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/model/device.h"
#include "common/model/incoming_json.h"
#include "common/process/option_rules.h"
#include "deploy/cli/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LIMIT = 20, MAX_LIMIT = 1000, PAGE_TEXT_BYTES = 1 << 20 };

/* ---- list ---- */

/* False, after an error message, if the option has no time. *has: it was given. */
static bool read_time(const struct command *command, const char *name, bool *has, int64_t *wall_ms)
{
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    const char *value = command_option(command, name);
    *has = value;
    if (!value || option_rules_parse_time(value, wall_ms, reason) == ERROR_NONE)
        return true;
    command_refuse(command, "--%s %s", name, reason);
    return false;
}

/* 0, or the exit status if an option is wrong. */
static int read_query(const struct command *command, struct store_inbox_query *query)
{
    const char *sender = command_option(command, "from");
    const char *device_id = command_option(command, "device");
    int64_t limit = DEFAULT_LIMIT, sim = 0;
    *query = (struct store_inbox_query){.max_text_bytes = PAGE_TEXT_BYTES};
    if (sender)
        incoming_sms_address(sender, query->sender);
    if (sender && (!*query->sender || strlen(sender) >= INCOMING_ADDRESS_SIZE))
        return command_refuse(command, "a sender is a phone number, a short code or letters, 1 to "
                                       "64 bytes");
    if (device_id && !device_id_valid(device_id))
        return command_refuse(command, "a device id has 1 to 64 letters, digits, _ and -");
    if (!command_number(command, "limit", 1, MAX_LIMIT, &limit) ||
        !command_number(command, "sim", 1, MESSAGE_MAX_SIM, &sim) ||
        !read_time(command, "since", &query->has_stored_after, &query->stored_after_ms) ||
        !read_time(command, "until", &query->has_stored_before, &query->stored_before_ms))
        return COMMAND_EXIT_USAGE;
    if (device_id)
        strcpy(query->device_id, device_id);
    query->limit = (size_t)limit;
    query->sim = (unsigned)sim;
    return 0;
}

static void write_page(const struct command *command, const struct store_inbox_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        incoming_json_put(command->json, &page->incoming[i]);
        command_flush_json(command);
    }
}

static void print_page(const struct store_inbox_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct incoming_sms *sms = &page->incoming[i];
        char id[MESSAGE_ID_TEXT_SIZE], stored[CLOCK_TEXT_SIZE];
        message_id_format(&sms->id, id);
        clock_format(message_id_time_ms(&sms->id), stored);
        printf("%-36s  %.19sZ  %-16s  ", id, stored, sms->device_id);
        terminal_put(stdout, *sms->sender ? sms->sender : "(unknown)");
        fputs("  ", stdout);
        terminal_put(stdout, incoming_sms_text_is_removed(sms) ? "(deleted)" : sms->text);
        putchar('\n');
    }
}

/* One page at a time, so that many long texts take little memory. */
static enum error print_list(struct store_reader *reader, const struct command *command,
                             struct store_inbox_query query, size_t *count, int64_t *total)
{
    size_t limit = query.limit;
    bool more = true;
    enum error error = ERROR_NONE;
    for (*count = 0; error == ERROR_NONE && more && *count < limit;) {
        struct store_inbox_page page = {0};
        query.limit = limit - *count;
        error = store_list_inbox(reader, &query, &page);
        if (error == ERROR_NONE && *count == 0) {
            *total = page.total;
            if (page.count > 0 && !command->json)
                printf("%-36s  %-20s  %-16s  %s\n", "id", "stored", "device", "from, text");
        }
        if (error == ERROR_NONE && command->json)
            write_page(command, &page);
        else if (error == ERROR_NONE)
            print_page(&page);
        *count += page.count;
        more = page.has_older && page.count > 0;
        if (more) {
            query.position = STORE_OLDER_THAN;
            query.cursor = page.incoming[page.count - 1].id;
        }
        store_inbox_page_fini(&page);
    }
    return error;
}

static int list(struct store *store, const struct command *command)
{
    struct store_inbox_query query;
    struct store_reader *reader = NULL;
    size_t count = 0;
    int64_t total = 0;
    int status = read_query(command, &query);
    if (status != 0)
        return status;
    command_begin_list(command, "incoming");
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = print_list(reader, command, query, &count, &total);
    store_reader_close(reader);
    return command_end_list(command, error, count, total, query.limit, "incoming SMS");
}

/* ---- show ---- */

static void print_time(const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    command_print_line(name, text);
}

static void print_sms(const struct incoming_sms *sms)
{
    char id[MESSAGE_ID_TEXT_SIZE];
    message_id_format(&sms->id, id);
    command_print_line("id", id);
    if (sms->kind != INCOMING_SMS)
        command_print_line("kind", incoming_kind_name(sms->kind));
    command_print_line("from", *sms->sender ? sms->sender : "(unknown)");
    command_print_line("text", incoming_sms_text_is_removed(sms) ? "(deleted)" : sms->text);
    printf("%-12s  %u in %s\n", "segments", sms->segments, sms_encoding_name(sms->encoding));
    command_print_line("device", sms->device_id);
    if (*sms->recipient)
        command_print_line("to", sms->recipient);
    if (sms->sim != 0)
        command_print_line("SIM", (char[]){(char)('0' + sms->sim), '\0'});
    if (incoming_sms_device_time_ms(sms) != 0)
        print_time("received at", incoming_sms_device_time_ms(sms));
    print_time("stored at", message_id_time_ms(&sms->id));
    command_print_line("received id", sms->received_id);
}

static int show(struct store *store, const struct command *command)
{
    struct message_id id;
    struct incoming_sms sms = {.text = NULL};
    struct store_reader *reader = NULL;
    if (!message_id_parse(command->argument, &id))
        return command_refuse(command, "an id is like 019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1; see "
                                       "`sms-gateway inbox list`");
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_find_incoming(reader, &id, &sms);
    store_reader_close(reader);
    if (error == ERROR_INCOMING_NOT_FOUND)
        return command_fail(command, "there is no incoming SMS with the id %s", command->argument);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (command->json)
        incoming_json_put(command->json, &sms);
    else
        print_sms(&sms);
    incoming_sms_fini(&sms);
    return EXIT_SUCCESS;
}

static const struct command_option list_options[] = {
    {.name = "device", .value = "DEVICE_ID", .meaning = "only what this phone received"},
    {.name = "sim", .value = "N", .meaning = "only what the SIM in this slot (1-4) received"},
    {.name = "from", .value = "SENDER", .meaning = "only SMS from this number, short code or name"},
    {.name = "since",
     .value = "TIME",
     .meaning = "only SMS stored at this time or later, like 2026-11-23T09:45:00Z"},
    {.name = "until", .value = "TIME", .meaning = "only SMS stored before this time"},
    {.name = "limit", .value = "N", .meaning = "largest number of SMS (1-1000, default 20)"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "list",
     .meaning = "list incoming SMS with their texts, newest first",
     .options = list_options,
     .run = list},
    {.name = "show", .argument = "ID", .meaning = "show an incoming SMS", .run = show},
    {0},
};

const struct command_family inbox_commands = {
    .name = "inbox",
    .purpose = "list and show SMS that phones received",
    .actions = actions,
};
