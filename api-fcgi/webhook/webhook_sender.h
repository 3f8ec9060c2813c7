/* The loop of the sender: reads webhooks and events, tries deliveries, and notes what became of them. Main thread. */
#ifndef API_FCGI_WEBHOOK_WEBHOOK_SENDER_H
#define API_FCGI_WEBHOOK_WEBHOOK_SENDER_H

#include "common/process/webhook_address.h"
#include "common/store/store.h"

struct webhook_sender_options {
    struct store *store;
    const struct webhook_rules *rules; /* which addresses are allowed */
    const char *ca_file;               /* "": none */
    const char *signing_key;           /* SMSGATE_SIGNING_KEY; "": none */
    int64_t drain_timeout_ms;
    struct metrics *metrics;
};

struct webhook_sender;

/* NULL: no memory, or libcurl does not start; it has been logged. */
struct webhook_sender *webhook_sender_new(const struct webhook_sender_options *options);
/* After store_close, which may still wake it. */
void webhook_sender_free(struct webhook_sender *sender);

/* Until a signal asks for the end; tries that run then may end within the drain timeout, others are made again. */
void webhook_sender_run(struct webhook_sender *sender, int signal_fd);

/* The store has finished writes. Any thread. */
void webhook_sender_wake(struct webhook_sender *sender);

#endif
