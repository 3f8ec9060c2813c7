#include "tests/phone-sim/ledger.h"

#include "tests/phone-sim/phone.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { KEY_SIZE = PHONE_ID_SIZE + SMS_ID_SIZE + 32 };

static void key_of(char *key, const char *device_id, const char *message_id, int64_t attempt)
{
    snprintf(key, KEY_SIZE, "%s %s %lld", device_id, message_id, (long long)attempt);
}

static bool read_lines(struct ledger *ledger)
{
    char line[512], device_id[PHONE_ID_SIZE], message_id[SMS_ID_SIZE], key[KEY_SIZE];
    long long attempt;
    FILE *file = fopen(ledger->path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%*s %64s %64s %lld", device_id, message_id, &attempt) == 3) {
            key_of(key, device_id, message_id, attempt);
            id_set_add(&ledger->before, key);
        }
    }
    bool is_read = file && !ferror(file);
    if (file)
        fclose(file);
    return is_read;
}

bool ledger_open(struct ledger *ledger, const char *path, bool read_it)
{
    *ledger = (struct ledger){.path = path, .file = -1};
    if (*path == '\0')
        return true;
    ledger->file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (ledger->file >= 0 && (!read_it || read_lines(ledger)))
        return true;
    fprintf(stderr, "phone-sim: %s cannot be opened: %s\n", path, strerror(errno));
    return false;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->file >= 0)
        close(ledger->file);
    ledger->file = -1;
    id_set_fini(&ledger->before);
}

static _Noreturn void fail(const struct ledger *ledger)
{
    fprintf(stderr, "phone-sim: %s cannot be written: %s\n", ledger->path, strerror(errno));
    exit(1);
}

/* One line in one write(): other programs may append to the same file, or read it now. */
void ledger_append(const struct ledger *ledger, const char *device_id, const char *message_id,
                   int64_t attempt, const char *phone_number)
{
    struct timespec now;
    struct tm utc;
    char time_text[32];
    char line[320];
    if (ledger->file < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &utc);
    int length = snprintf(line, sizeof(line), "%s.%03ldZ %s %s %lld %s\n", time_text,
                          now.tv_nsec / 1000000, device_id, message_id, (long long)attempt,
                          phone_number);
    if (write(ledger->file, line, (size_t)length) != length)
        fail(ledger);
}

void ledger_sync(const struct ledger *ledger)
{
    if (ledger->file >= 0 && fdatasync(ledger->file) != 0 && errno != EINVAL)
        fail(ledger); /* EINVAL: not a file, but a pipe or the like */
}

bool ledger_had(const struct ledger *ledger, const char *device_id, const char *message_id,
                int64_t attempt)
{
    char key[KEY_SIZE];
    key_of(key, device_id, message_id, attempt);
    return id_set_has(&ledger->before, key);
}
