/* The texts of secrets and pairing codes, and the list of an API key's scopes. */
#include "common/access/api_key.h"
#include "tests/fuzz/fuzz.h"

static void try_secret(const char *text, enum secret_kind kind)
{
    char id[SECRET_ID_SIZE];
    if (secret_parse(kind, text, id))
        CHECK(strlen(text) == SECRET_TEXT_SIZE - 1 && strncmp(text + 4, id, strlen(id)) == 0 &&
              strlen(id) == SECRET_ID_SIZE - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char known_text[SECRET_TEXT_SIZE], known_id[SECRET_ID_SIZE];
    static unsigned char known_hash[SECRET_HASH_BYTES];
    char *text = text_of(data, size);
    char unknown[32], list[API_SCOPES_TEXT_SIZE];
    unsigned char hash[SECRET_HASH_BYTES];
    unsigned scopes, again;

    if (!*known_text)
        CHECK(secret_make(SECRET_API_KEY, known_text, known_id, known_hash));
    CHECK(secret_fits(known_hash, text) == (strcmp(text, known_text) == 0));
    try_secret(text, SECRET_API_KEY);
    try_secret(text, SECRET_DEVICE_TOKEN);
    try_secret(text, SECRET_TICKET);
    const char *token = secret_bearer_token(text);
    CHECK(!token || (token >= text && token <= text + strlen(text)));
    if (pairing_code_hash(text, hash))
        CHECK(strlen(text) >= 16);
    if (api_scopes_parse(text, &scopes, unknown)) {
        CHECK(scopes > 0 && scopes < 1u << API_SCOPE_COUNT);
        api_scopes_format(scopes, list);
        CHECK(api_scopes_parse(list, &again, unknown) && again == scopes);
    } else {
        CHECK(strlen(unknown) < sizeof(unknown));
    }
    free(text);
    return 0;
}
