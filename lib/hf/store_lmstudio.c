/* LM Studio: publisher/model/files below its folder of models, and model.yaml files, which name such folders.
 * Sources: lmstudio-ai/lms 3cc02018 (src/modelsFolder.ts: settings.json, downloadsFolder), lmstudio-ai/docs 6fc6a668
 * (0_app/3_modelyaml/index.md; 0_app/5_advanced/import-model.md for the folders), lmstudio-bug-tracker 1477 and 2291 (.part). */
#include <stdio.h>

#include "store_internal.h"

/* ---- which models there are ---- */

/* settings.json may move the folder of models; a folder that is no home of LM Studio is taken for that of models itself. */
static ctxfit_status models_folder(const cfi_store_index *index, const char **out, ctxfit_error *error)
{
    const char   *settings = cfi_path_join2(index->arena, index->root, "settings.json");
    const char   *models = cfi_path_join2(index->arena, index->root, "models");
    const char   *said;
    char         *text = NULL;
    size_t        size = 0;
    cfi_json_doc *doc = NULL;
    ctxfit_status status;

    if (settings == NULL || models == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    *out = cfi_path_look(models, NULL) == CFI_PATH_FOLDER ? models : index->root;
    status = cfi_read_small(settings, index->arena, &text, &size, NULL);
    if (status == CTXFIT_OK)
        status = cfi_json_read(text, size, NULL, &index->arena->allocator, &doc, NULL);
    said = status == CTXFIT_OK ? cfi_json_as_text(cfi_json_get(cfi_json_root(doc), "downloadsFolder"), NULL) : NULL;
    if (said != NULL && *said != '\0') {
        *out = cfi_arena_copy(index->arena, said, strlen(said));
        status = *out == NULL ? CTXFIT_E_NO_MEMORY : CTXFIT_OK;
    }
    cfi_json_free(doc);
    return status == CTXFIT_E_NO_MEMORY ? cfi_fail(error, status, "out of memory") : CTXFIT_OK;
}

/* The part of "a/b" before the slash, in the arena. */
static const char *first_part(cfi_arena *arena, const char *name)
{
    return cfi_arena_copy(arena, name, strcspn(name, "/"));
}

/* publisher/model folders, and publishers that hold files themselves. */
static ctxfit_status add_concrete(cfi_store_index *index, const char *models, ctxfit_error *error)
{
    ctxfit_status status = cfi_folder_list(models, 1, CFI_STORE_MAX_FILES, index->arena, &index->top, error);
    const char   *last = "";

    for (size_t i = 0; status == CTXFIT_OK && i < index->top.count; i++) {
        const cfi_store_file *file = &index->top.item[i];
        cfi_store_name        name = {file->name, file->path, false};
        size_t                len = strcspn(file->name, "/");
        cfi_gguf_name         gguf;

        if (file->name[len] == '\0')
            continue; /* not below a publisher */
        if (file->kind != CFI_PATH_FOLDER) {
            if (!cfi_gguf_name_read(file->name, &gguf) || (strncmp(last, file->name, len) == 0 && last[len] == '\0'))
                continue;
            name.name = last = first_part(index->arena, file->name);
            if (last == NULL)
                return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
            name.folder = cfi_path_join2(index->arena, models, last);
            if (name.folder == NULL)
                return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
        }
        status = cfi_index_add(index, &name, error);
    }
    return status;
}

static ctxfit_status add_indirect(cfi_store_index *index, ctxfit_error *error)
{
    static const char *const below[] = {"hub", "models"};
    const char              *hub = cfi_path_join2(index->arena, index->root, below[0]);
    cfi_store_files          files;
    ctxfit_status            status;

    hub = hub != NULL ? cfi_path_join2(index->arena, hub, below[1]) : NULL;
    if (hub == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = cfi_folder_list(hub, 1, CFI_STORE_MAX_FILES, index->arena, &files, error);
    for (size_t i = 0; status == CTXFIT_OK && i < files.count; i++) {
        cfi_store_name name = {files.item[i].name, files.item[i].path, true};

        if (files.item[i].kind == CFI_PATH_FOLDER && strchr(name.name, '/') != NULL)
            status = cfi_index_add(index, &name, error);
    }
    return status == CTXFIT_E_NOT_FOUND ? CTXFIT_OK : status;
}

ctxfit_status cfi_lmstudio_index(cfi_store_index *index, ctxfit_error *error)
{
    const char   *models = NULL;
    ctxfit_status status = models_folder(index, &models, error);

    if (status == CTXFIT_OK)
        status = add_indirect(index, error); /* first: a model.yaml chooses among folders of one name */
    return status == CTXFIT_OK ? add_concrete(index, models, error) : status;
}

ctxfit_status cfi_lmstudio_open(const cfi_store_index *index, const cfi_store_name *name, cfi_store_repo *out, ctxfit_error *error)
{
    uint32_t      depth = strchr(name->name, '/') != NULL ? 2 : 0;
    ctxfit_status status;

    memset(out, 0, sizeof *out);
    out->scheme = "lmstudio:";
    out->tag_mark = '@';
    out->name = name->name;
    out->folder = name->folder;
    status = cfi_folder_list(name->folder, depth, CFI_REPO_MAX_FILES, index->arena, &out->files, error);
    for (size_t i = 0; status == CTXFIT_OK && i < out->files.count; i++) {
        const char *file = out->files.item[i].name;
        size_t      len = strlen(file);

        if (len > 5 && strcmp(file + len - 5, ".part") == 0)
            out->unfinished = out->files.item[i].path;
    }
    return status;
}

/* ---- names ---- */

static void lmstudio_key(const char *folder, char *out, size_t cap)
{
    size_t len;

    cfi_slug(folder, out, cap);
    len = strlen(out);
    if (len > 5 && strcmp(out + len - 5, "-gguf") == 0)
        out[len - 5] = '\0';
}

bool cfi_lmstudio_is_key(const char *key, const char *name)
{
    const char *model = strchr(name, '/');
    const char *wanted = strchr(key, '/');
    char        a[CFI_STORE_MAX_NAME + 1], b[CFI_STORE_MAX_NAME + 1];

    if (wanted != NULL && (model == NULL || wanted - key != model - name))
        return false;
    for (size_t i = 0; wanted != NULL && key + i < wanted; i++)
        if (cfi_ascii_lower((unsigned char)key[i]) != cfi_ascii_lower((unsigned char)name[i]))
            return false;
    lmstudio_key(wanted != NULL ? wanted + 1 : key, a, sizeof a);
    lmstudio_key(model != NULL ? model + 1 : name, b, sizeof b);
    return a[0] != '\0' && strcmp(a, b) == 0;
}

/* ---- model.yaml: as much of YAML as these files use, a key or an element a line ---- */

ctxfit_status cfi_model_yaml_read(const cfi_store_index *index, const cfi_store_name *name, char **out, ctxfit_error *error)
{
    const char   *path = cfi_path_join2(index->arena, name->folder, "model.yaml");
    size_t        size = 0;
    ctxfit_status status;

    if (path == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = cfi_read_small(path, index->arena, out, &size, error);
    if (status == CTXFIT_OK && strlen(*out) != size)
        return cfi_fail(error, CTXFIT_E_MALFORMED, "'%s': a byte 0, expected text", path);
    return status;
}

/* A value without quotation marks, blanks around it and a comment behind it; false where it is empty or too long. */
static bool take_yaml_value(const char *text, size_t len, char *out, size_t cap)
{
    const char *end = text + len;
    char        mark;

    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    mark = text < end && (*text == '"' || *text == '\'') ? *text : '\0';
    if (mark != '\0') {
        const char *close = memchr(text + 1, mark, (size_t)(end - text) - 1);

        if (close == NULL)
            return false;
        end = close;
        text++;
    } else {
        for (const char *p = text; p < end; p++)
            if (*p == '#' && (p == text || p[-1] == ' '))
                end = p;
        while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
            end--;
    }
    if (end <= text || (size_t)(end - text) >= cap)
        return false;
    memcpy(out, text, (size_t)(end - text));
    out[end - text] = '\0';
    return true;
}

typedef struct yaml_source {
    char user[128], repo[128], name[260];
} yaml_source;

static bool take_yaml_key(const char *line, size_t len, const char *key, char *out, size_t cap)
{
    size_t n = strlen(key);

    return len > n && memcmp(line, key, n) == 0 && line[n] == ':' && take_yaml_value(line + n + 1, len - n - 1, out, cap);
}

/* One source of `base`: user and repo in either order, or a key or a scalar that has the form of both. */
static bool take_source(const char *line, size_t len, bool element, yaml_source *s)
{
    if (take_yaml_key(line, len, "user", s->user, sizeof s->user) || take_yaml_key(line, len, "repo", s->repo, sizeof s->repo)) {
        if (s->user[0] == '\0' || s->repo[0] == '\0')
            return false;
        (void)snprintf(s->name, sizeof s->name, "%s/%s", s->user, s->repo);
        return true;
    }
    if (take_yaml_key(line, len, "key", s->name, sizeof s->name))
        return strchr(s->name, '/') != NULL;
    return element && memchr(line, ':', len) == NULL && take_yaml_value(line, len, s->name, sizeof s->name) &&
           strchr(s->name, '/') != NULL;
}

bool cfi_model_yaml_next(cfi_model_yaml *yaml, char *out, size_t cap)
{
    yaml_source source = {"", "", ""};

    while (*yaml->at != '\0') {
        const char *line = yaml->at;
        size_t      len = strcspn(line, "\n"), at = strspn(line, " ");
        bool        element = false, found = false;

        yaml->at += len + (line[len] == '\n');
        if (at == len || line[at] == '#' || line[at] == '\r')
            continue;
        if (at == 0 && line[0] != '-') {
            yaml->in_base = len >= 5 && memcmp(line, "base:", 5) == 0;
            found = yaml->in_base && take_yaml_value(line + 5, len - 5, source.name, sizeof source.name) &&
                    strchr(source.name, '/') != NULL;
        } else if (yaml->in_base) {
            for (; at + 1 < len && line[at] == '-' && line[at + 1] == ' '; at += 2)
                element = true;
            found = take_source(line + at, len - at, element, &source);
        }
        if (found && strlen(source.name) < cap) {
            memcpy(out, source.name, strlen(source.name) + 1);
            return true;
        }
    }
    return false;
}
