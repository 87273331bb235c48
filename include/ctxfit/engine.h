/**
 * @file engine.h
 * @brief Engines and their versions: whose rules a plan follows.
 *
 * An engine is named "llama.cpp", or with a version "llama.cpp@b10472" or "llama.cpp@0.7.0". Without a version the newest known
 * rules hold. A version between two known ones takes the rules of its build number; a newer or unknown one takes the newest
 * rules, and the plan warns that it does.
 */
#ifndef CTXFIT_ENGINE_H
#define CTXFIT_ENGINE_H

#include "ctxfit/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An engine in a version. Never grows: it is also a member of ctxfit_plan_summary. @since 0.1.0 */
typedef struct ctxfit_engine_info {
    uint32_t struct_size; /**< sizeof of this struct, as CTXFIT_ENGINE_INFO_INIT sets it */
    uint32_t build;       /**< build number that the rules are taken for (10472), 0 = the engine does not count builds */
    uint32_t known;       /**< 1: a version that the rules were measured or read for; 0: nearest rules are used */
    uint32_t reserved0;   /**< 0 */
    char     name[32];    /**< "llama.cpp" */
    char     version[32]; /**< "0.7.0" */
} ctxfit_engine_info;
#define CTXFIT_ENGINE_INFO_INIT { (uint32_t)sizeof(ctxfit_engine_info), 0, 0, 0, {0}, {0} }

/** Number of known engine versions. @since 0.1.0 */
CTXFIT_API uint32_t ctxfit_engine_count(void);
/**
 * A known engine version by index; of one engine the newest comes first.
 * @return OK, E_NOT_FOUND (past the end), E_INVALID_ARG, E_STRUCT_SIZE.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_engine_get(uint32_t index, ctxfit_engine_info *out);
/**
 * Reads "name[@version]"; NULL or "" is the newest llama.cpp.
 * @return OK, E_NOT_FOUND (unknown engine: the message names the known ones; a version that is no version), E_INVALID_ARG,
 *         E_STRUCT_SIZE.
 * @since 0.1.0
 */
CTXFIT_API ctxfit_status ctxfit_engine_from_name(const char *name, ctxfit_engine_info *out, ctxfit_error *error);

#ifdef __cplusplus
}
#endif
#endif
