/* Prints the scheduled graph of a run as the library simulates it, all layers, in the format in which graphs of the real engine are
 * dumped: to be compared line by line.
 *
 *   graph_dump FILE.gguf|TEXT [key=value...]    build=b10472 dev=cuda:2|plain:1|none mem=24,12
 *                                               ctx np ub batch fa=on|off ctk ctv outmax ngl ncmoe
 *                                               ot kvu nkvo noop swafull graph=prompt|token|one sizes */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "graph/build.h"
#include "memory/memory_internal.h"

static const char *const op_names[] = {
#define CFI_OP(name, in_place, empty) #name,
#include "graph/ops.def"
#undef CFI_OP
};

static const char *argument(int argc, char **argv, const char *key, const char *otherwise)
{
    size_t len = strlen(key);

    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], key, len) == 0 && argv[i][len] == '=')
            return argv[i] + len + 1;
        if (strcmp(argv[i], key) == 0)
            return "1";
    }
    return otherwise;
}

static void read_options(int argc, char **argv, ctxfit_plan_options *o)
{
    const char *outmax = argument(argc, argv, "outmax", "0");
    const char *ngl    = argument(argc, argv, "ngl", "-1");

    snprintf(o->engine, sizeof o->engine, "llama.cpp@%s", argument(argc, argv, "build", "0.7.0"));
    o->ctx_tokens      = strtoull(argument(argc, argv, "ctx", "8192"), NULL, 10);
    o->sequences       = (uint32_t)strtoul(argument(argc, argv, "np", "1"), NULL, 10);
    o->ubatch_tokens   = (uint32_t)strtoul(argument(argc, argv, "ub", "512"), NULL, 10);
    o->batch_tokens    = (uint32_t)strtoul(argument(argc, argv, "batch", "2048"), NULL, 10);
    o->outputs_max     = strcmp(outmax, "0") == 0 ? UINT32_MAX : (uint32_t)strtoul(outmax, NULL, 10);
    o->kv_key          = ctxfit_quant_from_name(argument(argc, argv, "ctk", "f16"));
    o->kv_value        = ctxfit_quant_from_name(argument(argc, argv, "ctv", argument(argc, argv, "ctk", "f16")));
    o->flash_attention = strcmp(argument(argc, argv, "fa", "on"), "on") == 0 ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
    o->kv_unified      = strcmp(argument(argc, argv, "kvu", "0"), "1") == 0 ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
    o->swa_full        = strcmp(argument(argc, argv, "swafull", "0"), "1") == 0 ? CTXFIT_CHOICE_ON : CTXFIT_CHOICE_OFF;
    o->kv_offload      = strcmp(argument(argc, argv, "nkvo", "0"), "1") == 0 ? CTXFIT_CHOICE_OFF : CTXFIT_CHOICE_ON;
    o->op_offload      = strcmp(argument(argc, argv, "noop", "0"), "1") == 0 ? CTXFIT_CHOICE_OFF : CTXFIT_CHOICE_ON;
    o->gpu_layers      = strcmp(ngl, "-1") == 0 ? 0 : strcmp(ngl, "0") == 0 ? CTXFIT_GPU_LAYERS_NONE : (uint32_t)strtoul(ngl, NULL, 10);
    o->cpu_expert_layers = (uint32_t)strtoul(argument(argc, argv, "ncmoe", "0"), NULL, 10);
    snprintf(o->overrides, sizeof o->overrides, "%s", argument(argc, argv, "ot", ""));
}

/* `memory`: GiB of each, separated by commas. */
static uint32_t read_devices(const char *text, const char *memory, cfi_engine_device *devices)
{
    const char *colon = strchr(text, ':');
    uint32_t    count = colon != NULL ? (uint32_t)strtoul(colon + 1, NULL, 10) : 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t gib = strtoul(memory, NULL, 10);

        devices[i] = (cfi_engine_device){strncmp(text, "cuda", 4) == 0 ? CTXFIT_BACKEND_CUDA : CTXFIT_BACKEND_RPC,
                                         (gib > 0 ? gib : 24) << 30};
        memory += strcspn(memory, ",");
        memory += *memory == ',';
    }
    return count;
}

static void print_node(const char *kind, cfi_node *node, const char *buffer, uint32_t *ids, uint32_t *next)
{
    const cfi_quant_format *format = cfi_quant_format_of((ctxfit_quant)node->quant);

    if (node->boundary >> 31 == 0) {
        ids[0]++;
        node->boundary = UINT32_C(1) << 31 | (*next)++;
    }
    printf("%s %u %s %s - %s %" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 " size=%" PRIu64 " nb=%" PRIu64 ",%" PRIu64 ",%" PRIu64
           ",%" PRIu64 " flags=%u%s",
           kind, (unsigned)(node->boundary & 0x7fffffff), buffer, op_names[node->op], format->name, node->ne[0], node->ne[1], node->ne[2],
           node->ne[3], cfi_node_bytes(node), node->nb[0], node->nb[1], node->nb[2], node->nb[3], (unsigned)(node->flags & 3),
           (node->flags & CFI_NODE_EXTERNAL) != 0 ? " external" : "");
    if (node->view != NULL)
        printf(" view=%u", (unsigned)(node->view->boundary & 0x7fffffff));
    printf(" src=");
    for (uint32_t i = 0; i < node->sources; i++)
        printf("%s%u", i > 0 ? "," : "", (unsigned)(node->src[i]->boundary & 0x7fffffff));
    printf("\n");
}

static void print_graph(const cfi_net *net, const cfi_schedule *s, const char *device)
{
    uint32_t ids  = 0;
    uint32_t next = 1;
    char     name[32];

    (void)net;
    for (uint32_t i = 0; i < s->leaf_count + s->step_count; i++) {
        const cfi_step *step = i < s->leaf_count ? &s->leaf[i] : &s->step[i - s->leaf_count];

        if (step->place == s->host)
            snprintf(name, sizeof name, "HOST");
        else
            snprintf(name, sizeof name, "%s%u", device, (unsigned)step->place);
        if (step->dependency)
            printf("N 0 %s NONE - - - dependency src=%u\n", name, (unsigned)(step->node->boundary & 0x7fffffff));
        else
            print_node(i < s->leaf_count ? "L" : "N", step->node, name, &ids, &next);
    }
}

static ctxfit_model *open_model(const char *path, const char *file_type)
{
    ctxfit_model *model = NULL;
    ctxfit_gguf  *gguf  = NULL;
    ctxfit_error  error;

    if (strchr(path, '=') != NULL) {
        if (ctxfit_model_from_text(path, ctxfit_file_type_from_name(file_type), NULL, &model, &error) != CTXFIT_OK)
            fprintf(stderr, "%s\n", error.message);
        return model;
    }
    if (ctxfit_gguf_open(path, NULL, NULL, &gguf, &error) != CTXFIT_OK || ctxfit_model_from_gguf(gguf, NULL, &model, &error) != CTXFIT_OK)
        fprintf(stderr, "%s\n", error.message);
    ctxfit_gguf_free(gguf);
    return model;
}

int main(int argc, char **argv)
{
    ctxfit_plan_options options = CTXFIT_PLAN_OPTIONS_INIT;
    cfi_engine_device   devices[CFI_MAX_DEVICES];
    const char         *device = argument(argc, argv, "dev", "none");
    uint32_t            count  = read_devices(device, argument(argc, argv, "mem", ""), devices);
    ctxfit_model       *model  = argc > 1 ? open_model(argv[1], argument(argc, argv, "ft", "Q4_K_M")) : NULL;
    const char         *graph  = argument(argc, argv, "graph", "prompt");
    uint32_t            which  = strcmp(graph, "token") == 0 ? CFI_BATCH_TOKEN : strcmp(graph, "one") == 0 ? CFI_BATCH_ONE_SEQUENCE
                                                                                                           : CFI_BATCH_PROMPT;
    cfi_batch           batch;
    ctxfit_error        error;
    cfi_run             run;
    static cfi_memory   memory;

    if (model == NULL)
        return 2;
    read_options(argc, argv, &options);
    if (cfi_engine_resolve(model, &options, devices, count, &run, &error) != CTXFIT_OK ||
        cfi_memory_measure(model, devices, &run, &memory, &error) != CTXFIT_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    if (strcmp(argument(argc, argv, "sizes", "0"), "1") == 0) {
        for (uint32_t d = 0; d <= count; d++)
            printf("%s %u compute %" PRIu64 "%s\n", d == count ? "host" : "device", (unsigned)d, memory.device[d].compute,
                   memory.compute_exact ? "" : " bound");
    } else {
        cfi_graph_setup setup    = {.model = model, .run = &run, .devices = devices};
        cfi_arena       arena;
        cfi_net         net;
        cfi_schedule    schedule = {.devices = devices, .padding = setup.padding, .used = run.split_devices, .build = run.build,
                                    .host = count, .copies = run.pipeline ? CFI_NET_COPIES : 1, .op_offload = run.op_offload};
        cfi_build       b        = {.net = &net, .setup = &setup, .model = model, .run = &run};
        uint32_t       *layers   = malloc(model->info.layers * sizeof *layers);

        cfi_arena_init(&arena, NULL);
        cfi_net_init(&net, &arena);
        for (uint32_t i = 0; i < model->info.layers; i++)
            layers[i] = i;
        if (!cfi_program_find(model, &b.flags)) {
            fprintf(stderr, "no graph for %s\n", model->arch_name);
            return 1;
        }
        if (!cfi_batch_of(model, &run, which, &batch)) {
            fprintf(stderr, "no such graph\n");
            return 1;
        }
        b.tokens    = batch.tokens;
        b.outputs   = batch.outputs;
        b.sequences = batch.sequences;
        b.weights   = cfi_arena_array(&net.arena, model->info.tensor_count + 1, sizeof *b.weights);
        b.caches    = cfi_arena_array(&net.arena, (size_t)(model->info.layers + model->info.nextn_layers + 1) * CFI_CACHES_PER_LAYER,
                                      sizeof *b.caches);
        cfi_build_run(&b, layers, model->info.layers);
        if (cfi_schedule_make(&net, &schedule))
            print_graph(&net, &schedule, strncmp(device, "cuda", 4) == 0 ? "CUDA" : "PLAIN");
        cfi_net_end(&net, &arena);
        cfi_arena_free(&arena);
        free(layers);
    }
    ctxfit_model_free(model);
    return 0;
}
