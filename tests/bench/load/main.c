/*
 * bench-load: HTTP clients, phones of all levels and followers of the event stream in one process on one
 * clock, so that the way of a message from a client to a phone can be timed. It prints one JSON object
 * with what it counted, its own share of the processor among it.
 */
#include "tests/bench/load/http.h"
#include "tests/bench/load/loop.h"
#include "tests/bench/load/messages.h"
#include "tests/bench/load/phones.h"
#include "tests/bench/load/polled.h"
#include "tests/bench/load/streams.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Every value of the command line, as it was given. */
static struct {
    double port, connections, rate, requests, phones, first, connect_rate, credit, sent_ms,
        delivered_ms, warmup, seconds, delivered, batch, receive, streams, stream_events, polled;
    const char *key, *post, *gets, *echo, *tokens, *stream_keys, *polled_tokens;
    bool idempotency_keys, assured, until_delivered, say_connected;
} given = {.port = 8000, .connect_rate = 2000, .credit = 8};

static const struct row {
    const char *name;
    enum { NUMBER, TEXT, FLAG } kind;
    void *value;
    const char *meaning;
} rows[] = {
    {"port", NUMBER, &given.port, "of nginx, on 127.0.0.1"},
    {"connections", NUMBER, &given.connections, "HTTP connections, kept"},
    {"key", TEXT, &given.key, "API key of the HTTP clients"},
    {"post", TEXT, &given.post, "PATH to post messages to"},
    {"batch", NUMBER, &given.batch,
     "messages in each POST, as POST /api/batches takes them; 0: one"},
    {"idempotency-keys", FLAG, &given.idempotency_keys, "each POST has a key of its own, a UUID"},
    {"gets", TEXT, &given.gets, "FILE with a path to get in each line, chosen by chance"},
    {"rate", NUMBER, &given.rate, "requests per second over all; 0: as fast as they are answered"},
    {"requests", NUMBER, &given.requests, "how many; 0: no end"},
    {"phones", NUMBER, &given.phones, "WebSocket phones, bench-FIRST and so on"},
    {"first", NUMBER, &given.first, "number of the first"},
    {"tokens", TEXT, &given.tokens,
     "FILE with the token of a phone in each line, from the first on"},
    {"assured", FLAG, &given.assured, "they speak the assured level"},
    {"echo", TEXT, &given.echo, "PATH where they send a text again and again, when it came back"},
    {"connect-rate", NUMBER, &given.connect_rate, "new connections per second"},
    {"credit", NUMBER, &given.credit, "messages an assured phone takes at once"},
    {"sent-ms", NUMBER, &given.sent_ms, "from leave to send until `sent` is reported"},
    {"delivered-ms", NUMBER, &given.delivered_ms, "from there to `delivered`"},
    {"receive", NUMBER, &given.receive,
     "incoming SMS that each phone has on their way to the gateway, all the time"},
    {"polled", NUMBER, &given.polled, "polled phones, as with the SMSGate app"},
    {"polled-tokens", TEXT, &given.polled_tokens, "FILE with the token of one in each line"},
    {"streams", NUMBER, &given.streams, "followers of GET /api/events"},
    {"stream-keys", TEXT, &given.stream_keys,
     "FILE with an API key in each line, which they use in turn"},
    {"warmup", NUMBER, &given.warmup, "seconds before latencies and rates count"},
    {"seconds", NUMBER, &given.seconds, "of measuring; 0: to one of the ends below, or SIGTERM"},
    {"until-delivered", FLAG, &given.until_delivered, "ends when all that was posted is delivered"},
    {"delivered", NUMBER, &given.delivered, "ends when so many are delivered"},
    {"stream-events", NUMBER, &given.stream_events, "ends when so many came to followers"},
    {"say-connected", FLAG, &given.say_connected,
     "prints a line when all phones and followers are connected"},
};

/* What stood at the beginning of the measured time, and when that was. */
static struct mark {
    int64_t at_ns;
    double cpu_seconds;
    uint64_t answered, echoes, incoming, stream_events;
} from, to;
static int64_t measure_ns, end_ns = INT64_MAX;
static struct peer signals;

/* ---- The command line ---- */

static void read_command_line(int argc, char **argv)
{
    struct option options[ARRAY_LENGTH(rows) + 1] = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        options[i] = (struct option){rows[i].name, rows[i].kind != FLAG, NULL, 0};
    int index = 0, c;
    while ((c = getopt_long(argc, argv, "", options, &index)) == 0) {
        const struct row *row = &rows[index];
        if (row->kind == NUMBER)
            *(double *)row->value = atof(optarg);
        else if (row->kind == TEXT)
            *(const char **)row->value = optarg;
        else
            *(bool *)row->value = true;
    }
    if (c == -1 && optind == argc)
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        fprintf(stderr, "  --%-16s %s\n", rows[i].name, rows[i].meaning);
    exit(2);
}

/* The lines of a file, for as long as the program runs. */
static const char **read_lines(const char *path, size_t *count)
{
    FILE *file = fopen(path, "r");
    const char **lines = NULL;
    char *line = NULL;
    size_t size = 0, capacity = 0;
    if (!file)
        fail("%s: %s", path, strerror(errno));
    *count = 0;
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (*count == capacity) {
            capacity = MAX(1024, capacity * 2);
            lines = realloc(lines, capacity * sizeof(*lines));
        }
        if (!lines)
            fail("no memory");
        lines[(*count)++] = strdup(line);
    }
    free(line);
    fclose(file);
    return lines;
}

static void start_http(void)
{
    struct http_load load = {
        .port = (int)given.port,
        .connections = (int)given.connections,
        .rate = given.rate,
        .most = (uint64_t)given.requests,
        .key = given.key,
        .post_path = given.post,
        .batch = (int)given.batch,
        .idempotency_keys = given.idempotency_keys,
    };
    if (given.gets)
        load.gets = read_lines(given.gets, &load.get_count);
    http_start(&load);
}

static void start_phones(void)
{
    size_t token_count = 0;
    const char **tokens = given.tokens ? read_lines(given.tokens, &token_count) : NULL;
    if (tokens && token_count < (size_t)given.phones)
        fail("--tokens has fewer lines than there are phones");
    phones_start(&(struct phones_load){
        .port = (int)given.port,
        .count = (int)given.phones,
        .first = (int)given.first,
        .connect_rate = given.connect_rate,
        .level = given.echo      ? PHONE_ECHO
                 : given.assured ? PHONE_ASSURED
                                 : PHONE_BASIC,
        .credit = (unsigned)given.credit,
        .sent_ns = (int64_t)(given.sent_ms * 1e6),
        .delivered_ns = (int64_t)(given.delivered_ms * 1e6),
        .echo_path = given.echo,
        .receive = (unsigned)given.receive,
        .tokens = tokens,
    });
}

static void start_streams(void)
{
    struct streams_load load = {
        .port = (int)given.port,
        .count = (int)given.streams,
        .connect_rate = given.connect_rate,
    };
    if (given.stream_keys)
        load.keys = read_lines(given.stream_keys, &load.key_count);
    streams_start(&load);
}

static void start_polled(void)
{
    size_t count = 0;
    struct polled_load load = {
        .port = (int)given.port,
        .count = (int)given.polled,
        .connect_rate = given.connect_rate,
    };
    if (given.polled_tokens)
        load.tokens = read_lines(given.polled_tokens, &count);
    if (count < (size_t)load.count)
        fail("--polled-tokens has fewer lines than there are polled phones");
    polled_start(&load);
}

/* ---- Measuring ---- */

static struct mark mark(int64_t now)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct mark){
        .at_ns = now,
        .cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
        .answered = http_results.answered,
        .echoes = phones_results.echoes,
        .incoming = phones_results.incoming,
        .stream_events = streams_results.events,
    };
}

static bool is_over(int64_t now)
{
    if (given.delivered > 0 && (double)messages.delivered >= given.delivered && phones_are_done())
        return true;
    if (given.until_delivered && (double)http_results.answered >= given.requests &&
        messages.delivered >= http_results.answered && phones_are_done())
        return true;
    if (given.stream_events > 0 && (double)streams_results.events >= given.stream_events)
        return true;
    if (given.requests > 0 && given.phones == 0 && given.polled == 0 &&
        (double)http_results.answered >= given.requests)
        return true;
    return now >= end_ns;
}

static bool all_connected(void)
{
    return (given.phones == 0 || phones_results.all_connected_ns) &&
           (given.polled == 0 || polled_results.all_connected_ns) &&
           (given.streams == 0 || streams_results.all_connected_ns);
}

/* After each round of the loop. */
static int64_t due(int64_t now)
{
    static bool connected, ending;
    int64_t next_ns = MIN(MIN(http_due(now), phones_due(now)),
                          MIN(streams_due(now), polled_due(now)));
    if (given.say_connected && !connected && all_connected()) {
        connected = true;
        puts("connected");
        fflush(stdout);
    }
    if (!http_results.measuring && now >= measure_ns) {
        http_results.measuring = messages.measuring = streams_results.measuring = true;
        from = mark(now);
    }
    if (!ending && is_over(now)) {
        ending = true;
        to = mark(now);
    }
    if (ending && http_finish())
        loop_stop();
    return MIN(next_ns, ending ? now + 10000000 : MIN(end_ns, MAX(measure_ns, now + 10000000)));
}

static void on_signal(struct peer *peer, uint32_t events)
{
    struct signalfd_siginfo info;
    (void)events;
    if (read(peer->fd, &info, sizeof(info)) == sizeof(info))
        end_ns = 0;
}

static void print_latency(const char *name, const struct histogram *histogram)
{
    printf("\"%s\": {\"count\": %llu, \"p50_ms\": %.4f, \"p95_ms\": %.4f, \"p99_ms\": %.4f,"
           " \"max_ms\": %.4f},\n",
           name, (unsigned long long)histogram->count,
           (double)histogram_quantile(histogram, 0.50) / 1e6,
           (double)histogram_quantile(histogram, 0.95) / 1e6,
           (double)histogram_quantile(histogram, 0.99) / 1e6, (double)histogram->largest_ns / 1e6);
}

static void print_count(const char *name, uint64_t count)
{
    printf("\"%s\": %llu,\n", name, (unsigned long long)count);
}

static void print_results(void)
{
    double seconds = (double)(to.at_ns - from.at_ns) / 1e9;
    uint64_t refused = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(http_results.refused); i++)
        refused += http_results.refused[i];
    puts("{");
    print_latency("answer", &http_results.latency);
    print_latency("answer_to_phone", &messages.answer_to_phone);
    print_latency("post_to_phone", &messages.post_to_phone);
    print_latency("answer_to_release", &messages.answer_to_release);
    print_latency("connect", &phones_results.connect);
    print_latency("event_to_stream", &streams_results.latency);
    print_count("sent", http_results.sent);
    print_count("answered", http_results.answered);
    print_count("refused", refused);
    print_count("broken", http_results.broken);
    print_count("received", messages.received);
    print_count("released", messages.released);
    print_count("repeated", messages.repeated);
    print_count("delivered", messages.delivered);
    print_count("phones_connected", phones_results.connected);
    print_count("phones_lost", phones_results.lost);
    print_count("phone_errors", phones_results.errors);
    print_count("frames_in", phones_results.frames_in);
    print_count("frames_out", phones_results.frames_out);
    print_count("pings", phones_results.pings);
    printf("\"answers_per_second\": %.1f,\n",
           (double)(to.answered - from.answered) / MAX(seconds, 1e-9));
    printf("\"echoes_per_second\": %.1f,\n",
           (double)(to.echoes - from.echoes) / MAX(seconds, 1e-9));
    print_count("incoming", phones_results.incoming);
    printf("\"incoming_per_second\": %.1f,\n",
           (double)(to.incoming - from.incoming) / MAX(seconds, 1e-9));
    print_count("polled_connected", polled_results.connected);
    print_count("polled_lost", polled_results.lost);
    print_count("polled_events", polled_results.events);
    print_count("polled_fetches", polled_results.fetches);
    print_count("polled_empty", polled_results.empty);
    print_count("polled_reports", polled_results.reports);
    print_count("polled_refused", polled_results.refused);
    print_count("streams_connected", streams_results.connected);
    print_count("streams_lost", streams_results.lost);
    print_count("stream_events", streams_results.events);
    print_count("stream_bytes", streams_results.bytes);
    print_count("stream_reads", streams_results.reads);
    printf("\"stream_events_per_second\": %.1f,\n",
           (double)(to.stream_events - from.stream_events) / MAX(seconds, 1e-9));
    printf("\"seconds\": %.6f,\n\"cpu_seconds\": %.6f\n}\n", seconds,
           to.cpu_seconds - from.cpu_seconds);
}

int main(int argc, char **argv)
{
    read_command_line(argc, argv);
    loop_init();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = (struct peer){.fd = signalfd(-1, &set, SFD_CLOEXEC), .ready = on_signal};
    loop_watch(&signals);

    if (given.connections > 0)
        start_http();
    start_phones();
    start_streams();
    start_polled();
    measure_ns = now_ns() + (int64_t)(given.warmup * 1e9);
    if (given.seconds > 0)
        end_ns = measure_ns + (int64_t)(given.seconds * 1e9);
    loop_run(due);
    print_results();
    return 0;
}
