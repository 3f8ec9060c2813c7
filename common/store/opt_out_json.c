#include "common/store/opt_out_json.h"

void opt_out_json_put(struct json_writer *json, const struct opt_out *opt_out)
{
    json_begin_object(json, NULL);
    json_put_text(json, "phone_number", opt_out->phone_number);
    json_put_time(json, "since", opt_out->since_ms);
    json_put_text(json, "source", opt_out_source_name(opt_out->source));
    json_put_text(json, "keyword", *opt_out->keyword ? opt_out->keyword : NULL);
    json_end_object(json);
}
