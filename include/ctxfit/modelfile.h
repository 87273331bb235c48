/**
 * @file modelfile.h
 * @brief What an Ollama model is made of: its weights, projector, adapters and parameters, from a Modelfile or from Ollama's store.
 *
 * Neither reads a weight, and neither looks anywhere by itself: the caller names the store (OLLAMA_MODELS, or ~/.ollama/models) and opens
 * the files that the answers name.
 */
#ifndef CTXFIT_MODELFILE_H
#define CTXFIT_MODELFILE_H

#include "ctxfit/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Parts and parameters of a model. Immutable. @since 0.1.0 */
typedef struct ctxfit_modelfile ctxfit_modelfile;

/** Parts of a model. */
enum {
    CTXFIT_PART_MODEL     = 1, /**< weights: FROM, or the model layer */
    CTXFIT_PART_PROJECTOR = 2, /**< eyes or ears (mmproj) */
    CTXFIT_PART_ADAPTER   = 3, /**< LoRA */
    CTXFIT_PART_DRAFT     = 4, /**< a draft model */
    CTXFIT_PART_TEMPLATE  = 5, /**< the template's text, of a store its file */
    CTXFIT_PART_SYSTEM    = 6  /**< the system prompt's text, of a store its file */
};

/**
 * Reads the text of a Modelfile: FROM, PARAMETER, ADAPTER, DRAFT, TEMPLATE, SYSTEM; LICENSE, MESSAGE, REQUIRES, RENDERER and PARSER are
 * passed over. What FROM and ADAPTER name (a path, a folder, another model) is the caller's to resolve. UTF-8, or UTF-16 where its byte
 * order mark says so; names come as UTF-8.
 * @return OK; E_MALFORMED (`offset`, in UTF-8; an unknown command, a command without its value, a quotation that does not end);
 *         E_INCOMPLETE (no FROM); E_LIMIT (more than 16 MiB); E_NO_MEMORY; E_INVALID_ARG.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_modelfile_parse(const char *text, size_t size, const ctxfit_allocator *allocator, ctxfit_modelfile **out,
                                                ctxfit_error *error);

/**
 * Looks a model up in Ollama's store: `[host/][namespace/]model[:tag]`, as `ollama run` takes it ("qwen3:8b", "hf.co/org/repo:Q4_K_M").
 * Parts are paths of blobs; a part whose blob is not there is E_NOT_FOUND.
 * @param root folder with `manifests` and `blobs`
 * @return OK; E_NOT_FOUND (no such model, or a blob is missing: the message has the path); E_MALFORMED (the manifest or its parameters);
 *         E_INCOMPLETE (a manifest without weights); E_UNSUPPORTED (a library without JSON); E_INVALID_ARG (NULL, or no name); E_IO;
 *         E_LIMIT; E_NO_MEMORY.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_modelfile_from_store(const char *root, const char *name, const ctxfit_allocator *allocator,
                                                     ctxfit_modelfile **out, ctxfit_error *error);

/** Frees it; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_modelfile_free(ctxfit_modelfile *file);

/** A part of a kind (CTXFIT_PART_*) by index: a path, a name, or text; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_modelfile_part(const ctxfit_modelfile *file, uint32_t kind, uint32_t index);
/** Number of parameters; 0 for NULL. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_modelfile_parameter_count(const ctxfit_modelfile *file);
/** Name of a parameter by index ("num_ctx"), NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_modelfile_parameter_name(const ctxfit_modelfile *file, uint32_t index);
/** Value of a parameter by index, as text; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_modelfile_parameter_value(const ctxfit_modelfile *file, uint32_t index);
/**
 * A whole number by the name of its parameter (num_ctx, num_batch, num_gpu, main_gpu, num_thread; use_mmap as 0 or 1). The last of
 * several counts.
 * @return OK; E_NOT_FOUND; E_TYPE (no whole number); E_INVALID_ARG. *out is 0 on failure.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_modelfile_get_i64(const ctxfit_modelfile *file, const char *parameter, int64_t *out);

#ifdef __cplusplus
}
#endif
#endif
