/* sms-gateway database: looks after the database as a whole. */
#include "../../common/store/store_file.h"
#include "command.h"

#include <inttypes.h>
#include <stdlib.h>

static void write_content(struct json_writer *json, const struct store_file_content *content)
{
    json_begin_object(json, NULL);
    json_put_integer(json, "schema_version", content->schema_version);
    json_put_integer(json, "database_bytes", content->bytes);
    json_begin_object(json, "messages");
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        json_put_integer(json, message_status_name((enum message_status)i), content->messages[i]);
    json_end_object(json);
    json_put_integer(json, "message_events", content->events);
    json_put_integer(json, "devices", content->devices);
    json_put_integer(json, "device_tokens", content->device_tokens);
    json_put_integer(json, "api_keys", content->api_keys);
    json_end_object(json);
}

static int check(struct store *store, const struct command *command)
{
    struct store_file_content content;
    char problem[STORE_PROBLEM_SIZE];
    const char *path = command->settings.database_path;
    (void)store;
    if (store_file_check(path, &content, problem) != ERROR_NONE)
        return command_fail(command, "%s", problem);
    if (command->json) {
        write_content(command->json, &content);
        return EXIT_SUCCESS;
    }
    int64_t messages = 0;
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        messages += content.messages[i];
    printf("%s is as it must be: schema version %" PRId64 ", %" PRId64 " messages, %" PRId64
           " bytes.\n",
           path, content.schema_version, messages, content.bytes);
    return EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {.name = "check",
     .meaning =
         "reads all of it, and fails where anything is not as it must be; a gateway may be at"
         " work on it, but its write-ahead log grows meanwhile",
     .without_store = true,
     .run = check},
    {0},
};

const struct command_family database_commands = {
    .name = "database",
    .purpose = "the file that all is in",
    .actions = actions,
};
