/* Gives a target the files named, and those in the folders named: the corpus without libFuzzer. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static void fail(const char *path)
{
    perror(path);
    exit(2);
}

static void replay_file(const char *path)
{
    static char bytes[1 << 20];
    FILE *file = fopen(path, "re");
    if (!file)
        fail(path);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    if (ferror(file))
        fail(path);
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one is to blame */
    uint8_t *exact = malloc(MAX(size, 1));
    CHECK(exact);
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int replay(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        replay_file(path);
        return 1;
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char inside[4096];
        if (*entry->d_name == '.')
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        replay_file(inside);
        count++;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 2;
}
