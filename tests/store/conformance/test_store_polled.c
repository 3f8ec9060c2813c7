/* Polled devices: what they fetch is theirs from the commit on, is listed again until they report, and never to another. */
#include "common/model/polled_app.h"
#include "tests/store/store_fixture.h"

enum { NEW_APP = 1075000, OLD_APP = 1060000, APP_OF_ONE = 1068000, HOUR_MS = 3600000 };

static const char device[] = "fp4";

struct phone {
    char token_id[SECRET_ID_SIZE];
    struct message_id journal;
};

static unsigned said_sims; /* the slot that pair_with tells; 0: it tells none */

static enum error pair_with(struct store_fixture *fixture, const char *code, int number,
                            struct phone *phone)
{
    struct store_write write = {.verb = STORE_PAIR, .pair.polled = true};
    struct store_pair *pair = &write.pair;
    secret_hash(code, pair->code_hash);
    snprintf(pair->token.id, sizeof(pair->token.id), "tok%09d", number);
    memset(pair->token.hash, number, SECRET_HASH_BYTES);
    memset(pair->hook_hash, number, SECRET_HASH_BYTES);
    strcpy(pair->token.device_id, device);
    pair->app_version = NEW_APP;
    pair->info = DEVICE_INFO_UNKNOWN;
    strcpy(pair->info.name, "Fairphone/FP4");
    pair->set = POLLED_NAME;
    if (said_sims != 0) {
        static char texts[][16] = {"", "[{\"slot\":1}]", "[{\"slot\":2}]"};
        pair->info.sims = texts[said_sims];
        pair->info.sim_slots = 1u << said_sims;
        pair->set |= POLLED_SIMS;
    }
    enum error error = store_run(fixture->store, &write);
    strcpy(phone->token_id, pair->token.id);
    device_token_journal(&pair->token, &phone->journal);
    return error;
}

static void given_code(struct store_fixture *fixture, const char *code, const char *device_id)
{
    struct store_write write = {.verb = STORE_CREATE_PAIRING};
    secret_hash(code, write.create_pairing.code_hash);
    strcpy(write.create_pairing.device_id, device_id);
    write.create_pairing.valid_for_ms = 600000;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static struct phone given_phone(struct store_fixture *fixture)
{
    struct phone phone;
    given_code(fixture, "code", "");
    assert_int_equal(pair_with(fixture, "code", 1, &phone), ERROR_NONE);
    return phone;
}

static void given_stream(struct store_fixture *fixture, const struct phone *phone,
                         struct store_connect_device *connect)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    static struct store_in_flight in_flight[8];
    strcpy(write.connect.holder.device_id, device);
    write.connect.holder.assured = write.connect.polled = true;
    write.connect.holder.journal = phone->journal;
    strcpy(write.connect.token_id, phone->token_id);
    write.connect.broker = message_id_new();
    write.connect.in_flight = in_flight;
    write.connect.in_flight_capacity = 8;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    if (connect)
        *connect = write.connect;
}

static struct store_write poll_write(const struct phone *phone, unsigned version)
{
    struct store_write write = {.verb = STORE_POLL_MESSAGES};
    strcpy(write.poll_messages.holder.device_id, device);
    write.poll_messages.holder.journal = phone->journal;
    strcpy(write.poll_messages.token_id, phone->token_id);
    write.poll_messages.app_version = version;
    write.poll_messages.trusted_wall_ms = store_fixture_now_ms();
    return write;
}

static bool oldest_first; /* in the last list */

/* How many are listed; the first one's name, and whether it is to be cancelled. */
static size_t poll_as(struct store_fixture *fixture, const struct phone *phone, unsigned version,
                      struct message_ref *first, bool *cancel)
{
    struct store_write write = poll_write(phone, version);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    const struct store_poll_messages *poll = &write.poll_messages;
    size_t count = poll->count;
    oldest_first = true;
    for (size_t i = 0; i < count; i++) {
        const struct message *message = &poll->listings[i].message;
        assert_int_equal(message->status, MESSAGE_ACCEPTED);
        assert_string_equal(message->text, "a text");
        assert_int_equal(stored_status(fixture, &message->id), MESSAGE_ACCEPTED);
        if (i > 0)
            oldest_first &= memcmp(poll->listings[i - 1].message.id.bytes, message->id.bytes,
                                   MESSAGE_ID_BYTES) < 0;
    }
    if (count > 0 && first)
        *first = (struct message_ref){poll->listings[0].message.id,
                                      poll->listings[0].message.attempt};
    if (count > 0 && cancel)
        *cancel = poll->listings[0].cancel;
    store_poll_messages_fini(&write.poll_messages);
    return count;
}

static size_t poll(struct store_fixture *fixture, const struct phone *phone)
{
    return poll_as(fixture, phone, NEW_APP, NULL, NULL);
}

static bool found_two_lists; /* by the last report */

static bool report(struct store_fixture *fixture, const struct phone *phone,
                   const struct store_report *what)
{
    struct store_report one = *what;
    struct store_write write = {.verb = STORE_REPORT_POLLED};
    strcpy(write.report_polled.token_id, phone->token_id);
    one.seq = -1;
    one.holder.journal = phone->journal;
    strcpy(one.holder.device_id, device);
    write.report_polled.reports = &one;
    write.report_polled.count = 1;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    found_two_lists = write.report_polled.quarantined;
    return write.report_polled.changed == 1;
}

static enum error cancel(struct store_fixture *fixture, const struct message_id *id)
{
    struct store_write write = {.verb = STORE_CANCEL};
    write.cancel.id = *id;
    return store_run(fixture->store, &write);
}

/* ---- Fetching ---- */

static void an_offer_is_the_phones_once_it_is_listed(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct message_ref ref;
    given_stream(fixture, &phone, NULL);
    struct message_id id = given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll(fixture, &phone), 0); /* the broker decides */
    given_offer(fixture, device, &phone.journal);
    assert_int_equal(poll_as(fixture, &phone, NEW_APP, &ref, NULL), 1);
    assert_true(message_id_equal(&ref.id, &id));
    assert_int_equal(ref.attempt, 1);
    store_fixture_reopen(fixture);
    assert_int_equal(poll(fixture, &phone), 1);
    assert_true(!report(fixture, &phone, &(struct store_report){.ref = ref, .confirms = true}));
    assert_int_equal(poll(fixture, &phone), 0);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    assert_consistent(fixture);
}

static void a_message_is_listed_again_for_a_day(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll(fixture, &phone), 1);
    store_fixture_pass_ms(23 * (int64_t)HOUR_MS);
    assert_int_equal(poll(fixture, &phone), 1);
    store_fixture_pass_ms(2 * (int64_t)HOUR_MS);
    assert_int_equal(poll(fixture, &phone), 0);
}

static void another_registration_is_given_nothing_of_the_first(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture), other;
    struct message_id accepted = given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll(fixture, &phone), 1);
    given_stream(fixture, &phone, NULL);
    struct message_id offered = given_message(fixture, "+491511234568", "a text");
    given_offer(fixture, device, &phone.journal);
    given_code(fixture, "again", device);
    assert_int_equal(pair_with(fixture, "again", 2, &other), ERROR_NONE);
    struct store_write write = poll_write(&phone, NEW_APP);
    assert_int_equal(store_run(fixture->store, &write), ERROR_DEVICE_TOKEN_INVALID);
    assert_int_equal(poll(fixture, &other), 0);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_UNKNOWN);
    assert_int_equal(stored_status(fixture, &offered), MESSAGE_QUEUED);
    assert_consistent(fixture);
}

static void a_stream_that_opens_again_keeps_the_offers(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct store_connect_device connect;
    struct message_id id = given_message(fixture, "+491511234567", "a text");
    given_stream(fixture, &phone, NULL);
    given_offer(fixture, device, &phone.journal);
    given_stream(fixture, &phone, &connect);
    assert_int_equal(connect.connection_epoch, 2);
    assert_int_equal(connect.polled_device.app_version, NEW_APP);
    assert_int_equal(connect.in_flight_count, 1);
    assert_int_equal(connect.in_flight[0].status, MESSAGE_DISPATCHED);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_DISPATCHED);
    assert_int_equal(poll(fixture, &phone), 1);
    given_stream(fixture, &phone, &connect);
    assert_int_equal(connect.in_flight[0].status, MESSAGE_ACCEPTED);
    assert_false(connect.in_flight[0].is_reported);
}

static void without_a_stream_a_phone_takes_what_is_due(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct message_ref first;
    for (int i = 0; i < 3; i++)
        given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, &first, NULL), 1);
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, NULL, NULL), 1); /* the same */
    report(fixture, &phone, &(struct store_report){.ref = first, .confirms = true});
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, NULL, NULL), 0); /* it waits there */
    report(fixture, &phone, &(struct store_report){.ref = first, .status = MESSAGE_SENDING});
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, NULL, NULL), 1);
    assert_int_equal(poll_as(fixture, &phone, NEW_APP, NULL, NULL), 2);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 0);
    assert_consistent(fixture);
}

/* Of a broker that was killed before it had its lease, nothing is known but its devices. */
static void a_stream_of_a_broker_without_a_lease_ends_when_the_next_one_starts(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct store_write lease = {.verb = STORE_BROKER_LEASE, .lease.lease_ms = 15000};
    given_stream(fixture, &phone, NULL);
    given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll(fixture, &phone), 0);
    strcpy(lease.lease.name, "broker");
    lease.lease.instance = message_id_new();
    assert_int_equal(store_run(fixture->store, &lease), ERROR_NONE);
    assert_int_equal(poll(fixture, &phone), 1);
}

static void without_a_stream_a_phone_keeps_its_send_budget(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits.device_window_ms = HOUR_MS;
    fixture->options.limits.device_window_segments = 2;
    store_fixture_reopen(fixture);
    struct phone phone = given_phone(fixture);
    for (int i = 0; i < 4; i++)
        given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll(fixture, &phone), 2);
    assert_true(oldest_first);                  /* of those that were claimed together */
    assert_int_equal(poll(fixture, &phone), 2); /* the same */
    store_fixture_pass_ms(2 * (int64_t)HOUR_MS);
    assert_int_equal(poll(fixture, &phone), 4);
    assert_true(oldest_first);
}

/* The broker, too, gives such an app one; this holds where the app was another one then. */
static void an_app_of_one_is_listed_one_of_several_offers(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    given_stream(fixture, &phone, NULL);
    for (int i = 0; i < 3; i++) {
        given_message(fixture, "+491511234567", "a text");
        given_offer(fixture, device, &phone.journal);
    }
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, NULL, NULL), 1);
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, NULL, NULL), 1);
    assert_int_equal(count_messages_in(fixture, MESSAGE_DISPATCHED), 2);
    assert_int_equal(poll_as(fixture, &phone, NEW_APP, NULL, NULL), 3);
}

static void an_app_that_becomes_one_of_one_is_listed_one_of_several_messages(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct message_ref first, next;
    given_stream(fixture, &phone, NULL);
    for (int i = 0; i < 3; i++) {
        given_message(fixture, "+491511234567", "a text");
        given_offer(fixture, device, &phone.journal);
    }
    assert_int_equal(poll_as(fixture, &phone, OLD_APP, NULL, NULL), 3);
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, &first, NULL), 1);
    report(fixture, &phone, &(struct store_report){.ref = first, .confirms = true});
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, NULL, NULL), 0); /* it has not sent it */
    report(fixture, &phone, &(struct store_report){.ref = first, .status = MESSAGE_SENDING});
    assert_int_equal(poll_as(fixture, &phone, APP_OF_ONE, &next, NULL), 1);
    assert_false(message_id_equal(&first.id, &next.id));
}

static void nothing_is_accepted_while_sending_is_paused(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct store_write write = {.verb = STORE_SET_SENDING, .set_sending.pause = true};
    given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll(fixture, &phone), 1);
    given_message(fixture, "+491511234568", "a text");
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(poll(fixture, &phone), 1);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 1);
}

/* ---- Reports ---- */

static void reports_move_a_message_as_those_of_an_assured_device(void **state)
{
    static const struct {
        const char *text;
        struct store_report report;
        enum message_status becomes;
    } cases[] = {
        {"a text", {.status = MESSAGE_SENDING}, MESSAGE_SENDING},
        {"a text", {.status = MESSAGE_DELIVERED}, MESSAGE_DELIVERED},
        {"a text", {.status = MESSAGE_FAILED}, MESSAGE_FAILED},
        {"a text", {.status = MESSAGE_EXPIRED}, MESSAGE_EXPIRED},
        {"a text", {.status = MESSAGE_EXPIRED, .nothing_sent = true}, MESSAGE_QUEUED},
        {"a text", {.status = MESSAGE_CANCELLED}, MESSAGE_CANCELLED},
        {"a text", {.status = MESSAGE_FAILED, .nothing_sent = true}, MESSAGE_QUEUED},
        {"a text",
         {.status = MESSAGE_FAILED, .nothing_sent = true, .of_one_segment = true},
         MESSAGE_QUEUED},
        {"long",
         {.status = MESSAGE_FAILED, .nothing_sent = true, .of_one_segment = true},
         MESSAGE_FAILED},
    };
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    char text[400];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        bool is_long = strcmp(cases[i].text, "long") == 0;
        struct store_report what = cases[i].report;
        what.ref.id = given_message(fixture, "+491511234567", is_long ? text : cases[i].text);
        what.ref.attempt = 1;
        struct store_write write = poll_write(&phone, NEW_APP);
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
        store_poll_messages_fini(&write.poll_messages);
        what.ref.attempt = 2; /* of none */
        assert_false(report(fixture, &phone, &what));
        what.ref.attempt = 1;
        assert_true(report(fixture, &phone, &what));
        assert_false(report(fixture, &phone, &what));
        assert_int_equal(stored_status(fixture, &what.ref.id), cases[i].becomes);
    }
    assert_consistent(fixture);
}

static void what_was_proved_unsent_has_another_name_the_next_time(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct message_ref ref, again;
    given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll_as(fixture, &phone, NEW_APP, &ref, NULL), 1);
    assert_true(
        report(fixture, &phone,
               &(struct store_report){.ref = ref, .status = MESSAGE_FAILED, .nothing_sent = true}));
    assert_int_equal(poll(fixture, &phone), 0);
    store_fixture_pass_ms(HOUR_MS);
    assert_int_equal(poll_as(fixture, &phone, NEW_APP, &again, NULL), 1);
    assert_true(message_id_equal(&again.id, &ref.id));
    assert_int_equal(again.attempt, 2);
    assert_false(
        report(fixture, &phone, &(struct store_report){.ref = ref, .status = MESSAGE_SENT}));
}

/* ---- Cancel requests ---- */

static void an_app_is_asked_to_cancel_only_if_it_understands(void **state)
{
    static const struct {
        unsigned version;
        enum error error;
    } cases[] = {{OLD_APP, ERROR_NOT_CANCELLABLE},
                 {1066009, ERROR_NOT_CANCELLABLE},
                 {POLLED_APP_CANCELS, ERROR_NONE},
                 {NEW_APP, ERROR_NONE}};
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct message_ref ref;
        bool cancelling = false;
        given_message(fixture, "+491511234567", "a text");
        assert_int_equal(poll_as(fixture, &phone, cases[i].version, &ref, &cancelling), 1);
        assert_false(cancelling);
        assert_int_equal(cancel(fixture, &ref.id), cases[i].error);
        if (cases[i].error == ERROR_NONE) {
            report(fixture, &phone, &(struct store_report){.ref = ref, .confirms = true});
            assert_int_equal(poll_as(fixture, &phone, cases[i].version, NULL, &cancelling), 1);
            assert_true(cancelling);
        }
        if (i + 1 == ARRAY_LENGTH(cases)) {
            store_fixture_pass_ms(31 * 24 * (int64_t)HOUR_MS); /* it is no second phone */
            assert_int_equal(poll_as(fixture, &phone, OLD_APP, NULL, NULL), 0);
        }
        report(fixture, &phone, &(struct store_report){.ref = ref, .status = MESSAGE_CANCELLED});
        assert_int_equal(stored_status(fixture, &ref.id), MESSAGE_CANCELLED);
        assert_true(
            report(fixture, &phone, &(struct store_report){.ref = ref, .status = MESSAGE_SENT}));
    }
    assert_consistent(fixture);
}

/* ---- Registration ---- */

static void a_code_is_good_for_the_same_phone_within_a_minute(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture), again;
    assert_int_equal(pair_with(fixture, "code", 1, &again), ERROR_NONE);
    assert_int_equal(poll(fixture, &again), 0);
    assert_int_equal(pair_with(fixture, "code", 2, &again), ERROR_NONE); /* after a restart */
    assert_int_equal(poll(fixture, &again), 0);
    struct store_write write = poll_write(&phone, NEW_APP);
    assert_int_equal(store_run(fixture->store, &write), ERROR_DEVICE_TOKEN_INVALID);
    store_fixture_pass_ms(STORE_PAIRED_AGAIN_MS + 1);
    assert_int_equal(pair_with(fixture, "code", 3, &again), ERROR_PAIRING_CODE_INVALID);
}

static unsigned sims_of_device(struct store_fixture *fixture)
{
    struct store_device found;
    bool is_there;
    assert_int_equal(store_find_device(fixture->reader, device, &found, &is_there), ERROR_NONE);
    assert_true(is_there);
    unsigned sims = found.device.info.sim_slots;
    device_info_fini(&found.device.info);
    return sims;
}

/* The first answer was lost, and its SIMs have changed. */
static void what_a_phone_says_when_it_registers_once_more_counts(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone;
    given_code(fixture, "code", "");
    for (unsigned slot = 1; slot <= 2; slot++) {
        said_sims = slot;
        assert_int_equal(pair_with(fixture, "code", 1, &phone), ERROR_NONE);
        assert_int_equal(sims_of_device(fixture), 1u << slot);
    }
    said_sims = 0;
}

static bool given_update(struct store_fixture *fixture, int64_t epoch)
{
    struct store_write write = {.verb = STORE_DEVICE_UPDATE};
    strcpy(write.update.device_id, device);
    write.update.info = DEVICE_INFO_UNKNOWN;
    write.update.connection_epoch = epoch;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.update.superseded;
}

/* Without a token, as DEVICE_TOKENS=off allows; its broker has not noticed that this phone is gone. */
static void a_connection_of_the_app_before_says_nothing_more(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    struct phone phone;
    struct store_work *work = calloc(1, sizeof(*work));
    assert_non_null(work);
    strcpy(write.connect.holder.device_id, device);
    write.connect.info = DEVICE_INFO_UNKNOWN;
    write.connect.broker = work->broker = message_id_new();
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    int64_t epoch = write.connect.connection_epoch;
    assert_false(given_update(fixture, epoch));
    given_code(fixture, "code", "");
    said_sims = 2;
    assert_int_equal(pair_with(fixture, "code", 1, &phone), ERROR_NONE);
    said_sims = 0;
    assert_true(given_update(fixture, epoch));
    assert_int_equal(sims_of_device(fixture), 1u << 2);
    assert_int_equal(store_poll_work(fixture->reader, work), ERROR_NONE);
    assert_int_equal(work->revoked_count, 1);
    assert_int_equal(work->revoked[0].connection_epoch, epoch);
    free(work);
}

/* An app that was restored on a second phone, from a backup, has the token too. */
static void two_versions_in_turn_are_two_phones(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct message_id id = given_message(fixture, "+491511234567", "a text");
    assert_int_equal(poll(fixture, &phone), 1);
    assert_int_equal(poll_as(fixture, &phone, OLD_APP, NULL, NULL), 1); /* a late request */
    assert_int_equal(poll(fixture, &phone), 1);
    given_message(fixture, "+491511234568", "a text");
    struct store_write write = poll_write(&phone, OLD_APP);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.poll_messages.quarantined);
    assert_int_equal(write.poll_messages.count, 0);
    write = poll_write(&phone, NEW_APP);
    assert_int_equal(store_run(fixture->store, &write), ERROR_DEVICE_TOKEN_INVALID);
    assert_int_equal(stored_status(fixture, &id), MESSAGE_ACCEPTED);
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 1);
    assert_consistent(fixture);
}

static bool note_battery(struct store_fixture *fixture, const struct phone *phone, double level,
                         int charging)
{
    struct store_write note = {.verb = STORE_NOTE_POLLED};
    strcpy(note.note_polled.device_id, device);
    strcpy(note.note_polled.token_id, phone->token_id);
    note.note_polled.set = POLLED_BATTERY;
    note.note_polled.info = DEVICE_INFO_UNKNOWN;
    note.note_polled.info.battery_level = level;
    note.note_polled.info.charging = charging;
    assert_int_equal(store_run(fixture->store, &note), ERROR_NONE);
    return note.note_polled.changed;
}

static void the_broker_is_told_of_another_battery(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct store_connect_device connect;
    struct store_work *work = calloc(1, sizeof(*work));
    assert_false(note_battery(fixture, &phone, 42, 1)); /* which it does not have yet */
    given_stream(fixture, &phone, &connect);
    assert_int_equal((int)connect.traits.battery_level, 42);
    assert_int_equal(connect.traits.charging, 1);
    assert_false(note_battery(fixture, &phone, 42, 1));
    assert_true(note_battery(fixture, &phone, 42, 0));
    assert_true(note_battery(fixture, &phone, 41, -1));
    work->broker = connect.broker;
    assert_int_equal(store_poll_work(fixture->reader, work), ERROR_NONE);
    assert_int_equal(work->configured_count, 1);
    assert_string_equal(work->configured[0].device_id, device);
    assert_int_equal((int)work->configured[0].traits.battery_level, 41);
    assert_int_equal(work->configured[0].traits.charging, 0);
    assert_int_equal(store_poll_work(fixture->reader, work), ERROR_NONE);
    assert_int_equal(work->configured_count, 0);
    free(work);
}

static void what_a_phone_says_stays_until_it_is_revoked(void **state)
{
    struct store_fixture *fixture = *state;
    struct phone phone = given_phone(fixture);
    struct polled_device polled;
    struct store_device stored_device;
    unsigned char hook_hash[SECRET_HASH_BYTES];
    static struct store_reading readings[STORE_MAX_READINGS];
    size_t count;
    bool found;
    struct store_write note = {.verb = STORE_NOTE_POLLED};
    strcpy(note.note_polled.device_id, device);
    strcpy(note.note_polled.token_id, phone.token_id);
    note.note_polled.set = POLLED_BATTERY | POLLED_SIMS | POLLED_APP_VERSION;
    note.note_polled.info = DEVICE_INFO_UNKNOWN;
    note.note_polled.info.battery_level = 42;
    note.note_polled.info.charging = 1;
    note.note_polled.info.sim_slots = 2;
    note.note_polled.info.sims = (char *)"[{\"slot\":1}]";
    note.note_polled.app_version = NEW_APP + 1;
    note.note_polled.fetched = POLLED_FETCHED_SETTINGS;
    assert_int_equal(store_run(fixture->store, &note), ERROR_NONE);
    given_stream(fixture, &phone, NULL);
    assert_int_equal(store_list_readings(fixture->reader, device, 0, readings, &count), ERROR_NONE);
    assert_int_equal(count, 1);
    assert_int_equal((int)readings[0].battery_level, 42);
    assert_int_equal(store_find_device(fixture->reader, device, &stored_device, &found),
                     ERROR_NONE);
    assert_true(found);
    assert_string_equal(stored_device.device.info.name, "Fairphone/FP4");
    assert_string_equal(stored_device.device.info.sims, "[{\"slot\":1}]");
    assert_int_equal((int)stored_device.device.info.battery_level, 42);
    device_info_fini(&stored_device.device.info);
    memset(hook_hash, 1, sizeof(hook_hash));
    assert_int_equal(store_find_hook(fixture->reader, hook_hash, &polled, &found), ERROR_NONE);
    assert_true(found);
    assert_int_equal(polled.fetched, POLLED_FETCHED_SETTINGS);
    assert_int_equal(polled.app_version, NEW_APP + 1);
    struct store_write revoke = {.verb = STORE_REVOKE_TOKEN,
                                 .revoke_token.revocation = DEVICE_TOKEN_REVOKED};
    strcpy(revoke.revoke_token.device_id, device);
    assert_int_equal(store_run(fixture->store, &revoke), ERROR_NONE);
    assert_int_equal(store_find_hook(fixture->reader, hook_hash, &polled, &found), ERROR_NONE);
    assert_false(found);
}

/* A copy of the app has the message too, or has an older list in which it is not sent. */
static void two_lists_with_one_message_are_two_phones(void **state)
{
    struct store_fixture *fixture = *state;
    const int64_t taken = 1764335825123, sent = taken + 5000;
    const struct {
        int64_t first, second, other;
    } cases[] = {
        {polled_notes_make(taken, 0), polled_notes_make(taken, sent),
         polled_notes_make(taken + HOUR_MS, taken + HOUR_MS)},
        {polled_notes_make(taken, sent), polled_notes_make(taken, 0),
         polled_notes_make(taken, sent + HOUR_MS)},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct phone phone;
        const char *code = i == 0 ? "code" : "another code";
        given_code(fixture, code, i == 0 ? "" : device);
        assert_int_equal(pair_with(fixture, code, (int)i + 1, &phone), ERROR_NONE);
        struct store_report what = {
            .ref.attempt = 1, .confirms = i == 0, .status = MESSAGE_SENDING};
        what.ref.id = given_message(fixture, "+491511234567", "a text");
        assert_int_equal(poll(fixture, &phone), 1);
        const int64_t own[] = {cases[i].first, cases[i].second, 0};
        for (size_t j = 0; j < ARRAY_LENGTH(own); j++) {
            what.notes = own[j];
            report(fixture, &phone, &what);
            assert_false(found_two_lists);
            what.confirms = false;
            what.status = MESSAGE_SENT;
        }
        what.ref.attempt = 2; /* of none: it says nothing */
        what.notes = cases[i].other;
        report(fixture, &phone, &what);
        assert_false(found_two_lists);
        what.ref.attempt = 1;
        what.status = MESSAGE_DELIVERED;
        store_fixture_reopen(fixture);
        assert_true(report(fixture, &phone, &what)); /* and counts */
        assert_true(found_two_lists);
        struct store_write write = poll_write(&phone, NEW_APP);
        assert_int_equal(store_run(fixture->store, &write), ERROR_DEVICE_TOKEN_INVALID);
    }
}

UNIT_TESTS(STORE_TEST(two_lists_with_one_message_are_two_phones),
           STORE_TEST(an_offer_is_the_phones_once_it_is_listed),
           STORE_TEST(a_message_is_listed_again_for_a_day),
           STORE_TEST(another_registration_is_given_nothing_of_the_first),
           STORE_TEST(a_stream_that_opens_again_keeps_the_offers),
           STORE_TEST(without_a_stream_a_phone_takes_what_is_due),
           STORE_TEST(a_stream_of_a_broker_without_a_lease_ends_when_the_next_one_starts),
           STORE_TEST(without_a_stream_a_phone_keeps_its_send_budget),
           STORE_TEST(an_app_of_one_is_listed_one_of_several_offers),
           STORE_TEST(an_app_that_becomes_one_of_one_is_listed_one_of_several_messages),
           STORE_TEST(nothing_is_accepted_while_sending_is_paused),
           STORE_TEST(reports_move_a_message_as_those_of_an_assured_device),
           STORE_TEST(what_was_proved_unsent_has_another_name_the_next_time),
           STORE_TEST(an_app_is_asked_to_cancel_only_if_it_understands),
           STORE_TEST(a_code_is_good_for_the_same_phone_within_a_minute),
           STORE_TEST(what_a_phone_says_when_it_registers_once_more_counts),
           STORE_TEST(a_connection_of_the_app_before_says_nothing_more),
           STORE_TEST(two_versions_in_turn_are_two_phones),
           STORE_TEST(the_broker_is_told_of_another_battery),
           STORE_TEST(what_a_phone_says_stays_until_it_is_revoked))
