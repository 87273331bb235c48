/* Folders on this system: what is in them, and small files. */
#if !defined(_WIN32)
#  define _POSIX_C_SOURCE 200809L
#  define _FILE_OFFSET_BITS 64 /* a file of 3 GiB is there on 32-bit systems, too */
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/stat.h>

#include "store_internal.h"

#if defined(_WIN32)
#  include <io.h>
#elif defined(__unix__) || defined(__APPLE__) || defined(__HAIKU__)
#  include <dirent.h>
#else
#  define CFI_NO_FOLDERS
#endif

cfi_path_kind cfi_path_look(const char *path, uint64_t *bytes)
{
#if defined(_WIN32)
    struct _stat64 s;
    bool           there = _stat64(path, &s) == 0;
    bool           folder = there && (s.st_mode & _S_IFMT) == _S_IFDIR, file = there && (s.st_mode & _S_IFMT) == _S_IFREG;
#else
    struct stat s;
    bool        there = stat(path, &s) == 0;
    bool        folder = there && S_ISDIR(s.st_mode), file = there && S_ISREG(s.st_mode);
#endif

    if (bytes != NULL)
        *bytes = file && s.st_size > 0 ? (uint64_t)s.st_size : 0;
    return folder ? CFI_PATH_FOLDER : file ? CFI_PATH_FILE : CFI_PATH_NONE;
}

char *cfi_path_join(cfi_arena *arena, const char *const *parts, size_t count)
{
    size_t len = 0;
    char  *path;

    for (size_t i = 0; i < count; i++)
        len += strlen(parts[i]) + 1;
    path = cfi_arena_alloc(arena, len + 1);
    if (path != NULL) {
        cfi_writer w;

        cfi_writer_init(&w, path, len + 1);
        for (size_t i = 0; i < count; i++)
            cfi_write(&w, "%s%s", i > 0 ? "/" : "", parts[i]);
        (void)cfi_writer_finish(&w, NULL);
    }
    return path;
}

char *cfi_path_join2(cfi_arena *arena, const char *folder, const char *name)
{
    const char *parts[] = {folder, name};

    return cfi_path_join(arena, parts, 2);
}

ctxfit_status cfi_read_text(const char *path, size_t most, cfi_arena *arena, char **out, size_t *out_size, ctxfit_error *error)
{
    FILE         *file = cfi_path_look(path, NULL) == CFI_PATH_FILE ? fopen(path, "rb") : NULL; /* a pipe would make us wait */
    size_t        cap = 16384;
    ctxfit_status status = CTXFIT_OK;

    *out_size = 0;
    if (file == NULL)
        return cfi_fail_at(error, CTXFIT_E_NOT_FOUND, CFI_NO_OFFSET, (uint64_t)errno, "no '%s'", path);
    for (bool more = true; more && status == CTXFIT_OK; cap *= 4) {
        rewind(file);
        *out = cfi_arena_alloc(arena, cap + 1);
        *out_size = *out != NULL ? fread(*out, 1, cap, file) : 0;
        more = *out_size == cap;
        if (*out == NULL)
            status = cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
        else if (ferror(file) != 0)
            status = cfi_fail(error, CTXFIT_E_IO, "cannot read '%s'", path);
        else if (more && cap >= most)
            status = cfi_fail(error, CTXFIT_E_LIMIT, "'%s': more than %zu MiB", path, most >> 20);
    }
    (void)fclose(file);
    return status;
}

ctxfit_status cfi_read_small(const char *path, cfi_arena *arena, char **out, size_t *out_size, ctxfit_error *error)
{
    return cfi_read_text(path, CFI_STORE_MAX_TEXT, arena, out, out_size, error);
}

/* ---- listings ---- */

ctxfit_status cfi_store_add_file(cfi_store_files *files, const cfi_store_file *file, cfi_arena *arena, ctxfit_error *error)
{
    cfi_store_file *item;

    if (files->count == files->most)
        return cfi_fail_at(error, CTXFIT_E_LIMIT, CFI_NO_OFFSET, files->most, "'%s': more than %u files", file->path,
                           (unsigned)files->most);
    item = cfi_arena_grown(arena, files->item, files->count, &files->cap, 16, sizeof *item);
    if (item == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "out of memory");
    files->item = item;
    files->item[files->count++] = *file;
    return CTXFIT_OK;
}

typedef struct folder_walk {
    cfi_arena       *arena;
    cfi_store_files *out;
    ctxfit_error    *error;
    const char      *folder;
    const char      *prefix; /* of the names in it */
} folder_walk;

static ctxfit_status walk_entry(const folder_walk *walk, const char *name)
{
    cfi_store_file file = {NULL, NULL, 0, CFI_PATH_NONE};

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > CFI_STORE_MAX_NAME)
        return CTXFIT_OK;
    file.path = cfi_path_join2(walk->arena, walk->folder, name);
    file.name = *walk->prefix != '\0' ? cfi_path_join2(walk->arena, walk->prefix, name) : cfi_arena_copy(walk->arena, name, strlen(name));
    if (file.path == NULL || file.name == NULL)
        return cfi_fail(walk->error, CTXFIT_E_NO_MEMORY, "out of memory");
    file.kind = cfi_path_look(file.path, &file.bytes);
    return cfi_store_add_file(walk->out, &file, walk->arena, walk->error);
}

static ctxfit_status walk_folder(const folder_walk *walk)
{
    ctxfit_status status = CTXFIT_OK;
#if defined(_WIN32)
    struct _finddata64i32_t found;
    intptr_t                at;
    const char             *pattern = cfi_path_join2(walk->arena, walk->folder, "*");

    if (pattern == NULL)
        return cfi_fail(walk->error, CTXFIT_E_NO_MEMORY, "out of memory");
    at = _findfirst64i32(pattern, &found);
    if (at == -1)
        return cfi_fail_at(walk->error, CTXFIT_E_NOT_FOUND, CFI_NO_OFFSET, (uint64_t)errno, "no folder '%s'", walk->folder);
    do
        status = walk_entry(walk, found.name);
    while (status == CTXFIT_OK && _findnext64i32(at, &found) == 0);
    (void)_findclose(at);
#elif !defined(CFI_NO_FOLDERS)
    DIR *dir = opendir(walk->folder);

    if (dir == NULL)
        return cfi_fail_at(walk->error, CTXFIT_E_NOT_FOUND, CFI_NO_OFFSET, (uint64_t)errno, "no folder '%s'", walk->folder);
    for (struct dirent *entry; status == CTXFIT_OK && (entry = readdir(dir)) != NULL;)
        status = walk_entry(walk, entry->d_name);
    (void)closedir(dir);
#else
    status = cfi_fail(walk->error, CTXFIT_E_UNSUPPORTED, "folders cannot be listed on this system");
#endif
    return status;
}

static int by_file_name(const void *a, const void *b)
{
    return strcmp(((const cfi_store_file *)a)->name, ((const cfi_store_file *)b)->name);
}

ctxfit_status cfi_folder_list(const char *folder, uint32_t depth, uint32_t most, cfi_arena *arena, cfi_store_files *out,
                              ctxfit_error *error)
{
    folder_walk   walk = {arena, out, error, folder, ""};
    ctxfit_status status;
    size_t        kept = 0, at = 0;

    memset(out, 0, sizeof *out);
    out->most = most;
    status = walk_folder(&walk);
    /* A level at a time: what a level adds stands behind it. A folder that was entered is dropped; one that cannot be is empty. */
    for (uint32_t level = 0; level < depth && status == CTXFIT_OK; level++) {
        size_t end = out->count;

        for (; at < end && status == CTXFIT_OK; at++) {
            if (out->item[at].kind != CFI_PATH_FOLDER)
                continue;
            walk.folder = out->item[at].path;
            walk.prefix = out->item[at].name;
            out->item[at].name = NULL;
            status = walk_folder(&walk);
            if (status == CTXFIT_E_NOT_FOUND)
                status = CTXFIT_OK;
        }
    }
    if (status != CTXFIT_OK)
        return status;
    for (size_t i = 0; i < out->count; i++)
        if (out->item[i].name != NULL)
            out->item[kept++] = out->item[i];
    out->count = kept;
    if (kept > 1)
        qsort(out->item, kept, sizeof *out->item, by_file_name);
    return CTXFIT_OK;
}
