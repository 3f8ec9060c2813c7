#include "api-fcgi/handlers/known_targets.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    bool is_group, known;
    char name[DEVICE_ID_SIZE];
};
_Static_assert((int)DEVICE_GROUP_SIZE <= (int)DEVICE_ID_SIZE, "a group fits");

static int compare(const void *first, const void *second)
{
    const struct answer *a = first, *b = second;
    return a->is_group != b->is_group ? a->is_group - b->is_group : strcmp(a->name, b->name);
}

static enum error ask(struct known_targets *targets, struct store_reader *reader, bool is_group,
                      const char *name, bool *known)
{
    struct answer answer = {.is_group = is_group};
    strcpy(answer.name, name);
    struct answer *const *found = tfind(&answer, &targets->answers, compare);
    if (found) {
        *known = (*found)->known;
        return ERROR_NONE;
    }
    enum error error = is_group ? store_group_is_known(reader, name, known)
                                : store_device_is_known(reader, name, known);
    struct answer *kept = error == ERROR_NONE ? malloc(sizeof(*kept)) : NULL;
    if (!kept)
        return error;
    *kept = answer;
    kept->known = *known;
    if (!tsearch(kept, &targets->answers, compare)) /* no memory: it is asked again */
        free(kept);
    return ERROR_NONE;
}

enum error known_targets_ask_device(struct known_targets *targets, struct store_reader *reader,
                                    const char *device_id, bool *known)
{
    return ask(targets, reader, false, device_id, known);
}

enum error known_targets_ask_group(struct known_targets *targets, struct store_reader *reader,
                                   const char *group, bool *known)
{
    return ask(targets, reader, true, group, known);
}

void known_targets_fini(struct known_targets *targets)
{
    tdestroy(targets->answers, free);
    targets->answers = NULL;
}
