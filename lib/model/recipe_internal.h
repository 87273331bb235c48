/* Recipes: which tensors an architecture has, and what is made of them when there is no file to look at. */
#ifndef CFI_RECIPE_INTERNAL_H
#define CFI_RECIPE_INTERNAL_H

#include "arch_internal.h"

/* Conditions of recipe_bits.def. */
typedef enum cfi_recipe_bit {
    CFI_BIT_ANY = 0, /* holds always */
    CFI_BIT_NONE,    /* never holds */
#define CFI_FEATURE(name, key) CFI_BIT_##name,
#define CFI_DEFAULT(name)      CFI_BIT_##name,
#define CFI_PLACE(name)        CFI_BIT_##name,
#include "recipe_bits.def"
#undef CFI_FEATURE
#undef CFI_DEFAULT
#undef CFI_PLACE
    CFI_BIT_COUNT
} cfi_recipe_bit;

/* Sizes of recipe_dims.def. */
typedef enum cfi_recipe_dim {
#define CFI_DIM(name, elements, words) CFI_DIM_##name,
#include "recipe_dims.def"
#undef CFI_DIM
    CFI_DIM_COUNT
} cfi_recipe_dim;

/* Blocks of recipe_blocks.def; 0 ends a list. */
typedef enum cfi_recipe_block {
    CFI_BLOCK_END = 0,
#define CFI_BLOCK(name) CFI_BLOCK_##name,
#define CFI_ROW(name, kind, when, and1, and2, unless, d0, d1, d2, d3)
#define CFI_END
#include "recipe_blocks.def"
#undef CFI_BLOCK
#undef CFI_ROW
#undef CFI_END
    CFI_BLOCK_COUNT
} cfi_recipe_block;

/* What a quantizer may do with a tensor. */
typedef enum cfi_recipe_class {
    CFI_CLASS_VECTOR = 0, /* F32 for ever */
    CFI_CLASS_MATRIX,
    CFI_CLASS_EXPERT,     /* a matrix of each routed expert */
    CFI_CLASS_TABLE       /* I32 for ever */
} cfi_recipe_class;

/* A tensor of a block: there when all of `when` hold and `unless` does not. */
typedef struct cfi_recipe_row {
    char    name[32];
    uint8_t kind; /* cfi_recipe_class */
    uint8_t when[3];
    uint8_t unless;
    uint8_t dim[4];
} cfi_recipe_row;

/* Quantities that are not facts of a model or a layer, but decide shapes. 0 when nothing says them. */
typedef struct cfi_recipe_keys {
    uint64_t context;
    uint64_t rope_half;
    uint64_t indexer_heads;
    uint64_t indexer_size;
    uint64_t expert_in;
    uint64_t chunk_width;
    uint64_t chunk_experts;
    uint64_t plamo_dt;
    uint64_t altup;
    uint64_t laurel;
    uint64_t out_groups;
    uint64_t out_rank;
    uint64_t streams;
    uint64_t hashed_layers;
    uint64_t draft_vocab;
    uint64_t target_width;
    uint64_t token_types;
    uint64_t labels;
    uint64_t ratio; /* of the layer at hand */
} cfi_recipe_keys;

#define CFI_RECIPE_BLOCKS 20

typedef struct cfi_recipe {
    char        arch[20];
    uint32_t    features; /* 1 << CFI_BIT_x for each that its usual checkpoints have */
    uint8_t     block[CFI_RECIPE_BLOCKS];
} cfi_recipe;

const cfi_recipe *cfi_recipe_find(const char *arch); /* NULL: tensors only from a file */
const cfi_recipe *cfi_recipe_generic(void);          /* what the layers' numbers imply, for no architecture in particular */
uint32_t          cfi_recipe_count(void);
const cfi_recipe *cfi_recipe_at(uint32_t index);

/* Tensors of a block. */
const cfi_recipe_row *cfi_recipe_rows(cfi_recipe_block block, uint32_t *count);
/* The key that states a feature, by place; NULL past the end. */
const char *cfi_recipe_feature_key(uint32_t index, cfi_recipe_bit *bit);
/* A size in elements, UINT64_MAX when it is too large; and what it is made of, in words. */
uint64_t    cfi_recipe_size(cfi_recipe_dim dim, const ctxfit_model_info *m, const ctxfit_layer_info *l, const cfi_recipe_keys *k);
const char *cfi_recipe_words(cfi_recipe_dim dim);
/* `meta` may be NULL; its failures stay in it. */
void cfi_recipe_read_keys(cfi_recipe_keys *k, const ctxfit_model *model, uint32_t layers, cfi_meta *meta);

/*
 * Makes model->tensor (and info.tensor_count) from model->info and model->layer; `meta` (may be NULL) says which optional tensors there
 * are. Matrices are in `source`, but for experts that are published in MXFP4 and, when `as_published`, matrices that are in FP8.
 * cfi_model_finish is still to be called.
 * OK; E_INCOMPLETE (a size that a tensor needs is 0; the message names both); E_OVERFLOW; E_NO_MEMORY; what reading `meta` fails with.
 */
ctxfit_status cfi_recipe_make_tensors(const cfi_recipe *recipe, cfi_meta *meta, ctxfit_model *model, ctxfit_quant source,
                                      bool as_published, ctxfit_error *error);

/* Fails with E_NOT_FOUND and the nearest names. */
ctxfit_status cfi_recipe_unknown(const char *arch, ctxfit_error *error);
/* Does conversion keep the tensor in F32? False also for a name that the recipe does not have. */
bool cfi_recipe_is_vector(const cfi_recipe *recipe, const char *name);
/* Are routed experts MXFP4 in the published checkpoints? */
bool cfi_recipe_publishes_mxfp4(const cfi_recipe *recipe);

/* ---- the steps that constructors share ---- */
/* E_NOT_FOUND unless it is 0 or the id of a file type. */
ctxfit_status cfi_model_check_file_type(ctxfit_file_type file_type, ctxfit_error *error);
/* Gives each tensor its format in a file of that type (0: as they are) made from a file of type `source`, then bytes and places. */
ctxfit_status cfi_model_apply_file_type(ctxfit_model *model, ctxfit_file_type file_type, ctxfit_file_type source,
                                        ctxfit_error *error);
/* All that ctxfit_model_from_text() does to an empty model. */
ctxfit_status cfi_model_make_from_text(ctxfit_model *model, const char *text, ctxfit_file_type file_type, ctxfit_error *error);
/* From info and layers to a finished model: tensors by the recipe, in `file_type` (0: as `published`, MXFP4 experts where the
 * architecture has them). */
ctxfit_status cfi_model_build(ctxfit_model *model, const cfi_recipe *recipe, cfi_meta *meta, ctxfit_file_type published,
                              ctxfit_file_type file_type, ctxfit_error *error);

#endif
