#include "api-fcgi/server/suggest.h"

#include <ctype.h>
#include <string.h>

enum { MAX_LETTERS = 31 };

/* Keeps letters, in lower case, and digits; cuts what is longer than any name. */
static size_t fold(const char *name, size_t length, char folded[MAX_LETTERS + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < length && count < MAX_LETTERS; i++) {
        if (isalnum((unsigned char)name[i]))
            folded[count++] = (char)tolower((unsigned char)name[i]);
    }
    folded[count] = '\0';
    return count;
}

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
static int count_edits(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int edits[MAX_LETTERS + 1][MAX_LETTERS + 1];
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                edits[i][j] = (int)(i + j);
                continue;
            }
            int change = edits[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            edits[i][j] = MIN(change, 1 + MIN(edits[i - 1][j], edits[i][j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                edits[i][j] = MIN(edits[i][j], 1 + edits[i - 2][j - 2]);
        }
    }
    return edits[a_length][b_length];
}

static bool is_alias(const char *folded, const char *aliases)
{
    size_t length = strlen(folded);
    for (const char *p = aliases; p && *p; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (word == length && memcmp(p, folded, length) == 0)
            return true;
        p += word;
    }
    return false;
}

int suggest_distance(const char *written, const struct suggestion *suggestion)
{
    char a[MAX_LETTERS + 1], b[MAX_LETTERS + 1];
    size_t a_length = fold(written, strlen(written), a);
    size_t b_length = fold(suggestion->name, strlen(suggestion->name), b);
    if (a_length == 0)
        return SUGGEST_FAR;
    if (is_alias(a, suggestion->aliases))
        return 0;
    int edits = count_edits(a, a_length, b, b_length);
    return edits < SUGGEST_FAR && edits * 3 <= (int)b_length ? edits : SUGGEST_FAR;
}
