package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// read decodes a request's JSON body; unknown keys are errors, so that a typing
// mistake is not taken for silence. What cannot be read is errSyntax, what is
// read and not allowed errBadInput.
func read(c echo.Context, into any) error {
	if kind, _, _ := mime.ParseMediaType(c.Request().Header.Get("Content-Type")); kind != "application/json" {
		return echo.NewHTTPError(http.StatusUnsupportedMediaType, "the body must be JSON, with Content-Type: application/json")
	}
	dec := json.NewDecoder(c.Request().Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return unreadable(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: there is something after the JSON object", errSyntax)
	}
	return nil
}

// unreadable says what is wrong with a body.
func unreadable(err error) error {
	var (
		tooBig  *http.MaxBytesError
		network net.Error
		syntax  *json.SyntaxError
		kind    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &tooBig), errors.As(err, &network):
		return err
	case err == io.EOF:
		return fmt.Errorf("%w: it is empty", errSyntax)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends too early", errSyntax)
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%w: %s cannot be a JSON %s", errSyntax, kind.Field, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%w: it is a JSON %s and should be an object", errSyntax, kind.Value)
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: %w", errSyntax, err)
	}
	if rest, ok := strings.CutPrefix(err.Error(), "json: "); ok { // "unknown field …" has no type
		return fmt.Errorf("%w: %s", errSyntax, rest)
	}
	return fmt.Errorf("%w: %w", errBadInput, err)
}
