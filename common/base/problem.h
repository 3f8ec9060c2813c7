/* A problem: the body of an error answer, application/problem+json (RFC 9457). Any thread. */
#ifndef COMMON_BASE_PROBLEM_H
#define COMMON_BASE_PROBLEM_H

#include "common/base/buffer.h"
#include "common/base/error.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/* Type, title, status and code are the error's (error.def). */
struct problem {
    enum error error;
    const char *detail;     /* what happened, and what to change */
    const char *errors;     /* JSON objects separated by commas; NULL: none */
    const char *message_id; /* of the message that it is about; NULL: none */
    const char *batch_id;   /* the same for a batch */
    const char *request_id;
    bool
        is_message; /* in the form of SMSGate's API, {"message": "..."}: of the title and the detail alone */
};

void problem_write(struct buffer *out, const struct problem *problem);

/* Of its body. */
const char *problem_content_type(const struct problem *problem);

#endif
