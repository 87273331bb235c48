/* The main() of a fuzz target where libFuzzer does not bring one: runs every file that is named. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_SEED_BYTES (1u << 20)

int main(int argc, char **argv)
{
    static unsigned char buffer[MAX_SEED_BYTES];

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        FILE    *file = fopen(argv[i], "rb");
        uint8_t *exact;
        size_t   size;

        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        size = fread(buffer, 1, sizeof buffer, file);
        (void)fclose(file);
        exact = malloc(size > 0 ? size : 1); /* so that a sanitizer sees a read past the end */
        if (exact == NULL)
            return 2;
        for (size_t j = 0; j < size; j++)
            exact[j] = buffer[j];
        (void)LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    (void)printf("%d inputs\n", argc - 1);
    return 0;
}
