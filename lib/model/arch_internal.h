/* Architectures: what their metadata mean. Internal to the model module, but for the flags, which the engines read. */
#ifndef CFI_ARCH_INTERNAL_H
#define CFI_ARCH_INTERNAL_H

#include "model_internal.h"

/* ---- metadata: from a GGUF header or from a line of text ----
 * Keys carry no architecture prefix, but for "general.*" and "tokenizer.*". The first failure sticks, so that readers need not
 * check each call: after it every getter answers its fallback. */
typedef struct cfi_meta_entry {
    const char *key;
    const char *value; /* "true" for a bare key */
    uint32_t    key_len;
    uint32_t    value_len;
} cfi_meta_entry;

typedef struct cfi_meta {
    const ctxfit_gguf    *gguf;  /* or NULL: */
    const cfi_meta_entry *entry; /* words of a text */
    const char           *text;  /* where they stand, for messages */
    uint32_t              entry_count;
    uint32_t              blocks; /* values that a list per layer has; 0 until block_count is known */
    uint32_t              trunk;  /* or, without those of next-token-prediction blocks, this many */
    const char           *arch;
    ctxfit_error         *error;
    ctxfit_status         status;
} cfi_meta;

/* Over a header: E_INCOMPLETE without general.architecture. The header must outlive the metadata and the name of the architecture. */
ctxfit_status cfi_meta_open_gguf(cfi_meta *meta, const ctxfit_gguf *gguf, ctxfit_error *error);
/* Over `ARCH key=value ...` (docs/model-text.md); words are indexed in the arena, the text must outlive the metadata. E_MALFORMED with
 * the offset, E_NO_MEMORY. */
ctxfit_status cfi_meta_open_text(cfi_meta *meta, const char *text, cfi_arena *arena, ctxfit_error *error);

/* The first failure is kept: status and message. */
void cfi_meta_fail(cfi_meta *meta, ctxfit_status status, const char *fmt, ...) CFI_PRINTF(3, 4);
/* The key as the source spells it, for messages. */
const char *cfi_meta_key_name(const cfi_meta *meta, const char *key, char *buf, size_t cap);

/* A key that may be absent: `fallback` then. A list where one value is wanted counts as absent, as in llama.cpp (get_key_or_arr). */
bool     cfi_meta_has(const cfi_meta *meta, const char *key);
uint32_t cfi_meta_u32(cfi_meta *meta, const char *key, uint32_t fallback);
double   cfi_meta_f64(cfi_meta *meta, const char *key, double fallback);
bool     cfi_meta_bool(cfi_meta *meta, const char *key, bool fallback);
/* NULL when absent; *len without a NUL. Borrowed from the source, not terminated where it is a text. */
const char *cfi_meta_string(cfi_meta *meta, const char *key, size_t *len);
/* A key that must be there: E_INCOMPLETE otherwise. */
uint32_t cfi_meta_need_u32(cfi_meta *meta, const char *key);
/* Elements of an array; 0 when absent or no array. */
uint64_t cfi_meta_count(cfi_meta *meta, const char *key);
/* One value for all layers, or a list with one per layer: written to `out`, `out + stride`, ... (bytes), `count` times. Layers beyond a
 * list keep `fallback`; an absent key gives it to all. False when absent. Negative values (no layer has one) count as 0. */
bool cfi_meta_layers_u32(cfi_meta *meta, const char *key, uint32_t count, uint32_t fallback, uint32_t *out, size_t stride);
/* The values of a list of any length, one by one: open is false when the key is absent or no list. */
typedef struct cfi_meta_list {
    cfi_meta   *meta;
    const char *key;
    const char *at;     /* text: the next item, or the ']' */
    int64_t     value;  /* text: of the item that is being repeated */
    uint64_t    repeat; /* text: how often still */
    uint64_t    index;
    uint64_t    count;
} cfi_meta_list;

bool cfi_meta_list_open(cfi_meta_list *list, cfi_meta *meta, const char *key);
bool cfi_meta_list_number(cfi_meta_list *list, double *out); /* the same of a list of any numbers */
bool cfi_meta_list_next(cfi_meta_list *list, int64_t *out); /* false at the end, and when a value is no integer: then meta has failed */

/* Text only, meta_text.c. NULL when absent. */
const cfi_meta_entry *cfi_meta_find_entry(const cfi_meta *meta, const char *key);
bool     cfi_meta_entry_i64(const cfi_meta_entry *entry, int64_t *out);
bool     cfi_meta_entry_f64(const cfi_meta_entry *entry, double *out);
/* An item `value[*times]` of a list; *at moves behind it and its comma. False when it is none. */
bool     cfi_meta_take_item(const char **at, int64_t *value, uint64_t *times);
/* Values of a list, repetitions counted; 0 when it is no list. */
uint64_t cfi_meta_entry_count(const cfi_meta_entry *entry);

/* ---- architectures ---- */
enum {
    CFI_ARCH_OUTPUT_FIRST   = 1u << 0,  /* makes the output before the embedding: when tied, two copies even on the host */
    CFI_ARCH_NO_CACHE       = 1u << 1,  /* encoders, diffusion models */
    CFI_ARCH_RECURRENT      = 1u << 2,
    CFI_ARCH_HYBRID         = 1u << 3,
    CFI_ARCH_NO_FLASH       = 1u << 4,  /* never gets flash attention (grok) */
    CFI_ARCH_NEXTN_CACHED   = 1u << 5,  /* before NextN layers were filtered for all, its NextN blocks have a cache too (glm4moe) */
    CFI_ARCH_ROPE_FULL_ONLY = 1u << 6,  /* rope_freqs is used by full-attention layers only (gemma4) */
    CFI_ARCH_SAME_KV_TYPE   = 1u << 7,  /* K and V cache types must be equal though it is not plain latent attention (deepseek4) */
    CFI_ARCH_INDEXER_VALUES = 1u << 8,  /* the indexer's cache has a V of one head too, never read (minimax-m3) */
    CFI_ARCH_NO_HEAD        = 1u << 9,  /* no output matrix, and none is made of the embedding */
    CFI_ARCH_TIED_IN_PLACE  = 1u << 10, /* when tied, the embedding itself is used for the output: no second copy (bitnet) */
    CFI_ARCH_NEXTN          = 1u << 11, /* reads nextn_predict_layers */
    CFI_ARCH_NORM_AT_OUTPUT = 1u << 12, /* token_embd_norm is the output norm by another name (lfm2) */
    CFI_ARCH_PLAIN_FF       = 1u << 13, /* feed-forward without a gate */
    CFI_ARCH_LOOPED         = 1u << 14, /* num_loops: the blocks are passed several times, each pass with its own cache */
    CFI_ARCH_NEXTN_PROBED   = 1u << 15, /* its files may state NextN blocks and leave them out: then there are none (deepseek4) */
    CFI_ARCH_FLASH_ABORTS   = 1u << 16, /* its V has no heads when it is stored: ggml_set_rows asserts (plm; b10472, 0.7.0 measured) */
    CFI_ARCH_READS_STATES   = 1u << 17, /* a drafter that goes by the hidden states of the model it drafts for (eagle3) */
    CFI_ARCH_ONE_LIMIT      = 1u << 18  /* its dense layers take the experts' limit where they state none (deepseek4.cpp:38) */
};

/* What a layout works on. */
typedef struct cfi_layout {
    cfi_meta          *meta;
    const cfi_arch    *arch;
    ctxfit_model_info *info;  /* layers, nextn_layers, embedding are set; a layout may refine it */
    ctxfit_layer_info *layer; /* trunk, then NextN blocks; all 0 but for struct_size and CTXFIT_LAYER_F_NEXTN */
    uint32_t           count; /* of `layer` */
    uint32_t           key_size;   /* of a head as stated, set by cfi_layout_heads */
    uint32_t           value_size;
} cfi_layout;

/* What fills every layer's attention, state and cache from the metadata: cfi_layout_<name>(). */
enum {
#define CFI_LAYOUT(name) CFI_LAYOUT_##name,
#include "layouts.def"
#undef CFI_LAYOUT
    CFI_LAYOUT_COUNT
};

/* Where a width that the metadata do not state comes from. */
typedef enum cfi_expert_rule {
    CFI_EXPERTS_STATED = 0, /* expert_feed_forward_length must be there */
    CFI_EXPERTS_WHOLE,      /* or each expert is as wide as feed_forward_length */
    CFI_EXPERTS_SHARE       /* or the experts of a token together are */
} cfi_expert_rule;

typedef enum cfi_shared_rule {
    CFI_SHARED_STATED = 0, /* expert_shared_feed_forward_length, or expert_shared_count times an expert's */
    CFI_SHARED_NONE,
    CFI_SHARED_EACH,       /* expert_shared_count times the stated width or an expert's (bailingmoe2) */
    CFI_SHARED_ONE,        /* the stated width, or at least one expert's */
    CFI_SHARED_DENSE       /* the stated width or feed_forward_length */
} cfi_shared_rule;

typedef enum cfi_beside_rule {
    CFI_BESIDE_NONE = 0,
    CFI_BESIDE_DENSE,    /* experts and a dense part of feed_forward_length side by side (gemma4) */
    CFI_BESIDE_EMBEDDING, /* the dense part is as wide as the model (arctic) */
    CFI_BESIDE_STATED    /* one of feed_forward_length where experts have a width of their own (Grok-2 has one, Grok-1 none) */
} cfi_beside_rule;

struct cfi_arch {
    char     name[20];
    uint8_t  layout;  /* CFI_LAYOUT_* */
    uint8_t  experts; /* cfi_expert_rule */
    uint8_t  shared;  /* cfi_shared_rule */
    uint8_t  beside;  /* cfi_beside_rule */
    uint32_t flags;   /* CFI_ARCH_* */
};

const cfi_arch *cfi_arch_find(const char *name); /* NULL when unknown */
const cfi_arch *cfi_arch_generic(void);
uint32_t        cfi_arch_count(void);
const cfi_arch *cfi_arch_at(uint32_t index);
/* Runs the layout of the architecture. */
void            cfi_arch_lay_out(cfi_layout *l);

/* ---- layouts ---- */
#define CFI_LAYOUT(name) void cfi_layout_##name(cfi_layout *l);
#include "layouts.def"
#undef CFI_LAYOUT

/* ---- the steps that layouts share ---- */
/* Heads and head sizes; attention is FULL wherever there are KV heads. */
void cfi_layout_heads(cfi_layout *l);
/* Windows by the row of windows.def, if there is one. */
void cfi_layout_windows(cfi_layout *l);
/* What is cached per token, in the first `owners` layers (and NextN blocks if none of the trunk goes without). */
void cfi_layout_caches(cfi_layout *l, uint32_t owners);
/* Layers without KV heads have a state instead of attention. */
bool cfi_layout_is_state(const ctxfit_layer_info *layer);
/* Dense and expert widths of every layer; not for the layouts: it follows them. */
void cfi_layout_feed_forward(cfi_layout *l);
/* a * b, or the failure "`what` is too large" */
uint32_t cfi_layout_product(cfi_layout *l, uint64_t a, uint64_t b, const char *what);

#endif
