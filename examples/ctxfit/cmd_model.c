#include "cli.h"

#include <inttypes.h>
#include <string.h>

static const char *attention_name(uint32_t attention)
{
    static const char *const names[] = {"-", "full", "sliding", "chunked", "latent"};

    return attention < sizeof names / sizeof names[0] ? names[attention] : "?";
}

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"-", "mamba", "mamba2", "delta-net", "kda", "short-conv", "rwkv"};

    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static const char *ff_name(uint32_t feed_forward)
{
    static const char *const names[] = {"-", "plain", "gated", "experts"};

    return feed_forward < sizeof names / sizeof names[0] ? names[feed_forward] : "?";
}

static int list_models(void)
{
    for (uint32_t i = 0; i < ctxfit_model_catalog_count(); i++)
        printf("%-40s %s\n", ctxfit_model_catalog_id(i), ctxfit_model_catalog_hf_id(i));
    return CLI_FITS;
}

static void print_rope(const ctxfit_model_info *m)
{
    static const char *const names[] = {"none", "linear", "yarn", "longrope", "llama3"};

    if (m->rope_scaling == CTXFIT_ROPE_SCALING_NONE || m->rope_scaling >= sizeof names / sizeof names[0])
        return;
    printf("  rope scaling        %s", names[m->rope_scaling]);
    if (m->rope_factor > 0)
        printf(", factor %g", m->rope_factor);
    if (m->rope_original_tokens != 0)
        printf(", from %s tokens", cli_count(m->rope_original_tokens));
    putchar('\n');
}

static void print_info(const ctxfit_model *model, const ctxfit_model_info *m)
{
    cli_put(stdout, ctxfit_model_name(model));
    fputs("\n  architecture        ", stdout);
    cli_put(stdout, ctxfit_model_arch(model));
    puts((m->flags & CTXFIT_MODEL_F_UNKNOWN_ARCH) != 0 ? " (unknown: generic rules)" : "");
    printf("  layers              %u", (unsigned)m->layers);
    if (m->nextn_layers > 0)
        printf(" and %u for next-token prediction", (unsigned)m->nextn_layers);
    printf("\n  hidden width        %u\n  vocabulary          %s%s\n", (unsigned)m->embedding, cli_count(m->vocabulary),
           (m->flags & CTXFIT_MODEL_F_TIED) != 0 ? ", tied with the output" : "");
    printf("  trained context     %s\n", m->trained_tokens != 0 ? cli_count(m->trained_tokens) : "not stated");
    print_rope(m);
    if (m->experts > 0)
        printf("  experts             %u, %u used\n", (unsigned)m->experts, (unsigned)m->experts_used);
    printf("  parameters          %.3f B", (double)m->parameters / 1e9);
    if (m->parameters_active != m->parameters)
        printf(", %.3f B active", (double)m->parameters_active / 1e9);
    printf("\n  tensors             %s, %s bytes (%s)", cli_count(m->tensor_count), cli_count(m->tensor_bytes), cli_bytes(m->tensor_bytes));
    printf("%s%s\n", m->file_type != 0 ? ", " : "", m->file_type != 0 ? cli_file_type(m->file_type) : "");
}

/* The checkpoint's own bytes, where its files were read. */
static void print_checkpoint(const ctxfit_model *model)
{
    static const char *const names[] = {"layers", "experts", "embeddings", "output", "next-token prediction", "other parts"};
    ctxfit_checkpoint_info   c = CTXFIT_CHECKPOINT_INFO_INIT;
    uint64_t                 bytes[6];

    if (ctxfit_model_get_checkpoint(model, &c) != CTXFIT_OK)
        return;
    if (c.quant != CTXFIT_CHECKPOINT_QUANT_NONE) {
        fputs("  quantization        ", stdout);
        cli_put(stdout, c.quant_method);
        if (c.quant == CTXFIT_CHECKPOINT_QUANT_EXL3)
            printf(", %.2f bits, output matrix %u", c.quant_bits_hundredths / 100.0, (unsigned)c.output_bits);
        else if (c.quant_bits > 0)
            printf(", %u bits", (unsigned)c.quant_bits);
        if (c.quant_group > 0)
            printf(", groups of %u", (unsigned)c.quant_group);
        putchar('\n');
    }
    if ((c.flags & CTXFIT_CHECKPOINT_F_MEASURED) == 0)
        return;
    printf("  checkpoint          %s bytes (%s) in %s tensors, %u files\n", cli_count(c.total_bytes), cli_bytes(c.total_bytes),
           cli_count(c.tensors), (unsigned)c.shards);
    bytes[0] = c.layer_bytes;
    bytes[1] = c.expert_bytes;
    bytes[2] = c.embedding_bytes;
    bytes[3] = c.output_bytes;
    bytes[4] = c.nextn_bytes;
    bytes[5] = c.other_bytes;
    for (size_t i = 0; i < CLI_COUNT(bytes); i++)
        if (bytes[i] > 0)
            printf("    %-23s %15s\n", names[i], cli_count(bytes[i]));
}

static ctxfit_layer_info layer_at(const ctxfit_model *model, uint32_t index)
{
    ctxfit_layer_info layer = CTXFIT_LAYER_INFO_INIT;

    (void)ctxfit_model_get_layer(model, index, &layer);
    return layer;
}

static bool same_kind(const ctxfit_model *model, uint32_t a, uint32_t b)
{
    ctxfit_layer_info first = layer_at(model, a), second = layer_at(model, b);

    return memcmp(&first, &second, sizeof first) == 0;
}

/* " 0-4, 6-10": the layers of the same kind as `kind`, from there on. */
static void print_places(const ctxfit_model *model, uint32_t kind, uint32_t count)
{
    const char *before = " ";

    for (uint32_t i = kind; i < count; i++) {
        uint32_t last = i;

        if (!same_kind(model, kind, i))
            continue;
        while (last + 1 < count && same_kind(model, kind, last + 1))
            last++;
        printf(last > i ? "%s%u-%u" : "%s%u", before, (unsigned)i, (unsigned)last);
        before = ", ";
        i = last;
    }
}

static void print_kind(const ctxfit_model *model, uint32_t index, uint32_t count)
{
    ctxfit_layer_info l = layer_at(model, index);
    uint32_t          layers = 0;

    for (uint32_t i = index; i < count; i++)
        layers += same_kind(model, index, i);
    printf("  %6u %-8s %-10s %5u %5u %6u %6u %-8s %7u ", (unsigned)layers, attention_name(l.attention), state_name(l.state),
           (unsigned)l.heads, (unsigned)l.kv_heads, (unsigned)l.cache_k_elems, (unsigned)l.cache_v_elems, ff_name(l.feed_forward),
           (unsigned)(l.feed_forward == CTXFIT_FF_MOE ? l.expert_width : l.ff_width));
    print_places(model, index, count);
    if (l.window_tokens != 0)
        printf("; window %u", (unsigned)l.window_tokens);
    if (l.attention != CTXFIT_ATTENTION_NONE && (l.flags & CTXFIT_LAYER_F_CACHE) == 0)
        printf("; no cache of its own");
    if ((l.flags & CTXFIT_LAYER_F_NEXTN) != 0)
        printf("; next-token prediction");
    putchar('\n');
}

/* One line for every kind of layer, in the order of their first. */
static void print_layers(const ctxfit_model *model, uint32_t count)
{
    printf("\n  %6s %-8s %-10s %5s %5s %6s %6s %-8s %7s  which\n", "layers", "attend", "state", "heads", "kv", "K", "V", "ff",
           "width");
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = true;

        for (uint32_t earlier = 0; earlier < i && is_new; earlier++)
            is_new = !same_kind(model, earlier, i);
        if (is_new)
            print_kind(model, i, count);
    }
}

static void print_notes(const ctxfit_model *model)
{
    const char *note;

    for (uint32_t i = 0; (note = ctxfit_model_note(model, i)) != NULL; i++) {
        fputs(i == 0 ? "\n  note: " : "  note: ", stdout);
        cli_wrap(stdout, cli_style_of(stdout).width, 8, note);
    }
}

static void print_tensors(const ctxfit_model *model)
{
    const char *name;

    for (uint64_t i = 0; (name = ctxfit_model_tensor_name(model, i)) != NULL; i++) {
        ctxfit_tensor_info t = CTXFIT_TENSOR_INFO_INIT;

        (void)ctxfit_model_get_tensor(model, i, &t);
        printf("  %-8s %14" PRIu64 "  ", ctxfit_quant_name(t.quant), t.bytes);
        cli_put(stdout, name);
        for (uint32_t d = 0; d < t.n_dims && d < 4; d++)
            printf(d > 0 ? ", %" PRIu64 : " [%" PRIu64, t.dims[d]);
        puts("]");
    }
}

/* What a projector computes with, on a GPU and on the host; pixels of an image that comes, or 0. */
static void print_projector(const ctxfit_gguf *gguf, uint32_t width, uint32_t height)
{
    ctxfit_projector_options o = CTXFIT_PROJECTOR_OPTIONS_INIT;
    ctxfit_projector_memory  m[2] = {CTXFIT_PROJECTOR_MEMORY_INIT, CTXFIT_PROJECTOR_MEMORY_INIT};
    ctxfit_projector        *projector = NULL;
    ctxfit_error             error;
    ctxfit_status            status = ctxfit_projector_from_gguf(gguf, NULL, &projector, &error);

    o.image_width = width;
    o.image_height = height;
    if (status == CTXFIT_OK)
        status = ctxfit_projector_measure(projector, NULL, CTXFIT_BACKEND_CUDA, &o, &m[0], &error);
    if (status == CTXFIT_OK)
        status = ctxfit_projector_measure(projector, NULL, CTXFIT_BACKEND_CPU, &o, &m[1], &error);
    if (status != CTXFIT_OK) {
        printf("  compute buffers     unknown: %s\n", error.message);
    } else {
        const char *most = (m[0].flags & CTXFIT_ENCODER_F_BOUND) != 0 ? "at most " : "";

        printf("  compute buffers     %s%s on a CUDA GPU and %s beside it; %s%s on the host alone\n", most, cli_bytes(m[0].compute_bytes),
               cli_bytes(m[0].host_compute_bytes), most, cli_bytes(m[1].host_compute_bytes));
        if (width > 0 && m[0].image_tokens > 0)
            printf("  image of %u x %u  %s tokens, encoded as %u of at most %u x %u\n", (unsigned)width, (unsigned)height,
                   cli_count(m[0].image_tokens), (unsigned)m[0].image_pieces, (unsigned)m[0].picture_width, (unsigned)m[0].picture_height);
        else if (width > 0)
            printf("  image of %u x %u  its tokens are not known for this kind of projector\n", (unsigned)width, (unsigned)height);
    }
    ctxfit_projector_free(projector);
}

/* A file that is no model, but comes beside one; false where it is neither. */
static bool print_companion(const char *path, uint32_t width, uint32_t height)
{
    ctxfit_gguf_options options = CTXFIT_GGUF_OPTIONS_INIT;
    ctxfit_companion    c = CTXFIT_COMPANION_INIT;
    ctxfit_gguf        *gguf;
    ctxfit_status       status;

    options.flags = CTXFIT_GGUF_F_HEADER_ONLY;
    if (ctxfit_gguf_open(path, &options, NULL, &gguf, NULL) != CTXFIT_OK)
        return false;
    status = ctxfit_companion_from_gguf(gguf, &c, NULL);
    if (status != CTXFIT_OK) {
        ctxfit_gguf_free(gguf);
        return false;
    }
    fputs(c.kind == CTXFIT_COMPANION_ADAPTER ? "LoRA adapter for " : "projector ", stdout);
    cli_put(stdout, c.name);
    printf("\n  weights             %s bytes (%s) in %s tensors\n", cli_count(c.weight_bytes), cli_bytes(c.weight_bytes),
           cli_count(c.tensors));
    if (c.kind == CTXFIT_COMPANION_ADAPTER)
        printf("  rank                %u\n  compute buffer      at most %s bytes a token of the micro-batch\n", (unsigned)c.rank,
               cli_count(c.compute_bytes_per_token));
    if (c.layers > 0)
        printf("  encoder             %u layers of width %u, hands over %u\n", (unsigned)c.layers, (unsigned)c.embedding,
               (unsigned)c.output);
    if (c.image_size > 0)
        printf("  image               %u pixels a side, patches of %u\n", (unsigned)c.image_size, (unsigned)c.patch_size);
    if (c.kind == CTXFIT_COMPANION_PROJECTOR)
        print_projector(gguf, width, height);
    ctxfit_gguf_free(gguf);
    return true;
}

static int model_fault(const char *name, const char *value, const char *expected)
{
    fprintf(stderr, "ctxfit: %s '%.80s': expected %s\n", name, value, expected);
    return CLI_USAGE;
}

int cli_model(int argc, char **argv)
{
    cli_model_source  source = {NULL, 0, false, NULL};
    bool              tensors = false;
    uint32_t          image[2] = {0, 0};
    ctxfit_model     *model;
    ctxfit_model_info info = CTXFIT_MODEL_INFO_INIT;
    ctxfit_error      error;
    ctxfit_status     status;

    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--tensors") == 0)
            tensors = true;
        else if (strcmp(argv[i], "--quant") == 0 && (source.file_type = ctxfit_file_type_from_name(value)) == 0)
            return model_fault(argv[i], value, "a file type such as Q4_K_M (ctxfit quant lists them)");
        else if (strcmp(argv[i], "--image") == 0 && !cli_read_image(value, &image[0], &image[1]))
            return model_fault(argv[i], value, "pixels of an image, such as 1280x720");
        else if (strcmp(argv[i], "--quant") == 0 || strcmp(argv[i], "--image") == 0)
            i++;
        else if (strcmp(argv[i], "--header-only") == 0)
            source.header_only = true;
        else if (argv[i][0] != '-' && source.name == NULL)
            source.name = argv[i];
        else
            return model_fault("argument", argv[i], "[MODEL] [--quant Q4_K_M] [--tensors] [--header-only] [--image 1280x720]");
    }
    if (source.name == NULL && argc > 0)
        return model_fault("model", "", "MODEL before its options; without any the catalog is listed");
    if (source.name == NULL)
        return list_models();
    status = cli_open_model(&source, &model, &error);
    if (status == CTXFIT_E_UNSUPPORTED && print_companion(source.name, image[0], image[1]))
        return CLI_FITS;
    if (status != CTXFIT_OK)
        return cli_fail("model", source.name, status, &error);
    if (image[0] != 0)
        fputs("ctxfit: note: without effect: --image (this is no projector)\n", stderr);
    cli_apply_parameters(source.name, NULL, stderr);
    cli_apply_drafting(source.name, model, NULL, stderr);
    (void)ctxfit_model_get_info(model, &info);
    print_info(model, &info);
    print_checkpoint(model);
    print_layers(model, info.layers + info.nextn_layers);
    print_notes(model);
    if (tensors)
        print_tensors(model);
    ctxfit_model_free(model);
    return CLI_FITS;
}
