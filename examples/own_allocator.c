/* Bring your own allocator: everything out of one fixed block, with the peak at the end. ./own_allocator [MODEL [HARDWARE]] */
#include <stdio.h>

#include <ctxfit.h>

typedef union unit { /* as strictly aligned as anything that the library stores */
    long long   integer;
    long double real;
    void       *pointer;
} unit;

typedef struct block {
    unit           units[(4u << 20) / sizeof(unit)];
    unsigned char *next;
    size_t         used;
    size_t         peak;
} block;

static size_t rounded(size_t size)
{
    return (size + sizeof(unit) - 1) / sizeof(unit) * sizeof(unit);
}

static void *block_alloc(void *user, size_t size)
{
    block *b = user;
    size_t place = (size_t)(b->next - (unsigned char *)b->units);
    void  *taken = b->next;

    if (size > sizeof b->units || rounded(size) > sizeof b->units - place)
        return NULL; /* the constructor that asked cleans up and answers CTXFIT_E_NO_MEMORY */
    b->next += rounded(size);
    b->used += rounded(size);
    if (b->used > b->peak)
        b->peak = b->used;
    return taken;
}

/* The size comes back with the pointer. What was taken last can be taken again; the rest waits until all is back. */
static void block_release(void *user, void *ptr, size_t size)
{
    block *b = user;

    b->used -= rounded(size);
    if ((unsigned char *)ptr + rounded(size) == b->next)
        b->next = ptr;
    if (b->used == 0)
        b->next = (unsigned char *)b->units;
}

int main(int argc, char **argv)
{
    static block        memory;
    ctxfit_allocator    allocator = {block_alloc, block_release, &memory}; /* copied: only `memory` has to live on */
    ctxfit_plan_summary summary = CTXFIT_PLAN_SUMMARY_INIT;
    ctxfit_error        error;
    ctxfit_model       *model = NULL;
    ctxfit_hw          *hw = NULL;
    ctxfit_plan        *plan = NULL;
    ctxfit_status       status;

    memory.next = (unsigned char *)memory.units;
    status = ctxfit_model_from_catalog(argc > 1 ? argv[1] : "qwen3-coder-30b-a3b", CTXFIT_FILE_TYPE_Q4_K_M, &allocator, &model, &error);
    if (status == CTXFIT_OK)
        status = ctxfit_hw_parse(argc > 2 ? argv[2] : "rtx-4090 host:64GiB", &allocator, &hw, &error);
    if (status == CTXFIT_OK)
        status = ctxfit_plan_make(model, hw, NULL, &allocator, &plan, &error);
    if (status != CTXFIT_OK)
        fprintf(stderr, "%s\n", error.message);
    else if (ctxfit_plan_get_summary(plan, &summary) == CTXFIT_OK)
        printf("%s\n", summary.fit == CTXFIT_FIT_NONE ? "does not fit" : "fits");
    ctxfit_plan_free(plan);
    ctxfit_hw_free(hw);
    ctxfit_model_free(model);
    printf("peak %zu of %zu bytes, %zu left behind\n", memory.peak, sizeof memory.units, memory.used);
    return status == CTXFIT_OK ? 0 : 3;
}
