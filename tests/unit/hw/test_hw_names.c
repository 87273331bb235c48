#include "hw_support.h"

static void assert_means(const char *typed, const char *id)
{
    uint32_t     index;
    cfi_hw_match match = cfi_hw_resolve(typed, &index);

    if (match != CFI_HW_MATCH_ONE)
        fail_msg("'%s': %s", typed, match == CFI_HW_MATCH_NONE ? "not found" : "several");
    if (strcmp(ctxfit_hw_catalog_id(index), id) != 0)
        fail_msg("'%s' means %s, not %s", typed, ctxfit_hw_catalog_id(index), id);
}

static void names_that_people_type_lead_to_their_id(void **state)
{
    static const struct {
        const char *typed, *id;
    } rows[] = {
        {"4090", "rtx-4090"}, {"rtx4090", "rtx-4090"}, {"RTX 4090", "rtx-4090"}, {"rtx-4090", "rtx-4090"},
        {"geforce-rtx-4090", "rtx-4090"}, {"NVIDIA GeForce RTX 4090", "rtx-4090"}, {"rtx-4090-24gb", "rtx-4090"},
        {"3060-12gb", "rtx-3060-12gb"}, {"rtx3060 12g", "rtx-3060-12gb"}, {"4060 ti 16gb", "rtx-4060-ti-16gb"},
        {"4090 laptop", "rtx-4090-laptop"}, {"RTX 4090 Laptop GPU", "rtx-4090-laptop"}, {"rtx 4090 mobile", "rtx-4090-laptop"},
        {"geforce-rtx-2060", "rtx-2060"}, {"rtx 2060 12gb", "rtx-2060-12gb"},
        {"3090", "rtx-3090"}, {"5080", "rtx-5080"}, {"5090", "rtx-5090"}, {"1080 Ti", "gtx-1080-ti"},
        {"7900xtx", "rx-7900-xtx"}, {"7900 xtx", "rx-7900-xtx"}, {"Radeon RX 7900 XTX", "rx-7900-xtx"},
        {"h100", "h100-sxm5-80gb"}, {"H100 PCIe", "h100-pcie-80gb"}, {"h100 sxm 96gb", "h100-sxm5-96gb"}, {"h100-nvl", "h100-nvl-94gb"},
        {"h200", "h200-sxm5-141gb"}, {"a100-80gb", "a100-sxm4-80gb"}, {"A100 80GB PCIe", "a100-pcie-80gb"},
        {"a100-40gb", "a100-pcie-40gb"}, {"v100 16gb sxm2", "v100-sxm2-16gb"},
        {"mi300x", "mi300x"}, {"AMD Instinct MI300X", "mi300x"}, {"MI250X", "mi250x"}, {"l40s", "l40s"}, {"Tesla T4", "t4"},
        {"Tesla P40", "p40"}, {"a6000", "rtx-a6000"}, {"rtx 6000 ada", "rtx-6000-ada"}, {"rtx pro 6000", "rtx-pro-6000-workstation"},
        {"RTX PRO 6000 Blackwell Max-Q", "rtx-pro-6000-max-q"}, {"Arc B580", "arc-b580"}, {"arc a770 16gb", "arc-a770-16gb"},
        {"dgx spark", "dgx-spark"}, {"NVIDIA DGX Spark", "dgx-spark"}, {"gb10", "gb10"}, {"asus ascent gx10", "dgx-spark"},
        {"ryzen ai max+ 395 128gb", "ryzen-ai-max-395-128gb"}, {"AMD Ryzen AI Max+ 395 128", "ryzen-ai-max-395-128gb"},
        {"strix halo 128gb", "ryzen-ai-max-395-128gb"}, {"framework desktop 128", "framework-desktop-ryzen-ai-max-395-128gb"},
        {"mac studio m2 ultra 64gb", "mac-studio-m2-ultra-64gb"}, {"Mac Studio M2 Ultra 64", "mac-studio-m2-ultra-64gb"},
        {"mac-studio-m2-ultra-64gb-60-core-gpu", "mac-studio-m2-ultra-64gb"},
        {"Mac Studio M2 Ultra 64GB (76-core GPU)", "mac-studio-m2-ultra-64gb-76-core"},
        {"mac studio m3 ultra 512gb", "mac-studio-m3-ultra-512gb"}, {"mac-studio-m3-ultra-96gb", "mac-studio-m3-ultra-96gb"},
        {"m3 max 64", "m3-max-16c-40g-64gb"}, {"m3-max-96gb", "m3-max-14c-30g-96gb"}, {"Apple M1 Max 64GB", "m1-max-10c-24g-64gb"},
        {"m1 max 32-core gpu 64gb", "m1-max-10c-32g-64gb"}, {"m4 10-core cpu 8-core gpu 16gb", "m4-10c-8g-16gb"},
        {"macbook pro m3 max 64gb", "m3-max-16c-40g-64gb"}, {"macbook-pro-m4-max-128gb", "macbook-pro-m4-max-128gb"},
        {"macbook air m2 24gb", "m2-8c-8g-24gb"}, {"mac mini m4 pro 64gb", "mac-mini-m4-pro-64gb"}, {"imac m3 24gb", "m3-8c-8g-24gb"},
        {"jetson orin 64gb", "jetson-agx-orin-64gb"}, {"raspberry pi 5 8gb", "raspberry-pi-5-8gb"},
        {"rtx-4090-desktop", "rtx-4090-desktop"}, {"2x-rtx-3090", "2x-rtx-3090"},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++)
        assert_means(rows[i].typed, rows[i].id);
}

static void names_of_several_memory_sizes_are_not_guessed(void **state)
{
    static const char *const rows[] = {"rtx-3060", "rtx 4060 ti", "rtx 5060 ti", "m3-max", "strix halo", "a100", "m2 ultra",
                                       "mac studio m2 ultra", "macbook-pro-m3-max", "macbook-air-m5", "mi50", "gh200", "v100"};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        uint32_t index;

        if (cfi_hw_resolve(rows[i], &index) != CFI_HW_MATCH_SEVERAL)
            fail_msg("'%s' is not several", rows[i]);
    }
}

static void an_ambiguous_name_lists_its_variants(void **state)
{
    ctxfit_hw   *hw;
    ctxfit_error error;

    (void)state;
    assert_int_equal(ctxfit_hw_parse("host:32GiB rtx-3060", NULL, &hw, &error), CTXFIT_E_NOT_FOUND);
    assert_null(hw);
    assert_int_equal(error.offset, 11);
    assert_non_null(strstr(error.message, "rtx-3060-8gb"));
    assert_non_null(strstr(error.message, "rtx-3060-12gb"));
    assert_null(strstr(error.message, "rtx-3060-ti"));
    /* More than a message holds are counted. */
    assert_int_equal(ctxfit_hw_parse("m4-pro", NULL, &hw, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "m4-pro-12c-16g-24gb"));
    assert_int_equal(ctxfit_hw_parse("mac-mini-m4-pro", NULL, &hw, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, " more; say which"));
}

static void an_unknown_name_gets_three_suggestions(void **state)
{
    ctxfit_hw   *hw;
    ctxfit_error error;

    (void)state;
    assert_int_equal(ctxfit_hw_parse("2*rtx-4091", NULL, &hw, &error), CTXFIT_E_NOT_FOUND);
    assert_int_equal(error.offset, 2);
    assert_non_null(strstr(error.message, "'rtx-4091'"));
    assert_non_null(strstr(error.message, "did you mean rtx-4090, "));
    assert_int_equal(ctxfit_hw_parse("mac studio m9 ultra", NULL, &hw, &error), CTXFIT_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "mac-studio-m"));
}

static void hostile_names_are_not_found(void **state)
{
    char     name[5000];
    uint32_t index;

    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(cfi_hw_resolve(name, &index), CFI_HW_MATCH_NONE);
    for (size_t i = 0; i + 1 < sizeof name; i++)
        name[i] = "rtx-"[i % 4];
    assert_int_equal(cfi_hw_resolve(name, &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("---", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("nvidia", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("64gb", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("gb", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("core-core-core", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("99999999999999999999999999", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("\xff\xfe\x01", &index), CFI_HW_MATCH_NONE);
    assert_int_equal(cfi_hw_resolve("m3-max-99999999999gb", &index), CFI_HW_MATCH_NONE);
}

#define ALIAS(typed, id) {typed, id},
#define SAME_AS(typed, words)
static const struct {
    const char *typed, *id;
} alias_rows[] = {
#include "hw/hw_aliases.def"
};

/* An alias that the rules reach, or that hides an id, would be dead or wrong. */
static void aliases_are_needed_and_lead_to_ids(void **state)
{
    (void)state;
    for (size_t i = 0; i < CFI_COUNT(alias_rows); i++) {
        assert_int_equal(cfi_hw_find(alias_rows[i].typed), CFI_HW_NONE);
        assert_int_not_equal(cfi_hw_find(alias_rows[i].id), CFI_HW_NONE);
        assert_means(alias_rows[i].typed, alias_rows[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_people_type_lead_to_their_id),
        cmocka_unit_test(names_of_several_memory_sizes_are_not_guessed),
        cmocka_unit_test(an_ambiguous_name_lists_its_variants),
        cmocka_unit_test(an_unknown_name_gets_three_suggestions),
        cmocka_unit_test(hostile_names_are_not_found),
        cmocka_unit_test(aliases_are_needed_and_lead_to_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
