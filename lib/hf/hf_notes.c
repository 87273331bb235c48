/* What a reading had to leave out or to guess, in sentences. */
#include "hf_internal.h"

static void add_note(cfi_hf_config *c, const char *source, const char *fmt, va_list args) CFI_PRINTF(3, 0);

static void add_note(cfi_hf_config *c, const char *source, const char *fmt, va_list args)
{
    const size_t cap = 512;
    char        *text;
    cfi_writer   w;
    char         message[448];

    if (c->note_count == CFI_HF_NOTES)
        return;
    text = cfi_arena_alloc(c->arena, cap);
    if (text == NULL) {
        cfi_hf_fail(c, CTXFIT_E_NO_MEMORY, "out of memory");
        return;
    }
    cfi_hf_format(message, sizeof message, fmt, args);
    cfi_writer_init(&w, text, cap);
    cfi_write(&w, "%s: %s", source, message);
    (void)cfi_writer_finish(&w, NULL);
    cfi_make_printable(text);
    c->note[c->note_count++] = text;
}

void cfi_hf_note(cfi_hf_config *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add_note(c, "config.json", fmt, args);
    va_end(args);
}

void cfi_hf_note_files(cfi_hf_config *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add_note(c, "checkpoint", fmt, args);
    va_end(args);
}

/* ---- an unknown class ---- */

/* Parts of keys whose values change what is stored or cached. */
static bool sounds_structural(const char *key)
{
    static const char parts[][16] = {"attn_type", "block_type", "channels", "chunk", "conv", "cross_attention", "cycles", "expert",
                                     "global", "hybrid", "latent", "layer_types", "layers_block", "linear", "lora_rank", "loop",
                                     "mamba", "mixer", "moe", "mtp", "ngram", "nextn", "output_gate", "pattern", "rwkv", "share", "ssm",
                                     "state", "window"};

    for (size_t i = 0; i < CFI_COUNT(parts); i++)
        if (strstr(key, parts[i]) != NULL)
            return true;
    return false;
}

static bool says_something(const cfi_json_value *value)
{
    const char *text = cfi_json_as_text(value, NULL);
    double      number;

    if (text != NULL) /* a list as text: Step-3's moe_layers_enum */
        return cfi_is_digit(text[0]) && strchr(text, ',') != NULL;
    switch (cfi_json_kind_of(value)) {
    case CFI_JSON_BOOL: return cfi_json_is_true(value);
    case CFI_JSON_NUMBER: return cfi_json_as_number(value, &number) && number > 1; /* one group, every layer: nothing special */
    case CFI_JSON_ARRAY: case CFI_JSON_OBJECT: return cfi_json_count(value) > 0;
    default: return false;
    }
}

static void note_unread_keys(cfi_hf_config *c, const cfi_json_value *object)
{
    char       list[300];
    cfi_writer w;
    size_t     count = 0;

    cfi_writer_init(&w, list, sizeof list);
    for (cfi_json_iter it = cfi_json_items(object); cfi_json_next(&it);)
        if (sounds_structural(it.key) && says_something(it.value) && !cfi_hf_reads(c->family, it.key)) {
            cfi_write(&w, "%s%s", count > 0 ? ", " : "", it.key);
            count++;
        }
    if (cfi_writer_finish(&w, NULL) == CTXFIT_E_BUFFER_SIZE)
        memcpy(list + sizeof list - 4, "...", 4);
    if (count > 0)
        cfi_hf_note(c, "of its own keys these may change sizes and caches and are not counted: %s", list);
}

static void note_unknown(cfi_hf_config *c)
{
    const char *name = *c->model_type != '\0' ? c->model_type : *c->class_name != '\0' ? c->class_name : "unstated";

    if (strncmp(c->family, "generic", 7) == 0)
        cfi_hf_note(c, "model_type '%s' is not known: its keys are read as those of a %s", name,
                    c->family[7] != '\0' ? "transformer with latent attention (kv_lora_rank, qk_rope_head_dim)" : "plain transformer");
    else if (!c->class_known)
        cfi_hf_note(c, "class '%s' is not known: it is read as one of its model_type '%s', %s", c->class_name, name, c->arch);
    else
        cfi_hf_note(c, "llama.cpp knows no '%s'%s: it is read as %s, whose shape it has", name,
                    c->no_latents ? " without latent attention" : "", c->arch);
    note_unread_keys(c, c->inner != NULL ? c->inner : c->outer);
}

/* ---- guesses ---- */

/* -1 stands for "none" in many files. */
static bool is_no_size(const cfi_json_value *value)
{
    double number;

    return cfi_json_kind_of(value) == CFI_JSON_NUMBER && cfi_json_as_number(value, &number) && (number < -1 || number > UINT32_MAX);
}

static void note_no_sizes(cfi_hf_config *c)
{
    for (cfi_json_iter it = cfi_json_items(c->inner != NULL ? c->inner : c->outer); cfi_json_next(&it);)
        if (is_no_size(it.value) && cfi_hf_reads(c->family, it.key))
            cfi_hf_note(c, "'%s' is no size that a model can have: read as if it were missing", it.key);
}

static void note_heads(cfi_hf_line *line)
{
    if (cfi_hf_word_of(line, "attention.head_count") != NULL && cfi_hf_word_of(line, "attention.head_count_kv") == NULL && !line->c->known)
        cfi_hf_note(line->c, "num_key_value_heads is missing: as many as attention heads are assumed, the most that a cache can need");
}

/* Of a class that is known its own default stands. */
static void note_head(cfi_hf_line *line)
{
    if (strncmp(line->c->family, "generic", 7) == 0 && cfi_hf_word_of(line, "tie_word_embeddings") == NULL)
        cfi_hf_note(line->c, "tie_word_embeddings is missing: an output matrix beside the embeddings is counted");
}

static void note_length(cfi_hf_line *line)
{
    uint64_t length;

    if (cfi_hf_word_of(line, "context_length") == NULL)
        cfi_hf_note(line->c, "max_position_embeddings is missing: nothing says which length it is trained for");
    else if (cfi_hf_word_u64(line, "context_length", &length) && length == 0)
        cfi_hf_note(line->c, "max_position_embeddings is 0: nothing says which length it is trained for");
}

/* The loader of these architectures has no windows: every layer caches the whole context there (lib/model/windows.def). */
static void note_window(cfi_hf_line *line)
{
    const uint32_t before = line->c->note_count;
    uint64_t       window;

    if (cfi_hf_word_of(line, "attention.sliding_window") == NULL && cfi_hf_u64(line->c, "sliding_window", &window) && window > 0 &&
        cfi_hf_get_stated(line->c, "sliding_window") != NULL &&
        (cfi_hf_get(line->c, "use_sliding_window") == NULL || cfi_hf_true(line->c, "use_sliding_window")))
        cfi_hf_note(line->c, "sliding_window is %llu; llama.cpp's %s has no window: there every layer caches the whole context",
                    (unsigned long long)window, line->c->arch);
    if (line->c->note_count > before)
        line->c->window_note = line->c->note[before];
}

void cfi_hf_write_notes(cfi_hf_line *line)
{
    if (!line->c->known)
        note_unknown(line->c);
    else if (*line->c->wrapper != '\0')
        cfi_hf_note(line->c, "class '%.60s' is not known: counted is the decoder within it, %s", line->c->wrapper, line->c->arch);
    cfi_hf_note_defaults(line);
    note_no_sizes(line->c);
    note_heads(line);
    note_head(line);
    note_length(line);
    note_window(line);
}
