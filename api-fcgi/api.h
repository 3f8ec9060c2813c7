/* What every handler may use. Constant while requests are served, but for the counters. */
#ifndef API_FCGI_API_H
#define API_FCGI_API_H

#include "common/model/prefix_list.h"
#include "common/process/metrics.h"
#include "common/process/settings.h"
#include "common/store/store.h"

#include "api-fcgi/auth/key_rate.h"

enum { API_MAX_ROUTES = 16, API_MAX_STATUS = 600 };

struct readiness;
struct slow_reads;

struct api {
    const struct settings *settings;
    struct store *store;
    struct readiness *readiness;
    struct slow_reads *slow_reads;
    bool keys_required; /* API_KEYS */
    struct key_rates *key_rates;
    struct prefix_list allowed_prefixes, denied_prefixes;
    struct metrics metrics;
    struct {
        metrics_number answers[API_MAX_STATUS];
        struct metrics_histogram duration;
    } routes[API_MAX_ROUTES];
};

#endif
