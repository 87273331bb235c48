/* The pieces of the solver: divisions against every division there is, patterns against every number. */
#include "place_fixture.h"

#include "place/place_internal.h"

static void number_patterns_find_their_numbers_and_no_others(void **state)
{
    static cfi_pattern_set set;

    (void)state;
    for (uint32_t first = 0; first <= 130; first += first < 12 ? 1 : 7) {
        for (uint32_t last = first; last <= 215; last += 3) {
            char       text[256], name[48];
            cfi_writer w;
            size_t     len;

            cfi_writer_init(&w, text, sizeof text);
            cfi_write(&w, "blk\\.(");
            cfi_spread_write_numbers(&w, first, last);
            cfi_write(&w, ")\\.ffn");
            assert_int_equal(cfi_writer_finish(&w, &len), CTXFIT_OK);
            cfi_pattern_set_init(&set, text);
            assert_int_equal(cfi_pattern_set_add(&set, text, len, NULL), CTXFIT_OK);
            for (uint32_t n = 0; n < 230; n++) {
                (void)snprintf(name, sizeof name, "blk.%u.ffn_up.weight", (unsigned)n);
                if ((cfi_pattern_set_search(&set, name) == 0) != (n >= first && n <= last))
                    fail_msg("%s and %u", text, (unsigned)n);
            }
        }
    }
}

#define LAYERS 7u

/* The least time over all divisions, one by one. */
static double best_by_hand(const cfi_divide *divide)
{
    double best = -1;

    for (uint32_t a = 0; a <= LAYERS + 1; a++) {
        for (uint32_t b = a; b <= LAYERS + 1; b++) {
            const cfi_ledger_sum *sum = &divide->ledger->sum[a];
            double                cost0, cost1, total;

            if ((divide->all_on_devices && a > 0 && divide->host_layers == UINT32_MAX) ||
                (divide->host_layers != UINT32_MAX && divide->host_layers != a) ||
                !cfi_divide_cost(divide, 0, a, b, &cost0) || !cfi_divide_cost(divide, 1, b, LAYERS + 1, &cost1))
                continue;
            total = cost0 + cost1 + (sum->read_kept + sum->read_moved) * divide->device[2].weight_s +
                    sum->read_cache * divide->device[2].cache_s + sum->blocks * divide->device[2].block_s;
            if (best < 0 || total < best)
                best = total;
        }
    }
    return best;
}

static void the_division_is_the_best_of_all(void **state)
{
    cfi_ledger_sum   sums[LAYERS + 2];
    cfi_ledger_layer layers[LAYERS + 1];
    cfi_ledger       ledger = {.entries = LAYERS + 1, .layer = layers, .sum = sums};
    double           room[3 * (LAYERS + 2)];
    uint32_t         from[3 * (LAYERS + 2)], seed = 1, found = 0;
    cfi_divide       divide = {.ledger = &ledger, .count = 2, .best = room, .from = from};

    (void)state;
    for (int round = 0; round < 2000; round++) {
        uint32_t first[CFI_MAX_DEVICES + 1];
        double   best;

        memset(sums, 0, sizeof sums);
        memset(layers, 0, sizeof layers);
#define DRAW(n) ((seed = seed * 1103515245u + 12345u) >> 16) % (n)
        for (uint32_t i = 0; i <= LAYERS; i++) {
            sums[i + 1] = sums[i];
            for (int p = 0; p < CFI_PADDING_COUNT; p++) {
                sums[i + 1].kept[p] += 10 + DRAW(20);
                sums[i + 1].moved[p] += DRAW(60);
                sums[i + 1].cache[p] += DRAW(10);
            }
            sums[i + 1].read_kept += 10 + DRAW(20);
            sums[i + 1].read_moved += DRAW(60);
            sums[i + 1].read_cache += DRAW(10);
            sums[i + 1].blocks += 2;
        }
        for (int d = 0; d < 3; d++) {
            divide.device[d].budget = 40 + DRAW(300);
            divide.device[d].weight_s = d == 2 ? 10 : 1 + DRAW(3);
            divide.device[d].cache_s = d == 2 ? 20 : 1 + DRAW(3);
            divide.device[d].block_s = 1;
        }
        divide.all_on_devices = DRAW(4) == 0;
        divide.host_layers = DRAW(4) == 0 ? DRAW(LAYERS) : UINT32_MAX;
#undef DRAW
        best = best_by_hand(&divide);
        assert_int_equal(cfi_divide_solve(&divide, first), best >= 0);
        if (best < 0)
            continue;
        assert_near(room[2 * (LAYERS + 2) + LAYERS + 1], best, 1e-6 * best);
        assert_int_equal(first[2], LAYERS + 1);
        found++;
    }
    assert_true(found > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_patterns_find_their_numbers_and_no_others),
        cmocka_unit_test(the_division_is_the_best_of_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
