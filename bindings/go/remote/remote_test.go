package remote_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ctxfit "github.com/ctxfit/libctxfit/bindings/go"
	"github.com/ctxfit/libctxfit/bindings/go/remote"
)

const dataBytes = 8 << 20

// ggufFile makes a file with a vocabulary, one tensor of dataBytes, and the keys of a shard when there are several.
func ggufFile(tokens, shard, shards int) []byte {
	var b bytes.Buffer
	put := func(values ...interface{}) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				binary.Write(&b, binary.LittleEndian, uint64(len(s)))
				b.WriteString(s)
			} else {
				binary.Write(&b, binary.LittleEndian, v)
			}
		}
	}
	keys := uint64(2)
	if shards > 1 {
		keys += 3
	}
	b.WriteString("GGUF")
	put(uint32(3), uint64(1), keys)
	put("general.architecture", uint32(ctxfit.TypeString), "llama")
	if shards > 1 {
		put("split.no", uint32(ctxfit.TypeUint16), uint16(shard))
		put("split.count", uint32(ctxfit.TypeUint16), uint16(shards))
		put("split.tensors.count", uint32(ctxfit.TypeInt32), int32(shards))
	}
	put("tokenizer.ggml.tokens", uint32(ctxfit.TypeArray), uint32(ctxfit.TypeString), uint64(tokens))
	for i := 0; i < tokens; i++ {
		put(fmt.Sprintf("token number %d", i))
	}
	put(fmt.Sprintf("blk.%d.weight", shard), uint32(1), uint64(dataBytes/4), uint32(0), uint64(0))
	b.Write(make([]byte, (32-b.Len()%32)%32+dataBytes))
	return b.Bytes()
}

// server counts the bytes that it sends.
type server struct {
	*httptest.Server
	sent, requests atomic.Int64
}

type counting struct {
	http.ResponseWriter
	s *server
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.s.sent.Add(int64(n))
	return n, err
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, request int64)) *server {
	s := new(server)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(counting{w, s}, r, s.requests.Add(1))
	}))
	t.Cleanup(s.Close)
	return s
}

func ranges(file []byte) func(http.ResponseWriter, *http.Request, int64) {
	return func(w http.ResponseWriter, r *http.Request, _ int64) {
		w.Header().Set("ETag", `"one"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
	}
}

var quick = remote.WithRetries(3, time.Millisecond)

func open(t *testing.T, address string, options ...remote.Option) *ctxfit.GGUF {
	t.Helper()
	g, err := remote.Open(context.Background(), address, append([]remote.Option{quick}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func TestReadsOnlyTheHeader(t *testing.T) {
	file := ggufFile(50000, 0, 1)
	s := serve(t, ranges(file))
	g := open(t, s.URL+"/model.gguf")
	if n, err := g.Len("tokenizer.ggml.tokens"); err != nil || n != 50000 {
		t.Errorf("%d tokens, %v", n, err)
	}
	header := int64(g.DataOffset(0))
	if header < 100<<10 {
		t.Fatalf("a header of %d bytes takes one request", header)
	}
	if sent := s.sent.Load(); sent > 2*header+64<<10 {
		t.Errorf("%d bytes sent for a header of %d", sent, header)
	}
	if n := s.requests.Load(); n < 2 || n > 6 {
		t.Errorf("%d requests", n)
	}
}

func TestServerThatIgnoresRanges(t *testing.T) {
	file := ggufFile(50000, 0, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int64) { w.Write(file) })
	g := open(t, s.URL)
	if g.Format().Tensors != 1 || s.requests.Load() != 1 {
		t.Errorf("%+v after %d requests", g.Format(), s.requests.Load())
	}
	// Neither does the length have to be known.
	s = serve(t, func(w http.ResponseWriter, r *http.Request, _ int64) {
		w.(counting).ResponseWriter.(http.Flusher).Flush()
		w.Write(file)
	})
	open(t, s.URL)
}

func TestServerThatFailsMidway(t *testing.T) {
	file := ggufFile(50000, 0, 1)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, int64){
		"connection lost in a range": func(w http.ResponseWriter, r *http.Request, request int64) {
			if request%2 == 1 {
				first := 0
				fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &first)
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, first+19999, len(file)))
				w.Header().Set("Content-Length", "20000")
				w.Header().Set("ETag", `"one"`)
				w.WriteHeader(http.StatusPartialContent)
				w.Write(file[first : first+10000])
				panic(http.ErrAbortHandler)
			}
			ranges(file)(w, r, request)
		},
		"connection lost in a whole file": func(w http.ResponseWriter, r *http.Request, request int64) {
			w.Header().Set("Content-Length", fmt.Sprint(len(file)))
			if request == 1 {
				w.Write(file[:100000])
				panic(http.ErrAbortHandler)
			}
			w.Write(file)
		},
		"busy": func(w http.ResponseWriter, r *http.Request, request int64) {
			if request < 3 {
				http.Error(w, "later", http.StatusServiceUnavailable)
				return
			}
			ranges(file)(w, r, request)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if g := open(t, serve(t, answer).URL); g.Format().Tensors != 1 {
				t.Errorf("%+v", g.Format())
			}
		})
	}
}

func TestFailures(t *testing.T) {
	file := ggufFile(50000, 0, 1)
	fail := func(answer func(http.ResponseWriter, *http.Request, int64), options ...remote.Option) (error, int64) {
		s := serve(t, answer)
		g, err := remote.Open(context.Background(), s.URL, append([]remote.Option{quick}, options...)...)
		if err == nil {
			g.Close()
			t.Error("no failure")
		}
		return err, s.requests.Load()
	}
	var status *remote.StatusError
	if err, n := fail(func(w http.ResponseWriter, r *http.Request, _ int64) { http.NotFound(w, r) }); !errors.As(err, &status) ||
		status.StatusCode != http.StatusNotFound || n != 1 {
		t.Errorf("%v after %d requests", err, n)
	}
	if err, n := fail(func(w http.ResponseWriter, r *http.Request, _ int64) { http.Error(w, "no", 500) }); !errors.As(err, &status) || n != 4 {
		t.Errorf("%v after %d requests", err, n)
	}
	if err, _ := fail(ranges(file), remote.WithMaxBytes(200<<10)); !errors.Is(err, ctxfit.ErrLimit) {
		t.Errorf("%v", err)
	}
	if err, _ := fail(ranges(file[:100000])); !errors.Is(err, ctxfit.ErrMalformed) {
		t.Errorf("%v", err)
	}
	if err, _ := fail(ranges([]byte(strings.Repeat("no file ", 100)))); !errors.Is(err, ctxfit.ErrMalformed) {
		t.Errorf("%v", err)
	}
	if err, _ := fail(func(w http.ResponseWriter, r *http.Request, request int64) {
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, request))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
	}); !errors.Is(err, remote.ErrChanged) {
		t.Errorf("%v", err)
	}
	if err, n := fail(func(w http.ResponseWriter, r *http.Request, _ int64) {
		w.Header().Set("Content-Range", "bytes 5-9/10")
		w.WriteHeader(http.StatusPartialContent)
	}); n != 1 || !strings.Contains(err.Error(), "Content-Range") {
		t.Errorf("%v after %d requests", err, n)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := remote.Open(stopped, serve(t, ranges(file)).URL); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestSplitModel(t *testing.T) {
	answer := func(w http.ResponseWriter, r *http.Request, request int64) {
		if r.Header.Get("Authorization") != "Bearer x" {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		var shard, shards int
		if n, _ := fmt.Sscanf(r.URL.Path, "/a b-%05d-of-%05d.gguf", &shard, &shards); n != 2 {
			http.NotFound(w, r)
			return
		}
		ranges(ggufFile(10, shard-1, shards))(w, r, request)
	}
	s := serve(t, answer)
	key := remote.WithHeader("Authorization", "Bearer x")
	g := open(t, s.URL+"/a%20b-00001-of-00003.gguf?download=true", key)
	if format := g.Format(); format.Shards != 3 || format.Tensors != 3 {
		t.Errorf("%+v", format)
	}
	if _, err := remote.Open(context.Background(), s.URL+"/a%20b-00002-of-00003.gguf", key); err == nil || !strings.Contains(err.Error(), "-00001-of-00003") {
		t.Errorf("%v", err)
	}
}

func TestHuggingFace(t *testing.T) {
	if got := remote.HuggingFace("Qwen/Qwen3-8B-GGUF", "a b.gguf"); got != "https://huggingface.co/Qwen/Qwen3-8B-GGUF/resolve/main/a%20b.gguf" {
		t.Error(got)
	}
}
