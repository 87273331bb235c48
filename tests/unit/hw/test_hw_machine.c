#include "hw_support.h"

#define GIB (UINT64_C(1) << 30)

static ctxfit_device a_device(uint32_t kind, uint64_t memory, const char *id)
{
    ctxfit_device d = CTXFIT_DEVICE_INIT;

    d.kind = kind;
    d.memory_bytes = memory;
    (void)snprintf(d.id, sizeof d.id, "%s", id);
    return d;
}

static void assert_refused(const ctxfit_device *devices, size_t count, ctxfit_status status, const char *message)
{
    ctxfit_hw   *hw = (ctxfit_hw *)1;
    ctxfit_error error;

    memset(&error, 0, sizeof error);
    if (ctxfit_hw_from_devices(devices, count, NULL, &hw, &error) != status || strstr(error.message, message) == NULL)
        fail_msg("%s instead of %s: %s", ctxfit_status_name(error.status), message, error.message);
    assert_null(hw);
}

static void zero_fields_take_the_catalogs_values(void **state)
{
    ctxfit_device devices[2] = {a_device(CTXFIT_DEVICE_HOST, 64 * GIB, ""), a_device(0, 0, "rtx-4090")};
    ctxfit_hw    *hw = NULL, *parsed = must_parse("rtx-4090 host:64GiB");

    (void)state;
    assert_int_equal(ctxfit_hw_from_devices(devices, 2, NULL, &hw, NULL), CTXFIT_OK);
    assert_same_machine(hw, parsed, "rtx-4090 host:64GiB");
    ctxfit_hw_free(hw);
    ctxfit_hw_free(parsed);
}

static void what_was_measured_is_kept_and_written(void **state)
{
    ctxfit_device d = a_device(CTXFIT_DEVICE_GPU, 24564 * (UINT64_C(1) << 20), "rtx-4090");
    ctxfit_hw    *hw = NULL, *again;
    char          text[256];

    (void)state;
    d.free_bytes = 23 * GIB;
    memset(d.id + sizeof "rtx-4090", 'x', 20); /* left over in the caller's buffer */
    assert_int_equal(ctxfit_hw_from_devices(&d, 1, NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_write_spec(hw, text, sizeof text, NULL), CTXFIT_OK);
    assert_string_equal(text, "rtx-4090(mem=24564MiB,free=23GiB)");
    again = must_parse(text);
    assert_same_machine(hw, again, text);
    ctxfit_hw_free(hw);
    ctxfit_hw_free(again);
}

/* What get_device gives can be given back. */
static void devices_of_a_machine_make_the_same_machine(void **state)
{
    static const char *const specs[] = {"2*rtx-4090 host:64GiB(reserve=1GiB,bw=80GB/s)", "mac-studio-m2-ultra-64gb(budget=56GiB)",
                                        "2*dgx-spark", "rtx-4090 dgx-spark(node=1) host:32GiB", "epyc-9654 mi300x",
                                        "unified(mem=32GiB,reserve=1GiB,free=20GiB)", "host:8GiB", "63*t4"};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(specs); i++) {
        ctxfit_hw    *hw = must_parse(specs[i]), *again = NULL;
        ctxfit_device devices[CTXFIT_HW_MAX_DEVICES];
        uint32_t      n = ctxfit_hw_device_count(hw);
        ctxfit_error  error;

        for (uint32_t k = 0; k < n; k++) {
            devices[k].struct_size = (uint32_t)sizeof devices[k];
            assert_int_equal(ctxfit_hw_get_device(hw, k, &devices[k]), CTXFIT_OK);
        }
        if (ctxfit_hw_from_devices(devices, n, NULL, &again, &error) != CTXFIT_OK)
            fail_msg("%s: %s", specs[i], error.message);
        assert_same_machine(hw, again, specs[i]);
        ctxfit_hw_free(hw);
        ctxfit_hw_free(again);
    }
}

static void reserve_none_keeps_nothing(void **state)
{
    ctxfit_device d = a_device(CTXFIT_DEVICE_HOST, 8 * GIB, "");
    ctxfit_hw    *hw = NULL;

    (void)state;
    d.reserve_bytes = CTXFIT_HW_RESERVE_NONE;
    assert_int_equal(ctxfit_hw_from_devices(&d, 1, NULL, &hw, NULL), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_get_device(hw, 0, &d), CTXFIT_OK);
    assert_int_equal(d.reserve_bytes, 0);
    ctxfit_hw_free(hw);
}

static void faulty_devices_are_refused_with_a_reason(void **state)
{
    ctxfit_device two[2], d;
    double        zero = 0;

    (void)state;
    two[0] = two[1] = a_device(CTXFIT_DEVICE_HOST, GIB, "");
    assert_refused(two, 2, CTXFIT_E_INVALID_ARG, "device 1: a machine has one host");
    two[0] = two[1] = a_device(0, 0, "dgx-spark");
    assert_refused(two, 2, CTXFIT_E_INVALID_ARG, "two unified devices");
    two[0] = a_device(0, 0, "dgx-spark");
    two[1] = a_device(CTXFIT_DEVICE_HOST, 64 * GIB, "");
    assert_refused(two, 2, CTXFIT_E_INVALID_ARG, "is the host's");
    d = a_device(CTXFIT_DEVICE_GPU, 0, "");
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "memory is missing");
    d = a_device(CTXFIT_DEVICE_HOST, 0, "");
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "needs memory");
    d = a_device(0, GIB, "");
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "neither kind nor id");
    d = a_device(4, GIB, "");
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "kind is none");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "dgx-spark");
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "contradict");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "host");
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "contradict");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "rtx-9999");
    assert_refused(&d, 1, CTXFIT_E_NOT_FOUND, "rtx-9999");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "2x-rtx-4090");
    assert_refused(&d, 1, CTXFIT_E_NOT_FOUND, "2x-rtx-4090");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    memset(d.id, 'x', sizeof d.id);
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "NUL");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    memset(d.name, 'x', sizeof d.name);
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "NUL");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    d.backend = 99;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "backend");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    d.node = 64;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "node");
    d = a_device(CTXFIT_DEVICE_HOST, GIB, "");
    d.node = 1;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "node 0");
    d = a_device(CTXFIT_DEVICE_HOST, GIB, "");
    d.link_bytes_per_s = 1;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "link");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    d.free_bytes = GIB + 1;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "free");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    d.budget_bytes = GIB - 1;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "budget");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    d.reserve_bytes = 1;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "reserve");
    d = a_device(CTXFIT_DEVICE_UNIFIED, GIB, "");
    d.budget_bytes = GIB + 1;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "budget");
    d = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    d.fp16_flops_per_s = -1;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "rate");
    d.fp16_flops_per_s = zero / zero;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "rate");
    d.fp16_flops_per_s = 1 / zero;
    assert_refused(&d, 1, CTXFIT_E_INVALID_ARG, "rate");
}

static void struct_sizes_and_arguments_are_checked(void **state)
{
    struct {
        ctxfit_device device;
        uint64_t      tail;
    } newer;
    ctxfit_device    d = a_device(CTXFIT_DEVICE_GPU, GIB, ""), many[CTXFIT_HW_MAX_DEVICES + 1];
    ctxfit_allocator broken = {NULL, NULL, NULL};
    ctxfit_hw       *hw = NULL;
    ctxfit_error     error;

    (void)state;
    assert_refused(NULL, 1, CTXFIT_E_INVALID_ARG, "NULL");
    assert_refused(&d, 0, CTXFIT_E_INVALID_ARG, "empty");
    assert_int_equal(ctxfit_hw_from_devices(&d, 1, NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_from_devices(&d, 1, &broken, &hw, NULL), CTXFIT_E_INVALID_ARG);
    for (size_t i = 0; i < CFI_COUNT(many); i++)
        many[i] = d;
    assert_refused(many, CFI_COUNT(many), CTXFIT_E_LIMIT, "at most 64");
    assert_refused(many, CTXFIT_HW_MAX_DEVICES, CTXFIT_E_LIMIT, "more than 64");
    d.struct_size = 0;
    assert_refused(&d, 1, CTXFIT_E_STRUCT_SIZE, "struct_size");

    memset(&newer, 0, sizeof newer);
    newer.device = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    newer.device.struct_size = (uint32_t)sizeof newer;
    assert_int_equal(ctxfit_hw_from_devices(&newer.device, 1, NULL, &hw, &error), CTXFIT_OK);
    assert_int_equal(ctxfit_hw_get_device(hw, 0, &newer.device), CTXFIT_OK);
    assert_int_equal(newer.device.struct_size, sizeof newer);
    assert_int_equal(ctxfit_hw_get_device(hw, 2, &newer.device), CTXFIT_E_NOT_FOUND);
    assert_int_equal(newer.device.memory_bytes, 0);
    assert_int_equal(ctxfit_hw_get_device(NULL, 0, &newer.device), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_get_device(hw, 0, NULL), CTXFIT_E_INVALID_ARG);
    d.struct_size = 8;
    assert_int_equal(ctxfit_hw_get_device(hw, 0, &d), CTXFIT_E_STRUCT_SIZE);
    ctxfit_hw_free(hw);
    newer.tail = 1;
    newer.device = a_device(CTXFIT_DEVICE_GPU, GIB, "");
    newer.device.struct_size = (uint32_t)sizeof newer;
    assert_refused(&newer.device, 1, CTXFIT_E_NEWER_STRUCT, "device 0");
    assert_int_equal(ctxfit_hw_device_count(NULL), 0);
}

static void from_devices_survives_every_failing_allocation(void **state)
{
    ctxfit_device d = a_device(0, 0, "mac-studio-m2-ultra-64gb");
    test_failing  f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_hw *hw;

        f.status = ctxfit_hw_from_devices(&d, 1, &f.allocator, &hw, NULL);
        assert_true((hw != NULL) == (f.status == CTXFIT_OK));
        ctxfit_hw_free(hw);
    }
    assert_int_equal(f.status, CTXFIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_fields_take_the_catalogs_values),
        cmocka_unit_test(what_was_measured_is_kept_and_written),
        cmocka_unit_test(devices_of_a_machine_make_the_same_machine),
        cmocka_unit_test(reserve_none_keeps_nothing),
        cmocka_unit_test(faulty_devices_are_refused_with_a_reason),
        cmocka_unit_test(struct_sizes_and_arguments_are_checked),
        cmocka_unit_test(from_devices_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
