/**
 * @file store.h
 * @brief Models by name in the folders where programs keep them: the cache of Hugging Face, of llama.cpp, LM Studio, Ollama.
 *
 * Nothing is downloaded, and no file of weights is opened: the answers are paths. The library reads no environment: the caller hands it
 * over, or names a folder. What lies there is treated as hostile: only files that a listing has are ever named, links may lead nowhere
 * or in circles, and folders are read up to 65,536 files.
 */
#ifndef CTXFIT_STORE_H
#define CTXFIT_STORE_H

#include "ctxfit/modelfile.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of stores. Numbers are for ever. */
enum {
    CTXFIT_STORE_HF       = 1, /**< "hf:": the cache of Hugging Face, and that of llama.cpp, which was flat until March 2026 */
    CTXFIT_STORE_LMSTUDIO = 2, /**< "lmstudio:": LM Studio */
    CTXFIT_STORE_OLLAMA   = 3  /**< "ollama:": Ollama */
};

/**
 * The folders in which a kind of store is looked for, in order, by the variables that its programs obey.
 *
 * HF: LLAMA_CACHE; the first of HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HOME or USERPROFILE; and the older cache
 * of llama.cpp. LM Studio: HOME or USERPROFILE, and what `.lmstudio-home-pointer` says there. Ollama: OLLAMA_MODELS, else HOME or
 * USERPROFILE. Whether a folder exists is not asked.
 * @param kind        CTXFIT_STORE_*
 * @param environment "NAME=value" each, NULL at the end, as `environ`; NULL = nothing is set
 * @param index       from 0
 * @param buf         the path, NUL-terminated; may be NULL when cap is 0
 * @param cap         bytes of buf
 * @param out_len     bytes of the path without the NUL; may be NULL
 * @return OK; E_BUFFER_SIZE; E_NOT_FOUND past the last; E_INVALID_ARG; E_NO_MEMORY.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_store_place(uint32_t kind, const char *const *environment, uint32_t index, char *buf, size_t cap,
                                            size_t *out_len);

/**
 * Looks a model up in a folder. Letters are compared without case.
 *
 * HF: `owner/repository[:tag]`, as `llama-server -hf` takes it: of several GGUF files the first, by name, with the tag; without a tag
 * Q4_K_M, else Q8_0, else the first. `owner/repository/file.gguf` names a file. A repository without GGUF files is a checkpoint:
 * the part is its folder. LM Studio: `publisher/model[@quantization]`, `publisher/model/file.gguf`, or the key of a model alone; of
 * a model.yaml the first of its sources that is there. Ollama: as ctxfit_modelfile_from_store().
 *
 * Parts are #CTXFIT_PART_MODEL, of a split model its first shard, and #CTXFIT_PART_PROJECTOR where one lies beside it.
 * @param kind CTXFIT_STORE_*
 * @param root folder of `models--*` or of llama.cpp's files; home of LM Studio, or its folder of models; Ollama's store
 * @param allocator may be NULL
 * @param out  free it with ctxfit_modelfile_free(); NULL on failure
 * @return OK; E_NOT_FOUND (no such folder, model, tag or file; the message has the nearest names, or the tags that there are);
 *         E_INCOMPLETE (a download that did not end); E_MALFORMED; E_LIMIT; E_IO; E_UNSUPPORTED (no way to list folders here);
 *         E_INVALID_ARG (NULL, no such kind, or no name); E_NO_MEMORY.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_store_find(uint32_t kind, const char *root, const char *name, const ctxfit_allocator *allocator,
                                           ctxfit_modelfile **out, ctxfit_error *error);

/**
 * Looks `hf:...`, `lmstudio:...` or `ollama:...` up in all places of its kind: ctxfit_store_place() and ctxfit_store_find(). The first
 * that has it answers; otherwise the first failure that says more than that it is not there.
 * @return As ctxfit_store_find(); E_INVALID_ARG also for another prefix.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_store_look_up(const char *name, const char *const *environment, const ctxfit_allocator *allocator,
                                              ctxfit_modelfile **out, ctxfit_error *error);

/** The models of a folder, sorted by name. Immutable. @since 0.1.0 */
typedef struct ctxfit_store ctxfit_store;

/** What a model of a store is. */
enum {
    CTXFIT_STORED_F_CHECKPOINT = 1u, /**< a folder with a config.json; otherwise a GGUF file */
    CTXFIT_STORED_F_UNFINISHED = 2u  /**< a download that did not end: files are missing */
};

/** One model of a store. @since 0.1.0 */
typedef struct ctxfit_stored_info {
    uint32_t struct_size; /**< sizeof of this struct, as CTXFIT_STORED_INFO_INIT sets it */
    uint32_t flags;       /**< CTXFIT_STORED_F_* */
    uint64_t bytes;       /**< of the files of its weights */
    uint32_t files;       /**< of its weights */
    uint32_t reserved0;   /**< 0 */
} ctxfit_stored_info;
#define CTXFIT_STORED_INFO_INIT {(uint32_t)sizeof(ctxfit_stored_info), 0, 0, 0, 0}

/**
 * All models of a folder: of a repository with several GGUF files one for each.
 * @param kind, root, allocator as of ctxfit_store_find()
 * @param out  free it with ctxfit_store_free(); NULL on failure
 * @return OK, also when there is none; E_NOT_FOUND (no such folder); E_LIMIT; E_UNSUPPORTED; E_INVALID_ARG; E_NO_MEMORY.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_store_list(uint32_t kind, const char *root, const ctxfit_allocator *allocator, ctxfit_store **out,
                                           ctxfit_error *error);
/** Frees it; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_store_free(ctxfit_store *store);
/** Number of models; 0 for NULL. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_store_count(const ctxfit_store *store);
/** Name of a model by index, as ctxfit_store_look_up() takes it ("hf:owner/repository:Q4_K_M"), or the path of a file whose repository
 * cannot be told; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_store_name(const ctxfit_store *store, uint32_t index);
/** Its GGUF file, of a split one the first shard, or the folder of a checkpoint; NULL past the end. Borrowed. @since 0.1.0 */
CTXFIT_API const char *ctxfit_store_path(const ctxfit_store *store, uint32_t index);
/** What is known of a model by index. @return OK; E_NOT_FOUND past the end; E_STRUCT_SIZE; E_INVALID_ARG. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_store_get(const ctxfit_store *store, uint32_t index, ctxfit_stored_info *out);

#ifdef __cplusplus
}
#endif
#endif
