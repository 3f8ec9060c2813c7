#include "deploy/cli/content.h"

#include <inttypes.h>
#include <stdio.h>

void content_write_members(struct json_writer *json, const struct database_file_content *content)
{
    json_put_integer(json, "schema_version", content->schema_version);
    json_put_integer(json, "database_bytes", content->bytes);
    json_begin_object(json, "messages");
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        json_put_integer(json, message_status_name((enum message_status)i), content->messages[i]);
    json_end_object(json);
    json_put_integer(json, "events", content->events);
    json_put_integer(json, "devices", content->devices);
    json_put_integer(json, "device_tokens", content->device_tokens);
    json_put_integer(json, "api_keys", content->api_keys);
    json_put_time(json, "newest_message_at", content->newest_message_at_ms);
}

void content_print(const struct database_file_content *content)
{
    int64_t messages = 0;
    for (int i = 0; i < MESSAGE_STATUS_COUNT; i++)
        messages += content->messages[i];
    printf("schema version %" PRId64 ", %" PRId64 " messages, %" PRId64 " bytes",
           content->schema_version, messages, content->bytes);
}

void content_print_settled(int64_t unknown)
{
    printf("%" PRId64
           " unfinished messages of the backup are now unknown, because they may have been sent "
           "since; `sms-gateway messages resend ID --accept-duplicate` sends one again.\n",
           unknown);
    puts("API keys and device tokens are those of the backup: revoke again any that were revoked "
         "since.");
}
