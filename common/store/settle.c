#include "common/store/settle.h"

#include "common/process/database_url.h"
#include "common/store/backend_loader.h"
#include "common/store/store_backend.h"

#include <stdio.h>

enum error store_settle(const char *dsn, bool keep, int64_t *unknown,
                        char problem[STORE_ERROR_SIZE])
{
    *unknown = 0;
    if (!database_url_is_postgresql(dsn)) {
        snprintf(problem, STORE_ERROR_SIZE,
                 "DATABASE_URL names no PostgreSQL database; `sms-gateway restore` settles a file");
        return ERROR_STORE_UNAVAILABLE;
    }
    const struct store_backend *backend = backend_load_postgresql(problem);
    return backend ? backend->settle(dsn, keep, unknown, problem) : ERROR_STORE_UNAVAILABLE;
}
