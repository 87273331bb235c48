/* What runs beside the model: files that are opened, a list for the plan. The options: cli_beside_settings.c. */
#include "cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

/* What is being gathered. */
typedef struct gathering {
    const cli_request  *request;
    const ctxfit_model *model;
    const ctxfit_hw    *hw;
    cli_beside_list    *list;
    cli_beside_fault   *fault; /* the first failure; its status is OK before that */
} gathering;

static void fail_as(gathering *g, const char *option, const char *key, const char *name, ctxfit_status status)
{
    g->fault->option = option;
    g->fault->key = key;
    (void)snprintf(g->fault->name, sizeof g->fault->name, "%s", name);
    g->fault->status = status;
}

static bool same_name(const char *name, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char a = name[i], b = text[i];

        a = (char)(a >= 'A' && a <= 'Z' ? a + 32 : a);
        b = (char)(b >= 'A' && b <= 'Z' ? b + 32 : b);
        if (a != b || a == '\0')
            return false;
    }
    return name[length] == '\0';
}

/* The bit of a device by the engine's name of it, which a plan says; 0 for none. */
static uint64_t device_bit(const ctxfit_plan *plan, const char *text, size_t length)
{
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;

    (void)ctxfit_plan_get_summary(plan, &s);
    for (uint32_t i = 0; i + 1 < s.device_count && i < 64; i++) {
        ctxfit_plan_device d = CTXFIT_PLAN_DEVICE_INIT;

        if (ctxfit_plan_get_device(plan, i, &d) == CTXFIT_OK && same_name(d.name, text, length))
            return UINT64_C(1) << i;
    }
    return 0;
}

/* Devices by name; "none" leaves 0. */
static uint64_t device_bits(gathering *g, const char *option, const char *key, const char *names)
{
    ctxfit_plan_options options = g->request->options;
    ctxfit_plan        *plan;
    uint64_t            bits = 0;
    ctxfit_status       status;

    if (strcmp(names, "none") == 0)
        return 0;
    options.flags |= CTXFIT_PLAN_F_NO_LIMITS | CTXFIT_PLAN_F_BOUND;
    options.ctx_tokens = 512;
    status = ctxfit_plan_make(g->model, g->hw, &options, NULL, &plan, &g->fault->error);
    if (status != CTXFIT_OK) {
        fail_as(g, "plan", NULL, g->request->model, status);
        return 0;
    }
    for (const char *p = names; *p != '\0' && g->fault->status == CTXFIT_OK;) {
        size_t   length = strcspn(p, ",");
        uint64_t bit = device_bit(plan, p, length);

        bits |= bit;
        if (bit == 0)
            fail_as(g, option, key, names,
                    cli_refuse(&g->fault->error, CTXFIT_E_INVALID_ARG,
                               "expected devices of the machine by the engine's names (CUDA0), or none"));
        p += length + (p[length] == ',');
    }
    ctxfit_plan_free(plan);
    return bits;
}

static void gather_draft(gathering *g, const char *name)
{
    ctxfit_draft_options o = g->request->beside.draft_options;
    cli_model_source     source = {name, g->request->beside.draft_type, g->request->header_only == CTXFIT_CHOICE_ON, NULL};
    ctxfit_status        status = cli_open_model(&source, &g->list->draft, &g->fault->error);

    if (status != CTXFIT_OK) {
        fail_as(g, "draft", "draft", name, status);
        return;
    }
    if (g->request->beside.draft_devices != NULL) {
        o.devices = device_bits(g, "-devd", "draft_devices", g->request->beside.draft_devices);
        if (g->fault->status != CTXFIT_OK)
            return;
        if (o.devices == 0)
            o.devices = CTXFIT_DEVICES_NONE;
    }
    status = ctxfit_beside_add_draft(g->list->beside, g->list->draft, &o, &g->fault->error);
    if (status != CTXFIT_OK)
        fail_as(g, "draft", "draft", name, status);
}

static void gather_blocks(gathering *g)
{
    ctxfit_status status = ctxfit_beside_add_nextn(g->list->beside, &g->request->beside.draft_options, &g->fault->error);

    if (status != CTXFIT_OK)
        fail_as(g, "--spec-type", "spec_type", "draft-mtp", status);
}

static ctxfit_status open_header(const gathering *g, const char *path, ctxfit_gguf **out, ctxfit_error *error)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;

    options.flags = g->request->header_only == CTXFIT_CHOICE_ON ? CTXFIT_GGUF_F_HEADER_ONLY : 0;
    return ctxfit_gguf_open(path, &options, NULL, out, error);
}

static void gather_projector(gathering *g, const char *path)
{
    ctxfit_projector_options o = g->request->beside.projector_options;
    ctxfit_gguf             *gguf;
    ctxfit_status            status = open_header(g, path, &gguf, &g->fault->error);

    if (status == CTXFIT_OK) {
        if (g->request->beside.projector_device != NULL) {
            o.devices = device_bits(g, "--mmproj-device", "mmproj_device", g->request->beside.projector_device);
            o.flags |= o.devices == 0 ? CTXFIT_PROJECTOR_F_HOST : 0u;
        }
        status = ctxfit_beside_add_projector(g->list->beside, gguf, &o, &g->fault->error);
        g->list->has_projector = true;
        ctxfit_gguf_free(gguf);
    }
    if (status != CTXFIT_OK)
        fail_as(g, "projector", "mmproj", path, status);
}

/* The last part of a path. */
static const char *file_name(const char *path)
{
    const char *name = path;

    for (const char *p = path; *p != '\0'; p++)
        if ((*p == '/' || *p == '\\') && p[1] != '\0')
            name = p + 1;
    return name;
}

/* As PEFT writes it: a folder, or its weights. */
static bool is_peft(const char *path)
{
    char config[PATH_BYTES];
    int  length = snprintf(config, sizeof config, "%s/adapter_config.json", path);

    return cli_ends_with(path, ".safetensors") || cli_ends_with(path, ".bin") ||
           (length > 0 && (size_t)length < sizeof config && cli_is_readable(config));
}

static void gather_adapter(gathering *g, const char *path)
{
    ctxfit_gguf  *gguf;
    ctxfit_status status = open_header(g, path, &gguf, &g->fault->error);

    if (status == CTXFIT_OK) {
        status = ctxfit_beside_add_adapter(g->list->beside, gguf, &g->fault->error);
        ctxfit_gguf_free(gguf);
        if (status == CTXFIT_OK)
            status = ctxfit_beside_set_name(g->list->beside, ctxfit_beside_count(g->list->beside) - 1, file_name(path), &g->fault->error);
    }
    else if (is_peft(path))
        status = cli_refuse(&g->fault->error, CTXFIT_E_UNSUPPORTED,
                            "an adapter is read from a GGUF file, as llama.cpp takes it: its convert_lora_to_gguf.py makes one of PEFT's");
    if (status != CTXFIT_OK)
        fail_as(g, "adapter", "lora", path, status);
}

/* FILE[,FILE], each with :SCALE behind it where it is scaled. */
static void gather_adapters(gathering *g, const char *names, bool scaled)
{
    char path[PATH_BYTES];

    for (const char *p = names; *p != '\0' && g->fault->status == CTXFIT_OK;) {
        size_t length = strcspn(p, ",");
        char  *colon;

        if (length >= sizeof path) {
            fail_as(g, "--lora", "lora", "", cli_refuse(&g->fault->error, CTXFIT_E_INVALID_ARG, "the name of a file is too long"));
            return;
        }
        memcpy(path, p, length);
        path[length] = '\0';
        colon = scaled ? strrchr(path, ':') : NULL;
        if (colon != NULL)
            *colon = '\0';
        gather_adapter(g, path);
        p += length + (p[length] == ',');
    }
}

static void say_counted(const char *what, const char *path)
{
    fprintf(stderr, "ctxfit: note: the model's %s: ", what);
    cli_put(stderr, path);
    fputc('\n', stderr);
}

/* What a model of Ollama brings along, where the command line does not name another; what is not counted is noted. */
static void gather_parts(gathering *g, const cli_parts *parts)
{
    const bool  counted = cli_counts_parts(g->request);
    uint32_t    part;
    const char *path;
    uint64_t    bytes;

    for (uint32_t i = 0; cli_left_out_at(parts, counted, i, &part, &path, &bytes); i++)
        (void)ctxfit_beside_leave_out(g->list->beside, part, file_name(path), bytes, NULL);
    if (!counted)
        return;
    if (parts->projector[0] != '\0' && g->request->beside.projector == NULL && !g->request->beside.no_projector) {
        say_counted("projector is counted (--no-mmproj leaves it out)", parts->projector);
        gather_projector(g, parts->projector);
    }
    for (uint32_t i = 0; i < parts->adapter_count && g->fault->status == CTXFIT_OK; i++) {
        say_counted("adapter is counted", parts->adapter[i]);
        gather_adapter(g, parts->adapter[i]);
    }
}

static void say_drafting(const cli_request *r)
{
    if (r->beside.ngrams)
        fputs("ctxfit: note: drafts of n-grams take no memory beside rows of logits, which are not counted\n", stderr);
    if (r->beside.draft != NULL && r->pasted && !r->beside.typed)
        fputs("ctxfit: note: counted as drafting; from b10472 on llama-server drafts only where --spec-type says so (draft-simple)\n",
              stderr);
}

typedef struct named_setting {
    bool        given;
    const char *name;
} named_setting;

/* Options that were given where nothing takes them. */
static void say_idle(const named_setting *settings, size_t count, const char *why)
{
    size_t said = 0;

    for (size_t i = 0; i < count; i++)
        if (settings[i].given)
            fprintf(stderr, "%s%s", said++ > 0 ? ", " : "ctxfit: note: without effect: ", settings[i].name);
    if (said > 0)
        fprintf(stderr, " (%s)\n", why);
}

static void say_unheard(const cli_request *r, bool has_projector)
{
    const cli_beside               *b = &r->beside;
    const ctxfit_draft_options     *d = &b->draft_options;
    const ctxfit_projector_options *p = &b->projector_options;
    const named_setting of_draft[] = {
        {b->draft_type != 0, "--draft-quant"},   {b->draft_devices != NULL, "-devd"}, {d->ctx_tokens != 0, "-cd"},
        {d->gpu_layers != 0, "-ngld"},           {d->cpu_expert_layers != 0, "-ncmoed"}, {d->overrides[0] != '\0', "-otd"},
    };
    const named_setting of_drafting[] = {
        {d->draft_tokens != 0, "--draft-max"}, {d->kv_key != 0, "-ctkd"}, {d->kv_value != 0, "-ctvd"}};
    const named_setting of_projector[] = {
        {p->image_width != 0, "--image"},
        {p->image_min_tokens != 0, "--image-min-tokens"},
        {p->image_max_tokens != 0, "--image-max-tokens"},
        {p->flags != 0, "--no-mmproj-offload"},
        {b->projector_device != NULL, "--mmproj-device"},
    };
    const named_setting blocks = {b->own_blocks != 0, "--mtp"}, without = {b->no_projector != 0, "--no-mmproj"};

    if (b->draft == NULL)
        say_idle(of_draft, CLI_COUNT(of_draft), "no model drafts: --draft MODEL");
    else
        say_idle(&blocks, 1, "the model that --draft names drafts");
    if (b->draft == NULL && !b->own_blocks)
        say_idle(of_drafting, CLI_COUNT(of_drafting), "nothing drafts: --draft MODEL, --mtp");
    if (!has_projector)
        say_idle(of_projector, CLI_COUNT(of_projector), "there is no projector: --mmproj FILE");
    else if (b->projector != NULL)
        say_idle(&without, 1, "it keeps back a projector that is not named; --mmproj names one");
}

bool cli_open_beside(const cli_request *r, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw, cli_beside_list *out,
                     cli_beside_fault *fault)
{
    gathering g = {r, model, hw, out, fault};

    memset(out, 0, sizeof *out);
    memset(fault, 0, sizeof *fault);
    fault->status = ctxfit_beside_new(NULL, &out->beside, &fault->error);
    if (fault->status != CTXFIT_OK) {
        fail_as(&g, "plan", NULL, r->model, fault->status);
        return false;
    }
    if (r->beside.draft != NULL)
        gather_draft(&g, r->beside.draft);
    else if (r->beside.own_blocks)
        gather_blocks(&g);
    if (r->beside.projector != NULL && fault->status == CTXFIT_OK)
        gather_projector(&g, r->beside.projector);
    for (uint32_t i = 0; i < r->beside.adapter_count && fault->status == CTXFIT_OK; i++)
        gather_adapters(&g, r->beside.adapter[i], r->beside.adapter_scaled[i] != 0);
    if (fault->status == CTXFIT_OK && parts != NULL)
        gather_parts(&g, parts);
    return fault->status == CTXFIT_OK;
}

int cli_gather_beside(const cli_request *r, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw, cli_beside_list *out)
{
    cli_beside_fault fault;
    int              code;

    say_drafting(r);
    if (cli_open_beside(r, parts, model, hw, out, &fault)) {
        say_unheard(r, out->has_projector);
        return CLI_FITS;
    }
    code = cli_fail(fault.option, fault.name, fault.status, &fault.error);
    return fault.status == CTXFIT_E_INVALID_ARG ? CLI_USAGE : code;
}

void cli_free_beside(cli_beside_list *list)
{
    ctxfit_beside_free(list->beside);
    ctxfit_model_free(list->draft);
}

static void put_word(const char *name, const char *value, FILE *out)
{
    const bool plain = value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:,=+@%")] == '\0';

    fprintf(out, " %s ", name);
    if (!plain)
        fputc('\'', out);
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\'')
            fputs("'\\'", out); /* ends the quotes, is itself, and begins them anew */
        fputc(*p, out);
    }
    if (!plain)
        fputc('\'', out);
}

static void put_number(const char *name, uint64_t value, FILE *out)
{
    if (value != 0)
        fprintf(out, " %s %llu", name, (unsigned long long)value);
}

static void put_layers(const char *name, uint32_t layers, FILE *out)
{
    if (layers == CTXFIT_GPU_LAYERS_NONE)
        fprintf(out, " %s 0", name);
    else
        put_number(name, layers, out);
}

/* "q8_0" */
static void put_type(const char *name, ctxfit_quant type, FILE *out)
{
    if (type == 0)
        return;
    fprintf(out, " %s ", name);
    for (const char *p = ctxfit_quant_name(type); *p != '\0'; p++)
        fputc(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p, out);
}

static void put_draft(const cli_beside *b, FILE *out)
{
    const ctxfit_draft_options *o = &b->draft_options;

    if (b->draft == NULL && !b->own_blocks)
        return;
    if (b->draft != NULL)
        put_word("-md", cli_ends_with(b->draft, ".gguf") ? b->draft : "DRAFT.gguf", out);
    put_word("--spec-type", b->draft != NULL ? "draft-simple" : "draft-mtp", out);
    put_number("--spec-draft-n-max", o->draft_tokens, out);
    put_layers("-ngld", o->gpu_layers, out);
    if (o->cpu_expert_layers == CTXFIT_ALL_LAYERS)
        fputs(" -cmoed", out);
    else
        put_number("-ncmoed", o->cpu_expert_layers, out);
    if (b->draft_devices != NULL)
        put_word("-devd", b->draft_devices, out);
    put_type("-ctkd", o->kv_key, out);
    put_type("-ctvd", o->kv_value, out);
    if (o->overrides[0] != '\0')
        put_word("-otd", o->overrides, out);
}

void cli_write_beside_words(const cli_request *r, FILE *out)
{
    const cli_beside *b = &r->beside;

    put_draft(b, out);
    for (uint32_t i = 0; i < b->adapter_count; i++)
        put_word(b->adapter_scaled[i] ? "--lora-scaled" : "--lora", b->adapter[i], out);
    if (b->projector == NULL)
        return;
    put_word("--mmproj", b->projector, out);
    if ((b->projector_options.flags & CTXFIT_PROJECTOR_F_HOST) != 0)
        fputs(" --no-mmproj-offload", out);
    if (b->projector_device != NULL)
        put_word("--mmproj-device", b->projector_device, out);
    put_number("--image-min-tokens", b->projector_options.image_min_tokens, out);
    put_number("--image-max-tokens", b->projector_options.image_max_tokens, out);
}

bool cli_counts_parts(const cli_request *r)
{
    return cli_engine_is(r, "llama.cpp") || cli_engine_is(r, "ollama") || cli_engine_is(r, "lm-studio");
}

void cli_say_beside_left_out(void)
{
    fputs("ctxfit: note: what runs beside the model is not counted here: keep room with --reserve; `ctxfit plan` counts it\n", stderr);
}

bool cli_names_beside(const cli_request *r)
{
    return r->beside.draft != NULL || r->beside.own_blocks || r->beside.projector != NULL || r->beside.adapter_count > 0;
}

/* ---- for people ---- */

void cli_render_beside(const ctxfit_plan *plan, FILE *out)
{
    ctxfit_plan_beside b = CTXFIT_PLAN_BESIDE_INIT;
    uint32_t           count = 0;

    for (; ctxfit_plan_get_beside(plan, count, UINT32_MAX, &b) == CTXFIT_OK; count++) {
        const struct {
            const char *name;
            uint64_t    bytes;
        } parts[] = {
            {"cache", b.kv_bytes}, {"state", b.recurrent_bytes}, {b.compute_exact ? "compute" : "compute at most", b.compute_bytes}};
        char   text[256];
        size_t used = (size_t)snprintf(text, sizeof text, "%s: weights %s", b.name, cli_bytes(b.weights_bytes));

        for (size_t i = 0; i < CLI_COUNT(parts); i++)
            if (parts[i].bytes > 0)
                used += (size_t)snprintf(text + used, sizeof text - used, ", %s %s", parts[i].name, cli_bytes(parts[i].bytes));
        cli_clean(text);
        if (count == 0)
            fputs("  Beside the model\n", out);
        fprintf(out, "    %-9s %9s  ", ctxfit_beside_name(b.kind), cli_bytes(b.total_bytes));
        cli_wrap(out, cli_style_of(out).width, 25, text);
    }
    if (count > 0)
        fputc('\n', out);
}
