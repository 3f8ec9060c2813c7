/* What a client wants of a webhook: the members of POST and PATCH, read and checked. */
#ifndef API_FCGI_HANDLERS_WEBHOOK_DRAFT_H
#define API_FCGI_HANDLERS_WEBHOOK_DRAFT_H

#include "api-fcgi/server/http.h"
#include "common/process/webhook_url.h"

struct webhook_draft {
    struct webhook_rules rules;
    struct webhook_change change; /* what the body sets */
    struct webhook webhook;       /* for the store's answer */
};

/* Reads the body. False after answering with all that is wrong. `url_required`: for a new one. */
MUST_CHECK bool webhook_draft_take(struct http_exchange *exchange, struct webhook_draft *draft,
                                   bool url_required);

#endif
