#include "ws-broker/core/broker_options.h"

enum { MINUTE_MS = 60000 };

int64_t broker_options_send_window_ms(const struct broker_options *options)
{
    if (options->segments_per_minute == 0)
        return 0;
    return MAX(options->segments_burst * MINUTE_MS / options->segments_per_minute, 1);
}
