#include "public_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* After the host: nothing, or a port. */
static bool is_port(const char *text)
{
    if (*text == '\0')
        return true;
    char *end;
    long port = strtol(text + 1, &end, 10);
    return *text == ':' && isdigit((unsigned char)text[1]) && *end == '\0' && end - text <= 6 &&
           port >= 1 && port <= 65535;
}

static bool is_base_url(const char *url)
{
    const char *host;
    if (strncmp(url, "http://", 7) == 0)
        host = url + 7;
    else if (strncmp(url, "https://", 8) == 0)
        host = url + 8;
    else
        return false;

    char address[INET6_ADDRSTRLEN];
    if (*host == '[') {
        struct in6_addr ignored;
        size_t length = strcspn(++host, "]");
        if (length >= sizeof(address) || host[length] != ']')
            return false;
        snprintf(address, sizeof(address), "%.*s", (int)length, host);
        return inet_pton(AF_INET6, address, &ignored) == 1 && is_port(host + length + 1);
    }
    size_t length = strspn(host,
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");
    return length > 0 && is_port(host + length);
}

static bool is_every_address(const char *address)
{
    static const char *const names[] = {"0.0.0.0", "*", "::", "[::]"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(address, names[i]) == 0)
            return true;
    }
    return false;
}

static bool first_address(char address[INET_ADDRSTRLEN])
{
    struct ifaddrs *list = NULL;
    bool found = false;
    if (getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *a = list; a && !found; a = a->ifa_next) {
        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || !(a->ifa_flags & IFF_UP) ||
            (a->ifa_flags & IFF_LOOPBACK))
            continue;
        struct sockaddr_in ip;
        memcpy(&ip, a->ifa_addr, sizeof(ip));
        found = inet_ntop(AF_INET, &ip.sin_addr, address, INET_ADDRSTRLEN) != NULL;
    }
    freeifaddrs(list);
    return found;
}

bool public_url(const struct settings *settings, char url[PUBLIC_URL_SIZE],
                char problem[SETTINGS_PROBLEM_SIZE])
{
    if (*settings->public_url) {
        if (!is_base_url(settings->public_url)) {
            snprintf(
                problem, SETTINGS_PROBLEM_SIZE,
                "PUBLIC_URL must be like https://sms.example.org or http://192.0.2.1:8000, with"
                " no path and no slash at the end, and is \"%.60s\"",
                settings->public_url);
            return false;
        }
        strcpy(url, settings->public_url);
        return true;
    }

    bool is_tls = *settings->tls_certificate != '\0';
    int64_t port = is_tls ? settings->https_port : settings->http_port;
    char any[INET_ADDRSTRLEN];
    const char *host = settings->listen_address;
    if (is_every_address(host)) {
        if (!first_address(any)) {
            snprintf(problem, SETTINGS_PROBLEM_SIZE,
                     "this machine has no IPv4 address beyond loopback, so where phones reach it is"
                     " not known: set PUBLIC_URL");
            return false;
        }
        host = any;
    }
    bool needs_brackets = strchr(host, ':') && *host != '[';
    int length = snprintf(url, PUBLIC_URL_SIZE, "%s://%s%s%s", is_tls ? "https" : "http",
                          needs_brackets ? "[" : "", host, needs_brackets ? "]" : "");
    if (port != (is_tls ? 443 : 80))
        snprintf(url + length, (size_t)(PUBLIC_URL_SIZE - length), ":%" PRId64, port);
    return true;
}
