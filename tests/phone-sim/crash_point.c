#include "tests/phone-sim/crash_point.h"

#include <signal.h>
#include <unistd.h>

static const char *const names[] = {
    [CRASH_NEVER] = "never",
    [CRASH_FRAME_READ] = "frame-read",
    [CRASH_FRAME_WRITTEN] = "frame-written",
    [CRASH_BEFORE_COMMIT] = "before-commit",
    [CRASH_AFTER_COMMIT] = "after-commit",
    [CRASH_BEFORE_LEDGER] = "before-ledger",
    [CRASH_AFTER_LEDGER] = "after-ledger",
    [CRASH_AFTER_SYNC] = "after-sync",
};

bool crash_point_parse(struct crash_point *crash_point, const char *text)
{
    size_t length = strcspn(text, ":");
    const char *end = "";
    crash_point->passes = text[length] == ':' ? strtoll(text + length + 1, (char **)&end, 10) : 1;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        crash_point->instant = (enum crash_instant)i;
        if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0)
            return *end == '\0' && crash_point->passes > 0;
    }
    return false;
}

void crash_point_pass(struct crash_point *crash_point, enum crash_instant instant)
{
    if (crash_point->instant == instant && --crash_point->passes == 0)
        kill(getpid(), SIGKILL);
}
