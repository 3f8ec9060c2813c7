/* One attempt of a message: what offers, reports and the requests about a dispatched message name. */
#ifndef COMMON_MODEL_MESSAGE_REF_H
#define COMMON_MODEL_MESSAGE_REF_H

#include "common/model/message_id.h"

struct message_ref {
    struct message_id id;
    unsigned attempt; /* the first is 1; 0: whichever is the current one */
};

/* Whether `wanted` names `ref`, whose attempt is known. */
static inline bool message_ref_matches(const struct message_ref *ref,
                                       const struct message_ref *wanted)
{
    return (wanted->attempt == 0 || wanted->attempt == ref->attempt) &&
           message_id_equal(&ref->id, &wanted->id);
}

#endif
