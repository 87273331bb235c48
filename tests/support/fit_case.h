/* Fits that llama.cpp made itself, as requests to the solver, and how both answers compare. */
#ifndef FIT_CASE_H
#define FIT_CASE_H

#include <math.h>

#include <ctxfit.h>

#include "csv_reader.h"

#define FIT_DEVICES 8

typedef struct fit_case {
    char                model[64];
    char                file_type[16];
    char                machine[256];
    uint32_t            devices;
    uint64_t            target[FIT_DEVICES]; /* bytes that may be used */
    uint64_t            asked_ctx;           /* 0: open */
    ctxfit_plan_options options;
    ctxfit_goal         goal;
    /* llama.cpp's answer; bytes as a real run of it allocates */
    uint64_t            their_ctx; /* 0: all that the model is made for */
    uint64_t            their_device_weights;
    uint64_t            their_device_held; /* weights, caches and state */
    uint64_t            their_used[FIT_DEVICES];
    double              their_cpu_ms;
} fit_case;

/* The text form of a model in lines "name|text"; NULL: not there. */
static inline char *fit_model_text(const char *path, const char *name)
{
    static char line[16384];
    FILE       *f = fopen(path, "rb");
    size_t      len = strlen(name);

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, name, len) == 0 && line[len] == '|') {
            fclose(f);
            line[strcspn(line, "\n")] = '\0';
            return line + len + 1;
        }
    }
    if (f != NULL)
        fclose(f);
    return NULL;
}

static inline void fit_read_list(const char *text, char separator, double factor, uint64_t out[FIT_DEVICES], uint32_t *count)
{
    for (*count = 0; *text != '\0' && *count < FIT_DEVICES; (*count)++) {
        char *end;

        out[*count] = (uint64_t)(strtod(text, &end) * factor);
        text = *end == separator ? end + 1 : end;
    }
}

static inline void fit_read(const csv_reader *csv, fit_case *c)
{
    const ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    const ctxfit_goal         goal = CTXFIT_GOAL_INIT;
    uint64_t                  memory[FIT_DEVICES], margin = (uint64_t)csv_number(csv, "margin_mib") << 20;
    uint32_t                  count;
    size_t                    used = 0;

    memset(c, 0, sizeof *c);
    c->options = options;
    c->goal = goal;
    (void)snprintf(c->model, sizeof c->model, "%s", csv_text(csv, "model"));
    (void)snprintf(c->file_type, sizeof c->file_type, "%s", csv_text(csv, "ftype"));
    fit_read_list(csv_text(csv, "dev_mem_gib"), ',', 1073741824.0, memory, &c->devices);
    for (uint32_t i = 0; i < c->devices; i++) {
        c->target[i] = memory[i] - margin;
        used += (size_t)snprintf(c->machine + used, sizeof c->machine - used, "gpu(backend=cuda,mem=%lluGiB,bw=936GB/s) ",
                                 (unsigned long long)memory[i] >> 30);
    }
    /* its fitter does not look at host memory */
    (void)snprintf(c->machine + used, sizeof c->machine - used, "host:8TiB(bw=80GB/s)");
    c->asked_ctx = (uint64_t)csv_number(csv, "req_ctx");
    c->options.reserve_bytes = margin;
    c->options.ctx_tokens = c->asked_ctx;
    c->options.sequences = (uint32_t)csv_number(csv, "n_seq");
    c->options.kv_unified = csv_number(csv, "kv_unified") ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
    c->options.kv_key = c->options.kv_value = ctxfit_quant_from_name(csv_text(csv, "kv"));
    c->options.outputs_max = csv_number(csv, "n_outputs_max") ? (uint32_t)csv_number(csv, "n_outputs_max") : UINT32_MAX;
    c->options.flags = CTXFIT_PLAN_F_NO_LIMITS;
    (void)snprintf(c->options.engine, sizeof c->options.engine, "llama.cpp@b10472");
    c->goal.objective = c->asked_ctx != 0 ? CTXFIT_OBJECTIVE_FASTEST_DECODE : CTXFIT_OBJECTIVE_LARGEST_CONTEXT;
    c->goal.least_ctx_seq_tokens = (uint64_t)csv_number(csv, "min_ctx");
    c->their_ctx = (uint64_t)csv_number(csv, "fit_ctx");
    c->their_device_weights = (uint64_t)csv_number(csv, "device_weights");
    c->their_device_held = (uint64_t)csv_number(csv, "device_held");
    c->their_cpu_ms = strtod(csv_text(csv, "cpu_ms"), NULL);
    fit_read_list(csv_text(csv, "device_used"), ';', 1.0, c->their_used, &count);
}

/* Bytes by which the device that is worst off exceeds its target, in what llama.cpp chose; 0: it fits. */
static inline uint64_t fit_their_excess(const fit_case *c)
{
    uint64_t excess = 0;

    for (uint32_t i = 0; i < c->devices; i++)
        if (c->their_used[i] > c->target[i] && c->their_used[i] - c->target[i] > excess)
            excess = c->their_used[i] - c->target[i];
    return excess;
}

/* Weights, caches and state on devices, of our answer. */
static inline uint64_t fit_our_held(const ctxfit_place *place)
{
    ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;
    uint64_t           held = 0;

    for (uint32_t i = 0; ctxfit_plan_get_device(ctxfit_place_plan(place), i, &d) == CTXFIT_OK; i++)
        held += d.kind != CTXFIT_DEVICE_HOST ? d.total_bytes - d.compute_bytes - d.output_bytes : 0;
    return held;
}

static inline ctxfit_status fit_solve(const fit_case *c, const char *models, ctxfit_model **model, ctxfit_hw **hw, ctxfit_place **place,
                                      ctxfit_error *error)
{
    const char   *text = fit_model_text(models, c->model);
    ctxfit_status status = CTXFIT_E_NOT_FOUND;

    *model = NULL;
    *hw = NULL;
    *place = NULL;
    if (text != NULL)
        status = ctxfit_model_from_text(text, ctxfit_file_type_from_name(c->file_type), NULL, model, error);
    if (status == CTXFIT_OK)
        status = ctxfit_hw_parse(c->machine, NULL, hw, error);
    return status == CTXFIT_OK ? ctxfit_place_solve(*model, *hw, &c->options, &c->goal, NULL, place, error) : status;
}

#endif
