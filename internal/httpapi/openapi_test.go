package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/labstack/echo/v4"

	"camrelay/internal/config"
	"camrelay/internal/wire"
)

// spec is openapi.yaml as a program reads it.
type spec struct {
	doc    *openapi3.T
	router routers.Router
}

func loadSpec(t testing.TB) *spec {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &spec{doc, router}
}

// check says how an answer differs from what is described. One without a
// description must be an error in the common form.
func (s *spec) check(req *http.Request, a answer) error {
	isError := a.StatusCode >= 400
	if isError && req.Method != http.MethodHead && (a.errorText() == "" || a.Header.Get("Content-Type") != "application/json") {
		return fmt.Errorf(`it is no {"error":"…"} but %s %q`, a.Header.Get("Content-Type"), a.body)
	}
	described := req.Clone(req.Context())
	if described.Method == http.MethodHead {
		described.Method = http.MethodGet
	}
	route, params, err := s.router.FindRoute(described)
	if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
		if isError || a.StatusCode == http.StatusNoContent && req.Method == http.MethodOptions {
			return nil
		}
		return err
	}
	if err != nil {
		return err
	}
	json := strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") && req.Method != http.MethodHead
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: described, PathParams: params, Route: route},
		Status:                 a.StatusCode,
		Header:                 a.Header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: !json},
	}
	in.SetBodyBytes(a.body)
	return openapi3filter.ValidateResponse(context.Background(), in)
}

var echoParameter = regexp.MustCompile(`:([a-z]+)`)

// addressOf writes a route's path as OpenAPI does.
func addressOf(path string) string {
	return strings.Replace(echoParameter.ReplaceAllString(path, "{$1}"), "*", "{path}", 1)
}

// TestDescribesEveryRoute compares openapi.yaml with the routes, both ways.
func TestDescribesEveryRoute(t *testing.T) {
	r := newRelay(t, nil)
	routes := map[string]bool{}
	for _, route := range r.echo.Routes() {
		routes[route.Method+" "+addressOf(route.Path)] = true
	}
	for name := range maps.Clone(routes) {
		if address, ok := strings.CutPrefix(name, "HEAD "); ok {
			if !routes["GET "+address] {
				t.Errorf("%s has no GET", name)
			}
			delete(routes, name)
		}
	}
	described := map[string]bool{}
	for path, item := range r.spec.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			name := method + " " + path
			described[name] = true
			if !routes[name] {
				t.Errorf("openapi.yaml describes %s, which is no route", name)
			}
			checkParameters(t, name, path, append(slices.Clone(item.Parameters), operation.Parameters...))
		}
	}
	for name := range routes {
		if !described[name] {
			t.Errorf("openapi.yaml does not describe %s", name)
		}
	}
}

// checkParameters compares the parameters in a path with those described.
func checkParameters(t *testing.T, name, path string, described openapi3.Parameters) {
	t.Helper()
	var want, got []string
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		want = append(want, m[1])
	}
	for _, p := range described {
		if p.Value.In == openapi3.ParameterInPath {
			got = append(got, p.Value.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: path parameters %q are described, want %q", name, got, want)
	}
}

// TestDescribesSettings compares the settings with those that the relay knows.
func TestDescribesSettings(t *testing.T) {
	properties := loadSpec(t).doc.Components.Schemas["Settings"].Value.Properties
	for name, p := range properties {
		if name == wire.FrameSizeSetting {
			if got, want := len(p.Value.Enum), len(wire.FrameSizes()); got != want {
				t.Errorf("%d sizes are described, there are %d", got, want)
			}
			continue
		}
		known, ok := wire.SettingNamed(name)
		if !ok {
			t.Errorf("setting %s is described and not known", name)
			continue
		}
		if low, high := *p.Value.Min, *p.Value.Max; int(low) != known.Min || int(high) != known.Max {
			t.Errorf("setting %s is described as %v to %v, it is %d to %d", name, low, high, known.Min, known.Max)
		}
	}
	for _, name := range []string{"quality", "fps", "awb", "led_intensity", "framesize", "raw_gma"} {
		if properties[name] == nil {
			t.Errorf("setting %s is not described", name)
		}
	}
}

// TestCheckFindsDifferences makes sure that check can fail.
func TestCheckFindsDifferences(t *testing.T) {
	s := loadSpec(t)
	for _, bad := range []struct {
		path, body string
		status     int
	}{
		{"/healthz", `{"status":"ill","version":"1"}`, 200},
		{"/healthz", `{"status":"ok"}`, 200},
		{"/healthz", `{"error":"x"}`, 418},
		{"/api/v1/cameras", `{"cameras":[{"id":"door"}]}`, 200},
		{"/api/v1/cameras", `{"error":"no header"}`, 401},
		{"/nowhere", `{}`, 200},
		{"/nowhere", `{}`, 404},
	} {
		req, _ := http.NewRequest(http.MethodGet, "http://relay"+bad.path, nil)
		a := answer{&http.Response{StatusCode: bad.status, Header: http.Header{"Content-Type": {"application/json"}}}, []byte(bad.body)}
		if s.check(req, a) == nil {
			t.Errorf("answer %d %s to %s passes", bad.status, bad.body, bad.path)
		}
	}
}

func TestServesDescription(t *testing.T) {
	r := newRelay(t, nil)
	a := r.want(http.StatusOK, get("/api/openapi.yaml"))
	if !bytes.Equal(a.body, openAPI) || a.Header.Get(echo.HeaderContentType) != "application/yaml" {
		t.Errorf("description is served as %s, %d bytes", a.Header.Get(echo.HeaderContentType), len(a.body))
	}
}

// TestLabAnswers holds answers of a lab to the description as well.
func TestLabAnswers(t *testing.T) {
	r := newRelay(t, func(c *config.Config) { c.Lab = true })
	r.want(http.StatusOK, get("/api/v1/session"))
	r.want(http.StatusOK, post("/api/v1/session", object{"token": "whatever"}))
	r.want(http.StatusNoContent, post("/push/unknown", picture()))
	r.want(http.StatusOK, get("/api/v1/cameras/unknown"))
	r.want(http.StatusOK, get("/cameras/unknown/snapshot.jpg"))
	r.want(http.StatusUnprocessableEntity, post("/push/Not%20an%20id", picture()))
	r.want(http.StatusUnprocessableEntity, post("/push/all", picture()))
}
