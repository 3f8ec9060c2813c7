/* The content of a database, as backup, restore and database commands print it. */
#ifndef DEPLOY_CLI_CONTENT_H
#define DEPLOY_CLI_CONTENT_H

#include "common/base/json_write.h"
#include "common/store/sqlite/database_file.h"

/* As members of an object that is open. */
void content_write_members(struct json_writer *json, const struct database_file_content *content);

/* "schema version 7, 12 messages, 143360 bytes" */
void content_print(const struct database_file_content *content);

/* What became of a backup that was put back. */
void content_print_settled(int64_t unknown);

#endif
