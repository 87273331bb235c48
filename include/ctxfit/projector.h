/**
 * @file projector.h
 * @brief What eyes and ears add to a model: an mmproj file beside it, as llama.cpp's libmtmd loads and runs it.
 *
 * A projector takes memory for its weights and for the graph of its encoder. The graph's buffers are reserved when the model is loaded, for
 * a picture of one size (of sound, for 30 seconds), and grow when a larger one comes. Each encoder of a file has its own. It runs on the
 * first GPU, or on the host where there is none.
 */
#ifndef CTXFIT_PROJECTOR_H
#define CTXFIT_PROJECTOR_H

#include "ctxfit/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An mmproj file. Immutable: any number of threads may use one. @since 0.1.0 */
typedef struct ctxfit_projector ctxfit_projector;

/**
 * Reads a projector; the header is not needed afterwards.
 * @param[out] out owned by the caller; NULL on failure
 * @return OK; E_UNSUPPORTED (a model, an adapter, a tensor in a format of unknown size); E_INCOMPLETE (no architecture, no encoder);
 *         E_TYPE; E_LIMIT (a list in it is too long); E_OVERFLOW; E_NO_MEMORY; E_INVALID_ARG (NULL gguf or out).
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_projector_from_gguf(const ctxfit_gguf *gguf, const ctxfit_allocator *allocator, ctxfit_projector **out,
                                                    ctxfit_error *error);

/** Frees it; NULL is fine. @since 0.1.0 */
CTXFIT_API void ctxfit_projector_free(ctxfit_projector *projector);

/** What the file says, as ctxfit_companion_from_gguf(). @return OK, E_INVALID_ARG, E_STRUCT_SIZE. @since 0.1.0 */
CTXFIT_API ctxfit_status ctxfit_projector_get_info(const ctxfit_projector *projector, ctxfit_companion *out);

/** Flags of #ctxfit_projector_options. */
enum { CTXFIT_PROJECTOR_F_HOST = 1u << 0 /**< on the host (--no-mmproj-offload) */ };

/** How a projector runs; every field: 0 = the engine's default. Names in brackets are llama-server's. @since 0.1.0 */
typedef struct ctxfit_projector_options {
    uint32_t struct_size;      /**< sizeof of this struct, as CTXFIT_PROJECTOR_OPTIONS_INIT sets it */
    uint32_t flags;            /**< CTXFIT_PROJECTOR_F_* */
    uint64_t devices;          /**< in a plan: bit n: on device n of the plan; 0 = the first GPU of the host */
    uint32_t flash_attention;  /**< CTXFIT_CHOICE_* (-fa); default: as a plan says, or where the GPU has a kernel */
    uint32_t image_min_tokens; /**< (--image-min-tokens) 0 = as the projector's kind has it */
    uint32_t image_max_tokens; /**< (--image-max-tokens) */
    uint32_t image_width;      /**< pixels of an image that comes; 0 = none: what is reserved at the start */
    uint32_t image_height;     /**< pixels; 0 where image_width is */
    uint32_t images;           /**< of that size, in one request; 0 = 1 */
    uint32_t audio_ms;         /**< milliseconds of a recording that comes; 0 = none */
    uint32_t reserved0;        /**< 0 */
} ctxfit_projector_options;
#define CTXFIT_PROJECTOR_OPTIONS_INIT { (uint32_t)sizeof(ctxfit_projector_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Flags of #ctxfit_projector_memory. */
enum {
    CTXFIT_ENCODER_F_DEVICE    = 1u << 0, /**< runs on the GPU */
    CTXFIT_ENCODER_F_FLASH     = 1u << 1, /**< the encoder of images (or, alone, of sound) uses flash attention */
    CTXFIT_ENCODER_F_BOUND     = 1u << 2, /**< no graph of this kind is known: compute buffers are an upper bound */
    CTXFIT_ENCODER_F_UNSIZED   = 1u << 3, /**< what this kind makes of an image or a recording is not known: counted as at the start */
    CTXFIT_ENCODER_F_UNCHECKED = 1u << 4  /**< by the graph, but nobody measured it on such a GPU (other than CUDA and RPC) */
};

/** What a projector takes. Bytes of a GPU and of the host, each at its largest. @since 0.1.0 */
typedef struct ctxfit_projector_memory {
    uint32_t struct_size;        /**< sizeof of this struct, as CTXFIT_PROJECTOR_MEMORY_INIT sets it */
    uint32_t flags;              /**< CTXFIT_ENCODER_F_* */
    uint64_t weight_bytes;       /**< on the GPU */
    uint64_t host_weight_bytes;  /**< where it runs on the host */
    uint64_t load_bytes;         /**< compute buffers on the GPU when the model is loaded */
    uint64_t host_load_bytes;    /**< the same on the host */
    uint64_t compute_bytes;      /**< the same when what `image_*` and `audio_ms` say has come */
    uint64_t host_compute_bytes; /**< the same on the host */
    uint64_t image_tokens;       /**< of the context, for one image, without the few that mark its ends and rows; 0 where there is none */
    uint64_t audio_tokens;       /**< the same for the recording */
    uint32_t image_pieces;       /**< pictures that the image is encoded as */
    uint32_t picture_width;      /**< pixels of the largest of them; without an image of the one at the start */
    uint32_t picture_height;     /**< pixels */
    uint32_t embedding;          /**< width of what it hands over for a token; 0: no graph says it */
} ctxfit_projector_memory;
#define CTXFIT_PROJECTOR_MEMORY_INIT { (uint32_t)sizeof(ctxfit_projector_memory), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Measures what the projector takes.
 * @param engine "llama.cpp", "llama.cpp@b10472"; NULL and "" = newest llama.cpp
 * @param backend CTXFIT_BACKEND_* of the GPU that it runs on; 0 and CPU = the host
 * @param options NULL = defaults
 * @return OK; E_NOT_FOUND (engine); E_REFUSED (a kind that the engine's llama.cpp does not know); E_UNSUPPORTED (an engine that runs no
 *         llama.cpp; sizes that llama.cpp refuses); E_INCOMPLETE (the file lacks a key); E_OVERFLOW; E_LIMIT; E_NO_MEMORY; E_INVALID_ARG
 *         (NULL; unknown flags, a choice or a backend that is none, an image with one side); E_STRUCT_SIZE; E_NEWER_STRUCT.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_projector_measure(const ctxfit_projector *projector, const char *engine, uint32_t backend,
                                                  const ctxfit_projector_options *options, ctxfit_projector_memory *out,
                                                  ctxfit_error *error);

#ifdef __cplusplus
}
#endif
#endif
