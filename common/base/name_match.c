#include "common/base/name_match.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 64, ABBREVIATION = 3 };

/* To capitals, with _ between words. */
static void normalise(const char *name, char text[LONGEST])
{
    size_t length = 0;
    for (; *name && length < LONGEST - 1; name++)
        text[length++] = strchr("-.", *name) ? '_' : (char)toupper((unsigned char)*name);
    text[length] = '\0';
}

/* The Damerau-Levenshtein distance: missing, extra, different and swapped letters. */
static int edit_distance(const char *a, const char *b)
{
    int rows[3][LONGEST];
    int width = (int)strlen(b);
    for (int j = 0; j <= width; j++)
        rows[0][j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= width; j++) {
            row[j] = MIN(above[j - 1] + (a[i - 1] != b[j - 1]), MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], second[j - 2] + 1);
        }
    }
    return rows[strlen(a) % 3][width];
}

static const char *next_word(const char *word, size_t length)
{
    return word[length] == '_' ? word + length + 1 : word + length;
}

/* The number of leading words that both names share; an abbreviation counts: TLS_CERT, TLS_CERTIFICATE. */
static int same_words(const char *a, const char *b)
{
    int count = 0;
    while (*a && *b) {
        size_t a_length = strcspn(a, "_"), b_length = strcspn(b, "_");
        size_t common = MIN(a_length, b_length);
        if (strncmp(a, b, common) != 0 || (common < ABBREVIATION && a_length != b_length))
            break;
        count++;
        a = next_word(a, a_length);
        b = next_word(b, b_length);
    }
    return count;
}

int name_match(const char *name, const char *meant)
{
    char a[LONGEST], b[LONGEST];
    normalise(name, a);
    normalise(meant, b);
    int distance = edit_distance(a, b);
    int words = same_words(a, b);
    if (distance <= (strlen(a) < 8 ? 1 : 2))
        return 100 - distance;
    return words > 1 ? 10 * words - distance / 8 : 0;
}
