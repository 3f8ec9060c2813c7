/* Help, manual page and completion of the tool, from the tables of its families (command.h). */
#ifndef DEPLOY_CLI_DESCRIBE_H
#define DEPLOY_CLI_DESCRIBE_H

#include "deploy/cli/command.h"

#include <stdio.h>

/* Help of the tool, and of a family. */
void describe_tool(FILE *out);
void describe_family(const struct command_family *family, FILE *out);

/* Manual page, and completion for bash. */
void describe_man(FILE *out);
void describe_completion(FILE *out);

#endif
