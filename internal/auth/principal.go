package auth

import (
	"fmt"
	"time"
)

// Role is what a person or program may do; a greater one may do more.
type Role uint8

// The roles. The zero Role may do nothing.
const (
	RoleNone Role = iota
	RoleViewer
	RoleAdmin
)

// ParseRole reads "viewer" or "admin".
func ParseRole(s string) (Role, error) {
	switch s {
	case "viewer":
		return RoleViewer, nil
	case "admin":
		return RoleAdmin, nil
	}
	return RoleNone, fmt.Errorf("role %.20q is not known: use viewer or admin", s)
}

// String is "viewer" or "admin", empty for RoleNone.
func (r Role) String() string {
	switch r {
	case RoleViewer:
		return "viewer"
	case RoleAdmin:
		return "admin"
	}
	return ""
}

// MarshalText is String.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRole.
func (r *Role) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRole(string(b))
	return err
}

// Principal is who a request comes from.
type Principal struct {
	// Name is for people: the token's name, or "share link".
	Name string
	Role Role
	// Camera is the one camera of a share link; empty: all.
	Camera string
	// TokenID is the token behind the request; empty for a share link.
	TokenID string
	// Expires is when the session or share link ends; zero: never.
	Expires time.Time

	epoch string // of the share link, see Shares
}

// CanView reports whether they may see a camera.
func (p Principal) CanView(camera string) bool {
	return p.Role >= RoleViewer && (p.Camera == "" || p.Camera == camera)
}

// CanAdmin reports whether they may change things.
func (p Principal) CanAdmin() bool { return p.Role >= RoleAdmin && p.Camera == "" }
