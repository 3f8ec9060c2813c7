/* The signature of a delivery: the example of the Standard Webhooks libraries, and RFC 4231. */
#include "api-fcgi/webhook/signature.h"
#include "common/access/secret.h"
#include "tests/unit/unit.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define MAC    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static const char body[] = "{\"test\": 2432232314}";

static void it_is_that_of_the_specification(void **state)
{
    char signature[SIGNATURE_SIZE];
    (void)state;
    assert_true(signature_make(SECRET, "", ID, 1614265330, body, sizeof(body) - 1, signature));
    assert_string_equal(signature, MAC);
}

static void both_secrets_sign_while_an_old_one_is_valid(void **state)
{
    char signature[SIGNATURE_SIZE], other[SIGNATURE_SIZE];
    static const char old[] = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    (void)state;
    assert_true(signature_make(old, "", ID, 1614265330, body, sizeof(body) - 1, other));
    assert_true(signature_make(SECRET, old, ID, 1614265330, body, sizeof(body) - 1, signature));
    assert_memory_equal(signature, MAC " v1,", strlen(MAC " v1,"));
    assert_string_equal(signature + strlen(MAC " "), other);
}

static void what_is_no_secret_signs_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_MfK",
        "whsec_Mf!Q",
        "whsec_"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    char signature[SIGNATURE_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        if (signature_make(wrong[i], "", ID, 1, body, 1, signature))
            fail_msg("%s signs", wrong[i]);
}

/* RFC 4231, 4.3: the key "Jefe". */
static void the_mac_is_that_of_rfc_4231(void **state)
{
    const struct secret_part parts[] = {{"what do ya want ", 16}, {"for nothing?", 12}};
    char mac[SECRET_MAC_SIZE];
    (void)state;
    assert_true(secret_sign("SmVmZQ==", parts, 2, mac));
    assert_string_equal(mac, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

UNIT_TESTS(cmocka_unit_test(it_is_that_of_the_specification),
           cmocka_unit_test(both_secrets_sign_while_an_old_one_is_valid),
           cmocka_unit_test(what_is_no_secret_signs_nothing),
           cmocka_unit_test(the_mac_is_that_of_rfc_4231))
