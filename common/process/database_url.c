#include "common/process/database_url.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

static const char *const schemes[] = {"postgresql:", "postgres:"};

bool database_url_is_postgresql(const char *url)
{
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return true;
    }
    return false;
}

const char *database_dsn(const struct settings *settings)
{
    return database_url_is_postgresql(settings->database_url) ? settings->database_url
                                                              : settings->database_path;
}

void database_shown(const struct settings *settings, char shown[SETTINGS_TEXT_SIZE])
{
    strcpy(shown, database_dsn(settings));
    if (!database_url_is_postgresql(shown))
        return;
    database_url_remove_password(shown);
    shown[strcspn(shown, "?")] = '\0';
}

static bool is_secret(const char *parameter)
{
    static const char word[] = "password"; /* sslpassword is one, too */
    size_t length = strcspn(parameter, "=");
    return length >= strlen(word) &&
           strncmp(parameter + length - strlen(word), word, strlen(word)) == 0;
}

static void remove_secret_parameters(char *query)
{
    char *end = query, *rest = query + 1; /* of what is kept, which begins with the question mark */
    for (char *one; (one = strsep(&rest, "&"));) {
        size_t length = strlen(one);
        if (is_secret(one))
            continue;
        if (end > query)
            *end = '&';
        memmove(end + 1, one, length + 1);
        end += length + 1;
    }
    *end = '\0';
}

/* Also of a URL whose password has characters that should be escaped: up to the last '@'. */
void database_url_remove_password(char *url)
{
    char *user = strstr(url, "://"), *host = strrchr(url, '@'), *query;
    if (!database_url_is_postgresql(url) || !user)
        return;
    char *password = strchr(user + strlen("://"), ':');
    if (password && host && password < host)
        memmove(password, host, strlen(host) + 1);
    if ((query = strchr(url, '?')))
        remove_secret_parameters(query);
}

bool database_needs_standby(const struct settings *settings)
{
    return database_url_is_postgresql(settings->database_url) &&
           strcmp(settings->database_durability, "standby") == 0;
}

static bool is_of_a_name(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

void database_node_name(const struct settings *settings, char name[NODE_NAME_SIZE])
{
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) < 0 || *host == '\0')
        strcpy(host, "unknown");
    snprintf(name, NODE_NAME_SIZE, "%.40s", *settings->node_name ? settings->node_name : host);
    for (char *c = name; *c; c++) {
        if (!is_of_a_name(*c))
            *c = '_';
    }
}

bool database_url_check(const struct settings *settings, char errmsg[ERRMSG_SIZE])
{
    const char *url = settings->database_url, *name = settings->node_name;
    if (database_url_is_postgresql(url) && !strstr(url, "://"))
        return errmsg_set(errmsg, "DATABASE_URL must be as postgresql://USER@HOST/DATABASE");
    if (strlen(name) >= NODE_NAME_SIZE)
        return errmsg_set(errmsg, "NODE_NAME must have at most %d characters, and has %zu",
                          NODE_NAME_SIZE - 1, strlen(name));
    for (const char *c = name; *c; c++) {
        if (!is_of_a_name(*c))
            return errmsg_set(errmsg,
                              "NODE_NAME must be of letters, digits, and the characters . _ -, as"
                              " a host's name, and is \"%s\"",
                              name);
    }
    return true;
}
