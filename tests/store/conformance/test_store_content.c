/* Messages that are no text: only a polled device whose app sends them has them, and what is encrypted has no recipient. */
#include "common/model/polled_app.h"
#include "tests/store/store_fixture.h"

enum { WITH_DATA = 1039000, WITHOUT = 1038000 };

#define CIPHER "$aes-256-cbc/pbkdf2-sha1$i=75000$AAECAwQFBgcICQoLDA0ODw==$AAECAwQFBgcICQoLDA0ODw=="

static const struct message_options data = {
    .target.device_id = "fp4", .content = MESSAGE_DATA, .data_port = 2948};
static const struct message_options encrypted = {.target.device_id = "fp4",
                                                 .content = MESSAGE_ENCRYPTED};

static struct device_token given_phone(struct store_fixture *fixture, unsigned app_version)
{
    struct store_write write = {.verb = STORE_CREATE_PAIRING};
    secret_hash("code", write.create_pairing.code_hash);
    write.create_pairing.valid_for_ms = 600000;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    write = (struct store_write){.verb = STORE_PAIR, .pair.polled = true};
    secret_hash("code", write.pair.code_hash);
    strcpy(write.pair.token.id, "tok000000001");
    strcpy(write.pair.token.device_id, "fp4");
    write.pair.app_version = app_version;
    write.pair.info = DEVICE_INFO_UNKNOWN;
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    return write.pair.token;
}

static struct message made(const struct message_options *options)
{
    bool is_data = options->content == MESSAGE_DATA;
    return (struct message){.id = store_fixture_new_id(),
                            .phone_number = "+491511234567",
                            .text = (char *)(is_data ? "AQID" : CIPHER "\n" CIPHER),
                            .encoding = is_data ? SMS_ENCODING_8BIT : SMS_ENCODING_UCS2,
                            .segments = 1,
                            .options = *options};
}

static enum error enqueue(struct store_fixture *fixture, const struct message *message)
{
    struct store_write write = {.verb = STORE_ENQUEUE, .enqueue.message = message};
    return store_run(fixture->store, &write);
}

static struct message given(struct store_fixture *fixture, const struct message_options *options)
{
    struct message message = made(options);
    if (options->content == MESSAGE_ENCRYPTED)
        strcpy(message.phone_number, MESSAGE_ENCRYPTED_NUMBER);
    assert_int_equal(enqueue(fixture, &message), ERROR_NONE);
    return message;
}

/* The phone fetches: how many messages are listed, and the first of them. */
static size_t fetch(struct store_fixture *fixture, const struct device_token *token,
                    unsigned app_version, struct message *first)
{
    struct store_write write = {.verb = STORE_POLL_MESSAGES};
    struct store_poll_messages *poll = &write.poll_messages;
    strcpy(poll->holder.device_id, "fp4");
    device_token_journal(token, &poll->holder.journal);
    strcpy(poll->token_id, token->id);
    poll->app_version = app_version;
    poll->trusted_wall_ms = store_fixture_now_ms();
    assert_int_equal(store_run(fixture->store, &write), ERROR_NONE);
    size_t count = poll->count;
    if (count > 0) {
        *first = poll->listings[0].message;
        poll->listings[0].message.text = NULL;
    }
    store_poll_messages_fini(poll);
    return count;
}

static void it_is_kept_and_listed_as_it_was_given(void **state)
{
    struct store_fixture *fixture = *state;
    const struct message_options *const all[] = {&data, &encrypted};
    struct device_token token = given_phone(fixture, WITH_DATA);
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        struct message sent = given(fixture, all[i]), listed, read;
        store_fixture_reopen(fixture);
        assert_int_equal(fetch(fixture, &token, WITH_DATA, &listed), i + 1);
        message_fini(&listed);
        read = stored(fixture, &sent.id);
        assert_int_equal(read.status, MESSAGE_ACCEPTED);
        assert_int_equal(read.options.content, all[i]->content);
        assert_int_equal(read.options.data_port, all[i]->data_port);
        assert_int_equal(read.encoding, sent.encoding);
        assert_string_equal(read.text, sent.text);
        message_fini(&read);
    }
    assert_consistent(fixture);
}

static void it_is_accepted_only_for_a_phone_whose_app_sends_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct message_options of_group = {.target.device_group = "berlin", .content = MESSAGE_DATA};
    const struct message_options of_none = {.content = MESSAGE_ENCRYPTED};
    const struct message to_none = made(&of_none), to_group = made(&of_group),
                         to_phone = made(&data);
    assert_int_equal(enqueue(fixture, &to_none), ERROR_CONTENT_NOT_SUPPORTED);
    assert_int_equal(enqueue(fixture, &to_group), ERROR_CONTENT_NOT_SUPPORTED);
    assert_int_equal(enqueue(fixture, &to_phone), ERROR_CONTENT_NOT_SUPPORTED); /* not paired */
    given_phone(fixture, WITHOUT);
    assert_int_equal(enqueue(fixture, &to_phone), ERROR_CONTENT_NOT_SUPPORTED);
    const struct message_options plain = {.reference = ""};
    struct message batch[2] = {made(&plain), made(&data)};
    struct store_write write = {.verb = STORE_ENQUEUE_BATCH,
                                .enqueue_batch = {.messages = batch, .count = 2}};
    write.enqueue_batch.id = batch[0].batch_id = batch[1].batch_id = store_fixture_new_id();
    assert_int_equal(store_run(fixture->store, &write), ERROR_CONTENT_NOT_SUPPORTED);
    assert_int_equal(write.enqueue_batch.refused, 1);
    assert_int_equal(count_messages(fixture), 0);
    given(fixture, &encrypted); /* any version decrypts */
    assert_consistent(fixture);
}

static void no_other_level_is_given_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct device_token token = given_phone(fixture, WITH_DATA);
    struct message sent = given(fixture, &data), listed;
    assert_int_equal(given_claim(fixture, (const char *const[]){"fp4", "other"}, 2), 0);
    assert_int_equal(stored_status(fixture, &sent.id), MESSAGE_QUEUED);
    assert_int_equal(fetch(fixture, &token, WITH_DATA, &listed), 1);
    message_fini(&listed);
}

static void an_app_that_became_too_old_is_not_shown_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct device_token token = given_phone(fixture, WITH_DATA);
    struct message sent = given(fixture, &data), listed, failed;
    assert_int_equal(fetch(fixture, &token, WITHOUT, &listed), 0);
    failed = stored(fixture, &sent.id);
    assert_int_equal(failed.status, MESSAGE_FAILED);
    assert_string_equal(failed.error_code, "content_not_supported");
    message_fini(&failed);
    assert_consistent(fixture);
}

static void what_is_encrypted_has_no_recipient(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->options.limits.recipient_daily_messages = 1;
    fixture->options.limits.daily_messages = 3;
    store_fixture_reopen(fixture);
    given_phone(fixture, WITH_DATA);
    given(fixture, &encrypted);
    given(fixture, &encrypted);
    given(fixture, &data);
    struct message again = made(&data);
    assert_int_equal(enqueue(fixture, &again), ERROR_DAILY_CAP_REACHED); /* each counts */
    fixture->options.limits.daily_messages = 9;
    store_fixture_reopen(fixture);
    assert_int_equal(enqueue(fixture, &again), ERROR_RECIPIENT_CAP_REACHED);
}

UNIT_TESTS(STORE_TEST(it_is_kept_and_listed_as_it_was_given),
           STORE_TEST(it_is_accepted_only_for_a_phone_whose_app_sends_it),
           STORE_TEST(no_other_level_is_given_it),
           STORE_TEST(an_app_that_became_too_old_is_not_shown_it),
           STORE_TEST(what_is_encrypted_has_no_recipient))
