#include "tests/bench/load/histogram.h"

#include <math.h>

/* 64 buckets for each doubling; below 64 ns one for each. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < 64)
        return (size_t)ns;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(ns) - 6u; /* of the bucket's width */
    size_t bucket = 64 * (size_t)(exponent + 1) + (size_t)((ns >> exponent) - 64);
    return MIN(bucket, (size_t)HISTOGRAM_BUCKETS - 1);
}

/* The upper end of a bucket. */
static int64_t value_of(size_t bucket)
{
    if (bucket < 64)
        return (int64_t)bucket;
    unsigned exponent = (unsigned)(bucket / 64) - 1;
    return (int64_t)((bucket % 64 + 65) << exponent) - 1;
}

void histogram_add(struct histogram *histogram, int64_t ns)
{
    ns = MAX(ns, 0);
    histogram->count++;
    histogram->buckets[bucket_of((uint64_t)ns)]++;
    histogram->largest_ns = MAX(histogram->largest_ns, ns);
}

int64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t rank = (uint64_t)ceil(share * (double)histogram->count), passed = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS && rank > 0; i++) {
        passed += histogram->buckets[i];
        if (passed >= rank)
            return MIN(value_of(i), histogram->largest_ns);
    }
    return 0;
}
