package ctxfit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

// A model of the catalog on a machine of the catalog, with the context and the cache of a server's command line.
func Example() {
	model, err := ctxfit.Catalog("qwen3-coder:30b", ctxfit.FileTypeQ4_K_M)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	machine, err := ctxfit.ParseHardware("mac-studio-m2-ultra-64gb")
	if err != nil {
		log.Fatal(err)
	}
	defer machine.Close()
	plan, err := ctxfit.NewPlan(model, machine, ctxfit.WithContext(262144), ctxfit.WithLimit(131072, "agent.yaml: context_length"))
	if err != nil {
		log.Fatal(err)
	}
	defer plan.Close()

	summary := plan.Summary()
	fmt.Println("fits:", summary.Fit.Fits())
	fmt.Println("cache:", summary.KVBytes, "bytes")
	fmt.Println("limited by", plan.Constraints()[0])
	// Output:
	// fits: true
	// cache: 25769803776 bytes
	// limited by configured: 131072 tokens, agent.yaml: context_length
}

// A server asks before it accepts a request. The rate was measured on the machine.
func ExamplePlan_Check() {
	model, _ := ctxfit.Catalog("qwen3-coder:30b", ctxfit.FileTypeQ4_K_M)
	machine, _ := ctxfit.ParseHardware("mac-studio-m2-ultra-64gb")
	plan, err := ctxfit.NewPlan(model, machine, ctxfit.WithLimit(131072, "agent.yaml: context_length"), ctxfit.WithMeasuredRates(400, 0))
	if err != nil {
		log.Fatal(err)
	}
	defer plan.Close()

	check, err := plan.Check(ctxfit.Request{Prompt: 146760, Deadline: 300 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(check.Outcome)
	fmt.Println(check.Overflow, "tokens beyond", check.LimitKind)
	fmt.Println("late by", check.Late.Round(time.Second))
	// Output:
	// overflow+too_slow
	// 15688 tokens beyond configured
	// late by 1m7s
}

func ExampleParseHardware() {
	machine, err := ctxfit.ParseHardware("4090 4090 host:65536MiB")
	if err != nil {
		log.Fatal(err)
	}
	defer machine.Close()
	fmt.Println(machine)
	for _, device := range machine.Devices() {
		fmt.Println(device.Kind, device)
	}
	// Output:
	// 2*rtx-4090 host:64GiB
	// gpu GeForce RTX 4090
	// gpu GeForce RTX 4090
	// host Host
}

func ExampleError() {
	_, err := ctxfit.ParseHardware("2*rtx-4909")
	var e *ctxfit.Error
	if errors.Is(err, ctxfit.ErrNotFound) && errors.As(err, &e) {
		fmt.Println("at byte", e.Offset)
		fmt.Println(err)
	}
	// Output:
	// at byte 2
	// ctxfit: hardware spec, byte 2: no hardware is called 'rtx-4909'; did you mean rtx-4090, rtx-4090-d or rtx-3090?
}

// Which file type to download for a card.
func ExampleBestFileType() {
	model, _ := ctxfit.Catalog("qwen3-32b", ctxfit.FileTypeDefault)
	machine, _ := ctxfit.ParseHardware("rtx-4090 host:64GiB")
	best, err := ctxfit.BestFileType(model, machine, ctxfit.WithContext(16384))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(best)
	// Output:
	// Q4_K_M
}

func ExamplePlan_JSON() {
	model, _ := ctxfit.Catalog("qwen3-8b", ctxfit.FileTypeQ4_K_M)
	machine, _ := ctxfit.ParseHardware("rtx-4090 host:64GiB")
	plan, err := ctxfit.NewPlan(model, machine, ctxfit.WithContext(8192), ctxfit.WithParallel(3))
	if err != nil {
		log.Fatal(err)
	}
	text, err := plan.JSON()
	if err != nil {
		log.Fatal(err)
	}
	var answer struct {
		Schema   string
		Resolved struct {
			PerSequence int `json:"n_ctx_seq"`
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Schema, answer.Resolved.PerSequence)
	// Output:
	// ctxfit.plan/1 2816
}
