#include "common/process/public_url.h"

#include "common/process/certificate.h"
#include "common/process/listener.h"
#include "common/process/webhook_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* The local address of the route to the Internet. connect() on a UDP socket sends nothing. The first address of
   getifaddrs() may be a container bridge. */
static bool routed_address(char address[INET_ADDRSTRLEN])
{
    struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(9)}, own;
    socklen_t length = sizeof(own);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && inet_pton(AF_INET, "192.0.2.1", &far.sin_addr) == 1 &&
                 connect(fd, (const struct sockaddr *)&far, sizeof(far)) == 0 &&
                 getsockname(fd, (struct sockaddr *)&own, &length) == 0 &&
                 inet_ntop(AF_INET, &own.sin_addr, address, INET_ADDRSTRLEN) != NULL &&
                 strncmp(address, "127.", 4) != 0;
    if (fd >= 0)
        close(fd);
    return found;
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
                char errmsg[ERRMSG_SIZE])
{
    if (*settings->public_url) {
        if (!is_base_url(settings->public_url)) {
            return errmsg_set(
                errmsg,
                "PUBLIC_URL must be like https://sms.example.org or http://192.0.2.1:8000, without "
                "a path or a slash at the end, and is \"%.60s\"",
                settings->public_url);
        }
        strcpy(url, settings->public_url);
        return true;
    }

    bool is_tls = *settings->tls_certificate != '\0';
    int64_t port = is_tls ? settings->https_port : settings->http_port;
    char any[INET_ADDRSTRLEN];
    const char *host = settings->listen_address;
    if (listener_is_wildcard(host)) {
        if (!routed_address(any) && !first_address(any)) {
            return errmsg_set(errmsg, "this machine has no IPv4 address other than loopback, so "
                                      "the address for phones is unknown: set PUBLIC_URL");
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

/* The host of a URL that is_base_url accepts, without brackets. */
static void host_of(const char *url, char host[PUBLIC_URL_SIZE])
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    bool bracket = *start == '[';
    start += bracket;
    snprintf(host, PUBLIC_URL_SIZE, "%.*s", (int)strcspn(start, bracket ? "]" : ":"), start);
}

static bool is_loopback_name(const char *host)
{
    static const char *const names[] = {"localhost", "localhost.localdomain", "ip6-localhost",
                                        "ip6-loopback"};
    static const char domain[] = ".localhost"; /* RFC 6761, 6.3 */
    char name[PUBLIC_URL_SIZE];
    snprintf(name, sizeof(name), "%s", host);
    size_t length = strlen(name);
    if (length > 0 && name[length - 1] == '.') /* of the root */
        name[--length] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return length >= sizeof(domain) &&
           strcasecmp(name + length - (sizeof(domain) - 1), domain) == 0;
}

static bool is_loopback(const char *host)
{
    struct sockaddr_in6 ip = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET6, host, &ip.sin6_addr) == 1)
        return webhook_address_is_loopback((const struct sockaddr *)&ip);
    return strncmp(host, "127.", 4) == 0 || is_loopback_name(host);
}

bool public_url_warning(const struct settings *settings, const char *url, char warning[ERRMSG_SIZE])
{
    char host[PUBLIC_URL_SIZE];
    host_of(url, host);
    bool is_tls = strncmp(url, "https:", 6) == 0;
    enum certificate_validity validity = is_tls ? certificate_check_host(settings->tls_certificate,
                                                                         host)
                                                : CERTIFICATE_VALID;
    if (is_loopback(host))
        errmsg_set(warning,
                   "%.300s points every other machine to itself: set LISTEN_ADDRESS=0.0.0.0 (with "
                   "TLS: deploy/TLS.md), or PUBLIC_URL",
                   url);
    else if (listener_is_wildcard(host))
        errmsg_set(warning,
                   "%.300s is not an address to connect to: set PUBLIC_URL to the name or address "
                   "of this machine",
                   url);
    else if (!is_tls)
        errmsg_set(warning,
                   "%.300s has no TLS: Android refuses it unless the app allows it, and everyone "
                   "on the network path can read tokens and texts",
                   url);
    else if (validity == CERTIFICATE_OTHER_HOST)
        errmsg_set(warning,
                   "the certificate %.150s is not valid for %.150s, so no phone will trust it: "
                   "`make lan-certificate NAMES=%.100s` makes one that is",
                   settings->tls_certificate, host, host);
    else if (validity == CERTIFICATE_EXPIRED)
        errmsg_set(warning,
                   "the certificate %.300s has expired, so no phone will trust it: renew it",
                   settings->tls_certificate);
    else
        return false;
    return true;
}

void public_url_local(const struct settings *settings, char url[PUBLIC_URL_SIZE])
{
    const char *host = settings->listen_address;
    if (*settings->tls_certificate || listener_is_wildcard(host) || strcmp(host, "127.0.0.1") == 0)
        host = "localhost";
    bool needs_brackets = strchr(host, ':') && *host != '[';
    snprintf(url, PUBLIC_URL_SIZE, "http://%s%s%s:%" PRId64, needs_brackets ? "[" : "", host,
             needs_brackets ? "]" : "", settings->http_port);
}
