#include "api-fcgi/handlers/sending.h"

void sending_put_members(struct json_writer *json, const struct store_sending *sending)
{
    bool paused = sending->paused_since_ms != 0;
    json_put_bool(json, "paused", paused);
    json_put_time(json, "paused_since", sending->paused_since_ms);
    json_put_text(json, "reason", paused && *sending->reason ? sending->reason : NULL);
}

void sending_put(struct json_writer *json, const char *name, const struct store_sending *sending)
{
    json_begin_object(json, name);
    sending_put_members(json, sending);
    json_end_object(json);
}

void sending_put_use(struct json_writer *json, int64_t accepted, int64_t limit)
{
    if (limit > 0) {
        json_put_integer(json, "accepted", accepted);
        json_put_integer(json, "limit", limit);
    } else {
        json_put_null(json, "accepted");
        json_put_null(json, "limit");
    }
}

void sending_put_today(struct json_writer *json, const char *name, int64_t accepted, int64_t limit,
                       int64_t now_ms)
{
    enum { DAY_MS = 86400000 };
    json_begin_object(json, name);
    sending_put_use(json, accepted, limit);
    json_put_time(json, "resets_at", (now_ms / DAY_MS + 1) * DAY_MS);
    json_end_object(json);
}
