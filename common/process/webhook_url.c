#include "common/process/webhook_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOST_SIZE = 254, LABEL_MOST = 63 };

/* What stands between the slashes behind the scheme and the path. */
struct authority {
    char host[HOST_SIZE]; /* without brackets */
    bool has_brackets;
    const char *port; /* after the colon; NULL: none */
    size_t port_length;
};

/* ---- Characters ---- */

static bool check_characters(const char *url, char *errmsg)
{
    if (strlen(url) > WEBHOOK_URL_MOST_BYTES)
        return errmsg_set(errmsg, "must have at most %d bytes", WEBHOOK_URL_MOST_BYTES);
    for (const char *c = url; *c; c++) {
        if ((unsigned char)*c >= 0x80)
            return errmsg_set(errmsg, "must be ASCII: write a host name as xn--…, and other "
                                      "characters as %%-escapes");
        if (*c <= ' ' || *c == 0x7f || strchr("\"<>\\^`{|}", *c))
            return errmsg_set(errmsg, "must not contain spaces, control characters or any of "
                                      "\"<>\\^`{|}: write them as %%-escapes");
        if (*c == '%' && (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2])))
            return errmsg_set(errmsg, "must have two hexadecimal digits after each %%");
        if (*c == '#')
            return errmsg_set(errmsg,
                              "must not have a fragment: leave out # and what is behind it");
    }
    return true;
}

/* ---- The host ---- */

static bool read_authority(const char *text, struct authority *authority, char *errmsg)
{
    size_t length = strcspn(text, "/?");
    if (memchr(text, '@', length))
        return errmsg_set(errmsg, "must not have a user or a password: the receiver checks the "
                                  "signature instead");
    const char *host = text, *end = text + length;
    authority->has_brackets = *host == '[';
    size_t host_length = authority->has_brackets ? strcspn(++host, "]/?") : strcspn(host, ":/?");
    const char *after = host + host_length;
    if (authority->has_brackets && *after++ != ']')
        return errmsg_set(errmsg, "must have a ] after its IPv6 address");
    if (host_length == 0 || host_length >= HOST_SIZE)
        return errmsg_set(errmsg, "must have a host name of 1 to %d characters", HOST_SIZE - 1);
    memcpy(authority->host, host, host_length);
    authority->host[host_length] = '\0';
    authority->port = *after == ':' && after < end ? after + 1 : NULL;
    authority->port_length = authority->port ? (size_t)(end - authority->port) : 0;
    return after == end || authority->port ||
           errmsg_set(errmsg, "must have a port or a path after its address");
}

static bool check_port(const struct authority *authority, char *errmsg)
{
    if (!authority->port)
        return true;
    long port = strtol(authority->port, NULL, 10);
    return (authority->port_length >= 1 && authority->port_length <= 5 &&
            strspn(authority->port, "0123456789") == authority->port_length && port >= 1 &&
            port <= 65535) ||
           errmsg_set(errmsg, "must have a port from 1 to 65535, or none");
}

/* Digits and dots, or hexadecimal: some resolvers read such a name as an address. */
static bool looks_like_address(const char *host)
{
    size_t length = strlen(host);
    while (length > 0 && host[length - 1] == '.')
        length--;
    const char *last = host + length;
    while (last > host && last[-1] != '.')
        last--;
    size_t label = length - (size_t)(last - host);
    return strspn(last, "0123456789") == label ||
           (label > 1 && strncasecmp(last, "0x", 2) == 0 &&
            strspn(last + 2, "0123456789abcdefABCDEF") == label - 2);
}

static bool check_name(const char *host, char *errmsg)
{
    const char *label = host;
    for (;;) {
        size_t length = strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_");
        if (length == 0 || length > LABEL_MOST || (label[length] && label[length] != '.'))
            return errmsg_set(errmsg, "must have a host name of letters, digits, hyphens and dots");
        if (label[length] == '\0' || label[length + 1] == '\0')
            return true;
        label += length + 1;
    }
}

/* localhost and the names below it always mean this machine (RFC 6761, 6.3). */
static bool is_localhost(const char *host)
{
    size_t length = strlen(host), name = strlen("localhost");
    if (length > 0 && host[length - 1] == '.')
        length--;
    return length >= name && strncasecmp(host + length - name, "localhost", name) == 0 &&
           (length == name || host[length - name - 1] == '.');
}

static bool refuse_address(const char *kind, char *errmsg)
{
    return errmsg_set(errmsg,
                      "must not lead to %s: choose a public one, or have an operator list it in "
                      "WEBHOOK_ADDRESSES",
                      kind);
}

static bool check_address(const struct webhook_rules *rules, const struct sockaddr *address,
                          bool *is_loopback, char *errmsg)
{
    const char *kind = webhook_address_problem(rules, address);
    *is_loopback = webhook_address_is_loopback(address);
    return !kind || refuse_address(kind, errmsg);
}

static bool check_host(const struct authority *authority, const struct webhook_rules *rules,
                       bool *is_loopback, char *errmsg)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    if (authority->has_brackets) {
        if (inet_pton(AF_INET6, authority->host, &ipv6.sin6_addr) != 1)
            return errmsg_set(errmsg, "must have an IPv6 address in its brackets");
        return check_address(rules, (struct sockaddr *)&ipv6, is_loopback, errmsg);
    }
    if (looks_like_address(authority->host)) {
        if (inet_pton(AF_INET, authority->host, &ipv4.sin_addr) != 1)
            return errmsg_set(errmsg, "must have an IPv4 address of four decimal numbers, or a "
                                      "host name");
        return check_address(rules, (struct sockaddr *)&ipv4, is_loopback, errmsg);
    }
    if (!check_name(authority->host, errmsg))
        return false;
    *is_loopback = is_localhost(authority->host);
    if (!*is_loopback)
        return true;
    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return check_address(rules, (struct sockaddr *)&ipv4, is_loopback, errmsg);
}

bool webhook_url_check(const char *url, const struct webhook_rules *rules, char errmsg[ERRMSG_SIZE])
{
    struct authority authority;
    bool is_https = strncasecmp(url, "https://", 8) == 0, is_loopback = false;
    if (!check_characters(url, errmsg))
        return false;
    if (!is_https && strncasecmp(url, "http://", 7) != 0)
        return errmsg_set(errmsg, "must begin with https://");
    if (!read_authority(url + (is_https ? 8 : 7), &authority, errmsg) ||
        !check_port(&authority, errmsg) || !check_host(&authority, rules, &is_loopback, errmsg))
        return false;
    return is_https || (is_loopback && rules->loopback) ||
           errmsg_set(errmsg, "must begin with https://; plain http is for this machine, where "
                              "WEBHOOK_LOOPBACK allows it");
}
