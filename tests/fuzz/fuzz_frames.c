/* The frames of a phone, one a line: what is taken in stays within its bounds and can be written
   again, and what is refused is refused in words that a frame can carry. */
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/utf8.h"
#include "common/model/protocol.h"
#include "tests/fuzz/fuzz.h"
#include "ws-broker/protocol/frame_write.h"
#include "ws-broker/protocol/frames.h"

static void check_document(const struct buffer *text)
{
    struct json_problem problem;
    CHECK(!text->failed);
    struct json *document = json_parse(text->data, text->length, &problem);
    CHECK(document && json_is_object(document));
    json_free(document);
}

static void check_refusal(const struct frame_problem *problem)
{
    struct buffer frame;
    CHECK(problem->error != ERROR_NONE && *problem->detail);
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_error(&frame, problem);
    check_document(&frame);
    buffer_fini(&frame);
}

static void check_warning(const struct frame *frame)
{
    if (frame->warning.error != ERROR_NONE)
        check_refusal(&frame->warning);
}

static void check_text(const char *text, size_t size)
{
    CHECK(memchr(text, '\0', size) && utf8_valid(text, strlen(text)));
}

static void check_info(const struct device_info *info)
{
    check_text(info->name, sizeof(info->name));
    check_text(info->android_version, sizeof(info->android_version));
    CHECK(info->battery_level <= 100 && info->charging <= 1);
    CHECK(device_signal_level(info) >= 0 && device_signal_level(info) <= 4);
    if (info->extra) {
        struct json_problem problem;
        CHECK(strlen(info->extra) <= DEVICE_EXTRA_MAX_BYTES);
        struct json *extra = json_parse(info->extra, strlen(info->extra), &problem);
        CHECK(extra && json_is_object(extra) && json_first(extra));
        json_free(extra);
    }
}

static void check_report(const struct frame *frame)
{
    CHECK(message_status_is_report(frame->status));
    check_text(frame->error_code, sizeof(frame->error_code));
    check_text(frame->error_message, sizeof(frame->error_message));
}

/* A phone's text in a message to another phone. */
static void check_new_sms(const struct frame *report)
{
    struct message message = {.id = report->ref.id, .text = (char *)report->error_message};
    struct buffer frame;
    strcpy(message.phone_number, "+1234567890");
    message.options.target.sim = (unsigned)strlen(report->error_code) % (MESSAGE_MAX_SIM + 1);
    message.options.expires_at_ms = (int64_t)strlen(report->error_message) * 999999999;
    message.options.no_delivery_report = report->status == MESSAGE_EXPIRED;
    buffer_init(&frame, FRAME_MAX_BYTES);
    frame_write_new_sms(&frame, &message);
    check_document(&frame);
    buffer_fini(&frame);
}

static void check_incoming(const struct frame *frame)
{
    const struct incoming_sms *sms = &frame->incoming;
    struct buffer ack;
    CHECK(received_id_valid(sms->received_id));
    check_text(sms->sender, sizeof(sms->sender));
    check_text(sms->recipient, sizeof(sms->recipient));
    CHECK(sms->text && utf8_valid(sms->text, strlen(sms->text)));
    CHECK(frame->sim <= MESSAGE_MAX_SIM);
    char time[CLOCK_TEXT_SIZE];
    int64_t again_ms;
    clock_format(sms->received_at_ms, time);
    CHECK(clock_parse(time, &again_ms) && again_ms == sms->received_at_ms);
    buffer_init(&ack, FRAME_MAX_BYTES);
    frame_write_sms_received_ack(&ack, sms->received_id);
    check_document(&ack);
    buffer_fini(&ack);
}

static void check_assured(const struct frame *frame)
{
    if (frame->type == FRAME_IS_SMS_RECEIVED)
        check_incoming(frame);
    check_text(frame->error_code, sizeof(frame->error_code));
    check_text(frame->error_message, sizeof(frame->error_message));
    CHECK(frame->credit <= STORE_MAX_CLAIM && frame->parts_sent <= 255 && frame->seq >= -1);
    CHECK(frame->entry_count <= FRAME_MAX_ENTRIES);
    for (size_t i = 0; i < frame->entry_count; i++)
        CHECK(frame->entries[i].ref.attempt > 0);
    static const struct message_id nil;
    if (frame->type == FRAME_IS_ACK || frame->type == FRAME_IS_NACK)
        CHECK(frame->ref.attempt > 0);
    if (frame->type == FRAME_IS_HELLO)
        CHECK(!message_id_equal(&frame->journal, &nil));
    if (frame->type == FRAME_IS_REPORT)
        CHECK(frame->status == MESSAGE_CANCELLED || frame->status == MESSAGE_UNKNOWN ||
              message_status_is_report(frame->status));
    if (frame->type == FRAME_IS_DEVICE_UPDATE || frame->type == FRAME_IS_HELLO)
        check_info(&frame->info);
}

/* The same line, wherever a phone with a journal may say it. */
static void read_assured(const char *line, size_t length)
{
    static const enum frame_stage stages[] = {STAGE_HELLO, STAGE_JOURNAL, STAGE_ASSURED};
    for (size_t i = 0; i < ARRAY_LENGTH(stages); i++) {
        struct frame frame;
        struct frame_problem problem;
        if (frame_read(line, length, stages[i], &DEVICE_INFO_UNKNOWN, &frame, &problem)) {
            check_assured(&frame);
            check_warning(&frame);
            frame_fini(&frame);
        } else {
            check_refusal(&problem);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct device_info known = DEVICE_INFO_UNKNOWN;
    bool first = true;
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        char *line = bytes_of(data, length);
        struct frame frame;
        struct frame_problem problem;
        read_assured(line, length);
        if (!frame_read(line, length, first ? STAGE_BASIC_INFO : STAGE_BASIC, &known, &frame,
                        &problem)) {
            check_refusal(&problem);
        } else if (frame.type == FRAME_IS_STATUS_UPDATE) {
            CHECK(!first);
            check_warning(&frame);
            check_report(&frame);
            check_new_sms(&frame);
            frame_fini(&frame);
        } else if (frame.type == FRAME_IS_SMS_RECEIVED) {
            CHECK(!first);
            check_warning(&frame);
            check_incoming(&frame);
            frame_fini(&frame);
        } else {
            CHECK(first == (frame.type == FRAME_IS_DEVICE_INFO));
            check_info(&frame.info);
            check_warning(&frame);
            device_info_fini(&known);
            known = frame.info;
            first = false;
        }
        free(line);
        data += MIN(length + 1, size);
        size -= MIN(length + 1, size);
    }
    device_info_fini(&known);
    return 0;
}
