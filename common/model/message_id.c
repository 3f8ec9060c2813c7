/* The only file that uses libuuid, whose version in Debian 12 does not make UUIDs of version 7. */
#include "common/model/message_id.h"

#include "common/base/clock.h"
#include "common/base/hex.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

/* Bits 52 to 63 count within a millisecond, starting at random in the lower half (RFC 9562, 6.2,
   method 1); a full count borrows the next millisecond. */
enum { COUNTER_MASK = 0xfff, COUNTER_SEED_MASK = 0x7ff };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms;       /* under lock */
static unsigned last_counter; /* under lock */

/* Random bytes are read in pieces, because a system call for each id would dominate its cost. getrandom(2) never returns
   fewer bytes than this. */
enum { POOL_BYTES = 250, RANDOM_BYTES = 10 };
static unsigned char pool[POOL_BYTES];
static size_t pool_left; /* under lock */

/* A forked process must not use the random bytes of its parent. */
static void forget_pool(void)
{
    pool_left = 0;
}

__attribute__((constructor)) static void forget_pool_at_fork(void)
{
    pthread_atfork(NULL, NULL, forget_pool);
}

static void put_time(struct message_id *id, int64_t wall_ms)
{
    for (int i = 0; i < 6; i++)
        id->bytes[i] = (unsigned char)(wall_ms >> (40 - 8 * i));
}

/* Bytes 6 to 15. Under the lock. */
static void put_random(struct message_id *id)
{
    if (pool_left == 0) {
        while (getrandom(pool, sizeof(pool), 0) != sizeof(pool))
            ;
        pool_left = sizeof(pool);
    }
    pool_left -= RANDOM_BYTES;
    memcpy(id->bytes + MESSAGE_ID_BYTES - RANDOM_BYTES, pool + pool_left, RANDOM_BYTES);
}

struct message_id message_id_new(void)
{
    struct message_id id;
    int64_t now = clock_wall_ms();

    pthread_mutex_lock(&lock);
    put_random(&id);
    unsigned seed = ((unsigned)id.bytes[6] << 8 | id.bytes[7]) & COUNTER_SEED_MASK;
    if (now > last_ms) {
        last_ms = now;
        last_counter = seed;
    } else if (++last_counter > COUNTER_MASK) {
        last_ms++;
        last_counter = seed;
    }
    int64_t time_ms = last_ms;
    unsigned counter = last_counter;
    pthread_mutex_unlock(&lock);

    put_time(&id, time_ms);
    id.bytes[6] = (unsigned char)(0x70 | counter >> 8);
    id.bytes[7] = (unsigned char)counter;
    id.bytes[8] = (unsigned char)(0x80 | (id.bytes[8] & 0x3f)); /* the variant */
    return id;
}

struct message_id message_id_first_at(int64_t wall_ms)
{
    const int64_t last_possible_ms = ((int64_t)1 << 48) - 1;
    struct message_id id = {{0}};
    put_time(&id, MAX(0, MIN(wall_ms, last_possible_ms)));
    return id;
}

int64_t message_id_seq(const struct message_id *id)
{
    enum { TIME_BITS = 43, COUNTER_BITS = 12, RANDOM_BITS = 8 };
    int64_t time_ms = message_id_time_ms(id);
    if (time_ms >> TIME_BITS)
        return INT64_MAX;
    int64_t counter = (id->bytes[6] << 8 | id->bytes[7]) & COUNTER_MASK;
    int64_t random = (id->bytes[8] << 2 | id->bytes[9] >> 6) & 0xff; /* after the variant */
    return (time_ms << COUNTER_BITS | counter) << RANDOM_BITS | random;
}

void message_id_format(const struct message_id *id, char text[MESSAGE_ID_TEXT_SIZE])
{
    uuid_unparse_lower(id->bytes, text);
}

/* uuid_parse takes several times as long, and each frame of a device has an id. */
bool message_id_parse(const char *text, struct message_id *id)
{
    struct message_id read;
    for (int i = 0; i < MESSAGE_ID_BYTES; i++) {
        bool follows_hyphen = i == 4 || i == 6 || i == 8 || i == 10;
        if (follows_hyphen && *text++ != '-')
            return false;
        int high = hex_value(text[0]), low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0)
            return false;
        read.bytes[i] = (unsigned char)(high << 4 | low);
        text += 2;
    }
    if (*text != '\0')
        return false;
    *id = read;
    return true;
}

int64_t message_id_time_ms(const struct message_id *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms;
}

bool message_id_equal(const struct message_id *a, const struct message_id *b)
{
    return memcmp(a->bytes, b->bytes, MESSAGE_ID_BYTES) == 0;
}
