/* What `sms-gateway devices` shows and changes of devices. Main thread only. */
#ifndef DEPLOY_CLI_DEVICE_ACTIONS_H
#define DEPLOY_CLI_DEVICE_ACTIONS_H

#include "deploy/cli/command.h"

#define DEVICE_ACTIONS_GROUP                                                                       \
    {                                                                                              \
        .name = "group", .value = "LABEL",                                                         \
        .meaning =                                                                                 \
            "a group of the device; several may be given, up to 16. They replace its groups, "     \
            "and \"\" removes all of them. With list: only devices of this group",                 \
        .repeats = true                                                                            \
    }

extern const struct command_option device_actions_list_options[], device_actions_update_options[];

int device_actions_list(struct store *store, const struct command *command);
int device_actions_show(struct store *store, const struct command *command);
int device_actions_update(struct store *store, const struct command *command);

/* The exit status. */
int device_actions_refuse_id(const struct command *command);

/* Labels with commas between; "": none. False after an error message. */
MUST_CHECK bool device_actions_read_groups(const struct command *command, const char *labels,
                                           struct device_groups *groups);

#endif
