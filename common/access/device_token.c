#include "common/access/device_token.h"

#include <string.h>

void device_token_journal(const struct device_token *token, struct message_id *journal)
{
    memcpy(journal->bytes, token->hash, sizeof(journal->bytes));
}

const char *device_token_state_name(enum device_token_revocation revocation)
{
    static const char *const names[DEVICE_TOKEN_STATE_COUNT] = {
        [DEVICE_TOKEN_ACTIVE] = "active",
        [DEVICE_TOKEN_REPLACED] = "replaced",
        [DEVICE_TOKEN_REVOKED] = "revoked",
        [DEVICE_TOKEN_QUARANTINED] = "quarantined",
    };
    return names[revocation];
}
