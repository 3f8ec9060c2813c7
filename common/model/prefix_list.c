#include "common/model/prefix_list.h"

#include "common/model/phone_number.h"

#include <stdio.h>
#include <string.h>

static const char separators[] = " \t,";
static const char digits[] = "0123456789";

bool prefix_list_parse(const char *text, struct prefix_list *list, char errmsg[ERRMSG_SIZE])
{
    list->count = 0;
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        size_t count = *text == '+' ? strspn(text + 1, digits) : 0;
        if (count == 0 || count > PREFIX_LIST_MOST_DIGITS || count + 1 != length ||
            text[1] == '0') {
            return errmsg_set(errmsg,
                              "must be prefixes such as \"+49 +4366\", and contains \"%.*s\"",
                              (int)MIN(strcspn(text, " \t,\r\n"), (size_t)20), text);
        }
        if (phone_number_has_trunk_zero(text + 1)) {
            return errmsg_set(errmsg,
                              "contains \"%.*s\", with a 0 that is dialled only inside the "
                              "country: no international number begins like this",
                              (int)length, text);
        }
        if (list->count == PREFIX_LIST_MOST) {
            return errmsg_set(errmsg, "may have at most %d prefixes", PREFIX_LIST_MOST);
        }
        char *prefix = list->prefixes[list->count++];
        memcpy(prefix, text + 1, count);
        prefix[count] = '\0';
        text += length;
    }
    return true;
}

size_t prefix_list_match(const struct prefix_list *list, const char *number)
{
    size_t longest = 0;
    for (size_t i = 0; *number == '+' && i < list->count; i++) {
        size_t length = strlen(list->prefixes[i]);
        if (length > longest && strncmp(number + 1, list->prefixes[i], length) == 0)
            longest = length;
    }
    return longest;
}

enum prefix_verdict prefix_list_judge(const struct prefix_list *allowed,
                                      const struct prefix_list *denied, const char *number)
{
    size_t allows = prefix_list_match(allowed, number);
    size_t denies = prefix_list_match(denied, number);
    if (denies > 0 && denies >= allows)
        return PREFIX_DENIED;
    return allowed->count == 0 || allows > 0 ? PREFIX_ALLOWED : PREFIX_NOT_IN_ALLOWED;
}
