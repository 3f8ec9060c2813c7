/* The head of a request for the event stream: what is taken fits its place, and what is wrong is told as a problem tells it. */
#include "common/access/api_key.h"
#include "common/base/json.h"
#include "common/model/device.h"
#include "tests/fuzz/fuzz.h"
#include "ws-broker/net/stream_access.h"

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size);
}

static void check_taken(const struct stream_request *request)
{
    const struct stream_filter *filter = &request->filter;
    CHECK(is_terminated(request->request_id, sizeof(request->request_id)));
    CHECK(is_terminated(request->token, sizeof(request->token)));
    CHECK(is_terminated(request->ticket, sizeof(request->ticket)));
    CHECK(is_terminated(filter->device_id, sizeof(filter->device_id)));
    CHECK(!*filter->device_id || device_id_valid(filter->device_id));
    CHECK((filter->types & ~EVENT_TYPES_ALL) == 0);
    CHECK(request->last_id >= 0 && (request->has_last_id || request->last_id == 0));
}

/* Whatever is asked for, a key sees what its scopes allow and no more. */
static void check_scopes(const struct stream_request *request)
{
    for (unsigned bit = 0; bit <= API_SCOPE_COUNT; bit++) {
        unsigned scopes = bit == API_SCOPE_COUNT ? 0 : API_SCOPE_READ | 1u << bit;
        struct stream_request limited = *request;
        char missing[API_SCOPES_TEXT_SIZE];
        if (stream_access_limit(&limited, scopes, missing) == ERROR_NONE)
            CHECK(limited.filter.types &&
                  !(limited.filter.types & ~stream_types_of_scopes(scopes)));
        else
            CHECK(*missing);
    }
}

/* The members of a problem's list. */
static void check_errors(const struct buffer *errors)
{
    struct json_problem problem;
    struct buffer list;
    buffer_init(&list, 1 << 20);
    buffer_append_text(&list, "[");
    buffer_append(&list, errors->data, errors->length);
    buffer_append_text(&list, "]");
    CHECK(!list.failed && json_scan(list.data, list.length, &problem));
    buffer_fini(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Both exactly of their size, so that a byte too far is seen. */
    char *head = malloc(MAX(size, 1));
    struct stream_request *request = malloc(sizeof(*request));
    struct buffer errors;
    CHECK(head && request);
    memcpy(head, data, size);
    buffer_init(&errors, 1 << 16);
    enum error error = stream_request_read(head, size, request, &errors);
    CHECK(error == ERROR_NONE || error == ERROR_MALFORMED_REQUEST ||
          error == ERROR_VALIDATION_FAILED);
    if (error != ERROR_MALFORMED_REQUEST) {
        CHECK(stream_request_is_one(head, size));
        CHECK(size > 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0);
        check_taken(request);
    }
    CHECK((error == ERROR_VALIDATION_FAILED) == (errors.length > 0 || errors.failed) ||
          error == ERROR_MALFORMED_REQUEST);
    if (error == ERROR_VALIDATION_FAILED && !errors.failed)
        check_errors(&errors);
    if (error == ERROR_NONE)
        check_scopes(request);
    buffer_fini(&errors);
    free(request);
    free(head);
    return 0;
}
