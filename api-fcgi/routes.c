#include "api-fcgi/routes.h"

#include "api-fcgi/auth/authorize.h"
#include "api-fcgi/handlers/handlers.h"
#include "api-fcgi/server/api.h"
#include "api-fcgi/smsgate/mobile.h"
#include "api-fcgi/smsgate/program.h"

enum {
    JSON = ROUTE_JSON_BODY,
    OPTIONAL_JSON = JSON | ROUTE_BODY_OPTIONAL,
    QUERY = ROUTE_QUERY,
    SLOW = ROUTE_SLOW_READ,
    KEY = ROUTE_IDEMPOTENCY_KEY,
};

/* SMSGate's routes are below /api and, the same, at the root: router.h. */
#define SMSGATE(method, path, success, scope, flags, handle)                                       \
    {                                                                                              \
        method, "/api" path, success, scope, ROUTE_SMSGATE | (flags), handle                       \
    }

#define PROGRAM(method, path, success, scope, flags, handle)                                       \
    SMSGATE(method, "/3rdparty/v1/" path, success, API_SCOPE_##scope, flags, handle)

static const struct route routes[] = {
    {"POST", "/api/send-sms", 202, API_SCOPE_SEND, JSON | KEY, messages_handle_send},
    {"GET", "/api/sms", 200, API_SCOPE_READ, QUERY | SLOW, message_list_handle},
    {"GET", "/api/sms/{message_id}", 200, API_SCOPE_READ, 0, messages_handle_get},
    {"DELETE", "/api/sms/{message_id}", 200, API_SCOPE_SEND, 0, messages_handle_cancel},
    {"GET", "/api/sms/{message_id}/events", 200, API_SCOPE_READ, QUERY, message_events_handle},
    {"POST", "/api/sms/{message_id}/resend", 202, API_SCOPE_RESEND, OPTIONAL_JSON | KEY,
     messages_handle_resend},
    {"POST", "/api/batches", 202, API_SCOPE_SEND,
     JSON | KEY | QUERY | ROUTE_BATCH_BODY | ROUTE_CSV_BODY, batches_handle_create},
    {"GET", "/api/batches", 200, API_SCOPE_READ, QUERY | SLOW, batches_handle_list},
    {"GET", "/api/batches/{batch_id}", 200, API_SCOPE_READ, SLOW, batches_handle_get},
    {"DELETE", "/api/batches/{batch_id}", 200, API_SCOPE_SEND, 0, batches_handle_cancel},
    {"GET", "/api/inbox", 200, API_SCOPE_INBOX, QUERY | SLOW, inbox_handle_list},
    {"GET", "/api/inbox/{incoming_id}", 200, API_SCOPE_INBOX, 0, inbox_handle_get},
    {"GET", "/api/opt-outs", 200, API_SCOPE_OPT_OUTS, QUERY | SLOW, opt_outs_handle_list},
    {"POST", "/api/opt-outs", 201, API_SCOPE_OPT_OUTS, JSON, opt_outs_handle_add},
    {"GET", "/api/opt-outs/{phone_number}", 200, API_SCOPE_OPT_OUTS, 0, opt_outs_handle_get},
    {"DELETE", "/api/opt-outs/{phone_number}", 200, API_SCOPE_OPT_OUTS, 0, opt_outs_handle_remove},
    {"GET", "/api/devices", 200, API_SCOPE_DEVICES, QUERY | SLOW, devices_handle_list},
    {"GET", "/api/devices/{device_id}", 200, API_SCOPE_DEVICES, 0, devices_handle_get},
    {"GET", "/api/devices/{device_id}/readings", 200, API_SCOPE_DEVICES, 0,
     devices_handle_readings},
    {"PATCH", "/api/devices/{device_id}", 200, API_SCOPE_PAIR, JSON, devices_handle_configure},
    {"DELETE", "/api/devices/{device_id}", 200, API_SCOPE_PAIR, 0, pairing_handle_revoke},
    {"POST", "/api/pairings", 201, API_SCOPE_PAIR, JSON, pairing_handle_create},
    {"POST", "/api/pair", 201, 0, JSON, pairing_handle_pair}, /* the pairing code is the key */
    {"POST", "/api/webhooks", 201, API_SCOPE_WEBHOOKS, JSON, webhooks_handle_create},
    {"GET", "/api/webhooks", 200, API_SCOPE_WEBHOOKS, 0, webhooks_handle_list},
    {"GET", "/api/webhooks/{webhook_id}", 200, API_SCOPE_WEBHOOKS, 0, webhooks_handle_get},
    {"PATCH", "/api/webhooks/{webhook_id}", 200, API_SCOPE_WEBHOOKS, JSON, webhooks_handle_change},
    {"DELETE", "/api/webhooks/{webhook_id}", 200, API_SCOPE_WEBHOOKS, 0, webhooks_handle_remove},
    {"POST", "/api/webhooks/{webhook_id}/secret", 200, API_SCOPE_WEBHOOKS, 0,
     webhooks_handle_rotate},
    {"POST", "/api/webhooks/{webhook_id}/test", 202, API_SCOPE_WEBHOOKS, 0, webhooks_handle_test},
    {"GET", "/api/webhooks/{webhook_id}/deliveries", 200, API_SCOPE_WEBHOOKS, QUERY | SLOW,
     webhooks_handle_deliveries},
    {"POST", "/api/webhooks/{webhook_id}/redeliver", 202, API_SCOPE_WEBHOOKS, JSON,
     webhooks_handle_redeliver},
    {"GET", "/api/overview", 200, API_SCOPE_READ, SLOW, overview_handle},
    {"GET", "/api/statistics", 200, API_SCOPE_READ, QUERY | SLOW, statistics_handle},
    {"GET", "/api/conversations", 200, API_SCOPE_INBOX, QUERY | SLOW, conversations_handle},
    {"GET", "/api/keys", 200, API_SCOPE_KEYS, SLOW, keys_handle_list},
    {"DELETE", "/api/keys/{key_id}", 200, API_SCOPE_KEYS, 0, keys_handle_revoke},
    {"GET", "/api/limits", 200, API_SCOPE_READ, 0, limits_handle},
    {"POST", "/api/sending/pause", 200, API_SCOPE_SENDING, JSON, sending_handle_pause},
    {"POST", "/api/sending/resume", 200, API_SCOPE_SENDING, JSON, sending_handle_resume},
    {"GET", "/api/session", 200, 0, 0, session_handle_get},
    {"POST", "/api/session", 201, 0, JSON, session_handle_create}, /* the link is the key */
    {"DELETE", "/api/session", 200, 0, 0, session_handle_end},
    {"POST", "/api/events/ticket", 201, API_SCOPE_READ, 0, event_ticket_handle},
    {"GET", "/livez", 200, 0, 0, health_handle_livez},
    {"GET", "/readyz", 200, 0, QUERY, health_handle_readyz},
    {"GET", "/metrics", 200, API_SCOPE_METRICS, SLOW, metrics_handle},

    SMSGATE("GET", "/mobile/v1/device", 200, 0, 0, mobile_handle_address),
    SMSGATE("POST", "/mobile/v1/device", 201, 0, JSON, mobile_handle_register),
    SMSGATE("PATCH", "/mobile/v1/device", 204, 0, JSON, mobile_handle_describe),
    SMSGATE("GET", "/mobile/v1/messages", 200, 0, 0, mobile_handle_messages),
    SMSGATE("PATCH", "/mobile/v1/messages", 204, 0, JSON, mobile_handle_reports),
    SMSGATE("GET", "/mobile/v1/webhooks", 200, 0, 0, mobile_handle_webhooks),
    SMSGATE("GET", "/mobile/v1/settings", 200, 0, 0, mobile_handle_settings),
    SMSGATE("POST", "/mobile/v1/hook/{secret}", 204, 0, JSON, mobile_handle_hook),
    SMSGATE("GET", "/mobile/v1/user/code", 501, 0, 0, mobile_refuse_user),
    SMSGATE("PATCH", "/mobile/v1/user/password", 501, 0, 0, mobile_refuse_user),

    PROGRAM("POST", "messages", 202, SEND, JSON, program_messages_handle_send),
    PROGRAM("GET", "messages", 200, READ, QUERY | SLOW, program_list_handle),
    PROGRAM("GET", "messages/{id}", 200, READ, 0, program_messages_handle_get),
    PROGRAM("DELETE", "messages/{id}", 200, SEND, 0, program_messages_handle_cancel),
    PROGRAM("GET", "devices", 200, DEVICES, SLOW, program_devices_handle_list),
    PROGRAM("DELETE", "devices/{id}", 204, PAIR, 0, program_devices_handle_remove),
    PROGRAM("GET", "webhooks", 200, WEBHOOKS, 0, program_webhooks_handle_list),
    PROGRAM("POST", "webhooks", 201, WEBHOOKS, JSON, program_webhooks_handle_create),
    PROGRAM("DELETE", "webhooks/{id}", 204, WEBHOOKS, 0, program_webhooks_handle_remove),
    PROGRAM("GET", "inbox", 200, INBOX, QUERY | SLOW, program_inbox_handle_list),
    PROGRAM("POST", "inbox/export", 202, INBOX, OPTIONAL_JSON, program_inbox_handle_refresh),
    PROGRAM("POST", "inbox/refresh", 202, INBOX, OPTIONAL_JSON, program_inbox_handle_refresh),
    PROGRAM("POST", "messages/inbox/export", 202, INBOX, OPTIONAL_JSON,
            program_inbox_handle_refresh),
    PROGRAM("GET", "settings", 200, DEVICES, 0, program_settings_handle_get),
    PROGRAM("PUT", "settings", 200, PAIR, JSON, program_settings_handle_change),
    PROGRAM("PATCH", "settings", 200, PAIR, JSON, program_settings_handle_change),
    PROGRAM("GET", "logs", 501, READ, 0, program_settings_refuse_logs),
    SMSGATE("POST", "/3rdparty/v1/auth/token", 501, 0, 0, program_settings_refuse_tokens),
    SMSGATE("POST", "/3rdparty/v1/auth/token/refresh", 501, 0, 0, program_settings_refuse_tokens),
    SMSGATE("DELETE", "/3rdparty/v1/auth/token/{id}", 501, 0, 0, program_settings_refuse_tokens),
    SMSGATE("GET", "/3rdparty/v1/health", 200, 0, 0, program_health_handle_ready),
    SMSGATE("GET", "/3rdparty/v1/health/ready", 200, 0, 0, program_health_handle_ready),
    SMSGATE("GET", "/3rdparty/v1/health/live", 200, 0, 0, program_health_handle_live),
    SMSGATE("GET", "/3rdparty/v1/health/startup", 200, 0, 0, program_health_handle_live),
};

_Static_assert((int)ARRAY_LENGTH(routes) < (int)API_MAX_ROUTES, "api.route_metrics is too small");

const struct route_table routes_table = {
    .routes = routes,
    .count = ARRAY_LENGTH(routes),
    .authorize = authorize_request,
};
