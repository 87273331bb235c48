/* Eyes and ears beside a decoder, counted by the rule of their kind: hf_towers.def. */
#ifndef CFI_HF_TOWERS_H
#define CFI_HF_TOWERS_H

#include "hf_internal.h"

#define CFI_HF_LETTERS 26u

/* The object that the configuration of a tower stands in. */
const cfi_json_value *cfi_hf_around_tower(const cfi_hf_config *c);

/* Parameters by a row of hf_towers.def from its column `letters` on. `letter` keeps what its letters stand for, and has what those of rows
 * before stood for. false: the configuration does not say all that the row takes, or says it in a way that it does not. */
bool cfi_hf_tower_size(const cfi_hf_config *c, const cfi_json_value *part, const char *letters, double letter[CFI_HF_LETTERS],
                       cfi_hf_tower_count *out);

#endif
