/*
 * The number of SMS segments of a text.
 *
 * 3GPP TS 23.038 (alphabets) and 23.040 (concatenation): 160 septets or 70 UTF-16 units in one
 * message, 153 or 67 in each of several, because 6 of the 140 bytes are then a header. A character
 * of the extension table takes two septets and a surrogate pair two units; neither is split.
 * A phone may use national shift tables instead, so the number is an estimate.
 */
#ifndef COMMON_MODEL_SMS_SEGMENTS_H
#define COMMON_MODEL_SMS_SEGMENTS_H

#include "common/base/base.h"

/* The values are stored in the database and never change. No text is 8-bit: those are bytes for a program. */
enum sms_encoding { SMS_ENCODING_GSM7, SMS_ENCODING_UCS2, SMS_ENCODING_8BIT, SMS_ENCODING_COUNT };

/* "GSM-7", "UCS-2" or "8-bit". */
const char *sms_encoding_name(enum sms_encoding encoding);

struct sms_segments {
    enum sms_encoding encoding;
    unsigned units;    /* septets or UTF-16 units, without headers */
    unsigned segments; /* 0 for an empty text */
};

/* Whether GSM-7 has the character, maybe with an escape. */
bool sms_segments_has_gsm7(int32_t point);

/* `text` must be valid UTF-8. Any thread. */
struct sms_segments sms_segments_count(const char *text);

/* Of at least one unit, each of which may be the last of a segment. Any thread. */
struct sms_segments sms_segments_of_units(enum sms_encoding encoding, unsigned units);

#endif
