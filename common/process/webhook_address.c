#include "common/process/webhook_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED_BITS = 96, MOST_BITS = 128, V4_BYTES = 4 };

static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static void map(const void *ipv4, unsigned char mapped[WEBHOOK_ADDRESS_BYTES])
{
    memcpy(mapped, mapped_prefix, sizeof(mapped_prefix));
    memcpy(mapped + sizeof(mapped_prefix), ipv4, V4_BYTES);
}

static bool is_mapped(const unsigned char address[WEBHOOK_ADDRESS_BYTES])
{
    return memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static bool is_in(const unsigned char *address, const unsigned char *network, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    unsigned char mask = (unsigned char)(0xff00 >> rest);
    return memcmp(address, network, whole) == 0 &&
           (rest == 0 || ((address[whole] ^ network[whole]) & mask) == 0);
}

/* ---- What is not public: the special-purpose registries of IANA (RFC 6890 and its updates), and what clouds use ---- */

static const char loopback[] = "a loopback address";

static const struct {
    unsigned char address[V4_BYTES];
    unsigned bits;
    const char *kind;
} special_ipv4[] = {
    {{0, 0, 0, 0}, 8, "an address of this machine"},
    {{10, 0, 0, 0}, 8, "a private address"},
    {{100, 64, 0, 0}, 10, "a shared address behind a provider's NAT"},
    {{127, 0, 0, 0}, 8, loopback},
    {{168, 63, 129, 16}, 32, "the metadata service of a cloud"},
    {{169, 254, 0, 0}, 16, "a link-local address"},
    {{172, 16, 0, 0}, 12, "a private address"},
    {{192, 0, 0, 0}, 24, "a reserved address"},
    {{192, 0, 2, 0}, 24, "an address for documentation"},
    {{192, 88, 99, 0}, 24, "a relay of 6to4"},
    {{192, 168, 0, 0}, 16, "a private address"},
    {{198, 18, 0, 0}, 15, "an address for benchmarks"},
    {{198, 51, 100, 0}, 24, "an address for documentation"},
    {{203, 0, 113, 0}, 24, "an address for documentation"},
    {{224, 0, 0, 0}, 4, "a multicast address"},
    {{240, 0, 0, 0}, 4, "a reserved address"},
};

/* 2000::/3 is what is public, but for: */
static const struct {
    unsigned char address[WEBHOOK_ADDRESS_BYTES];
    unsigned bits;
    const char *kind;
} special_ipv6[] =
    {
        {{0x20, 0x01, 0x0d, 0xb8}, 32, "an address for documentation"},
        {{0x20, 0x01, 0x00, 0x00}, 23, "an address of a tunnel, or reserved"},
        {{0x3f, 0xff, 0x00, 0x00}, 20, "an address for documentation"},
},
  other_ipv6[] = {
      {{[15] = 1}, 128, loopback},
      {{0}, 128, "an address of this machine"},
      {{0xfc}, 7, "a private address"},
      {{0xfe, 0x80}, 10, "a link-local address"},
      {{0xfe, 0xc0}, 10, "a private address"},
      {{0xff}, 8, "a multicast address"},
};

static const char *judge_ipv4(const unsigned char ipv4[V4_BYTES])
{
    for (size_t i = 0; i < ARRAY_LENGTH(special_ipv4); i++) {
        if (is_in(ipv4, special_ipv4[i].address, special_ipv4[i].bits))
            return special_ipv4[i].kind;
    }
    return NULL;
}

/* Where the IPv4 address in an IPv6 address is; NULL: it has none. */
static const unsigned char *embedded_ipv4(const unsigned char address[WEBHOOK_ADDRESS_BYTES])
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    bool is_isatap = (address[8] & 0xfd) == 0 && address[9] == 0 && address[10] == 0x5e &&
                     address[11] == 0xfe;
    if (is_mapped(address) || memcmp(address, nat64, sizeof(nat64)) == 0 || is_isatap)
        return address + 12;
    return address[0] == 0x20 && address[1] == 0x02 ? address + 2 : NULL;
}

static const char *judge_ipv6(const unsigned char address[WEBHOOK_ADDRESS_BYTES])
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (is_mapped(address) || memcmp(address, nat64, sizeof(nat64)) == 0)
        return NULL; /* the address in it decides */
    for (size_t i = 0; i < ARRAY_LENGTH(other_ipv6); i++) {
        if (is_in(address, other_ipv6[i].address, other_ipv6[i].bits))
            return other_ipv6[i].kind;
    }
    if ((address[0] & 0xe0) != 0x20)
        return "a reserved address";
    for (size_t i = 0; i < ARRAY_LENGTH(special_ipv6); i++) {
        if (is_in(address, special_ipv6[i].address, special_ipv6[i].bits))
            return special_ipv6[i].kind;
    }
    return NULL;
}

/* ---- Judging ---- */

static bool is_listed(const struct webhook_rules *rules,
                      const unsigned char address[WEBHOOK_ADDRESS_BYTES])
{
    for (size_t i = 0; i < rules->count; i++) {
        if (is_in(address, rules->networks[i].address, rules->networks[i].bits))
            return true;
    }
    return false;
}

/* False: it is no IP address. */
static bool read_address(const struct sockaddr *address, unsigned char bytes[WEBHOOK_ADDRESS_BYTES])
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    switch (address->sa_family) {
    case AF_INET:
        memcpy(&ipv4, address, sizeof(ipv4));
        map(&ipv4.sin_addr, bytes);
        return true;
    case AF_INET6:
        memcpy(&ipv6, address, sizeof(ipv6));
        memcpy(bytes, &ipv6.sin6_addr, WEBHOOK_ADDRESS_BYTES);
        return true;
    default:
        return false;
    }
}

static const char *allow(const struct webhook_rules *rules, const char *kind,
                         const unsigned char address[WEBHOOK_ADDRESS_BYTES])
{
    if (!kind || (kind == loopback && rules->loopback) || is_listed(rules, address))
        return NULL;
    return kind;
}

const char *webhook_address_problem(const struct webhook_rules *rules,
                                    const struct sockaddr *address)
{
    unsigned char bytes[WEBHOOK_ADDRESS_BYTES], mapped[WEBHOOK_ADDRESS_BYTES];
    if (!read_address(address, bytes))
        return "not an IP address";
    const unsigned char *ipv4 = embedded_ipv4(bytes);
    const char *kind = allow(rules, judge_ipv6(bytes), bytes);
    if (kind || !ipv4)
        return kind;
    map(ipv4, mapped);
    return allow(rules, judge_ipv4(ipv4), mapped);
}

bool webhook_address_is_loopback(const struct sockaddr *address)
{
    unsigned char bytes[WEBHOOK_ADDRESS_BYTES];
    return read_address(address, bytes) &&
           (is_mapped(bytes) ? judge_ipv4(bytes + 12) == loopback : judge_ipv6(bytes) == loopback);
}

bool webhook_address_is_own(const struct webhook_rules *rules, const struct sockaddr *address)
{
    unsigned char bytes[WEBHOOK_ADDRESS_BYTES], own[WEBHOOK_ADDRESS_BYTES];
    struct ifaddrs *list = NULL;
    bool found = false;
    if (!read_address(address, bytes) || is_listed(rules, bytes) ||
        (rules->loopback && webhook_address_is_loopback(address)) || getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *one = list; one && !found; one = one->ifa_next)
        found = one->ifa_addr && read_address(one->ifa_addr, own) &&
                memcmp(own, bytes, sizeof(own)) == 0;
    freeifaddrs(list);
    return found;
}

/* ---- The setting ---- */

static bool parse_bits(const char *text, unsigned most, unsigned *bits)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    *bits = (unsigned)number;
    return isdigit((unsigned char)*text) && *end == '\0' && number <= most;
}

/* `text` is cut at the slash. */
static bool parse_network(char *text, struct webhook_network *network)
{
    unsigned char ipv4[V4_BYTES];
    char *slash = strchr(text, '/');
    if (slash)
        *slash++ = '\0';
    bool is_ipv4 = inet_pton(AF_INET, text, ipv4) == 1;
    unsigned most = is_ipv4 ? MOST_BITS - MAPPED_BITS : MOST_BITS;
    if (is_ipv4)
        map(ipv4, network->address);
    else if (inet_pton(AF_INET6, text, network->address) != 1)
        return false;
    network->bits = most;
    if (slash && !parse_bits(slash, most, &network->bits))
        return false;
    network->bits += is_ipv4 ? MAPPED_BITS : 0;
    for (unsigned bit = network->bits; bit < MOST_BITS; bit++) {
        if (network->address[bit / 8] & (0x80 >> bit % 8))
            return false;
    }
    return true;
}

bool webhook_rules_read(const struct settings *settings, struct webhook_rules *rules,
                        char errmsg[ERRMSG_SIZE])
{
    char copy[SETTINGS_TEXT_SIZE], one[64];
    *rules = (struct webhook_rules){.loopback = strcmp(settings->webhook_loopback, "allowed") == 0};
    strcpy(copy, settings->webhook_addresses);
    for (char *rest = copy, *word; (word = strsep(&rest, " \t,"));) {
        if (*word == '\0')
            continue;
        snprintf(one, sizeof(one), "%s", word);
        if (rules->count == WEBHOOK_MOST_NETWORKS)
            return errmsg_set(errmsg, "WEBHOOK_ADDRESSES may have at most %d networks",
                              WEBHOOK_MOST_NETWORKS);
        if (!parse_network(word, &rules->networks[rules->count++]))
            return errmsg_set(errmsg,
                              "WEBHOOK_ADDRESSES must be addresses or networks, like 192.168.1.20 "
                              "or 10.0.0.0/8 or fd00::/8, separated by spaces, with nothing but "
                              "zeros behind the prefix; %s is not one",
                              one);
    }
    return true;
}
