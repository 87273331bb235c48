#include "cli.h"

int cli_batch(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("ctxfit: this ctxfit was built without yyjson, which batch reads requests with; install it (Debian 13, Ubuntu 24.04: libyyjson-dev;\n"
          "        elsewhere see examples/yyjson.sh) and build again with -DCTXFIT_WITH_JSON=ON\n", stderr);
    return CLI_USAGE;
}
