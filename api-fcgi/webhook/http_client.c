#include "api-fcgi/webhook/http_client.h"

#include "common/base/clock.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_WAIT_MS = 60000,
    CONNECTION_LIFE_S = 600, /* then a name is looked up again, and its address judged */
    IDLE_CONNECTION_S = 60,
};

/* A place for a post, and its libcurl handle, which is used again. */
struct post {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    void *owner;
    int64_t begun_us;
    size_t answer_bytes;
    bool headers_complete;
    char refused[HTTP_CLIENT_PROBLEM_SIZE]; /* why an address was; "": none was */
    char error[CURL_ERROR_SIZE];
    struct post *next_free;
};

struct http_client {
    struct http_client_options options;
    CURLM *multi;
    struct post *posts, *free_posts;
};

/* ---- What libcurl asks ---- */

/* Called for every new connection, after the name was resolved; a kept connection was judged when it was opened. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct post *post = context;
    const struct http_client_options *options = &post->client->options;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        !options->may_connect(options->context, &address->addr, post->refused))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The empty line ends the headers; interim answers (1xx) have headers of their own. */
static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct post *post = context;
    long status = 0;
    size_t length = size * count;
    if (length <= 2 && (*line == '\r' || *line == '\n')) {
        curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
        post->headers_complete = status >= 200;
    }
    return length;
}

static size_t throw_away(char *bytes, size_t size, size_t count, void *context)
{
    struct post *post = context;
    (void)bytes;
    post->answer_bytes += size * count;
    return post->answer_bytes > post->client->options.max_answer_bytes ? 0 : size * count;
}

/* ---- Posts ---- */

static bool set_up(struct post *post)
{
    const struct http_client_options *options = &post->client->options;
    CURL *easy = post->easy = curl_easy_init();
    if (!easy)
        return false;
    bool is_set = curl_easy_setopt(easy, CURLOPT_PRIVATE, post) == CURLE_OK;
#define SET(option, value)                                                                         \
    is_set = is_set && curl_easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK
    SET(ERRORBUFFER, post->error);
    SET(NOSIGNAL, 1L);
    SET(PROTOCOLS_STR, "http,https");
    SET(DISALLOW_USERNAME_IN_URL, 1L);
    SET(FOLLOWLOCATION, 0L);
    SET(PROXY, ""); /* also none of the environment's */
    SET(NOPROXY, "*");
    SET(NETRC, (long)CURL_NETRC_IGNORED);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    if (*options->ca_file)
        SET(CAINFO,
            options->ca_file); /* libcurl still looks into the folder of the machine's own */
    SET(CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    SET(TIMEOUT_MS, (long)options->timeout_ms);
    SET(MAXAGE_CONN, (long)IDLE_CONNECTION_S);
    SET(MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
    SET(USERAGENT, options->user_agent);
    SET(POST, 1L);
    SET(OPENSOCKETFUNCTION, open_socket);
    SET(OPENSOCKETDATA, post);
    SET(HEADERFUNCTION, take_header);
    SET(HEADERDATA, post);
    SET(WRITEFUNCTION, throw_away);
    SET(WRITEDATA, post);
    return is_set;
}

static bool add_header(struct post *post, const char *header)
{
    struct curl_slist *longer = curl_slist_append(post->headers, header);
    if (longer)
        post->headers = longer;
    return longer != NULL;
}

/* What differs from post to post. */
static bool prepare(struct post *post, const struct http_post *values)
{
    CURL *easy = post->easy;
    bool is_set = add_header(post, "Content-Type: application/json") && add_header(post, "Expect:");
    for (size_t i = 0; i < HTTP_CLIENT_HEADERS && values->headers[i]; i++)
        is_set = is_set && add_header(post, values->headers[i]);
    SET(HTTPHEADER, post->headers);
    SET(URL, values->url);
    SET(POSTFIELDS, values->body);
    SET(POSTFIELDSIZE_LARGE, (curl_off_t)values->body_length);
    return is_set;
}

static void give_back(struct post *post)
{
    curl_slist_free_all(post->headers);
    post->headers = NULL;
    post->next_free = post->client->free_posts;
    post->client->free_posts = post;
}

bool http_client_post(struct http_client *client, const struct http_post *values)
{
    struct post *post = client->free_posts;
    if (!post || (!post->easy && !set_up(post)))
        return false;
    client->free_posts = post->next_free;
    post->owner = values->owner;
    post->begun_us = clock_monotonic_us();
    post->answer_bytes = 0;
    post->headers_complete = false;
    *post->refused = *post->error = '\0';
    if (prepare(post, values) && curl_multi_add_handle(client->multi, post->easy) == CURLM_OK)
        return true;
    give_back(post);
    return false;
}

static struct http_answer answer_of(struct post *post, CURLcode code)
{
    struct http_answer answer = {.took_us = clock_monotonic_us() - post->begun_us};
    long status = 0;
    curl_off_t retry_after_s = 0;
    if (post->headers_complete) {
        curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(post->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        answer.status = (int)status;
        answer.retry_after_ms = MIN((int64_t)retry_after_s, INT32_MAX) * 1000;
    }
    const char *problem = *post->refused ? post->refused : post->error;
    snprintf(answer.problem, sizeof(answer.problem), "%.*s", HTTP_CLIENT_PROBLEM_SIZE - 1,
             *problem ? problem : curl_easy_strerror(code));
    return answer;
}

/* Whether any has ended. */
static bool end_posts(struct http_client *client)
{
    CURLMsg *message;
    int left;
    bool any = false;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct post *post;
        CURLcode code = message->data.result;
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &post) != CURLE_OK)
            continue;
        struct http_answer answer = answer_of(post, code);
        curl_multi_remove_handle(client->multi, post->easy);
        give_back(post);
        client->options.ended(client->options.context, post->owner, &answer);
        any = true;
    }
    return any;
}

/* ---- The client ---- */

struct http_client *http_client_new(const struct http_client_options *options)
{
    struct http_client *client = calloc(1, sizeof(*client));
    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return NULL;
    }
    client->options = *options;
    client->multi = curl_multi_init();
    client->posts = calloc(options->most_posts, sizeof(*client->posts));
    if (!client->multi || !client->posts) {
        http_client_free(client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->most_posts);
    for (unsigned i = options->most_posts; i-- > 0;) {
        client->posts[i].client = client;
        client->posts[i].next_free = client->free_posts;
        client->free_posts = &client->posts[i];
    }
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    for (unsigned i = 0; client->posts && i < client->options.most_posts; i++) {
        struct post *post = &client->posts[i];
        if (post->easy)
            curl_multi_remove_handle(client->multi, post->easy);
        curl_easy_cleanup(post->easy);
        curl_slist_free_all(post->headers);
    }
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    free(client->posts);
    free(client);
}

void http_client_run(struct http_client *client, int fd, int64_t timeout_ms)
{
    struct curl_waitfd signals = {.fd = fd, .events = CURL_WAIT_POLLIN};
    int running;
    curl_multi_perform(client->multi, &running);
    if (!end_posts(client))
        curl_multi_poll(client->multi, &signals, fd >= 0,
                        (int)MIN(MAX(timeout_ms, 0), MOST_WAIT_MS), NULL);
}

void http_client_wake(struct http_client *client)
{
    curl_multi_wakeup(client->multi);
}
