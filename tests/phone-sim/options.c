#include "tests/phone-sim/options.h"

#include "common/base/refused_option.h"
#include "common/process/running.h"
#include "tests/phone-sim/console.h"
#include "tests/phone-sim/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { REORDER_DELAY_MS = 50 };

enum kind { KIND_TEXT, KIND_NUMBER, KIND_RANGE, KIND_REAL, KIND_WORDS, KIND_SIM, KIND_FLAG };

static const struct option_row {
    const char *name;
    const char *argument; /* as the help shows it; NULL for a flag */
    enum kind kind;
    size_t offset;   /* in struct options */
    size_t size;     /* of a text */
    double smallest; /* of a number, and of both ends of a range */
    double largest;
    const char *default_value; /* as a user would write it */
    const char *meaning;
} rows[] = {
#define AT(field)   offsetof(struct options, field)
#define TEXT(field) KIND_TEXT, AT(field), sizeof(((struct options *)NULL)->field), 0, 0
    {"url", "URL", TEXT(url), "ws://localhost:8000",
     "the gateway, as ws://host:port or wss://host:port; /ws/device/{id} is appended. Without it "
     "the\n"
     "        one that `make run` has started in this folder, if one runs"},
    {"ca", "FILE", TEXT(ca), "",
     "with wss://, trust the CA whose certificate is in FILE (PEM), as a gateway of a LAN has one\n"
     "        and serves as /ca.crt, and no other; without this the CAs that this machine trusts"},
    {"count", "N", KIND_NUMBER, AT(count), 0, 1, 1000000, "1", "how many phones"},
    {"id", "NAME", TEXT(id), OPTIONS_DEFAULT_ID,
     "device id, 1 to 64 of A-Z a-z 0-9 _ -; of several phones NAME-1, NAME-2 and so on"},
    {"pair", "LINK", TEXT(pair), "",
     "pair one phone first, with the link below the QR code of `sms-gateway devices pair`: it has "
     "the\n"
     "        URL and the CA, and the gateway gives the id, or --id if that is given. The token "
     "is\n"
     "        added to --tokens (by default phone-sim.tokens)"},
    {"tokens", "FILE", TEXT(tokens), "",
     "the phones' device tokens: in each line of FILE a device id and its token, as\n"
     "        `sms-gateway devices token -` prints them"},
    {"send-ms", "A[-B]", KIND_RANGE, AT(behaviour.send_ms), 0, 0, 86400000, "500-1500",
     "milliseconds in which the radio sends one SMS: fixed, or at random from A to B"},
    {"report-ms", "A[-B]", KIND_RANGE, AT(behaviour.report_ms), 0, 0, 86400000, "500-3000",
     "milliseconds from sent to the delivery report"},
    {"failure-rate", "P", KIND_REAL, AT(behaviour.failure_rate), 0, 0, 1, "0",
     "share of the SMS that fail"},
    {"failure-code", "CODE[,CODE...]", KIND_WORDS, AT(behaviour.failure_codes), 0, 0, 0,
     "generic_failure,no_service,radio_off,network_reject,limit_exceeded",
     "why SMS fail, one of these at random: the error_code of PROTOCOL.md, or any other word. On\n"
     "        the assured level half of those with an ambiguous code leave nevertheless"},
    {"failure-parts", "N", KIND_NUMBER, AT(behaviour.failure_parts), 0, 0, 255, "0",
     "on the assured level, so many parts of an SMS that fails leave, and are reported"},
    {"no-report-rate", "P", KIND_REAL, AT(behaviour.no_report_rate), 0, 0, 1, "0",
     "share of the sent SMS for which no delivery report ever comes"},
    {"clock-offset", "S", KIND_NUMBER, AT(behaviour.clock_offset_seconds), 0, -1000000000,
     1000000000, "0",
     "seconds that the phones' clocks are ahead; negative: behind. By them messages expire"},
    {"battery", "P[-Q]", KIND_RANGE, AT(behaviour.battery_percent), 0, 0, 100, "60-100",
     "percent at the start; a range is spread evenly over the phones, from P to Q"},
    {"battery-drain", "P", KIND_REAL, AT(behaviour.battery_drain), 0, 0, 1000000, "5",
     "percent per hour that the battery loses"},
    {"charging", NULL, KIND_FLAG, AT(behaviour.charging), 0, 0, 0, NULL,
     "the phones are being charged; their batteries lose nothing"},
    {"signal", "DBM", KIND_NUMBER, AT(behaviour.signal_dbm), 0, -120, -50, "-75",
     "signal strength in dBm at the start"},
    {"signal-walk", "N", KIND_NUMBER, AT(behaviour.signal_walk_dbm), 0, 0, 70, "3",
     "dBm by which the signal may change with each update, at random; 0: not at all"},
    {"sim", "SLOT[:CARRIER[:NUMBER]]", KIND_SIM, AT(behaviour.sims), 0, 0, 0, NULL,
     "a SIM that each phone says it has, in slot 1 to 4; may be given several times"},
    {"update-seconds", "S", KIND_NUMBER, AT(behaviour.update_seconds), 0, 0, 86400, "60",
     "seconds between two device_updates; 0: only when the battery changes"},
    {"receive", "TEXT", TEXT(behaviour.receive_text), "",
     "an SMS that each phone receives once, and passes on to the gateway; with --receive-rate all "
     "have\n"
     "        this text. An assured phone has it in its journal first"},
    {"receive-from", "SENDER", TEXT(behaviour.receive_from), "",
     "who sends it: a number, a short code or letters; without this several of each"},
    {"receive-rate", "N", KIND_REAL, AT(behaviour.receive_rate), 0, 0, 1000, "0",
     "SMS per second that each phone receives"},
    {"disconnect-every", "A[-B]", KIND_RANGE, AT(behaviour.disconnect_seconds), 0, 0, 86400, "0",
     "seconds after which a phone drops its connection and connects again; 0: never"},
    {"connect-rate", "N", KIND_NUMBER, AT(connect_rate), 0, 1, 1000000, "500",
     "new connections per second at the start"},
    {"seed", "N", KIND_NUMBER, AT(seed), 0, 0, (double)(1ll << 53), "0",
     "of the random numbers, to repeat a run; 0: from the time"},
    {"ledger", "FILE", TEXT(ledger), "",
     "append to FILE one line for each SMS that leaves: time, device id, message id, attempt (0\n"
     "        on the basic level), phone number; on the assured level it is on disk before the\n"
     "        radio's answer is in the journal"},
    {"assured", NULL, KIND_FLAG, AT(behaviour.assured), 0, 0, 0, NULL,
     "speak the assured level of the protocol, with a journal"},
    {"journal", "FILE", TEXT(journal), "",
     "the journal of all these phones, an SQLite file, made if it is not there. They go on from\n"
     "        it when the program starts again, also after kill -9. Without this it is in memory,\n"
     "        and each start is that of new phones, with new epochs"},
    {"check-sent-store", NULL, KIND_FLAG, AT(check_sent_store), 0, 0, 0, NULL,
     "an SMS that was being handed to the radio when the program was killed is reported as\n"
     "        unknown; with this as sent if the ledger, as the phone's own store of sent "
     "messages,\n"
     "        has it"},
    {"kill-at", "INSTANT[:N]", TEXT(kill_at), "never",
     "the program kills itself with SIGKILL when it comes to this instant for the Nth time:\n"
     "        frame-read, frame-written, before-commit or after-commit of the journal,\n"
     "        before-ledger (the SMS would leave), after-ledger (its line is written), after-sync\n"
     "        (it is on disk, and the journal does not say so yet)"},
    {"credit", "A[-B]", KIND_RANGE, AT(behaviour.credit), 0, 0, 256, "8",
     "how many messages an assured phone takes at once: fixed, or at random, and then another\n"
     "        number with each device_update"},
    {"nack-rate", "P", KIND_REAL, AT(behaviour.nack_rate), 0, 0, 1, "0",
     "share of the offers that an assured phone answers with nack"},
    {"nack-code", "CODE[,CODE...]", KIND_WORDS, AT(behaviour.nack_codes), 0, 0, 0,
     "no_sim,no_permission,no_room", "why, one of these at random"},
    {"lose-journal-every", "A[-B]", KIND_RANGE, AT(behaviour.lose_journal_seconds), 0, 0, 86400,
     "0",
     "seconds after which an assured phone loses its connection and its journal, and all it had\n"
     "        to send with it, and begins a new one with a new epoch; 0: never"},
    {"lie", "P", KIND_REAL, AT(behaviour.lie_rate), 0, 0, 1, "0",
     "share of the SMS that an assured phone reports as failed though they were sent, or as sent\n"
     "        though they failed; the ledger has the truth"},
    {"clone", "A[-B]", KIND_RANGE, AT(behaviour.clone_seconds), 0, 0, 86400, "0",
     "seconds after the start when a copy of an assured phone and its journal begins to live\n"
     "        under the same id; replaced by the other, both connect again and again; 0: never"},
    {"delay", "A[-B]", KIND_RANGE, AT(behaviour.delay_ms), 0, 0, 86400000, "0",
     "milliseconds for which the phones hold back each frame once they are connected; a frame\n"
     "        that is held back when the connection ends is lost"},
    {"reorder", NULL, KIND_FLAG, AT(behaviour.reorder), 0, 0, 0, NULL,
     "frames that are held back may overtake each other; without --delay for 0-50 ms"},
    {"stop-reading", "A[-B]", KIND_RANGE, AT(behaviour.stop_reading_seconds), 0, 0, 86400, "0",
     "seconds after which a phone reads nothing more from its connection, but still writes;\n"
     "        0: never"},
    {"exit-after", "N", KIND_NUMBER, AT(exit_after), 0, 0, (double)(1ll << 53), "0",
     "leave once N SMS were sent (failed ones do not count) and fully reported; 0: never"},
    {"quiet", NULL, KIND_FLAG, AT(quiet), 0, 0, 0, NULL, "do not print each SMS"},
    {"help", NULL, KIND_FLAG, AT(help), 0, 0, 0, NULL, "print this and leave"},
#undef TEXT
#undef AT
};

static bool PRINTF_FORMAT(1, 2) refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    console_complain("phone-sim: ", format, arguments);
    fputs("; --help lists the options\n", stderr);
    va_end(arguments);
    return false;
}

/* ---- One value ---- */

static bool read_number(const struct option_row *row, const char *text, char **end, int64_t *number)
{
    errno = 0;
    *number = strtoll(text, end, 10);
    bool begins_well = isdigit((unsigned char)text[*text == '-']);
    return begins_well && errno == 0 && (double)*number >= row->smallest &&
           (double)*number <= row->largest;
}

static bool read_range(const struct option_row *row, const char *text, struct range *range)
{
    char *end;
    if (!read_number(row, text, &end, &range->low))
        return false;
    range->high = range->low;
    if (*end == '-' && !read_number(row, end + 1, &end, &range->high))
        return false;
    return *end == '\0' && range->low <= range->high;
}

static bool read_words(struct word_list *list, const char *text)
{
    list->count = 0;
    for (;;) {
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
        if (length == 0 || length >= SMS_ERROR_SIZE || list->count == ARRAY_LENGTH(list->words))
            return false;
        snprintf(list->words[list->count++], SMS_ERROR_SIZE, "%.*s", (int)length, text);
        if (text[length] == '\0')
            return true;
        if (text[length] != ',')
            return false;
        text += length + 1;
    }
}

/* SLOT[:CARRIER[:NUMBER]] */
static bool read_sim(struct sim sims[SIM_SLOTS], const char *text)
{
    int slot = *text - '0';
    if (slot < 1 || slot > SIM_SLOTS || sims[slot - 1].is_there)
        return false;
    struct sim *sim = &sims[slot - 1];
    sim->is_there = true;
    if (text[1] == '\0')
        return true;
    const char *carrier = text + 2;
    size_t length = strcspn(carrier, ":");
    const char *number = carrier + length + (carrier[length] == ':');
    if (text[1] != ':' || length >= SIM_TEXT_SIZE || strlen(number) >= SIM_TEXT_SIZE)
        return false;
    memcpy(sim->carrier, carrier, length);
    strcpy(sim->number, number);
    return true;
}

static bool assign(struct options *options, const struct option_row *row, const char *text)
{
    char *field = (char *)options + row->offset;
    char *end;
    double real;
    switch (row->kind) {
    case KIND_TEXT:
        if (strlen(text) >= row->size)
            return refuse("--%s may have at most %zu characters", row->name, row->size - 1);
        strcpy(field, text);
        return true;
    case KIND_NUMBER:
        if (read_number(row, text, &end, (int64_t *)field) && *end == '\0')
            return true;
        return refuse("--%s must be a whole number from %.0f to %.0f, and is \"%.60s\"", row->name,
                      row->smallest, row->largest, text);
    case KIND_RANGE:
        if (read_range(row, text, (struct range *)field))
            return true;
        return refuse("--%s must be %s, whole numbers from %.0f to %.0f, and is \"%.60s\"",
                      row->name, row->argument, row->smallest, row->largest, text);
    case KIND_REAL:
        real = strtod(text, &end);
        *(double *)field = real;
        if (isdigit((unsigned char)*text) && *end == '\0' && isfinite(real) && real <= row->largest)
            return true;
        return refuse("--%s must be a number from %g to %g, and is \"%.60s\"", row->name,
                      row->smallest, row->largest, text);
    case KIND_WORDS:
        if (read_words((struct word_list *)field, text))
            return true;
        return refuse(
            "--%s must be up to 16 words of up to %d characters a to z and _, with commas "
            "between, and is \"%.60s\"",
            row->name, SMS_ERROR_SIZE - 1, text);
    case KIND_SIM:
        return read_sim((struct sim *)field, text) ||
               refuse(
                   "--sim must be like 1, 1:Example or 2:Example:+4915112345678, with a slot from "
                   "1 to %d that no other --sim has, and is \"%.60s\"",
                   SIM_SLOTS, text);
    case KIND_FLAG:
        *(bool *)field = true;
        return true;
    }
    return false;
}

/* ---- The values together ---- */

/* The library would only write a line, and then trust nobody. */
static bool check_ca(const char *path)
{
    char line[80];
    bool found = false;
    FILE *file = fopen(path, "re");
    if (!file)
        return refuse("--ca: %.300s cannot be read: %s", path, strerror(errno));
    while (!found && fgets(line, sizeof(line), file))
        found = strncmp(line, "-----BEGIN CERTIFICATE-----", 27) == 0;
    fclose(file);
    return found || refuse("--ca: %.300s has no certificate in PEM form", path);
}

static bool check_url(struct options *options)
{
    if (!gateway_parse(&options->gateway, options->url))
        return refuse("--url must be like ws://localhost:8000 or wss://sms.example.org, and is "
                      "\"%.100s\"",
                      options->url);
    if (!*options->ca)
        return true;
    if (!options->gateway.is_tls)
        return refuse("--ca is of use with wss:// only");
    return check_ca(options->ca);
}

static bool check_id(const struct options *options)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strlen(options->id);
    size_t longest = length;
    if (options->count > 1)
        longest += (size_t)snprintf(NULL, 0, "-%lld", (long long)options->count);
    if (length == 0 || strspn(options->id, allowed) != length)
        return refuse("--id may have A to Z, a to z, 0 to 9, _ and -, and is \"%.60s\"",
                      options->id);
    if (longest >= PHONE_ID_SIZE)
        return refuse("--id is too long: a device id may have %d characters, and the last would "
                      "have %zu",
                      PHONE_ID_SIZE - 1, longest);
    return true;
}

/* What the gateway could not read as JSON in UTF-8, or only as a long frame. */
static bool check_receive(const struct options *options)
{
    const char *const texts[] = {options->behaviour.receive_text, options->behaviour.receive_from};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        uint32_t point;
        for (const char *text = texts[i]; *text;) {
            size_t length = utf8_decode(text, strlen(text), &point);
            if (length == 0 || (point < ' ' && point != '\n'))
                return refuse(
                    "--receive and --receive-from must be UTF-8 without control characters");
            text += length;
        }
    }
    return true;
}

static bool check_level(struct options *options)
{
    if (!crash_point_parse(&options->crash_point, options->kill_at))
        return refuse("--kill-at knows no instant \"%s\"", options->kill_at);
    const struct behaviour *behaviour = &options->behaviour;
    bool is_for_assured = *options->journal || behaviour->nack_rate > 0 ||
                          behaviour->lie_rate > 0 || behaviour->lose_journal_seconds.high > 0 ||
                          behaviour->clone_seconds.high > 0;
    if (is_for_assured && !behaviour->assured)
        return refuse("--journal, --nack-rate, --lie, --lose-journal-every and --clone are of use "
                      "with --assured only");
    if (behaviour->reorder && behaviour->delay_ms.high == 0)
        options->behaviour.delay_ms.high = REORDER_DELAY_MS;
    options->behaviour.fights = behaviour->clone_seconds.high > 0 || *options->tokens ||
                                *options->pair;
    if (options->check_sent_store && (!*options->ledger || !options->behaviour.assured))
        return refuse("--check-sent-store needs --assured and --ledger");
    return true;
}

/* ---- All ---- */

static void print_help(void)
{
    fputs("phone-sim " GATEWAY_VERSION
          ": simulated phones for the SMS gateway. They connect, say that they send the SMS they\n"
          "are given, and report it, as ws-broker/PROTOCOL.md says.\n\n"
          "usage: phone-sim [option ...]\n\n",
          stdout);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const struct option_row *row = &rows[i];
        printf("  --%s%s%s", row->name, row->argument ? " " : "",
               row->argument ? row->argument : "");
        if (row->kind == KIND_NUMBER || row->kind == KIND_RANGE || row->kind == KIND_REAL)
            printf("   (%.*g to %.*g; default %s)", 16, row->smallest, 16, row->largest,
                   row->default_value);
        else if (row->default_value && *row->default_value)
            printf("   (default %s)", row->default_value);
        printf("\n        %s\n", row->meaning);
    }
    fputs("\nSIGINT or SIGTERM end it. Exit status: 0; 1 if all phones stopped because other\n"
          "connections took over their ids, or something went wrong; 2 for a wrong option.\n",
          stdout);
}

static bool read_arguments(struct options *options, int argc, char **argv)
{
    struct option names[ARRAY_LENGTH(rows) + 1] = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        names[i].name = rows[i].name;
        names[i].has_arg = rows[i].argument ? required_argument : no_argument;
    }
    char errmsg[ERRMSG_SIZE];
    opterr = 0;
    int row = 0;
    for (int c; (c = getopt_long(argc, argv, ":", names, &row)) != -1;) {
        if (c == ':')
            return refuse("%s needs a value", argv[optind - 1]);
        if (c != 0) {
            refused_option_say(argv, names, errmsg);
            return refuse("%s", errmsg);
        }
        if (!assign(options, &rows[row], optarg))
            return false;
        options->url_given |= strcmp(rows[row].name, "url") == 0;
    }
    if (optind < argc)
        return refuse("\"%.60s\" is no option", argv[optind]);
    return true;
}

/* Without --url: the gateway that `make run` has started in this folder. */
static void find_gateway(struct options *options)
{
    static struct settings settings; /* large */
    struct running running;
    char problem[ERRMSG_SIZE];
    if (!settings_load_option(&settings, NULL, problem) || !running_load(&settings, &running))
        return;
    snprintf(options->url, sizeof(options->url), "ws%s", running.url + strlen("http"));
    printf("phone-sim: of the gateway that runs here: %s, process %ld\n", options->url,
           running.pid);
}

bool options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){0};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (rows[i].default_value)
            assign(options, &rows[i], rows[i].default_value);
    }
    if (!read_arguments(options, argc, argv))
        return false;
    if (options->help) {
        print_help();
        return true;
    }
    if (!options->url_given && !*options->pair)
        find_gateway(options);
    if (*options->pair && (options->count != 1 || *options->ca))
        return refuse(
            "--pair pairs one phone, and its link has the CA: leave out --count and --ca");
    if (*options->pair && !*options->tokens)
        strcpy(options->tokens, "phone-sim.tokens");
    return check_url(options) && check_id(options) && check_receive(options) &&
           check_level(options);
}
