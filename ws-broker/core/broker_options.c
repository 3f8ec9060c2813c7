#include "ws-broker/core/broker_options.h"

int64_t broker_options_send_window_ms(const struct broker_options *options)
{
    return store_window_ms(options->segments_burst, options->segments_per_minute);
}
