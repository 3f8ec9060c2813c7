#include "common/store/verbs/content.h"

#include "common/model/polled_app.h"

enum error content_find_sender(struct store_transaction *transaction,
                               const struct message_options *options, bool *sends)
{
    struct polled_device device;
    bool found = false;
    *sends = options->content == MESSAGE_TEXT;
    if (*sends || *options->target.device_id == '\0')
        return ERROR_NONE;
    enum error error = transaction->rows->devices->find_polled(
        transaction->database, options->target.device_id, &device, &found);
    *sends = found && polled_app_sends(device.app_version, options->content);
    return error;
}
