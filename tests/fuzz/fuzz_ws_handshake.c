/* The head of a phone's handshake. */
#include "tests/fuzz/fuzz.h"
#include "ws-broker/net/ws_handshake.h"

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_handshake handshake;
    const char *detail = NULL;
    char *head = malloc(MAX(size, 1)); /* exactly its size, so that a byte read too far is seen */
    memcpy(head, data, size);
    if (ws_handshake_read(head, size, &handshake)) {
        CHECK(handshake.is_stream ? !*handshake.device_id : device_id_valid(handshake.device_id));
        CHECK(size > 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0);
        CHECK(is_terminated(handshake.token, sizeof(handshake.token)));
        CHECK(is_terminated(handshake.request_id, sizeof(handshake.request_id)));
        CHECK(is_terminated(handshake.upgrade, sizeof(handshake.upgrade)));
        CHECK(is_terminated(handshake.subprotocol, sizeof(handshake.subprotocol)));
        if (ws_handshake_check(&handshake, &detail) == ERROR_NONE) {
            struct buffer answer;
            buffer_init(&answer, 4096);
            ws_handshake_accept(&answer, &handshake);
            CHECK(answer.length > 16 &&
                  memcmp(answer.data, handshake.is_stream ? "HTTP/1.1 200 " : "HTTP/1.1 101 ",
                         13) == 0);
            buffer_fini(&answer);
        } else {
            CHECK(detail);
        }
    }
    free(head);
    return 0;
}
