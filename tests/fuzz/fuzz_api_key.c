/* The text of an API key, and the list of its scopes. */
#include "../../common/api_key.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct api_key known;
    static char known_text[API_KEY_TEXT_SIZE];
    char *text = text_of(data, size);
    char id[API_KEY_ID_SIZE], unknown[32], list[API_SCOPES_TEXT_SIZE];
    unsigned scopes, again;

    if (!*known_text)
        CHECK(api_key_make(&known, known_text));
    CHECK(api_key_fits(&known, text) == (strcmp(text, known_text) == 0));
    if (api_key_parse(text, id))
        CHECK(strlen(text) == API_KEY_TEXT_SIZE - 1 && strncmp(text + 4, id, strlen(id)) == 0 &&
              strlen(id) == API_KEY_ID_SIZE - 1);
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
