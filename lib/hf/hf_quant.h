/* How weights are quantized: between the files that read it. */
#ifndef CFI_HF_QUANT_H
#define CFI_HF_QUANT_H

#include "hf_internal.h"

/* The object that says it: of config.json, else of a file beside it; NULL: none does, or MLX's. */
const cfi_json_value *cfi_hf_quant_config(const cfi_hf_config *c);
/* The older form of ModelOpt has all in an object. */
const cfi_json_value *cfi_hf_modelopt_part(const cfi_json_value *config);
/* A number of a key, where it is a small one. */
uint32_t cfi_hf_small(const cfi_json_value *object, const char *key, uint32_t fallback);
/* The same; below 0 it is the whole row: 0. */
uint32_t cfi_hf_group_size(const cfi_json_value *object, const char *key, uint32_t fallback);
/* A group of compressed-tensors, of which ModelOpt's are a kind. */
void     cfi_hf_read_group(const cfi_json_value *config, const cfi_json_value *group, cfi_hf_quant *q);
/* An object with a quant_algo of ModelOpt's; false: it is not known. */
bool     cfi_hf_read_algo(const cfi_json_value *object, cfi_hf_quant *q);
/* The weights of a layer of Quark; 0 bits: they stay as they are. */
void     cfi_hf_read_quark(const cfi_json_value *weight, cfi_hf_quant *q);

#endif
