/* Folders of GGUF files, as LM Studio, llama.cpp and people keep them. */
#include "cli.h"

#include <string.h>

#ifdef _WIN32
#  include <io.h>
#else
#  include <dirent.h>
#endif

/* The file of a folder that is asked for: models only, and of a split one the first shard. */
typedef struct folder_choice {
    char     name[512];  /* the only one so far */
    char     all[160];   /* of several, for the message */
    unsigned count;
} folder_choice;

static bool is_later_shard(const char *name)
{
    const char *of = strstr(name, "-of-");

    return of != NULL && of - name >= 6 && strncmp(of - 6, "-00001", 6) != 0 && of[-6] == '-';
}

static void offer(folder_choice *c, const char *name)
{
    size_t used = strlen(c->all);

    if (!cli_ends_with(name, ".gguf") || strstr(name, "mmproj") != NULL || is_later_shard(name))
        return;
    if (c->count++ == 0)
        (void)snprintf(c->name, sizeof c->name, "%s", name);
    (void)snprintf(c->all + used, sizeof c->all - used, "%s%s", used > 0 ? ", " : "", name);
}

static bool list_folder(const char *folder, folder_choice *c)
{
#ifdef _WIN32
    char               pattern[4096];
    struct _finddata_t found;
    intptr_t           at;

    if (snprintf(pattern, sizeof pattern, "%s/*.gguf", folder) >= (int)sizeof pattern || (at = _findfirst(pattern, &found)) == -1)
        return false;
    do
        offer(c, found.name);
    while (_findnext(at, &found) == 0);
    (void)_findclose(at);
#else
    DIR           *dir = opendir(folder);
    struct dirent *entry;

    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL)
        offer(c, entry->d_name);
    (void)closedir(dir);
#endif
    return true;
}

cli_folder cli_find_gguf(const char *folder, char *path, size_t cap, ctxfit_error *error)
{
    folder_choice c = {"", "", 0};
    char          message[232];

    if (!list_folder(folder, &c))
        return CLI_FOLDER_NONE;
    if (c.count == 0) {
        (void)snprintf(path, cap, "%s/Modelfile", folder);
        (void)cli_refuse(error, CTXFIT_E_NOT_FOUND,
                         cli_is_readable(path) ? "the folder has no config.json and no GGUF file, but a Modelfile: name that"
                                               : "the folder has no config.json and no GGUF file");
        return CLI_FOLDER_EMPTY;
    }
    if (c.count == 1 && snprintf(path, cap, "%s/%s", folder, c.name) < (int)cap)
        return CLI_FOLDER_ONE;
    (void)snprintf(message, sizeof message, "%u GGUF files are in this folder, name one: %s", c.count, c.all);
    (void)cli_refuse(error, CTXFIT_E_INVALID_ARG, message);
    return CLI_FOLDER_SEVERAL;
}
