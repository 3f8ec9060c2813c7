/* The readiness probe. */
#include "common/store/verbs/verbs.h"

enum error verb_probe(struct store_transaction *transaction, struct store_write *write)
{
    const struct admin_rows *rows = transaction->rows->admin;
    enum error error = rows->check(transaction->database, &write->probe);
    write->probe.looked = true;
    return error == ERROR_NONE ? rows->write_probe(transaction->database, transaction->now_ms)
                               : error;
}
