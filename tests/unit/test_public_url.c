/* The address that phones are told: what is set, and what follows from where nginx listens. The
   machine's own addresses are this file's, in place of the kernel's. */
#include "common/process/public_url.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>

/* ---- A machine's addresses ---- */

static struct sockaddr_in ip[4];
static struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6};
static struct ifaddrs interfaces[5];
static size_t interface_count;
static bool interfaces_fail;

int getifaddrs(struct ifaddrs **list)
{
    *list = interface_count > 0 ? interfaces : NULL;
    return interfaces_fail ? -1 : 0;
}

void freeifaddrs(struct ifaddrs *list)
{
    (void)list;
}

/* The way to the Internet begins at this address; NULL: there is none. */
static const char *routed;

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd, (void)address, (void)length;
    errno = ENETUNREACH;
    return routed ? 0 : -1;
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    (void)fd;
    assert_int_equal(inet_pton(AF_INET, routed, &own.sin_addr), 1);
    assert_true(*length >= sizeof(own));
    memcpy(address, &own, sizeof(own));
    *length = sizeof(own);
    return 0;
}

static void add(struct sockaddr *address, unsigned flags)
{
    struct ifaddrs *added = &interfaces[interface_count++];
    *added = (struct ifaddrs){.ifa_addr = address, .ifa_flags = flags};
    if (interface_count > 1)
        added[-1].ifa_next = added;
}

static void add_ipv4(const char *text, unsigned flags)
{
    struct sockaddr_in *address = &ip[interface_count];
    address->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, text, &address->sin_addr), 1);
    add((struct sockaddr *)address, flags);
}

static int no_interfaces(void **state)
{
    (void)state;
    interface_count = 0;
    interfaces_fail = false;
    routed = NULL;
    return 0;
}

/* ---- The settings of a test ---- */

static struct settings defaults(void)
{
    struct settings settings;
    char errmsg[ERRMSG_SIZE];
    assert_true(settings_load(&settings, "/dev/null", true, errmsg));
    return settings;
}

static void expect(const struct settings *settings, const char *expected)
{
    char url[PUBLIC_URL_SIZE], errmsg[ERRMSG_SIZE] = "";
    if (!public_url(settings, url, errmsg))
        fail_msg("%s", errmsg);
    assert_string_equal(url, expected);
}

static void expect_problem(const struct settings *settings, const char *words)
{
    char url[PUBLIC_URL_SIZE], errmsg[ERRMSG_SIZE] = "";
    if (public_url(settings, url, errmsg))
        fail_msg("it is %s", url);
    if (!strstr(errmsg, words))
        fail_msg("\"%s\" is not in \"%s\"", words, errmsg);
}

/* ---- What is set ---- */

static void what_is_set_is_taken_as_it_is(void **state)
{
    static const char *const good[] = {
        "https://sms.example.org", "http://sms.example.org", "https://sms.example.org:8443",
        "http://192.168.1.5:8000", "https://[2001:db8::1]",  "https://[::1]:65535",
        "http://localhost:1",      "https://my_host-2.lan",
    };
    struct settings settings = defaults();
    (void)state;
    strcpy(settings.listen_address, "0.0.0.0");
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        strcpy(settings.public_url, good[i]);
        expect(&settings, good[i]);
    }
}

static void what_is_no_base_of_addresses_is_refused(void **state)
{
    static const char *const bad[] = {
        "sms.example.org",
        "ftp://sms.example.org",
        "ws://sms.example.org",
        "HTTPS://sms.example.org",
        "https:/sms.example.org",
        "https://",
        "https:///",
        "https://sms.example.org/",
        "https://sms.example.org/sms",
        "https://sms.example.org?x=1",
        "https://sms.example.org#x",
        "https://user@sms.example.org",
        "https://sms.example.org:",
        "https://sms.example.org:0",
        "https://sms.example.org:65536",
        "https://sms.example.org:+80",
        "https://sms.example.org:80x",
        "https://sms.example.org:8443/",
        "https://sms.example.org:000000080",
        "https://sms example.org",
        " https://sms.example.org",
        "https://sms.example.org ",
        "https://:8443",
        "https://2001:db8::1",
        "https://[2001:db8::1",
        "https://[]",
        "https://[192.0.2.1]",
        "https://[fe80::1%eth0]",
        "https://[::1]x",
        "https://s\xc3\xbcms.example.org",
        "https://a.example https://b.example",
    };
    struct settings settings = defaults();
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        strcpy(settings.public_url, bad[i]);
        expect_problem(&settings, "PUBLIC_URL must be like https://sms.example.org");
    }
    memset(settings.public_url, 'x', SETTINGS_TEXT_SIZE - 1);
    expect_problem(&settings, "PUBLIC_URL must be like");
}

/* ---- What follows from the rest ---- */

static void without_it_the_address_of_nginx_is_taken(void **state)
{
    static const struct {
        const char *listen_address;
        bool is_tls;
        int64_t port;
        const char *url;
    } cases[] = {
        {"127.0.0.1", false, 8000, "http://127.0.0.1:8000"},
        {"127.0.0.1", true, 8443, "https://127.0.0.1:8443"},
        {"192.168.1.5", false, 8000, "http://192.168.1.5:8000"},
        {"192.168.1.5", false, 80, "http://192.168.1.5"},
        {"192.168.1.5", true, 80, "https://192.168.1.5:80"},
        {"192.168.1.5", true, 443, "https://192.168.1.5"},
        {"192.168.1.5", false, 443, "http://192.168.1.5:443"},
        {"::1", false, 8000, "http://[::1]:8000"},
        {"[::1]", true, 8443, "https://[::1]:8443"},
        {"2001:db8::1", true, 443, "https://[2001:db8::1]"},
        {"sms.lan", true, 8443, "https://sms.lan:8443"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct settings settings = defaults();
        strcpy(settings.listen_address, cases[i].listen_address);
        if (cases[i].is_tls)
            strcpy(settings.tls_certificate, "data/tls/server.crt");
        *(cases[i].is_tls ? &settings.https_port : &settings.http_port) = cases[i].port;
        expect(&settings, cases[i].url);
    }
}

static const char *const every_address[] = {"0.0.0.0", "::",     "[::]",
                                            "*",       "[0::0]", "0:0:0:0:0:0:0:0"};

static void for_every_address_stands_the_first_that_is_up_and_no_loopback(void **state)
{
    (void)state;
    add_ipv4("127.0.0.1", IFF_UP | IFF_LOOPBACK);
    add((struct sockaddr *)&ip6, IFF_UP);
    add(NULL, IFF_UP); /* an interface without any */
    add_ipv4("10.0.0.9", 0);
    for (size_t i = 0; i < ARRAY_LENGTH(every_address); i++) {
        struct settings settings = defaults();
        strcpy(settings.listen_address, every_address[i]);
        expect_problem(&settings, "set PUBLIC_URL");
    }
    interfaces[3].ifa_flags = IFF_UP;
    add((struct sockaddr *)&ip6, IFF_UP);
    for (size_t i = 0; i < ARRAY_LENGTH(every_address); i++) {
        struct settings settings = defaults();
        strcpy(settings.listen_address, every_address[i]);
        expect(&settings, "http://10.0.0.9:8000");
        strcpy(settings.tls_certificate, "server.crt");
        expect(&settings, "https://10.0.0.9:8443");
    }
}

/* The first of the list may be a bridge of containers. */
static void where_the_way_to_the_internet_begins_comes_first(void **state)
{
    struct settings settings = defaults();
    (void)state;
    add_ipv4("172.17.0.1", IFF_UP);
    add_ipv4("192.168.1.5", IFF_UP);
    strcpy(settings.listen_address, "0.0.0.0");
    routed = "192.168.1.5";
    expect(&settings, "http://192.168.1.5:8000");
    routed = "127.0.0.1";
    expect(&settings, "http://172.17.0.1:8000");
}

static void a_machine_without_addresses_must_be_told(void **state)
{
    struct settings settings = defaults();
    (void)state;
    strcpy(settings.listen_address, "0.0.0.0");
    expect_problem(&settings, "set PUBLIC_URL");
    interfaces_fail = true;
    expect_problem(&settings, "set PUBLIC_URL");
    strcpy(settings.public_url, "https://sms.example.org");
    expect(&settings, "https://sms.example.org");
}

UNIT_TESTS(cmocka_unit_test(what_is_set_is_taken_as_it_is),
           cmocka_unit_test(what_is_no_base_of_addresses_is_refused),
           cmocka_unit_test(without_it_the_address_of_nginx_is_taken),
           cmocka_unit_test_setup(for_every_address_stands_the_first_that_is_up_and_no_loopback,
                                  no_interfaces),
           cmocka_unit_test_setup(where_the_way_to_the_internet_begins_comes_first, no_interfaces),
           cmocka_unit_test_setup(a_machine_without_addresses_must_be_told, no_interfaces))
