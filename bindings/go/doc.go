// Package ctxfit answers whether a language model, at a quantization and a context, fits a machine under an engine; how much
// context fits, how fast it runs, and what limits it. No model is loaded: answers take about a millisecond.
//
// A model and a machine go in, a plan comes out:
//
//	model, err := ctxfit.Catalog("qwen3-coder-30b-a3b", ctxfit.FileTypeQ4_K_M)
//	...
//	machine, err := ctxfit.ParseHardware("mac-studio-m2-ultra-64gb")
//	...
//	plan, err := ctxfit.NewPlan(model, machine, ctxfit.WithContext(262144), ctxfit.WithCache(ctxfit.QuantQ8_0, ctxfit.QuantQ8_0))
//	...
//	fmt.Println(plan) // fits: 262144 tokens, ...
//
// Models come from the catalog ([Catalog]), from the header of a GGUF file ([OpenModel], [OpenGGUF], [ParseGGUF]; over HTTP with the
// package remote below this one), from a line of text ([FromText]) or from a description of every layer ([FromLayers]). Machines come
// from a spec such as "2*rtx-4090 host:64GiB" ([ParseHardware]) or from devices ([NewHardware]).
//
// # What does not fit
//
// "It does not fit" is an answer, [Summary.Fit], and never an error. Errors are of type [*Error] and carry a [Status]:
//
//	if errors.Is(err, ctxfit.ErrNotFound) { ... }
//
// # Closing, and many goroutines
//
// [GGUF], [Model], [Hardware] and [Plan] hold memory outside Go. Close gives it back; who forgets it leaves it to the garbage
// collector. They never change, so any number of goroutines may use one at the same time, and Close may come at any moment: calls that
// are under way finish, later ones fail with [ErrClosed]. Methods without an error then return zero. A plan needs neither its
// model nor its machine, and a model not its header.
//
// # Numbers
//
// Sizes are bytes, contexts are tokens, rates are per second. [Unlimited] stands where a number has no limit. A number that an option is not
// given is the engine's default.
package ctxfit
