/* sms-gateway dashboard: a link that signs a browser in. */
#include "common/access/api_key_json.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/process/public_url.h"
#include "deploy/cli/command.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_HOURS = 12, MAX_HOURS = 30 * 24, DEFAULT_MINUTES = 10, MAX_MINUTES = 60 };

/* All but `metrics`, which no page shows. */
static const char default_scopes[] =
    "send,read,text,devices,pair,resend,inbox,webhooks,opt_outs,keys,sending";

/* The gateway needs no keys. */
static int print_open(const struct command *command, const char *url)
{
    if (command->json) {
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "url", url);
        json_put_null(command->json, "key_id");
        json_put_null(command->json, "expires_at");
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    fputs("No sign-in is needed:\n", stderr);
    puts(url);
    return EXIT_SUCCESS;
}

static int print_link(const struct command *command, const char *url, const char *text,
                      const struct api_key *link)
{
    if (command->json) {
        char whole[PUBLIC_URL_SIZE + SECRET_TEXT_SIZE + 16];
        snprintf(whole, sizeof(whole), "%s/#sign-in=%s", url, text);
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "url", whole);
        json_put_text(command->json, "key_id", link->id);
        scopes_json_put(command->json, link->scopes);
        json_put_time(command->json, "expires_at", link->expires_at_ms);
        json_put_number(command->json, "session_hours", (double)link->session_ms / 3600000);
        json_end_object(command->json);
        return EXIT_SUCCESS;
    }
    char scopes[API_SCOPES_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
    api_scopes_format(link->scopes, scopes);
    clock_format(link->expires_at_ms, until);
    fprintf(stderr,
            "Open this link in your browser. It works once, until %s, with the scopes %s:\n", until,
            scopes);
    printf("%s/#sign-in=%s\n", url, text);
    return EXIT_SUCCESS;
}

static bool take_options(const struct command *command, struct api_key *link, int64_t *minutes)
{
    char unknown[32];
    int64_t hours = DEFAULT_HOURS;
    const char *scopes = command_option(command, "scopes");
    const char *label = command_option(command, "label");
    label = label ? label : "dashboard";
    *minutes = DEFAULT_MINUTES;
    if (!*label || strlen(label) >= API_KEY_LABEL_SIZE || !utf8_valid(label, strlen(label))) {
        command_refuse(command, "a label has 1 to 64 bytes of UTF-8");
        return false;
    }
    strcpy(link->label, label);
    if (!api_scopes_parse(scopes ? scopes : default_scopes, &link->scopes, unknown)) {
        command_refuse(command, "there is no scope \"%s\"; `sms-gateway keys --help` lists them",
                       unknown);
        return false;
    }
    if (!command_number(command, "hours", 1, MAX_HOURS, &hours) ||
        !command_number(command, "minutes", 1, MAX_MINUTES, minutes))
        return false;
    link->session_ms = hours * 3600 * 1000;
    return true;
}

static int show_link(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_CREATE_KEY};
    struct api_key *link = &write.create_key.key;
    char text[SECRET_TEXT_SIZE], url[PUBLIC_URL_SIZE], errmsg[ERRMSG_SIZE];
    int64_t minutes;
    link->kind = API_KEY_LINK;
    link->requests_per_minute = link->daily_messages = API_KEY_LIMIT_FROM_SETTING;
    if (!take_options(command, link, &minutes))
        return COMMAND_EXIT_USAGE;
    if (strcmp(command->settings.api_keys, "required") != 0) {
        public_url_local(&command->settings, url);
        return print_open(command, command->running ? command->running->url : url);
    }
    if (!public_url(&command->settings, url, errmsg))
        return command_refuse(command, "%s", errmsg);
    write.create_key.valid_for_ms = minutes * 60 * 1000;
    if (!secret_make(SECRET_SIGN_IN_LINK, text, link->id, link->hash))
        return command_fail_error(command, ERROR_INTERNAL);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    return print_link(command, url, text, link);
}

static const struct command_option options[] = {
    {.name = "scopes",
     .value = "LIST",
     .meaning =
         "what the dashboard may do, separated by commas, as for `keys create` (default: all but "
         "metrics). Texts are shown only with text, and incoming SMS with inbox",
     .words = "send read text devices pair resend inbox webhooks opt_outs keys sending"},
    {.name = "hours",
     .value = "N",
     .meaning = "hours until the browser is signed out (1-720, default 12)"},
    {.name = "minutes",
     .value = "N",
     .meaning = "minutes in which the link works (1-60, default 10)"},
    {.name = "label",
     .value = "LABEL",
     .meaning = "what `keys list` calls it (default: dashboard)"},
    {0},
};

static const struct command_action actions[] = {
    {.name = "",
     .meaning =
         "print a link that signs one browser in, once. `keys list` shows the link, and then the "
         "session; `keys revoke` ends either",
     .options = options,
     .run = show_link},
    {0},
};

const struct command_family dashboard_commands = {
    .name = "dashboard",
    .purpose = "print a link that opens the dashboard",
    .actions = actions,
};
