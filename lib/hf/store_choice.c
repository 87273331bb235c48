/* Which of a repository's files a name means. Source: llama.cpp d32676d77 (b10472) common/download.cpp: get_gguf_split_info,
 * find_best_model, find_best_sibling, gguf_filename_is_model. It takes files in the order in which the folder has them, which says
 * nothing; here they are sorted by name, as the repository's own listing is. */
#include "checkpoint_files.h"
#include "store_internal.h"

static bool is_tag_character(char c)
{
    int lower = cfi_ascii_lower((unsigned char)c);

    return (lower >= 'a' && lower <= 'z') || cfi_is_digit(c) || c == '_';
}

/* Five digits; what they say. */
static bool five_digits(const char *text, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (!cfi_is_digit(text[i]))
            return false;
        *out = *out * 10 + (uint32_t)(text[i] - '0');
    }
    return true;
}

bool cfi_gguf_name_read(const char *path, cfi_gguf_name *out)
{
    size_t len = strlen(path);
    size_t at;

    memset(out, 0, sizeof *out);
    out->index = out->count = 1;
    if (len <= 5 || !cfi_ends_with(path, ".gguf"))
        return false;
    len -= 5;
    if (len > 15) { /* "-00001-of-00002" */
        const char *split = path + len - 15;
        uint32_t    index, count;

        if (split[0] == '-' && five_digits(split + 1, &index) && split[6] == '-' && cfi_ascii_lower((unsigned char)split[7]) == 'o' &&
            cfi_ascii_lower((unsigned char)split[8]) == 'f' && split[9] == '-' && five_digits(split + 10, &count)) {
            out->index = index;
            out->count = count;
            len -= 15;
        }
    }
    out->prefix_len = len;
    for (at = len; at > 0 && is_tag_character(path[at - 1]);)
        at--;
    if (at > 0 && at < len && (path[at - 1] == '-' || path[at - 1] == '.')) {
        out->tag_at = at;
        out->tag_len = len - at;
    }
    return true;
}

bool cfi_gguf_is_model(const char *path)
{
    static const char others[][9] = {"mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-"};
    const char       *name = strrchr(path, '/');
    cfi_gguf_name     gguf;

    name = name != NULL ? name + 1 : path;
    for (size_t i = 0; i < CFI_COUNT(others); i++)
        if (strstr(name, others[i]) != NULL)
            return false;
    return cfi_gguf_name_read(path, &gguf) && (gguf.count <= 1 || gguf.index == 1);
}

static bool starts_nocase(const char *text, const char *start, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || cfi_ascii_lower((unsigned char)text[i]) != cfi_ascii_lower((unsigned char)start[i]))
            return false;
    return true;
}

/* The tag anywhere in the path, with '.' or '-' behind it. */
static bool has_tag(const char *path, const char *tag)
{
    size_t len = strlen(tag);

    for (; *path != '\0'; path++)
        if (starts_nocase(path, tag, len) && (path[len] == '.' || path[len] == '-'))
            return true;
    return false;
}

static const cfi_store_file *find_tag(const cfi_store_files *files, const char *tag)
{
    for (size_t i = 0; i < files->count; i++) {
        const cfi_store_file *file = &files->item[i];

        if (file->kind != CFI_PATH_FOLDER && cfi_gguf_is_model(file->name) && (tag == NULL || has_tag(file->name, tag)))
            return file;
    }
    return NULL;
}

static const cfi_store_file *find_named(const cfi_store_files *files, const char *name)
{
    for (size_t i = 0; name != NULL && i < files->count; i++)
        if (cfi_equal_nocase(files->item[i].name, name))
            return &files->item[i];
    return NULL;
}

static const cfi_store_file *find_model(const cfi_store_repo *repo, const char *tag)
{
    const cfi_store_file *found;

    if (*tag != '\0')
        return find_tag(&repo->files, tag);
    found = find_named(&repo->files, repo->latest);
    if (found == NULL)
        found = find_tag(&repo->files, "Q4_K_M");
    if (found == NULL)
        found = find_tag(&repo->files, "Q8_0");
    return found != NULL ? found : find_tag(&repo->files, NULL);
}

/* ---- the projector: in the model's folder or one above it, the deepest; then the one nearest in bits ---- */

static long quant_bits(const char *path)
{
    cfi_gguf_name gguf;
    uint64_t      bits;

    if (!cfi_gguf_name_read(path, &gguf))
        return 0;
    for (size_t i = gguf.tag_at; i < gguf.tag_at + gguf.tag_len; i++)
        if (cfi_is_digit(path[i]))
            return cfi_parse_u64(path + i, NULL, &bits) && bits < 1000 ? (long)bits : 0;
    return 0;
}

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

static const cfi_store_file *find_projector(const cfi_store_files *files, const char *model)
{
    const cfi_store_file *best = NULL;
    size_t                best_depth = 0;
    long                  best_distance = 0, bits = quant_bits(model);

    for (size_t i = 0; i < files->count; i++) {
        const char   *name = files->item[i].name;
        size_t        depth = folder_length(name);
        long          distance = quant_bits(name) - bits;
        cfi_gguf_name gguf;

        distance = distance < 0 ? -distance : distance;
        if (files->item[i].kind != CFI_PATH_FILE || !cfi_gguf_name_read(name, &gguf) || strstr(name, "mmproj") == NULL ||
            strncmp(name, model, depth) != 0)
            continue;
        if (best == NULL || depth > best_depth || (depth == best_depth && distance < best_distance)) {
            best = &files->item[i];
            best_depth = depth;
            best_distance = distance;
        }
    }
    return best;
}

/* ---- what there is, and what is missing ---- */

static bool same_split(const char *name, const char *other)
{
    cfi_gguf_name a, b;

    return cfi_gguf_name_read(name, &a) && cfi_gguf_name_read(other, &b) && a.count == b.count && a.prefix_len == b.prefix_len &&
           memcmp(name, other, a.prefix_len) == 0;
}

uint32_t cfi_gguf_measure(const cfi_store_files *files, const cfi_store_file *model, uint64_t *bytes)
{
    size_t        at = (size_t)(model - files->item);
    cfi_gguf_name gguf;
    uint32_t      there = 0;

    *bytes = model->bytes;
    if (!cfi_gguf_name_read(model->name, &gguf) || gguf.count <= 1)
        return model->kind == CFI_PATH_FILE;
    *bytes = 0;
    while (at > 0 && strncmp(files->item[at - 1].name, model->name, gguf.prefix_len) == 0)
        at--; /* sorted: what has the same beginning stands together */
    for (; at < files->count && strncmp(files->item[at].name, model->name, gguf.prefix_len) == 0; at++)
        if (files->item[at].kind == CFI_PATH_FILE && same_split(files->item[at].name, model->name)) {
            there++;
            if (!cfi_add_u64(*bytes, files->item[at].bytes, bytes))
                *bytes = UINT64_MAX;
        }
    return there;
}

/* "Q4_K_M, Q8_0", or file names where they have no tags */
static void write_tags(const cfi_store_repo *repo, cfi_writer *w)
{
    const char *separator = "";

    for (size_t i = 0; i < repo->files.count; i++) {
        const char   *name = repo->files.item[i].name;
        cfi_gguf_name gguf;

        if (!cfi_gguf_is_model(name) || !cfi_gguf_name_read(name, &gguf))
            continue;
        if (gguf.tag_len > 0)
            cfi_write(w, "%s%.*s", separator, (int)gguf.tag_len, name + gguf.tag_at);
        else
            cfi_write(w, "%s%s", separator, name);
        separator = ", ";
    }
}

static ctxfit_status fail_unfinished(const cfi_store_repo *repo, ctxfit_error *error)
{
    return cfi_fail(error, CTXFIT_E_INCOMPLETE, "a download of '%s' did not end: '%s'", repo->name, repo->unfinished);
}

/* "owner/Model-4bit" and the tag "4bit": one quantization is all that it has. */
static bool is_named_for(const char *name, const char *tag)
{
    size_t n = strlen(name), m = strlen(tag);

    return m == 0 || (n > m && name[n - m - 1] == '-' && cfi_equal_nocase(name + n - m, tag));
}

static ctxfit_status fail_no_file(const cfi_store_repo *repo, const char *tag, const char *file, ctxfit_error *error)
{
    char       tags[160];
    cfi_writer w;

    cfi_writer_init(&w, tags, sizeof tags);
    write_tags(repo, &w);
    (void)cfi_writer_finish(&w, NULL);
    if (repo->unfinished != NULL)
        return fail_unfinished(repo, error);
    if (tags[0] == '\0')
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "'%s' has no GGUF file%s", repo->name,
                        find_named(&repo->files, "config.json") != NULL ? ": it is a checkpoint, which has no quantizations to choose from"
                                                                        : ", and no config.json");
    if (*file != '\0')
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "'%s' has no file '%s', it has %s", repo->name, file, tags);
    return cfi_fail(error, CTXFIT_E_NOT_FOUND, "'%s' has no %s here, it has %s", repo->name, tag, tags);
}

static const cfi_store_file *choose_model(const cfi_store_repo *repo, const char *tag, const char *file)
{
    cfi_gguf_name gguf;

    if (*file != '\0') {
        const cfi_store_file *found = find_named(&repo->files, file);

        return found != NULL && found->kind != CFI_PATH_FOLDER && cfi_gguf_name_read(found->name, &gguf) ? found : NULL;
    }
    return find_model(repo, tag);
}

static bool is_checkpoint(const cfi_store_repo *repo)
{
    const cfi_store_file *config = find_named(&repo->files, "config.json");

    return config != NULL && config->kind == CFI_PATH_FILE;
}

ctxfit_status cfi_repo_choose(const cfi_store_repo *repo, const char *tag, const char *file, ctxfit_modelfile *out, ctxfit_error *error)
{
    const cfi_store_file *model = choose_model(repo, tag, file);
    const cfi_store_file *projector;
    cfi_gguf_name         gguf = {0};
    uint64_t              bytes;
    uint32_t              there;
    ctxfit_status         status;

    if (model == NULL && *file == '\0' && is_named_for(repo->name, tag) && is_checkpoint(repo))
        return cfi_modelfile_add(out, CTXFIT_PART_MODEL, "", repo->folder, strlen(repo->folder), error);
    if (model == NULL)
        return fail_no_file(repo, tag, file, error);
    (void)cfi_gguf_name_read(model->name, &gguf);
    there = cfi_gguf_measure(&repo->files, model, &bytes);
    if (there == 0)
        return cfi_fail(error, CTXFIT_E_INCOMPLETE, "'%s' is a link to a file that is not there: the download did not end", model->path);
    if (there < gguf.count)
        return cfi_fail(error, CTXFIT_E_INCOMPLETE, "%u of the %u files of '%s' are there: the download did not end", (unsigned)there,
                        (unsigned)gguf.count, model->path);
    status = cfi_modelfile_add(out, CTXFIT_PART_MODEL, "", model->path, strlen(model->path), error);
    projector = find_projector(&repo->files, model->name);
    if (status == CTXFIT_OK && projector != NULL && projector != model)
        status = cfi_modelfile_add(out, CTXFIT_PART_PROJECTOR, "", projector->path, strlen(projector->path), error);
    return status;
}

/* ---- every model of a repository ---- */

/* Sorted, the shards of one set stand behind each other. */
static bool lacks_shards(const cfi_store_files *files)
{
    size_t   prefix = 0, len;
    uint32_t wanted = 0, there = 0, shards;

    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->item[i].name;

        if (!cfi_shard_name_read(name, &len, &shards))
            continue;
        if (there == 0 || shards != wanted || len != prefix || strncmp(name, files->item[i - 1].name, len) != 0) {
            if (there < wanted)
                return true;
            there = 0;
        }
        prefix = len;
        wanted = shards;
        there += files->item[i].kind == CFI_PATH_FILE;
    }
    return there < wanted;
}

static ctxfit_status list_checkpoint(const cfi_store_repo *repo, ctxfit_store *out, ctxfit_error *error)
{
    cfi_stored entry = {NULL, repo->folder, 0, 0, CTXFIT_STORED_F_CHECKPOINT};

    for (size_t i = 0; i < repo->files.count; i++) {
        const cfi_store_file *file = &repo->files.item[i];

        if (!cfi_ends_with(file->name, ".safetensors"))
            continue;
        entry.files += file->kind == CFI_PATH_FILE;
        entry.flags |= file->kind == CFI_PATH_NONE ? CTXFIT_STORED_F_UNFINISHED : 0;
        if (!cfi_add_u64(entry.bytes, file->bytes, &entry.bytes))
            entry.bytes = UINT64_MAX;
    }
    if (entry.files == 0 || repo->unfinished != NULL || lacks_shards(&repo->files))
        entry.flags |= CTXFIT_STORED_F_UNFINISHED;
    return cfi_stored_add(out, &entry, error, "%s%s", repo->scheme, repo->name);
}

ctxfit_status cfi_repo_list_unfinished(const cfi_store_repo *repo, ctxfit_store *out, ctxfit_error *error)
{
    cfi_stored entry = {NULL, repo->unfinished, 0, 0, CTXFIT_STORED_F_UNFINISHED};

    return repo->unfinished != NULL ? cfi_stored_add(out, &entry, error, "%s%s", repo->scheme, repo->name) : CTXFIT_OK;
}

ctxfit_status cfi_repo_list(const cfi_store_repo *repo, ctxfit_store *out, ctxfit_error *error)
{
    ctxfit_status status = CTXFIT_OK;
    bool          any = false;

    for (size_t i = 0; status == CTXFIT_OK && i < repo->files.count; i++) {
        const cfi_store_file *file = &repo->files.item[i];
        cfi_stored            entry = {NULL, file->path, 0, 0, 0};
        char                  tag[64] = "";
        cfi_gguf_name         gguf;

        if (file->kind == CFI_PATH_FOLDER || !cfi_gguf_is_model(file->name) || !cfi_gguf_name_read(file->name, &gguf))
            continue;
        any = true;
        if (gguf.tag_len < sizeof tag)
            memcpy(tag, file->name + gguf.tag_at, gguf.tag_len);
        entry.files = cfi_gguf_measure(&repo->files, file, &entry.bytes);
        entry.flags = entry.files < gguf.count ? CTXFIT_STORED_F_UNFINISHED : 0;
        /* The tag, where it leads to this file and no other. */
        if (tag[0] != '\0' && find_tag(&repo->files, tag) == file)
            status = cfi_stored_add(out, &entry, error, "%s%s%c%s", repo->scheme, repo->name, repo->tag_mark, tag);
        else
            status = cfi_stored_add(out, &entry, error, "%s%s/%s", repo->scheme, repo->name, file->name);
    }
    if (status != CTXFIT_OK || any)
        return status;
    return is_checkpoint(repo) ? list_checkpoint(repo, out, error) : cfi_repo_list_unfinished(repo, out, error);
}
