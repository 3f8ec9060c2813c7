/* Recipients that have opted out: by an SMS or by a client, until they opt in again. */
#include "tests/store/store_fixture.h"

#define NUMBER "+4915112345678"

static int setup(void **state)
{
    int status = store_fixture_setup(state);
    struct store_fixture *fixture = *state;
    fixture->options.limits.keeps_opt_outs = true;
    fixture->options.limits.opt_out_keywords = "STOP, STOP ALL";
    fixture->options.limits.opt_in_keywords = "START";
    store_fixture_reopen(fixture);
    return status;
}

#define OPT_OUT_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, setup, store_fixture_teardown)

static struct store_receive receive(struct store_fixture *fixture, const char *sender,
                                    const char *text)
{
    static int number;
    struct incoming_sms sms = {.id = store_fixture_new_id(), .device_id = "phone"};
    snprintf(sms.received_id, sizeof(sms.received_id), "%d", number++);
    incoming_sms_address(sender, sms.sender);
    assert_true(incoming_sms_set_text(&sms, text));
    struct store_write write = {.verb = STORE_RECEIVE, .receive.sms = &sms};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    incoming_sms_fini(&sms);
    return write.receive;
}

static size_t change(struct store_fixture *fixture, const char *number, bool remove)
{
    char numbers[1][PHONE_NUMBER_SIZE];
    strcpy(numbers[0], number);
    struct store_write write = {.verb = STORE_CHANGE_OPT_OUTS};
    write.change_opt_outs = (struct store_change_opt_outs){
        .numbers = numbers, .count = 1, .remove = remove, .source = OPT_OUT_BY_API};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.change_opt_outs.changed;
}

static enum error enqueue(struct store_fixture *fixture, const char *number, bool ignores_opt_out)
{
    struct message message = {.id = store_fixture_new_id(), .text = (char *)"Hello", .segments = 1};
    strcpy(message.phone_number, number);
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    write.enqueue.ignores_opt_out = ignores_opt_out;
    return store_run(fixture->store, &write);
}

static bool has_opted_out(struct store_fixture *fixture, const char *number,
                          struct opt_out *opt_out)
{
    bool found;
    assert_int_equal(store_find_opt_out(fixture->reader, number, opt_out, &found), ERROR_NONE);
    return found;
}

/* ---- Who is on the list ---- */

static void keywords_put_their_sender_on_the_list_and_off_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct opt_out opt_out;
    assert_int_equal(receive(fixture, NUMBER, "Please stop").opt, STORE_OPT_UNCHANGED);
    assert_int_equal(receive(fixture, NUMBER, " stop  all\n").opt, STORE_OPTED_OUT);
    assert_int_equal(receive(fixture, NUMBER, "STOP").opt, STORE_OPT_UNCHANGED);
    assert_true(has_opted_out(fixture, NUMBER, &opt_out));
    assert_int_equal(opt_out.source, OPT_OUT_BY_SMS);
    assert_string_equal(opt_out.keyword, "STOP");
    assert_in_range(opt_out.since_ms, store_fixture_now_ms() - 60000, store_fixture_now_ms());
    store_fixture_reopen(fixture);
    assert_int_equal(enqueue(fixture, NUMBER, false), ERROR_RECIPIENT_OPTED_OUT);
    assert_int_equal(enqueue(fixture, "+4915112345679", false), ERROR_NONE);
    assert_int_equal(receive(fixture, "+4915112345679", "start").opt, STORE_OPT_UNCHANGED);
    assert_int_equal(receive(fixture, NUMBER, "start").opt, STORE_OPTED_IN);
    assert_false(has_opted_out(fixture, NUMBER, &opt_out));
    assert_int_equal(enqueue(fixture, NUMBER, false), ERROR_NONE);
    /* Nobody could send to these. */
    assert_int_equal(receive(fixture, "12345", "STOP").opt, STORE_OPT_UNCHANGED);
    assert_int_equal(receive(fixture, "My Bank", "STOP").opt, STORE_OPT_UNCHANGED);
    assert_consistent(fixture);
}

static void an_sms_that_comes_again_changes_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct incoming_sms sms = {.id = store_fixture_new_id(), .device_id = "phone"};
    strcpy(sms.received_id, "once");
    strcpy(sms.sender, NUMBER);
    assert_true(incoming_sms_set_text(&sms, "STOP"));
    struct store_write write = {.verb = STORE_RECEIVE, .receive.sms = &sms};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(change(fixture, NUMBER, true), 1);
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_true(write.receive.known);
    assert_int_equal(write.receive.opt, STORE_OPT_UNCHANGED);
    assert_int_equal(enqueue(fixture, NUMBER, false), ERROR_NONE);
    incoming_sms_fini(&sms);
}

static void a_client_changes_the_list_too(void **state)
{
    struct store_fixture *fixture = *state;
    struct opt_out opt_outs[3];
    size_t count;
    assert_int_equal(change(fixture, NUMBER, true), 0);
    assert_int_equal(change(fixture, NUMBER, false), 1);
    assert_int_equal(change(fixture, NUMBER, false), 0);
    assert_int_equal(change(fixture, "+4915112345670", false), 1);
    assert_int_equal(enqueue(fixture, NUMBER, false), ERROR_RECIPIENT_OPTED_OUT);
    assert_int_equal(store_list_opt_outs(fixture->reader, "", 3, opt_outs, &count), ERROR_NONE);
    assert_int_equal(count, 2);
    assert_string_equal(opt_outs[0].phone_number, "+4915112345670");
    assert_int_equal(opt_outs[0].source, OPT_OUT_BY_API);
    assert_string_equal(opt_outs[0].keyword, "");
    assert_int_equal(store_list_opt_outs(fixture->reader, "+4915112345670", 3, opt_outs, &count),
                     ERROR_NONE);
    assert_int_equal(count, 1);
    assert_string_equal(opt_outs[0].phone_number, NUMBER);
    assert_int_equal(change(fixture, NUMBER, true), 1);
    assert_int_equal(enqueue(fixture, NUMBER, false), ERROR_NONE);
}

static void where_opt_outs_are_off_nothing_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(change(fixture, NUMBER, false), 1);
    fixture->options.limits.keeps_opt_outs = false;
    store_fixture_reopen(fixture);
    assert_int_equal(enqueue(fixture, NUMBER, false), ERROR_NONE);
    assert_int_equal(receive(fixture, "+4915112345679", "STOP").opt, STORE_OPT_UNCHANGED);
    assert_int_equal(enqueue(fixture, "+4915112345679", false), ERROR_NONE);
}

/* ---- What is refused ---- */

static void a_batch_and_a_resend_are_refused_too_and_an_exempt_key_is_not(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_id old = given_ended(fixture, MESSAGE_FAILED);
    struct message failed = stored(fixture, &old);
    change(fixture, failed.phone_number, false);
    struct message batch[3] = {{.status = MESSAGE_QUEUED}};
    struct message_id batch_id = store_fixture_new_id();
    for (size_t i = 0; i < ARRAY_LENGTH(batch); i++) {
        batch[i] = (struct message){.id = store_fixture_new_id(),
                                    .batch_id = batch_id,
                                    .text = (char *)"Hello",
                                    .segments = 1};
        strcpy(batch[i].phone_number, i == 1 ? failed.phone_number : NUMBER);
    }
    struct store_write write = {.verb = STORE_ENQUEUE_BATCH};
    write.enqueue_batch = (struct store_enqueue_batch){
        .id = batch_id, .messages = batch, .count = ARRAY_LENGTH(batch)};
    assert_int_equal(store_run(fixture->store, &write), ERROR_RECIPIENT_OPTED_OUT);
    assert_int_equal(write.enqueue_batch.refused, 1);
    assert_int_equal(count_messages(fixture), 1);
    write.enqueue_batch.ignores_opt_out = true;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_int_equal(count_messages(fixture), 4);

    struct message again = {.text = NULL};
    struct store_write resend = {.verb = STORE_RESEND};
    resend.resend = (struct store_resend){
        .id = old, .new_id = store_fixture_new_id(), .message = &again};
    assert_int_equal(store_run(fixture->store, &resend), ERROR_RECIPIENT_OPTED_OUT);
    resend.resend.ignores_opt_out = true;
    assert_int_equal(store_run(fixture->store, &resend), ERROR_NONE);
    assert_int_equal(enqueue(fixture, failed.phone_number, true), ERROR_NONE);
    message_fini(&again);
    message_fini(&failed);
    assert_consistent(fixture);
}

/* ---- What is queued ---- */

static struct message_id given_queued(struct store_fixture *fixture, const char *number,
                                      const struct message_options *options)
{
    struct message message = {
        .id = store_fixture_new_id(), .text = (char *)"Hello", .segments = 1, .options = *options};
    strcpy(message.phone_number, number);
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = &message};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return message.id;
}

static void queued_messages_are_cancelled_and_no_others(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const phone[] = {"phone"};
    const struct message_options plain = {.priority = MESSAGE_PRIORITY_NORMAL},
                                 high = {.priority = MESSAGE_PRIORITY_HIGH},
                                 later = {.send_at_ms = store_fixture_now_ms() + DAY_MS};
    struct message_id claimed = given_queued(fixture, NUMBER, &plain);
    assert_int_equal(given_claim(fixture, phone, 1), 1);
    struct message_id other = given_queued(fixture, "+4915112345679", &plain);
    struct message_id queued[] = {given_queued(fixture, NUMBER, &plain),
                                  given_queued(fixture, NUMBER, &high),
                                  given_queued(fixture, NUMBER, &later)};
    receive(fixture, NUMBER, "STOP");
    for (size_t i = 0; i < ARRAY_LENGTH(queued); i++) {
        struct message message = stored(fixture, &queued[i]);
        assert_int_equal(message.status, MESSAGE_CANCELLED);
        assert_string_equal(message.error_code, "recipient_opted_out");
        message_fini(&message);
    }
    assert_int_equal(stored_status(fixture, &claimed), MESSAGE_ACCEPTED);
    assert_int_equal(stored_status(fixture, &other), MESSAGE_QUEUED);
    assert_in_file(fixture, "SELECT count(*) FROM opt_out WHERE cancel_after IS NOT NULL", 0);
    assert_consistent(fixture);
}

/* ---- What a device has ---- */

static const struct message_id journal = {{7}};

static struct store_holder given_phone(struct store_fixture *fixture)
{
    struct store_write write = {.verb = STORE_DEVICE_CONNECT};
    write.connect.holder = (struct store_holder){
        .device_id = "phone-1", .assured = true, .journal = journal};
    write.connect.info = DEVICE_INFO_UNKNOWN;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    write.connect.holder.connection_epoch = write.connect.connection_epoch;
    return write.connect.holder;
}

static struct message_id given_offered(struct store_fixture *fixture)
{
    const struct message_options plain = {.priority = MESSAGE_PRIORITY_NORMAL};
    struct message_id id = given_queued(fixture, NUMBER, &plain);
    given_offer(fixture, "phone-1", &journal);
    return id;
}

static enum store_verdict acknowledge(struct store_fixture *fixture,
                                      const struct store_holder *phone, const struct message_id *id)
{
    struct store_write write = {.verb = STORE_RELEASE};
    write.release.holder = *phone;
    write.release.ref = (struct message_ref){*id, 1};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.release.verdict;
}

static void report(struct store_fixture *fixture, const struct store_holder *phone,
                   const struct message_id *id, enum message_status status, int64_t seq)
{
    struct store_write write = {.verb = STORE_REPORT};
    write.report = (struct store_report){.holder = *phone,
                                         .ref = {*id, 1},
                                         .seq = seq,
                                         .status = status,
                                         .nothing_sent = status == MESSAGE_FAILED};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
}

static void an_offer_is_cancelled_and_what_a_device_returns_is_not_sent_again(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_holder phone = given_phone(fixture);
    struct message_id accepted = given_offered(fixture);
    assert_int_equal(acknowledge(fixture, &phone, &accepted), STORE_VERDICT_RELEASE);
    struct message_id sending = given_offered(fixture);
    assert_int_equal(acknowledge(fixture, &phone, &sending), STORE_VERDICT_RELEASE);
    report(fixture, &phone, &sending, MESSAGE_SENDING, 1);
    struct message_id offered = given_offered(fixture);
    assert_int_equal(change(fixture, NUMBER, false), 1);
    struct message message = stored(fixture, &offered);
    assert_int_equal(message.status, MESSAGE_CANCELLED);
    assert_string_equal(message.error_code, "recipient_opted_out");
    message_fini(&message);
    assert_int_equal(acknowledge(fixture, &phone, &offered), STORE_VERDICT_DROP);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_ACCEPTED);
    assert_int_equal(change(fixture, NUMBER, true), 1);
    report(fixture, &phone, &accepted, MESSAGE_FAILED, 2);
    report(fixture, &phone, &sending, MESSAGE_FAILED, 3);
    assert_int_equal(stored_status(fixture, &accepted), MESSAGE_CANCELLED);
    assert_int_equal(stored_status(fixture, &sending), MESSAGE_CANCELLED);
    assert_consistent(fixture);
}

/* More than one look finds. */
static void housekeeping_cancels_the_rest(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_options plain = {.priority = MESSAGE_PRIORITY_NORMAL};
    for (int i = 0; i < 300; i++)
        given_queued(fixture, NUMBER, &plain);
    receive(fixture, NUMBER, "STOP");
    assert_int_equal(count_messages_in(fixture, MESSAGE_QUEUED), 300 - 256);
    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    assert_false(write.expire_unreported.more_to_cancel);
    assert_int_equal(count_messages_in(fixture, MESSAGE_CANCELLED), 300);
    assert_in_file(fixture, "SELECT count(*) FROM opt_out WHERE cancel_after IS NOT NULL", 0);
    assert_consistent(fixture);
}

/* As an import does. */
static void many_numbers_are_added_at_once_and_their_messages_cancelled_later(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_options plain = {.priority = MESSAGE_PRIORITY_NORMAL};
    char numbers[100][PHONE_NUMBER_SIZE];
    for (int i = 0; i < 100; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "+49151123456%02d", i);
        given_queued(fixture, numbers[i], &plain);
    }
    struct store_write add = {.verb = STORE_CHANGE_OPT_OUTS};
    add.change_opt_outs = (struct store_change_opt_outs){
        .numbers = (const char(*)[PHONE_NUMBER_SIZE])numbers,
        .count = 100,
        .source = OPT_OUT_BY_TOOL};
    assert_int_equal(store_run(fixture->store, &add), ERROR_NONE);
    assert_int_equal(add.change_opt_outs.changed, 100);
    struct store_write write = {.verb = STORE_EXPIRE_UNREPORTED};
    int rounds = 0;
    do {
        assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    } while (write.expire_unreported.more_to_cancel && ++rounds < 100);
    assert_int_equal(count_messages_in(fixture, MESSAGE_CANCELLED), 100);
    assert_consistent(fixture);
}

UNIT_TESTS(OPT_OUT_TEST(keywords_put_their_sender_on_the_list_and_off_it),
           OPT_OUT_TEST(an_sms_that_comes_again_changes_nothing),
           OPT_OUT_TEST(a_client_changes_the_list_too),
           OPT_OUT_TEST(where_opt_outs_are_off_nothing_is_refused),
           OPT_OUT_TEST(a_batch_and_a_resend_are_refused_too_and_an_exempt_key_is_not),
           OPT_OUT_TEST(queued_messages_are_cancelled_and_no_others),
           OPT_OUT_TEST(an_offer_is_cancelled_and_what_a_device_returns_is_not_sent_again),
           OPT_OUT_TEST(housekeeping_cancels_the_rest),
           OPT_OUT_TEST(many_numbers_are_added_at_once_and_their_messages_cancelled_later))
