#include "common/process/placeholders.h"

#include "common/base/utf8.h"

#include <stdio.h>

enum { NAME_SIZE = 128 };

bool placeholders_any(const char *text)
{
    return text[strcspn(text, "{}")] != '\0';
}

/* Appends the value of the placeholder at *text, and moves *text past it. */
static bool fill_one(const char **text, const char *(*find)(const char *name, const void *context),
                     const void *context, struct buffer *out, char reason[PLACEHOLDERS_REASON_SIZE])
{
    char name[NAME_SIZE];
    const char *start = *text + 1;
    size_t length = strcspn(start, "{}");
    if (start[length] != '}' || length == 0 || length >= NAME_SIZE) {
        snprintf(reason, PLACEHOLDERS_REASON_SIZE,
                 "has a { that begins no placeholder such as {name}; for a brace write {{");
        return false;
    }
    memcpy(name, start, length);
    name[length] = '\0';
    const char *value = find(name, context);
    if (!value) {
        snprintf(
            reason, PLACEHOLDERS_REASON_SIZE,
            "has the placeholder {%.100s}, but no variable has that name; for a brace write {{",
            name);
        utf8_trim(reason);
        return false;
    }
    buffer_append_text(out, value);
    *text = start + length + 1;
    return true;
}

bool placeholders_fill(const char *text, const char *(*find)(const char *name, const void *context),
                       const void *context, struct buffer *out,
                       char reason[PLACEHOLDERS_REASON_SIZE])
{
    while (*text) {
        size_t plain = strcspn(text, "{}");
        buffer_append(out, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        if (text[1] == *text) {
            buffer_append_char(out, *text);
            text += 2;
        } else if (*text == '}') {
            snprintf(reason, PLACEHOLDERS_REASON_SIZE,
                     "has a } that ends no placeholder; for a brace write }}");
            return false;
        } else if (!fill_one(&text, find, context, out, reason)) {
            return false;
        }
    }
    if (out->failed)
        snprintf(reason, PLACEHOLDERS_REASON_SIZE, "is too long with its placeholders filled in");
    return !out->failed;
}
