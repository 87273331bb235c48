/* Checkpoints as they are published on Hugging Face: what config.json says, in the words of the text form of a model. */
#ifndef CFI_HF_INTERNAL_H
#define CFI_HF_INTERNAL_H

#include "base/json_read.h"
#include "ctxfit/hf.h"

#define CFI_HF_NOTES 16u
#define CFI_HF_MAX_LAYERS 4096u /* as a model may have: longer lists are not read */

/* A configuration that was opened. Keys are looked up in the text decoder's part, then around it, then among the defaults of the class. */
typedef struct cfi_hf_config {
    cfi_arena            *arena; /* of the maker; what is written below lives there */
    cfi_json_doc         *doc;
    cfi_json_doc         *defaults_doc; /* NULL: none are known */
    const cfi_json_value *outer;
    const cfi_json_value *inner;        /* the text decoder within a model of several parts, or NULL */
    const cfi_json_value *defaults;
    cfi_json_doc         *quant_doc;    /* NULL: nothing beside it says how the weights are quantized */
    const char           *quant_name;   /* of that file */
    const cfi_json_value *rope;         /* parameters of the rope of full-attention layers, or NULL */
    const char           *class_name;   /* "" if unstated */
    const char           *wrapper;      /* a class around a decoder of its own that no table has, "" for none */
    const char           *model_type;   /* of the text decoder, "" if unstated */
    const char           *arch;         /* hf_classes.def; "llama" where nothing is known of the class */
    const char           *family;
    bool                  known;
    bool                  class_known;  /* else the model_type is what is known */
    bool                  embeddings;   /* the files at hand have some */
    bool                  no_latents;  /* of a class that has latent attention, and states that it has none */
    bool                  headless;     /* the class has no output matrix */
    bool                  tied;         /* the class shares the embeddings' matrix, which its files need not say */
    uint32_t              note_count;
    const char           *note[CFI_HF_NOTES]; /* what was guessed or left out */
    const char           *window_note;  /* of them, what holds for llama.cpp alone; NULL: none */
    uint32_t              layers;       /* that a list per layer has: block_count without next-token-prediction blocks */
    ctxfit_error         *error;
    ctxfit_status         status;       /* the first failure */
} cfi_hf_config;

/* The texts of a table's row lie behind each other, as pointers would have to be written when the library is loaded. Column 0 is the
 * row itself, the one behind the last the next row. */
static inline const char *cfi_hf_column(const char *row, int column)
{
    while (column-- > 0)
        row += strlen(row) + 1;
    return row;
}

/* Opens the text of a config.json. Whatever it answers, cfi_hf_config_close is due. E_MALFORMED, E_LIMIT, E_UNSUPPORTED, E_NO_MEMORY,
 * E_TYPE (no object). */
ctxfit_status cfi_hf_config_open(cfi_hf_config *c, const char *json, size_t len, cfi_arena *arena, ctxfit_error *error);
void          cfi_hf_config_close(cfi_hf_config *c);

/* A value by its key, `a.b` for a key of an object, `@a` for one of the rope parameters. NULL when absent or null. */
const cfi_json_value *cfi_hf_get(const cfi_hf_config *c, const char *path);
const cfi_json_value *cfi_hf_get_stated(const cfi_hf_config *c, const char *path); /* without the defaults of the class */
bool                  cfi_hf_as_number(const cfi_json_value *value, double *out);  /* true and false are 1 and 0 */
bool                  cfi_hf_u64(const cfi_hf_config *c, const char *path, uint64_t *out);
bool                  cfi_hf_number(const cfi_hf_config *c, const char *path, double *out);
/* true, or a number above 0 */
bool                  cfi_hf_true(const cfi_hf_config *c, const char *path);
uint64_t              cfi_hf_u64_or(const cfi_hf_config *c, const char *path, uint64_t fallback);
const char           *cfi_hf_text(const cfi_hf_config *c, const char *path); /* "" when absent or no text */
const char           *cfi_hf_rope_type(const cfi_hf_config *c);              /* NULL when unstated */

typedef enum cfi_hf_cache {
    CFI_HF_CACHE_PLAIN,
    CFI_HF_CACHE_FP8,
    CFI_HF_CACHE_NVFP4
} cfi_hf_cache;

/* Takes in the text of a file that says how weights are quantized. Statuses as of opening. */
ctxfit_status cfi_hf_config_add_quant(cfi_hf_config *c, const char *name, const char *json, size_t len);

/* How the weights are quantized. */
typedef struct cfi_hf_quant {
    uint32_t    kind;   /* CTXFIT_CHECKPOINT_QUANT_* */
    uint32_t    bits;   /* 0: unknown */
    uint32_t    group;  /* elements along a row that share a scale, 0: none */
    const char *method; /* as stated, "" for none; lives as long as the configuration */
    uint32_t    hundredths;  /* EXL3: bits on average */
    uint32_t    output_bits; /* EXL3 */
    cfi_hf_cache cache; /* that it is calibrated for */
    uint32_t    group_bytes; /* MLX: beside the weights of a group */
} cfi_hf_quant;

void cfi_hf_read_quant(const cfi_hf_config *c, cfi_hf_quant *q);
#define CFI_HF_MOST_BITS 16u /* of a stored weight; what is said above it is no statement */
/* Bytes of a weight of a quantized matrix with its share of scales and zero points, but for MLX; 0: not known. */
double cfi_hf_weight_bytes(const cfi_hf_quant *q);

/* Modules with a format of their own: those that keep their weights first, then the first that holds. */
typedef enum cfi_hf_module_how {
    CFI_HF_MODULE_NAME, /* the name of it, or of what it is in */
    CFI_HF_MODULE_PART, /* a part of its path */
    CFI_HF_MODULE_GLOB,
    CFI_HF_MODULE_REGEX /* from the beginning on */
} cfi_hf_module_how;

typedef struct cfi_hf_module_rule {
    const char       *name; /* lives as long as the configuration */
    cfi_hf_module_how how;
    bool              keeps; /* they stay as they are */
    float             bytes; /* of a weight; 0: not known */
} cfi_hf_module_rule;

typedef struct cfi_hf_module_rules {
    const cfi_hf_module_rule *rule; /* in the arena of the configuration */
    size_t                    count;
    float                     rest; /* of a weight that no rule is for; 0: as the whole is */
} cfi_hf_module_rules;

/* E_NO_MEMORY. None of MLX, whose modules follow. */
ctxfit_status cfi_hf_read_rules(const cfi_hf_config *c, const cfi_hf_quant *whole, cfi_hf_module_rules *out);
/* Modules of MLX with a format of their own: what one does not state is MLX's default, not what `whole` has (nn.quantize()). 16 bits and no
 * group where it is plain. */
cfi_json_iter cfi_hf_modules(const cfi_hf_config *c);
bool          cfi_hf_next_module(cfi_json_iter *it, const cfi_hf_quant *whole, const char **name, cfi_hf_quant *out);
/* Where the two files disagree. */
void cfi_hf_note_quant(cfi_hf_config *c);

/* ---- the line that is made of it ---- */
#define CFI_HF_MAX_WORDS 128u

typedef struct cfi_hf_word {
    const char *key;
    const char *value; /* NULL: taken away again */
} cfi_hf_word;

typedef struct cfi_hf_line {
    cfi_hf_config *c;
    uint32_t       count;
    cfi_hf_word    word[CFI_HF_MAX_WORDS];
} cfi_hf_line;

void        cfi_hf_set(cfi_hf_line *line, const char *key, const char *value); /* copies neither: value lives in the arena or for ever */
void        cfi_hf_set_u64(cfi_hf_line *line, const char *key, uint64_t value);
void        cfi_hf_set_number(cfi_hf_line *line, const char *key, double value);
void        cfi_hf_set_list(cfi_hf_line *line, const char *key, const uint64_t *values, uint64_t count); /* one value if all are equal */
const char *cfi_hf_word_of(const cfi_hf_line *line, const char *key); /* NULL when not set */
bool        cfi_hf_word_u64(const cfi_hf_line *line, const char *key, uint64_t *out);
/* Zeros for so many layers, some of them behind the trunk. NULL on failure, which line->c->status says. */
uint64_t   *cfi_hf_layer_list(cfi_hf_line *line, uint64_t count);
/* The first failure is kept. */
void        cfi_hf_fail(cfi_hf_config *c, ctxfit_status status, const char *fmt, ...) CFI_PRINTF(3, 4);

/* As vsnprintf. */
void cfi_hf_format(char *out, size_t cap, const char *fmt, va_list args) CFI_PRINTF(3, 0);
void cfi_hf_note(cfi_hf_config *c, const char *fmt, ...) CFI_PRINTF(2, 3);
void cfi_hf_note_files(cfi_hf_config *c, const char *fmt, ...) CFI_PRINTF(2, 3); /* of the weights beside it */
void cfi_hf_write_notes(cfi_hf_line *line);

/* Eyes and ears beside the decoder, by the configuration alone. The texts lie in the arena; NULL: there are none such. */
typedef struct cfi_hf_tower_count {
    uint64_t matrices; /* parameters of linear layers, without biases: what is quantized, and what ranks share */
    uint64_t rest;     /* all others */
} cfi_hf_tower_count;

typedef struct cfi_hf_towers_found {
    cfi_hf_tower_count count;
    const char        *counted; /* the names of the parts that `count` has */
    const char        *note;    /* of those that it has not */
    float              matrix_bytes; /* of a weight of `matrices` in a quantized checkpoint that does not except them; 0: as the rest */
} cfi_hf_towers_found;

ctxfit_status cfi_hf_towers(const cfi_hf_config *c, cfi_hf_towers_found *out); /* E_NO_MEMORY */

/* Where a fact of the line comes from. */
#define CFI_HF_KEY 64u

typedef struct cfi_hf_source {
    const cfi_json_value *value;   /* NULL: neither the file nor its class says */
    char                  key[CFI_HF_KEY]; /* that says, or that would be the first to */
    bool                  by_default;
    bool                  plain;   /* the fact is the value as it stands */
} cfi_hf_source;

/* false: the fact is taken from no key. */
bool cfi_hf_find_source(const cfi_hf_line *line, const char *key, cfi_hf_source *out);

/* Fails for what is neither a number nor a list. */
void cfi_hf_expect_number(cfi_hf_config *c, const char *key, const cfi_json_value *value);
/* Fails where a key is stated and is no object. */
void cfi_hf_expect_object(cfi_hf_config *c, const char *key);
/* A value as a message shows it. */
#define CFI_HF_SHOWN 48u
void cfi_hf_show(const cfi_json_value *value, char out[CFI_HF_SHOWN]);
/* Values that no model can have, facts that contradict each other, lists that do not fit: after the rules. */
void cfi_hf_check_values(cfi_hf_line *line);
/* What no model is without, and neither the file nor its class says. */
void cfi_hf_check_needed(cfi_hf_line *line);
/* The facts that decide a size and that the class gave, not the file: a note. */
void cfi_hf_note_defaults(cfi_hf_line *line);
/* Does a rule of the family, or of one that it comes from, read the key? */
bool cfi_hf_reads(const char *family, const char *key);

/* A column of hf_families.def. */
typedef enum cfi_hf_family_column {
    CFI_HF_FAMILY_PARENT = 1,
    CFI_HF_FAMILY_LLAMA3,
    CFI_HF_FAMILY_MXFP4,
    CFI_HF_FAMILY_SECTIONS,
    CFI_HF_FAMILY_COLUMNS
} cfi_hf_family_column;

const char *cfi_hf_family(const char *family, cfi_hf_family_column column);
/* 0 for the family itself, 1 for the one that it comes from, ...; SIZE_MAX for a stranger. */
size_t cfi_hf_distance(const char *family, const char *ancestor);

/* All rules of a family and of those that it comes from, in order. */
void cfi_hf_apply_rules(cfi_hf_line *line);
/* What no row of hf_rules.def can say: of every family, then of the configuration's own. */
void cfi_hf_apply_common(cfi_hf_line *line);
void cfi_hf_apply_special(cfi_hf_line *line);
/* Takes back what does not hold, and counts blocks for next-token prediction as blocks behind the trunk. */
void cfi_hf_settle(cfi_hf_line *line);
/* What engines of checkpoints read by themselves. */
void cfi_hf_state(cfi_hf_line *line);

/* `ARCH key=value ...` of docs/model-text.md, in the arena; NULL on failure, c->status says why. */
const char *cfi_hf_config_line(cfi_hf_config *c);

#endif
