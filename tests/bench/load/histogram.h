/* Latencies, in buckets that are never wider than 1.6 % of their value. */
#ifndef TESTS_BENCH_LOAD_HISTOGRAM_H
#define TESTS_BENCH_LOAD_HISTOGRAM_H

#include "common/base/base.h"

enum { HISTOGRAM_BUCKETS = 64 * 40 };

struct histogram {
    uint64_t count;
    int64_t largest_ns;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, int64_t ns);

/* The value that `share` (0 to 1) of all do not exceed; 0 without any. */
int64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
