/* What a configuration states and no model can have, and what no model is without. */
#include "hf_internal.h"

#define ROW_OF_LINE(line) CFI_PASTE(row_, line)
#define CFI_PASTE(a, b) a##b

static const struct word_texts {
#define CFI_HF_WORDS(family, key, words) char ROW_OF_LINE(__LINE__)[sizeof(#family "\0" key "\0" words)];
#include "hf_words.def"
#undef CFI_HF_WORDS
    char end[1];
} word_texts = {
#define CFI_HF_WORDS(family, key, words) #family "\0" key "\0" words,
#include "hf_words.def"
#undef CFI_HF_WORDS
    ""
};

/* Facts that decide sizes, under the key that most files have. */
static const struct size_fact {
    char     key[28];
    char     stated_as[24];
    uint32_t least, most;
    bool     needed;
} sizes[] = {
    {"block_count",                "num_hidden_layers",       1, CFI_HF_MAX_LAYERS, true},
    {"embedding_length",           "hidden_size",             1, UINT32_MAX, true},
    {"attention.head_count",       "num_attention_heads",     1, UINT32_MAX, true},
    {"attention.head_count_kv",    "num_key_value_heads",     1, UINT32_MAX, false},
    {"attention.key_length",       "head_dim",                1, UINT32_MAX, false},
    {"feed_forward_length",        "intermediate_size",       0, UINT32_MAX, true},
    {"expert_count",               "num_experts",             0, UINT32_MAX, false},
    {"expert_used_count",          "num_experts_per_tok",     0, UINT32_MAX, false},
    {"expert_feed_forward_length", "moe_intermediate_size",   0, UINT32_MAX, false},
    {"vocab_size",                 "vocab_size",              1, UINT32_MAX, true},
    {"context_length",             "max_position_embeddings", 0, 0, false}, /* an "endless" one of a tokenizer is none */
};

/* ---- single values ---- */

void cfi_hf_show(const cfi_json_value *value, char out[CFI_HF_SHOWN])
{
    cfi_writer  w;
    double      number;
    const char *text = cfi_json_as_text(value, NULL);

    cfi_writer_init(&w, out, CFI_HF_SHOWN);
    if (text != NULL)
        cfi_write(&w, "text \"%.24s\"%s", text, strlen(text) > 24 ? "..." : "");
    else if (cfi_json_kind_of(value) == CFI_JSON_BOOL)
        cfi_write(&w, cfi_json_is_true(value) ? "true" : "false");
    else if (!cfi_json_as_number(value, &number))
        cfi_write(&w, "%s", cfi_json_kind_name(value));
    else if (cfi_is_finite(number))
        cfi_write_number(&w, number, 10);
    else
        cfi_write(&w, number > 0 ? "Infinity" : number < 0 ? "-Infinity" : "NaN");
    (void)cfi_writer_finish(&w, NULL);
    cfi_make_printable(out);
}

void cfi_hf_expect_number(cfi_hf_config *c, const char *key, const cfi_json_value *value)
{
    char shown[CFI_HF_SHOWN];

    if (cfi_json_kind_of(value) != CFI_JSON_TEXT && cfi_json_kind_of(value) != CFI_JSON_OBJECT)
        return;
    cfi_hf_show(value, shown);
    cfi_hf_fail(c, CTXFIT_E_TYPE, "'%s' is %s: expected a number", key, shown);
}

void cfi_hf_expect_object(cfi_hf_config *c, const char *key)
{
    const cfi_json_value *value = cfi_hf_get_stated(c, key);
    char                  shown[CFI_HF_SHOWN];

    if (value == NULL || cfi_json_kind_of(value) == CFI_JSON_OBJECT)
        return;
    cfi_hf_show(value, shown);
    cfi_hf_fail(c, CTXFIT_E_TYPE, "'%s' is %s: expected an object", key, shown);
}

/* What a class that is not known makes of a value is its own matter, unless no model is without it. */
static void refuse_size(cfi_hf_line *line, const struct size_fact *fact, const char *key, const cfi_json_value *value)
{
    char shown[CFI_HF_SHOWN];

    cfi_hf_show(value, shown);
    if (!line->c->known && !fact->needed) {
        cfi_hf_note(line->c, "'%s' is %s: not counted", key, shown);
        cfi_hf_set(line, fact->key, NULL);
        if (strcmp(fact->key, "attention.key_length") == 0)
            cfi_hf_set(line, "attention.value_length", NULL);
        return;
    }
    cfi_hf_fail(line->c, CTXFIT_E_MALFORMED, "'%s' is %s: expected a whole number from %u to %u", key, shown, fact->least, fact->most);
}

/* Lists go on for the blocks for next tokens that stand behind the trunk. */
static bool fits_layers(const cfi_hf_config *c, size_t count)
{
    static const char keys[][28] = {"num_nextn_predict_layers", "mtp_num_hidden_layers"};
    uint64_t          behind;

    if (count == c->layers || c->layers == 0)
        return true;
    for (size_t i = 0; i < CFI_COUNT(keys); i++)
        if (cfi_hf_u64(c, keys[i], &behind) && behind < CFI_HF_MAX_LAYERS && count == c->layers + behind)
            return true;
    return false;
}

static void check_length(cfi_hf_config *c, const char *key, size_t count)
{
    if (!fits_layers(c, count))
        cfi_hf_fail(c, CTXFIT_E_MALFORMED, "'%s' has %zu entries: expected %u, one for each layer", key, count, c->layers);
}

static void check_value(cfi_hf_line *line, const struct size_fact *fact)
{
    cfi_hf_source source;
    uint64_t      number;

    if (fact->most == 0 || !cfi_hf_find_source(line, fact->key, &source) || source.value == NULL || source.by_default || !source.plain)
        return;
    if (cfi_json_kind_of(source.value) != CFI_JSON_ARRAY) {
        if (!cfi_json_as_u64(source.value, &number) || number < fact->least || number > fact->most)
            refuse_size(line, fact, source.key, source.value);
        return;
    }
    if (!line->c->known && !fits_layers(line->c, cfi_json_count(source.value))) {
        cfi_hf_note(line->c, "'%s' has %zu entries, not one for each of %u layers: it is not counted", source.key,
                    cfi_json_count(source.value), line->c->layers);
        cfi_hf_set(line, fact->key, NULL);
        return;
    }
    check_length(line->c, source.key, cfi_json_count(source.value));
    for (cfi_json_iter it = cfi_json_items(source.value); cfi_json_next(&it);)
        if (cfi_json_kind_of(it.value) != CFI_JSON_NULL && (!cfi_json_as_u64(it.value, &number) || number > fact->most))
            refuse_size(line, fact, source.key, it.value);
}

/* ---- values that do not go together ---- */

static const char *stated_key(const cfi_hf_line *line, const char *key, cfi_hf_source *source)
{
    return cfi_hf_find_source(line, key, source) ? source->key : key;
}

static void check_heads(cfi_hf_line *line)
{
    cfi_hf_source of_heads, of_kv;
    uint64_t      heads, kv, width;

    if (!cfi_hf_word_u64(line, "attention.head_count", &heads) || heads == 0 ||
        !cfi_hf_find_source(line, "attention.head_count", &of_heads))
        return;
    if (cfi_hf_word_u64(line, "attention.head_count_kv", &kv) && kv > 0 && heads % kv != 0)
        cfi_hf_fail(line->c, CTXFIT_E_MALFORMED, "'%s' is %llu and '%s' is %llu: expected heads that divide by the KV heads", of_heads.key,
                    (unsigned long long)heads, stated_key(line, "attention.head_count_kv", &of_kv), (unsigned long long)kv);
    if (cfi_hf_word_of(line, "attention.key_length") == NULL && cfi_hf_word_u64(line, "embedding_length", &width) && width % heads != 0)
        cfi_hf_note(line->c, "head_dim is missing, and a width of %llu does not divide by %llu heads: %llu each are assumed",
                    (unsigned long long)width, (unsigned long long)heads, (unsigned long long)(width / heads));
}

static void check_experts(cfi_hf_line *line)
{
    cfi_hf_source of_all, of_used;
    uint64_t      all, used;

    if (cfi_hf_word_u64(line, "expert_count", &all) && all > 1 && cfi_hf_word_u64(line, "expert_used_count", &used) &&
        (used == 0 || used > all))
        cfi_hf_fail(line->c, CTXFIT_E_MALFORMED, "'%s' is %llu: expected 1 to %llu, as '%s' says",
                    stated_key(line, "expert_used_count", &of_used), (unsigned long long)used, (unsigned long long)all,
                    stated_key(line, "expert_count", &of_all));
}

/* ---- words ---- */

static bool is_among(const char *words, const char *word)
{
    const size_t len = strlen(word);

    for (const char *at = strstr(words, word); len > 0 && at != NULL; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static void check_words(cfi_hf_config *c, const char *key, const char *words)
{
    const cfi_json_value *list = cfi_hf_get_stated(c, key);
    char                  shown[CFI_HF_SHOWN];
    uint32_t              place = 0;

    if (list == NULL)
        return;
    if (cfi_json_kind_of(list) != CFI_JSON_ARRAY) {
        cfi_hf_show(list, shown);
        cfi_hf_fail(c, CTXFIT_E_TYPE, "'%s' is %s: expected a list with one entry for each layer", key, shown);
        return;
    }
    for (cfi_json_iter it = cfi_json_items(list); cfi_json_next(&it); place++) {
        const char *word = cfi_json_as_text(it.value, NULL);

        if (word != NULL && is_among(words, word))
            continue;
        cfi_hf_show(it.value, shown);
        cfi_hf_fail(c, CTXFIT_E_MALFORMED, "'%s' is %s for layer %u: expected one of: %.120s%s", key, shown, place, words,
                    strlen(words) > 120 ? "..." : "");
        return;
    }
    check_length(c, key, cfi_json_count(list));
}

/* Is there a nearer row for the key than that of `family`? */
static bool is_nearest(const cfi_hf_config *c, const char *family, const char *key)
{
    size_t best = cfi_hf_distance(c->family, family);

    for (const char *row = (const char *)&word_texts; *row != '\0'; row = cfi_hf_column(row, 3))
        if (strcmp(cfi_hf_column(row, 1), key) == 0 && cfi_hf_distance(c->family, row) < best)
            return false;
    return true;
}

static void check_lists(cfi_hf_config *c)
{
    if (c->known)
        for (const char *row = (const char *)&word_texts; *row != '\0'; row = cfi_hf_column(row, 3))
            if (cfi_hf_distance(c->family, row) < SIZE_MAX && is_nearest(c, row, cfi_hf_column(row, 1)))
                check_words(c, cfi_hf_column(row, 1), cfi_hf_column(row, 2));
}

void cfi_hf_check_values(cfi_hf_line *line)
{
    for (size_t i = 0; i < CFI_COUNT(sizes); i++)
        check_value(line, &sizes[i]);
    check_heads(line);
    check_experts(line);
    check_lists(line->c);
}

/* ---- what is not there ---- */

void cfi_hf_check_needed(cfi_hf_line *line)
{
    const char *name = *line->c->model_type != '\0' ? line->c->model_type : "unstated";
    const bool  expert_width = cfi_hf_word_of(line, "expert_feed_forward_length") != NULL;
    char        list[160];
    cfi_writer  w;
    uint64_t    experts = 0;
    uint32_t    count = 0;

    (void)cfi_hf_word_u64(line, "expert_count", &experts);
    cfi_writer_init(&w, list, sizeof list);
    for (size_t i = 0; i < CFI_COUNT(sizes); i++) {
        const bool is_used = strcmp(sizes[i].key, "expert_used_count") == 0;

        if (cfi_hf_word_of(line, sizes[i].key) != NULL || !(sizes[i].needed || (is_used && experts > 1)) ||
            (expert_width && strcmp(sizes[i].key, "feed_forward_length") == 0))
            continue;
        cfi_write(&w, "%s'%s'", count > 0 ? ", " : "", sizes[i].stated_as);
        count++;
    }
    (void)cfi_writer_finish(&w, NULL);
    if (count > 0)
        cfi_hf_fail(line->c, CTXFIT_E_INCOMPLETE, "%s %s missing, and no default of model_type '%.40s' is known", list,
                    count == 1 ? "is" : "are", name);
}

void cfi_hf_note_defaults(cfi_hf_line *line)
{
    char       list[300];
    cfi_writer w;
    uint32_t   count = 0;

    cfi_writer_init(&w, list, sizeof list);
    for (size_t i = 0; i < CFI_COUNT(sizes); i++) {
        cfi_hf_source source;
        char          shown[CFI_HF_SHOWN];

        if (cfi_hf_word_of(line, sizes[i].key) == NULL || !cfi_hf_find_source(line, sizes[i].key, &source) || !source.by_default)
            continue;
        cfi_hf_show(source.value, shown);
        cfi_write(&w, "%s%s %s", count > 0 ? ", " : "", source.key, shown);
        count++;
    }
    if (cfi_writer_finish(&w, NULL) == CTXFIT_E_BUFFER_SIZE)
        memcpy(list + sizeof list - 4, "...", 4);
    if (count > 0)
        cfi_hf_note(line->c, "not stated, and taken from the defaults that transformers has for '%s': %s", line->c->model_type, list);
}
