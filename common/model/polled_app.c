#include "common/model/polled_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned polled_app_version(const char *user_agent)
{
    static const char app[] = "me.capcom.smsgateway/";
    unsigned major, minor, patch = 0;
    if (!user_agent || strncmp(user_agent, app, sizeof(app) - 1) != 0)
        return 0;
    if (sscanf(user_agent + sizeof(app) - 1, "%3u.%3u.%3u", &major, &minor, &patch) < 2)
        return 0;
    return major * 1000000 + minor * 1000 + patch;
}

size_t polled_app_window(unsigned version, size_t window)
{
    enum { FIRST_OF_ONE = 1061000, FIRST_WITHOUT = 1074001 };
    bool is_of_one = version == 0 || (version >= FIRST_OF_ONE && version < FIRST_WITHOUT);
    return is_of_one ? 1 : window;
}

bool polled_app_sends(unsigned version, enum message_content content)
{
    enum { FIRST_WITH_DATA = 1039000 };
    return content != MESSAGE_DATA || version >= FIRST_WITH_DATA;
}

int64_t polled_valid_until_ms(int64_t listed_at_ms, int64_t expires_at_ms, int64_t horizon_ms)
{
    int64_t until_ms = listed_at_ms + horizon_ms;
    return expires_at_ms != 0 ? MIN(expires_at_ms, until_ms) : until_ms;
}

/* The seconds from the one to the other are one more in the lower bits; none there: it is unknown. Enough for 12 days and until 2039,
   from when on nothing is noted. */
enum { WAIT_BITS = 20, WAIT_MASK = (1 << WAIT_BITS) - 1, MOST_TAKEN_BITS = 41 };

int64_t polled_notes_make(int64_t taken_at_ms, int64_t processed_at_ms)
{
    if (taken_at_ms <= 0 || taken_at_ms >> MOST_TAKEN_BITS != 0)
        return 0;
    int64_t wait_s = (processed_at_ms - taken_at_ms) / 1000;
    int64_t wait = processed_at_ms > 0 ? MIN(MAX(wait_s, 0) + 1, WAIT_MASK) : 0;
    return taken_at_ms << WAIT_BITS | wait;
}

static bool is_far(int64_t a, int64_t b, int64_t most)
{
    return a - b > most || b - a > most;
}

bool polled_notes_differ(int64_t notes, int64_t others)
{
    enum { ROUNDED_MS = 2000, ROUNDED_S = 2 };
    int64_t wait = notes & WAIT_MASK, others_wait = others & WAIT_MASK;
    if (notes == 0 || others == 0)
        return false;
    return is_far(notes >> WAIT_BITS, others >> WAIT_BITS, ROUNDED_MS) ||
           (wait != 0 && others_wait != 0 && is_far(wait, others_wait, ROUNDED_S));
}

int64_t polled_notes_join(int64_t notes, int64_t later)
{
    if (notes == 0)
        return later;
    return notes & WAIT_MASK ? notes : notes | (later & WAIT_MASK);
}

enum { HEX_DIGITS = 2 * MESSAGE_ID_BYTES };

void polled_wire_id_format(const struct message_ref *ref, char text[POLLED_WIRE_ID_SIZE])
{
    for (size_t i = 0; i < MESSAGE_ID_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", ref->id.bytes[i]);
    snprintf(text + HEX_DIGITS, POLLED_WIRE_ID_SIZE - HEX_DIGITS, "-%u", ref->attempt);
}

static unsigned digit_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

bool polled_wire_id_parse(const char *text, struct message_ref *ref)
{
    enum { MOST_DIGITS = 9 };
    const char *attempt = text + HEX_DIGITS + 1;
    if (strspn(text, "0123456789abcdef") != HEX_DIGITS || text[HEX_DIGITS] != '-' ||
        *attempt == '0' || *attempt == '\0')
        return false;
    size_t length = strspn(attempt, "0123456789");
    if (length == 0 || length > MOST_DIGITS || attempt[length] != '\0')
        return false;
    for (size_t i = 0; i < MESSAGE_ID_BYTES; i++)
        ref->id.bytes[i] = (unsigned char)(digit_value(text[2 * i]) << 4 |
                                           digit_value(text[2 * i + 1]));
    ref->attempt = (unsigned)strtoul(attempt, NULL, 10);
    return true;
}
