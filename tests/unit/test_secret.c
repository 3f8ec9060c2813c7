/* Secrets: their texts, and what is kept of them. */
#include "common/access/secret.h"
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const prefixes[] = {"sgw_", "sgd_", "sgt_"};
static const enum secret_kind kinds[] = {SECRET_API_KEY, SECRET_DEVICE_TOKEN, SECRET_TICKET};

struct secret {
    char text[SECRET_TEXT_SIZE + 1];
    char id[SECRET_ID_SIZE];
    unsigned char hash[SECRET_HASH_BYTES];
};

static struct secret make(enum secret_kind kind)
{
    struct secret secret;
    assert_true(secret_make(kind, secret.text, secret.id, secret.hash));
    return secret;
}

static void a_secret_is_known_by_its_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        struct secret secret = make(kinds[i]);
        char id[SECRET_ID_SIZE];
        assert_int_equal(strlen(secret.text), SECRET_TEXT_SIZE - 1);
        assert_int_equal(
            strspn(secret.text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"),
            strlen(secret.text));
        assert_memory_equal(secret.text, prefixes[i], 4);
        assert_true(secret_parse(kinds[i], secret.text, id));
        assert_string_equal(id, secret.id);
        assert_true(secret_fits(secret.hash, secret.text));
    }
}

static void a_secret_of_one_kind_is_none_of_another(void **state)
{
    char id[SECRET_ID_SIZE];
    (void)state;
    struct secret secret = make(SECRET_API_KEY);
    assert_false(secret_parse(SECRET_DEVICE_TOKEN, secret.text, id));
    memcpy(secret.text, "sgd_", 4);
    assert_false(secret_parse(SECRET_DEVICE_TOKEN, secret.text, id)); /* the check is another */
}

static void no_two_secrets_are_the_same(void **state)
{
    (void)state;
    struct secret one = make(SECRET_API_KEY), two = make(SECRET_API_KEY);
    assert_string_not_equal(one.id, two.id);
    assert_string_not_equal(one.text, two.text);
    assert_false(secret_fits(one.hash, two.text));
    assert_false(secret_fits(two.hash, one.text));
}

/* Each bit of what is kept counts: a comparison of fewer bytes would open to the wrong secret. */
static void a_secret_fits_nothing_but_its_own_hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        struct secret secret = make(kinds[i]);
        for (int bit = 0; bit < 8 * SECRET_HASH_BYTES; bit++) {
            secret.hash[bit / 8] ^= (unsigned char)(1 << bit % 8);
            assert_false(secret_fits(secret.hash, secret.text));
            secret.hash[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        assert_true(secret_fits(secret.hash, secret.text));
    }
}

static void one_character_changed_makes_it_none(void **state)
{
    char id[SECRET_ID_SIZE];
    (void)state;
    struct secret secret = make(SECRET_DEVICE_TOKEN);
    for (size_t i = 0; i < strlen(secret.text); i++) {
        char right = secret.text[i];
        for (const char *wrong = "aZ0_ -\n"; *wrong; wrong++) {
            secret.text[i] = *wrong;
            if (*wrong == right)
                continue;
            assert_false(secret_parse(SECRET_DEVICE_TOKEN, secret.text, id));
            assert_false(secret_fits(secret.hash, secret.text));
        }
        secret.text[i] = right;
    }
    assert_true(secret_parse(SECRET_DEVICE_TOKEN, secret.text, id));
}

static void cut_or_longer_it_is_none(void **state)
{
    char id[SECRET_ID_SIZE];
    (void)state;
    struct secret secret = make(SECRET_API_KEY);
    strcat(secret.text, "0");
    assert_false(secret_parse(SECRET_API_KEY, secret.text, id));
    for (size_t length = SECRET_TEXT_SIZE - 1; length-- > 0;) {
        secret.text[length] = '\0';
        assert_false(secret_parse(SECRET_API_KEY, secret.text, id));
    }
}

static void a_bearer_token_follows_its_scheme(void **state)
{
    (void)state;
    assert_string_equal(secret_bearer_token("Bearer abc"), "abc");
    assert_string_equal(secret_bearer_token("bEARER   abc"), "abc");
    assert_null(secret_bearer_token(""));
    assert_null(secret_bearer_token("Bearer"));
    assert_null(secret_bearer_token("Bearerabc"));
    assert_null(secret_bearer_token("Basic abc"));
}

static void a_password_follows_any_user_name(void **state)
{
    static const struct {
        const char *header, *password; /* NULL: none */
    } cases[] = {
        {"Basic eDpLN1FNLTNYVE4=", "K7QM-3XTN"},
        {"bASIC  eDphYmM=", "abc"},
        {"Basic OmFiYw==", "abc"},
        {"Basic eDphOmI=", "a:b"},
        {"Basic eDo=", ""},
        {"Basic eHg=", NULL},
        {"Basic eDphYmM", NULL},
        {"Basic ", NULL},
        {"Basic !!!!", NULL},
        {"Basic eDphAGI=", NULL},
        {"Bearer eDphYmM=", NULL},
        {"", NULL},
    };
    char password[SECRET_PASSWORD_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        bool any = secret_basic_password(cases[i].header, password);
        assert_int_equal(any, cases[i].password != NULL);
        if (any)
            assert_string_equal(password, cases[i].password);
    }
}

static void a_signature_in_hexadecimal_is_that_of_the_app(void **state)
{
    const struct secret_part parts[] = {{"{\"a\":1}", 7}, {"1764335825", 10}};
    char mac[SECRET_HEX_MAC_SIZE];
    (void)state;
    assert_true(secret_sign_hex("k3y", parts, 2, mac));
    assert_string_equal(mac, "78e506f7df49696632b84a59d51be96dbee724ccb8f5a154539f427bbdb661ab");
    assert_false(secret_sign_hex("0123456789012345678901234567890123456789012345678901234567890123"
                                 "4",
                                 parts, 2, mac));
}

static void a_code_of_digits_is_a_pairing_code(void **state)
{
    char code[PAIRING_CODE_SIZE];
    unsigned char hash[SECRET_HASH_BYTES], again[SECRET_HASH_BYTES];
    (void)state;
    assert_true(pairing_digits_make(code, hash));
    assert_int_equal(strspn(code, "0123456789-"), PAIRING_CODE_SIZE - 1);
    assert_true(pairing_code_hash(code, again));
    assert_memory_equal(hash, again, sizeof(hash));
}

static void a_pairing_code_is_what_people_type(void **state)
{
    char code[PAIRING_CODE_SIZE], typed[64], *p = typed;
    unsigned char hash[SECRET_HASH_BYTES], again[SECRET_HASH_BYTES];
    (void)state;
    for (int round = 0; round < 100; round++) {
        assert_true(pairing_code_make(code, hash));
        assert_int_equal(strlen(code), PAIRING_CODE_SIZE - 1);
        assert_int_equal(strspn(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), strlen(code));
        assert_true(pairing_code_hash(code, again));
        assert_memory_equal(hash, again, sizeof(hash));
        p = typed;
        for (const char *c = code; *c; c++) {
            if (*c == '0')
                *p++ = 'o';
            else if (*c == '1')
                *p++ = round % 2 ? 'l' : 'I';
            else if (*c == '-')
                *p++ = ' ';
            else
                *p++ = (char)tolower((unsigned char)*c);
        }
        *p = '\0';
        assert_true(pairing_code_hash(typed, again));
        assert_memory_equal(hash, again, sizeof(hash));
        code[0] = code[0] == '2' ? '3' : '2';
        assert_true(pairing_code_hash(code, again));
        assert_memory_not_equal(hash, again, sizeof(hash));
    }
    static const char *const wrong[] = {"",
                                        "-",
                                        "K7QM-3XTN-0V9B-AH2",
                                        "K7QM-3XTN-0V9B-AH2EE",
                                        "K7QM-3XTN-0V9B-AH2U",
                                        "K7QM-3XTN-0V9B-AH2\n",
                                        "K7QM-3XTN-0V9B-AH2\xc3\xa9"};
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_false(pairing_code_hash(wrong[i], again));
}

UNIT_TESTS(cmocka_unit_test(a_secret_is_known_by_its_text),
           cmocka_unit_test(a_secret_of_one_kind_is_none_of_another),
           cmocka_unit_test(no_two_secrets_are_the_same),
           cmocka_unit_test(a_secret_fits_nothing_but_its_own_hash),
           cmocka_unit_test(one_character_changed_makes_it_none),
           cmocka_unit_test(cut_or_longer_it_is_none),
           cmocka_unit_test(a_bearer_token_follows_its_scheme),
           cmocka_unit_test(a_password_follows_any_user_name),
           cmocka_unit_test(a_signature_in_hexadecimal_is_that_of_the_app),
           cmocka_unit_test(a_code_of_digits_is_a_pairing_code),
           cmocka_unit_test(a_pairing_code_is_what_people_type))
