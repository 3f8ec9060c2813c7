/*
 * Request ids: nginx's $request_id, 16 random bytes, written as 32 hex digits in logs, headers and frames. All zero: no
 * id. Any thread.
 */
#ifndef COMMON_MODEL_REQUEST_ID_H
#define COMMON_MODEL_REQUEST_ID_H

#include "common/base/base.h"

enum { REQUEST_ID_BYTES = 16, REQUEST_ID_TEXT_SIZE = 33 };

struct request_id {
    unsigned char bytes[REQUEST_ID_BYTES];
};

/* All zero if the text is not 32 lower-case hex digits. */
struct request_id request_id_parse(const char *text);

/* Lower case; "" for no id. */
void request_id_format(const struct request_id *id, char text[REQUEST_ID_TEXT_SIZE]);

bool request_id_is_none(const struct request_id *id);

#endif
