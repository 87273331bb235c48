/* The cache of Hugging Face, and that of llama.cpp, which has the same form since 2026-03-24 and was flat before.
 * Sources: huggingface_hub 2.4.0 (file_download.py: models--owner--repository/{blobs,refs,snapshots}, BLOB.incomplete); llama.cpp
 * d32676d77 (b10472) common/hf-cache.cpp; llama.cpp 9e118b97c (2026-02-15) common/download.cpp for the flat form:
 * owner_repository_file.gguf, manifest=owner=repository=tag.json, FILE.downloadInProgress. */
#include <stdlib.h>

#include "store_internal.h"

static const char hub_prefix[] = "models--";
static const char manifest_prefix[] = "manifest=";

ctxfit_status cfi_index_add(cfi_store_index *index, const cfi_store_name *name, ctxfit_error *error)
{
    cfi_store_name *item = cfi_arena_grown(index->arena, index->item, index->count, &index->cap, 16, sizeof *item);

    if (item == NULL || name->name == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    index->item = item;
    index->item[index->count++] = *name;
    return CTXFIT_OK;
}

/* ---- which repositories there are ---- */

/* "owner/repository" of "owner--repository"; the oldest have no owner. NULL: out of memory; "" for none. */
static const char *repository_of(cfi_arena *arena, const char *folder)
{
    char *name = cfi_arena_copy(arena, folder, strlen(folder));
    char *at = name != NULL ? strstr(name, "--") : NULL;

    if (at != NULL) {
        *at = '/';
        memmove(at + 1, at + 2, strlen(at + 2) + 1);
        if (strstr(at, "--") != NULL || at == name || at[1] == '\0')
            *name = '\0';
    }
    return name;
}

/* "owner/repository" of "manifest=owner=repository=tag.json"; "" for none. */
static const char *repository_of_manifest(cfi_arena *arena, const char *file)
{
    char *name = cfi_arena_copy(arena, file + sizeof manifest_prefix - 1, strlen(file + sizeof manifest_prefix - 1));
    char *slash = name != NULL ? strchr(name, '=') : NULL;
    char *end = slash != NULL ? strchr(slash + 1, '=') : NULL;

    if (name == NULL)
        return NULL;
    if (end == NULL || strchr(end + 1, '=') != NULL || slash == name || end == slash + 1) {
        *name = '\0';
        return name;
    }
    *slash = '/';
    *end = '\0';
    return name;
}

ctxfit_status cfi_hub_index(cfi_store_index *index, ctxfit_error *error)
{
    ctxfit_status status = cfi_folder_list(index->root, 0, CFI_STORE_MAX_FILES, index->arena, &index->top, error);
    const char   *last = "";

    for (size_t i = 0; status == CTXFIT_OK && i < index->top.count; i++) {
        const cfi_store_file *file = &index->top.item[i];
        cfi_store_name        name = {"", NULL, false};

        if (file->kind == CFI_PATH_FOLDER && strncmp(file->name, hub_prefix, sizeof hub_prefix - 1) == 0) {
            name.name = repository_of(index->arena, file->name + sizeof hub_prefix - 1);
            name.folder = file->path;
        } else if (file->kind == CFI_PATH_FILE && strncmp(file->name, manifest_prefix, sizeof manifest_prefix - 1) == 0 &&
                   cfi_ends_with(file->name, ".json")) {
            name.name = repository_of_manifest(index->arena, file->name);
            if (name.name != NULL && strcmp(name.name, last) == 0)
                continue; /* of another tag */
            last = name.name != NULL ? name.name : last;
        }
        if (name.name == NULL || *name.name != '\0')
            status = cfi_index_add(index, &name, error);
    }
    return status;
}

/* ---- a repository of the hub's form ---- */

static bool is_commit(const char *text)
{
    return strlen(text) == 40 && strspn(text, "0123456789abcdefABCDEF") == 40;
}

/* What a file of refs says, in the arena; "" where it says none. */
static ctxfit_status read_ref(const char *path, cfi_arena *arena, const char **out, ctxfit_error *error)
{
    char         *text = NULL;
    size_t        size = 0;
    ctxfit_status status = cfi_read_small(path, arena, &text, &size, error);

    *out = "";
    if (status == CTXFIT_E_NO_MEMORY)
        return status;
    if (status == CTXFIT_OK) {
        text[strcspn(text, "\r\n ")] = '\0';
        *out = is_commit(text) ? text : "";
    }
    return CTXFIT_OK;
}

/* The folder of the commit that refs/main names, or another ref; without refs, as a download of a commit leaves none, the only one. */
static ctxfit_status find_snapshot(const cfi_store_index *index, const cfi_store_name *name, const char **out, ctxfit_error *error)
{
    const char     *snapshots = cfi_path_join2(index->arena, name->folder, "snapshots");
    const char     *refs = cfi_path_join2(index->arena, name->folder, "refs");
    const char     *commit = "", *ref = "";
    cfi_store_files files;
    ctxfit_status   status;

    *out = NULL;
    if (snapshots == NULL || refs == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = cfi_folder_list(refs, 0, CFI_REPO_MAX_FILES, index->arena, &files, error);
    for (size_t i = 0; status == CTXFIT_OK && i < files.count; i++) {
        bool is_main = strcmp(files.item[i].name, "main") == 0;

        if (files.item[i].kind != CFI_PATH_FILE || (*commit != '\0' && !is_main))
            continue;
        status = read_ref(files.item[i].path, index->arena, &ref, error);
        if (*ref != '\0')
            commit = ref;
    }
    if (*commit == '\0' && (status == CTXFIT_OK || status == CTXFIT_E_NOT_FOUND)) {
        status = cfi_folder_list(snapshots, 0, CFI_REPO_MAX_FILES, index->arena, &files, error);
        if (status == CTXFIT_OK && files.count == 1)
            commit = files.item[0].name;
    }
    if (status == CTXFIT_OK && *commit != '\0') {
        *out = cfi_path_join2(index->arena, snapshots, commit);
        if (*out == NULL)
            status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    }
    return status == CTXFIT_E_NOT_FOUND ? CTXFIT_OK : status;
}

static bool is_unfinished(const char *name)
{
    return cfi_ends_with(name, ".incomplete") || cfi_ends_with(name, ".downloadInProgress");
}

static ctxfit_status find_unfinished(const cfi_store_index *index, const cfi_store_name *name, const char **out, ctxfit_error *error)
{
    const char     *blobs = cfi_path_join2(index->arena, name->folder, "blobs");
    cfi_store_files files;
    ctxfit_status   status;

    if (blobs == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = cfi_folder_list(blobs, 0, CFI_REPO_MAX_FILES, index->arena, &files, error);
    for (size_t i = 0; status == CTXFIT_OK && i < files.count && *out == NULL; i++)
        if (is_unfinished(files.item[i].name))
            *out = files.item[i].path;
    return status == CTXFIT_E_NOT_FOUND ? CTXFIT_OK : status;
}

static ctxfit_status open_snapshot(const cfi_store_index *index, const cfi_store_name *name, cfi_store_repo *out, ctxfit_error *error)
{
    ctxfit_status status = find_unfinished(index, name, &out->unfinished, error);

    if (status == CTXFIT_OK)
        status = find_snapshot(index, name, &out->folder, error);
    if (status == CTXFIT_OK && out->folder != NULL)
        status = cfi_folder_list(out->folder, 3, CFI_REPO_MAX_FILES, index->arena, &out->files, error);
    if (status == CTXFIT_E_NOT_FOUND || (status == CTXFIT_OK && out->folder == NULL)) {
        if (out->unfinished != NULL)
            return cfi_fail(error, CTXFIT_E_INCOMPLETE, "a download of '%s' did not end: '%s'", name->name, out->unfinished);
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "'%s' has no snapshot that a ref names in '%s'", name->name, name->folder);
    }
    return status;
}

/* ---- a repository of llama.cpp's flat form ---- */

static bool flat_prefix(const char *name, char *out, size_t cap)
{
    size_t len = strlen(name);

    if (len + 2 > cap)
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = name[i] == '/' ? '_' : name[i];
    out[len] = '_';
    out[len + 1] = '\0';
    return true;
}

/* First file whose name is not before the prefix. */
static size_t lower_bound(const cfi_store_files *files, const char *prefix)
{
    size_t low = 0, high = files->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(files->item[middle].name, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The file that the manifest of the tag "latest" names, as a file of the cache is called. A manifest that cannot be read says nothing. */
static ctxfit_status read_manifest_file(const cfi_store_index *index, const char *name, const char **out, ctxfit_error *error)
{
    char          path[CFI_STORE_MAX_NAME + 1];
    char         *text = NULL, *file;
    const char   *said;
    size_t        size = 0;
    cfi_json_doc *doc = NULL;
    cfi_writer    w;
    ctxfit_status status;

    cfi_writer_init(&w, path, sizeof path);
    cfi_write(&w, "%s%s=latest.json", manifest_prefix, name);
    if (cfi_writer_finish(&w, NULL) != CTXFIT_OK)
        return CTXFIT_OK;
    if (strchr(path, '/') != NULL)
        *strchr(path, '/') = '=';
    if (strpbrk(path, "/\\:") != NULL)
        return CTXFIT_OK; /* such a file there is not */
    file = cfi_path_join2(index->arena, index->root, path);
    if (file == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = cfi_read_small(file, index->arena, &text, &size, NULL);
    if (status == CTXFIT_OK)
        status = cfi_json_read(text, size, NULL, &index->arena->allocator, &doc, NULL);
    said = status == CTXFIT_OK ? cfi_json_as_text(cfi_json_get(cfi_json_get(cfi_json_root(doc), "ggufFile"), "rfilename"), NULL) : NULL;
    if (said != NULL) {
        file = cfi_arena_copy(index->arena, said, strlen(said));
        if (file == NULL)
            status = CTXFIT_E_NO_MEMORY;
        for (char *p = file; p != NULL && *p != '\0'; p++)
            *p = *p == '/' ? '_' : *p;
        *out = file;
    }
    cfi_json_free(doc);
    return status == CTXFIT_E_NO_MEMORY ? cfi_fail(error, status, "out of memory") : CTXFIT_OK;
}

static ctxfit_status open_flat(const cfi_store_index *index, const cfi_store_name *name, cfi_store_repo *out, ctxfit_error *error)
{
    char          prefix[CFI_STORE_MAX_NAME + 1];
    size_t        len;
    ctxfit_status status = CTXFIT_OK;

    if (!flat_prefix(name->name, prefix, sizeof prefix))
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "no files of '%s'", name->name);
    len = strlen(prefix);
    out->folder = index->root;
    out->files.most = CFI_REPO_MAX_FILES;
    for (size_t i = lower_bound(&index->top, prefix); status == CTXFIT_OK && i < index->top.count; i++) {
        cfi_store_file file = index->top.item[i];

        if (strncmp(file.name, prefix, len) != 0)
            break;
        if (is_unfinished(file.name))
            out->unfinished = file.path;
        file.name += len;
        if (file.kind != CFI_PATH_FOLDER && cfi_ends_with(file.name, ".gguf"))
            status = cfi_store_add_file(&out->files, &file, index->arena, error);
    }
    if (status == CTXFIT_OK && out->files.count > 0)
        status = read_manifest_file(index, name->name, &out->latest, error);
    if (status == CTXFIT_OK && out->files.count == 0 && out->unfinished == NULL)
        status = cfi_fail(error, CTXFIT_E_NOT_FOUND, "there is a manifest of '%s' in '%s', but no file", name->name, index->root);
    return status;
}

ctxfit_status cfi_hub_open(const cfi_store_index *index, const cfi_store_name *name, cfi_store_repo *out, ctxfit_error *error)
{
    memset(out, 0, sizeof *out);
    out->scheme = "hf:";
    out->tag_mark = ':';
    out->name = name->name;
    return name->folder != NULL ? open_snapshot(index, name, out, error) : open_flat(index, name, out, error);
}

/* ---- what no manifest claims ---- */

typedef struct flat_model {
    const cfi_store_file *file;
    cfi_gguf_name         gguf;
    bool                  claimed;
} flat_model;

static int by_split(const void *a, const void *b)
{
    const flat_model *x = a, *y = b;
    size_t            least = x->gguf.prefix_len < y->gguf.prefix_len ? x->gguf.prefix_len : y->gguf.prefix_len;
    int               order = memcmp(x->file->name, y->file->name, least);

    if (order == 0)
        order = (x->gguf.prefix_len > y->gguf.prefix_len) - (x->gguf.prefix_len < y->gguf.prefix_len);
    return order != 0 ? order : (x->gguf.count > y->gguf.count) - (x->gguf.count < y->gguf.count);
}

/* The shards of one model, or all files of one prefix that are not split. */
static ctxfit_status list_split(const flat_model *item, size_t count, ctxfit_store *out, ctxfit_error *error)
{
    ctxfit_status status = CTXFIT_OK;
    uint64_t      bytes = 0;

    for (size_t i = 0; i < count; i++)
        if (!cfi_add_u64(bytes, item[i].file->bytes, &bytes))
            bytes = UINT64_MAX;
    for (size_t i = 0; status == CTXFIT_OK && i < count; i++) {
        bool       split = item[i].gguf.count > 1;
        cfi_stored entry = {NULL, item[i].file->path, split ? bytes : item[i].file->bytes, split ? (uint32_t)count : 1, 0};

        entry.flags = entry.files < item[i].gguf.count ? CTXFIT_STORED_F_UNFINISHED : 0;
        if (!item[i].claimed && cfi_gguf_is_model(item[i].file->name))
            status = cfi_stored_add(out, &entry, error, "%s", entry.path);
    }
    return status;
}

/* Sorted, so that a folder of many shards is passed through once. */
ctxfit_status cfi_hub_list_rest(const cfi_store_index *index, ctxfit_store *out, ctxfit_error *error)
{
    bool         *claimed = cfi_arena_alloc(index->arena, index->top.count + 1);
    flat_model   *item = cfi_arena_array(index->arena, index->top.count + 1, sizeof *item);
    size_t        count = 0;
    char          prefix[CFI_STORE_MAX_NAME + 1];
    ctxfit_status status = CTXFIT_OK;

    if (claimed == NULL || item == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    for (size_t n = 0; n < index->count; n++)
        if (index->item[n].folder == NULL && flat_prefix(index->item[n].name, prefix, sizeof prefix))
            for (size_t i = lower_bound(&index->top, prefix); i < index->top.count; i++) {
                if (strncmp(index->top.item[i].name, prefix, strlen(prefix)) != 0)
                    break;
                claimed[i] = true;
            }
    for (size_t i = 0; i < index->top.count; i++) {
        item[count].file = &index->top.item[i];
        item[count].claimed = claimed[i];
        count += item[count].file->kind == CFI_PATH_FILE && cfi_gguf_name_read(item[count].file->name, &item[count].gguf);
    }
    qsort(item, count, sizeof *item, by_split);
    for (size_t i = 0, end; status == CTXFIT_OK && i < count; i = end) {
        for (end = i + 1; end < count && by_split(&item[i], &item[end]) == 0;)
            end++;
        status = list_split(item + i, end - i, out, error);
    }
    return status;
}
