/* An opt-out as JSON: what the API and the operator's tool answer. Any thread. */
#ifndef COMMON_STORE_OPT_OUT_JSON_H
#define COMMON_STORE_OPT_OUT_JSON_H

#include "common/base/json_write.h"
#include "common/store/opt_outs.h"

void opt_out_json_put(struct json_writer *json, const struct opt_out *opt_out);

#endif
