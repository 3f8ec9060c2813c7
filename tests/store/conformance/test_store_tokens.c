/* Device tokens that two phones use: their counts outlive connections, brokers and restarts. Pairing codes. */
#include "tests/store/store_fixture.h"

enum { HOUR_MS = 3600000 };

static const char device[] = "phone", token_id[] = "tok000000001";

static void given_token(struct store_fixture *fixture, const char *id)
{
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    strcpy(write.create_token.token.id, id);
    strcpy(write.create_token.token.device_id, device);
    memset(write.create_token.token.hash, id[11], SECRET_HASH_BYTES);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static enum error connect_with(struct store_fixture *fixture, const char *id, int epoch,
                               const char *name, bool *quarantined)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device);
    strcpy(write.connect.token_id, id);
    write.connect.holder.assured = epoch > 0;
    write.connect.holder.journal.bytes[0] = (unsigned char)epoch;
    write.connect.info = DEVICE_INFO_UNKNOWN;
    strcpy(write.connect.info.name, name);
    write.connect.broker = message_id_new(); /* a new one each time */
    enum error error = store_run(fixture->store, &write);
    *quarantined = write.connect.quarantined;
    assert_true(error != ERROR_NONE || *quarantined == (write.connect.connection_epoch == 0));
    return error;
}

/* Connects with the token; tells whether that quarantines it. */
static bool is_found(struct store_fixture *fixture, int epoch, const char *name)
{
    bool quarantined;
    assert_int_equal(connect_with(fixture, token_id, epoch, name, &quarantined), ERROR_NONE);
    return quarantined;
}

static bool takeover_is_found(struct store_fixture *fixture, const char *id)
{
    struct store_write write = {.verb = STORE_COUNT_TAKEOVER};
    strcpy(write.count_takeover.device_id, device);
    strcpy(write.count_takeover.token_id, id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.count_takeover.quarantined;
}

static void assert_end(struct store_fixture *fixture, enum device_token_revocation end)
{
    bool quarantined, found;
    struct device_token token;
    assert_int_equal(store_find_token(fixture->reader, token_id, &token, &found), ERROR_NONE);
    assert_true(found);
    assert_int_equal(token.revocation, end);
    assert_int_equal(connect_with(fixture, token_id, 1, "", &quarantined),
                     end == DEVICE_TOKEN_ACTIVE ? ERROR_NONE : ERROR_DEVICE_TOKEN_INVALID);
}

#define ROWS "(SELECT count(*) FROM token_use) + (SELECT count(*) FROM token_identity)"

static void alternating_journals_revoke_the_token(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    for (int i = 0; i < 3; i++) {
        assert_false(is_found(fixture, 1 + i % 2, "same name"));
        store_fixture_reopen(fixture);
    }
    assert_true(is_found(fixture, 2, "same name"));
    assert_end(fixture, DEVICE_TOKEN_QUARANTINED);
    assert_in_file(fixture, "SELECT " ROWS, 0);
}

static void alternating_names_revoke_the_token(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    for (int i = 0; i < 5; i++) {
        assert_false(is_found(fixture, 0, i % 2 ? "thief" : "owner"));
        store_fixture_reopen(fixture);
    }
    assert_true(is_found(fixture, 0, "thief"));
    assert_end(fixture, DEVICE_TOKEN_QUARANTINED);
}

static void one_phone_writes_its_identity_once(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    for (int i = 0; i < 50; i++)
        assert_false(is_found(fixture, 1, i % 2 ? "" : "name"));
    assert_in_file(fixture, "SELECT " ROWS, 2);
    assert_end(fixture, DEVICE_TOKEN_ACTIVE);
}

static void new_journals_do_not_grow_without_end(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    for (int epoch = 1; epoch < 200; epoch++)
        assert_false(is_found(fixture, epoch, ""));
    assert_in_file(fixture, "SELECT " ROWS " <= 1 + 32 + 1", 1);
}

static void identities_of_a_month_ago_are_forgotten(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    for (int i = 0; i < 20; i++) {
        assert_false(is_found(fixture, 0, i % 2 ? "mine" : "Pixel 7"));
        store_fixture_pass_ms(30 * (int64_t)DAY_MS + 1000);
    }
    assert_end(fixture, DEVICE_TOKEN_ACTIVE);
}

static void takeovers_outlive_a_restart(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    for (int i = 0; i < 2; i++) {
        assert_false(takeover_is_found(fixture, token_id));
        assert_false(is_found(fixture, 1, "")); /* in between it connects undisturbed */
        store_fixture_reopen(fixture);
    }
    assert_true(takeover_is_found(fixture, token_id));
    assert_end(fixture, DEVICE_TOKEN_QUARANTINED);
    assert_false(takeover_is_found(fixture, token_id)); /* already revoked */
}

static void takeovers_further_apart_are_forgiven(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    for (int i = 0; i < 10; i++) {
        assert_false(takeover_is_found(fixture, token_id));
        store_fixture_pass_ms(4 * HOUR_MS);
    }
    assert_end(fixture, DEVICE_TOKEN_ACTIVE);
}

static void a_new_token_begins_with_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    bool quarantined;
    given_token(fixture, "tok000000000");
    for (int i = 0; i < 2; i++) {
        assert_false(takeover_is_found(fixture, "tok000000000"));
        assert_int_equal(connect_with(fixture, "tok000000000", 1 + i, "", &quarantined),
                         ERROR_NONE);
    }
    given_token(fixture, token_id);
    assert_in_file(fixture, "SELECT " ROWS, 0);
    assert_false(takeover_is_found(fixture, "tok000000000")); /* the old token */
    assert_int_equal(connect_with(fixture, "tok000000000", 1, "", &quarantined),
                     ERROR_DEVICE_TOKEN_INVALID);
    assert_in_file(fixture, "SELECT " ROWS, 0);
    assert_false(is_found(fixture, 1, ""));
    assert_false(is_found(fixture, 2, ""));
    assert_end(fixture, DEVICE_TOKEN_ACTIVE);
}

static void without_tokens_nothing_is_counted(void **state)
{
    struct store_fixture *fixture = *state;
    bool quarantined;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(connect_with(fixture, "", 1 + i % 2, "", &quarantined), ERROR_NONE);
        assert_false(quarantined);
    }
    assert_in_file(fixture, "SELECT " ROWS, 0);
}

/* A pairing code counts only with all of its hash. */
static void a_code_whose_hash_is_wrong_in_any_byte_pairs_no_device(void **state)
{
    struct store_fixture *fixture = *state;
    char code[PAIRING_CODE_SIZE];
    unsigned char hash[SECRET_HASH_BYTES];
    assert_true(pairing_code_make(code, hash));
    struct store_write create = {.verb = STORE_CREATE_PAIRING};
    create.create_pairing.valid_for_ms = 60000;
    memcpy(create.create_pairing.code_hash, hash, sizeof(hash));
    assert_int_equal(store_run(fixture->store, &create), ERROR_NONE);
    for (int wrong = 0; wrong <= SECRET_HASH_BYTES; wrong++) {
        struct store_write pair = {.verb = STORE_PAIR};
        strcpy(pair.pair.token.id, token_id);
        strcpy(pair.pair.token.device_id, device);
        memcpy(pair.pair.code_hash, hash, sizeof(hash));
        if (wrong < SECRET_HASH_BYTES)
            pair.pair.code_hash[wrong] ^= 1;
        assert_int_equal(store_run(fixture->store, &pair),
                         wrong < SECRET_HASH_BYTES ? ERROR_PAIRING_CODE_INVALID : ERROR_NONE);
    }
}

/* The code is taken before the write fails: it can be used again. */
static void a_write_that_fails_is_undone(void **state)
{
    struct store_fixture *fixture = *state;
    given_token(fixture, token_id);
    struct store_write create = {.verb = STORE_CREATE_PAIRING};
    create.create_pairing.valid_for_ms = 60000;
    assert_int_equal(store_run(fixture->store, &create), ERROR_NONE);
    for (int other = 0; other < 2; other++) {
        struct store_write pair = {.verb = STORE_PAIR};
        strcpy(pair.pair.token.id, "tok000000002");
        strcpy(pair.pair.token.device_id, other ? "other" : device);
        assert_int_equal(store_run(fixture->store, &pair),
                         other ? ERROR_NONE : ERROR_DEVICE_ID_TAKEN);
    }
    struct store_write pair = {.verb = STORE_PAIR};
    assert_int_equal(store_run(fixture->store, &pair), ERROR_PAIRING_CODE_INVALID);
}

/* It opens once, before its time is over, and only with all of its hash. */
static void a_ticket_is_used_up_once(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(1000 * (int64_t)HOUR_MS);
    for (int late = 0; late < 2; late++) {
        struct store_write create = {
            .verb = STORE_CREATE_TICKET,
            .create_ticket = {.key_id = "key000000001", .valid_for_ms = 30000}};
        memset(create.create_ticket.hash, 7 + late, SECRET_HASH_BYTES);
        assert_int_equal(store_run(fixture->store, &create), ERROR_NONE);
        assert_int_equal(create.create_ticket.expires_at_ms, store_fixture_now_ms() + 30000);
        struct store_write wrong = {.verb = STORE_TAKE_TICKET};
        memset(wrong.take_ticket.hash, 7 + late, SECRET_HASH_BYTES - 1);
        assert_int_equal(store_run(fixture->store, &wrong), ERROR_TICKET_INVALID);
        store_fixture_pass_ms(29999 + late);
        for (int again = 0; again < 2; again++) {
            struct store_write take = {.verb = STORE_TAKE_TICKET};
            memset(take.take_ticket.hash, 7 + late, SECRET_HASH_BYTES);
            bool good = !late && !again;
            assert_int_equal(store_run(fixture->store, &take),
                             good ? ERROR_NONE : ERROR_TICKET_INVALID);
            assert_string_equal(take.take_ticket.key_id, good ? "key000000001" : "");
        }
    }
}

/* By the store's clock: whoever makes the code or the key may have another one. */
static void what_is_valid_for_a_time_counts_it_from_the_commit(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(1000 * (int64_t)HOUR_MS);
    for (int late = 0; late < 2; late++) {
        struct store_write create = {.verb = STORE_CREATE_PAIRING,
                                     .create_pairing = {.valid_for_ms = 60000}};
        assert_int_equal(store_run(fixture->store, &create), ERROR_NONE);
        assert_int_equal(create.create_pairing.expires_at_ms, store_fixture_now_ms() + 60000);
        store_fixture_pass_ms(59999 + late);
        struct store_write pair = {.verb = STORE_PAIR};
        snprintf(pair.pair.token.id, SECRET_ID_SIZE, "tok00000001%d", late);
        strcpy(pair.pair.token.device_id, "new");
        memset(pair.pair.token.hash, late, SECRET_HASH_BYTES);
        assert_int_equal(store_run(fixture->store, &pair),
                         late ? ERROR_PAIRING_CODE_INVALID : ERROR_NONE);
    }
    for (int days = 0; days < 2; days++) {
        struct store_write key = {.verb = STORE_CREATE_KEY,
                                  .create_key.valid_for_ms = days * (int64_t)DAY_MS};
        struct api_key stored_key;
        bool found;
        snprintf(key.create_key.key.id, SECRET_ID_SIZE, "key%d", days);
        strcpy(key.create_key.key.label, "label");
        key.create_key.key.hash[0] = (unsigned char)days;
        assert_int_equal(store_run(fixture->store, &key), ERROR_NONE);
        assert_int_equal(
            store_find_key(fixture->reader, key.create_key.key.id, &stored_key, &found),
            ERROR_NONE);
        assert_true(found);
        assert_int_equal(stored_key.created_at_ms, store_fixture_now_ms());
        assert_int_equal(stored_key.expires_at_ms, days ? store_fixture_now_ms() + DAY_MS : 0);
    }
}

UNIT_TESTS(STORE_TEST(alternating_journals_revoke_the_token),
           STORE_TEST(alternating_names_revoke_the_token),
           STORE_TEST(one_phone_writes_its_identity_once),
           STORE_TEST(new_journals_do_not_grow_without_end),
           STORE_TEST(identities_of_a_month_ago_are_forgotten),
           STORE_TEST(takeovers_outlive_a_restart),
           STORE_TEST(takeovers_further_apart_are_forgiven),
           STORE_TEST(a_new_token_begins_with_nothing),
           STORE_TEST(without_tokens_nothing_is_counted),
           STORE_TEST(a_code_whose_hash_is_wrong_in_any_byte_pairs_no_device),
           STORE_TEST(a_write_that_fails_is_undone), STORE_TEST(a_ticket_is_used_up_once),
           STORE_TEST(what_is_valid_for_a_time_counts_it_from_the_commit))
