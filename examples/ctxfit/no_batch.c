#include "cli.h"

int cli_batch(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("ctxfit: this ctxfit was built without yyjson, which batch reads requests with; install it\n"
          "        (Debian 13: libyyjson-dev; elsewhere examples/yyjson.sh) and build again with\n"
          "        -DCTXFIT_WITH_JSON=ON\n", stderr);
    return CLI_USAGE;
}
