#include "common/model/transition_reason.h"

static const char *const names[TRANSITION_REASON_COUNT] = {
    [TRANSITION_CREATED] = "created",
    [TRANSITION_CLAIMED] = "claimed",
    [TRANSITION_RELEASED] = "released",
    [TRANSITION_REPORTED] = "reported",
    [TRANSITION_CANCEL_REQUESTED] = "cancel_requested",
    [TRANSITION_NOTHING_SENT] = "nothing_sent",
    [TRANSITION_REFUSED] = "refused",
    [TRANSITION_CONNECTION_ENDED] = "connection_ended",
    [TRANSITION_NOT_IN_JOURNAL] = "not_in_journal",
    [TRANSITION_NO_ANSWER] = "no_answer",
    [TRANSITION_BROKER_ENDED] = "broker_restarted",
    [TRANSITION_TOO_LONG] = "too_long",
    [TRANSITION_TOO_MANY_FAILURES] = "too_many_failures",
    [TRANSITION_NO_REPORT] = "no_report",
    [TRANSITION_JOURNAL_LOST] = "journal_lost",
    [TRANSITION_EXPIRED] = "expired",
    [TRANSITION_RESTORED] = "restored",
    [TRANSITION_OPTED_OUT] = "opted_out",
    [TRANSITION_CONTENT_NOT_SUPPORTED] = "content_not_supported",
};

const char *transition_reason_name(enum transition_reason reason)
{
    return names[reason];
}
