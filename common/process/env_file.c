#include "common/process/env_file.h"

#include "common/base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_LENGTH = 128 };

/* ---- The file ---- */

/* Up to one byte more than the limit; -1 with errno. */
static ssize_t read_all(int fd, char *text)
{
    size_t length = 0;
    while (length <= ENV_FILE_MAX_BYTES) {
        ssize_t count = read(fd, text + length, ENV_FILE_MAX_BYTES + 1 - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        length += (size_t)count;
    }
    return (ssize_t)length;
}

static int line_of(const char *text, const char *place)
{
    int line = 1;
    for (const char *p = text; p < place; p++)
        line += *p == '\n';
    return line;
}

static bool check_text(const struct env_file *file, size_t length, char *errmsg)
{
    static const char save[] = "save it as UTF-8 (Notepad: Save as, Encoding)";
    const char *text = file->text;
    if (length > ENV_FILE_MAX_BYTES)
        return errmsg_set(errmsg, "%.100s is larger than a settings file may be (1 MiB)",
                          file->path);
    if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return errmsg_set(errmsg, "%.100s line 1: the file is UTF-16: %s", file->path, save);
    const char *nul = memchr(text, '\0', length);
    if (nul) /* the text after it would be ignored silently */
        return errmsg_set(errmsg,
                          "%.100s line %d: the line contains a NUL byte, as UTF-16 does: %s",
                          file->path, line_of(text, nul), save);
    return true;
}

static bool read_text(struct env_file *file, int fd, char *errmsg)
{
    struct stat status;
    ssize_t length = -1;
    file->text = malloc(ENV_FILE_MAX_BYTES + 2);
    if (!file->text)
        return errmsg_set(errmsg, "%.100s cannot be read: no memory", file->path);
    if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode))
        return errmsg_set(errmsg, "%.100s is a pipe, not a file", file->path);
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        errno = EISDIR;
    else
        length = read_all(fd, file->text);
    if (length < 0)
        return errmsg_set(errmsg, "%.100s cannot be read: %s", file->path, strerror(errno));
    file->text[length] = '\0';
    return check_text(file, (size_t)length, errmsg);
}

bool env_file_open(struct env_file *file, const char *path, bool required, char errmsg[ERRMSG_SIZE])
{
    *file = (struct env_file){.path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe does not block */
    if (fd < 0 && (errno != ENOENT || required))
        return errmsg_set(errmsg, "%.100s cannot be read: %s", path, strerror(errno));
    struct stat status;
    if (fd < 0 && lstat(path, &status) == 0) /* perhaps to a disk that is not mounted */
        return errmsg_set(
            errmsg, "%.100s cannot be read: it is a link to a file that does not exist", path);
    if (fd < 0)
        return true;
    bool good = read_text(file, fd, errmsg);
    close(fd);
    if (!good) {
        env_file_close(file);
        return false;
    }
    file->next = file->text;
    if (strncmp(file->next, "\xef\xbb\xbf", 3) == 0) /* the byte order mark of Windows editors */
        file->next += 3;
    return true;
}

void env_file_close(struct env_file *file)
{
    free(file->text);
    file->text = file->next = NULL;
}

/* ---- A line ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *text)
{
    while (is_blank(*text))
        text++;
    return text;
}

/* Characters that are invisible or look like ASCII: pasted from a web page or a word processor. */
static const char *look_alike(int32_t point)
{
    if (point == 0xa0 || point == 0x202f || (point >= 0x2000 && point <= 0x200a) || point == 0x3000)
        return "which looks like a space";
    if ((point >= 0x200b && point <= 0x200f) || point == 0x2060 || point == 0xfeff || point == 0xad)
        return "an invisible character";
    if (point >= 0x2018 && point <= 0x201f)
        return "a typographic quote: write \" or '";
    return NULL;
}

/* Between single quotes only control characters are refused. */
static bool check_characters(const struct env_file *file, const char *line, bool is_literal,
                             char *errmsg)
{
    const char *end = line + strlen(line);
    while (line < end) {
        int32_t point = utf8_next(&line, end);
        const char *what = is_literal ? NULL : look_alike(point);
        if (point < 0)
            line++; /* a path may contain any bytes */
        else if (what)
            return errmsg_set(errmsg, "%s: the line contains U+%04X, %s", file->where,
                              (unsigned)point, what);
        else if (point != '\t' && utf8_is_control(point))
            return errmsg_set(errmsg, "%s: the line contains U+%04X, a control character",
                              file->where, (unsigned)point);
    }
    return true;
}

/* The next line without its end, which may be \r\n; NULL after the last. */
static char *next_line(struct env_file *file)
{
    if (!file->next || *file->next == '\0')
        return NULL;
    char *line = strsep(&file->next, "\n");
    size_t length = strlen(line);
    while (length > 0 && (is_blank(line[length - 1]) || line[length - 1] == '\r'))
        line[--length] = '\0';
    file->line = file->line + 1;
    snprintf(file->where, sizeof(file->where), "%.100s line %d", file->path, file->line);
    return skip_blanks(line);
}

static size_t name_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || (text[length] && strchr("_.-", text[length])))
        length++;
    return length;
}

/* Splits a line into the name and the text after the `=`. */
static bool split(const struct env_file *file, char *line, char **name, char **rest, char *errmsg)
{
    if (strncmp(line, "export", 6) == 0 && is_blank(line[6]))
        line = skip_blanks(line + 6);
    size_t length = name_length(line);
    char *after = skip_blanks(line + length);
    if (length > NAME_MAX_LENGTH)
        return errmsg_set(errmsg, "%s: no setting has a name this long: %.60s…", file->where, line);
    if (length > 0 && *after == ':')
        return errmsg_set(errmsg, "%s: a line must be NAME=value, with = instead of the colon",
                          file->where);
    if (length == 0 || *after != '=')
        return check_characters(file, line, false, errmsg) &&
               errmsg_set(errmsg, "%s: a line must be NAME=value, or a # comment", file->where);
    line[length] = '\0';
    if (strcmp(line, "Environment") == 0 || strcmp(line, "EnvironmentFile") == 0)
        return errmsg_set(errmsg, "%s: a line must be NAME=value; %s= belongs in a systemd unit",
                          file->where, line);
    *name = line;
    *rest = after + 1;
    return true;
}

bool env_file_next(struct env_file *file, char **name, char **rest, char errmsg[ERRMSG_SIZE])
{
    char *line;
    *errmsg = '\0';
    do {
        line = next_line(file);
        if (line && strchr(line, '\r')) /* the whole file of an old Mac would be one comment */
            return errmsg_set(errmsg, "%s: the line contains a carriage return: end lines with \\n",
                              file->where);
    } while (line && (*line == '\0' || *line == '#'));
    return line && split(file, line, name, rest, errmsg);
}

/* ---- A value ---- */

/* After a closing quote: nothing, or a comment. */
static bool ends(char *text)
{
    char *behind = skip_blanks(text);
    return *behind == '\0' || (*behind == '#' && behind > text);
}

static char *quoted_value(const struct env_file *file, const char *name, char *text, char *errmsg)
{
    char quote = *text++;
    char *end = strchr(text, quote);
    if (!end || !ends(end + 1)) {
        errmsg_set(
            errmsg,
            end ? "%s: %.60s must not contain quotes, and nothing may follow the closing quote"
                : "%s: %.60s has a quote that is not closed on the same line; a value must not"
                  " contain quotes",
            file->where, name);
        return NULL;
    }
    *end = '\0';
    return text;
}

/* Up to a comment: a # after a space. */
static char *plain_value(const struct env_file *file, const char *name, char *text, char *errmsg)
{
    char *end = text;
    while (*end && !(is_blank(*end) && *skip_blanks(end) == '#'))
        end++;
    *end = '\0';
    while (end > text && is_blank(end[-1]))
        *--end = '\0';
    if (*text == '#') { /* a comment to some readers, a value to others */
        errmsg_set(errmsg, "%s: the value of %.60s begins with #: put it in quotes", file->where,
                   name);
        return NULL;
    }
    if (strpbrk(text, "\"'")) {
        errmsg_set(errmsg, "%s: %.60s must not contain quotes, except around the whole value",
                   file->where, name);
        return NULL;
    }
    return text;
}

char *env_file_value(const struct env_file *file, const char *name, char *rest,
                     char errmsg[ERRMSG_SIZE])
{
    char *text = skip_blanks(rest);
    bool is_spaced_comment = text > rest && *text == '#';
    bool is_literal = *text == '\'';
    if (is_spaced_comment)
        *text = '\0';
    char *value = *text == '"' || is_literal ? quoted_value(file, name, text, errmsg)
                                             : plain_value(file, name, text, errmsg);
    if (!value || !check_characters(file, value, is_literal, errmsg))
        return NULL;
    char *special = is_literal ? NULL : strpbrk(value, "$`\\");
    if (special) {
        errmsg_set(errmsg,
                   "%s: %.60s contains a %c, and nothing is expanded: write the value in full, or "
                   "put it in"
                   " single quotes if the %c is part of it",
                   file->where, name, *special, *special);
        return NULL;
    }
    return value;
}
