/* Many threads read one handle of each kind, and make handles of their own meanwhile. Run under TSan by `ctest -L threads`. */
#include "test_support.h"

#include <pthread.h>

#include "ctxfit.h"

#define THREADS 8
#define ROUNDS  20

/* ---- what a thread sees, as one number (FNV-1a), so that all can be compared ---- */
typedef struct seen {
    uint64_t hash;
} seen;

static void see(seen *s, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        s->hash = (s->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void see_text(seen *s, const char *text)
{
    see(s, text, strlen(text) + 1);
}

static void see_status(seen *s, ctxfit_status status)
{
    see(s, &status, sizeof status);
}

/* ---- everything that the getters of a handle say ---- */
static void read_gguf(const void *handle, seen *s)
{
    const ctxfit_gguf *gguf = handle;
    ctxfit_tensor_info tensor = CTXFIT_TENSOR_INFO_INIT;
    uint64_t           place, tokens;
    const char        *text;

    for (uint64_t i = 0; i < ctxfit_gguf_key_count(gguf); i++) {
        ctxfit_gguf_key key = CTXFIT_GGUF_KEY_INIT;
        const char     *name = ctxfit_gguf_key_name(gguf, i);

        see_status(s, ctxfit_gguf_get_key(gguf, i, &key));
        see(s, &key, sizeof key);
        see_status(s, ctxfit_gguf_find_key(gguf, name, &place));
        see(s, &place, sizeof place);
        if (ctxfit_gguf_get_string(gguf, name, &text, NULL) == CTXFIT_OK)
            see_text(s, text);
    }
    for (uint64_t i = 0; i < ctxfit_gguf_tensor_count(gguf); i++) {
        see_status(s, ctxfit_gguf_get_tensor(gguf, i, &tensor));
        see(s, &tensor, sizeof tensor);
        see_status(s, ctxfit_gguf_find_tensor(gguf, ctxfit_gguf_tensor_name(gguf, i), &place));
        see(s, &place, sizeof place);
    }
    if (ctxfit_gguf_get_array_count(gguf, "tokenizer.ggml.tokens", &tokens) == CTXFIT_OK)
        see(s, &tokens, sizeof tokens);
}

static void read_model(const void *handle, seen *s)
{
    const ctxfit_model *model = handle;
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_layer_info   layer = CTXFIT_LAYER_INFO_INIT;
    ctxfit_tensor_info  tensor = CTXFIT_TENSOR_INFO_INIT;

    see_text(s, ctxfit_model_name(model));
    see_text(s, ctxfit_model_arch(model));
    see_status(s, ctxfit_model_get_info(model, &info));
    see(s, &info, sizeof info);
    for (uint32_t i = 0; ctxfit_model_get_layer(model, i, &layer) == CTXFIT_OK; i++)
        see(s, &layer, sizeof layer);
    for (uint64_t i = 0; ctxfit_model_get_tensor(model, i, &tensor) == CTXFIT_OK; i++) {
        see(s, &tensor, sizeof tensor);
        see_text(s, ctxfit_model_tensor_name(model, i));
    }
}

static void read_hw(const void *handle, seen *s)
{
    const ctxfit_hw *hw = handle;
    ctxfit_device    device = CTXFIT_DEVICE_INIT;
    char             spec[512];

    see_status(s, ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL));
    see_text(s, spec);
    for (uint32_t i = 0; i < ctxfit_hw_device_count(hw); i++) {
        see_status(s, ctxfit_hw_get_device(hw, i, &device));
        see(s, &device, sizeof device);
    }
}

static void read_plan(const void *handle, seen *s)
{
    const ctxfit_plan  *plan = handle;
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_plan_device  device = CTXFIT_PLAN_DEVICE_INIT;
    ctxfit_constraint   constraint = CTXFIT_CONSTRAINT_INIT;
    ctxfit_estimate     estimate = CTXFIT_ESTIMATE_INIT;
    ctxfit_request      request = CTXFIT_REQUEST_INIT;
    char                json[16384];

    see_status(s, ctxfit_plan_get_summary(plan, &summary));
    see(s, &summary, sizeof summary);
    for (uint32_t i = 0; ctxfit_plan_get_device(plan, i, &device) == CTXFIT_OK; i++)
        see(s, &device, sizeof device);
    for (uint32_t i = 0; ctxfit_plan_get_constraint(plan, i, &constraint) == CTXFIT_OK; i++)
        see(s, &constraint, sizeof constraint);
    for (uint32_t i = 0; i < summary.warning_count; i++)
        see_text(s, ctxfit_plan_warning(plan, i));
    see_status(s, ctxfit_plan_get_decode_rate(plan, 4096, &estimate));
    see(s, &estimate, sizeof estimate);
    see_status(s, ctxfit_plan_get_prompt_time(plan, 65536, 4096, &estimate));
    see(s, &estimate, sizeof estimate);
    see_status(s, ctxfit_plan_write_json(plan, "threads", json, sizeof json, NULL));
    see_text(s, json);
    for (request.prompt_tokens = 1; request.prompt_tokens < 1000000; request.prompt_tokens *= 3) {
        ctxfit_check check = CTXFIT_CHECK_INIT;

        request.deadline_s = 300;
        see_status(s, ctxfit_plan_check(plan, &request, &check));
        see(s, &check, sizeof check);
    }
}

/* ---- makers: each returns an owned handle ---- */
static void *make_gguf(void)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_gguf        *gguf = NULL;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    return ctxfit_gguf_open(TEST_DATA "/gguf/qwen-dense.gguf", &options, NULL, &gguf, NULL) == CTXFIT_OK ? gguf : NULL;
}

static void *make_model(void)
{
    ctxfit_model *model = NULL;

    return ctxfit_model_from_catalog("qwen3-coder-30b-a3b", CTXFIT_FILE_TYPE_Q4_K_M, NULL, &model, NULL) == CTXFIT_OK ? model : NULL;
}

static void *make_hw(void)
{
    ctxfit_hw *hw = NULL;

    return ctxfit_hw_parse("2*rtx-4090 host:64GiB", NULL, &hw, NULL) == CTXFIT_OK ? hw : NULL;
}

static void *make_plan(void)
{
    ctxfit_model *model = make_model();
    ctxfit_hw    *hw = make_hw();
    ctxfit_plan  *plan = NULL;

    (void)ctxfit_plan_make(model, hw, NULL, NULL, &plan, NULL);
    ctxfit_model_free(model);
    ctxfit_hw_free(hw);
    return plan;
}

static void free_gguf(void *handle) { ctxfit_gguf_free(handle); }
static void free_model(void *handle) { ctxfit_model_free(handle); }
static void free_hw(void *handle) { ctxfit_hw_free(handle); }
static void free_plan(void *handle) { ctxfit_plan_free(handle); }

typedef struct kind {
    void *(*make)(void);
    void  (*read)(const void *handle, seen *s);
    void  (*release)(void *handle);
} kind;

/* ---- the threads ---- */
typedef struct reader {
    pthread_t   thread;
    const kind *kind;
    const void *shared;
    uint64_t    expected;
    uint32_t    wrong;
} reader;

static uint64_t what_is_seen(const kind *k, const void *handle)
{
    seen s = {UINT64_C(0xcbf29ce484222325)};

    k->read(handle, &s);
    return s.hash;
}

static void *read_many_times(void *argument)
{
    reader *r = argument;

    for (int round = 0; round < ROUNDS; round++) {
        void *own = r->kind->make();

        if (own == NULL || what_is_seen(r->kind, own) != r->expected)
            r->wrong++;
        r->kind->release(own);
        if (what_is_seen(r->kind, r->shared) != r->expected)
            r->wrong++;
    }
    return NULL;
}

static void read_by_many_threads(const kind *k)
{
    reader   readers[THREADS];
    void    *shared = k->make();
    uint64_t expected;

    assert_non_null(shared);
    expected = what_is_seen(k, shared);
    for (int i = 0; i < THREADS; i++) {
        reader r = {0};

        r.kind = k;
        r.shared = shared;
        r.expected = expected;
        readers[i] = r;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many_times, &readers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    k->release(shared);
}

static void many_threads_read_one_gguf(void **state)
{
    static const kind gguf = {make_gguf, read_gguf, free_gguf};

    (void)state;
    read_by_many_threads(&gguf);
}

static void many_threads_read_one_model(void **state)
{
    static const kind model = {make_model, read_model, free_model};

    (void)state;
    read_by_many_threads(&model);
}

static void many_threads_read_one_machine(void **state)
{
    static const kind hw = {make_hw, read_hw, free_hw};

    (void)state;
    read_by_many_threads(&hw);
}

static void many_threads_read_one_plan(void **state)
{
    static const kind plan = {make_plan, read_plan, free_plan};

    (void)state;
    read_by_many_threads(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_read_one_gguf),
        cmocka_unit_test(many_threads_read_one_model),
        cmocka_unit_test(many_threads_read_one_machine),
        cmocka_unit_test(many_threads_read_one_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
