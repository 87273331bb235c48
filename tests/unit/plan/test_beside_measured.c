/* What runs beside a model, held against a real llama-server: tests/data/beside/README.md. */
#include "plan_fixture.h"

#include "csv_reader.h"
#include "gguf_writer.h"

#define MIB 1048576.0

typedef struct measured_row {
    const char *model;
    const char *beside;
    uint64_t    ctx;
    uint32_t    seq;
    uint32_t    ubatch;
    const char *key;
    uint32_t    draft_tokens;
    bool        flash;
    double      weights;
    double      kv;
    double      state;
    double      compute;
    double      beside_weights;
    double      beside_kv;
    double      beside_compute; /* negative: it is in that of the model */
} measured_row;

static double number(const csv_reader *csv, const char *column)
{
    return strtod(csv_text(csv, column), NULL);
}

static measured_row row_of(const csv_reader *csv)
{
    return (measured_row){csv_text(csv, "model"),
                          csv_text(csv, "beside"),
                          (uint64_t)number(csv, "n_ctx"),
                          (uint32_t)number(csv, "n_seq"),
                          (uint32_t)number(csv, "n_ubatch"),
                          csv_text(csv, "type_k"),
                          (uint32_t)number(csv, "draft_tokens"),
                          strcmp(csv_text(csv, "flash"), "on") == 0,
                          number(csv, "weights_mib"),
                          number(csv, "kv_mib"),
                          number(csv, "state_mib"),
                          number(csv, "compute_mib"),
                          number(csv, "beside_weights_mib"),
                          number(csv, "beside_kv_mib"),
                          number(csv, "beside_compute_mib")};
}

/* A model of tests/data/beside/models.txt: a name, then its text. */
static ctxfit_model *model_named(const char *name)
{
    char          line[2048];
    FILE         *file = fopen(TEST_DATA "/beside/models.txt", "rb");
    ctxfit_model *model = NULL;
    ctxfit_error  error;
    size_t        length = strlen(name);

    assert_non_null(file);
    while (model == NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) != 0 || line[length] != ' ')
            continue;
        line[strcspn(line, "\r\n")] = '\0';
        if (ctxfit_model_from_text(line + length + 1, CTXFIT_FILE_TYPE_F16, NULL, &model, &error) != CTXFIT_OK)
            fail_msg("%s: %s", name, error.message);
    }
    (void)fclose(file);
    assert_non_null(model);
    return model;
}

/* Of that rank beside every matrix of the trunk. */
static void add_measured_adapter(ctxfit_beside *beside, const ctxfit_model *model, uint64_t rank)
{
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_gguf      *gguf = NULL;
    ctxfit_error      error;
    gguf_writer       w;

    assert_int_equal(ctxfit_model_get_info(model, &info), CTXFIT_OK);
    gw_begin(&w, 3, false);
    gw_key_text(&w, "general.architecture", ctxfit_model_arch(model));
    gw_key_text(&w, "general.type", "adapter");
    gw_key_text(&w, "adapter.type", "lora");
    for (uint64_t i = 0; i < info.tensor_count; i++) {
        ctxfit_tensor_info t = CTXFIT_TENSOR_INFO_INIT;
        const char        *of = ctxfit_model_tensor_name(model, i);
        char               name[96];
        unsigned           layer;

        assert_int_equal(ctxfit_model_get_tensor(model, i, &t), CTXFIT_OK);
        if (sscanf(of, "blk.%u.", &layer) != 1 || layer >= info.layers || t.dims[1] <= 1 || strstr(of, ".weight") == NULL)
            continue;
        {
            const uint64_t a[3] = {t.dims[0], rank, t.dims[2]}, b[3] = {rank, t.dims[1], t.dims[2]};

            (void)snprintf(name, sizeof name, "%s.lora_a", of);
            gw_tensor(&w, name, 0, 3, a, a[0] * a[1] * a[2] * 4);
            name[strlen(name) - 1] = 'b';
            gw_tensor(&w, name, 0, 3, b, b[0] * b[1] * b[2] * 4);
        }
    }
    gw_end(&w);
    assert_int_equal(ctxfit_gguf_parse(w.data, w.size, NULL, NULL, &gguf, NULL), CTXFIT_OK);
    if (ctxfit_beside_add_adapter(beside, gguf, &error) != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_gguf_free(gguf);
    gw_free(&w);
}

static ctxfit_plan *plan_row(const measured_row *r, const ctxfit_model *model, ctxfit_model **draft)
{
    ctxfit_plan_options  options = options_with(r->ctx, r->seq);
    ctxfit_draft_options o = CTXFIT_DRAFT_OPTIONS_INIT;
    ctxfit_hw           *hw = machine("host:64GiB");
    ctxfit_beside       *beside = NULL;
    ctxfit_plan         *plan = NULL;
    ctxfit_error         error;
    ctxfit_status        status = CTXFIT_OK;

    assert_int_equal(ctxfit_beside_new(NULL, &beside, NULL), CTXFIT_OK);
    memcpy(options.engine, "llama.cpp@0.7.0", sizeof "llama.cpp@0.7.0");
    options.ubatch_tokens = r->ubatch;
    options.kv_key = ctxfit_quant_from_name(r->key);
    options.repack = CTXFIT_CHOICE_OFF;
    options.flash_attention = r->flash ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
    options.flags = CTXFIT_PLAN_F_NO_LIMITS;
    o.draft_tokens = r->draft_tokens;
    if (strcmp(r->beside, "nextn") == 0)
        status = ctxfit_beside_add_nextn(beside, &o, &error);
    else if (strncmp(r->beside, "lora-", 5) == 0)
        add_measured_adapter(beside, model, strtoull(r->beside + 5, NULL, 10));
    else
        status = ctxfit_beside_add_draft(beside, *draft = model_named(r->beside), &o, &error);
    if (status == CTXFIT_OK)
        status = ctxfit_plan_make_beside(model, hw, &options, beside, NULL, &plan, &error);
    if (status != CTXFIT_OK)
        fail_msg("%s", error.message);
    ctxfit_beside_free(beside);
    ctxfit_hw_free(hw);
    return plan;
}

/* Logs have two digits of buffers, four of compute buffers. */
static void assert_mib(const measured_row *r, const char *what, uint64_t bytes, double mib, double distance)
{
    if (fabs((double)bytes / MIB - mib) > distance)
        fail_msg("%s beside %s, %u sequences, %s: %.4f MiB, llama.cpp has %.4f", r->beside, r->model, (unsigned)r->seq, what,
                 (double)bytes / MIB, mib);
}

static void check_row(const measured_row *r)
{
    ctxfit_model       *model = model_named(r->model), *draft = NULL;
    ctxfit_plan        *plan = plan_row(r, model, &draft);
    ctxfit_plan_device  d = CTXFIT_PLAN_DEVICE_INIT;
    ctxfit_plan_beside  b = CTXFIT_PLAN_BESIDE_INIT;
    bool                adapter = r->beside_compute < 0, blocks = r->beside_weights == 0;

    assert_int_equal(ctxfit_plan_get_device(plan, 0, &d), CTXFIT_OK);
    assert_int_equal(ctxfit_plan_get_beside(plan, 0, UINT32_MAX, &b), CTXFIT_OK);
    assert_int_equal(summary_of(plan).compute_exact, 1);
    /* the model's own blocks are in its buffer there */
    assert_mib(r, "weights", d.weights_bytes + (blocks ? b.weights_bytes : 0), r->weights, 0.011);
    assert_mib(r, "weights beside", blocks ? 0 : b.weights_bytes, r->beside_weights, 0.006);
    assert_mib(r, "cache", d.kv_bytes + d.kv_swa_bytes + d.kv_other_bytes, r->kv, 0.011);
    assert_mib(r, "cache beside", b.kv_bytes, r->beside_kv, 0.006);
    assert_mib(r, "state", d.recurrent_bytes, r->state, 0.006);
    assert_mib(r, "compute", d.compute_bytes, r->compute, 0.0001);
    assert_mib(r, "compute beside", b.compute_bytes, adapter ? 0 : r->beside_compute, 0.0001);
    assert_int_equal(b.compute_exact, 1);
    ctxfit_plan_free(plan);
    ctxfit_model_free(draft);
    ctxfit_model_free(model);
}

static void plans_are_what_llama_server_allocates(void **state)
{
    csv_reader csv;
    unsigned   rows = 0;

    (void)state;
    assert_true(csv_open(&csv, TEST_DATA "/beside/llamacpp-070.csv"));
    while (csv_read(&csv)) {
        measured_row r = row_of(&csv);

        check_row(&r);
        rows++;
    }
    csv_close(&csv);
    assert_true(rows >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_are_what_llama_server_allocates)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
