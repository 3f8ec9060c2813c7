/*
 * What the gateway takes as the options of a message (model/message.h). The API, and the operator's tool, ask here.
 *
 * `reason` gets what is wrong and what to change, as the end of a sentence that begins with the field's name. Any thread.
 */
#ifndef COMMON_PROCESS_OPTION_RULES_H
#define COMMON_PROCESS_OPTION_RULES_H

#include "common/process/acceptance_rules.h"

enum {
    OPTION_MAX_DAYS = 35, /* from now to send_at, and from there to the deadline */
    /* A send_at that is past means now: clocks differ; one longer ago is a mistake. */
    OPTION_PAST_MINUTES = 5,
};
#define OPTION_MAX_TTL_SECONDS ((int64_t)OPTION_MAX_DAYS * 86400)

/* RFC 3339 with a UTC offset: ERROR_INVALID_VALUE. */
MUST_CHECK enum error option_rules_parse_time(const char *text, int64_t *wall_ms,
                                              char reason[ACCEPTANCE_RULES_REASON_SIZE]);

/* ERROR_OUT_OF_RANGE: it is past, or too far ahead. */
MUST_CHECK enum error option_rules_check_send_at(int64_t send_at_ms, int64_t now_ms,
                                                 char reason[ACCEPTANCE_RULES_REASON_SIZE]);

/* The deadline of a message that may be sent from send_at_ms on, or from now on (0): ERROR_OUT_OF_RANGE. */
MUST_CHECK enum error option_rules_check_expires_at(int64_t expires_at_ms, int64_t send_at_ms,
                                                    int64_t now_ms,
                                                    char reason[ACCEPTANCE_RULES_REASON_SIZE]);

/* The deadline that many seconds after send_at_ms, or after now. */
int64_t option_rules_deadline_ms(int64_t ttl_seconds, int64_t send_at_ms, int64_t now_ms);

/* The deadline of a message whose client gives none (MESSAGE_TTL_HOURS); 0: never. Reads the clock if it needs it. */
int64_t option_rules_default_deadline_ms(const struct acceptance_rules *rules, int64_t send_at_ms);

/* "high", "normal", "low": ERROR_INVALID_VALUE. */
MUST_CHECK enum error option_rules_parse_priority(const char *text, enum message_priority *priority,
                                                  char reason[ACCEPTANCE_RULES_REASON_SIZE]);

/* `text` is valid UTF-8: ERROR_INVALID_VALUE. */
MUST_CHECK enum error option_rules_copy_reference(const char *text,
                                                  char reference[MESSAGE_REFERENCE_SIZE],
                                                  char reason[ACCEPTANCE_RULES_REASON_SIZE]);

#endif
