#include "common/model/device_groups.h"

#include <ctype.h>
#include <string.h>

bool device_group_valid(const char *label)
{
    size_t length = strlen(label);
    if (length == 0 || length >= DEVICE_GROUP_SIZE)
        return false;
    for (const char *p = label; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
            return false;
    }
    return true;
}

/* The index of the first label that is not before this one. */
static size_t find(const struct device_groups *groups, const char *label)
{
    size_t i = 0;
    while (i < groups->count && strcmp(groups->labels[i], label) < 0)
        i++;
    return i;
}

bool device_groups_has(const struct device_groups *groups, const char *label)
{
    size_t i = find(groups, label);
    return i < groups->count && strcmp(groups->labels[i], label) == 0;
}

bool device_groups_add(struct device_groups *groups, const char *label)
{
    size_t i = find(groups, label);
    if (device_groups_has(groups, label))
        return true;
    if (groups->count == DEVICE_MAX_GROUPS)
        return false;
    memmove(groups->labels[i + 1], groups->labels[i], (groups->count - i) * DEVICE_GROUP_SIZE);
    strcpy(groups->labels[i], label);
    groups->count++;
    return true;
}

bool device_groups_equal(const struct device_groups *a, const struct device_groups *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->labels[i], b->labels[i]) != 0)
            return false;
    }
    return true;
}

void device_groups_format(const struct device_groups *groups, char text[DEVICE_GROUPS_TEXT_SIZE])
{
    char *end = text;
    *end = '\0';
    for (size_t i = 0; i < groups->count; i++)
        end = stpcpy(stpcpy(end, i > 0 ? " " : ""), groups->labels[i]);
}

void device_groups_parse(const char *text, struct device_groups *groups)
{
    *groups = (struct device_groups){0};
    for (const char *p = text; *p; p += *p == ' ') {
        char label[DEVICE_GROUP_SIZE];
        size_t length = strcspn(p, " ");
        if (length < sizeof(label)) {
            memcpy(label, p, length);
            label[length] = '\0';
            if (device_group_valid(label))
                (void)!device_groups_add(groups, label);
        }
        p += length;
    }
}
