/* A pasted line as options: words as a shell splits them, then arguments of llama.cpp b10472 (common/arg.cpp). */
#include "line_internal.h"

#define LINE_WORD_MAX 2048u

typedef struct line_reader {
    const char          *text;
    const char          *at;      /* behind the word at hand */
    size_t               start;   /* where the word at hand begins */
    ctxfit_plan_options *options;
    ctxfit_line         *line;
    ctxfit_error        *error;
    bool                 sequences_stated;
    char                 name[64]; /* of the argument at hand, for messages */
    char                 word[LINE_WORD_MAX];
} line_reader;

/* ---- words ---- */
/* White space, and continued lines. */
static const char *line_skip(const char *p)
{
    for (;;) {
        if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
            p++;
        else if (*p == '\\' && (p[1] == '\n' || (p[1] == '\r' && p[2] == '\n')))
            p += p[1] == '\n' ? 2 : 3;
        else
            return p;
    }
}

static ctxfit_status line_fault(const line_reader *r, ctxfit_status status, const char *expected)
{
    return cfi_fail_at(r->error, status, r->start, 0, "%.60s '%.60s': expected %s", r->name, r->word, expected);
}

/* The next word into r->word; *out_any false at the end. */
static ctxfit_status line_next(line_reader *r, bool *out_any)
{
    const char *p = line_skip(r->at);
    size_t      len = 0;
    char        quote = '\0';

    r->start = (size_t)(p - r->text);
    r->word[0] = '\0';
    *out_any = *p != '\0';
    for (; *p != '\0' && (quote != '\0' || strchr(" \t\r\n", *p) == NULL); p++) {
        char c = *p;

        if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
            continue;
        }
        if (c == quote) {
            quote = '\0';
            continue;
        }
        if (c == '\\' && quote != '\'' && p[1] != '\0' && (quote == '\0' || strchr("\"\\$`\n", p[1]) != NULL)) {
            p++;
            if (*p == '\n')
                continue;
            c = *p;
        }
        if (len + 1 == sizeof r->word)
            return cfi_fail_at(r->error, CTXFIT_E_LIMIT, r->start, LINE_WORD_MAX, "a word of more than %u bytes", LINE_WORD_MAX - 1);
        r->word[len++] = c;
    }
    r->word[len] = '\0';
    r->at = p;
    if (quote != '\0')
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->start, 0, "a quote (%c) without its end", quote);
    return CTXFIT_OK;
}

/* ---- values ---- */
static ctxfit_status line_number(const line_reader *r, uint64_t most, uint64_t *out)
{
    const char *end;

    if (!cfi_parse_u64(r->word, &end, out) || *end != '\0' || *out > most)
        return line_fault(r, CTXFIT_E_MALFORMED, "a whole number");
    return CTXFIT_OK;
}

static ctxfit_status line_count(const line_reader *r, uint32_t *out)
{
    uint64_t      n = 0;
    ctxfit_status status = line_number(r, UINT32_MAX - 1, &n);

    *out = (uint32_t)n;
    return status;
}

static bool line_is(const line_reader *r, const char *a, const char *b)
{
    return strcmp(r->word, a) == 0 || strcmp(r->word, b) == 0;
}

static ctxfit_status line_format(const line_reader *r, ctxfit_quant *out)
{
    ctxfit_quant_info info = CTXFIT_QUANT_INFO_INIT;

    *out = ctxfit_quant_from_name(r->word);
    if (ctxfit_quant_get_info(*out, &info) != CTXFIT_OK || (info.flags & CTXFIT_QUANT_F_CACHE) == 0)
        return line_fault(r, CTXFIT_E_MALFORMED, "f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl");
    return CTXFIT_OK;
}

static ctxfit_status line_gpu_layers(const line_reader *r, uint32_t *out)
{
    uint32_t      layers;
    ctxfit_status status;

    *out = 0;
    if (line_is(r, "all", "auto") || strcmp(r->word, "-1") == 0)
        return CTXFIT_OK;
    status = line_count(r, &layers);
    if (status == CTXFIT_OK)
        *out = layers == 0 ? CTXFIT_GPU_LAYERS_NONE : layers;
    return status;
}

/* -1 is the program's own choice: four slots that share one cache (tools/server/server.cpp:151). */
static ctxfit_status line_sequences(line_reader *r)
{
    if (strcmp(r->word, "-1") == 0)
        return CTXFIT_OK;
    r->sequences_stated = true;
    if (strcmp(r->word, "0") == 0)
        return line_fault(r, CTXFIT_E_MALFORMED, "a number of sequences, 1 or more, or -1");
    return line_count(r, &r->options->sequences);
}

static ctxfit_status line_choice(const line_reader *r, uint32_t *out)
{
    if (line_is(r, "on", "1") || strcmp(r->word, "true") == 0)
        *out = CTXFIT_CHOICE_ON;
    else if (line_is(r, "off", "0") || strcmp(r->word, "false") == 0)
        *out = CTXFIT_CHOICE_OFF;
    else if (strcmp(r->word, "auto") == 0)
        *out = CTXFIT_CHOICE_DEFAULT;
    else
        return line_fault(r, CTXFIT_E_MALFORMED, "on, off or auto");
    return CTXFIT_OK;
}

static ctxfit_status line_split_mode(const line_reader *r, uint32_t *out)
{
    static const char *const names[] = {"layer", "none", "row"};

    for (uint32_t i = 0; i < CFI_COUNT(names); i++) {
        if (strcmp(r->word, names[i]) == 0) {
            *out = i + CTXFIT_SPLIT_LAYER;
            return CTXFIT_OK;
        }
    }
    return line_fault(r, CTXFIT_E_MALFORMED, "layer, none or row");
}

static ctxfit_status line_tensor_split(line_reader *r)
{
    const char *p = r->word;
    uint32_t    count = 0;

    for (;;) {
        const char *end;

        if (count == CTXFIT_MAX_SPLIT || !cfi_parse_number(p, &end, &r->options->tensor_split[count]) ||
            (*end != '\0' && *end != ',' && *end != '/'))
            return line_fault(r, CTXFIT_E_MALFORMED, "up to 16 proportions, 0 or more, with commas between");
        count++;
        if (*end == '\0')
            break;
        p = end + 1;
    }
    r->line->split_count = count;
    return CTXFIT_OK;
}

/* MiB, one for all devices or one each. */
static ctxfit_status line_fit_target(line_reader *r)
{
    const char *p = r->word, *end;
    uint64_t    mib;
    uint32_t    count = 0;

    for (;; p = end + 1) {
        if (count == CTXFIT_MAX_SPLIT || !cfi_parse_u64(p, &end, &mib) || mib > UINT32_MAX || (*end != '\0' && *end != ','))
            return line_fault(r, CTXFIT_E_MALFORMED, "up to 16 numbers of MiB with commas between");
        r->options->device_reserve_bytes[count++] = mib == 0 ? CTXFIT_RESERVE_NONE : mib << 20;
        if (*end == '\0')
            break;
    }
    if (count == 1) {
        r->options->reserve_bytes = r->options->device_reserve_bytes[0];
        r->options->device_reserve_bytes[0] = 0;
    }
    return CTXFIT_OK;
}

static ctxfit_status line_copy(const line_reader *r, char *out, size_t cap)
{
    size_t len = strlen(r->word);

    if (len >= cap)
        return cfi_fail_at(r->error, CTXFIT_E_LIMIT, r->start, cap - 1, "%s: more than %u bytes", r->name, (unsigned)(cap - 1));
    memcpy(out, r->word, len + 1);
    return CTXFIT_OK;
}

static ctxfit_status line_overrides(line_reader *r)
{
    char  *text = r->options->overrides;
    size_t used = strlen(text);

    if (strchr(r->word, '=') == NULL)
        return line_fault(r, CTXFIT_E_MALFORMED, "pattern=buffer, such as ffn_.*_exps=CPU");
    if (used > 0 && used + 1 < sizeof r->options->overrides) {
        text[used++] = ',';
        text[used] = '\0';
    }
    return line_copy(r, text + used, sizeof r->options->overrides - used);
}

static ctxfit_status line_repository(line_reader *r)
{
    ctxfit_status status = line_copy(r, r->line->model, sizeof r->line->model);
    char         *colon = strchr(r->line->model, ':');

    if (status != CTXFIT_OK)
        return status;
    r->line->file_type = ctxfit_file_type_from_name(colon != NULL ? colon + 1 : "Q4_K_M"); /* without a type llama.cpp takes this */
    if (colon != NULL)
        *colon = '\0';
    if (r->line->file_type == 0)
        return line_fault(r, CTXFIT_E_MALFORMED, "USER/REPOSITORY or USER/REPOSITORY:TYPE with a known file type");
    return CTXFIT_OK;
}

static ctxfit_status line_load_mode(line_reader *r)
{
    if (line_is(r, "mmap", "mmap+mlock"))
        r->options->mmap = CTXFIT_CHOICE_ON;
    else if (line_is(r, "mlock", "none") || strcmp(r->word, "dio") == 0)
        r->options->mmap = CTXFIT_CHOICE_OFF;
    else
        return line_fault(r, CTXFIT_E_MALFORMED, "none, mmap, mlock, mmap+mlock or dio");
    return CTXFIT_OK;
}

/* ---- arguments ---- */
static ctxfit_status line_store_value(line_reader *r, uint32_t what)
{
    ctxfit_plan_options *o = r->options;
    uint64_t             n = 0;
    ctxfit_status        status;

    switch ((cfi_line_what)what) {
    case CFI_LINE_MODEL:          return line_copy(r, r->line->model, sizeof r->line->model);
    case CFI_LINE_REPOSITORY:     return line_repository(r);
    case CFI_LINE_CONTEXT:        status = line_number(r, UINT32_MAX, &n); o->ctx_tokens = n; return status;
    case CFI_LINE_SEQUENCES:      return line_sequences(r);
    case CFI_LINE_BATCH:          return line_count(r, &o->batch_tokens);
    case CFI_LINE_UBATCH:         return line_count(r, &o->ubatch_tokens);
    case CFI_LINE_KEY:            return line_format(r, &o->kv_key);
    case CFI_LINE_VALUE:          return line_format(r, &o->kv_value);
    case CFI_LINE_FLASH:          return line_choice(r, &o->flash_attention);
    case CFI_LINE_GPU_LAYERS:     return line_gpu_layers(r, &o->gpu_layers);
    case CFI_LINE_SPLIT_MODE:     return line_split_mode(r, &o->split_mode);
    case CFI_LINE_TENSOR_SPLIT:   return line_tensor_split(r);
    case CFI_LINE_CPU_MOE_LAYERS: return line_count(r, &o->cpu_expert_layers);
    case CFI_LINE_OVERRIDES:      return line_overrides(r);
    case CFI_LINE_LOAD_MODE:      return line_load_mode(r);
    case CFI_LINE_FIT_TARGET:     return line_fit_target(r);
    case CFI_LINE_FIT:            return line_choice(r, &r->line->own_fit);
    default:                      return CTXFIT_OK;
    }
}

static void line_store_switch(line_reader *r, uint32_t what)
{
    ctxfit_plan_options *o = r->options;

    switch ((cfi_line_what)what) {
    case CFI_LINE_CPU_MOE:       o->cpu_expert_layers = CTXFIT_ALL_LAYERS; break;
    case CFI_LINE_UNIFIED:       o->kv_unified = CTXFIT_CHOICE_ON; break;
    case CFI_LINE_NOT_UNIFIED:   o->kv_unified = CTXFIT_CHOICE_OFF; break;
    case CFI_LINE_SWA_FULL:      o->swa_full = CTXFIT_CHOICE_ON; break;
    case CFI_LINE_KV_OFFLOAD:    o->kv_offload = CTXFIT_CHOICE_ON; break;
    case CFI_LINE_NO_KV_OFFLOAD: o->kv_offload = CTXFIT_CHOICE_OFF; break;
    case CFI_LINE_OP_OFFLOAD:    o->op_offload = CTXFIT_CHOICE_ON; break;
    case CFI_LINE_NO_OP_OFFLOAD: o->op_offload = CTXFIT_CHOICE_OFF; break;
    case CFI_LINE_MMAP:          o->mmap = CTXFIT_CHOICE_ON; break;
    case CFI_LINE_NO_MMAP:       o->mmap = CTXFIT_CHOICE_OFF; break;
    case CFI_LINE_REPACK:        o->repack = CTXFIT_CHOICE_ON; break;
    case CFI_LINE_NO_REPACK:     o->repack = CTXFIT_CHOICE_OFF; break;
    default:                     break;
    }
}

static void line_note(char *list, size_t cap, const char *name)
{
    size_t used = strlen(list), len = strlen(name);

    if (used + len + 3 > cap)
        return;
    if (used > 0) {
        memcpy(list + used, ", ", 2);
        used += 2;
    }
    memcpy(list + used, name, len + 1);
}

/* "-fa" stood alone in older lines: what follows is its value only where it is one. */
static ctxfit_status line_read_flash(line_reader *r)
{
    const char   *before = r->at;
    bool          any;
    ctxfit_status status = line_next(r, &any);

    if (status != CTXFIT_OK)
        return status;
    if (any && r->word[0] != '-')
        return line_choice(r, &r->options->flash_attention);
    r->at = before;
    r->options->flash_attention = CTXFIT_CHOICE_ON;
    return CTXFIT_OK;
}

static ctxfit_status line_read_argument(line_reader *r)
{
    size_t            len = r->word[1] == '-' ? strcspn(r->word, "=") : strlen(r->word);
    bool              inside = r->word[len] == '=', any = true;
    cfi_line_argument found = cfi_line_find(r->word, len);
    ctxfit_status     status = CTXFIT_OK;
    char              names[160];

    if (len >= sizeof r->name || found.effect == CTXFIT_ARGUMENT_UNKNOWN) {
        cfi_line_suggest(r->word, names, sizeof names);
        return cfi_fail_at(r->error, CTXFIT_E_NOT_FOUND, r->start, 0, "'%.60s' is no argument of llama.cpp; %s", r->word, names);
    }
    memcpy(r->name, r->word, len);
    r->name[len] = '\0';
    if (found.effect == CTXFIT_ARGUMENT_NOT_COUNTED)
        line_note(r->line->not_counted, sizeof r->line->not_counted, r->name);
    if (found.effect == CTXFIT_ARGUMENT_NOT_FOLLOWED)
        line_note(r->line->not_followed, sizeof r->line->not_followed, r->name);
    if (found.what == CFI_LINE_FLASH && !inside)
        return line_read_flash(r);
    if (inside) {
        memmove(r->word, r->word + len + 1, strlen(r->word + len + 1) + 1);
        found.words = 1;
    } else {
        for (uint32_t n = 0; n < found.words && status == CTXFIT_OK && any; n++)
            status = line_next(r, &any);
    }
    if (status != CTXFIT_OK)
        return status;
    if (!any)
        return cfi_fail_at(r->error, CTXFIT_E_MALFORMED, r->start, 0, "%s: expected a value behind it", r->name);
    if (found.words == 0)
        line_store_switch(r, found.what);
    return found.words == 0 ? CTXFIT_OK : line_store_value(r, found.what);
}

static ctxfit_status line_read_program(line_reader *r)
{
    const char *slash = strrchr(r->word, '/');

    if (slash != NULL)
        memmove(r->word, slash + 1, strlen(slash));
    (void)memcpy(r->name, "program", sizeof "program");
    return line_copy(r, r->line->program, sizeof r->line->program);
}

/* llama-server without -np: four slots that share one cache. */
static void line_finish(line_reader *r)
{
    if (r->sequences_stated || strcmp(r->line->program, "llama-server") != 0)
        return;
    r->options->sequences = 4;
    if (r->options->kv_unified == CTXFIT_CHOICE_DEFAULT)
        r->options->kv_unified = CTXFIT_CHOICE_ON;
}

ctxfit_status ctxfit_place_read_line(const char *text, ctxfit_plan_options *out_options, ctxfit_line *out_line, ctxfit_error *error)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    ctxfit_line         line = CTXFIT_LINE_INIT;
    line_reader         r = {.options = &options, .line = &line, .error = error};
    bool                any = true, first = true;
    ctxfit_status       status = CTXFIT_OK;

    if (text == NULL || out_options == NULL) {
        (void)cfi_copy_none(out_options, CFI_V1_PLAN_OPTIONS, CTXFIT_OK);
        (void)cfi_copy_none(out_line, CFI_V1_LINE, CTXFIT_OK);
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "text or out_options is NULL");
    }
    r.text = r.at = text;
    while (status == CTXFIT_OK) {
        status = line_next(&r, &any);
        if (status != CTXFIT_OK || !any)
            break;
        if (r.word[0] == '-' && r.word[1] != '\0')
            status = line_read_argument(&r);
        else if (first)
            status = line_read_program(&r);
        else
            status = cfi_fail_at(error, CTXFIT_E_MALFORMED, r.start, 0, "'%.60s': expected an argument that begins with -", r.word);
        first = false;
    }
    if (status == CTXFIT_OK)
        line_finish(&r);
    if (status != CTXFIT_OK) {
        (void)cfi_copy_none(out_options, CFI_V1_PLAN_OPTIONS, CTXFIT_OK);
        (void)cfi_copy_none(out_line, CFI_V1_LINE, CTXFIT_OK);
        return status;
    }
    status = cfi_copy_out(out_options, &options, sizeof options, CFI_V1_PLAN_OPTIONS);
    if (status == CTXFIT_OK && out_line != NULL)
        status = cfi_copy_out(out_line, &line, sizeof line, CFI_V1_LINE);
    return status == CTXFIT_OK ? status : cfi_fail(error, status, "out_options or out_line: %s", ctxfit_status_message(status));
}
