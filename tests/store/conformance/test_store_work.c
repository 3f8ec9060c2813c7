/* What a broker has to do: cancel requests, revoked tokens, stuck messages. */
#include "tests/store/store_fixture.h"

#include <string.h>

static const struct message_id no_message;

/* ---- Given ---- */

/* A device accepts the oldest queued message, whose sender then asks to cancel it. */
static void given_request_for(struct store_fixture *fixture, const struct message_id *id,
                              const char *device_id, const struct message_id *journal,
                              int64_t epoch)
{
    given_offer(fixture, device_id, journal);
    struct store_write release = {.verb = STORE_RELEASE};
    strcpy(release.release.holder.device_id, device_id);
    release.release.holder.assured = true;
    release.release.holder.journal = *journal;
    release.release.holder.connection_epoch = epoch;
    release.release.ref = (struct message_ref){*id, 1};
    assert_int_equal(store_run(fixture->store, &release), ERROR_NONE);
    struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = *id};
    assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
    assert_true(cancel.cancel.asked);
}

static struct message_id given_cancel_request(struct store_fixture *fixture, const char *device_id,
                                              const struct message_id *journal, int64_t epoch)
{
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_request_for(fixture, &id, device_id, journal, epoch);
    return id;
}

static void given_token(struct store_fixture *fixture, const char *device_id)
{
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    static unsigned char number;
    struct device_token *token = &write.create_token.token;
    memcpy(token->hash, device_id, strlen(device_id));
    token->hash[SECRET_HASH_BYTES - 1] = ++number;
    snprintf(token->id, sizeof(token->id), "%s-%u", device_id, number);
    strcpy(token->device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void given_revocation(struct store_fixture *fixture, const char *device_id)
{
    struct store_write write = {.verb = STORE_REVOKE_TOKEN,
                                .revoke_token.revocation = DEVICE_TOKEN_REVOKED};
    strcpy(write.revoke_token.device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.revoke_token.changed);
}

static struct store_work work_of(struct store_fixture *fixture, const struct message_id *broker)
{
    struct store_work work = {.broker = *broker};
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    return work;
}

/* ---- Cancel requests ---- */

static void cancel_requests_are_found_page_by_page(void **state)
{
    enum { COUNT = STORE_WORK_PAGE + 3 };
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), broker = message_id_new(), ids[COUNT];
    int64_t epoch = given_broker_connection(fixture, "phone", &journal, &broker, NULL);
    for (int i = 0; i < COUNT; i++)
        ids[i] = given_cancel_request(fixture, "phone", &journal, epoch);

    struct store_work work = work_of(fixture, &broker);
    assert_true(work.more);
    assert_int_equal(work.cancel_count, STORE_WORK_PAGE);
    for (size_t i = 0; i < work.cancel_count; i++) {
        assert_true(message_id_equal(&work.cancel_requests[i].ref.id, &ids[i]));
        assert_int_equal(work.cancel_requests[i].ref.attempt, 1);
        assert_string_equal(work.cancel_requests[i].device_id, "phone");
    }
    assert_true(message_id_equal(&work.cancel_cursor, &ids[STORE_WORK_PAGE - 1]));
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_false(work.more);
    assert_int_equal(work.cancel_count, COUNT - STORE_WORK_PAGE);
    assert_true(message_id_equal(&work.cancel_requests[0].ref.id, &ids[STORE_WORK_PAGE]));
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.cancel_count, 0);
    assert_true(message_id_equal(&work.cancel_cursor, &ids[COUNT - 1]));
    work.cancel_cursor = no_message;
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_true(message_id_equal(&work.cancel_requests[0].ref.id, &ids[0]));
}

/* Two ids that differ in nothing that orders them: a page may end between their messages. */
static void a_page_may_end_between_neighbours(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), broker = message_id_new();
    int64_t epoch = given_broker_connection(fixture, "phone", &journal, &broker, NULL);
    struct message_id first = store_fixture_new_id(), second = first;
    second.bytes[MESSAGE_ID_BYTES - 1] ^= 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(enqueue_as(fixture, i == 0 ? &first : &second), ERROR_NONE);
        given_request_for(fixture, i == 0 ? &first : &second, "phone", &journal, epoch);
    }
    struct store_work work = {.broker = broker, .cancel_cursor = first};
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.cancel_count, 1);
    assert_true(message_id_equal(&work.cancel_requests[0].ref.id, &second));
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.cancel_count, 0);
}

static void a_broker_finds_the_requests_of_its_own_devices(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), one = message_id_new(), other = message_id_new();
    int64_t epoch = given_broker_connection(fixture, "phone", &journal, &one, NULL);
    struct message_id id = given_cancel_request(fixture, "phone", &journal, epoch);
    assert_int_equal(work_of(fixture, &other).cancel_count, 0);
    assert_int_equal(work_of(fixture, &one).cancel_count, 1);

    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    strcpy(write.disconnect.device_id, "phone");
    write.disconnect.connection_epoch = epoch;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(work_of(fixture, &one).cancel_count, 0);
    given_broker_connection(fixture, "phone", &journal, &other, NULL);
    assert_int_equal(work_of(fixture, &one).cancel_count, 0);
    assert_int_equal(work_of(fixture, &other).cancel_count, 1);
    given_report(fixture, &id, "phone", MESSAGE_SENT, NULL);
    assert_int_equal(work_of(fixture, &other).cancel_count, 0);
}

/* ---- Revoked tokens ---- */

static void a_revoked_device_is_found_by_its_broker_until_it_connects_again(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), one = message_id_new(), other = message_id_new();
    given_token(fixture, "phone");
    int64_t epoch = given_broker_connection(fixture, "phone", &journal, &one, NULL);
    assert_int_equal(work_of(fixture, &one).revoked_count, 0);
    given_revocation(fixture, "phone");
    for (int i = 0; i < 2; i++) { /* asking changes nothing */
        struct store_work work = work_of(fixture, &one);
        assert_int_equal(work.revoked_count, 1);
        assert_string_equal(work.revoked[0].device_id, "phone");
        assert_int_equal(work.revoked[0].connection_epoch, epoch);
        assert_int_equal(work.revoked[0].revocation, DEVICE_TOKEN_REVOKED);
    }
    assert_int_equal(work_of(fixture, &other).revoked_count, 0);
    given_broker_connection(fixture, "phone", &journal, &one, NULL);
    assert_int_equal(work_of(fixture, &one).revoked_count, 0);
}

static void revoked_devices_are_found_page_by_page(void **state)
{
    enum { COUNT = STORE_WORK_PAGE + 1 };
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), broker = message_id_new();
    char device_id[DEVICE_ID_SIZE];
    for (int i = 0; i < COUNT; i++) {
        snprintf(device_id, sizeof(device_id), "phone-%03d", i);
        given_token(fixture, device_id);
        given_broker_connection(fixture, device_id, &journal, &broker, NULL);
        given_revocation(fixture, device_id);
    }
    struct store_work work = work_of(fixture, &broker);
    assert_int_equal(work.revoked_count, STORE_WORK_PAGE);
    assert_true(work.more);
    assert_string_equal(work.revoked[0].device_id, "phone-000");
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.revoked_count, 1);
    assert_false(work.more);
    assert_string_equal(work.revoked[0].device_id, device_id);
}

/* ---- The read ---- */

static void a_poll_does_not_wait_for_writers(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = message_id_new(), broker = message_id_new();
    int64_t epoch = given_broker_connection(fixture, "phone", &journal, &broker, NULL);
    given_cancel_request(fixture, "phone", &journal, epoch);
    struct store_hold hold;
    store_hold_begin(&hold, fixture->store);
    assert_int_equal(work_of(fixture, &broker).cancel_count, 1);
    store_hold_release(&hold);
}

UNIT_TESTS(STORE_TEST(cancel_requests_are_found_page_by_page),
           STORE_TEST(a_page_may_end_between_neighbours),
           STORE_TEST(a_broker_finds_the_requests_of_its_own_devices),
           STORE_TEST(a_revoked_device_is_found_by_its_broker_until_it_connects_again),
           STORE_TEST(revoked_devices_are_found_page_by_page),
           STORE_TEST(a_poll_does_not_wait_for_writers))
