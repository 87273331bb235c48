/**
 * @file ctxfit.h
 * @brief Everything: does this model, at this quantization and context, fit this machine under this engine?
 *
 * Start reading at ctxfit/plan.h.
 */
#ifndef CTXFIT_H
#define CTXFIT_H

#include "ctxfit/base.h"
#include "ctxfit/beside.h"
#include "ctxfit/engine.h"
#include "ctxfit/gguf.h"
#include "ctxfit/hf.h"
#include "ctxfit/hw.h"
#include "ctxfit/model.h"
#include "ctxfit/modelfile.h"
#include "ctxfit/place.h"
#include "ctxfit/plan.h"
#include "ctxfit/projector.h"
#include "ctxfit/quant.h"
#include "ctxfit/rank.h"
#include "ctxfit/store.h"

#endif
