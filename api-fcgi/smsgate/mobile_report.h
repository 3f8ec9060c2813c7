/* What SMSGate's app says of a message, as a report to the store. */
#ifndef API_FCGI_SMSGATE_MOBILE_REPORT_H
#define API_FCGI_SMSGATE_MOBILE_REPORT_H

#include "common/store/messages.h"

/* Fills in the message, the status, and of a failure the error and whether the text proves that nothing was sent: not where the
   app also says that the message was sent. False: no such id was given to an app, or the app has no such state. Pure. */
MUST_CHECK bool mobile_report_read(const char *wire_id, const char *state, const char *error,
                                   bool was_sent, struct store_report *report);

#endif
