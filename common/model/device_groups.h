/*
 * The groups of a device: labels by which clients and operators name several devices at once. Any thread.
 */
#ifndef COMMON_MODEL_DEVICE_GROUPS_H
#define COMMON_MODEL_DEVICE_GROUPS_H

#include "common/base/base.h"
#include "common/model/message.h"

enum { DEVICE_MAX_GROUPS = 16, DEVICE_GROUPS_TEXT_SIZE = DEVICE_MAX_GROUPS * DEVICE_GROUP_SIZE };

/* In the order of the labels, each once. All zero: none. */
struct device_groups {
    size_t count;
    char labels[DEVICE_MAX_GROUPS][DEVICE_GROUP_SIZE];
};

/* 1 to 32 of A-Z a-z 0-9 . _ - */
MUST_CHECK bool device_group_valid(const char *label);

/* False where there are DEVICE_MAX_GROUPS others. The label is valid. */
MUST_CHECK bool device_groups_add(struct device_groups *groups, const char *label);
bool device_groups_has(const struct device_groups *groups, const char *label);
bool device_groups_equal(const struct device_groups *a, const struct device_groups *b);

/* As the database keeps them: separated by spaces. Reading passes over what is not valid. */
void device_groups_format(const struct device_groups *groups, char text[DEVICE_GROUPS_TEXT_SIZE]);
void device_groups_parse(const char *text, struct device_groups *groups);

#endif
