/* What an operator decides about devices, and what is known of each. */
#include "tests/store/store_fixture.h"

#include <stdlib.h>

static void given_device(struct store_fixture *fixture, const char *device_id)
{
    struct store_write write = {.verb = STORE_CREATE_TOKEN};
    struct device_token *token = &write.create_token.token;
    static unsigned char number;
    snprintf(token->id, sizeof(token->id), "tok%09u", ++number);
    memset(token->hash, number, sizeof(token->hash));
    strcpy(token->device_id, device_id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

/* Whether it changed something. */
static bool configure(struct store_fixture *fixture, const char *device_id, unsigned set,
                      const struct device_configuration *configuration)
{
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE};
    strcpy(write.configure.device_id, device_id);
    write.configure.set = set;
    write.configure.configuration = *configuration;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.configure.changed;
}

static bool disable(struct store_fixture *fixture, const char *device_id, bool disabled)
{
    return configure(fixture, device_id, STORE_SET_DISABLED,
                     &(struct device_configuration){.disabled = disabled});
}

static struct device_groups groups_of(const char *text)
{
    struct device_groups groups;
    device_groups_parse(text, &groups);
    return groups;
}

static bool set_groups(struct store_fixture *fixture, const char *device_id, const char *text)
{
    return configure(fixture, device_id, STORE_SET_GROUPS,
                     &(struct device_configuration){.groups = groups_of(text)});
}

/* The device, which must be there; without its texts. */
static struct store_device found(struct store_fixture *fixture, const char *device_id)
{
    struct store_device device;
    bool there;
    assert_int_equal(store_find_device(fixture->reader, device_id, &device, &there), ERROR_NONE);
    assert_true(there);
    device_info_fini(&device.device.info);
    return device;
}

static bool is_known(struct store_fixture *fixture, const char *device_id)
{
    bool known;
    assert_int_equal(store_device_is_known(fixture->reader, device_id, &known), ERROR_NONE);
    return known;
}

static bool group_is_known(struct store_fixture *fixture, const char *group)
{
    bool known;
    assert_int_equal(store_group_is_known(fixture->reader, group, &known), ERROR_NONE);
    return known;
}

/* The ids of the devices that a query gives, each followed by a space. */
static void assert_listed(struct store_fixture *fixture, struct store_device_query query,
                          const char *expected)
{
    struct store_device_page page;
    char ids[256] = "";
    query.limit = 100;
    assert_int_equal(store_list_devices(fixture->reader, &query, &page), ERROR_NONE);
    for (size_t i = 0; i < page.count; i++)
        strcat(strcat(ids, page.devices[i].device.device_id), " ");
    store_device_page_fini(&page);
    assert_string_equal(ids, expected);
}

static struct store_connect_device given_connection(struct store_fixture *fixture,
                                                    const char *device_id,
                                                    const struct message_id *instance,
                                                    const struct device_info *info)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    strcpy(write.connect.holder.device_id, device_id);
    write.connect.broker = *instance;
    write.connect.info = *info;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.connect;
}

static void every_device_is_listed_connected_or_not(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = store_fixture_new_id();
    given_lease(fixture, &instance, 60000);
    given_device(fixture, "paired");
    given_device(fixture, "phone-1");
    given_connection(fixture, "phone-1", &instance, &DEVICE_INFO_UNKNOWN);
    given_connection(fixture, "without-token", &instance, &DEVICE_INFO_UNKNOWN);
    assert_listed(fixture, (struct store_device_query){0}, "paired phone-1 without-token ");
    assert_listed(fixture, (struct store_device_query){.has_connected = true, .connected = true},
                  "phone-1 without-token ");
    assert_listed(fixture, (struct store_device_query){.has_connected = true}, "paired ");

    struct store_device device = found(fixture, "paired");
    assert_false(device.device.connected);
    assert_int_equal(device.device.connected_at_ms, 0);
    assert_int_equal(device.device.disconnected_at_ms, 0);
    assert_int_equal(device.device.last_seen_at_ms, 0);
    assert_true(device.device.info.battery_level < 0);
    assert_string_not_equal(device.token.id, "");
    assert_int_equal(device.token.revocation, DEVICE_TOKEN_ACTIVE);
    device = found(fixture, "without-token");
    assert_true(device.device.connected);
    assert_string_equal(device.token.id, "");
    assert_int_equal(device.device.disconnected_at_ms, 0);
}

static void the_end_of_a_connection_is_remembered(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = store_fixture_new_id();
    store_fixture_stop_clock_at(1000000);
    given_lease(fixture, &instance, 60000);
    given_connection(fixture, "left", &instance, &DEVICE_INFO_UNKNOWN);
    given_connection(fixture, "lost", &instance, &DEVICE_INFO_UNKNOWN);
    store_fixture_pass_ms(500);
    struct store_write write = {.verb = STORE_DEVICE_DISCONNECT};
    strcpy(write.disconnect.device_id, "left");
    write.disconnect.connection_epoch = 1;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(found(fixture, "left").device.disconnected_at_ms, 1000500);
    assert_int_equal(found(fixture, "left").device.connected_at_ms, 1000000);
    assert_int_equal(found(fixture, "lost").device.disconnected_at_ms, 0);
    store_fixture_pass_ms(100000); /* the broker is gone */
    assert_int_equal(found(fixture, "lost").device.disconnected_at_ms, 1060000);
    assert_listed(fixture, (struct store_device_query){.has_connected = true}, "left lost ");
}

static void a_decision_changes_what_it_names_and_nothing_else(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = store_fixture_new_id();
    struct device_configuration wish = {.name = "Reception",
                                        .groups = groups_of("sales berlin"),
                                        .disabled = true,
                                        .daily_segments = {true, 100},
                                        .window_segments = {true, 0}};
    given_device(fixture, "phone-1");
    assert_true(configure(fixture, "phone-1", 31, &wish));
    assert_false(configure(fixture, "phone-1", 31, &wish));
    given_lease(fixture, &instance, 60000);
    struct store_connect_device connect = given_connection(
        fixture, "phone-1", &instance,
        &(struct device_info){.name = "its own", .sim_slots = 2 | 4});
    assert_true(connect.traits.disabled);
    assert_int_equal(connect.traits.sims, 6);
    assert_true(device_groups_has(&connect.traits.groups, "sales"));
    assert_true(connect.traits.window_segments.is_own);
    store_fixture_reopen(fixture);

    struct device_configuration after = found(fixture, "phone-1").device.configuration;
    assert_string_equal(after.name, "Reception");
    assert_string_equal(found(fixture, "phone-1").device.info.name, "its own");
    assert_int_equal(after.groups.count, 2);
    assert_string_equal(after.groups.labels[0], "berlin");
    assert_true(after.disabled);
    assert_true(after.daily_segments.is_own);
    assert_int_equal(after.daily_segments.most, 100);
    assert_true(after.window_segments.is_own);
    assert_int_equal(after.window_segments.most, 0);

    assert_true(configure(fixture, "phone-1", STORE_SET_NAME | STORE_SET_DAILY_SEGMENTS,
                          &(struct device_configuration){0}));
    after = found(fixture, "phone-1").device.configuration;
    assert_string_equal(after.name, "");
    assert_false(after.daily_segments.is_own);
    assert_true(after.disabled);
    assert_int_equal(after.groups.count, 2);
    given_device(fixture, "phone-1"); /* paired again: it stays as it was */
    assert_int_equal(found(fixture, "phone-1").device.configuration.groups.count, 2);
}

static void an_unknown_device_cannot_be_configured(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_write write = {.verb = STORE_CONFIGURE_DEVICE};
    strcpy(write.configure.device_id, "nobody");
    write.configure.set = STORE_SET_DISABLED;
    assert_int_equal(store_run(fixture->store, &write), ERROR_DEVICE_NOT_PAIRED);
    assert_listed(fixture, (struct store_device_query){0}, "");
}

static void groups_are_known_while_a_device_has_them(void **state)
{
    struct store_fixture *fixture = *state;
    given_device(fixture, "a");
    given_device(fixture, "b");
    assert_false(group_is_known(fixture, "sales"));
    assert_true(set_groups(fixture, "a", "sales north"));
    assert_true(set_groups(fixture, "b", "sales"));
    assert_true(group_is_known(fixture, "sales"));
    assert_false(group_is_known(fixture, "sale"));
    assert_false(group_is_known(fixture, "SALES"));
    assert_listed(fixture, (struct store_device_query){.group = "sales"}, "a b ");
    assert_listed(fixture, (struct store_device_query){.group = "north"}, "a ");
    assert_listed(
        fixture,
        (struct store_device_query){.group = "sales", .has_connected = true, .connected = true},
        "");
    assert_true(set_groups(fixture, "a", ""));
    assert_true(group_is_known(fixture, "sales"));
    assert_false(group_is_known(fixture, "north"));
    assert_true(set_groups(fixture, "b", "north"));
    assert_false(group_is_known(fixture, "sales"));
}

static void a_device_is_known_while_messages_can_be_meant_for_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id instance = store_fixture_new_id();
    assert_false(is_known(fixture, "phone-1"));
    given_device(fixture, "phone-1");
    assert_true(is_known(fixture, "phone-1"));
    struct store_write write = {.verb = STORE_REVOKE_TOKEN,
                                .revoke_token.revocation = DEVICE_TOKEN_REVOKED};
    strcpy(write.revoke_token.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_false(is_known(fixture, "phone-1"));
    assert_int_equal(found(fixture, "phone-1").token.revocation, DEVICE_TOKEN_REVOKED);
    given_device(fixture, "phone-1");
    assert_true(is_known(fixture, "phone-1"));
    given_connection(fixture, "without-token", &instance, &DEVICE_INFO_UNKNOWN);
    assert_true(is_known(fixture, "without-token"));
}

static void a_pairing_code_brings_groups(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const codes[] = {"sales berlin", ""}; /* the second one changes none */
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        struct store_write create = {.verb = STORE_CREATE_PAIRING};
        create.create_pairing.valid_for_ms = 60000;
        strcpy(create.create_pairing.device_id, "phone-1");
        create.create_pairing.groups = groups_of(codes[i]);
        assert_int_equal(store_run(fixture->store, &create), ERROR_NONE);
        struct store_write pair = {.verb = STORE_PAIR};
        snprintf(pair.pair.token.id, SECRET_ID_SIZE, "pair%zu", i);
        memset(pair.pair.token.hash, 200 + (int)i, SECRET_HASH_BYTES);
        assert_int_equal(store_run(fixture->store, &pair), ERROR_NONE);
        assert_true(group_is_known(fixture, "berlin"));
        assert_int_equal(found(fixture, "phone-1").device.configuration.groups.count, 2);
    }
}

static void a_disabled_device_is_given_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const both[] = {"a", "b"}, *const only[] = {"a"};
    given_device(fixture, "a");
    given_device(fixture, "b");
    for (int i = 0; i < 3; i++)
        given_message(fixture, "+1234567890", "text");
    assert_int_equal(given_claim(fixture, only, 1), 1);
    assert_true(disable(fixture, "a", true));
    assert_int_equal(given_claim(fixture, only, 1), 0);
    assert_int_equal(given_claim(fixture, both, 2), 1);
    assert_int_equal(found(fixture, "a").device.queue, 1); /* what it has goes on */
    assert_int_equal(found(fixture, "b").device.queue, 1);
    assert_true(disable(fixture, "a", false));
    assert_int_equal(given_claim(fixture, only, 1), 1);
    assert_consistent(fixture);
}

static void a_claim_says_whom_it_passed_over(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_holder slots[2] = {{.device_id = "a"}, {.device_id = "b"}};
    struct message messages[2] = {0};
    struct store_write write = {.verb = STORE_CLAIM,
                                .claim = {.slot_count = 2, .slots = slots, .messages = messages}};
    given_device(fixture, "a");
    disable(fixture, "a", true);
    given_message(fixture, "+1234567890", "text");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(slots[0].disabled);
    assert_false(slots[0].at_daily_limit);
    assert_false(slots[1].disabled);
    assert_null(messages[0].text);
    message_fini(&messages[1]);
}

static void set_daily_limit(struct store_fixture *fixture, const char *device_id,
                            struct device_limit limit)
{
    configure(fixture, device_id, STORE_SET_DAILY_SEGMENTS,
              &(struct device_configuration){.daily_segments = limit});
}

/* Each message has one segment. */
static size_t claim_all(struct store_fixture *fixture, const char *device_id, size_t most)
{
    size_t count = 0;
    while (count < most && given_claim(fixture, &device_id, 1) == 1)
        count++;
    return count;
}

static void a_device_may_have_a_daily_limit_of_its_own(void **state)
{
    struct store_fixture *fixture = *state;
    store_fixture_stop_clock_at(20000 * (int64_t)DAY_MS);
    given_device(fixture, "a");
    given_device(fixture, "b");
    for (int i = 0; i < 20; i++)
        given_message(fixture, "+1234567890", "text");
    set_daily_limit(fixture, "a", (struct device_limit){true, 2});
    assert_int_equal(claim_all(fixture, "a", 9), 2);
    assert_int_equal(found(fixture, "a").segments_today, 2);
    assert_int_equal(claim_all(fixture, "b", 4), 4); /* no limit, nothing is counted */
    assert_int_equal(found(fixture, "b").segments_today, 0);
    store_fixture_close(fixture);
    fixture->options.limits = (struct store_limits){.device_daily_segments = 3};
    store_fixture_open(fixture);
    assert_int_equal(claim_all(fixture, "a", 9), 0);
    assert_int_equal(claim_all(fixture, "b", 9), 3);
    set_daily_limit(fixture, "a", (struct device_limit){0}); /* as the settings say */
    assert_int_equal(claim_all(fixture, "a", 9), 1);
    set_daily_limit(fixture, "b", (struct device_limit){true, 0}); /* none */
    assert_int_equal(claim_all(fixture, "b", 3), 3);
    store_fixture_pass_ms(DAY_MS);
    assert_int_equal(found(fixture, "a").segments_today, 0);
    assert_int_equal(claim_all(fixture, "a", 9), 3);
}

static void what_was_not_sent_is_given_back_to_a_limit_of_its_own(void **state)
{
    struct store_fixture *fixture = *state;
    given_device(fixture, "phone-1");
    set_daily_limit(fixture, "phone-1", (struct device_limit){true, 1});
    struct message_id id = given_message_in(fixture, MESSAGE_ACCEPTED);
    assert_int_equal(found(fixture, "phone-1").segments_today, 1);
    struct store_write write = {.verb = STORE_RETURN_TO_QUEUE, .return_to_queue = {.ref = {id, 1}}};
    strcpy(write.return_to_queue.device_id, "phone-1");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.return_to_queue.changed);
    assert_int_equal(found(fixture, "phone-1").segments_today, 0);
    assert_int_equal(claim_all(fixture, "phone-1", 9), 1);
}

static void the_last_error_of_a_device_is_remembered(void **state)
{
    struct store_fixture *fixture = *state;
    given_device(fixture, "phone-1");
    given_device(fixture, "other");
    given_message_in(fixture, MESSAGE_SENT);
    assert_int_equal(found(fixture, "phone-1").device.last_error.at_ms, 0);
    struct message_id id = given_message_in(fixture, MESSAGE_SENDING);
    struct store_write write = {.verb = STORE_REPORT};
    write.report.ref.id = id;
    write.report.seq = -1;
    write.report.status = MESSAGE_FAILED;
    strcpy(write.report.holder.device_id, "phone-1");
    strcpy(write.report.error_code, "generic_failure");
    strcpy(write.report.error_message, "The radio said no");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    struct device_error last = found(fixture, "phone-1").device.last_error;
    assert_true(last.at_ms > 0);
    assert_string_equal(last.code, "generic_failure");
    assert_string_equal(last.message, "The radio said no");
    assert_memory_equal(&last.message_id, &id, sizeof(id));
    assert_int_equal(found(fixture, "other").device.last_error.at_ms, 0);

    id = given_message_in(fixture, MESSAGE_ACCEPTED);
    write = (struct store_write){.verb = STORE_RETURN_TO_QUEUE,
                                 .return_to_queue = {.ref = {id, 1}, .refused = true}};
    strcpy(write.return_to_queue.device_id, "phone-1");
    strcpy(write.return_to_queue.error_code, "no_sim");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.return_to_queue.changed);
    last = found(fixture, "phone-1").device.last_error;
    assert_string_equal(last.code, "no_sim");
    assert_string_equal(last.message, "");
    assert_memory_equal(&last.message_id, &id, sizeof(id));
}

static void a_broker_finds_each_decision_once(void **state)
{
    struct store_fixture *fixture = *state;
    static struct store_work work;
    struct message_id instance = store_fixture_new_id(), other = store_fixture_new_id();
    given_lease(fixture, &instance, 60000);
    given_connection(fixture, "a", &instance, &(struct device_info){.sim_slots = 4});
    given_connection(fixture, "b", &instance, &DEVICE_INFO_UNKNOWN);
    given_connection(fixture, "elsewhere", &other, &DEVICE_INFO_UNKNOWN);
    set_groups(fixture, "elsewhere", "sales");
    disable(fixture, "b", true);
    set_groups(fixture, "a", "sales");
    disable(fixture, "b", false);
    work = (struct store_work){.broker = instance};
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.configured_count, 2);
    assert_string_equal(work.configured[0].device_id, "a");
    assert_int_equal(work.configured[0].traits.sims, 4);
    assert_true(device_groups_has(&work.configured[0].traits.groups, "sales"));
    assert_string_equal(work.configured[1].device_id, "b");
    assert_false(work.configured[1].traits.disabled);
    assert_false(work.more);
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.configured_count, 0);
    assert_false(disable(fixture, "b", false)); /* as it was */
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.configured_count, 0);
    disable(fixture, "a", true);
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.configured_count, 1);
    assert_true(work.configured[0].traits.disabled);
}

static void many_decisions_come_in_pages(void **state)
{
    enum { COUNT = STORE_CONFIGURED_PAGE + 3 };
    struct store_fixture *fixture = *state;
    static struct store_work work;
    struct message_id instance = store_fixture_new_id();
    char id[24];
    given_lease(fixture, &instance, 60000);
    for (int i = 0; i < COUNT; i++) {
        snprintf(id, sizeof(id), "phone-%d", i);
        given_connection(fixture, id, &instance, &DEVICE_INFO_UNKNOWN);
        disable(fixture, id, true);
    }
    work = (struct store_work){.broker = instance};
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.configured_count, STORE_CONFIGURED_PAGE);
    assert_true(work.more);
    assert_int_equal(store_poll_work(fixture->reader, &work), ERROR_NONE);
    assert_int_equal(work.configured_count, 3);
    assert_string_equal(work.configured[2].device_id, id);
    assert_false(work.more);
}

static void labels_are_short_words(void **state)
{
    static const char *const bad[] = {"",    " ", "a b", "a,b",
                                      "a/b", "ä", "a\n", "123456789012345678901234567890123"};
    static const char *const good[] = {"a", "A.b_c-9", "-", "12345678901234567890123456789012"};
    struct device_groups groups = {0};
    char text[DEVICE_GROUPS_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(device_group_valid(bad[i]));
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(device_group_valid(good[i]));
    for (int i = DEVICE_MAX_GROUPS - 1; i >= 0; i--) {
        char label[DEVICE_GROUP_SIZE];
        snprintf(label, sizeof(label), "%032d", i);
        assert_true(device_groups_add(&groups, label));
        assert_true(device_groups_add(&groups, label)); /* once */
    }
    assert_int_equal(groups.count, DEVICE_MAX_GROUPS);
    assert_false(device_groups_add(&groups, "one-more"));
    device_groups_format(&groups, text);
    struct device_groups again = groups_of(text);
    assert_true(device_groups_equal(&groups, &again));
}

UNIT_TESTS(STORE_TEST(every_device_is_listed_connected_or_not),
           STORE_TEST(the_end_of_a_connection_is_remembered),
           STORE_TEST(a_decision_changes_what_it_names_and_nothing_else),
           STORE_TEST(an_unknown_device_cannot_be_configured),
           STORE_TEST(groups_are_known_while_a_device_has_them),
           STORE_TEST(a_device_is_known_while_messages_can_be_meant_for_it),
           STORE_TEST(a_pairing_code_brings_groups), STORE_TEST(a_disabled_device_is_given_nothing),
           STORE_TEST(a_claim_says_whom_it_passed_over),
           STORE_TEST(a_device_may_have_a_daily_limit_of_its_own),
           STORE_TEST(what_was_not_sent_is_given_back_to_a_limit_of_its_own),
           STORE_TEST(the_last_error_of_a_device_is_remembered),
           STORE_TEST(a_broker_finds_each_decision_once), STORE_TEST(many_decisions_come_in_pages),
           cmocka_unit_test(labels_are_short_words))
