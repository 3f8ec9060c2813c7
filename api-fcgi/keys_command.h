/* api-fcgi keys: makes, lists and revokes API keys, on the gateway's own machine. */
#ifndef API_KEYS_COMMAND_H
#define API_KEYS_COMMAND_H

/* argv[0] is "keys". The exit status: 2 for a wrong use, 1 where the database refuses. Works on a
   gateway that runs and on one that never has. */
int keys_command(int argc, char **argv);

#endif
