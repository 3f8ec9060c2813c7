/*
 * The error words of phones for an SMS that was not sent, and what they mean for the message: the table of
 * ws-broker/PROTOCOL.md, from Android's SmsManager.RESULT_ codes.
 */
#ifndef COMMON_MODEL_SEND_RESULT_H
#define COMMON_MODEL_SEND_RESULT_H

#include "common/base/base.h"

enum send_result_class {
    SEND_RESULT_DEFINITE,  /* nothing was sent, and another try may succeed */
    SEND_RESULT_PERMANENT, /* nothing was sent, and no device could send it */
    SEND_RESULT_AMBIGUOUS, /* it may have been sent */
};

/* Ambiguous for an unknown word. Any thread. */
enum send_result_class send_result_classify(const char *error_code);

/* Whether the word is in the table. */
bool send_result_is_known(const char *error_code);

/* The word of the table that is meant: itself, or Android's own name, as RESULT_ERROR_NO_SERVICE, in any case. NULL: none. */
const char *send_result_word(const char *told);

#endif
