/* Listings: the models that a machine runs, the machines that run a model. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TOP 25
/* The smallest of the types with four bits: what is below is for those who ask for it. */
#define DEFAULT_LEAST CTXFIT_FILE_TYPE_IQ4_XS

typedef struct listing {
    ctxfit_rank_row *rows;
    size_t           count;
    size_t           shown;
} listing;

static bool make_listing(listing *l, size_t room)
{
    l->rows = calloc(room, sizeof *l->rows);
    for (size_t i = 0; l->rows != NULL && i < room; i++)
        l->rows[i].struct_size = (uint32_t)sizeof *l->rows;
    if (l->rows == NULL)
        fputs("ctxfit: out of memory\n", stderr);
    return l->rows != NULL;
}

/* "--top 0" shows all. */
static bool read_top(const char *text, uint64_t *out)
{
    *out = DEFAULT_TOP;
    if (text == NULL || cli_parse_uint(text, 1000000, out))
        return true;
    fprintf(stderr, "ctxfit: --top '%.40s': expected a number of rows, 0 for all\n", text);
    return false;
}

static void bound_rows(listing *l, uint64_t top)
{
    l->shown = top != 0 && top < l->count ? (size_t)top : l->count;
}

static const char *whole_rate(double per_s, char *out, size_t cap)
{
    (void)snprintf(out, cap, per_s > 0 ? "%.0f" : "?", per_s);
    return out;
}

static const char *fit_word(const ctxfit_rank_row *row)
{
    return row->cpu_experts ? "experts on the host" : row->fit == CTXFIT_FIT_SPLIT ? "partly on the host" : "";
}

/* ---- as JSON: an object a line ---- */
static void write_number(const char *name, double value)
{
    if (value > 0)
        printf(",\"%s\":%.4g", name, value);
    else
        printf(",\"%s\":null", name);
}

static void write_row_json(const char *what, const char *id, const ctxfit_rank_row *row)
{
    printf("{\"%s\":", what);
    cli_write_json_string(id, stdout);
    printf(",\"file_type\":\"%s\",\"fit\":\"%s\",\"cpu_moe\":%s,\"n_ctx_seq\":%llu,\"trained_tokens\":%llu,\"parameters\":%llu,"
           "\"parameters_active\":%llu,\"weights_bytes\":%llu,\"cache_bytes\":%llu,\"total_bytes\":%llu,\"margin_bytes\":%lld,"
           "\"compute_exact\":%s",
           cli_file_type(row->file_type), row->fit == CTXFIT_FIT_ALL ? "all" : "split", row->cpu_experts ? "true" : "false",
           (unsigned long long)row->n_ctx_seq, (unsigned long long)row->trained_tokens, (unsigned long long)row->parameters,
           (unsigned long long)row->parameters_active, (unsigned long long)row->weights_bytes, (unsigned long long)row->cache_bytes,
           (unsigned long long)row->total_bytes, (long long)row->margin_bytes, row->compute_exact ? "true" : "false");
    write_number("decode_tokens_per_s", row->decode_tokens_per_s);
    write_number("decode_full_tokens_per_s", row->decode_full_tokens_per_s);
    write_number("prompt_s", row->prompt_s);
    if (row->price_usd != 0)
        printf(",\"price_usd\":%u,\"price_year\":%u", (unsigned)row->price_usd, (unsigned)row->price_year);
    puts("}");
}

/* ---- models for a machine ---- */
typedef struct list_words {
    const char      *top;
    ctxfit_file_type least;
    bool             local;
    int              argc;
    char           **argv; /* the other words */
} list_words;

/* Takes --top, --least and --local out of the words; the rest is a plan's. */
static bool take_list_words(int argc, char **argv, list_words *out)
{
    out->argc = 0;
    for (int i = 0; i < argc; i++) {
        bool top = strcmp(argv[i], "--top") == 0, least = strcmp(argv[i], "--least") == 0;

        if (strcmp(argv[i], "--local") == 0) {
            out->local = true;
            continue;
        }
        if (!top && !least) {
            out->argv[out->argc++] = argv[i];
            continue;
        }
        if (i + 1 == argc) {
            fprintf(stderr, "ctxfit: option '%s': expected a value behind it\n", argv[i]);
            return false;
        }
        if (top)
            out->top = argv[++i];
        else if ((out->least = ctxfit_file_type_from_name(argv[++i])) == 0) {
            fprintf(stderr, "ctxfit: --least '%.40s': expected a file type such as Q4_K_M\n", argv[i]);
            return false;
        }
    }
    return true;
}

static void print_models(const listing *l)
{
    int width = 7;

    for (size_t i = 0; i < l->shown; i++)
        if ((int)strlen(cli_file_type(l->rows[i].file_type)) > width)
            width = (int)strlen(cli_file_type(l->rows[i].file_type));
    for (size_t i = 0; i < l->shown; i++) {
        const ctxfit_rank_row *r = &l->rows[i];
        char                   decode[16], full[16];

        printf("  %-34s %-*s %6.1f B  %9s  %9s free  %5s to %3s tokens/s%s%s\n", ctxfit_model_catalog_id(r->place), width,
               cli_file_type(r->file_type), (double)r->parameters / 1e9, cli_bytes(r->total_bytes),
               cli_bytes((uint64_t)r->margin_bytes), whole_rate(r->decode_full_tokens_per_s, full, sizeof full),
               whole_rate(r->decode_tokens_per_s, decode, sizeof decode), *fit_word(r) != '\0' ? "  " : "", fit_word(r));
    }
}

static void print_models_head(const cli_request *request, const ctxfit_hw *hw, ctxfit_file_type least, const listing *l)
{
    char spec[4096], ctx[32] = "their trained";

    if (ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL) != CTXFIT_OK)
        spec[0] = '\0';
    if (request->options.ctx_tokens != 0)
        (void)snprintf(ctx, sizeof ctx, "%s tokens of", cli_count(request->options.ctx_tokens));
    printf("\n  %zu of %u models run with %s context on %s%s\n", l->count, (unsigned)ctxfit_model_catalog_count(), ctx,
           request->hw == NULL ? "this machine: " : "", spec);
    if (request->file_type == 0)
        printf("  (each in the best file type that fits, down to %s; --least IQ1_S for all)\n", cli_file_type(least));
    putchar('\n');
}

/* Of the options of a listing those that the engine does not have, as the plan of one row says. */
static void say_unheard(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw)
{
    ctxfit_plan_options options = request->options;
    ctxfit_plan        *plan;
    const char         *warning;

    options.flags |= CTXFIT_PLAN_F_NO_LIMITS | CTXFIT_PLAN_F_BOUND;
    if (ctxfit_plan_make(model, hw, &options, NULL, &plan, NULL) == CTXFIT_OK) {
        for (uint32_t i = 0; (warning = ctxfit_plan_warning(plan, i)) != NULL; i++)
            if (strstr(warning, "no such setting") != NULL)
                fprintf(stderr, "ctxfit: note: %s\n", warning);
        ctxfit_plan_free(plan);
    }
    if (cli_names_beside(request))
        cli_say_beside_left_out();
}

static void say_unheard_of_row(const cli_request *request, const ctxfit_hw *hw, const listing *l)
{
    ctxfit_model *model = NULL;

    if (l->count > 0 && ctxfit_model_from_catalog(ctxfit_model_catalog_id(l->rows[0].place), l->rows[0].file_type, NULL, &model, NULL) ==
                            CTXFIT_OK)
        say_unheard(request, model, hw);
    ctxfit_model_free(model);
}

static int list_models(const cli_request *request, const list_words *words, const ctxfit_hw *hw)
{
    listing          l = {NULL, 0, 0};
    size_t           room = ctxfit_model_catalog_count();
    uint64_t         top;
    ctxfit_file_type least = request->file_type != 0 ? request->file_type : words->least != 0 ? words->least : DEFAULT_LEAST;
    ctxfit_error     error;
    ctxfit_status    status;

    (void)read_top(words->top, &top); /* it was read before */
    if (!make_listing(&l, room))
        return CLI_BAD_INPUT;
    status = ctxfit_rank_models(hw, request->file_type, least, &request->options, NULL, l.rows, room, &l.count, &error);
    if (status == CTXFIT_OK) {
        bound_rows(&l, top);
        if (!request->json) {
            print_models_head(request, hw, least, &l);
            print_models(&l);
            if (l.shown < l.count)
                printf("  ... and %zu more: --top 0\n", l.count - l.shown);
        }
        for (size_t i = 0; i < l.shown && request->json; i++)
            write_row_json("model", ctxfit_model_catalog_id(l.rows[i].place), &l.rows[i]);
        say_unheard_of_row(request, hw, &l);
    }
    free(l.rows);
    if (status != CTXFIT_OK) {
        (void)cli_fail("listing", "models", status, &error);
        return status == CTXFIT_E_INVALID_ARG ? CLI_USAGE : CLI_BAD_INPUT;
    }
    return l.count > 0 ? CLI_FITS : CLI_DOES_NOT_FIT;
}

static int list_words_of(int argc, char **argv, list_words *words)
{
    cli_request   request;
    ctxfit_hw    *hw;
    ctxfit_error  error;
    ctxfit_status status;
    uint64_t      top;
    int           code;

    if (!take_list_words(argc, argv, words) || !cli_parse_listing(words->argc, words->argv, &request) || !read_top(words->top, &top))
        return CLI_USAGE;
    if (words->local && (words->top != NULL || words->least != 0 || request.file_type != 0)) {
        fputs("ctxfit: list --local: expected no --top, --least or --quant: all models are listed as they are stored\n", stderr);
        return CLI_USAGE;
    }
    status = cli_open_hw(request.hw, request.hw_file, &request.detect, &hw, &error);
    if (status != CTXFIT_OK)
        return cli_fail("hardware", request.hw != NULL ? request.hw : "this machine", status, &error);
    code = words->local ? cli_list_local(&request, hw) : list_models(&request, words, hw);
    if (request.hw == NULL)
        cli_render_unseen(hw, request.json ? stderr : stdout);
    ctxfit_hw_free(hw);
    return code;
}

int cli_list(int argc, char **argv)
{
    list_words words = {NULL, 0, false, 0, calloc((size_t)argc + 1, sizeof(char *))};
    int        code;

    if (words.argv == NULL) {
        fputs("ctxfit: out of memory\n", stderr);
        return CLI_BAD_INPUT;
    }
    code = list_words_of(argc, argv, &words);
    free(words.argv);
    return code;
}

/* ---- machines for a model ---- */
static void print_machines(const cli_request *request, const ctxfit_model *model, const listing *l)
{
    printf("\n  %zu machines run %s (%s) with %s tokens of context\n\n", l->count, ctxfit_model_name(model),
           cli_file_type(l->count > 0 ? l->rows[0].file_type : request->file_type),
           cli_count(l->count > 0 ? l->rows[0].n_ctx_seq : request->options.ctx_tokens));
    for (size_t i = 0; i < l->shown; i++) {
        const ctxfit_rank_row *r = &l->rows[i];
        ctxfit_hw_entry        entry = CTXFIT_HW_ENTRY_INIT;
        char                   decode[16], full[16], price[32] = "no price";
        const char            *note = r->price_usd != 0 ? entry.price_note : "";

        (void)ctxfit_hw_catalog_get(r->place, &entry);
        if (r->price_usd != 0)
            (void)snprintf(price, sizeof price, "%s $ %.4u", cli_count(r->price_usd), (unsigned)r->price_year);
        printf("  %14s  %-44s %9s free  %5s to %3s tokens/s%s%s%s%s\n", price, ctxfit_hw_catalog_id(r->place),
               cli_bytes((uint64_t)r->margin_bytes), whole_rate(r->decode_full_tokens_per_s, full, sizeof full),
               whole_rate(r->decode_tokens_per_s, decode, sizeof decode), *fit_word(r) != '\0' || *note != '\0' ? "  " : "", fit_word(r),
               *fit_word(r) != '\0' && *note != '\0' ? "; " : "", note);
    }
}

static int rank_for(const cli_request *request, const ctxfit_hw_filter *filter, uint64_t top, const ctxfit_model *model)
{
    listing       l = {NULL, 0, 0};
    size_t        room = ctxfit_hw_catalog_count();
    ctxfit_hw    *hw = NULL;
    ctxfit_error  error;
    ctxfit_status status;

    if (!make_listing(&l, room))
        return CLI_BAD_INPUT;
    status = ctxfit_rank_machines(model, filter, &request->options, NULL, l.rows, room, &l.count, &error);
    if (status == CTXFIT_OK) {
        bound_rows(&l, top);
        if (!request->json)
            print_machines(request, model, &l);
        for (size_t i = 0; i < l.shown && request->json; i++)
            write_row_json("hw", ctxfit_hw_catalog_id(l.rows[i].place), &l.rows[i]);
        if (l.count > 0 && ctxfit_hw_parse(ctxfit_hw_catalog_id(l.rows[0].place), NULL, &hw, NULL) == CTXFIT_OK)
            say_unheard(request, model, hw);
        ctxfit_hw_free(hw);
        if (!request->json && l.shown < l.count)
            printf("  ... and %zu more: --top 0\n", l.count - l.shown);
    }
    free(l.rows);
    if (status != CTXFIT_OK) {
        (void)cli_fail("listing", request->model, status, &error);
        return status == CTXFIT_E_INVALID_ARG ? CLI_USAGE : CLI_BAD_INPUT;
    }
    return l.count > 0 ? CLI_FITS : CLI_DOES_NOT_FIT;
}

int cli_list_machines(const ctxfit_hw_filter *filter, const char *top_text, int argc, char **argv)
{
    cli_request      request;
    cli_model_source source;
    ctxfit_model    *model;
    ctxfit_error     error;
    ctxfit_status    status;
    uint64_t         top;
    int              code;

    if (!read_top(top_text, &top) || !cli_parse_plan(argc, argv, &request))
        return CLI_USAGE;
    if (request.with[0] != '\0') {
        fprintf(stderr, "ctxfit: --engine '%s': expected one engine\n", request.with);
        return CLI_USAGE;
    }
    if (request.hw != NULL || request.has_detect || request.has_check) {
        fputs("ctxfit: hw --for: expected no machine and no request: all machines of the catalog are listed\n", stderr);
        return CLI_USAGE;
    }
    source = cli_source_of(&request);
    status = cli_open_model(&source, &model, &error);
    if (status != CTXFIT_OK)
        return cli_fail("model", request.model, status, &error);
    cli_apply_parameters(request.model, &request.options, stderr);
    code = rank_for(&request, filter, top, model);
    ctxfit_model_free(model);
    return code;
}
