/* A query string: every parameter fits its place, and those that are good survive being written. */
#include "api-fcgi/server/query.h"
#include "common/base/url.h"
#include "common/base/utf8.h"
#include "tests/fuzz/fuzz.h"

enum { NAME_SIZE = 32, VALUE_SIZE = 128 }; /* as the list has them */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *query = text_of(data, size), *name = malloc(NAME_SIZE), *value = malloc(VALUE_SIZE);
    char again_name[NAME_SIZE], again_value[VALUE_SIZE];
    bool good = false, again_good = false;
    CHECK(name && value);

    const char *rest = query;
    for (const char *before = rest;
         query_next_parameter(&rest, name, NAME_SIZE, value, VALUE_SIZE, &good); before = rest) {
        CHECK(rest > before && rest <= query + strlen(query));
        CHECK(strlen(name) < NAME_SIZE && strlen(value) < VALUE_SIZE);
        if (!good)
            continue;
        CHECK(utf8_valid(name, strlen(name)) && utf8_valid(value, strlen(value)));
        struct buffer url;
        buffer_init(&url, 1024);
        buffer_append_text(&url, "/api/sms");
        url_append_parameter(&url, "first", "1");
        url_append_parameter(&url, "second", value); /* names of ours need no escape */
        CHECK(!url.failed);
        const char *written = strchr(url.data, '?') + 1;
        CHECK(query_next_parameter(&written, again_name, NAME_SIZE, again_value, VALUE_SIZE,
                                   &again_good));
        CHECK(query_next_parameter(&written, again_name, NAME_SIZE, again_value, VALUE_SIZE,
                                   &again_good));
        CHECK(again_good && strcmp(again_name, "second") == 0 && strcmp(again_value, value) == 0);
        CHECK(*written == '\0');
        buffer_fini(&url);
    }
    CHECK(*rest == '\0');
    free(value);
    free(name);
    free(query);
    return 0;
}
