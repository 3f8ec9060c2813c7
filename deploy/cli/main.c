/* sms-gateway: the operator's tool on the gateway's own machine. */
#include "deploy/cli/command.h"

int main(int argc, char **argv)
{
    return command_main(argc, argv);
}
