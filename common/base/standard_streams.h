/*
 * Standard streams that were closed when the program was started (`2>&-`). The next file that is opened would get the free
 * number, and what is printed would go into it: into a lock file, or a backup.
 */
#ifndef COMMON_BASE_STANDARD_STREAMS_H
#define COMMON_BASE_STANDARD_STREAMS_H

/* Occupies the numbers of those that are closed; to read or write them still fails. Before anything is opened; one thread. */
void standard_streams_occupy(void);

#endif
