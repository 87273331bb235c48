/* Ollama's store: a manifest lists layers by media type, and each is a blob named by its digest.
 * Source: Ollama fb307609 (2026-08-21) types/model/name.go, manifest/paths.go, server/create.go (media types). */
#include "store_internal.h"

/* ---- names: [host/][namespace/]model[:tag] ---- */

typedef struct store_name {
    char part[4][128]; /* host, namespace, model, tag */
} store_name;

/* What a part may hold; it becomes a folder. A host may have a port. */
static bool set_part(store_name *name, int which, const char *text, size_t len)
{
    if (len == 0 || len >= sizeof name->part[0] || text[0] == '.' || text[0] == '-' || text[0] == ':')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || cfi_is_digit(c) || c == '.' || c == '_' || c == '-' ||
              (c == ':' && which == 0)))
            return false;
    }
    memcpy(name->part[which], text, len);
    name->part[which][len] = '\0';
    return true;
}

static bool parse_name(const char *text, store_name *out)
{
    const char *scheme = strstr(text, "://"); /* of an address that was pasted */
    const char *last;
    const char *model;
    const char *colon;
    size_t      model_len;
    const char *first;

    if (scheme != NULL)
        text = scheme + 3;
    last = strrchr(text, '/');
    model = last != NULL ? last + 1 : text;
    colon = strchr(model, ':');
    model_len = colon != NULL ? (size_t)(colon - model) : strlen(model);
    memset(out, 0, sizeof *out);
    if (!set_part(out, 0, "registry.ollama.ai", 18) || !set_part(out, 1, "library", 7) || !set_part(out, 2, model, model_len))
        return false;
    if (!(colon != NULL ? set_part(out, 3, colon + 1, strlen(colon + 1)) : set_part(out, 3, "latest", 6)))
        return false;
    if (last == NULL)
        return true;
    first = memchr(text, '/', (size_t)(last - text));
    if (first == NULL)
        return set_part(out, 1, text, (size_t)(last - text));
    return set_part(out, 0, text, (size_t)(first - text)) && set_part(out, 1, first + 1, (size_t)(last - first) - 1);
}

/* ---- files ---- */

/* "sha256:0a1b..." is the file blobs/sha256-0a1b...; nothing else is opened. */
static ctxfit_status blob_path(const char *root, const char *digest, cfi_arena *arena, char **out, ctxfit_error *error)
{
    const char *parts[3] = {root, "blobs", NULL};
    char        name[80] = "";

    if (digest == NULL || strlen(digest) != 71 || memcmp(digest, "sha256", 6) != 0 || (digest[6] != ':' && digest[6] != '-') ||
        strspn(digest + 7, "0123456789abcdef") != 64)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "manifest: '%.80s' is no digest", digest != NULL ? digest : "");
    memcpy(name, digest, 71);
    name[6] = '-';
    parts[2] = name;
    *out = cfi_path_join(arena, parts, CFI_COUNT(parts));
    if (*out == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    if (cfi_path_look(*out, NULL) != CFI_PATH_FILE) /* opened, a pipe would make us wait */
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "the manifest names a blob that is not there: '%s'", *out);
    return CTXFIT_OK;
}

/* ---- the manifest ---- */

static ctxfit_status add_value(ctxfit_modelfile *file, const char *name, const cfi_json_value *value, ctxfit_error *error)
{
    char        number[40];
    cfi_writer  w;
    const char *text = cfi_json_as_text(value, NULL);
    double      real;

    if (cfi_json_kind_of(value) == CFI_JSON_BOOL)
        text = cfi_json_is_true(value) ? "true" : "false";
    if (text == NULL && cfi_json_as_number(value, &real) && cfi_is_finite(real)) {
        cfi_writer_init(&w, number, sizeof number);
        cfi_write(&w, "%s", real < 0 ? "-" : "");
        cfi_write_number(&w, real < 0 ? -real : real, 15);
        (void)cfi_writer_finish(&w, NULL);
        text = number;
    }
    return text != NULL ? cfi_modelfile_add(file, 0, name, text, strlen(text), error) : CTXFIT_OK;
}

/* A small file of JSON, which a message names. */
static ctxfit_status read_json(const char *what, const char *path, cfi_arena *scratch, cfi_json_doc **out, ctxfit_error *error)
{
    ctxfit_error  found = {0};
    char         *text = NULL;
    size_t        size = 0;
    ctxfit_status status = cfi_read_small(path, scratch, &text, &size, error);

    if (status != CTXFIT_OK)
        return status;
    status = cfi_json_read(text, size, NULL, &scratch->allocator, out, &found);
    return status == CTXFIT_OK ? status
                               : cfi_fail_at(error, status, found.offset, found.detail, "%s '%.140s': %s", what, path, found.message);
}

/* {"num_ctx": 8192, "stop": ["a", "b"]} */
static ctxfit_status read_parameters(ctxfit_modelfile *file, const char *path, cfi_arena *scratch, ctxfit_error *error)
{
    cfi_json_doc *doc = NULL;
    ctxfit_status status = read_json("parameters", path, scratch, &doc, error);

    for (cfi_json_iter it = cfi_json_items(cfi_json_root(doc)); status == CTXFIT_OK && cfi_json_next(&it);) {
        if (it.key == NULL)
            status = cfi_fail(error, CTXFIT_E_MALFORMED, "parameters are a list, expected an object");
        else if (cfi_json_kind_of(it.value) != CFI_JSON_ARRAY)
            status = add_value(file, it.key, it.value, error);
        else
            for (cfi_json_iter item = cfi_json_items(it.value); status == CTXFIT_OK && cfi_json_next(&item);)
                status = add_value(file, it.key, item.value, error);
    }
    cfi_json_free(doc);
    return status;
}

static uint32_t part_of_type(const char *type)
{
    static const struct media_type {
        char     name[12];
        uint32_t part;
    } types[] = {{"model", CTXFIT_PART_MODEL},       {"projector", CTXFIT_PART_PROJECTOR}, {"adapter", CTXFIT_PART_ADAPTER},
                 {"draft", CTXFIT_PART_DRAFT},       {"template", CTXFIT_PART_TEMPLATE},   {"prompt", CTXFIT_PART_TEMPLATE},
                 {"system", CTXFIT_PART_SYSTEM}};
    static const char prefix[] = "application/vnd.ollama.image.";

    if (type != NULL && strncmp(type, prefix, sizeof prefix - 1) == 0)
        for (size_t i = 0; i < CFI_COUNT(types); i++)
            if (strcmp(type + sizeof prefix - 1, types[i].name) == 0)
                return types[i].part;
    return 0;
}

static ctxfit_status read_layer(ctxfit_modelfile *file, const char *root, const cfi_json_value *layer, cfi_arena *scratch,
                                ctxfit_error *error)
{
    const char   *type = cfi_json_as_text(cfi_json_get(layer, "mediaType"), NULL);
    bool          parameters = type != NULL && strcmp(type, "application/vnd.ollama.image.params") == 0;
    uint32_t      part = part_of_type(type);
    char         *path = NULL;
    ctxfit_status status;

    if (type != NULL && strcmp(type, "application/vnd.ollama.image.tensor") == 0)
        return cfi_fail(error, CTXFIT_E_UNSUPPORTED, "its weights are single tensors for Ollama's MLX engine, no GGUF");
    if (part == 0 && !parameters)
        return CTXFIT_OK; /* a licence, messages */
    status = blob_path(root, cfi_json_as_text(cfi_json_get(layer, "digest"), NULL), scratch, &path, error);
    if (status != CTXFIT_OK)
        return status;
    return parameters ? read_parameters(file, path, scratch, error) : cfi_modelfile_add(file, part, "", path, strlen(path), error);
}

static ctxfit_status read_manifest(ctxfit_modelfile *file, const char *root, const char *path, cfi_arena *scratch, ctxfit_error *error)
{
    cfi_json_doc         *doc = NULL;
    const cfi_json_value *layers;
    ctxfit_status         status = read_json("manifest", path, scratch, &doc, error);

    if (status != CTXFIT_OK)
        return status;
    layers = cfi_json_get(cfi_json_root(doc), "layers");
    if (cfi_json_kind_of(layers) != CFI_JSON_ARRAY)
        status = cfi_fail(error, CTXFIT_E_MALFORMED, "manifest '%s': layers are %s, expected a list", path, cfi_json_kind_name(layers));
    for (cfi_json_iter it = cfi_json_items(layers); status == CTXFIT_OK && cfi_json_next(&it);)
        status = read_layer(file, root, it.value, scratch, error);
    cfi_json_free(doc);
    if (status == CTXFIT_OK && ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0) == NULL)
        status = cfi_fail(error, CTXFIT_E_INCOMPLETE, "manifest '%s': no layer has weights (a model that runs elsewhere)", path);
    return status;
}

/* As it is named, else the first whose name differs in the case of letters alone, which Ollama takes for the same: server/routes.go
 * getExistingName(). NULL: out of memory. */
static const char *manifest_path(const char *root, const store_name *name, cfi_arena *scratch)
{
    const char     *wanted[] = {name->part[0], name->part[1], name->part[2], name->part[3]};
    const char     *manifests = cfi_path_join2(scratch, root, "manifests");
    const char     *local = cfi_path_join(scratch, wanted, CFI_COUNT(wanted));
    const char     *path = manifests != NULL && local != NULL ? cfi_path_join2(scratch, manifests, local) : NULL;
    cfi_store_files files;
    ctxfit_status   status;

    if (path == NULL || cfi_path_look(path, NULL) == CFI_PATH_FILE)
        return path;
    status = cfi_folder_list(manifests, 3, CFI_STORE_MAX_FILES, scratch, &files, NULL);
    for (size_t i = 0; status == CTXFIT_OK && i < files.count; i++)
        if (files.item[i].kind == CFI_PATH_FILE && cfi_equal_nocase(files.item[i].name, local))
            return files.item[i].path;
    return status == CTXFIT_E_NO_MEMORY ? NULL : path;
}

ctxfit_status ctxfit_modelfile_from_store(const char *root, const char *name, const ctxfit_allocator *allocator, ctxfit_modelfile **out,
                                          ctxfit_error *error)
{
    ctxfit_modelfile *file = NULL;
    store_name        parsed;
    cfi_arena         scratch;
    const char       *path;
    ctxfit_status     status;

    if (out != NULL)
        *out = NULL;
    if (root == NULL || name == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_modelfile_from_store: root, name and out must not be NULL");
    if (!parse_name(name, &parsed))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "'%.100s' is no name of an Ollama model: [host/][namespace/]model[:tag]", name);
    cfi_arena_init(&scratch, allocator);
    path = manifest_path(root, &parsed, &scratch);
    file = path != NULL ? cfi_modelfile_new(allocator) : NULL;
    status = file != NULL ? read_manifest(file, root, path, &scratch, error) : cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    cfi_arena_free(&scratch);
    if (status != CTXFIT_OK) {
        ctxfit_modelfile_free(file);
        return status;
    }
    *out = file;
    return CTXFIT_OK;
}

/* ---- all that is there ---- */

/* "tiny:latest" of "registry.ollama.ai/library/tiny/latest", as `ollama list` shows it; "" for none. */
static const char *name_of_manifest(cfi_arena *arena, const char *path)
{
    static const char usual[][26] = {"registry.ollama.ai/", "library/"};
    char             *name;

    for (size_t i = 0; i < CFI_COUNT(usual) && strncmp(path, usual[i], strlen(usual[i])) == 0; i++)
        path += strlen(usual[i]);
    name = cfi_arena_copy(arena, path, strlen(path));
    if (name != NULL) {
        char *tag = strrchr(name, '/');

        if (tag != NULL)
            *tag = ':';
        else
            *name = '\0';
    }
    return name;
}

static ctxfit_status list_manifest(const char *root, const cfi_store_file *manifest, cfi_arena *scratch, ctxfit_store *out,
                                   ctxfit_error *error)
{
    ctxfit_modelfile *file = NULL;
    ctxfit_error      why = {0};
    const char       *name = name_of_manifest(scratch, manifest->name);
    cfi_stored        entry = {NULL, manifest->path, 0, 0, 0};
    ctxfit_status     status;

    if (name == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = ctxfit_modelfile_from_store(root, name, &scratch->allocator, &file, &why);
    if (status == CTXFIT_OK) {
        entry.path = ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0);
        entry.files = cfi_path_look(entry.path, &entry.bytes) == CFI_PATH_FILE;
    } else if (status == CTXFIT_E_NOT_FOUND) {
        entry.flags = CTXFIT_STORED_F_UNFINISHED;
    }
    if (status == CTXFIT_OK || status == CTXFIT_E_NOT_FOUND)
        status = cfi_stored_add(out, &entry, error, "ollama:%s", name);
    else if (status != CTXFIT_E_NO_MEMORY)
        status = CTXFIT_OK; /* a model that runs elsewhere, or no manifest */
    else
        status = cfi_fail(error, status, "out of memory");
    ctxfit_modelfile_free(file);
    return status;
}

ctxfit_status cfi_ollama_list(const char *root, cfi_arena *scratch, ctxfit_store *out, ctxfit_error *error)
{
    const char     *manifests = cfi_path_join2(scratch, root, "manifests");
    cfi_store_files files;
    ctxfit_status   status;

    if (manifests == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = cfi_folder_list(manifests, 3, CFI_STORE_MAX_FILES, scratch, &files, error);
    for (size_t i = 0; status == CTXFIT_OK && i < files.count; i++)
        if (files.item[i].kind == CFI_PATH_FILE)
            status = list_manifest(root, &files.item[i], scratch, out, error);
    return status;
}
