#include "tests/phone-sim/tokens.h"

#include <errno.h>

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct token *)a)->id, ((const struct token *)b)->id);
}

static int compare_lines(const void *a, const void *b)
{
    const struct token *one = a, *two = b;
    int order = compare(one, two);
    return order ? order : one->line < two->line ? 1 : -1;
}

static bool read_all(struct tokens *tokens, FILE *file, const char *path)
{
    char line[PHONE_ID_SIZE + TOKEN_SIZE + 8];
    size_t capacity = 0;
    while (fgets(line, sizeof(line), file)) {
        if (tokens->count == capacity) {
            capacity = MAX(2 * capacity, 16);
            struct token *more = reallocarray(tokens->items, capacity, sizeof(*more));
            if (!more) {
                fputs("phone-sim: out of memory\n", stderr);
                return false;
            }
            tokens->items = more;
        }
        struct token *token = &tokens->items[tokens->count++];
        *token = (struct token){0};
        char *space = strchr(line, ' ');
        size_t id_length = space ? (size_t)(space - line) : 0;
        size_t text_length = space ? strcspn(space + 1, "\r\n ") : 0;
        if (id_length == 0 || id_length >= sizeof(token->id) || text_length == 0 ||
            text_length >= sizeof(token->text)) {
            fprintf(stderr, "phone-sim: --tokens %s: line %zu is no device id and its token\n",
                    path, tokens->count);
            return false;
        }
        memcpy(token->id, line, id_length);
        memcpy(token->text, space + 1, text_length);
        token->line = tokens->count;
    }
    qsort(tokens->items, tokens->count, sizeof(*tokens->items), compare_lines);
    return true;
}

bool tokens_load(struct tokens *tokens, const char *path)
{
    *tokens = (struct tokens){0};
    if (!*path)
        return true;
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "phone-sim: --tokens %s: %s\n", path, strerror(errno));
        return false;
    }
    bool good = read_all(tokens, file, path);
    fclose(file);
    return good;
}

void tokens_free(struct tokens *tokens)
{
    free(tokens->items);
    *tokens = (struct tokens){0};
}

const char *tokens_find(const struct tokens *tokens, const char *id)
{
    struct token key = {0};
    if (tokens->count == 0)
        return NULL;
    snprintf(key.id, sizeof(key.id), "%s", id);
    const struct token *found = bsearch(&key, tokens->items, tokens->count, sizeof(key), compare);
    while (found && found > tokens->items && strcmp(found[-1].id, id) == 0)
        found--;
    return found ? found->text : NULL;
}
