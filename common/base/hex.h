#ifndef COMMON_BASE_HEX_H
#define COMMON_BASE_HEX_H

/* 0 to 15; -1: no hexadecimal digit. */
int hex_value(char c);

#endif
