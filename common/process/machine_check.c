#include "common/process/machine_check.h"

#include "common/process/certificate.h"
#include "common/process/database_url.h"
#include "common/process/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- Addresses and ports ---- */

/* 0, or the errno of the first address that cannot be bound; -1: the name does not resolve. Port 0: any. */
static int try_to_bind(const char *name, int port)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int fault = 0;
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(name, service, &hints, &found) != 0)
        return -1;
    for (const struct addrinfo *a = found; a && fault == 0; a = a->ai_next) {
        int one = 1;
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
        /* With SO_REUSEADDR only a listening socket is in the way, not a connection in TIME_WAIT (ip(7)). */
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            (a->ai_family == AF_INET6 &&
             setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
            bind(fd, a->ai_addr, a->ai_addrlen) < 0)
            fault = errno;
        if (fd >= 0)
            close(fd);
    }
    freeaddrinfo(found);
    return fault;
}

static bool check_address(const struct listener *listener, char *errmsg)
{
    int fault = try_to_bind(listener->address, 0);
    if (fault < 0)
        return errmsg_set(errmsg, "LISTEN_ADDRESS: the name %.80s does not resolve: use an address",
                          listener->address);
    return fault == 0 || errmsg_set(errmsg,
                                    "LISTEN_ADDRESS: %.80s is not an address of this machine (%s): "
                                    "`ip address` lists them; 0.0.0.0 means all IPv4 addresses",
                                    listener->address, strerror(fault));
}

/* nginx may use ports below 1024 by a capability of its file (deploy/TLS.md) or of its unit. */
static bool nginx_may_listen_low(void)
{
    static const char *const places[] = {"/usr/sbin/nginx", "/usr/local/sbin/nginx"};
    bool is_installed = *settings_default_file == '/';
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        if (getxattr(places[i], "security.capability", NULL, 0) > 0)
            return true;
    }
    return is_installed;
}

static bool check_port(const struct listener *listener, char *errmsg)
{
    const char *name = listener->port_setting;
    int fault = try_to_bind(listener->address, listener->port);
    if (fault == 0 || (fault == EACCES && nginx_may_listen_low()))
        return true;
    if (fault == EADDRINUSE)
        return errmsg_set(errmsg,
                          "Port %d is in use by another program on %.80s. Stop that program, or "
                          "choose another port, for example %s=%d",
                          listener->port, listener->address, name,
                          listener->port < 65535 ? listener->port + 1 : 8000);
    if (fault == EACCES)
        return errmsg_set(
            errmsg,
            "%s=%d: this user may not listen on a port below 1024. Choose another port, run it as "
            "root, or allow nginx to: setcap cap_net_bind_service=+ep /usr/sbin/nginx",
            name, listener->port);
    return errmsg_set(errmsg, "%s=%d: cannot listen on %.80s: %s", name, listener->port,
                      listener->address, fault < 0 ? "the name does not resolve" : strerror(fault));
}

bool machine_check_ports(const struct settings *settings, char errmsg[ERRMSG_SIZE])
{
    struct listener list[LISTENERS_MAX];
    size_t count = listener_list(settings, list);
    for (size_t i = 0; i < count; i++) {
        if (!check_port(&list[i], errmsg))
            return false;
    }
    return true;
}

/* ---- TLS files ---- */

static bool check_file(const char *name, const char *path, char *errmsg)
{
    struct stat status;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return errmsg_set(
            errmsg, "%s: cannot read the file %.200s (%s). Correct the path or its permissions",
            name, path, strerror(errno));
    return S_ISREG(status.st_mode) || errmsg_set(errmsg, "%s: %.200s is not a file", name, path);
}

static bool check_tls_files(const struct settings *settings, char *errmsg)
{
    char reason[ERRMSG_SIZE];
    if (*settings->tls_certificate == '\0')
        return true;
    if (!check_file("TLS_CERTIFICATE", settings->tls_certificate, errmsg) ||
        !check_file("TLS_KEY", settings->tls_key, errmsg) ||
        (*settings->tls_ca && !check_file("TLS_CA", settings->tls_ca, errmsg)))
        return false;
    if (*settings->tls_ca && !certificate_check_public(settings->tls_ca, reason))
        return errmsg_set(errmsg, "TLS_CA: %.480s", reason);
    return certificate_check_key(settings->tls_certificate, settings->tls_key, reason) ||
           errmsg_set(errmsg, "TLS_CERTIFICATE and TLS_KEY: %.480s", reason);
}

bool machine_check_front(const struct settings *settings, char errmsg[ERRMSG_SIZE])
{
    struct listener list[LISTENERS_MAX];
    size_t count = listener_list(settings, list);
    for (size_t i = 0; i < count; i++) {
        if (!check_address(&list[i], errmsg))
            return false;
    }
    return check_tls_files(settings, errmsg);
}

/* ---- Folders ---- */

/* The folder, or its nearest parent that exists. False with errno; *dangles: it is a link to a folder that does not exist. */
static bool find_folder(char *path, struct stat *status, bool *dangles)
{
    *dangles = false;
    while (stat(path, status) < 0) {
        *dangles = errno == ENOENT && lstat(path, status) == 0;
        if (*dangles || errno != ENOENT || strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
            return false;
        char *above = dirname(path);
        memmove(path, above, strlen(above) + 1);
    }
    errno = ENOTDIR;
    return S_ISDIR(status->st_mode);
}

/* Creates and removes a folder: access(2) says nothing about a full or read-only file system. */
static bool can_make_in(const char *folder)
{
    char path[SETTINGS_TEXT_SIZE + 32];
    snprintf(path, sizeof(path), "%s/.sms-gateway-check.XXXXXX", folder);
    return mkdtemp(path) && rmdir(path) == 0;
}

static bool check_folder(const char *name, const char *path, char *errmsg)
{
    char folder[SETTINGS_TEXT_SIZE];
    struct stat status;
    bool dangles;
    snprintf(folder, sizeof(folder), "%s", path);
    return (find_folder(folder, &status, &dangles) && can_make_in(folder)) ||
           errmsg_set(errmsg, "%s: cannot create or write the folder %.150s (%.150s: %s)", name,
                      path, folder,
                      dangles ? "it is a link to a folder that does not exist" : strerror(errno));
}

/* SQLite's limit is 512 for the full path, with the suffixes of its other files (unixFullPathname). */
static bool check_length(const char *path, char *errmsg)
{
    enum { LONGEST = 490 };
    char here[SETTINGS_TEXT_SIZE] = "";
    size_t length = strlen(path);
    if (*path != '/' && getcwd(here, sizeof(here)))
        length += strlen(here) + 1;
    return length <= LONGEST || errmsg_set(errmsg,
                                           "DATABASE_PATH: the full path has %zu bytes, and the "
                                           "limit is %d: choose a shorter one",
                                           length, LONGEST);
}

static bool check_database_file(const struct settings *settings, char *errmsg)
{
    char copy[SETTINGS_TEXT_SIZE];
    const char *path = settings->database_path;
    struct stat status;
    strcpy(copy, path);
    if (path[strlen(path) - 1] == '/' || (stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
        return errmsg_set(errmsg, "DATABASE_PATH: %.200s is a folder: give the path of a file",
                          path);
    if (!check_length(path, errmsg) || !check_folder("DATABASE_PATH", dirname(copy), errmsg))
        return false;
    if (access(path, R_OK | W_OK) < 0 && errno != ENOENT)
        return errmsg_set(errmsg, "DATABASE_PATH: cannot read and write %.200s: %s", path,
                          strerror(errno));
    return true;
}

bool machine_check_folders(const struct settings *settings, char errmsg[ERRMSG_SIZE])
{
    return (database_url_is_postgresql(settings->database_url) ||
            check_database_file(settings, errmsg)) &&
           check_folder("RUNTIME_DIR", settings->runtime_dir, errmsg);
}

/* ---- Open files ---- */

bool machine_check_file_limit(char errmsg[ERRMSG_SIZE])
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= MACHINE_FEWEST_FILES)
        return true;
    return errmsg_set(errmsg,
                      "the open-file limit is %" PRIu64
                      ", and each phone needs a file: allow at least %d, better 4096 (ulimit -n, "
                      "or LimitNOFILE= in the unit)",
                      (uint64_t)limit.rlim_max, MACHINE_FEWEST_FILES);
}
