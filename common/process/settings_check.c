#include "common/process/settings_check.h"

#include "common/model/opt_out_keywords.h"
#include "common/process/database_url.h"
#include "common/process/listener.h"
#include "common/process/public_url.h"
#include "common/process/webhook_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* ---- Addresses ---- */

static bool is_ipv6(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    if (length >= sizeof(address))
        return false;
    snprintf(address, sizeof(address), "%.*s", (int)length, text);
    return inet_pton(AF_INET6, address, &ip) == 1;
}

/* The last part of a name contains a letter; digits and dots alone are an address, or neither. */
static bool is_ipv4_or_name(const char *text)
{
    struct in_addr ip;
    const char *last = strrchr(text, '.');
    last = last ? last + 1 : text;
    bool has_letter = strpbrk(last, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
    return has_letter ? text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789._-")] == '\0'
                      : inet_pton(AF_INET, text, &ip) == 1;
}

static bool is_listen_address(const char *text)
{
    size_t length = strlen(text);
    if (strcmp(text, "*") == 0)
        return true;
    if (*text == '[')
        return text[length - 1] == ']' && is_ipv6(text + 1, length - 2);
    return length < 254 && (strchr(text, ':') ? is_ipv6(text, length) : is_ipv4_or_name(text));
}

static bool check_listen_address(const struct settings *settings, char *errmsg)
{
    if (!is_listen_address(settings->listen_address))
        return errmsg_set(errmsg,
                          "LISTEN_ADDRESS must be an address of this machine without a port, or "
                          "0.0.0.0 for all its IPv4 addresses, and is %.60s",
                          settings->listen_address);
    if (*settings->tls_certificate || listener_is_loopback(settings) ||
        strcmp(settings->plain_http, "everywhere") == 0)
        return true;
    return errmsg_set(errmsg,
                      "LISTEN_ADDRESS=%.60s lets other machines connect without TLS, so texts, "
                      "keys and login codes could be read on the network. Make a certificate of "
                      "your own with `make lan-certificate`, or set TLS_CERTIFICATE and TLS_KEY to "
                      "one that you have (deploy/TLS.md), or set PLAIN_HTTP=everywhere if you "
                      "trust the network or a TLS proxy is in front",
                      settings->listen_address);
}

static bool check_public_url(const struct settings *settings, char *errmsg)
{
    char url[PUBLIC_URL_SIZE];
    return *settings->public_url == '\0' || public_url(settings, url, errmsg);
}

/* ---- TLS ---- */

static bool check_tls(const struct settings *settings, char *errmsg)
{
    if (*settings->tls_certificate == '\0')
        return (*settings->tls_key == '\0' && *settings->tls_ca == '\0') ||
               errmsg_set(
                   errmsg,
                   "TLS_KEY and TLS_CA need TLS_CERTIFICATE: set that too, or neither of them");
    if (*settings->tls_key == '\0')
        return errmsg_set(errmsg, "TLS_CERTIFICATE needs TLS_KEY, the file with its private key");
    return settings->http_port != settings->https_port ||
           errmsg_set(errmsg, "HTTP_PORT and HTTPS_PORT are the same: change one");
}

/* ---- Web pages of other origins ---- */

static bool is_origin(const char *text)
{
    size_t length;
    if (strncmp(text, "http://", 7) == 0)
        text += 7;
    else if (strncmp(text, "https://", 8) == 0)
        text += 8;
    else
        return false;
    if (*text == '[') {
        length = strcspn(text, "]");
        if (strpbrk(text, "ABCDEF") || text[length] != ']' || !is_ipv6(text + 1, length - 1))
            return false;
        length++;
    } else {
        length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    }
    const char *port = text + length;
    if (length == 0 || *port == '\0')
        return length > 0;
    char *end;
    long number = strtol(port + 1, &end, 10);
    return *port == ':' && isdigit((unsigned char)port[1]) && port[1] != '0' && *end == '\0' &&
           number <= 65535;
}

static bool check_origins(const struct settings *settings, char *errmsg)
{
    char copy[SETTINGS_TEXT_SIZE];
    strcpy(copy, settings->cors_origins);
    for (char *rest = copy, *origin; (origin = strsep(&rest, " \t"));) {
        if (*origin && !is_origin(origin))
            return errmsg_set(
                errmsg,
                "CORS_ORIGINS must be origins as browsers send them, like https://app.example.org "
                "or http://localhost:3000, separated by spaces, in lower case, without a path or a "
                "slash at the end; %.200s is not one",
                origin);
    }
    return true;
}

/* ---- Sockets ---- */

static bool check_runtime_dir(const struct settings *settings, char *errmsg)
{
    enum { LONGEST = sizeof((struct sockaddr_un){0}.sun_path) - 1 };
    int most = LONGEST - (int)strlen("/doorbell.sock");
    int length = (int)strlen(settings->runtime_dir);
    return length <= most || errmsg_set(errmsg,
                                        "RUNTIME_DIR may have %d bytes, because the path of a "
                                        "socket may have 107, and it has %d: choose a shorter one",
                                        most, length);
}

/* For so long a phone may pass on the same SMS again. */
static bool check_inbox_retention(const struct settings *settings, char *errmsg)
{
    enum { SHORTEST_DAYS = 30 };
    return settings->inbox_retention_days == 0 || settings->inbox_retention_days >= SHORTEST_DAYS ||
           errmsg_set(errmsg,
                      "INBOX_RETENTION_DAYS must be at least %d, or 0 for ever: until then a phone "
                      "may pass on the same SMS again",
                      SHORTEST_DAYS);
}

static bool check_webhooks(const struct settings *settings, char *errmsg)
{
    struct webhook_rules rules;
    return webhook_rules_read(settings, &rules, errmsg);
}

static bool check_signing_key(const struct settings *settings, char *errmsg)
{
    enum { MOST_BYTES = 64 };
    int length = (int)strlen(settings->smsgate_signing_key);
    return length <= MOST_BYTES ||
           errmsg_set(errmsg, "SMSGATE_SIGNING_KEY may have %d bytes, and it has %d", MOST_BYTES,
                      length);
}

static bool check_keywords(const char *name, const char *list, char *errmsg)
{
    char reason[ERRMSG_SIZE];
    return opt_out_keywords_check(list, reason) || errmsg_set(errmsg, "%s %s", name, reason);
}

bool settings_check(const struct settings *settings, char errmsg[ERRMSG_SIZE])
{
    return database_url_check(settings, errmsg) && check_tls(settings, errmsg) &&
           check_listen_address(settings, errmsg) && check_public_url(settings, errmsg) &&
           check_origins(settings, errmsg) && check_runtime_dir(settings, errmsg) &&
           check_inbox_retention(settings, errmsg) && check_webhooks(settings, errmsg) &&
           check_signing_key(settings, errmsg) &&
           check_keywords("OPT_OUT_KEYWORDS", settings->opt_out_keywords, errmsg) &&
           check_keywords("OPT_IN_KEYWORDS", settings->opt_in_keywords, errmsg);
}

/* ---- Limits that depend on each other ---- */

/* MAX_MESSAGE_SEGMENTS has no pair in the size of a frame to a phone: a text of 255 segments always fits
   (common/model/protocol.h). */

enum { SEPTETS = 153, REQUEST_BYTES = 64, ENTRY_BYTES = 100, PAGE_ENTRIES = 100 };

static bool body_holds_message(const struct settings *settings)
{
    return settings->max_body_bytes >= settings->max_message_segments * SEPTETS + REQUEST_BYTES;
}

static bool day_holds_message(const struct settings *settings)
{
    return settings->device_daily_segments == 0 ||
           settings->device_daily_segments >= settings->max_message_segments;
}

static bool frame_holds_page(const struct settings *settings)
{
    return settings->max_frame_bytes >= PAGE_ENTRIES * ENTRY_BYTES;
}

/* A phone that reconnects may report on all its messages at once; a burst may have twice the rate. */
static bool rate_holds_window(const struct settings *settings)
{
    return settings->max_frames_per_second * 2 >= settings->device_window + 2;
}

static bool horizon_is_later(const struct settings *settings)
{
    return settings->report_horizon_hours * 3600 > settings->report_timeout_s;
}

static bool horizon_is_later_than_answer(const struct settings *settings)
{
    return settings->report_horizon_hours * 3600 > 2 * settings->ack_timeout_s;
}

static bool text_goes_first(const struct settings *settings)
{
    return settings->message_retention_days == 0 ||
           settings->text_retention_days <= settings->message_retention_days;
}

static bool message_outlives_report(const struct settings *settings)
{
    return settings->message_retention_days == 0 ||
           settings->message_retention_days * 24 >= settings->report_horizon_hours;
}

static bool burst_can_be_reached(const struct settings *settings)
{
    return settings->pause_after_messages == 0 || settings->daily_messages == 0 ||
           settings->pause_after_messages < settings->daily_messages;
}

static const struct {
    bool (*holds)(const struct settings *settings);
    const char *sentence;
} pairs[] = {
    {body_holds_message,
     "MAX_BODY_BYTES is too small for a message of MAX_MESSAGE_SEGMENTS (153 bytes each, and more "
     "for other alphabets): the API cannot receive the longest message"},
    {day_holds_message, "DEVICE_DAILY_SEGMENTS is less than MAX_MESSAGE_SEGMENTS: a message may "
                        "not have more segments than the smaller of the two"},
    {frame_holds_page, "MAX_FRAME_BYTES is too small for a page of 100 entries of a phone's "
                       "journal (10000 bytes): a phone with a journal cannot connect"},
    {rate_holds_window,
     "MAX_FRAMES_PER_SECOND is too low for DEVICE_WINDOW: a phone that reports on all"
     " its messages at once is disconnected"},
    {horizon_is_later, "REPORT_HORIZON_HOURS is not longer than REPORT_TIMEOUT_SECONDS: a message "
                       "becomes unknown before its phone counts as late"},
    {horizon_is_later_than_answer,
     "REPORT_HORIZON_HOURS is not longer than twice ACK_TIMEOUT_SECONDS"},
    {text_goes_first, "TEXT_RETENTION_DAYS is longer than MESSAGE_RETENTION_DAYS: a text is "
                      "deleted with its message, which is earlier"},
    {message_outlives_report, "MESSAGE_RETENTION_DAYS is shorter than REPORT_HORIZON_HOURS: a "
                              "message may be deleted before a late report arrives"},
    {burst_can_be_reached,
     "PAUSE_AFTER_MESSAGES is not less than DAILY_MESSAGES: sending never pauses by"
     " itself"},
};

void settings_check_limits(const struct settings *settings,
                           void (*say)(void *context, const char *sentence), void *context)
{
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        if (!pairs[i].holds(settings))
            say(context, pairs[i].sentence);
    }
}
