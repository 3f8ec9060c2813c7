/* A text that is replaced needs fewer segments, all in GSM-7, and is not replaced again. Another stays. */
#include "common/base/utf8.h"
#include "common/model/sms_segments.h"
#include "common/model/sms_transliteration.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size), *replaced, *again;
    utf8_trim(text);
    struct sms_segments before = sms_segments_count(text);
    CHECK(sms_transliterate(text, &replaced));
    if (replaced) {
        struct sms_segments after = sms_segments_count(replaced);
        CHECK(utf8_valid(replaced, strlen(replaced)) && strlen(replaced) <= 2 * strlen(text));
        CHECK(before.encoding == SMS_ENCODING_UCS2 && after.encoding == SMS_ENCODING_GSM7);
        CHECK(after.segments > 0 && after.segments < before.segments);
        CHECK(sms_transliterate(replaced, &again) && !again);
    }
    free(replaced);
    free(text);
    return 0;
}
