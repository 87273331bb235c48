package ctxfit_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// source is the source tree around this folder. Where the module was fetched alone there is none, and nothing to compare.
func source(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "include", "ctxfit.h")); err != nil {
		t.Skip("not in the source tree of libctxfit")
	}
	return root
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// binding is all code of the package, preambles in C included, comments not.
func binding(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			all.WriteString(read(t, file))
		}
	}
	return regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(all.String(), "")
}

func headers(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(source(t), "include", "ctxfit", "*.h"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no headers: %v", err)
	}
	all := map[string]string{}
	comment := regexp.MustCompile(`(?s)/\*.*?\*/`)
	for _, file := range files {
		all[filepath.Base(file)] = comment.ReplaceAllString(read(t, file), "")
	}
	return all
}

func TestEveryFunctionIsBound(t *testing.T) {
	code := binding(t)
	count := 0
	for _, line := range strings.Split(read(t, source(t), "docs", "symbols.txt"), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		count++
		if !regexp.MustCompile(`\b` + fields[0] + `\(`).MatchString(code) {
			t.Errorf("%s is in docs/symbols.txt and not in the binding", fields[0])
		}
	}
	if count == 0 {
		t.Error("docs/symbols.txt names no function")
	}
}

func TestEveryConstantIsBound(t *testing.T) {
	code := binding(t)
	// What steers the C interface only, and has no meaning in Go: the version's parts, the value that a choice has when it is not made.
	only := map[string]bool{"CTXFIT_VERSION_MAJOR": true, "CTXFIT_VERSION_MINOR": true, "CTXFIT_VERSION_PATCH": true,
		"CTXFIT_CHOICE_DEFAULT": true}
	enum := regexp.MustCompile(`(?s)\benum\s*\{(.*?)\}`)
	name := regexp.MustCompile(`\bCTXFIT_[A-Z0-9_a-z]+`)
	define := regexp.MustCompile(`(?m)^#define (CTXFIT_[A-Z0-9_]+)[ \t]+[^ \t{\\]`)
	check := func(file, constant string) {
		if !only[constant] && !strings.HasSuffix(constant, "_INIT") && constant != "CTXFIT_API" &&
			!regexp.MustCompile(`\b`+constant+`\b`).MatchString(code) {
			t.Errorf("%s of %s is not in the binding", constant, file)
		}
	}
	for file, text := range headers(t) {
		for _, body := range enum.FindAllStringSubmatch(text, -1) {
			for _, constant := range name.FindAllString(body[1], -1) {
				check(file, constant)
			}
		}
		for _, constant := range define.FindAllStringSubmatch(text, -1) {
			check(file, constant[1])
		}
	}
}

func TestEveryMemberIsBound(t *testing.T) {
	code := binding(t)
	body := regexp.MustCompile(`(?s)typedef struct (ctxfit_\w+) \{(.*?)\}`)
	member := regexp.MustCompile(`(\w+)(?:\[\w+\])?;`)
	count := 0
	for file, text := range headers(t) {
		for _, s := range body.FindAllStringSubmatch(text, -1) {
			if s[1] == "ctxfit_allocator" { // functions in C: memory of handles is the library's own
				continue
			}
			for _, m := range member.FindAllStringSubmatch(s[2], -1) {
				name := m[1]
				if strings.HasPrefix(name, "reserved") || name == "status" {
					continue
				}
				if s[1] == "ctxfit_request" && name == "flags" { // none yet
					continue
				}
				count++
				if !regexp.MustCompile(`\._?` + name + `\b`).MatchString(code) {
					t.Errorf("%s.%s of %s is not in the binding", s[1], name, file)
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d members were found in the headers", count)
	}
}
