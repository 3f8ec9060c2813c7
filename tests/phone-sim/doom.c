#include "tests/phone-sim/doom.h"

#include <signal.h>
#include <unistd.h>

static const char *const names[] = {
    [DOOM_NEVER] = "never",
    [DOOM_FRAME_READ] = "frame-read",
    [DOOM_FRAME_WRITTEN] = "frame-written",
    [DOOM_BEFORE_COMMIT] = "before-commit",
    [DOOM_AFTER_COMMIT] = "after-commit",
    [DOOM_BEFORE_LEDGER] = "before-ledger",
    [DOOM_AFTER_LEDGER] = "after-ledger",
    [DOOM_AFTER_SYNC] = "after-sync",
};

bool doom_parse(struct doom *doom, const char *text)
{
    size_t length = strcspn(text, ":");
    const char *end = "";
    doom->passes = text[length] == ':' ? strtoll(text + length + 1, (char **)&end, 10) : 1;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        doom->instant = (enum doom_instant)i;
        if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0)
            return *end == '\0' && doom->passes > 0;
    }
    return false;
}

void doom_pass(struct doom *doom, enum doom_instant instant)
{
    if (doom->instant == instant && --doom->passes == 0)
        kill(getpid(), SIGKILL);
}
