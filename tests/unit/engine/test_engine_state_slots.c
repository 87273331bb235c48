/* Slots of recurrent states beside a cache: SGLang 0.5.23 mem_cache/kv_cache_configurator.py, _handle_max_mamba_cache(), and logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine_internal.h"

#define STATE_27B_F32  UINT64_C(153944064) /* 48 layers: 48 heads of 128 x 128 in F32, three steps of 10240 in 16 bits */
#define STATE_27B_BF16 UINT64_C(78446592)
#define TOKEN_27B      UINT64_C(65536)     /* 16 layers of four heads of 256, K and V, 16 bits */

/* Two boots of one machine, 0.5.17: 54 slots and 169,792 tokens with four drafted tokens, 43 and 171,008 with six; four requests at
 * most, states of 16 bits. Text indexes 60302529556 and 60416764408. */
static void states_of_drafted_tokens_come_out_of_the_part_of_the_states(void **state)
{
    static const struct {
        uint32_t drafted, slots;
        uint64_t tokens;
    } boots[] = {{4, 54, 169792}, {6, 43, 171008}};

    (void)state;
    for (size_t i = 0; i < sizeof boots / sizeof boots[0]; i++) {
        const cfi_state_slots s = {STATE_27B_BF16, 0, 90, 1, 5, boots[i].drafted, 4, true};
        const uint64_t        between = UINT64_C(5) * boots[i].drafted;
        const uint64_t        pool = boots[i].tokens * TOKEN_27B + (boots[i].slots + 1 + between) * STATE_27B_BF16;

        assert_int_equal(cfi_slots_of(&s, pool), boots[i].slots);
        assert_int_equal(cfi_slots_cache(&s, pool) / TOKEN_27B, boots[i].tokens);
    }
}

/* --disable-radix-cache --max-running-requests 48: as many states as requests */
static void states_are_as_many_as_requests_where_no_prefixes_are_cached(void **state)
{
    const cfi_state_slots s = {STATE_27B_F32, 48, 90, 1, 1, 0, 48, true};
    const uint64_t        pool = UINT64_C(40) << 30;

    (void)state;
    assert_int_equal(cfi_slots_of(&s, pool), 48);
    assert_int_equal(cfi_slots_cache(&s, pool), pool - 49 * STATE_27B_F32);
    assert_int_equal(cfi_slots_cache(&s, 40 * STATE_27B_F32), 0); /* does not start */
}

/* What is asked for fits, with slots for the requests, and half a pool less would not. */
static void a_pool_holds_what_it_is_made_for(void **state)
{
    static const cfi_state_slots kinds[] = {
        {STATE_27B_F32, 0, 90, 1, 5, 0, 0, true},  {STATE_27B_F32, 0, 90, 0, 3, 0, 0, false}, {STATE_27B_BF16, 0, 90, 1, 5, 4, 48, true},
        {STATE_27B_BF16, 0, 90, 1, 5, 4, 2, true}, {STATE_27B_F32, 0, 90, 0, 3, 2, 48, false}, {STATE_27B_F32, 32, 90, 1, 1, 3, 32, true},
        {0, 0, 0, 0, 0, 0, 0, false},
    };
    static const uint64_t caches[] = {UINT64_C(1) << 20, UINT64_C(1) << 30, UINT64_C(100000000000)};

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (size_t c = 0; c < sizeof caches / sizeof caches[0]; c++) {
            for (uint32_t requests = 1; requests <= 32; requests *= 4) {
                uint64_t pool, least;

                assert_true(cfi_slots_pool(&kinds[k], caches[c], requests, &pool));
                for (uint64_t more = 0; more < 3; more++)
                    assert_true(cfi_slots_cache(&kinds[k], pool + more * STATE_27B_F32 / 2) >= caches[c]);
                assert_true(kinds[k].each == 0 || cfi_slots_of(&kinds[k], pool) / kinds[k].each >= requests);
                least = pool / 2;
                assert_true(cfi_slots_cache(&kinds[k], least) < caches[c] ||
                            (kinds[k].each != 0 && cfi_slots_of(&kinds[k], least) / kinds[k].each < requests));
            }
        }
    }
}

static void a_pool_of_more_than_64_bits_is_none(void **state)
{
    const cfi_state_slots s = {STATE_27B_F32, 0, 90, 1, 5, 4, 48, true};
    uint64_t              pool;

    (void)state;
    assert_false(cfi_slots_pool(&s, UINT64_MAX / 2, 1, &pool));
    assert_false(cfi_slots_pool(&(const cfi_state_slots){UINT64_MAX / 4, 48, 90, 1, 1, 0, 48, true}, 1, 1, &pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_of_drafted_tokens_come_out_of_the_part_of_the_states),
        cmocka_unit_test(states_are_as_many_as_requests_where_no_prefixes_are_cached),
        cmocka_unit_test(a_pool_holds_what_it_is_made_for),
        cmocka_unit_test(a_pool_of_more_than_64_bits_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
