#include "common/store/postgresql/servers.h"

#include <stdio.h>
#include <string.h>

/* ---- Passwords ---- */

/* Whether a quoted text may be of the URL's password, or be the URL. A password with characters that a URL must escape
   is taken for a host, a port or a database. */
static bool is_secret(const char *url, const char *text, size_t length)
{
    const char *user = strstr(url, "://"), *host = strrchr(url, '@');
    const char *password = user ? strchr(user + strlen("://"), ':') : NULL;
    if (memchr(text, '@', length) || memchr(text, '%', length) || memchr(text, '=', length))
        return true;
    return password && host && password < host && length > 0 &&
           memmem(password + 1, (size_t)(host - password - 1), text, length);
}

void servers_add_problem(char problem[STORE_ERROR_SIZE], const char *url, const char *server,
                         const char *text)
{
    char line[STORE_ERROR_SIZE];
    size_t used = strlen(problem);
    if (server) {
        snprintf(line, sizeof(line), "\"%s\": %s", server, text);
        text = line;
    }
    const char *end = text + strcspn(text, "\n");
    if (used > 0)
        used += (size_t)snprintf(problem + used, STORE_ERROR_SIZE - used, "; ");
    while (text < end && used < STORE_ERROR_SIZE - 1) {
        const char *quoted = *text == '"' ? memchr(text + 1, '"', (size_t)(end - text - 1)) : NULL;
        if (quoted && is_secret(url, text + 1, (size_t)(quoted - text - 1))) {
            used += (size_t)snprintf(problem + used, STORE_ERROR_SIZE - used, "\"...\"");
            text = quoted + 1;
        } else {
            problem[used++] = *text++;
        }
    }
    problem[MIN(used, (size_t)STORE_ERROR_SIZE - 1)] = '\0';
}

/* ---- Servers ---- */

/* Splits at commas; *count of them, at most SERVERS_MAX. */
static void split(char *text, const char *parts[SERVERS_MAX], int *count)
{
    *count = 0;
    for (char *rest = text; rest && *count < SERVERS_MAX;)
        parts[(*count)++] = strsep(&rest, ",");
}

static bool has_empty(const char *const parts[], int count)
{
    for (int i = 0; i < count; i++) {
        if (*parts[i] == '\0')
            return true;
    }
    return false;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    while (options->keyword && strcmp(options->keyword, keyword) != 0)
        options++;
    return options->keyword && options->val ? options->val : "";
}

/* Where the URL says something unusual its servers are libpq's affair. */
static void take(struct servers *servers, const PQconninfoOption *options)
{
    const char *hosts = value_of(options, "host"), *ports = value_of(options, "port");
    int port_count;
    servers->count = 1;
    servers->hosts[0] = servers->ports[0] = NULL;
    if (!strchr(hosts, ',') || *value_of(options, "hostaddr") ||
        strlen(hosts) + strlen(ports) + 2 > sizeof(servers->text))
        return;
    char *port_text = stpcpy(servers->text, hosts) + 1;
    strcpy(port_text, ports);
    split(servers->text, servers->hosts, &servers->count);
    split(port_text, servers->ports, &port_count);
    for (int i = 0; i < port_count && *ports != '\0'; i++) {
        if (*servers->ports[i] == '\0')
            servers->ports[i] = "5432"; /* of a list: libpq would not take it for one */
    }
    for (int i = port_count; i < servers->count; i++)
        servers->ports[i] = servers->ports[0];
    if (has_empty(servers->hosts, servers->count) ||
        (port_count > 1 && port_count != servers->count)) {
        servers->count = 1;
        servers->hosts[0] = servers->ports[0] = NULL;
    }
}

bool servers_read(struct servers *servers, const char *url, char problem[STORE_ERROR_SIZE])
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &error);
    *problem = '\0';
    if (options)
        take(servers, options);
    else
        servers_add_problem(problem, url, NULL, error ? error : "no memory");
    PQfreemem(error);
    PQconninfoFree(options);
    return options;
}
