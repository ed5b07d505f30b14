package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// apiClient talks to a running relay, here or elsewhere.
type apiClient struct {
	base, token string
	http        http.Client
}

// apiFlags adds the flags of a command that talks to a relay.
func apiFlags(f *flag.FlagSet) (client func() (*apiClient, error)) {
	address := f.String("relay", "http://127.0.0.1:8080", "address of the relay, a `URL`")
	token := f.String("token", "", "admin `token` (default: $CAMRELAY_TOKEN)")
	return func() (*apiClient, error) {
		u, err := url.Parse(*address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("--relay %q: use http://HOST:PORT or https://HOST", *address)
		}
		if *token == "" {
			*token = os.Getenv("CAMRELAY_TOKEN")
		}
		return &apiClient{base: strings.TrimSuffix(*address, "/"), token: *token}, nil
	}
}

// apiError is what the relay answered instead of doing it.
type apiError struct {
	status int
	Code   string `json:"code"`
	Text   string `json:"error"`
}

func (e *apiError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the relay answers %d %s", e.status, http.StatusText(e.status))
	}
	return e.Text
}

// do sends a request and reads its answer into v, unless that is nil.
func (c *apiClient) do(ctx context.Context, method, path string, body []byte, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the relay: %w", err)
	}
	defer res.Body.Close()
	const most = 16 << 20
	answer, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return fmt.Errorf("read the relay's answer: %w", err)
	}
	if res.StatusCode >= 400 {
		e := &apiError{status: res.StatusCode}
		json.Unmarshal(answer, e) // what is no JSON has no sentence
		if res.StatusCode == http.StatusUnauthorized {
			return fmt.Errorf("%w; give an admin token with --token or $CAMRELAY_TOKEN", e)
		}
		return e
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(answer, v); err != nil {
		return errors.New("the answer is not a relay's; check --relay")
	}
	return nil
}
