#include "common/model/incoming_sms.h"

#include "common/base/utf8.h"
#include "common/model/phone_number.h"

#include <stdlib.h>
#include <string.h>

bool received_id_valid(const char *received_id)
{
    size_t length = 0;
    while (received_id[length] >= '!' && received_id[length] <= '~')
        length++;
    return received_id[length] == '\0' && length > 0 && length < RECEIVED_ID_SIZE;
}

/* Without control characters, and without spaces at the start; at most `size` bytes. */
static size_t copy_visible(const char *text, char *copy, size_t size)
{
    size_t length = 0;
    const char *end = text + strlen(text);
    while (text < end) {
        const char *start = text;
        int32_t point = utf8_next(&text, end);
        size_t bytes = (size_t)(text - start);
        if (point < 0 || length + bytes >= size)
            break;
        if (utf8_is_control(point) || (point == ' ' && length == 0))
            continue;
        memcpy(copy + length, start, bytes);
        length += bytes;
    }
    copy[length] = '\0';
    return length;
}

void incoming_sms_address(const char *text, char address[INCOMING_ADDRESS_SIZE])
{
    char number[PHONE_NUMBER_SIZE], reason[PHONE_NUMBER_REASON_SIZE];
    if (phone_number_normalise(text, number, reason)) {
        strcpy(address, number);
        return;
    }
    size_t length = copy_visible(text, address, INCOMING_ADDRESS_SIZE);
    while (length > 0 && address[length - 1] == ' ')
        address[--length] = '\0';
}

bool incoming_sms_set_text(struct incoming_sms *sms, const char *text)
{
    struct sms_segments count = sms_segments_count(text);
    char *copy = strdup(text);
    if (!copy)
        return false;
    free(sms->text);
    sms->text = copy;
    sms->encoding = count.encoding;
    sms->segments = count.segments;
    return true;
}

const char *incoming_kind_name(enum incoming_kind kind)
{
    static const char *const names[INCOMING_KIND_COUNT] = {"sms", "data", "mms"};
    return names[kind];
}

void incoming_sms_fini(struct incoming_sms *sms)
{
    free(sms->text);
    sms->text = NULL;
}
