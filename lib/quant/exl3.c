/* EXL3: file types of any number of bits, and how many each matrix gets. Source: exllamav3 1.6.5 conversion/allocation.py. */
#include <stdlib.h>

#include "quant_internal.h"

/* Ids: 1006425 is 4.25 bits per weight and 6 of the output matrix. */
#define EXL3_FIRST     1000000u
#define EXL3_HEAD      1000u
#define EXL3_HEAD_BITS 6u /* convert_model.py, head_bits */
#define EXL3_MTP_BITS  4u /* mtp_bits */
#define MOST_HALVES    16u

uint32_t cfi_exl3_hundredths(ctxfit_file_type type) { return (type - EXL3_FIRST) % EXL3_HEAD; }

uint32_t cfi_exl3_head_bits(ctxfit_file_type type) { return (type - EXL3_FIRST) / EXL3_HEAD; }

static bool are_bits(uint64_t hundredths, uint64_t head) { return hundredths >= 100 && hundredths <= 800 && head >= 1 && head <= 8; }

bool cfi_exl3_is(ctxfit_file_type type)
{
    return type >= EXL3_FIRST && are_bits(cfi_exl3_hundredths(type), cfi_exl3_head_bits(type));
}

ctxfit_file_type cfi_exl3_type(uint64_t hundredths, uint64_t head)
{
    return are_bits(hundredths, head) ? EXL3_FIRST + (uint32_t)head * EXL3_HEAD + (uint32_t)hundredths : 0;
}

ctxfit_file_type cfi_exl3_published(uint32_t index)
{
    static const uint16_t hundredths[] = {800, 600, 500, 450, 400, 350, 300, 250, 225, 200}; /* turboderp's models, 2026 */

    return index < CFI_COUNT(hundredths) ? cfi_exl3_type(hundredths[index], EXL3_HEAD_BITS) : 0;
}

/* Past `word`, letters in any case, and one of "-_:" before it; `text` where it does not stand there. */
static const char *past(const char *text, const char *word)
{
    const char *at = text;

    if (*at == '-' || *at == '_' || *at == ':')
        at++;
    for (; *word != '\0'; word++, at++)
        if (cfi_ascii_lower((unsigned char)*at) != *word)
            return text;
    return at;
}

/* "4", "4.2", "4.25": hundredths */
static bool read_hundredths(const char **text, uint64_t *out)
{
    uint64_t whole, tenth = 0, rest = 0;

    if (!cfi_parse_u64(*text, text, &whole) || whole > 8)
        return false;
    if (**text == '.' && cfi_is_digit((unsigned char)(*text)[1])) {
        tenth = (uint64_t)((*text)[1] - '0');
        *text += 2;
        if (cfi_is_digit((unsigned char)**text))
            rest = (uint64_t)(*(*text)++ - '0');
    }
    *out = whole * 100 + tenth * 10 + rest;
    return true;
}

ctxfit_file_type cfi_exl3_from_name(const char *name)
{
    const char *at = past(name, "exl3"), *unit, *head;
    bool        named = at != name;
    uint64_t    hundredths, bits = EXL3_HEAD_BITS;

    if (named && (*at == '-' || *at == '_' || *at == ':'))
        at++;
    if (!read_hundredths(&at, &hundredths))
        return 0;
    unit = past(at, "bpw");
    if (unit == at && !named)
        return 0;
    head = past(unit, "h");
    if (head != unit && !cfi_parse_u64(head, &head, &bits))
        return 0;
    return *head == '\0' ? cfi_exl3_type(hundredths, bits) : 0;
}

/* ---- which bits a matrix gets ---- */
typedef enum exl3_kind { QKV, OUT, GATE, UP, DOWN, SH_UP, SH_DOWN, EXPERTS, KINDS, ALONE = KINDS } exl3_kind;
typedef enum exl3_priority { MIXER, FEED, SHARED, LAST } exl3_priority;
enum { FUSED = 100, UP_OF = 101 }; /* words of `parts` */

typedef struct exl3_rule {
    char    name[20];
    uint8_t kind;
    uint8_t priority;
    uint8_t parts;
} exl3_rule;

static const exl3_rule exl3_rules[] = {
#define CFI_EXL3(name, kind, priority, parts, source) {name, kind, priority, parts},
#include "exl3.def"
#undef CFI_EXL3
};

/* Matrices that get their bits together. */
typedef struct exl3_group {
    uint64_t elems; /* padded */
    uint32_t layer;
    uint32_t distance; /* to the nearer end of the layers */
    uint32_t order;
    uint16_t priority;
    uint16_t halves; /* of a bit per weight */
} exl3_group;

typedef struct exl3_layer {
    uint64_t down_columns;
    uint32_t group[KINDS]; /* place + 1; 0: none yet */
    bool     state;
} exl3_layer;

typedef struct exl3_run {
    const cfi_quant_facts *facts;
    exl3_layer            *layer; /* facts->block_count */
    exl3_group            *group; /* room for one of each tensor */
    uint32_t              *of;    /* of each tensor its group, UINT32_MAX: none */
    uint32_t               groups;
    uint64_t               elems;
} exl3_run;

/* The block's number and the name without it; -1: of no block. */
static int32_t block_of(const char *name, const char **out_base)
{
    uint64_t    block;
    const char *end;

    *out_base = name;
    if (strncmp(name, "blk.", 4) != 0 || !cfi_parse_u64(name + 4, &end, &block) || *end != '.' || block > INT32_MAX)
        return -1;
    *out_base = end + 1;
    return (int32_t)block;
}

static const exl3_rule *rule_of(const char *base)
{
    size_t len = strlen(base);

    if (len <= 7 || strcmp(base + len - 7, ".weight") != 0)
        return NULL;
    for (size_t i = 0; i < CFI_COUNT(exl3_rules); i++)
        if (strlen(exl3_rules[i].name) == len - 7 && memcmp(exl3_rules[i].name, base, len - 7) == 0)
            return &exl3_rules[i];
    return NULL;
}

static uint32_t parts_of(const exl3_rule *rule, const exl3_layer *layer, const cfi_quant_tensor *tensor)
{
    if (rule->parts == FUSED)
        return layer->state ? 1 : 3;
    if (rule->parts == UP_OF)
        return tensor->dims[1] == 2 * layer->down_columns ? 2 : 1;
    return rule->parts;
}

/* A gate of one number for each head stays as it is. */
static bool is_headwise(const exl3_rule *rule, const cfi_quant_tensor *tensor) { return rule->kind == GATE && tensor->dims[1] <= 256; }

static uint16_t priority_of(const exl3_run *run, const exl3_rule *rule, const exl3_layer *layer)
{
    bool experts = run->facts->experts > 0;

    switch ((exl3_priority)rule->priority) {
    case MIXER:  return (uint16_t)((layer->state ? 1 : 2) + (experts ? 2 : 0));
    case FEED:   return experts ? 2 : 1;
    case SHARED: return 3;
    case LAST:   break;
    }
    return 0;
}

/* Elements with the padding of each of the parts; false on overflow. */
static bool padded_elems(const cfi_quant_tensor *tensor, uint32_t parts, uint64_t *out)
{
    const uint64_t padding = cfi_quant_format_of(CFI_QUANT_EXL3_4BIT)->padding;
    uint64_t       columns, rows = tensor->dims[1];
    bool           even = rows % parts == 0;

    if (!cfi_align_u64(tensor->dims[0], padding, &columns) || !cfi_align_u64(even ? rows / parts : rows, padding, &rows))
        return false;
    return cfi_mul_u64(columns, rows, out) && cfi_mul_u64(*out, even ? parts : 1, out) && cfi_mul_u64(*out, tensor->dims[2], out) &&
           cfi_mul_u64(*out, tensor->dims[3], out);
}

static void note_exl3_layers(exl3_run *run, const cfi_quant_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *base;
        int32_t     block = block_of(tensors[i].name, &base);

        if (block < 0 || (uint32_t)block >= run->facts->block_count)
            continue;
        if (strncmp(base, "ssm_", 4) == 0)
            run->layer[block].state = true;
        if (strcmp(base, "ffn_down.weight") == 0)
            run->layer[block].down_columns = tensors[i].dims[0];
    }
}

static bool add_to_group(exl3_run *run, size_t tensor, uint32_t block, const exl3_rule *rule, uint64_t elems)
{
    exl3_layer *layer = &run->layer[block];
    uint32_t    last = run->facts->block_count - run->facts->nextn;
    uint32_t    at = rule->kind < KINDS ? layer->group[rule->kind] : 0;

    /* What gates a state is one group with what goes into it. */
    if (rule->kind == GATE && layer->state)
        at = layer->group[QKV];
    if (at == 0) {
        exl3_group *group = &run->group[run->groups];

        memset(group, 0, sizeof *group);
        group->layer = block;
        group->distance = block < last - 1 - block ? block : last - 1 - block;
        group->order = run->groups;
        group->priority = priority_of(run, rule, layer);
        at = ++run->groups;
        if (rule->kind < KINDS)
            layer->group[rule->kind] = at;
    }
    run->of[tensor] = at - 1;
    return cfi_add_u64(run->group[at - 1].elems, elems, &run->group[at - 1].elems) && cfi_add_u64(run->elems, elems, &run->elems);
}

static ctxfit_quant format_of_halves(uint32_t halves)
{
    static const uint8_t by_halves[MOST_HALVES + 1] = {
#define CFI_TRELLIS(id, name, halves, source, as_of) [halves] = id,
#include "formats.def"
    };

    return by_halves[halves];
}

/* rate_next(): half a bit more below 4 bits (the converter's usual codebook has these), else one; at most 8. */
static uint32_t halves_after(uint32_t halves)
{
    uint32_t next = halves + (halves < 8 ? 1 : 2);

    return next < MOST_HALVES ? next : MOST_HALVES;
}

/* rate_floor() */
static uint32_t first_halves(uint32_t hundredths) { return hundredths < 400 ? hundredths / 50 : hundredths / 100 * 2; }

ctxfit_quant cfi_exl3_base(ctxfit_file_type type) { return format_of_halves(first_halves(cfi_exl3_hundredths(type))); }

/* group_order_key(): what is more important first, then what is nearer to an end of the layers. */
static int by_importance(const void *a, const void *b)
{
    const exl3_group *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const exl3_group *x = a, *y = b;

    return (x->order > y->order) - (x->order < y->order);
}

/* Spends the budget a step at a time, group by group, until no group's step fits. False on overflow. */
static bool spend(exl3_run *run, uint32_t hundredths)
{
    uint64_t left;
    bool     raised = true;

    if (!cfi_mul_u64(run->elems, 2 * MOST_HALVES * 100, &left)) /* so every product below fits */
        return false;
    left = run->elems * hundredths / 50 - run->elems * first_halves(hundredths);
    for (uint32_t i = 0; i < run->groups; i++)
        run->group[i].halves = (uint16_t)first_halves(hundredths);
    qsort(run->group, run->groups, sizeof *run->group, by_importance);
    while (raised) {
        raised = false;
        for (uint32_t i = 0; i < run->groups; i++) {
            exl3_group *group = &run->group[i];
            uint32_t    next = halves_after(group->halves);
            uint64_t    cost = (next - group->halves) * group->elems;

            if (cost == 0 || cost > left)
                continue;
            group->halves = (uint16_t)next;
            left -= cost;
            raised = true;
        }
    }
    qsort(run->group, run->groups, sizeof *run->group, by_order);
    return true;
}

static ctxfit_status allocate_bits(exl3_run *run, ctxfit_file_type type, cfi_quant_tensor *tensors, size_t count, ctxfit_error *error)
{
    const uint32_t trunk = run->facts->block_count - run->facts->nextn;

    note_exl3_layers(run, tensors, count);
    for (size_t i = 0; i < count; i++) {
        const char      *base;
        int32_t          block = block_of(tensors[i].name, &base);
        const exl3_rule *rule = block >= 0 && (uint32_t)block < run->facts->block_count ? rule_of(base) : NULL;
        bool             head = block < 0 && strcmp(base, "output.weight") == 0;
        uint64_t         elems;

        run->of[i] = UINT32_MAX;
        tensors[i].to = CFI_QUANT_F16;
        tensors[i].parts = 1;
        if (head)
            tensors[i].to = format_of_halves(2 * cfi_exl3_head_bits(type));
        if (rule == NULL || is_headwise(rule, &tensors[i]))
            continue;
        tensors[i].parts = parts_of(rule, &run->layer[block], &tensors[i]);
        if ((uint32_t)block >= trunk)
            tensors[i].to = format_of_halves(2 * EXL3_MTP_BITS);
        else if (!padded_elems(&tensors[i], tensors[i].parts, &elems) || !add_to_group(run, i, (uint32_t)block, rule, elems))
            return cfi_fail(error, CTXFIT_E_OVERFLOW, "tensor '%.80s': more than 2^64 weights", tensors[i].name);
    }
    if (!spend(run, cfi_exl3_hundredths(type)))
        return cfi_fail(error, CTXFIT_E_OVERFLOW, "EXL3: more than 2^64 bits");
    for (size_t i = 0; i < count; i++)
        if (run->of[i] != UINT32_MAX)
            tensors[i].to = format_of_halves(run->group[run->of[i]].halves);
    return CTXFIT_OK;
}

ctxfit_status cfi_exl3_apply(ctxfit_file_type type, const cfi_quant_facts *facts, cfi_quant_tensor *tensors, size_t count,
                             const ctxfit_allocator *allocator, ctxfit_error *error)
{
    const ctxfit_allocator memory = cfi_allocator_or_default(allocator);
    exl3_run               run = {facts, NULL, NULL, NULL, 0, 0};
    const size_t           each = sizeof *run.group + sizeof *run.of, blocks = (size_t)facts->block_count * sizeof *run.layer;
    char                  *room;
    ctxfit_status          status;

    if (count > (SIZE_MAX - blocks) / each)
        return cfi_fail(error, CTXFIT_E_LIMIT, "%zu tensors are more than a recipe can order", count);
    if (count == 0)
        return CTXFIT_OK;
    room = memory.alloc(memory.user, blocks + count * each);
    if (room == NULL)
        return cfi_fail(error, CTXFIT_E_NO_MEMORY, "no memory for %zu tensors", count);
    memset(room, 0, blocks);
    run.layer = (exl3_layer *)(void *)room;
    run.group = (exl3_group *)(void *)(room + blocks);
    run.of = (uint32_t *)(void *)(room + blocks + count * sizeof *run.group);
    status = allocate_bits(&run, type, tensors, count, error);
    memory.release(memory.user, room, blocks + count * each);
    return status;
}

/* Parts of unequal height are multiples of the padding in all models: only what each has besides its rows is more. */
ctxfit_status cfi_quant_parts_bytes(ctxfit_quant quant, const uint64_t dims[4], uint32_t parts, uint64_t *out)
{
    const cfi_quant_format *f = cfi_quant_format_of(quant);
    const bool              even = parts > 1 && dims[1] % parts == 0;
    const uint64_t          part[4] = {dims[0], even ? dims[1] / parts : dims[1], dims[2], dims[3]};
    uint64_t                columns, edge;
    ctxfit_status           status;

    if (parts <= 1 || f == NULL || f->padding == 0)
        return cfi_quant_tensor_bytes(quant, dims, out);
    status = cfi_quant_tensor_bytes(quant, part, out);
    if (status != CTXFIT_OK)
        return status;
    if (even)
        return cfi_mul_u64(*out, parts, out) ? CTXFIT_OK : CTXFIT_E_OVERFLOW;
    if (!cfi_align_u64(dims[0], f->padding, &columns) || !cfi_mul_u64(columns, f->column_bytes, &edge) ||
        !cfi_add_u64(edge, f->matrix_bytes, &edge) || !cfi_mul_u64(edge, parts - 1, &edge) || !cfi_mul_u64(edge, dims[2], &edge) ||
        !cfi_mul_u64(edge, dims[3], &edge) || !cfi_add_u64(*out, edge, out))
        return CTXFIT_E_OVERFLOW;
    return CTXFIT_OK;
}
