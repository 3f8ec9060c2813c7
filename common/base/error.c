#include "common/base/error.h"

#include <assert.h>

static const struct {
    const char *code;
    int http_status;
    int close_code;
    const char *title;
} errors[ERROR_COUNT] = {
#define ERROR(id, code, http_status, close_code, title)                                            \
    [ERROR_##id] = {code, http_status, close_code, title},
#include "common/base/error.def"
#undef ERROR
};

const char *error_code(enum error error)
{
    assert(error > ERROR_NONE && error < ERROR_COUNT);
    return errors[error].code;
}

const char *error_title(enum error error)
{
    assert(error > ERROR_NONE && error < ERROR_COUNT);
    return errors[error].title;
}

int error_http_status(enum error error)
{
    assert(error > ERROR_NONE && error < ERROR_COUNT);
    return errors[error].http_status;
}

int error_close_code(enum error error)
{
    assert(error > ERROR_NONE && error < ERROR_COUNT);
    return errors[error].close_code;
}
