/* Whether sending is paused, and what is used of limits, as JSON. */
#ifndef API_FCGI_HANDLERS_SENDING_H
#define API_FCGI_HANDLERS_SENDING_H

#include "common/base/json_write.h"
#include "common/store/store.h"

void sending_put(struct json_writer *json, const char *name, const struct store_sending *sending);

/* The members of sending_put, in an object that the caller has begun. */
void sending_put_members(struct json_writer *json, const struct store_sending *sending);

/* `accepted` and `limit`: null where there is no limit, because nothing is counted then. In an object that the caller has
   begun. */
void sending_put_use(struct json_writer *json, int64_t accepted, int64_t limit);

/* The same for the day of UTC, as a member with `resets_at`. */
void sending_put_today(struct json_writer *json, const char *name, int64_t accepted, int64_t limit,
                       int64_t now_ms);

#endif
