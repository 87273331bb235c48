/* Options as arguments of llama-server or llama-cli (llama.cpp b10472 common/arg.cpp), quoted for a POSIX shell. */
#include "line_internal.h"

/* Characters that no shell takes for anything else. */
static bool line_is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=+@%";

    return *text != '\0' && text[strspn(text, plain)] == '\0';
}

static void line_write_word(cfi_writer *w, const char *text)
{
    if (line_is_plain(text)) {
        cfi_write_text(w, text, strlen(text));
        return;
    }
    cfi_write(w, "'");
    for (; *text != '\0'; text++)
        cfi_write(w, *text == '\'' ? "'\\''" : "%c", *text);
    cfi_write(w, "'");
}

static void line_write_number(cfi_writer *w, const char *name, uint64_t value)
{
    if (value != 0)
        cfi_write(w, " %s %llu", name, (unsigned long long)value);
}

static void line_write_format(cfi_writer *w, const char *name, ctxfit_quant quant)
{
    const char *text = ctxfit_quant_name(quant);

    if (quant == CTXFIT_QUANT_DEFAULT)
        return;
    cfi_write(w, " %s ", name);
    for (; *text != '\0'; text++)
        cfi_write(w, "%c", (char)cfi_ascii_lower((unsigned char)*text));
}

static void line_write_placement(cfi_writer *w, const ctxfit_plan_options *o)
{
    static const char *const modes[] = {NULL, "layer", "none", "row"};
    uint32_t                 named = 0;

    if (o->gpu_layers == CTXFIT_GPU_LAYERS_NONE)
        cfi_write(w, " -ngl 0");
    else if (o->gpu_layers == 0)
        cfi_write(w, " -ngl all");
    else
        line_write_number(w, "-ngl", o->gpu_layers);
    if (o->split_mode > 0 && o->split_mode < CFI_COUNT(modes))
        cfi_write(w, " -sm %s", modes[o->split_mode]);
    for (uint32_t i = 0; i < CTXFIT_MAX_SPLIT; i++)
        named = o->tensor_split[i] > 0 ? i + 1 : named;
    for (uint32_t i = 0; i < named; i++) {
        cfi_write(w, i == 0 ? " -ts " : ",");
        cfi_write_number(w, o->tensor_split[i], 9);
    }
    if (o->cpu_expert_layers == CTXFIT_ALL_LAYERS)
        cfi_write(w, " -cmoe");
    else
        line_write_number(w, "-ncmoe", o->cpu_expert_layers);
}

static void line_write_overrides(cfi_writer *w, const ctxfit_plan_options *o)
{
    char   text[sizeof o->overrides];
    size_t len = 0;

    for (; len + 1 < sizeof text && o->overrides[len] != '\0'; len++)
        text[len] = o->overrides[len] == ';' ? ',' : o->overrides[len]; /* the program takes commas only */
    text[len] = '\0';
    if (len > 0) {
        cfi_write(w, " -ot ");
        line_write_word(w, text);
    }
}

static void line_write_choices(cfi_writer *w, const ctxfit_plan_options *o)
{
    const struct {
        uint32_t    choice;
        const char *on;
        const char *off;
    } choices[] = {
        {o->flash_attention, " -fa on", " -fa off"}, {o->kv_unified, " -kvu", " -no-kvu"}, {o->swa_full, " --swa-full", ""},
        {o->kv_offload, "", " -nkvo"},               {o->op_offload, "", " --no-op-offload"}, {o->mmap, "", " --no-mmap"},
        {o->repack, "", " -nr"},
    };

    for (size_t i = 0; i < CFI_COUNT(choices); i++)
        cfi_write(w, "%s",
                  choices[i].choice == CTXFIT_CHOICE_ON    ? choices[i].on
                  : choices[i].choice == CTXFIT_CHOICE_OFF ? choices[i].off
                                                           : "");
}

static bool names_program(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);

    return cfi_ends_with(text, end) && (len == tail || text[len - tail - 1] == '/');
}

ctxfit_status ctxfit_place_write_line(const ctxfit_plan_options *options, const char *program, const char *model_path, char *buf,
                                      size_t cap, size_t *out_len)
{
    ctxfit_plan_options o;
    cfi_writer          w;
    bool                server;
    ctxfit_status       status;

    if (out_len != NULL)
        *out_len = 0;
    if (buf != NULL && cap > 0)
        buf[0] = '\0';
    if (program == NULL)
        program = "llama-server";
    server = names_program(program, "llama-server");
    if (options == NULL || (buf == NULL && cap > 0) || (!server && !names_program(program, "llama-cli")))
        return CTXFIT_E_INVALID_ARG;
    status = cfi_copy_in(&o, sizeof o, CFI_V1_PLAN_OPTIONS, options);
    if (status != CTXFIT_OK)
        return status;
    o.overrides[sizeof o.overrides - 1] = '\0';
    cfi_writer_init(&w, buf, cap);
    line_write_word(&w, program);
    cfi_write(&w, " -m ");
    line_write_word(&w, model_path != NULL ? model_path : "MODEL.gguf");
    if (o.ctx_tokens != CTXFIT_CTX_LARGEST)
        line_write_number(&w, "-c", o.ctx_tokens);
    if (server || o.sequences > 1)
        line_write_number(&w, "-np", o.sequences != 0 ? o.sequences : 1);
    line_write_number(&w, "-b", o.batch_tokens);
    line_write_number(&w, "-ub", o.ubatch_tokens);
    line_write_format(&w, "-ctk", o.kv_key);
    line_write_format(&w, "-ctv", o.kv_value);
    line_write_choices(&w, &o);
    line_write_placement(&w, &o);
    line_write_overrides(&w, &o);
    cfi_write(&w, " -fit off"); /* or the program changes what is not stated */
    return cfi_writer_finish(&w, out_len);
}
