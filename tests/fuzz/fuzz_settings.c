/* A settings file: it is refused in one sentence, or what is printed of it reads back the same. */
#include "common/process/settings.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* Only the file counts. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
#define TEXT(field, name, value, allowed, used_by, meaning)                   unsetenv(name);
#define NUMBER(field, name, unit, value, smallest, largest, used_by, meaning) unsetenv(name);
#include "common/process/settings.def"
#undef TEXT
#undef NUMBER
    return 0;
}

static bool load_bytes(struct settings *settings, const void *bytes, size_t size, char *problem)
{
    char path[32];
    int fd = memfd_create("env", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    bool good = settings_load(settings, path, true, problem);
    close(fd);
    return good;
}

static char *printed(const struct settings *settings, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    CHECK(out);
    settings_print(settings, out);
    CHECK(fclose(out) == 0);
    return text;
}

static void check_reads_back(const struct settings *settings)
{
    struct settings again;
    char problem[ERRMSG_SIZE], path[SETTINGS_TEXT_SIZE];
    size_t size, again_size;
    char *text = printed(settings, &size);
    CHECK(load_bytes(&again, text, size, problem));
    char *again_text = printed(&again, &again_size);
    CHECK(size == again_size && memcmp(text, again_text, size) == 0);
    free(again_text);
    free(text);
    settings_socket_path(settings, "doorbell", path);
    CHECK(strlen(path) < SETTINGS_TEXT_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings;
    char problem[ERRMSG_SIZE] = "";
    if (load_bytes(&settings, data, size, problem)) {
        CHECK(*problem == '\0' && !memchr(data, '\0', size));
        check_reads_back(&settings);
    } else {
        CHECK(*problem && memchr(problem, '\0', sizeof(problem)) && !strchr(problem, '\n'));
    }
    return 0;
}
