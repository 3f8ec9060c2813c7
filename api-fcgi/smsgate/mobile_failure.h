/* Why SMSGate's app did not send a message, by the text of its report. */
#ifndef API_FCGI_SMSGATE_MOBILE_FAILURE_H
#define API_FCGI_SMSGATE_MOBILE_FAILURE_H

#include "common/store/messages.h"

/* Completes a report of `failed`: its status, the error, and whether the text proves that nothing was sent. Pure. */
void mobile_failure_classify(const char *text, struct store_report *report);

#endif
