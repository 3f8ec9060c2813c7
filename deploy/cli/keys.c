/* sms-gateway keys: creates, lists and revokes API keys. */
#include "common/access/api_key_json.h"
#include "common/base/clock.h"
#include "common/base/terminal.h"
#include "common/base/utf8.h"
#include "deploy/cli/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_DAYS = 3650, MAX_REQUESTS = 1000000, MAX_MESSAGES = 1000000000 };

static const int64_t day_ms = 86400 * 1000;

static const char default_scopes[] = "send,read,text,devices";

static int create(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_CREATE_KEY};
    struct api_key *key = &write.create_key.key;
    char text[SECRET_TEXT_SIZE], scopes[API_SCOPES_TEXT_SIZE], unknown[32];
    size_t length = strlen(command->argument);
    if (length == 0 || length >= API_KEY_LABEL_SIZE || !utf8_valid(command->argument, length))
        return command_refuse(command, "a label has 1 to 64 bytes of UTF-8");
    strcpy(key->label, command->argument);
    const char *given = command_option(command, "scopes");
    if (!api_scopes_parse(given ? given : default_scopes, &key->scopes, unknown))
        return command_refuse(command, "there is no scope \"%s\"; --help lists them", unknown);
    int64_t days = 0;
    key->requests_per_minute = key->daily_messages = API_KEY_LIMIT_FROM_SETTING;
    if (!command_number(command, "days", 1, MAX_DAYS, &days) ||
        !command_number(command, "requests-per-minute", 0, MAX_REQUESTS,
                        &key->requests_per_minute) ||
        !command_number(command, "daily-messages", 0, MAX_MESSAGES, &key->daily_messages))
        return COMMAND_EXIT_USAGE;
    key->ignores_opt_out = command_option(command, "ignore-opt-out");
    write.create_key.valid_for_ms = days * day_ms;
    if (!secret_make(SECRET_API_KEY, text, key->id, key->hash))
        return command_fail_error(command, ERROR_INTERNAL);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (command->json) {
        json_begin_object(command->json, NULL);
        api_key_json_put(command->json, key);
        json_put_text(command->json, "key", text);
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    api_scopes_format(key->scopes, scopes);
    fprintf(stderr, "Key %s with the scopes %s, shown only once:\n", key->id, scopes);
    puts(text);
    return EXIT_SUCCESS;
}

static void print_day(int64_t at_ms, const char *never)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(at_ms, text);
    printf("  %-10.10s", at_ms ? text : never);
}

static void print_limit(int64_t limit)
{
    if (limit > 0)
        printf("  %9" PRId64, limit);
    else
        printf("  %9s", limit == API_KEY_LIMIT_FROM_SETTING ? "setting" : "no limit");
}

static void write_keys(struct json_writer *json, const struct api_key *keys, size_t count)
{
    json_begin_object(json, NULL);
    json_begin_array(json, "keys");
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json, NULL);
        api_key_json_put(json, &keys[i]);
        api_key_json_put_state(json, &keys[i], clock_wall_ms());
        json_end_object(json);
    }
    json_end_array(json);
    json_put_integer(json, "count", (int64_t)count);
    json_end_object(json);
}

static void print_keys(const struct api_key *keys, size_t count)
{
    if (count == 0)
        puts("There is no key yet; make one with `sms-gateway keys create LABEL`.");
    else
        printf("%-12s  %-7s  %-7s  %-10s  %-10s  %10s  %9s  %-32s  %s\n", "id", "kind", "state",
               "created", "ends", "per minute", "per day", "scopes", "label");
    for (size_t i = 0; i < count; i++) {
        const struct api_key *key = &keys[i];
        char scopes[API_SCOPES_TEXT_SIZE];
        api_scopes_format(key->scopes, scopes);
        printf("%-12s  %-7s  %-7s", key->id, api_key_kind_name(key->kind),
               api_key_state_name(key, clock_wall_ms()));
        print_day(key->created_at_ms, "");
        print_day(key->revoked_at_ms ? key->revoked_at_ms : key->expires_at_ms, "never");
        print_limit(key->requests_per_minute);
        print_limit(key->daily_messages);
        printf("  %-32s  ", scopes);
        terminal_put(stdout, key->label);
        putchar('\n');
    }
}

static int list(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct api_key *keys = NULL;
    size_t count = 0;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_list_keys(reader, &keys, &count);
    if (error == ERROR_NONE && command->json)
        write_keys(command->json, keys, count);
    else if (error == ERROR_NONE)
        print_keys(keys, count);
    free(keys);
    store_reader_close(reader);
    return error == ERROR_NONE ? EXIT_SUCCESS : command_fail_error(command, error);
}

static int revoke(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REVOKE_KEY};
    if (strlen(command->argument) >= SECRET_ID_SIZE)
        return command_refuse(command, "a key ID has 12 characters; see `sms-gateway keys list`");
    strcpy(write.revoke_key.id, command->argument);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (!write.revoke_key.changed)
        return command_fail(command, "no active key has the ID %s; see `sms-gateway keys list`",
                            command->argument);
    struct timespec pause = {.tv_nsec = API_KEY_CACHE_MS * 1000000};
    nanosleep(&pause, NULL); /* until no worker has the key in its cache */
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "key_id", command->argument);
        json_put_time(command->json, "revoked_at", write.revoke_key.revoked_at_ms);
        json_end_object(command->json);
    } else {
        printf("Key %s is revoked.\n", command->argument);
    }
    return EXIT_SUCCESS;
}

static const struct command_option create_options[] = {
    {.name = "scopes",
     .value = "LIST",
     .meaning =
         "permissions, separated by commas: send (send and cancel messages), read (read and list "
         "messages without their texts), text (read the texts too), devices (list phones), metrics "
         "(read the metrics), pair (pair, change and revoke phones), resend (resend messages), "
         "inbox (read incoming SMS, with their texts), webhooks (create, change and delete "
         "webhooks, "
         "which get all events), opt_outs (list and change who has opted out), keys (list and "
         "revoke "
         "keys), sending (pause and resume sending); default "
         "send,read,text,devices",
     .words = "send read text devices metrics pair resend inbox webhooks opt_outs keys sending"},
    {.name = "days", .value = "N", .meaning = "days until the key expires (default: never)"},
    {.name = "requests-per-minute",
     .value = "N",
     .meaning =
         "request limit of this key (0: no limit, default: the setting KEY_REQUESTS_PER_MINUTE)"},
    {.name = "ignore-opt-out",
     .meaning =
         "let it send to recipients that have opted out, as for login codes that they ask for"},
    {.name = "daily-messages",
     .value = "N",
     .meaning =
         "daily message limit of this key (0: no limit, default: the setting KEY_DAILY_MESSAGES)"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "create",
     .argument = "LABEL",
     .meaning = "create a key and print it, once: only its hash is stored",
     .options = create_options,
     .run = create},
    {.name = "list",
     .meaning = "list all keys, also revoked and expired ones, and the links and sessions of the "
                "dashboard",
     .run = list},
    {.name = "revoke",
     .argument = "ID",
     .meaning = "revoke a key, a session or a link: when the command returns, the API refuses it",
     .run = revoke},
    {0},
};

const struct command_family keys_commands = {
    .name = "keys",
    .purpose = "create, list and revoke API keys",
    .actions = actions,
};
