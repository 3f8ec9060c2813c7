/* The head of a phone's handshake, as the doorman reads it. */
#include "../../ws-broker/doorman.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct doorman_request request;
    char *head = malloc(size + 1); /* so that one byte too far is seen */
    memcpy(head, data, size);
    char *exact = realloc(head, MAX(size, 1));
    if (doorman_read(exact, size, &request)) {
        CHECK(device_id_valid(request.device_id));
        CHECK(size > 4 && memcmp(exact + size - 4, "\r\n\r\n", 4) == 0);
        CHECK(strlen(request.token) < sizeof(request.token));
        CHECK(strlen(request.request_id) < sizeof(request.request_id));
    }
    free(exact);
    return 0;
}
