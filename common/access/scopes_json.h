/* The scopes of an API key as JSON. Any thread. */
#ifndef COMMON_ACCESS_SCOPES_JSON_H
#define COMMON_ACCESS_SCOPES_JSON_H

#include "common/access/api_key.h"
#include "common/base/json_write.h"

/* The member `scopes`, an array of their names. */
void scopes_json_put(struct json_writer *json, unsigned scopes);

#endif
