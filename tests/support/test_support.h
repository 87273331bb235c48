/* cmocka wants these before it. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctxfit/base.h"

/* An allocator whose n-th call fails (0: never) and that counts what is still allocated. */
typedef struct test_allocator {
    size_t calls;
    size_t fail_at;
    size_t live_blocks;
    size_t live_bytes;
} test_allocator;

static inline void *test_alloc(void *user, size_t size)
{
    test_allocator *t = user;
    void           *p;

    t->calls++;
    if (t->fail_at != 0 && t->calls >= t->fail_at)
        return NULL;
    p = malloc(size);
    if (p != NULL) {
        t->live_blocks++;
        t->live_bytes += size;
    }
    return p;
}

static inline void test_release(void *user, void *ptr, size_t size)
{
    test_allocator *t = user;

    if (ptr != NULL) {
        t->live_blocks--;
        t->live_bytes -= size;
    }
    free(ptr);
}

static inline ctxfit_allocator test_allocator_make(test_allocator *t, size_t fail_at)
{
    ctxfit_allocator a = {test_alloc, test_release, t};

    memset(t, 0, sizeof *t);
    t->fail_at = fail_at;
    return a;
}

/* Memory whose first call fails, in the next round its second, and so on until a round does not end for want of memory:
 *     test_failing f = {0};
 *     while (test_failing_next(&f)) {
 *         f.status = ctxfit_thing_make(&f.allocator, &thing, NULL);
 *         assert_true((thing != NULL) == (f.status == CTXFIT_OK));
 *         ctxfit_thing_free(thing);
 *     }
 * A round that leaves something allocated fails the test. */
typedef struct test_failing {
    test_allocator   counter;
    ctxfit_allocator allocator;
    ctxfit_status    status; /* of the round */
    size_t           rounds;
} test_failing;

static inline bool test_failing_next(test_failing *f)
{
    if (f->rounds > 0) {
        assert_int_equal(f->counter.live_blocks, 0);
        assert_int_equal(f->counter.live_bytes, 0);
        if (f->status != CTXFIT_E_NO_MEMORY)
            return false;
    }
    assert_true(f->rounds < 10000);
    f->allocator = test_allocator_make(&f->counter, ++f->rounds);
    f->status = CTXFIT_OK;
    return true;
}

#endif
