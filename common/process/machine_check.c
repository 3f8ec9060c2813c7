#include "common/process/machine_check.h"

#include "common/process/certificate.h"
#include "common/process/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool PRINTF_FORMAT(2, 3) refuse(char *errmsg, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(errmsg, SETTINGS_ERRMSG_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- Addresses and ports ---- */

/* 0, or the errno of the first address that nobody can listen on; -1: the name is not known. Port 0: any. */
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
        /* Connections that have just ended hinder nobody; what listens does (socket(7), ip(7)). */
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
        return refuse(errmsg, "LISTEN_ADDRESS: the name %.80s is not known here: give an address",
                      listener->address);
    return fault == 0 || refuse(errmsg,
                                "LISTEN_ADDRESS: %.80s is no address of this machine (%s): `ip "
                                "address` lists them, and"
                                " 0.0.0.0 stands for all",
                                listener->address, strerror(fault));
}

/* A port below 1024 may be nginx's by a capability of its file (deploy/TLS.md) or of its unit. */
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
        return refuse(
            errmsg,
            "Port %d is busy: another program has it on %.80s. Stop that, or choose another port,"
            " as %s=%d",
            listener->port, listener->address, name,
            listener->port < 65535 ? listener->port + 1 : 8000);
    if (fault == EACCES)
        return refuse(
            errmsg,
            "%s=%d: this user may not listen on a port below 1024. Choose another, or run it as"
            " root, or give nginx the right: setcap cap_net_bind_service=+ep /usr/sbin/nginx",
            name, listener->port);
    return refuse(errmsg, "%s=%d: nobody can listen there on %.80s: %s", name, listener->port,
                  listener->address, fault < 0 ? "the name is not known" : strerror(fault));
}

bool machine_check_ports(const struct settings *settings, char errmsg[SETTINGS_ERRMSG_SIZE])
{
    struct listener list[LISTENERS_MAX];
    size_t count = listener_list(settings, list);
    for (size_t i = 0; i < count; i++) {
        if (!check_port(&list[i], errmsg))
            return false;
    }
    return true;
}

/* ---- What nginx reads ---- */

static bool check_file(const char *name, const char *path, char *errmsg)
{
    struct stat status;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return refuse(errmsg,
                      "%s: the file %.200s cannot be read (%s). Mend the path, or its permissions",
                      name, path, strerror(errno));
    return S_ISREG(status.st_mode) || refuse(errmsg, "%s: %.200s is no file", name, path);
}

static bool check_tls_files(const struct settings *settings, char *errmsg)
{
    char reason[SETTINGS_ERRMSG_SIZE / 2];
    if (*settings->tls_certificate == '\0')
        return true;
    if (!check_file("TLS_CERTIFICATE", settings->tls_certificate, errmsg) ||
        !check_file("TLS_KEY", settings->tls_key, errmsg) ||
        (*settings->tls_ca && !check_file("TLS_CA", settings->tls_ca, errmsg)))
        return false;
    if (*settings->tls_ca && !certificate_check_public(settings->tls_ca, reason, sizeof(reason)))
        return refuse(errmsg, "TLS_CA: %s", reason);
    return certificate_check_key(settings->tls_certificate, settings->tls_key, reason,
                                 sizeof(reason)) ||
           refuse(errmsg, "TLS_CERTIFICATE and TLS_KEY: %s", reason);
}

bool machine_check_front(const struct settings *settings, char errmsg[SETTINGS_ERRMSG_SIZE])
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

/* The folder, or where there is none yet the nearest above it. False with errno. */
static bool find_folder(char *path, struct stat *status)
{
    while (stat(path, status) < 0) {
        if (errno != ENOENT || strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
            return false;
        char *above = dirname(path);
        memmove(path, above, strlen(above) + 1);
    }
    errno = ENOTDIR;
    return S_ISDIR(status->st_mode);
}

/* Trying is the only sure way: a right to write says nothing about a file system that has no files. */
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
    snprintf(folder, sizeof(folder), "%s", path);
    return (find_folder(folder, &status) && can_make_in(folder)) ||
           refuse(errmsg, "%s: the folder %.150s cannot be made or written in (%.150s: %s)", name,
                  path, folder, strerror(errno));
}

/* SQLite's own limit is 512, of the whole path with the names of its other files (unixFullPathname). */
static bool check_length(const char *path, char *errmsg)
{
    enum { LONGEST = 490 };
    char here[SETTINGS_TEXT_SIZE] = "";
    size_t length = strlen(path);
    if (*path != '/' && getcwd(here, sizeof(here)))
        length += strlen(here) + 1;
    return length <= LONGEST ||
           refuse(errmsg,
                  "DATABASE_PATH: the whole path has %zu bytes, and may have %d:"
                  " choose a shorter one",
                  length, LONGEST);
}

bool machine_check_folders(const struct settings *settings, char errmsg[SETTINGS_ERRMSG_SIZE])
{
    char copy[SETTINGS_TEXT_SIZE];
    const char *path = settings->database_path;
    struct stat status;
    strcpy(copy, path);
    if (path[strlen(path) - 1] == '/' || (stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
        return refuse(errmsg, "DATABASE_PATH: %.200s is a folder: name the file in it", path);
    if (!check_length(path, errmsg) || !check_folder("DATABASE_PATH", dirname(copy), errmsg))
        return false;
    if (access(path, R_OK | W_OK) < 0 && errno != ENOENT)
        return refuse(errmsg, "DATABASE_PATH: %.200s cannot be read and written: %s", path,
                      strerror(errno));
    return check_folder("RUNTIME_DIR", settings->runtime_dir, errmsg);
}

/* ---- Open files ---- */

bool machine_check_file_limit(char errmsg[SETTINGS_ERRMSG_SIZE])
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= MACHINE_FEWEST_FILES)
        return true;
    return refuse(errmsg,
                  "a process may open %" PRIu64
                  " files here, and each phone needs one: allow %d at least"
                  " (ulimit -n, or LimitNOFILE of the unit), better 4096",
                  (uint64_t)limit.rlim_max, MACHINE_FEWEST_FILES);
}
