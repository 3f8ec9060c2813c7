/* Devices whose token was revoked, and tokens that two phones use. */
#ifndef WS_BROKER_CORE_TOKEN_REVOCATION_H
#define WS_BROKER_CORE_TOKEN_REVOCATION_H

#include "common/store/work.h"
#include "ws-broker/core/session.h"

struct broker;

/* The token of a connected device was revoked: closes its session. */
void token_revocation_found(struct broker *broker, const struct store_revoked_device *device,
                            int64_t now_ms);

/* The store has quarantined a token because two phones use it: logs that, and closes the session with that token. */
void token_revocation_quarantined(struct broker *broker, const char *device_id,
                                  const char *token_id, const char *evidence, int64_t now_ms);

/* A device has answered the close frame of a session that was replaced: it was alive while another connection was opened
   with its token. The store counts that. */
void token_revocation_count_takeover(struct broker *broker, const struct session *session);

#endif
