#include "common/base/errmsg.h"

#include <stdarg.h>
#include <stdio.h>

bool errmsg_set(char errmsg[ERRMSG_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(errmsg, ERRMSG_SIZE, format, arguments);
    va_end(arguments);
    return false;
}
