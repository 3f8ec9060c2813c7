/*
 * The backend that this folder is compiled for: its statements and its database.
 *
 * The rows and the reads of a store in SQL are the same for SQLite and PostgreSQL but for the texts of their statements
 * (statements.def of each) and for what they have in files of their own: new messages, events, idempotency keys.
 */
#ifndef COMMON_STORE_SQL_BACKEND_H
#define COMMON_STORE_SQL_BACKEND_H

#ifdef STORE_POSTGRESQL
#include "common/store/postgresql/database.h"
#else
#include "common/store/sqlite/database.h"
#endif

#endif
