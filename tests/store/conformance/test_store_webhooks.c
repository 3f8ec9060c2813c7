/* Webhooks, and the deliveries that their sender notes. */
#include "tests/store/store_fixture.h"

static struct webhook given_webhook(struct store_fixture *fixture, const char *id)
{
    struct webhook webhook = {.enabled = true, .types = 6, .with_text = true};
    strcpy(webhook.id, id);
    strcpy(webhook.url, "https://receiver.example/");
    strcpy(webhook.secret, "whsec_first");
    strcpy(webhook.device_group, "support");
    struct store_write write = {.verb = STORE_CREATE_WEBHOOK, .create_webhook.webhook = &webhook};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return webhook;
}

static struct webhook stored_webhook(struct store_fixture *fixture, const char *id)
{
    struct webhook webhook;
    bool found;
    assert_int_equal(store_find_webhook(fixture->reader, id, &webhook, &found), ERROR_NONE);
    assert_true(found);
    return webhook;
}

static int64_t last_change(struct store_fixture *fixture)
{
    struct store_webhook_news news;
    assert_int_equal(store_read_webhook_news(fixture->reader, &news), ERROR_NONE);
    return news.changed;
}

static enum error change_webhook(struct store_fixture *fixture, const char *id,
                                 const struct webhook_change *change, struct webhook *webhook)
{
    struct store_write write = {
        .verb = STORE_CHANGE_WEBHOOK,
        .change_webhook = {.change = change, .webhook = webhook, .may_read_texts = true}};
    strcpy(write.change_webhook.id, id);
    return store_run(fixture->store, &write);
}

static enum error remove_webhook(struct store_fixture *fixture, const char *id)
{
    struct store_write write = {.verb = STORE_REMOVE_WEBHOOK};
    strcpy(write.remove_webhook.id, id);
    return store_run(fixture->store, &write);
}

/* What a sender that read `webhook` notes of one event. */
static struct store_write noted(struct store_fixture *fixture, const struct webhook *webhook,
                                int64_t cursor, const struct webhook_delivery *delivery,
                                const char *disable)
{
    struct webhook_health health = {.failures = 3, .failing_since_ms = 1, .last_status = 500};
    strcpy(health.last_error, "HTTP 500");
    struct store_write write = {.verb = STORE_NOTE_DELIVERIES,
                                .note_deliveries = {.changed = webhook->changed,
                                                    .rewound = webhook->rewound,
                                                    .cursor = cursor,
                                                    .health = &health,
                                                    .deliveries = delivery,
                                                    .count = delivery != NULL,
                                                    .disable = disable}};
    strcpy(write.note_deliveries.webhook_id, webhook->id);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write;
}

static struct webhook_delivery delivery_of(int64_t event_id, enum webhook_delivery_state state,
                                           int64_t next_try_ms)
{
    struct webhook_delivery delivery = {.event_id = event_id,
                                        .event_type = 2,
                                        .event_at_ms = 1000 + event_id,
                                        .message_id = {{7}},
                                        .state = state,
                                        .tries = 1,
                                        .was_hurried = true,
                                        .next_try_ms = next_try_ms,
                                        .last_try_at_ms = store_fixture_now_ms(),
                                        .last_status = 503};
    strcpy(delivery.last_error, "HTTP 503");
    return delivery;
}

static void assert_due(struct store_fixture *fixture, const char *id, int64_t now_ms,
                       size_t expected, int64_t first)
{
    struct webhook_delivery *deliveries;
    size_t count;
    assert_int_equal(
        store_list_due_deliveries(fixture->reader, id, now_ms, 10, &deliveries, &count),
        ERROR_NONE);
    assert_int_equal(count, expected);
    if (count)
        assert_int_equal(deliveries[0].event_id, first);
    for (size_t i = 0; i < count; i++) /* delivery_of */
        assert_int_equal(deliveries[i].was_hurried, deliveries[i].tries == 1);
    free(deliveries);
}

static size_t list(struct store_fixture *fixture, const char *id, int state, int64_t before,
                   size_t limit, int64_t ids[])
{
    struct store_delivery_query query = {.state = state, .before = before, .limit = limit};
    struct webhook_delivery *deliveries;
    size_t count;
    strcpy(query.webhook_id, id);
    assert_int_equal(store_list_deliveries(fixture->reader, &query, &deliveries, &count),
                     ERROR_NONE);
    for (size_t i = 0; i < count; i++)
        ids[i] = deliveries[i].event_id;
    free(deliveries);
    return count;
}

static void a_webhook_is_kept_as_it_was_created(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook created = given_webhook(fixture, "wh_one"), *webhooks;
    size_t count;
    given_webhook(fixture, "wh_two");
    store_fixture_reopen(fixture);
    struct webhook stored = stored_webhook(fixture, "wh_one");
    assert_memory_equal(&stored, &created, sizeof(stored));
    assert_int_equal(store_list_webhooks(fixture->reader, &webhooks, &count), ERROR_NONE);
    assert_int_equal(count, 2);
    free(webhooks);
    assert_int_equal(last_change(fixture), 2);
}

static struct webhook given_named_webhook(struct store_fixture *fixture, const char *id,
                                          const char *url, uint32_t types)
{
    struct webhook webhook = {.form = WEBHOOK_SMSGATE, .enabled = true, .types = types};
    strcpy(webhook.id, id);
    strcpy(webhook.url, url);
    strcpy(webhook.external_id, "mine");
    strcpy(webhook.device_id, "phone");
    strcpy(webhook.secret, id);
    struct store_write write = {.verb = STORE_CREATE_WEBHOOK, .create_webhook.webhook = &webhook};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return webhook;
}

static void a_webhook_with_the_external_id_of_another_takes_its_place(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook first = given_named_webhook(fixture, "wh_one", "https://one.example/", 2),
                   stored;
    const struct webhook_delivery waiting = delivery_of(5, WEBHOOK_DELIVERY_WAITING, INT64_MAX / 2);
    noted(fixture, &first, 5, &waiting, "it is gone");
    struct webhook second = given_named_webhook(fixture, "wh_two", "https://two.example/", 4);
    assert_string_equal(second.id, "wh_one");
    assert_string_equal(second.secret, "wh_one");
    assert_true(second.enabled);
    assert_string_equal(second.disabled_reason, "");
    assert_int_equal(second.cursor, 5);
    store_fixture_reopen(fixture);
    stored = stored_webhook(fixture, "wh_one");
    assert_int_equal(stored.form, WEBHOOK_SMSGATE);
    assert_string_equal(stored.external_id, "mine");
    assert_string_equal(stored.device_id, "phone");
    assert_string_equal(stored.url, "https://two.example/");
    assert_int_equal(stored.types, 4);
    assert_true(stored.changed > first.changed);
    assert_due(fixture, "wh_one", store_fixture_now_ms(), 1, 5); /* another URL: tried at once */
    assert_int_equal(remove_webhook(fixture, "wh_one"), ERROR_NONE);
    second = given_named_webhook(fixture, "wh_three", "https://two.example/", 4);
    assert_string_equal(second.id, "wh_three");
}

static void there_are_so_many_webhooks_and_no_more(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = {.id = "wh_more"};
    for (int i = 0; i < STORE_MAX_WEBHOOKS; i++) {
        char id[WEBHOOK_ID_SIZE];
        snprintf(id, sizeof(id), "wh_%d", i);
        given_webhook(fixture, id);
    }
    struct store_write write = {.verb = STORE_CREATE_WEBHOOK, .create_webhook.webhook = &webhook};
    assert_int_equal(store_run(fixture->store, &write), ERROR_TOO_MANY_WEBHOOKS);
    assert_int_equal(remove_webhook(fixture, "wh_5"), ERROR_NONE);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void a_change_changes_what_is_set(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook created = given_webhook(fixture, "wh_one"), changed;
    struct webhook_change change = {.sets_secret = true, .values.secret = "whsec_second"};
    assert_int_equal(change_webhook(fixture, "wh_one", &change, &changed), ERROR_NONE);
    assert_string_equal(changed.url, created.url);
    assert_string_equal(changed.secret, "whsec_second");
    assert_string_equal(changed.old_secret, "whsec_first");
    assert_int_equal(changed.old_secret_until_ms,
                     changed.updated_at_ms + WEBHOOK_SECRET_OVERLAP_MS);
    assert_int_equal(changed.changed, last_change(fixture));

    change = (struct webhook_change){.sets_types = true, .values.types = 1};
    assert_int_equal(change_webhook(fixture, "wh_one", &change, &changed), ERROR_NONE);
    struct webhook stored = stored_webhook(fixture, "wh_one");
    assert_memory_equal(&stored, &changed, sizeof(stored));
    assert_string_equal(stored.old_secret, "whsec_first");
    assert_int_equal(change_webhook(fixture, "wh_none", &change, &changed),
                     ERROR_WEBHOOK_NOT_FOUND);
}

static void the_cursor_only_grows(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one");
    assert_false(noted(fixture, &webhook, 20, NULL, NULL).note_deliveries.stale);
    noted(fixture, &webhook, 10, NULL, NULL);
    webhook = stored_webhook(fixture, "wh_one");
    assert_int_equal(webhook.cursor, 20);
    assert_int_equal(webhook.health.failures, 3);
    assert_string_equal(webhook.health.last_error, "HTTP 500");
}

static void a_delivery_waits_until_it_is_delivered(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one");
    struct webhook_delivery delivery = delivery_of(5, WEBHOOK_DELIVERY_WAITING, 2000);
    noted(fixture, &webhook, 5, &delivery, NULL);
    delivery = delivery_of(6, WEBHOOK_DELIVERY_WAITING, 1000);
    noted(fixture, &webhook, 6, &delivery, NULL);
    store_fixture_reopen(fixture);
    assert_due(fixture, "wh_one", 999, 0, 0);
    assert_due(fixture, "wh_one", 1000, 1, 6);
    assert_due(fixture, "wh_one", INT64_MAX, 2, 6);

    delivery = delivery_of(6, WEBHOOK_DELIVERY_DELIVERED, 0);
    noted(fixture, &webhook, 6, &delivery, NULL);
    assert_due(fixture, "wh_one", INT64_MAX, 1, 5);
    struct store_delivery_query query = {
        .webhook_id = "wh_one", .state = WEBHOOK_DELIVERY_DELIVERED, .limit = 5};
    struct webhook_delivery *deliveries;
    size_t count;
    assert_int_equal(store_list_deliveries(fixture->reader, &query, &deliveries, &count),
                     ERROR_NONE);
    assert_int_equal(count, 1);
    delivery.created_at_ms = deliveries->created_at_ms;
    delivery.last_try_at_ms = deliveries->last_try_at_ms;
    assert_memory_equal(deliveries, &delivery, sizeof(delivery));
    free(deliveries);
}

static void deliveries_are_listed_newest_first(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one"),
                   other = given_webhook(fixture, "wh_2");
    int64_t ids[10];
    for (int64_t id = 1; id <= 6; id++) {
        struct webhook_delivery delivery = delivery_of(id, (enum webhook_delivery_state)(id % 3),
                                                       7000 - id);
        noted(fixture, &webhook, id, &delivery, NULL);
        noted(fixture, &other, id, &delivery, NULL);
    }
    assert_int_equal(list(fixture, "wh_one", -1, 0, 4, ids), 4);
    assert_int_equal(ids[0], 6);
    assert_int_equal(ids[3], 3);
    assert_int_equal(list(fixture, "wh_one", -1, ids[3], 4, ids), 2);
    for (int number = 0; number < 3; number++) {
        assert_int_equal(list(fixture, "wh_one", number, 0, 9, ids), 2);
        assert_int_equal(ids[0] % 3, number);
        assert_true(ids[0] > ids[1]);
        assert_int_equal(list(fixture, "wh_one", number, ids[0], 9, ids), 1);
    }
    assert_int_equal(list(fixture, "wh_none", -1, 0, 9, ids), 0);
}

static void a_webhook_that_is_enabled_is_tried_at_once(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one"), changed;
    int64_t later_ms = store_fixture_now_ms() + DAY_MS;
    struct webhook_delivery delivery = delivery_of(5, WEBHOOK_DELIVERY_WAITING, later_ms);
    assert_true(noted(fixture, &webhook, 5, &delivery, "gone").note_deliveries.disabled);
    webhook = stored_webhook(fixture, "wh_one");
    assert_false(webhook.enabled);
    assert_string_equal(webhook.disabled_reason, "gone");
    assert_int_equal(webhook.changed, last_change(fixture));

    struct webhook_change change = {.sets_enabled = true, .values.enabled = true};
    assert_int_equal(change_webhook(fixture, "wh_one", &change, &changed), ERROR_NONE);
    assert_string_equal(changed.disabled_reason, "");
    assert_int_equal(changed.health.failures, 0);
    assert_int_equal(changed.cursor, 5);
    assert_due(fixture, "wh_one", store_fixture_now_ms() + 1, 1, 5);
}

static void a_change_by_people_outlasts_the_sender(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one"), changed;
    struct webhook_change change = {.sets_url = true, .values.url = "https://other.example/"};
    assert_int_equal(change_webhook(fixture, "wh_one", &change, &changed), ERROR_NONE);
    struct store_write write = noted(fixture, &webhook, 9, NULL, "gone");
    assert_true(write.note_deliveries.stale);
    assert_false(write.note_deliveries.disabled);
    webhook = stored_webhook(fixture, "wh_one");
    assert_true(webhook.enabled);
    assert_int_equal(webhook.cursor, 9);
    assert_int_equal(webhook.health.failures, 0);
}

static void a_removed_webhook_takes_its_deliveries_with_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one");
    int64_t ids[10], before = last_change(fixture);
    bool found;
    for (int64_t id = 1; id <= 5; id++) {
        struct webhook_delivery delivery = delivery_of(id, id % 2, 0);
        noted(fixture, &webhook, id, &delivery, NULL);
    }
    assert_int_equal(remove_webhook(fixture, "wh_one"), ERROR_NONE);
    assert_int_equal(last_change(fixture), before + 1);
    assert_int_equal(remove_webhook(fixture, "wh_one"), ERROR_WEBHOOK_NOT_FOUND);
    assert_int_equal(store_find_webhook(fixture->reader, "wh_one", &webhook, &found), ERROR_NONE);
    assert_false(found);
    assert_int_equal(list(fixture, "wh_one", -1, 0, 9, ids), 0);
    assert_due(fixture, "wh_one", INT64_MAX, 0, 0);
    assert_true(given_purge(fixture, 0, 0, 3).purge.more);
    assert_false(given_purge(fixture, 0, 0, 3).purge.more);
    assert_in_file(
        fixture, "SELECT (SELECT count(*) FROM webhook_delivery) + (SELECT count(*) FROM webhook)",
        0);
}

static void old_deliveries_are_purged_but_not_those_that_wait(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one");
    int64_t ids[10];
    for (int64_t id = 1; id <= 3; id++) {
        struct webhook_delivery delivery = delivery_of(id, (enum webhook_delivery_state)(id - 1),
                                                       1);
        noted(fixture, &webhook, id, &delivery, NULL);
    }
    store_fixture_pass_ms(2 * (int64_t)DAY_MS);
    struct webhook_delivery delivery = delivery_of(4, WEBHOOK_DELIVERY_DELIVERED, 0);
    noted(fixture, &webhook, 4, &delivery, NULL);
    struct store_write write = {.verb = STORE_PURGE,
                                .purge = {.delivery_age_ms = DAY_MS, .limit = 10}};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(write.purge.deliveries, 2);
    assert_int_equal(list(fixture, "wh_one", -1, 0, 9, ids), 2);
    assert_int_equal(ids[0], 4);
    assert_int_equal(ids[1], 1);
}

static struct message_id given_events(struct store_fixture *fixture)
{
    return given_message_in(fixture, MESSAGE_DELIVERED);
}

static int64_t newest_event(struct store_fixture *fixture)
{
    struct store_webhook_news news;
    assert_int_equal(store_read_webhook_news(fixture->reader, &news), ERROR_NONE);
    return news.newest_event;
}

static struct store_write tested(struct store_fixture *fixture, const char *id, enum error expected)
{
    struct store_write write = {.verb = STORE_TEST_WEBHOOK};
    strcpy(write.test_webhook.id, id);
    assert_int_equal(store_run(fixture->store, &write), expected);
    return write;
}

/* The first event that is delivered once more. */
static int64_t redelivered(struct store_fixture *fixture, const char *id, int64_t event_id,
                           int64_t since_ms, enum error expected)
{
    struct store_write write = {.verb = STORE_REDELIVER,
                                .redeliver = {.event_id = event_id, .since_ms = since_ms}};
    strcpy(write.redeliver.id, id);
    assert_int_equal(store_run(fixture->store, &write), expected);
    return write.redeliver.first_event;
}

static void a_new_webhook_begins_with_the_next_event(void **state)
{
    struct store_fixture *fixture = *state;
    given_events(fixture);
    assert_true(newest_event(fixture) > 0);
    assert_int_equal(given_webhook(fixture, "wh_one").cursor, newest_event(fixture));
}

static void a_test_is_for_one_webhook(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one"), changed;
    given_webhook(fixture, "wh_two");
    int64_t before = last_change(fixture);
    struct store_write test = tested(fixture, "wh_one", ERROR_NONE);
    assert_int_equal(test.test_webhook.event_id, newest_event(fixture));
    assert_true(last_change(fixture) > before);
    assert_due(fixture, "wh_one", store_fixture_now_ms() + 1, 1, test.test_webhook.event_id);
    assert_due(fixture, "wh_two", INT64_MAX, 0, 0);
    assert_int_equal(stored_webhook(fixture, "wh_one").cursor, webhook.cursor);
    redelivered(fixture, "wh_two", test.test_webhook.event_id, 0, ERROR_EVENT_NOT_FOUND);
    redelivered(fixture, "wh_one", test.test_webhook.event_id, 0, ERROR_NONE);

    struct webhook_change change = {.sets_enabled = true};
    assert_int_equal(change_webhook(fixture, "wh_one", &change, &changed), ERROR_NONE);
    tested(fixture, "wh_one", ERROR_WEBHOOK_DISABLED);
    tested(fixture, "wh_none", ERROR_WEBHOOK_NOT_FOUND);
}

static void a_disabled_webhook_is_an_event(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one");
    struct store_event_query query = {.limit = 5, .types = EVENT_BIT(EVENT_WEBHOOK_DISABLED)};
    struct store_event_page page;
    noted(fixture, &webhook, 1, NULL, "HTTP 410");
    assert_int_equal(store_list_events(fixture->reader, &query, &page), ERROR_NONE);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.events[0].subject, "wh_one");
    assert_non_null(strstr(page.events[0].detail, "HTTP 410"));
    store_event_page_fini(&page);
}

static void one_event_is_delivered_once_more(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook webhook = given_webhook(fixture, "wh_one");
    given_events(fixture);
    int64_t event = newest_event(fixture), ids[5];
    redelivered(fixture, "wh_one", event, 0, ERROR_NONE); /* the cursor has not reached it */
    assert_due(fixture, "wh_one", INT64_MAX, 0, 0);
    webhook = stored_webhook(fixture, "wh_one");
    struct webhook_delivery delivery = delivery_of(event, WEBHOOK_DELIVERY_GIVEN_UP, 0);
    delivery.tries = 30;
    noted(fixture, &webhook, event, &delivery, NULL);
    assert_int_equal(redelivered(fixture, "wh_one", event, 0, ERROR_NONE), event);
    assert_due(fixture, "wh_one", store_fixture_now_ms() + 1, 1, event);
    assert_int_equal(list(fixture, "wh_one", WEBHOOK_DELIVERY_GIVEN_UP, 0, 5, ids), 0);

    /* An event without a row gets one, with its message. */
    redelivered(fixture, "wh_one", event - 1, 0, ERROR_NONE);
    struct webhook_delivery *due;
    size_t count;
    assert_int_equal(
        store_list_due_deliveries(fixture->reader, "wh_one", INT64_MAX, 9, &due, &count),
        ERROR_NONE);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(due[i].tries, 0);
        assert_false(due[i].was_hurried);
        if (due[i].event_id == event - 1)
            assert_int_equal(due[i].event_type, EVENT_MESSAGE_ACCEPTED);
    }
    free(due);
    redelivered(fixture, "wh_one", event + 1, 0, ERROR_EVENT_NOT_FOUND);
    redelivered(fixture, "wh_none", event, 0, ERROR_WEBHOOK_NOT_FOUND);
}

static void an_event_of_a_removed_message_is_not_found(void **state)
{
    struct store_fixture *fixture = *state;
    given_webhook(fixture, "wh_one");
    given_message_in(fixture, MESSAGE_DELIVERED);
    int64_t event = newest_event(fixture);
    given_message_in(fixture, MESSAGE_ACCEPTED);
    store_fixture_pass_ms(3 * (int64_t)DAY_MS);
    assert_int_equal(given_purge(fixture, 0, 2, 10).purge.messages, 1);
    redelivered(fixture, "wh_one", event, 0, ERROR_EVENT_NOT_FOUND);
    redelivered(fixture, "wh_one", event + 1, 0, ERROR_NONE);
}

/* What was sent before somebody asked for the event, and is noted after that, is not what was asked for. */
static void what_was_sent_before_does_not_count_as_asked_for(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook before = given_webhook(fixture, "wh_one"), webhook;
    given_events(fixture);
    int64_t event = newest_event(fixture);

    /* Its first delivery is noted late: the cursor comes to it once more. */
    redelivered(fixture, "wh_one", event, 0, ERROR_NONE);
    struct webhook_delivery delivered = delivery_of(event, WEBHOOK_DELIVERY_DELIVERED, 0);
    assert_true(noted(fixture, &before, event, &delivered, NULL).note_deliveries.stale);
    webhook = stored_webhook(fixture, "wh_one");
    assert_true(webhook.cursor < event);
    noted(fixture, &webhook, event, &delivered, NULL);
    assert_int_equal(stored_webhook(fixture, "wh_one").cursor, event);

    /* A later one: the row waits until a sender that knew of it has sent it. */
    before = stored_webhook(fixture, "wh_one");
    redelivered(fixture, "wh_one", event, 0, ERROR_NONE);
    noted(fixture, &before, event, &delivered, NULL);
    assert_due(fixture, "wh_one", INT64_MAX, 1, event);
    struct webhook_delivery other = delivery_of(event - 1, WEBHOOK_DELIVERY_DELIVERED, 0);
    int64_t ids[5];
    noted(fixture, &before, event, &other, NULL); /* what nobody asked for counts */
    assert_int_equal(list(fixture, "wh_one", WEBHOOK_DELIVERY_DELIVERED, 0, 5, ids), 1);
    webhook = stored_webhook(fixture, "wh_one");
    redelivered(fixture, "wh_one", event, 0, ERROR_NONE); /* and once more */
    noted(fixture, &webhook, event, &delivered, NULL);
    assert_due(fixture, "wh_one", INT64_MAX, 1, event);
    webhook = stored_webhook(fixture, "wh_one");
    noted(fixture, &webhook, event, &delivered, NULL);
    assert_due(fixture, "wh_one", INT64_MAX, 0, 0);
}

static void all_events_since_a_time_are_delivered_once_more(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t now_ms = store_fixture_now_ms();
    store_fixture_stop_clock_at(now_ms);
    struct webhook webhook = given_webhook(fixture, "wh_one");
    given_events(fixture);
    int64_t first = newest_event(fixture) + 1, test;
    store_fixture_pass_ms(1000);
    given_events(fixture);
    test = tested(fixture, "wh_one", ERROR_NONE).test_webhook.event_id;
    int64_t newest = newest_event(fixture);
    webhook = stored_webhook(fixture, "wh_one");
    struct webhook_delivery waiting = delivery_of(first + 1, WEBHOOK_DELIVERY_WAITING, 1);
    noted(fixture, &webhook, newest, &waiting, NULL);

    assert_int_equal(redelivered(fixture, "wh_one", 0, now_ms + 1001, ERROR_NONE), 0);
    assert_int_equal(stored_webhook(fixture, "wh_one").cursor, newest);
    assert_int_equal(redelivered(fixture, "wh_one", 0, now_ms + 1, ERROR_NONE), first);
    assert_int_equal(stored_webhook(fixture, "wh_one").cursor, first - 1);
    assert_due(fixture, "wh_one", INT64_MAX, 1, test); /* what waits behind comes by the cursor */

    /* A sender that does not know it moves nothing over what is to be delivered again. */
    struct webhook_delivery late = delivery_of(first + 2, WEBHOOK_DELIVERY_WAITING, 1);
    assert_true(noted(fixture, &webhook, newest, &late, NULL).note_deliveries.stale);
    assert_int_equal(stored_webhook(fixture, "wh_one").cursor, first - 1);
    late = delivery_of(test, WEBHOOK_DELIVERY_DELIVERED, 0);
    noted(fixture, &webhook, newest, &late, NULL);
    assert_due(fixture, "wh_one", INT64_MAX, 0, 0);
    assert_true(redelivered(fixture, "wh_one", 0, 0, ERROR_NONE) < first);
}

static void texts_are_not_sent_elsewhere_without_the_scope(void **state)
{
    struct store_fixture *fixture = *state;
    struct webhook changed;
    given_webhook(fixture, "wh_one");
    struct store_write write = {
        .verb = STORE_CHANGE_WEBHOOK,
        .change_webhook = {
            .id = "wh_one",
            .webhook = &changed,
            .change = &(struct webhook_change){.sets_url = true, .values.url = "https://b.example"},
        }};
    assert_int_equal(store_run(fixture->store, &write), ERROR_SCOPE_MISSING);
    write.change_webhook.change = &(struct webhook_change){.sets_with_text = true};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

UNIT_TESTS(STORE_TEST(a_webhook_is_kept_as_it_was_created),
           STORE_TEST(a_webhook_with_the_external_id_of_another_takes_its_place),
           STORE_TEST(there_are_so_many_webhooks_and_no_more),
           STORE_TEST(a_change_changes_what_is_set), STORE_TEST(the_cursor_only_grows),
           STORE_TEST(a_delivery_waits_until_it_is_delivered),
           STORE_TEST(deliveries_are_listed_newest_first),
           STORE_TEST(a_webhook_that_is_enabled_is_tried_at_once),
           STORE_TEST(a_change_by_people_outlasts_the_sender),
           STORE_TEST(a_removed_webhook_takes_its_deliveries_with_it),
           STORE_TEST(a_new_webhook_begins_with_the_next_event),
           STORE_TEST(a_test_is_for_one_webhook), STORE_TEST(a_disabled_webhook_is_an_event),
           STORE_TEST(one_event_is_delivered_once_more),
           STORE_TEST(an_event_of_a_removed_message_is_not_found),
           STORE_TEST(what_was_sent_before_does_not_count_as_asked_for),
           STORE_TEST(all_events_since_a_time_are_delivered_once_more),
           STORE_TEST(texts_are_not_sent_elsewhere_without_the_scope),
           STORE_TEST(old_deliveries_are_purged_but_not_those_that_wait))
