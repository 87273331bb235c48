/* Headers of safetensors files as their makers and the model module see them. */
#ifndef CFI_SAFETENSORS_H
#define CFI_SAFETENSORS_H

#include "base/json_read.h"
#include "ctxfit/hf.h"

typedef struct cfi_hf_entry {
    const char      *name;
    ctxfit_hf_tensor info;
} cfi_hf_entry;

#define CFI_SAFETENSORS_NOTES 6u

struct ctxfit_safetensors {
    cfi_arena     arena;
    cfi_hf_entry *entry; /* sorted by name */
    uint64_t      count;
    uint64_t      bytes;
    uint32_t      shards;
    bool          unknown; /* of a folder: there are tensors whose headers could not be read, or none at all */
    bool          cut;     /* of a folder: a file is shorter than its header says, or missing */
    uint32_t      note_count;
    const char   *note[CFI_SAFETENSORS_NOTES];
};

/* ctxfit_safetensors_parse(), and with `cut` a file that ends before its tensors do is none that is broken: *cut is set, also where
 * its header is not whole, which fails. */
ctxfit_status cfi_safetensors_parse(const void *data, size_t size, uint64_t file_bytes, bool *cut, const ctxfit_allocator *allocator,
                                    ctxfit_safetensors **out, ctxfit_error *error);
/* The same of a file; `unopened` where there is none. */
ctxfit_status cfi_safetensors_open_file(const char *path, ctxfit_status unopened, bool *cut, const ctxfit_allocator *allocator,
                                        ctxfit_safetensors **out, ctxfit_error *error);

/* What model.safetensors.index.json says. */
typedef struct cfi_hf_index {
    cfi_json_doc         *doc; /* cfi_json_free() is due, whatever the answer was */
    const cfi_json_value *map; /* tensor: file */
    const char          **name; /* of the files, sorted, each once */
    size_t                count;
    uint64_t              total_bytes; /* of all tensors; 0: unstated */
} cfi_hf_index;

ctxfit_status cfi_safetensors_read_index(const char *path, cfi_arena *arena, cfi_hf_index *out, ctxfit_error *error);
/* "folder/" of "folder/file", "" of "file" */
size_t cfi_folder_length(const char *path);

/* Joins into an empty handle the parts that are there (NULL: not), of tensors that stand in several the one of the first part; *twice of
 * them were left out. */
ctxfit_status cfi_safetensors_join_once(ctxfit_safetensors *whole, ctxfit_safetensors *const *part, size_t count, uint64_t *twice,
                                        ctxfit_error *error);
/* Sorts, refuses names that stand twice, and adds up. */
ctxfit_status cfi_safetensors_finish(ctxfit_safetensors *tensors, ctxfit_error *error);

#endif
