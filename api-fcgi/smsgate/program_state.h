/* The state of a program's message, out of its rows, and its JSON. Any thread. */
#ifndef API_FCGI_SMSGATE_PROGRAM_STATE_H
#define API_FCGI_SMSGATE_PROGRAM_STATE_H

#include "common/base/json_write.h"
#include "common/store/messages.h"

/* The state of all rows together, by how many are in each status: a status that stands for it (smsgate_json.h). */
enum message_status program_state_of(const int64_t counts[MESSAGE_STATUS_COUNT]);

/* For struct store_external_query: whether that is the state, one that program_state_parse has given. */
bool program_state_matches(const int64_t counts[MESSAGE_STATUS_COUNT], int wanted);
MUST_CHECK bool program_state_parse(const char *name, int *wanted);

struct program_view {
    const char *id; /* the external one */
    const struct message *messages;
    size_t count; /* at least 1 */
    bool newest_first;
    bool with_text;
};
void program_state_put(struct json_writer *json, const struct program_view *view);

#endif
