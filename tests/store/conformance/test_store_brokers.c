/* Several brokers over one store: their leases, and what an older connection can still do. */
#include "common/base/clock.h"
#include "tests/store/store_fixture.h"

enum { LEASE_MS = 15000 };

/* ---- Given ---- */

/* Of a lease whose broker says what it knows. */
static struct store_lease_broker run_lease(struct store_fixture *fixture, const char *name,
                                           struct store_lease_broker lease)
{
    struct store_write write = {.verb = STORE_BROKER_LEASE, .lease = lease};
    strcpy(write.lease.name, name);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.lease;
}

static struct store_lease_broker given_first_lease(struct store_fixture *fixture, const char *name,
                                                   const struct message_id *instance)
{
    return run_lease(fixture, name,
                     (struct store_lease_broker){.instance = *instance, .lease_ms = LEASE_MS});
}

/* A renewal, by a broker to which the store's clock has gone steadily. */
static struct store_lease_broker renew(struct store_fixture *fixture, const char *name,
                                       const struct message_id *instance)
{
    return run_lease(fixture, name,
                     (struct store_lease_broker){.instance = *instance,
                                                 .lease_ms = LEASE_MS,
                                                 .renews = true,
                                                 .expected_now_ms = store_fixture_now_ms()});
}

static struct store_holder holder(const char *device_id, const struct message_id *journal,
                                  int64_t epoch)
{
    struct store_holder slot = {.assured = journal, .connection_epoch = epoch};
    strcpy(slot.device_id, device_id);
    if (journal)
        slot.journal = *journal;
    return slot;
}

/* A claim with these slots; the number of messages, and in the slots what became of their connections. */
static size_t claim(struct store_fixture *fixture, struct store_holder slots[], size_t count)
{
    struct message messages[4] = {0};
    struct store_write write = {.verb = STORE_CLAIM};
    write.claim.slot_count = count;
    write.claim.slots = slots;
    write.claim.messages = messages;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    for (size_t i = 0; i < count; i++)
        message_fini(&messages[i]);
    return write.claim.message_count;
}

static struct store_release release(struct store_fixture *fixture, const struct message_id *id,
                                    struct store_holder slot)
{
    struct store_write write = {.verb = STORE_RELEASE, .release.holder = slot};
    write.release.ref = (struct message_ref){*id, 1};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.release;
}

static bool given_end(struct store_fixture *fixture, const char *device_id, int64_t epoch)
{
    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    strcpy(write.disconnect.device_id, device_id);
    write.disconnect.connection_epoch = epoch;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.disconnect.superseded;
}

static size_t superseded_at(struct store_fixture *fixture, const struct message_id *broker)
{
    struct store_work work = {.broker = *broker};
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    return work.superseded_count;
}

/* ---- A device that has moved to another broker ---- */

static void a_device_is_claimed_for_by_the_broker_that_it_is_on(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id one = message_id_new(), other = message_id_new(), journal = message_id_new();
    given_first_lease(fixture, "one", &one);
    given_first_lease(fixture, "other", &other);
    int64_t old = given_broker_connection(fixture, "moved", &journal, &one, NULL);
    int64_t epoch = given_broker_connection(fixture, "moved", &journal, &other, NULL);
    int64_t stayed = given_broker_connection(fixture, "stayed", NULL, &one, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");

    struct store_holder slots[] = {holder("moved", &journal, old)};
    assert_int_equal(claim(fixture, slots, 1), 0);
    assert_int_equal(slots[0].connection, STORE_CONNECTION_SUPERSEDED);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
    struct store_holder both[] = {holder("moved", &journal, old), holder("stayed", NULL, stayed)};
    assert_int_equal(claim(fixture, both, 2), 1); /* it goes to the slot that may have it */
    assert_int_equal(both[1].connection, STORE_CONNECTION_CURRENT);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);

    given_message(fixture, "+1234567890", "text");
    slots[0] = holder("moved", &journal, epoch);
    assert_int_equal(claim(fixture, slots, 1), 1);
    assert_int_equal(slots[0].connection, STORE_CONNECTION_CURRENT);
}

/* The verdict on an offer is the newest connection's: a drop on the older one could overtake the release. */
static void an_ack_on_an_older_connection_is_answered_on_the_newest(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id one = message_id_new(), other = message_id_new(), journal = message_id_new();
    struct message_id id = given_message(fixture, "+1234567890", "text");
    int64_t old = given_broker_connection(fixture, "phone", &journal, &one, NULL);
    struct store_holder slots[] = {holder("phone", &journal, old)};
    assert_int_equal(claim(fixture, slots, 1), 1);
    struct store_journal_entry entry = {.ref = {id, 1}, .offered = true};
    int64_t epoch = given_broker_connection(fixture, "phone", &journal, &other, &entry);
    assert_int_equal(entry.verdict, STORE_VERDICT_RELEASE);

    assert_true(release(fixture, &id, slots[0]).superseded);
    struct store_release again = release(fixture, &id, holder("phone", &journal, epoch));
    assert_false(again.superseded);
    assert_int_equal(again.verdict, STORE_VERDICT_RELEASE);

    /* Nor does the older one return it; but a report is evidence from wherever it comes. */
    struct store_write back = {.verb = STORE_RETURN_TO_QUEUE,
                               .return_to_queue.ref = {id, 1},
                               .return_to_queue.device_id = "phone"};
    assert_int_equal(store_run(fixture->store, &back), ERROR_NONE);
    assert_false(back.return_to_queue.changed);
    struct store_write report = {
        .verb = STORE_REPORT,
        .report = {.ref = {id, 1}, .seq = -1, .holder = slots[0], .status = MESSAGE_SENT}};
    assert_int_equal(store_run(fixture->store, &report), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_SENT);
    assert_consistent(fixture);
}

static void a_broker_finds_its_superseded_connections_until_they_have_ended(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id one = message_id_new(), other = message_id_new(), third = message_id_new();
    given_first_lease(fixture, "one", &one);
    given_first_lease(fixture, "other", &other);
    given_first_lease(fixture, "third", &third);
    given_broker_connection(fixture, "phone", NULL, &one, NULL);
    int64_t first = given_broker_connection(fixture, "phone", NULL, &one, NULL);
    assert_int_equal(superseded_at(fixture, &one), 0); /* the broker knows its own */
    int64_t second = given_broker_connection(fixture, "phone", NULL, &other, NULL);
    given_broker_connection(fixture, "phone", NULL, &third, NULL);

    struct store_work work = {.broker = one};
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.superseded_count, 1);
    assert_string_equal(work.superseded[0].device_id, "phone");
    assert_int_equal(work.superseded[0].connection_epoch, first);
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.superseded_count, 0); /* the next page */
    assert_int_equal(superseded_at(fixture, &other), 1);
    assert_int_equal(superseded_at(fixture, &third), 0);

    assert_true(given_end(fixture, "phone", first));
    assert_int_equal(superseded_at(fixture, &one), 0);
    assert_true(is_connected(fixture, "phone"));
    given_lease(fixture, &other, 0); /* and all of a broker's with it */
    assert_int_equal(superseded_at(fixture, &other), 0);
    assert_true(given_end(fixture, "phone", second));
    assert_true(is_connected(fixture, "phone"));
    assert_in_file(fixture, "SELECT count(*) FROM superseded", 0);
}

static void superseded_connections_are_found_page_by_page(void **state)
{
    enum { COUNT = STORE_WORK_PAGE + 1 };
    struct store_fixture *fixture = *state;
    struct message_id one = message_id_new(), other = message_id_new();
    char device_id[DEVICE_ID_SIZE];
    for (int i = 0; i < COUNT; i++) {
        snprintf(device_id, sizeof(device_id), "phone-%03d", i);
        given_broker_connection(fixture, device_id, NULL, &one, NULL);
        given_broker_connection(fixture, device_id, NULL, &other, NULL);
    }
    struct store_work work = {.broker = one};
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.superseded_count, STORE_WORK_PAGE);
    assert_true(work.more);
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.superseded_count, 1);
    assert_false(work.more);
    assert_string_equal(work.superseded[0].device_id, device_id);
}

/* ---- Brokers whose lease has run out ---- */

/* Two brokers were killed, and do not start again under their names. */
static void each_broker_ends_those_whose_lease_has_run_out(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_id gone = message_id_new(), third = message_id_new();
    const struct message_id one = message_id_new(), other = message_id_new();
    struct message_id journal = message_id_new();
    store_fixture_stop_clock_at(clock_wall_ms());
    given_first_lease(fixture, "gone", &gone);
    given_first_lease(fixture, "third", &third);
    given_broker_connection(fixture, "basic", NULL, &gone, NULL);
    given_broker_connection(fixture, "assured", &journal, &gone, NULL);
    struct message_id accepted = given_message(fixture, "+1234567890", "text");
    given_claim(fixture, (const char *const[]){"basic"}, 1);
    struct message_id offered = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "assured", &journal);

    store_fixture_pass_ms(LEASE_MS);
    given_first_lease(fixture, "one", &one);
    given_first_lease(fixture, "other", &other);
    assert_false(renew(fixture, "one", &one).ended_another); /* not over yet */
    store_fixture_pass_ms(1);
    int64_t now_ms = store_fixture_now_ms();
    static const int64_t off_ms[] = {LEASE_MS / 3 + 1, -LEASE_MS / 3 - 1};
    for (size_t i = 0; i <= ARRAY_LENGTH(off_ms);
         i++) { /* its clock was set; or it knows nothing */
        struct store_lease_broker lease = {.instance = one, .lease_ms = LEASE_MS, .renews = true};
        if (i < ARRAY_LENGTH(off_ms))
            lease.expected_now_ms = now_ms + off_ms[i];
        lease = run_lease(fixture, "one", lease);
        assert_false(lease.ended_another);
        assert_int_equal(lease.now_ms, now_ms);
    }
    assert_int_equal(stored_status(fixture, &offered), MESSAGE_DISPATCHED);

    assert_true(renew(fixture, "other", &other).ended_another); /* it does not keep house */
    assert_true(renew(fixture, "one", &one).ended_another);     /* one at a time */
    assert_false(renew(fixture, "one", &one).ended_another);
    assert_int_equal(stored_status(fixture, &offered), MESSAGE_QUEUED);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_ACCEPTED);
    assert_in_file(fixture, "SELECT count(*) FROM device WHERE broker_instance IS NOT NULL", 0);
    assert_in_file(fixture, "SELECT count(*) FROM broker", 2);
    assert_consistent(fixture);
}

/* It was written by a clock that was ahead, and would never run out. */
static void a_broker_whose_lease_is_far_ahead_is_gone(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_id gone = message_id_new(), one = message_id_new();
    store_fixture_pass_ms(DAY_MS);
    given_first_lease(fixture, "gone", &gone);
    store_fixture_pass_ms(-DAY_MS);
    given_first_lease(fixture, "one", &one);
    assert_true(renew(fixture, "one", &one).ended_another);
    assert_false(renew(fixture, "one", &one).ended_another);
}

/* A broker was frozen until others had ended it, and goes on. */
static void a_broker_that_was_ended_claims_nothing_and_learns_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id frozen = message_id_new(), one = message_id_new(), journal = message_id_new();
    store_fixture_stop_clock_at(clock_wall_ms());
    given_first_lease(fixture, "frozen", &frozen);
    int64_t epoch = given_broker_connection(fixture, "phone", &journal, &frozen, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    struct store_holder slots[] = {holder("phone", &journal, epoch)};
    assert_int_equal(claim(fixture, slots, 1), 1);
    store_fixture_pass_ms(LEASE_MS + 1);
    given_first_lease(fixture, "one", &one);
    assert_true(renew(fixture, "one", &one).ended_another);

    assert_int_equal(claim(fixture, slots, 1), 0);
    assert_int_equal(slots[0].connection, STORE_CONNECTION_ENDED);
    struct store_release late = release(fixture, &id, slots[0]);
    assert_int_equal(late.verdict, STORE_VERDICT_DROP);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
    assert_true(given_end(fixture, "phone", epoch)); /* it was disconnected before */

    /* Another phone has come to it meanwhile, and was given the message. */
    int64_t early = given_broker_connection(fixture, "early", &journal, &frozen, NULL);
    struct store_holder others[] = {holder("early", &journal, early)};
    assert_int_equal(claim(fixture, others, 1), 1);
    struct store_lease_broker lease = renew(fixture, "frozen", &frozen);
    assert_true(lease.lost);
    assert_false(lease.replaced);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
    assert_int_equal(claim(fixture, others, 1), 0);

    assert_true(renew(fixture, "frozen", &frozen).lost); /* the answer may have been lost */
    given_first_lease(fixture, "frozen", &frozen);
    assert_false(renew(fixture, "frozen", &frozen).lost);
    epoch = given_broker_connection(fixture, "phone", &journal, &frozen, NULL);
    slots[0] = holder("phone", &journal, epoch);
    assert_int_equal(claim(fixture, slots, 1), 1);
    assert_true(is_connected(fixture, "phone"));
    assert_consistent(fixture);
}

/* Two processes believe that they are the broker of that name. */
static void a_broker_that_was_replaced_does_not_end_the_newer_one(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id old = message_id_new(), newer = message_id_new();
    given_first_lease(fixture, "broker", &old);
    given_first_lease(fixture, "broker", &newer);
    given_broker_connection(fixture, "phone", NULL, &newer, NULL);
    given_broker_connection(fixture, "other", NULL, &old, NULL);
    struct store_lease_broker lease = renew(fixture, "broker", &old);
    assert_true(lease.lost && lease.replaced);
    assert_false(lease.keeps_house);
    assert_true(is_connected(fixture, "phone"));
    assert_in_file(fixture, "SELECT count(*) FROM device WHERE broker_instance IS NOT NULL", 1);
    assert_false(renew(fixture, "broker", &newer).lost);
    assert_true(is_connected(fixture, "phone"));
}

/* It has the same name, and the one before it ended without a word. */
static void a_broker_that_starts_replaces_the_one_before_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id first = message_id_new(), second = message_id_new();
    struct message_id journal = message_id_new();
    given_lease(fixture, &first, 60000);
    given_broker_connection(fixture, "phone", NULL, &first, NULL);
    struct message_id id = given_message(fixture, "+1234567890", "text");
    given_offer(fixture, "phone", &journal);
    given_lease(fixture, &first, 60000); /* the same broker renews its lease */
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    given_lease(fixture, &second, 60000);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
    assert_false(is_connected(fixture, "phone"));
    assert_consistent(fixture);
}

/* ---- What one does for all ---- */

static bool keeps_house(struct store_fixture *fixture, const char *name,
                        const struct message_id *instance, int64_t lease_ms)
{
    return run_lease(fixture, name,
                     (struct store_lease_broker){.instance = *instance, .lease_ms = lease_ms})
        .keeps_house;
}

static void one_broker_keeps_house_until_its_lease_ends(void **state)
{
    enum { LONG_MS = 60000 };
    struct store_fixture *fixture = *state;
    struct message_id one = message_id_new(), other = message_id_new(), third = message_id_new();
    store_fixture_stop_clock_at(clock_wall_ms());
    assert_true(keeps_house(fixture, "one", &one, LONG_MS));
    assert_false(keeps_house(fixture, "other", &other, LONG_MS));
    store_fixture_pass_ms(LONG_MS - 1);
    assert_false(keeps_house(fixture, "other", &other, LONG_MS));
    store_fixture_pass_ms(1); /* without a renewal */
    assert_true(keeps_house(fixture, "other", &other, LONG_MS));
    assert_false(keeps_house(fixture, "one", &one, LONG_MS));
    store_fixture_pass_ms(LONG_MS - 1);
    assert_true(keeps_house(fixture, "other", &other, LONG_MS)); /* renewed */
    store_fixture_pass_ms(LONG_MS - 1);
    assert_false(keeps_house(fixture, "one", &one, LONG_MS));
    keeps_house(fixture, "other", &other, 0); /* it ends, and leaves it to the next */
    assert_true(keeps_house(fixture, "one", &one, LONG_MS));
    /* one was killed, and is started again */
    assert_true(keeps_house(fixture, "one", &third, LONG_MS));
    assert_false(keeps_house(fixture, "other", &other, LONG_MS));
    assert_in_file(fixture, "SELECT count(*) FROM lease", 1);
}

static void a_lease_of_a_wrong_clock_is_taken(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id one = message_id_new(), other = message_id_new();
    store_fixture_pass_ms(DAY_MS);
    assert_true(keeps_house(fixture, "one", &one, LEASE_MS));
    store_fixture_pass_ms(-DAY_MS);
    assert_true(keeps_house(fixture, "other", &other, LEASE_MS));
}

UNIT_TESTS(STORE_TEST(a_device_is_claimed_for_by_the_broker_that_it_is_on),
           STORE_TEST(an_ack_on_an_older_connection_is_answered_on_the_newest),
           STORE_TEST(a_broker_finds_its_superseded_connections_until_they_have_ended),
           STORE_TEST(superseded_connections_are_found_page_by_page),
           STORE_TEST(each_broker_ends_those_whose_lease_has_run_out),
           STORE_TEST(a_broker_whose_lease_is_far_ahead_is_gone),
           STORE_TEST(a_broker_that_was_ended_claims_nothing_and_learns_it),
           STORE_TEST(a_broker_that_was_replaced_does_not_end_the_newer_one),
           STORE_TEST(a_broker_that_starts_replaces_the_one_before_it),
           STORE_TEST(one_broker_keeps_house_until_its_lease_ends),
           STORE_TEST(a_lease_of_a_wrong_clock_is_taken))
