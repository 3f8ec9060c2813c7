#include "deploy/cli/webhook_actions.h"

#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/model/event_types.h"
#include "common/process/option_rules.h"
#include "common/store/webhook_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_DELIVERIES = 20, MOST_DELIVERIES = 1000 };

/* ---- Errors ---- */

int webhook_actions_fail(const struct command *command, enum error error)
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
bool webhook_actions_take_id(const struct command *command, char id[WEBHOOK_ID_SIZE])
{
    if (strlen(command->argument) >= WEBHOOK_ID_SIZE) {
        command_refuse(command,
                       "a webhook ID is wh_ and 12 characters; see `sms-gateway webhooks list`");
        return false;
    }
    strcpy(id, command->argument);
    return true;
}

enum error webhook_actions_find(struct store_reader *reader, const char *id,
                                struct webhook *webhook)
{
    bool found;
    enum error error = store_find_webhook(reader, id, webhook, &found);
    return error == ERROR_NONE && !found ? ERROR_WEBHOOK_NOT_FOUND : error;
}

/* ---- test, deliveries, redeliver ---- */

int webhook_actions_test(struct store *store, const struct command *command)
{
    char name[WEBHOOK_DELIVERY_NAME_SIZE];
    struct store_write write = {.verb = STORE_TEST_WEBHOOK};
    if (!webhook_actions_take_id(command, write.test_webhook.id))
        return COMMAND_EXIT_USAGE;
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return webhook_actions_fail(command, error);
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

int webhook_actions_deliveries(struct store *store, const struct command *command)
{
    struct store_delivery_query query = {0};
    struct webhook webhook;
    struct webhook_delivery *deliveries = NULL;
    struct store_reader *reader = NULL;
    size_t count = 0;
    if (!webhook_actions_take_id(command, query.webhook_id) || !take_query(command, &query))
        return COMMAND_EXIT_USAGE;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = webhook_actions_find(reader, query.webhook_id, &webhook);
    if (error == ERROR_NONE)
        error = store_list_deliveries(reader, &query, &deliveries, &count);
    store_reader_close(reader);
    if (error == ERROR_NONE)
        show_deliveries(command, deliveries, count);
    free(deliveries);
    return error == ERROR_NONE ? EXIT_SUCCESS : webhook_actions_fail(command, error);
}

int webhook_actions_redeliver(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REDELIVER};
    struct store_redeliver *request = &write.redeliver;
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    const char *since = command_option(command, "since");
    if (!webhook_actions_take_id(command, request->id) ||
        !command_number(command, "event", 1, INT64_MAX, &request->event_id))
        return COMMAND_EXIT_USAGE;
    if (!since == !request->event_id)
        return command_refuse(command, "--event or --since, one of them, says what to send again");
    if (since && option_rules_parse_time(since, &request->since_ms, reason) != ERROR_NONE)
        return command_refuse(command, "--since %s", reason);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return webhook_actions_fail(command, error);
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
