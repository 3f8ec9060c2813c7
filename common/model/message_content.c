#include "common/model/message_content.h"

#include <string.h>

enum { BLOCK_BYTES = 16 };

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const char *message_content_name(enum message_content content)
{
    static const char *const names[MESSAGE_CONTENT_COUNT] = {
        [MESSAGE_TEXT] = "text", [MESSAGE_DATA] = "data", [MESSAGE_ENCRYPTED] = "encrypted"};
    return names[content];
}

/* The bytes that text[length] is Base64 of; false where it is none. */
static bool count_base64(const char *text, size_t length, size_t *bytes)
{
    size_t digits = strspn(text, base64_digits);
    if (length == 0 || length % 4 != 0 || digits > length || length - digits > 2)
        return false;
    for (size_t i = digits; i < length; i++)
        if (text[i] != '=')
            return false;
    *bytes = length / 4 * 3 - (length - digits);
    return true;
}

bool message_content_is_data(const char *text)
{
    size_t bytes;
    return count_base64(text, strlen(text), &bytes) && bytes >= 1 &&
           bytes <= MESSAGE_DATA_MAX_BYTES;
}

/* Passes over `start`. */
static bool skip(const char **text, const char *start)
{
    size_t length = strlen(start);
    if (strncmp(*text, start, length) != 0)
        return false;
    *text += length;
    return true;
}

bool message_content_is_encrypted(const char *text, size_t *most)
{
    size_t salt_bytes, data_bytes, rounds;
    const char *end;
    if (!skip(&text, "$aes-256-cbc/pbkdf2-sha1$i="))
        return false;
    rounds = strspn(text, "0123456789");
    text += rounds;
    if (rounds == 0 || !skip(&text, "$") || !(end = strchr(text, '$')) ||
        !count_base64(text, (size_t)(end - text), &salt_bytes) ||
        !count_base64(end + 1, strlen(end + 1), &data_bytes))
        return false;
    *most = data_bytes - 1; /* at least one is padding */
    return salt_bytes == BLOCK_BYTES && data_bytes >= BLOCK_BYTES && data_bytes % BLOCK_BYTES == 0;
}

struct sms_segments message_content_most_segments(size_t bytes)
{
    return sms_segments_of_units(SMS_ENCODING_UCS2, (unsigned)bytes);
}

const char *message_content_text(enum message_content content, const char *text)
{
    const char *end = content == MESSAGE_ENCRYPTED && text ? strchr(text, '\n') : NULL;
    return end ? end + 1 : text;
}

bool message_content_number(enum message_content content, const char *text,
                            char number[MESSAGE_ENCRYPTED_NUMBER_SIZE])
{
    const char *end = content == MESSAGE_ENCRYPTED ? strchr(text, '\n') : NULL;
    if (!end || end - text >= MESSAGE_ENCRYPTED_NUMBER_SIZE)
        return false;
    memcpy(number, text, (size_t)(end - text));
    number[end - text] = '\0';
    return true;
}
