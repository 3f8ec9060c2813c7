/*
 * Preloaded: host names that end with .example have the addresses that the file FLIP_NAMES has at that moment, in its order,
 * separated by spaces. None: there is no such name.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    static const char end[] = ".example";
    look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *path = getenv("FLIP_NAMES");
    size_t length = name ? strlen(name) : 0;
    if (!path || length < sizeof(end) || strcmp(name + length - strlen(end), end) != 0)
        return real(name, service, hints, result);

    struct addrinfo numeric = hints ? *hints : (struct addrinfo){0}, **link = result;
    char address[64];
    FILE *file = fopen(path, "re");
    *result = NULL;
    numeric.ai_flags |= AI_NUMERICHOST;
    while (file && fscanf(file, "%63s", address) == 1) {
        if (real(address, service, &numeric, link) != 0)
            continue;
        while (*link)
            link = &(*link)->ai_next;
    }
    if (file)
        fclose(file);
    return *result ? 0 : EAI_NONAME;
}
