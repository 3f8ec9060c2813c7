#include "common/model/send_result.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *error_code;
    enum send_result_class class;
} results[] = {
    {"radio_off", SEND_RESULT_DEFINITE},
    {"no_service", SEND_RESULT_DEFINITE},
    {"limit_exceeded", SEND_RESULT_DEFINITE},
    {"fdn_check_failure", SEND_RESULT_DEFINITE},
    {"short_code_not_allowed", SEND_RESULT_DEFINITE},
    {"short_code_never_allowed", SEND_RESULT_DEFINITE},
    {"radio_not_available", SEND_RESULT_DEFINITE},
    {"invalid_state", SEND_RESULT_DEFINITE},
    {"no_memory", SEND_RESULT_DEFINITE},
    {"no_sim", SEND_RESULT_DEFINITE},
    {"sim_missing", SEND_RESULT_DEFINITE},
    {"no_permission", SEND_RESULT_DEFINITE},
    {"no_room", SEND_RESULT_DEFINITE},
    {"null_pdu", SEND_RESULT_PERMANENT},
    {"invalid_arguments", SEND_RESULT_PERMANENT},
    {"generic_failure", SEND_RESULT_AMBIGUOUS},
    {"network_reject", SEND_RESULT_AMBIGUOUS},
    {"modem_error", SEND_RESULT_AMBIGUOUS},
    {"network_error", SEND_RESULT_AMBIGUOUS},
    {"timeout", SEND_RESULT_AMBIGUOUS},
};

/* The index of a word in the table; the length of the table if it is not there. */
static size_t find(const char *error_code)
{
    size_t i = 0;
    while (i < ARRAY_LENGTH(results) && strcmp(error_code, results[i].error_code) != 0)
        i++;
    return i;
}

enum send_result_class send_result_classify(const char *error_code)
{
    size_t place = find(error_code);
    return place < ARRAY_LENGTH(results) ? results[place].class : SEND_RESULT_AMBIGUOUS;
}

bool send_result_is_known(const char *error_code)
{
    return find(error_code) < ARRAY_LENGTH(results);
}

static const char *skip_start(const char *text, const char *start)
{
    size_t length = strlen(start);
    return strncasecmp(text, start, length) == 0 ? text + length : text;
}

const char *send_result_word(const char *told)
{
    static const char spaces[] = " \t\r\n";
    told = skip_start(skip_start(told + strspn(told, spaces), "RESULT_"), "ERROR_");
    size_t length = strcspn(told, spaces);
    if (told[length + strspn(told + length, spaces)] != '\0')
        return NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(results); i++) {
        if (strncasecmp(told, results[i].error_code, length) == 0 &&
            results[i].error_code[length] == '\0')
            return results[i].error_code;
    }
    return NULL;
}
