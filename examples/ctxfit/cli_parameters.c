/* Parameters of a model in Ollama: what its manifest, or a Modelfile, sets for every run. */
#include "cli.h"

#include <string.h>

/* A model's own, and those of the model that a Modelfile is made from, which count where it has none of that name (fb30760
 * server/create.go, setParameters). */
typedef struct parameters {
    ctxfit_modelfile *own;
    ctxfit_modelfile *base; /* NULL: none */
} parameters;

/* The last value of a parameter, which holds; NULL where it is not there. */
static const char *last_value(const ctxfit_modelfile *file, const char *name)
{
    const char *text = NULL;

    for (uint32_t i = 0; i < ctxfit_modelfile_parameter_count(file); i++)
        if (strcmp(ctxfit_modelfile_parameter_name(file, i), name) == 0)
            text = ctxfit_modelfile_parameter_value(file, i);
    return text;
}

/* The file that says it; NULL: none. */
static const ctxfit_modelfile *file_of(const parameters *p, const char *name)
{
    return last_value(p->own, name) != NULL ? p->own : last_value(p->base, name) != NULL ? p->base : NULL;
}

/* What Ollama makes of a number that it does not take as it is; NULL: it takes it. fb30760 server/sched.go:170, llm/llama_server.go:406 and
 * :590. */
static const char *odd_value(const char *name, int64_t value)
{
    if (strcmp(name, "num_ctx") == 0 && value < 4)
        return "Ollama raises it to 4";
    if (strcmp(name, "num_batch") == 0 && value <= 0)
        return "not counted: Ollama leaves the batch to llama-server then, 2048 and 512 tokens";
    if (strcmp(name, "num_gpu") == 0 && value < 0)
        return "the layers on GPUs are chosen as without it";
    return NULL;
}

typedef struct known_parameter {
    char     name[20];
    uint32_t bit; /* CTXFIT_PARAMETER_*; 0: options have no such thing */
} known_parameter;

/* What was applied, and what of it is said. */
typedef struct applying {
    const char                *model;
    parameters                 p;
    const ctxfit_plan_options *options; /* NULL: nothing was set */
    bool                       ollama;
    uint32_t                   set; /* CTXFIT_PARAMETER_* */
    FILE                      *notes;
} applying;

static const char *fate_of(const applying *a, const known_parameter *known, int64_t value)
{
    const char *odd = odd_value(known->name, value);

    if (known->bit == 0)
        return "not counted";
    if (!a->ollama || (a->options == NULL && odd == NULL))
        return "counted under --engine ollama only";
    if (a->options != NULL && (a->set & known->bit) == 0)
        return "not counted: the request states it";
    return odd != NULL ? odd : "counted";
}

static void say_owner(const char *model, FILE *notes)
{
    fputs("ctxfit: note: ", notes);
    cli_put(notes, model);
    fputs(" has PARAMETER ", notes);
}

static void say_parameter(const applying *a, const known_parameter *known)
{
    const ctxfit_modelfile *file = file_of(&a->p, known->name);
    int64_t                 value;

    if (file == NULL)
        return;
    say_owner(a->model, a->notes);
    if (ctxfit_modelfile_get_i64(file, known->name, &value) == CTXFIT_OK) {
        fprintf(a->notes, "%s %lld: %s\n", known->name, (long long)value, fate_of(a, known, value));
        return;
    }
    fprintf(a->notes, "%s '", known->name);
    cli_put(a->notes, last_value(file, known->name));
    fputs("' is no whole number: not counted\n", a->notes);
}

static bool is_ollama(const ctxfit_plan_options *options)
{
    ctxfit_engine_info engine = CTXFIT_ENGINE_INFO_INIT;

    return ctxfit_engine_from_name(options->engine, &engine, NULL) == CTXFIT_OK && strcmp(engine.name, "ollama") == 0;
}

void cli_apply_parameters(const char *model, ctxfit_plan_options *options, FILE *notes)
{
    static const known_parameter known[] = {{"num_ctx", CTXFIT_PARAMETER_NUM_CTX}, {"num_batch", CTXFIT_PARAMETER_NUM_BATCH},
                                            {"num_gpu", CTXFIT_PARAMETER_NUM_GPU}, {"main_gpu", 0}, {"num_thread", 0},
                                            {"use_mmap", CTXFIT_PARAMETER_USE_MMAP}};
    applying a = {model, {NULL, NULL}, options, options == NULL || is_ollama(options), 0, notes};

    if (cli_find_modelfile(model, &a.p.own, &a.p.base)) {
        if (options != NULL)
            (void)ctxfit_plan_apply_parameters(options, a.p.own, a.p.base, &a.set, NULL);
        for (size_t i = 0; notes != NULL && i < CLI_COUNT(known); i++)
            say_parameter(&a, &known[i]);
    }
    ctxfit_modelfile_free(a.p.own);
    ctxfit_modelfile_free(a.p.base);
}

/* Why own blocks do not draft although draft_num_predict says so; NULL: they do. */
static const char *undrafted(const parameters *p, const ctxfit_model *model, const cli_request *r)
{
    ctxfit_model_info   info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_plan_options second = CTXFIT_PLAN_OPTIONS_INIT;

    (void)ctxfit_model_get_info(model, &info);
    if (info.nextn_layers == 0)
        return "not counted: the model has no blocks that draft";
    if (ctxfit_modelfile_part(p->own, CTXFIT_PART_DRAFT, 0) != NULL || ctxfit_modelfile_part(p->base, CTXFIT_PART_DRAFT, 0) != NULL)
        return "not counted: a draft model comes with it";
    if (r == NULL || !is_ollama(&r->options))
        return "counted under --engine ollama only";
    memcpy(second.engine, r->with, sizeof second.engine);
    if (r->with[0] != '\0' && !is_ollama(&second))
        return "not counted where another engine is compared";
    return r->beside.draft != NULL || r->beside.own_blocks ? "not counted: the request states it" : NULL;
}

/* v0.33.0-rc2 llm/llama_server.go:807, appendDraftArgs. */
void cli_apply_drafting(const char *name, const ctxfit_model *model, cli_request *r, FILE *notes)
{
    static const char       drafting[] = "draft_num_predict";
    parameters              p;
    const ctxfit_modelfile *file;
    int64_t                 tokens;

    if (cli_find_modelfile(name, &p.own, &p.base) && (file = file_of(&p, drafting)) != NULL &&
        ctxfit_modelfile_get_i64(file, drafting, &tokens) == CTXFIT_OK && tokens > 0) {
        const char *why = undrafted(&p, model, r);

        if (notes != NULL) {
            say_owner(name, notes);
            fprintf(notes, "%s %lld: %s\n", drafting, (long long)tokens, why != NULL ? why : "counted: its own blocks draft");
        }
        if (why == NULL) {
            r->beside.own_blocks = 1;
            if (r->beside.draft_options.draft_tokens == 0)
                r->beside.draft_options.draft_tokens = tokens < (int64_t)UINT32_MAX ? (uint32_t)tokens : UINT32_MAX;
        }
    }
    ctxfit_modelfile_free(p.own);
    ctxfit_modelfile_free(p.base);
}
