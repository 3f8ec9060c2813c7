/* Fingerprints of certificates; the right one is openssl's: x509 -outform DER | sha256sum. */
#include "common/process/certificate.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <unistd.h>

static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdDCCARmgAwIBAgIUBkeOSVv9+Q0tWN4eSLzXaPrTBo4wCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjYwMDM0NDhaFw0yNjExMjcwMDM0NDha\n"
    "MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARBalzS\n"
    "bR9wmJQ2L+7wMwuEtdOwnwJ+/YRUl20OMSpfsDQ9EaYlLY4TooTETJ7sXB/KQzyW\n"
    "pR0FFFtQTgaT0etRo1MwUTAdBgNVHQ4EFgQUax0Ayz68GN7fQN9AopgMp1NusfAw\n"
    "HwYDVR0jBBgwFoAUax0Ayz68GN7fQN9AopgMp1NusfAwDwYDVR0TAQH/BAUwAwEB\n"
    "/zAKBggqhkjOPQQDAgNJADBGAiEAkpuFu+5WWw64liRAJxyY3BOoT04BFAnKrgDe\n"
    "1V+GemYCIQCIWzeuJ2GKI9hhWmX/N3Lc3f9DwbJEkt7QcKJFFhJP7w==\n"
    "-----END CERTIFICATE-----\n";
static const char expected[] = "1127d970c7f3e89b31568f17f6b7938ea256a07e360f61825f0b1d40ba28733c";

static char path[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(path, "/tmp/test_certificate.XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *before, const char *text, const char *after)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s%s%s", before, text, after);
    assert_int_equal(fclose(file), 0);
}

static void expect_problem(const char *words)
{
    char fingerprint[CERTIFICATE_FINGERPRINT_SIZE], errmsg[ERRMSG_SIZE] = "";
    assert_false(certificate_fingerprint(path, fingerprint, errmsg));
    assert_string_equal(fingerprint, "");
    assert_non_null(strstr(errmsg, words));
    assert_non_null(strstr(errmsg, path));
}

static void no_path_has_no_fingerprint(void **state)
{
    char fingerprint[CERTIFICATE_FINGERPRINT_SIZE] = "x", errmsg[ERRMSG_SIZE];
    (void)state;
    assert_true(certificate_fingerprint("", fingerprint, errmsg));
    assert_string_equal(fingerprint, "");
}

static void the_fingerprint_is_that_of_the_first_certificate(void **state)
{
    static const char *const around[][2] = {
        {"", ""},
        {"Subject: CN = test\n\n", "\n"},
        {"", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"},
        {"-----BEGIN EC PRIVATE KEY-----\nMII=\n-----END EC PRIVATE KEY-----\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(around); i++) {
        char fingerprint[CERTIFICATE_FINGERPRINT_SIZE], errmsg[ERRMSG_SIZE] = "";
        write_file(around[i][0], certificate, around[i][1]);
        if (!certificate_fingerprint(path, fingerprint, errmsg))
            fail_msg("%s", errmsg);
        assert_string_equal(fingerprint, expected);
    }
}

static void what_is_no_certificate_has_none(void **state)
{
    /* The last is encrypted, and nobody is asked for its password. */
    static const char *const texts[] = {
        "",
        "no certificate\n",
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIBdDCCARmgAwIBAgIU\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: "
        "AES-128-CBC,85A347F48BE729821A073298DFB4953B\n\nMIIBdDCCARmgAwIBAgIUBkeOSVv9+Q==\n"
        "-----END CERTIFICATE-----\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        write_file("", texts[i], "");
        expect_problem("contains no PEM certificate");
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    unlink(path);
    expect_problem("No such file");
    write_file("", certificate, "");
}

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

UNIT_TESTS(cmocka_unit_test(no_path_has_no_fingerprint),
           FILE_TEST(the_fingerprint_is_that_of_the_first_certificate),
           FILE_TEST(what_is_no_certificate_has_none), FILE_TEST(a_file_that_is_not_there_is_named))
