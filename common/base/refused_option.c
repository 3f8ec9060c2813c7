#include "common/base/refused_option.h"

#include <string.h>

/* getopt_long has not passed a word of which it has read one letter: "-10 % today". */
const char *refused_option_word(char **argv)
{
    const char *word = argv[optind - 1];
    bool is_letter = optopt > 0 && optopt < 256;
    bool is_past = word[0] == '-' && word[1] == (char)optopt && word[2] == '\0';
    return is_letter && !is_past ? argv[optind] : word;
}

/* How many of them begin with text[length], up to two; one that is equal counts alone. */
static int find(const struct option *option, const char *text, size_t length,
                const struct option *found[2])
{
    int count = 0;
    for (; option->name; option++) {
        if (strncmp(option->name, text, length) != 0)
            continue;
        if (option->name[length] == '\0') {
            found[0] = option;
            return 1;
        }
        if (count < 2)
            found[count++] = option;
    }
    return count;
}

void refused_option_say(char **argv, const struct option *options, char errmsg[ERRMSG_SIZE])
{
    const char *word = refused_option_word(argv), *name = word + strlen("--");
    const struct option *found[2];
    bool is_long = strncmp(word, "--", strlen("--")) == 0;
    size_t length = is_long ? strcspn(name, "=") : 0;
    int count = length > 0 ? find(options, name, length, found) : 0;
    if (count == 2)
        errmsg_set(errmsg, "--%.*s may be --%s or --%s; write it in full", (int)length, name,
                   found[0]->name, found[1]->name);
    else if (count == 1 && name[length] == '=')
        errmsg_set(errmsg, "--%s takes no value", found[0]->name);
    else
        errmsg_set(errmsg, "there is no option %.200s", word);
}
