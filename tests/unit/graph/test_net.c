/* The order of a graph's operations. */
#include "graph/net.h"
#include "test_support.h"

typedef struct net_state {
    cfi_arena arena;
    cfi_net   net;
} net_state;

static void open_net(net_state *s)
{
    cfi_arena_init(&s->arena, NULL);
    cfi_net_init(&s->net, &s->arena);
}

static void close_net(net_state *s)
{
    cfi_net_end(&s->net, &s->arena);
    cfi_arena_free(&s->arena);
}

static void sources_run_first_and_each_once(void **state)
{
    net_state s;
    cfi_node *leaf, *a, *b, *c, *d;

    (void)state;
    open_net(&s);
    leaf = cfi_tensor_1d(&s.net, CFI_QUANT_F32, 8);
    a = cfi_op_same(&s.net, CFI_OP_SQR, leaf);
    b = cfi_op_same(&s.net, CFI_OP_SQRT, a);
    c = cfi_op_same(&s.net, CFI_OP_SCALE, a);
    d = cfi_add(&s.net, c, cfi_mul(&s.net, b, b));
    cfi_net_expand(&s.net, b);
    cfi_net_expand(&s.net, d);
    assert_int_equal(s.net.leafs.count, 1);
    assert_int_equal(s.net.nodes.count, 5);
    assert_ptr_equal(s.net.nodes.item[0], a);
    assert_ptr_equal(s.net.nodes.item[1], b);
    assert_ptr_equal(s.net.nodes.item[2], c);
    assert_ptr_equal(s.net.nodes.item[3], d->src[1]);
    assert_ptr_equal(s.net.nodes.item[4], d);
    assert_ptr_equal(d->src[0], c);
    assert_ptr_equal(d->src[1]->src[0], b);
    assert_ptr_equal(d->src[1]->src[1], b);
    close_net(&s);
}

/* As deep as the blocks of a file that is an enemy's: no stack holds them. */
static void a_chain_may_be_longer_than_a_stack(void **state)
{
    const uint32_t length = 300000;
    net_state      s;
    cfi_node      *first, *last;

    (void)state;
    open_net(&s);
    first = last = cfi_tensor_1d(&s.net, CFI_QUANT_F32, 8);
    for (uint32_t i = 0; i < length; i++)
        last = cfi_op_same(&s.net, CFI_OP_SCALE, last);
    cfi_net_expand(&s.net, last);
    assert_false(s.net.no_memory);
    assert_int_equal(s.net.nodes.count, length);
    assert_ptr_equal(s.net.nodes.item[length - 1], last);
    for (uint32_t i = 0; i < length; i++)
        assert_ptr_equal(s.net.nodes.item[i]->src[0], i > 0 ? s.net.nodes.item[i - 1] : first);
    close_net(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_run_first_and_each_once),
        cmocka_unit_test(a_chain_may_be_longer_than_a_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
