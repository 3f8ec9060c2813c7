/*
 * Which new messages are accepted: number, destination, length of the text. The API and the operator's tool check here,
 * so that both refuse the same.
 *
 * `reason` gets what is wrong, as the end of a sentence that begins with the name of the field. Any thread.
 */
#ifndef COMMON_PROCESS_ACCEPTANCE_RULES_H
#define COMMON_PROCESS_ACCEPTANCE_RULES_H

#include "common/base/errmsg.h"
#include "common/base/error.h"
#include "common/model/message.h"
#include "common/model/prefix_list.h"
#include "common/process/settings.h"

enum { ACCEPTANCE_RULES_REASON_SIZE = PHONE_NUMBER_REASON_SIZE };

struct acceptance_rules {
    struct prefix_list allowed_prefixes, denied_prefixes;
    int64_t max_segments;
    int64_t default_ttl_seconds; /* of a message whose client gives no deadline; 0: it has none */
};

/* From the settings. False with errmsg if a prefix is not valid. */
MUST_CHECK bool acceptance_rules_load(struct acceptance_rules *rules,
                                      const struct settings *settings, char errmsg[ERRMSG_SIZE]);

/* The number of `text` (phone_number.h): ERROR_INVALID_PHONE_NUMBER, ERROR_DESTINATION_NOT_ALLOWED. */
MUST_CHECK enum error acceptance_rules_check_number(const struct acceptance_rules *rules,
                                                    const char *text,
                                                    char number[PHONE_NUMBER_SIZE],
                                                    char reason[ACCEPTANCE_RULES_REASON_SIZE]);

/* `number` is an E.164 number: ERROR_DESTINATION_NOT_ALLOWED. */
MUST_CHECK enum error acceptance_rules_check_destination(const struct acceptance_rules *rules,
                                                         const char *number,
                                                         char reason[ACCEPTANCE_RULES_REASON_SIZE]);

/* ERROR_EMPTY_MESSAGE, ERROR_MESSAGE_TOO_LONG. */
MUST_CHECK enum error acceptance_rules_check_segments(const struct acceptance_rules *rules,
                                                      enum sms_encoding encoding, unsigned segments,
                                                      char reason[ACCEPTANCE_RULES_REASON_SIZE]);

#endif
