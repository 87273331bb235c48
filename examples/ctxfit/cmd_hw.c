#include "cli.h"

#include <stdlib.h>
#include <string.h>

static void print_device(const ctxfit_device *d)
{
    printf("  %-28s %-6s memory %s", d->name, cli_backend_name(d->backend),
           d->memory_bytes != 0 ? cli_bytes(d->memory_bytes) : "not stated");
    if (d->kind == CTXFIT_DEVICE_UNIFIED)
        printf(", GPU budget %s", cli_bytes(d->budget_bytes));
    if (d->free_bytes != 0)
        printf(", free %s", cli_bytes(d->free_bytes));
    if (d->reserve_bytes != 0)
        printf(", reserve %s", cli_bytes(d->reserve_bytes));
    if (d->bandwidth_bytes_per_s != 0)
        printf(", %.0f GB/s", (double)d->bandwidth_bytes_per_s / 1e9);
    if (d->fp16_flops_per_s > 0)
        printf(", %.1f TFLOP/s", d->fp16_flops_per_s / 1e12);
    if (d->link_bytes_per_s != 0)
        printf(", link %.1f GB/s", (double)d->link_bytes_per_s / 1e9);
    putchar('\n');
}

static void print_machine(const ctxfit_hw *hw)
{
    char spec[4096];

    if (ctxfit_hw_write_spec(hw, spec, sizeof spec, NULL) == CTXFIT_OK)
        printf("%s\n", spec);
    for (uint32_t i = 0; i < ctxfit_hw_device_count(hw); i++) {
        ctxfit_device d = CTXFIT_DEVICE_INIT;

        if (ctxfit_hw_get_device(hw, i, &d) == CTXFIT_OK)
            print_device(&d);
    }
}

static void print_report(const ctxfit_hw *hw)
{
    char report[32768]; /* a report is bounded at half of it */

    if (ctxfit_hw_write_report(hw, report, sizeof report, NULL) == CTXFIT_OK)
        fputs(report, stdout); /* printable, but for its newlines */
}

/* The machine of a spec, or, without one, this machine. */
static int describe_machine(const char *spec, const char *file, const ctxfit_hw_detect_options *options, bool report)
{
    ctxfit_hw    *hw;
    ctxfit_error  error;
    ctxfit_status status = cli_open_hw(spec, file, options, &hw, &error);

    if (status != CTXFIT_OK)
        return cli_fail("hardware", spec != NULL ? spec : "this machine", status, &error);
    if (report) {
        print_report(hw);
    } else {
        print_machine(hw);
        cli_render_unseen(hw, stdout);
    }
    ctxfit_hw_free(hw);
    return CLI_FITS;
}

/* What the words of the line ask for. */
typedef struct hw_request {
    const char              *spec;
    const char              *about;
    const char              *file; /* of hardware of the user's own */
    bool                     list;
    bool                     report;
    bool                     json;
    bool                     filtered; /* filters were given */
    bool                     detects;  /* options of detection were given */
    ctxfit_hw_filter         filter;
    ctxfit_hw_detect_options detect;
} hw_request;

/* "24GiB", "24GiB-48GiB", "24GiB-" (at least), "-48GiB" (at most) */
static bool read_sizes(const char *text, uint64_t *least, uint64_t *most)
{
    char   first[32];
    size_t n = strcspn(text, "-");

    if (n >= sizeof first)
        return false;
    memcpy(first, text, n);
    first[n] = '\0';
    *least = *most = 0;
    if (n > 0 && !cli_parse_bytes(first, least))
        return false;
    if (text[n] == '\0') {
        *most = *least;
        return n > 0;
    }
    return (text[n + 1] == '\0' && n > 0) || (cli_parse_bytes(text + n + 1, most) && *least <= *most);
}

static bool read_price(const char *text, ctxfit_hw_filter *filter)
{
    uint64_t price;

    if (!cli_parse_uint(text, UINT32_MAX, &price) || price == 0)
        return false;
    filter->price_most_usd = (uint32_t)price;
    return true;
}

static bool take_text(char *out, size_t cap, const char *value)
{
    return (size_t)snprintf(out, cap, "%s", value) < cap;
}

/* One option with its value; NULL, or what was expected. */
static const char *take_filter(ctxfit_hw_filter *f, const char *name, const char *value, bool *known)
{
    *known = true;
    if (strcmp(name, "--vendor") == 0)
        return take_text(f->vendor, sizeof f->vendor, value) ? NULL : "a vendor";
    if (strcmp(name, "--kind") == 0)
        return cli_read_kind(value, &f->kind) ? NULL : "gpu, unified or host";
    if (strcmp(name, "--form") == 0)
        return cli_read_form(value, &f->form)
                   ? NULL : "card, datacenter, soc, igpu, cpu, npu, desktop, laptop, server, embedded, tablet or cluster";
    if (strcmp(name, "--memory") == 0)
        return read_sizes(value, &f->memory_least_bytes, &f->memory_most_bytes)
                   ? NULL : "sizes such as 24GiB, 24GiB-, 24GiB-48GiB, the smaller first";
    if (strcmp(name, "--price") == 0)
        return read_price(value, f) ? NULL : "the most US$, such as 2000";
    *known = false;
    return NULL;
}

/* The same of an option of detection. */
static const char *take_detection(ctxfit_hw_detect_options *o, const char *name, const char *value, bool *known)
{
    *known = true;
    if (strcmp(name, "--host-limit") == 0)
        return cli_parse_bytes(value, &o->host_limit_bytes) && o->host_limit_bytes > 0 ? NULL : "a size such as 16GiB";
    if (strcmp(name, "--device-limit") == 0)
        return cli_read_device_limits(value, o) ? NULL : "a size for each accelerator, such as 20GiB,8GiB; 0 for no limit";
    *known = false;
    return NULL;
}

static bool take_flag(hw_request *r, const char *word)
{
    if (strcmp(word, "--with-integrated") == 0) {
        r->detect.flags |= CTXFIT_HW_DETECT_WITH_INTEGRATED;
        return r->detects = true;
    }
    if (strcmp(word, "--list") == 0)
        return r->list = true;
    if (strcmp(word, "--report") == 0)
        return r->report = true;
    if (strcmp(word, "--json") == 0)
        return r->json = true;
    if (strcmp(word, "--machines") == 0 || strcmp(word, "--parts") == 0) {
        r->filter.machines = word[2] == 'm' ? CTXFIT_ENTRY_MACHINES : CTXFIT_ENTRY_PARTS;
        return true;
    }
    return false;
}

static bool hw_usage(void)
{
    fputs("ctxfit: usage: ctxfit hw [SPEC [--hw-file FILE]], or\n"
          "ctxfit hw [--report] [--host-limit SIZE] [--device-limit SIZES] [--with-integrated], or ctxfit hw --about NAME [--json], or\n"
          "ctxfit hw --list [WORDS] [--vendor V] [--kind K] [--form F] [--memory SIZES] [--price MOST] [--machines | --parts] [--json],\n"
          "or ctxfit hw --for MODEL [options of a plan] [filters]; quote a machine of several parts: ctxfit hw \"2*rtx-4090 host:64GiB\"\n",
          stderr);
    return false;
}

static bool bad_hw_value(const char *name, const char *value, const char *expected)
{
    fprintf(stderr, "ctxfit: %s '%.80s': expected %s\n", name, value, expected);
    return false;
}

static bool parse_hw(int argc, char **argv, hw_request *r)
{
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "", *expected;

        if (argv[i][0] != '-') {
            if (r->spec != NULL)
                return hw_usage();
            r->spec = argv[i];
        } else if (strcmp(argv[i], "--about") == 0 && i + 1 < argc) {
            r->about = argv[++i];
            if (*r->about == '\0')
                return bad_hw_value("--about", "", "a name");
        } else if (strcmp(argv[i], "--hw-file") == 0 && i + 1 < argc) {
            r->file = argv[++i];
        } else if (!take_flag(r, argv[i])) {
            bool filter, detection = false;

            expected = take_filter(&r->filter, argv[i], value, &filter);
            if (!filter)
                expected = take_detection(&r->detect, argv[i], value, &detection);
            if (!filter && !detection && strcmp(argv[i], "--about") != 0 && strcmp(argv[i], "--hw-file") != 0)
                return bad_hw_value("option", argv[i], "an option of hw: ctxfit --help");
            if (i + 1 == argc)
                return bad_hw_value("option", argv[i], "a value behind it");
            if (expected != NULL)
                return bad_hw_value(argv[i], value, expected);
            r->filtered = r->filtered || filter;
            r->detects = r->detects || detection;
            i++;
        }
    }
    if (r->list && r->spec != NULL && !take_text(r->filter.text, sizeof r->filter.text, r->spec))
        return bad_hw_value("--list", r->spec, "at most 95 bytes");
    return r->list + r->report + (r->about != NULL) + (!r->list && r->spec != NULL) <= 1 &&
                   (r->list || (!r->filtered && r->filter.machines == 0)) && (!r->json || r->list || r->about != NULL) &&
                   (!r->detects || (!r->list && r->about == NULL && r->spec == NULL)) &&
                   (r->file == NULL || (r->spec != NULL && !r->list))
               ? true : hw_usage();
}

/* --for MODEL: filters and --top are ours, the other words are a plan's. */
static int machines_for(int argc, char **argv, char **words)
{
    ctxfit_hw_filter filter = CTXFIT_HW_FILTER_INIT;
    const char      *top = NULL;
    int              count = 0;

    filter.machines = CTXFIT_ENTRY_MACHINES;
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL, *expected;
        bool        known;

        if (strcmp(argv[i], "--for") == 0)
            continue; /* the word behind it is the model */
        if (strcmp(argv[i], "--parts") == 0) {
            filter.machines = CTXFIT_ENTRY_ANY;
            continue;
        }
        if (strcmp(argv[i], "--top") == 0 && value != NULL) {
            top = argv[++i];
            continue;
        }
        expected = take_filter(&filter, argv[i], value != NULL ? value : "", &known);
        if (known && (expected != NULL || value == NULL))
            return bad_hw_value(argv[i], value != NULL ? value : "", expected != NULL ? expected : "a value") ? 0 : CLI_USAGE;
        if (known)
            i++;
        else
            words[count++] = argv[i];
    }
    return cli_list_machines(&filter, top, count, words);
}

static bool has_for(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--for") == 0)
            return true;
    return false;
}

int cli_hw(int argc, char **argv)
{
    hw_request               request = {0};
    ctxfit_hw_filter         filter = CTXFIT_HW_FILTER_INIT;
    ctxfit_hw_detect_options everything = CTXFIT_HW_DETECT_OPTIONS_INIT;

    if (has_for(argc, argv)) {
        char **words = calloc((size_t)argc + 1, sizeof *words);
        int    code = words != NULL ? machines_for(argc, argv, words) : CLI_BAD_INPUT;

        free(words);
        return code;
    }
    request.filter = filter;
    request.detect = everything;
    if (!parse_hw(argc, argv, &request))
        return CLI_USAGE;
    if (request.list)
        return cli_list_hardware(&request.filter, request.json);
    if (request.about != NULL)
        return cli_about_hardware(request.about, request.json);
    return describe_machine(request.spec, request.file, &request.detect, request.report);
}
