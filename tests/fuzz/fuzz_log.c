/* Whatever a peer has us log, it is one line of either format, and the text can be read back from it. */
#include "common/base/json.h"
#include "common/base/utf8.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

enum {
    MAX_LINE_BYTES = 4096,
    WHOLE_BYTES = 900, /* a shorter text fits, whatever its escapes */
};

/* What is written to stderr meanwhile; returns its length. */
static size_t logged(const char *text, char line[MAX_LINE_BYTES + 1])
{
    int real = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
    CHECK(real >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
    log_warning("event", LOG_TEXT("text", text), LOG_PHONE("phone", text), LOG_NUMBER("last", 1));
    CHECK(dup2(real, STDERR_FILENO) >= 0);
    ssize_t length = pread(file, line, MAX_LINE_BYTES + 1, 0);
    CHECK(length > 0 && length <= MAX_LINE_BYTES && line[length - 1] == '\n');
    for (ssize_t i = 0; i + 1 < length; i++)
        CHECK((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
    close(file);
    close(real);
    return (size_t)length;
}

/* Undoes the escapes of a quoted value; returns what follows the closing quote. */
static const char *unescape(const char *p, char *text)
{
    while (*p != '"') {
        unsigned byte;
        CHECK(*p);
        if (*p != '\\') {
            *text++ = *p++;
        } else if (p[1] == 'x') {
            CHECK(sscanf(p + 2, "%2x", &byte) == 1);
            if (byte >= 0x80 && byte < 0xa0) /* a control character, or a byte that is none */
                *text++ = '\xc2';
            *text++ = (char)byte;
            p += 4;
        } else {
            *text++ = p[1];
            p += 2;
        }
    }
    *text = '\0';
    return p + 1;
}

/* A text that fits, so that all of it is there. */
static bool is_whole(const char *text)
{
    return strlen(text) < WHOLE_BYTES && utf8_valid(text, strlen(text));
}

static void check_logfmt(const char *text)
{
    char line[MAX_LINE_BYTES + 2], *again = malloc(2 * MAX_LINE_BYTES);
    CHECK(again);
    log_init("fuzz", LOG_LEVEL_WARNING, LOG_FORMAT_LOGFMT);
    size_t length = logged(text, line);
    line[length] = '\0';
    if (is_whole(text)) {
        const char *value = strstr(line, " text=") + strlen(" text=");
        const char *rest = value + strcspn(value, " ");
        if (*value == '"')
            rest = unescape(value + 1, again);
        else
            snprintf(again, MAX_LINE_BYTES, "%.*s", (int)(rest - value), value);
        CHECK(strncmp(rest, " phone=+***", 11) == 0);
        CHECK(strcmp(again, text) == 0 && strcmp(line + length - 8, " last=1\n") == 0);
    }
    free(again);
}

static void check_json(const char *text)
{
    char line[MAX_LINE_BYTES + 2];
    struct json_problem problem;
    log_init("fuzz", LOG_LEVEL_WARNING, LOG_FORMAT_JSON);
    size_t length = logged(text, line);
    line[--length] = '\0';
    struct json *object = json_parse(line, length, &problem);
    CHECK(object && json_is_object(object) && json_text(json_member(object, "text")));
    if (is_whole(text)) {
        CHECK(strcmp(json_text(json_member(object, "text")), text) == 0);
        CHECK(json_member(object, "last"));
    }
    json_free(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    check_logfmt(text);
    check_json(text);
    free(text);
    return 0;
}
