#include "common/model/token_use.h"

#include <stdio.h>
#include <string.h>

enum {
    MINUTE_MS = 60 * 1000,
    TOGETHER_MS = 10 * MINUTE_MS, /* takeovers further apart are not counted together */
    MOST_TOGETHER = 3,
    FORGIVEN_IN_MS = 4 * 60 * MINUTE_MS, /* per takeover */
    MOST_UNFORGIVEN = 6,
    RETURNS_LIMIT = 4,
    JOURNAL_RETURNS = 2, /* points */
    NAME_RETURNS = 1,
    OLDER_APP = 2,
};

#define JOURNAL "journal "
#define NAME    "name "

static bool is_journal(const char *identity)
{
    return strncmp(identity, JOURNAL, sizeof(JOURNAL) - 1) == 0;
}

void token_use_identify(const struct message_id *journal, const char *device_name,
                        char identity[TOKEN_IDENTITY_SIZE])
{
    char text[MESSAGE_ID_TEXT_SIZE];
    if (journal) {
        message_id_format(journal, text);
        snprintf(identity, TOKEN_IDENTITY_SIZE, JOURNAL "%s", text);
    } else {
        snprintf(identity, TOKEN_IDENTITY_SIZE, NAME "%s", device_name);
    }
}

bool token_use_is_silent(const struct token_use *use, const char *identity)
{
    return strcmp(identity, use->identity) == 0 ||
           (strcmp(identity, NAME) == 0 && !is_journal(use->identity));
}

bool token_use_change(struct token_use *use, const char *identity, bool known, int64_t identities,
                      int64_t now_ms)
{
    bool journals = is_journal(identity) && is_journal(use->identity);
    bool levels = is_journal(identity) != is_journal(use->identity);
    if (now_ms - use->returned_at_ms > TOKEN_IDENTITY_KEPT_MS)
        use->returns = 0;
    /* A device with three names just changes its name from time to time. */
    if (known && (journals || levels || identities == 2)) {
        use->returns += journals ? JOURNAL_RETURNS : NAME_RETURNS;
        use->returned_at_ms = now_ms;
    }
    snprintf(use->identity, sizeof(use->identity), "%s", identity);
    return use->returns >= RETURNS_LIMIT;
}

bool token_use_older_app(struct token_use *use, int64_t now_ms)
{
    if (now_ms - use->returned_at_ms > TOKEN_IDENTITY_KEPT_MS)
        use->returns = 0;
    use->returns += OLDER_APP;
    use->returned_at_ms = now_ms;
    return use->returns >= RETURNS_LIMIT;
}

bool token_use_takeover(struct token_use *use, int64_t now_ms)
{
    const int64_t most_ms = (int64_t)MOST_UNFORGIVEN * FORGIVEN_IN_MS;
    /* If the clock was set back, forget everything rather than accuse an honest device. */
    bool clock_was_set = use->taken_over_at_ms > now_ms;
    if (clock_was_set || now_ms - use->taken_over_at_ms > TOGETHER_MS)
        use->takeovers = 0;
    if (clock_was_set)
        use->forgiven_until_ms = 0;
    use->takeovers++;
    use->taken_over_at_ms = now_ms;
    use->forgiven_until_ms = MAX(use->forgiven_until_ms, now_ms) + FORGIVEN_IN_MS;
    return use->takeovers >= MOST_TOGETHER || use->forgiven_until_ms - now_ms > most_ms;
}
