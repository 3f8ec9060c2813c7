/* What the server, the handlers and the authorization share. Nothing of it changes while requests are
   served, except for the metrics. */
#ifndef API_FCGI_SERVER_API_H
#define API_FCGI_SERVER_API_H

#include "common/process/acceptance_rules.h"
#include "common/process/metrics.h"
#include "common/process/settings.h"
#include "common/store/store.h"

#include <stdatomic.h>

enum { API_MAX_ROUTES = 96, API_MAX_STATUS = 600 };

struct api {
    const struct settings *settings;
    struct store *store;
    const struct route_table *routes;  /* server/router.h */
    struct slow_reads *slow_reads;     /* server/slow_reads.h */
    struct readiness *readiness;       /* handlers/readiness.h */
    struct key_rates *key_rates;       /* auth/key_rates.h */
    struct key_cache *key_caches;      /* auth/key_cache.h: one for each worker */
    struct mobile_codes *mobile_codes; /* smsgate/mobile_codes.h */
    struct mobile_clock *mobile_clock; /* smsgate/mobile_clock.h */
    atomic_uint key_revocations;       /* by this process */
    bool keys_required;                /* API_KEYS */
    struct acceptance_rules acceptance_rules;
    struct metrics metrics;
    /* By index in `routes`; the last one used: requests without a route. */
    struct {
        metrics_number answers[API_MAX_STATUS];
        struct metrics_histogram duration;
    } route_metrics[API_MAX_ROUTES];
};

#endif
