#include "cli.h"

#include <string.h>

/* An option of the command line: the setting that it is, and its value where no word of value follows. */
typedef struct option {
    const char *names; /* separated by spaces */
    const char *key;
    const char *value; /* NULL: the next word */
} option;

/* What an option of llama-server means that a plan does not take: CTXFIT_ARGUMENT_NO_SIZE, _NOT_COUNTED, _NOT_FOLLOWED. */
#define SERVER_EFFECTS 3

static const option options[] = {
    {"--model -m", "model", NULL},
    {"--hf-repo -hf -hfr", "hf_repo", NULL},
    {"--header-only", "header_only", "1"},
    {"--hw", "hw", NULL},
    {"--quant", "quant", NULL},
    {"--engine", "engine", NULL},
    {"--ctx-size -c --ctx", "n_ctx", NULL},
    {"--parallel -np", "n_seq", NULL},
    {"--batch-size -b", "n_batch", NULL},
    {"--ubatch-size -ub", "n_ubatch", NULL},
    {"--kv --cache-mode", "kv", NULL},
    {"--cache-type-k -ctk", "type_k", NULL},
    {"--cache-type-v -ctv", "type_v", NULL},
    {"--flash-attn -fa", "flash_attn", NULL},
    {"--n-gpu-layers -ngl --gpu-layers", "ngl", NULL},
    {"--split-mode -sm", "split_mode", NULL},
    {"--tensor-split -ts", "tensor_split", NULL},
    {"--n-cpu-moe -ncmoe --cpu-moe-offload-layers", "n_cpu_moe", NULL},
    {"--cpu-moe -cmoe", "cpu_moe", "1"},
    {"--override-tensor -ot", "override_tensor", NULL},
    {"--kv-unified -kvu", "kv_unified", "1"},
    {"--no-kv-unified -no-kvu", "kv_unified", "0"},
    {"--swa-full", "swa_full", "1"},
    {"--no-swa-full", "swa_full", "0"},
    {"--kv-offload -kvo", "offload_kqv", "1"},
    {"--no-kv-offload -nkvo", "offload_kqv", "0"},
    {"--op-offload", "op_offload", "1"},
    {"--no-op-offload", "op_offload", "0"},
    {"--mmap", "mmap", "1"},
    {"--no-mmap", "mmap", "0"},
    {"--direct-io -dio --no-direct-io -ndio", "load_mode", "dio"},
    {"--load-mode -lm", "load_mode", NULL},
    {"--repack", "repack", "1"},
    {"--no-repack -nr", "repack", "0"},
    {"--outputs-max", "n_outputs_max", NULL},
    {"--reserve", "reserve_bytes", NULL},
    {"--fit-target -fitt", "fit_target", NULL},
    {"--num-ctx --cache-size", "n_ctx", NULL},
    {"--model-ctx", "model_ctx", NULL},
    {"--default-ctx", "default_ctx", NULL},
    {"--gpu-overhead", "overhead_bytes", NULL},
    {"--gpu-memory-utilization --mem-fraction-static --free_gpu_memory_fraction --kv_cache_free_gpu_memory_fraction", "memory_fraction",
     NULL},
    {"--kv-cache-memory-bytes", "kv_cache_bytes", NULL},
    {"--kv-cache-dtype --kv_cache_dtype", "kv_cache_dtype", NULL},
    {"--tensor-parallel-size -tp --tp-size --tp --tp_size", "tensor_parallel", NULL},
    {"--pipeline-parallel-size -pp --pp-size --pp_size", "pipeline_parallel", NULL},
    {"--block-size --page-size --tokens_per_block", "block_tokens", NULL},
    {"--max-num-seqs --max-running-requests --max_batch_size --max-batch-size", "batch_sequences", NULL},
    {"--max-num-batched-tokens --chunked-prefill-size --prefill-step-size --max_num_tokens --chunk-size", "n_batch", NULL},
    {"--max-model-len --context-length --max_seq_len", "n_ctx", NULL},
    {"--num-speculative-tokens --speculative-num-draft-tokens", "draft_tokens", NULL},
    {"--enforce-eager --disable-cuda-graph", "eager", "1"},
    {"--enable-prefix-caching", "prefix_cache", "1"},
    {"--no-enable-prefix-caching --disable-radix-cache", "prefix_cache", "0"},
    {"--disable-hybrid-kv-cache-manager", "swa_full", "1"},
    {"--spread", "spread", "1"},
    {"--language-model-only", "text_only", "1"},
    {"--vision", "vision", "1"},
    {"--limit", "limit_tokens", NULL},
    {"--limit-source", "limit_source", NULL},
    {"--prefill-rate", "prefill_rate", NULL},
    {"--decode-rate", "decode_rate", NULL},
    {"--prompt", "prompt_tokens", NULL},
    {"--cached", "cached_tokens", NULL},
    {"--output", "output_tokens", NULL},
    {"--deadline", "deadline_s", NULL},
    {"--hw-file", "hw_file", NULL},
    {"--host-limit", "host_limit", NULL},
    {"--device-limit", "device_limit", NULL},
    {"--with-integrated", "with_integrated", "1"},
    {"--draft -md --model-draft --spec-draft-model --draft-model", "draft", NULL},
    {"--draft-quant", "draft_quant", NULL},
    {"--spec-draft-n-max --draft-max --draft-n --num-draft-tokens", "draft_n_max", NULL},
    {"--ctx-size-draft -cd", "draft_ctx", NULL},
    {"--spec-draft-ngl -ngld --gpu-layers-draft --n-gpu-layers-draft", "draft_ngl", NULL},
    {"--spec-draft-cpu-moe -cmoed --cpu-moe-draft", "draft_cpu_moe", "1"},
    {"--spec-draft-n-cpu-moe --spec-draft-ncmoe -ncmoed --n-cpu-moe-draft", "draft_n_cpu_moe", NULL},
    {"--spec-draft-type-k -ctkd --cache-type-k-draft", "draft_type_k", NULL},
    {"--spec-draft-type-v -ctvd --cache-type-v-draft", "draft_type_v", NULL},
    {"--spec-draft-override-tensor -otd --override-tensor-draft", "draft_overrides", NULL},
    {"--spec-draft-device -devd --device-draft", "draft_devices", NULL},
    {"--spec-type", "spec_type", NULL},
    {"--mtp", "spec_type", "draft-mtp"},
    {"--lora", "lora", NULL},
    {"--lora-scaled", "lora_scaled", NULL},
    {"--mmproj -mm", "mmproj", NULL},
    {"--no-mmproj", "no_mmproj", "1"},
    {"--mmproj-offload", "mmproj_offload", "1"},
    {"--no-mmproj-offload", "mmproj_offload", "0"},
    {"--mmproj-device -mmdev", "mmproj_device", NULL},
    {"--image", "image", NULL},
    {"--image-min-tokens", "image_min_tokens", NULL},
    {"--image-max-tokens", "image_max_tokens", NULL},
    {"--json", "json", "1"},
};

/* A line under construction. */
typedef struct line_reader {
    cli_request *request;
    char         noted[SERVER_EFFECTS][160]; /* options of llama-server that were met */
} line_reader;

static bool bad_value(const char *name, const char *value, const char *expected)
{
    fprintf(stderr, "ctxfit: %s '%s': expected %s\n", name, value, expected);
    return false;
}

static bool has_name(const char *names, const char *name)
{
    size_t length = strlen(name);

    for (const char *p = names; p != NULL; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (strncmp(p, name, length) == 0 && (p[length] == ' ' || p[length] == '\0'))
            return true;
    }
    return false;
}

static const option *find_option(const char *name)
{
    for (size_t i = 0; i < CLI_COUNT(options); i++)
        if (has_name(options[i].names, name))
            return &options[i];
    return NULL;
}

static const cli_setting *find_setting(const char *key)
{
    for (uint32_t i = 0;; i++)
        if (strcmp(cli_setting_at(i)->key, key) == 0)
            return cli_setting_at(i);
}

static bool unknown_option(const char *name)
{
    cli_nearest nearest;
    char        names[192];

    cli_nearest_init(&nearest, name);
    for (size_t i = 0; i < CLI_COUNT(options); i++) {
        for (const char *p = options[i].names; *p != '\0';) {
            size_t length = strcspn(p, " ");

            cli_nearest_offer(&nearest, p, length);
            p += length + (p[length] == ' ');
        }
    }
    cli_nearest_write(&nearest, names, sizeof names);
    fprintf(stderr, "ctxfit: unknown option '%.80s'%s (--help after the command lists them)\n", name, names);
    return false;
}

/* "-fa" stood alone in older lines: it takes the next word only where that is a value. */
static bool is_bare_flash(const option *o, const char *next)
{
    static const char *const values[] = {"on", "off", "auto", "1", "0", "true", "false"};

    if (strcmp(o->key, "flash_attn") != 0)
        return false;
    for (size_t i = 0; next != NULL && i < CLI_COUNT(values); i++)
        if (strcmp(next, values[i]) == 0)
            return false;
    return next == NULL || next[0] == '-';
}

static void note_server_option(line_reader *reader, uint32_t effect, const char *name)
{
    char  *text = reader->noted[effect - CTXFIT_ARGUMENT_NO_SIZE];
    size_t used = strlen(text);

    (void)snprintf(text + used, sizeof reader->noted[0] - used, used > 0 ? ", %s" : "%s", name);
}

static void print_notes(const line_reader *reader)
{
    static const char *const texts[SERVER_EFFECTS] = {
        "no size depends on",
        "not counted, its memory comes on top:",
        "not followed; the machine is --hw, the model is MODEL:",
    };

    for (int i = 0; i < SERVER_EFFECTS; i++)
        if (reader->noted[i][0] != '\0')
            fprintf(stderr, "ctxfit: note: %s %s\n", texts[i], reader->noted[i]);
}

/* Reads one option and its value; *used counts the words. */
static bool read_option(line_reader *reader, int left, char **argv, int *used)
{
    char                 name[64];
    const char          *equals = strncmp(argv[0], "--", 2) == 0 ? strchr(argv[0], '=') : NULL;
    const char          *value = equals != NULL ? equals + 1 : NULL, *next = value != NULL ? value : left > 1 ? argv[1] : NULL;
    size_t               length = equals != NULL ? (size_t)(equals - argv[0]) : strlen(argv[0]);
    const option        *o;
    uint32_t             effect, words = 0;

    if (length >= sizeof name || memchr(argv[0], ' ', length) != NULL)
        return unknown_option(argv[0]);
    memcpy(name, argv[0], length);
    name[length] = '\0';
    o = find_option(name);
    effect = o == NULL ? ctxfit_place_find_argument(name, &words) : CTXFIT_ARGUMENT_UNKNOWN;
    if (effect == CTXFIT_ARGUMENT_FOLLOWED)
        effect = CTXFIT_ARGUMENT_NOT_FOLLOWED; /* a fact of a line (-fit) rather than an option of a plan */
    if (effect != CTXFIT_ARGUMENT_UNKNOWN) {
        *used = value != NULL ? 1 : 1 + (int)words;
        note_server_option(reader, effect, name);
        return *used <= left || bad_value("option", name, "a value behind it");
    }
    if (o == NULL)
        return unknown_option(name);
    if (o->value != NULL && value != NULL)
        return bad_value(name, value, "no value");
    if (o->value != NULL) {
        value = o->value;
    } else if (is_bare_flash(o, next)) {
        value = "on";
    } else {
        if (next == NULL)
            return bad_value("option", name, "a value behind it");
        *used = value != NULL ? 1 : 2;
        value = next;
    }
    return cli_set(reader->request, find_setting(o->key), value) || bad_value(name, value, reader->request->expected);
}

/* A pasted line starts with the program. */
static bool is_program(const char *word)
{
    const char *slash = strrchr(word, '/');

    word = slash != NULL ? slash + 1 : word;
    return strcmp(word, "llama-server") == 0 || strcmp(word, "llama-cli") == 0;
}

static const char *option_of(const char *key)
{
    for (size_t i = 0; i < CLI_COUNT(options); i++)
        if (strcmp(options[i].key, key) == 0)
            return options[i].names;
    return key;
}

static bool parse_words(int argc, char **argv, bool lists, cli_request *out)
{
    line_reader reader = {out, {{0}}};
    const char *fault;

    cli_request_init(out);
    out->may_detect = 1;
    out->lists = lists;
    for (int i = 0, used; i < argc; i += used) {
        used = 1;
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!read_option(&reader, argc - i, argv + i, &used))
                return false;
        } else if (i == 0 && is_program(argv[i])) {
            out->pasted = 1;
            continue;
        } else if (out->model == NULL) {
            if (!cli_set(out, find_setting("model"), argv[i]))
                return bad_value("model", argv[i], out->expected);
        } else {
            return bad_value("argument", argv[i], "one model only; quote a machine of several parts: --hw \"2*rtx-4090 host:64GiB\"");
        }
    }
    if (out->with[0] == '\0' && out->with_file_type != 0) /* of one engine the last counts, as of every option */
        out->file_type = out->with_file_type;
    fault = cli_request_fault(out);
    if (fault != NULL) {
        fprintf(stderr, "ctxfit: %.*s: expected %s\n", (int)strcspn(option_of(fault), " "), option_of(fault), out->expected);
        return false;
    }
    print_notes(&reader);
    return true;
}

bool cli_parse_plan(int argc, char **argv, cli_request *out)
{
    return parse_words(argc, argv, false, out);
}

bool cli_parse_listing(int argc, char **argv, cli_request *out)
{
    return parse_words(argc, argv, true, out);
}
