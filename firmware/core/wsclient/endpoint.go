package wsclient

// Endpoint is where the configured server is: a name or an address, IPv6 without
// brackets, and a port.
func (c *Client) Endpoint() (host string, port uint16) { return c.address.host, c.address.port }
