/* Incoming SMS as rows of SQLite, for the verbs and the reads. */
#ifndef COMMON_STORE_SQL_INCOMING_ROWS_H
#define COMMON_STORE_SQL_INCOMING_ROWS_H

#include "common/model/incoming_sms.h"
#include "common/store/sql/backend.h"

/* The columns of INCOMING_COLUMNS. The caller does incoming_sms_fini, also after an error. */
MUST_CHECK enum error incoming_rows_read(const struct statement *row, struct incoming_sms *sms);

#endif
