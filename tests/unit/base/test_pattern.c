/* Patterns of overrides mean what std::regex_search says, and no pattern takes long. */
#include "test_support.h"

#include "base/base_internal.h"

static bool found(const char *pattern, const char *name)
{
    static cfi_pattern_set set;
    ctxfit_error           error;

    cfi_pattern_set_init(&set, pattern);
    if (cfi_pattern_set_add(&set, pattern, strlen(pattern), &error) != CTXFIT_OK)
        fail_msg("%s: %s", pattern, error.message);
    return cfi_pattern_set_search(&set, name) == 0;
}

static void patterns_are_searched_anywhere(void **state)
{
    static const struct {
        const char *pattern;
        const char *name;
        bool        found;
    } cases[] = {
        {"ffn_up", "blk.12.ffn_up_exps.weight", true},
        {"", "any", true},
        {"blk\\.1\\.", "blk.1.attn_q.weight", true},
        {"blk\\.1\\.", "blk.11.attn_q.weight", false},
        {"blk.1.", "blk.11.attn_q.weight", true},
        {"\\.ffn_(up|down|gate|gate_up)_(ch|)exps", "blk.3.ffn_gate_up_exps.weight", true},
        {"\\.ffn_(up|down|gate|gate_up)_(ch|)exps", "blk.3.ffn_down_chexps.weight", true},
        {"\\.ffn_(up|down|gate|gate_up)_(ch|)exps", "blk.3.ffn_down_shexp.weight", false},
        {"blk\\.[0-3]\\.ffn_.*", "blk.3.ffn_norm.weight", true},
        {"blk\\.[0-3]\\.ffn_.*", "blk.4.ffn_norm.weight", false},
        {"blk\\.(0|1)\\.ffn_up", "blk.1.ffn_up.weight", true},
        {"^output", "output.weight", true},
        {"^output", "attn_output.weight", false},
        {"weight$", "output.weight", true},
        {"weight$", "weight.x", false},
        {"^output\\.weight$", "output.weight", true},
        {"a{2}", "xaay", true},
        {"^a{2}$", "aaa", false},
        {"^a{2,}$", "aaaa", true},
        {"^a{2,}$", "a", false},
        {"^(ab){1,2}$", "abab", true},
        {"^(ab){1,2}$", "ababab", false},
        {"^a{0,2}$", "", true},
        {"^a{0}b$", "b", true},
        {"^a*?b+?c??$", "aabb", true},
        {"^[^.]+\\.[^.]+$", "output.weight", true},
        {"^[^.]+$", "output.weight", false},
        {"^\\d+\\w\\W\\s?$", "12a.", true},
        {"[\\d.]+", "abc", false},
        {"[a\\]]", "]", true},
        {"\\bweight\\b", "output.weight", true},
        {"\\Beight", "weight", true},
        {"\\x61\\x2e", "a.", true},
        {"(?:a|b)*c", "xabac", true},
        {"(a|b|c|)d", "d", true},
        {"((a)|(b(c|d)))e", "bde", true},
        {"^(a|b)(c|d)$", "bd", true},
        {"}", "}", true},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        if (found(cases[i].pattern, cases[i].name) != cases[i].found)
            fail_msg("'%s' in '%s': expected %d", cases[i].pattern, cases[i].name, cases[i].found);
    }
}

static void the_first_of_several_patterns_wins(void **state)
{
    static cfi_pattern_set set;
    const char            *text = "up=CPU;ffn=CUDA0;output=CPU";

    (void)state;
    cfi_pattern_set_init(&set, text);
    assert_int_equal(cfi_pattern_set_search(&set, "ffn_up"), CFI_PATTERN_NONE);
    assert_int_equal(cfi_pattern_set_add(&set, text, 2, NULL), CTXFIT_OK);
    assert_int_equal(cfi_pattern_set_add(&set, text + 7, 3, NULL), CTXFIT_OK);
    assert_int_equal(cfi_pattern_set_add(&set, text + 17, 6, NULL), CTXFIT_OK);
    assert_int_equal(cfi_pattern_set_search(&set, "ffn_up"), 0);
    assert_int_equal(cfi_pattern_set_search(&set, "ffn_down"), 1);
    assert_int_equal(cfi_pattern_set_search(&set, "output"), 2);
    assert_int_equal(cfi_pattern_set_search(&set, "token_embd"), CFI_PATTERN_NONE);
}

static void broken_patterns_are_told_with_their_place(void **state)
{
    static const struct {
        const char   *pattern;
        ctxfit_status status;
        uint64_t      offset;
    } cases[] = {
        {"ab(c", CTXFIT_E_INVALID_ARG, 4},  {"ab)c", CTXFIT_E_INVALID_ARG, 2},    {"*a", CTXFIT_E_INVALID_ARG, 0},
        {"a|+", CTXFIT_E_INVALID_ARG, 2},   {"[ab", CTXFIT_E_INVALID_ARG, 3},     {"[b-a]", CTXFIT_E_INVALID_ARG, 4},
        {"a{2", CTXFIT_E_INVALID_ARG, 1},   {"a{3,2}", CTXFIT_E_INVALID_ARG, 1},  {"a\\", CTXFIT_E_INVALID_ARG, 2},
        {"(?=a)", CTXFIT_E_INVALID_ARG, 1}, {"(a)\\1", CTXFIT_E_INVALID_ARG, 5},  {"^*", CTXFIT_E_INVALID_ARG, 1},
        {"a**", CTXFIT_E_INVALID_ARG, 2},   {"[[:alpha:]]", CTXFIT_E_INVALID_ARG, 1},
    };
    static cfi_pattern_set set;
    ctxfit_error           error;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        cfi_pattern_set_init(&set, cases[i].pattern);
        if (cfi_pattern_set_add(&set, cases[i].pattern, strlen(cases[i].pattern), &error) != cases[i].status)
            fail_msg("'%s' is no pattern", cases[i].pattern);
        if (error.offset != cases[i].offset)
            fail_msg("'%s': %s, offset %lu", cases[i].pattern, error.message, (unsigned long)error.offset);
    }
}

static void hostile_patterns_end_soon(void **state)
{
    static const char *const too_large[] = {"((((a{99}){99}){99}){99}){99}", "((a|b){2000}|c){2000}",
                                            "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((a"};
    static cfi_pattern_set set;
    char                   name[4096];

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(too_large); i++) {
        cfi_pattern_set_init(&set, too_large[i]);
        assert_int_equal(cfi_pattern_set_add(&set, too_large[i], strlen(too_large[i]), NULL), CTXFIT_E_LIMIT);
    }
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(found("^(a|aa)+$b", name));
    assert_false(found("(a*)*(a*)*(a*)*b", name));
    assert_true(found("(((a?)*)*)*$", name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_searched_anywhere),
        cmocka_unit_test(the_first_of_several_patterns_wins),
        cmocka_unit_test(broken_patterns_are_told_with_their_place),
        cmocka_unit_test(hostile_patterns_end_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
