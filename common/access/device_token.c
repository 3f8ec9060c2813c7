#include "common/access/device_token.h"

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
