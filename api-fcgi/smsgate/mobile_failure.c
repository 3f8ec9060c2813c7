#include "api-fcgi/smsgate/mobile_failure.h"

#include "api-fcgi/smsgate/mobile_json.h"
#include "common/model/send_result.h"

#include <ctype.h>
#include <string.h>

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

void mobile_failure_classify(const char *text, struct store_report *report)
{
    const char *rest;
    mobile_json_copy(text, report->error_message, sizeof(report->error_message));
    strcpy(report->error_code, "app_error");
    if (starts_with(text, "Send result:", &rest)) {
        read_result(rest, report->error_code);
        /* Another part of a longer message may be out. */
        report->nothing_sent = send_result_classify(report->error_code) == SEND_RESULT_DEFINITE;
        report->of_one_segment = true;
    } else if (starts_with(text, "TTL expired", &rest)) {
        report->status = MESSAGE_EXPIRED;
        strcpy(report->error_code, "expired");
    } else if (starts_with(text, "Can't send message:", &rest)) {
        report->nothing_sent = true; /* before it was given to the radio */
        strcpy(report->error_code, strncmp(rest, "SIM", 3) == 0 ? "sim_missing" : "not_sent");
    }
    if (!*report->error_code)
        strcpy(report->error_code, "app_error");
}
