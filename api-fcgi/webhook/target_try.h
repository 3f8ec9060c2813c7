/* The tries of deliveries: each is signed, posted, and its answer told to the core and the log. Main thread. */
#ifndef API_FCGI_WEBHOOK_TARGET_TRY_H
#define API_FCGI_WEBHOOK_TARGET_TRY_H

#include "api-fcgi/webhook/target.h"
#include "common/process/webhook_address.h"

struct try_maker_options {
    unsigned most_tries; /* at the same time */
    const struct webhook_rules *rules;
    const char *ca_file;     /* "": none */
    const char *signing_key; /* of webhooks in SMSGate's form; "": each has its own */
    struct metrics *metrics;
};

struct try_maker;

/* NULL: no memory, or libcurl does not start. */
struct try_maker *try_maker_new(const struct try_maker_options *options);
/* Breaks off what runs. */
void try_maker_free(struct try_maker *maker);

/* Tries a delivery that has its body, and is in flight. */
void try_begin(struct try_maker *maker, struct target *target, struct delivery *delivery,
               const struct target_time *time);

/* As http_client_run and http_client_wake. */
void try_run(struct try_maker *maker, int fd, int64_t timeout_ms);
void try_wake(struct try_maker *maker);

#endif
