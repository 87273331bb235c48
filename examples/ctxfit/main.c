/* ctxfit: does this model, at this quantization and context, fit this machine under this engine? */
#include "cli.h"

#include <string.h>

static const char help[] =
    "ctxfit: does this model, at this quantization and context, fit this machine\n"
    "under this engine?\n"
    "\n"
    "  ctxfit plan MODEL [--hw SPEC] [options]\n"
    "      the verdict, the memory of each device, the limits, the speed\n"
    "  ctxfit place MODEL [--hw SPEC] [--for context|speed|quality|sequences]\n"
    "      how to run it: what goes where, how much context, in which file type;\n"
    "      the line of llama-server; --line TEXT improves one that is pasted\n"
    "  ctxfit model [MODEL] [--quant T] [--tensors] [--header-only] [--image WxH]\n"
    "      what a model is made of; without MODEL the catalog\n"
    "  ctxfit hw [SPEC | --report | --about NAME | --list [WORDS] [filters]]\n"
    "      what a machine is made of; without SPEC this one, with what is free now;\n"
    "      (--host-limit, --device-limit, --with-integrated as of a plan);\n"
    "      --report what was read of this machine, --about all that is known of a\n"
    "      device or machine, --list the catalog; filters: --vendor V --kind gpu|unified\n"
    "      --form laptop --memory 24GiB-48GiB --price 2000 --machines --parts --json\n"
    "  ctxfit hw --for MODEL [options of a plan] [filters] [--top N]\n"
    "      the machines that run a model, by price\n"
    "  ctxfit list [--hw SPEC] [-c N] [--quant T | --least T] [--top N] [--json]\n"
    "      the models of the catalog that a machine runs, the largest first;\n"
    "      --local: those on this disk, in the caches of Hugging Face, llama.cpp,\n"
    "      LM Studio and Ollama, with their names\n"
    "  ctxfit quant [MODEL]\n"
    "      file types and tensor formats; with MODEL its size in each file type\n"
    "  ctxfit batch < requests.jsonl\n"
    "      one JSON object a line in, one a line out\n"
    "\n"
    "MODEL  a catalog name (qwen3-coder:30b, Qwen/Qwen3-8B), a .gguf file (of a\n"
    "       split one the first shard), a config.json, its folder, a .safetensors\n"
    "       file beside it, a Modelfile; what is on this disk: hf:USER/REPO[:T],\n"
    "       lmstudio:PUBLISHER/MODEL[@T], ollama:NAME[:TAG]\n"
    "SPEC   \"2*rtx-4090 host:64GiB\", mac-studio-m2-ultra-64gb,\n"
    "       \"gpu(backend=cuda,mem=24GiB,bw=1008GB/s) host:64GiB\", host:64GiB;\n"
    "       without --hw the machine that this runs on\n"
    "\n"
    "ctxfit plan --help and ctxfit place --help list their options.\n"
    "\n"
    "Examples\n"
    "  ctxfit plan qwen3-coder:30b --quant Q4_K_M --hw mac-studio-m2-ultra-64gb\n"
    "  ctxfit quant gemma-3-27b\n"
    "  ctxfit hw \"2*rtx-3090 host:128GiB\"\n"
    "\n"
    "Exit codes: 0 fits, 1 does not fit, 2 wrong usage, 3 bad input.\n";

static const char plan_help[] =
    "ctxfit plan MODEL [--hw SPEC] [options]\n"
    "\n"
    "Options of llama-server have its names, so that a line of a start script can be\n"
    "pasted behind `ctxfit plan`; those that no size depends on are read and named.\n"
    "\n"
    "Model and engine\n"
    "  -m, --model MODEL           the same as MODEL; -hf USER/REPO[:T] names both\n"
    "  --quant T                   file type (Q4_K_M, exl3-4.0bpw-h6)\n"
    "  --engine E                  llama.cpp, llama.cpp@b10472, llama.cpp@0.7.0, ollama,\n"
    "                              vllm, vllm@0.25.1, sglang, tensorrt-llm, mlx-lm,\n"
    "                              lm-studio, exllamav3; default: the newest llama.cpp\n"
    "                              given twice: both, what differs (--quant too)\n"
    "  --header-only               the .gguf file may lack its tensors' data\n"
    "Context\n"
    "  -c, --ctx-size, --ctx N     whole context: 131072, 128k, native (trained length,\n"
    "                              the default) or max (the most that fits)\n"
    "  -np, --parallel N           sequences that share it; -1: as llama-server chooses\n"
    "  --kv-unified                one cache for all sequences\n"
    "  -b, --batch-size N          -ub, --ubatch-size N\n"
    "  --kv K[,V]                  cache types (q8_0); also -ctk, --cache-type-k and\n"
    "                              -ctv, --cache-type-v\n"
    "  -fa, --flash-attn on|off|auto\n"
    "  --[no-]swa-full             window caches as long as the context\n"
    "  --outputs-max N             rows of logits of a batch; default: one a sequence;\n"
    "                              0: every token\n"
    "Placement\n"
    "  -ngl, --n-gpu-layers N      layers on GPUs, counted from the last; default: all\n"
    "  --cpu-moe                   all experts on the host; -ncmoe, --n-cpu-moe N: those\n"
    "                              of the first N layers\n"
    "  -ot, --override-tensor PATTERN=BUFFER\n"
    "  -sm, --split-mode layer|none|row      -ts, --tensor-split 3,1\n"
    "  --no-kv-offload  --no-op-offload  --no-mmap  --mlock  --no-repack\n"
    "  --reserve SIZE              kept free on each GPU; default 1GiB; 0: nothing\n"
    "Ollama\n"
    "  --num-ctx N                 the same as --ctx: of one request\n"
    "  --model-ctx N               num_ctx of the Modelfile\n"
    "  --default-ctx N             OLLAMA_CONTEXT_LENGTH of the server\n"
    "  --gpu-overhead SIZE         OLLAMA_GPU_OVERHEAD     --spread  OLLAMA_SCHED_SPREAD\n"
    "  --vision                    the model takes images: at least 2,048 tokens\n"
    "  --hw-file FILE              hardware of your own that --hw may name, as JSON\n"
    "Without --hw: this machine\n"
    "  --host-limit SIZE           most of its memory that may be used\n"
    "  --device-limit SIZE[,...]   most of each accelerator's memory, in their order;\n"
    "                              0: no limit\n"
    "  --with-integrated           count an integrated GPU beside cards\n"
    "vLLM, SGLang\n"
    "  --max-model-len N           the same as --ctx: of one request\n"
    "  --gpu-memory-utilization F  default 0.92; --kv-cache-memory-bytes SIZE\n"
    "  -tp, --tensor-parallel-size N         -pp, --pipeline-parallel-size N\n"
    "  --max-num-batched-tokens N  --max-num-seqs N  --block-size N  --enforce-eager\n"
    "  --kv-cache-dtype auto|fp8|nvfp4       --num-speculative-tokens N\n"
    "  --[no-]enable-prefix-caching  --disable-hybrid-kv-cache-manager\n"
    "  --language-model-only       vLLM: eyes and ears are not loaded\n"
    "  SGLang's names of these are read too\n";

/* A string may have 4,095 characters. */
static const char plan_help_end[] =
    "Beside the model, in the same process\n"
    "  --draft, -md MODEL          a model that drafts; --draft-quant T: its file type\n"
    "  --spec-draft-n-max N        tokens drafted at once; default 3\n"
    "  -ngld N  -devd CUDA0,...  -ctkd K  -ctvd V  -cmoed  -ncmoed N  -otd PATTERN=BUFFER\n"
    "                              where the draft is, and its cache types (F16)\n"
    "  --mtp, --spec-type draft-mtp          the model's own prediction blocks draft\n"
    "  --lora FILE[,FILE]          adapters; also --lora-scaled FILE:SCALE\n"
    "  --mmproj FILE               a projector; --no-mmproj-offload: on the host;\n"
    "                              -mmdev CUDA1; --no-mmproj: not even the model's own\n"
    "Requests\n"
    "  --limit N                   a limit from a config file; --limit-source TEXT says\n"
    "                              where it stands\n"
    "  --prompt N --cached N --output N --deadline SECONDS\n"
    "                              hold a request against the plan\n"
    "  --prefill-rate R            tokens/s measured on the machine, instead of the\n"
    "  --decode-rate R             estimate\n"
    "Output\n"
    "  --json                      the plan as JSON (docs/command-line.md)\n"
    "\n"
    "Examples\n"
    "  ctxfit plan qwen3-coder:30b --quant Q4_K_M --hw mac-studio-m2-ultra-64gb\n"
    "  ctxfit plan gemma-3-27b --quant Q4_K_M --hw \"rtx-4090 host:64GiB\" -c max \\\n"
    "      -ctk q8_0 -ctv q8_0\n"
    "  ctxfit plan model-00001-of-00003.gguf --hw \"2*rtx-3090 host:128GiB\" -c 32k -np 4\n"
    "  ctxfit plan qwen3-coder:30b --quant Q4_K_M --hw mac-studio-m2-ultra-64gb \\\n"
    "      --limit 131072 --prompt 146760 --prefill-rate 400 --deadline 300\n"
    "\n"
    "Exit codes: 0 fits (and the request passes), 1 does not, 2 wrong usage,\n"
    "3 bad input.\n";

static const char place_help[] =
    "ctxfit place MODEL [--hw SPEC] [options]\n"
    "\n"
    "Chooses how to run a model. Options of ctxfit plan state what is fixed; what they\n"
    "leave open is chosen: where tensors go, and what --for asks for.\n"
    "\n"
    "  --for context               the largest context (the default of -c max)\n"
    "  --for speed                 the fastest decode at -c (the default)\n"
    "  --for quality               the best file type, then cache type, at -c\n"
    "  --for sequences             the most sequences of -c tokens each\n"
    "  --open LIST                 what may be chosen: ctx, sequences, quant, kv, ngl,\n"
    "                              split, tensors, ubatch, flash; nothing: all is fixed\n"
    "  --least-rate R              tokens/s: slower is no answer. A larger context may\n"
    "                              then put parts on the host\n"
    "  --least-ctx N               the least context worth having; default 4096\n"
    "  --depth N                   tokens in the context when decode is judged;\n"
    "                              default: all of it\n"
    "  --worst-quant T             default Q4_K_M; --worst-kv T: default q8_0\n"
    "  -fitt, --fit-target N,N     MiB kept free on each GPU; --reserve SIZE\n"
    "  --line TEXT                 a line of llama-server or llama-cli: evaluated as it\n"
    "                              stands, and improved\n"
    "  --and \"MODEL OPTIONS\"       one more model at the same time, on what is left;\n"
    "                              up to seven times\n"
    "  --program P, --path FILE    of the line that is written\n"
    "  --json\n"
    "\n"
    "Examples\n"
    "  ctxfit place qwen3-coder:30b --quant Q4_K_M --hw \"rtx-3060 host:64GiB\" -c 32k\n"
    "  ctxfit place llama-3.1-70b --for quality -c 16k --least-rate 8 --hw \"2*rtx-4090\"\n"
    "  ctxfit place --line \"llama-server -m model.gguf -c 65536 -ngl 40\" --hw rtx-4090\n"
    "\n"
    "Exit codes: 0 fits, 1 nothing does, 2 wrong usage, 3 bad input.\n";

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* An answer that could not be written is none. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fputs("ctxfit: the answer cannot be written\n", stderr);
    return CLI_BAD_INPUT;
}

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*command)(int argc, char **argv);
        const char *help;
        const char *help_end;
    } commands[] = {
        {"plan", cli_plan, plan_help, plan_help_end}, {"place", cli_place, place_help, ""}, {"model", cli_model, help, ""},
        {"hw", cli_hw, help, ""}, {"list", cli_list, help, ""}, {"quant", cli_quant, help, ""}, {"batch", cli_batch, help, ""},
    };

    if (argc < 2) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (!asks_for_help(argc - 2, argv + 2))
            return commands[i].command(argc - 2, argv + 2);
        fputs(commands[i].help, stdout);
        fputs(commands[i].help_end, stdout);
        return CLI_FITS;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ctxfit %s\n", ctxfit_version_string());
        return CLI_FITS;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        fputs(help, stdout);
        return CLI_FITS;
    }
    fprintf(stderr, "ctxfit: '%s': expected plan, place, model, hw, list, quant or batch; see ctxfit --help\n", argv[1]);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    return finish(run(argc, argv));
}
