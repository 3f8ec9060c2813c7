/* The words that name something: device ids, statuses, log levels. */
#include "common/model/device.h"
#include "common/model/message.h"
#include "tests/fuzz/fuzz.h"

static const char id_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    size_t length = strlen(text);
    bool is_id = length >= 1 && length <= 64 && strspn(text, id_characters) == length;
    CHECK(device_id_valid(text) == is_id);

    enum message_status status;
    if (message_status_parse(text, &status))
        CHECK(status < MESSAGE_STATUS_COUNT && strcmp(message_status_name(status), text) == 0);
    enum log_level level;
    if (log_level_parse(text, &level))
        CHECK(level <= LOG_LEVEL_ERROR);
    free(text);
    return 0;
}
