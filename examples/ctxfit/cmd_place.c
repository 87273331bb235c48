#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_MOST  8
#define PLACE_WORDS 64

/* `ctxfit place`: options of its own, taken out of the line before the rest is read as options of a plan. */
typedef struct place_request {
    cli_request plan;
    ctxfit_goal goal;
    ctxfit_line line;
    ctxfit_plan_options pasted;
    const char *text;    /* a pasted line */
    const char *program; /* to write one for */
    const char *path;    /* of the model, to write in it */
    const char *also[PLACE_MOST - 1]; /* further models, each with its options */
    uint32_t    also_count;
} place_request;

typedef struct word {
    const char *name;
    uint32_t    value;
} word;

static const word objectives[] = {
    {"context", CTXFIT_OBJECTIVE_LARGEST_CONTEXT},
    {"speed", CTXFIT_OBJECTIVE_FASTEST_DECODE},
    {"quality", CTXFIT_OBJECTIVE_BEST_QUALITY},
    {"sequences", CTXFIT_OBJECTIVE_MOST_SEQUENCES},
};

static const word open_bits[] = {
    {"ctx", CTXFIT_OPEN_CONTEXT},
    {"sequences", CTXFIT_OPEN_SEQUENCES},
    {"quant", CTXFIT_OPEN_FILE_TYPE},
    {"kv", CTXFIT_OPEN_CACHE_TYPE},
    {"ngl", CTXFIT_OPEN_GPU_LAYERS},
    {"split", CTXFIT_OPEN_TENSOR_SPLIT},
    {"tensors", CTXFIT_OPEN_HOST_TENSORS},
    {"ubatch", CTXFIT_OPEN_UBATCH},
    {"flash", CTXFIT_OPEN_FLASH},
    {"nothing", CTXFIT_OPEN_NOTHING},
};

static bool place_fault(const char *name, const char *value, const char *expected)
{
    fprintf(stderr, "ctxfit: %s '%s': expected %s\n", name, value, expected);
    return false;
}

static bool find_word(const word *words, size_t count, const char *text, size_t length, uint32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i].name) == length && strncmp(words[i].name, text, length) == 0) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static bool read_open(place_request *r, const char *value)
{
    for (const char *p = value;; p++) {
        size_t   length = strcspn(p, ",");
        uint32_t bit = 0;

        if (!find_word(open_bits, CLI_COUNT(open_bits), p, length, &bit))
            return place_fault("--open", value,
                               "ctx, sequences, quant, kv, ngl, split, tensors, ubatch, flash with commas between; or nothing");
        r->goal.open |= bit;
        p += length;
        if (*p == '\0')
            return true;
    }
}

/* Reads an option of `place`; *known false: it is one of a plan. */
static bool read_own(place_request *r, const char *name, const char *value, bool *known)
{
    static const char *const names[] = {"--for", "--open", "--least-ctx", "--least-rate", "--depth", "--worst-quant", "--worst-kv",
                                        "--line", "--program", "--path", "--and"};
    size_t                   at = 0;

    while (at < CLI_COUNT(names) && strcmp(names[at], name) != 0)
        at++;
    *known = at < CLI_COUNT(names);
    if (!*known)
        return true;
    if (value == NULL)
        return place_fault("option", name, "a value behind it");
    switch (at) {
    case 0:
        return find_word(objectives, CLI_COUNT(objectives), value, strlen(value), &r->goal.objective) ||
               place_fault(name, value, "context, speed, quality or sequences");
    case 1: return read_open(r, value);
    case 2: return cli_parse_tokens(value, &r->goal.least_ctx_seq_tokens) || place_fault(name, value, "a number of tokens (32768, 32k)");
    case 3: return cli_parse_real(value, &r->goal.least_decode_tokens_per_s) || place_fault(name, value, "tokens per second, 0 or more");
    case 4: return cli_parse_tokens(value, &r->goal.depth_tokens) || place_fault(name, value, "a number of tokens (32768, 32k)");
    case 5:
        r->goal.worst_file_type = ctxfit_file_type_from_name(value);
        return r->goal.worst_file_type != 0 || place_fault(name, value, "a file type such as Q4_K_M");
    case 6:
        r->goal.worst_cache_type = ctxfit_quant_from_name(value);
        return r->goal.worst_cache_type != 0 || place_fault(name, value, "f16, q8_0 or q4_0");
    case 7: r->text = value; return true;
    case 8: r->program = value; return *value != '\0' || place_fault(name, value, "a program, such as llama-server");
    case 9: r->path = value; return true;
    default:
        if (r->also_count == CLI_COUNT(r->also))
            return place_fault(name, value, "at most 7 further models");
        r->also[r->also_count++] = value;
        return true;
    }
}

static bool read_pasted(place_request *r)
{
    ctxfit_error error;

    if (ctxfit_place_read_line(r->text, &r->pasted, &r->line, &error) != CTXFIT_OK) {
        fprintf(stderr, "ctxfit: --line, at byte %" PRIu64 ": %s\n", error.offset, error.message);
        return false;
    }
    return true;
}

/* A pasted line states the run; of the other options those of machine, model, engine and reserves stay. */
static void take_pasted(place_request *r)
{
    ctxfit_plan_options stated = r->plan.options;

    r->plan.options = r->pasted;
    memcpy(r->plan.options.engine, stated.engine, sizeof stated.engine);
    if (stated.reserve_bytes != 0)
        r->plan.options.reserve_bytes = stated.reserve_bytes;
    if (r->plan.file_type == 0)
        r->plan.file_type = r->line.file_type;
    if (r->line.not_counted[0] != '\0')
        fprintf(stderr, "ctxfit: note: not counted, its memory comes on top: %s\n", r->line.not_counted);
    if (r->line.not_followed[0] != '\0')
        fprintf(stderr, "ctxfit: note: not followed; the machine is --hw, the model is MODEL: %s\n", r->line.not_followed);
}

static bool read_arguments(int argc, char **argv, place_request *r)
{
    const ctxfit_goal goal = CTXFIT_GOAL_INIT;
    const ctxfit_line line = CTXFIT_LINE_INIT;
    const ctxfit_plan_options none = CTXFIT_PLAN_OPTIONS_INIT;
    char            **rest = malloc(((size_t)argc + 3) * sizeof *rest);
    int               count = 0;
    bool              good = rest != NULL, known;

    memset(r, 0, sizeof *r);
    r->goal = goal;
    r->line = line;
    r->pasted = none;
    for (int i = 0; i < argc && good; i++) {
        good = read_own(r, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &known);
        if (known)
            i++;
        else if (good)
            rest[count++] = argv[i];
    }
    good = good && (r->text == NULL || read_pasted(r));
    if (good && r->line.model[0] != '\0' && (count == 0 || rest[0][0] == '-')) { /* the model may stand in the line alone */
        memmove(rest + 1, rest, (size_t)count * sizeof *rest);
        rest[0] = r->line.model;
        count++;
    }
    good = good && cli_parse_plan(count, rest, &r->plan);
    if (good && r->text != NULL)
        take_pasted(r);
    free(rest);
    return good;
}

/* ---- output ---- */
static void print_line(const char *heading, const ctxfit_plan_options *options, const place_request *r)
{
    char        text[4096];
    const char *path = r->path;

    if (path == NULL && strstr(r->plan.model, ".gguf") != NULL)
        path = r->plan.model;
    if (ctxfit_place_write_line(options, r->program, path, text, sizeof text, NULL) == CTXFIT_OK)
        printf("%s\n  %s", heading, text);
    else
        return;
    cli_write_beside_words(&r->plan, stdout);
    fputc('\n', stdout);
}

static void print_reasons(const ctxfit_place *place)
{
    ctxfit_change change = CTXFIT_CHANGE_INIT;

    printf("Why\n");
    for (uint32_t i = 0; ctxfit_place_reason(place, i) != NULL; i++) {
        fputs("  ", stdout);
        cli_wrap(stdout, 84, 2, ctxfit_place_reason(place, i));
    }
    for (uint32_t i = 0; ctxfit_place_get_change(place, i, &change) == CTXFIT_OK; i++) {
        if (i == 0)
            printf("It would fit with one of these\n");
        printf("  %s\n", change.text);
    }
    fputc('\n', stdout);
}

/* What comes with the model and is not counted stands before the last brace. */
static bool print_json(const ctxfit_place *place, const cli_parts *parts)
{
    size_t length = 0;
    char  *text;

    (void)ctxfit_place_write_json(place, NULL, NULL, 0, &length);
    text = malloc(length + 1);
    if (text == NULL)
        return false;
    (void)ctxfit_place_write_json(place, NULL, text, length + 1, NULL);
    fwrite(text, 1, length - 1, stdout);
    cli_write_left_out(parts, true, stdout);
    puts("}");
    free(text);
    return true;
}

/* The pasted line as it stands. */
static void print_as_it_stands(const place_request *r, const ctxfit_model *model, const ctxfit_hw *hw)
{
    ctxfit_plan        *plan;
    ctxfit_plan_summary s = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_estimate     rate = CTXFIT_ESTIMATE_INIT;
    ctxfit_error        error;

    if (ctxfit_plan_make_beside(model, hw, &r->plan.options, r->plan.beside_list, NULL, &plan, &error) != CTXFIT_OK) {
        printf("As it stands: %s\n", error.message);
        return;
    }
    (void)ctxfit_plan_get_summary(plan, &s);
    (void)ctxfit_plan_get_decode_rate(plan, s.n_ctx_seq, &rate);
    printf("As it stands: %s, %s %s on the device with the least; %s tokens per sequence; %s at that depth\n",
           s.fit == CTXFIT_FIT_NONE ? "does not fit" : "fits", cli_bytes((uint64_t)(s.margin_bytes < 0 ? -s.margin_bytes : s.margin_bytes)),
           s.margin_bytes < 0 ? "missing" : "free", cli_count(s.n_ctx_seq), cli_rate(&rate));
    if (r->line.own_fit != CTXFIT_CHOICE_OFF)
        printf("(the program itself would change what the line does not state, until it takes -fit off)\n");
    ctxfit_plan_free(plan);
}

static int report_place(place_request *r, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_place *place)
{
    ctxfit_place_summary s = CTXFIT_PLACE_SUMMARY_INIT;
    ctxfit_plan_options  options = CTXFIT_PLAN_OPTIONS_INIT;

    (void)ctxfit_place_get_summary(place, &s);
    (void)ctxfit_place_get_options(place, &options);
    if (r->plan.json) {
        if (!print_json(place, parts))
            return CLI_BAD_INPUT;
    } else {
        r->plan.options = options;
        if (s.file_type != 0)
            r->plan.file_type = s.file_type;
        cli_render_plan(&r->plan, model, hw, ctxfit_place_plan(place), stdout);
        print_reasons(place);
        print_line(s.found ? "Line" : "Line of the nearest that was tried", &options, r);
    }
    return s.found ? CLI_FITS : CLI_DOES_NOT_FIT;
}

static uint32_t gpu_count(const ctxfit_hw *hw)
{
    return ctxfit_hw_device_count(hw) - 1;
}

static int place_on(place_request *r, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw)
{
    ctxfit_place       *place;
    ctxfit_error        error;
    ctxfit_plan_options fixed = r->plan.options;
    ctxfit_status       status;
    int                 code;

    if (r->line.split_count != 0 && r->line.split_count != gpu_count(hw)) {
        fprintf(stderr, "ctxfit: -ts: %u proportions for %u devices\n", (unsigned)r->line.split_count, (unsigned)gpu_count(hw));
        return CLI_USAGE;
    }
    if (r->text != NULL && !r->plan.json)
        print_as_it_stands(r, model, hw);
    if (r->text != NULL && r->goal.open == 0) { /* what runs stays, where it runs is chosen anew */
        fixed.gpu_layers = 0;
        fixed.cpu_expert_layers = 0;
        fixed.overrides[0] = '\0';
        memset(fixed.tensor_split, 0, sizeof fixed.tensor_split);
    }
    status = ctxfit_place_solve_beside(model, hw, &fixed, &r->goal, r->plan.beside_list, NULL, &place, &error);
    if (status != CTXFIT_OK) {
        code = cli_fail("place", r->plan.model, status, &error);
        return status == CTXFIT_E_INVALID_ARG ? CLI_USAGE : code;
    }
    code = report_place(r, parts, model, hw, place);
    ctxfit_place_free(place);
    return code;
}

/* With what runs beside the model. */
static int place_with(place_request *r, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw)
{
    cli_beside_list list;
    int             code = cli_gather_beside(&r->plan, parts, model, hw, &list);

    r->plan.beside_list = list.beside;
    if (code == CLI_FITS)
        code = place_on(r, parts, model, hw);
    cli_free_beside(&list);
    return code;
}

/* ---- several models ---- */
/* One model of a set: its words, its request, the model. */
typedef struct set_member {
    char            text[512];
    place_request   request;
    ctxfit_model   *model;
    cli_parts       parts; /* that come with it */
    cli_beside_list list;  /* of what runs beside it */
} set_member;

/* Words of a text, cut in place. */
static int cut_words(char *text, char **words)
{
    int count = 0;

    for (char *p = strtok(text, " "); p != NULL && count < PLACE_WORDS; p = strtok(NULL, " "))
        words[count++] = p;
    return count;
}

/* The model's own parameters, of which num_ctx does not count where the context is what is looked for. */
static void apply_parameters(place_request *r, const ctxfit_model *model)
{
    const bool     open = r->goal.objective == CTXFIT_OBJECTIVE_LARGEST_CONTEXT || (r->goal.open & CTXFIT_OPEN_CONTEXT) != 0;
    const uint64_t stated = r->plan.options.ctx_tokens;

    if (stated == 0 && open)
        r->plan.options.ctx_tokens = CTXFIT_CTX_LARGEST;
    cli_apply_parameters(r->plan.model, &r->plan.options, stderr);
    r->plan.options.ctx_tokens = stated;
    cli_apply_drafting(r->plan.model, model, &r->plan, stderr);
}

static int open_member(set_member *member)
{
    cli_model_source source = cli_source_of(&member->request.plan);
    ctxfit_error     error;
    ctxfit_status    status;

    member->parts.none_counted = !cli_counts_parts(&member->request.plan);
    source.parts = &member->parts;
    status = cli_open_model(&source, &member->model, &error);
    if (status != CTXFIT_OK)
        return cli_fail("model", member->request.plan.model, status, &error);
    apply_parameters(&member->request, member->model);
    return CLI_FITS;
}

static int read_member(const char *text, set_member *member)
{
    char *words[PLACE_WORDS];

    if (strlen(text) >= sizeof member->text) {
        (void)place_fault("--and", text, "at most 511 characters");
        return CLI_USAGE;
    }
    memcpy(member->text, text, strlen(text) + 1);
    if (!read_arguments(cut_words(member->text, words), words, &member->request))
        return CLI_USAGE;
    return open_member(member);
}

static void print_line_of(const char *text)
{
    fputs("  ", stdout);
    cli_put(stdout, text);
    fputc('\n', stdout);
}

static void print_member(const set_member *member, const ctxfit_place *place)
{
    ctxfit_place_summary s = CTXFIT_PLACE_SUMMARY_INIT;
    ctxfit_plan_summary  plan = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_change        change = CTXFIT_CHANGE_INIT;
    const char          *warning;

    (void)ctxfit_place_get_summary(place, &s);
    (void)ctxfit_plan_get_summary(ctxfit_place_plan(place), &plan);
    printf("%s: %s, %u x %s tokens, %s", ctxfit_model_name(member->model), s.found ? "fits" : "finds no room", (unsigned)s.sequences,
           cli_count(s.ctx_seq_tokens), cli_bytes(plan.total_bytes));
    if (s.decode_tokens_per_s > 0)
        printf(", about %.3g tokens/s", s.decode_tokens_per_s);
    fputc('\n', stdout);
    if (plan.beside_count > 0)
        printf("  %s of it beside the model\n", cli_bytes(plan.beside_bytes));
    for (uint32_t i = 0; (warning = ctxfit_plan_warning(ctxfit_place_plan(place), i)) != NULL; i++)
        if (strncmp(warning, "not counted: ", 13) == 0)
            print_line_of(warning);
    if (!s.found && ctxfit_place_reason(place, 0) != NULL)
        printf("  %s\n", ctxfit_place_reason(place, 0));
    for (uint32_t i = 0; ctxfit_place_get_change(place, i, &change) == CTXFIT_OK; i++)
        printf("  it would fit with %s\n", change.text);
}

static int report_set(const set_member *members, uint32_t count, const ctxfit_place_set *set)
{
    static const char *const verdicts[] = {"", "all run at the same time", "each runs alone, not all at the same time: they have to swap",
                                           "not every one of them runs even alone"};
    uint32_t                 verdict = ctxfit_place_set_verdict(set);
    ctxfit_device            device = CTXFIT_DEVICE_INIT;

    printf("%s\n", verdicts[verdict]);
    for (uint32_t i = 0; i < count; i++)
        print_member(&members[i], ctxfit_place_set_at(set, i));
    printf("Left for one more\n");
    for (uint32_t i = 0; ctxfit_hw_get_device(ctxfit_place_set_rest(set), i, &device) == CTXFIT_OK; i++)
        if (device.free_bytes != 0)
            printf("  %s: %s free\n", device.name, cli_bytes(device.free_bytes));
    return verdict == CTXFIT_SET_TOGETHER ? CLI_FITS : CLI_DOES_NOT_FIT;
}

static int solve_members(const set_member *members, uint32_t count, const ctxfit_hw *hw)
{
    const ctxfit_model  *models[PLACE_MOST];
    ctxfit_plan_options  options[PLACE_MOST];
    ctxfit_goal          goals[PLACE_MOST];
    const ctxfit_beside *beside[PLACE_MOST];
    ctxfit_place_set    *set;
    ctxfit_error         error;
    ctxfit_status        status;
    int                  code;

    for (uint32_t i = 0; i < count; i++) {
        models[i] = members[i].model;
        options[i] = members[i].request.plan.options;
        goals[i] = members[i].request.goal;
        beside[i] = members[i].list.beside;
    }
    status = ctxfit_place_solve_set_beside(models, count, hw, options, goals, beside, NULL, &set, &error);
    if (status != CTXFIT_OK) {
        code = cli_fail("place", error.detail < count ? members[error.detail].request.plan.model : "", status, &error);
        return status == CTXFIT_E_INVALID_ARG ? CLI_USAGE : code;
    }
    code = report_set(members, count, set);
    ctxfit_place_set_free(set);
    return code;
}

static int gather_members(set_member *members, uint32_t count, const ctxfit_hw *hw)
{
    int code = CLI_FITS;

    for (uint32_t i = 0; i < count && code == CLI_FITS; i++)
        code = cli_gather_beside(&members[i].request.plan, &members[i].parts, members[i].model, hw, &members[i].list);
    return code;
}

static int place_several(const place_request *first, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw)
{
    set_member *members = calloc(first->also_count + 1, sizeof *members);
    uint32_t    count = 1;
    int         code = members != NULL ? CLI_FITS : CLI_BAD_INPUT;

    for (; code == CLI_FITS && count <= first->also_count; count++)
        code = read_member(first->also[count - 1], &members[count]);
    if (code == CLI_FITS) {
        members[0].request = *first;
        members[0].model = (ctxfit_model *)model; /* not freed here */
        members[0].parts = *parts;
        code = gather_members(members, count, hw);
    }
    if (code == CLI_FITS)
        code = solve_members(members, count, hw);
    for (uint32_t i = 0; members != NULL && i < count; i++)
        cli_free_beside(&members[i].list);
    for (uint32_t i = 1; members != NULL && i < count; i++)
        ctxfit_model_free(members[i].model);
    free(members);
    return code;
}

int cli_place(int argc, char **argv)
{
    place_request    request;
    cli_parts        parts;
    cli_model_source source;
    ctxfit_model    *model;
    ctxfit_hw       *hw;
    ctxfit_error     error;
    ctxfit_status    status;
    int              code;

    if (!read_arguments(argc, argv, &request))
        return CLI_USAGE;
    if (request.plan.with[0] != '\0')
        return place_fault("--engine", request.plan.with, "one engine") ? CLI_FITS : CLI_USAGE;
    source = cli_source_of(&request.plan);
    memset(&parts, 0, sizeof parts);
    parts.none_counted = !cli_counts_parts(&request.plan);
    source.parts = &parts;
    status = cli_open_model(&source, &model, &error);
    if (status != CTXFIT_OK)
        return cli_fail("model", request.plan.model, status, &error);
    apply_parameters(&request, model);
    status = cli_open_hw(request.plan.hw, request.plan.hw_file, &request.plan.detect, &hw, &error);
    if (status != CTXFIT_OK) {
        ctxfit_model_free(model);
        return cli_fail("hardware", request.plan.hw != NULL ? request.plan.hw : "this machine", status, &error);
    }
    code = request.also_count > 0 ? place_several(&request, &parts, model, hw) : place_with(&request, &parts, model, hw);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    return code;
}
