/*
 * bench-curl URL REQUESTS: the ceiling of the sender of webhooks. A bare loop of libcurl's multi interface posts a body of an event's
 * size, 16 at the same time, with the headers of a delivery and nothing around. It prints requests per second as JSON.
 */
#include "common/base/base.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AT_ONCE = 16, BODY_BYTES = 380 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t ignore(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static CURL *new_post(const char *url, const char *body, struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    return easy;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    long requests = atol(argv[2]), begun = 0, ended = 0;
    char body[BODY_BYTES + 1];
    memset(body, 'x', BODY_BYTES);
    body[BODY_BYTES] = '\0';
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "webhook-id: evt_123456_mx1xniuo");
    headers = curl_slist_append(headers, "webhook-timestamp: 1795962418");
    headers = curl_slist_append(
        headers, "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    CURLM *multi = curl_multi_init();
    double from = now();
    for (; begun < MIN(requests, AT_ONCE); begun++)
        curl_multi_add_handle(multi, new_post(argv[1], body, headers));
    while (ended < requests) {
        CURLMsg *message;
        int left;
        curl_multi_perform(multi, &left);
        while ((message = curl_multi_info_read(multi, &left))) {
            CURL *easy = message->easy_handle;
            if (message->data.result != CURLE_OK)
                return 1;
            ended++;
            curl_multi_remove_handle(multi, easy);
            if (begun++ < requests)
                curl_multi_add_handle(multi, easy);
        }
        if (ended < requests)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    printf("{\"requests_per_second\": %.1f}\n", (double)requests / (now() - from));
    return 0;
}
