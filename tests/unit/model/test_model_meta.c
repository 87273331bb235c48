/* Metadata from text and from headers, read by the same calls. */
#include "test_support.h"

#include "gguf_writer.h"
#include "model/arch_internal.h"

typedef struct fixture {
    cfi_arena    arena;
    cfi_meta     meta;
    ctxfit_error error;
} fixture;

static ctxfit_status open_text(fixture *f, const char *text)
{
    memset(f, 0, sizeof *f);
    cfi_arena_init(&f->arena, NULL);
    return cfi_meta_open_text(&f->meta, text, &f->arena, &f->error);
}

static void text_gives_numbers_flags_and_strings(void **state)
{
    fixture     f;
    size_t      len;
    const char *text;

    (void)state;
    assert_int_equal(open_text(&f, "  llama a=8192 b=1e3 c=0.5\td e=false f=yarn g=\"two words\"\n"), CTXFIT_OK);
    assert_string_equal(f.meta.arch, "llama");
    assert_int_equal(cfi_meta_u32(&f.meta, "a", 0), 8192);
    assert_int_equal(cfi_meta_u32(&f.meta, "b", 0), 1000);
    assert_true(cfi_meta_f64(&f.meta, "c", 0) == 0.5);
    assert_true(cfi_meta_f64(&f.meta, "a", 0) == 8192);
    assert_true(cfi_meta_bool(&f.meta, "d", false));
    assert_false(cfi_meta_bool(&f.meta, "e", true));
    text = cfi_meta_string(&f.meta, "f", &len);
    assert_int_equal(len, 4);
    assert_memory_equal(text, "yarn", 4);
    text = cfi_meta_string(&f.meta, "g", &len);
    assert_int_equal(len, 9);
    assert_memory_equal(text, "two words", 9);
    assert_null(cfi_meta_string(&f.meta, "h", &len));
    assert_int_equal(cfi_meta_u32(&f.meta, "h", 7), 7);
    assert_true(cfi_meta_bool(&f.meta, "h", true));
    assert_false(cfi_meta_has(&f.meta, "h"));
    assert_int_equal(f.meta.status, CTXFIT_OK);
    cfi_arena_free(&f.arena);
}

static void text_lists_repeat_their_items(void **state)
{
    static const int64_t expected[] = {1, 0, 0, 0, -2, 1};
    fixture              f;
    cfi_meta_list        list;
    int64_t              value;
    uint32_t             layers[6];
    size_t               n = 0;

    (void)state;
    assert_int_equal(open_text(&f, "llama a=[1,0*3,-2,true] b=[9*0,4,3*5] c=5"), CTXFIT_OK);
    assert_int_equal(cfi_meta_count(&f.meta, "a"), 6);
    assert_true(cfi_meta_list_open(&list, &f.meta, "a"));
    while (cfi_meta_list_next(&list, &value))
        assert_int_equal(value, expected[n++]);
    assert_int_equal(n, 6);
    f.meta.blocks = 6;
    assert_true(cfi_meta_layers_u32(&f.meta, "b", 6, 0, layers, sizeof layers[0]));
    assert_int_equal(layers[0], 4);
    assert_int_equal(layers[5], 3);
    assert_true(cfi_meta_layers_u32(&f.meta, "c", 6, 0, layers, sizeof layers[0]));
    assert_int_equal(layers[0], 5);
    assert_int_equal(layers[5], 5);
    assert_false(cfi_meta_layers_u32(&f.meta, "d", 6, 2, layers, sizeof layers[0]));
    assert_int_equal(layers[5], 2);
    assert_false(cfi_meta_list_open(&list, &f.meta, "c"));
    assert_int_equal(cfi_meta_count(&f.meta, "c"), 0);
    assert_int_equal(cfi_meta_u32(&f.meta, "a", 3), 3); /* a list where one value is wanted */
    cfi_arena_free(&f.arena);
}

static void a_short_word_is_its_key(void **state)
{
    static const struct {
        const char *word;
        const char *key;
    } words[] = {
#define CFI_TEXT_KEY(word, key) {word, key},
#include "model/text_keys.def"
#undef CFI_TEXT_KEY
    };
    fixture f;

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(words); i++) {
        char text[128];

        if (i > 0)
            assert_true(strcmp(words[i - 1].word, words[i].word) < 0);
        snprintf(text, sizeof text, "llama %s=[3,4]", words[i].word);
        assert_int_equal(open_text(&f, text), CTXFIT_OK);
        assert_int_equal(cfi_meta_count(&f.meta, words[i].key), 2);
        assert_false(cfi_meta_has(&f.meta, words[i].word));
        cfi_arena_free(&f.arena);
        snprintf(text, sizeof text, "llama %s=3 %s=3", words[i].word, words[i].key);
        assert_int_equal(open_text(&f, text), CTXFIT_E_MALFORMED);
        cfi_arena_free(&f.arena);
    }
}

static void a_list_may_leave_out_the_blocks_behind_the_trunk(void **state)
{
    fixture  f;
    uint32_t layers[3];

    (void)state;
    assert_int_equal(open_text(&f, "llama a=[1,2] b=[1]"), CTXFIT_OK);
    f.meta.blocks = 3;
    f.meta.trunk = 2;
    assert_true(cfi_meta_layers_u32(&f.meta, "a", 3, 9, layers, sizeof layers[0]));
    assert_int_equal(layers[1], 2);
    assert_int_equal(layers[2], 9);
    assert_false(cfi_meta_layers_u32(&f.meta, "b", 3, 9, layers, sizeof layers[0]));
    assert_int_equal(f.meta.status, CTXFIT_E_MALFORMED);
    cfi_arena_free(&f.arena);
}

static void the_first_failure_is_kept(void **state)
{
    fixture f;

    (void)state;
    assert_int_equal(open_text(&f, "llama a=x b=y"), CTXFIT_OK);
    assert_int_equal(cfi_meta_u32(&f.meta, "a", 3), 3);
    assert_int_equal(cfi_meta_u32(&f.meta, "b", 4), 4);
    assert_int_equal(cfi_meta_need_u32(&f.meta, "c"), 0);
    assert_int_equal(f.meta.status, CTXFIT_E_TYPE);
    assert_non_null(strstr(f.error.message, "'a'"));
    cfi_arena_free(&f.arena);
}

static void broken_text_is_malformed_where_it_breaks(void **state)
{
    static const struct {
        const char *text;
        uint64_t    offset;
    } cases[] = {
        {"", 0},                    {"  ", 2},                {"=1", 0},          {"llama! a=1", 5},        {"llama a=", 8},
        {"llama =1", 6},            {"llama a b!", 9},        {"llama a=1 a=2", 10}, {"llama a=[", 9},      {"llama a=[]", 9},
        {"llama a=[1", 9},          {"llama a=[1,]", 11},     {"llama a=[x]", 9}, {"llama a=[1.5]", 9},     {"llama a=[1*]", 9},
        {"llama a=[1*99999999]", 9}, {"llama a=[1]2", 11},    {"llama a=\"b", 10}, {"llama a=\"b\"c", 11},  {"llama a=\"\"", 9},
        {"llama a=[1*0]", 12},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        fixture f;

        if (open_text(&f, cases[i].text) != CTXFIT_E_MALFORMED || f.error.offset != cases[i].offset)
            fail_msg("'%s': %s at %llu: %s", cases[i].text, ctxfit_status_name(f.meta.status), (unsigned long long)f.error.offset,
                     f.error.message);
        cfi_arena_free(&f.arena);
    }
}

static void more_words_than_any_model_has_are_refused(void **state)
{
    char    text[4096] = "llama";
    size_t  len = strlen(text);
    fixture f;

    (void)state;
    for (int i = 0; i < 257; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, " k%d", i);
    assert_int_equal(open_text(&f, text), CTXFIT_E_MALFORMED);
    cfi_arena_free(&f.arena);
    text[strlen(text) - strlen(" k256")] = '\0';
    assert_int_equal(open_text(&f, text), CTXFIT_OK);
    cfi_arena_free(&f.arena);
}

static void text_survives_each_failing_allocation(void **state)
{
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        cfi_arena    arena;
        cfi_meta     meta;
        ctxfit_error error = {0};

        cfi_arena_init(&arena, &f.allocator);
        f.status = cfi_meta_open_text(&meta, "llama a=1 b=[1,2]", &arena, &error);
        cfi_arena_free(&arena);
    }
    assert_int_equal(f.status, CTXFIT_OK);
}

/* ---- headers ---- */

static ctxfit_gguf *header(void)
{
    gguf_writer  w;
    ctxfit_gguf *gguf = NULL;

    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", "llama");
    gw_key_u32(&w, "llama.a", 8192);
    gw_key(&w, "llama.big", CTXFIT_GGUF_UINT64), gw_u64(&w, UINT64_C(1) << 32);
    gw_key(&w, "llama.negative", CTXFIT_GGUF_INT32), gw_u32(&w, (uint64_t)-1);
    gw_key(&w, "llama.half", CTXFIT_GGUF_FLOAT32), gw_f32(&w, 0.5f);
    gw_key_text(&w, "llama.text", "words");
    gw_key_array(&w, "llama.list", CTXFIT_GGUF_BOOL, 3), gw_number(&w, 1, 1), gw_number(&w, 0, 1), gw_number(&w, 1, 1);
    gw_key_array(&w, "llama.floats", CTXFIT_GGUF_FLOAT32, 1), gw_f32(&w, 0.5f);
    gw_key_array(&w, "llama.empty", CTXFIT_GGUF_UINT32, 0);
    gw_end(&w);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    gw_free(&w);
    return gguf;
}

static void header_keys_have_the_architectures_prefix(void **state)
{
    ctxfit_gguf *gguf = header();
    cfi_meta     meta;
    uint32_t     layers[3];
    size_t       len;
    char         name[64];

    (void)state;
    assert_int_equal(cfi_meta_open_gguf(&meta, gguf, NULL), CTXFIT_OK);
    assert_string_equal(meta.arch, "llama");
    assert_int_equal(cfi_meta_u32(&meta, "a", 0), 8192);
    assert_true(cfi_meta_f64(&meta, "half", 0) == 0.5);
    assert_string_equal(cfi_meta_string(&meta, "text", &len), "words");
    assert_string_equal(cfi_meta_key_name(&meta, "a", name, sizeof name), "llama.a");
    assert_string_equal(cfi_meta_key_name(&meta, "general.name", name, sizeof name), "general.name");
    meta.blocks = 3;
    assert_true(cfi_meta_layers_u32(&meta, "list", 3, 7, layers, sizeof layers[0]));
    assert_int_equal(layers[0] + 2 * layers[1] + 4 * layers[2], 5);
    assert_int_equal(cfi_meta_count(&meta, "empty"), 0);
    assert_int_equal(meta.status, CTXFIT_OK);
    ctxfit_gguf_free(gguf);
}

static void header_keys_of_another_type_fail(void **state)
{
    static const struct {
        const char   *key;
        ctxfit_status status;
    } cases[] = {
        {"text", CTXFIT_E_TYPE}, {"half", CTXFIT_E_TYPE}, {"big", CTXFIT_E_MALFORMED}, {"negative", CTXFIT_E_MALFORMED},
        {"floats", CTXFIT_E_TYPE},
    };
    ctxfit_gguf *gguf = header();

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(cases); i++) {
        ctxfit_error error = {0};
        cfi_meta     meta;
        uint32_t     layer = 0;

        assert_int_equal(cfi_meta_open_gguf(&meta, gguf, &error), CTXFIT_OK);
        meta.blocks = 1;
        (void)cfi_meta_layers_u32(&meta, cases[i].key, 1, 0, &layer, sizeof layer);
        assert_int_equal(meta.status, cases[i].status);
        assert_int_equal(error.status, cases[i].status);
        assert_non_null(strstr(error.message, cases[i].key));
    }
    ctxfit_gguf_free(gguf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_gives_numbers_flags_and_strings),
        cmocka_unit_test(text_lists_repeat_their_items),
        cmocka_unit_test(a_short_word_is_its_key),
        cmocka_unit_test(a_list_may_leave_out_the_blocks_behind_the_trunk),
        cmocka_unit_test(the_first_failure_is_kept),
        cmocka_unit_test(broken_text_is_malformed_where_it_breaks),
        cmocka_unit_test(more_words_than_any_model_has_are_refused),
        cmocka_unit_test(text_survives_each_failing_allocation),
        cmocka_unit_test(header_keys_have_the_architectures_prefix),
        cmocka_unit_test(header_keys_of_another_type_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
