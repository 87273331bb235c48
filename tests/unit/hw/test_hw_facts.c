/* What the catalog knows of an entry beyond what plans use, and looking for entries. */
#include "hw_support.h"

#define FACTS(id, ...) id,
static const char device_facts_ids[][64] = {
#include "hw/device_facts.def"
};
#undef FACTS
#define SYSTEM(id, ...) id,
static const char system_facts_ids[][64] = {
#include "hw/system_facts.def"
};
#undef SYSTEM

#define GIB (UINT64_C(1) << 30)

static ctxfit_hw_entry entry_of(const char *name)
{
    ctxfit_hw_entry entry = CTXFIT_HW_ENTRY_INIT;
    ctxfit_error    error;
    uint32_t        index;

    memset(&error, 0, sizeof error);
    if (ctxfit_hw_catalog_find(name, &index, &error) != CTXFIT_OK)
        fail_msg("%s: %s", name, error.message);
    assert_int_equal(ctxfit_hw_catalog_get(index, &entry), CTXFIT_OK);
    return entry;
}

static void facts_stand_in_the_order_of_the_entries(void **state)
{
    (void)state;
    assert_int_equal(CFI_COUNT(device_facts_ids) + CFI_COUNT(system_facts_ids), ctxfit_hw_catalog_count());
    for (uint32_t i = 0; i < CFI_COUNT(device_facts_ids); i++)
        assert_string_equal(device_facts_ids[i], ctxfit_hw_catalog_id(i));
    for (uint32_t i = 0; i < CFI_COUNT(system_facts_ids); i++)
        assert_string_equal(system_facts_ids[i], ctxfit_hw_catalog_id((uint32_t)CFI_COUNT(device_facts_ids) + i));
}

#define WORD(id, text) text,
static const char words[][64] = {
#include "hw/hw_words.def"
};
#undef WORD
#define NOTE(id, text) text,
static const char *const notes[] = {
#include "hw/hw_notes.def"
};
#undef NOTE

static bool is_said(const char *text)
{
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        ctxfit_hw_entry e;

        cfi_hw_catalog_entry(i, &e);
        if (strcmp(text, e.vendor) == 0 || strcmp(text, e.family) == 0 || strcmp(text, e.chip) == 0 || strcmp(text, e.memory_type) == 0 ||
            strcmp(text, e.host_interface) == 0 || strcmp(text, e.peer_interconnect) == 0 || strcmp(text, e.node_interconnect) == 0 ||
            strcmp(text, e.compute_target) == 0 || strcmp(text, e.price_note) == 0 || strcmp(text, e.rate_note) == 0 ||
            strcmp(text, e.note) == 0)
            return true;
    }
    return false;
}

/* A text that is cut would be said by nobody. */
static void every_word_and_note_is_said_in_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(words); i++)
        if (!is_said(words[i]))
            fail_msg("'%s' is in hw_words.def for nobody, or is too long for its member", words[i]);
    for (size_t i = 0; i < CFI_COUNT(notes); i++)
        if (!is_said(notes[i]))
            fail_msg("'%s' is in hw_notes.def for nobody, or is too long for its member", notes[i]);
}

static bool is_date(uint32_t yyyymmdd)
{
    uint32_t year = yyyymmdd / 10000, month = yyyymmdd / 100 % 100, day = yyyymmdd % 100;

    return year >= 2012 && year <= 2027 && month <= 12 && day <= 31 && (month != 0 || day == 0);
}

static void check_entry(const ctxfit_hw_entry *e)
{
    double product = (double)e->memory_bus_bits / 8 * e->memory_mtps * 1e6;

    if (e->released != 0 && !is_date(e->released))
        fail_msg("%s: released %u", e->id, (unsigned)e->released);
    if (e->price_usd == 0 && (e->price_year != 0 || e->price_note[0] != '\0'))
        fail_msg("%s: a year or a note of no price", e->id);
    if (e->price_usd != 0 && (e->price_usd < 40 || e->price_usd > 1000000 || (e->price_year != 0 && e->price_year < 2012) ||
                              e->price_year > 2026))
        fail_msg("%s: price %u of %u", e->id, (unsigned)e->price_usd, (unsigned)e->price_year);
    if (e->power_w > 10000 || e->confidence < CTXFIT_CONFIDENCE_SINGLE || e->confidence > CTXFIT_CONFIDENCE_VENDOR)
        fail_msg("%s: power or confidence", e->id);
    /* Vendors round: Apple 400 for 409.6, NVIDIA 8 TB/s. */
    if (product > 0 && e->bandwidth_bytes_per_s != 0 &&
        ((double)e->bandwidth_bytes_per_s > product * 1.036 || (double)e->bandwidth_bytes_per_s < product * 0.964))
        fail_msg("%s: bandwidth is not bus width x rate", e->id);
    if (e->fp16_flops_per_s > 0 && (e->fp16_fp32acc_flops_per_s > e->fp16_flops_per_s * 1.01 ||
                                    e->bf16_flops_per_s > e->fp16_flops_per_s * 1.01)) /* vendors round */
        fail_msg("%s: accumulating in FP32 is not faster", e->id);
    if (e->fp8_flops_per_s > 0 && e->fp4_flops_per_s > 0 && e->fp4_flops_per_s < e->fp8_flops_per_s)
        fail_msg("%s: FP4 is slower than FP8", e->id);
    if (e->matrix_flops_per_s > 0 && e->fp16_fp32acc_flops_per_s > 0 &&
        (uint64_t)e->matrix_flops_per_s != (uint64_t)e->fp16_fp32acc_flops_per_s)
        fail_msg("%s: plans count with another rate than FP16 with FP32 accumulation", e->id);
    if (e->memory_bytes > e->advertised_bytes || e->budget_bytes > e->memory_bytes)
        fail_msg("%s: budget <= reported <= advertised memory", e->id);
}

static void every_entry_is_in_range(void **state)
{
    uint32_t prices = 0, rates = 0, links = 0, powers = 0;

    (void)state;
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        ctxfit_hw_entry e;

        cfi_hw_catalog_entry(i, &e);
        check_entry(&e);
        prices += e.price_usd != 0;
        rates += e.fp32_flops_per_s > 0;
        links += e.host_link_bytes_per_s != 0;
        powers += e.power_w != 0;
    }
    assert_true(prices > 200 && rates > 400 && links > 200 && powers > 380);
}

/* The machine that the spec of a name makes is what its entry says. */
static void entries_agree_with_the_machines_that_they_make(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ctxfit_hw_catalog_count(); i++) {
        ctxfit_hw_entry      e;
        ctxfit_hw           *hw;
        const ctxfit_device *devices;
        uint64_t             memory = 0, budget = 0;
        uint32_t             count, accelerators = 0, nodes = 0;
        char                 spec[128];

        cfi_hw_catalog_entry(i, &e);
        if (e.memory_bytes == 0)
            continue; /* a processor whose memory must be stated */
        (void)snprintf(spec, sizeof spec, "%s", e.id);
        hw = must_parse(spec);
        devices = cfi_hw_devices(hw, &count);
        for (uint32_t d = 0; d < count; d++) {
            nodes = devices[d].node + 1 > nodes ? devices[d].node + 1 : nodes;
            if (devices[d].kind == CTXFIT_DEVICE_HOST)
                continue;
            accelerators++;
            memory += devices[d].memory_bytes;
            budget += devices[d].budget_bytes;
        }
        assert_int_equal(accelerators, e.device_count);
        assert_int_equal(nodes, e.node_count);
        assert_int_equal(devices[count - 1].memory_bytes, e.host_memory_bytes);
        assert_int_equal(devices[0].bandwidth_bytes_per_s, e.bandwidth_bytes_per_s);
        assert_int_equal(devices[0].kind, cfi_hw_catalog_kind(i));
        if (accelerators > 0) {
            assert_int_equal(memory, e.memory_bytes);
            assert_int_equal(budget, e.budget_bytes);
        }
        ctxfit_hw_free(hw);
    }
}

/* Figures from the vendors' own pages, which the tables were not made from. */
static void entries_say_what_vendors_print(void **state)
{
    ctxfit_hw_entry e = entry_of("4090");

    (void)state;
    assert_string_equal(e.vendor, "NVIDIA");
    assert_string_equal(e.chip, "AD102");
    assert_string_equal(e.memory_type, "GDDR6X");
    assert_string_equal(e.compute_target, "sm_89");
    assert_string_equal(e.host_interface, "PCIe 4.0 x16");
    assert_int_equal(e.memory_bus_bits, 384);
    assert_int_equal(e.power_w, 450);
    assert_int_equal(e.price_usd, 1599);
    assert_int_equal(e.price_year, 2022);
    assert_int_equal(e.released / 10000, 2022);
    assert_int_equal((uint64_t)(e.fp32_flops_per_s / 1e11), 825); /* 82.58 TFLOP/s */
    assert_int_equal(e.is_machine, 0);
    e = entry_of("h100");
    assert_int_equal((uint64_t)(e.bf16_flops_per_s / 1e12), 989);
    assert_int_equal((uint64_t)(e.fp8_flops_per_s / 1e12), 1979);
    assert_int_equal(e.peer_link_bytes_per_s, UINT64_C(450000000000)); /* NVLink 4: 900 GB/s in both directions */
    e = entry_of("dgx spark");
    assert_int_equal(e.is_machine, 1);
    assert_int_equal(e.form, CTXFIT_FORM_DESKTOP);
    assert_int_equal(e.price_usd, 3999);
    assert_int_equal(e.advertised_bytes, 128 * GIB);
    assert_int_equal(e.memory_bytes, UINT64_C(122570) << 20);
    e = entry_of("rtx-4090-plus-rtx-3090");
    assert_int_equal(e.device_count, 2);
    assert_int_equal(e.kind, 0);
    assert_string_equal(e.spec, "rtx-4090 rtx-3090 host:64GiB");
    assert_int_equal(e.host_memory_bytes, 64 * GIB);
    e = entry_of("4x-mac-studio-m3-ultra-512gb");
    assert_int_equal(e.node_count, 4);
    assert_int_equal(e.advertised_bytes, 2048 * GIB);
}

static size_t search(const ctxfit_hw_filter *filter, ctxfit_status want, ctxfit_error *error)
{
    uint32_t places[1024];
    size_t   count = 99999;

    assert_int_equal(ctxfit_hw_catalog_search(filter, places, CFI_COUNT(places), &count, error), want);
    for (size_t i = 0; i < count; i++) {
        ctxfit_hw_entry e;

        assert_true(i == 0 || places[i - 1] < places[i]);
        cfi_hw_catalog_entry(places[i], &e);
        if (filter->vendor[0] != '\0')
            assert_true(cfi_equal_nocase(filter->vendor, e.vendor));
        if (filter->price_most_usd != 0)
            assert_true(e.price_usd != 0 && e.price_usd <= filter->price_most_usd);
        if (filter->price_least_usd != 0)
            assert_true(e.price_usd >= filter->price_least_usd);
        if (filter->memory_least_bytes != 0)
            assert_true(e.advertised_bytes >= filter->memory_least_bytes);
        if (filter->memory_most_bytes != 0)
            assert_true(e.advertised_bytes <= filter->memory_most_bytes && e.advertised_bytes != 0);
        if (filter->machines != 0)
            assert_int_equal(e.is_machine, filter->machines == CTXFIT_ENTRY_MACHINES);
        if (filter->form != 0)
            assert_int_equal(e.form, filter->form);
        if (filter->kind != 0)
            assert_int_equal(cfi_hw_catalog_kind(places[i]), filter->kind);
    }
    return count;
}

static size_t search_text(const char *text)
{
    ctxfit_hw_filter filter = CTXFIT_HW_FILTER_INIT;

    (void)snprintf(filter.text, sizeof filter.text, "%s", text);
    return search(&filter, CTXFIT_OK, NULL);
}

static void filters_narrow_the_catalog(void **state)
{
    ctxfit_hw_filter filter = CTXFIT_HW_FILTER_INIT;
    size_t           all, count;

    (void)state;
    assert_int_equal(ctxfit_hw_catalog_search(NULL, NULL, 0, &all, NULL), CTXFIT_OK);
    assert_int_equal(all, ctxfit_hw_catalog_count());
    (void)snprintf(filter.vendor, sizeof filter.vendor, "nvidia");
    count = search(&filter, CTXFIT_OK, NULL);
    assert_true(count > 150 && count < all);
    filter.kind = CTXFIT_DEVICE_GPU;
    filter.memory_least_bytes = 24 * GIB;
    assert_true(search(&filter, CTXFIT_OK, NULL) < count);
    filter.machines = CTXFIT_ENTRY_PARTS;
    filter.form = CTXFIT_FORM_CARD;
    filter.price_most_usd = 1600;
    count = search(&filter, CTXFIT_OK, NULL);
    assert_true(count >= 2 && count < 20); /* RTX 3090 and 4090 among them */
    filter.memory_most_bytes = 24 * GIB;
    filter.bandwidth_least_bytes_per_s = UINT64_C(1000000000000);
    assert_int_equal(search(&filter, CTXFIT_OK, NULL), 1); /* the RTX 4090 */
    filter.price_least_usd = 1700;
    filter.price_most_usd = 0;
    assert_true(search(&filter, CTXFIT_OK, NULL) > 0);
    filter.price_most_usd = 1600;
    assert_int_equal(search(&filter, CTXFIT_OK, NULL), 0); /* an empty answer is one */
}

static void text_is_a_name_or_words(void **state)
{
    (void)state;
    assert_true(search_text("strix halo") >= 4); /* an alias: no entry is called so */
    assert_true(search_text("7900xtx") >= 2);    /* card and machines with it */
    assert_true(search_text("m3 max 64") >= 1);
    assert_true(search_text("Ada laptop") >= 4);
    assert_true(search_text("rtx 3060") >= 2);
    assert_true(search_text("apple ultra 512") >= 2);
}

static void what_nobody_has_is_answered_with_suggestions(void **state)
{
    ctxfit_hw_filter filter = CTXFIT_HW_FILTER_INIT;
    ctxfit_error     error;
    uint32_t         index;

    (void)state;
    (void)snprintf(filter.text, sizeof filter.text, "rtx-4099");
    assert_int_equal(search(&filter, CTXFIT_E_NOT_FOUND, &error), 0);
    assert_non_null(strstr(error.message, "rtx-4090"));
    assert_int_equal(ctxfit_hw_catalog_find("rtx-4099", &index, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "rtx-4090"));
    assert_int_equal(ctxfit_hw_catalog_find("strix halo", &index, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "ryzen-ai-max-395-128gb"));
}

static void arguments_of_searches_are_checked(void **state)
{
    ctxfit_hw_filter filter = CTXFIT_HW_FILTER_INIT;
    ctxfit_hw_entry  entry = CTXFIT_HW_ENTRY_INIT;
    uint32_t         places[2], index;
    size_t           count;

    (void)state;
    assert_int_equal(ctxfit_hw_catalog_search(&filter, NULL, 0, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_catalog_search(&filter, NULL, 1, &count, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_catalog_search(&filter, places, 2, &count, NULL), CTXFIT_E_BUFFER_SIZE);
    assert_int_equal(count, ctxfit_hw_catalog_count());
    assert_int_equal(places[1], 1);
    filter.kind = 4;
    assert_int_equal(ctxfit_hw_catalog_search(&filter, places, 2, &count, NULL), CTXFIT_E_INVALID_ARG);
    filter.kind = 0;
    memset(filter.text, 'x', sizeof filter.text);
    assert_int_equal(ctxfit_hw_catalog_search(&filter, places, 2, &count, NULL), CTXFIT_E_INVALID_ARG);
    filter.text[0] = '\0';
    filter.struct_size = 8;
    assert_int_equal(ctxfit_hw_catalog_search(&filter, places, 2, &count, NULL), CTXFIT_E_STRUCT_SIZE);
    assert_int_equal(ctxfit_hw_catalog_get(0, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_catalog_get(ctxfit_hw_catalog_count(), &entry), CTXFIT_E_NOT_FOUND);
    assert_int_equal(ctxfit_hw_catalog_find(NULL, &index, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_catalog_find("4090", NULL, NULL), CTXFIT_E_INVALID_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_stand_in_the_order_of_the_entries),
        cmocka_unit_test(every_word_and_note_is_said_in_full),
        cmocka_unit_test(every_entry_is_in_range),
        cmocka_unit_test(entries_agree_with_the_machines_that_they_make),
        cmocka_unit_test(entries_say_what_vendors_print),
        cmocka_unit_test(filters_narrow_the_catalog),
        cmocka_unit_test(text_is_a_name_or_words),
        cmocka_unit_test(what_nobody_has_is_answered_with_suggestions),
        cmocka_unit_test(arguments_of_searches_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
