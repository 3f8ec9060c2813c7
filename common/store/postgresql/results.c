#include "common/store/postgresql/results.h"

#include <stdlib.h>

static void forget(struct store_write *write)
{
    if (write->verb == STORE_CLAIM) {
        for (size_t i = 0; i < write->claim.slot_count; i++)
            message_fini(&write->claim.messages[i]);
        write->claim.message_count = 0;
    }
    if (write->verb == STORE_POLL_MESSAGES) {
        struct store_poll_messages *poll = &write->poll_messages;
        for (size_t i = 0; i < poll->count; i++)
            message_fini(&poll->listings[i].message);
        free(poll->listings);
        poll->listings = NULL;
        poll->count = 0;
    }
}

void results_forget(struct store_write *const writes[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        forget(writes[i]);
}
