#include "tests/phone-sim/link.h"

#include "common/model/protocol.h"

#include <uv.h>

enum { HANDSHAKE_TIMEOUT_SECONDS = 20, LEAVE_TIMEOUT_MS = 1500 };

/* ---- Timers ---- */

static void on_wake_up(lws_sorted_usec_list_t *wake_up)
{
    struct link *link = CONTAINER_OF(wake_up, struct link, wake_up);
    link->wake_up_ms = TIMERS_NEVER;
    timers_fire(link->timers, clock_monotonic_ms());
    if (link->leaving && (link->open == 0 || link->leave_timer.place == 0))
        link->on_left(link->owner);
    link_schedule(link);
}

void link_schedule(struct link *link)
{
    int64_t due_ms = timers_next_ms(link->timers);
    if (link->leaving && link->open == 0)
        due_ms = 0;
    if (due_ms == link->wake_up_ms)
        return;
    link->wake_up_ms = due_ms;
    lws_usec_t wait_us = LWS_SET_TIMER_USEC_CANCEL;
    if (due_ms != TIMERS_NEVER)
        wait_us = MAX((due_ms - clock_monotonic_ms()) * 1000, 1);
    lws_sul_schedule(link->context, 0, &link->wake_up, on_wake_up, wait_us);
}

/* ---- The whole ---- */

static void on_signal(void *event_lib_handle, int signal_number)
{
    struct lws_context *context = ((uv_handle_t *)event_lib_handle)->data;
    struct link *link = lws_context_user(context);
    (void)signal_number;
    link->on_signal(link->owner);
    link_schedule(link);
    lws_cancel_service(context); /* or with libuv a new deadline is not seen before the last one */
}

static struct lws_context *create_context(struct link *link, const char *ca)
{
    static const struct lws_protocols protocols[] = {
        {.name = "phone", .callback = connection_on_event, .rx_buffer_size = 4096},
        {.name = PROTOCOL_ASSURED, .callback = connection_on_event, .rx_buffer_size = 4096},
        {.name = NULL},
    };
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN,
        .signal_cb = on_signal,
        .user = link,
        .gid = -1,
        .uid = -1,
        .timeout_secs = HANDSHAKE_TIMEOUT_SECONDS,
        .connect_timeout_secs = HANDSHAKE_TIMEOUT_SECONDS,
    };
    if (link->gateway.is_tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    if (*ca) {
        info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
        info.client_ssl_ca_filepath = ca;
    }
    lws_set_log_level(LLL_ERR, NULL);
    /* The library would go through these, even to localhost. */
    unsetenv("http_proxy");
    unsetenv("socks_proxy");
    return lws_create_context(&info);
}

bool link_init(struct link *link, const struct gateway *gateway, const char *ca,
               struct timers *timers, size_t phones)
{
    link->gateway = *gateway;
    link->timers = timers;
    link->wake_up_ms = TIMERS_NEVER;
    if (!gateway_look_up(&link->gateway))
        return false;
    link->context = create_context(link, ca);
    if (!link->context) {
        fputs("phone-sim: libwebsockets does not start: is its plugin for libuv, "
              "libwebsockets-evlib-uv, installed?\n",
              stderr);
        return false;
    }
    link->connections = must_allocate(phones, sizeof(struct connection));
    return true;
}

void link_fini(struct link *link)
{
    if (link->context)
        lws_context_destroy(link->context);
    free(link->connections);
    link->context = NULL;
    link->connections = NULL;
}

void link_join(struct link *link, struct phone *phone)
{
    connection_init(&link->connections[link->count++], link, phone);
}

void link_run(struct link *link)
{
    link_schedule(link);
    lws_service(link->context, 0);
}

static void on_leave_timer(struct timer *timer, int64_t now_ms)
{
    (void)timer; /* on_wake_up() sees that it is not armed any more */
    (void)now_ms;
}

void link_leave(struct link *link)
{
    if (link->leaving)
        return;
    link->leaving = true;
    link->leave_timer.fire = on_leave_timer;
    timers_arm(link->timers, &link->leave_timer, clock_monotonic_ms() + LEAVE_TIMEOUT_MS);
    for (size_t i = 0; i < link->count; i++) {
        struct connection *connection = &link->connections[i];
        phone_retire(connection->phone);
        timers_disarm(link->timers, &connection->next_address);
        if (connection->is_open && !connection->has_closed)
            lws_callback_on_writable(connection->wsi);
    }
}
