/* sms-gateway devices: pairs and revokes phones. What it shows and changes of them is in device_actions.c. */
#include "common/access/pairing.h"
#include "common/base/qr_code.h"
#include "common/model/protocol.h"
#include "deploy/cli/command.h"
#include "deploy/cli/device_actions.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_PICTURE_BYTES = 64 * 1024 };

/* The answer of POST /api/pairings. */
static void write_pairing(struct json_writer *json, const struct store_write *write,
                          const struct pairing *pairing)
{
    struct buffer picture;
    const char *device_id = write->create_pairing.device_id;
    buffer_init(&picture, MAX_PICTURE_BYTES);
    json_begin_object(json, NULL);
    json_put_text(json, "code", pairing->code);
    json_put_text(json, "device_id", *device_id ? device_id : NULL);
    json_put_time(json, "expires_at", write->create_pairing.expires_at_ms);
    json_put_text(json, "url", pairing->url);
    json_put_text(json, "uri", pairing->uri);
    json_put_text(json, "qr_svg", qr_code_write_svg(&picture, pairing->uri) ? picture.data : NULL);
    if (!qr_code_put_rows(json, "qr", pairing->uri))
        json->out->failed = true;
    json_end_object(json);
    buffer_fini(&picture);
}

/* The same link with fewer QR modules: a slash needs no escape in a query, and a QR code packs capital letters more
   tightly. */
static void shorten(const char *uri, char compact[PAIRING_URI_SIZE])
{
    const char *ca = strstr(uri, "&ca=");
    char *end = compact;
    for (const char *p = uri; *p; p++) {
        if (strncmp(p, "%2F", 3) == 0) {
            *end++ = '/';
            p += 2;
        } else {
            *end++ = ca && p >= ca + 4 ? (char)toupper((unsigned char)*p) : *p;
        }
    }
    *end = '\0';
}

/* Reads the variables instead of calling setlocale(): the terminal has UTF-8 even if the locale is not installed. */
static bool terminal_has_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static struct qr_code_place terminal_place(void)
{
    struct winsize size = {0};
    struct qr_code_place place = {24, 80, terminal_has_utf8()};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        place = (struct qr_code_place){size.ws_row, size.ws_col, place.utf8};
    place.rows--; /* the prompt that follows */
    return place;
}

static void warn_of_place(const struct command *command, const struct qr_code_place *needed)
{
    fprintf(stderr,
            "sms-gateway %s: WARNING: the QR code needs a terminal of %d lines and %d columns%s; "
            "--svg FILE writes it to a file\n",
            command->family->name, needed->rows + 1, needed->columns,
            needed->utf8 ? "" : " without UTF-8 (LANG=C.UTF-8 halves that)");
}

static void print_picture(const struct command *command, const char *uri)
{
    struct buffer picture;
    struct qr_code_place place = terminal_place(), needed = {0};
    char compact[PAIRING_URI_SIZE];
    bool fits = false;
    buffer_init(&picture, MAX_PICTURE_BYTES);
    bool good = qr_code_write_terminal(&picture, uri, &place, &fits, &needed);
    if (good && !fits) {
        shorten(uri, compact);
        buffer_clear(&picture);
        good = qr_code_write_terminal(&picture, compact, &place, &fits, &needed);
    }
    if (good && !fits)
        warn_of_place(command, &needed);
    fflush(stderr);
    if (good)
        fputs(picture.data, stdout);
    buffer_fini(&picture);
}

/* The QR code comes last, so that a small terminal shows it. */
static void print_pairing(const struct command *command, const struct pairing *pairing,
                          int64_t minutes)
{
    printf("\n  gateway  %s\n  code     %s\n  link     %s\n\n"
           "The code pairs one phone%s%s within %d minutes.\n",
           pairing->url, pairing->code, pairing->uri, *command->argument ? ", as " : "",
           command->argument, (int)minutes);
    if (command_option(command, "svg"))
        return;
    if (isatty(STDOUT_FILENO))
        print_picture(command, pairing->uri);
    else
        fprintf(stderr,
                "sms-gateway %s: no QR code, because the output is not a terminal; --svg FILE "
                "writes one\n",
                command->family->name);
}

/* What to type into the published app SMSGate. */
static void print_smsgate(const struct pairing *pairing, int64_t minutes)
{
    printf("\n  API URL                    %s/api/mobile/v1\n"
           "  Notification channel       SSE only\n"
           "  Private token, or code     %s\n\n"
           "Type the API URL into Settings, Cloud Server; then turn Cloud Server on and go online. "
           "The code\n"
           "pairs one phone within %d minutes; on the tab Code type its digits alone.\n",
           pairing->url, pairing->code, (int)minutes);
}

/* Writes the QR code of --svg, readable by this user alone: it is a secret until it expires. True without --svg. */
static bool write_picture(const struct command *command, const char *uri)
{
    const char *path = command_option(command, "svg");
    struct buffer picture;
    if (!path)
        return true;
    buffer_init(&picture, MAX_PICTURE_BYTES);
    FILE *file = qr_code_write_svg(&picture, uri) ? fopen(path, "we") : NULL; /* the umask is 077 */
    bool good = file && fputs(picture.data, file) >= 0;
    if (file)
        good = fclose(file) == 0 && good;
    if (!good)
        command_fail(command, "cannot write %s: %s", path, strerror(errno));
    buffer_fini(&picture);
    return good;
}

static int pair(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_CREATE_PAIRING};
    struct pairing pairing;
    char errmsg[ERRMSG_SIZE];
    int64_t minutes = PAIRING_MINUTES;
    if (*command->argument && !device_id_valid(command->argument))
        return device_actions_refuse_id(command);
    if (!command_number(command, "minutes", 1, PAIRING_MOST_MINUTES, &minutes))
        return COMMAND_EXIT_USAGE;
    const char *labels = command_option(command, "group");
    bool is_smsgate = command_option(command, "smsgate");
    if (labels && !device_actions_read_groups(command, labels, &write.create_pairing.groups))
        return COMMAND_EXIT_USAGE;
    strcpy(write.create_pairing.device_id, command->argument);
    write.create_pairing.valid_for_ms = minutes * 60000;
    if (!pairing_make(&command->settings, is_smsgate, &pairing, write.create_pairing.code_hash,
                      errmsg))
        return command_refuse(command, "%s", errmsg);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (public_url_warning(&command->settings, pairing.url, errmsg))
        fprintf(stderr, "sms-gateway devices: WARNING: %s\n", errmsg);
    if (command->json)
        write_pairing(command->json, &write, &pairing);
    else if (is_smsgate)
        print_smsgate(&pairing, minutes);
    else
        print_pairing(command, &pairing, minutes);
    return write_picture(command, pairing.uri) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- Tokens by hand ---- */

static enum error create_token(struct store *store, const char *device_id,
                               char text[SECRET_TEXT_SIZE])
{
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    struct device_token *token = &write.create_token.token;
    strcpy(token->device_id, device_id);
    if (!secret_make(SECRET_DEVICE_TOKEN, text, token->id, token->hash))
        return ERROR_INTERNAL;
    return store_run(store, &write);
}

/* The answer of POST /api/pair. */
static void write_token(struct json_writer *json, const char *device_id, const char *text)
{
    char path[sizeof(PROTOCOL_PATH_PREFIX) + DEVICE_ID_SIZE];
    snprintf(path, sizeof(path), "%s%s", PROTOCOL_PATH_PREFIX, device_id);
    json_begin_object(json, NULL);
    json_put_text(json, "device_id", device_id);
    json_put_text(json, "token", text);
    json_put_text(json, "path", path);
    json_end_object(json);
}

/* One for each line of stdin. Prints the tokens that were made even if a later line is wrong. */
static int create_tokens(struct store *store, const struct command *command)
{
    char line[DEVICE_ID_SIZE + 2], text[SECRET_TEXT_SIZE];
    int status = EXIT_SUCCESS;
    int64_t count = 0;
    command_begin_list(command, "tokens");
    while (status == EXIT_SUCCESS && fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!device_id_valid(line)) {
            status = device_actions_refuse_id(command);
            break;
        }
        enum error error = create_token(store, line, text);
        if (error != ERROR_NONE)
            status = command_fail_error(command, error);
        else if (command->json)
            write_token(command->json, line, text);
        else
            printf("%s %s\n", line, text);
        count += error == ERROR_NONE;
    }
    if (ferror(stdin))
        status = command_fail(command, "cannot read the standard input: %s", strerror(errno));
    if (command->json) {
        json_end_array(command->json);
        json_put_integer(command->json, "count", count);
        json_end_object(command->json);
    }
    return status;
}

static int token(struct store *store, const struct command *command)
{
    char text[SECRET_TEXT_SIZE];
    if (strcmp(command->argument, "-") == 0)
        return create_tokens(store, command);
    if (!device_id_valid(command->argument))
        return device_actions_refuse_id(command);
    enum error error = create_token(store, command->argument, text);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (command->json) {
        write_token(command->json, command->argument, text);
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "The token of %s, shown only once:\n", command->argument);
    puts(text);
    return EXIT_SUCCESS;
}

/* ---- Revoke ---- */

static int revoke_device(struct store *store, const struct command *command)
{
    struct store_write write = {.verb = STORE_REVOKE_TOKEN,
                                .revoke_token.revocation = DEVICE_TOKEN_REVOKED};
    if (!device_id_valid(command->argument))
        return device_actions_refuse_id(command);
    strcpy(write.revoke_token.device_id, command->argument);
    enum error error = store_run(store, &write);
    if (error != ERROR_NONE)
        return command_fail_error(command, error);
    if (!write.revoke_token.changed)
        return command_fail(command,
                            "no paired phone has the device id %s; see `sms-gateway devices list`",
                            command->argument);
    if (command->json) { /* the answer of DELETE /api/devices/{device_id} */
        json_begin_object(command->json, NULL);
        json_put_text(command->json, "device_id", command->argument);
        json_put_time(command->json, "revoked_at", write.revoke_token.revoked_at_ms);
        json_end_object(command->json);
    } else {
        printf("The phone %s is revoked.\n", command->argument);
    }
    return EXIT_SUCCESS;
}

static const struct command_option pair_options[] = {
    {.name = "smsgate",
     .meaning = "for a phone with the published app SMSGate: what to type there"},
    {.name = "svg", .value = "FILE", .meaning = "write the QR code to FILE, to open in a browser"},
    {.name = "minutes",
     .value = "N",
     .meaning = "minutes until the code expires (1-60, default 10)"},
    DEVICE_ACTIONS_GROUP,
    {0},
};

static const struct command_action actions[] = {
    {.name = "pair",
     .argument = "[DEVICE_ID]",
     .meaning = "make a code that pairs one phone, and show it as text and as a QR code. Without "
                "DEVICE_ID the phone chooses an unused device id",
     .options = pair_options,
     .run = pair},
    {.name = "token",
     .argument = "DEVICE_ID",
     .meaning = "make a token for a phone that is set up without a code, and print it, once. With "
                "- for DEVICE_ID, read device ids from standard input, one per line, and print "
                "each with its token",
     .run = token},
    {.name = "list",
     .meaning = "list all devices with their state",
     .options = device_actions_list_options,
     .run = device_actions_list},
    {.name = "show",
     .argument = "DEVICE_ID",
     .meaning = "show all that is known of a device",
     .run = device_actions_show},
    {.name = "update",
     .argument = "DEVICE_ID",
     .meaning =
         "change a device's name, groups or limits, or whether it gets new messages; what is not "
         "given stays",
     .options = device_actions_update_options,
     .run = device_actions_update},
    {.name = "revoke",
     .argument = "DEVICE_ID",
     .meaning = "revoke a phone's token, and close its connection within 2 s",
     .run = revoke_device},
    {0},
};

const struct command_family devices_commands = {
    .name = "devices",
    .purpose = "pair, list, change and revoke phones",
    .actions = actions,
};
