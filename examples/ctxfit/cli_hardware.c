/* The catalog of hardware for people and programs: one entry in full, or the entries that pass a filter. */
#include "cli.h"

#include <string.h>

static const char *const kind_words[] = {"", "host", "gpu", "unified"};
static const char *const form_words[] = {"",        "card",   "datacenter", "soc",      "igpu",   "cpu",    "npu",
                                         "desktop", "laptop", "server",     "embedded", "tablet", "cluster"};
static const char *const confidence_words[] = {"", "single", "checked", "vendor"};
static const char *const backend_words[] = {"", "cpu", "cuda", "metal", "rocm", "vulkan", "sycl", "rpc"};

#define WORD_OF(words, value) ((value) < CLI_COUNT(words) ? (words)[value] : "")

const char *cli_backend_name(uint32_t backend)
{
    return WORD_OF(backend_words, backend);
}

static bool find_word(const char *const *words, size_t count, const char *text, uint32_t *out)
{
    for (size_t i = 1; i < count; i++)
        if (strcmp(words[i], text) == 0) {
            *out = (uint32_t)i;
            return true;
        }
    return false;
}

bool cli_read_kind(const char *text, uint32_t *out)
{
    return find_word(kind_words, CLI_COUNT(kind_words), text, out);
}

bool cli_read_form(const char *text, uint32_t *out)
{
    return find_word(form_words, CLI_COUNT(form_words), text, out);
}

/* ---- as JSON: the names of ctxfit_hw_entry; what is not known is left out ---- */
typedef struct json_row {
    bool  open;
    FILE *out;
} json_row;

static void put_key(json_row *row, const char *key)
{
    fprintf(row->out, "%s\"%s\":", row->open ? "," : "{", key);
    row->open = true;
}

static void put_text(json_row *row, const char *key, const char *text)
{
    if (*text == '\0')
        return;
    put_key(row, key);
    cli_write_json_string(text, row->out);
}

static void put_number(json_row *row, const char *key, double value)
{
    if (!(value > 0))
        return;
    put_key(row, key);
    fprintf(row->out, "%.0f", value); /* whole numbers below 2^53 */
}

void cli_write_entry_json(const ctxfit_hw_entry *e, FILE *out)
{
    json_row row = {false, out};

    put_text(&row, "id", e->id);
    put_text(&row, "name", e->name);
    put_text(&row, "kind", WORD_OF(kind_words, e->kind));
    put_text(&row, "spec", e->spec);
    put_text(&row, "form", WORD_OF(form_words, e->form));
    put_key(&row, "is_machine");
    fputs(e->is_machine != 0 ? "true" : "false", out);
    put_text(&row, "backend", cli_backend_name(e->backend));
    put_text(&row, "vendor", e->vendor);
    put_text(&row, "family", e->family);
    put_text(&row, "chip", e->chip);
    put_number(&row, "released", e->released);
    put_number(&row, "device_count", e->device_count);
    put_number(&row, "node_count", e->node_count);
    put_number(&row, "cpu_cores", e->cpu_cores);
    put_number(&row, "gpu_cores", e->gpu_cores);
    put_number(&row, "advertised_bytes", (double)e->advertised_bytes);
    put_number(&row, "memory_bytes", (double)e->memory_bytes);
    put_number(&row, "budget_bytes", (double)e->budget_bytes);
    put_number(&row, "host_memory_bytes", (double)e->host_memory_bytes);
    put_text(&row, "memory_type", e->memory_type);
    put_number(&row, "memory_bus_bits", e->memory_bus_bits);
    put_number(&row, "memory_mtps", e->memory_mtps);
    put_number(&row, "bandwidth_bytes_per_s", (double)e->bandwidth_bytes_per_s);
    put_number(&row, "l2_bytes", (double)e->l2_bytes);
    put_number(&row, "last_level_bytes", (double)e->last_level_bytes);
    put_number(&row, "matrix_flops_per_s", e->matrix_flops_per_s);
    put_number(&row, "fp32_flops_per_s", e->fp32_flops_per_s);
    put_number(&row, "fp16_flops_per_s", e->fp16_flops_per_s);
    put_number(&row, "fp16_fp32acc_flops_per_s", e->fp16_fp32acc_flops_per_s);
    put_number(&row, "bf16_flops_per_s", e->bf16_flops_per_s);
    put_number(&row, "fp8_flops_per_s", e->fp8_flops_per_s);
    put_number(&row, "int8_ops_per_s", e->int8_ops_per_s);
    put_number(&row, "fp4_flops_per_s", e->fp4_flops_per_s);
    put_text(&row, "host_interface", e->host_interface);
    put_number(&row, "host_link_bytes_per_s", (double)e->host_link_bytes_per_s);
    put_text(&row, "peer_interconnect", e->peer_interconnect);
    put_number(&row, "peer_link_bytes_per_s", (double)e->peer_link_bytes_per_s);
    put_text(&row, "node_interconnect", e->node_interconnect);
    put_number(&row, "node_link_bytes_per_s", (double)e->node_link_bytes_per_s);
    put_text(&row, "compute_target", e->compute_target);
    put_number(&row, "power_w", e->power_w);
    put_number(&row, "price_usd", e->price_usd);
    put_number(&row, "price_year", e->price_year);
    put_text(&row, "price_note", e->price_note);
    put_text(&row, "rate_note", e->rate_note);
    put_text(&row, "note", e->note);
    put_text(&row, "confidence", WORD_OF(confidence_words, e->confidence));
    put_text(&row, "source", e->source);
    fputc('}', out);
}

/* ---- for people ---- */
static void line_of(const char *label, const char *text)
{
    if (*text != '\0') {
        printf("  %-12s ", label);
        cli_wrap(stdout, cli_style_of(stdout).width, 15, text);
    }
}

static size_t append(char *text, size_t cap, const char *label, double rate)
{
    size_t used = strlen(text);

    if (rate > 0)
        (void)snprintf(text + used, cap - used, "%s%s %.4g", used > 0 ? ", " : "", label, rate / 1e12);
    return strlen(text);
}

static void describe_rates(const ctxfit_hw_entry *e)
{
    char text[256] = "";

    (void)append(text, sizeof text, "FP32", e->fp32_flops_per_s);
    (void)append(text, sizeof text, "FP16", e->fp16_flops_per_s);
    (void)append(text, sizeof text, "FP16 with FP32 accumulation", e->fp16_fp32acc_flops_per_s);
    (void)append(text, sizeof text, "BF16", e->bf16_flops_per_s);
    (void)append(text, sizeof text, "FP8", e->fp8_flops_per_s);
    (void)append(text, sizeof text, "INT8", e->int8_ops_per_s);
    if (append(text, sizeof text, "FP4", e->fp4_flops_per_s) > 0)
        line_of("TFLOP/s", text);
    line_of("", e->rate_note);
}

static void describe_link(const char *label, const char *what, uint64_t bytes_per_s)
{
    char text[128];

    if (bytes_per_s == 0)
        line_of(label, what);
    else {
        (void)snprintf(text, sizeof text, "%s%s%.4g GB/s", what, *what != '\0' ? ", " : "", (double)bytes_per_s / 1e9);
        line_of(label, text);
    }
}

static void describe_memory(const ctxfit_hw_entry *e)
{
    char text[256], count[24] = "";

    if (e->device_count > 1)
        (void)snprintf(count, sizeof count, " in %u devices", (unsigned)e->device_count);
    if (e->advertised_bytes != 0) {
        (void)snprintf(text, sizeof text, "%s%s%s%s", cli_bytes(e->advertised_bytes), count, *e->memory_type != '\0' ? " of " : "",
                       e->memory_type);
        line_of("memory", text);
    }
    if (e->memory_bytes != e->advertised_bytes) {
        (void)snprintf(text, sizeof text, "%s as drivers report it", cli_bytes(e->memory_bytes));
        line_of("", text);
    }
    if (e->budget_bytes != e->memory_bytes) {
        (void)snprintf(text, sizeof text, "%s of it for the GPU by default", cli_bytes(e->budget_bytes));
        line_of("", text);
    }
    if (e->bandwidth_bytes_per_s != 0) {
        (void)snprintf(text, sizeof text, "%.5g GB/s", (double)e->bandwidth_bytes_per_s / 1e9);
        if (e->memory_bus_bits != 0 && e->memory_mtps != 0)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), " (%u bits x %u MT/s)", (unsigned)e->memory_bus_bits,
                           (unsigned)e->memory_mtps);
        line_of("bandwidth", text);
    }
}

static void describe_price(const ctxfit_hw_entry *e)
{
    char text[192], year[16] = "";

    if (e->price_usd == 0)
        return;
    if (e->price_year != 0)
        (void)snprintf(year, sizeof year, " in %u", (unsigned)e->price_year);
    (void)snprintf(text, sizeof text, "%s US$%s%s%s", cli_count(e->price_usd), year, *e->price_note != '\0' ? ", " : "", e->price_note);
    line_of("price", text);
}

static void describe_entry(const ctxfit_hw_entry *e)
{
    char text[192];

    printf("%s  %s\n", e->id, e->name);
    (void)snprintf(text, sizeof text, "%s%s%s%s%s", e->vendor, *e->family != '\0' ? " " : "", e->family, *e->chip != '\0' ? ", " : "",
                   e->chip);
    line_of("made of", *e->spec != '\0' ? e->spec : text);
    describe_memory(e);
    describe_rates(e);
    describe_link("host link", e->host_interface, e->host_link_bytes_per_s);
    describe_link("device link", e->peer_interconnect, e->peer_link_bytes_per_s);
    describe_link("node link", e->node_interconnect, e->node_link_bytes_per_s);
    if (e->power_w != 0) {
        (void)snprintf(text, sizeof text, "%u W", (unsigned)e->power_w);
        line_of("power", text);
    }
    describe_price(e);
    if (e->released != 0) {
        (void)snprintf(text, sizeof text, "%u-%02u-%02u", (unsigned)(e->released / 10000), (unsigned)(e->released / 100 % 100),
                       (unsigned)(e->released % 100));
        text[strcspn(text, "-") + (e->released / 100 % 100 == 0 ? 0 : e->released % 100 == 0 ? 3 : 6)] = '\0';
        line_of("released", text);
    }
    line_of("target", e->compute_target);
    line_of("note", e->note);
    (void)snprintf(text, sizeof text, "%s", e->confidence == CTXFIT_CONFIDENCE_VENDOR    ? "cited from the vendor"
                                            : e->confidence == CTXFIT_CONFIDENCE_CHECKED ? "a database that other sources agree with"
                                                                                         : "a single secondary source, or an estimate");
    line_of("known from", text);
    line_of("", e->source);
}

int cli_about_hardware(const char *name, bool json)
{
    ctxfit_hw_entry entry = CTXFIT_HW_ENTRY_INIT;
    ctxfit_error    error;
    uint32_t        index;
    ctxfit_status   status = ctxfit_hw_catalog_find(name, &index, &error);

    if (status == CTXFIT_OK)
        status = ctxfit_hw_catalog_get(index, &entry);
    if (status != CTXFIT_OK)
        return cli_fail("hardware", name, status, &error);
    if (json) {
        cli_write_entry_json(&entry, stdout);
        putchar('\n');
    } else {
        describe_entry(&entry);
    }
    return CLI_FITS;
}

static void print_row(const ctxfit_hw_entry *e)
{
    char price[24] = "", rate[24] = "";

    if (e->price_usd != 0)
        (void)snprintf(price, sizeof price, "%s $", cli_count(e->price_usd));
    if (e->bandwidth_bytes_per_s != 0)
        (void)snprintf(rate, sizeof rate, "%.0f GB/s", (double)e->bandwidth_bytes_per_s / 1e9);
    printf("%-44s %9s %9s %11s  %s\n", e->id, e->advertised_bytes != 0 ? cli_bytes(e->advertised_bytes) : "", rate, price, e->name);
}

int cli_list_hardware(const ctxfit_hw_filter *filter, bool json)
{
    static uint32_t places[4096]; /* of the program's own; the catalog has some hundreds */
    size_t          count;
    ctxfit_error    error;
    ctxfit_status   status = ctxfit_hw_catalog_search(filter, places, CLI_COUNT(places), &count, &error);

    if (status != CTXFIT_OK)
        return cli_fail("hardware", filter->text, status, &error);
    for (size_t i = 0; i < count; i++) {
        ctxfit_hw_entry entry = CTXFIT_HW_ENTRY_INIT;

        if (ctxfit_hw_catalog_get(places[i], &entry) != CTXFIT_OK)
            continue;
        if (json) {
            cli_write_entry_json(&entry, stdout);
            putchar('\n');
        } else {
            print_row(&entry);
        }
    }
    if (count == 0)
        fputs("ctxfit: note: nothing in the catalog passes all of these\n", stderr);
    return CLI_FITS;
}
