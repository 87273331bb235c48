/* Good files with a few bytes changed: whatever comes, no crash, no hang, and a handle only with OK. */
#include "test_support.h"

#include "gguf/gguf_internal.h"
#include "gguf_exercise.h"
#include "gguf_writer.h"

#define ROUNDS 20000

/* splitmix64: the same on every platform */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Bytes that break counts, lengths and types more often than random ones do. */
static unsigned char interesting_byte(uint64_t random)
{
    static const unsigned char bytes[] = {0, 1, 2, 4, 8, 9, 12, 13, 0x7f, 0x80, 0xff};

    return random % 4 == 0 ? (unsigned char)(random >> 8) : bytes[(random >> 8) % sizeof bytes];
}

static void changed_bytes_never_crash(void **state)
{
    uint64_t    seed = 20261120;
    gguf_writer good[4];
    unsigned    parsed = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        gw_good(&good[i], 2 + i % 2, i >= 2);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const gguf_writer *from = &good[round % 4];
        unsigned char     *changed = malloc(from->size);
        uint64_t           changes = 1 + next_random(&seed) % 4;

        assert_non_null(changed);
        memcpy(changed, from->data, from->size);
        for (uint64_t i = 0; i < changes; i++) {
            size_t at = (size_t)(next_random(&seed) % from->size);

            changed[at] = interesting_byte(next_random(&seed));
        }
        parsed += gguf_exercise(changed, from->size, next_random(&seed) % 2 == 0 ? from->size : 0);
        free(changed);
    }
    assert_in_range(parsed, 1, ROUNDS - 1);
    for (unsigned i = 0; i < 4; i++)
        gw_free(&good[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(changed_bytes_never_crash)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
