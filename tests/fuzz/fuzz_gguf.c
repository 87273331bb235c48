/* Any bytes are a prefix of a file, and also a whole file. */
#include "gguf_exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned as_prefix = gguf_exercise(data, size, 0);
    unsigned as_file = size > 0 ? gguf_exercise(data, size, size) : 0;

    GGUF_REQUIRE(size == 0 || as_prefix == as_file);
    return 0;
}
