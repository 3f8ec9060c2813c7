/* sms-gateway: the operator's tool on the gateway's own machine. */
#include "common/base/standard_streams.h"
#include "deploy/cli/command.h"

int main(int argc, char **argv)
{
    standard_streams_occupy();
    return command_main(argc, argv);
}
