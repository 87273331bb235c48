#include "hw_support.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static ctxfit_device device_of(const ctxfit_hw *hw, uint32_t index)
{
    ctxfit_device d = CTXFIT_DEVICE_INIT;

    assert_int_equal(ctxfit_hw_get_device(hw, index, &d), CTXFIT_OK);
    return d;
}

/* The machine of the quickstart, to the byte. */
static void story_machine_is_exact(void **state)
{
    ctxfit_hw    *hw = must_parse("mac-studio-m2-ultra-64gb");
    ctxfit_device gpu, host;

    (void)state;
    assert_int_equal(ctxfit_hw_device_count(hw), 2);
    gpu = device_of(hw, 0);
    host = device_of(hw, 1);
    assert_string_equal(gpu.id, "mac-studio-m2-ultra-64gb");
    assert_string_equal(gpu.name, "Mac Studio M2 Ultra 64GB");
    assert_int_equal(gpu.kind, CTXFIT_DEVICE_UNIFIED);
    assert_int_equal(gpu.backend, CTXFIT_BACKEND_METAL);
    assert_int_equal(gpu.memory_bytes, UINT64_C(68719476736));
    assert_int_equal(gpu.budget_bytes, UINT64_C(51539607552));
    assert_int_equal(gpu.bandwidth_bytes_per_s, UINT64_C(800000000000));
    /* 25 % of 4 GiB + 20 % of 4 + 10 % of 8 + 6 % of 48 = 5.48 GiB, in whole MiB */
    assert_int_equal(gpu.reserve_bytes, 5611 * MIB);
    assert_string_equal(host.id, "host");
    assert_int_equal(host.kind, CTXFIT_DEVICE_HOST);
    assert_int_equal(host.memory_bytes, gpu.memory_bytes);
    assert_int_equal(host.reserve_bytes, gpu.reserve_bytes);
    assert_true(cfi_hw_host_is_unified(hw));
    ctxfit_hw_free(hw);
}

/* recommendedMaxWorkingSetSize as printed in public logs, in MB of 10^6 bytes; ours may be a page below, never above. */
static void apple_budgets_match_the_logs(void **state)
{
    static const struct {
        uint64_t gib;
        double   legacy_mb, recent_mb; /* 0 = not in a log */
    } rows[] = {
        {8, 5726.63, 5726.63}, {16, 11453.25, 12713.12}, {18, 0, 14302.25}, {24, 0, 19069.67}, {32, 22906.50, 26800.60},
        {36, 28991.03, 30150.67}, {48, 38654.71, 40200.90}, {64, 51539.61, 55662.79}, {128, 0, 115448.73}, {192, 154618.82, 0},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        uint64_t memory = rows[i].gib * GIB, legacy = cfi_hw_budget(CFI_HW_RULE_APPLE, memory);
        double   legacy_mb = (double)legacy / 1e6;
        double   recent_mb = (double)cfi_hw_budget_recent(CFI_HW_RULE_APPLE, memory, legacy) / 1e6;

        if (rows[i].legacy_mb > 0)
            assert_true(legacy_mb < rows[i].legacy_mb + 0.005 && legacy_mb > rows[i].legacy_mb - 0.05);
        if (rows[i].recent_mb > 0)
            assert_true(recent_mb < rows[i].recent_mb + 0.005 && recent_mb > rows[i].recent_mb - 0.05);
    }
}

static void recent_budget_is_never_below_legacy_and_never_above_memory(void **state)
{
    (void)state;
    for (uint64_t gib = 1; gib <= 2048; gib++) {
        uint64_t memory = gib * GIB + gib, legacy = cfi_hw_budget(CFI_HW_RULE_APPLE, memory);
        uint64_t recent = cfi_hw_budget_recent(CFI_HW_RULE_APPLE, memory, legacy);

        assert_true(legacy <= recent && recent <= memory);
        assert_true(cfi_hw_reserve(memory) < memory);
        assert_true(cfi_hw_reserve(memory) <= cfi_hw_reserve(memory + GIB));
    }
    assert_true(cfi_hw_reserve(UINT64_MAX) < UINT64_MAX / 40);
    assert_true(cfi_hw_budget(CFI_HW_RULE_APPLE, UINT64_MAX) < UINT64_MAX);
}

static void macos_key_selects_the_budget(void **state)
{
    ctxfit_hw    *legacy = must_parse("mac-studio-m2-ultra-64gb(macos=legacy)"), *plain = must_parse("mac-studio-m2-ultra-64gb");
    ctxfit_hw    *recent = must_parse("mac-studio-m2-ultra-64gb(macos=recent)");
    ctxfit_device d = device_of(plain, 0);

    (void)state;
    assert_same_machine(legacy, plain, "legacy is the default");
    assert_true(d.budget_recent_bytes > d.budget_bytes);
    assert_int_equal(device_of(recent, 0).budget_bytes, d.budget_recent_bytes);
    ctxfit_hw_free(legacy);
    ctxfit_hw_free(recent);
    ctxfit_hw_free(plain);
    plain = must_parse("unified(mem=64GiB,backend=metal,macos=recent)");
    assert_int_equal(device_of(plain, 0).budget_bytes, d.budget_recent_bytes);
    ctxfit_hw_free(plain);
}

static void unified_machines_of_other_vendors_follow_their_rule(void **state)
{
    static const struct {
        const char *spec;
        uint64_t    memory, budget;
    } rows[] = {
        {"dgx-spark", 122570 * MIB, 122570 * MIB},
        {"ryzen-ai-max-395-128gb", 128 * GIB, 96 * GIB},
        {"ryzen-7-8845hs-64gb", 64 * GIB, 32 * GIB},
        {"jetson-agx-orin-64gb", 64 * GIB, 64 * GIB},
        {"unified(mem=64GiB)", 64 * GIB, 32 * GIB},
        {"unified(mem=64GiB,backend=cuda)", 64 * GIB, 64 * GIB},
        {"unified(mem=64GiB,backend=metal)", 64 * GIB, 48 * GIB},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        ctxfit_hw    *hw = must_parse(rows[i].spec);
        ctxfit_device d = device_of(hw, 0);

        assert_int_equal(d.kind, CTXFIT_DEVICE_UNIFIED);
        assert_int_equal(d.memory_bytes, rows[i].memory);
        assert_int_equal(d.budget_bytes, rows[i].budget);
        if (d.backend != CTXFIT_BACKEND_METAL)
            assert_int_equal(d.budget_recent_bytes, d.budget_bytes);
        assert_true(d.reserve_bytes > 0);
        ctxfit_hw_free(hw);
    }
}

static void linked_machines_sit_in_nodes_of_their_own(void **state)
{
    ctxfit_hw *hw = must_parse("2*dgx-spark(link=25GB/s)");

    (void)state;
    assert_int_equal(ctxfit_hw_device_count(hw), 3);
    assert_int_equal(device_of(hw, 0).node, 0);
    assert_int_equal(device_of(hw, 1).node, 1);
    assert_int_equal(device_of(hw, 1).link_bytes_per_s, UINT64_C(25000000000));
    assert_int_equal(device_of(hw, 2).kind, CTXFIT_DEVICE_HOST);
    assert_int_equal(device_of(hw, 2).node, 0);
    assert_int_equal(device_of(hw, 2).memory_bytes, device_of(hw, 0).memory_bytes);
    ctxfit_hw_free(hw);
}

static void a_host_that_was_not_stated_has_no_memory(void **state)
{
    ctxfit_hw    *hw = must_parse("2*rtx-4090");
    ctxfit_device host = device_of(hw, 2);

    (void)state;
    assert_int_equal(host.kind, CTXFIT_DEVICE_HOST);
    assert_int_equal(host.memory_bytes, 0);
    assert_int_equal(host.reserve_bytes, 0);
    assert_false(cfi_hw_host_is_unified(hw));
    ctxfit_hw_free(hw);
}

static void keys_override_the_catalog(void **state)
{
    ctxfit_hw    *hw = must_parse("rtx-4090(free=22GiB,bw=900GB/s,fp16=150.5T,link=8GB/s,backend=vulkan) host:64GiB(reserve=0,bw=80GB/s)");
    ctxfit_device gpu = device_of(hw, 0), host = device_of(hw, 1);

    (void)state;
    assert_int_equal(gpu.memory_bytes, 24 * GIB);
    assert_int_equal(gpu.free_bytes, 22 * GIB);
    assert_int_equal(gpu.bandwidth_bytes_per_s, UINT64_C(900000000000));
    assert_int_equal(gpu.link_bytes_per_s, UINT64_C(8000000000));
    assert_int_equal(gpu.backend, CTXFIT_BACKEND_VULKAN);
    assert_true((uint64_t)gpu.fp16_flops_per_s == UINT64_C(150500000000000));
    assert_int_equal(host.reserve_bytes, 0);
    assert_int_equal(host.bandwidth_bytes_per_s, UINT64_C(80000000000));
    ctxfit_hw_free(hw);
}

static void canonical_text_is_what_is_expected(void **state)
{
    static const struct {
        const char *spec, *written;
    } rows[] = {
        {"2*rtx-4090 host:64GiB", "2*rtx-4090 host:64GiB"},
        {"gpu(backend=cuda,mem=24GiB,bw=1008GB/s)", "gpu(backend=cuda,mem=24GiB,bw=1008GB/s)"},
        {"  host:64GiB   rtx4090  4090 ", "2*rtx-4090 host:64GiB"},
        {"rtx 4090 rtx 3090 host:68719476736", "rtx-4090 rtx-3090 host:64GiB"},
        {"2x 7900 xtx", "2*rx-7900-xtx"},
        {"2x-rtx-4090", "2*rtx-4090 host:128GiB"},
        {"2*dgx-spark(link=25GB/s)", "2*dgx-spark"},
        {"2x-dgx-spark", "2*dgx-spark"},
        {"2*dgx-spark(link=10GB/s)", "2*dgx-spark(link=10GB/s)"},
        {"mac-studio-m2-ultra-64gb(budget=56GiB)", "mac-studio-m2-ultra-64gb(budget=56GiB)"},
        {"mac-studio-m2-ultra-64gb(budget=48GiB)", "mac-studio-m2-ultra-64gb"},
        {"mac-studio-m2-ultra-64gb host:64GiB", "mac-studio-m2-ultra-64gb"},
        {"rtx-4090(mem=24GiB,free=23000000001)", "rtx-4090(free=23000000001B)"},
        {"gpu( mem=24GB , bw=1TB )", "gpu(mem=24000000000B,bw=1000GB/s)"},
        {"gpu(fp16=82.6T,mem=1GiB,int8=1P)", "gpu(mem=1GiB,fp16=82600G,int8=1000T)"},
        {"rtx-4090 host:64GiB dgx-spark(node=1)", "rtx-4090 dgx-spark(node=1) host:64GiB"},
        {"ryzen-ai-max-395-128gb rtx-4090", "ryzen-ai-max-395-128gb rtx-4090"},
        {"rtx-4090 rtx-4090(node=1) host:1TiB", "rtx-4090 rtx-4090(node=1) host:1024GiB"},
        {"2*mac-mini-m4-16gb(node=3) host:8GiB", "2*mac-mini-m4-16gb(node=3) host:8GiB"},
        {"epyc-9654 8*mi300x", "8*mi300x epyc-9654"},
        {"mi250", "2*mi250-die"},
        {"4*mi250 host:512GiB", "8*mi250-die host:512GiB"},
        {"gpu(mem=5GiB,backend=rpc)", "gpu(backend=rpc,mem=5GiB)"},
        {"host:8GiB(reserve=0)", "host:8GiB(reserve=0B)"},
        {"host:0B(bw=50GB/s) t4", "t4 host:0B(bw=50GB/s)"},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        char written[512];

        assert_round_trip(rows[i].spec, written, sizeof written);
        assert_string_equal(written, rows[i].written);
    }
}

/* Numerical Recipes' quick generator: the same combinations on every platform. */
static uint32_t next_random(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void append_random_keys(char *spec, size_t cap, uint32_t *seed, uint32_t kind)
{
    size_t used = strlen(spec);
    /* Always above the sizes that free and budget take below. */
    int n = snprintf(spec + used, cap - used, "(mem=%uMiB", 4096 + (unsigned)next_random(seed, 1000000));

    used += (size_t)n;
    if (next_random(seed, 2) == 0)
        used += (size_t)snprintf(spec + used, cap - used, ",free=%u", 1048576 + (unsigned)next_random(seed, 16000000));
    if (next_random(seed, 2) == 0)
        used += (size_t)snprintf(spec + used, cap - used, ",bw=%u.%uGB/s", 1 + (unsigned)next_random(seed, 9000),
                                 (unsigned)next_random(seed, 10000000));
    if (next_random(seed, 2) == 0)
        used += (size_t)snprintf(spec + used, cap - used, ",fp16=%u.%uT", 1 + (unsigned)next_random(seed, 900),
                                 (unsigned)next_random(seed, 10000000));
    if (next_random(seed, 3) == 0)
        used += (size_t)snprintf(spec + used, cap - used, ",int8=%uG", 1 + (unsigned)next_random(seed, 900000));
    if (kind == CTXFIT_DEVICE_UNIFIED && next_random(seed, 2) == 0)
        used += (size_t)snprintf(spec + used, cap - used, ",budget=%uMiB", 1 + (unsigned)next_random(seed, 4000));
    if (kind != CTXFIT_DEVICE_GPU && next_random(seed, 2) == 0)
        used += (size_t)snprintf(spec + used, cap - used, ",reserve=%uMiB", (unsigned)next_random(seed, 4000));
    if (kind != CTXFIT_DEVICE_HOST && next_random(seed, 2) == 0)
        used += (size_t)snprintf(spec + used, cap - used, ",link=%uMB/s", 1 + (unsigned)next_random(seed, 64000));
    (void)snprintf(spec + used, cap - used, ")");
}

static void random_machines_round_trip(void **state)
{
    uint32_t seed = 20261120;

    (void)state;
    for (int round = 0; round < 1000; round++) {
        char     spec[2048] = "", written[4096];
        uint32_t items = 1 + next_random(&seed, 4);
        bool     unified = false;

        for (uint32_t i = 0; i < items; i++) {
            uint32_t      index = next_random(&seed, ctxfit_hw_catalog_count());
            ctxfit_device d;
            size_t        used = strlen(spec);

            cfi_hw_catalog_device(index, &d);
            if (cfi_hw_rig_spec(index) != NULL || d.kind == CTXFIT_DEVICE_HOST)
                continue;
            unified = unified || d.kind == CTXFIT_DEVICE_UNIFIED;
            (void)snprintf(spec + used, sizeof spec - used, "%s%u*%s", used > 0 ? " " : "", 1 + (unsigned)next_random(&seed, 3), d.id);
            if (next_random(&seed, 2) == 0)
                append_random_keys(spec, sizeof spec, &seed, d.kind);
        }
        if (spec[0] == '\0' || (!unified && next_random(&seed, 2) == 0))
            (void)snprintf(spec + strlen(spec), sizeof spec - strlen(spec), " host:%uGiB(bw=%uMB/s)", 1 + (unsigned)next_random(&seed, 900),
                           1 + (unsigned)next_random(&seed, 900000));
        assert_round_trip(spec, written, sizeof written);
    }
}

static void every_fault_has_its_place(void **state)
{
    static const struct {
        const char   *spec;
        ctxfit_status status;
        uint64_t      offset;
        const char   *message;
    } rows[] = {
        {"", CTXFIT_E_MALFORMED, 0, "expected a name"},
        {"   ", CTXFIT_E_MALFORMED, 3, "found the end"},
        {"2*", CTXFIT_E_MALFORMED, 2, "expected a name"},
        {"0*rtx-4090", CTXFIT_E_MALFORMED, 0, "a count from 1 to 64"},
        {"99999999999999999999*t4", CTXFIT_E_MALFORMED, 0, "a count from 1 to 64"},
        {"65*rtx-4090", CTXFIT_E_LIMIT, 0, "more than 64"},
        {"64*rtx-4090", CTXFIT_E_LIMIT, 3, "more than 64"},
        {"32*t4 32*t4", CTXFIT_E_LIMIT, 9, "more than 64"},
        {"*rtx-4090", CTXFIT_E_MALFORMED, 0, "expected a name"},
        {"(mem=1GiB)", CTXFIT_E_MALFORMED, 0, "expected a name"},
        {"rtx-4090)", CTXFIT_E_MALFORMED, 8, "expected a name"},
        {"rtx-4090,rtx-3090", CTXFIT_E_MALFORMED, 8, "expected a name"},
        {"rtx-4090=1", CTXFIT_E_MALFORMED, 8, "expected a space"},
        {"rtx-4090(", CTXFIT_E_MALFORMED, 9, "expected backend, mem"},
        {"rtx-4090()", CTXFIT_E_MALFORMED, 9, "expected backend, mem"},
        {"rtx-4090(mem", CTXFIT_E_MALFORMED, 12, "'='"},
        {"rtx-4090(mem=", CTXFIT_E_MALFORMED, 13, "a size such as 24GiB"},
        {"rtx-4090(mem=24GiB", CTXFIT_E_MALFORMED, 18, "',' or ')'"},
        {"rtx-4090(mem=24GiB,)", CTXFIT_E_MALFORMED, 19, "expected backend, mem"},
        {"rtx-4090(mem=24GiB)x", CTXFIT_E_MALFORMED, 19, "a space"},
        {"rtx-4090(mem=24GiB))", CTXFIT_E_MALFORMED, 19, "a space"},
        {"rtx-4090(mem=24Gib)", CTXFIT_E_MALFORMED, 13, "a size such as"},
        {"rtx-4090(mem=-1)", CTXFIT_E_MALFORMED, 13, "a size such as"},
        {"rtx-4090(mem=24)", CTXFIT_E_MALFORMED, 13, "with its unit"},
        {"rtx-4090(mem=0B)", CTXFIT_E_MALFORMED, 13, "above 0"},
        {"rtx-4090(mem=99999999999TiB)", CTXFIT_E_MALFORMED, 13, "a size such as"},
        {"rtx-4090(men=24GiB)", CTXFIT_E_MALFORMED, 9, "expected backend, mem"},
        {"rtx-4090(mem=24GiB,mem=24GiB)", CTXFIT_E_MALFORMED, 19, "each key once"},
        {"rtx-4090(free=25GiB)", CTXFIT_E_MALFORMED, 0, "free is above"},
        {"rtx-4090(budget=3GiB)", CTXFIT_E_MALFORMED, 9, "a key of this kind"},
        {"rtx-4090(reserve=3GiB)", CTXFIT_E_MALFORMED, 9, "a key of this kind"},
        {"rtx-4090(macos=recent)", CTXFIT_E_MALFORMED, 9, "a key of this kind"},
        {"dgx-spark(macos=recent)", CTXFIT_E_MALFORMED, 0, "macos is for"},
        {"m3-max-16c-40g-64gb(macos=sonoma)", CTXFIT_E_MALFORMED, 26, "legacy or recent"},
        {"m3-max-16c-40g-64gb(macos=recent,budget=1GiB)", CTXFIT_E_MALFORMED, 0, "macos is for"},
        {"dgx-spark(budget=129GiB)", CTXFIT_E_MALFORMED, 0, "budget is above"},
        {"dgx-spark(reserve=129GiB)", CTXFIT_E_MALFORMED, 0, "reserve is above"},
        {"rtx-4090(backend=opencl)", CTXFIT_E_MALFORMED, 17, "a backend"},
        {"rtx-4090(backend=cpu)", CTXFIT_E_MALFORMED, 0, "backend cpu"},
        {"rtx-4090(bw=fast)", CTXFIT_E_MALFORMED, 12, "a bandwidth"},
        {"rtx-4090(bw=8GB/min)", CTXFIT_E_MALFORMED, 12, "a bandwidth"},
        {"rtx-4090(fp16=8X)", CTXFIT_E_MALFORMED, 14, "a rate"},
        {"rtx-4090(fp16=0)", CTXFIT_E_MALFORMED, 14, "a rate"},
        {"rtx-4090(fp16=1e30)", CTXFIT_E_MALFORMED, 14, "a rate"},
        {"rtx-4090(node=64)", CTXFIT_E_MALFORMED, 14, "a node number"},
        {"gpu", CTXFIT_E_MALFORMED, 0, "memory is missing"},
        {"gpu(bw=1GB/s)", CTXFIT_E_MALFORMED, 0, "memory is missing"},
        {"host:", CTXFIT_E_MALFORMED, 5, "a size such as"},
        {"host:64", CTXFIT_E_MALFORMED, 5, "with its unit"},
        {"host:64GiBx", CTXFIT_E_MALFORMED, 5, "a size such as"},
        {"host:0B", CTXFIT_E_MALFORMED, 0, "needs memory"},
        {"host:64GiB(mem=1GiB)", CTXFIT_E_MALFORMED, 11, "each key once"},
        {"host:64GiB(link=1GB/s)", CTXFIT_E_MALFORMED, 11, "a key of this kind"},
        {"host:64GiB(backend=cuda)", CTXFIT_E_MALFORMED, 0, "backend cpu"},
        {"host:64GiB host:64GiB", CTXFIT_E_MALFORMED, 11, "one host"},
        {"host:64GiB epyc-9654", CTXFIT_E_MALFORMED, 11, "one host"},
        {"2*epyc-9654", CTXFIT_E_MALFORMED, 2, "one host"},
        {"dgx-spark host:64GiB", CTXFIT_E_MALFORMED, 10, "is the host's"},
        {"dgx-spark(node=1) dgx-spark(node=1)", CTXFIT_E_MALFORMED, 18, "two unified devices"},
        {"desktop-cpu-2-channel-ddr5-6000", CTXFIT_E_MALFORMED, 0, "needs memory"},
        {"2x-rtx-4090(mem=1GiB)", CTXFIT_E_MALFORMED, 11, "2*rtx-4090 host:128GiB"},
        {"rtx-4090-desktop host:64GiB", CTXFIT_E_MALFORMED, 17, "one host"},
        {"host:64GiB rtx-4090-desktop", CTXFIT_E_MALFORMED, 11, "one host"},
        {"2*rtx-4090-desktop", CTXFIT_E_MALFORMED, 2, "one host"},
        {"rtx-2060 12gb", CTXFIT_E_NOT_FOUND, 9, "'12gb'"}, /* an id stands for itself; "rtx 2060 12gb" is the other card */
        {"rtx-4090 nonsense", CTXFIT_E_NOT_FOUND, 9, "no hardware is called 'nonsense'"},
        {"\x1b[31m", CTXFIT_E_NOT_FOUND, 0, "'?[31m'"},
        {"\xff\xff", CTXFIT_E_NOT_FOUND, 0, "'"},
    };

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(rows); i++) {
        ctxfit_hw    *hw = (ctxfit_hw *)1;
        ctxfit_error  error;
        ctxfit_status status = ctxfit_hw_parse(rows[i].spec, NULL, &hw, &error);

        if (status != rows[i].status || error.status != status || error.offset != rows[i].offset ||
            strstr(error.message, rows[i].message) == NULL)
            fail_msg("'%s': %s at %u: %s", rows[i].spec, ctxfit_status_name(status), (unsigned)error.offset, error.message);
        assert_null(hw);
    }
}

static void hostile_specs_end(void **state)
{
    static const char pieces[][16] = {"rtx-4090 ", "(", "mem=", "host:", "2*", "9", "a", ",", "GiB", "\xff", "2x ", "-", "gpu("};
    char              spec[20001];

    (void)state;
    for (size_t p = 0; p < CFI_COUNT(pieces); p++) {
        size_t       n = strlen(pieces[p]);
        ctxfit_hw   *hw;
        ctxfit_error error;

        for (size_t i = 0; i + 1 < sizeof spec; i++)
            spec[i] = pieces[p][i % n];
        spec[sizeof spec - 1] = '\0';
        assert_int_not_equal(ctxfit_hw_parse(spec, NULL, &hw, &error), CTXFIT_OK);
        assert_null(hw);
        assert_non_null(memchr(error.message, '\0', sizeof error.message));
    }
}

static void every_prefix_of_a_spec_is_handled(void **state)
{
    static const char text[] = "2*rtx 4090(free=22GiB,fp16=1.5e2T) m3-max-16c-40g-64gb(macos=recent,node=1) host:64GiB(reserve=1GiB)";

    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        char          *copy = malloc(n + 1); /* exact, so that a sanitizer sees a read past the end */
        ctxfit_hw     *hw;
        ctxfit_error   error;
        ctxfit_status  status;

        assert_non_null(copy);
        memcpy(copy, text, n);
        copy[n] = '\0';
        status = ctxfit_hw_parse(copy, NULL, &hw, &error);
        if (status == CTXFIT_OK)
            ctxfit_hw_free(hw);
        else
            assert_true(error.offset <= n);
        free(copy);
    }
}

static void parse_survives_every_failing_allocation(void **state)
{
    test_failing f = {0};

    (void)state;
    while (test_failing_next(&f)) {
        ctxfit_hw   *hw;
        ctxfit_error error;

        f.status = ctxfit_hw_parse("2*rtx-4090 2x-dgx-spark", &f.allocator, &hw, &error);
        assert_true((hw != NULL) == (f.status == CTXFIT_OK));
        ctxfit_hw_free(hw);
    }
    assert_int_equal(f.status, CTXFIT_OK);
}

static void failed_parse_leaks_nothing(void **state)
{
    static const char *const specs[] = {"rtx-4090(", "rtx-4090 nonsense", "dgx-spark host:64GiB", "host:0B", "65*t4", "64*t4"};

    (void)state;
    for (size_t i = 0; i < CFI_COUNT(specs); i++) {
        test_allocator   memory;
        ctxfit_allocator allocator = test_allocator_make(&memory, 0);
        ctxfit_hw       *hw;

        assert_int_not_equal(ctxfit_hw_parse(specs[i], &allocator, &hw, NULL), CTXFIT_OK);
        assert_int_equal(memory.live_blocks, 0);
    }
}

static void arguments_are_checked(void **state)
{
    ctxfit_allocator broken = {NULL, NULL, NULL};
    ctxfit_hw       *hw = (ctxfit_hw *)1;
    char             text[8];
    size_t           len = 99;

    (void)state;
    assert_int_equal(ctxfit_hw_parse("t4", NULL, NULL, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_parse(NULL, NULL, &hw, NULL), CTXFIT_E_INVALID_ARG);
    assert_null(hw);
    assert_int_equal(ctxfit_hw_parse("t4", &broken, &hw, NULL), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_write_spec(NULL, text, sizeof text, &len), CTXFIT_E_INVALID_ARG);
    assert_int_equal(len, 0);
    hw = must_parse("rtx-4090");
    assert_int_equal(ctxfit_hw_write_spec(hw, NULL, 5, &len), CTXFIT_E_INVALID_ARG);
    assert_int_equal(ctxfit_hw_write_spec(hw, NULL, 0, &len), CTXFIT_E_BUFFER_SIZE);
    assert_int_equal(len, strlen("rtx-4090"));
    assert_int_equal(ctxfit_hw_write_spec(hw, text, sizeof text, &len), CTXFIT_E_BUFFER_SIZE);
    assert_string_equal(text, "rtx-409");
    ctxfit_hw_free(hw);
    ctxfit_hw_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(story_machine_is_exact),
        cmocka_unit_test(apple_budgets_match_the_logs),
        cmocka_unit_test(recent_budget_is_never_below_legacy_and_never_above_memory),
        cmocka_unit_test(macos_key_selects_the_budget),
        cmocka_unit_test(unified_machines_of_other_vendors_follow_their_rule),
        cmocka_unit_test(linked_machines_sit_in_nodes_of_their_own),
        cmocka_unit_test(a_host_that_was_not_stated_has_no_memory),
        cmocka_unit_test(keys_override_the_catalog),
        cmocka_unit_test(canonical_text_is_what_is_expected),
        cmocka_unit_test(random_machines_round_trip),
        cmocka_unit_test(every_fault_has_its_place),
        cmocka_unit_test(hostile_specs_end),
        cmocka_unit_test(every_prefix_of_a_spec_is_handled),
        cmocka_unit_test(parse_survives_every_failing_allocation),
        cmocka_unit_test(failed_parse_leaks_nothing),
        cmocka_unit_test(arguments_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
