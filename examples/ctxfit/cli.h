/* The ctxfit command: what its files share. Everything goes through the public API. */
#ifndef CTXFIT_CLI_H
#define CTXFIT_CLI_H

#include <ctxfit.h>
#include <stdbool.h>
#include <stdio.h>

#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Exit codes. */
enum { CLI_FITS = 0, CLI_DOES_NOT_FIT = 1, CLI_USAGE = 2, CLI_BAD_INPUT = 3 };

/* What runs beside the model, as the command line names it; texts are borrowed. */
#define CLI_MOST_ADAPTERS 8
typedef struct cli_beside {
    const char              *draft;
    const char              *draft_devices;
    const char              *projector;
    const char              *projector_device;
    const char              *adapter[CLI_MOST_ADAPTERS];
    uint32_t                 adapter_scaled[CLI_MOST_ADAPTERS];
    uint32_t                 adapter_count;
    ctxfit_file_type         draft_type;
    uint32_t                 own_blocks;   /* the model's own blocks draft, where no other model does */
    uint32_t                 ngrams;       /* drafts of n-grams were asked for */
    uint32_t                 typed;        /* kinds of drafting were named */
    uint32_t                 no_projector; /* not even one that the model brings along */
    ctxfit_draft_options     draft_options;
    ctxfit_projector_options projector_options;
} cli_beside;

/* What is on the list of a plan. */
typedef struct cli_beside_list {
    ctxfit_beside *beside;
    ctxfit_model  *draft;
    bool           has_projector;
} cli_beside_list;

#define CLI_MOST_PARTS 4
/* A file that comes with a model and is not counted. */
typedef struct cli_left_out {
    uint32_t kind; /* CTXFIT_PART_* */
    char     path[4096];
    uint64_t bytes; /* of its tensors; 0: not known */
} cli_left_out;

/* Files that a model of Ollama brings along. A draft is left out: which file of a name would draft is Ollama's to say. */
typedef struct cli_parts {
    char         projector[4096];
    char         adapter[CLI_MOST_PARTS][4096];
    uint32_t     adapter_count;
    uint32_t     left_count;
    cli_left_out left[CLI_MOST_PARTS];
    bool         none_counted; /* set by the caller: all are left out */
} cli_parts;

/* What a plan is asked for, by words of a command line or by a line of a batch. */
typedef struct cli_request {
    const char         *model; /* borrowed */
    const char         *hw;    /* borrowed; NULL: the machine that this runs on, where may_detect is set */
    const char         *hw_file; /* borrowed; hardware of the user's own, NULL = none */
    ctxfit_file_type    file_type; /* 0: as it is */
    uint32_t            json;
    uint32_t            header_only; /* a .gguf file may lack its tensors' data: CTXFIT_CHOICE_* */
    ctxfit_plan_options options;
    ctxfit_plan_options stated;    /* the options without what the model's own parameters add */
    ctxfit_request      check;
    uint32_t            has_check;
    uint32_t            may_detect;
    uint32_t            lists;           /* a listing: there is no model */
    uint32_t            has_detect;      /* options of detection were given */
    ctxfit_hw_detect_options detect;     /* of the machine that this runs on */
    char                repository[256]; /* model of an -hf option */
    char                with[64];        /* a second engine to compare with; "" for none */
    ctxfit_file_type    with_file_type;  /* of the model under it; 0: the same */
    uint32_t            quants;          /* how many file types were given */
    char                expected[256];   /* after a failure: what a value should have been */
    uint32_t            pasted;          /* the words began with llama-server */
    cli_beside          beside;
    const ctxfit_beside *beside_list;    /* of all plans of this request; NULL: nothing */
} cli_request;

/* ---- cli_settings.c: settings by name, from text ---- */

/* How a setting may stand in JSON; 0: on the command line only. */
enum { CLI_JSON_TEXT = 1, CLI_JSON_NUMBER = 2, CLI_JSON_BOOL = 4, CLI_JSON_ARRAY = 8, CLI_JSON_MAY_BE_EMPTY = 16 };

typedef struct cli_setting cli_setting;
struct cli_setting {
    const char *key;
    uint32_t    json;
    uint32_t    kind;
    size_t      offset;
    bool (*set)(cli_request *r, const char *value);
};

void               cli_request_init(cli_request *r);
const cli_setting *cli_setting_at(uint32_t index); /* NULL past the end */
/* False after r->expected was filled. */
bool cli_set(cli_request *r, const cli_setting *setting, const char *value);
/* Whether what belongs together is together; the key at fault otherwise, and r->expected. */
const char *cli_request_fault(cli_request *r);

/* Whether the request is for that engine, by its own name and however it was spelled. */
bool cli_engine_is(const cli_request *r, const char *name);
/* Yes or no, as CTXFIT_CHOICE_*; false after r->expected was filled. */
bool cli_read_choice(cli_request *r, const char *value, uint32_t *out);
/* A cache type by name; false after r->expected was filled. */
bool cli_read_cache_type(cli_request *r, const char *value, ctxfit_quant *out);

/* ---- cli_beside_settings.c: options that name what runs beside the model ---- */
const cli_setting *cli_beside_setting_at(uint32_t index); /* NULL past the end */
/* WIDTHxHEIGHT in pixels. */
bool cli_read_image(const char *text, uint32_t *width, uint32_t *height);

/* ---- cli_beside.c: what runs beside the model ---- */
/* Whether files that come with a model are counted: under engines that run llama.cpp. */
bool cli_counts_parts(const cli_request *r);
/* Whether the command line names any. */
bool cli_names_beside(const cli_request *r);
/* The note of commands that do not count it. */
void cli_say_beside_left_out(void);
/* Why a list could not be filled. */
typedef struct cli_beside_fault {
    ctxfit_status status;
    const char   *option;     /* of a command line, or what was opened */
    const char   *key;        /* of a line of a batch; NULL: none */
    char          name[256];  /* that was given */
    ctxfit_error  error;
} cli_beside_fault;
/* Opens everything and fills the list; false after *fault was filled. cli_free_beside() follows in any case. `parts` NULL: nothing comes
 * with the model. */
bool cli_open_beside(const cli_request *r, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw, cli_beside_list *out,
                     cli_beside_fault *fault);
/* The same, with notes and the failure on standard error; the exit code. */
int  cli_gather_beside(const cli_request *r, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw, cli_beside_list *out);
void cli_free_beside(cli_beside_list *list);
/* The arguments of llama-server that run it, each with a space before it. */
void cli_write_beside_words(const cli_request *r, FILE *out);
void cli_render_beside(const ctxfit_plan *plan, FILE *out);

/* ---- cli_options.c: words of a command line ---- */
/* Reads the arguments of `plan`; false after an error was printed. */
bool cli_parse_plan(int argc, char **argv, cli_request *out);
/* The same of a listing of models, which names none. */
bool cli_parse_listing(int argc, char **argv, cli_request *out);

/* ---- cli_nearest.c: the names nearest to what was typed ---- */
#define CLI_NEAREST 3
#define CLI_NAME_MAX 48u

typedef struct cli_nearest {
    const char *wanted;
    char        name[CLI_NEAREST][CLI_NAME_MAX];
    uint32_t    distance[CLI_NEAREST];
} cli_nearest;

void cli_nearest_init(cli_nearest *n, const char *wanted);
void cli_nearest_offer(cli_nearest *n, const char *name, size_t length);
/* "; did you mean a, b or c?" or "" */
void cli_nearest_write(const cli_nearest *n, char *out, size_t cap);

/* ---- cli_input.c ---- */
/* Which model, and how it is read. */
typedef struct cli_model_source {
    const char      *name;
    ctxfit_file_type file_type;
    bool             header_only;
    cli_parts       *parts; /* takes the files that come with a model; NULL: they are only named */
} cli_model_source;

cli_model_source cli_source_of(const cli_request *r);
/* Opens a model by path or name; the status of the failure otherwise, with the message in *error. */
ctxfit_status cli_open_model(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error);
bool          cli_is_readable(const char *path);
ctxfit_status cli_refuse(ctxfit_error *error, ctxfit_status status, const char *message);
/* Opens a GGUF file, whatever its name ends in. */
ctxfit_status cli_open_gguf(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error);

/* ---- cli_sources.c: models that are no single GGUF file ---- */
bool          cli_ends_with(const char *text, const char *end);
bool          cli_names_a_source(const char *name);
/* The Modelfile of a name, and of the model in Ollama's store that it is made from (NULL: none), for the caller to free both. */
bool          cli_find_modelfile(const char *name, ctxfit_modelfile **own, ctxfit_modelfile **base);
ctxfit_status cli_open_source(const cli_model_source *source, ctxfit_model **out, ctxfit_error *error);
/* Whether a name such as hf:USER/REPOSITORY leads to a GGUF file on this disk; it says so. */
bool          cli_is_stored_file(const char *name, bool told);
const char *const *cli_environment(void); /* "NAME=value" each */

/* ---- cli_parameters.c: parameters of a model in Ollama ---- */
/* Under Ollama: what the parameters say and the options do not. Of options NULL nothing is set. Each is said to `notes`, where that is
 * not NULL. */
void cli_apply_parameters(const char *model, ctxfit_plan_options *options, FILE *notes);
/* The same of draft_num_predict, with which the model's own blocks draft. Of `r` NULL nothing is set. */
void cli_apply_drafting(const char *name, const ctxfit_model *model, cli_request *r, FILE *notes);

/* ---- cli_folder.c: folders of GGUF files, as LM Studio and llama.cpp keep them ---- */
typedef enum cli_folder {
    CLI_FOLDER_NONE,   /* no folder */
    CLI_FOLDER_EMPTY,  /* no GGUF file in it, says the message */
    CLI_FOLDER_ONE,    /* `path` is that of its only model, or of the first shard of that */
    CLI_FOLDER_SEVERAL /* the message names them */
} cli_folder;
cli_folder cli_find_gguf(const char *folder, char *path, size_t cap, ctxfit_error *error);

/* ---- cli_input.c again ---- */
/* Prints the error of a named input and returns the exit code that it means. */
int cli_fail(const char *what, const char *name, ctxfit_status status, const ctxfit_error *error);

/* ---- cli_detect.c: the machine that this runs on ---- */
/* `options` for what the command line said; NULL = nothing. The environment is read here. */
ctxfit_status cli_detect(const ctxfit_hw_detect_options *options, ctxfit_hw **out, ctxfit_error *error);
/* "20GiB" or "20GiB,8GiB": what an orchestrator leaves of each accelerator. */
bool cli_read_device_limits(const char *text, ctxfit_hw_detect_options *out);
/*
 * The machine of a spec, with the entries of a JSON file in front of the catalog's (NULL = none), or, without one, this machine.
 */
ctxfit_status cli_open_hw(const char *spec, const char *file, const ctxfit_hw_detect_options *options, ctxfit_hw **out,
                          ctxfit_error *error);
/* What detection could not see, a line each. */
void cli_render_unseen(const ctxfit_hw *hw, FILE *out);

/* ---- cli_parse.c: numbers; false on anything else ---- */
bool cli_parse_uint(const char *text, uint64_t most, uint64_t *out); /* "4096", "4096.0" */
bool cli_parse_real(const char *text, double *out);                  /* finite, 0 or more */
bool cli_parse_tokens(const char *text, uint64_t *out);              /* "131072", "128k" (times 1024), "1m" */
bool cli_parse_bytes(const char *text, uint64_t *out);               /* "24GiB", "512MiB", "4096" */

/* ---- cli_text.c ---- */
typedef struct cli_style {
    bool color;
    bool utf8;
    int  width;
} cli_style;

cli_style cli_style_of(FILE *stream);
/* Text in a small rotating buffer: use at most eight in one printf. */
const char *cli_file_type(ctxfit_file_type type); /* as --quant takes it */
const char *cli_bytes(uint64_t bytes);          /* "17.3 GiB", at most 9 characters */
const char *cli_signed_bytes(int64_t bytes);    /* "-1.2 GiB" */
const char *cli_count(uint64_t n);              /* "262,144" */
const char *cli_seconds(double seconds);        /* "367 s", "25 min" */
const char *cli_time_band(double seconds, double low, double high); /* "367 s (334 to 408)" */
const char *cli_rate(const ctxfit_estimate *e); /* "85 tokens/s (71 to 96)" or "unknown" */
/* Bytes of the UTF-8 sequence at p, 0 if it is none (RFC 3629). */
size_t cli_utf8_length(const unsigned char *p);
/* Text out of files: what is no UTF-8, and what would steer a terminal, becomes '?'. */
void cli_put(FILE *out, const char *text);
void cli_clean(char *text);
/* Writes text in lines of at most `width` columns; lines behind the first start with `indent` spaces, and the first has used them. */
void cli_wrap(FILE *out, int width, int indent, const char *text);

/* ---- cli_render.c, cli_check.c, cli_advice.c: a plan for people ---- */
/* `hw`: for where the request names none. */
void cli_render_plan(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan *plan, FILE *out);
void cli_render_check(const cli_request *request, const ctxfit_plan *plan, const ctxfit_check *check, FILE *out);

/* A list of things to change, with a heading before the first. */
typedef struct cli_advice {
    const cli_request  *request;
    const ctxfit_model *model;
    const ctxfit_hw    *hw;
    FILE               *out;
    int                 lines;
} cli_advice;

void cli_say(cli_advice *a, const char *heading, const char *change, const char *effect);
/* Plans other options; true when they fit. */
bool cli_try(const cli_advice *a, const ctxfit_model *model, const ctxfit_plan_options *options, ctxfit_plan **out);
/* Whether the engine loads the weights of the checkpoint in the format that they are stored in. */
bool cli_loads_as_stored(const cli_request *request, const ctxfit_model *model, const char *engine);
/* What to change where the plan does not fit: options that were tried and do. */
void cli_advise_fit(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_plan *plan, FILE *out);
/* What to change where a request does not pass. */
void cli_advise_request(const cli_request *request, const ctxfit_model *model, const ctxfit_hw *hw, const ctxfit_check *check, FILE *out);

/* ---- cli_left_out.c: what a model brings along and no plan counts ---- */
void cli_leave_out(cli_parts *parts, uint32_t kind, const char *path);
/* By place, with `counted` false also what `parts` has for a plan; false past the end. */
bool cli_left_out_at(const cli_parts *parts, bool counted, uint32_t index, uint32_t *kind, const char **path, uint64_t *bytes);
/* ,"left_out":[...] or nothing */
void cli_write_left_out(const cli_parts *parts, bool counted, FILE *out);

/* ---- cli_json.c: a plan for programs ---- */
/* What the command adds to the JSON of a plan. */
typedef struct cli_plan_extras {
    const char         *id_json; /* JSON text; NULL: none */
    const cli_parts    *parts;   /* NULL: none */
    bool                counted; /* what `parts` has for a plan is in it */
    const ctxfit_check *check;   /* NULL: none */
} cli_plan_extras;
/* False without memory. */
bool cli_write_plan_json(const ctxfit_plan *plan, const cli_plan_extras *extras, FILE *out);
/* A JSON string; bytes that are no UTF-8 become U+FFFD. */
void cli_write_json_string(const char *text, FILE *out);

/* ---- cli_hardware.c: the catalog of hardware ---- */
const char *cli_backend_name(uint32_t backend);
bool cli_read_kind(const char *text, uint32_t *out); /* "gpu" */
bool cli_read_form(const char *text, uint32_t *out); /* "laptop" */
/* One object, without a newline; the names are those of ctxfit_hw_entry, and what is not known is left out. */
void cli_write_entry_json(const ctxfit_hw_entry *e, FILE *out);
int cli_about_hardware(const char *name, bool json);
int cli_list_hardware(const ctxfit_hw_filter *filter, bool json);

/* ---- commands ---- */
int cli_plan(int argc, char **argv);
int cli_place(int argc, char **argv);
int cli_model(int argc, char **argv);
int cli_hw(int argc, char **argv);
int cli_list(int argc, char **argv);
/* `ctxfit list --local`: the models on this disk. */
int cli_list_local(const cli_request *request, const ctxfit_hw *hw);
/* `ctxfit hw --for`: the machines that pass a filter and run a model; `words` are those of a plan. */
int cli_list_machines(const ctxfit_hw_filter *filter, const char *top, int argc, char **argv);
int cli_quant(int argc, char **argv);
int cli_batch(int argc, char **argv);

/* ---- cli_compare.c ---- */
/* What a second engine (request->with) makes of the same; the exit code. */
int cli_compare(const cli_request *request, const cli_parts *parts, const ctxfit_model *model, const ctxfit_hw *hw,
                const ctxfit_plan *first);

#endif
