/*
 * What is known of a polled device's app, SMSGate, by its version; and how a message is named to it.
 *
 * A version is a number: 1.68.2 is 1068002. 0 is an unknown one, of which the least is expected. Pure. Any thread.
 */
#ifndef COMMON_MODEL_POLLED_APP_H
#define COMMON_MODEL_POLLED_APP_H

#include "common/model/message_content.h"
#include "common/model/message_ref.h"

enum {
    POLLED_WIRE_ID_SIZE = 32 + 1 + 10 + 1,
    POLLED_APP_CANCELS =
        1067000, /* from then on it understands `Cancelling`; before it would send */
};

/* The version in the header User-Agent, "me.capcom.smsgateway/1.68.2"; it may be NULL. */
unsigned polled_app_version(const char *user_agent);

/* How many messages it may have at once that it has not begun to send, where `window` is the setting. Some versions may send
   one twice when another arrives meanwhile. */
size_t polled_app_window(unsigned version, size_t window);

/* Whether the app sends a message of that kind; an older one would lose all that is listed with it. */
bool polled_app_sends(unsigned version, enum message_content content);

/* Until when the app may send what it was first listed then. What it has not reported by the horizon is `unknown`.
   `expires_at_ms`: 0: never. */
int64_t polled_valid_until_ms(int64_t listed_at_ms, int64_t expires_at_ms, int64_t horizon_ms);

/*
 * When the app has taken a message, and when it has given it to its radio, by its own notes, in one number; 0: it says neither. Of a
 * message the app notes each state once and never again (its table ignores a second time), and reports all that it has noted. So
 * notes that differ are from two lists of messages: from two phones with one token, or one phone of before and after a backup was
 * restored. What one of them does not say differs from nothing. Wall-clock milliseconds of the phone; 0: unknown.
 */
int64_t polled_notes_make(int64_t taken_at_ms, int64_t processed_at_ms);
bool polled_notes_differ(int64_t notes, int64_t others);
int64_t polled_notes_join(int64_t notes,
                          int64_t later); /* what the first does not say is the second's */

/*
 * A message and its attempt as one name: 32 hexadecimal digits, a hyphen and the attempt. An app sends what it knows by its
 * name once, so that another attempt needs another name, and a late report of an earlier one cannot be taken for one of this.
 */
void polled_wire_id_format(const struct message_ref *ref, char text[POLLED_WIRE_ID_SIZE]);
/* False for any other text. */
MUST_CHECK bool polled_wire_id_parse(const char *text, struct message_ref *ref);

#endif
