#include "common/process/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without the brackets of an IPv6 address, and as RFC 5952 writes it: 0:0:0:0:0:0:0:0 is all addresses, as :: is. */
static void plain_address(const char *address, char plain[LISTENER_ADDRESS_SIZE])
{
    struct in6_addr ip;
    size_t length = strlen(address);
    bool has_brackets = length >= 2 && *address == '[' && address[length - 1] == ']';
    snprintf(plain, LISTENER_ADDRESS_SIZE, "%.*s", (int)(has_brackets ? length - 2 : length),
             address + has_brackets);
    if (inet_pton(AF_INET6, plain, &ip) == 1)
        inet_ntop(AF_INET6, &ip, plain, LISTENER_ADDRESS_SIZE);
}

static bool is_any(const char *address, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(address, names[i]) == 0)
            return true;
    }
    return false;
}

bool listener_is_loopback(const struct settings *settings)
{
    static const char *const names[] = {"localhost", "::1"};
    char address[LISTENER_ADDRESS_SIZE];
    struct in_addr ip;
    plain_address(settings->listen_address, address);
    return is_any(address, names, ARRAY_LENGTH(names)) ||
           (inet_pton(AF_INET, address, &ip) == 1 && ntohl(ip.s_addr) >> 24 == 127);
}

bool listener_is_wildcard(const char *address)
{
    static const char *const names[] = {"0.0.0.0", "*", "::"};
    char plain[LISTENER_ADDRESS_SIZE];
    plain_address(address, plain);
    return is_any(plain, names, ARRAY_LENGTH(names));
}

static bool has_ipv6_loopback(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

struct list {
    struct listener *items;
    size_t count;
};

static void add_one(struct list *list, const struct listener *port, const char *address)
{
    struct listener *item = &list->items[list->count++];
    *item = *port;
    item->is_ipv6 = strchr(address, ':') != NULL;
    snprintf(item->address, sizeof(item->address), "%s", address);
}

/* One address of the settings, and the addresses that belong to it. */
static void add(struct list *list, const struct listener *port, const char *setting)
{
    static const char *const all[] = {"0.0.0.0", "*"};
    char address[LISTENER_ADDRESS_SIZE];
    plain_address(setting, address);
    bool is_localhost = strcmp(address, "localhost") == 0 || strcmp(address, "127.0.0.1") == 0;
    if (strcmp(address, "::") ==
        0) { /* IPv4 has its own listener, so that limits count IPv4 addresses */
        add_one(list, port, "::");
        add_one(list, port, "0.0.0.0");
    } else if (is_localhost || is_any(address, all, ARRAY_LENGTH(all))) {
        add_one(list, port, is_localhost ? "127.0.0.1" : "0.0.0.0");
        if (has_ipv6_loopback())
            add_one(list, port, "::1");
    } else {
        add_one(list, port, address);
    }
}

size_t listener_list(const struct settings *settings, struct listener list[LISTENERS_MAX])
{
    bool has_tls = *settings->tls_certificate != '\0';
    struct listener plain = {.port = (int)settings->http_port, .port_setting = "HTTP_PORT"};
    struct listener tls = {
        .port = (int)settings->https_port, .port_setting = "HTTPS_PORT", .is_tls = true};
    struct list all = {.items = list};
    add(&all, &plain, has_tls ? "127.0.0.1" : settings->listen_address);
    if (has_tls)
        add(&all, &tls, settings->listen_address);
    return all.count;
}

void listener_print(const struct settings *settings, FILE *out)
{
    struct listener list[LISTENERS_MAX];
    size_t count = listener_list(settings, list);
    for (size_t i = 0; i < count; i++)
        fprintf(out, list[i].is_ipv6 ? "[%s]:%d%s\n" : "%s:%d%s\n", list[i].address, list[i].port,
                list[i].is_tls ? " ssl" : "");
}
