/* What a person should know: from what the store, the settings and the other processes say. */
#include "api-fcgi/handlers/alerts.h"
#include "common/base/json.h"
#include "tests/unit/unit.h"

enum { NOW_MS = 1777550400 };

/* All is well, and everything may be seen. */
struct facts {
    struct alert_facts facts;
    struct settings settings;
    struct store_statistics statistics;
    struct store_sending sending;
    struct store_accepted accepted;
    struct webhook webhooks[2];
};

static void set_up(struct facts *all)
{
    *all = (struct facts){
        .settings = {.daily_messages = 1000,
                     .max_wal_bytes = 100 << 20,
                     .min_free_disk_bytes = 50 << 20,
                     .max_queue_age_minutes = 60},
        .statistics = {.any_device = true,
                       .devices_connected = 1,
                       .disk_free_bytes = 1 << 30,
                       .disk_size_bytes = 2 << 29},
        .webhooks = {{.id = "wh_one", .enabled = true}, {.id = "wh_two", .enabled = true}},
    };
    all->facts = (struct alert_facts){
        .now_ms = NOW_MS,
        .settings = &all->settings,
        .statistics = &all->statistics,
        .sending = &all->sending,
        .accepted = &all->accepted,
        .broker_up = true,
        .webhook_sender_up = true,
        .shows_devices = true,
        .webhooks = all->webhooks,
        .webhook_count = ARRAY_LENGTH(all->webhooks),
    };
}

/* The codes, separated by spaces; `detail` gets that of the first. */
static void codes_of(const struct facts *all, char codes[512], char detail[512])
{
    struct buffer out;
    struct json_writer json = {.out = &out};
    struct json_problem problem = {0};
    buffer_init(&out, 65536);
    json_begin_object(&json, NULL);
    alerts_put(&json, &all->facts);
    json_end_object(&json);
    assert_false(out.failed);
    struct json *document = json_parse(out.data, out.length, &problem);
    assert_non_null(document);
    *codes = *detail = '\0';
    const struct json *alert = json_first(json_member(document, "alerts"));
    for (; alert; alert = json_next(alert)) {
        const char *text = json_text(json_member(alert, "detail"));
        assert_non_null(json_text(json_member(alert, "severity")));
        assert_true(strlen(json_text(json_member(alert, "cure"))) > 5);
        if (!*codes)
            snprintf(detail, 512, "%s", text);
        snprintf(codes + strlen(codes), 512 - strlen(codes), "%s%s", *codes ? " " : "",
                 json_text(json_member(alert, "code")));
    }
    json_free(document);
    buffer_fini(&out);
}

#define ASSERT_ALERTS(expected)                                                                    \
    do {                                                                                           \
        codes_of(&all, codes, detail);                                                             \
        assert_string_equal(codes, expected);                                                      \
    } while (0)

#define ASSERT_DETAIL(expected) assert_non_null(strstr(detail, expected))

static void where_all_is_well_there_is_none(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    ASSERT_ALERTS("");
    /* Limits that are off, and what is not known. */
    all.settings = (struct settings){.min_free_disk_bytes = 50 << 20};
    all.statistics.disk_size_bytes = all.statistics.disk_free_bytes = 0;
    all.statistics.wal_bytes = INT64_C(1) << 40;
    all.statistics.oldest_queued_ms = 1;
    all.accepted.today = 1000000;
    ASSERT_ALERTS("");
}

static void what_refuses_new_messages_comes_first(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    all.facts.broker_up = false;
    ASSERT_ALERTS("broker_down");
    all.facts.broker_up = true;

    all.statistics.disk_free_bytes = 50 << 20;
    ASSERT_ALERTS("");
    all.statistics.disk_free_bytes--;
    ASSERT_ALERTS("disk_full");
    ASSERT_DETAIL("49 MiB");

    all.statistics.wal_bytes = 100 << 20;
    ASSERT_ALERTS("disk_full");
    all.statistics.wal_bytes++;
    ASSERT_ALERTS("disk_full wal_full");

    all.statistics.oldest_queued_ms = NOW_MS - 60 * 60000;
    ASSERT_ALERTS("disk_full wal_full");
    all.statistics.oldest_queued_ms--;
    ASSERT_ALERTS("disk_full wal_full queue_too_old");

    all.sending.paused_since_ms = 1;
    ASSERT_ALERTS("disk_full wal_full sending_paused queue_too_old");
    set_up(&all);
    all.sending.paused_since_ms = 1;
    ASSERT_ALERTS("sending_paused");
    ASSERT_DETAIL("refused: no reason was given.");
    strcpy(all.sending.reason, "a test");
    ASSERT_ALERTS("sending_paused");
    ASSERT_DETAIL("refused: a test.");
}

static void what_endangers_the_database_is_told(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    struct store_server_health *server = &all.statistics.server;
    server->oldest_snapshot_ms = 10 * 60000;
    server->lag_bytes = 256 << 20;
    server->lag_ms = 60000;
    ASSERT_ALERTS("");
    server->oldest_snapshot_ms++;
    ASSERT_ALERTS("old_snapshot");
    ASSERT_DETAIL("10 minutes old");
    server->lag_ms++;
    ASSERT_ALERTS("old_snapshot standby_behind");
    server->lag_ms = server->oldest_snapshot_ms = 0;
    server->lag_bytes++;
    ASSERT_ALERTS("standby_behind");
    ASSERT_DETAIL("256 MiB");
    server->standby_missing = true;
    ASSERT_ALERTS("standby_missing standby_behind");
}

static void a_message_that_survives_less_than_asked_for_is_told(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    struct store_statistics *statistics = &all.statistics;
    statistics->durability_asked = STORE_DURABILITY_SINGLE;
    statistics->durability = STORE_DURABILITY_STANDBY;
    ASSERT_ALERTS("");
    statistics->durability = STORE_DURABILITY_NONE;
    ASSERT_ALERTS("durability_low");
    ASSERT_DETAIL("fsync or full_page_writes is off");
    statistics->durability_asked = STORE_DURABILITY_STANDBY;
    statistics->durability = STORE_DURABILITY_SINGLE;
    ASSERT_ALERTS("durability_low");
    ASSERT_DETAIL("commits wait for no standby");
}

static void the_daily_limit_is_told_before_it_is_reached(void **state)
{
    static const struct {
        int64_t today;
        const char *codes;
    } steps[] = {{799, ""},
                 {800, "daily_limit_near"},
                 {999, "daily_limit_near"},
                 {1000, "daily_limit_reached"},
                 {1001, "daily_limit_reached"}};
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        all.accepted.today = steps[i].today;
        ASSERT_ALERTS(steps[i].codes);
    }
    ASSERT_DETAIL("1001 of the 1000 messages of today");
}

static void messages_that_need_a_person_are_told_by_what_they_wait_for(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    for (int i = 0; i < MESSAGE_WAIT_COUNT; i++)
        all.statistics.waiting[i] = 3;
    ASSERT_ALERTS("messages_waiting messages_waiting messages_waiting messages_waiting"
                  " messages_waiting messages_waiting");
    ASSERT_DETAIL("3 messages wait. ");
    memset(all.statistics.waiting, 0, sizeof(all.statistics.waiting));
    all.statistics.waiting[MESSAGE_WAIT_DEVICE_OFFLINE] = 1;
    ASSERT_ALERTS("messages_waiting");
    ASSERT_DETAIL("1 message waits. No device that may have it is connected.");

    set_up(&all);
    all.statistics.stuck[MESSAGE_QUEUED] = 5; /* no phone has them */
    ASSERT_ALERTS("");
    all.statistics.stuck[MESSAGE_SENDING] = 1;
    ASSERT_ALERTS("messages_stuck");
    ASSERT_DETAIL("One message that a phone has");
    all.statistics.stuck[MESSAGE_DISPATCHED] = 1;
    ASSERT_ALERTS("messages_stuck");
    ASSERT_DETAIL("2 messages that phones have");
}

static void only_who_may_see_devices_is_told_of_them(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    all.statistics.devices_quarantined = 1;
    all.statistics.devices_battery_low = 2;
    all.statistics.devices_offline = 2;
    all.statistics.devices_disabled = 1;
    ASSERT_ALERTS("device_quarantined battery_low devices_offline devices_disabled");
    ASSERT_DETAIL("One phone is in quarantine.");
    all.statistics.devices_connected = 0;
    ASSERT_ALERTS("device_quarantined no_device_connected battery_low devices_disabled");
    all.facts.broker_up = false; /* that is why none is */
    ASSERT_ALERTS("broker_down device_quarantined battery_low devices_disabled");
    all.facts.shows_devices = false;
    ASSERT_ALERTS("broker_down");

    set_up(&all);
    all.statistics.any_device = false;
    all.statistics.devices_connected = 0;
    ASSERT_ALERTS("no_device");
}

static void webhooks_that_are_not_served_are_told_by_their_ids(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    set_up(&all);
    all.facts.webhook_sender_up = false;
    ASSERT_ALERTS("webhook_sender_down");
    all.webhooks[0].enabled = all.webhooks[1].enabled = false; /* by a person */
    ASSERT_ALERTS("");
    strcpy(all.webhooks[1].disabled_reason, "it answered 410");
    ASSERT_ALERTS("webhook_disabled");
    ASSERT_DETAIL("wh_two was disabled: it answered 410.");
    all.facts.webhook_sender_up = true;
    all.webhooks[0].enabled = true;
    all.webhooks[0].health.failing_since_ms = 1;
    ASSERT_ALERTS("webhook_disabled webhook_failing");
    all.webhooks[1].enabled = true;
    ASSERT_ALERTS("webhook_failing");
    ASSERT_DETAIL("wh_one fails: it does not answer 2xx.");
    all.facts.webhook_count = 0; /* who asks may not know of them */
    ASSERT_ALERTS("");
}

/* What receivers say is cut at a character. */
static void a_long_detail_stays_utf8(void **state)
{
    struct facts all;
    char codes[512], detail[512];
    (void)state;
    for (size_t offset = 0; offset < 3; offset++) {
        set_up(&all);
        all.webhooks[0].health.failing_since_ms = 1;
        char *error = all.webhooks[0].health.last_error;
        memset(error, 'x', offset);
        for (size_t i = offset; i + 3 < sizeof(all.webhooks[0].health.last_error); i += 3)
            memcpy(error + i, "\xe2\x82\xac", 3);
        ASSERT_ALERTS("webhook_failing");
    }
}

UNIT_TESTS(cmocka_unit_test(where_all_is_well_there_is_none),
           cmocka_unit_test(what_refuses_new_messages_comes_first),
           cmocka_unit_test(what_endangers_the_database_is_told),
           cmocka_unit_test(a_message_that_survives_less_than_asked_for_is_told),
           cmocka_unit_test(the_daily_limit_is_told_before_it_is_reached),
           cmocka_unit_test(messages_that_need_a_person_are_told_by_what_they_wait_for),
           cmocka_unit_test(only_who_may_see_devices_is_told_of_them),
           cmocka_unit_test(webhooks_that_are_not_served_are_told_by_their_ids),
           cmocka_unit_test(a_long_detail_stays_utf8))
