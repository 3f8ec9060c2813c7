/* sms-gateway messages send: what may be asked for beside the text, with the rules of the API (option_rules.h). */
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/process/option_rules.h"
#include "deploy/cli/messages.h"

#include <string.h>

const struct command_option messages_send_options[] = {
    MESSAGES_OPTIONS,
    {.name = "wait",
     .meaning = "show each event until the message is sent or has a final status. The exit status "
                "is 0 if it was sent, 1 if it was not, 3 if nobody knows"},
    {.name = "timeout",
     .value = "SECONDS",
     .meaning = "with --wait: stop waiting after SECONDS; the message stays where it is, and the "
                "exit status is 3"},
    {0},
};

/* The exit status after an error of the rules; 0 without one. `option` is the whole word. */
static int refuse_if(const struct command *command, const char *option, enum error error,
                     const char *reason)
{
    return error == ERROR_NONE ? 0 : command_refuse(command, "%s %s", option, reason);
}

/* ---- The target ---- */

static int fail_unknown(const struct command *command, enum error error, const char *what,
                        const char *name)
{
    return error == ERROR_NONE
               ? command_fail(command, "%s %s; see `sms-gateway devices list`", what, name)
               : command_fail_error(command, error);
}

static int take_device(const struct command *command, struct store_reader *reader,
                       struct message_target *target)
{
    const char *device_id = command_option(command, "device");
    bool known;
    if (!device_id)
        return 0;
    if (!device_id_valid(device_id))
        return command_refuse(command, "a device id has 1 to 64 letters, digits, _ and -");
    enum error error = store_device_is_known(reader, device_id, &known);
    if (error != ERROR_NONE || !known)
        return fail_unknown(command, error, "there is no paired phone", device_id);
    strcpy(target->device_id, device_id);
    return 0;
}

static int take_group(const struct command *command, struct store_reader *reader,
                      struct message_target *target)
{
    const char *group = command_option(command, "group");
    bool known;
    if (!group)
        return 0;
    if (!device_group_valid(group))
        return command_refuse(command, "a group has 1 to 32 letters, digits, ., _ and -");
    enum error error = store_group_is_known(reader, group, &known);
    if (error != ERROR_NONE || !known)
        return fail_unknown(command, error, "no phone is in the group", group);
    strcpy(target->device_group, group);
    return 0;
}

static int take_target(const struct command *command, struct store *store,
                       struct message_target *target)
{
    int64_t sim = 0;
    struct store_reader *reader = NULL;
    if (command_option(command, "device") && command_option(command, "group"))
        return command_refuse(command,
                              "--group cannot be combined with --device; remove one of them");
    if (!command_number(command, "sim", 1, MESSAGE_MAX_SIM, &sim))
        return COMMAND_EXIT_USAGE;
    target->sim = (unsigned)sim;
    if (!command_option(command, "device") && !command_option(command, "group"))
        return 0;
    enum error error = store_reader_open(store, &reader);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    int status = take_device(command, reader, target);
    if (status == 0)
        status = take_group(command, reader, target);
    store_reader_close(reader);
    return status;
}

/* ---- Times ---- */

static int take_send_at(const struct command *command, int64_t now_ms,
                        struct message_options *options)
{
    const char *given = command_option(command, "at");
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    if (!given)
        return 0;
    enum error error = option_rules_parse_time(given, &options->send_at_ms, reason);
    if (error == ERROR_NONE)
        error = option_rules_check_send_at(options->send_at_ms, now_ms, reason);
    return refuse_if(command, "--at", error, reason);
}

static int take_deadline(const struct command *command, const struct acceptance_rules *rules,
                         int64_t now_ms, struct message_options *options)
{
    const char *given = command_option(command, "expires");
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    int64_t seconds = 0;
    if (given && command_option(command, "ttl"))
        return command_refuse(command,
                              "--ttl cannot be combined with --expires; remove one of them");
    if (!command_number(command, "ttl", 1, OPTION_MAX_TTL_SECONDS, &seconds))
        return COMMAND_EXIT_USAGE;
    if (seconds > 0)
        options->expires_at_ms = option_rules_deadline_ms(seconds, options->send_at_ms, now_ms);
    else if (!given)
        options->expires_at_ms = option_rules_default_deadline_ms(rules, options->send_at_ms);
    if (!given)
        return 0;
    enum error error = option_rules_parse_time(given, &options->expires_at_ms, reason);
    if (error == ERROR_NONE)
        error = option_rules_check_expires_at(options->expires_at_ms, options->send_at_ms, now_ms,
                                              reason);
    return refuse_if(command, "--expires", error, reason);
}

/* ---- The rest ---- */

static int take_rest(const struct command *command, struct message_options *options)
{
    const char *priority = command_option(command, "priority");
    const char *reference = command_option(command, "reference");
    char reason[ACCEPTANCE_RULES_REASON_SIZE];
    options->no_delivery_report = command_option(command, "no-delivery-report");
    if (reference && !utf8_valid(reference, strlen(reference)))
        return command_refuse(command, "--reference is not valid UTF-8");
    int status = priority
                     ? refuse_if(command, "--priority",
                                 option_rules_parse_priority(priority, &options->priority, reason),
                                 reason)
                     : 0;
    if (status == 0 && reference)
        status = refuse_if(command, "--reference",
                           option_rules_copy_reference(reference, options->reference, reason),
                           reason);
    return status;
}

int messages_read_options(const struct command *command, struct store *store,
                          const struct acceptance_rules *rules, struct message_options *options)
{
    int64_t now_ms = clock_wall_ms();
    int status = take_send_at(command, now_ms, options);
    if (status == 0)
        status = take_deadline(command, rules, now_ms, options);
    if (status == 0)
        status = take_rest(command, options);
    return status == 0 ? take_target(command, store, &options->target) : status;
}
