/* cmocka wants these before it. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
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

#endif
