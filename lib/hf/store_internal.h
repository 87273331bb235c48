/* Models by name on a disk: folders that others filled are listed, and only what a listing has is ever named, so that no name leads
 * out of its folder. */
#ifndef CFI_STORE_INTERNAL_H
#define CFI_STORE_INTERNAL_H

#include "ctxfit/store.h"
#include "modelfile_internal.h"

#define CFI_STORE_MAX_FILES 65536u /* of a store's own folder */
#define CFI_REPO_MAX_FILES 4096u   /* of one repository: its files are compared with each other */
#define CFI_STORE_MAX_NAME 255u    /* bytes of a file's name; what is longer is passed over */
#define CFI_STORE_MAX_TEXT ((size_t)4 << 20)

/* ---- store_folder.c: files and folders ---- */
typedef enum cfi_path_kind {
    CFI_PATH_NONE, /* nothing, a link that leads nowhere, or what is neither file nor folder */
    CFI_PATH_FILE,
    CFI_PATH_FOLDER
} cfi_path_kind;

cfi_path_kind cfi_path_look(const char *path, uint64_t *bytes); /* follows links; bytes may be NULL */

typedef struct cfi_store_file {
    const char   *name; /* from the folder that was listed on, with '/' */
    const char   *path;
    uint64_t      bytes;
    cfi_path_kind kind;
} cfi_store_file;

typedef struct cfi_store_files {
    cfi_store_file *item;
    size_t          count;
    size_t          cap;
    uint32_t        most;
} cfi_store_files;

/* What is in a folder, and in those below it down to `depth` (0: itself only), sorted by name: of folders only those of the last level.
 * E_NOT_FOUND (no such folder), E_LIMIT (more than `most` files), E_UNSUPPORTED, E_NO_MEMORY. */
ctxfit_status cfi_folder_list(const char *folder, uint32_t depth, uint32_t most, cfi_arena *arena, cfi_store_files *out,
                              ctxfit_error *error);
ctxfit_status cfi_store_add_file(cfi_store_files *files, const cfi_store_file *file, cfi_arena *arena, ctxfit_error *error);

/* "a/b/c" in the arena; NULL: out of memory */
char *cfi_path_join(cfi_arena *arena, const char *const *parts, size_t count);
char *cfi_path_join2(cfi_arena *arena, const char *folder, const char *name);
/* The text of a file of at most about `most` bytes, with a NUL behind it; a small one is within CFI_STORE_MAX_TEXT. E_NOT_FOUND (`detail`
 * is errno), E_IO, E_LIMIT, E_NO_MEMORY. */
ctxfit_status cfi_read_text(const char *path, size_t most, cfi_arena *arena, char **out, size_t *out_size, ctxfit_error *error);
ctxfit_status cfi_read_small(const char *path, cfi_arena *arena, char **out, size_t *out_size, ctxfit_error *error);

/* ---- store_choice.c: which of several files is meant ---- */

/* "model-Q4_K_M-00001-of-00002.gguf" */
typedef struct cfi_gguf_name {
    size_t   prefix_len; /* "model-Q4_K_M" */
    size_t   tag_at;     /* "Q4_K_M" */
    size_t   tag_len;
    uint32_t index;      /* 1 of 1 where it is not split */
    uint32_t count;
} cfi_gguf_name;

bool cfi_gguf_name_read(const char *path, cfi_gguf_name *out); /* false: not a .gguf */
bool cfi_gguf_is_model(const char *path); /* no projector, draft or importance matrix, and of a split model the first shard */

/* Files and bytes of a model that are there. */
uint32_t cfi_gguf_measure(const cfi_store_files *files, const cfi_store_file *model, uint64_t *bytes);

/* The files that one name stands for. */
typedef struct cfi_store_repo {
    const char     *scheme;     /* "hf:" */
    char            tag_mark;   /* that comes before a tag */
    const char     *name;       /* "owner/repository" */
    const char     *folder;     /* that the files lie in */
    cfi_store_files files;
    const char     *latest;     /* the file that the source itself chose where no tag is given, or NULL */
    const char     *unfinished; /* a file of a download that did not end, or NULL */
} cfi_store_repo;

/* The model that a tag ("" for none) or a file ("" for none) names, and the projector beside it. E_NOT_FOUND (the message has the tags
 * that there are), E_INCOMPLETE (of a download that did not end), E_NO_MEMORY. */
ctxfit_status cfi_repo_choose(const cfi_store_repo *repo, const char *tag, const char *file, ctxfit_modelfile *out, ctxfit_error *error);
/* An entry for each model; one for a download that left none. */
ctxfit_status cfi_repo_list(const cfi_store_repo *repo, ctxfit_store *out, ctxfit_error *error);
ctxfit_status cfi_repo_list_unfinished(const cfi_store_repo *repo, ctxfit_store *out, ctxfit_error *error);

/* ---- store_list.c ---- */
typedef struct cfi_stored {
    const char *name;
    const char *path;
    uint64_t    bytes;
    uint32_t    files;
    uint32_t    flags;
} cfi_stored;

struct ctxfit_store {
    cfi_arena   arena;
    cfi_stored *item;
    size_t      count;
    size_t      cap;
};

/* Copies the entry, with a name that is written as by printf. */
ctxfit_status cfi_stored_add(ctxfit_store *store, const cfi_stored *entry, ctxfit_error *error, const char *fmt, ...) CFI_PRINTF(4, 5);

/* ---- store_find.c ---- */

/* How near a search came that failed: of several folders the answer of the nearest is given. */
typedef enum cfi_store_miss {
    CFI_MISS_ALL,   /* the folder has no models */
    CFI_MISS_NAME,  /* none of that name */
    CFI_MISS_PART,  /* that, without the tag or file */
    CFI_MISS_BROKEN /* all of it, but it cannot be read */
} cfi_store_miss;

/* ctxfit_store_find() of arguments that are right. */
ctxfit_status cfi_store_find(uint32_t kind, const char *root, const char *name, const ctxfit_allocator *allocator, ctxfit_modelfile **out,
                             cfi_store_miss *miss, ctxfit_error *error);

/* ---- store_hub.c, store_lmstudio.c: where repositories lie ---- */

/* A repository that is there, not read yet. */
typedef struct cfi_store_name {
    const char *name;
    const char *folder; /* NULL: its files lie in the store's own folder */
    bool        indirect; /* a model.yaml is in its folder, which names others */
} cfi_store_name;

typedef struct cfi_store_index {
    cfi_arena      *arena;
    const char     *root;
    cfi_store_files top; /* of root */
    cfi_store_name *item;
    size_t          count;
    size_t          cap;
} cfi_store_index;

ctxfit_status cfi_index_add(cfi_store_index *index, const cfi_store_name *name, ctxfit_error *error);

/* All repositories of a folder; then the files of one of them. E_NOT_FOUND of the second: it is empty. */
ctxfit_status cfi_hub_index(cfi_store_index *index, ctxfit_error *error);
ctxfit_status cfi_hub_open(const cfi_store_index *index, const cfi_store_name *name, cfi_store_repo *out, ctxfit_error *error);
/* llama.cpp's flat files that no repository claims. */
ctxfit_status cfi_hub_list_rest(const cfi_store_index *index, ctxfit_store *out, ctxfit_error *error);

ctxfit_status cfi_lmstudio_index(cfi_store_index *index, ctxfit_error *error);
ctxfit_status cfi_lmstudio_open(const cfi_store_index *index, const cfi_store_name *name, cfi_store_repo *out, ctxfit_error *error);
/* Whether LM Studio may call a folder "Qwen3-8B-GGUF" of a publisher so: "publisher/qwen3-8b", "qwen3-8b". */
bool cfi_lmstudio_is_key(const char *key, const char *name);
/* The text of a model.yaml, and its sources one by one: "owner/repository"; false past the last. */
ctxfit_status cfi_model_yaml_read(const cfi_store_index *index, const cfi_store_name *name, char **out, ctxfit_error *error);
typedef struct cfi_model_yaml {
    const char *at; /* in the text */
    bool        in_base;
} cfi_model_yaml;
bool cfi_model_yaml_next(cfi_model_yaml *yaml, char *out, size_t cap);

ctxfit_status cfi_ollama_list(const char *root, cfi_arena *scratch, ctxfit_store *out, ctxfit_error *error);

#endif
