package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// file is the beginning of a remote file, as far as it was read.
type file struct {
	*config
	address string
	data    []byte
	size    uint64        // of the whole file, 0 as long as it is unknown
	etag    string        // a strong one, or ""
	stream  io.ReadCloser // of a server without ranges: goes on at len(data)
}

func (f *file) close() {
	if f.stream != nil {
		f.stream.Close()
		f.stream = nil
	}
}

// complete says whether nothing follows what was read.
func (f *file) complete() bool { return f.size != 0 && uint64(len(f.data)) >= f.size }

// readTo makes the data at least want bytes long, or as long as the file is.
func (f *file) readTo(ctx context.Context, want uint64) error {
	failures := 0
	for uint64(len(f.data)) < want && !f.complete() {
		before := len(f.data)
		err := f.readSome(ctx, want)
		if err == nil {
			continue
		}
		f.close()
		if ctx.Err() != nil || !passing(err) {
			return err
		}
		if len(f.data) > before {
			failures = 0
		}
		if failures++; failures > f.retries {
			return fmt.Errorf("%s: gave up after %d tries: %w", f.address, failures, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(f.pause << (failures - 1)):
		}
	}
	return nil
}

// passing says whether a failure may be gone the next time: those of the network, and of a server that is not well.
func passing(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.StatusCode >= 500 || status.StatusCode == http.StatusTooManyRequests || status.StatusCode == http.StatusRequestTimeout
	}
	return !errors.Is(err, ErrChanged) && !errors.Is(err, errAnswer)
}

var errAnswer = errors.New("the server's answer is not what was asked for")

// readSome opens the file at the end of the data where no stream is open, and reads up to want from it.
func (f *file) readSome(ctx context.Context, want uint64) error {
	body := f.stream
	if body == nil {
		var err error
		if body, err = f.request(ctx, want); err != nil {
			return err
		}
		if body != f.stream {
			defer body.Close()
		}
	}
	missing := want - uint64(len(f.data))
	more, err := io.ReadAll(io.LimitReader(body, int64(missing)))
	f.data = append(f.data, more...)
	if err != nil {
		return err
	}
	if uint64(len(more)) < missing && !f.complete() {
		if f.size != 0 {
			return io.ErrUnexpectedEOF
		}
		f.size = uint64(len(f.data)) // a server that did not say it: this was the end
	}
	return nil
}

// request asks for the bytes from the end of the data up to want. A server that answers with the whole file leaves a stream.
func (f *file) request(ctx context.Context, want uint64) (io.ReadCloser, error) {
	have := uint64(len(f.data))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errAnswer, err)
	}
	for name, values := range f.header {
		r.Header[name] = values
	}
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", have, want-1))
	if f.etag != "" {
		r.Header.Set("If-Range", f.etag)
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	if err = f.accept(answer, have); err != nil {
		answer.Body.Close()
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		f.stream = answer.Body
		if _, err = io.CopyN(io.Discard, f.stream, int64(have)); err != nil {
			return nil, err
		}
	}
	return answer.Body, nil
}

// accept says whether the answer is the file from the byte at have on, or the whole, and learns its size.
func (f *file) accept(answer *http.Response, have uint64) error {
	var size uint64
	switch answer.StatusCode {
	case http.StatusPartialContent:
		first, whole, ok := parseRange(answer.Header.Get("Content-Range"))
		if !ok || first != have {
			return fmt.Errorf("%s: %w: Content-Range %q instead of bytes from %d", f.address, errAnswer, answer.Header.Get("Content-Range"), have)
		}
		size = whole
	case http.StatusOK:
		if answer.ContentLength > 0 {
			size = uint64(answer.ContentLength)
		}
	default:
		return &StatusError{URL: f.address, StatusCode: answer.StatusCode}
	}
	etag := answer.Header.Get("ETag")
	if strings.HasPrefix(etag, "W/") { // a weak one does not promise the same bytes
		etag = ""
	}
	if have > 0 && (etag != f.etag || size != f.size) {
		return fmt.Errorf("%s: %w", f.address, ErrChanged)
	}
	f.etag, f.size = etag, size
	return nil
}
