/* Encoders: no cache, no output matrix, and the parameters that their classes have. */
#include "config_fixture.h"

#define BGE_M3 "\"hidden_size\": 1024, \"intermediate_size\": 4096, \"num_hidden_layers\": 24, \"num_attention_heads\": 16, " \
               "\"max_position_embeddings\": 8194, \"pad_token_id\": 1, \"type_vocab_size\": 1, \"vocab_size\": 250002}"
#define BASE   "\"hidden_size\": 768, \"num_hidden_layers\": %u, \"num_attention_heads\": 12, "

/* What the files have that a GGUF does not: the pooler, a square and its bias, and the positions up to the padding token. */
static uint64_t dense_of(uint64_t width) { return width * width + width; }

static uint64_t parameters_of(const char *json)
{
    ctxfit_model     *model = open_text(json);
    ctxfit_model_info info = info_of(model);

    assert_true((info.flags & CTXFIT_MODEL_F_NO_CACHE) != 0);
    assert_true((info.flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) == 0);
    ctxfit_model_free(model);
    return info.parameters;
}

/* BAAI/bge-m3: 567,754,752 parameters in its files. */
static void xlm_roberta_is_the_published_size_without_its_pooler(void **state)
{
    const char    json[] = "{\"architectures\": [\"XLMRobertaModel\"], \"model_type\": \"xlm-roberta\", " BGE_M3;
    ctxfit_model *model = open_text(json);

    (void)state;
    assert_int_equal(parameters_of(json), 567754752 - dense_of(1024) - 2 * 1024);
    assert_int_equal(info_of(model).trained_tokens, 8192);
    assert_int_equal(info_of(model).vocabulary, 250002);
    ctxfit_model_free(model);
}

/* BAAI/bge-reranker-v2-m3: 567,755,777, all of them but two positions in the GGUF. */
static void a_ranker_has_its_classifier(void **state)
{
    (void)state;
    assert_int_equal(parameters_of("{\"architectures\": [\"XLMRobertaForSequenceClassification\"], \"model_type\": \"xlm-roberta\", "
                                   "\"id2label\": {\"0\": \"LABEL_0\"}, " BGE_M3),
                     567755777 - 2 * 1024);
}

/* bert-base-uncased as transformers' BertModel: 109,482,240. */
static void bert_takes_two_types_of_tokens_where_none_are_stated(void **state)
{
    char json[512];

    (void)state;
    (void)snprintf(json, sizeof json, "{\"architectures\": [\"BertModel\"], \"model_type\": \"bert\", " BASE
                   "\"intermediate_size\": 3072, \"max_position_embeddings\": 512, \"vocab_size\": 30522}", 12u);
    assert_int_equal(parameters_of(json), 109482240 - dense_of(768));
}

/* answerdotai/ModernBERT-base as transformers' ModernBertModel: 149,014,272. Every third layer sees everything, the first included. */
static void modern_bert_has_windows_and_one_norm_less(void **state)
{
    char          json[512];
    ctxfit_model *model;

    (void)state;
    (void)snprintf(json, sizeof json, "{\"architectures\": [\"ModernBertForMaskedLM\"], \"model_type\": \"modernbert\", " BASE
                   "\"intermediate_size\": 1152, \"max_position_embeddings\": 8192, \"vocab_size\": 50368}", 22u);
    assert_int_equal(parameters_of(json), 149014272);
    model = open_text(json);
    for (uint32_t i = 0; i < 22; i++)
        assert_int_equal(layer_of(model, i).attention, i % 3 == 0 ? CTXFIT_ATTENTION_FULL : CTXFIT_ATTENTION_SLIDING);
    ctxfit_model_free(model);
}

static void a_padding_token_that_is_none_leaves_all_positions(void **state)
{
    ctxfit_model *model = open_text("{\"architectures\": [\"RobertaModel\"], \"model_type\": \"roberta\", \"pad_token_id\": null, "
                                    "\"type_vocab_size\": 1, " SHAPE "}");

    (void)state;
    assert_int_equal(info_of(model).trained_tokens, 4096);
    ctxfit_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xlm_roberta_is_the_published_size_without_its_pooler),
        cmocka_unit_test(a_ranker_has_its_classifier),
        cmocka_unit_test(bert_takes_two_types_of_tokens_where_none_are_stated),
        cmocka_unit_test(modern_bert_has_windows_and_one_norm_less),
        cmocka_unit_test(a_padding_token_that_is_none_leaves_all_positions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
