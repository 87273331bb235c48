/* The models that lie on this disk, and whether a machine runs them. */
#include "cli.h"

#include <string.h>

typedef struct local_listing {
    const cli_request *request;
    const ctxfit_hw   *hw;
    unsigned           models;
    unsigned           fitting;
} local_listing;

/* What is known of one of them. */
typedef struct local_row {
    const char         *name;
    const char         *path;
    ctxfit_stored_info  stored;
    ctxfit_file_type    file_type; /* 0: not known, or a checkpoint's own */
    char                quant[32]; /* of a checkpoint */
    ctxfit_plan_summary summary;   /* of a plan, where there is one */
    bool                planned;
    ctxfit_error        error;     /* why there is none */
    ctxfit_error        left_out;  /* why not all that comes with it is counted; status OK: it is */
} local_row;

static bool is_checkpoint(const local_row *row) { return (row->stored.flags & CTXFIT_STORED_F_CHECKPOINT) != 0; }
static bool is_unfinished(const local_row *row) { return (row->stored.flags & CTXFIT_STORED_F_UNFINISHED) != 0; }

/* What comes with a model counts under engines that run it, as in `ctxfit plan NAME`; what cannot be counted stays out. */
static void add_parts(const local_listing *l, local_row *row, const ctxfit_model *model, ctxfit_beside *beside)
{
    ctxfit_modelfile *file = NULL;
    ctxfit_error      error;

    if (!cli_counts_parts(l->request) || l->request->beside.no_projector || is_checkpoint(row) ||
        ctxfit_store_look_up(row->name, cli_environment(), NULL, &file, &error) != CTXFIT_OK)
        return;
    if (ctxfit_beside_add_parts(beside, file, cli_engine_is(l->request, "ollama") ? model : NULL, &error) != CTXFIT_OK)
        row->left_out = error;
    else if (ctxfit_modelfile_part(file, CTXFIT_PART_DRAFT, 0) != NULL)
        (void)cli_refuse(&row->left_out, CTXFIT_E_UNSUPPORTED, "a draft model");
    ctxfit_modelfile_free(file);
}

static void make_plan(const local_listing *l, local_row *row, const ctxfit_model *model, const ctxfit_plan_options *options)
{
    ctxfit_beside *beside = NULL;
    ctxfit_plan   *plan;

    if (ctxfit_beside_new(NULL, &beside, &row->error) != CTXFIT_OK)
        return;
    add_parts(l, row, model, beside);
    if (ctxfit_plan_make_beside(model, l->hw, options, beside, NULL, &plan, &row->error) == CTXFIT_OK) {
        row->planned = ctxfit_plan_get_summary(plan, &row->summary) == CTXFIT_OK;
        ctxfit_plan_free(plan);
    }
    ctxfit_beside_free(beside);
}

static void plan_row(const local_listing *l, local_row *row)
{
    cli_model_source       source = {row->path, 0, l->request->header_only == CTXFIT_CHOICE_ON, NULL};
    ctxfit_model_info      info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_checkpoint_info checkpoint = CTXFIT_CHECKPOINT_INFO_INIT;
    ctxfit_plan_options    options = l->request->options;
    ctxfit_model          *model;

    if ((is_checkpoint(row) ? cli_open_source(&source, &model, &row->error) : cli_open_gguf(&source, &model, &row->error)) != CTXFIT_OK)
        return;
    (void)ctxfit_model_get_info(model, &info);
    row->file_type = is_checkpoint(row) ? 0 : info.file_type;
    if (is_checkpoint(row) && ctxfit_model_get_checkpoint(model, &checkpoint) == CTXFIT_OK)
        (void)snprintf(row->quant, sizeof row->quant, "%.*s", (int)sizeof row->quant - 1, checkpoint.quant_method);
    if ((checkpoint.flags & CTXFIT_CHECKPOINT_F_INCOMPLETE) != 0)
        row->stored.flags |= CTXFIT_STORED_F_UNFINISHED; /* by its index, or by the end of a file */
    if (checkpoint.quant == CTXFIT_CHECKPOINT_QUANT_MLX && options.engine[0] == '\0')
        (void)snprintf(options.engine, sizeof options.engine, "mlx-lm"); /* what no other engine loads as it is */
    cli_apply_parameters(row->name, &options, NULL);
    if (!is_unfinished(row))
        make_plan(l, row, model, &options);
    ctxfit_model_free(model);
}

static const char *type_of(const local_row *row)
{
    if (row->file_type != 0)
        return ctxfit_file_type_name(row->file_type);
    return is_checkpoint(row) ? row->quant[0] != '\0' ? row->quant : "checkpoint" : "-";
}

static void print_row(const local_row *row)
{
    const ctxfit_plan_summary *s = &row->summary;

    fputs("  ", stdout);
    cli_put(stdout, row->name);
    printf("\n      %-10s %9s  ", type_of(row), cli_bytes(row->stored.bytes));
    if (is_unfinished(row))
        fputs(is_checkpoint(row) && row->stored.files == 0 ? "no weights, only its configuration" : "a download that did not end", stdout);
    else if (!row->planned)
        cli_put(stdout, row->error.message);
    else if (s->fit == CTXFIT_FIT_NONE)
        printf("does not fit with %s tokens, %s are missing", cli_count(s->n_ctx_seq), cli_bytes((uint64_t)-s->margin_bytes));
    else
        printf("%s with %s tokens, %s free", s->fit == CTXFIT_FIT_SPLIT ? "fits partly on the host" : "fits", cli_count(s->n_ctx_seq),
               cli_bytes((uint64_t)s->margin_bytes));
    if (row->planned && s->max_ctx_seq_tokens != 0)
        printf(", at most %s", cli_count(s->max_ctx_seq_tokens));
    if (row->planned && s->beside_bytes > 0)
        printf("; %s beside the model", cli_bytes(s->beside_bytes));
    if (row->planned && row->left_out.status != CTXFIT_OK) {
        fputs("; what comes with it is not counted: ", stdout);
        cli_put(stdout, row->left_out.message);
    }
    putchar('\n');
}

static void write_row_as_json(const local_row *row)
{
    static const char *const words[] = {"none", "split", "all"};
    const uint32_t           fits[] = {CTXFIT_FIT_NONE, CTXFIT_FIT_SPLIT, CTXFIT_FIT_ALL};
    const char              *fit = "none";

    for (size_t i = 0; i < CLI_COUNT(fits); i++)
        fit = row->summary.fit == fits[i] ? words[i] : fit;
    fputs("{\"model\":", stdout);
    cli_write_json_string(row->name, stdout);
    fputs(",\"path\":", stdout);
    cli_write_json_string(row->path, stdout);
    printf(",\"bytes\":%llu,\"files\":%u,\"checkpoint\":%s,\"unfinished\":%s", (unsigned long long)row->stored.bytes,
           (unsigned)row->stored.files, is_checkpoint(row) ? "true" : "false", is_unfinished(row) ? "true" : "false");
    if (row->file_type != 0)
        printf(",\"file_type\":\"%s\"", ctxfit_file_type_name(row->file_type));
    if (row->quant[0] != '\0') {
        fputs(",\"quant_method\":", stdout);
        cli_write_json_string(row->quant, stdout);
    }
    if (row->planned && row->summary.beside_bytes > 0)
        printf(",\"beside_bytes\":%llu", (unsigned long long)row->summary.beside_bytes);
    if (row->planned && row->left_out.status != CTXFIT_OK) {
        fputs(",\"left_out\":", stdout);
        cli_write_json_string(row->left_out.message, stdout);
    }
    if (row->planned)
        printf(",\"fit\":\"%s\",\"n_ctx_seq\":%llu,\"total_bytes\":%llu,\"margin_bytes\":%lld,\"max_ctx_seq_tokens\":%llu", fit,
               (unsigned long long)row->summary.n_ctx_seq, (unsigned long long)row->summary.total_bytes,
               (long long)row->summary.margin_bytes, (unsigned long long)row->summary.max_ctx_seq_tokens);
    else if (!is_unfinished(row)) {
        fputs(",\"error\":", stdout);
        cli_write_json_string(row->error.message, stdout);
    }
    puts("}");
}

static void list_store(local_listing *l, const ctxfit_store *store, const char *place)
{
    if (!l->request->json && ctxfit_store_count(store) > 0) {
        fputs("\n  ", stdout);
        cli_put(stdout, place);
        putchar('\n');
    }
    for (uint32_t i = 0; i < ctxfit_store_count(store); i++) {
        local_row row = {ctxfit_store_name(store, i), ctxfit_store_path(store, i), CTXFIT_STORED_INFO_INIT, 0, "", CTXFIT_PLAN_SUMMARY_INIT,
                         false, {0, 0, 0, 0, ""}, {0, 0, 0, 0, ""}};

        (void)ctxfit_store_get(store, i, &row.stored);
        if (!is_unfinished(&row))
            plan_row(l, &row);
        if (l->request->json)
            write_row_as_json(&row);
        else
            print_row(&row);
        l->models++;
        l->fitting += row.planned && row.summary.fit != CTXFIT_FIT_NONE;
    }
}

static void print_end(const local_listing *l)
{
    char path[4096];

    if (l->models > 0) {
        printf("\n  %u of %u models on this disk run\n", l->fitting, l->models);
        return;
    }
    puts("\n  no models on this disk, not in");
    for (uint32_t kind = CTXFIT_STORE_HF; kind <= CTXFIT_STORE_OLLAMA; kind++)
        for (uint32_t i = 0; ctxfit_store_place(kind, cli_environment(), i, path, sizeof path, NULL) == CTXFIT_OK; i++) {
            fputs("    ", stdout);
            cli_put(stdout, path);
            putchar('\n');
        }
}

int cli_list_local(const cli_request *request, const ctxfit_hw *hw)
{
    local_listing l = {request, hw, 0, 0};
    char          path[4096];

    for (uint32_t kind = CTXFIT_STORE_HF; kind <= CTXFIT_STORE_OLLAMA; kind++)
        for (uint32_t i = 0; ctxfit_store_place(kind, cli_environment(), i, path, sizeof path, NULL) == CTXFIT_OK; i++) {
            ctxfit_store *store = NULL;
            ctxfit_error  error;
            ctxfit_status status = ctxfit_store_list(kind, path, NULL, &store, &error);

            if (status == CTXFIT_OK)
                list_store(&l, store, path);
            else if (status != CTXFIT_E_NOT_FOUND)
                (void)cli_fail("folder", path, status, &error);
            ctxfit_store_free(store);
        }
    if (!request->json)
        print_end(&l);
    return l.fitting > 0 ? CLI_FITS : CLI_DOES_NOT_FIT;
}
