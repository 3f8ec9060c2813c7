/* Where webhooks may be sent to: addresses, and URLs. */
#include "common/process/webhook_url.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct webhook_rules rules_of(const char *loopback, const char *addresses)
{
    char errmsg[ERRMSG_SIZE] = "";
    struct settings settings = {0};
    struct webhook_rules rules;
    strcpy(settings.webhook_loopback, loopback);
    strcpy(settings.webhook_addresses, addresses);
    if (!webhook_rules_read(&settings, &rules, errmsg))
        fail_msg("%s", errmsg);
    return rules;
}

static bool allows(const struct webhook_rules *rules, const char *text)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
        return !webhook_address_problem(rules, (struct sockaddr *)&ipv4);
    assert_int_equal(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
    return !webhook_address_problem(rules, (struct sockaddr *)&ipv6);
}

static void only_public_addresses_are_allowed(void **state)
{
    static const char *const refused[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::8.8.8.8",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "64:ff9b:1::1",
        "2001:db8::1",
        "2001::1",
        "2001:10::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        /* with an IPv4 address in it */
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2a00::5efe:10.0.0.1",
        "2a00::200:5efe:127.0.0.1",
    };
    static const char *const allowed[] = {
        "1.1.1.1",         "9.255.255.255",    "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.255.255.255",  "128.0.0.1",       "172.15.255.255",
        "172.32.0.0",      "192.167.255.255",  "198.17.255.255",  "198.20.0.0",
        "223.255.255.255", "2a00:1450::1",     "2606:4700::1",    "2001:4860::8888",
        "::ffff:1.1.1.1",  "64:ff9b::1.1.1.1", "2002:101:101::1", "2a00::5efe:1.1.1.1",
    };
    struct webhook_rules rules = rules_of("refused", "");
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        if (allows(&rules, refused[i]))
            fail_msg("%s is allowed", refused[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(allowed); i++) {
        if (!allows(&rules, allowed[i]))
            fail_msg("%s is refused", allowed[i]);
    }
    assert_string_equal(webhook_address_problem(&rules, &(struct sockaddr){.sa_family = AF_UNIX}),
                        "not an IP address");
}

static void what_a_setting_lists_is_allowed(void **state)
{
    struct webhook_rules rules = rules_of("refused", " 10.8.0.0/13, 192.168.1.20 fd00::/8\t");
    (void)state;
    assert_true(allows(&rules, "10.8.0.1"));
    assert_true(allows(&rules, "10.15.255.255"));
    assert_false(allows(&rules, "10.16.0.0"));
    assert_false(allows(&rules, "10.7.255.255"));
    assert_true(allows(&rules, "::ffff:10.9.0.1"));
    assert_true(allows(&rules, "64:ff9b::10.9.0.1"));
    assert_true(allows(&rules, "192.168.1.20"));
    assert_false(allows(&rules, "192.168.1.21"));
    assert_true(allows(&rules, "fd12::1"));
    assert_false(allows(&rules, "fc12::1"));
    assert_false(allows(&rules, "127.0.0.1"));

    rules = rules_of("allowed", "");
    assert_true(allows(&rules, "127.0.0.1"));
    assert_true(allows(&rules, "::1"));
    assert_true(allows(&rules, "::ffff:127.0.0.1"));
    assert_false(allows(&rules, "0.0.0.0"));
    assert_false(allows(&rules, "10.0.0.1"));

    rules = rules_of("refused", "0.0.0.0/0 ::/0");
    assert_true(allows(&rules, "10.0.0.1"));
    assert_true(allows(&rules, "fe80::1"));
}

static void a_list_of_networks_is_refused_with_the_word_that_is_wrong(void **state)
{
    static const char *const wrong[] = {
        "10.0.0.1/8",  "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/x",  "10.0.0.0/-1",
        "fd00::/129",  "fd00::1/8",   "localhost",   "10.0.0",      "[::1]",
        "1.2.3.4/8/8", "0x7f000001",  "1.2.3.4:443", "10.0.0.0/ 8", "::ffff:10.0.0.0/95",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        char errmsg[ERRMSG_SIZE] = "";
        struct settings settings = {0};
        struct webhook_rules rules;
        strcpy(settings.webhook_addresses, wrong[i]);
        if (webhook_rules_read(&settings, &rules, errmsg))
            fail_msg("%s is accepted", wrong[i]);
        assert_non_null(strstr(errmsg, "WEBHOOK_ADDRESSES must be"));
        if (!strchr(wrong[i], ' '))
            assert_non_null(strstr(errmsg, wrong[i]));
    }
}

static void a_machine_knows_its_own_addresses(void **state)
{
    struct webhook_rules rules = rules_of("refused", ""), listed = rules_of("refused", "127.0.0.1");
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in other = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01010101)};
    (void)state;
    assert_true(webhook_address_is_own(&rules, (struct sockaddr *)&own));
    assert_false(webhook_address_is_own(&listed, (struct sockaddr *)&own));
    assert_false(webhook_address_is_own(&rules, (struct sockaddr *)&other));
}

struct url_case {
    const char *url, *problem; /* NULL: it is good */
};

static void check_urls(const struct webhook_rules *rules, const struct url_case *cases,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char errmsg[ERRMSG_SIZE] = "";
        bool good = webhook_url_check(cases[i].url, rules, errmsg);
        if (good != !cases[i].problem)
            fail_msg("%s: %s", cases[i].url, good ? "accepted" : errmsg);
        if (cases[i].problem && !strstr(errmsg, cases[i].problem))
            fail_msg("%s: %s, not %s", cases[i].url, errmsg, cases[i].problem);
    }
}

static void urls_are_checked_strictly(void **state)
{
    static const struct url_case cases[] = {
        {"https://receiver.example", NULL},
        {"https://receiver.example/", NULL},
        {"HTTPS://Receiver.Example:8443/sms/hook?x=1&y=%20", NULL},
        {"https://receiver.example.:443", NULL},
        {"https://a_b.example?x", NULL},
        {"https://1.1.1.1/", NULL},
        {"https://[2606:4700::1111]:8443/", NULL},
        {"https://xn--bcher-kva.example/", NULL},
        {"https://receiver.example/a@b", NULL},
        {"", "must begin with https://"},
        {"receiver.example", "must begin with https://"},
        {"ftp://receiver.example", "must begin with https://"},
        {"file:///etc/passwd", "must begin with https://"},
        {"http://receiver.example/", "plain http"},
        {"https://", "host name"},
        {"https:///path", "host name"},
        {"https://?x", "host name"},
        {"https://:443/", "host name"},
        {"https://a..b/", "host name"},
        {"https://.a/", "host name"},
        {"https://a%2eb/", "host name"},
        {"https://user:password@receiver.example/", "user"},
        {"https://receiver.example@127.0.0.1/", "user"},
        {"https://receiver.example/#x", "fragment"},
        {"https://receiver.example/%zz", "hexadecimal"},
        {"https://receiver.example/ x", "spaces"},
        {"https://receiver.example/\r\nX: y", "spaces"},
        {"https://receiver.example\\@127.0.0.1/", "spaces"},
        {"https://b\xc3\xbc"
         "cher.example/",
         "xn--"},
        {"https://receiver.example:0/", "port"},
        {"https://receiver.example:65536/", "port"},
        {"https://receiver.example:/", "port"},
        {"https://receiver.example:80x/", "port"},
        {"https://receiver.example:443:443/", "port"},
        {"https://[::1/", "must have a ]"},
        {"https://[::1]x/", "port"},
        {"https://[fe80::1%25eth0]/", "IPv6"},
        {"https://127.0.0.1/", "a loopback address"},
        {"https://localhost/", "a loopback address"},
        {"https://LOCALHOST./", "a loopback address"},
        {"https://a.localhost/", "a loopback address"},
        {"https://[::1]/", "a loopback address"},
        {"https://[::ffff:127.0.0.1]/", "a loopback address"},
        {"https://[::ffff:7f00:1]/", "a loopback address"},
        {"https://169.254.169.254/latest/meta-data/", "a link-local address"},
        {"https://10.0.0.1/", "a private address"},
        {"https://[fd00:ec2::254]/", "a private address"},
        {"https://2130706433/", "four decimal numbers"},
        {"https://0x7f000001/", "four decimal numbers"},
        {"https://0x7f.1/", "four decimal numbers"},
        {"https://127.1/", "four decimal numbers"},
        {"https://127.0.0.0x1/", "four decimal numbers"},
        {"https://0177.0.0.1/", "four decimal numbers"},
        {"https://127.0.0.1./", "four decimal numbers"},
    };
    struct webhook_rules rules = rules_of("refused", "");
    (void)state;
    check_urls(&rules, cases, ARRAY_LENGTH(cases));
}

static void plain_http_is_for_this_machine(void **state)
{
    static const struct url_case cases[] = {
        {"http://127.0.0.1:8080/hook", NULL},
        {"http://localhost:8080/hook", NULL},
        {"http://[::1]/", NULL},
        {"https://localhost/", NULL},
        {"http://10.0.0.1/", "private"},
        {"http://192.168.7.7/", "plain http"},
        {"http://receiver.example/", "plain http"},
    };
    struct webhook_rules rules = rules_of("allowed", "192.168.7.7");
    (void)state;
    check_urls(&rules, cases, ARRAY_LENGTH(cases));
}

static void a_url_may_be_so_long(void **state)
{
    char url[WEBHOOK_URL_MOST_BYTES + 2], errmsg[ERRMSG_SIZE];
    struct webhook_rules rules = rules_of("refused", "");
    (void)state;
    memset(url, 'a', sizeof(url));
    memcpy(url, "https://a.example/", 18);
    url[WEBHOOK_URL_MOST_BYTES + 1] = '\0';
    assert_false(webhook_url_check(url, &rules, errmsg));
    url[WEBHOOK_URL_MOST_BYTES] = '\0';
    assert_true(webhook_url_check(url, &rules, errmsg));
    memset(url + 8, 'a', 300);
    assert_false(webhook_url_check(url, &rules, errmsg));
}

UNIT_TESTS(cmocka_unit_test(only_public_addresses_are_allowed),
           cmocka_unit_test(what_a_setting_lists_is_allowed),
           cmocka_unit_test(a_list_of_networks_is_refused_with_the_word_that_is_wrong),
           cmocka_unit_test(a_machine_knows_its_own_addresses),
           cmocka_unit_test(urls_are_checked_strictly),
           cmocka_unit_test(plain_http_is_for_this_machine), cmocka_unit_test(a_url_may_be_so_long))
