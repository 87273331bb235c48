/* Rates of weights in several memories: published measurements of split and offloaded models against the plan's band, and the parts of
 * a token's time. */
#include "place_fixture.h"

#include "csv_reader.h"

static void measured_rates_of_split_models_are_in_the_band(void **state)
{
    csv_reader csv;
    int        rows = 0, inside = 0, offloaded = 0, offloaded_inside = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/place/split_speed.csv"));
    while (csv_read(&csv)) {
        ctxfit_model       *model = catalog_model(csv_text(&csv, "model"), csv_text(&csv, "file_type"));
        ctxfit_hw          *hw = machine(csv_text(&csv, "hw"));
        ctxfit_plan_options o = CTXFIT_PLAN_OPTIONS_INIT;
        ctxfit_plan        *plan;
        ctxfit_estimate     e = CTXFIT_ESTIMATE_INIT;
        double              measured = strtod(csv_text(&csv, "tokens_per_s"), NULL);
        bool                host = strstr(csv_text(&csv, "line"), "CPU") != NULL, good;

        assert_int_equal(ctxfit_place_read_line(csv_text(&csv, "line"), &o, NULL, NULL), CTXFIT_OK);
        o.flags = CTXFIT_PLAN_F_NO_LIMITS | CTXFIT_PLAN_F_BOUND;
        plan = planned(model, hw, &o);
        assert_int_equal(ctxfit_plan_get_decode_rate(plan, (uint64_t)csv_number(&csv, "depth"), &e), CTXFIT_OK);
        good = e.basis == CTXFIT_BASIS_CALIBRATED && measured >= e.low && measured <= e.high;
        rows++;
        inside += good;
        offloaded += host;
        offloaded_inside += host && good;
        ctxfit_plan_free(plan);
        ctxfit_hw_free(hw);
        ctxfit_model_free(model);
    }
    csv_close(&csv);
    printf("%d of %d rows in the band, of experts on the host %d of %d\n", inside, rows, offloaded_inside, offloaded);
    assert_true(offloaded >= 5);
    assert_int_equal(offloaded_inside, offloaded);
    assert_true(inside * 10 >= rows * 7); /* the band is made to hold about 80 % of the rows of unseen machines */
}

static void parts_add_up_to_the_decode_time(void **state)
{
    ctxfit_model       *model = coder("Q4_K_M");
    ctxfit_hw          *hw = machine("2*rtx-3060-12gb host:64GiB(bw=80GB/s)");
    ctxfit_plan_options o = options_with(16384, 1);
    ctxfit_plan        *plan;
    ctxfit_estimate     e = CTXFIT_ESTIMATE_INIT;
    ctxfit_plan_part    part = CTXFIT_PLAN_PART_INIT;
    ctxfit_plan_device  device = CTXFIT_PLAN_DEVICE_INIT;
    double              seconds = 0;

    (void)state;
    o.cpu_expert_layers = 20;
    plan = planned(model, hw, &o);
    for (uint32_t d = 0; d < 3; d++) {
        assert_int_equal(ctxfit_plan_get_part(plan, d, 16384, &part), CTXFIT_OK);
        assert_int_equal(ctxfit_plan_get_device(plan, d, &device), CTXFIT_OK);
        seconds += part.seconds;
        if (d < 2)
            assert_int_equal(part.cache_bytes, device.kv_bytes); /* all of the context is read */
        assert_true(part.weight_bytes < device.weights_bytes);   /* 8 of 128 experts, or one row of the embeddings */
        if (d == 0) /* embeddings come in; 20 layers ask the host and get its answer */
            assert_int_equal(part.link_bytes, (1 + 2 * 20) * 2048 * 4);
        if (d == 1) /* a hidden state comes in, logits go out */
            assert_int_equal(part.link_bytes, 2048 * 4 + 151936 * 4);
    }
    assert_int_equal(ctxfit_plan_get_decode_rate(plan, 16384, &e), CTXFIT_OK);
    assert_near(seconds, 1 / e.value, 1e-3 / e.value);
    assert_int_equal(ctxfit_plan_get_part(plan, 3, 0, &part), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_plan_get_part(NULL, 0, 0, &part), CTXFIT_E_INVALID_ARG);
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_rates_of_split_models_are_in_the_band),
        cmocka_unit_test(parts_add_up_to_the_decode_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
