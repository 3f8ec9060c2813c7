/* The options of messages: which device may have one, when, and in which order. */
#include "common/model/lane.h"
#include "tests/store/store_fixture.h"

#include <stdlib.h>

#define HOUR_MS  INT64_C(3600000)
#define START_MS INT64_C(1795513500000) /* 2026-11-23T09:45:00Z */

static const struct message_id none;

/* ---- Words ---- */

static int setup(void **state)
{
    int status = store_fixture_setup(state);
    store_fixture_stop_clock_at(START_MS);
    return status;
}

#define OPTIONS_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, setup, store_fixture_teardown)

/* A new message, a millisecond after the last. */
static struct message_id given_to(struct store_fixture *fixture, const char *number,
                                  struct message_options options)
{
    store_fixture_pass_ms(1);
    struct message message = {
        .id = store_fixture_new_id(), .text = (char *)"text", .segments = 1, .options = options};
    snprintf(message.phone_number, sizeof(message.phone_number), "%s", number);
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

static struct message_id given(struct store_fixture *fixture, struct message_options options)
{
    return given_to(fixture, "+491511234567", options);
}

static struct message_options for_device(const char *device_id)
{
    struct message_options options = {0};
    strcpy(options.target.device_id, device_id);
    return options;
}

static struct message_options for_group(const char *group, unsigned sim)
{
    struct message_options options = {.target.sim = sim};
    strcpy(options.target.device_group, group);
    return options;
}

/* A slot for each device; the ids of what they get, none for nothing. The rest of the request is as given. */
static void claim(struct store_fixture *fixture, struct store_claim *request,
                  struct store_holder slots[], size_t count, struct message_id ids[])
{
    struct message messages[8] = {0};
    struct store_write write = {.verb = STORE_CLAIM, .claim = *request};
    assert_true(count <= ARRAY_LENGTH(messages));
    write.claim.slots = slots;
    write.claim.slot_count = count;
    write.claim.messages = messages;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    *request = write.claim;
    for (size_t i = 0; i < count; i++) {
        ids[i] = messages[i].text ? messages[i].id : none;
        message_fini(&messages[i]);
    }
}

/* What the device gets; none for nothing. */
static struct message_id claimed_by(struct store_fixture *fixture, const char *device_id)
{
    struct store_claim request = {.trusted_wall_ms = store_fixture_now_ms()};
    struct store_holder slot = {0};
    struct message_id id;
    strcpy(slot.device_id, device_id);
    claim(fixture, &request, &slot, 1, &id);
    return id;
}

static void assert_id(struct message_id id, struct message_id expected)
{
    if (!message_id_equal(&id, &expected)) {
        char text[MESSAGE_ID_TEXT_SIZE], expected_text[MESSAGE_ID_TEXT_SIZE];
        message_id_format(&id, text);
        message_id_format(&expected, expected_text);
        fail_msg("%s, not %s", text, expected_text);
    }
}

static void given_device(struct store_fixture *fixture, const char *device_id, const char *groups)
{
    static unsigned char number;
    struct store_write token = {.verb = STORE_CREATE_TOKEN};
    snprintf(token.create_token.token.id, SECRET_ID_SIZE, "tok%09u", ++number);
    memset(token.create_token.token.hash, number, sizeof(token.create_token.token.hash));
    strcpy(token.create_token.token.device_id, device_id);
    assert_int_equal(store_run(fixture->store, &token), ERROR_NONE);
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE, .configure.set = STORE_SET_GROUPS};
    strcpy(write.configure.device_id, device_id);
    device_groups_parse(groups, &write.configure.configuration.groups);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

/* The device says which slots have a SIM. */
static void given_sims(struct store_fixture *fixture, const char *device_id, unsigned slots)
{
    const struct message_id broker = store_fixture_new_id();
    struct store_write connect = {.verb = STORE_DEVICE_CONNECT};
    given_lease(fixture, &broker, 60000);
    strcpy(connect.connect.holder.device_id, device_id);
    connect.connect.broker = broker;
    connect.connect.info = DEVICE_INFO_UNKNOWN;
    connect.connect.info.sim_slots = slots;
    connect.connect.info.sims = (char *)"[{\"slot\":1}]";
    assert_int_equal(store_run(fixture->store, &connect), ERROR_NONE);
}

static unsigned expire(struct store_fixture *fixture, bool clock_trusted)
{
    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
    write.expire_unreported.trusted_wall_ms = clock_trusted ? store_fixture_now_ms() : 0;
    write.expire_unreported.limit = 100;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.expire_unreported.expired;
}

static void return_to_queue(struct store_fixture *fixture, const struct message_id *id,
                            const char *device_id, bool refused)
{
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE};
    write.return_to_queue.ref.id = *id;
    write.return_to_queue.refused = refused;
    write.return_to_queue.jitter = 1;
    strcpy(write.return_to_queue.device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.return_to_queue.changed);
}

static void assert_options(const struct message *message, const struct message_options *expected)
{
    const struct message_options *options = &message->options;
    assert_string_equal(options->target.device_id, expected->target.device_id);
    assert_string_equal(options->target.device_group, expected->target.device_group);
    assert_int_equal(options->target.sim, expected->target.sim);
    assert_int_equal(options->priority, expected->priority);
    assert_int_equal(options->send_at_ms, expected->send_at_ms);
    assert_int_equal(options->expires_at_ms, expected->expires_at_ms);
    assert_int_equal(options->no_delivery_report, expected->no_delivery_report);
    assert_string_equal(options->reference, expected->reference);
}

/* ---- Options are kept ---- */

static void all_options_are_read_back(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_options options = {
        .target = {.device_group = "berlin", .sim = 2},
        .priority = MESSAGE_PRIORITY_HIGH,
        .send_at_ms = START_MS + HOUR_MS,
        .expires_at_ms = START_MS + 2 * HOUR_MS,
        .no_delivery_report = true,
        .reference = "Bestellung 📦",
    };
    struct message_id id = given(fixture, options),
                      plain = given(fixture, (struct message_options){0});
    store_fixture_reopen(fixture);
    struct message message = stored(fixture, &id);
    assert_options(&message, &options);
    message_fini(&message);
    message = stored(fixture, &plain);
    assert_false(message_has_options(&message));
    message_fini(&message);
    assert_consistent(fixture);
}

/* ---- Targets ---- */

static void a_message_for_a_device_is_never_given_to_another(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id meant = given(fixture, for_device("phone-2"));
    struct message_id plain = given(fixture, (struct message_options){0});
    assert_id(claimed_by(fixture, "phone-1"), plain);
    for (int i = 0; i < 5; i++)
        assert_id(claimed_by(fixture, "phone-1"), none);
    assert_id(claimed_by(fixture, "phone-22"), none);
    assert_id(claimed_by(fixture, "phone-2"), meant);
    return_to_queue(fixture, &meant, "phone-2", false);
    assert_id(claimed_by(fixture, "phone-1"), none);
    assert_id(claimed_by(fixture, "phone-2"), meant);
    assert_consistent(fixture);
}

static void a_message_goes_to_a_device_that_meets_all_of_its_target(void **state)
{
    static const char *const devices[] = {"north-1", "north-2", "south-1", "other"};
    static const struct {
        const char *device_id, *group;
        unsigned sim;
        const char *may; /* by the position of the device: 1 or 0 */
    } cases[] = {
        {"", "north", 0, "1100"},   {"", "south", 0, "0010"},   {"", "all", 0, "1110"},
        {"", "", 1, "1010"},        {"", "", 2, "1100"},        {"", "", 3, "0000"},
        {"", "north", 1, "1000"},   {"", "north", 2, "1100"},   {"", "south", 2, "0000"},
        {"north-2", "", 2, "0100"}, {"north-2", "", 1, "0000"}, {"other", "", 0, "0001"},
        {"", "nort", 0, "0000"},    {"", "", 4, "0000"},        {"missing", "", 0, "0000"},
    };
    struct store_fixture *fixture = *state;
    given_device(fixture, "north-1", "all north");
    given_device(fixture, "north-2", "all north");
    given_device(fixture, "south-1", "all south");
    given_sims(fixture, "north-1", 1u << 1 | 1u << 2);
    given_sims(fixture, "north-2", 1u << 2);
    given_sims(fixture, "south-1", 1u << 1);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct message_options options = {.target.sim = cases[i].sim};
        strcpy(options.target.device_id, cases[i].device_id);
        strcpy(options.target.device_group, cases[i].group);
        struct message_id id = given(fixture, options);
        for (size_t device = 0; device < ARRAY_LENGTH(devices); device++) {
            bool may = cases[i].may[device] == '1';
            struct message_id got = claimed_by(fixture, devices[device]);
            if (message_id_equal(&got, &id) != may)
                fail_msg("case %zu, %s", i, devices[device]);
            if (may)
                return_to_queue(fixture, &id, devices[device], false);
        }
        struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = id};
        assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);
    }
    assert_consistent(fixture);
}

static void a_device_that_left_the_group_gets_none_of_its_messages(void **state)
{
    struct store_fixture *fixture = *state;
    given_device(fixture, "phone-1", "north");
    given_device(fixture, "phone-2", "north");
    struct message_id id = given(fixture, for_group("north", 0));
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE, .configure.set = STORE_SET_GROUPS};
    strcpy(write.configure.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_id(claimed_by(fixture, "phone-1"), none);
    assert_id(claimed_by(fixture, "phone-2"), id);
}

static void one_claim_fills_the_slots_of_several_devices_each_with_what_it_may_have(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_holder slots[3] = {{.device_id = "a"}, {.device_id = "b"}, {.device_id = "b"}};
    struct store_claim request = {.trusted_wall_ms = store_fixture_now_ms()};
    struct message_id ids[3];
    struct message_id for_b = given(fixture, for_device("b"));
    given(fixture, for_device("away"));
    struct message_id plain = given(fixture, (struct message_options){0});
    struct message_id later = given(fixture, (struct message_options){0});
    claim(fixture, &request, slots, 3, ids);
    assert_int_equal(request.message_count, 3);
    assert_id(ids[0], plain);
    assert_id(ids[1], for_b);
    assert_id(ids[2], later);
}

/* ---- Priority ---- */

static struct message_id given_priority(struct store_fixture *fixture,
                                        enum message_priority priority)
{
    return given(fixture, (struct message_options){.priority = priority});
}

static void high_comes_before_normal_before_low(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id low = given_priority(fixture, MESSAGE_PRIORITY_LOW);
    struct message_id normal = given_priority(fixture, MESSAGE_PRIORITY_NORMAL);
    struct message_id high = given_priority(fixture, MESSAGE_PRIORITY_HIGH);
    struct message_id high_for_device = given(
        fixture,
        (struct message_options){.priority = MESSAGE_PRIORITY_HIGH, .target.device_id = "phone-1"});
    assert_id(claimed_by(fixture, "phone-1"), high);
    assert_id(claimed_by(fixture, "phone-1"), high_for_device);
    assert_id(claimed_by(fixture, "phone-1"), normal);
    assert_id(claimed_by(fixture, "phone-1"), low);
    assert_id(claimed_by(fixture, "phone-1"), none);
}

/* A step of priority is worth a day of waiting. */
static void a_day_of_waiting_weighs_as_much_as_a_priority(void **state)
{
    static const enum message_priority steps[][2] = {
        {MESSAGE_PRIORITY_NORMAL, MESSAGE_PRIORITY_HIGH},
        {MESSAGE_PRIORITY_LOW, MESSAGE_PRIORITY_NORMAL},
    };
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        for (int64_t later_ms = DAY_MS - 2; later_ms <= DAY_MS; later_ms += 2) {
            struct message_id before = given_priority(fixture, steps[i][0]);
            store_fixture_pass_ms(later_ms);
            struct message_id after = given_priority(fixture, steps[i][1]);
            bool passes = later_ms < DAY_MS;
            assert_id(claimed_by(fixture, "phone-1"), passes ? after : before);
            assert_id(claimed_by(fixture, "phone-1"), passes ? before : after);
        }
    }
}

/* One device, which sends one message an hour, and each hour brings another of high priority. */
static void a_low_one_is_not_passed_for_ever(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id low = given_priority(fixture, MESSAGE_PRIORITY_LOW), got = none;
    int hours = 0;
    for (; !message_id_equal(&got, &low); hours++) {
        assert_in_range(hours, 0, 49);
        given_priority(fixture, MESSAGE_PRIORITY_HIGH);
        got = claimed_by(fixture, "phone-1");
        store_fixture_pass_ms(HOUR_MS);
    }
    assert_in_range(hours, 48, 49);
}

/* ---- send_at ---- */

static void nothing_is_sent_a_millisecond_before_its_time(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t send_at_ms = START_MS + HOUR_MS;
    struct message_options options = for_device("phone-1");
    options.send_at_ms = send_at_ms;
    struct message_id meant = given(fixture, options);
    struct message_id any = given(fixture, (struct message_options){.send_at_ms = send_at_ms});
    assert_id(claimed_by(fixture, "phone-1"), none);
    store_fixture_stop_clock_at(send_at_ms - 1);
    assert_id(claimed_by(fixture, "phone-1"), none);
    store_fixture_reopen(fixture);
    assert_id(claimed_by(fixture, "phone-1"), none);
    store_fixture_stop_clock_at(send_at_ms);
    assert_id(claimed_by(fixture, "phone-1"), meant);
    assert_id(claimed_by(fixture, "phone-1"), any);
    assert_consistent(fixture);
}

/* It was due by a clock that has been corrected since. */
static void nothing_is_sent_before_its_time_after_the_clock_was_set_back(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t send_at_ms = START_MS + HOUR_MS;
    struct message_options options = for_device("phone-2");
    options.send_at_ms = send_at_ms;
    struct message_id meant = given(fixture, options);
    struct message_id any = given(fixture, (struct message_options){.send_at_ms = send_at_ms});
    store_fixture_stop_clock_at(send_at_ms + 5);
    assert_id(claimed_by(fixture, "phone-1"), any); /* now both are due */
    return_to_queue(fixture, &any, "phone-1", false);
    store_fixture_stop_clock_at(send_at_ms - 10);
    struct message_id plain = given(fixture, (struct message_options){0});
    assert_id(claimed_by(fixture, "phone-1"), plain); /* what is early is in nobody's way */
    assert_id(claimed_by(fixture, "phone-1"), none);
    assert_id(claimed_by(fixture, "phone-2"), none);
    store_fixture_stop_clock_at(send_at_ms - 1);
    assert_id(claimed_by(fixture, "phone-2"), none);
    store_fixture_stop_clock_at(send_at_ms);
    assert_id(claimed_by(fixture, "phone-2"), meant);
    assert_id(claimed_by(fixture, "phone-1"), any);
    assert_consistent(fixture);
}

/* In case it was set by mistake. What has been dispatched before was due by another clock. */
static void nothing_scheduled_comes_by_a_clock_that_has_just_been_set(void **state)
{
    struct store_fixture *fixture = *state;
    const int64_t trusted_ms[] = {0, START_MS};
    int64_t send_at_ms = START_MS + HOUR_MS;
    struct message_options options = for_device("phone-1");
    struct store_holder slots[2] = {{.device_id = "phone-1"}, {.device_id = "phone-1"}};
    struct message_id got[2], retried = given(fixture, (struct message_options){0});
    assert_id(claimed_by(fixture, "phone-1"), retried);
    return_to_queue(fixture, &retried, "phone-1", true);
    options.send_at_ms = send_at_ms;
    struct message_id meant = given(fixture, options);
    struct message_id any = given(fixture, (struct message_options){.send_at_ms = send_at_ms});
    store_fixture_stop_clock_at(START_MS + DAY_MS);
    for (size_t i = 0; i < ARRAY_LENGTH(trusted_ms); i++) {
        struct store_claim request = {.trusted_wall_ms = trusted_ms[i]};
        claim(fixture, &request, slots, 2, got);
        assert_id(got[0], i == 0 ? retried : none);
        assert_id(got[1], none);
    }
    store_fixture_stop_clock_at(send_at_ms - 1); /* it was wrong */
    assert_id(claimed_by(fixture, "phone-1"), none);
    store_fixture_stop_clock_at(send_at_ms);
    assert_id(claimed_by(fixture, "phone-1"), meant);
    assert_id(claimed_by(fixture, "phone-1"), any);
    assert_consistent(fixture);
}

static void a_time_that_is_past_means_now(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given(fixture, (struct message_options){.send_at_ms = START_MS - 60000});
    assert_id(claimed_by(fixture, "phone-1"), id);
}

/* It has no advantage over those that were sent meanwhile. */
static void a_scheduled_message_has_its_place_from_its_time_on(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id scheduled = given(fixture,
                                        (struct message_options){.send_at_ms = START_MS + HOUR_MS});
    store_fixture_pass_ms(HOUR_MS / 2);
    struct message_id before = given(fixture, (struct message_options){0});
    store_fixture_pass_ms(HOUR_MS);
    struct message_id after = given(fixture, (struct message_options){0});
    assert_id(claimed_by(fixture, "phone-1"), before);
    assert_id(claimed_by(fixture, "phone-1"), scheduled);
    assert_id(claimed_by(fixture, "phone-1"), after);
}

/* ---- Deadlines ---- */

static void assert_last_error(struct store_fixture *fixture, const struct message_id *id)
{
    struct message message = stored(fixture, id);
    assert_int_equal(message.status, MESSAGE_EXPIRED);
    assert_string_equal(message.error_code, "expired");
    message_fini(&message);
}

static void a_queued_message_expires_at_its_deadline(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t deadline_ms = START_MS + HOUR_MS;
    struct message_options options = for_device("away");
    options.expires_at_ms = deadline_ms;
    struct message_id meant = given(fixture, options);
    struct message_id plain = given(fixture,
                                    (struct message_options){.expires_at_ms = deadline_ms});
    options = (struct message_options){.send_at_ms = deadline_ms - 5, .expires_at_ms = deadline_ms};
    struct message_id scheduled = given(fixture, options);
    store_fixture_stop_clock_at(deadline_ms - 1);
    assert_int_equal(expire(fixture, true), 0);
    store_fixture_stop_clock_at(deadline_ms);
    assert_int_equal(expire(fixture, true), 3);
    assert_int_equal(expire(fixture, true), 0);
    assert_last_error(fixture, &meant);
    assert_last_error(fixture, &plain);
    assert_last_error(fixture, &scheduled);
    assert_id(claimed_by(fixture, "away"), none);
    assert_consistent(fixture);
}

static void a_claim_gives_nothing_that_has_expired(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id plain = given(fixture,
                                    (struct message_options){.expires_at_ms = START_MS + HOUR_MS});
    struct message_options options = for_device("phone-1");
    options.expires_at_ms = START_MS + HOUR_MS;
    struct message_id meant = given(fixture, options);
    store_fixture_stop_clock_at(START_MS + HOUR_MS);
    assert_id(claimed_by(fixture, "phone-1"), none);
    assert_last_error(fixture, &plain);
    assert_last_error(fixture, &meant);
    assert_consistent(fixture);
}

/* After a step of the clock nobody knows whether the time has come: nothing is sent, and nothing ends. */
static void nothing_expires_on_a_clock_that_has_just_been_set(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_claim request = {.trusted_wall_ms = 0};
    struct store_holder slot = {.device_id = "phone-1"};
    struct message_id got,
        id = given(fixture, (struct message_options){.expires_at_ms = START_MS + HOUR_MS});
    store_fixture_stop_clock_at(START_MS + DAY_MS);
    assert_int_equal(expire(fixture, false), 0);
    claim(fixture, &request, &slot, 1, &got);
    assert_id(got, none);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_QUEUED);
    store_fixture_stop_clock_at(START_MS + HOUR_MS / 2); /* it was wrong */
    assert_id(claimed_by(fixture, "phone-1"), id);
}

static void what_may_have_expired_hides_nothing_behind_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_options options[] = {{.expires_at_ms = START_MS + HOUR_MS},
                                        for_device("phone-1")};
    options[1].expires_at_ms = START_MS + HOUR_MS;
    struct message_id got, ids[ARRAY_LENGTH(options)];
    struct store_claim request = {.trusted_wall_ms = 0};
    struct store_holder slot = {.device_id = "phone-1"};
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        for (int j = 0; j < 3; j++)
            given(fixture, options[i]);
        options[i].expires_at_ms = i == 0 ? START_MS + 2 * DAY_MS : 0;
        ids[i] = given(fixture, options[i]);
    }
    store_fixture_stop_clock_at(START_MS + DAY_MS);
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        claim(fixture, &request, &slot, 1, &got);
        assert_id(got, ids[i]);
    }
    claim(fixture, &request, &slot, 1, &got);
    assert_id(got, none);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 6);
    assert_id(claimed_by(fixture, "phone-1"), none);
    assert_int_equal(expire(fixture, true) + count_messages_in(fixture, MESSAGE_EXPIRED), 6 + 3);
}

static enum store_verdict release(struct store_fixture *fixture, const struct message_id *id,
                                  const char *device_id, const struct message_id *journal)
{
    struct store_write write = {.verb = STORE_RELEASE};
    write.release.ref = (struct message_ref){*id, 1};
    write.release.holder.assured = true;
    write.release.holder.journal = *journal;
    strcpy(write.release.holder.device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.release.verdict;
}

static void an_offer_that_has_expired_is_dropped(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = store_fixture_new_id();
    struct message_id id = given(fixture,
                                 (struct message_options){.expires_at_ms = START_MS + HOUR_MS});
    given_offer(fixture, "phone-1", &journal);
    store_fixture_stop_clock_at(START_MS + HOUR_MS);
    assert_int_equal(expire(fixture, true), 1);
    assert_last_error(fixture, &id);
    assert_int_equal(release(fixture, &id, "phone-1", &journal), STORE_VERDICT_DROP);
    assert_last_error(fixture, &id);
    assert_consistent(fixture);
}

/* From the release on the device may send it at any moment. */
static void what_was_released_does_not_expire_here(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id journal = store_fixture_new_id();
    struct message_options options = {.expires_at_ms = START_MS + HOUR_MS};
    struct message_id assured = given(fixture, options);
    given_offer(fixture, "phone-1", &journal);
    assert_int_equal(release(fixture, &assured, "phone-1", &journal), STORE_VERDICT_RELEASE);
    struct message_id basic = given(fixture, options), sending = given(fixture, options);
    assert_id(claimed_by(fixture, "phone-2"), basic);
    assert_id(claimed_by(fixture, "phone-2"), sending);
    assert_int_equal(given_report(fixture, &sending, "phone-2", MESSAGE_SENDING, NULL), ERROR_NONE);
    store_fixture_stop_clock_at(START_MS + DAY_MS);
    assert_int_equal(expire(fixture, true), 0);
    assert_int_equal(stored_status(fixture, &assured), MESSAGE_ACCEPTED);
    assert_int_equal(stored_status(fixture, &basic), MESSAGE_ACCEPTED);
    assert_int_equal(stored_status(fixture, &sending), MESSAGE_SENDING);
    assert_int_equal(given_report(fixture, &basic, "phone-2", MESSAGE_SENT, NULL), ERROR_NONE);
    assert_int_equal(stored_status(fixture, &basic), MESSAGE_SENT);
    assert_consistent(fixture);
}

static void a_message_that_returns_after_its_deadline_expires(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_options options = {.expires_at_ms = START_MS + HOUR_MS};
    struct message_id refused = given(fixture, options), returned = given(fixture, options);
    assert_id(claimed_by(fixture, "phone-1"), refused);
    assert_id(claimed_by(fixture, "phone-1"), returned);
    store_fixture_stop_clock_at(START_MS + 2 * HOUR_MS);
    return_to_queue(fixture, &refused, "phone-1", true);
    return_to_queue(fixture, &returned, "phone-1", false);
    assert_id(claimed_by(fixture, "phone-2"), none);
    assert_last_error(fixture, &returned);
    assert_int_equal(stored_status(fixture, &refused), MESSAGE_QUEUED); /* it waits to be retried */
    assert_int_equal(expire(fixture, true), 1);
    assert_last_error(fixture, &refused);
    assert_consistent(fixture);
}

/* ---- The same device ---- */

static int setup_with_preference(void **state)
{
    int status = setup(state);
    struct store_fixture *fixture = *state;
    fixture->options.limits.same_device_ms = DAY_MS;
    store_fixture_reopen(fixture);
    return status;
}

#define PREFERENCE_TEST(function)                                                                  \
    cmocka_unit_test_setup_teardown(function, setup_with_preference, store_fixture_teardown)

static void given_sent_to(struct store_fixture *fixture, const char *number, const char *device_id)
{
    struct message_id id = given_to(fixture, number, for_device(device_id));
    assert_id(claimed_by(fixture, device_id), id);
    assert_int_equal(given_report(fixture, &id, device_id, MESSAGE_SENT, NULL), ERROR_NONE);
}

static void a_recipient_keeps_its_device_among_equals(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_holder slots[2] = {{.device_id = "a"}, {.device_id = "b"}};
    struct store_claim request = {.trusted_wall_ms = store_fixture_now_ms()};
    struct message_id ids[2];
    given_sent_to(fixture, "+491511111111", "b");
    struct message_id known = given_to(fixture, "+491511111111", (struct message_options){0});
    claim(fixture, &request, slots, 2, ids);
    assert_id(ids[1], known);
    assert_id(ids[0], none);

    slots[1].cost = 125; /* the other is better */
    struct message_id again = given_to(fixture, "+491511111111", (struct message_options){0});
    claim(fixture, &request, slots, 2, ids);
    assert_id(ids[0], again);

    slots[1].cost = 0;
    store_fixture_pass_ms(DAY_MS + 2); /* too long ago */
    struct message_id late = given_to(fixture, "+491511111111", (struct message_options){0});
    claim(fixture, &request, slots, 2, ids);
    assert_id(ids[0], late);
}

static void a_preferred_device_is_asked_for_and_not_waited_for(void **state)
{
    struct store_fixture *fixture = *state;
    char wanted[STORE_MAX_WANTED][LANE_SIZE];
    struct store_holder slot = {.device_id = "a"};
    struct store_claim request = {
        .trusted_wall_ms = store_fixture_now_ms(), .may_defer = true, .wanted = wanted};
    struct message_id got;
    given_sent_to(fixture, "+491511111111", "b");
    struct message_id id = given_to(fixture, "+491511111111", (struct message_options){0});
    claim(fixture, &request, &slot, 1, &got);
    assert_id(got, none);
    assert_true(request.deferred);
    assert_int_equal(request.wanted_count, 1);
    assert_string_equal(wanted[0], "device:b");
    request.may_defer = false;
    claim(fixture, &request, &slot, 1, &got);
    assert_id(got, id);
    assert_false(request.deferred);
}

/* Gives the oldest message to the device; the SIM by which that is to send it. */
static unsigned given_sim(struct store_fixture *fixture, const char *device_id, bool assured,
                          const struct message_id *expected)
{
    struct store_holder slot = {.assured = assured, .journal = {{assured}}};
    struct message message = {0};
    struct store_write write = {.verb = STORE_CLAIM};
    strcpy(slot.device_id, device_id);
    write.claim = (struct store_claim){.slot_count = 1,
                                       .slots = &slot,
                                       .messages = &message,
                                       .trusted_wall_ms = store_fixture_now_ms()};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_id(message.text ? message.id : none, *expected);
    message_fini(&message);
    return message.device_sim;
}

static void report_sim(struct store_fixture *fixture, const struct message_id *id, bool assured,
                       enum message_status status, unsigned sim)
{
    struct store_write write = {.verb = STORE_REPORT};
    write.report.ref.id = *id;
    write.report.seq = -1;
    write.report.status = status;
    write.report.sim = sim;
    strcpy(write.report.holder.device_id, "phone-1");
    write.report.holder.journal = (struct message_id){{assured}};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static unsigned stored_sim(struct store_fixture *fixture, const struct message_id *id)
{
    struct message message = stored(fixture, id);
    message_fini(&message);
    return message.device_sim;
}

static void a_recipient_keeps_its_sim(void **state)
{
    static const struct message_id journal = {{1}};
    struct store_fixture *fixture = *state;
    given_sims(fixture, "phone-1", 1 << 1 | 1 << 2);
    struct message_id first = given(fixture, (struct message_options){0});
    assert_int_equal(given_sim(fixture, "phone-1", true, &first), 0); /* nothing is known */
    struct store_write ack = {.verb = STORE_RELEASE};
    ack.release.ref = (struct message_ref){first, 1};
    ack.release.holder.connection_epoch = 1;
    ack.release.holder.assured = true;
    ack.release.holder.journal = journal;
    ack.release.sim = 1;
    strcpy(ack.release.holder.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &ack), ERROR_NONE);
    assert_int_equal(ack.release.verdict, STORE_VERDICT_RELEASE);
    assert_int_equal(stored_sim(fixture, &first), 1);
    report_sim(fixture, &first, true, MESSAGE_SENT, 2); /* it was another one */
    report_sim(fixture, &first, true, MESSAGE_DELIVERED, 0);
    assert_int_equal(stored_sim(fixture, &first), 2);

    struct message_id second = given(fixture, (struct message_options){0});
    assert_int_equal(given_sim(fixture, "phone-1", true, &second), 2);
    assert_int_equal(stored_sim(fixture, &second), 0); /* that is for the device to say */
    return_to_queue(fixture, &second, "phone-1", false);
    assert_int_equal(given_sim(fixture, "phone-1", true, &second), 2);
    return_to_queue(fixture, &second, "phone-1", true); /* not by that one, perhaps */
    store_fixture_pass_ms(STORE_MAX_BACKOFF_MS);
    assert_int_equal(given_sim(fixture, "phone-1", false, &second), 0);

    struct message_options options = {.target.sim = 1};
    struct message_id asked = given(fixture, options);
    assert_int_equal(given_sim(fixture, "phone-1", false, &asked), 0); /* the frame has its own */
    struct message_id third = given(fixture, (struct message_options){0});
    assert_int_equal(given_sim(fixture, "phone-1", false, &third), 1); /* that was asked for last */
    given_sims(fixture, "phone-1", 1 << 2);                            /* the SIM is gone */
    struct message_id fourth = given(fixture, for_device("phone-1"));
    assert_int_equal(given_sim(fixture, "phone-1", false, &fourth), 0);
    report_sim(fixture, &fourth, false, MESSAGE_SENT, 2);
    given_sims(fixture, "phone-2", 1 << 1 | 1 << 2);
    struct message_id fifth = given(fixture, (struct message_options){0});
    assert_int_equal(given_sim(fixture, "phone-2", false, &fifth), 0); /* another device's SIM */
}

static void a_target_outweighs_the_preference(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_holder slots[2] = {{.device_id = "b"}, {.device_id = "a"}};
    struct store_claim request = {.trusted_wall_ms = store_fixture_now_ms()};
    struct message_id ids[2];
    given_sent_to(fixture, "+491511111111", "b");
    struct message_id id = given_to(fixture, "+491511111111", for_device("a"));
    claim(fixture, &request, slots, 2, ids);
    assert_id(ids[0], none);
    assert_id(ids[1], id);
}

/* ---- What claims look for ---- */

static void lanes_whose_devices_have_no_slot_are_wanted_a_part_at_a_time(void **state)
{
    enum { DEVICES = 150 };
    struct store_fixture *fixture = *state;
    char wanted[STORE_MAX_WANTED][LANE_SIZE], last[LANE_SIZE] = "";
    struct store_holder slot = {.device_id = "has-a-slot"};
    struct store_claim request = {.trusted_wall_ms = store_fixture_now_ms(), .wanted = wanted};
    struct message_id got;
    size_t found = 0;
    for (int i = 0; i < DEVICES; i++) {
        char device_id[DEVICE_ID_SIZE];
        snprintf(device_id, sizeof(device_id), "away-%03d", i);
        given(fixture, for_device(device_id));
    }
    given(fixture,
          (struct message_options){.send_at_ms = START_MS + DAY_MS}); /* nobody is wanted */
    given(fixture, for_device("has-a-slot"));
    for (int claims = 0; claims == 0 || request.lanes_left; claims++) {
        assert_in_range(claims, 0, 20);
        claim(fixture, &request, &slot, 1, &got);
        for (size_t i = 0; i < request.wanted_count; i++, found++) {
            assert_true(strcmp(last, wanted[i]) < 0);
            assert_memory_equal(wanted[i], "device:away-", strlen("device:away-"));
            strcpy(last, wanted[i]);
        }
    }
    assert_int_equal(found, DEVICES);
}

/* The device with the other slot cannot have them, so the claim is not full. */
static void a_lane_with_more_than_its_devices_have_slots_is_wanted_once(void **state)
{
    struct store_fixture *fixture = *state;
    char wanted[STORE_MAX_WANTED][LANE_SIZE];
    struct store_holder slots[3] = {
        {.device_id = "phone-1"}, {.device_id = "phone-1"}, {.device_id = "idle"}};
    struct store_claim request = {.trusted_wall_ms = store_fixture_now_ms(), .wanted = wanted};
    struct message_id ids[3];
    for (int i = 0; i < 5; i++)
        given(fixture, for_device("phone-1"));
    claim(fixture, &request, slots, 3, ids);
    assert_int_equal(request.message_count, 2);
    assert_int_equal(request.wanted_count, 1);
    assert_string_equal(wanted[0], "device:phone-1");

    claim(fixture, &request, slots, 3, ids);
    assert_int_equal(request.message_count, 2);
    assert_int_equal(request.wanted_count, 1);

    given(fixture, for_device("phone-1"));
    claim(fixture, &request, slots, 3, ids);
    assert_int_equal(request.message_count, 2); /* none is left */
    assert_int_equal(request.wanted_count, 0);
}

/* A time to retry that lies far ahead was written by a wrong clock. */
static void a_wrong_clock_delays_a_retry_by_no_more_than_a_right_one(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id id = given(fixture, for_device("phone-1"));
    assert_id(claimed_by(fixture, "phone-1"), id);
    store_fixture_stop_clock_at(START_MS + (int64_t)365 * DAY_MS);
    return_to_queue(fixture, &id, "phone-1", true);
    store_fixture_stop_clock_at(START_MS + HOUR_MS);
    assert_id(claimed_by(fixture, "phone-2"), none);
    struct message message = stored(fixture, &id); /* it does not wait for that time any more */
    assert_int_not_equal(message.wait.reason, MESSAGE_WAIT_RETRY_BACKOFF);
    assert_int_equal(message.retry_at_ms, 0);
    message_fini(&message);
    assert_id(claimed_by(fixture, "phone-1"), id);
    return_to_queue(fixture, &id, "phone-1", true); /* by the right clock it does wait */
    assert_id(claimed_by(fixture, "phone-1"), none);
    store_fixture_pass_ms(STORE_MAX_BACKOFF_MS);
    assert_id(claimed_by(fixture, "phone-1"), id);
}

/* But a send_at that lies far ahead was asked for. */
static void a_retry_keeps_the_time_that_was_asked_for(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t send_at_ms = START_MS + (int64_t)30 * DAY_MS;
    struct message_id id = given(fixture, (struct message_options){.send_at_ms = send_at_ms});
    store_fixture_stop_clock_at(send_at_ms);
    assert_id(claimed_by(fixture, "phone-1"), id);
    return_to_queue(fixture, &id, "phone-1", true);
    store_fixture_stop_clock_at(START_MS); /* the clock is set back by a month */
    assert_id(claimed_by(fixture, "phone-1"), none);
    store_fixture_stop_clock_at(send_at_ms - 1);
    assert_id(claimed_by(fixture, "phone-1"), none);
    store_fixture_stop_clock_at(send_at_ms + STORE_MAX_BACKOFF_MS);
    assert_id(claimed_by(fixture, "phone-1"), id);
}

/* ---- Lists ---- */

static size_t listed(struct store_fixture *fixture, struct store_query query)
{
    struct store_page page;
    query.limit = 100;
    assert_int_equal(store_list_messages(fixture->reader, &query, &page), ERROR_NONE);
    size_t count = page.count;
    for (size_t i = 1; i < count; i++)
        assert_true(memcmp(&page.messages[i - 1].id, &page.messages[i].id, sizeof(none)) > 0);
    assert_int_equal(page.total, count);
    store_page_fini(&page);
    return count;
}

static struct message_id given_in_batch(struct store_fixture *fixture,
                                        const struct message_id *batch_id, const char *reference)
{
    store_fixture_pass_ms(1);
    struct message message = {.id = store_fixture_new_id(),
                              .text = (char *)"text",
                              .segments = 1,
                              .phone_number = "+491511234567",
                              .batch_id = *batch_id};
    strcpy(message.options.reference, reference);
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

static void messages_are_listed_by_reference_batch_and_group(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id batch = store_fixture_new_id(), other = store_fixture_new_id();
    for (int i = 0; i < 3; i++)
        given_in_batch(fixture, &batch, i == 0 ? "first" : "rest");
    given_in_batch(fixture, &other, "rest");
    struct message_id first = given(fixture, for_group("north", 0));
    given(fixture, for_group("north", 2));
    given(fixture, for_group("south", 0));
    given(fixture, (struct message_options){0});
    struct store_write cancel = {.verb = STORE_CANCEL, .cancel.id = first};
    assert_int_equal(store_run(fixture->store, &cancel), ERROR_NONE);

    struct store_query by_status = {.has_status = true, .status = MESSAGE_CANCELLED};
    assert_int_equal(listed(fixture, (struct store_query){.batch_id = batch}), 3);
    assert_int_equal(listed(fixture, (struct store_query){.batch_id = other}), 1);
    assert_int_equal(listed(fixture, (struct store_query){.batch_id = first}), 0);
    assert_int_equal(listed(fixture, (struct store_query){.reference = "first"}), 1);
    assert_int_equal(listed(fixture, (struct store_query){.reference = "rest"}), 3);
    assert_int_equal(listed(fixture, (struct store_query){.reference = "res"}), 0);
    assert_int_equal(listed(fixture, (struct store_query){.reference = "rest", .batch_id = batch}),
                     2);
    assert_int_equal(listed(fixture, (struct store_query){.device_group = "north"}), 2);
    assert_int_equal(listed(fixture, (struct store_query){.device_group = "nort"}), 0);
    by_status.batch_id = batch;
    assert_int_equal(listed(fixture, by_status), 0);
    by_status.batch_id = none;
    strcpy(by_status.device_group, "north");
    assert_int_equal(listed(fixture, by_status), 1);
    assert_int_equal(listed(fixture, (struct store_query){0}), 8);
    assert_int_equal(
        listed(fixture, (struct store_query){.reference = "rest", .phone_number = "+491511234567"}),
        3);
}

/* ---- What counts as late ---- */

static int64_t oldest_queued_ms(struct store_fixture *fixture)
{
    struct store_statistics statistics;
    assert_int_equal(store_read_statistics(fixture->reader, 0, &statistics), ERROR_NONE);
    return statistics.oldest_queued_ms;
}

/* Those of a device that is away would close the gateway to all others. */
static void the_age_of_the_queue_is_that_of_what_any_device_may_have(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits.max_queue_age_ms = HOUR_MS;
    store_fixture_reopen(fixture);
    given(fixture, for_device("away"));
    given(fixture, for_group("north", 0));
    given(fixture, (struct message_options){.send_at_ms = START_MS + DAY_MS});
    assert_int_equal(oldest_queued_ms(fixture), 0);
    store_fixture_pass_ms(2 * HOUR_MS);
    struct message_id low = given_priority(fixture, MESSAGE_PRIORITY_LOW); /* accepted */
    assert_int_equal(oldest_queued_ms(fixture), message_id_time_ms(&low));
    store_fixture_pass_ms(2 * HOUR_MS);
    struct message message = {.id = store_fixture_new_id(),
                              .text = (char *)"text",
                              .segments = 1,
                              .phone_number = "+491511234567"};
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_QUEUE_FULL);
}

static void a_scheduled_message_ages_from_its_time_on(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t send_at_ms = START_MS + DAY_MS;
    given(fixture, (struct message_options){.send_at_ms = send_at_ms});
    store_fixture_stop_clock_at(send_at_ms - 1);
    assert_int_equal(oldest_queued_ms(fixture), 0);
    store_fixture_stop_clock_at(send_at_ms + HOUR_MS);
    assert_int_equal(oldest_queued_ms(fixture), send_at_ms);
}

static int64_t count_stuck(struct store_fixture *fixture)
{
    struct store_statistics statistics;
    assert_int_equal(store_read_statistics(fixture->reader, HOUR_MS, &statistics), ERROR_NONE);
    return statistics.stuck[MESSAGE_QUEUED];
}

static void what_waits_for_its_time_is_not_stuck(void **state)
{
    struct store_fixture *fixture = *state;
    given(fixture, (struct message_options){.send_at_ms = START_MS + DAY_MS});
    store_fixture_stop_clock_at(START_MS + 2 * HOUR_MS);
    assert_int_equal(count_stuck(fixture), 0);
    given(fixture, for_device("away"));
    given(fixture, (struct message_options){0});
    assert_int_equal(count_stuck(fixture), 0);
    store_fixture_pass_ms(2 * HOUR_MS);
    assert_int_equal(count_stuck(fixture), 2);
}

static void given_many(struct store_fixture *fixture, int count, struct message_options options)
{
    for (int i = 0; i < count; i++)
        given(fixture, options);
}

/* Where only that many of each kind are counted. */
static void assert_waiting(struct store_fixture *fixture, int64_t most, int64_t scheduled,
                           int64_t others)
{
    int64_t counts[MESSAGE_WAIT_COUNT], sum = 0;
    assert_int_equal(store_count_waits(fixture->reader, most, counts), ERROR_NONE);
    for (int i = 0; i < MESSAGE_WAIT_COUNT; i++)
        sum += counts[i];
    assert_int_equal(counts[MESSAGE_WAIT_SCHEDULED], scheduled);
    assert_int_equal(sum - scheduled, others);
}

static void more_than_are_counted_wait_for_their_time_as_well(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_options later = {.send_at_ms = START_MS + DAY_MS}, plain = {0};
    static const char *const phones[] = {"phone-1", "phone-2"};
    given_many(fixture, 4, plain);
    given_many(fixture, 1, for_device("away"));
    given_many(fixture, 2, later);
    assert_waiting(fixture, 3, 2, 5);
    assert_int_equal(given_claim(fixture, phones, ARRAY_LENGTH(phones)), 2);
    assert_waiting(fixture, 3, 2, 3);
    given_many(fixture, 3, later);
    assert_waiting(fixture, 3, 5, 3);
    assert_waiting(fixture, 100, 5, 3);
}

/* ---- Resend ---- */

static void a_message_that_is_resent_keeps_its_target_and_gets_new_times(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_options options = {
        .target = {.device_id = "phone-2", .sim = 0},
        .priority = MESSAGE_PRIORITY_HIGH,
        .send_at_ms = START_MS + 1000,
        .expires_at_ms = START_MS + HOUR_MS,
        .no_delivery_report = true,
        .reference = "order-1",
    };
    struct message_id id = given(fixture, options);
    store_fixture_stop_clock_at(START_MS + 2 * HOUR_MS);
    assert_int_equal(expire(fixture, true), 1);
    struct message message = {0};
    struct store_write write = {.verb = STORE_RESEND};
    write.resend.id = id;
    write.resend.new_id = store_fixture_new_id();
    write.resend.expires_at_ms = START_MS + DAY_MS;
    write.resend.message = &message;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    message_fini(&message);
    message = stored(fixture, &write.resend.new_id);
    options.send_at_ms = 0;
    options.expires_at_ms = START_MS + DAY_MS;
    assert_options(&message, &options);
    message_fini(&message);
    assert_id(claimed_by(fixture, "phone-1"), none);
    assert_id(claimed_by(fixture, "phone-2"), write.resend.new_id);
    assert_consistent(fixture);
}

UNIT_TESTS(OPTIONS_TEST(all_options_are_read_back),
           OPTIONS_TEST(a_message_for_a_device_is_never_given_to_another),
           OPTIONS_TEST(a_message_goes_to_a_device_that_meets_all_of_its_target),
           OPTIONS_TEST(a_device_that_left_the_group_gets_none_of_its_messages),
           OPTIONS_TEST(one_claim_fills_the_slots_of_several_devices_each_with_what_it_may_have),
           OPTIONS_TEST(high_comes_before_normal_before_low),
           OPTIONS_TEST(a_day_of_waiting_weighs_as_much_as_a_priority),
           OPTIONS_TEST(a_low_one_is_not_passed_for_ever),
           OPTIONS_TEST(nothing_is_sent_a_millisecond_before_its_time),
           OPTIONS_TEST(nothing_is_sent_before_its_time_after_the_clock_was_set_back),
           OPTIONS_TEST(nothing_scheduled_comes_by_a_clock_that_has_just_been_set),
           OPTIONS_TEST(a_time_that_is_past_means_now),
           OPTIONS_TEST(a_scheduled_message_has_its_place_from_its_time_on),
           OPTIONS_TEST(a_queued_message_expires_at_its_deadline),
           OPTIONS_TEST(a_claim_gives_nothing_that_has_expired),
           OPTIONS_TEST(nothing_expires_on_a_clock_that_has_just_been_set),
           OPTIONS_TEST(what_may_have_expired_hides_nothing_behind_it),
           OPTIONS_TEST(an_offer_that_has_expired_is_dropped),
           OPTIONS_TEST(what_was_released_does_not_expire_here),
           OPTIONS_TEST(a_message_that_returns_after_its_deadline_expires),
           PREFERENCE_TEST(a_recipient_keeps_its_device_among_equals),
           PREFERENCE_TEST(a_preferred_device_is_asked_for_and_not_waited_for),
           PREFERENCE_TEST(a_recipient_keeps_its_sim),
           PREFERENCE_TEST(a_target_outweighs_the_preference),
           OPTIONS_TEST(lanes_whose_devices_have_no_slot_are_wanted_a_part_at_a_time),
           OPTIONS_TEST(a_lane_with_more_than_its_devices_have_slots_is_wanted_once),
           OPTIONS_TEST(a_wrong_clock_delays_a_retry_by_no_more_than_a_right_one),
           OPTIONS_TEST(a_retry_keeps_the_time_that_was_asked_for),
           OPTIONS_TEST(messages_are_listed_by_reference_batch_and_group),
           OPTIONS_TEST(the_age_of_the_queue_is_that_of_what_any_device_may_have),
           OPTIONS_TEST(a_scheduled_message_ages_from_its_time_on),
           OPTIONS_TEST(what_waits_for_its_time_is_not_stuck),
           OPTIONS_TEST(more_than_are_counted_wait_for_their_time_as_well),
           OPTIONS_TEST(a_message_that_is_resent_keeps_its_target_and_gets_new_times))
