/* Parsing a header with a vocabulary of real size, against a bare walk over its strings; both in turn, in one run. */
#include <inttypes.h>

#include "bench_support.h"
#include "gguf_writer.h"

#define ROUNDS 101
#define TOKENS 150000
#define MERGES 280000

/* What no reader can avoid: from length to length. */
static uint64_t walk(const unsigned char *p, uint64_t count)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t len = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
                       (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;

        sum += len;
        p += 8 + len;
    }
    return sum;
}

static ctxfit_gguf *parse(const gguf_writer *w)
{
    ctxfit_gguf *gguf = NULL;
    ctxfit_error error;

    if (ctxfit_gguf_parse(w->data, w->size, NULL, NULL, &gguf, &error) != CTXFIT_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return gguf;
}

static ctxfit_gguf_key facts(const ctxfit_gguf *gguf, const char *name)
{
    ctxfit_gguf_key key = CTXFIT_GGUF_KEY_INIT;
    uint64_t        index = 0;

    if (ctxfit_gguf_find_key(gguf, name, &index) != CTXFIT_OK || ctxfit_gguf_get_key(gguf, index, &key) != CTXFIT_OK)
        exit(1);
    return key;
}

int main(void)
{
    static double     walks[ROUNDS], parses[ROUNDS];
    volatile uint64_t sum = 0;
    gguf_writer       w;
    ctxfit_gguf      *gguf;
    ctxfit_gguf_key   tokens, merges;
    double            walk_s, parse_s;

    gw_vocabulary(&w, TOKENS, MERGES);
    gguf = parse(&w);
    tokens = facts(gguf, "tokenizer.ggml.tokens");
    merges = facts(gguf, "tokenizer.ggml.merges");
    ctxfit_gguf_free(gguf);
    for (size_t i = 0; i < ROUNDS; i++) {
        double start = bench_now_s(), middle;

        sum += walk(w.data + tokens.offset, tokens.count) + walk(w.data + merges.offset, merges.count);
        middle = bench_now_s();
        ctxfit_gguf_free(parse(&w));
        parses[i] = bench_now_s() - middle;
        walks[i] = middle - start;
    }
    walk_s = bench_median(walks, ROUNDS);
    parse_s = bench_median(parses, ROUNDS);
    (void)printf("header: %zu bytes, %d tokens, %d merges (%" PRIu64 " bytes of text walked)\n", w.size, TOKENS, MERGES,
                 (uint64_t)sum / ROUNDS);
    (void)printf("bare walk          %9.1f us\n", walk_s * 1e6);
    (void)printf("ctxfit_gguf_parse  %9.1f us\n", parse_s * 1e6);
    (void)printf("ratio              %9.2f (aim: 1.3 at most)\n", parse_s / walk_s);
    gw_free(&w);
    return 0;
}
