#include "deploy/cli/device_actions.h"

#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/base/utf8.h"
#include "common/store/device_budget.h"
#include "common/store/device_json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_DEVICES = 200 };

int device_actions_refuse_id(const struct command *command)
{
    return command_refuse(command, "a device id has 1 to 64 letters, digits, _ and -");
}

bool device_actions_read_groups(const struct command *command, const char *labels,
                                struct device_groups *groups)
{
    char label[DEVICE_GROUP_SIZE + 1];
    *groups = (struct device_groups){0};
    for (const char *p = labels; *p; p += *p == ',') {
        size_t length = strcspn(p, ",");
        snprintf(label, sizeof(label), "%.*s", (int)MIN(length, sizeof(label)), p);
        p += length;
        if (length == 0)
            continue;
        if (!device_group_valid(label)) {
            command_refuse(command, "a group has 1 to 32 letters, digits, dots, _ and -");
            return false;
        }
        if (!device_groups_add(groups, label)) {
            command_refuse(command, "a device may have at most %d groups", DEVICE_MAX_GROUPS);
            return false;
        }
    }
    return true;
}

/* ---- List ---- */

/* Of its token; "disabled" where it could get messages otherwise. */
static const char *state_of(const struct store_device *device)
{
    if (*device->token.id && device->token.revocation != DEVICE_TOKEN_ACTIVE)
        return device_token_state_name(device->token.revocation);
    return device->device.configuration.disabled ? "disabled" : "active";
}

static const char *connection_of(const struct device *device)
{
    return device->connected ? "connected" : device->connected_at_ms == 0 ? "never" : "offline";
}

static void print_device(const struct store_device *entry, const struct settings *settings)
{
    const struct device *device = &entry->device;
    char since[CLOCK_TEXT_SIZE] = "-", battery[8] = "-", groups[DEVICE_GROUPS_TEXT_SIZE];
    char left[24] = "-";
    struct device_budget budget;
    int64_t since_ms = device->connected ? device->connected_at_ms : device->disconnected_at_ms;
    if (since_ms != 0)
        clock_format(since_ms, since);
    if (device->info.battery_level >= 0)
        snprintf(battery, sizeof(battery), "%.0f %%", device->info.battery_level);
    if (device_budget_read(entry, settings, &budget))
        snprintf(left, sizeof(left), "%" PRId64 "/%" PRId64, budget.remaining, budget.limit);
    device_groups_format(&device->configuration.groups, groups);
    printf("%-24s  %-11s  %-10s  %-19.19s  %7s  %9u  %5" PRId64 "  %7s  %-12s  %s\n",
           device->device_id, state_of(entry), connection_of(device), since, battery, device->queue,
           entry->segments_today, left, *entry->token.id ? entry->token.id : "-", groups);
}

static void show_page(const struct command *command, const struct store_device_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        if (command->json)
            device_json_put(command->json, &page->devices[i], &command->settings);
        else
            print_device(&page->devices[i], &command->settings);
    }
    if (command->json)
        command_flush_json(command);
}

static int show_pages(struct store_reader *reader, const struct command *command,
                      struct store_device_query *query, int64_t *count)
{
    bool more = true;
    enum error error = ERROR_NONE;
    while (more && error == ERROR_NONE) {
        struct store_device_page page;
        error = store_list_devices(reader, query, &page);
        if (error == ERROR_NONE && page.count > 0) {
            if (*count == 0 && !command->json)
                printf("%-24s  %-11s  %-10s  %-19s  %7s  %9s  %5s  %7s  %-12s  %s\n", "device",
                       "state", "connection", "since", "battery", "in flight", "today", "budget",
                       "token", "groups");
            show_page(command, &page);
            *count += (int64_t)page.count;
            strcpy(query->after, page.devices[page.count - 1].device.device_id);
        }
        more = page.has_more;
        store_device_page_fini(&page);
    }
    return error == ERROR_NONE ? EXIT_SUCCESS : command_fail_error(command, error);
}

/* False after an error message. */
static bool read_filters(const struct command *command, struct store_device_query *query)
{
    const char *connected = command_option(command, "connected");
    const char *label = command_option(command, "group");
    struct device_groups groups;
    if (connected) {
        query->has_connected = true;
        query->connected = strcmp(connected, "true") == 0;
        if (!query->connected && strcmp(connected, "false") != 0) {
            command_refuse(command, "--connected takes true or false");
            return false;
        }
    }
    if (!label)
        return true;
    if (!device_actions_read_groups(command, label, &groups))
        return false;
    if (groups.count != 1) {
        command_refuse(command, "list takes one --group");
        return false;
    }
    strcpy(query->group, groups.labels[0]);
    return true;
}

int device_actions_list(struct store *store, const struct command *command)
{
    struct store_device_query query = {.limit = PAGE_DEVICES};
    struct store_reader *reader = NULL;
    int64_t count = 0;
    if (!read_filters(command, &query))
        return COMMAND_EXIT_USAGE;
    enum error error = store_reader_open(store, &reader);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    command_begin_list(command, "devices");
    int status = show_pages(reader, command, &query, &count);
    if (command->json) {
        json_end_array(command->json);
        json_put_integer(command->json, "count", count);
        json_end_object(command->json);
    } else if (count == 0 && status == EXIT_SUCCESS) {
        puts(query.has_connected || *query.group
                 ? "No such device."
                 : "No phone is paired yet; pair one with `sms-gateway devices pair`.");
    }
    store_reader_close(reader);
    return status;
}

/* ---- Show ---- */

static void print_time(const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (wall_ms == 0)
        return;
    clock_format(wall_ms, text);
    printf("%-20s %s\n", name, text);
}

static void print_text(const char *name, const char *text)
{
    if (!text || !*text)
        return;
    printf("%-20s ", name);
    terminal_put(stdout, text);
    putchar('\n');
}

static void print_limit(const char *name, const struct device_limit *limit)
{
    if (!limit->is_own)
        printf("%-20s as the settings say\n", name);
    else if (limit->most == 0)
        printf("%-20s no limit\n", name);
    else
        printf("%-20s %" PRId64 "\n", name, limit->most);
}

/* What is given to it today, and what is left of its send budget, each with its limit. */
static void print_use(const struct store_device *entry, const struct settings *settings)
{
    char refills_at[CLOCK_TEXT_SIZE];
    struct device_budget budget;
    int64_t most = device_limit_in_force(&entry->device.configuration.daily_segments,
                                         settings->device_daily_segments);
    if (most > 0)
        printf("%-20s %" PRId64 " of %" PRId64 "\n", "segments today", entry->segments_today, most);
    else
        printf("%-20s %" PRId64 "\n", "segments today", entry->segments_today);
    if (!device_budget_read(entry, settings, &budget))
        return;
    printf("%-20s %" PRId64 " of %" PRId64 " in %g minutes", "budget left", budget.remaining,
           budget.limit, (double)budget.window_ms / 60000);
    if (budget.refills_at_ms != 0) {
        clock_format(budget.refills_at_ms, refills_at);
        printf("; more at %s", refills_at);
    }
    putchar('\n');
}

static void print_details(const struct store_device *entry, const struct settings *settings)
{
    const struct device *device = &entry->device;
    const struct device_configuration *configuration = &device->configuration;
    const struct device_info *info = &device->info;
    char groups[DEVICE_GROUPS_TEXT_SIZE];
    device_groups_format(&configuration->groups, groups);
    print_text("device", device->device_id);
    print_text("name", *configuration->name ? configuration->name : info->name);
    print_text("state", state_of(entry));
    print_text("token", entry->token.id);
    print_time("paired", entry->token.created_at_ms);
    print_time("revoked", entry->token.revoked_at_ms);
    print_time("connected since", device->connected ? device->connected_at_ms : 0);
    print_time("disconnected since", device->disconnected_at_ms);
    print_time("last seen", device->last_seen_at_ms);
    if (info->battery_level >= 0)
        printf("%-20s %.0f %%%s\n", "battery", info->battery_level,
               info->charging == 1 ? ", charging" : "");
    if (info->has_signal_strength)
        printf("%-20s %d\n", "signal", info->signal_strength);
    print_text("SIMs", info->sims);
    print_text("Android", info->android_version);
    print_text("app", info->app_version);
    print_text("groups", groups);
    printf("%-20s %u\n", "in flight", device->queue);
    print_use(entry, settings);
    print_limit("segments a day", &configuration->daily_segments);
    print_limit("segments a window", &configuration->window_segments);
    print_text("last error", device->last_error.code);
    print_text("", device->last_error.message);
    print_time("", device->last_error.at_ms);
}

int device_actions_show(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct store_device device;
    bool found = false;
    if (!device_id_valid(command->argument))
        return device_actions_refuse_id(command);
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_find_device(reader, command->argument, &device, &found);
    store_reader_close(reader);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (!found)
        return command_fail(command, "no device has the id %s; see `sms-gateway devices list`",
                            command->argument);
    if (command->json)
        device_json_put(command->json, &device, &command->settings);
    else
        print_details(&device, &command->settings);
    device_info_fini(&device.device.info);
    return EXIT_SUCCESS;
}

/* ---- Update ---- */

/* "default": as the settings say. False after an error message. */
static bool read_limit(const struct command *command, const char *name, unsigned member,
                       struct store_configure_device *configure, struct device_limit *limit)
{
    const char *value = command_option(command, name);
    if (!value)
        return true;
    configure->set |= member;
    if (strcmp(value, "default") == 0)
        return true;
    limit->is_own = true;
    if (!isdigit((unsigned char)*value)) {
        command_refuse(command, "--%s takes a whole number from 0 to %d, or default", name,
                       DEVICE_MOST_SEGMENTS);
        return false;
    }
    return command_number(command, name, 0, DEVICE_MOST_SEGMENTS, &limit->most);
}

/* False after an error message. */
static bool read_name(const struct command *command, struct store_configure_device *configure)
{
    const char *name = command_option(command, "name");
    if (!name)
        return true;
    size_t length = strlen(name);
    configure->set |= STORE_SET_NAME;
    if (length >= sizeof(configure->configuration.name) || !utf8_valid(name, length)) {
        command_refuse(command, "a name has at most %d bytes of UTF-8", DEVICE_NAME_SIZE - 1);
        return false;
    }
    strcpy(configure->configuration.name, name);
    return true;
}

/* False after an error message. */
static bool read_changes(const struct command *command, struct store_configure_device *configure)
{
    struct device_configuration *configuration = &configure->configuration;
    const char *labels = command_option(command, "group");
    bool enable = command_option(command, "enable"), disable = command_option(command, "disable");
    if (enable && disable) {
        command_refuse(command, "--enable and --disable contradict each other");
        return false;
    }
    if (enable || disable)
        configure->set |= STORE_SET_DISABLED;
    configuration->disabled = disable;
    if (labels)
        configure->set |= STORE_SET_GROUPS;
    if ((labels && !device_actions_read_groups(command, labels, &configuration->groups)) ||
        !read_name(command, configure) ||
        !read_limit(command, "daily-segments", STORE_SET_DAILY_SEGMENTS, configure,
                    &configuration->daily_segments) ||
        !read_limit(command, "segments-per-window", STORE_SET_WINDOW_SEGMENTS, configure,
                    &configuration->window_segments))
        return false;
    if (configure->set == 0)
        command_refuse(command, "say what to change; --help lists the options");
    return configure->set != 0;
}

int device_actions_update(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE};
    if (!device_id_valid(command->argument))
        return device_actions_refuse_id(command);
    strcpy(write.configure.device_id, command->argument);
    if (!read_changes(command, &write.configure))
        return COMMAND_EXIT_USAGE;
    enum error error = store_run(store, &write);
    if (error == ERROR_DEVICE_NOT_PAIRED)
        return command_fail(command, "no device has the id %s; see `sms-gateway devices list`",
                            command->argument);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    return device_actions_show(store, command);
}

const struct command_option device_actions_list_options[] = {
    {.name = "connected",
     .value = "BOOLEAN",
     .meaning = "true: only connected devices, false: only others",
     .words = "true false"},
    DEVICE_ACTIONS_GROUP,
    {0},
};

const struct command_option device_actions_update_options[] = {
    {.name = "name", .value = "NAME", .meaning = "the name for people; \"\": the device's own"},
    DEVICE_ACTIONS_GROUP,
    {.name = "enable", .meaning = "give it messages again"},
    {.name = "disable", .meaning = "give it no new messages; what it has goes on"},
    {.name = "daily-segments",
     .value = "N",
     .meaning = "segments a day for this device (0: no limit, default: the setting "
                "DEVICE_DAILY_SEGMENTS)"},
    {.name = "segments-per-window",
     .value = "N",
     .meaning = "segments in a window of its send budget (0: no limit, default: the setting "
                "DEVICE_SEGMENTS_BURST)"},
    {0},
};
