// Package remote reads the headers of GGUF files over HTTP: a few range requests for a few megabytes, whatever the size of the file.
//
//	header, err := remote.Open(ctx, remote.HuggingFace("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf"))
//	...
//	model, err := header.Model()
package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
)

// firstBytes is what is asked for before anything is known of the header.
const firstBytes = 64 << 10

type config struct {
	client   *http.Client
	header   http.Header
	retries  int
	pause    time.Duration
	maxBytes uint64
	parse    []ctxfit.GGUFOption
}

// Option says how a file is read.
type Option func(*config)

// WithClient uses a client of the caller; the default is [http.DefaultClient].
func WithClient(client *http.Client) Option { return func(c *config) { c.client = client } }

// WithHeader adds a header to every request, such as "Authorization". The client drops it when it is redirected to another host.
func WithHeader(name, value string) Option { return func(c *config) { c.header.Set(name, value) } }

// WithRetries tries again as often after a failure that may pass, with a growing pause between. The default is 4 times and
// half a second. Only failures in a row without any progress count.
func WithRetries(times int, pause time.Duration) Option {
	return func(c *config) { c.retries, c.pause = times, pause }
}

// WithMaxBytes bounds what is read of each file; a longer header is [ctxfit.ErrLimit]. The default is 256 MiB.
func WithMaxBytes(bytes uint64) Option { return func(c *config) { c.maxBytes = bytes } }

// WithParsing adds options for the parser.
func WithParsing(options ...ctxfit.GGUFOption) Option {
	return func(c *config) { c.parse = append(c.parse, options...) }
}

// HuggingFace returns the address of a file of a repository on Hugging Face.
func HuggingFace(repository, file string) string {
	path := (&url.URL{Path: repository + "/resolve/main/" + strings.TrimPrefix(file, "/")}).EscapedPath()
	return "https://huggingface.co/" + path
}

// StatusError is an answer of the server that is neither the file nor a part of it.
type StatusError struct {
	URL        string
	StatusCode int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the server answers %d %s", e.URL, e.StatusCode, http.StatusText(e.StatusCode))
}

// ErrChanged says that the file on the server changed while it was read.
var ErrChanged = errors.New("the file changed while it was read")

// Open reads the header of a file; of a split model name the first shard, and the headers of the others are read too. A server that
// knows no ranges is read from the start, and no further than the header goes.
func Open(ctx context.Context, address string, options ...Option) (*ctxfit.GGUF, error) {
	c := &config{client: http.DefaultClient, header: http.Header{}, retries: 4, pause: time.Second / 2, maxBytes: 256 << 20}
	for _, option := range options {
		option(c)
	}
	first, err := c.open(ctx, address)
	if err != nil {
		return nil, err
	}
	count := first.Format().SplitCount
	if count <= 1 {
		return first, nil
	}
	defer first.Close()
	return c.join(ctx, address, first, count)
}

var shardName = regexp.MustCompile(`-(\d{5})-of-(\d{5})\.gguf$`)

// join opens the shards beside the first one.
func (c *config) join(ctx context.Context, address string, first *ctxfit.GGUF, count int) (*ctxfit.GGUF, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	name := shardName.FindStringSubmatch(u.Path)
	if name == nil || name[1] != "00001" || name[2] != fmt.Sprintf("%05d", count) {
		return nil, fmt.Errorf("%s is one of %d shards: expected the first, whose name ends in -00001-of-%05d.gguf", address, count, count)
	}
	parts := []*ctxfit.GGUF{first}
	for i := 2; i <= count; i++ {
		shard := *u
		shard.RawPath = ""
		shard.Path = strings.TrimSuffix(u.Path, name[0]) + fmt.Sprintf("-%05d-of-%05d.gguf", i, count)
		part, err := c.open(ctx, shard.String())
		if err != nil {
			return nil, err
		}
		defer part.Close()
		parts = append(parts, part)
	}
	return ctxfit.JoinGGUF(parts...)
}

// open reads one file.
func (c *config) open(ctx context.Context, address string) (*ctxfit.GGUF, error) {
	f := &file{config: c, address: address}
	defer f.close()
	want := uint64(firstBytes)
	for {
		if want > c.maxBytes {
			want = c.maxBytes
		}
		if err := f.readTo(ctx, want); err != nil {
			return nil, err
		}
		options := append([]ctxfit.GGUFOption{ctxfit.MaxHeaderBytes(c.maxBytes), ctxfit.FileSize(f.size)}, c.parse...)
		header, err := ctxfit.ParseGGUF(f.data, options...)
		var e *ctxfit.Error
		if !errors.As(err, &e) || e.Status != ctxfit.ErrTruncated || e.Detail <= uint64(len(f.data)) {
			if err != nil {
				err = fmt.Errorf("%s: %w", address, err)
			}
			return header, err
		}
		want = e.Detail
	}
}

// OpenSafetensors reads the headers of a .safetensors file, or of all files that a .safetensors.index.json names.
func OpenSafetensors(ctx context.Context, address string, options ...Option) (*ctxfit.Safetensors, error) {
	c := &config{client: http.DefaultClient, header: http.Header{}, retries: 4, pause: time.Second / 2, maxBytes: 256 << 20}
	for _, option := range options {
		option(c)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Path, ".json") {
		return c.openTensors(ctx, address)
	}
	names, err := c.filesOfIndex(ctx, address)
	if err != nil {
		return nil, err
	}
	parts := make([]*ctxfit.Safetensors, 0, len(names))
	folder := u.Path[:strings.LastIndex(u.Path, "/")+1]
	for _, name := range names {
		shard := *u
		shard.RawPath, shard.Path = "", folder+name
		part, err := c.openTensors(ctx, shard.String())
		if err != nil {
			return nil, err
		}
		defer part.Close()
		parts = append(parts, part)
	}
	return ctxfit.JoinSafetensors(parts...)
}

// filesOfIndex reads a whole index: the files that it names, sorted, each once, all beside it.
func (c *config) filesOfIndex(ctx context.Context, address string) ([]string, error) {
	f := &file{config: c, address: address}
	defer f.close()
	if err := f.readTo(ctx, c.maxBytes); err != nil {
		return nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(f.data, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	seen := map[string]bool{}
	var names []string
	for _, name := range index.WeightMap {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\:?#%") {
			return nil, fmt.Errorf("%s: %q is no file beside the index", address, name)
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no weight_map", address)
	}
	sort.Strings(names)
	return names, nil
}

func (c *config) openTensors(ctx context.Context, address string) (*ctxfit.Safetensors, error) {
	f := &file{config: c, address: address}
	defer f.close()
	for want := uint64(8); ; {
		if want > c.maxBytes {
			return nil, fmt.Errorf("%s: a header of %d bytes: %w", address, want, ctxfit.ErrLimit)
		}
		if err := f.readTo(ctx, want); err != nil {
			return nil, err
		}
		tensors, err := ctxfit.ParseSafetensors(f.data, f.size)
		var e *ctxfit.Error
		if !errors.As(err, &e) || e.Status != ctxfit.ErrTruncated || e.Detail <= uint64(len(f.data)) {
			if err != nil {
				err = fmt.Errorf("%s: %w", address, err)
			}
			return tensors, err
		}
		want = e.Detail
	}
}

// parseRange reads "bytes FIRST-LAST/SIZE"; the size is 0 where the server does not know it.
func parseRange(text string) (first, size uint64, ok bool) {
	rest := strings.TrimPrefix(text, "bytes ")
	dash, slash := strings.IndexByte(rest, '-'), strings.IndexByte(rest, '/')
	if rest == text || dash < 0 || slash < dash {
		return 0, 0, false
	}
	first, err := strconv.ParseUint(rest[:dash], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if rest[slash+1:] == "*" {
		return first, 0, true
	}
	size, err = strconv.ParseUint(rest[slash+1:], 10, 64)
	return first, size, err == nil && first < size
}
