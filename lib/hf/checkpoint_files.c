/* The folder of a checkpoint: which files are its weights, and what is known of them where some are missing or cut off.
 * Engines take the files that model.safetensors.index.json names, or all *.safetensors where there is no index: vLLM 00b5ad071
 * model_executor/model_loader/default_loader.py, _prepare_weights(); weight_utils.py, filter_duplicate_safetensors_files(). Mistral's
 * consolidated.safetensors are the same weights again under other names. */
#include "checkpoint_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store_internal.h"

#define MAX_CONFIG_BYTES ((size_t)16 << 20)

static const char index_ending[] = ".safetensors.index.json";
static const char weights_ending[] = ".safetensors";

/* The files that are read, in this order. */
typedef struct weight_files {
    cfi_arena            *arena;
    ctxfit_error         *error;
    const char           *folder;
    cfi_store_files       listing;
    cfi_hf_index          index; /* doc NULL: there is none */
    const cfi_store_file **file;
    size_t                count;
    size_t                missing;
    size_t                unread; /* cut off within their headers */
    const char           *first_missing;
    const char           *first_unread;
    uint64_t              here_bytes; /* of the files that are there */
} weight_files;

static bool note_weights(ctxfit_safetensors *t, const char *fmt, ...) CFI_PRINTF(2, 3);

/* false: out of memory */
static bool note_weights(ctxfit_safetensors *t, const char *fmt, ...)
{
    char        text[400];
    va_list     args;
    const char *copy;

    if (t->note_count == CFI_SAFETENSORS_NOTES)
        return true;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    copy = cfi_arena_copy(&t->arena, text, strlen(text));
    if (copy != NULL)
        t->note[t->note_count++] = copy;
    return copy != NULL;
}

/* ---- names ---- */

static bool is_consolidated(const char *name) { return strncmp(name, "consolidated", 12) == 0; }

/* LoRA as PEFT writes it. */
static bool is_adapter(const char *name) { return strncmp(name, "adapter_model", 13) == 0; }

bool cfi_shard_name_read(const char *name, size_t *prefix_len, uint32_t *count)
{
    static const char form[] = "-00000-of-00000.safetensors";
    const size_t      len = strlen(name), form_len = sizeof form - 1;
    const char       *end = name + len - form_len;
    uint64_t          number;

    if (len < form_len)
        return false;
    for (size_t i = 0; i < form_len; i++)
        if (form[i] == '0' ? !cfi_is_digit(end[i]) : end[i] != form[i])
            return false;
    if (!cfi_parse_u64(end + 10, NULL, &number) || number == 0)
        return false;
    *prefix_len = len - form_len;
    *count = (uint32_t)number;
    return true;
}

static const cfi_store_file *find_listed(const cfi_store_files *files, const char *name)
{
    size_t low = 0, high = files->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int    diff = strcmp(files->item[mid].name, name);

        if (diff == 0)
            return files->item[mid].kind == CFI_PATH_FILE ? &files->item[mid] : NULL;
        if (diff < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* ---- which files ---- */

static void take(weight_files *w, const cfi_store_file *file)
{
    w->file[w->count++] = file;
    w->here_bytes += file->bytes; /* of files on a disk */
}

static void miss(weight_files *w, const char *name)
{
    if (w->missing++ == 0)
        w->first_missing = name;
}

static ctxfit_status take_index(weight_files *w, const cfi_store_file *file)
{
    ctxfit_status status = cfi_safetensors_read_index(file->path, w->arena, &w->index, w->error);

    if (status != CTXFIT_OK)
        return status;
    w->file = cfi_arena_array(w->arena, w->index.count, sizeof *w->file);
    if (w->file == NULL)
        return cfi_fail(w->error, CTXFIT_E_NO_MEMORY, "out of memory for %zu files", w->index.count);
    for (size_t i = 0; i < w->index.count; i++) {
        const cfi_store_file *found = find_listed(&w->listing, w->index.name[i]);

        if (found != NULL)
            take(w, found);
        else
            miss(w, w->index.name[i]);
    }
    return CTXFIT_OK;
}

/* "model.safetensors" before "model.fp16.safetensors", whose tensors have the same names. */
static int by_plainness(const void *a, const void *b)
{
    const cfi_store_file *const *x = a, *const *y = b;
    const size_t                 n = strlen((*x)->name), m = strlen((*y)->name);

    return n != m ? (n < m ? -1 : 1) : strcmp((*x)->name, (*y)->name);
}

/* Those of the first file's shards that its name promises and that are not there. */
static ctxfit_status find_gaps(weight_files *w)
{
    size_t   prefix_len, have = 0;
    uint32_t shards;
    char    *name;

    if (w->count == 0 || !cfi_shard_name_read(w->file[0]->name, &prefix_len, &shards))
        return CTXFIT_OK;
    for (size_t i = 0; i < w->count; i++) {
        size_t   len;
        uint32_t of;

        have += cfi_shard_name_read(w->file[i]->name, &len, &of) && len == prefix_len && of == shards &&
                memcmp(w->file[i]->name, w->file[0]->name, len) == 0;
    }
    name = have < shards ? cfi_arena_copy(w->arena, w->file[0]->name, strlen(w->file[0]->name)) : NULL;
    if (name == NULL)
        return have < shards ? cfi_fail(w->error, CTXFIT_E_NO_MEMORY, "out of memory for the name of a file") : CTXFIT_OK;
    w->missing = shards - have;
    w->first_missing = name;
    for (uint32_t i = 1; i <= shards; i++) {
        char number[12];

        (void)snprintf(number, sizeof number, "-%05" PRIu32, i);
        memcpy(name + prefix_len, number, 6);
        if (find_listed(&w->listing, name) == NULL)
            break;
    }
    return CTXFIT_OK;
}

/* All that end in .safetensors and are wanted; `prefix` of one set of shards alone, or NULL. */
static ctxfit_status take_all(weight_files *w, bool consolidated, const char *prefix, size_t prefix_len)
{
    w->file = cfi_arena_array(w->arena, w->listing.count + 1, sizeof *w->file);
    if (w->file == NULL)
        return cfi_fail(w->error, CTXFIT_E_NO_MEMORY, "out of memory for %zu files", w->listing.count);
    for (size_t i = 0; i < w->listing.count; i++) {
        const cfi_store_file *file = &w->listing.item[i];
        size_t                len;
        uint32_t              shards;

        if (file->kind != CFI_PATH_FILE || !cfi_ends_with(file->name, weights_ending) || is_adapter(file->name))
            continue;
        if (prefix != NULL ? cfi_shard_name_read(file->name, &len, &shards) && len == prefix_len && memcmp(file->name, prefix, len) == 0
                           : is_consolidated(file->name) == consolidated)
            take(w, file);
    }
    if (w->count > 1)
        qsort(w->file, w->count, sizeof *w->file, by_plainness);
    return find_gaps(w);
}

static ctxfit_status choose_of_folder(weight_files *w)
{
    static const char     plain[] = "model.safetensors.index.json", consolidated[] = "consolidated.safetensors.index.json";
    const cfi_store_file *index = find_listed(&w->listing, plain);
    ctxfit_status         status;

    if (index != NULL)
        return take_index(w, index);
    status = take_all(w, false, NULL, 0);
    if (status != CTXFIT_OK || w->count > 0)
        return status;
    index = find_listed(&w->listing, consolidated);
    return index != NULL ? take_index(w, index) : take_all(w, true, NULL, 0);
}

/* A file that was named: with those that it is one of. */
static ctxfit_status choose_of_file(weight_files *w, const char *name)
{
    const cfi_store_file *file = find_listed(&w->listing, name);
    size_t                prefix_len;
    uint32_t              shards;
    char                 *index;

    if (file == NULL)
        return cfi_fail(w->error, CTXFIT_E_NOT_FOUND, "no '%s'", name);
    if (cfi_ends_with(name, index_ending))
        return take_index(w, file);
    if (!cfi_shard_name_read(name, &prefix_len, &shards)) {
        w->file = cfi_arena_array(w->arena, 1, sizeof *w->file);
        if (w->file == NULL)
            return cfi_fail(w->error, CTXFIT_E_NO_MEMORY, "out of memory");
        take(w, file);
        return CTXFIT_OK;
    }
    index = cfi_arena_alloc(w->arena, prefix_len + sizeof index_ending);
    if (index == NULL)
        return cfi_fail(w->error, CTXFIT_E_NO_MEMORY, "out of memory");
    memcpy(index, name, prefix_len);
    memcpy(index + prefix_len, index_ending, sizeof index_ending);
    file = find_listed(&w->listing, index);
    return file != NULL ? take_index(w, file) : take_all(w, false, name, prefix_len);
}

/* ---- their headers ---- */

static ctxfit_status no_memory_for_it(ctxfit_error *error) { return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory for a checkpoint"); }

/* A header that is not whole leaves *part NULL. */
static ctxfit_status open_part(weight_files *w, size_t index, ctxfit_safetensors *whole, ctxfit_safetensors **part)
{
    const cfi_store_file *file = w->file[index];
    ctxfit_error          found = {0};
    bool                  cut;
    ctxfit_status         status;

    status = cfi_safetensors_open_file(file->path, CTXFIT_E_IO, &cut, &w->arena->allocator, part, &found);
    if (status != CTXFIT_OK && !cut) {
        cfi_make_printable(found.message);
        return cfi_fail(w->error, status, "'%.60s': %s", file->name, found.message);
    }
    whole->cut = whole->cut || cut;
    if (status != CTXFIT_OK && w->unread++ == 0)
        w->first_unread = file->name;
    if (status == CTXFIT_OK && cut &&
        !note_weights(whole, "'%.100s' is cut off: its tensors are %" PRIu64 " bytes, the whole file has %" PRIu64, file->name,
              ctxfit_safetensors_tensor_bytes(*part), file->bytes))
        return no_memory_for_it(w->error);
    return CTXFIT_OK;
}

/* Names of the map that no file has; every file of it was read. */
static bool note_unfound(weight_files *w, ctxfit_safetensors *whole)
{
    const char *first = NULL;
    size_t      count = 0;

    for (cfi_json_iter it = cfi_json_items(w->index.map); cfi_json_next(&it);) {
        uint64_t place;

        if (ctxfit_safetensors_find_tensor(whole, it.key, &place) != CTXFIT_OK && count++ == 0)
            first = it.key;
    }
    if (count == 0)
        return true;
    whole->unknown = true;
    whole->cut = true;
    return note_weights(whole, "the index names %zu tensors that no file has (the first: '%.100s')", count, first);
}

static bool note_missing(weight_files *w, ctxfit_safetensors *whole)
{
    const size_t total = w->count + w->missing;
    char         stated[48] = "";

    if (w->missing == 0 && w->unread == 0)
        return true;
    whole->unknown = true;
    whole->cut = true;
    if (w->index.total_bytes > 0)
        (void)snprintf(stated, sizeof stated, " of %" PRIu64 " by the index", w->index.total_bytes);
    if (w->missing > 0 && !note_weights(whole, "%zu of %zu files are missing (the first: '%.100s'): %" PRIu64 " bytes are here%s",
                                        w->missing, total,
                                w->first_missing, w->here_bytes, stated))
        return false;
    return w->unread == 0 || note_weights(whole, "%zu of %zu files end within their header (the first: '%.100s')", w->unread, total,
                                          w->first_unread);
}

static bool is_pickle(const char *name)
{
    static const char no_weights[][20] = {"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt",
                                          "rng_state.pth"};

    for (size_t i = 0; i < CFI_COUNT(no_weights); i++) /* filter_files_not_needed_for_inference() */
        if (cfi_ends_with(name, no_weights[i]))
            return false;
    return !is_adapter(name) && (cfi_ends_with(name, ".bin") || cfi_ends_with(name, ".pt") || cfi_ends_with(name, ".pth"));
}

static bool note_nothing(weight_files *w, ctxfit_safetensors *whole)
{
    const char *first = NULL;
    uint64_t    bytes = 0;
    size_t      count = 0;

    whole->unknown = true;
    for (size_t i = 0; i < w->listing.count; i++)
        if (w->listing.item[i].kind == CFI_PATH_FILE && is_pickle(w->listing.item[i].name)) {
            bytes += w->listing.item[i].bytes;
            first = count++ == 0 ? w->listing.item[i].name : first;
        }
    if (count == 0)
        return note_weights(whole, "the folder has no weights (*.safetensors)");
    return note_weights(whole, "the weights are pickles, which are not read: %zu files of %" PRIu64 " bytes (the first: '%.100s')", count,
                        bytes, first);
}

static bool note_others(weight_files *w, ctxfit_safetensors *whole, uint64_t twice)
{
    const cfi_store_file *adapter = find_listed(&w->listing, "adapter_model.safetensors");

    if (twice > 0 && !note_weights(whole, "%" PRIu64 " tensors stand in more than one file: each is counted once", twice))
        return false;
    return adapter == NULL || note_weights(whole, "'%s' is an adapter: its %" PRIu64 " bytes are not counted", adapter->name,
                                           adapter->bytes);
}

static ctxfit_status read_weights(weight_files *w, ctxfit_safetensors *whole)
{
    ctxfit_safetensors **part = cfi_arena_array(w->arena, w->count + 1, sizeof *part);
    ctxfit_status        status = part != NULL ? CTXFIT_OK : no_memory_for_it(w->error);
    uint64_t             twice = 0;
    bool                 noted = true;

    for (size_t i = 0; i < w->count && status == CTXFIT_OK; i++)
        status = open_part(w, i, whole, &part[i]);
    if (status == CTXFIT_OK)
        status = cfi_safetensors_join_once(whole, part, w->count, &twice, w->error);
    for (size_t i = 0; part != NULL && i < w->count; i++)
        ctxfit_safetensors_free(part[i]);
    if (status != CTXFIT_OK)
        return status;
    if (w->count == 0 && w->missing == 0)
        noted = note_nothing(w, whole);
    else
        noted = note_missing(w, whole);
    if (noted && !whole->unknown)
        noted = note_unfound(w, whole);
    return noted && note_others(w, whole, twice) ? CTXFIT_OK : no_memory_for_it(w->error);
}

/* ---- the folder ---- */

static ctxfit_status open_weights(const char *folder, const char *file, cfi_arena *arena, ctxfit_safetensors *whole, ctxfit_error *error)
{
    weight_files  w = {.arena = arena, .error = error, .folder = folder};
    ctxfit_status status = cfi_folder_list(folder, 0, CFI_STORE_MAX_FILES, arena, &w.listing, error);

    if (status == CTXFIT_OK)
        status = *file != '\0' ? choose_of_file(&w, file) : choose_of_folder(&w);
    if (status == CTXFIT_OK)
        status = read_weights(&w, whole);
    cfi_json_free(w.index.doc);
    return status;
}

/* How weights are quantized where config.json does not say: ModelOpt until 0.29, AutoGPTQ, AutoAWQ. vLLM transformers_utils/config.py,
 * get_config(); get_config_filenames() of its quantization/gptq.py and awq.py. */
static ctxfit_status read_quant(const char *folder, cfi_arena *arena, cfi_hf_files *out, ctxfit_error *error)
{
    static const char names[][24] = {"hf_quant_config.json", "quantize_config.json", "quant_config.json"};

    for (size_t i = 0; i < CFI_COUNT(names) && out->quant_name == NULL; i++) {
        const char   *path = cfi_path_join2(arena, folder, names[i]);
        char         *text;
        ctxfit_status status;

        if (path == NULL)
            return no_memory_for_it(error);
        if (cfi_path_look(path, NULL) != CFI_PATH_FILE)
            continue;
        status = cfi_read_text(path, MAX_CONFIG_BYTES, arena, &text, &out->quant_size, error);
        if (status != CTXFIT_OK)
            return status;
        out->quant = text;
        out->quant_name = names[i];
    }
    return CTXFIT_OK;
}

/* Without the separators at its end, as stat() of Windows wants it; "/" and "C:\\" stay. */
static char *copy_folder(cfi_arena *arena, const char *path, size_t len)
{
    while (len > 1 && (path[len - 1] == '/' || path[len - 1] == '\\') && path[len - 2] != ':')
        len--;
    return len > 0 ? cfi_arena_copy(arena, path, len) : cfi_arena_copy(arena, ".", 1);
}

ctxfit_status cfi_hf_open_files(const char *path, cfi_arena *arena, cfi_hf_files *out, ctxfit_safetensors **weights, ctxfit_error *error)
{
    const bool    is_file = cfi_path_look(path, NULL) == CFI_PATH_FILE;
    const size_t  len = is_file ? cfi_folder_length(path) : strlen(path);
    const char   *folder = copy_folder(arena, path, len);
    const char   *config = folder != NULL ? cfi_path_join2(arena, folder, "config.json") : NULL;
    char         *text;
    ctxfit_status status;

    memset(out, 0, sizeof *out);
    *weights = config != NULL ? cfi_handle_new(sizeof **weights, offsetof(ctxfit_safetensors, arena), &arena->allocator) : NULL;
    if (*weights == NULL)
        return no_memory_for_it(error);
    out->weights = *weights;
    if (cfi_path_look(folder, NULL) != CFI_PATH_FOLDER)
        return cfi_fail(error, CTXFIT_E_NOT_FOUND, "no file or folder '%s'", folder);
    status = open_weights(folder, is_file ? path + len : "", arena, *weights, error);
    if (status == CTXFIT_OK && cfi_path_look(config, NULL) != CFI_PATH_FILE)
        status = cfi_fail(error, CTXFIT_E_NOT_FOUND, "there is no config.json beside it, which says what the tensors are");
    if (status == CTXFIT_OK)
        status = cfi_read_text(config, MAX_CONFIG_BYTES, arena, &text, &out->config_size, error);
    if (status == CTXFIT_OK) {
        out->config = text;
        status = read_quant(folder, arena, out, error);
    }
    return status;
}
