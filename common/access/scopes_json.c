#include "common/access/scopes_json.h"

void scopes_json_put(struct json_writer *json, unsigned scopes)
{
    json_begin_array(json, "scopes");
    for (unsigned i = 0; i < API_SCOPE_COUNT; i++) {
        char scope[API_SCOPES_TEXT_SIZE];
        api_scopes_format(scopes & 1u << i, scope);
        if (*scope)
            json_put_text(json, NULL, scope);
    }
    json_end_array(json);
}
