/* Models that are no single GGUF file: checkpoints of Hugging Face and MLX, Modelfiles, names of what is in a store. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

bool cli_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

/* "folder/" of "folder/file", "" of "file" */
static size_t folder_length(const char *path)
{
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] != '/' && path[len - 1] != '\\')
        len--;
    return len;
}

/* A file in a folder; false where there is none, or the path is too long. */
static bool find_in(const char *folder, size_t len, const char *file, char *path)
{
    bool slash = len == 0 || folder[len - 1] == '/' || folder[len - 1] == '\\';

    return snprintf(path, PATH_BYTES, "%.*s%s%s", (int)len, folder, slash ? "" : "/", file) < PATH_BYTES && cli_is_readable(path);
}

/* The whole of a file that is not large, for the caller to free; NULL with the reason in *error. */
static char *read_whole(const char *path, size_t *size, ctxfit_error *error)
{
    const size_t most = (size_t)16 << 20; /* of a config.json; ctxfit_model_from_config() refuses what is longer */
    FILE        *file = fopen(path, "rb");
    char        *text = file != NULL ? malloc(most + 1) : NULL;
    int          failed = 1;

    *size = 0;
    if (file == NULL) {
        (void)cli_refuse(error, CTXFIT_E_IO, "the file cannot be opened");
        return NULL;
    }
    if (text != NULL) {
        *size = fread(text, 1, most + 1, file);
        failed = ferror(file);
    }
    (void)fclose(file);
    if (text == NULL || failed) {
        (void)cli_refuse(error, text == NULL ? CTXFIT_E_NO_MEMORY : CTXFIT_E_IO,
                         text == NULL ? "out of memory" : "the file cannot be read");
        free(text);
        return NULL;
    }
    return text;
}

static ctxfit_status read_modelfile(const char *name, ctxfit_modelfile **out, ctxfit_error *error)
{
    size_t        size;
    char         *text = read_whole(name, &size, error);
    ctxfit_status status;

    if (text == NULL)
        return error->status;
    status = ctxfit_modelfile_parse(text, size, NULL, out, error);
    free(text);
    return status;
}

/* What begins as a GGUF file does, or is not there, is none. */
static bool may_be_text(const char *name)
{
    char   begin[4] = {0};
    FILE  *file = fopen(name, "rb");
    size_t read = file != NULL ? fread(begin, 1, sizeof begin, file) : 0;

    if (file != NULL)
        (void)fclose(file);
    return read == sizeof begin && memcmp(begin, "GGUF", sizeof begin) != 0;
}

/* By its name (Modelfile, Modelfile.lora, my.modelfile), or by what is in it, as `ollama create -f` takes a file of any name. */
static bool is_modelfile(const char *name)
{
    static const char *const others[] = {".gguf", ".json", ".safetensors"};
    const char              *file = name + folder_length(name);
    ctxfit_modelfile        *read = NULL;
    ctxfit_error             error;
    bool                     is;

    if (strcmp(file, "Modelfile") == 0 || cli_ends_with(name, ".modelfile") || cli_ends_with(name, ".Modelfile"))
        return true;
    for (size_t i = 0; i < CLI_COUNT(others); i++)
        if (cli_ends_with(name, others[i]))
            return false;
    if (starts_with(file, "Modelfile."))
        return true;
    is = may_be_text(name) && (starts_with(file, "Modelfile") || read_modelfile(name, &read, &error) == CTXFIT_OK);
    ctxfit_modelfile_free(read);
    return is;
}

/* ---- checkpoints ---- */

/* The configuration alone, as it was named. */
static ctxfit_status open_config(const char *path, ctxfit_file_type file_type, ctxfit_model **out, ctxfit_error *error)
{
    size_t        size;
    char         *text = read_whole(path, &size, error);
    ctxfit_status status;

    if (text == NULL)
        return error->status;
    status = ctxfit_model_from_config(text, size, file_type, NULL, out, error);
    free(text);
    return status;
}

/* ---- stores, and Modelfiles ---- */

/* What is in a store is named by path; `base` is the folder that a Modelfile's own paths hang on. */
static ctxfit_status open_parts(const ctxfit_modelfile *file, const char *base, size_t base_len, const cli_model_source *source, int depth,
                                ctxfit_model **out, ctxfit_error *error);

#if defined(_WIN32)
#  define environ _environ
#else
extern char **environ;
#endif

/* As C sees it: the library takes it as constant. */
const char *const *cli_environment(void)
{
    return (const char *const *)environ;
}

/* Where a name was looked for that is not there. */
static void say_places(const char *name)
{
    bool     hf = starts_with(name, "hf:"), lmstudio = starts_with(name, "lmstudio:");
    uint32_t kind = hf ? CTXFIT_STORE_HF : lmstudio ? CTXFIT_STORE_LMSTUDIO : CTXFIT_STORE_OLLAMA;
    char     path[PATH_BYTES];

    for (uint32_t i = 0; ctxfit_store_place(kind, cli_environment(), i, path, sizeof path, NULL) == CTXFIT_OK; i++) {
        ctxfit_store *store = NULL;
        ctxfit_status status = ctxfit_store_list(kind, path, NULL, &store, NULL);

        fputs("ctxfit: note: looked in ", stderr);
        cli_put(stderr, path);
        if (status == CTXFIT_OK)
            fprintf(stderr, ": %u model%s\n", (unsigned)ctxfit_store_count(store), ctxfit_store_count(store) == 1 ? "" : "s");
        else
            fputs(": not there\n", stderr);
        ctxfit_store_free(store);
    }
}

bool cli_is_stored_file(const char *name, bool told)
{
    ctxfit_modelfile *file = NULL;
    ctxfit_error      error;
    bool              found = ctxfit_store_look_up(name, cli_environment(), NULL, &file, &error) == CTXFIT_OK &&
                 cli_ends_with(ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0), ".gguf");

    if (found && told) {
        fputs("ctxfit: note: read from this disk: ", stderr);
        cli_put(stderr, ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0));
        fputc('\n', stderr);
    }
    ctxfit_modelfile_free(file);
    return found;
}

static ctxfit_status open_stored(const char *name, const cli_model_source *source, int depth, ctxfit_model **out, ctxfit_error *error)
{
    ctxfit_modelfile *file;
    ctxfit_status     status = ctxfit_store_look_up(name, cli_environment(), NULL, &file, error);

    if (status == CTXFIT_E_NOT_FOUND)
        say_places(name);
    if (status != CTXFIT_OK)
        return status;
    status = open_parts(file, "", 0, source, depth, out, error);
    ctxfit_modelfile_free(file);
    return status;
}

/* A file that FROM or the like names, where it lies: beside the Modelfile, or as it is named. */
static void resolve(const char *name, const char *base, size_t base_len, char *path)
{
    if (!find_in(base, base_len, name, path))
        (void)snprintf(path, PATH_BYTES, "%s", name);
}

/* A file beside a Modelfile or in the store; true when it was taken. Adapters in other formats than GGUF are only named. */
static bool take_part(cli_parts *parts, uint32_t kind, const char *name, const char *base, size_t base_len)
{
    char *to = kind == CTXFIT_PART_PROJECTOR ? parts->projector
               : parts->adapter_count < CLI_MOST_PARTS ? parts->adapter[parts->adapter_count] : NULL;
    char  path[PATH_BYTES];

    if (parts->none_counted || to == NULL || *to != '\0' || kind == CTXFIT_PART_DRAFT || cli_ends_with(name, ".safetensors"))
        return false;
    resolve(name, base, base_len, path);
    if (!cli_is_readable(path))
        return false;
    memcpy(to, path, strlen(path) + 1);
    parts->adapter_count += kind == CTXFIT_PART_ADAPTER;
    return true;
}

static bool is_projector(const char *name, const char *base, size_t base_len)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_companion    c = CTXFIT_COMPANION_INIT;
    ctxfit_gguf        *gguf;
    char                path[PATH_BYTES];
    bool                is;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    if (ctxfit_gguf_open(find_in(base, base_len, name, path) ? path : name, &options, NULL, &gguf, NULL) != CTXFIT_OK)
        return false;
    is = ctxfit_companion_from_gguf(gguf, &c, NULL) == CTXFIT_OK && c.kind == CTXFIT_COMPANION_PROJECTOR;
    ctxfit_gguf_free(gguf);
    return is;
}

/* FROM names any number of files, and one of them may be a projector (fb30760 server/create.go:1268): the first that is none, or the only
 * one. */
static const char *weights_of(const ctxfit_modelfile *file, const char *base, size_t base_len)
{
    const char *first = ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 0), *from = first;

    for (uint32_t i = 1; from != NULL && ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, 1) != NULL; i++) {
        if (!is_projector(from, base, base_len))
            return from;
        from = ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, i);
    }
    return first;
}

/* A part that no plan counts: it is said, and kept in `parts` (NULL: nowhere). */
static void leave_out(cli_parts *parts, uint32_t kind, const char *what, const char *name, const char *base, size_t base_len)
{
    char path[PATH_BYTES];

    fprintf(stderr, "ctxfit: note: %s comes on top: ", what);
    cli_put(stderr, name);
    fputc('\n', stderr);
    if (parts == NULL)
        return;
    resolve(name, base, base_len, path);
    cli_leave_out(parts, kind, path);
}

/* What else FROM names. */
static void take_further(const ctxfit_modelfile *file, const char *weights, const char *base, size_t base_len, cli_parts *parts)
{
    const char *path;

    for (uint32_t i = 0; (path = ctxfit_modelfile_part(file, CTXFIT_PART_MODEL, i)) != NULL; i++) {
        bool projector = path != weights && is_projector(path, base, base_len);

        if (path == weights || (projector && parts != NULL && take_part(parts, CTXFIT_PART_PROJECTOR, path, base, base_len)))
            continue;
        leave_out(parts, projector ? CTXFIT_PART_PROJECTOR : CTXFIT_PART_MODEL, projector ? "a projector" : "another file of weights", path,
                  base, base_len);
    }
}

static void take_companions(const ctxfit_modelfile *file, const char *base, size_t base_len, cli_parts *parts)
{
    static const struct companion {
        uint32_t    kind;
        const char *what;
    } kinds[] = {{CTXFIT_PART_PROJECTOR, "a projector"}, {CTXFIT_PART_ADAPTER, "an adapter"}, {CTXFIT_PART_DRAFT, "a draft model"}};

    for (size_t i = 0; i < CLI_COUNT(kinds); i++) {
        const char *path;

        for (uint32_t k = 0; (path = ctxfit_modelfile_part(file, kinds[i].kind, k)) != NULL; k++) {
            if (parts == NULL || !take_part(parts, kinds[i].kind, path, base, base_len))
                leave_out(parts, kinds[i].kind, kinds[i].what, path, base, base_len);
        }
    }
}

/* As `ollama create` refuses a Modelfile, which takes an adapter with what it is made from. */
static ctxfit_status need_adapters(const ctxfit_modelfile *file, const char *base, size_t base_len, ctxfit_error *error)
{
    const char *name;
    char        path[PATH_BYTES], message[232];

    for (uint32_t i = 0; (name = ctxfit_modelfile_part(file, CTXFIT_PART_ADAPTER, i)) != NULL; i++) {
        resolve(name, base, base_len, path);
        if (cli_is_readable(path))
            continue;
        (void)snprintf(message, sizeof message, "ADAPTER names a file that is not there: '%.160s'", name);
        return cli_refuse(error, CTXFIT_E_NOT_FOUND, message);
    }
    return CTXFIT_OK;
}

static bool is_folder(const char *path)
{
    char         file[PATH_BYTES];
    ctxfit_error error;

    return cli_find_gguf(path, file, sizeof file, &error) != CLI_FOLDER_NONE;
}

static bool is_absolute(const char *path)
{
    return path[0] == '/' || path[0] == '\\' || (path[0] != '\0' && path[1] == ':');
}

/* The name of a model of the store, where FROM is neither a file nor a folder nor another source. */
static bool is_store_name(const char *from, const char *base, size_t base_len)
{
    char path[PATH_BYTES];

    return !is_absolute(from) && from[0] != '.' && !find_in(base, base_len, from, path) && !cli_is_readable(from) &&
           !cli_names_a_source(from);
}

static ctxfit_status open_parts(const ctxfit_modelfile *file, const char *base, size_t base_len, const cli_model_source *source, int depth,
                                ctxfit_model **out, ctxfit_error *error)
{
    cli_model_source part = *source;
    char             path[PATH_BYTES];
    const char      *from = weights_of(file, base, base_len);

    if (need_adapters(file, base, base_len, error) != CTXFIT_OK)
        return error->status;
    take_companions(file, base, base_len, source->parts);
    take_further(file, from, base, base_len, source->parts);
    part.name = from;
    if (is_absolute(from) && find_in(from, strlen(from), "config.json", path))
        return ctxfit_model_open_checkpoint(from, source->file_type, NULL, out, error);
    if (is_store_name(from, base, base_len)) {
        if (depth == 0)
            return cli_refuse(error, CTXFIT_E_MALFORMED, "FROM names a model of the store, whose weights are another such name");
        if (snprintf(path, sizeof path, "ollama:%s", from) >= (int)sizeof path)
            return cli_refuse(error, CTXFIT_E_MALFORMED, "FROM names a model with a name that is too long");
        return open_stored(path, source, depth - 1, out, error);
    }
    if (!is_absolute(from) && find_in(base, base_len, from, path))
        part.name = path;
    if (cli_is_readable(part.name) && !is_folder(part.name) && !cli_ends_with(part.name, ".json") &&
        !cli_ends_with(part.name, ".safetensors"))
        return cli_open_gguf(&part, out, error); /* a blob has no ending */
    return cli_open_model(&part, out, error);
}

static ctxfit_status open_modelfile(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error)
{
    ctxfit_modelfile *file = NULL;
    ctxfit_status     status = read_modelfile(source->name, &file, error);

    if (status != CTXFIT_OK)
        return status;
    status = open_parts(file, source->name, folder_length(source->name), source, 1, out, error);
    ctxfit_modelfile_free(file);
    return status;
}

bool cli_find_modelfile(const char *name, ctxfit_modelfile **own, ctxfit_modelfile **base)
{
    ctxfit_error error;
    char         path[PATH_BYTES];
    const char  *from;

    *own = *base = NULL;
    if (starts_with(name, "ollama:"))
        return ctxfit_store_look_up(name, cli_environment(), NULL, own, &error) == CTXFIT_OK;
    if (!is_modelfile(name) || read_modelfile(name, own, &error) != CTXFIT_OK)
        return false;
    from = weights_of(*own, name, folder_length(name));
    if (is_store_name(from, name, folder_length(name)) && snprintf(path, sizeof path, "ollama:%s", from) < (int)sizeof path)
        (void)ctxfit_store_look_up(path, cli_environment(), NULL, base, &error);
    return true;
}

/* ---- which of these a name means ---- */

/* hf:owner/repository is what is on this disk, hf://owner/repository/file what is far away. */
static bool is_stored(const char *name)
{
    return (starts_with(name, "hf:") && !starts_with(name, "hf://")) || starts_with(name, "lmstudio:") || starts_with(name, "ollama:");
}

static bool is_remote(const char *name)
{
    return starts_with(name, "http://") || starts_with(name, "https://") || starts_with(name, "hf://");
}

bool cli_names_a_source(const char *name)
{
    char path[PATH_BYTES];

    return is_stored(name) || is_remote(name) || cli_ends_with(name, ".json") || cli_ends_with(name, ".safetensors") ||
           is_modelfile(name) || find_in(name, strlen(name), "config.json", path);
}

ctxfit_status cli_open_source(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error)
{
    const char *name = source->name;

    if (is_stored(name))
        return open_stored(name, source, 1, out, error);
    if (is_remote(name))
        return cli_refuse(error, CTXFIT_E_UNSUPPORTED, "the command reads files; the Python and Go packages read remote headers");
    if (is_modelfile(name))
        return open_modelfile(source, out, error);
    if (cli_ends_with(name, ".json") && !cli_ends_with(name, ".safetensors.index.json"))
        return open_config(name, source->file_type, out, error);
    return ctxfit_model_open_checkpoint(name, source->file_type, NULL, out, error);
}
