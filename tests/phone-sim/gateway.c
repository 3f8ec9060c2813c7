#include "tests/phone-sim/gateway.h"

#include <ctype.h>
#include <netdb.h>
#include <string.h>

/* "", or a colon and a number; `*port` is what stands for "". */
static bool parse_port(const char *text, size_t length, int *port)
{
    if (length == 0)
        return true;
    *port = 0;
    for (size_t i = 1; i < length && *port <= 65535; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        *port = *port * 10 + (text[i] - '0');
    }
    return *text == ':' && *port >= 1 && *port <= 65535;
}

bool gateway_parse(struct gateway *gateway, const char *url)
{
    *gateway = (struct gateway){0};
    for (const char *p = url; *p; p++) {
        if (*p <= ' ' || *p > '~' || strchr("?#@\"\\", *p))
            return false;
    }
    gateway->is_tls = strncasecmp(url, "wss://", 6) == 0;
    gateway->port = gateway->is_tls ? 443 : 80;
    if (!gateway->is_tls && strncasecmp(url, "ws://", 5) != 0)
        return false;
    const char *host = url + (gateway->is_tls ? 6 : 5);
    bool is_ipv6 = *host == '[';
    host += is_ipv6;
    size_t host_length = strcspn(host, is_ipv6 ? "]/" : ":/");
    const char *port = host + host_length;
    if (is_ipv6 && *port++ != ']')
        return false;
    const char *path = port + strcspn(port, "/");
    size_t path_length = strlen(path);
    while (path_length > 0 && path[path_length - 1] == '/')
        path_length--;
    if (host_length == 0 || host_length >= sizeof(gateway->host) ||
        path_length >= sizeof(gateway->path) ||
        !parse_port(port, (size_t)(path - port), &gateway->port))
        return false;
    memcpy(gateway->host, host, host_length);
    memcpy(gateway->path, path, path_length);
    snprintf(gateway->host_header, sizeof(gateway->host_header), is_ipv6 ? "[%s]:%d" : "%s:%d",
             gateway->host, gateway->port);
    return true;
}

bool gateway_look_up(struct gateway *gateway)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(gateway->host, NULL, &hints, &found);
    for (struct addrinfo *a = found; a && gateway->address_count < GATEWAY_ADDRESSES_MAX;
         a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, gateway->addresses[gateway->address_count],
                        INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST) == 0)
            gateway->address_count++;
    }
    if (found)
        freeaddrinfo(found);
    if (gateway->address_count == 0)
        fprintf(stderr, "phone-sim: the host %s is not known: %s\n", gateway->host,
                gai_strerror(problem ? problem : EAI_NONAME));
    return gateway->address_count > 0;
}
