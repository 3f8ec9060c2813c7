#include "tests/phone-sim/sms.h"

#include <string.h>

static const char *const status_names[] = {
    [SMS_QUEUED] = "",         [SMS_SENDING] = "sending",
    [SMS_SENT] = "sent",       [SMS_DELIVERED] = "delivered",
    [SMS_FAILED] = "failed",   [SMS_CANCELLED] = "cancelled",
    [SMS_UNKNOWN] = "unknown", [SMS_EXPIRED] = "expired",
};

static const struct sms_error errors[] = {
    {"radio_off", SMS_ERROR_DEFINITE, "The radio is switched off."},
    {"no_service", SMS_ERROR_DEFINITE, "The phone has no service."},
    {"limit_exceeded", SMS_ERROR_DEFINITE, "The phone has sent too many messages in a short time."},
    {"fdn_check_failure", SMS_ERROR_DEFINITE, "The SIM allows only some numbers."},
    {"short_code_not_allowed", SMS_ERROR_DEFINITE, "The user did not allow the short code."},
    {"short_code_never_allowed", SMS_ERROR_DEFINITE, "The user never allows the short code."},
    {"radio_not_available", SMS_ERROR_DEFINITE, "The radio has not started."},
    {"invalid_state", SMS_ERROR_DEFINITE, "The radio is in the wrong state."},
    {"no_memory", SMS_ERROR_DEFINITE, "The phone is out of memory."},
    {"no_sim", SMS_ERROR_DEFINITE, "There is no SIM."},
    {"sim_missing", SMS_ERROR_DEFINITE, "There is no SIM in that slot."},
    {"no_permission", SMS_ERROR_DEFINITE, "The app may not send messages."},
    {"no_room", SMS_ERROR_DEFINITE, "The journal is full."},
    {"null_pdu", SMS_ERROR_PERMANENT, "The message cannot be encoded."},
    {"invalid_arguments", SMS_ERROR_PERMANENT,
     "The message has no valid phone number, or no text."},
    {"generic_failure", SMS_ERROR_AMBIGUOUS, "The radio could not send the message."},
    {"network_reject", SMS_ERROR_AMBIGUOUS, "The network rejected the message."},
    {"modem_error", SMS_ERROR_AMBIGUOUS, "The modem reported an error."},
    {"network_error", SMS_ERROR_AMBIGUOUS, "The network reported an error."},
    {"timeout", SMS_ERROR_AMBIGUOUS, "The radio did not answer."},
};

const char *sms_status_name(enum sms_status status)
{
    return status_names[status];
}

bool sms_status_from_name(enum sms_status *status, const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(status_names); i++) {
        if (strcmp(status_names[i], name) == 0) {
            *status = (enum sms_status)i;
            return true;
        }
    }
    return false;
}

const struct sms_error *sms_error_find(const char *code)
{
    static const struct sms_error other = {"", SMS_ERROR_AMBIGUOUS,
                                           "The message could not be sent."};
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        if (strcmp(errors[i].code, code) == 0)
            return &errors[i];
    }
    return &other;
}

bool sim_is_there(const struct sim sims[SIM_SLOTS], int64_t slot)
{
    return slot == 0 || (slot >= 1 && slot <= SIM_SLOTS && sims[slot - 1].is_there);
}

int64_t sim_choose(const struct sim sims[SIM_SLOTS], int64_t slot)
{
    if (!sims)
        return 0;
    for (int i = 0; slot == 0 && i < SIM_SLOTS; i++) {
        if (sims[i].is_there)
            slot = i + 1;
    }
    return sim_is_there(sims, slot) ? slot : 0;
}

bool sms_is_phone_number(const char *text)
{
    size_t digits = text && *text == '+' ? strspn(text + 1, "0123456789") : 0;
    return digits >= 1 && digits <= 15 && text[1 + digits] == '\0';
}
