/* Parameters of a model in Ollama: what its manifest, or a Modelfile, sets for every run. */
#include "cli.h"

#include <string.h>

#define OLLAMA_LEAST_CTX 4

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
    if (strcmp(name, "num_ctx") == 0 && value < OLLAMA_LEAST_CTX)
        return "Ollama raises it to 4";
    if (strcmp(name, "num_batch") == 0 && value <= 0)
        return "not counted: Ollama leaves the batch to llama-server then, 2048 and 512 tokens";
    if (strcmp(name, "num_gpu") == 0 && value < 0)
        return "the layers on GPUs are chosen as without it";
    return NULL;
}

/* Sets what the options leave open; false where they state it. Values are cut to what 32 bits hold. */
static bool set_value(ctxfit_plan_options *o, const char *name, int64_t value)
{
    const uint32_t number = value < 0 ? 0 : value < (int64_t)UINT32_MAX ? (uint32_t)value : UINT32_MAX;

    if (strcmp(name, "num_ctx") == 0) {
        if (o->ctx_tokens != 0 || o->model_ctx_tokens != 0)
            return false;
        o->model_ctx_tokens = value < OLLAMA_LEAST_CTX ? OLLAMA_LEAST_CTX : number;
    } else if (strcmp(name, "num_batch") == 0) {
        if (o->batch_tokens != 0)
            return false;
        o->batch_tokens = number;
    } else if (strcmp(name, "num_gpu") == 0) {
        if (o->gpu_layers != 0)
            return false;
        if (value >= 0)
            o->gpu_layers = number == 0 ? CTXFIT_GPU_LAYERS_NONE : number < UINT32_MAX ? number : UINT32_MAX - 1;
    } else {
        if (o->mmap != CTXFIT_CHOICE_DEFAULT)
            return false;
        o->mmap = number != 0 ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
    }
    return true;
}

typedef struct known_parameter {
    char name[20];
    bool planned; /* set_value() knows it */
} known_parameter;

/* Applies a parameter, where `o` is there, and says what becomes of it. */
static void take_value(const parameters *p, const known_parameter *known, ctxfit_plan_options *o, bool ollama, FILE *notes)
{
    const ctxfit_modelfile *file = file_of(p, known->name);
    const char             *odd, *what;
    int64_t                 value;
    bool                    set = true;

    if (file == NULL)
        return;
    if (ctxfit_modelfile_get_i64(file, known->name, &value) != CTXFIT_OK) {
        if (notes == NULL)
            return;
        fprintf(notes, "ctxfit: note: PARAMETER %s '", known->name);
        cli_put(notes, last_value(file, known->name));
        fputs("' is no whole number: not counted\n", notes);
        return;
    }
    if (ollama && known->planned && o != NULL)
        set = set_value(o, known->name, value);
    odd = odd_value(known->name, value);
    what = strcmp(known->name, "draft_num_predict") == 0 ? "not counted: --mtp --spec-draft-n-max N counts blocks of the model that draft"
         : !known->planned ? "not counted" : !ollama ? "counted under --engine ollama only" : !set ? "not counted: the request states it"
         : odd != NULL ? odd : o != NULL ? "counted" : "counted under --engine ollama only";
    if (notes != NULL)
        fprintf(notes, "ctxfit: note: the model has PARAMETER %s %lld: %s\n", known->name, (long long)value, what);
}

void cli_apply_parameters(const char *model, ctxfit_plan_options *options, FILE *notes)
{
    static const known_parameter known[] = {{"num_ctx", true},   {"num_batch", true},   {"num_gpu", true},
                                            {"main_gpu", false}, {"num_thread", false}, {"use_mmap", true},
                                            {"draft_num_predict", false}};
    ctxfit_engine_info           engine = CTXFIT_ENGINE_INFO_INIT;
    parameters                   p;
    const bool                   ollama = options == NULL || (ctxfit_engine_from_name(options->engine, &engine, NULL) == CTXFIT_OK &&
                                            strcmp(engine.name, "ollama") == 0);

    if (cli_find_modelfile(model, &p.own, &p.base)) {
        for (size_t i = 0; i < CLI_COUNT(known); i++)
            take_value(&p, &known[i], options, ollama, notes);
    }
    ctxfit_modelfile_free(p.own);
    ctxfit_modelfile_free(p.base);
}
