/* A division as options of llama.cpp: layers on GPUs, proportions, and patterns for what goes to the host. */
#include "place_internal.h"

static const char *const spread_piece_names[CFI_PIECE_COUNT] = {"up", "gate", "gate_up", "down"};

static uint64_t spread_layer_bytes(const cfi_divide *divide, uint32_t layer, cfi_padding padding)
{
    return divide->ledger->sum[layer + 1].moved[padding] - divide->ledger->sum[layer].moved[padding];
}

static uint32_t spread_existing(const cfi_ledger_layer *layer)
{
    uint32_t set = 0;

    for (uint32_t p = 0; p < CFI_PIECE_COUNT; p++)
        set |= layer->piece[p][CFI_PADDING_32] > 0 ? 1u << p : 0;
    return set;
}

/* Pieces of a few layers in a row: those that fill `room` best stay, the others are for the host. Sizes differ from layer to layer, so
 * that a few layers together leave less than one. */
static void spread_fill_window(const cfi_divide *divide, cfi_padding padding, uint64_t room, cfi_spread_range *r)
{
    uint64_t bytes[CFI_SPREAD_WINDOW * CFI_PIECE_COUNT], most = 0;
    uint32_t piece[CFI_SPREAD_WINDOW * CFI_PIECE_COUNT], count = 0, best = 0;

    for (uint32_t i = 0; i < r->window; i++) {
        const cfi_ledger_layer *layer = &divide->ledger->layer[r->window_first + i];

        for (uint32_t p = 0; p < CFI_PIECE_COUNT; p++) {
            if (layer->piece[p][padding] == 0)
                continue;
            bytes[count] = layer->piece[p][padding];
            piece[count++] = i * CFI_PIECE_COUNT + p;
        }
    }
    for (uint32_t set = 1; set < 1u << count; set++) {
        uint64_t total = 0;

        for (uint32_t n = 0; n < count && total <= room; n++)
            total += (set >> n & 1) != 0 ? bytes[n] : 0;
        if (total <= room && total > most) {
            best = set;
            most = total;
        }
    }
    for (uint32_t n = 0; n < count; n++)
        if ((best >> n & 1) == 0)
            r->pieces[piece[n] / CFI_PIECE_COUNT] |= 1u << piece[n] % CFI_PIECE_COUNT;
}

/* The last layers of a range keep their pieces, as --n-cpu-moe has it. Of a few layers, one that could stay whole and those before it, some
 * pieces stay. */
static void spread_fill_last(const cfi_divide *divide, cfi_padding padding, uint64_t room, cfi_spread_range *r)
{
    uint32_t whole = r->end;

    while (whole > r->first && spread_layer_bytes(divide, whole - 1, padding) <= room)
        room -= spread_layer_bytes(divide, --whole, padding);
    r->moved_first = r->moved_end = r->first;
    if (whole == r->first)
        return;
    if (whole < r->end)
        room += spread_layer_bytes(divide, whole++, padding);
    r->window_first = whole - r->first > CFI_SPREAD_WINDOW ? whole - CFI_SPREAD_WINDOW : r->first;
    r->window = whole - r->window_first;
    r->moved_end = r->window_first;
    spread_fill_window(divide, padding, room, r);
}

/* The other way round: the first layers keep theirs. Which of the two leaves smaller compute buffers depends on the model. */
static void spread_fill_first(const cfi_divide *divide, cfi_padding padding, uint64_t room, cfi_spread_range *r)
{
    uint32_t whole = r->first;

    while (whole < r->end && spread_layer_bytes(divide, whole, padding) <= room)
        room -= spread_layer_bytes(divide, whole++, padding);
    r->moved_first = r->moved_end = r->end;
    if (whole == r->end)
        return;
    if (whole > r->first)
        room += spread_layer_bytes(divide, --whole, padding);
    r->window_first = whole;
    r->window = (uint32_t)cfi_min_u64(CFI_SPREAD_WINDOW, r->end - whole);
    r->moved_first = whole + r->window;
    spread_fill_window(divide, padding, room, r);
}

static void spread_fill_range(const cfi_divide *divide, uint32_t d, cfi_spread_range *r)
{
    const cfi_ledger_sum *a = &divide->ledger->sum[r->first], *b = &divide->ledger->sum[r->end];
    cfi_padding           padding = divide->device[d].padding;
    uint64_t kept = b->kept[padding] - a->kept[padding] + b->cache[padding] - a->cache[padding] + divide->ledger->rope[padding];
    uint64_t room = divide->device[d].budget > kept ? divide->device[d].budget - kept : 0;

    memset(r->pieces, 0, sizeof r->pieces);
    r->window = 0;
    r->window_first = r->first;
    if (divide->tail)
        spread_fill_first(divide, padding, room, r);
    else
        spread_fill_last(divide, padding, room, r);
}

void cfi_spread_fill(const cfi_divide *divide, const uint32_t first[CFI_MAX_DEVICES + 1], cfi_spread *out)
{
    out->count = divide->count;
    out->host_layers = first[0];
    out->moved_layers = 0;
    for (uint32_t d = 0; d < divide->count; d++) {
        cfi_spread_range *r = &out->range[d];

        r->first = first[d];
        r->end = first[d + 1];
        spread_fill_range(divide, d, r);
        for (uint32_t i = r->moved_first; i < r->moved_end; i++)
            out->moved_layers += spread_layer_bytes(divide, i, CFI_PADDING_32) > 0 ? 1 : 0;
        for (uint32_t i = 0; i < r->window; i++)
            out->moved_layers += r->pieces[i] != 0 ? 1 : 0;
    }
}

/* ---- patterns ---- */
static uint32_t spread_power(uint32_t exponent)
{
    uint32_t power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* Numbers that differ in one digit, all further digits being free: 20 to 49 is "[2-4][0-9]". Returns the last. */
static uint32_t spread_write_block(cfi_writer *w, uint32_t first, uint32_t last)
{
    uint32_t free = 0, size, digit, end;

    while (first % spread_power(free + 1) == 0 && first >= spread_power(free + 1) && first + spread_power(free + 1) - 1 <= last)
        free++;
    size = spread_power(free);
    digit = first / size % 10;
    for (end = digit; end < 9 && first + (end - digit + 2) * size - 1 <= last;)
        end++;
    if (first / size / 10 > 0)
        cfi_write(w, "%lu", (unsigned long)(first / size / 10));
    if (end > digit)
        cfi_write(w, "[%lu-%lu]", (unsigned long)digit, (unsigned long)end);
    else
        cfi_write(w, "%lu", (unsigned long)digit);
    while (free-- > 0)
        cfi_write(w, "[0-9]");
    return first + (end - digit + 1) * size - 1;
}

void cfi_spread_write_numbers(cfi_writer *w, uint32_t first, uint32_t last)
{
    while (first <= last) {
        uint32_t through = spread_write_block(w, first, last);

        if (through < last)
            cfi_write(w, "|");
        first = through + 1;
    }
}

static void spread_begin_pattern(cfi_writer *w)
{
    cfi_write(w, "%sblk\\.(", w->len > 0 ? "," : "");
}

static void spread_end_pattern(cfi_writer *w, bool experts, uint32_t pieces, const char *buffer)
{
    const char *bar = "";

    cfi_write(w, ")\\.ffn_(");
    for (uint32_t p = 0; p < CFI_PIECE_COUNT; p++) {
        if ((pieces >> p & 1) == 0)
            continue;
        cfi_write(w, "%s%s", bar, spread_piece_names[p]);
        bar = "|";
    }
    cfi_write(w, "%s=%s", experts ? ")_(ch|)exps" : ")\\.weight", buffer);
}

void cfi_spread_write_pattern(cfi_writer *w, bool experts, uint32_t layer, uint32_t pieces, const char *buffer)
{
    spread_begin_pattern(w);
    cfi_spread_write_numbers(w, layer, layer);
    spread_end_pattern(w, experts, pieces, buffer);
}

/* Pieces that any layer of a range has. */
static uint32_t spread_pieces_of(const cfi_ledger *ledger, uint32_t first, uint32_t end)
{
    uint32_t set = 0;

    for (uint32_t i = first; i < end; i++)
        set |= spread_existing(&ledger->layer[i]);
    return set;
}

/* --n-cpu-moe says it where only the first device with layers has all experts of some of them on the host. */
static bool spread_is_first_layers(const cfi_spread *spread, const cfi_ledger *ledger, uint32_t *out_layers)
{
    bool seen = false;

    *out_layers = 0;
    if (!ledger->experts)
        return false;
    for (uint32_t d = 0; d < spread->count; d++) {
        const cfi_spread_range *r = &spread->range[d];

        if (r->first == r->end)
            continue;
        if ((seen || r->moved_first > r->first) && spread_pieces_of(ledger, r->moved_first, r->moved_end) != 0)
            return false;
        if (!seen && r->moved_end > r->moved_first)
            *out_layers = r->moved_end;
        seen = true;
    }
    return true;
}

typedef struct spread_writer {
    cfi_writer w;
    bool       experts;
    bool       begun;
} spread_writer;

static void spread_add_layers(spread_writer *out, uint32_t first, uint32_t last)
{
    if (out->begun)
        cfi_write(&out->w, "|");
    else
        spread_begin_pattern(&out->w);
    out->begun = true;
    cfi_spread_write_numbers(&out->w, first, last);
}

/* One pattern for all layers of which just these pieces are on the host: the engine's list of overrides is short. */
static void spread_write_set(spread_writer *out, const cfi_spread *spread, const cfi_ledger *ledger, bool first_layers, uint32_t pieces)
{
    out->begun = false;
    for (uint32_t d = 0; d < spread->count; d++) {
        const cfi_spread_range *r = &spread->range[d];

        if (!first_layers && spread_pieces_of(ledger, r->moved_first, r->moved_end) == pieces)
            spread_add_layers(out, r->moved_first, r->moved_end - 1);
        for (uint32_t i = 0; i < r->window; i++)
            if (r->pieces[i] == pieces)
                spread_add_layers(out, r->window_first + i, r->window_first + i);
    }
    if (out->begun)
        spread_end_pattern(&out->w, out->experts, pieces, "CPU");
}

static bool spread_write_host_tensors(const cfi_spread *spread, const cfi_ledger *ledger, ctxfit_plan_options *options)
{
    spread_writer out = {.experts = ledger->experts};
    size_t        len;
    uint32_t      layers;
    bool          first_layers = spread_is_first_layers(spread, ledger, &layers);

    cfi_writer_init(&out.w, options->overrides, sizeof options->overrides);
    options->cpu_expert_layers = first_layers ? layers : 0;
    for (uint32_t pieces = (1u << CFI_PIECE_COUNT) - 1; pieces > 0; pieces--)
        spread_write_set(&out, spread, ledger, first_layers, pieces);
    return cfi_writer_finish(&out.w, &len) == CTXFIT_OK;
}

bool cfi_spread_write(const cfi_spread *spread, const cfi_ledger *ledger, uint32_t open, ctxfit_plan_options *options)
{
    uint32_t layers = ledger->entries - spread->host_layers;

    if ((open & CTXFIT_OPEN_GPU_LAYERS) != 0)
        options->gpu_layers = layers == 0 ? CTXFIT_GPU_LAYERS_NONE : layers;
    if ((open & CTXFIT_OPEN_TENSOR_SPLIT) != 0) {
        for (uint32_t d = 0; d < CTXFIT_MAX_SPLIT; d++)
            options->tensor_split[d] =
                layers > 0 && spread->count > 1 && d < spread->count ? (double)(spread->range[d].end - spread->range[d].first) : 0;
    }
    return (open & CTXFIT_OPEN_HOST_TENSORS) == 0 || spread_write_host_tensors(spread, ledger, options);
}
