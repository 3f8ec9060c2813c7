#include "common/store/postgresql/record_types.h"

#include "common/store/postgresql/database.h"
#include "common/store/postgresql/statement_plan.h"

enum error record_types_read(struct store_database *database)
{
    struct handle *handle = &database->handle;
    struct statement *select = statement_get(handle, READ_TYPES);
    struct record_types *types = &database->types;
    uint32_t *const numbers[] = {&types->new_message, &types->new_message_with_options,
                                 &types->changed_message, &types->new_message_event};
    bool row;
    enum error error = statement_step(handle, select, &row);
    for (int i = 0; i < (int)ARRAY_LENGTH(numbers) && error == ERROR_NONE && row; i++)
        *numbers[i] = (uint32_t)statement_integer_at(select, i);
    statement_reset(select);
    return error;
}
