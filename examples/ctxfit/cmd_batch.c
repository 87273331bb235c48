#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"

#ifdef _WIN32
#  include <fcntl.h>
#  include <io.h>
#endif

static void write_fault(const batch_fault *fault, const char *id_json, uint64_t line, FILE *out)
{
    fprintf(out, "{\"schema\":\"ctxfit.error/1\",\"id\":%s", id_json != NULL ? id_json : "null");
    fprintf(out, ",\"line\":%" PRIu64 ",\"error\":{\"status\":\"%s\",\"message\":", line, ctxfit_status_name(fault->status));
    cli_write_json_string(fault->message, out);
    fputs(",\"key\":", out);
    if (fault->key != NULL)
        cli_write_json_string(fault->key, out);
    else
        fputs("null", out);
    if (fault->offset != UINT64_MAX)
        fprintf(out, ",\"offset\":%" PRIu64, fault->offset);
    fputs("}}\n", out);
}

/* The id as it stands in the line: JSON text that the caller frees, or NULL. Anything but a string or a number is a fault. */
static char *read_id(yyjson_val *object, batch_fault *fault)
{
    yyjson_val *id = yyjson_obj_get(object, "id");

    if (id == NULL || yyjson_is_null(id))
        return NULL;
    if (yyjson_is_str(id) || yyjson_is_raw(id)) {
        char *text = yyjson_val_write(id, YYJSON_WRITE_NOFLAG, NULL);

        if (text == NULL)
            batch_fail(fault, CTXFIT_E_NO_MEMORY, "id", ctxfit_status_message(CTXFIT_E_NO_MEMORY));
        return text;
    }
    batch_fail(fault, CTXFIT_E_TYPE, "id", "id is neither a string nor a number");
    return NULL;
}

static void fail_with(batch_fault *fault, ctxfit_status status, const char *key, const ctxfit_error *error)
{
    batch_fail(fault, status, key, error->message);
}

/* What runs beside the model; false after *fault was filled. */
static bool plan_request(const cli_request *request, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw,
                         ctxfit_plan **out, batch_fault *fault)
{
    cli_beside_list  list;
    cli_beside_fault beside;
    ctxfit_error     error;
    ctxfit_status    status = CTXFIT_OK;
    const bool       opened = cli_open_beside(request, parts, model, hw, &list, &beside);

    if (!opened)
        fail_with(fault, beside.status, beside.key, &beside.error);
    else
        status = ctxfit_plan_make_beside(model, hw, &request->options, list.beside, NULL, out, &error);
    if (status != CTXFIT_OK)
        fail_with(fault, status, NULL, &error);
    cli_free_beside(&list);
    return opened && status == CTXFIT_OK;
}

/* Plans a request and writes the answer; false after *fault was filled and nothing was written. */
static bool answer_request(batch_store *store, cli_request *request, const char *id_json, batch_fault *fault, FILE *out)
{
    const ctxfit_model *model;
    const ctxfit_hw    *hw;
    ctxfit_plan        *plan;
    ctxfit_check        check = CTXFIT_CHECK_INIT;
    ctxfit_error        error;
    cli_model_source    source = cli_source_of(request);
    const cli_parts    *parts = NULL;
    cli_plan_extras     extras = {id_json != NULL ? id_json : "null", NULL, cli_counts_parts(request), NULL};
    ctxfit_status       status = batch_model(store, &source, &model, &parts, &error);

    if (status != CTXFIT_OK) {
        fail_with(fault, status, "model", &error);
        return false;
    }
    cli_apply_parameters(request->model, &request->options, NULL);
    cli_apply_drafting(request->model, model, request, NULL);
    status = batch_hw(store, request->hw, &hw, &error);
    if (status != CTXFIT_OK) {
        fail_with(fault, status, "hw", &error);
        return false;
    }
    if (!plan_request(request, parts, model, hw, &plan, fault))
        return false;
    if (request->has_check)
        status = ctxfit_plan_check(plan, &request->check, &check);
    extras.parts = parts;
    extras.check = request->has_check ? &check : NULL;
    if (status == CTXFIT_OK && !cli_write_plan_json(plan, &extras, out))
        status = CTXFIT_E_NO_MEMORY;
    ctxfit_plan_free(plan);
    if (status != CTXFIT_OK)
        batch_fail(fault, status, NULL, ctxfit_status_message(status));
    return status == CTXFIT_OK;
}

static bool answer_object(batch_store *store, yyjson_val *object, uint64_t line, FILE *out)
{
    batch_fault fault = {0};
    cli_request request;
    char       *id_json = read_id(object, &fault);
    bool        good = fault.status == CTXFIT_OK && batch_read_request(object, &request, &fault) &&
                answer_request(store, &request, id_json, &fault, out);

    if (!good)
        write_fault(&fault, id_json, line, out);
    free(id_json);
    return good;
}

static yyjson_doc *parse_line(const batch_lines *lines, batch_fault *fault)
{
    yyjson_read_err error;
    yyjson_doc     *doc;
    char            message[192];

    if (lines->too_long) {
        batch_fail(fault, CTXFIT_E_LIMIT, NULL, "the line is longer than 16 MiB");
        return NULL;
    }
    if (lines->out_of_memory) {
        batch_fail(fault, CTXFIT_E_NO_MEMORY, NULL, ctxfit_status_message(CTXFIT_E_NO_MEMORY));
        return NULL;
    }
    if (strspn(lines->text, " \t\r\v\f") == lines->length) {
        batch_fail(fault, CTXFIT_E_MALFORMED, NULL, "the line is blank: expected a JSON object");
        return NULL;
    }
    doc = yyjson_read_opts(lines->text, lines->length, YYJSON_READ_NUMBER_AS_RAW, NULL, &error);
    if (doc == NULL) {
        (void)snprintf(message, sizeof message, "not JSON: %s at byte %zu", error.msg, error.pos);
        batch_fail(fault, error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? CTXFIT_E_NO_MEMORY : CTXFIT_E_MALFORMED, NULL, message);
        fault->offset = error.pos;
    } else if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
        batch_fail(fault, CTXFIT_E_MALFORMED, NULL, "JSON, but no object: expected {...}");
        yyjson_doc_free(doc);
        doc = NULL;
    }
    return doc;
}

static bool answer_line(batch_store *store, const batch_lines *lines, FILE *out)
{
    batch_fault fault = {0};
    yyjson_doc *doc = parse_line(lines, &fault);
    bool        good;

    if (doc == NULL) {
        write_fault(&fault, NULL, lines->number, out);
        return false;
    }
    good = answer_object(store, yyjson_doc_get_root(doc), lines->number, out);
    yyjson_doc_free(doc);
    return good;
}

int cli_batch(int argc, char **argv)
{
    batch_lines  lines = {0};
    batch_store *store;
    int          code = CLI_FITS;

    (void)argv;
    if (argc > 0) {
        fputs("ctxfit: usage: ctxfit batch < requests.jsonl\n", stderr);
        return CLI_USAGE;
    }
#ifdef _WIN32
    (void)_setmode(_fileno(stdin), _O_BINARY);
#endif
    store = batch_store_new();
    if (store == NULL) {
        fputs("ctxfit: out of memory\n", stderr);
        return CLI_BAD_INPUT;
    }
    lines.in = stdin;
    while (batch_next_line(&lines)) {
        if (!answer_line(store, &lines, stdout))
            code = CLI_BAD_INPUT;
        /* A program at the other end of a pipe waits for its answer. */
        if (fflush(stdout) != 0) {
            fputs("ctxfit: the answers cannot be written\n", stderr);
            code = CLI_BAD_INPUT;
            break;
        }
    }
    if (ferror(stdin)) {
        fputs("ctxfit: the requests cannot be read to their end\n", stderr);
        code = CLI_BAD_INPUT;
    }
    batch_lines_free(&lines);
    batch_store_free(store);
    return code;
}
