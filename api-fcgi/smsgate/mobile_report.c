#include "api-fcgi/smsgate/mobile_report.h"

#include "common/base/utf8.h"
#include "common/model/polled_app.h"
#include "common/model/send_result.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* "RESULT_ERROR_NO_SERVICE (...)" is no_service: Android's names, in the words of PROTOCOL.md. */
static void read_result(const char *name, char code[MESSAGE_ERROR_CODE_SIZE])
{
    static const char result[] = "RESULT_", error[] = "ERROR_";
    size_t length = 0;
    if (strncmp(name, result, sizeof(result) - 1) == 0)
        name += sizeof(result) - 1;
    if (strncmp(name, error, sizeof(error) - 1) == 0)
        name += sizeof(error) - 1;
    while (length < MESSAGE_ERROR_CODE_SIZE - 1 &&
           (isalnum((unsigned char)name[length]) || name[length] == '_')) {
        code[length] = (char)tolower((unsigned char)name[length]);
        length++;
    }
    code[length] = '\0';
}

static bool starts_with(const char *text, const char *start, const char **rest)
{
    size_t length = strlen(start);
    if (strncmp(text, start, length) != 0)
        return false;
    *rest = text + length + strspn(text + length, " ");
    return true;
}

static void classify(const char *text, struct store_report *report)
{
    const char *rest;
    utf8_copy(text, report->error_message, sizeof(report->error_message));
    strcpy(report->error_code, "app_error");
    if (starts_with(text, "Send result:", &rest)) {
        read_result(rest, report->error_code);
        /* Another part of a longer message may be out. */
        report->nothing_sent = send_result_classify(report->error_code) == SEND_RESULT_DEFINITE;
        report->of_one_segment = true;
    } else if (starts_with(text, "TTL expired", &rest)) {
        report->status = MESSAGE_EXPIRED;
        report->nothing_sent = true; /* it looks at the time before */
        strcpy(report->error_code, "expired");
    } else if (starts_with(text, "Can't send message:", &rest)) {
        report->nothing_sent = true; /* before it was given to the radio */
        strcpy(report->error_code, strncmp(rest, "SIM", 3) == 0 ? "sim_missing" : "not_sent");
    }
    if (!*report->error_code)
        strcpy(report->error_code, "app_error");
}

/* False: the app has no such state. */
static bool read_state(const char *state, struct store_report *report)
{
    static const struct {
        const char *state;
        enum message_status status;
    } states[] = {
        {"Pending", MESSAGE_ACCEPTED},    {"Cancelling", MESSAGE_ACCEPTED},
        {"Processed", MESSAGE_SENDING},   {"Sent", MESSAGE_SENT},
        {"Delivered", MESSAGE_DELIVERED}, {"Failed", MESSAGE_FAILED},
        {"Cancelled", MESSAGE_CANCELLED},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
        if (strcasecmp(states[i].state, state) == 0) {
            report->status = states[i].status;
            report->confirms = states[i].status == MESSAGE_ACCEPTED;
            return true;
        }
    }
    return false;
}

bool mobile_report_read(const char *wire_id, const char *state, const char *error, bool was_sent,
                        struct store_report *report)
{
    if (!polled_wire_id_parse(wire_id, &report->ref) || !read_state(state, report))
        return false;
    if (report->status == MESSAGE_FAILED)
        classify(error, report);
    /* It tried twice, and another try failed. */
    report->nothing_sent &= !was_sent;
    return true;
}
