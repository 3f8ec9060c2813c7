#include "common/process/acceptance_rules.h"

#include <inttypes.h>
#include <stdio.h>

bool acceptance_rules_load(struct acceptance_rules *rules, const struct settings *settings,
                           char errmsg[ERRMSG_SIZE])
{
    /* A message that exceeds the daily budget of a device could never be sent. */
    int64_t most = settings->max_message_segments, daily = settings->device_daily_segments;
    rules->max_segments = daily > 0 ? MIN(most, daily) : most;
    rules->default_ttl_seconds = settings->message_ttl_hours * 3600;
    return prefix_list_parse(settings->allowed_prefixes, &rules->allowed_prefixes, errmsg) &&
           prefix_list_parse(settings->denied_prefixes, &rules->denied_prefixes, errmsg);
}

enum error acceptance_rules_check_destination(const struct acceptance_rules *rules,
                                              const char *number,
                                              char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    const char *told = NULL;
    switch (prefix_list_judge(&rules->allowed_prefixes, &rules->denied_prefixes, number)) {
    case PREFIX_ALLOWED:
        return ERROR_NONE;
    case PREFIX_NOT_IN_ALLOWED:
        told = "does not begin with a prefix in ALLOWED_PREFIXES";
        break;
    case PREFIX_DENIED:
        told = "begins with a prefix in DENIED_PREFIXES";
        break;
    }
    snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE, "%s", told);
    return ERROR_DESTINATION_NOT_ALLOWED;
}

enum error acceptance_rules_check_number(const struct acceptance_rules *rules, const char *text,
                                         char number[PHONE_NUMBER_SIZE],
                                         char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    return phone_number_normalise(text, number, reason)
               ? acceptance_rules_check_destination(rules, number, reason)
               : ERROR_INVALID_PHONE_NUMBER;
}

enum error acceptance_rules_check_segments(const struct acceptance_rules *rules,
                                           enum sms_encoding encoding, unsigned segments,
                                           char reason[ACCEPTANCE_RULES_REASON_SIZE])
{
    if (segments == 0) {
        snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE, "must have at least one character");
        return ERROR_EMPTY_MESSAGE;
    }
    if (segments > rules->max_segments) {
        snprintf(reason, ACCEPTANCE_RULES_REASON_SIZE,
                 "needs %u segments in %s; the limit is %" PRId64, segments,
                 sms_encoding_name(encoding), rules->max_segments);
        return ERROR_MESSAGE_TOO_LONG;
    }
    return ERROR_NONE;
}
