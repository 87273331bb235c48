/* What the tests of machines share. */
#ifndef HW_SUPPORT_H
#define HW_SUPPORT_H

#include "test_support.h"

#include "hw/hw_internal.h"

static inline ctxfit_hw *must_parse(const char *spec)
{
    ctxfit_hw   *hw = NULL;
    ctxfit_error error;

    memset(&error, 0, sizeof error);
    if (ctxfit_hw_parse(spec, NULL, &hw, &error) != CTXFIT_OK)
        fail_msg("'%s': %s", spec, error.message);
    assert_non_null(hw);
    return hw;
}

static inline void assert_same_machine(const ctxfit_hw *a, const ctxfit_hw *b, const char *what)
{
    uint32_t             n, m;
    const ctxfit_device *x = cfi_hw_devices(a, &n), *y = cfi_hw_devices(b, &m);

    if (n != m || memcmp(x, y, n * sizeof *x) != 0)
        fail_msg("not the same machine: %s", what);
}

/* parse(write(parse(spec))) is parse(spec), and writing is stable. The written text is left in `written`. */
static inline void assert_round_trip(const char *spec, char *written, size_t cap)
{
    ctxfit_hw *first = must_parse(spec), *second;
    char       again[4096];
    size_t     len;

    assert_int_equal(ctxfit_hw_write_spec(first, written, cap, &len), CTXFIT_OK);
    assert_int_equal(len, strlen(written));
    second = must_parse(written);
    assert_same_machine(first, second, written);
    assert_int_equal(ctxfit_hw_write_spec(second, again, sizeof again, NULL), CTXFIT_OK);
    assert_string_equal(written, again);
    ctxfit_hw_free(first);
    ctxfit_hw_free(second);
}

#endif
