#include "common/base/problem.h"

#include "common/base/json_write.h"

#include <stdio.h>

static void write_message(struct buffer *out, const struct problem *problem)
{
    struct json_writer json = {.out = out};
    char text[512];
    snprintf(text, sizeof(text), "%s: %s", error_title(problem->error), problem->detail);
    json_begin_object(&json, NULL);
    json_put_text(&json, "message", text);
    json_end_object(&json);
}

const char *problem_content_type(const struct problem *problem)
{
    return problem->is_message ? "application/json" : PROBLEM_CONTENT_TYPE;
}

void problem_write(struct buffer *out, const struct problem *problem)
{
    if (problem->is_message) {
        write_message(out, problem);
        return;
    }
    struct json_writer json = {.out = out};
    const char *code = error_code(problem->error);
    char type[96];
    snprintf(type, sizeof(type), "/docs/errors.html#%s", code);
    json_begin_object(&json, NULL);
    json_put_text(&json, "type", type);
    json_put_text(&json, "title", error_title(problem->error));
    json_put_integer(&json, "status", error_http_status(problem->error));
    json_put_text(&json, "detail", problem->detail);
    json_put_text(&json, "code", code);
    if (problem->errors) {
        json_begin_array(&json, "errors");
        json_put_raw(&json, NULL, problem->errors);
        json_end_array(&json);
    }
    if (problem->message_id)
        json_put_text(&json, "message_id", problem->message_id);
    if (problem->batch_id)
        json_put_text(&json, "batch_id", problem->batch_id);
    json_put_text(&json, "request_id", problem->request_id);
    json_end_object(&json);
}
