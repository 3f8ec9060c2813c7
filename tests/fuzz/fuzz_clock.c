/* A time that is read and written again is the same time. */
#include "common/base/clock.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t first_ms, last_ms, time_ms = 0, again_ms = 1;
    char *text = text_of(data, size), *written = malloc(CLOCK_TEXT_SIZE);
    CHECK(written);
    CHECK(clock_parse("0000-01-01T00:00:00Z", &first_ms));
    CHECK(clock_parse("9999-12-31T23:59:59.999Z", &last_ms));
    if (clock_parse(text, &time_ms)) {
        CHECK(strlen(text) >= strlen("2026-11-23T09:45:00Z"));
        CHECK(strlen(text) <= strlen("2026-11-23T09:45:00.123456789+23:59"));
        clock_format(time_ms, written);
        CHECK(strlen(written) < CLOCK_TEXT_SIZE);
        /* An offset may lead into the year before the first, or after the last. */
        if (time_ms >= first_ms && time_ms <= last_ms)
            CHECK(clock_parse(written, &again_ms) && again_ms == time_ms);
    }
    free(written);
    free(text);
    return 0;
}
