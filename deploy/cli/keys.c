/* sms-gateway keys: makes, lists and revokes API keys. */
#include "../../common/clock.h"
#include "../../common/utf8.h"
#include "command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_DAYS = 3650, MAX_REQUESTS = 1000000, MAX_MESSAGES = 1000000000 };

static const int64_t day_ms = 86400 * 1000;

static const char usage[] =
    "usage: sms-gateway keys create LABEL [--scopes LIST] [--days N]\n"
    "                            [--requests-per-minute N] [--daily-messages N]\n"
    "       sms-gateway keys list\n"
    "       sms-gateway keys revoke ID\n\n"
    "  create   makes a key and prints it, once: only its hash is kept\n"
    "  list     shows all keys by their ids\n"
    "  revoke   ends a key: when the command returns, it opens nothing any more\n\n"
    "  --scopes LIST    of: send,read,text,devices,metrics,pair (default: send,read,text,devices)\n"
    "                     send     send and cancel messages\n"
    "                     read     follow and list messages, without their texts\n"
    "                     text     read their texts too\n"
    "                     devices  list phones\n"
    "                     metrics  the figures for the operator\n"
    "                     pair     pair phones and revoke them\n"
    "  --days N         the key ends by itself after so many (default: never)\n"
    "  --requests-per-minute N, --daily-messages N\n"
    "                   limits of its own, 0 for none (default: KEY_REQUESTS_PER_MINUTE and\n"
    "                   KEY_DAILY_MESSAGES, as they are set at any time)\n"
    "  --env-file FILE  read settings from FILE, which must exist (default: .env)\n";

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
    key->requests_per_minute = key->daily_messages = API_KEY_AS_SET;
    if (!command_number(command, "days", 1, MAX_DAYS, &days) ||
        !command_number(command, "requests-per-minute", 0, MAX_REQUESTS,
                        &key->requests_per_minute) ||
        !command_number(command, "daily-messages", 0, MAX_MESSAGES, &key->daily_messages))
        return COMMAND_EXIT_USAGE;
    if (days > 0)
        key->expires_at_ms = clock_wall_ms() + days * day_ms;
    if (!secret_make(SECRET_API_KEY, text, key->id, key->hash))
        return command_fail(command, ERROR_INTERNAL);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail(command, error);
    api_scopes_format(key->scopes, scopes);
    fprintf(stderr, "Key %s allows %s. It is shown this once:\n", key->id, scopes);
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
        printf("  %9s", limit == API_KEY_AS_SET ? "as set" : "no limit");
}

static int list(struct store *store, const struct command *command)
{
    struct store_reader *reader = NULL;
    struct api_key *keys = NULL;
    size_t count = 0;
    enum error error = store_reader_open(store, &reader);
    if (error == ERROR_NONE)
        error = store_list_keys(reader, &keys, &count);
    if (error == ERROR_NONE && count > 0)
        printf("%-12s  %-7s  %-10s  %-10s  %9s  %9s  %-32s  %s\n", "id", "state", "made", "ends",
               "a minute", "a day", "scopes", "label");
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        const struct api_key *key = &keys[i];
        bool over = api_key_expired(key, clock_wall_ms());
        char scopes[API_SCOPES_TEXT_SIZE];
        api_scopes_format(key->scopes, scopes);
        printf("%-12s  %-7s", key->id,
               key->revoked_at_ms ? "revoked"
               : over             ? "expired"
                                  : "stands");
        print_day(key->created_at_ms, "");
        print_day(key->revoked_at_ms ? key->revoked_at_ms : key->expires_at_ms, "never");
        print_limit(key->requests_per_minute);
        print_limit(key->daily_messages);
        printf("  %-32s  %s\n", scopes, key->label);
    }
    if (error == ERROR_NONE && count == 0)
        puts("There is no key yet; `sms-gateway keys create LABEL` makes one.");
    free(keys);
    store_reader_close(reader);
    return error == ERROR_NONE ? EXIT_SUCCESS : command_fail(command, error);
}

static int revoke(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REVOKE_KEY};
    if (strlen(command->argument) >= SECRET_ID_SIZE)
        return command_refuse(command,
                              "an id has 12 characters; `sms-gateway keys list` shows them");
    strcpy(write.revoke_key.id, command->argument);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail(command, error);
    if (!write.revoke_key.changed) {
        command_refuse(command, "no key that stands has the id %s", command->argument);
        return EXIT_FAILURE;
    }
    struct timespec pause = {.tv_nsec = API_KEY_REMEMBERED_MS * 1000000};
    nanosleep(&pause, NULL); /* then no worker takes it any more */
    printf("Key %s is revoked.\n", command->argument);
    return EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {"create", COMMAND_TAKES_ONE, create},
    {"list", COMMAND_TAKES_NONE, list},
    {"revoke", COMMAND_TAKES_ONE, revoke},
    {0},
};

const struct command_family keys_commands = {
    .name = "keys",
    .usage = usage,
    .options = {"scopes", "days", "requests-per-minute", "daily-messages"},
    .actions = actions,
};
