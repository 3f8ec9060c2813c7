/* sms-gateway webhooks: creates, lists, changes and deletes webhooks. Their deliveries are in webhook_actions.c. */
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/model/device_groups.h"
#include "common/process/webhook_url.h"
#include "common/store/webhook_json.h"
#include "deploy/cli/command.h"
#include "deploy/cli/webhook_actions.h"

#include <stdlib.h>
#include <string.h>

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
        return webhook_actions_fail(command, error);
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
    if (!webhook_actions_take_id(command, id) ||
        !take_change(command, command_option(command, "url"), &change))
        return COMMAND_EXIT_USAGE;
    enum error error = run_change(store, id, &change, &webhook);
    if (error != ERROR_NONE)
        return webhook_actions_fail(command, error);
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
    if (!webhook_actions_take_id(command, id))
        return COMMAND_EXIT_USAGE;
    if (!webhook_secret_make(change.values.secret))
        return command_fail_error(command, ERROR_INTERNAL);
    enum error error = run_change(store, id, &change, &webhook);
    if (error != ERROR_NONE)
        return webhook_actions_fail(command, error);
    show_with_secret(command, &webhook);
    return EXIT_SUCCESS;
}

static int remove_one(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REMOVE_WEBHOOK};
    if (!webhook_actions_take_id(command, write.remove_webhook.id))
        return COMMAND_EXIT_USAGE;
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return webhook_actions_fail(command, error);
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
    store_free_webhooks(webhooks, count);
    return error == ERROR_NONE ? EXIT_SUCCESS : command_fail_error(command, error);
}

static int show(struct store *store, const struct command *command)
{
    char id[WEBHOOK_ID_SIZE];
    struct webhook webhook;
    struct store_reader *reader = NULL;
    if (!webhook_actions_take_id(command, id))
        return COMMAND_EXIT_USAGE;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = webhook_actions_find(reader, id, &webhook);
    store_reader_close(reader);
    if (error != ERROR_NONE)
        return webhook_actions_fail(command, error);
    if (command->json)
        webhook_json_put(command->json, &webhook, false);
    else
        print_webhook(&webhook);
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
     .run = webhook_actions_test},
    {.name = "rotate",
     .argument = "ID",
     .meaning = "give it a new secret and print that; the old one signs too for 24 hours",
     .run = rotate},
    {.name = "deliveries",
     .argument = "ID",
     .meaning = "show what became of events, newest first",
     .options = deliveries_options,
     .run = webhook_actions_deliveries},
    {.name = "redeliver",
     .argument = "ID",
     .meaning = "send events again, also those that were delivered",
     .options = redeliver_options,
     .run = webhook_actions_redeliver},
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
