#include "common/model/sms_transliteration.h"

#include "common/base/buffer.h"
#include "common/base/utf8.h"
#include "common/model/sms_segments.h"

#include <string.h>

static const struct {
    const char *text, *by;
} replacements[] = {
#define REPLACE(text, by) {text, by},
#define REPLACE_RANGE(first, last, by)
#include "common/model/sms_transliteration.def"
#undef REPLACE
#undef REPLACE_RANGE
};

static const struct {
    int32_t first, last;
    char by;
} ranges[] = {
#define REPLACE(text, by)
#define REPLACE_RANGE(first, last, by) {first, last, by},
#include "common/model/sms_transliteration.def"
#undef REPLACE
#undef REPLACE_RANGE
};

/* Appends what replaces the start of `text`, whose first character is `point`; returns what follows it. NULL where the
   table does not have it. */
static const char *append_replacement(struct buffer *out, const char *text, int32_t point)
{
    for (size_t i = 0; i < ARRAY_LENGTH(replacements); i++) {
        size_t length = strlen(replacements[i].text);
        if (strncmp(text, replacements[i].text, length) == 0) {
            buffer_append_text(out, replacements[i].by);
            return text + length;
        }
    }
    for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) {
            buffer_append_char(out, (char)(ranges[i].by + (point - ranges[i].first)));
            return text + strlen("\uff01"); /* the ranges have three bytes */
        }
    }
    return NULL;
}

static bool begins_with_mark(const char *text, const char *end)
{
    int32_t point = text < end ? utf8_next(&text, end) : 0;
    return point >= 0x300 && point <= 0x36f;
}

/* False if a character is left that GSM-7 lacks. */
static bool replace_all(struct buffer *out, const char *text)
{
    const char *end = text + strlen(text);
    while (text && text < end) {
        const char *start = text;
        int32_t point = utf8_next(&text, end);
        if (sms_segments_has_gsm7(point) && !begins_with_mark(text, end))
            buffer_append(out, start, (size_t)(text - start));
        else
            text = append_replacement(out, start, point);
    }
    return text;
}

bool sms_transliterate(const char *text, char **replaced)
{
    struct sms_segments before = sms_segments_count(text);
    struct buffer out;
    *replaced = NULL;
    if (before.encoding == SMS_ENCODING_GSM7)
        return true;
    buffer_init(&out, 2 * strlen(text) + 1);
    bool all = replace_all(&out, text), good = !out.failed;
    if (all && good && out.length > 0 && sms_segments_count(out.data).segments < before.segments)
        *replaced = buffer_take(&out);
    buffer_fini(&out);
    return good;
}
