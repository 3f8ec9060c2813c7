/* The assured phone of phone-sim: what it writes down, and what may follow only then. */
#include "tests/phone-sim/assured.h"
#include "tests/unit/unit.h"

enum { DISK_ENTRIES = 1200, DISK_REPORTS = 2400, MOST_PENDING = 4096 };

/* A journal that is on disk. */
struct disk {
    char epoch[JOURNAL_EPOCH_SIZE];
    uint64_t last_seq;
    struct journal_entry entries[DISK_ENTRIES];
    size_t entry_count;
    struct journal_report reports[DISK_REPORTS];
    size_t report_count;
};

/* A change that is not. */
struct pending {
    uint64_t number;
    bool has_epoch, has_entry, has_report;
    char epoch[JOURNAL_EPOCH_SIZE];
    struct journal_entry entry;
    struct journal_report report;
    uint64_t acknowledged;
};

/* Whoever runs the phone. */
struct host {
    struct assured phone; /* first: the callbacks go back from it */
    struct assured_behaviour behaviour;
    struct disk disk;
    struct pending pending[MOST_PENDING];
    size_t pending_count;
    char submitted[4096]; /* "id/attempt " of each text for the radio */
    char events[4096];
    bool sent_store_says;
};

static const char *const first_epoch = "00000000-0000-4000-8000-000000000001";

static void on_write(struct assured *phone, const struct journal_write *write)
{
    struct host *host = (struct host *)phone;
    assert_true(host->pending_count < MOST_PENDING);
    struct pending *pending = &host->pending[host->pending_count++];
    *pending = (struct pending){
        .number = write->number,
        .has_epoch = write->epoch,
        .has_entry = write->entry,
        .has_report = write->report,
        .acknowledged = write->acknowledged,
    };
    if (write->epoch)
        strcpy(pending->epoch, write->epoch);
    if (write->entry)
        pending->entry = *write->entry;
    if (write->report)
        pending->report = *write->report;
    pending->entry.text = write->entry && write->entry->text ? strdup(write->entry->text) : NULL;
}

static void on_submit(struct assured *phone, const struct journal_entry *entry)
{
    char *end = ((struct host *)phone)->submitted;
    assert_non_null(entry->text);
    sprintf(end + strlen(end), "%s/%d ", entry->message_id, (int)entry->attempt);
}

static void on_changed(struct assured *phone, const struct journal_entry *entry)
{
    (void)phone;
    (void)entry;
}

static void on_reported(struct assured *phone, const struct journal_entry *entry)
{
    char *end = ((struct host *)phone)->events;
    sprintf(end + strlen(end), "reported %s ", entry->message_id);
}

static void on_refused(struct assured *phone, const char *message_id, const char *code)
{
    char *end = ((struct host *)phone)->events;
    sprintf(end + strlen(end), "refused %s %s ", message_id, code ? code : "again");
}

static int64_t clock_ms;

static int64_t on_clock_read(struct assured *phone)
{
    (void)phone;
    return clock_ms;
}

static const struct assured_world world = {on_write,   on_clock_read, on_submit,
                                           on_changed, on_reported,   on_refused};

/* ---- The disk ---- */

static void apply(struct disk *disk, const struct pending *pending)
{
    if (pending->has_epoch) {
        for (size_t i = 0; i < disk->entry_count; i++)
            free(disk->entries[i].text);
        *disk = (struct disk){0};
        strcpy(disk->epoch, pending->epoch);
    }
    if (pending->has_entry) {
        size_t place = 0;
        while (place < disk->entry_count &&
               strcmp(disk->entries[place].message_id, pending->entry.message_id) != 0)
            place++;
        if (place == disk->entry_count)
            disk->entry_count++;
        assert_true(place < DISK_ENTRIES);
        free(disk->entries[place].text);
        disk->entries[place] = pending->entry;
    }
    if (pending->has_report) {
        assert_true(disk->report_count < DISK_REPORTS);
        disk->reports[disk->report_count++] = pending->report;
        assert_true(pending->report.seq > disk->last_seq);
        disk->last_seq = pending->report.seq;
    }
    for (size_t i = 0; pending->acknowledged > 0 && i < disk->report_count; i++) {
        if (disk->reports[i].seq == pending->acknowledged) {
            memmove(&disk->reports[i], &disk->reports[i + 1],
                    (disk->report_count - i - 1) * sizeof(disk->reports[0]));
            disk->report_count--;
            break;
        }
    }
}

/* The first `count` of the pending changes get to the disk. */
static void sync_some(struct host *host, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        apply(&host->disk, &host->pending[i]);
    uint64_t number = host->pending[count - 1].number;
    memmove(host->pending, host->pending + count,
            (host->pending_count - count) * sizeof(host->pending[0]));
    host->pending_count -= count;
    assured_on_journal_durable(&host->phone, number);
}

static void sync_all(struct host *host)
{
    while (host->pending_count > 0)
        sync_some(host, host->pending_count);
}

static const struct journal_entry *on_disk(const struct host *host, const char *id)
{
    for (size_t i = 0; i < host->disk.entry_count; i++) {
        if (strcmp(host->disk.entries[i].message_id, id) == 0)
            return &host->disk.entries[i];
    }
    return NULL;
}

static void assert_on_disk(const struct host *host, const char *id, int attempt,
                           enum entry_state state, enum sms_status status)
{
    const struct journal_entry *entry = on_disk(host, id);
    assert_non_null(entry);
    assert_int_equal(entry->attempt, attempt);
    assert_string_equal(entry_state_name(entry->state), entry_state_name(state));
    assert_string_equal(sms_status_name(entry->status), sms_status_name(status));
}

/* ---- Begins, ends and begins again ---- */

static void forget_pending(struct host *host)
{
    for (size_t i = 0; i < host->pending_count; i++)
        free(host->pending[i].entry.text);
    host->pending_count = 0;
}

static struct host *new_host(void)
{
    struct host *host = calloc(1, sizeof(*host));
    host->behaviour.credit = 4;
    assured_init(&host->phone, &world, &host->behaviour, 1);
    assured_on_first_start(&host->phone, first_epoch);
    sync_all(host);
    return host;
}

static void free_host(struct host *host)
{
    forget_pending(host);
    assured_fini(&host->phone);
    for (size_t i = 0; i < host->disk.entry_count; i++)
        free(host->disk.entries[i].text);
    free(host);
}

static bool was_sent(void *store, const struct journal_entry *entry)
{
    (void)entry;
    return ((struct host *)store)->sent_store_says;
}

/* What is not on disk is gone. */
static void kill_and_restart(struct host *host)
{
    const struct disk *disk = &host->disk;
    struct journal_image image = {
        .epoch = disk->epoch,
        .last_seq = disk->last_seq,
        .entries = disk->entries,
        .entry_count = disk->entry_count,
        .reports = disk->reports,
        .report_count = disk->report_count,
    };
    forget_pending(host);
    assured_fini(&host->phone);
    assured_init(&host->phone, &world, &host->behaviour, 1);
    assured_on_restart(&host->phone, &image, was_sent, host);
}

/* ---- Frames ---- */

static const char *receive(struct host *host, const char *text)
{
    struct received_frame frame;
    received_frame_read(&frame, text, strlen(text));
    assert_int_not_equal(frame.type, FRAME_IS_BROKEN);
    const char *problem = assured_on_frame(&host->phone, &frame);
    received_frame_fini(&frame);
    return problem;
}

static void receive_about(struct host *host, const char *type, const char *id, int attempt)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{\"type\":\"%s\",\"message_id\":\"%s\",\"attempt\":%d,"
             "\"phone_number\":\"+491511234567\",\"message\":\"Hello!\"}",
             type, id, attempt);
    assert_null(receive(host, text));
}

/* "" if there is none that may be written now. */
static const char *next_frame(struct host *host)
{
    static char space[FRAME_SIZE];
    static const struct sim no_sims[SIM_SLOTS];
    struct device device = {
        .name = "Pixel", .battery_percent = 80, .signal_dbm = -70, .sims = no_sims};
    size_t length = assured_next_frame(&host->phone, &device, space);
    space[length] = '\0';
    if (length > 0)
        assured_frame_written(&host->phone);
    return space;
}

#define assert_frame(host, text)    assert_string_equal(next_frame(host), text)
#define assert_no_frame(host)       assert_string_equal(next_frame(host), "")
#define assert_submitted(host, all) assert_string_equal((host)->submitted, all)

static void connect_phone(struct host *host)
{
    assured_on_connected(&host->phone);
    sync_all(host);
    while (*next_frame(host))
        ;
    assert_null(receive(host, "{\"type\":\"welcome\",\"session\":1,\"credit\":4}"));
}

static void radio_says(struct host *host, const char *id, int attempt, enum sms_status status,
                       const char *code)
{
    assured_on_radio_result(&host->phone, id, attempt,
                            &(struct radio_result){.status = status, .error_code = code});
}

/* ---- One message ---- */

static void it_says_hello_and_what_is_in_its_journal(void **state)
{
    struct host *host = new_host();
    (void)state;
    assured_on_connected(&host->phone);
    assert_frame(host,
                 "{\"type\":\"hello\",\"journal\":\"00000000-0000-4000-8000-000000000001\","
                 "\"credit\":4,\"info\":{\"device_name\":\"Pixel\",\"battery_level\":80,"
                 "\"charging\":false,\"signal_strength\":-70,\"android_version\":\"14\","
                 "\"app_version\":\"" GATEWAY_VERSION "\",\"carrier\":\"Simulated Mobile\"}}");
    assert_frame(host, "{\"type\":\"journal\",\"entries\":[],\"last\":true}");
    assert_no_frame(host);
    free_host(host);
}

static void each_step_waits_for_the_journal(void **state)
{
    struct host *host = new_host();
    (void)state;
    connect_phone(host);
    receive_about(host, "offer", "m", 1);
    assert_no_frame(host);
    assert_true(assured_has_frame_later(&host->phone));
    sync_all(host);
    assert_on_disk(host, "m", 1, ENTRY_OFFERED, SMS_QUEUED);
    assert_frame(host, "{\"type\":\"ack\",\"message_id\":\"m\",\"attempt\":1}");

    receive_about(host, "release", "m", 1);
    assert_int_equal(host->pending_count, 2); /* released, submitting */
    sync_some(host, 1);
    assert_submitted(host, "");
    assert_no_frame(host);
    sync_all(host);
    assert_on_disk(host, "m", 1, ENTRY_SUBMITTING, SMS_SENDING);
    assert_submitted(host, "m/1 ");
    assert_frame(host, "{\"type\":\"report\",\"seq\":1,\"message_id\":\"m\",\"attempt\":1,"
                       "\"status\":\"sending\"}");

    radio_says(host, "m", 1, SMS_SENT, NULL);
    assert_no_frame(host);
    sync_all(host);
    assert_on_disk(host, "m", 1, ENTRY_DONE, SMS_SENT);
    assert_frame(host, "{\"type\":\"report\",\"seq\":2,\"message_id\":\"m\",\"attempt\":1,"
                       "\"status\":\"sent\"}");
    radio_says(host, "m", 1, SMS_DELIVERED, NULL);
    sync_all(host);
    assert_frame(host, "{\"type\":\"report\",\"seq\":3,\"message_id\":\"m\",\"attempt\":1,"
                       "\"status\":\"delivered\"}");
    assert_int_equal(host->disk.report_count, 3);
    for (int seq = 1; seq <= 3; seq++) {
        char text[64];
        sprintf(text, "{\"type\":\"report_ack\",\"seq\":%d}", seq);
        assert_string_equal(host->events, "");
        assert_null(receive(host, text));
        assert_null(receive(host, text));
    }
    assert_string_equal(host->events, "reported m ");
    sync_all(host);
    assert_int_equal(host->disk.report_count, 0);
    assert_no_frame(host);
    free_host(host);
}

static void one_text_is_with_the_radio_at_a_time(void **state)
{
    struct host *host = new_host();
    (void)state;
    connect_phone(host);
    for (int i = 0; i < 3; i++) {
        receive_about(host, "offer", (const char *[]){"a", "b", "c"}[i], 1);
        receive_about(host, "release", (const char *[]){"a", "b", "c"}[i], 1);
    }
    sync_all(host);
    assert_submitted(host, "a/1 ");
    receive_about(host, "revoke", "b", 1);
    radio_says(host, "b", 1, SMS_SENT, NULL); /* which the radio was never given */
    radio_says(host, "a", 1, SMS_SENT, NULL);
    sync_all(host);
    assert_submitted(host, "a/1 c/1 ");
    assert_on_disk(host, "b", 1, ENTRY_DONE, SMS_CANCELLED);
    free_host(host);
}

/* ---- By what the journal has ---- */

/* Brings the entry "m" of attempt 2 to a state, with all frames written and acknowledged. */
enum stage {
    NONE,
    OFFERED,
    RELEASED,
    SUBMITTING,
    SENT,
    FAILED,
    UNSENT,
    PARTLY_SENT,
    CANCELLED,
    DROPPED,
    STAGES
};

static struct host *host_at(enum stage stage)
{
    struct host *host = new_host();
    connect_phone(host);
    if (stage == RELEASED) { /* the radio is busy with another one */
        receive_about(host, "offer", "other", 1);
        receive_about(host, "release", "other", 1);
    }
    if (stage != NONE)
        receive_about(host, "offer", "m", 2);
    if (stage == DROPPED)
        receive_about(host, "drop", "m", 2);
    if (stage == CANCELLED)
        receive_about(host, "revoke", "m", 2);
    if (stage > OFFERED && stage < CANCELLED)
        receive_about(host, "release", "m", 2);
    sync_all(host);
    if (stage == SENT)
        radio_says(host, "m", 2, SMS_SENT, NULL);
    if (stage == FAILED)
        radio_says(host, "m", 2, SMS_FAILED, "generic_failure");
    if (stage == UNSENT)
        radio_says(host, "m", 2, SMS_FAILED, "no_service");
    if (stage == PARTLY_SENT)
        assured_on_radio_result(&host->phone, "m", 2,
                                &(struct radio_result){.status = SMS_FAILED,
                                                       .error_code = "no_service",
                                                       .parts_sent = 1});
    sync_all(host);
    while (*next_frame(host))
        ;
    *host->submitted = '\0';
    return host;
}

static void an_offer_is_answered_by_what_the_journal_has(void **state)
{
    static const struct {
        enum stage stage;
        const char *answers[3]; /* to attempts 1, 2 and 3: a part of the frame; NULL: none */
    } cases[] = {
        {NONE, {"\"ack\"", "\"ack\"", "\"ack\""}},
        {OFFERED, {NULL, "\"ack\"", "\"ack\""}},
        {RELEASED, {NULL, NULL, NULL}},
        {SUBMITTING, {"\"sending\"", "\"sending\"", "\"sending\""}},
        {SENT, {"\"sent\"", "\"sent\"", "\"sent\""}},
        {FAILED, {"\"generic_failure\"", "\"generic_failure\"", "\"generic_failure\""}},
        {UNSENT, {"\"no_service\"", "\"no_service\"", "\"ack\""}},
        {PARTLY_SENT, {"\"no_service\"", "\"no_service\"", "\"no_service\""}},
        {CANCELLED, {"\"cancelled\"", "\"cancelled\"", "\"ack\""}},
        {DROPPED, {NULL, NULL, "\"ack\""}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (int attempt = 1; attempt <= 3; attempt++) {
            struct host *host = host_at(cases[i].stage);
            const char *expected = cases[i].answers[attempt - 1];
            receive_about(host, "offer", "m", attempt);
            sync_all(host);
            const char *frame = next_frame(host);
            if (expected ? !strstr(frame, expected) : *frame != '\0')
                fail_msg("stage %d, attempt %d: %s", cases[i].stage, attempt, frame);
            if (expected && strcmp(expected, "\"ack\"") == 0)
                assert_on_disk(host, "m", attempt, ENTRY_OFFERED, SMS_QUEUED);
            else
                assert_non_null(strstr(host->events, "refused m again"));
            assert_submitted(host, "");
            free_host(host);
        }
    }
}

static void release_drop_and_revoke_count_only_where_they_may(void **state)
{
    (void)state;
    for (enum stage stage = NONE; stage < STAGES; stage++) {
        for (int attempt = 1; attempt <= 3; attempt++) {
            bool fits = attempt == 2 && stage == OFFERED;
            struct host *host = host_at(stage);
            receive_about(host, "release", "m", attempt);
            receive_about(host, "release", "m", attempt);
            sync_all(host);
            assert_submitted(host, fits ? "m/2 " : "");
            free_host(host);

            host = host_at(stage);
            receive_about(host, "drop", "m", attempt);
            assert_int_equal(host->pending_count, fits ? 1 : 0);
            sync_all(host);
            if (fits)
                assert_on_disk(host, "m", 2, ENTRY_DROPPED, SMS_QUEUED);
            receive_about(host, "release", "m", attempt);
            sync_all(host);
            assert_submitted(host, "");
            free_host(host);

            host = host_at(stage);
            fits = attempt == 2 && (stage == OFFERED || stage == RELEASED);
            receive_about(host, "revoke", "m", attempt);
            sync_all(host);
            assert_int_equal(strstr(next_frame(host), "\"cancelled\"") != NULL, fits);
            receive_about(host, "release", "m", attempt);
            radio_says(host, "other", 1, SMS_SENT, NULL);
            sync_all(host);
            assert_submitted(host, stage == RELEASED && !fits ? "m/2 " : "");
            free_host(host);
        }
    }
}

static void a_late_report_of_the_network_counts_once(void **state)
{
    struct host *host = host_at(SENT);
    (void)state;
    radio_says(host, "m", 1, SMS_DELIVERED, NULL);
    radio_says(host, "m", 2, SMS_SENT, NULL);
    assert_int_equal(host->pending_count, 0);
    radio_says(host, "m", 2, SMS_DELIVERED, NULL);
    radio_says(host, "m", 2, SMS_DELIVERED, NULL);
    assert_int_equal(host->pending_count, 1);
    free_host(host);
}

/* ---- What it does not take ---- */

static void what_cannot_be_taken_is_answered_with_nack(void **state)
{
    struct host *host = new_host();
    (void)state;
    connect_phone(host);
    assert_null(receive(host, "{\"type\":\"offer\",\"message_id\":\"m\",\"attempt\":1,"
                              "\"phone_number\":\"12\",\"message\":\"Hello!\"}"));
    assert_frame(host, "{\"type\":\"nack\",\"message_id\":\"m\",\"attempt\":1,"
                       "\"code\":\"invalid_arguments\"}");
    host->phone.behaviour.nack_rate = 1;
    host->phone.behaviour.nack_codes = (struct word_list){.words = {"no_sim"}, .count = 1};
    receive_about(host, "offer", "m", 2);
    assert_frame(host, "{\"type\":\"nack\",\"message_id\":\"m\",\"attempt\":2,"
                       "\"code\":\"no_sim\"}");
    assert_int_equal(host->pending_count, 0);
    assert_string_equal(host->events, "refused m invalid_arguments refused m no_sim ");
    free_host(host);
}

static void a_journal_has_1000_entries_in_pages_of_100(void **state)
{
    struct host *host = new_host();
    (void)state;
    connect_phone(host);
    for (int i = 0; i < 1001; i++) {
        char id[16];
        sprintf(id, "m%d", i);
        receive_about(host, "offer", id, 1);
        sync_all(host);
        assert_non_null(strstr(next_frame(host), i < 1000 ? "\"ack\"" : "\"no_room\""));
    }
    assured_on_disconnected(&host->phone);
    assured_on_connected(&host->phone);
    assert_non_null(strstr(next_frame(host), "\"hello\""));
    for (int page = 0; page < 10; page++) {
        char expected[64];
        const char *frame = next_frame(host);
        assert_true(strlen(frame) < FRAME_SIZE - 1);
        sprintf(expected, "{\"message_id\":\"m%d\",\"attempt\":1,\"state\":\"offered\"}]",
                page * 100 + 99);
        assert_non_null(strstr(frame, expected));
        assert_non_null(strstr(frame, page == 9 ? "\"last\":true" : "\"last\":false"));
    }
    assert_no_frame(host);
    free_host(host);
}

/* ---- It stops, and starts again ---- */

static void a_killed_phone_goes_on_from_its_journal(void **state)
{
    static const struct {
        enum stage stage;
        bool store_says;
        const char *listed;
        const char *report; /* the last one after welcome */
        const char *submitted;
    } cases[] = {
        {NONE, false, "[]", NULL, ""},
        {OFFERED, false, "[{\"message_id\":\"m\",\"attempt\":2,\"state\":\"offered\"}]", NULL, ""},
        {SUBMITTING, false, "[{\"message_id\":\"m\",\"attempt\":2,\"state\":\"released\"}]",
         "\"seq\":2,\"message_id\":\"m\",\"attempt\":2,\"status\":\"unknown\"}", ""},
        {SUBMITTING, true, "[{\"message_id\":\"m\",\"attempt\":2,\"state\":\"released\"}]",
         "\"seq\":2,\"message_id\":\"m\",\"attempt\":2,\"status\":\"sent\"}", ""},
        {SENT, false, "[{\"message_id\":\"m\",\"attempt\":2,\"state\":\"released\"}]",
         "\"seq\":2,\"message_id\":\"m\",\"attempt\":2,\"status\":\"sent\"}", ""},
        {DROPPED, false, "[]", NULL, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct host *host = host_at(cases[i].stage);
        host->sent_store_says = cases[i].store_says;
        kill_and_restart(host);
        assured_on_connected(&host->phone);
        if (host->pending_count > 0)
            assert_no_frame(host); /* what the start has changed is not on disk yet */
        sync_all(host);
        assert_non_null(strstr(next_frame(host), first_epoch));
        assert_non_null(strstr(next_frame(host), cases[i].listed));
        assert_null(receive(host, "{\"type\":\"welcome\",\"session\":2,\"credit\":4}"));
        char last[FRAME_SIZE] = "";
        for (const char *frame; *(frame = next_frame(host));)
            strcpy(last, frame);
        if (cases[i].report)
            assert_non_null(strstr(last, cases[i].report));
        else
            assert_string_equal(last, "");
        assert_submitted(host, cases[i].submitted);
        free_host(host);
    }
}

static void what_was_released_is_sent_after_a_kill_without_asking(void **state)
{
    struct host *host = new_host();
    (void)state;
    connect_phone(host);
    receive_about(host, "offer", "m", 1);
    sync_all(host);
    receive_about(host, "release", "m", 1);
    sync_some(host, 1); /* released, and not submitting */
    kill_and_restart(host);
    sync_all(host);
    assert_submitted(host, "m/1 ");
    free_host(host);
}

/* It has the message since before the kill, and wakes up when its time is over. */
static void what_expires_before_it_is_handed_over_is_reported_and_not_sent(void **state)
{
    (void)state;
    for (int kills = 0; kills < 2; kills++) {
        struct host *host = new_host();
        clock_ms = 1767225599122;
        connect_phone(host);
        for (int i = 0; i < 2; i++) {
            char text[512];
            snprintf(text, sizeof(text),
                     "{\"type\":\"offer\",\"message_id\":\"m%d\",\"attempt\":1,"
                     "\"phone_number\":\"+491511234567\",\"message\":\"Hello!\","
                     "\"expires_at\":\"2025-12-31T23:59:59.123Z\",\"delivery_report\":false}",
                     i);
            assert_null(receive(host, text));
            sync_all(host);
            next_frame(host);
        }
        receive_about(host, "release", "m0", 1);
        sync_all(host);
        assert_submitted(host, "m0/1 "); /* just in time */
        receive_about(host, "release", "m1", 1);
        sync_all(host);
        clock_ms++;
        if (kills) {
            kill_and_restart(host);
            connect_phone(host);
        } else {
            radio_says(host, "m0", 1, SMS_SENT, NULL);
        }
        sync_all(host);
        assert_submitted(host, "m0/1 ");
        const char *frame;
        bool found = false;
        while (*(frame = next_frame(host)))
            found |= strstr(frame, "\"message_id\":\"m1\",\"attempt\":1,\"status\":\"expired\"}") !=
                     NULL;
        assert_true(found);
        free_host(host);
    }
}

static void a_slot_without_a_sim_is_answered_with_nack(void **state)
{
    struct host *host = new_host();
    (void)state;
    connect_phone(host);
    host->phone.behaviour.sims = (const struct sim[SIM_SLOTS]){{.is_there = true}};
    for (int sim = 1; sim <= 2; sim++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "{\"type\":\"offer\",\"message_id\":\"m%d\",\"attempt\":1,\"sim\":%d,"
                 "\"phone_number\":\"+491511234567\",\"message\":\"Hello!\"}",
                 sim, sim);
        assert_null(receive(host, text));
        sync_all(host);
    }
    assert_frame(host, "{\"type\":\"ack\",\"message_id\":\"m1\",\"attempt\":1,\"sim\":1}");
    assert_frame(host, "{\"type\":\"nack\",\"message_id\":\"m2\",\"attempt\":1,"
                       "\"code\":\"sim_missing\"}");
    free_host(host);
}

static void the_seq_of_reports_never_comes_again(void **state)
{
    struct host *host = host_at(SENT);
    (void)state;
    assert_null(receive(host, "{\"type\":\"report_ack\",\"seq\":1}"));
    assert_null(receive(host, "{\"type\":\"report_ack\",\"seq\":2}"));
    sync_all(host);
    assert_int_equal(host->disk.report_count, 0);
    kill_and_restart(host);
    connect_phone(host);
    receive_about(host, "offer", "m", 3); /* has had it */
    sync_all(host);
    assert_frame(host, "{\"type\":\"report\",\"seq\":3,\"message_id\":\"m\",\"attempt\":2,"
                       "\"status\":\"sent\"}");
    free_host(host);
}

static void a_lost_journal_begins_a_new_epoch(void **state)
{
    struct host *host = host_at(SUBMITTING);
    (void)state;
    assured_on_disconnected(&host->phone);
    assured_on_journal_lost(&host->phone, "00000000-0000-4000-8000-000000000002");
    radio_says(host, "m", 2, SMS_SENT, NULL);
    assured_on_connected(&host->phone);
    assert_no_frame(host);
    sync_all(host);
    assert_int_equal(host->disk.entry_count, 0);
    assert_non_null(strstr(next_frame(host), "00000000-0000-4000-8000-000000000002"));
    assert_frame(host, "{\"type\":\"journal\",\"entries\":[],\"last\":true}");
    assert_null(receive(host, "{\"type\":\"welcome\",\"session\":2,\"credit\":4}"));
    receive_about(host, "offer", "m", 3);
    sync_all(host);
    assert_frame(host, "{\"type\":\"ack\",\"message_id\":\"m\",\"attempt\":3}");
    free_host(host);
}

static void switched_off_in_good_order_it_knows_what_did_not_leave(void **state)
{
    (void)state;
    struct host *host = host_at(SUBMITTING);
    assured_switch_off(&host->phone, true);
    sync_all(host);
    assert_on_disk(host, "m", 2, ENTRY_DONE, SMS_FAILED);
    assert_non_null(strstr(next_frame(host), "\"error_code\":\"radio_off\""));
    radio_says(host, "m", 2, SMS_SENT, NULL);
    assert_int_equal(host->pending_count, 0);
    free_host(host);

    host = host_at(SUBMITTING);
    assured_switch_off(&host->phone, false);
    sync_all(host);
    assert_on_disk(host, "m", 2, ENTRY_SUBMITTING, SMS_SENDING);
    radio_says(host, "m", 2, SMS_SENT, NULL);
    sync_all(host);
    assert_on_disk(host, "m", 2, ENTRY_DONE, SMS_SENT);
    free_host(host);
}

/* ---- At any instant ---- */

/* Does a random thing to the phone. */
static void do_something(struct host *host, struct random *random, int *attempt)
{
    switch (random_next(random) % 10) {
    case 0:
        receive_about(host, "offer", "m", ++*attempt);
        break;
    case 1:
        receive_about(host, "drop", "m", *attempt);
        break;
    case 2:
    case 3:
        receive_about(host, "release", "m", *attempt);
        break;
    case 4:
    case 5:
        if (*host->submitted) {
            enum sms_status status = random_next(random) % 2 ? SMS_SENT : SMS_FAILED;
            radio_says(host, "m", *attempt, status, "network_error");
        }
        break;
    case 6:
        sync_some(host, (size_t)(random_next(random) % (host->pending_count + 1)));
        break;
    case 7:
        kill_and_restart(host);
        break;
    case 8:
        assured_on_disconnected(&host->phone);
        connect_phone(host);
        break;
    case 9:
        next_frame(host);
        break;
    }
}

static void whatever_happens_a_text_is_handed_over_once(void **state)
{
    size_t handed_over = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct random random = {.state = seed};
        struct host *host = new_host();
        int attempt = 0;
        for (int step = 0; step < 60; step++) {
            do_something(host, &random, &attempt);
            const char *submitted = host->submitted;
            const char *end = strchr(submitted, ' ');
            if (end && end[1] != '\0')
                fail_msg("seed %d, step %d: %s", (int)seed, step, submitted);
            if (*submitted && on_disk(host, "m")->state < ENTRY_SUBMITTING)
                fail_msg("seed %d, step %d: handed over before it was on disk", (int)seed, step);
        }
        handed_over += *host->submitted != '\0';
        free_host(host);
    }
    assert_true(handed_over > 500);
}

UNIT_TESTS(cmocka_unit_test(it_says_hello_and_what_is_in_its_journal),
           cmocka_unit_test(each_step_waits_for_the_journal),
           cmocka_unit_test(one_text_is_with_the_radio_at_a_time),
           cmocka_unit_test(an_offer_is_answered_by_what_the_journal_has),
           cmocka_unit_test(release_drop_and_revoke_count_only_where_they_may),
           cmocka_unit_test(a_late_report_of_the_network_counts_once),
           cmocka_unit_test(what_cannot_be_taken_is_answered_with_nack),
           cmocka_unit_test(a_journal_has_1000_entries_in_pages_of_100),
           cmocka_unit_test(a_killed_phone_goes_on_from_its_journal),
           cmocka_unit_test(what_was_released_is_sent_after_a_kill_without_asking),
           cmocka_unit_test(what_expires_before_it_is_handed_over_is_reported_and_not_sent),
           cmocka_unit_test(a_slot_without_a_sim_is_answered_with_nack),
           cmocka_unit_test(the_seq_of_reports_never_comes_again),
           cmocka_unit_test(a_lost_journal_begins_a_new_epoch),
           cmocka_unit_test(switched_off_in_good_order_it_knows_what_did_not_leave),
           cmocka_unit_test(whatever_happens_a_text_is_handed_over_once))
