/* A message id is read in either case, and written in lower case. */
#include "common/model/message_id.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_id id, again;
    char *text = text_of(data, size), *written = malloc(MESSAGE_ID_TEXT_SIZE);
    CHECK(written);
    if (message_id_parse(text, &id)) {
        message_id_format(&id, written);
        CHECK(strlen(written) == MESSAGE_ID_TEXT_SIZE - 1 && strcasecmp(written, text) == 0);
        CHECK(strspn(written, "0123456789abcdef-") == strlen(written));
        CHECK(message_id_parse(written, &again) && message_id_equal(&id, &again));

        int64_t time_ms = message_id_time_ms(&id);
        struct message_id first = message_id_first_at(time_ms);
        CHECK(message_id_time_ms(&first) == time_ms);
        CHECK(0 <= message_id_seq(&first) && message_id_seq(&first) <= message_id_seq(&id));
        CHECK(memcmp(first.bytes, id.bytes, MESSAGE_ID_BYTES) <= 0);
    }
    free(written);
    free(text);
    return 0;
}
