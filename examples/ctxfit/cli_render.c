#include "cli.h"

#include <string.h>

#define BAR_CELLS 44

/* One kind of memory in a bar and in the table. */
typedef struct part {
    const char *name;
    const char *color; /* SGR code */
    const char *utf8;
    char        ascii;
} part;

enum { WEIGHTS, CACHE, STATE, COMPUTE, OUTPUT, BESIDE, PARTS };

static const part parts[PARTS] = {
    {"weights", "34", "\xe2\x96\x88", '#'}, {"KV cache", "32", "\xe2\x96\x93", '='}, {"state", "36", "\xe2\x96\x92", '%'},
    {"compute", "33", "\xe2\x96\x91", '+'}, {"output", "35", "\xe2\x96\x91", '-'}, {"beside", "31", "\xe2\x96\x92", '*'},
};
#define FREE_UTF8 "\xc2\xb7"

static void part_bytes(const ctxfit_plan_device *d, uint64_t bytes[PARTS])
{
    bytes[WEIGHTS] = d->weights_bytes;
    bytes[CACHE] = d->kv_bytes + d->kv_swa_bytes + d->kv_other_bytes;
    bytes[STATE] = d->recurrent_bytes;
    bytes[COMPUTE] = d->compute_bytes;
    bytes[OUTPUT] = d->output_bytes;
    bytes[BESIDE] = d->beside_bytes;
}

static void put_cells(const cli_style *style, const part *p, int count, FILE *out)
{
    if (count <= 0)
        return;
    if (style->color)
        fprintf(out, "\x1b[%sm", p->color);
    for (int i = 0; i < count; i++) {
        if (style->utf8)
            fputs(p->utf8, out);
        else
            fputc(p->ascii, out);
    }
    if (style->color)
        fputs("\x1b[0m", out);
}

/* The bar is as long as the device is large, or as what it would have to hold. A device of unstated size has none. */
static void render_bar(const cli_style *style, const ctxfit_plan_device *d, FILE *out)
{
    uint64_t bytes[PARTS];
    bool     stated = d->usable_bytes != UINT64_MAX;
    uint64_t scale = d->capacity_bytes > d->total_bytes ? d->capacity_bytes : d->total_bytes;
    int      used = 0;
    double   sum = 0;

    part_bytes(d, bytes);
    fprintf(out, "  %-7s |", d->name);
    if (!stated) {
        fprintf(out, "%*s| %s\n", BAR_CELLS, "", cli_bytes(d->total_bytes));
        return;
    }
    for (int i = 0; i < PARTS && scale > 0; i++) {
        int end;

        sum += (double)bytes[i];
        end = (int)(sum / (double)scale * BAR_CELLS + 0.5);
        put_cells(style, &parts[i], end - used, out);
        used = end;
    }
    for (; used < BAR_CELLS; used++)
        fputs(style->utf8 ? FREE_UTF8 : ".", out);
    fprintf(out, "| %s of %s\n", cli_bytes(d->total_bytes), cli_bytes(d->capacity_bytes));
}

static void sum_parts(const ctxfit_plan *plan, uint32_t count, uint64_t sums[PARTS])
{
    memset(sums, 0, PARTS * sizeof *sums);
    for (uint32_t i = 0; i < count; i++) {
        ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;
        uint64_t           bytes[PARTS];

        (void)ctxfit_plan_get_device(plan, i, &d);
        part_bytes(&d, bytes);
        for (int p = 0; p < PARTS; p++)
            sums[p] += bytes[p];
    }
}

static void render_bars(const cli_style *style, const ctxfit_plan *plan, uint32_t count, const uint64_t sums[PARTS], FILE *out)
{
    for (uint32_t i = 0; i < count; i++) {
        ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

        (void)ctxfit_plan_get_device(plan, i, &d);
        render_bar(style, &d, out);
    }
    fputs("         ", out);
    for (int p = 0; p < PARTS; p++) {
        if (sums[p] == 0)
            continue;
        fputs("  ", out);
        put_cells(style, &parts[p], 1, out);
        fprintf(out, " %s", parts[p].name);
    }
    fprintf(out, "  %s free\n\n", style->utf8 ? FREE_UTF8 : ".");
}

/* Columns that are empty on every device are left out; so is what may be used, where a column more stands before it. */
static void render_table(const ctxfit_plan *plan, uint32_t count, const uint64_t sums[PARTS], FILE *out)
{
    const bool wide = sums[BESIDE] != 0;
    bool       shared = false;

    fprintf(out, "  %-7s %6s", "", "layers");
    for (int p = 0; p < PARTS; p++)
        if (sums[p] != 0)
            fprintf(out, " %9s", parts[p].name);
    fprintf(out, " %9s", "total");
    if (!wide)
        fprintf(out, " %9s", "usable");
    fprintf(out, " %9s\n", "free");
    for (uint32_t i = 0; i < count; i++) {
        ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;
        uint64_t           bytes[PARTS];
        bool               stated;

        (void)ctxfit_plan_get_device(plan, i, &d);
        part_bytes(&d, bytes);
        stated = d.usable_bytes != UINT64_MAX;
        fprintf(out, "  %-7s %6u", d.name, (unsigned)d.layers);
        for (int p = 0; p < PARTS; p++)
            if (sums[p] != 0)
                fprintf(out, " %9s", bytes[p] != 0 ? cli_bytes(bytes[p]) : "-");
        fprintf(out, " %9s", cli_bytes(d.total_bytes));
        if (!wide)
            fprintf(out, " %9s", stated ? cli_bytes(d.usable_bytes) : "unstated");
        fprintf(out, " %9s\n", stated ? cli_signed_bytes(d.free_bytes) : "-");
        shared = stated && (int64_t)(d.usable_bytes - d.total_bytes) != d.free_bytes;
    }
    if (shared) /* of the last, which is the host */
        fputs("  (host and GPU share their memory: what one takes is free for neither)\n", out);
    fputc('\n', out);
}

/* "40,960"; "40,960+" where the longest context that the engine takes fits; "any" where nothing grows with it. */
static const char *limit_count(const ctxfit_constraint *c, char *out, size_t cap)
{
    if (c->limit_tokens != UINT64_MAX)
        (void)snprintf(out, cap, "%s", cli_count(c->limit_tokens));
    else if (c->fits_tokens == UINT64_MAX)
        (void)snprintf(out, cap, "any");
    else
        (void)snprintf(out, cap, "%s+", cli_count(c->fits_tokens));
    return out;
}

static void render_limits(const cli_style *style, const ctxfit_plan *plan, const ctxfit_plan_summary *s, FILE *out)
{
    if (s->constraint_count == 0)
        return;
    fputs("  What limits the context of a sequence (-> binds)\n", out);
    for (uint32_t i = 0; i < s->constraint_count; i++) {
        ctxfit_constraint c = CTXFIT_CONSTRAINT_INIT;
        char              words[sizeof c.source], count[32];

        (void)ctxfit_plan_get_constraint(plan, i, &c);
        (void)snprintf(words, sizeof words, "%s", c.source);
        cli_clean(words);
        fprintf(out, "  %s %10s  %-13s ", c.binding ? "->" : "  ", limit_count(&c, count, sizeof count), ctxfit_limit_name(c.kind));
        cli_wrap(out, style->width, 31, words);
    }
    fputc('\n', out);
}

static const char *basis_name(uint32_t basis)
{
    return basis == CTXFIT_BASIS_MEASURED ? ", from the measured rate" : "";
}

static void render_speed(const ctxfit_plan *plan, const ctxfit_plan_summary *s, FILE *out)
{
    ctxfit_estimate empty = CTXFIT_ESTIMATE_INIT, full = CTXFIT_ESTIMATE_INIT, prompt = CTXFIT_ESTIMATE_INIT;

    (void)ctxfit_plan_get_decode_rate(plan, 0, &empty);
    (void)ctxfit_plan_get_decode_rate(plan, s->n_ctx_seq, &full);
    (void)ctxfit_plan_get_prompt_time(plan, s->n_ctx_seq, 0, &prompt);
    fprintf(out, "  Speed%s (in brackets the band)\n", s->fit == CTXFIT_FIT_NONE ? ", if it did fit" : "");
    fprintf(out, "    decode, empty context  %s%s\n", cli_rate(&empty), basis_name(empty.basis));
    fprintf(out, "    decode, full context   %s%s\n", cli_rate(&full), basis_name(full.basis));
    if (prompt.basis == CTXFIT_BASIS_UNKNOWN)
        fputs("    prompt, full context   unknown\n\n", out);
    else
        fprintf(out, "    prompt, full context   %s%s\n\n", cli_time_band(prompt.value, prompt.low, prompt.high), basis_name(prompt.basis));
}

static const char *verdict(uint32_t fit)
{
    switch (fit) {
    case CTXFIT_FIT_ALL:   return "FITS";
    case CTXFIT_FIT_SPLIT: return "FITS, partly on the host";
    case CTXFIT_FIT_NONE:  return "DOES NOT FIT";
    }
    return "UNKNOWN";
}

/* The binding constraint as a sentence. */
static void render_binding(const cli_style *style, const ctxfit_plan *plan, FILE *out)
{
    ctxfit_constraint c = CTXFIT_CONSTRAINT_INIT;
    char              text[sizeof c.source + 96];

    if (ctxfit_plan_get_constraint(plan, 0, &c) != CTXFIT_OK || c.limit_tokens == UINT64_MAX)
        return;
    if (c.limit_tokens == 0)
        (void)snprintf(text, sizeof text, "No context fits at all: %s", c.source);
    else
        (void)snprintf(text, sizeof text, "The limit of a sequence is %s tokens: %s", cli_count(c.limit_tokens), c.source);
    cli_clean(text);
    fputs("  ", out);
    cli_wrap(out, style->width, 2, text);
}

static void render_verdict(const cli_style *style, const cli_request *request, const ctxfit_plan *plan,
                           const ctxfit_plan_summary *s, FILE *out)
{
    const char *color = s->fit == CTXFIT_FIT_NONE ? "1;31" : "1;32";

    fputs("  ", out);
    if (style->color)
        fprintf(out, "\x1b[%sm", color);
    fputs(verdict(s->fit), out);
    if (style->color)
        fputs("\x1b[0m", out);
    fprintf(out, "  %s tokens", cli_count(s->n_ctx_seq));
    if (s->n_seq > 1)
        fprintf(out, s->kv_unified ? " shared by %u sequences" : " for each of %u sequences", (unsigned)s->n_seq);
    if (request->options.ctx_tokens == CTXFIT_CTX_LARGEST && s->fit != CTXFIT_FIT_NONE)
        fputs(" (the most that fits)", out);
    if (s->margin_bytes == INT64_MAX)
        fputc('\n', out);
    else if (s->margin_bytes >= 0)
        fprintf(out, ", %s to spare\n", cli_bytes((uint64_t)s->margin_bytes));
    else
        fprintf(out, ", %s missing\n", cli_bytes(UINT64_C(0) - (uint64_t)s->margin_bytes));
    render_binding(style, plan, out);
    fprintf(out, "  Largest context of a sequence: %s tokens; most sequences of %s: %u\n\n",
            s->max_ctx_seq_tokens == UINT64_MAX ? "unlimited" : cli_count(s->max_ctx_seq_tokens), cli_count(s->n_ctx_seq),
            (unsigned)s->max_sequences);
}

/* A paged cache takes all that is left. */
static void render_pool(const cli_style *style, const ctxfit_plan_engine *e, FILE *out)
{
    char text[256], most[32];

    (void)snprintf(most, sizeof most, "%s", cli_count(e->pool_most_tokens));
    (void)snprintf(text, sizeof text,
                   "The cache takes the rest: %s a GPU or more, for %s to %s tokens; %.2f requests of this length at once",
                   cli_bytes(e->pool_bytes), cli_count(e->pool_tokens), most, e->concurrency);
    fputs("  ", out);
    cli_wrap(out, style->width, 2, text);
    fputc('\n', out);
}

/* What the engine itself believes, beside the truth. */
static void render_engine(const cli_style *style, const ctxfit_plan *plan, const ctxfit_plan_summary *s, FILE *out)
{
    ctxfit_plan_engine e = CTXFIT_PLAN_ENGINE_INIT;
    char               text[256];
    int                length;

    (void)ctxfit_plan_get_engine(plan, &e);
    if (e.pool_blocks > 0)
        render_pool(style, &e, out);
    if (e.predicted_bytes == 0)
        return;
    length = snprintf(text, sizeof text, "By its own estimate %s needs %s", s->engine.name, cli_bytes(e.predicted_bytes));
    (void)snprintf(text + length, sizeof text - (size_t)length, " of %s", cli_bytes(e.available_bytes));
    fputs("  ", out);
    cli_wrap(out, style->width, 2, text);
    fputc('\n', out);
}

/* What the weights are: of a quantized checkpoint its own format, where the engine loads that. */
static void describe_weights(const cli_request *request, const ctxfit_model *model, const char *engine, char *text, size_t size)
{
    ctxfit_model_info      m = CTXFIT_MODEL_INFO_INIT;
    ctxfit_checkpoint_info c = CTXFIT_CHECKPOINT_INFO_INIT;
    const char            *type;

    (void)ctxfit_model_get_info(model, &m);
    type = m.file_type != 0 ? cli_file_type(m.file_type) : "formats as in the file";
    if (!cli_loads_as_stored(request, model, engine) || ctxfit_model_get_checkpoint(model, &c) != CTXFIT_OK ||
        c.quant == CTXFIT_CHECKPOINT_QUANT_NONE)
        (void)snprintf(text, size, "%s (%s of tensors)", type, cli_bytes(m.tensor_bytes));
    else if ((c.flags & CTXFIT_CHECKPOINT_F_MEASURED) != 0)
        (void)snprintf(text, size, "a checkpoint of %s (%s of tensors)", c.quant_method, cli_bytes(c.total_bytes));
    else
        (void)snprintf(text, size, "a checkpoint of %s (%s in %s)", c.quant_method, cli_bytes(m.tensor_bytes), type);
}

static void render_title(const cli_style *style, const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw,
                         const ctxfit_plan_summary *s, FILE *out)
{
    char   text[512], weights[160], found[200] = "this machine: ";
    size_t used = strlen(found);

    if (request->hw == NULL && ctxfit_hw_write_spec(hw, found + used, sizeof found - used, NULL) != CTXFIT_OK)
        (void)snprintf(found, sizeof found, "this machine");

    describe_weights(request, model, s->engine.name, weights, sizeof weights);
    (void)snprintf(text, sizeof text, "%.120s, %s, on %.200s, %s %s", ctxfit_model_name(model), weights,
                   request->hw != NULL ? request->hw : found, s->engine.name, s->engine.version);
    cli_clean(text);
    fputs("\n  ", out);
    cli_wrap(out, style->width, 2, text);
    fputc('\n', out);
}

static void render_note(const cli_style *style, const char *text, FILE *out)
{
    char clean[1024]; /* a name of a file may be in it */

    (void)snprintf(clean, sizeof clean, "%s", text);
    cli_clean(clean);
    fputs("  note: ", out);
    cli_wrap(out, style->width, 8, clean);
}

/* Not of a quantized checkpoint whose files were not at hand, and of an architecture whose tensors were not read. */
static bool weights_are_known(const ctxfit_model *model)
{
    ctxfit_checkpoint_info checkpoint = CTXFIT_CHECKPOINT_INFO_INIT;
    ctxfit_model_info      info       = CTXFIT_MODEL_INFO_INIT;

    if (ctxfit_model_get_checkpoint(model, &checkpoint) == CTXFIT_OK && checkpoint.quant_method[0] != '\0' && checkpoint.tensors == 0)
        return false;
    return ctxfit_model_get_info(model, &info) == CTXFIT_OK &&
           ((info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) == 0 || (info.flags & CTXFIT_MODEL_F_FROM_FILE) != 0);
}

void cli_render_plan(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan *plan, FILE *out)
{
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    cli_style           style = cli_style_of(out);
    uint64_t            sums[PARTS];

    (void)ctxfit_plan_get_summary(plan, &s);
    sum_parts(plan, s.device_count, sums);
    render_title(&style, request, model, hw, &s, out);
    render_verdict(&style, request, plan, &s, out);
    render_engine(&style, plan, &s, out);
    render_bars(&style, plan, s.device_count, sums, out);
    render_table(plan, s.device_count, sums, out);
    cli_render_beside(plan, out);
    render_limits(&style, plan, &s, out);
    render_speed(plan, &s, out);
    for (uint32_t i = 0; i < s.warning_count; i++)
        render_note(&style, ctxfit_plan_warning(plan, i), out);
    if (!s.compute_exact)
        render_note(&style,
                    weights_are_known(model) ? "compute buffers are an upper bound; weights, caches and output are exact"
                                             : "compute buffers are an upper bound, weights an estimate; caches and output are exact",
                    out);
}
