/*
 * Which device of the catalog was found: by PCI id (with revision where the table has one), then by name, each confirmed by the memory
 * that was read. Where several remain that differ, the answer is none of them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "detect_internal.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define MIB (UINT64_C(1) << 20)
#define MOST_CANDIDATES 16u

/* Id and PCI ids of every row, one after the other, each with its NUL: no pointers, no offsets. */
#define PCI(id, pci_ids) char JOIN(i, __LINE__)[sizeof(id)]; char JOIN(p, __LINE__)[sizeof(pci_ids)];
static const struct pci_texts {
#include "pci_ids.def"
#undef PCI
#define PCI(id, pci_ids) id, pci_ids,
} pci_texts = {
#include "pci_ids.def"
};
#undef PCI

typedef struct candidates {
    uint32_t index[MOST_CANDIDATES]; /* of the catalog */
    uint32_t count;
    bool     revision;
} candidates;

enum {
    REVISION_EQUAL,
    REVISION_ANY,    /* the row has none */
    REVISION_OTHER,
    NO_ROW
};

static uint32_t hex_digits(const char *text, size_t count)
{
    uint32_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 4 | (uint32_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    return value;
}

/* How well "10de:2684 1002:744c/c8" fits. */
static int fit_of_ids(const char *ids, uint32_t vendor, uint32_t device, uint32_t revision)
{
    int best = NO_ROW;

    while (*ids != '\0') {
        size_t len = strcspn(ids, " ");

        if (hex_digits(ids, 4) == vendor && hex_digits(ids + 5, 4) == device) {
            int fit = len < 12 ? REVISION_ANY : hex_digits(ids + 10, 2) == revision ? REVISION_EQUAL : REVISION_OTHER;

            best = fit < best ? fit : best;
        }
        ids += len;
        ids += *ids == ' ' ? 1 : 0;
    }
    return best;
}

/* The next row at *at; false at the end. */
static bool next_row(size_t *at, const char **id, const char **ids)
{
    const char *all = (const char *)&pci_texts;

    if (*at >= sizeof pci_texts)
        return false;
    *id = all + *at;
    *ids = *id + strlen(*id) + 1;
    *at = (size_t)(*ids - all) + strlen(*ids) + 1;
    return true;
}

/* Rows with exactly this revision; if none, those that name no revision; if none, those of others. */
static void find_by_pci(candidates *c, uint32_t vendor, uint32_t device, uint32_t revision)
{
    const char *id, *ids;
    size_t      at = 0;
    int         best = NO_ROW;

    memset(c, 0, sizeof *c);
    while (next_row(&at, &id, &ids)) {
        int fit = fit_of_ids(ids, vendor, device, revision);

        if (fit == NO_ROW || fit > best || (fit == best && c->count == MOST_CANDIDATES))
            continue;
        if (fit < best)
            c->count = 0;
        best = fit;
        c->index[c->count++] = cfi_hw_find(id);
    }
    c->revision = best == REVISION_EQUAL;
}

uint32_t cfi_hw_pci_kind(uint32_t vendor, uint32_t device)
{
    candidates    c;
    ctxfit_device known;

    find_by_pci(&c, vendor, device, CFI_HW_NO_REVISION);
    if (c.count == 0)
        return 0;
    cfi_hw_catalog_device(c.index[0], &known);
    return known.kind;
}

uint64_t cfi_hw_pci_memory(uint32_t vendor, uint32_t device)
{
    candidates c;
    uint64_t   mib = 0;

    find_by_pci(&c, vendor, device, CFI_HW_NO_REVISION);
    for (uint32_t i = 0; i < c.count; i++) {
        if (i > 0 && cfi_hw_catalog_advertised_mib(c.index[i]) != mib)
            return 0;
        mib = cfi_hw_catalog_advertised_mib(c.index[i]);
    }
    return MIB * mib;
}

/* Drivers report up to 8 % less than what is advertised (ECC, firmware), and never more but for rounding. */
static bool size_fits(uint32_t index, uint64_t memory_bytes)
{
    uint64_t advertised = cfi_hw_catalog_advertised_mib(index), mib = memory_bytes / MIB;

    return mib * 100 >= advertised * 92 && mib * 200 <= advertised * 201;
}

static bool kind_fits(uint32_t index, uint32_t kind)
{
    ctxfit_device known;

    cfi_hw_catalog_device(index, &known);
    return known.kind == kind;
}

static void keep_sizes(candidates *c, uint32_t kind, uint64_t memory_bytes)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->count; i++)
        if (kind_fits(c->index[i], kind) && size_fits(c->index[i], memory_bytes))
            c->index[kept++] = c->index[i];
    c->count = kept;
}

/* A driver's or processor's name without what catalogs leave out: "(R)", "(TM)", " CPU", and all from " w/", " @", " with Radeon". */
static void clean_name(const char *name, char *out, size_t cap)
{
    static const char ends[][16] = {" w/", " @", " with Radeon"};
    static const char parts[][8] = {"(R)", "(TM)", "(r)", "(tm)", " CPU"};
    size_t            n = 0, len = strlen(name);

    for (size_t i = 0; i < CFI_COUNT(ends); i++) {
        const char *end = strstr(name, ends[i]);

        if (end != NULL)
            len = cfi_min_u64(len, (uint64_t)(end - name)) == len ? len : (size_t)(end - name);
    }
    while (len > 0 && n + 1 < cap) {
        size_t skip = 0;

        for (size_t i = 0; i < CFI_COUNT(parts) && skip == 0; i++)
            if (strlen(parts[i]) <= len && strncmp(name, parts[i], strlen(parts[i])) == 0)
                skip = strlen(parts[i]);
        if (skip == 0)
            out[n++] = *name;
        skip = skip == 0 ? 1 : skip;
        name += skip;
        len -= skip;
    }
    out[n] = '\0';
}

/* Whether the name, with the size of the entry where the name alone is that of several, leads to the entry. */
static bool name_leads_to(const char *cleaned, uint32_t index)
{
    char     sized[128];
    uint32_t found = CFI_HW_NONE;

    if (cleaned[0] == '\0')
        return false;
    if (cfi_hw_resolve(cleaned, &found) == CFI_HW_MATCH_ONE && found == index)
        return true;
    (void)snprintf(sized, sizeof sized, "%.100s %ugb", cleaned, (unsigned)((cfi_hw_catalog_advertised_mib(index) + 512) / 1024));
    return cfi_hw_resolve(sized, &found) == CFI_HW_MATCH_ONE && found == index;
}

/* Keeps those that the name leads to, if there are any. */
static bool keep_named(candidates *c, const char *name)
{
    candidates named = *c;
    char       cleaned[104];

    clean_name(name, cleaned, sizeof cleaned);
    named.count = 0;
    for (uint32_t i = 0; i < c->count; i++)
        if (name_leads_to(cleaned, c->index[i]))
            named.index[named.count++] = c->index[i];
    if (named.count == 0)
        return false;
    *c = named;
    return true;
}

/* Every device of this kind and size that the name leads to. */
static void find_by_name(candidates *c, const char *name, uint32_t kind, uint64_t memory_bytes)
{
    char     cleaned[104];
    uint32_t found = CFI_HW_NONE;

    memset(c, 0, sizeof *c);
    clean_name(name, cleaned, sizeof cleaned);
    if (cleaned[0] == '\0' || cfi_hw_resolve(cleaned, &found) == CFI_HW_MATCH_NONE)
        return;
    if (found != CFI_HW_NONE) {
        c->index[c->count++] = found;
        keep_sizes(c, kind, memory_bytes);
        if (c->count == 1)
            return;
    }
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count() && c->count < MOST_CANDIDATES; i++)
        if (cfi_hw_rig_spec(i) == NULL && kind_fits(i, kind) && size_fits(i, memory_bytes) && name_leads_to(cleaned, i))
            c->index[c->count++] = i;
}

static void agree_u64(uint64_t *common, uint64_t other)
{
    *common = *common == other ? other : 0;
}

static void agree_rate(double *common, double other)
{
    *common = (uint64_t)*common == (uint64_t)other ? other : 0;
}

/* What all candidates say alike; the rest is unknown. */
static void find_common(const candidates *c, ctxfit_device *common)
{
    memset(common, 0, sizeof *common);
    for (uint32_t i = 0; i < c->count; i++) {
        ctxfit_device other;

        cfi_hw_catalog_device(c->index[i], &other);
        if (i == 0)
            *common = other;
        agree_u64(&common->bandwidth_bytes_per_s, other.bandwidth_bytes_per_s);
        agree_u64(&common->link_bytes_per_s, other.link_bytes_per_s);
        agree_rate(&common->fp16_flops_per_s, other.fp16_flops_per_s);
        agree_rate(&common->int8_ops_per_s, other.int8_ops_per_s);
        common->backend = common->backend == other.backend ? other.backend : CTXFIT_BACKEND_DEFAULT;
    }
}

static void list_candidates(const candidates *c, char evidence[CFI_HW_EVIDENCE])
{
    cfi_writer w;

    cfi_writer_init(&w, evidence, CFI_HW_EVIDENCE);
    cfi_write(&w, "one of");
    for (uint32_t i = 0; i < c->count; i++)
        cfi_write(&w, "%s %s", i > 0 ? "," : "", ctxfit_hw_catalog_id(c->index[i]));
    (void)cfi_writer_finish(&w, NULL);
}

/* ---- boards: the model of the device tree has every word of the id but its size ---- */
static bool board_has(const char *board, const char *word, size_t len)
{
    for (const char *at = board; at != NULL; at = strchr(at, '-')) {
        at += *at == '-' ? 1 : 0;
        if (strncmp(at, word, len) == 0 && (at[len] == '-' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* Words of the id in the board's name, 0 = one is missing. Some Jetsons call themselves only "NVIDIA Orin Nano". */
static uint32_t words_on_board(const char *id, const char *board)
{
    uint32_t words = 0;

    while (*id != '\0') {
        size_t len = strcspn(id, "-");
        bool   size = id[len] == '\0' && len > 2 && strcmp(id + len - 2, "gb") == 0;
        bool   family = len == 6 && strncmp(id, "jetson", 6) == 0 && strncmp(board, "nvidia-", 7) == 0;

        if (!size && !family && !board_has(board, id, len))
            return 0;
        words++;
        id += len;
        id += *id == '-' ? 1 : 0;
    }
    return words;
}

static uint32_t find_board(const cfi_hw_scene *scene, uint32_t kind, uint64_t memory_bytes)
{
    static const char families[][8] = {"jetson-", "raspber"}; /* boards whose memory is soldered on */
    char              board[sizeof scene->board];
    uint32_t          best = CFI_HW_NONE, most = 0;

    cfi_slug(scene->board, board, sizeof board);
    for (uint32_t i = 0; board[0] != '\0' && i < ctxfit_hw_catalog_count() && cfi_hw_rig_spec(i) == NULL; i++) {
        const char *id = ctxfit_hw_catalog_id(i);
        uint32_t    words;

        if ((strncmp(id, families[0], 7) != 0 && strncmp(id, families[1], 7) != 0) || !kind_fits(i, kind) || !size_fits(i, memory_bytes))
            continue;
        words = words_on_board(id, board);
        if (words > most) {
            most = words;
            best = i;
        }
    }
    return best;
}

uint32_t cfi_hw_match_host(const cfi_hw_scene *scene, char evidence[CFI_HW_EVIDENCE])
{
    uint32_t index = find_board(scene, CTXFIT_DEVICE_HOST, scene->memory_bytes);

    if (index != CFI_HW_NONE)
        (void)snprintf(evidence, CFI_HW_EVIDENCE, "board '%s' and memory", scene->board);
    return index;
}

uint32_t cfi_hw_match_finding(const cfi_hw_scene *scene, const cfi_hw_finding *finding, uint64_t memory_bytes, ctxfit_device *common,
                              char evidence[CFI_HW_EVIDENCE])
{
    candidates c;
    bool       in_table, named = false;
    uint32_t   board;

    memset(common, 0, sizeof *common);
    (void)snprintf(evidence, CFI_HW_EVIDENCE, "not in the catalog");
    if (finding->partition) {
        (void)snprintf(evidence, CFI_HW_EVIDENCE, "a slice of a card: its share of the bandwidth is not known");
        return CFI_HW_NONE;
    }
    find_by_pci(&c, finding->vendor, finding->device, finding->revision);
    in_table = c.count > 0;
    keep_sizes(&c, finding->kind, memory_bytes);
    if (c.count == 0) {
        find_by_name(&c, finding->name, finding->kind, memory_bytes);
        named = c.count > 0;
    }
    if (c.count == 0 && finding->kind == CTXFIT_DEVICE_UNIFIED && !in_table) {
        find_by_name(&c, scene->cpu, finding->kind, memory_bytes);
        named = c.count > 0;
    }
    if (c.count > 1)
        named = keep_named(&c, finding->name) || keep_named(&c, scene->cpu) || named;
    find_common(&c, common);
    if (c.count > 1) {
        list_candidates(&c, evidence);
        return CFI_HW_NONE;
    }
    if (c.count == 1) {
        (void)snprintf(evidence, CFI_HW_EVIDENCE, "%s%s%s%s memory", in_table ? "PCI id" : "", in_table && c.revision ? ", revision" : "",
                       named ? (in_table ? ", name" : "name") : "", " and");
        return c.index[0];
    }
    board = finding->backend == CTXFIT_BACKEND_CUDA && finding->kind == CTXFIT_DEVICE_UNIFIED
                ? find_board(scene, CTXFIT_DEVICE_UNIFIED, memory_bytes) : CFI_HW_NONE;
    if (board != CFI_HW_NONE)
        (void)snprintf(evidence, CFI_HW_EVIDENCE, "board '%s' and memory", scene->board);
    else if (in_table)
        (void)snprintf(evidence, CFI_HW_EVIDENCE, "the PCI id is in the catalog, but with another size of memory");
    return board;
}
