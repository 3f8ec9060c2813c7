/* sms-gateway webhooks: creates, lists, changes and tests webhooks, and sends events again. */
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/model/device_groups.h"
#include "common/model/event_types.h"
#include "common/process/option_rules.h"
#include "common/process/webhook_url.h"
#include "common/store/webhook_json.h"
#include "deploy/cli/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_DELIVERIES = 20, MOST_DELIVERIES = 1000 };

/* ---- Errors ---- */

static int fail(const struct command *command, enum error error)
{
    switch (error) {
    case ERROR_WEBHOOK_NOT_FOUND:
        return command_fail(command, "no webhook has the ID %s; see `sms-gateway webhooks list`",
                            command->argument);
    case ERROR_TOO_MANY_WEBHOOKS:
        return command_fail(command, "there are %d webhooks, and no more are allowed; delete one",
                            STORE_MAX_WEBHOOKS);
    case ERROR_WEBHOOK_DISABLED:
        return command_fail(command,
                            "it is disabled, and nothing is sent to it; enable it first: "
                            "`sms-gateway webhooks change %s --enabled yes`",
                            command->argument);
    case ERROR_EVENT_NOT_FOUND:
        return command_fail(command, "there is no such event, or retention has removed it");
    default:
        return command_fail_error(command, error);
    }
}

/* Copies the ID of the command line; false for one that no webhook can have. */
static bool take_id(const struct command *command, char id[WEBHOOK_ID_SIZE])
{
    if (strlen(command->argument) >= WEBHOOK_ID_SIZE) {
        command_refuse(command,
                       "a webhook ID is wh_ and 12 characters; see `sms-gateway webhooks list`");
        return false;
    }
    strcpy(id, command->argument);
    return true;
}

/* ---- Options ---- */

/* The words of a list, separated by commas. False after an error message. */
static bool take_types(const struct command *command, struct webhook_change *change)
{
    char name[64];
    bool all = false;
    const char *list = command_option(command, "types");
    change->sets_types = list;
    while (list && *list) {
        uint32_t types = 0;
        bool is_all = false;
        size_t length = strcspn(list, ",");
        snprintf(name, sizeof(name), "%.*s", (int)length, list);
        if (length >= sizeof(name) || !webhook_type_parse(name, &types, &is_all)) {
            command_refuse(command,
                           "%s is not a type of events; there are message.delivered, "
                           "inbox.received and others, message.* for all of a kind, and * for all",
                           name);
            return false;
        }
        all |= is_all;
        change->values.types |= types;
        list += length + (list[length] == ',');
    }
    if (all)
        change->values.types = 0;
    return true;
}

static bool take_yes(const struct command *command, const char *name, bool *is_set, bool *value)
{
    const char *text = command_option(command, name);
    *is_set = text;
    if (text && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
        command_refuse(command, "--%s must be yes or no", name);
        return false;
    }
    if (text)
        *value = strcmp(text, "yes") == 0;
    return true;
}

static bool take_url(const struct command *command, const char *url, struct webhook_change *change)
{
    struct webhook_rules rules;
    char problem[ERRMSG_SIZE];
    change->sets_url = url;
    if (!url)
        return true;
    if (!webhook_rules_read(&command->settings, &rules, problem)) {
        command_refuse(command, "%s", problem);
        return false;
    }
    if (!webhook_url_check(url, &rules, problem)) {
        command_refuse(command, "the URL %s", problem);
        return false;
    }
    strcpy(change->values.url, url);
    return true;
}

static bool take_texts(const struct command *command, struct webhook_change *change)
{
    char problem[ERRMSG_SIZE];
    const char *group = command_option(command, "device-group");
    const char *description = command_option(command, "description");
    change->sets_device_group = group;
    change->sets_description = description;
    if (group && *group && !device_group_valid(group)) {
        command_refuse(command, "a group has 1 to 32 letters, digits, dots, _ and -");
        return false;
    }
    if (description && !webhook_description_check(description, problem)) {
        command_refuse(command, "the description %s", problem);
        return false;
    }
    strcpy(change->values.device_group, group ? group : "");
    strcpy(change->values.description, description ? description : "");
    return true;
}

static bool take_change(const struct command *command, const char *url,
                        struct webhook_change *change)
{
    return take_url(command, url, change) && take_types(command, change) &&
           take_texts(command, change) &&
           take_yes(command, "with-text", &change->sets_with_text, &change->values.with_text) &&
           take_yes(command, "enabled", &change->sets_enabled, &change->values.enabled);
}

/* ---- What is shown ---- */

static void print_time(const char *name, int64_t at_ms, const char *never)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(at_ms, text);
    printf("  %-16s %s\n", name, at_ms ? text : never);
}

static void print_text(const char *name, const char *text)
{
    printf("  %-16s ", name);
    terminal_put(stdout, text);
    putchar('\n');
}

static const char *state_of(const struct webhook *webhook)
{
    return !webhook->enabled                  ? "disabled"
           : webhook->health.failing_since_ms ? "failing"
                                              : "enabled";
}

static void print_webhook(const struct webhook *webhook)
{
    char types[WEBHOOK_TYPES_TEXT_SIZE];
    const struct webhook_health *health = &webhook->health;
    webhook_types_format(webhook->types, types);
    printf("%s, %s\n", webhook->id, state_of(webhook));
    print_text("url", webhook->url);
    print_text("types", types);
    if (*webhook->device_group)
        print_text("device group", webhook->device_group);
    print_text("with text", webhook->with_text ? "yes" : "no");
    if (*webhook->description)
        print_text("description", webhook->description);
    if (*webhook->disabled_reason)
        print_text("disabled because", webhook->disabled_reason);
    if (*webhook->old_secret)
        print_time("old secret until", webhook->old_secret_until_ms, "");
    print_time("created", webhook->created_at_ms, "");
    print_time("last success", health->last_success_at_ms, "never");
    if (health->failing_since_ms)
        print_time("failing since", health->failing_since_ms, "");
    if (health->next_try_ms)
        print_time("next try", health->next_try_ms, "");
    if (*health->last_error)
        print_text("last error", health->last_error);
}

/* The secret alone goes to stdout, as a key does. */
static void show_with_secret(const struct command *command, const struct webhook *webhook)
{
    if (command->json) {
        webhook_json_put(command->json, webhook, true);
        return;
    }
    fprintf(stderr, "Webhook %s; its secret, shown only once:\n", webhook->id);
    puts(webhook->secret);
}

/* ---- create, change, rotate, delete ---- */

static int create(struct store *store, const struct command *command)
{
    struct webhook_change change = {.values.enabled = true};
    if (!take_change(command, command->argument, &change))
        return COMMAND_EXIT_USAGE;
    struct webhook *webhook = &change.values;
    if (!webhook_id_make(webhook->id) || !webhook_secret_make(webhook->secret))
        return command_fail_error(command, ERROR_INTERNAL);
    struct store_write write = {.verb = STORE_CREATE_WEBHOOK, .create_webhook.webhook = webhook};
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return fail(command, error);
    show_with_secret(command, webhook);
    return EXIT_SUCCESS;
}

static enum error run_change(struct store *store, const char *id,
                             const struct webhook_change *change, struct webhook *webhook)
{
    struct store_write write = {
        .verb = STORE_CHANGE_WEBHOOK,
        .change_webhook = {.change = change, .webhook = webhook, .may_read_texts = true},
    };
    strcpy(write.change_webhook.id, id);
    return store_run(store, &write);
}

static int change(struct store *store, const struct command *command)
{
    char id[WEBHOOK_ID_SIZE];
    struct webhook webhook;
    struct webhook_change change = {0};
    if (!take_id(command, id) || !take_change(command, command_option(command, "url"), &change))
        return COMMAND_EXIT_USAGE;
    enum error error = run_change(store, id, &change, &webhook);
    if (error != ERROR_NONE)
        return fail(command, error);
    if (command->json)
        webhook_json_put(command->json, &webhook, false);
    else
        print_webhook(&webhook);
    return EXIT_SUCCESS;
}

static int rotate(struct store *store, const struct command *command)
{
    char id[WEBHOOK_ID_SIZE];
    struct webhook webhook;
    struct webhook_change change = {.sets_secret = true};
    if (!take_id(command, id))
        return COMMAND_EXIT_USAGE;
    if (!webhook_secret_make(change.values.secret))
        return command_fail_error(command, ERROR_INTERNAL);
    enum error error = run_change(store, id, &change, &webhook);
    if (error != ERROR_NONE)
        return fail(command, error);
    show_with_secret(command, &webhook);
    return EXIT_SUCCESS;
}

static int remove_one(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REMOVE_WEBHOOK};
    if (!take_id(command, write.remove_webhook.id))
        return COMMAND_EXIT_USAGE;
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return fail(command, error);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "webhook_id", command->argument);
        json_put_bool(command->json, "deleted", true);
        json_end_object(command->json);
    } else {
        printf("Webhook %s is deleted.\n", command->argument);
    }
    return EXIT_SUCCESS;
}

/* ---- list, show ---- */

static void print_row(const struct webhook *webhook)
{
    char types[WEBHOOK_TYPES_TEXT_SIZE];
    webhook_types_format(webhook->types, types);
    if (strlen(types) > 30)
        strcpy(types + 27, "...");
    printf("%-15s  %-8s  %-30s  ", webhook->id, state_of(webhook), types);
    terminal_put(stdout, webhook->url);
    putchar('\n');
}

static int list(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct webhook *webhooks = NULL;
    size_t count = 0;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_list_webhooks(reader, &webhooks, &count);
    store_reader_close(reader);
    if (error == ERROR_NONE && command->json) {
        json_begin_object(command->json, NULL);
        json_begin_array(command->json, "webhooks");
        for (size_t i = 0; i < count; i++)
            webhook_json_put(command->json, &webhooks[i], false);
        json_end_array(command->json);
        json_put_integer(command->json, "count", (int64_t)count);
        json_end_object(command->json);
    } else if (error == ERROR_NONE) {
        printf("%-15s  %-8s  %-30s  %s\n", "id", "state", "types", "url");
        for (size_t i = 0; i < count; i++)
            print_row(&webhooks[i]);
    }
    free(webhooks);
    return error == ERROR_NONE ? EXIT_SUCCESS : command_fail_error(command, error);
}

static enum error find(struct store_reader *reader, const char *id, struct webhook *webhook)
{
    bool found;
    enum error error = store_find_webhook(reader, id, webhook, &found);
    return error == ERROR_NONE && !found ? ERROR_WEBHOOK_NOT_FOUND : error;
}

static int show(struct store *store, const struct command *command)
{
    char id[WEBHOOK_ID_SIZE];
    struct webhook webhook;
    struct store_reader *reader = NULL;
    if (!take_id(command, id))
        return COMMAND_EXIT_USAGE;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = find(reader, id, &webhook);
    store_reader_close(reader);
    if (error != ERROR_NONE)
        return fail(command, error);
    if (command->json)
        webhook_json_put(command->json, &webhook, false);
    else
        print_webhook(&webhook);
    return EXIT_SUCCESS;
}

/* ---- test, deliveries, redeliver ---- */

static int test(struct store *store, const struct command *command)
{
    char name[WEBHOOK_DELIVERY_NAME_SIZE];
    struct store_write write = {.verb = STORE_TEST_WEBHOOK};
    if (!take_id(command, write.test_webhook.id))
        return COMMAND_EXIT_USAGE;
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return fail(command, error);
    webhook_delivery_name(write.test_webhook.event_id, write.test_webhook.event_at_ms, name);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "webhook_id", command->argument);
        json_put_integer(command->json, "event_id", write.test_webhook.event_id);
        json_put_text(command->json, "sent_as", name);
        json_end_object(command->json);
    } else {
        printf("Event %" PRId64 " is to be sent, as %s; `sms-gateway webhooks deliveries %s` shows "
               "what becomes of it.\n",
               write.test_webhook.event_id, name, command->argument);
    }
    return EXIT_SUCCESS;
}

static bool take_query(const struct command *command, struct store_delivery_query *query)
{
    int64_t limit = SHOWN_DELIVERIES;
    const char *name = command_option(command, "state");
    query->state = -1;
    for (int state = 0; name && state < WEBHOOK_DELIVERY_STATE_COUNT; state++) {
        if (strcmp(name, webhook_delivery_state_name((enum webhook_delivery_state)state)) == 0)
            query->state = state;
    }
    if (name && query->state < 0) {
        command_refuse(command, "--state must be waiting, delivered or given_up");
        return false;
    }
    if (!command_number(command, "limit", 1, MOST_DELIVERIES, &limit) ||
        !command_number(command, "before", 1, INT64_MAX, &query->before))
        return false;
    query->limit = (size_t)limit;
    return true;
}

static void print_delivery(const struct webhook_delivery *delivery)
{
    char text[CLOCK_TEXT_SIZE];
    bool waits = delivery->state == WEBHOOK_DELIVERY_WAITING;
    int64_t at_ms = waits ? delivery->next_try_ms : delivery->last_try_at_ms;
    clock_format(at_ms, text);
    printf("%12" PRId64 "  %-20s  %-9s  %5u  %-24s  ", delivery->event_id,
           delivery->event_type < EVENT_TYPE_COUNT
               ? event_type_name((enum event_type)delivery->event_type)
               : "?",
           webhook_delivery_state_name(delivery->state), delivery->tries, at_ms ? text : "");
    if (*delivery->last_error)
        terminal_put(stdout, delivery->last_error);
    else if (delivery->last_status)
        printf("%d", delivery->last_status);
    putchar('\n');
}

static void show_deliveries(const struct command *command,
                            const struct webhook_delivery *deliveries, size_t count)
{
    if (!command->json) {
        printf("%12s  %-20s  %-9s  %5s  %-24s  %s\n", "event", "type", "state", "tries",
               "next or last try", "answer");
        for (size_t i = 0; i < count; i++)
            print_delivery(&deliveries[i]);
        return;
    }
    json_begin_object(command->json, NULL);
    json_put_text(command->json, "webhook_id", command->argument);
    json_begin_array(command->json, "deliveries");
    for (size_t i = 0; i < count; i++)
        webhook_json_put_delivery(command->json, &deliveries[i]);
    json_end_array(command->json);
    json_put_integer(command->json, "count", (int64_t)count);
    json_end_object(command->json);
}

static int list_deliveries(struct store *store, const struct command *command)
{
    struct store_delivery_query query = {0};
    struct webhook webhook;
    struct webhook_delivery *deliveries = NULL;
    struct store_reader *reader = NULL;
    size_t count = 0;
    if (!take_id(command, query.webhook_id) || !take_query(command, &query))
        return COMMAND_EXIT_USAGE;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = find(reader, query.webhook_id, &webhook);
    if (error == ERROR_NONE)
        error = store_list_deliveries(reader, &query, &deliveries, &count);
    store_reader_close(reader);
    if (error == ERROR_NONE)
        show_deliveries(command, deliveries, count);
    free(deliveries);
    return error == ERROR_NONE ? EXIT_SUCCESS : fail(command, error);
}

static int redeliver(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REDELIVER};
    struct store_redeliver *request = &write.redeliver;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    const char *since = command_option(command, "since");
    if (!take_id(command, request->id) ||
        !command_number(command, "event", 1, INT64_MAX, &request->event_id))
        return COMMAND_EXIT_USAGE;
    if (!since == !request->event_id)
        return command_refuse(command, "--event or --since, one of them, says what to send again");
    if (since && option_rules_parse_time(since, &request->since_ms, reason) != ERROR_NONE)
        return command_refuse(command, "--since %s", reason);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return fail(command, error);
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "webhook_id", command->argument);
        if (request->first_event)
            json_put_integer(command->json, "from_event_id", request->first_event);
        else
            json_put_null(command->json, "from_event_id");
        json_end_object(command->json);
    } else if (request->first_event) {
        printf("%s event %" PRId64 " is sent again.\n",
               since ? "What the webhook wants from" : "The", request->first_event);
    } else {
        puts("Nothing has happened since then.");
    }
    return EXIT_SUCCESS;
}

/* ---- The table ---- */

#define WANTED                                                                                     \
    {.name = "types",                                                                              \
     .value = "LIST",                                                                              \
     .meaning = "events that it wants, separated by commas, like message.delivered,inbox.*; * is " \
                "all, which a new webhook gets",                                                   \
     .words = "* message.* inbox.* device.* sending.* batch.* webhook.*"},                         \
        {.name = "device-group",                                                                   \
         .value = "LABEL",                                                                         \
         .meaning = "only events of devices of this group; empty: of all"},                        \
        {.name = "with-text",                                                                      \
         .value = "YES",                                                                           \
         .meaning = "yes: its events have the texts of messages; no is the default",               \
         .words = "yes no"},                                                                       \
        {.name = "description", .value = "TEXT", .meaning = "what it is for, for people"},         \
    {                                                                                              \
        .name = "enabled", .value = "YES", .meaning = "no: nothing is sent, and events wait",      \
        .words = "yes no"                                                                          \
    }

static const struct command_option create_options[] = {WANTED, {0}};
static const struct command_option change_options[] = {
    {.name = "url", .value = "URL", .meaning = "where it is sent to"}, WANTED, {0}};
static const struct command_option deliveries_options[] = {
    {.name = "state",
     .value = "STATE",
     .meaning = "only those that are waiting, delivered or given_up",
     .words = "waiting delivered given_up"},
    {.name = "limit", .value = "N", .meaning = "how many (default: 20)"},
    {.name = "before", .value = "EVENT", .meaning = "only of events before that one"},
    {0},
};
static const struct command_option redeliver_options[] = {
    {.name = "event", .value = "EVENT", .meaning = "only this event"},
    {.name = "since",
     .value = "TIME",
     .meaning = "all events from this time on, like 2026-11-23T09:00:00Z"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "create",
     .argument = "URL",
     .meaning = "create a webhook and print its secret, once",
     .options = create_options,
     .run = create},
    {.name = "list", .meaning = "list all webhooks", .run = list},
    {.name = "show",
     .argument = "ID",
     .meaning = "show a webhook, and how it goes with its URL",
     .run = show},
    {.name = "change",
     .argument = "ID",
     .meaning = "change what is given; `--enabled yes` goes on where the webhook was disabled",
     .options = change_options,
     .run = change},
    {.name = "test",
     .argument = "ID",
     .meaning = "send it an event of the type webhook.test",
     .run = test},
    {.name = "rotate",
     .argument = "ID",
     .meaning = "give it a new secret and print that; the old one signs too for 24 hours",
     .run = rotate},
    {.name = "deliveries",
     .argument = "ID",
     .meaning = "show what became of events, newest first",
     .options = deliveries_options,
     .run = list_deliveries},
    {.name = "redeliver",
     .argument = "ID",
     .meaning = "send events again, also those that were delivered",
     .options = redeliver_options,
     .run = redeliver},
    {.name = "delete",
     .argument = "ID",
     .meaning = "delete a webhook and its deliveries",
     .run = remove_one},
    {0},
};

const struct command_family webhooks_commands = {
    .name = "webhooks",
    .purpose = "create, change and test webhooks",
    .actions = actions,
};
