/*
 * The messages of a batch in a file: JSON as POST /api/batches takes it, or CSV with a header row, whose columns are fields
 * of a message or variables for placeholders. Everything is checked before the result.
 */
#ifndef DEPLOY_CLI_BATCH_FILE_H
#define DEPLOY_CLI_BATCH_FILE_H

#include "deploy/cli/command.h"

struct batch_file {
    struct message_id id;
    struct message *messages;
    size_t count;
    int64_t segments; /* of all */
};

/* Reads the file of the argument, or with "-" the standard input. 0, or the exit status after the error messages. The caller
   does batch_file_fini, in any case. */
MUST_CHECK int batch_file_read(const struct command *command, struct store *store,
                               struct batch_file *batch);
void batch_file_fini(struct batch_file *batch);

#endif
