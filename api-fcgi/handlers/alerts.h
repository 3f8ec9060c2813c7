/* What a person should know now: derived from what the store, the settings and the other processes say. Pure. */
#ifndef API_FCGI_HANDLERS_ALERTS_H
#define API_FCGI_HANDLERS_ALERTS_H

#include "common/base/json_write.h"
#include "common/process/settings.h"
#include "common/store/store.h"

struct alert_facts {
    int64_t now_ms; /* wall */
    const struct settings *settings;
    const struct store_statistics *statistics;
    const struct store_sending *sending;
    const struct store_accepted *accepted;
    bool broker_up, webhook_sender_up;
    bool shows_devices; /* who asks may know of them */
    const struct webhook *webhooks;
    size_t webhook_count; /* 0 also where who asks may not know of them */
};

/* The member `alerts`: an array, the worst first. */
void alerts_put(struct json_writer *json, const struct alert_facts *facts);

#endif
