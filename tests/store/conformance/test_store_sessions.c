/* The dashboard's links open one session each. */
#include "tests/store/store_fixture.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000 };

static void hash_of(unsigned char fill, unsigned char hash[SECRET_HASH_BYTES])
{
    memset(hash, fill, SECRET_HASH_BYTES);
}

static void given_key(struct store_fixture *fixture, const char *id, enum api_key_kind kind)
{
    struct store_write write = {.verb = STORE_CREATE_KEY,
                                .create_key.valid_for_ms = 10 * MINUTE_MS};
    struct api_key *key = &write.create_key.key;
    strcpy(key->id, id);
    strcpy(key->label, "dashboard");
    hash_of((unsigned char)id[0], key->hash);
    key->kind = kind;
    key->scopes = API_SCOPE_READ | API_SCOPE_KEYS;
    key->requests_per_minute = 7;
    key->daily_messages = 9;
    key->session_ms = HOUR_MS;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static enum error open_session(struct store_fixture *fixture, char link, const char *id)
{
    struct store_write write = {.verb = STORE_OPEN_SESSION};
    hash_of((unsigned char)link, write.open_session.link_hash);
    strcpy(write.open_session.session.id, id);
    hash_of((unsigned char)id[0], write.open_session.session.hash);
    return store_run(fixture->store, &write);
}

static bool find_key(struct store_fixture *fixture, const char *id, struct api_key *key)
{
    bool found;
    assert_int_equal(store_find_key(fixture->reader, id, key, &found), ERROR_NONE);
    return found;
}

static void a_link_opens_one_session_with_its_rights(void **state)
{
    struct store_fixture *fixture = *state;
    struct api_key session;
    given_key(fixture, "link", API_KEY_LINK);
    assert_int_equal(open_session(fixture, 'l', "session"), ERROR_NONE);
    assert_false(find_key(fixture, "link", &session));
    assert_true(find_key(fixture, "session", &session));
    assert_int_equal(session.kind, API_KEY_SESSION);
    assert_int_equal(session.scopes, API_SCOPE_READ | API_SCOPE_KEYS);
    assert_int_equal(session.requests_per_minute, 7);
    assert_int_equal(session.daily_messages, 9);
    assert_string_equal(session.label, "dashboard");
    assert_int_equal(session.expires_at_ms - session.created_at_ms, HOUR_MS);
    assert_int_equal(open_session(fixture, 'l', "again"), ERROR_SIGN_IN_LINK_INVALID);
    assert_int_equal(open_session(fixture, 's', "again"), ERROR_SIGN_IN_LINK_INVALID);
    assert_false(find_key(fixture, "again", &session));
}

static void what_is_no_open_link_opens_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_write revoke = {.verb = STORE_REVOKE_KEY, .revoke_key.id = "revoked"};
    struct api_key key;
    given_key(fixture, "key", API_KEY_CLIENT);
    given_key(fixture, "revoked", API_KEY_LINK);
    given_key(fixture, "link", API_KEY_LINK);
    assert_int_equal(store_run(fixture->store, &revoke), ERROR_NONE);
    assert_int_equal(open_session(fixture, 'k', "session"), ERROR_SIGN_IN_LINK_INVALID);
    assert_int_equal(open_session(fixture, 'r', "session"), ERROR_SIGN_IN_LINK_INVALID);
    assert_int_equal(open_session(fixture, '?', "session"), ERROR_SIGN_IN_LINK_INVALID);
    store_fixture_pass_ms(10 * MINUTE_MS);
    assert_int_equal(open_session(fixture, 'l', "session"), ERROR_SIGN_IN_LINK_INVALID);
    assert_false(find_key(fixture, "session", &key));
    assert_true(find_key(fixture, "revoked", &key) && find_key(fixture, "link", &key));
}

static void sessions_that_ended_long_ago_are_removed_and_keys_never(void **state)
{
    struct store_fixture *fixture = *state;
    struct api_key key;
    given_key(fixture, "key", API_KEY_CLIENT);
    given_key(fixture, "link", API_KEY_LINK);
    given_key(fixture, "unused", API_KEY_LINK);
    assert_int_equal(open_session(fixture, 'l', "session"), ERROR_NONE);
    store_fixture_pass_ms(29 * (int64_t)DAY_MS);
    given_key(fixture, "again", API_KEY_LINK);
    assert_true(find_key(fixture, "session", &key) && find_key(fixture, "unused", &key));
    store_fixture_pass_ms(2 * (int64_t)DAY_MS);
    given_key(fixture, "newer", API_KEY_LINK);
    assert_false(find_key(fixture, "session", &key));
    assert_false(find_key(fixture, "unused", &key));
    assert_true(find_key(fixture, "key", &key) && find_key(fixture, "newer", &key));
}

UNIT_TESTS(STORE_TEST(a_link_opens_one_session_with_its_rights),
           STORE_TEST(what_is_no_open_link_opens_nothing),
           STORE_TEST(sessions_that_ended_long_ago_are_removed_and_keys_never))
