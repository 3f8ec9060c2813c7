/*
 * What the gateway takes as a message: the number, the destination, the length of the text. The API, and the operator's
 * tool, ask here, so that both refuse the same.
 *
 * `reason` gets what is wrong, as the end of a sentence that begins with the field's name. Any thread.
 */
#ifndef COMMON_PROCESS_MESSAGE_RULES_H
#define COMMON_PROCESS_MESSAGE_RULES_H

#include "common/base/errmsg.h"
#include "common/base/error.h"
#include "common/model/message.h"
#include "common/model/prefix_list.h"
#include "common/process/settings.h"

enum { MESSAGE_RULES_REASON_SIZE = PHONE_NUMBER_REASON_SIZE };

struct message_rules {
    struct prefix_list allowed_prefixes, denied_prefixes;
    int64_t max_segments;
};

/* False, with errmsg, if there is a prefix that is none. */
MUST_CHECK bool message_rules_load(struct message_rules *rules, const struct settings *settings,
                                   char errmsg[ERRMSG_SIZE]);

/* The number of `text` (phone_number.h): ERROR_INVALID_PHONE_NUMBER, ERROR_DESTINATION_NOT_ALLOWED. */
MUST_CHECK enum error message_rules_check_number(const struct message_rules *rules,
                                                 const char *text, char number[PHONE_NUMBER_SIZE],
                                                 char reason[MESSAGE_RULES_REASON_SIZE]);

/* `number` is an E.164 number: ERROR_DESTINATION_NOT_ALLOWED. */
MUST_CHECK enum error message_rules_check_destination(const struct message_rules *rules,
                                                      const char *number,
                                                      char reason[MESSAGE_RULES_REASON_SIZE]);

/* ERROR_EMPTY_MESSAGE, ERROR_MESSAGE_TOO_LONG. */
MUST_CHECK enum error message_rules_check_segments(const struct message_rules *rules,
                                                   enum sms_encoding encoding, unsigned segments,
                                                   char reason[MESSAGE_RULES_REASON_SIZE]);

#endif
