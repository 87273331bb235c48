/* What encoders take, held against what llama.cpp 0.7.0 reserved for the same files: every row is equal. */
#include "projector_rows.h"

#include "graph/clip_internal.h"

#define BUILD 11669 /* 0.7.0 */

typedef struct row_setting {
    uint32_t backend;
    uint32_t flash;
    uint32_t min_tokens;
    uint32_t max_tokens;
    char     request[32];
    uint64_t host, device, tokens; /* UINT64_MAX: not stated */
    unsigned width, height, count; /* of the request */
    unsigned piece_width, piece_height, pieces;
} row_setting;

static void read_word(row_setting *s, const char *word)
{
    const char *value = strchr(word, '=');

    if (value != NULL && strncmp(word, "dev=", 4) == 0)
        s->backend = strcmp(value, "=cuda") == 0 ? CTXFIT_BACKEND_CUDA
                     : strcmp(value, "=rpc") == 0 ? CTXFIT_BACKEND_RPC
                                                  : CTXFIT_BACKEND_CPU;
    else if (value != NULL && strncmp(word, "fa=", 3) == 0)
        s->flash = strcmp(value, "=on") == 0 ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
    else if (value != NULL && strncmp(word, "min=", 4) == 0)
        s->min_tokens = (uint32_t)strtoul(value + 1, NULL, 10);
    else if (value != NULL && strncmp(word, "max=", 4) == 0)
        s->max_tokens = (uint32_t)strtoul(value + 1, NULL, 10);
    else if (value != NULL && strncmp(word, "host=", 5) == 0)
        s->host = strtoull(value + 1, NULL, 10);
    else if (value != NULL && strncmp(word, "device=", 7) == 0)
        s->device = strtoull(value + 1, NULL, 10);
    else if (value != NULL && strncmp(word, "tokens=", 7) == 0)
        s->tokens = strtoull(value + 1, NULL, 10);
    else if (strchr(word, '*') != NULL)
        assert_int_equal(sscanf(word, "%ux%u*%u", &s->piece_width, &s->piece_height, &s->pieces), 3);
    else
        snprintf(s->request, sizeof s->request, "%s", word);
}

static row_setting read_row(const char *line)
{
    row_setting s = {.backend = CTXFIT_BACKEND_CPU, .tokens = UINT64_MAX, .count = 1};
    char        copy[PROJECTOR_LINE];

    snprintf(copy, sizeof copy, "%s", line + 2);
    for (char *at = copy; *at != '\0';) {
        size_t len  = strcspn(at, " ");
        bool   last = at[len] == '\0';

        at[len] = '\0';
        read_word(&s, at);
        at += last ? len : len + 1;
    }
    if (strchr(s.request, '=') != NULL)
        (void)sscanf(strchr(s.request, '=') + 1, "%ux%ux%u", &s.width, &s.height, &s.count);
    return s;
}

static void check_pictures(const projector_text *text, const char *line, const row_setting *s, const cfi_clip *clip)
{
    cfi_clip_pictures p;
    uint32_t          last;

    assert_true(cfi_clip_make(clip, s->width, s->height, &p));
    last = p.count[1] > 0 ? 1 : 0;
    if (p.width[last] != s->piece_width || p.height[last] != s->piece_height || p.count[last] != s->pieces ||
        cfi_clip_tokens(clip, p.width[last], p.height[last]) != s->tokens)
        fail_msg("%s: %s: %u of %ux%u, %llu tokens", text->name, line, (unsigned)p.count[last], (unsigned)p.width[last],
                 (unsigned)p.height[last], (unsigned long long)cfi_clip_tokens(clip, p.width[last], p.height[last]));
}

static void check_bytes(const projector_text *text, const char *line, const row_setting *s, const cfi_clip *clip)
{
    bool           load = strcmp(s->request, "load") == 0, overview = strncmp(s->request, "ov=", 3) == 0;
    cfi_arena      arena;
    cfi_clip_bytes bytes;
    cfi_clip_setup setup = {clip, s->backend, s->flash, load ? clip->warm_width : s->width, load ? clip->warm_height : s->height, s->count,
                            overview, &arena};

    cfi_arena_init(&arena, NULL);
    assert_int_equal(cfi_clip_measure(&setup, &bytes, NULL), CTXFIT_OK);
    cfi_arena_free(&arena);
    if (bytes.bound || bytes.host != s->host || bytes.device != s->device)
        fail_msg("%s: %s: host %llu device %llu%s", text->name, line, (unsigned long long)bytes.host, (unsigned long long)bytes.device,
                 bytes.bound ? ", a bound" : "");
    if (s->tokens != UINT64_MAX)
        assert_int_equal(overview ? cfi_clip_overview_tokens(clip, s->width, s->height) : cfi_clip_tokens(clip, s->width, s->height),
                         s->tokens);
}

static void every_measured_row_is_equal(void **state)
{
    projector_rows rows = projector_rows_read(TEST_DATA "/projectors/rows.txt");
    unsigned       checked = 0;

    (void)state;
    for (uint32_t i = 0; i < rows.count; i++) {
        const projector_text *text = &rows.text[i];
        ctxfit_gguf          *gguf = projector_gguf(text, NULL);
        ctxfit_projector     *projector;

        assert_int_equal(ctxfit_projector_from_gguf(gguf, NULL, &projector, NULL), CTXFIT_OK);
        ctxfit_gguf_free(gguf);
        for (uint32_t j = 0; j < text->answers; j++) {
            row_setting s = read_row(text->answer[j]);
            cfi_clip    clip;

            assert_int_equal(cfi_clip_read(projector, projector->sense[CFI_EYES].there ? CFI_EYES : CFI_EARS, BUILD, s.min_tokens,
                                           s.max_tokens, &clip, NULL),
                             CTXFIT_OK);
            if (text->answer[j][0] == 'p')
                check_pictures(text, text->answer[j], &s, &clip);
            else
                check_bytes(text, text->answer[j], &s, &clip);
            checked++;
        }
        ctxfit_projector_free(projector);
    }
    projector_rows_free(&rows);
    assert_true(checked > 300);
}

typedef struct named_kind {
    const char *name;
    uint32_t    since, least, most;
} named_kind;

static const named_kind kinds[] = {
#define CFI_CLIP_TYPE(id, name, since, graph, merge, key, least, most, ...) {name, since, least, most},
#define CFI_CLIP_BEFORE(id, ...)
#include "graph/clip_types.def"
#undef CFI_CLIP_BEFORE
#undef CFI_CLIP_TYPE
};

static void every_kind_stands_once_with_the_build_that_it_came_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(kinds); i++) {
        assert_in_range(kinds[i].since, 5056, BUILD); /* the first that has clip-impl.h; 0.7.0 */
        assert_true(kinds[i].least <= kinds[i].most);
        assert_true(strlen(kinds[i].name) < sizeof ((cfi_sense *)NULL)->type);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(kinds[i].name, kinds[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_measured_row_is_equal),
        cmocka_unit_test(every_kind_stands_once_with_the_build_that_it_came_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
