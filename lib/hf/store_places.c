/* Where stores are looked for. Sources: huggingface_hub 2.4.0 (constants.py); llama.cpp d32676d77 (b10472) common/hf-cache.cpp
 * (get_cache_directory) and common/common.cpp (fs_get_cache_directory, the older cache); lmstudio-ai/lmstudio-js
 * (lms-common-server: findLMStudioHome); Ollama fb307609 (2026-08-21) envconfig/config.go. */
#include "store_internal.h"

#define PATH_BYTES 4096

typedef struct place_list {
    const char *const *environment;
    cfi_arena         *arena;
    const char        *item[8];
    uint32_t           count;
    bool               failed; /* out of memory */
} place_list;

/* NULL where it is not set, or empty */
static const char *variable(const place_list *l, const char *name)
{
    size_t len = strlen(name);

    for (const char *const *e = l->environment; e != NULL && *e != NULL; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
            return (*e)[len + 1] != '\0' ? *e + len + 1 : NULL;
    return NULL;
}

static const char *home_of(const place_list *l)
{
    const char *home = variable(l, "HOME");

    return home != NULL ? home : variable(l, "USERPROFILE");
}

/* A folder and what is below it ("" for itself); "~/" is the home, as huggingface_hub reads it. One that is there already is not added. */
static void add_place(place_list *l, const char *folder, const char *below)
{
    const char *home = home_of(l);
    const char *path = folder;

    if (folder == NULL || l->failed || l->count == CFI_COUNT(l->item))
        return;
    if (folder[0] == '~' && (folder[1] == '/' || folder[1] == '\0') && home != NULL) {
        path = folder[1] == '/' ? cfi_path_join2(l->arena, home, folder + 2) : home;
        folder = path;
    }
    if (path != NULL && *below != '\0')
        path = cfi_path_join2(l->arena, folder, below);
    if (path == NULL) {
        l->failed = true;
        return;
    }
    for (uint32_t i = 0; i < l->count; i++)
        if (strcmp(l->item[i], path) == 0)
            return;
    l->item[l->count++] = path;
}

static void hf_places(place_list *l)
{
    static const char *const hub[][2] = {
        {"HF_HUB_CACHE", ""}, {"HUGGINGFACE_HUB_CACHE", ""}, {"HF_HOME", "hub"}, {"XDG_CACHE_HOME", "huggingface/hub"},
    };
    bool found = false;

    add_place(l, variable(l, "LLAMA_CACHE"), "");
    for (size_t i = 0; i < CFI_COUNT(hub) && !found; i++) {
        found = variable(l, hub[i][0]) != NULL;
        add_place(l, variable(l, hub[i][0]), hub[i][1]);
    }
    if (!found)
        add_place(l, home_of(l), ".cache/huggingface/hub");
    if (variable(l, "LLAMA_CACHE") != NULL)
        return;
    /* The flat cache of llama.cpp. */
    add_place(l, variable(l, "LOCALAPPDATA"), "llama.cpp");
#if defined(__APPLE__)
    add_place(l, variable(l, "HOME"), "Library/Caches/llama.cpp");
#else
    if (variable(l, "XDG_CACHE_HOME") != NULL)
        add_place(l, variable(l, "XDG_CACHE_HOME"), "llama.cpp");
    else
        add_place(l, variable(l, "HOME"), ".cache/llama.cpp");
#endif
}

static void lmstudio_places(place_list *l)
{
    const char   *home = home_of(l);
    char         *text = NULL;
    const char   *pointer;
    size_t        size = 0;
    ctxfit_status status;

    if (home == NULL)
        return;
    pointer = cfi_path_join2(l->arena, home, ".lmstudio-home-pointer");
    status = pointer != NULL ? cfi_read_small(pointer, l->arena, &text, &size, NULL) : CTXFIT_E_NO_MEMORY;
    l->failed = l->failed || status == CTXFIT_E_NO_MEMORY;
    if (status == CTXFIT_OK) {
        text[strcspn(text, "\r\n")] = '\0';
        size = strlen(text);
        while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
            text[--size] = '\0';
        add_place(l, *text != '\0' ? text : NULL, "");
    }
    add_place(l, home, ".lmstudio");
    add_place(l, home, ".cache/lm-studio");
}

static void ollama_places(place_list *l)
{
    add_place(l, variable(l, "OLLAMA_MODELS"), "");
    if (l->count > 0)
        return;
    add_place(l, home_of(l), ".ollama/models");
#if !defined(_WIN32)
    add_place(l, "/usr/share/ollama", ".ollama/models"); /* of the service on Linux */
#endif
}

static void fill_places(uint32_t kind, place_list *l)
{
    if (kind == CTXFIT_STORE_HF)
        hf_places(l);
    else if (kind == CTXFIT_STORE_LMSTUDIO)
        lmstudio_places(l);
    else
        ollama_places(l);
}

ctxfit_status ctxfit_store_place(uint32_t kind, const char *const *environment, uint32_t index, char *buf, size_t cap, size_t *out_len)
{
    cfi_arena     arena;
    place_list    list = {environment, &arena, {NULL}, 0, false};
    cfi_writer    w;
    ctxfit_status status = CTXFIT_E_NOT_FOUND;

    if (out_len != NULL)
        *out_len = 0;
    if (buf != NULL && cap > 0)
        buf[0] = '\0';
    if (kind < CTXFIT_STORE_HF || kind > CTXFIT_STORE_OLLAMA || (buf == NULL && cap > 0))
        return CTXFIT_E_INVALID_ARG;
    cfi_arena_init(&arena, NULL);
    fill_places(kind, &list);
    if (list.failed) {
        status = CTXFIT_E_NO_MEMORY;
    } else if (index < list.count) {
        cfi_writer_init(&w, buf, cap);
        cfi_write(&w, "%s", list.item[index]);
        status = cfi_writer_finish(&w, out_len);
    }
    cfi_arena_free(&arena);
    return status;
}

/* ---- the prefix of a name says which ---- */

static const struct store_scheme {
    char     prefix[12];
    char     what[28];
    uint32_t kind;
} schemes[] = {
    {"hf:", "Hugging Face or llama.cpp", CTXFIT_STORE_HF},
    {"lmstudio:", "LM Studio", CTXFIT_STORE_LMSTUDIO},
    {"ollama:", "Ollama", CTXFIT_STORE_OLLAMA},
};

/* A model, or what the place says that came nearest to one. */
static ctxfit_status find_in_places(const struct store_scheme *scheme, const place_list *list, const char *name,
                                    const ctxfit_allocator *allocator, ctxfit_modelfile **out, ctxfit_error *error)
{
    ctxfit_status  status = CTXFIT_E_NOT_FOUND;
    cfi_store_miss nearest = CFI_MISS_ALL;
    uint32_t       there = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        ctxfit_error   why = {0};
        cfi_store_miss miss;
        ctxfit_status  found;

        if (cfi_path_look(list->item[i], NULL) != CFI_PATH_FOLDER)
            continue;
        found = cfi_store_find(scheme->kind, list->item[i], name, allocator, out, &miss, &why);
        if (found == CTXFIT_OK || found == CTXFIT_E_NO_MEMORY || found == CTXFIT_E_INVALID_ARG) {
            if (found != CTXFIT_OK && error != NULL)
                *error = why;
            return found;
        }
        if (there++ == 0 || miss > nearest) {
            status = found;
            nearest = miss;
            if (error != NULL)
                *error = why;
        }
    }
    if (there > 0)
        return status;
    if (list->count == 0)
        return cfi_fail(error, status, "no place for models of %s is known: HOME is not set", scheme->what);
    return cfi_fail(error, status, "no '%s': there are no models of %s on this disk, not in '%s'", name, scheme->what, list->item[0]);
}

ctxfit_status ctxfit_store_look_up(const char *name, const char *const *environment, const ctxfit_allocator *allocator,
                                   ctxfit_modelfile **out, ctxfit_error *error)
{
    if (out != NULL)
        *out = NULL;
    if (name == NULL || out == NULL || !cfi_allocator_valid(allocator))
        return cfi_fail(error, CTXFIT_E_INVALID_ARG, "ctxfit_store_look_up: name and out must not be NULL");
    for (size_t i = 0; i < CFI_COUNT(schemes); i++) {
        size_t len = strlen(schemes[i].prefix);

        if (strncmp(name, schemes[i].prefix, len) == 0) {
            cfi_arena     arena;
            place_list    list = {environment, &arena, {NULL}, 0, false};
            ctxfit_status status;

            cfi_arena_init(&arena, allocator);
            fill_places(schemes[i].kind, &list);
            status = list.failed ? cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory")
                                 : find_in_places(&schemes[i], &list, name + len, allocator, out, error);
            cfi_arena_free(&arena);
            return status;
        }
    }
    return cfi_fail(error, CTXFIT_E_INVALID_ARG, "'%.100s': expected hf:..., lmstudio:... or ollama:...", name);
}
