/* Folders of made-up files, as programs leave them. Define _POSIX_C_SOURCE before all includes. */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "test_support.h"

#include <sys/types.h>
#include <sys/stat.h>
#if defined(_WIN32)
#  include <direct.h>
#  define tree_mkdir(path) (void)_mkdir(path)
#  define tree_rmdir(path) (void)_rmdir(path)
#else
#  include <unistd.h>
#  define tree_mkdir(path) (void)mkdir(path, 0755)
#  define tree_rmdir(path) (void)rmdir(path)
#endif

#include "ctxfit/store.h"

#define TREE_MAX 512

typedef struct store_tree {
    char   path[TREE_MAX][320];
    size_t count;
} store_tree;

static inline void tree_note(store_tree *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->path[i], path) == 0)
            return;
    assert_in_range(t->count, 0, TREE_MAX - 1);
    (void)snprintf(t->path[t->count++], sizeof t->path[0], "%s", path);
}

/* All folders of a path that ends in a file, or in '/'. */
static inline void tree_folders(store_tree *t, const char *path)
{
    char part[320];

    for (size_t i = 1; path[i] != '\0'; i++)
        if (path[i] == '/') {
            (void)snprintf(part, sizeof part, "%.*s", (int)i, path);
            tree_mkdir(part);
            tree_note(t, part);
        }
}

/* "folder/", "file", "file=text", "link>target" (a file where the system has no links). */
static inline void tree_add(store_tree *t, const char *root, const char *entry)
{
    char        path[320];
    const char *text = strchr(entry, '='), *target = strchr(entry, '>');
    size_t      len;
    FILE       *file;

    if (strstr(entry, "manifest=") != NULL) /* of llama.cpp: the text comes behind the third */
        text = strchr(strstr(entry, ".json"), '=');
    len = text != NULL ? (size_t)(text - entry) : target != NULL ? (size_t)(target - entry) : strlen(entry);
    assert_in_range(snprintf(path, sizeof path, "%s/%.*s", root, (int)len, entry), 1, (int)sizeof path - 1);
    tree_folders(t, path);
    if (path[strlen(path) - 1] == '/')
        return;
    tree_note(t, path);
#if !defined(_WIN32)
    if (text == NULL && target != NULL) {
        (void)unlink(path);
        assert_int_equal(symlink(target + 1, path), 0);
        return;
    }
#endif
    file = fopen(path, "wb");
    assert_non_null(file);
    (void)fputs(text != NULL ? text + 1 : "x", file);
    (void)fclose(file);
}

static inline void tree_make(store_tree *t, const char *root, const char *const *entries)
{
    t->count = 0;
    for (; *entries != NULL; entries++)
        tree_add(t, root, *entries);
}

static inline void tree_remove(store_tree *t)
{
    while (t->count > 0) {
        t->count--;
        if (remove(t->path[t->count]) != 0)
            tree_rmdir(t->path[t->count]);
    }
}

/* ---- what names lead to ---- */

typedef struct name_case {
    const char   *name;
    ctxfit_status status;
    const char   *words; /* end of the model's path, or of the message a part */
    const char   *projector;
} name_case;

static inline int ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static inline void check_names(uint32_t kind, const char *root, const name_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ctxfit_modelfile *file = (ctxfit_modelfile *)1;
        ctxfit_error      error = {0};
        ctxfit_status     status = ctxfit_store_find(kind, root, cases[i].name, NULL, &file, &error);
        const char       *model = ctxfit_modelfile_part(status == CTXFIT_OK ? file : NULL, CTXFIT_PART_MODEL, 0);
        const char       *projector = ctxfit_modelfile_part(status == CTXFIT_OK ? file : NULL, CTXFIT_PART_PROJECTOR, 0);

        if (status != cases[i].status)
            fail_msg("'%s': %s (%s)", cases[i].name, ctxfit_status_name(status), error.message);
        if (status != CTXFIT_OK && (file != NULL || strstr(error.message, cases[i].words) == NULL))
            fail_msg("'%s': %s", cases[i].name, error.message);
        if (status == CTXFIT_OK && (!ends(model, cases[i].words) || (cases[i].projector == NULL) != (projector == NULL) ||
                                    (projector != NULL && !ends(projector, cases[i].projector))))
            fail_msg("'%s': %s, %s", cases[i].name, model, projector != NULL ? projector : "no projector");
        ctxfit_modelfile_free(status == CTXFIT_OK ? file : NULL);
    }
}

#endif
