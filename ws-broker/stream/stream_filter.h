/* Which events a follower of the stream gets, and which its scopes let it see. Pure. */
#ifndef WS_BROKER_STREAM_STREAM_FILTER_H
#define WS_BROKER_STREAM_STREAM_FILTER_H

#include "common/store/events.h"

/* What is not set (nil, "") lets everything through; `types` has a bit for each type that passes. */
struct stream_filter {
    uint32_t types;
    struct message_id message_id, batch_id;
    char device_id[DEVICE_ID_SIZE];
};

/* What a filter looks at. */
struct stream_key {
    enum event_type type;
    struct message_id message_id, batch_id; /* nil: none */
    char device_id[DEVICE_ID_SIZE];         /* "": none */
};

struct stream_key stream_key_of(const struct store_event *event);

/* The same decision as that of store_list_events with stream_filter_query. */
MUST_CHECK bool stream_filter_passes(const struct stream_filter *filter,
                                     const struct stream_key *key);

/* The query for the next page after `after`. */
struct store_event_query stream_filter_query(const struct stream_filter *filter, int64_t after,
                                             size_t limit);

/* The types that these scopes (enum api_scope) let a client see. */
uint32_t stream_types_of_scopes(unsigned scopes);

/* The scopes that let a client see all of these types. */
unsigned stream_scopes_of_types(uint32_t types);

#endif
