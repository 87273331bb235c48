/* From a name to the files of a model. */
#include <stdio.h>

#include "store_internal.h"

/* ---- a name, taken apart ---- */

typedef struct store_wanted {
    char repo[256]; /* "owner/repository", or less */
    char file[512]; /* "" for none */
    char tag[64];   /* "" for none */
} store_wanted;

/* `marks`: one of these comes before the tag, the last in the name. */
static bool split_name(const char *name, const char *marks, store_wanted *out)
{
    size_t      len = strlen(name), repo_len;
    const char *slash = strchr(name, '/');

    memset(out, 0, sizeof *out);
    for (size_t i = len; i > 0 && name[i - 1] != '/'; i--)
        if (strchr(marks, name[i - 1]) != NULL) {
            if (len - i == 0 || len - i >= sizeof out->tag)
                return false;
            memcpy(out->tag, name + i, len - i);
            len = i - 1;
            break;
        }
    slash = slash != NULL && slash < name + len ? memchr(slash + 1, '/', (size_t)(name + len - slash) - 1) : NULL;
    repo_len = slash != NULL ? (size_t)(slash - name) : len;
    if (repo_len == 0 || repo_len >= sizeof out->repo || name[0] == '/' || name[repo_len - 1] == '/')
        return false;
    memcpy(out->repo, name, repo_len);
    if (slash != NULL) {
        if (len - repo_len - 1 == 0 || len - repo_len - 1 >= sizeof out->file)
            return false;
        memcpy(out->file, slash + 1, len - repo_len - 1);
    }
    return true;
}

/* ---- the search ---- */

typedef struct store_search {
    uint32_t            kind;
    cfi_store_index     index;
    store_wanted        wanted;
    ctxfit_modelfile   *out;
    ctxfit_error       *error; /* of the first failure */
    ctxfit_status       status; /* OK: nothing was tried yet */
} store_search;

static ctxfit_status try_concrete(store_search *s, const cfi_store_name *name)
{
    cfi_store_repo repo;
    ctxfit_error   why = {0};
    ctxfit_status  status;

    status = s->kind == CTXFIT_STORE_HF ? cfi_hub_open(&s->index, name, &repo, &why) : cfi_lmstudio_open(&s->index, name, &repo, &why);
    if (status == CTXFIT_OK)
        status = cfi_repo_choose(&repo, s->wanted.tag, s->wanted.file, s->out, &why);
    if (status != CTXFIT_OK && (s->status == CTXFIT_OK || status == CTXFIT_E_NO_MEMORY ||
                                (s->status == CTXFIT_E_NOT_FOUND && status != CTXFIT_E_NOT_FOUND))) {
        s->status = status;
        if (s->error != NULL)
            *s->error = why;
    }
    return status;
}

/* The sources of a model.yaml in their order. */
static ctxfit_status try_indirect(store_search *s, const cfi_store_name *name)
{
    char          *text = NULL;
    char           source[256];
    cfi_model_yaml yaml = {NULL, false};
    ctxfit_error   why = {0};
    ctxfit_status  status = cfi_model_yaml_read(&s->index, name, &text, &why);
    uint32_t       sources = 0;

    for (yaml.at = text; status == CTXFIT_OK && sources < 64 && cfi_model_yaml_next(&yaml, source, sizeof source); sources++)
        for (size_t i = 0; i < s->index.count; i++)
            if (!s->index.item[i].indirect && cfi_equal_nocase(s->index.item[i].name, source) &&
                ((status = try_concrete(s, &s->index.item[i])) == CTXFIT_OK || status == CTXFIT_E_NO_MEMORY))
                return status;
            else
                status = CTXFIT_OK;
    if (s->status == CTXFIT_OK || status == CTXFIT_E_NO_MEMORY) {
        s->status = status != CTXFIT_OK ? status : CTXFIT_E_NOT_FOUND;
        if (status == CTXFIT_OK)
            (void)cfi_fail(&why, CTXFIT_E_NOT_FOUND, "none of the %u sources in the model.yaml of '%s' is on this disk", (unsigned)sources,
                           name->name);
        if (s->error != NULL)
            *s->error = why;
    }
    return status == CTXFIT_E_NO_MEMORY ? status : CTXFIT_E_NOT_FOUND;
}

static ctxfit_status try_name(store_search *s, const cfi_store_name *name)
{
    return name->indirect ? try_indirect(s, name) : try_concrete(s, name);
}

/* LM Studio's keys: without a publisher, in small letters, without "-gguf". One key of several folders means none of them, unless a
 * model.yaml, which comes first, has chosen. */
static ctxfit_status try_keys(store_search *s)
{
    const cfi_store_name *first = NULL;

    for (size_t i = 0; i < s->index.count; i++) {
        const cfi_store_name *name = &s->index.item[i];

        if (!cfi_lmstudio_is_key(s->wanted.repo, name->name))
            continue;
        if (first != NULL && !first->indirect) {
            s->status = cfi_fail(s->error, CTXFIT_E_NOT_FOUND, "'%s' may be '%s' or '%s': name the publisher", s->wanted.repo, first->name,
                                 name->name);
            return s->status;
        }
        if (first == NULL)
            first = name;
    }
    return first != NULL ? try_name(s, first) : CTXFIT_E_NOT_FOUND;
}

static ctxfit_status try_all(store_search *s)
{
    ctxfit_status status = CTXFIT_E_NOT_FOUND;
    bool          any = false;

    for (size_t i = 0; i < s->index.count && status != CTXFIT_OK && status != CTXFIT_E_NO_MEMORY; i++)
        if (cfi_equal_nocase(s->index.item[i].name, s->wanted.repo)) {
            any = true;
            status = try_name(s, &s->index.item[i]);
        }
    if (any)
        return status;
    if (s->kind == CTXFIT_STORE_LMSTUDIO)
        return try_keys(s);
    if (strchr(s->wanted.repo, '/') != NULL) { /* flat files that came without a manifest */
        cfi_store_name flat = {s->wanted.repo, NULL, false};

        status = try_concrete(s, &flat);
        if (status == CTXFIT_E_NOT_FOUND)
            s->status = CTXFIT_OK; /* there was nothing to try */
    }
    return status;
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

/* The same repository of another owner, or else the nearest names. */
static ctxfit_status fail_unknown(store_search *s)
{
    cfi_suggest suggest;
    char        hint[160];
    bool        related = false;

    if (s->index.count == 0)
        return cfi_fail(s->error, CTXFIT_E_NOT_FOUND, "no '%s': there are no models in '%s'", s->wanted.repo, s->index.root);
    cfi_suggest_init(&suggest, s->wanted.repo);
    for (size_t i = 0; i < s->index.count; i++)
        if (cfi_equal_nocase(last_part(s->index.item[i].name), last_part(s->wanted.repo))) {
            cfi_suggest_offer(&suggest, s->index.item[i].name);
            related = true;
        }
    for (size_t i = 0; i < s->index.count && !related; i++)
        cfi_suggest_offer(&suggest, s->index.item[i].name);
    cfi_suggest_write(&suggest, hint, sizeof hint);
    return cfi_fail(s->error, CTXFIT_E_NOT_FOUND, "no '%s' in '%s'; %s", s->wanted.repo, s->index.root, hint);
}

static ctxfit_status find_repository(uint32_t kind, const char *root, const char *name, const ctxfit_allocator *allocator,
                                     ctxfit_modelfile **out, cfi_store_miss *miss, ctxfit_error *error)
{
    store_search  s = {kind, {NULL, root, {NULL, 0, 0, 0}, NULL, 0, 0}, {"", "", ""}, NULL, error, CTXFIT_OK};
    cfi_arena     scratch;
    ctxfit_status status;

    if (!split_name(name, kind == CTXFIT_STORE_HF ? ":" : "@:", &s.wanted))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "'%.100s' is no name of a model: %s", name,
                        kind == CTXFIT_STORE_HF ? "owner/repository[:quantization]" : "publisher/model[@quantization]");
    cfi_arena_init(&scratch, allocator);
    s.index.arena = &scratch;
    s.out = cfi_modelfile_new(allocator);
    if (s.out == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    status = kind == CTXFIT_STORE_HF ? cfi_hub_index(&s.index, error) : cfi_lmstudio_index(&s.index, error);
    if (status == CTXFIT_OK) {
        status = try_all(&s);
        if (status != CTXFIT_OK)
            status = s.status != CTXFIT_OK ? s.status : fail_unknown(&s);
        *miss = status != CTXFIT_E_NOT_FOUND ? CFI_MISS_BROKEN : s.status != CTXFIT_OK ? CFI_MISS_PART : CFI_MISS_NAME;
        if (*miss == CFI_MISS_NAME && s.index.count == 0)
            *miss = CFI_MISS_ALL;
    }
    cfi_arena_free(&scratch);
    if (status == CTXFIT_OK)
        *out = s.out;
    else
        ctxfit_modelfile_free(s.out);
    return status;
}

/* Ollama's, with the names that its store has. */
static ctxfit_status find_ollama(const char *root, const char *name, const ctxfit_allocator *allocator, ctxfit_modelfile **out,
                                 cfi_store_miss *miss, ctxfit_error *error)
{
    ctxfit_error  why = {0};
    ctxfit_store *store = NULL;
    ctxfit_status status = ctxfit_modelfile_from_store(root, name, allocator, out, &why);
    cfi_suggest   suggest;
    char          hint[160];

    *miss = status != CTXFIT_E_NOT_FOUND ? CFI_MISS_BROKEN : strstr(why.message, "blob") != NULL ? CFI_MISS_PART : CFI_MISS_ALL;
    if (*miss == CFI_MISS_ALL && ctxfit_store_list(CTXFIT_STORE_OLLAMA, root, allocator, &store, NULL) == CTXFIT_OK) {
        *miss = ctxfit_store_count(store) > 0 ? CFI_MISS_NAME : CFI_MISS_ALL;
        cfi_suggest_init(&suggest, name);
        for (uint32_t i = 0; i < ctxfit_store_count(store); i++)
            cfi_suggest_offer(&suggest, ctxfit_store_name(store, i) + strlen("ollama:"));
        cfi_suggest_write(&suggest, hint, sizeof hint);
        (void)cfi_fail(&why, status, "no '%s' in '%s'%s%s", name, root, hint[0] != '\0' ? "; " : "", hint);
        ctxfit_store_free(store);
    }
    if (status != CTXFIT_OK && error != NULL)
        *error = why;
    return status;
}

ctxfit_status cfi_store_find(uint32_t kind, const char *root, const char *name, const ctxfit_allocator *allocator, ctxfit_modelfile **out,
                             cfi_store_miss *miss, ctxfit_error *error)
{
    *miss = CFI_MISS_BROKEN;
    return kind == CTXFIT_STORE_OLLAMA ? find_ollama(root, name, allocator, out, miss, error)
                                       : find_repository(kind, root, name, allocator, out, miss, error);
}

ctxfit_status ctxfit_store_find(uint32_t kind, const char *root, const char *name, const ctxfit_allocator *allocator,
                                ctxfit_modelfile **out, ctxfit_error *error)
{
    cfi_store_miss miss;

    if (out != NULL)
        *out = NULL;
    if (root == NULL || name == NULL || out == NULL || !cfi_allocator_valid(allocator) || kind < CTXFIT_STORE_HF ||
        kind > CTXFIT_STORE_OLLAMA)
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_store_find: root, name and out must not be NULL, kind is 1 to 3");
    return cfi_store_find(kind, root, name, allocator, out, &miss, error);
}
